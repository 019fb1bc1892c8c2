"""Sizes a user may abbreviate, checked and written out in full, and the window that slides over a map.

A *pair* is (height, width); *sides* are (top, bottom, left, right). A shape leaves the batch out:
(channels, height, width) for a map, (features,) for a vector, (..., rows, columns) for matrices.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from workloads.errors import WorkloadError, nearest_name

Shape = tuple[int, ...]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]

LARGEST = 2**31
"""No size of a network people run comes near this one: a larger number is a slip of the pen."""


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


def _numbers(value: object, where: str, field: str, least: int, forms: dict[int, str]) -> tuple[int, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return (whole_number(value, where, field, least),)
    if len(value) not in forms:
        wanted = " or ".join(["one whole number", *forms.values()])
        raise WorkloadError(f"{where}: {field} must be {wanted}, not {value!r}")
    return tuple(whole_number(item, where, field, least) for item in value)


def pair(value: object, where: str, field: str) -> Pair:
    """Return (height, width) from one positive number for both, or from a pair. Raises WorkloadError."""
    numbers = _numbers(value, where, field, 1, {2: "a pair (height, width)"})
    return numbers[0], numbers[-1]


def sides(value: object, where: str, field: str) -> Sides:
    """Return (top, bottom, left, right) from one number, (height, width) or all. Raises WorkloadError."""
    forms = {2: "a pair (height, width)", 4: "four (top, bottom, left, right)"}
    numbers = _numbers(value, where, field, 0, forms)
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    return numbers[0], numbers[0], numbers[-1], numbers[-1]


def shape(value: object, where: str, field: str = "shape") -> Shape:
    """Return a shape of one or more positive extents. Raises WorkloadError."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        raise WorkloadError(
            f"{where}: {field} must be a tuple such as (channels, height, width), no batch, not {value!r}"
        )
    return tuple(whole_number(item, where, field) for item in value)


def one_of(value: object, known: Sequence[str], where: str, field: str) -> str:
    """Return ``value`` if it is one of the ``known`` words. Raises WorkloadError."""
    if not isinstance(value, str) or value not in known:
        raise WorkloadError(f"{where}: {field}={value!r} is unknown{nearest_name(value, known)}")
    return value


def true_or_false(value: object, where: str, field: str) -> bool:
    """Return ``value`` if it is a boolean. Raises WorkloadError."""
    if not isinstance(value, bool):
        raise WorkloadError(f"{where}: {field} must be True or False, not {value!r}")
    return value


def positions(
    extent: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Sides,
    dilation: Pair,
    where: str,
    ceil_mode: bool = False,
) -> Pair:
    """Return how many places (rows, columns) a window takes on a map of ``extent`` (height, width).

    With ``ceil_mode`` a last window may hang over the far edge, unless it would begin beyond the map and its
    leading padding. Raises WorkloadError where the window is larger than the padded map.
    """
    padded = (extent[0] + padding[0] + padding[1], extent[1] + padding[2] + padding[3])
    spans = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    if spans[0] > padded[0] or spans[1] > padded[1]:
        dilated = f" ({_by(spans)} with dilation {_by(dilation)})" if dilation != (1, 1) else ""
        bare = f" ({_by(extent)} unpadded)" if padded != extent else ""
        raise WorkloadError(
            f"{where}: kernel {_by(kernel)}{dilated} is larger than the padded input {_by(padded)}{bare}"
        )
    counts = []
    for axis in range(2):
        room = padded[axis] - spans[axis]
        count = (-(-room // stride[axis]) if ceil_mode else room // stride[axis]) + 1
        if ceil_mode and (count - 1) * stride[axis] >= extent[axis] + padding[2 * axis]:
            count -= 1
        counts.append(count)
    return counts[0], counts[1]


def _by(sizes: Pair) -> str:
    return f"{sizes[0]}x{sizes[1]}"
