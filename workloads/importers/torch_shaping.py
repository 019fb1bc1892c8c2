"""ATen's operations that move, cut, repeat and resize tensors as our layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workloads.errors import WorkloadError
from workloads.importers.torch_call import Call
from workloads.importers.values import Made, Value, axis_in
from workloads.layers import Dropout, Padding, Resize

_SHAPED = (
    "view", "reshape", "_unsafe_view", "unflatten", "flatten", "squeeze", "unsqueeze", "contiguous",
    "clone", "alias", "detach", "lift_fresh_copy", "to", "_to_copy", "view_as", "reshape_as", "type_as",
    "_assert_tensor_metadata",
)  # fmt: skip
"""The same words under another shape."""


def _shaped(call: Call) -> Value:
    return call.net.reshape(call.tensor(), call.shape)


def _dropout(call: Call) -> Made:
    return call.net.add(Dropout(call.name), call.tensor())


def _transpose(call: Call) -> Made:
    source = call.tensor()
    order = list(range(len(source.shape)))
    if call.kind == "permute":
        order = call.axes("dims")
    elif call.kind == "t":
        order.reverse()
    else:
        a, b = call.axis("dim0"), call.axis("dim1")
        order[a], order[b] = b, a
    return call.net.transpose(call.name, source, order)


def _one(call: Call) -> Made:
    source, axis = call.tensor(), call.axis()
    place = call.get("index") % source.shape[axis]
    part = call.net.slice(call.name, source, axis, place, place + 1)
    return call.net.reshape(part, call.shape)


def _part(call: Call) -> Made:
    source, axis = call.tensor(), call.axis()
    start, stop = call.get("start") or 0, call.get("end")
    return call.net.slice(call.name, source, axis, start, 2**31 if stop is None else stop, call.get("step"))


def _overwritten(call: Call) -> Made:
    """A tensor with a part replaced: what is before it, the new part, what is behind."""
    source, axis, step = call.tensor(), call.axis(), call.get("step")
    if step != 1:
        raise WorkloadError(f"of every {step}th place cannot be taken; of places side by side it can")
    start, stop, _ = slice(call.get("start"), call.get("end")).indices(source.shape[axis])
    edges = [(0, start), (stop, source.shape[axis])]
    before, after = (
        [call.net.slice(f"{call.name}_kept", source, axis, *edge)] if edge[0] < edge[1] else []
        for edge in edges
    )
    return call.net.concatenate(call.name, [*before, call.tensor("src"), *after], axis)


def _narrow(call: Call) -> Made:
    start = call.get("start")
    return call.net.slice(call.name, call.tensor(), call.axis(), start, start + call.get("length"))


def _split(call: Call) -> list[Made]:
    axis = call.axis()
    parts = [shape[axis] for shape in call.shapes]
    return call.net.split(call.name, call.tensor(), axis, parts)


def _unbind(call: Call) -> list[Made]:
    axis, source = call.axis(), call.tensor()
    parts = call.net.split(call.name, source, axis, [1] * source.shape[axis])
    return [call.net.reshape(part, call.shape) for part in parts]


def _concatenate(call: Call) -> Made:
    values = call.tensors("tensors")
    return call.net.concatenate(call.name, values, call.axis(rank=len(call.shape)))


def _stack(call: Call) -> Made:
    axis = call.axis(rank=len(call.shape))
    values = [
        call.net.reshape(value, (*value.shape[:axis], 1, *value.shape[axis:]))
        for value in call.tensors("tensors")
    ]
    return call.net.concatenate(call.name, values, axis)


def _expand(call: Call) -> Made:
    return call.net.expand(call.name, call.tensor(), call.shape)


def _copied(call: Call) -> Made:
    """What is written over a tensor: the other one, in its shape."""
    return call.net.expand(call.name, call.tensor("src"), call.shape)


def _repeat(call: Call) -> Made:
    return call.net.tile(call.name, call.tensor(), call.get("repeats", "dims"))


def _roll(call: Call) -> Made:
    made: Value = call.tensor()
    if len(call.get("dims")) != len(call.get("shifts")):
        raise WorkloadError("rolls all axes as one; give the dims")
    for shift, axis in zip(call.get("shifts"), call.get("dims"), strict=True):
        extent = made.shape[axis]
        cut = -shift % extent
        made = call.net.take(
            call.name, made, axis_in(axis, len(made.shape)), [*range(cut, extent), *range(cut)]
        )
    return call.net.reshape(made, call.shape)


def _padding(call: Call, kind: str = "constant") -> Made:
    """Sides are from the last axis on; negative ones cut off."""
    source, sides = call.tensor(), list(call.get("pad", "padding"))
    kind = call.get("mode") or kind
    made, rank = source, len(source.shape)
    pairs = [(0, 0)] * rank
    for place in range(len(sides) // 2):
        axis = rank - 1 - place
        before, after = sides[2 * place : 2 * place + 2]
        if min(before, after) < 0:
            stop = source.shape[axis] + min(after, 0)
            made = call.net.slice(call.name, made, axis, max(-before, 0), stop)
        pairs[axis] = max(before, 0), max(after, 0)
    if not any(map(any, pairs)):
        return call.net.reshape(made, made.shape)
    short = pairs[call.net.dropped(made) :]
    return call.net.add(Padding(call.name, tuple(short), kind), made)


def _resize(call: Call, kind: str) -> Made:
    source = call.tensor()
    return call.net.add(Resize(call.name, kind, size=tuple(call.shape[2:])), source)


def _shuffle(call: Call, inwards: bool) -> Made:
    size = call.get("upscale_factor" if inwards else "downscale_factor")
    return call.net.shuffle(call.name, call.tensor(), size, inwards, False)


SHAPING: dict[str, Callable[[Call], Any]] = {
    **dict.fromkeys(_SHAPED, _shaped),
    **{f"upsample_nearest{axes}d": partial(_resize, kind="nearest") for axes in (1, 2, 3)},
    **{f"_upsample_nearest_exact{axes}d": partial(_resize, kind="nearest") for axes in (1, 2, 3)},
    "upsample_linear1d": partial(_resize, kind="linear"),
    "upsample_bilinear2d": partial(_resize, kind="linear"),
    "_upsample_bilinear2d_aa": partial(_resize, kind="linear"),
    "upsample_trilinear3d": partial(_resize, kind="linear"),
    "upsample_bicubic2d": partial(_resize, kind="cubic"),
    **{f"reflection_pad{axes}d": partial(_padding, kind="reflect") for axes in (1, 2, 3)},
    **{f"replication_pad{axes}d": partial(_padding, kind="replicate") for axes in (1, 2, 3)},
    "constant_pad_nd": _padding,
    "pad": _padding,
    "dropout": _dropout,
    "feature_dropout": _dropout,
    "alpha_dropout": _dropout,
    "feature_alpha_dropout": _dropout,
    "permute": _transpose,
    "transpose": _transpose,
    "t": _transpose,
    "select": _one,
    "slice": _part,
    "slice_scatter": _overwritten,
    "narrow": _narrow,
    "split": _split,
    "split_with_sizes": _split,
    "chunk": _split,
    "unbind": _unbind,
    "cat": _concatenate,
    "concat": _concatenate,
    "stack": _stack,
    "expand": _expand,
    "copy": _copied,
    "repeat": _repeat,
    "tile": _repeat,
    "roll": _roll,
    "pixel_shuffle": partial(_shuffle, inwards=True),
    "pixel_unshuffle": partial(_shuffle, inwards=False),
}
