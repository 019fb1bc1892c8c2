"""Keras' layers as ours, but for those of maps: dense, merging, normalizing, reshaping, and sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod

from workloads.geometry import Shape
from workloads.importers import keras_maps
from workloads.importers.keras_calls import Call, Tensor
from workloads.importers.keras_sequences import SEQUENCES
from workloads.layers import (
    Activation,
    Concatenation,
    Convolution,
    Convolution1d,
    Convolution3d,
    Dropout,
    Elementwise,
    Embedding,
    Expand,
    Flatten,
    Identity,
    Linear,
    Normalization,
    Reshape,
    Softmax,
    Transpose,
)

_POINTWISE = {2: Convolution1d, 3: Convolution, 4: Convolution3d}


def _dense(call: Call) -> Tensor:
    tensor, units, bias = call.given(), call.number("units"), call.flag("use_bias", True)
    layer = call.take(tensor)
    rank = len(tensor.shape)
    if rank == 1:
        return call.result(call.activated(call.add(Linear(call.name, units, bias), layer)))
    if tensor.first and rank in _POINTWISE:
        # On the last axis of a map that is a convolution by 1.
        made = call.add(_POINTWISE[rank](call.name, units, 1, bias=bias), layer)
        return call.result(call.activated(made), first=True)
    made = call.add(Linear(call.name, units, bias, last_axis=True), call.take(tensor, False))
    return call.result(call.activated(made))


def _embedding(call: Call) -> Tensor:
    table = Embedding(call.name, call.number("input_dim"), call.number("output_dim"))
    return call.result(call.add(table, call.take(call.given(), False)))


def _activation(call: Call) -> Tensor:
    tensor = call.given()
    layer = call.take(tensor)
    made = call.activated(layer)
    made = call.add(Identity(call.name), layer) if made == layer else made
    return Tensor(made, tensor.shape, tensor.first)


def _relu(call: Call) -> Tensor:
    slope, limit = call.config.get("negative_slope"), call.config.get("max_value")
    if call.config.get("threshold") not in (None, 0):
        return call.same(Activation(call.name, "threshold"))
    if slope:
        return call.same(Activation(call.name, "leaky_relu"))
    return call.same(Activation(call.name, "relu" if limit is None else "relu6" if limit == 6 else "clip"))


def _plain(call: Call, kind: str) -> Tensor:
    return call.same(Activation(call.name, kind))


def _softmax(call: Call) -> Tensor:
    return call.same(Softmax(call.name))


def _nothing(call: Call, make: type[Dropout] | type[Identity]) -> Tensor:
    return call.same(make(call.name))


def _scaled(call: Call) -> Tensor:
    """Known scales and shifts: of pixels to a range, of features to a mean and a variance."""
    tensor = call.given()
    scaled = call.same(Activation(f"{call.name}_scale", "scale"))
    if call.kind == "Rescaling" and call.config.get("offset") in (None, 0):
        return scaled
    return Tensor(call.add(Activation(call.name, "shift"), scaled.layer), tensor.shape, tensor.first)


def _normalization(call: Call, kind: str) -> Tensor:
    tensor = call.given()
    source = call.take(tensor)
    rank = len(tensor.shape)
    given = call.config.get("axis", -1)
    axes = [call.axis(axis, rank) for axis in (given if isinstance(given, list) else [given])]
    if len(axes) != 1:
        raise call.error(f"over the axes {given} cannot be taken; over one it can")
    axis = (axes[0] + 1) % rank if tensor.first else axes[0]
    scale, shift, groups = call.flag("scale", kind != "l2"), call.flag("center", kind not in ("l2", "rms")), 1
    if call.flag("rms_scaling", False):
        kind, shift = "rms", False
    if kind == "group":
        groups = call.number("groups", -1)
        kind, groups = ("instance", 1) if groups == -1 else (kind, groups)
    layer = Normalization(call.name, kind, scale, shift, axis, groups)
    return Tensor(call.add(layer, source), tensor.shape, tensor.first)


def _merged(call: Call, kind: str) -> Tensor:
    """Inputs combined value by value; those of fewer axes are one value for all places, as Keras has it."""
    tensors = list(call.inputs)
    if len(tensors) == 1:
        # With a number, as 2 * x.
        number = {"multiply": "scale", "divide": "scale", "power": "power"}.get(kind, "shift")
        return call.same(Activation(call.name, number))
    leader = max(tensors, key=lambda tensor: (len(tensor.shape), prod(tensor.shape)), default=call.given())
    rank = len(leader.shape)
    call.take(leader)
    sources = []
    for tensor in tensors:
        if len(tensor.shape) == rank:
            sources.append(call.take(tensor, leader.first))
            continue
        layer, ones = call.take(tensor, False), (1,) * (rank - len(tensor.shape))
        # Layers put the missing axes behind the batch, operators in front: without the batch it is the same.
        shape: Shape = (*ones, *tensor.shape)
        widened = Tensor(call.add(Reshape(f"{tensor.layer}_widened", shape), layer), shape)
        sources.append(call.take(widened, leader.first))
    made = call.add(Elementwise(call.name, kind), *sources)
    return call.result(made, bool(leader.first))


def _concatenated(call: Call) -> Tensor:
    leader = call.given()
    call.take(leader)
    rank = len(leader.shape)
    axis = call.axis(call.config.get("axis", -1), rank)
    sources = [call.take(tensor, leader.first) for tensor in call.inputs]
    made = call.add(Concatenation(call.name, (axis + 1) % rank if leader.first else axis), *sources)
    return call.result(made, bool(leader.first))


def _flatten(call: Call) -> Tensor:
    # Its values may come in another order than Keras': the same for the weights that meet them.
    return call.result(call.add(Flatten(call.name), call.take(call.given())))


def _reshape(call: Call) -> Tensor:
    tensor, target = call.given(), call.need("target_shape")
    if not isinstance(target, Sequence) or isinstance(target, str):
        raise call.error(f"has the target_shape {target!r}; it takes a list of sizes")
    layer = call.take(tensor)
    if tensor.first or (len(tensor.shape) == 1 and len(target) > 2 and not call.sketch.channels_first):
        # A map whose channels stay stays as it is; of a vector's order nobody knows.
        kept = Reshape(call.name, (*target[-1:], *target[:-1]))
        shape = kept.output_shape([call.sketch.draft.shape(layer)])
        if len(tensor.shape) == 1 or shape[0] == tensor.shape[-1]:
            return call.result(call.add(kept, layer), first=True)
    return call.result(call.add(Reshape(call.name, tuple(target)), call.take(tensor, False)))


def _permuted(call: Call) -> Tensor:
    rank, dims = len(call.shape), call.need("dims")
    if not isinstance(dims, Sequence) or isinstance(dims, str) or len(dims) != rank:
        raise call.error(f"has the dims {dims!r}; it takes each of 1 to {rank}")
    order = tuple(call.axis(axis, rank) for axis in dims)
    return call.result(call.add(Transpose(call.name, order), call.take(call.given(), False)))


def _repeated(call: Call) -> Tensor:
    (features,) = call.shape if len(call.shape) == 1 else (0,)
    shape = (call.number("n"), features or 0)
    if not features:
        raise call.error(f"takes a vector, not {call.shape}")
    return call.result(call.add(Expand(call.name, shape), call.take(call.given(), False)))


def _time_distributed(call: Call) -> Tensor | list[Tensor]:
    """A layer for every position: those that work on the last axis, or on each value, do so by themselves."""
    layer = call.need("layer")
    kind = layer.get("class_name") if isinstance(layer, Mapping) else None
    if kind not in _EACH or not isinstance(layer.get("config"), Mapping):
        raise call.error(f"of {kind!r} cannot be taken; it can of {', '.join(sorted(_EACH))}")
    return LAYERS[kind](call.inner(kind, layer["config"], call.given()))


_EACH = {"Activation", "BatchNormalization", "Dense", "Dropout", "LayerNormalization", "LeakyReLU", "ReLU"}
_MERGING = {
    "Add": "add", "Average": "mean", "Divide": "divide", "Maximum": "maximum", "Minimum": "minimum",
    "Multiply": "multiply", "Power": "power", "Subtract": "subtract", "TrueDivide": "divide",
}  # fmt: skip

_FUNCTIONS = {
    "Abs": "abs", "Absolute": "abs", "Exp": "exp", "Gelu": "gelu", "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_swish", "Log": "log", "Negative": "negate", "Relu": "relu", "Relu6": "relu6",
    "Rsqrt": "rsqrt", "Sigmoid": "sigmoid", "Silu": "silu", "Softplus": "softplus", "Sqrt": "sqrt",
    "Square": "square", "Tanh": "tanh",
}  # fmt: skip

OPERATORS: Mapping[str, Callable[[Call], Tensor]] = {
    **{name: partial(_merged, kind=kind) for name, kind in _MERGING.items()},
    **{name: partial(_plain, kind=kind) for name, kind in _FUNCTIONS.items()},
}
"""Operators that Keras 3 writes as layers of their own, where a model computes with its tensors."""

_TRAINING = (
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
)  # fmt: skip

LAYERS: Mapping[str, Callable[[Call], Tensor | list[Tensor]]] = {
    **keras_maps.LAYERS,
    **SEQUENCES,
    **{name: OPERATORS[name] for name in _MERGING if name not in ("Divide", "Power", "TrueDivide")},
    **{name: partial(_nothing, make=Dropout) for name in _TRAINING},
    "Activation": _activation,
    "BatchNormalization": partial(_normalization, kind="batch"),
    "Concatenate": _concatenated,
    "Dense": _dense,
    "ELU": partial(_plain, kind="elu"),
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GroupNormalization": partial(_normalization, kind="group"),
    "Identity": partial(_nothing, make=Identity),
    "LayerNormalization": partial(_normalization, kind="layer"),
    "LeakyReLU": partial(_plain, kind="leaky_relu"),
    "Masking": partial(_nothing, make=Identity),
    "Normalization": _scaled,
    "Permute": _permuted,
    "RMSNormalization": partial(_normalization, kind="rms"),
    "ReLU": _relu,
    "RepeatVector": _repeated,
    "Rescaling": _scaled,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "ThresholdedReLU": partial(_plain, kind="threshold"),
    "TimeDistributed": _time_distributed,
    "UnitNormalization": partial(_normalization, kind="l2"),
}
"""Keras' layers by name. Layers of training alone are Dropout here, random changes of images too."""
