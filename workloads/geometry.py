"""Sizes a user may abbreviate, checked and written out in full, and the window that slides over a map.

Sizes have an entry per axis: (length,), (height, width) or (depth, height, width). *Sides* have two, before
and after each axis: (top, bottom, left, right). A shape leaves the batch out: (channels, height, width) for a
map, (features,) for a vector, (positions, features) for a sequence, (..., rows, columns) for matrices.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence

from workloads.errors import WorkloadError, nearest_name

Shape = tuple[int, ...]
Sizes = tuple[int, ...]
Sides = tuple[int, ...]

LARGEST = 2**31
"""No size of a network people run comes near this one: a larger number is a slip of the pen."""

MOST_AXES = 8
"""The most axes a shape may have."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
_SIZES = {1: "one (length,)", 2: "a pair (height, width)", 3: "three (depth, height, width)"}
_SIDES = {
    1: "two (before, after)",
    2: "four (top, bottom, left, right)",
    3: "six (before and after each axis)",
}


def whole_number(value: object, where: str, field: str, least: int = 1) -> int:
    """Return ``value`` as an int between ``least`` and ``LARGEST``.

    ``where`` names the owner in the message, ``"layer 'conv1'"``. Booleans and floats (3.0 and NaN too) are
    no whole numbers; NumPy integers are. Raises WorkloadError.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # that it may have no index is the question
    except TypeError:
        raise WorkloadError(f"{where}: {field} must be a whole number, not {value!r}") from None
    if not least <= number <= LARGEST:
        raise WorkloadError(f"{where}: {field} must lie between {least} and 2**31, not {number}")
    return number


def plain_text(value: object, where: str, field: str) -> str:
    """Return ``value`` if it is text that is not blank and has no control characters. Raises WorkloadError.

    What a file calls its layers is shown in terminals, which obey such characters.
    """
    if not isinstance(value, str) or not value.strip() or _CONTROL.search(value):
        raise WorkloadError(f"{where}: {field} must be text without control characters, not {value!r}")
    return value


def _numbers(value: object, where: str, field: str, least: int, forms: dict[int, str]) -> tuple[int, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return (whole_number(value, where, field, least),)
    if len(value) not in forms:
        wanted = " or ".join(["one whole number", *forms.values()])
        raise WorkloadError(f"{where}: {field} must be {wanted}, not {value!r}")
    return tuple(whole_number(item, where, field, least) for item in value)


def sizes(value: object, axes: int, where: str, field: str, least: int = 1) -> Sizes:
    """Return a size per axis, from one number for all or from one each. Raises WorkloadError."""
    numbers = _numbers(value, where, field, least, {axes: _SIZES[axes]})
    return numbers if len(numbers) == axes else numbers * axes


def axes_in(value: object) -> int:
    """Return how many axes sizes are meant for: two from one number, else one each up to three."""
    return min(max(len(value), 1), 3) if isinstance(value, Sequence) and not isinstance(value, str) else 2


def sides(value: object, axes: int, where: str, field: str) -> Sides:
    """Return sizes before and after each axis, from one number, one an axis or all. Raises WorkloadError."""
    numbers = _numbers(value, where, field, 0, {axes: _SIZES[axes], 2 * axes: _SIDES[axes]})
    if len(numbers) == 2 * axes:
        return numbers
    each = numbers if len(numbers) == axes else numbers * axes
    return tuple(size for size in each for _ in range(2))


def shape(value: object, where: str, field: str = "shape") -> Shape:
    """Return a shape of one or more positive extents. Raises WorkloadError."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        raise WorkloadError(
            f"{where}: {field} must be a tuple such as (channels, height, width), no batch, not {value!r}"
        )
    if len(value) > MOST_AXES:
        raise WorkloadError(f"{where}: {field} must have at most {MOST_AXES} axes, not {len(value)}")
    return tuple(whole_number(item, where, field) for item in value)


def one_of(value: object, known: Iterable[str], where: str, field: str) -> str:
    """Return ``value`` if it is one of the ``known`` words. Raises WorkloadError."""
    words = tuple(known)
    if not isinstance(value, str) or value not in words:
        raise WorkloadError(f"{where}: {field}={value!r} is unknown{nearest_name(value, words)}")
    return value


def true_or_false(value: object, where: str, field: str) -> bool:
    """Return ``value`` if it is a boolean. Raises WorkloadError."""
    if not isinstance(value, bool):
        raise WorkloadError(f"{where}: {field} must be True or False, not {value!r}")
    return value


def axis_number(value: object, where: str, field: str = "axis") -> int:
    """Return an axis as NumPy counts them, from 0 or back from -1. Raises WorkloadError."""
    number = whole_number(value, where, field, -MOST_AXES)
    if number >= MOST_AXES:
        raise WorkloadError(f"{where}: {field} must lie in {-MOST_AXES}..{MOST_AXES - 1}, not {number}")
    return number


def axis_of(axis: int, given: Shape, where: str) -> int:
    """Return an axis of the shape ``given`` counted from 0. Raises WorkloadError where it has none such."""
    if not -len(given) <= axis < len(given):
        raise WorkloadError(f"{where}: {given} has no axis {axis}")
    return axis % len(given)


def broadcast(shapes: Sequence[Shape], where: str, kind: str) -> Shape:
    """Return what NumPy broadcasts ``shapes`` to. Raises WorkloadError, with the word ``kind``."""
    result = shapes[0]
    for other in shapes[1:]:
        longest = max(len(result), len(other))
        first, second = ((1,) * (longest - len(given)) + given for given in (result, other))
        if any(a != b and 1 not in (a, b) for a, b in zip(first, second, strict=True)):
            raise WorkloadError(f"{where}: {kind} needs inputs of one shape, not {result} and {other}")
        result = tuple(map(max, first, second))
    return result


def positions(
    extent: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sides,
    dilation: Sizes,
    where: str,
    ceil_mode: bool = False,
) -> Sizes:
    """Return how many places a window takes along each axis of a map of ``extent``.

    With ``ceil_mode`` a last window may hang over the far edge, unless it would begin beyond the map and its
    leading padding. Raises WorkloadError where the window is larger than the padded map.
    """
    padded = tuple(extent[a] + padding[2 * a] + padding[2 * a + 1] for a in range(len(extent)))
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if any(span > room for span, room in zip(spans, padded, strict=True)):
        dilated = f" ({by(spans)} with dilation {by(dilation)})" if max(dilation) > 1 else ""
        bare = f" ({by(extent)} unpadded)" if padded != extent else ""
        raise WorkloadError(
            f"{where}: kernel {by(kernel)}{dilated} is larger than the padded input {by(padded)}{bare}"
        )
    counts = []
    for axis, step in enumerate(stride):
        room = padded[axis] - spans[axis]
        count = (-(-room // step) if ceil_mode else room // step) + 1
        if ceil_mode and (count - 1) * step >= extent[axis] + padding[2 * axis]:
            count -= 1
        counts.append(count)
    return tuple(counts)


def by(extent: Sizes) -> str:
    """Return sizes as text: ``3x3``."""
    return "x".join(map(str, extent))
