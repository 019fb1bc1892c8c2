"""Caffe's layer types as ours. Blobs are (batch, channels, height, width); the batch is left out here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

from workloads.base import Layer
from workloads.importers.caffe_node import WINDOW, Node
from workloads.importers.prototext import Message
from workloads.layers import (
    CONVOLUTION_OF_AXES,
    POOLING_OF_AXES,
    TRANSPOSED_OF_AXES,
    Activation,
    Concatenation,
    DepthwiseConvolution,
    Dropout,
    Elementwise,
    Embedding,
    Flatten,
    GlobalPooling,
    Identity,
    Linear,
    Normalization,
    Reduction,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)

Converter = Callable[[Node], Sequence[str]]
"""Adds a node's layers to its draft, and returns those that are its tops."""


def _one(make: Callable[[Node], Layer]) -> Converter:
    return lambda node: (node.add(make(node), shares=node.shares),)


def _convolution(node: Node, transposed: bool) -> Layer:
    known = (*WINDOW, "num_output", "bias_term", "group", "weight_filler", "bias_filler", "axis",
             "force_nd_im2col")  # fmt: skip
    fields = node.parameters("convolution_param", *known)
    axes = node.axes
    if node.axis(fields):
        raise node.error("is taken only with its channels on axis 1")
    out, groups, bias = _outputs(node, fields), fields.number("group", 1, 1), fields.flag("bias_term", True)
    kernel, stride, padding, dilation = node.window(fields)
    if transposed:
        return TRANSPOSED_OF_AXES[axes](node.name, out, kernel, stride, padding, 0, dilation, groups, bias)
    multiplier, over = divmod(out, groups)
    if axes == 2 and 1 < groups == node.shape[0] and not over:
        return DepthwiseConvolution(node.name, kernel, stride, padding, dilation, multiplier, bias)
    return CONVOLUTION_OF_AXES[axes](node.name, out, kernel, stride, padding, dilation, groups, bias)


def _outputs(node: Node, fields: Message) -> int:
    out = fields.number("num_output", 0, 1)
    if not out:
        raise node.error("needs a num_output")
    return out


def _pooling(node: Node) -> Layer:
    fields = node.parameters("pooling_param", *WINDOW, "pool", "global_pooling", "round_mode", "axis")
    kind = fields.word("pool", {"MAX": "max", "0": "max", "AVE": "average", "1": "average"}, "max")
    axes = node.axes
    if fields.flag("global_pooling", False):
        return GlobalPooling(node.name, kind)
    kernel, stride, padding, dilation = node.window(fields)
    ceil = fields.word("round_mode", {"CEIL": True, "0": True, "FLOOR": False, "1": False}, True)
    # Unless it pads, Caffe keeps a last window that begins beyond the map and sees none of it.
    for size, taps, step in zip(node.shape[1:], kernel, stride, strict=True):
        if ceil and not any(padding) and size > taps and -(-(size - taps) // step) * step >= size:
            raise node.error(
                f"has a last window beyond its map of {size}, with stride {step} and kernel {taps}; "
                "round_mode: FLOOR leaves it out"
            )
    return POOLING_OF_AXES[axes](node.name, kind, kernel, stride, padding, ceil, dilation)


def _inner_product(node: Node) -> Sequence[str]:
    known = ("num_output", "bias_term", "weight_filler", "bias_filler", "axis", "transpose")
    fields = node.parameters("inner_product_param", *known)
    out, bias, first = _outputs(node, fields), fields.flag("bias_term", True), node.axis(fields)
    if first == 0 and len(node.shape) in (1, 3):
        return (node.add(Linear(node.name, out, bias), shares=node.shares),)
    flat = node.inputs
    if first < len(node.shape) - 1:
        flat = (node.add(Flatten(f"{node.name}_flat", first)),)
    return (node.add(Linear(node.name, out, bias, last_axis=True), flat, node.shares),)


def _local_response(node: Node) -> Layer:
    fields = node.parameters("lrn_param", "local_size", "alpha", "beta", "norm_region", "k", "engine")
    regions = {"ACROSS_CHANNELS": 1, "0": 1, "WITHIN_CHANNEL": 2, "1": 2}
    # Within a channel the region is local_size x local_size places.
    size = fields.number("local_size", 5, 1) ** fields.word("norm_region", regions, 1)
    return Normalization(node.name, "local_response", size=size)


def _relu(node: Node) -> Layer:
    leaks = node.parameters("relu_param", "negative_slope", "engine").factor("negative_slope", 0.0)
    return Activation(node.name, "leaky_relu" if leaks else "relu")


def _prelu(node: Node) -> Layer:
    fields = node.parameters("prelu_param", "filler", "channel_shared")
    return Activation(node.name, "prelu", fields.flag("channel_shared", False))


def _activation(kind: str, field: str, *known: str) -> Converter:
    def make(node: Node) -> Layer:
        node.parameters(field, *known, "engine")
        return Activation(node.name, kind)

    return _one(make)


def _scaled(node: Node, field: str, last: str, usual: float) -> Sequence[str]:
    """The function ``last`` of scale * x + shift, each part where it does something."""
    fields = node.parameters(field, "power", "base", "scale", "shift")
    source = node.inputs
    for kind, none in (("scale", 1.0), ("shift", 0.0)):
        if fields.factor(kind, none) != none:
            source = (node.add(Activation(f"{node.name}_{kind}", kind), source),)
    if last != "power" or fields.factor("power", usual) != 1:
        source = (node.add(Activation(node.name, last), source),)
    return source if source != node.inputs else (node.add(Identity(node.name)),)


def _softmax(node: Node) -> Layer:
    node.axis(node.parameters("softmax_param", "axis", "engine"))
    return Softmax(node.name)


def _elementwise(node: Node) -> Sequence[str]:
    fields = node.parameters("eltwise_param", "operation", "coeff", "stable_prod_grad")
    kinds = {"PROD": "multiply", "0": "multiply", "SUM": "add", "1": "add", "MAX": "maximum", "2": "maximum"}
    kind, factors = fields.word("operation", kinds, "add"), fields.factors("coeff")
    if factors and (kind != "add" or len(factors) != len(node.inputs)):
        raise node.error(
            f"has {len(factors)} coeff for {len(node.inputs)} bottoms; they are of SUM, one each"
        )
    if factors == [1.0, -1.0]:
        return (node.add(Elementwise(node.name, "subtract")),)
    terms = list(node.inputs)
    for number, factor in enumerate(factors):
        if factor != 1:
            terms[number] = node.add(Activation(f"{node.name}_coeff{number}", "scale"), [terms[number]])
    return (node.add(Elementwise(node.name, kind), terms),)


def _concatenation(node: Node) -> Layer:
    fields = node.parameters("concat_param", "axis", "concat_dim")
    field = "concat_dim" if "concat_dim" in fields else "axis"
    return Concatenation(node.name, node.axis(fields, field=field))


def _slice(node: Node) -> Sequence[str]:
    fields = node.parameters("slice_param", "axis", "slice_dim", "slice_point")
    axis = node.axis(fields, field="slice_dim" if "slice_dim" in fields else "axis")
    size, points = node.shape[axis], fields.numbers("slice_point", 1)
    if not points and size % max(node.tops, 1) == 0:
        points = [size // node.tops * part for part in range(1, node.tops)]
    edges = [0, *points, size]
    if len(edges) != node.tops + 1 or any(a >= b for a, b in pairwise(edges)):
        raise node.error(f"cannot cut {size} into {node.tops} tops at {points}")
    return [
        node.add(Slice(f"{node.name}_{number}", axis, start, stop))
        for number, (start, stop) in enumerate(pairwise(edges))
    ]


def _split(node: Node) -> Sequence[str]:
    return (node.add(Identity(node.name)),) * node.tops


def _batch_normalization(node: Node) -> Layer:
    node.parameters("batch_norm_param", "use_global_stats", "moving_average_fraction", "eps")
    # Caffe's trains nothing; its statistics are taken over by the Scale that follows it.
    return Normalization(node.name, "batch", scale=False, shift=False)


def _scale(node: Node) -> Sequence[str]:
    fields = node.parameters("scale_param", "axis", "num_axes", "filler", "bias_term", "bias_filler")
    bias = fields.flag("bias_term", False)
    return _channelwise(node, fields, "multiply", scale=True, shift=bias)


def _bias(node: Node) -> Sequence[str]:
    return _channelwise(
        node, node.parameters("bias_param", "axis", "num_axes", "filler"), "add", scale=False, shift=True
    )


def _channelwise(node: Node, fields: Message, kind: str, scale: bool, shift: bool) -> Sequence[str]:
    if len(node.inputs) == 2 and not (scale and shift):
        if fields.number("axis", 1, -8) != 0:
            raise node.error("of two bottoms is taken with axis: 0 alone, a value an image and channel")
        second, first = node.draft.shape(node.inputs[1]), node.shape
        factors = node.inputs[1]
        if len(second) < len(first):
            ones = (1,) * (len(first) - len(second))
            factors = node.add(Reshape(f"{node.name}_factors", (*second, *ones)), [factors])
        return (node.add(Elementwise(node.name, kind), [node.inputs[0], factors]),)
    if len(node.inputs) != 1 or node.axis(fields) or fields.number("num_axes", 1, -1) != 1:
        raise node.error("is taken with a value for each channel: axis and num_axes 1")
    return (node.add(Normalization(node.name, "batch", scale, shift), shares=node.shares),)


def _flatten(node: Node) -> Layer:
    fields = node.parameters("flatten_param", "axis", "end_axis")
    if node.axis(fields, -1, "end_axis") != len(node.shape) - 1:
        raise node.error("is taken with end_axis -1 alone")
    return Flatten(node.name, node.axis(fields))


def _reshape(node: Node) -> Layer:
    fields = node.parameters("reshape_param", "shape", "axis", "num_axes")
    shape = fields.message("shape")
    shape.check(["dim"], "shape")
    sizes, given = shape.numbers("dim", -1), (0, *node.shape)
    rank = len(given)
    first = fields.number("axis", 0, -8)
    first += rank + 1 if first < 0 else 0
    count = fields.number("num_axes", -1, -1)
    last = rank if count == -1 else first + count
    if not 0 <= first <= last <= rank:
        raise node.error(f"has axis {first} and num_axes {count}, but a bottom of {rank} axes")
    if any(size == 0 and first + place >= rank for place, size in enumerate(sizes)):
        raise node.error(f"copies an axis with dim 0 that its bottom of {rank} axes does not have")
    kept = [given[first + place] if size == 0 else size for place, size in enumerate(sizes)]
    target = [*given[:first], *kept, *given[last:]]
    # The batch, 0 here, must stay in front: also as -1, which then is what the others leave of it.
    if len(target) < 2 or target[0] > 0 or 0 in target[1:] or target.count(-1) > 1:
        raise node.error(f"to {sizes} is taken only where the batch stays the first axis: dim: 0")
    return Reshape(node.name, tuple(target[1:]))


def _permute(node: Node) -> Layer:
    order = node.parameters("permute_param", "order").numbers("order")
    order += [axis for axis in range(len(node.shape) + 1) if axis not in order]
    if order[0] != 0:
        raise node.error("is taken only where the batch stays the first axis: order: 0")
    return Transpose(node.name, tuple(axis - 1 for axis in order[1:]))


def _arg_max(node: Node) -> Layer:
    fields = node.parameters("argmax_param", "out_max_val", "top_k", "axis")
    if fields.flag("out_max_val", False) or fields.number("top_k", 1, 1) != 1:
        raise node.error("is taken with top_k 1 and without out_max_val alone")
    if "axis" in fields:
        return Reduction(node.name, "max", (node.axis(fields),), keep=True)
    return Reduction(node.name, "max", tuple(range(len(node.shape))), keep=True)


def _reduction(node: Node) -> Layer:
    fields = node.parameters("reduction_param", "operation", "axis", "coeff")
    kinds = {"SUM": "sum", "1": "sum", "MEAN": "mean", "4": "mean"}
    kind = fields.word("operation", kinds, "sum")
    return Reduction(node.name, kind, tuple(range(node.axis(fields, 0), len(node.shape))))


def _embedding(node: Node) -> Layer:
    known = ("num_output", "input_dim", "bias_term", "weight_filler", "bias_filler")
    fields = node.parameters("embed_param", *known)
    if fields.flag("bias_term", True):
        raise node.error("is taken without bias_term alone")
    rows = fields.number("input_dim", 0, 1)
    if not rows:
        raise node.error("needs an input_dim")
    return Embedding(node.name, rows, _outputs(node, fields))


def _mean_variance(node: Node) -> Layer:
    fields = node.parameters("mvn_param", "normalize_variance", "across_channels", "eps")
    kind = "layer" if fields.flag("across_channels", False) else "instance"
    return Normalization(node.name, kind, scale=False, shift=False, axis=0)


def _l2(node: Node) -> Layer:
    fields = node.parameters("norm_param", "across_spatial", "scale_filler", "channel_shared", "eps")
    if fields.flag("across_spatial", True) or fields.flag("channel_shared", True):
        raise node.error("is taken with across_spatial: false and channel_shared: false alone")
    return Normalization(node.name, "l2")


def _crop(node: Node) -> Sequence[str]:
    """The first bottom, cut to the extents of the second."""
    fields = node.parameters("crop_param", "axis", "offset")
    first, offsets = node.axis(fields, 2), fields.numbers("offset") or [0]
    wanted = node.draft.shape(node.inputs[-1])
    axes = range(first, len(node.shape))
    if len(node.inputs) != 2 or len(wanted) != len(node.shape) or len(offsets) not in (1, len(axes)):
        raise node.error("needs two bottoms of as many axes, and an offset for all axes or each")
    last = node.inputs[0]
    for axis, offset in zip(axes, offsets * (len(axes) if len(offsets) == 1 else 1), strict=True):
        if (offset, wanted[axis]) != (0, node.shape[axis]):
            cut = Slice(f"{node.name}_{axis + 1}", axis, offset, offset + wanted[axis])
            last = node.add(cut, [last])
    return (node.add(Identity(node.name), [last]),)


LAYERS: Mapping[str, Converter] = {
    "AbsVal": _activation("abs", "absval_param"),
    "ArgMax": _one(_arg_max),
    "BNLL": _activation("softplus", "bnll_param"),
    "BatchNorm": _one(_batch_normalization),
    "Bias": _bias,
    "Concat": _one(_concatenation),
    "Convolution": _one(partial(_convolution, transposed=False)),
    "Crop": _crop,
    "Deconvolution": _one(partial(_convolution, transposed=True)),
    "Dropout": _one(lambda node: Dropout(node.name)),
    "ELU": _activation("elu", "elu_param", "alpha"),
    "Eltwise": _elementwise,
    "Embed": _one(_embedding),
    "Exp": partial(_scaled, field="exp_param", last="exp", usual=1.0),
    "Flatten": _one(_flatten),
    "InnerProduct": _inner_product,
    "LRN": _one(_local_response),
    "Log": partial(_scaled, field="log_param", last="log", usual=1.0),
    "MVN": _one(_mean_variance),
    "Normalize": _one(_l2),
    "PReLU": _one(_prelu),
    "Permute": _one(_permute),
    "Pooling": _one(_pooling),
    "Power": partial(_scaled, field="power_param", last="power", usual=1.0),
    "ReLU": _one(_relu),
    "ReLU6": _activation("relu6", "relu6_param"),
    "Reduction": _one(_reduction),
    "Reshape": _one(_reshape),
    "Scale": _scale,
    "Sigmoid": _activation("sigmoid", "sigmoid_param"),
    "Slice": _slice,
    "Softmax": _one(_softmax),
    "Split": _split,
    "Swish": _activation("silu", "swish_param", "beta"),
    "TanH": _activation("tanh", "tanh_param"),
    "Threshold": _activation("threshold", "threshold_param", "threshold"),
}
"""Caffe's types by name, and of its forks Normalize and Permute (the SSD detector's), ReLU6 and Swish."""
