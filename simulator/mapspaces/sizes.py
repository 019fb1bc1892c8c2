"""How many ways a mapspace has to cut every dimension into loops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

from simulator.encoding import Encoding
from simulator.mapspaces.restriction import BALANCED, PERFECT, Restriction

# Extents up to which chains are counted one by one: about a tenth of a second.
_MOST_COUNTED = 2**12


def count_chains(encoding: Encoding, restriction: Restriction) -> int:
    """Return the product over dimensions of the chains of bounds that cover each.

    Of a dimension longer than `_MOST_COUNTED` the bounds of every slot multiply, which is more.
    """
    rule = int(restriction.factors[0])
    return math.prod(
        _chains(
            extent,
            [(int(low), int(high)) for low, high in zip(least, most, strict=True) if high > 1],
            rule,
        )
        for (_, extent), least, most in zip(
            encoding.problem.dimensions, restriction.least.T, restriction.most.T, strict=True
        )
    )


def _chains(extent: int, ranges: list[tuple[int, int]], rule: int) -> int:
    """Chains of bounds in slots with the ranges given, outermost first."""
    if extent > _MOST_COUNTED:
        return math.prod(min(high, extent) - low + 1 for low, high in ranges)

    @cache
    def outwards(slot: int, units: int) -> int:
        if slot < 0:
            return int(units == 1)
        low, high = ranges[slot]
        if slot == 0:
            return int(low <= units <= high)
        return sum(count * outwards(slot - 1, left) for left, count in _bounds(units, low, high, rule))

    return outwards(len(ranges) - 1, extent)


def _bounds(units: int, low: int, high: int, rule: int) -> Iterator[tuple[int, int]]:
    """How many admitted bounds from ``low`` to ``high`` leave each number of units."""
    bound, high = low, min(high, units)
    while bound <= high:
        left = -(-units // bound)
        # The largest bound that leaves as many.
        last = units if left == 1 else (units - 1) // (left - 1)
        if rule == PERFECT:
            if units % left == 0 and bound <= units // left <= high:
                yield left, 1
        elif rule == BALANCED:
            if -(-units // left) >= bound:
                yield left, 1
        else:
            yield left, min(last, high) - bound + 1
        bound = last + 1
