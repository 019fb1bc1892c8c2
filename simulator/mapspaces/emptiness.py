"""Why a mapspace has no mapping: what is too small, and how large it would have to be."""

from __future__ import annotations

from collections.abc import Callable

from simulator.batch.layout import AXES, AXIS_SIZE, CAP, POOL_BITS, POOLS, SIZES, Layout, capacities
from simulator.counting.lowering import Ints
from simulator.encoding import Encoding
from simulator.mapspaces.chains import copied, next_bounds, start
from simulator.mapspaces.plans import make_plans, make_space
from simulator.mapspaces.restriction import Restriction

_ENOUGH_BITS = 2**62
_MOST_TRIED = 2**20


def why_empty(encoding: Encoding, layout: Layout, restriction: Restriction) -> str:
    """Return which capacity or axis is too small, and the smallest that would do.

    Of several the one that is closest to enough with all others as they are; where none is, with all others
    large; where none is again, the one too small with those before it as they are and those after it large.
    """
    limits = _limits(encoding, layout)
    for before, after in ((False, False), (True, True), (False, True)):
        found = []
        for i, (row, index, name) in enumerate(limits):
            others = _enlarged(layout, limits[:i] * before + limits[i + 1 :] * after)

            def works(size: int, row: int = row, index: int = index, base: Layout = others) -> bool:
                return has_mapping(encoding, _with_limit(base, row, index, size), restriction)

            size = int(layout.table[row, index])
            need = _smallest(works, size, CAP if row == AXIS_SIZE else _ENOUGH_BITS)
            if need is not None and need > size:
                found.append((need / max(size, 1), name.format(size=size, need=need)))
        if found:
            return min(found)[1]
    return "its loops cannot cover the problem, whatever the sizes of levels and axes"


def _limits(encoding: Encoding, layout: Layout) -> list[tuple[int, int, str]]:
    """Row and column of every capacity and axis in the table, with what to say about it."""
    found = []
    for index, (name, _, nodes) in enumerate(capacities(encoding)):
        tensors = ", ".join(dict.fromkeys(encoding.nodes[node].tensor for node in nodes))
        level = name.split(".")[0]
        found.append(
            (
                POOL_BITS,
                index,
                f"{level} holds {{size}} bits for {tensors}; the smallest tiles take {{need}} bits",
            )
        )
    axes = [slot.name for slot in encoding.slots if slot.axis is not None]
    for index, name in enumerate(axes):
        found.append((AXIS_SIZE, index, f"axis {name} has {{size}} places; it would need {{need}}"))
    assert len(found) == layout.table[SIZES, POOLS] + layout.table[SIZES, AXES]
    return found


def _with_limit(layout: Layout, row: int, index: int, size: int) -> Layout:
    table: Ints = layout.table.copy()
    table[row, index] = size
    return layout._replace(table=table)


def _enlarged(layout: Layout, limits: list[tuple[int, int, str]]) -> Layout:
    """The layout with room for everything in some of its capacities and axes."""
    for row, index, _ in limits:
        layout = _with_limit(layout, row, index, CAP if row == AXIS_SIZE else _ENOUGH_BITS)
    return layout


def _smallest(works: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest size from ``low`` on that works; None if none up to ``high`` does."""
    if not works(high):
        return None
    if works(low):
        return low
    step = 1
    while low + step < high and not works(low + step):
        low, step = low + step, 2 * step
    high = min(high, low + step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def has_mapping(encoding: Encoding, layout: Layout, restriction: Restriction) -> bool:
    """Whether a legal mapping is found with everything bypassed that may be."""
    # What is saturated changes which mappings there are, not whether there are any.
    space = make_space(encoding, layout, restriction._replace(saturated=restriction.saturated * 0))
    for plan, template in make_plans(encoding, space, [int(low) for low, _ in restriction.keep]):
        state = start(space, plan, template)
        if next_bounds(space, plan, state, copied(state), _MOST_TRIED):
            return True
    return False
