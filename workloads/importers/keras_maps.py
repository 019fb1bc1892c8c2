"""Keras' layers of maps as ours: convolutions, poolings, padding, cropping, resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from workloads.geometry import sizes, whole_number
from workloads.importers.keras_calls import Call, Tensor
from workloads.layers import (
    CONVOLUTION_OF_AXES,
    POOLING_OF_AXES,
    TRANSPOSED_OF_AXES,
    Activation,
    DepthwiseConvolution,
    Flatten,
    GlobalPooling,
    Padding,
    Resize,
    Slice,
)

_PADDINGS = ("valid", "same", "causal")


def _window(call: Call, axes: int, extent: tuple[int, ...], kernel: str, stride: str) -> dict[str, Any]:
    """Kernel, stride, padding and dilation; "same" pads as TensorFlow does, the odd one at the far side."""
    taps, dilation = call.sizes(kernel, axes), call.sizes("dilation_rate", axes, 1)
    steps = call.sizes(stride, axes, 1) if call.config.get(stride) is not None else (1,) * axes
    if kernel == "pool_size" and call.config.get(stride) is None:
        steps = taps
    mode = call.word("padding", _PADDINGS, "valid")
    padding: list[int] = []
    for size, tap, step, gap in zip(extent, taps, steps, dilation, strict=True):
        span = gap * (tap - 1) + 1
        whole = max((-(-size // step) - 1) * step + span - size, 0)
        before = {"valid": 0, "same": whole // 2, "causal": span - 1}[mode]
        padding += [before, whole - before if mode == "same" else 0]
    return {"kernel": taps, "stride": steps, "padding": tuple(padding), "dilation": dilation}


def _convolution(call: Call, axes: int) -> Tensor:
    layer, (channels, *extent) = call.maps(axes)
    window = _window(call, axes, tuple(extent), "kernel_size", "strides")
    out, bias = call.number("filters"), call.flag("use_bias", True)
    groups = whole_number(call.config.get("groups", 1), call.where, "groups")
    if axes == 2 and 1 < groups == channels and out % groups == 0:
        conv = DepthwiseConvolution(call.name, **window, multiplier=out // groups, bias=bias)
        return call.map(call.activated(call.add(conv, layer)))
    made = call.add(CONVOLUTION_OF_AXES[axes](call.name, out, **window, groups=groups, bias=bias), layer)
    return call.map(call.activated(made))


def _depthwise(call: Call, axes: int) -> Tensor:
    return call.map(call.activated(_each_channel(call, axes, call.name, call.flag("use_bias", True))))


def _separable(call: Call, axes: int) -> Tensor:
    made = _each_channel(call, axes, f"{call.name}_depthwise", False)
    point = CONVOLUTION_OF_AXES[axes](call.name, call.number("filters"), 1, bias=call.flag("use_bias", True))
    return call.map(call.activated(call.add(point, made)))


def _each_channel(call: Call, axes: int, name: str, bias: bool) -> str:
    layer, (channels, *extent) = call.maps(axes)
    window = _window(call, axes, tuple(extent), "kernel_size", "strides")
    multiplier = whole_number(call.config.get("depth_multiplier", 1), call.where, "depth_multiplier")
    if axes == 2:
        return call.add(DepthwiseConvolution(name, **window, multiplier=multiplier, bias=bias), layer)
    conv = CONVOLUTION_OF_AXES[axes](name, channels * multiplier, **window, groups=channels, bias=bias)
    return call.add(conv, layer)


def _transposed(call: Call, axes: int) -> Tensor:
    layer, _ = call.maps(axes)
    taps, steps = call.sizes("kernel_size", axes), call.sizes("strides", axes, 1)
    dilation, mode = call.sizes("dilation_rate", axes, 1), call.word("padding", _PADDINGS[:2], "valid")
    given = call.config.get("output_padding")
    extra = None if given is None else sizes(given, axes, call.where, "output_padding", 0)
    padding: list[int] = []
    more: list[int] = []
    for axis, (tap, step, gap) in enumerate(zip(taps, steps, dilation, strict=True)):
        span = gap * (tap - 1) + 1
        if extra is not None:
            padding += [span // 2 if mode == "same" else 0] * 2
            more.append(extra[axis])
            continue
        # "same" makes stride times the input, "valid" no less; what the kernel has more than the stride is
        # cut.
        cut = max(span - step, 0) if mode == "same" else 0
        padding += [cut // 2, cut - cut // 2]
        more.append(max(step - span, 0))
    conv = TRANSPOSED_OF_AXES[axes](
        call.name, call.number("filters"), taps, steps, tuple(padding), tuple(more), dilation,
        whole_number(call.config.get("groups", 1), call.where, "groups"), call.flag("use_bias", True),
    )  # fmt: skip
    return call.map(call.activated(call.add(conv, layer)))


def _pooling(call: Call, axes: int, kind: str) -> Tensor:
    layer, (_, *extent) = call.maps(axes)
    window = _window(call, axes, tuple(extent), "pool_size", "strides")
    return call.map(call.add(POOLING_OF_AXES[axes](call.name, kind, **window), layer))


def _global_pooling(call: Call, axes: int, kind: str) -> Tensor:
    layer, _ = call.maps(axes)
    made = call.add(GlobalPooling(call.name, kind), layer)
    if call.flag("keepdims", False):
        return call.map(made)
    return call.result(call.add(Flatten(f"{call.name}_flat"), made))


def _sides(call: Call, axes: int, key: str) -> list[tuple[int, int]]:
    """(before, after) of every axis, from one number, one an axis or two an axis."""
    given: Any = call.need(key)
    if isinstance(given, int) or (axes == 1 and isinstance(given, list) and len(given) == 2):
        given = [given] * axes
    if not isinstance(given, list) or len(given) != axes:
        raise call.error(f"has the {key} {given!r}; it takes one number or a pair for each axis")
    pairs = [sizes(pair, 2, call.where, key, 0) for pair in given]
    return [(before, after) for before, after in pairs]


def _padding(call: Call, axes: int) -> Tensor:
    layer, _ = call.maps(axes)
    return call.map(call.add(Padding(call.name, ((0, 0), *_sides(call, axes, "padding"))), layer))


def _cropping(call: Call, axes: int) -> Tensor:
    layer, (_, *extent) = call.maps(axes)
    return _cut(call, layer, [
        (before, size - after)
        for size, (before, after) in zip(extent, _sides(call, axes, "cropping"), strict=True)
    ])  # fmt: skip


def _center_crop(call: Call) -> Tensor:
    layer, (_, *extent) = call.maps(2)
    wanted = call.number("height"), call.number("width")
    starts = [(size - part) // 2 for size, part in zip(extent, wanted, strict=True)]
    if min(starts) < 0:
        raise call.error(f"of {wanted} is larger than its input {tuple(extent)}")
    return _cut(call, layer, [(start, start + part) for start, part in zip(starts, wanted, strict=True)])


def _cut(call: Call, layer: str, parts: list[tuple[int, int]]) -> Tensor:
    extent = call.sketch.draft.shape(layer)[1:]
    for axis, (start, stop) in enumerate(parts):
        if (start, stop) != (0, extent[axis]):
            layer = call.add(Slice(f"{call.name}_{axis + 1}", axis + 1, start, stop), layer)
    return call.map(layer)


def _upsampling(call: Call, axes: int) -> Tensor:
    layer, _ = call.maps(axes)
    factors = tuple(map(float, call.sizes("size", axes, 2)))
    return call.map(call.add(Resize(call.name, _interpolation(call, "nearest"), scale=factors), layer))


def _resizing(call: Call) -> Tensor:
    call.refuse("crop_to_aspect_ratio")
    call.refuse("pad_to_aspect_ratio")
    layer, _ = call.maps(2)
    size = (call.number("height"), call.number("width"))
    return call.map(call.add(Resize(call.name, _interpolation(call, "bilinear"), size=size), layer))


def _interpolation(call: Call, usual: str) -> str:
    kinds = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
    return kinds[call.word("interpolation", kinds, usual)]


def _prelu(call: Call) -> Tensor:
    """Slopes are Keras' own for every value, but for axes that share them."""
    rank = len(call.shape)
    shared = call.config.get("shared_axes") or []
    if not isinstance(shared, list):
        raise call.error(f"has the shared_axes {shared!r}; they are a list")
    axes = {call.axis(axis, rank) for axis in shared}
    first = sorted(axes) == list(range(1, rank))
    if rank == 1 or axes == set(range(rank)):
        return call.same(Activation(call.name, "prelu", shared=bool(axes)))
    if first or sorted(axes) == list(range(rank - 1)):
        return call.result(
            call.add(Activation(call.name, "prelu"), call.take(call.given(), not first)), not first
        )
    raise call.error(
        "cannot be taken with slopes for every place; share them: shared_axes of all but the channels"
    )


_BY_AXES: Mapping[str, tuple[Callable[..., Tensor], tuple[int, ...]]] = {
    "Conv{}D": (_convolution, (1, 2, 3)),
    "Conv{}DTranspose": (_transposed, (1, 2, 3)),
    "Cropping{}D": (_cropping, (1, 2, 3)),
    "DepthwiseConv{}D": (_depthwise, (1, 2)),
    "SeparableConv{}D": (_separable, (1, 2)),
    "UpSampling{}D": (_upsampling, (1, 2, 3)),
    "ZeroPadding{}D": (_padding, (1, 2, 3)),
    **{
        f"{where}{name}Pooling{{}}D": (partial(make, kind=kind), (1, 2, 3))
        for where, make in (("", _pooling), ("Global", _global_pooling))
        for name, kind in (("Max", "max"), ("Average", "average"))
    },
}

LAYERS: Mapping[str, Callable[[Call], Tensor]] = {
    "CenterCrop": _center_crop,
    "PReLU": _prelu,
    "Resizing": _resizing,
    **{
        name.format(axes): partial(make, axes=axes)
        for name, (make, known) in _BY_AXES.items()
        for axes in known
    },
}
"""By Keras' names."""
