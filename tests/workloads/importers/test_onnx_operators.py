"""ONNX's operators one by one: shapes as ONNX infers them, and work worked out by hand."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

import workloads as w
from workloads.importers.onnx_file import from_model, read_onnx
from workloads.importers.onnx_proto import OLDEST
from workloads.network_file import from_yaml, to_yaml

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
helper = onnx.helper


def model(
    nodes: list[Any],
    inputs: dict[str, list[Any]] | None = None,
    opset: int = 17,
    stored: dict[str, list[int]] | None = None,
    **numbers: list[int],
) -> Any:
    """A model of ``nodes``; ``stored`` are parameters by their shapes, ``numbers`` by their values."""
    given = inputs or {"x": [1, 8, 16, 16]}
    takes = [helper.make_tensor_value_info(name, 1, shape) for name, shape in given.items()]
    makes = [helper.make_tensor_value_info(nodes[-1].output[-1], 1, None)]
    graph = helper.make_graph(nodes, "net", takes, makes)
    for name, shape in (stored or {}).items():
        graph.initializer.append(onnx.TensorProto(name=name, data_type=1, dims=shape))
        graph.initializer[-1].data_location = onnx.TensorProto.EXTERNAL
    for name, values in numbers.items():
        graph.initializer.append(helper.make_tensor(name, 7, [len(values)], values))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets)


def node(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    """A node of inputs and outputs named in a text, "-" for those left out; "ms." is Microsoft's domain."""
    domain = "com.microsoft" if kind.startswith("ms.") else ""
    took, made = (["" if name == "-" else name for name in names.split()] for names in (inputs, outputs))
    return helper.make_node(kind.removeprefix("ms."), took, made, "", domain=domain, **attributes)


def last(network: w.Network) -> Any:
    return network.layers[-1]


def sequence(*shapes: list[Any]) -> dict[str, list[Any]]:
    return dict(zip("xyzuv", shapes, strict=False))


CASES: dict[str, tuple[Any, int, tuple[int, ...]]] = {
    "conv": (
        model([node("Conv", "x k", strides=[2, 2], pads=[1, 1, 1, 1])], stored={"k": [4, 8, 3, 3]}),
        4 * 8 * 9 * 64, (4, 8, 8),
    ),
    "conv same lower": (
        model([node("Conv", "x k", auto_pad="SAME_LOWER", strides=[3, 3])], stored={"k": [4, 8, 2, 2]}),
        4 * 8 * 4 * 36, (4, 6, 6),
    ),
    "conv one axis": (
        model([node("Conv", "x k", dilations=[2])], sequence([1, 8, 20]), stored={"k": [4, 8, 3]}),
        4 * 8 * 3 * 16, (4, 16),
    ),
    "conv three axes": (
        model([node("Conv", "x k")], sequence([1, 2, 5, 6, 7]), stored={"k": [4, 2, 3, 3, 3]}),
        4 * 2 * 27 * 3 * 4 * 5, (4, 3, 4, 5),
    ),
    "conv depthwise": (
        model([node("Conv", "x k b", group=8)], stored={"k": [16, 1, 3, 3], "b": [16]}),
        16 * 9 * 14 * 14, (16, 14, 14),
    ),
    "conv grouped": (model([node("Conv", "x k", group=2)], stored={"k": [6, 4, 1, 1]}), 6 * 4 * 256, (6, 16,
    16)),
    "conv fused": (
        model([node("ms.FusedConv", "x k b x", activation="Relu")], stored={"k": [8, 8, 1, 1], "b": [8]}),
        64 * 256, (8, 16, 16),
    ),
    "conv quantized": (
        model([node("QLinearConv", "x s s k s s s s b")], stored={"k": [4, 8, 1, 1], "b": [4], "s": [1]}),
        32 * 256, (4, 16, 16),
    ),
    "conv of integers": (model([node("ConvInteger", "x k")], stored={"k": [4, 8, 1, 1]}), 32 * 256, (4, 16,
    16)),
    "conv of quantized weights": (
        model(
            [node("DequantizeLinear", "k s", "d"), node("QuantizeLinear", "x s", "q"),
             node("DequantizeLinear", "q s", "p"), node("Conv", "p d")],
            stored={"k": [4, 8, 1, 1], "s": [1]},
        ),
        32 * 256, (4, 16, 16),
    ),
    "transposed": (
        model([node("ConvTranspose", "x k", strides=[2, 2], pads=[1, 1, 1, 1])], stored={"k": [8, 4, 4, 4]}),
        8 * 4 * 16 * 256, (4, 32, 32),
    ),
    "transposed to a shape": (
        model([node("ConvTranspose", "x k", strides=[2, 2], output_shape=[32, 32])], stored={"k": [8, 4, 2,
        2]}),
        8 * 4 * 4 * 256, (4, 32, 32),
    ),
    "transposed same": (
        model([node("ConvTranspose", "x k", strides=[2, 2], auto_pad="SAME_UPPER")], stored={"k": [8, 4, 2,
        2]}),
        8 * 4 * 4 * 256, (4, 32, 32),
    ),
    "gemm": (
        model([node("Flatten", "x", "f"), node("Gemm", "f k b", transB=1)], stored={"k": [10, 2048],
        "b": [10]}),
        20_480, (10,),
    ),
    "matmul on a sequence": (
        model([node("MatMul", "x k")], sequence([1, 7, 16]), stored={"k": [16, 5]}), 7 * 16 * 5, (7, 5),
    ),
    "matmul of two": (
        model([node("MatMul", "x y", "z")], sequence([1, 4, 7, 16], [1, 4, 16, 7])), 4 * 7 * 16 * 7, (4, 7,
        7),
    ),
    "matmul by one": (
        model([node("MatMul", "x y", "z")], sequence([1, 4, 7, 16], [1, 1, 16, 5])), 4 * 7 * 16 * 5, (4, 7,
        5),
    ),
    "matmul quantized": (
        model([node("QLinearMatMul", "x s s k s s s s")], sequence([1, 7, 16]), stored={"k": [16, 5],
        "s": [1]}),
        7 * 16 * 5, (7, 5),
    ),
    "matmul of integers": (
        model([node("DynamicQuantizeLinear", "x", "q s o"), node("MatMulInteger", "q k o", "i"),
               node("Cast", "i", "c", to=1), node("Mul", "c s")], sequence([1, 7, 16]), stored={"k": [16,
               5]}),
        7 * 16 * 5, (7, 5),
    ),
    "matmul fused": (
        model([node("ms.FusedMatMul", "x y", "z", transB=1)], sequence([1, 4, 7, 16], [1, 4, 7, 16])),
        4 * 7 * 16 * 7, (4, 7, 7),
    ),
    "einsum by weights": (
        model([node("Einsum", "x k", equation="bsi,ihd->bshd")], sequence([1, 7, 16]), stored={"k": [16, 2,
        5]}),
        7 * 16 * 10, (7, 2, 5),
    ),
    "einsum of two": (
        model([node("Einsum", "x y", "z", equation="...id,...jd->...ij")], sequence([1, 4, 7, 16], [1, 4, 9,
        16])),
        4 * 7 * 16 * 9, (4, 7, 9),
    ),
    "lstm": (
        model([node("LSTM", "x k r b", "y h c", hidden_size=6, direction="bidirectional")], sequence([20, 1,
        5]),
              stored={"k": [2, 24, 5], "r": [2, 24, 6], "b": [2, 48]}),
        20 * 2 * 24 * 11, (2, 1, 6),
    ),
    "gru, the last step alone": (
        model([node("GRU", "x k r", "- h", hidden_size=6)], sequence([20, 1, 5]),
              stored={"k": [1, 18, 5], "r": [1, 18, 6]}),
        20 * 18 * 11, (1, 6),
    ),
    "rnn, batch first": (
        model([node("RNN", "x k r", hidden_size=6, layout=1)], sequence([1, 20, 5]),
              stored={"k": [1, 6, 5], "r": [1, 6, 6]}),
        20 * 6 * 11, (20, 1, 6),
    ),
    "attention of heads": (
        model([node("Attention", "x y z", "o")], sequence([1, 4, 7, 8], [1, 2, 9, 8], [1, 2, 9, 8]),
        opset=23),
        4 * 7 * 9 * 16, (4, 7, 8),
    ),
    "attention projecting": (
        model([node("ms.Attention", "x k b", num_heads=4)], sequence([1, 7, 16]), stored={"k": [16, 48],
        "b": [48]}),
        7 * 16 * 48 + 7 * 7 * 32, (7, 16),
    ),
    "attention of groups, cached": (
        model([node("ms.GroupQueryAttention", "x y z u v", "o", num_heads=4, kv_num_heads=2)],
              sequence([1, 1, 32], [1, 1, 16], [1, 1, 16], [1, 2, 9, 8], [1, 2, 9, 8])),
        4 * 10 * 16, (1, 32),
    ),
    "attention of many heads": (
        model([node("ms.MultiHeadAttention", "x y z b", "o", num_heads=4)],
              sequence([1, 7, 16], [1, 9, 16], [1, 9, 16]), stored={"b": [48]}),
        7 * 9 * 32, (7, 16),
    ),
    "max pool": (model([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)]), 0, (8, 8,
    8)),
    "global pool": (model([node("GlobalAveragePool", "x")]), 0, (8, 1, 1)),
    "mean": (model([node("ReduceMean", "x", axes=[2, 3], keepdims=0)]), 0, (8,)),
    "upsample": (model([node("Upsample", "x", scales=[1.0, 1.0, 2.0, 1.5])], opset=7), 0, (8, 32, 24)),
    "resize to sizes": (model([node("Resize", "x - - s")], s=[1, 8, 5, 6]), 0, (8, 5, 6)),
    "pad": (model([node("Pad", "x p")], p=[0, 1, 2, 3, 0, 0, 0, 1]), 0, (9, 18, 20)),
    "split": (model([node("Split", "x s", "a b", axis=1)], s=[3, 5]), 0, (5, 16, 16)),
    "slice": (model([node("Slice", "x a b c d")], a=[-1, 2], b=[-100, 9], c=[2, 3], d=[-2, 1]), 0, (8, 8, 7)),
    "concat": (model([node("Concat", "x x", axis=-3)]), 0, (16, 16, 16)),
    "concat of the batch": (model([node("Concat", "x x", axis=0)]), 0, (2, 8, 16, 16)),
    "depth to space": (model([node("DepthToSpace", "x", "d", blocksize=2), node("Relu", "d")]), 0, (2, 32,
    32)),
    "tile": (model([node("Tile", "x r", "t"), node("Relu", "t")], r=[1, 1, 2, 3]), 0, (8, 32, 48)),
    "embedding": (
        model([node("Gather", "k x")], sequence([1, 7]), stored={"k": [100, 16]}), 0, (7, 16),
    ),
    "gather": (model([node("Gather", "x i", axis=1)], i=[7, 0, 1]), 0, (3, 16, 16)),
    "local response": (model([node("LRN", "x", size=5)]), 0, (8, 16, 16)),
    "batch normalization": (
        model([node("BatchNormalization", "x s s s s")], stored={"s": [8]}), 0, (8, 16, 16),
    ),
    "layer normalization": (
        model([node("LayerNormalization", "x s s")], sequence([1, 7, 16]), stored={"s": [16]}), 0, (7, 16),
    ),
    "skip layer normalization": (
        model([node("ms.SkipLayerNormalization", "x x s s")], sequence([1, 7, 16]), stored={"s": [16]}), 0,
        (7, 16),
    ),
    "quantized addition": (model([node("ms.QLinearAdd", "x s s x s s s s")], stored={"s": [1]}), 0, (8, 16,
    16)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_operator_has_its_work_and_its_shape(name: str) -> None:
    built, macs, shape = CASES[name]
    network = from_model(built)
    assert network.macs == macs
    assert last(network).output_shape == shape
    assert from_yaml(to_yaml(network)) == network


def test_same_lower_pads_more_in_front_and_upper_behind() -> None:
    nodes = [
        node("Conv", "x k", "c", auto_pad="SAME_LOWER", strides=[3, 3]),
        node("MaxPool", "c", auto_pad="SAME_UPPER", kernel_shape=[2, 2], strides=[1, 1]),
    ]
    network = from_model(model(nodes, stored={"k": [4, 8, 3, 3]}))
    assert network["c"].layer.padding == (1, 1, 1, 1)
    assert network["y"].layer.padding == (0, 1, 0, 1)
    lower = node("MaxPool", "x", auto_pad="SAME_LOWER", kernel_shape=[2, 2], strides=[1, 1])
    assert last(from_model(model([lower]))).layer.padding == (1, 0, 1, 0)


def test_parameters_of_operators() -> None:
    assert {name: from_model(CASES[name][0]).params for name in PARAMETERS} == PARAMETERS


PARAMETERS = {
    "lstm": 2 * (24 * 11 + 48),
    "gru, the last step alone": 18 * 11,
    "attention projecting": 16 * 48 + 48,
    "attention of many heads": 48,
    "embedding": 1600,
    "batch normalization": 16,
    "layer normalization": 32,
    "conv depthwise": 16 * 9 + 16,
    "conv quantized": 36,
    "conv of quantized weights": 32,
}


def test_one_right_matrix_for_all_is_not_copied() -> None:
    assert "Expand" not in {layer.type for layer in from_model(CASES["matmul by one"][0])}
    shapes = sequence([1, 4, 7, 16], [1, 1, 1, 16, 5])
    several = from_model(model([node("MatMul", "x y", "z")], shapes))
    assert (several.macs, last(several).output_shape) == (4 * 7 * 16 * 5, (1, 4, 7, 5))


def test_before_operator_set_7_an_axis_says_where_the_second_tensor_begins() -> None:
    added = node("Add", "x b", axis=1, broadcast=1)
    assert last(from_model(model([added], stored={"b": [8]}, opset=6))).output_shape == (8, 16, 16)


def test_scales_are_multiplied_as_32_bit_numbers() -> None:
    grown = node("Upsample", "x", scales=[1.0, 1.0, 1.4, 1.4])
    assert last(from_model(model([grown], sequence([1, 2, 5, 10]), opset=7))).output_shape == (2, 7, 14)


def test_a_trained_bias_after_a_product_is_the_layers_own() -> None:
    nodes = [node("MatMul", "x k", "m"), node("Add", "b m", "a"), node("Relu", "a")]
    network = from_model(model(nodes, sequence([1, 7, 16]), stored={"k": [16, 5], "b": [5]}))
    assert [layer.type for layer in network] == ["Input", "Linear", "Activation"]
    assert (network.weights, network.biases) == (80, 5)


def test_a_product_that_goes_elsewhere_too_keeps_its_addition() -> None:
    nodes = [node("MatMul", "x k", "m"), node("Add", "b m", "a"), node("Mul", "a m")]
    network = from_model(model(nodes, sequence([1, 7, 16]), stored={"k": [16, 5], "b": [5]}))
    assert [layer.type for layer in network].count("Elementwise") == 2
    assert network.params == 85


def test_a_parameter_used_twice_counts_once() -> None:
    nodes = [node("Gather", "k x", "e"), node("Transpose", "k", "t", perm=[1, 0]), node("MatMul", "e t")]
    network = from_model(model(nodes, sequence([1, 7]), stored={"k": [100, 16]}))
    assert (network.params, network.macs) == (1600, 7 * 1600)


SHAPED = [
    node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "n rest", "t", axis=0),
    node("Reshape", "x t", "r"), node("Softmax", "r"),
]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 8, "N"])
def test_shapes_worked_out_in_the_graph_are_known_whatever_the_batch(batch: int | str) -> None:
    network = from_model(model(SHAPED, sequence([batch, 8, 4, 4]), zero=[0], rest=[4, -1]), batch=3)
    assert last(network).output_shape == (4, 32)
    assert network.batch == 3


def test_a_batch_written_into_a_reshape_is_taken_off() -> None:
    network = from_model(
        model([node("Reshape", "x s", "r"), node("Relu", "r")], sequence([8, 6, 4]), s=[8, 24])
    )
    assert last(network).output_shape == (24,)


def test_open_dimensions_are_given_by_name_or_by_place() -> None:
    built = model([node("Relu", "x")], sequence(["N", 3, "height", None]))
    network = from_model(built, dimensions={"height": 20, "x.3": 30})
    assert last(network).output_shape == (3, 20, 30)
    with pytest.raises(w.WorkloadError, match=r"axis 3 open; give the dimension 'x\.3'"):
        from_model(built, dimensions={"height": 20})
    with pytest.raises(w.WorkloadError, match="no input has the dimension 'heigt'; did you mean 'height'"):
        from_model(built, dimensions={"heigt": 20, "height": 20, "x.3": 1})


def test_a_leading_dimension_that_is_given_is_kept() -> None:
    network = from_model(model([node("Relu", "x")], sequence(["N", 3, 4, 4])), dimensions={"N": 5})
    assert last(network).output_shape == (5, 3, 4, 4)


def test_a_branch_that_is_known_is_taken() -> None:
    graphs = {
        name: helper.make_graph(
            [node(kind, "x", "b")], name, [], [helper.make_tensor_value_info("b", 1, None)]
        )
        for name, kind in (("then_branch", "Relu"), ("else_branch", "Tanh"))
    }
    nodes = [
        node("Shape", "x", "s"),
        node("Size", "s", "n"),
        node("Equal", "n four", "c"),
        node("If", "c", **graphs),
    ]
    assert last(from_model(model(nodes, four=[4]))).layer.kind == "relu"
    assert last(from_model(model(nodes, four=[3]))).layer.kind == "tanh"


@pytest.mark.parametrize(
    ("built", "said"),
    [
        (model([node("Loop", "x")]), "node 'y', 'Loop': cannot be taken: export the network with its steps"),
        (model([node("Scan", "x")]), "'Scan': cannot be taken: export"),
        (model([node("If", "x")]), "'If': cannot be taken: its condition is computed"),
        (model([node("Rleu", "x")]), "'Rleu': cannot be taken; did you mean 'Relu'"),
        (model([node("Relu", "z")]), "no node before it makes 'z'"),
        (model([node("Relu", "x"), node("Relu", "x")]), "makes 'y', which there is already"),
        (model([node("Conv", "x k")], stored={"k": [4, 3, 3, 3]}), "(4, 3, 3, 3) in 1 groups do not fit 8"),
        (model([node("Conv", "x k")], stored={"k": [4, 8, 30, 3]}), "kernel 30x3 is larger"),
        (model([node("Conv", "x k", strides=[0, 1])], stored={"k": [4, 8, 3, 3]}), "strides (0, 1) must be"),
        (model([node("Conv", "x x")]), "its input 1 must be a parameter"),
        (model([node("Conv", "x")]), "its input 1 is missing"),
        (model([node("ConstantOfShape", "")]), "'ConstantOfShape': its input 0 is missing"),
        (model([node("Conv", "x k", group="two")], stored={"k": [4, 8, 3, 3]}),
        "group must be a whole number"),
        (model([node("Reshape", "x s")], s=[7, -1]), "do not make (7, -1)"),
        (model([node("Relu", "x")], opset=OLDEST - 1), "operator set 5; 6 to"),
        (model([node("Relu", "x")], opset=1000), "operator set 1000; 6 to"),
        (model([node("Add", "x k")], stored={"k": [3, 1, 1]}), "(3, 1, 1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_taken_says_where_and_why(built: Any, said: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        from_model(built)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["Shape", "Size", "Relu", "Constant", "MatMul"])
def test_a_node_without_outputs_is_refused(kind: str) -> None:
    built = model([node(kind, "x x", ""), node("Relu", "x")])
    with pytest.raises(w.WorkloadError, match="has no output"):
        from_model(built)


def test_files_that_are_none_are_refused(tmp_path: Any) -> None:
    for raw, said in ((b"", "it has no graph"), (b"\xff" * 50, "is no ONNX model")):
        path = tmp_path / "net.onnx"
        path.write_bytes(raw)
        with pytest.raises(w.WorkloadError, match=said) as caught:
            read_onnx(path)
        assert str(caught.value).startswith(str(path))


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "onnx":
            raise ImportError(name)
        return found(name, *rest, **named)

    path = tmp_path / "net.onnx"
    path.write_bytes(model([node("Relu", "x")]).SerializeToString())
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(w.WorkloadError, match=r"pip install 'dataflow-simulator\[onnx\]'"):
        read_onnx(path)
