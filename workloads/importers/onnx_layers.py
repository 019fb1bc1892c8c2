"""ONNX's operators on maps and single values: convolutions, pooling, normalization, activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod

from workloads.errors import WorkloadError
from workloads.importers.onnx_node import Node, halves
from workloads.importers.values import Fixed, Made, Value
from workloads.layers import (
    Activation,
    Dropout,
    GlobalPooling,
    Identity,
    Normalization,
    RegionPooling,
    Softmax,
)

FUSED = {
    "Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "LeakyRelu": "leaky_relu", "Clip": "clip",
    "HardSigmoid": "hard_sigmoid",
}  # fmt: skip
"""Activations that other operators take in."""

ACTIVATIONS = FUSED | {
    "Elu": "elu", "Celu": "celu", "Selu": "selu", "Mish": "mish", "Softplus": "softplus",
    "Softsign": "softsign", "HardSwish": "hard_swish", "Swish": "silu", "ThresholdedRelu": "threshold",
    "Shrink": "threshold", "IsNaN": "threshold", "IsInf": "threshold", "Exp": "exp", "Log": "log",
    "Sqrt": "sqrt", "Reciprocal": "reciprocal", "Abs": "abs", "Neg": "negate", "Sign": "sign",
    "Round": "round", "Floor": "round", "Ceil": "round", "Erf": "erf", "Sin": "sin", "Cos": "cos",
    "Not": "not", "Cast": "cast", "CastLike": "cast", "com.microsoft.QuickGelu": "silu",
    "com.microsoft.QLinearLeakyRelu": "leaky_relu", "com.microsoft.QLinearSigmoid": "sigmoid",
}  # fmt: skip
COMBINING = {
    "Add": "add", "Sum": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Pow": "power",
    "Mod": "modulo", "Max": "maximum", "Min": "minimum", "Mean": "mean", "Where": "select",
    "Equal": "compare", "Less": "compare", "LessOrEqual": "compare", "Greater": "compare",
    "GreaterOrEqual": "compare", "And": "logical", "Or": "logical", "Xor": "logical",
}  # fmt: skip


def activated(node: Node, made: Made) -> Made:
    """The activation that a fused operator ends with, if it does."""
    kind = node.word("activation", "", FUSED | {"": ""})
    return node.net.activation(f"{node.name}_{kind}", kind, made) if kind else made


def convolution(node: Node, weight: Fixed, bias: bool) -> Made:
    """A convolution of its first input."""
    source = node.map()
    kernel = weight.shape[2:]
    if tuple(node.ints("kernel_shape", kernel) or ()) != kernel:
        raise WorkloadError(f"its kernel_shape is not that of its weights of {weight.shape}")
    window = node.window(source.shape[2:], kernel)
    return node.net.convolve(node.name, source, weight, node.number("group", 1), bias, **window)


def _conv(node: Node) -> Made:
    made = convolution(node, node.parameter(1), node.has(2))
    if node.has(3):
        # com.microsoft.FusedConv adds a fourth input before its activation.
        made = node.net.elementwise(f"{node.name}_sum", "add", made, node.input(3))
    return activated(node, made)


def _transposed(node: Node) -> Made:
    source, weight = node.map(), node.parameter(1)
    extent, axes = source.shape[2:], len(source.shape) - 2
    kernel = weight.shape[2:]
    automatic = node.word("auto_pad", "NOTSET")
    plain = replace(node, attributes=dict(node.attributes) | {"auto_pad": "NOTSET"})
    sizes = plain.window(extent, kernel)
    extra = list(node.ints("output_padding") or [0] * axes)
    wanted = node.ints("output_shape")
    if wanted is None and automatic.startswith("SAME"):
        wanted = [size * step for size, step in zip(extent, sizes["stride"], strict=True)]
    if len(extra) != axes or (wanted is not None and len(wanted) not in (axes, axes + 2)):
        raise WorkloadError(f"its output_padding and output_shape must have {axes} numbers")
    if wanted is not None:
        padding: list[int] = []
        for axis, size in enumerate(wanted[-axes:]):
            taps = (kernel[axis] - 1) * sizes["dilation"][axis] + 1
            over = sizes["stride"][axis] * (extent[axis] - 1) + extra[axis] + taps - size
            extra[axis] += max(-over, 0)
            padding += halves(max(over, 0), automatic == "SAME_UPPER")
        sizes["padding"] = tuple(padding)
    return node.net.unconvolve(
        node.name, source, weight, node.number("group", 1), node.has(2), **sizes, output_padding=tuple(extra)
    )


def _pooling(node: Node, kind: str) -> Made:
    source, kernel = node.map(), node.ints("kernel_shape")
    if kernel is None:
        raise WorkloadError("its attribute kernel_shape is missing")
    if kind == "l2" and node.number("p", 2) != 2:
        raise WorkloadError(f"of the norm {node.number('p', 2)} cannot be taken; of 2 it can")
    window = node.window(source.shape[2:], kernel)
    return node.net.pool(
        node.name, kind, source, kernel, **window, ceil_mode=node.number("ceil_mode", 0) == 1
    )


def _global(node: Node, kind: str) -> Made:
    source = node.map()
    if source.shape[0] == 1:
        return node.net.add(GlobalPooling(node.name, kind), source)
    kind = "mean" if kind == "average" else kind
    return node.net.reduce(node.name, kind, source, range(2, len(source.shape)), keep=True)


def _regions(node: Node, size: list[int], kind: str, samples: int) -> Made:
    """Regions cut out of a map, as many as its second input has rows."""
    regions = node.input(1)
    if not regions.shape:
        raise WorkloadError("needs the regions as rows, not a number")
    layer = RegionPooling(node.name, regions.shape[0], tuple(size), kind, samples)
    return node.net.add(layer, node.map(), regions)


def _aligned(node: Node) -> Made:
    size = [node.number("output_height", 1), node.number("output_width", 1)]
    kind = node.word("mode", "avg", {"avg": "align", "max": "align"})
    # Without a ratio as many samples as a region has places: two along each axis, as detectors set it.
    return _regions(node, size, kind, (node.number("sampling_ratio", 0) or 2) ** 2)


def _pooled_regions(node: Node) -> Made:
    return _regions(node, list(node.ints("pooled_shape") or ()), "max", 1)


def _normalization(node: Node, kind: str) -> Made:
    """One over channels, which are the second axis."""
    source = node.input()
    if len(source.shape) < 2:
        raise WorkloadError(f"needs (batch, channels, ...), not {source.shape}")
    groups = node.size("num_groups") if kind == "group" else 1
    axis = node.net.channel(source)
    affine = kind in ("batch", "group") or node.has(1)
    layer = Normalization(node.name, kind, affine, affine, axis, groups)
    return node.net.add(layer, source)


def _last(node: Node, kind: str) -> Made:
    axis = node.axis(-1)
    return node.net.normalize(node.name, kind, node.input(), axis, node.has(1), node.has(2))


def _skip(node: Node, kind: str) -> list[Made | None]:
    """Inputs added up, a bias too, and normalized; the sum is its fourth output."""
    bias = 4 if kind == "layer" else 3
    added = node.net.elementwise(f"{node.name}_sum", "add", node.input(), node.input(1))
    if node.has(bias):
        added = node.net.elementwise(f"{node.name}_bias", "add", added, node.input(bias))
    shift = kind == "layer" and node.has(3)
    made = node.net.normalize(node.name, kind, added, len(added.shape) - 1, node.has(2), shift)
    return [made, None, None, added]


def _local_response(node: Node) -> Made:
    layer = Normalization(
        node.name, "local_response", size=node.size("size"), axis=node.net.channel(node.map())
    )
    return node.net.add(layer, node.input())


def _length(node: Node) -> Made:
    axis = node.axis(-1)
    layer = Normalization(node.name, "l2", scale=False, axis=node.short(axis, node.input()))
    return node.net.add(layer, node.input())


def _mean_variance(node: Node) -> Made:
    layer = Normalization(node.name, "instance", False, False, node.net.channel(node.map()))
    return node.net.add(layer, node.input())


def _activation(node: Node) -> Made:
    return node.net.activation(node.name, ACTIVATIONS[node.kind], node.input())


def _clip(node: Node) -> Made:
    least: object = node.attributes.get("min")
    most: object = node.attributes.get("max")
    if node.has(1) or node.has(2):
        least, most = (float(node.constant(i).reshape(-1)[0]) if node.has(i) else None for i in (1, 2))
    kind = {(0.0, 6.0): "relu6", (0.0, None): "relu"}.get((least, most), "clip")  # type: ignore[arg-type]
    return node.net.activation(node.name, kind, node.input())


def _prelu(node: Node) -> Made:
    source, slopes = node.input(), node.parameter(1)
    return node.net.add(Activation(node.name, "prelu", prod(slopes.shape) == 1), source)


def _gelu(node: Node) -> Made:
    kind = node.word("approximate", "none", {"none": "gelu", "tanh": "gelu_tanh"})
    return node.net.activation(node.name, kind, node.input())


def _biased_gelu(node: Node, kind: str) -> Made:
    source = node.input()
    if node.has(1):
        source = node.net.elementwise(f"{node.name}_bias", "add", source, node.input(1))
    return node.net.activation(node.name, kind, source)


def _softmax(node: Node) -> Made:
    node.axis(-1 if node.opset >= 13 else 1)
    return node.net.add(Softmax(node.name), node.input())


def _log_softmax(node: Node) -> Made:
    return node.net.activation(f"{node.name}_log", "log", _softmax(node))


def _combining(node: Node) -> Made:
    values = [node.input(place) for place in range(len(node.inputs))]
    if node.opset < 7 and len(values) == 2 and node.attributes.get("axis") is not None:
        # Before NumPy's rules: the second tensor's axes begin at this one of the first's.
        behind = len(values[0].shape) - node.axis(0) - len(values[1].shape)
        values[1] = node.net.reshape(values[1], (*values[1].shape, *(1,) * behind))
    return node.net.elementwise(node.name, COMBINING[node.kind], *values)


def _nothing(node: Node, make: type[Identity] | type[Dropout]) -> Made:
    return node.net.add(make(node.name), node.input())


def passed(node: Node) -> Value:
    """A change of the numbers' format alone: the tensor itself."""
    return node.input()


def _dynamic(node: Node) -> list[Value]:
    scale = Fixed((), f"{node.name}_scale")
    return [node.input(), scale, replace(scale, name=f"{node.name}_zero")]


# Quantized forms have a scale and a zero point behind every tensor, and those of the output before the bias.
def _quantized_conv(node: Node) -> Made:
    return convolution(node, node.parameter(3), node.has(8))


def _quantized_combining(node: Node, kind: str) -> Made:
    return node.net.elementwise(node.name, kind, node.input(), node.input(3))


def _integer_conv(node: Node) -> Made:
    return convolution(node, node.parameter(1), False)


OPERATORS: dict[str, Callable[[Node], Value | list[Value] | list[Made] | list[Made | None]]] = {
    **dict.fromkeys(ACTIVATIONS, _activation),
    **dict.fromkeys(COMBINING, _combining),
    "Conv": _conv,
    "com.microsoft.FusedConv": _conv,
    "ConvTranspose": _transposed,
    "ConvInteger": _integer_conv,
    "QLinearConv": _quantized_conv,
    "MaxPool": partial(_pooling, kind="max"),
    "AveragePool": partial(_pooling, kind="average"),
    "LpPool": partial(_pooling, kind="l2"),
    "com.microsoft.QLinearAveragePool": partial(_pooling, kind="average"),
    "GlobalMaxPool": partial(_global, kind="max"),
    "GlobalAveragePool": partial(_global, kind="average"),
    "GlobalLpPool": partial(_global, kind="l2"),
    "com.microsoft.QLinearGlobalAveragePool": partial(_global, kind="average"),
    "RoiAlign": _aligned,
    "MaxRoiPool": _pooled_regions,
    "BatchNormalization": partial(_normalization, kind="batch"),
    "InstanceNormalization": partial(_normalization, kind="instance"),
    "GroupNormalization": partial(_normalization, kind="group"),
    "LayerNormalization": partial(_last, kind="layer"),
    "RMSNormalization": partial(_last, kind="rms"),
    "SimplifiedLayerNormalization": partial(_last, kind="rms"),
    "com.microsoft.SkipLayerNormalization": partial(_skip, kind="layer"),
    "com.microsoft.SkipSimplifiedLayerNormalization": partial(_skip, kind="rms"),
    "LRN": _local_response,
    "LpNormalization": _length,
    "MeanVarianceNormalization": _mean_variance,
    "Clip": _clip,
    "PRelu": _prelu,
    "Gelu": _gelu,
    "com.microsoft.Gelu": _gelu,
    "com.microsoft.FastGelu": partial(_biased_gelu, kind="gelu_tanh"),
    "com.microsoft.BiasGelu": partial(_biased_gelu, kind="gelu"),
    "Softmax": _softmax,
    "com.microsoft.QLinearSoftmax": _softmax,
    "Hardmax": _softmax,
    "LogSoftmax": _log_softmax,
    "Identity": partial(_nothing, make=Identity),
    "Dropout": partial(_nothing, make=Dropout),
    "QuantizeLinear": passed,
    "DequantizeLinear": passed,
    "DynamicQuantizeLinear": _dynamic,
    "com.microsoft.QuantizeLinear": passed,
    "com.microsoft.DequantizeLinear": passed,
    "com.microsoft.QLinearAdd": partial(_quantized_combining, kind="add"),
    "com.microsoft.QLinearMul": partial(_quantized_combining, kind="multiply"),
}
