"""Constants worked out from constants: how ONNX graphs make the shapes that they reshape to."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.importers.onnx_node import MOST_VALUES, Node
from workloads.importers.values import Fixed, broadcast, checked_shape

Array = np.ndarray[Any, Any]


def _divide(left: Array, right: Array) -> Array:
    if left.dtype.kind not in "iu":
        return left / right
    # Whole numbers are divided towards zero.
    quotient = np.abs(left) // np.abs(right)
    return np.where((left < 0) == (right < 0), quotient, -quotient).astype(left.dtype)


_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divide, "Pow": np.power, "Min": np.minimum,
    "Max": np.maximum, "Equal": np.equal, "Less": np.less, "Greater": np.greater, "And": np.logical_and,
    "LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal, "Or": np.logical_or,
    "Xor": np.logical_xor,
}  # fmt: skip
_UNARY: dict[str, Callable[[Array], Array]] = {
    "Neg": np.negative, "Abs": np.abs, "Floor": np.floor, "Ceil": np.ceil, "Sqrt": np.sqrt,
    "Not": np.logical_not,
    "Round": np.round, "Sign": np.sign, "Exp": np.exp, "Log": np.log, "Reciprocal": np.reciprocal,
    "Sin": np.sin, "Cos": np.cos, "Tanh": np.tanh, "IsNaN": np.isnan, "IsInf": np.isinf,
}  # fmt: skip
_REDUCED: dict[str, Callable[..., Array]] = {
    "ReduceProd": np.prod, "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min,
    "ReduceMean": np.mean
}  # fmt: skip


def _arrays(node: Node) -> list[Array]:
    """The inputs; a stand-in that takes no room for those of which only the shape is kept."""
    fixed = [node.parameter(place) for place in range(len(node.inputs)) if node.has(place)]
    return [np.broadcast_to(np.int8(0), v.shape) if v.values is None else v.values for v in fixed]


def _binary(node: Node) -> Array:
    first, *others = _arrays(node)
    shape = broadcast(first.shape, *(other.shape for other in others))
    if prod(shape) > MOST_VALUES:
        return np.broadcast_to(np.int8(0), shape)
    for other in others:
        first = _BINARY[node.kind](first, other)
    return first


def _where(node: Node) -> Array:
    condition, one, other = _arrays(node)
    shape = broadcast(condition.shape, one.shape, other.shape)
    return (
        np.broadcast_to(np.int8(0), shape) if prod(shape) > MOST_VALUES else np.where(condition, one, other)
    )


def _reduced(node: Node) -> Array:
    (data, *_), axes = _arrays(node), node.numbers(1, "axes")
    if not axes and node.number("noop_with_empty_axes", 0):
        return data
    return _REDUCED[node.kind](
        data, axis=tuple(axes) if axes else None, keepdims=bool(node.number("keepdims", 1))
    )


def _gather(node: Node) -> Array:
    data, places = _arrays(node)
    return np.take(data, places, axis=node.axis(0))


def _cast(node: Node) -> Array:
    from onnx import helper

    to = node.number("to")
    try:
        kind = helper.tensor_dtype_to_np_dtype(to)
    except KeyError:
        raise WorkloadError(f"casts to the unknown type {to}") from None
    if kind == np.dtype(object):
        raise WorkloadError("casts to text")
    return _arrays(node)[0].astype(kind)


def _slice(node: Node) -> Array:
    data = _arrays(node)[0]
    cuts = [slice(None)] * data.ndim
    for axis, start, stop, step in cuts_of(node, data.ndim):
        cuts[axis] = (
            slice(start, stop, step) if step > 0 or stop >= -data.shape[axis] else slice(start, None, step)
        )
    return data[tuple(cuts)]


def cuts_of(node: Node, rank: int) -> list[tuple[int, int, int, int]]:
    """Return (axis, start, stop, step) of a Slice, for each axis that it cuts."""
    starts, stops = node.numbers(1, "starts") or [], node.numbers(2, "ends") or []
    axes = node.numbers(3, "axes") or list(range(len(starts)))
    steps = node.numbers(4, "steps") or [1] * len(starts)
    if not len(starts) == len(stops) == len(axes) == len(steps) or 0 in steps:
        raise WorkloadError("its starts, ends, axes and steps must be as many, and no step 0")
    if any(not -rank <= axis < rank for axis in axes):
        raise WorkloadError(f"its axes {axes} are not all among {rank}")
    return [(a % rank, *cut) for a, *cut in zip(axes, starts, stops, steps, strict=True)]  # type: ignore[misc]


def shape_part(node: Node, shape: Shape) -> Array:
    """Return what Shape gives: the extents from its start to before its end."""
    return np.array(shape[node.number("start", 0) : node.number("end", len(shape))], np.int64)


def reshaped(node: Node, given: Shape) -> Shape:
    """Return the shape that a Reshape asks for: 0 keeps an extent, -1 is what is left."""
    wanted = node.numbers(1, "shape") or []
    if not node.number("allowzero", 0):
        if any(n == 0 and place >= len(given) for place, n in enumerate(wanted)):
            raise WorkloadError(f"its shape {wanted} keeps extents that {given} does not have")
        wanted = [given[place] if n == 0 else n for place, n in enumerate(wanted)]
    if prod(wanted) == node.batch * prod(given) or (-1 in wanted[1:] and wanted[0] == node.batch):
        wanted = unbatched(node, wanted)
    if wanted.count(-1) == 1:
        left = prod(n for n in wanted if n != -1)
        if left < 1 or prod(given) % left:
            raise WorkloadError(f"the {prod(given)} words of {given} do not make {tuple(wanted)}")
        wanted = [prod(given) // left if n == -1 else n for n in wanted]
    return checked_shape(wanted, "the result")


def unbatched(node: Node, shape: list[int]) -> list[int]:
    """Return a shape without the batch that its file has written in front."""
    return [shape[0] // node.batch, *shape[1:]] if shape and shape[0] % node.batch == 0 else shape


def expanded(node: Node) -> list[int]:
    """Return the shape that an Expand asks for."""
    shape = checked_shape(node.numbers(1, "shape") or [], "the result")
    return unbatched(node, list(shape)) if shape[:1] == (node.batch,) else list(shape)


def squeezed(node: Node, given: Shape) -> Shape:
    """Return a shape without extents of 1: those of the axes it names, or all."""
    axes = node.numbers(1, "axes")
    gone = (
        [a for a, n in enumerate(given) if n == 1] if axes is None else [a % max(len(given), 1) for a in axes]
    )
    if any(a >= len(given) or given[a] != 1 for a in gone):
        raise WorkloadError(f"cannot leave out the axes {axes} of {given}: they are not all 1")
    return tuple(n for a, n in enumerate(given) if a not in gone)


def unsqueezed(node: Node, given: Shape) -> Shape:
    """Return a shape with an extent of 1 put in at each of its axes."""
    axes = node.numbers(1, "axes") or []
    rank = len(given) + len(axes)
    places = {a % rank for a in axes} if axes else set()
    if len(places) != len(axes) or any(not -rank <= a < rank for a in axes):
        raise WorkloadError(f"its axes {axes} are not different ones of {rank}")
    rest = iter(given)
    return tuple(1 if a in places else next(rest) for a in range(rank))


def flattened(node: Node, given: Shape) -> Shape:
    """Return the matrix a Flatten makes."""
    axis = node.axis(1)
    return prod(given[:axis]), prod(given[axis:])


def _range(node: Node) -> Array:
    start, limit, step = (array.reshape(()) for array in _arrays(node))
    count = max(int(np.ceil((limit - start) / step)), 0)
    return (
        start + step * np.arange(count, dtype=start.dtype)
        if count <= MOST_VALUES
        else np.broadcast_to(start, (count,))
    )


def _expand(node: Node) -> Array:
    data = _arrays(node)[0]
    return np.broadcast_to(
        data, broadcast(data.shape, checked_shape(node.numbers(1, "") or [], "the result"))
    )


def _tile(node: Node) -> Array:
    data, times = _arrays(node)[0], node.numbers(1, "") or []
    made = checked_shape([n * t for n, t in zip(data.shape, times, strict=True)], "the result")
    return np.tile(data, times) if prod(made) <= MOST_VALUES else np.broadcast_to(np.int8(0), made)


def _filled(node: Node) -> Array:
    shape = checked_shape(node.numbers(0, "") or [], "the result")
    value = node.attributes.get("value")
    filling = np.float32(0) if not isinstance(value, Fixed) else node_values(value).reshape(-1)[0]
    return np.broadcast_to(filling, shape)


def node_values(value: Fixed) -> Array:
    """Return the values of a constant that must be known."""
    if value.values is None or not value.values.size:
        raise WorkloadError(f"the values of {value.name!r} are not known from the file")
    return value.values


def _constant(node: Node) -> Array:
    for name in ("value_int", "value_ints", "value_float", "value_floats"):
        if node.attributes.get(name) is not None:
            return np.array(node.attributes[name], np.int64 if "int" in name else np.float32)
    raise WorkloadError("its value must be a tensor or numbers")


_VALUED: dict[str, Callable[[Node], Array]] = {
    **dict.fromkeys(_REDUCED, _reduced),
    "Gather": _gather,
    "Concat": lambda node: np.concatenate(_arrays(node), axis=node.axis(0)),
    "Where": _where,
    "Range": _range,
    "NonZero": lambda node: np.array(np.nonzero(_arrays(node)[0])),
    "Mod": lambda node: (np.fmod if node.number("fmod", 0) else np.mod)(*_arrays(node)),
    "CumSum": lambda node: np.cumsum(_arrays(node)[0], axis=int(node.constant(1).reshape(-1)[0])),
}
_SHAPED: dict[str, Callable[[Node], Array]] = {
    **dict.fromkeys(_BINARY, _binary),
    **{kind: (lambda node: _UNARY[node.kind](_arrays(node)[0])) for kind in _UNARY},
    "Cast": _cast,
    "Shape": lambda node: shape_part(node, node.input().shape),
    "Size": lambda node: np.array(prod(node.input().shape), np.int64),
    "Slice": _slice,
    "Identity": lambda node: _arrays(node)[0],
    "Trilu": lambda node: _arrays(node)[0],
    "Reshape": lambda node: _arrays(node)[0].reshape(reshaped(node, node.input().shape)),
    "Squeeze": lambda node: _arrays(node)[0].reshape(squeezed(node, node.input().shape)),
    "Unsqueeze": lambda node: _arrays(node)[0].reshape(unsqueezed(node, node.input().shape)),
    "Flatten": lambda node: _arrays(node)[0].reshape(flattened(node, node.input().shape)),
    "Transpose": lambda node: np.transpose(_arrays(node)[0], node.ints("perm")),
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _filled,
    "Constant": _constant,
    "QuantizeLinear": lambda node: np.broadcast_to(np.int8(0), node.input().shape),
    "DequantizeLinear": lambda node: np.broadcast_to(np.int8(0), node.input().shape),
}
"""Those that can be taken by the shapes of their inputs alone; their stand-ins are as large as nothing."""
_UNKNOWN = {"Trilu", "QuantizeLinear", "DequantizeLinear"}
_SAME = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "QuantizeLinear",
         "DequantizeLinear"}  # fmt: skip
"""A parameter stays the same one under another shape or type."""


def fold(node: Node) -> Fixed | None:
    """Return the constant that a node makes of nothing but constants; None where it cannot be one.

    Raises WorkloadError where its inputs do not fit.
    """
    stored = [v for v in node.inputs if isinstance(v, Fixed)]
    if node.kind == "Constant" and isinstance(node.attributes.get("value"), Fixed):
        tensor: Fixed = node.attributes["value"]
        return Fixed(tensor.shape, node.outputs[0], tensor.values)
    known = all(v.values is not None for v in stored)
    function = _SHAPED.get(node.kind) or (_VALUED.get(node.kind) if known else None)
    if function is None:
        return None
    if node.kind != "Constant":
        node.input()
    if not known and node.kind in _BINARY:
        return Fixed(
            broadcast(*(v.shape for v in stored)), node.outputs[0], None, any(v.trained for v in stored)
        )
    if not known and (node.kind in _UNARY or node.kind in ("Cast", "Trilu")):
        return Fixed(stored[0].shape, stored[0].name, None, stored[0].trained)
    try:
        with np.errstate(all="ignore"):
            made = function(node)
    except WorkloadError:
        raise
    except (ValueError, IndexError, TypeError, ArithmeticError) as error:
        raise WorkloadError(f"its constants do not fit it: {error}") from None
    if node.kind in ("Shape", "Size"):
        return Fixed(made.shape, node.outputs[0], made)
    kept = known and made.size <= MOST_VALUES and node.kind not in _UNKNOWN
    trained = any(v.trained for v in stored[:1])
    if node.kind == "ConstantOfShape":
        # A file without its weights makes each from a shape it stores; others fill in what they computed.
        trained = stored[0].stored and made.dtype.kind == "f" and made.size > 1
    name = stored[0].name if stored and trained and node.kind in _SAME else node.outputs[0]
    return Fixed(made.shape, name, np.array(made) if kept else None, trained)
