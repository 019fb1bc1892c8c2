"""Paths through the lattice: every class of mappings whose bound is within a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import run_interruptibly
from simulator.mappers.optimal.bounds import Bounds, Tables
from simulator.mappers.optimal.labels import (
    LAST,
    PARENT,
    SPREAD,
    STATE,
    STAYS,
    TILES,
    Labels,
    Scratch,
    enter,
    extend,
    join,
    room,
)
from simulator.mappers.optimal.rules import BOUND, DOMINATED
from simulator.mappers.optimal.tables import Places

_ROOM = 2**14
# What is counted of partial mappings.
TRIED, CAPACITY, BOUNDED, ALIKE, WORSE, COUNTED = range(6)


class OutOfLimitsError(Exception):
    """A search has come to its limit of time or memory."""


@dataclass(frozen=True)
class Group:
    """Spreads that are searched together, the least energy with each, and the fewest steps."""

    bounds: Bounds
    spreads: Ints
    roots: Floats
    steps: int

    @property
    def root(self) -> float:
        """The least energy that any mapping with one of the spreads can have."""
        return float(self.roots.min())


@dataclass
class Paths:
    """The complete paths of a group within a threshold of energy.

    ``check`` is called now and then with the labels held so far; it may raise `OutOfLimitsError`.
    """

    group: Group
    threshold: float
    rules: Ints
    check: Callable[[int], None]
    counts: Ints = field(default_factory=lambda: np.zeros(COUNTED, np.int64))
    number: int = 0
    _rows: list[Ints] = field(default_factory=list)

    def run(self) -> Iterator[list[tuple[float, int]]]:
        """Yield the ends (bound, label) found with one spread after the other, most promising spreads first.

        A threshold that is lowered between holds for all that follow.
        """
        group = self.group
        for place in np.argsort(group.roots, kind="stable"):
            if group.roots[place] <= self.threshold or not self.rules[BOUND]:
                self.check(self.number)
                yield sorted(self._spread(int(group.spreads[place])))

    def chain(self, end: int) -> list[Ints]:
        """The labels of a path, outermost first."""
        starts = np.cumsum([0, *map(len, self._rows)])
        found = []
        while end >= 0:
            part = int(np.searchsorted(starts, end, side="right")) - 1
            found.append(self._rows[part][end - starts[part]])
            end = int(found[-1][PARENT])
        return found[::-1]

    def _spread(self, spread: int) -> Iterator[tuple[float, int]]:
        b = self.group.bounds
        tables, p, q = b.tables(spread), b.above(spread), b.places[spread]
        first = self._room(1)
        first.rows[0, [PARENT, LAST, SPREAD, STAYS]] = -1
        first.rows[0, TILES:] = p.size[:, 0]
        first.gaps[:] = 1.0
        frontier, entered = self._add(first), []
        while len(frontier[0]):
            entered.append(self._add(self._entered(frontier, tables, p, q, spread)))
            frontier = self._extend(frontier, 0, tables, p, q)
        while entered:
            labels, offset = entered.pop()
            if len(labels):
                total = labels.costs + tables.ends[labels.rows[:, STATE]]
                for i in np.flatnonzero((total <= self.threshold) & np.isfinite(total)):
                    yield float(total[i]), offset + int(i)
                entered.append(self._extend((labels, offset), 1, tables, q, q))

    def _room(self, number: int) -> Labels:
        model = self.group.bounds.model
        gaps = int(model.levels.sum()) - len(model.levels)
        return room(number, model.relevant.shape[1], len(model.limits), max(1, gaps))

    def _add(self, labels: Labels) -> tuple[Labels, int]:
        if self.rules[DOMINATED]:
            kept = undominated(labels)
            self.counts[WORSE] += len(labels) - len(kept)
            labels = kept
        self._rows.append(labels.rows)
        self.number += len(labels)
        return labels, self.number - len(labels)

    def _extend(
        self, frontier: tuple[Labels, int], region: int, tables: Tables, p: Places, q: Places
    ) -> tuple[Labels, int]:
        labels, offset = frontier
        parts = [*self._parts(labels, offset, region, tables, p, q)]
        return self._add(join([self._room(0), *parts]))

    def _parts(
        self, labels: Labels, offset: int, region: int, tables: Tables, p: Places, q: Places
    ) -> Iterator[Labels]:
        b, table = self.group.bounds, tables.inside if region else tables.outside
        size, first, held = _ROOM, 0, 0
        while first < len(labels):
            self.check(self.number + held)
            out = self._room(size)
            begin = first
            first, found = run_interruptibly(
                extend, b.model, b.sums, b.start, p, q, b.holders, region, tables.prices, table,
                self.threshold, self.rules, labels, first, offset, out, self._scratch, self.counts,
            )  # fmt: skip
            held += found
            size = min(size * 4, 2**20) if first > begin else size * 8
            yield out.take(np.arange(found))

    def _entered(
        self, frontier: tuple[Labels, int], tables: Tables, p: Places, q: Places, spread: int
    ) -> Labels:
        """Labels that enter the array."""
        b = self.group.bounds
        labels, offset = frontier
        out = self._room(len(labels))
        found = enter(
            b.model, p, q, spread, b.holders, tables.prices, tables.inside, self.threshold, self.rules,
            labels, offset, out, self._scratch, self.counts,
        )  # fmt: skip
        return out.take(np.arange(found))

    @cached_property
    def _scratch(self) -> Scratch:
        model = self.group.bounds.model
        dims, (tensors, most) = model.relevant.shape[1], model.must.shape
        return Scratch(
            np.zeros(dims, np.int64), np.zeros(dims, np.int64), np.zeros(dims, np.int64),
            self._room(1).gaps[0], np.zeros(4), np.zeros((tensors, most)), np.zeros(tensors, np.int64),
        )  # fmt: skip


def undominated(labels: Labels) -> Labels:
    """Leave out labels of the same state, last node, spread and tiles that spend no less of anything."""
    if len(labels) < 2:
        return labels
    _, group = np.unique(labels.rows[:, STATE:], axis=0, return_inverse=True)
    order = np.lexsort((*labels.used.T, labels.costs, group.ravel()))
    keep: list[int] = []
    start = 0
    for place, label in enumerate(order):
        if place and group[label] != group[order[place - 1]]:
            start = len(keep)
        if not any((labels.used[k] <= labels.used[label]).all() for k in keep[start:]):
            keep.append(int(label))
    return labels.take(np.array(keep, np.int64))
