"""ONNX's operators that move, cut, repeat and reduce tensors as our layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from workloads.errors import WorkloadError
from workloads.importers.onnx_constants import cuts_of, expanded, flattened, reshaped, squeezed, unsqueezed
from workloads.importers.onnx_node import Node
from workloads.importers.values import Fixed, Made, Value, axis_in
from workloads.layers import Padding, Resize

_REDUCTIONS: dict[str, tuple[str | None, str, str | None]] = {
    "ReduceMean": (None, "mean", None),
    "ReduceSum": (None, "sum", None),
    "ReduceMax": (None, "max", None),
    "ReduceMin": (None, "min", None),
    "ReduceProd": (None, "product", None),
    "ReduceL1": ("abs", "sum", None),
    "ReduceL2": (None, "l2", None),
    "ReduceLogSum": (None, "sum", "log"),
    "ReduceLogSumExp": ("exp", "sum", "log"),
    "ReduceSumSquare": ("square", "sum", None),
    "ArgMax": (None, "max", None),
    "ArgMin": (None, "min", None),
}
"""What is done before, how values become one, and what is done after."""


def _reduce(node: Node) -> Made:
    source = node.input()
    before, kind, after = _REDUCTIONS[node.kind]
    axes = [node.axis(0)] if node.kind.startswith("Arg") else node.numbers(1, "axes")
    if not axes and not node.number("noop_with_empty_axes", 0):
        axes = list(range(len(source.shape)))
    if before:
        source = node.net.activation(f"{node.name}_{before}", before, source)
    made = node.net.reduce(node.name, kind, source, axes or [], node.number("keepdims", 1) == 1)
    return node.net.activation(f"{node.name}_{after}", after, made) if after else made


def _reshape(node: Node) -> Made:
    return node.net.reshape(node.input(), reshaped(node, node.input().shape))


def _flatten(node: Node) -> Made:
    return node.net.reshape(node.input(), flattened(node, node.input().shape))


def _squeeze(node: Node) -> Made:
    return node.net.reshape(node.input(), squeezed(node, node.input().shape))


def _unsqueeze(node: Node) -> Made:
    return node.net.reshape(node.input(), unsqueezed(node, node.input().shape))


def _transpose(node: Node) -> Made:
    source = node.input()
    return node.net.transpose(node.name, source, node.ints("perm") or range(len(source.shape))[::-1])


def _concat(node: Node) -> Made:
    values = [node.input(place) for place in range(len(node.inputs))]
    return node.net.concatenate(node.name, values, node.axis(0))


def _quantized_concat(node: Node) -> Made:
    values = [node.input(place) for place in range(2, len(node.inputs), 3)]
    if not values:
        raise WorkloadError("it has no inputs")
    return node.net.concatenate(node.name, values, axis_in(node.number("axis"), len(values[0].shape)))


def _split(node: Node) -> list[Made]:
    source, axis = node.input(), node.axis(0)
    parts = node.numbers(1, "split")
    if parts is None:
        extent = source.shape[axis]
        count = node.number("num_outputs", len(node.outputs))
        if not 1 <= count <= extent:
            raise WorkloadError(f"{count} parts cannot be cut from an axis of {extent}")
        each = -(-extent // count)
        parts = [size for at in range(count) if (size := min(each, extent - at * each)) > 0]
    return node.net.split(node.name, source, axis, parts)


def _slice(node: Node) -> Made:
    made = node.net.reshape(node.input(), node.input().shape)
    for axis, start, stop, step in cuts_of(node, len(made.shape)):
        made = node.net.slice(node.name, made, axis, start, stop, step)
    return made


def _gather(node: Node) -> Made:
    source, axis = node.input(), node.axis(0)
    places = node.input(1)
    if isinstance(source, Fixed) and axis == 0 and len(source.shape) > 1:
        return node.net.embed(node.name, source, places)
    if not isinstance(places, Fixed) or places.values is None:
        raise WorkloadError("it looks up computed places of a computed tensor, which cannot be taken")
    listed = [int(place) for place in places.values.reshape(-1)]
    made = node.net.take(node.name, source, axis, listed)
    return node.net.reshape(made, (*source.shape[:axis], *places.shape, *source.shape[axis + 1 :]))


def _expand(node: Node) -> Made:
    return node.net.expand(node.name, node.input(), expanded(node))


def _tile(node: Node) -> Made:
    return node.net.tile(node.name, node.input(), node.numbers(1, "repeats") or [])


def _pad(node: Node) -> Value:
    source = node.input()
    known = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    kind = node.word("mode", "constant", known)
    pads, rank = node.numbers(1, "pads") or [], len(source.shape)
    axes = [axis_in(axis, rank) for axis in node.numbers(3, "axes") or range(rank)]
    if len(pads) != 2 * len(axes):
        raise WorkloadError(f"its pads {pads} must be {2 * len(axes)} numbers")
    sides = [(0, 0)] * rank
    for place, axis in enumerate(axes):
        sides[axis] = (pads[place], pads[place + len(axes)])
    made = source
    for axis, (before, after) in enumerate(sides):
        if min(before, after) < 0:
            # A negative pad cuts off.
            stop = source.shape[axis] + min(after, 0)
            made = node.net.slice(node.name, made, axis, max(-before, 0), stop)
    sides = [(max(before, 0), max(after, 0)) for before, after in sides]
    dropped = node.net.dropped(source)
    if any(map(any, sides[:dropped])):
        raise WorkloadError("pads the batch, which cannot be taken")
    return (
        node.net.add(Padding(node.name, tuple(sides[dropped:]), kind), made) if any(map(any, sides)) else made
    )


def _resize(node: Node) -> Value:
    source, rank = node.input(), len(node.input().shape)
    kind = node.word("mode", "nearest", {"nearest": "nearest", "linear": "linear", "cubic": "cubic"})
    if node.word("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise WorkloadError("its keep_aspect_ratio_policy must be stretch")
    axes = [axis_in(axis, rank) for axis in node.ints("axes") or range(rank)]
    made = list(source.shape)
    sizes = node.numbers(3, "sizes") if node.kind == "Resize" else None
    given = _factors(node) if sizes is None else sizes
    if len(given) != len(axes):
        raise WorkloadError(f"its sizes or scales {given} do not fit {len(axes)} axes")
    for axis, size in zip(axes, given, strict=True):
        # Scales are 32-bit numbers and multiplied as such: 1.4 times 5 is 7.
        made[axis] = int(np.float32(made[axis]) * np.float32(size)) if sizes is None else int(size)
    if made[:2] != list(source.shape[:2]):
        raise WorkloadError(f"changes the batch or the channels of {source.shape} to {tuple(made)}")
    if made == list(source.shape):
        return source
    node.map()
    return node.net.add(Resize(node.name, kind, size=tuple(made[2:])), source)


def _factors(node: Node) -> Sequence[float]:
    place = next(
        (p for p in ((1,) if node.kind == "Upsample" or node.opset < 11 else (2,)) if node.has(p)), None
    )
    found = node.attributes.get("scales") if place is None else node.constant(place).reshape(-1).tolist()
    if not isinstance(found, list | tuple) or not all(0 < factor < 2**31 for factor in found):
        raise WorkloadError(f"its scales must be numbers above 0, not {found!r}")
    return found


def _blocks(node: Node) -> Made:
    inwards = node.kind == "DepthToSpace"
    last = not inwards or node.word("mode", "DCR") == "DCR"
    return node.net.shuffle(node.name, node.input(), node.size("blocksize"), inwards, last)


def _triangle(node: Node) -> Value:
    return node.net.activation(node.name, "threshold", node.input())


OPERATORS: dict[str, Callable[[Node], Value | list[Made]]] = {
    **dict.fromkeys(_REDUCTIONS, _reduce),
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "com.microsoft.QLinearConcat": _quantized_concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _blocks,
    "SpaceToDepth": _blocks,
    "Trilu": _triangle,
}
