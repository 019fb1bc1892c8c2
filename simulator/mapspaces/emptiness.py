"""Why a mapspace has no mapping: what is too small, and the smallest that would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from simulator.architecture import Storage
from simulator.batch.layout import AXIS_SIZE, CAP, POOL_BITS, Layout, capacities
from simulator.encoding import Encoding
from simulator.mapspaces.chains import copied, next_bounds, start
from simulator.mapspaces.constraints import FACTORS
from simulator.mapspaces.plans import choices, make_plans, make_space
from simulator.mapspaces.restriction import Restriction
from simulator.mapspaces.sizes import count_chains

_ENOUGH_BITS = 2**62
_MOST_TRIED = 2**20
_MOST_PLANS = 2**8


def why_empty(encoding: Encoding, layout: Layout, restriction: Restriction) -> str:
    """Return the dimension that no loops cover, or the capacities and axes to enlarge and by how much.

    Where one of them alone would do, that one, of several the one closest to enough. Otherwise all that must
    grow together: with any one of them smaller there would be no mapping. A partition's level grows with it.
    """
    for index in range(len(encoding.dimensions)):
        if not _covers(encoding, restriction, index):
            return _why_uncovered(encoding, restriction, index)
    trials = _Trials(encoding, layout, restriction)
    sizes = [limit.size for limit in trials.limits]
    alone = [(trials.least(sizes, i), i) for i in range(len(sizes))]
    enough = [(need / sizes[i], i, need) for need, i in alone if need is not None]
    if enough:
        _, i, need = min(enough)
        return trials.told([*sizes[:i], need, *sizes[i + 1 :]])
    needs: list[int] = [limit.most for limit in trials.limits]
    for i, size in enumerate(sizes):
        least = trials.least([*needs[:i], size, *needs[i + 1 :]], i)
        if least is None:
            return "no mapping was found, whatever the sizes of levels and axes"
        needs[i] = least
    return trials.told(needs)


def has_mapping(encoding: Encoding, layout: Layout, restriction: Restriction) -> bool:
    """Whether a legal mapping is found."""
    return covered(encoding, restriction) and _search(encoding, layout, restriction)[0] is not None


def covered(encoding: Encoding, restriction: Restriction) -> bool:
    """Whether every dimension has bounds that cover it; where not, a search would try all of the others'."""
    return all(_covers(encoding, restriction, index) for index in range(len(encoding.dimensions)))


@dataclass(frozen=True)
class _Limit:
    """A capacity or an axis: its place in the layout's table, its size, and the most it can be.

    ``nodes`` share a capacity; an axis has none.
    """

    name: str
    row: int
    index: int
    size: int
    most: int
    nodes: tuple[int, ...] = ()


class _Trials:
    """Whether there are mappings with other capacities and axes; ``sure`` while no search was given up."""

    def __init__(self, encoding: Encoding, layout: Layout, restriction: Restriction) -> None:
        self.encoding, self.restriction = encoding, restriction
        self.sure = True
        self.limits: list[_Limit] = []
        table, keeps = layout.table.copy(), _keeps(encoding, restriction)
        for index, (name, size, nodes) in enumerate(capacities(encoding)):
            level = encoding.architecture.storage(name.partition(".")[0])
            if level.partitions and name == f"{level.name}.capacity":
                # There is room for all its partitions, those made larger too.
                table[POOL_BITS, index] = _ENOUGH_BITS
            elif any(keeps[node][-1] for node in nodes):
                self.limits.append(_Limit(level.name, POOL_BITS, index, size, _ENOUGH_BITS, nodes))
        axes = [slot.name for slot in encoding.slots if slot.axis is not None]
        for index, name in enumerate(axes):
            self.limits.append(_Limit(name, AXIS_SIZE, index, int(table[AXIS_SIZE, index]), CAP))
        self.layout = layout._replace(table=table)

    def told(self, sizes: Sequence[int]) -> str:
        """What is too small, by sizes that would do."""
        kept = self.kept(sizes)
        assert kept is not None
        return "; and ".join(
            self._told(limit, need, kept)
            for limit, need in zip(self.limits, sizes, strict=True)
            if need > limit.size
        )

    def _told(self, limit: _Limit, need: int, kept: Sequence[int]) -> str:
        if limit.row == AXIS_SIZE:
            has, needs = f"axis {limit.name} has {limit.size} places", f"it would need {need}"
        else:
            tensors = [self.encoding.nodes[node].tensor for node in limit.nodes if kept[node]]
            has = f"{limit.name} holds {limit.size} bits for {', '.join(tensors)}"
            doubled = _doubled(self.encoding.architecture.storage(limit.name), tensors)
            needs = f"the smallest tiles take {need} bits{doubled}"
        return f"{has}; {needs if self.sure else f'{need} would do, if not less'}"

    def kept(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """What a mapping keeps with limits of these sizes; None where none is found."""
        table = self.layout.table.copy()
        for limit, size in zip(self.limits, sizes, strict=True):
            table[limit.row, limit.index] = size
        kept, sure = _search(self.encoding, self.layout._replace(table=table), self.restriction)
        self.sure &= sure
        return kept

    def least(self, sizes: Sequence[int], i: int) -> int | None:
        """The smallest size of limit ``i``, from its own on, that fits with the others; None if none does."""

        def works(size: int) -> bool:
            return self.kept([*sizes[:i], size, *sizes[i + 1 :]]) is not None

        low, high = sizes[i], self.limits[i].most
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


def _doubled(level: Storage, held: Sequence[str]) -> str:
    doubled = [tensor for tensor in held if level.double_buffered(tensor)]
    if not doubled:
        return ""
    names = "" if len(doubled) == len(held) else f"{', '.join(doubled)} "
    return f" ({names}double-buffered)"


def _covers(encoding: Encoding, restriction: Restriction, index: int) -> bool:
    """Whether some bounds cover a dimension, on axes as long as need be."""
    extents = np.array([extent for _, extent in encoding.problem.dimensions])
    # Then a single loop does.
    if (restriction.least[:, index] == 1).all() and restriction.most[:, index].max() >= extents[index]:
        return True
    # The others, with a loop in the outermost slot alone, have one way each.
    others = np.arange(len(encoding.dimensions)) != index
    least, most = restriction.least.copy(), restriction.most.copy()
    least[:, others] = most[:, others] = 1
    most[0, others] = extents[others]
    return count_chains(encoding, restriction._replace(least=least, most=most)) > 0


def _why_uncovered(encoding: Encoding, restriction: Restriction, index: int) -> str:
    name, extent = encoding.problem.dimensions[index]
    loops = []
    for slot, least, most in zip(encoding.slots, restriction.least, restriction.most, strict=True):
        low, high = least[index], most[index]
        if high > 1:
            narrowed = (
                "" if (low, high) == (1, extent) else f" ({low if low == high else f'{low} to {high}'})"
            )
            loops.append(f"{slot.name}.{name}{narrowed}")
    if not loops:
        return f"{name} = {extent} may have no loop anywhere"
    rules = {number: rule for rule, number in FACTORS.items()}
    given = int(restriction.factors[0])
    enough = [
        rules[number]
        for number in range(given)
        if _covers(encoding, restriction._replace(factors=np.array([number])), index)
    ]
    instead = f"; {enough[-1]} ones would" if enough else ""
    return f"no {rules[given]} bounds of {', '.join(loops)} cover {name} = {extent}{instead}"


def _search(
    encoding: Encoding, layout: Layout, restriction: Restriction
) -> tuple[tuple[int, ...] | None, bool]:
    """Look for a legal mapping: by node what it keeps, None where none is found, and whether that is sure."""
    # What is saturated changes which mappings there are, not whether there are any.
    space = make_space(encoding, layout, restriction._replace(saturated=restriction.saturated * 0))
    plans = (
        (kept, *plan)
        for kept in product(*_keeps(encoding, restriction))
        for plan in make_plans(encoding, space, kept)
    )
    sure = True
    for number, (kept, plan, template) in enumerate(plans):
        if number == _MOST_PLANS:
            return None, False
        state = start(space, plan, template)
        if next_bounds(space, plan, state, copied(state), _MOST_TRIED):
            return kept, True
        sure &= bool(state.visited[0] < _MOST_TRIED)
    return None, sure


def _keeps(encoding: Encoding, restriction: Restriction) -> list[range]:
    """For each node the values of keep to try: as little as may be, then more where that can help.

    A tensor kept can move others inwards, past slots with other loops, where the order of nodes is free.
    """
    ranges = [range(int(low), int(low) + 1) for low, _ in restriction.keep]
    for index, region in enumerate(encoding.regions, len(encoding.slots)):
        slots, nodes = list(region.slots), range(region.first_node, region.first_node + len(region.nodes))
        alike = all(
            (table[slots] == table[slots[0]]).all() for table in (restriction.least, restriction.most)
        )
        if len(choices(restriction, index)) != 1 and not alike:
            for node in nodes:
                ranges[node] = range(int(restriction.keep[node, 0]), int(restriction.keep[node, 1]) + 1)
    return ranges
