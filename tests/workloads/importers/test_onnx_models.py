"""The models that come with the onnx package: nine of its zoo, PyTorch's exports, single operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import workloads
from workloads import WorkloadError
from workloads.importers.onnx_file import read_onnx
from workloads.network_file import from_yaml, to_yaml

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
LIGHT = {
    # MACs and parameters; where the zoo has the same variant, its name.
    "bvlc_alexnet": (654_560_384, 60_965_224, None),
    "densenet121": (2_834_161_664, 8_062_504, "densenet121"),
    "inception_v1": (1_431_556_352, 6_998_552, None),
    "inception_v2": (2_018_851_840, 11_214_888, None),
    "resnet50": (4_089_184_256, 25_557_032, "resnet50_v15"),
    "shufflenet": (124_664_528, 1_393_320, None),
    "squeezenet": (349_151_936, 1_235_496, "squeezenet_v1_1"),
    "vgg19": (19_632_062_464, 143_667_240, "vgg19"),
    "zfnet512": (1_481_727_008, 87_250_536, None),
}


def light(name: str) -> Path:
    return DATA / "light" / f"light_{name}.onnx"


@pytest.mark.parametrize("name", LIGHT)
def test_models_of_the_onnx_zoo_have_their_totals(name: str) -> None:
    macs, params, _ = LIGHT[name]
    network = read_onnx(light(name))
    assert (network.macs, network.params) == (macs, params)
    assert from_yaml(to_yaml(network)) == network


@pytest.mark.parametrize("name", [name for name, (*_, same) in LIGHT.items() if same])
def test_models_equal_the_network_of_our_zoo(name: str) -> None:
    imported, ours = read_onnx(light(name)), workloads.build(LIGHT[name][2])
    # Caffe's DenseNet scales and shifts after each normalization, which does so too.
    extra = 2 * 41_824 if name == "densenet121" else 0
    assert (imported.macs, imported.params - extra) == (ours.macs, ours.params)
    rows = [sorted((layer.macs, layer.weights) for layer in net if layer.macs) for net in (imported, ours)]
    assert rows[0] == rows[1]


def test_caffes_rounding_is_all_that_sets_the_first_inception_apart() -> None:
    # In this operator set poolings round down where Caffe's round up: maps of 27 and 13 for 28 and 14.
    imported, ours = read_onnx(light("inception_v1")), workloads.build("googlenet")
    assert imported.params == ours.params
    assert imported.macs < ours.macs
    assert [layer.weights for layer in imported if layer.macs] == [at.weights for at in ours if at.macs]


@pytest.mark.parametrize("name", LIGHT)
def test_every_shape_is_the_one_that_onnx_infers(name: str) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(light(name)))
    inferred = {one.name: declared(one) for one in (*model.graph.value_info, *model.graph.output)}
    network = read_onnx(light(name))
    nodes = [
        n for n in model.graph.node if n.name in network and n.op_type not in ("ConstantOfShape", "Unsqueeze")
    ]
    assert len(nodes) > 20
    for node in nodes:
        shape = network[node.name].output_shape
        assert (1, *shape) == inferred[node.output[0]], node.name


def test_batch_multiplies_the_work() -> None:
    network = read_onnx(light("squeezenet"), batch=4)
    assert (network.batch, network.macs) == (4, 4 * LIGHT["squeezenet"][0])


def declared(one: Any) -> tuple[int, ...] | None:
    """The shape that a model declares for an input or output."""
    kind = one.type.tensor_type
    return tuple(dim.dim_value for dim in kind.shape.dim) if kind.HasField("shape") else None


def result(model: Any, dimensions: dict[str, int]) -> Any:
    """The tensors that a model makes, as they are read."""
    from workloads.importers.onnx_file import _Graph

    return _Graph(model, dimensions).read()


def check_shapes(model: Any) -> bool:
    """Whether a model can be taken; its outputs must then have the declared shapes."""
    stored = {tensor.name for tensor in model.graph.initializer}
    kept = {
        f"{one.name}.0": declared(one)[0]
        for one in model.graph.input
        if one.name not in stored and declared(one)
    }
    try:
        made = result(model, {name: size for name, size in kept.items() if size})
    except WorkloadError:
        return False
    for value, output in zip(made, model.graph.output, strict=True):
        shape = declared(output)
        if value is not None and shape is not None and 0 not in shape:
            assert value.shape == shape, output.name
    return True


@pytest.mark.parametrize(
    ("folder", "least"), [("pytorch-converted", 82), ("pytorch-operator", 35), ("simple", 3)]
)
def test_small_models_make_the_shapes_they_declare(folder: str, least: int) -> None:
    files = sorted((DATA / folder).glob("*/model.onnx"))
    assert sum(check_shapes(onnx.load(file)) for file in files) >= least


@pytest.mark.long
def test_single_operators_make_the_shapes_they_declare() -> None:
    import numpy as np
    from onnx.backend.test.case.node import collect_testcases

    taken = 0
    for case in collect_testcases(None):
        model = onnx.ModelProto.FromString(case.model.SerializeToString())
        recurrent = {"LSTM", "GRU", "RNN"} & {node.op_type for node in model.graph.node}
        inputs = case.data_sets[0][0] if case.data_sets else ()
        for one, values in list(zip(model.graph.input, inputs, strict=False))[1:]:
            # All but the first input as parameters, as they are in networks.
            if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
                model.graph.initializer.append(onnx.numpy_helper.from_array(values, one.name))
        taken += not recurrent and check_shapes(model)
    assert taken > 1200
