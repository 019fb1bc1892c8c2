"""Paths through the lattice: every class of mappings whose bound is within a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import run_interruptibly
from simulator.mappers.optimal.bounds import Bounds
from simulator.mappers.optimal.labels import (
    LAST,
    PARENT,
    SPREAD,
    STATE,
    Labels,
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
    """Spreads that are searched together, the bounds of everything outside the array, and fewest steps."""

    bounds: Bounds
    spreads: Ints
    table: Floats
    steps: int

    @property
    def root(self) -> float:
        """The least energy that any mapping with one of the spreads can have."""
        return float(self.table[0, 0])


@dataclass
class Paths:
    """The complete paths of a group within a threshold of energy.

    ``check`` is called now and then with the
    labels held so far; it may raise `OutOfLimitsError`.
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
        b = self.group.bounds
        first = self._room(1)
        first.rows[0, [PARENT, LAST, SPREAD]] = -1
        first.gaps[:] = 1.0
        frontier, outer = self._add(first), []
        while len(frontier[0]):
            outer.append(frontier)
            frontier = self._extend(frontier, 0, self.group.table, b.whole)
        waiting = []
        for spread in self.group.spreads.tolist():
            self.check(self.number)
            entered = [self._entered(labels, offset, spread) for labels, offset in outer]
            if least := [labels.total.min() for labels in entered if len(labels)]:
                waiting.append((float(min(least)), spread, entered))
        for least_total, spread, entered in sorted(waiting, key=lambda one: one[:2]):
            if least_total <= self.threshold or not self.rules[BOUND]:
                yield sorted(self._inside([self._add(labels) for labels in entered], spread))

    def chain(self, end: int) -> list[Ints]:
        """The labels of a path, outermost first."""
        starts = np.cumsum([0, *map(len, self._rows)])
        found = []
        while end >= 0:
            part = int(np.searchsorted(starts, end, side="right")) - 1
            found.append(self._rows[part][end - starts[part]])
            end = int(found[-1][PARENT])
        return found[::-1]

    def _inside(self, frontiers: list[tuple[Labels, int]], spread: int) -> Iterator[tuple[float, int]]:
        b = self.group.bounds
        p, bound, ends = b.places[spread], b.inside(spread), b.ends(spread)
        while frontiers:
            labels, offset = frontiers.pop()
            if len(labels):
                total = labels.costs + ends[labels.rows[:, STATE]]
                for i in np.flatnonzero((total <= self.threshold) & np.isfinite(total)):
                    yield float(total[i]), offset + int(i)
                frontiers.append(self._extend((labels, offset), 1, bound, p))

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
        self, frontier: tuple[Labels, int], region: int, bound: Floats, p: Places
    ) -> tuple[Labels, int]:
        labels, offset = frontier
        parts = [*self._parts(labels, offset, region, bound, p)]
        return self._add(join([self._room(0), *parts]))

    def _parts(self, labels: Labels, offset: int, region: int, bound: Floats, p: Places) -> Iterator[Labels]:
        b = self.group.bounds
        dims = len(b.lattice.extents)
        at, n, words, size, first, held = (
            np.zeros(dims, np.int64),
            np.zeros(dims, np.int64),
            np.zeros(4),
            _ROOM,
            0,
            0,
        )
        gaps = np.zeros((self._room(0).gaps.shape[1], dims))
        while first < len(labels):
            self.check(self.number + held)
            out = self._room(size)
            begin = first
            first, found = run_interruptibly(
                extend, b.model, b.sums, b.start, p, b.holders, region, bound, self.threshold, self.rules,
                labels,                 first, offset, out, at, n, gaps, words, self.counts,
            )  # fmt: skip
            held += found
            size = min(size * 4, 2**20) if first > begin else size * 8
            yield out.take(np.arange(found))

    def _entered(self, labels: Labels, offset: int, spread: int) -> Labels:
        """Labels spread over the array in one way."""
        b = self.group.bounds
        entries = b.entries[spread]
        bound = np.full((len(b.holders.held), entries.shape[1]), np.inf)
        bound[np.flatnonzero(b.holders.outer)] = entries
        out = self._room(len(labels))
        found = enter(
            b.model, b.places[spread], spread, bound, self.threshold, self.rules, b.holders, labels, offset,
            out, self.counts,
        )  # fmt: skip
        return out.take(np.arange(found))


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
