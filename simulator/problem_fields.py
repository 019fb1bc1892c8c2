"""What fields of problems must be: mappings with known names, whole numbers, densities."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

from simulator.errors import ProblemError, did_you_mean


def check_fields(
    data: object, what: str, known: Iterable[str] | None = None, required: Iterable[str] = ()
) -> dict[str, Any]:
    """Return data that is a mapping with known fields, and all that are required.

    Raises
    ------
    ProblemError
        Naming what is no mapping, the unknown field with the nearest name, or the missing one.
    """
    if not isinstance(data, dict):
        raise ProblemError(f"{what} must be a mapping of names to values, not {type(data).__name__}")
    for key in data:
        if known is not None and key not in known:
            raise ProblemError(f"{what}: unknown field {key!r}{did_you_mean(str(key), known)}")
    for key in sorted(required):
        if key not in data:
            raise ProblemError(f"{what}: field {key!r} is missing")
    return data


def check_whole(value: object, what: str, low: int, high: int) -> int:
    """Return a value that is a whole number from ``low`` to ``high``; ProblemError if it is not."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProblemError(f"{what} must be a whole number from {low} to {high}, not {value!r}")
    if not low <= value <= high:
        raise ProblemError(f"{what} must be from {low} to {high}, not {value}")
    return value


def check_bits(value: object, what: str) -> int:
    """Return the width of a word in bits, from 1 to 4096; ProblemError if it is none."""
    return check_whole(value, what, 1, 4096)


def check_density(value: Any, what: str) -> float:
    """Return a density, a number in (0, 1], as a float; ProblemError if it is none."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real:
        raise ProblemError(f"{what} must be a number in (0, 1], not {value!r}")
    # Compared before it becomes a float, which an integer of 309 digits cannot.
    if not 0 < value <= 1:
        shown = "a number past 10^18" if abs(value) > 10**18 else value
        raise ProblemError(f"{what} must be in (0, 1], not {shown}")
    return float(value)
