"""ATen's operations as our layers. Shapes are as PyTorch has them, with a batch of one in front."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from workloads.errors import WorkloadError
from workloads.importers.einsum import einsum
from workloads.importers.torch_call import Call
from workloads.importers.torch_shaping import SHAPING
from workloads.importers.values import Fixed, Made, Value
from workloads.layers import (
    Activation,
    AdaptivePooling,
    Normalization,
    Recurrent,
    Softmax,
)

_ACTIVATIONS = {
    **{kind: kind for kind in (
        "relu", "sigmoid", "tanh", "relu6", "leaky_relu", "elu", "celu", "selu", "silu", "mish", "softplus",
        "threshold", "exp", "log", "sqrt", "rsqrt", "square", "reciprocal", "abs", "sign", "round", "erf",
        "sin", "cos",
    )},
    "hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish", "hardtanh": "hard_tanh", "neg": "negate",
    "log_sigmoid": "log_sigmoid", "floor": "round", "ceil": "round", "trunc": "round", "logical_not": "not",
    "bitwise_not": "not", "clamp_min": "threshold", "clamp_max": "threshold", "clamp": "clip", "expm1": "exp",
    "log1p": "log", "masked_fill": "threshold", "tril": "threshold", "triu": "threshold",
}  # fmt: skip
_COMBINING = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "pow": "power", "maximum": "maximum",
    "minimum": "minimum", "remainder": "modulo", "fmod": "modulo", "eq": "compare", "ne": "compare",
    "lt": "compare", "le": "compare", "gt": "compare", "ge": "compare", "logical_and": "logical",
    "logical_or": "logical", "logical_xor": "logical", "bitwise_and": "logical", "bitwise_or": "logical",
    "floor_divide": "divide",
}  # fmt: skip
_REDUCTIONS = {
    "mean": "mean", "sum": "sum", "amax": "max", "amin": "min", "prod": "product", "argmax": "max",
    "argmin": "min"
}  # fmt: skip


def _convolution(call: Call) -> Made:
    source, weight = call.tensor(), call.parameter("weight")
    axes = len(weight.shape) - 2
    window: dict[str, Any] = {name: call.each(name, axes) for name in ("stride", "dilation")}
    padding = call.get("padding")
    if padding == "same":
        total = [gap * (taps - 1) for gap, taps in zip(window["dilation"], weight.shape[2:], strict=True)]
        window["padding"] = tuple(side for size in total for side in (size // 2, size - size // 2))
    else:
        window["padding"] = (0,) * axes if padding == "valid" else call.each("padding", axes, 0)
    batched = source if len(source.shape) == axes + 2 else call.net.reshape(source, (1, *source.shape))
    groups, bias = call.get("groups"), call.has("bias")
    if call.get("transposed") or "transpose" in call.kind:
        window["output_padding"] = call.each("output_padding", axes, 0)
        return call.net.unconvolve(call.name, batched, weight, groups, bias, **window)
    return call.net.convolve(call.name, batched, weight, groups, bias, **window)


def _linear(call: Call) -> Made:
    source, weight = call.tensor(), call.tensor("weight")
    if isinstance(weight, Fixed):
        return call.net.linear(call.name, source, weight.shape[0], call.has("bias"), weight)
    turned = call.net.transpose(f"{call.name}_weight", weight, (1, 0))
    made = call.net.matmul(call.name, source, turned)
    return (
        call.net.elementwise(f"{call.name}_sum", "add", made, call.tensor("bias"))
        if call.has("bias")
        else made
    )


def _matmul(call: Call) -> Made:
    return call.net.matmul(call.name, call.tensor(), call.tensor("other", "mat2"))


def _added_product(call: Call, left: str, right: str) -> Made:
    bias, second = call.tensor(), call.tensor(right)
    own = isinstance(bias, Fixed) and isinstance(second, Fixed)
    made = call.net.matmul(call.name, call.tensor(left), second, own)
    return made if own else call.net.elementwise(f"{call.name}_sum", "add", made, bias)


def _einsum(call: Call) -> Made:
    return einsum(call.net, call.name, call.get("equation"), call.tensors("tensors"))


def _normalization(call: Call, kind: str) -> Made:
    """One over channels, the second axis."""
    source, groups = call.tensor(), call.get("num_groups") if kind == "group" else 1
    layer = Normalization(
        call.name, kind, call.has("weight"), call.has("bias"), call.net.channel(source), groups
    )
    return call.net.add(layer, source)


def _last_normalization(call: Call, kind: str) -> Made:
    source = call.tensor()
    axis = len(source.shape) - len(call.get("normalized_shape"))
    return call.net.normalize(call.name, kind, source, axis, call.has("weight"), call.has("bias"))


def _activation(call: Call) -> Made:
    return call.net.activation(call.name, _ACTIVATIONS[call.kind], call.tensor())


def _gelu(call: Call) -> Made:
    return call.net.activation(
        call.name, "gelu_tanh" if call.get("approximate") == "tanh" else "gelu", call.tensor()
    )


def _hard_tanh(call: Call) -> Made:
    kind = "relu6" if (call.get("min_val"), call.get("max_val")) == (0, 6) else "hard_tanh"
    return call.net.activation(call.name, kind, call.tensor())


def _prelu(call: Call) -> Made:
    layer = Activation(call.name, "prelu", prod(call.tensor("weight").shape) == 1)
    return call.net.add(layer, call.tensor())


def _softmax(call: Call, after: str = "") -> Made:
    made = call.net.add(Softmax(call.name), call.tensor())
    return call.net.activation(f"{call.name}_{after}", after, made) if after else made


def _combining(call: Call) -> Made:
    given = call.get("self"), call.get("other", "exponent")
    values = [value if isinstance(value, Fixed | Made) else _number(call, value) for value in given]
    return call.net.elementwise(call.name, _COMBINING[call.kind], *values)


def _number(call: Call, value: Any) -> Fixed:
    import numpy as np

    if not isinstance(value, int | float):
        raise WorkloadError(f"combines a tensor with {value!r}, which is no number")
    return Fixed((), f"{call.name}_number", np.array(value))


def _reversed(call: Call) -> Made:
    return call.net.activation(call.name, "shift", call.tensor())


def _select(call: Call) -> Made:
    values = [
        _number(call, v) if isinstance(v := call.get(n), int | float) else v
        for n in ("condition", "self", "other")
    ]
    return call.net.elementwise(call.name, "select", *values)


def _pooling(call: Call, kind: str) -> list[Made]:
    source = call.tensor()
    axes = int(call.kind.split("pool")[1][0])
    batched = source if len(source.shape) == axes + 2 else call.net.reshape(source, (1, *source.shape))
    kernel = call.each("kernel_size", axes)
    stride = call.each("stride", axes) if call.get("stride") else kernel
    window = {
        "stride": stride,
        "padding": call.each("padding", axes, 0),
        "dilation": call.each("dilation", axes),
    }
    return [call.net.pool(call.name, kind, batched, kernel, **window, ceil_mode=bool(call.get("ceil_mode")))]


def _adaptive(call: Call, kind: str) -> list[Made]:
    source = call.tensor()
    axes = int(call.kind.split("pool")[1][0])
    batched = source if len(source.shape) == axes + 2 else call.net.reshape(source, (1, *source.shape))
    size = tuple(call.shape[-axes:])
    return [call.net.add(AdaptivePooling(call.name, kind, size), batched)]


def _reduce(call: Call) -> Made:
    axes, keep = call.axes(), bool(call.get("keepdim"))
    return call.net.reduce(call.name, _REDUCTIONS[call.kind], call.tensor(), axes, keep)


def _extreme(call: Call, kind: str) -> Any:
    """Of two tensors, of all of one, or along an axis, and then where it is besides."""
    if call.has("other"):
        return call.net.elementwise(call.name, f"{kind}imum", call.tensor(), call.tensor("other"))
    return [call.net.reduce(call.name, kind, call.tensor(), call.axes(), bool(call.get("keepdim")))]


def _length(call: Call) -> Made:
    """The length over axes, as F.normalize divides by."""
    if call.get("ord") != 2:
        raise WorkloadError(f"of the norm {call.get('ord')} cannot be taken; of 2 it can")
    return call.net.reduce(call.name, "l2", call.tensor(), call.axes(), bool(call.get("keepdim")))


def _variance(call: Call) -> Made:
    """The mean, its difference squared, and the mean of that."""
    net, source, axes = call.net, call.tensor(), call.axes()
    mean = net.reduce(f"{call.name}_mean", "mean", source, axes, True)
    centred = net.elementwise(f"{call.name}_centred", "subtract", source, mean)
    squares = net.activation(f"{call.name}_squares", "square", centred)
    return net.reduce(call.name, "mean", squares, axes, bool(call.get("keepdim")))


def _embedding(call: Call) -> Made:
    return call.net.embed(call.name, call.parameter("weight"), call.tensor("indices"))


def _attention(call: Call) -> Made:
    values = [call.tensor(name) for name in ("query", "key", "value")]
    if len(values[0].shape) == 4:
        return call.net.attend(call.name, values, values[0].shape[1], values[1].shape[1])
    return call.net.attend(call.name, values, 1, 1)


def _gated(call: Call) -> Made:
    source, axis = call.tensor(), call.axis()
    half = source.shape[axis] // 2
    value, gate = call.net.split(f"{call.name}_half", source, axis, [half, half])
    return call.net.elementwise(
        call.name, "multiply", value, call.net.activation(f"{call.name}_gate", "sigmoid", gate)
    )


def _recurrent(call: Call, kind: str) -> list[Value]:
    """Layers of cells one after the other; the last states are those of the last layer's last step."""
    net, made, weights = call.net, call.tensor(), call.tensors("params")
    first = bool(call.get("batch_first"))
    if len(made.shape) != 3 or made.shape[0 if first else 1] != 1:
        raise WorkloadError(f"needs a batch of 1 of (positions, features), not {made.shape}")
    bidirectional, biased = call.get("bidirectional"), call.get("has_biases")
    count, directions = call.get("num_layers"), 2 if bidirectional else 1
    each = len(weights) // count
    if each != directions * (4 if biased else 2):
        raise WorkloadError("projected outputs (proj_size) cannot be taken")
    positions = made.shape[1 if first else 0]
    hidden = weights[1].shape[1]
    rows = net.reshape(made, (1, positions, made.shape[2]))
    for number in range(count):
        name = call.name if count == 1 else f"{call.name}_{number}"
        layer = Recurrent(name, kind, hidden, bool(bidirectional), biases=2 if biased else 0)
        weight = weights[number * each]
        rows = net.add(layer, rows, weight=weight if isinstance(weight, Fixed) else None)
    width = directions * hidden
    every = net.reshape(rows, (1, positions, width) if first else (positions, 1, width))
    last = net.reshape(
        net.slice(f"{call.name}_last", rows, 1, positions - 1, positions), (directions, 1, hidden)
    )
    state: Value = last if count == 1 else Fixed((count * directions, 1, hidden), f"{call.name}_states")
    return [every, state, state]


OPERATIONS: dict[str, Callable[[Call], Any]] = {
    **SHAPING,
    **dict.fromkeys(_ACTIVATIONS, _activation),
    **dict.fromkeys(_COMBINING, _combining),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _convolution),
    **{f"max_pool{axes}d": partial(_pooling, kind="max") for axes in (1, 2, 3)},
    **{f"max_pool{axes}d_with_indices": partial(_pooling, kind="max") for axes in (1, 2, 3)},
    **{f"avg_pool{axes}d": partial(_pooling, kind="average") for axes in (1, 2, 3)},
    **{f"adaptive_avg_pool{axes}d": partial(_adaptive, kind="average") for axes in (1, 2, 3)},
    **{f"adaptive_max_pool{axes}d": partial(_adaptive, kind="max") for axes in (1, 2, 3)},
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    "bmm": _matmul,
    "addmm": partial(_added_product, left="mat1", right="mat2"),
    "baddbmm": partial(_added_product, left="batch1", right="batch2"),
    "einsum": _einsum,
    "batch_norm": partial(_normalization, kind="batch"),
    "_native_batch_norm_legit_no_training": partial(_normalization, kind="batch"),
    "instance_norm": partial(_normalization, kind="instance"),
    "group_norm": partial(_normalization, kind="group"),
    "layer_norm": partial(_last_normalization, kind="layer"),
    "native_layer_norm": partial(_last_normalization, kind="layer"),
    "rms_norm": partial(_last_normalization, kind="rms"),
    "gelu": _gelu,
    "hardtanh": _hard_tanh,
    "prelu": _prelu,
    "softmax": _softmax,
    "_softmax": _softmax,
    "log_softmax": partial(_softmax, after="log"),
    "_log_softmax": partial(_softmax, after="log"),
    "rsub": _reversed,
    "where": _select,
    "linalg_vector_norm": _length,
    "var": _variance,
    "max": partial(_extreme, kind="max"),
    "min": partial(_extreme, kind="min"),
    "embedding": _embedding,
    "scaled_dot_product_attention": _attention,
    "glu": _gated,
    "lstm": partial(_recurrent, kind="lstm"),
    "gru": partial(_recurrent, kind="gru"),
    "rnn_tanh": partial(_recurrent, kind="rnn"),
    "rnn_relu": partial(_recurrent, kind="rnn"),
}
"""By name in ATen; others PyTorch writes out with these, as far as it can."""
