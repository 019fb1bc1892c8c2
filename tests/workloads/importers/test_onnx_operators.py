"""ONNX's operators one by one: shapes as ONNX infers them, and work worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from workloads.importers.onnx_file import from_model
from workloads.network_file import from_yaml, to_yaml

from .onnx_nodes import last, model, node, sequence

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
    "regions aligned": (
        model([node("RoiAlign", "x k i", output_height=2, output_width=3)], stored={"k": [5, 4], "i": [5]}),
        0, (5, 8, 2, 3),
    ),
    "regions pooled": (
        model([node("MaxRoiPool", "x k", pooled_shape=[2, 3])], stored={"k": [5, 5]}), 0, (5, 8, 2, 3),
    ),
    "not a number": (model([node("IsNaN", "x")]), 0, (8, 16, 16)),
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
