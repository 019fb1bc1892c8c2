"""Changed ONNX models are read or refused with one clear error: no crash, no hang, bounded memory."""

from __future__ import annotations

import tempfile
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads as w
from workloads.importers.onnx_file import from_model, read_onnx

from .mutations import FUZZED, changed_bytes, read_or_refused

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
FILES = [DATA / "light" / f"light_{name}.onnx" for name in ("bvlc_alexnet", "squeezenet", "shufflenet")]
FILES += [
    file for folder in ("pytorch-converted", "pytorch-operator", "simple")
    for file in sorted((DATA / folder).glob("*/model.onnx")) if file.stat().st_size < 20_000
]  # fmt: skip
RAW = [file.read_bytes() for file in FILES]
KINDS = [
    "Reshape", "Concat", "Shape", "Gather", "Conv", "MatMul", "Slice", "Split", "LSTM", "If", "Tile",
    "Expand", "Constant", "ConstantOfShape", "Range", "Einsum", "Resize", "Attention", "Pad", "Where", "x",
]  # fmt: skip


@FUZZED
@given(changed_bytes(RAW))
def test_bytes(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        path.write_bytes(raw)
        read_or_refused(lambda: read_onnx(path))


@st.composite
def changed_models(draw: st.DrawFn) -> Any:
    """A model with up to four of its nodes, attributes, shapes and stored numbers replaced."""
    model = onnx.ModelProto.FromString(draw(st.sampled_from(RAW)))
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    numbers = st.sampled_from([-(2**63), -2, -1, 0, 1, 2, 3, 7, 4096, 2**31, 2**63 - 1])
    for _ in range(draw(st.integers(1, 4))):
        node = draw(st.sampled_from(list(graph.node)))
        what = draw(st.integers(0, 6))
        if what == 0:
            node.op_type = draw(st.sampled_from(KINDS))
        elif what == 1 and node.input:
            node.input[draw(st.integers(0, len(node.input) - 1))] = draw(st.sampled_from(names))
        elif what == 2 and node.attribute:
            attribute = draw(st.sampled_from(list(node.attribute)))
            attribute.i = draw(numbers)
            attribute.ints[:] = draw(st.lists(numbers, max_size=5))
            attribute.type = draw(st.sampled_from([attribute.type, 2, 7]))
        elif what == 3 and graph.initializer:
            tensor = draw(st.sampled_from(list(graph.initializer)))
            tensor.dims[:] = draw(st.lists(numbers, max_size=5))
        elif what == 4 and graph.initializer:
            tensor = draw(st.sampled_from(list(graph.initializer)))
            numbers_kept = draw(st.lists(numbers, max_size=6))
            tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, 7, [len(numbers_kept)], numbers_kept))
        elif what == 5:
            dims = draw(st.sampled_from(list(graph.input))).type.tensor_type.shape.dim
            if dims:
                dims[draw(st.integers(0, len(dims) - 1))].dim_value = draw(numbers)
        else:
            node.input.append(draw(st.sampled_from(names)))
    return model


@FUZZED
@given(changed_models())
def test_structure(model: Any) -> None:
    read_or_refused(lambda: from_model(model))


def model_of(nodes: list[Any], functions: list[Any] | None = None, **stored: list[int]) -> Any:
    helper = onnx.helper
    x = helper.make_tensor_value_info("x", 1, [1, 3, 8, 8])
    graph = helper.make_graph(nodes, "g", [x], [])
    for name, numbers in stored.items():
        graph.initializer.append(helper.make_tensor(name, 7, [len(numbers)], numbers))
    opset = helper.make_opsetid("", 17), helper.make_opsetid("own", 1)
    return helper.make_model(graph, opset_imports=opset, functions=functions or [])


def doubling(times: int) -> Any:
    """Functions that call the one before twice each: two to the power of ``times`` nodes in a small file."""
    helper, opset = onnx.helper, [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function("own", "f0", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], opset)
    ]
    for at in range(1, times):
        body = [
            helper.make_node(f"f{at - 1}", [source], [made], domain="own")
            for source, made in (("a", "c"), ("c", "b"))
        ]
        functions.append(helper.make_function("own", f"f{at}", ["a"], ["b"], body, opset))
    return model_of([helper.make_node(f"f{times - 1}", ["x"], ["y"], domain="own")], functions)


def test_functions_that_grow_without_end_are_refused() -> None:
    with pytest.raises(w.WorkloadError, match="more than 16 functions"):
        from_model(doubling(40))


def test_functions_are_read_where_they_are_called() -> None:
    network = from_model(doubling(4))
    assert [layer.type for layer in network] == ["Input"] + ["Activation"] * 8


def hostile(name: str) -> Any:
    node = onnx.helper.make_node
    return {
        "filled": model_of([node("ConstantOfShape", ["s"], ["y"])], s=[2**31, 2**17]),
        "expanded": model_of([node("Expand", ["s", "s"], ["y"])], s=[2**31]),
        "tiled": model_of([node("Tile", ["s", "t"], ["y"])], s=[1], t=[2**40]),
        "outer": model_of(
            [node("Unsqueeze", ["s", "one"], ["t"]), node("Mul", ["s", "t"], ["u"]), node("Mul", ["u", "t"],
            ["y"])],
            s=[1] * 4096, one=[1],
        ),
        "range": model_of([node("Range", ["a", "b", "c"], ["y"])], a=[0], b=[2**62], c=[1]),
        "sums": model_of(
            [node("Add", ["s", "s"], ["y0"])]
            + [node("Add", [f"y{at}", "s"], [f"y{at + 1}"]) for at in range(5000)],
            s=[1] * 4096,
        ),
        "nodes": model_of([node("", [], [])] * 20_000),
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", ["filled", "expanded", "tiled", "outer", "range", "sums", "nodes"])
def test_memory_is_what_is_stated(name: str) -> None:
    raw = hostile(name).SerializeToString()
    tracemalloc.start()
    with suppress(w.WorkloadError):
        from_model(onnx.ModelProto.FromString(raw))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # And what constants that are worked out may take.
    assert peak < 100 * len(raw) + 12 * 2**20


def test_external_data_is_never_read(tmp_path: Path) -> None:
    model = model_of([onnx.helper.make_node("Reshape", ["x", "s"], ["y"])], s=[1, -1])
    tensor = model.graph.initializer[0]
    tensor.ClearField("int64_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    path = tmp_path / "external.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(
        w.WorkloadError, match="node 'y', 'Reshape': the values of its input 1, 's', are not known"
    ):
        read_onnx(path)
