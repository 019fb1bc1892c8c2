"""The best mapping of every legal one with perfect factors, and the proof that there is no better.

Thresholds rise from the bound of the root: all classes of mappings with a bound below one are found
(`paths`), and their members counted exactly, until the best found is no worse than what is left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from simulator.architecture import Architecture
from simulator.batch.model import CostModel
from simulator.encoding import Vectors
from simulator.errors import MappingError
from simulator.mappers.objective import Objective
from simulator.mappers.optimal.bounds import Bounds
from simulator.mappers.optimal.certificate import Certificate, implied_chains
from simulator.mappers.optimal.members import members
from simulator.mappers.optimal.paths import (
    ALIKE,
    BOUNDED,
    CAPACITY,
    COUNTED,
    TRIED,
    WORSE,
    Group,
    OutOfLimitsError,
    Paths,
)
from simulator.mappers.optimal.rules import DOMINATED, HOIST, MATTERS, SINK, switches
from simulator.mappers.standing import Standing, gap
from simulator.mapping import Mapping as Nest
from simulator.problem import Problem

# Bounds are sums of floating-point numbers in another order than exact energies.
_CLOSE = 1e-9
_FIRST_SLACK, _WIDER, _WIDEST = 2e-3, 2.0, 1e6
# Members of a class counted at once, and at most.
_SOME, _ALL = 64, 50_000
_LABEL_BYTES = 600


@dataclass
class Optimum:
    """A search as it goes on; see `run`."""

    problem: Problem
    architecture: Architecture
    objective: Objective
    keeps: Mapping[str, bool] = field(default_factory=dict)
    rules: Iterable[str] | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    evaluations: int | None = None
    progress: Callable[[Standing], None] | None = None

    def run(self, first: Vectors) -> None:
        """Search until the best is proven or a limit is reached, beginning from a legal vector.

        Afterwards ``vector``, ``energy``, ``cycles`` are the best mapping, ``points`` the front where that
        was asked for, ``bound`` what no mapping's objective is below, ``proven`` whether that is the best's.
        """
        self._started = time.monotonic()
        self.model = CostModel(self.problem, self.architecture)
        self.points: list[tuple[float, int, Vectors]] = []
        self.evaluated, self.counts = 0, np.zeros(COUNTED, np.int64)
        self.best, self._cost, self.bound, self.interrupted = math.inf, (math.inf, math.inf), 0.0, False
        self.energy, self.cycles, self.vector = math.inf, int(np.iinfo(np.int64).max), first
        self._take(first[None, :])
        self._open: list[float] = []
        self.bounds: Bounds | None = None
        ended = False
        try:
            mirrored = self.rules is None or "mirror" in self.rules
            self.bounds = bounds = Bounds(self.problem, self.architecture, self.keeps, mirrored)
            self._rules = switches(self.rules, bounds.model)
            self._differ = self._members_differ(bounds)
            groups = self._groups(bounds)
            self.bound = self._least(groups)
            while groups:
                group = groups.pop(0)
                self._search(group, groups)
        except OutOfLimitsError:
            pass
        except KeyboardInterrupt:
            self.interrupted = True
        else:
            self.bound, ended = min([self.best, *self._open]), not self._open
        self.proven = ended if self.objective.function is None else self.bound >= self.best * (1 - _CLOSE)
        if self.proven:
            self.bound = self.best

    @property
    def certificate(self) -> Certificate:
        """What was searched."""
        cut = {"capacity": CAPACITY, "bound": BOUNDED, "hoist, sink, matters": ALIKE, "dominated": WORSE}
        counted = {name: int(self.counts[column]) for name, column in cut.items()}
        implied = implied_chains(self.bounds) if self.bounds is not None else None
        return Certificate(implied, self.evaluated, int(self.counts[TRIED]), counted)

    def _members_differ(self, bounds: Bounds) -> bool:
        """Whether mappings of a path may count or take differently; then rules that need the opposite go."""
        model, architecture = bounds.model, self.architecture
        rates: list[float | None] = []
        for storage in architecture.storages:
            rates += [
                storage.read_bandwidth_bits,
                storage.write_bandwidth_bits,
                storage.shared_bandwidth_bits,
            ]
        for array in architecture.arrays:
            rates += [*array.network_widths, array.network_up_bits, 1.0 if array.ramps else None]
        slow = any(rate is not None for rate in rates)
        linked = any(axis.linked_tensors for array in architecture.arrays for axis in array.axes)
        timed = (slow or linked) and (self.objective.name != "energy" or bounds.machine.leak > 0)
        if timed or linked or model.latched.any():
            self._rules[[HOIST, SINK, MATTERS, DOMINATED]] = 0
        # A node inside the array cannot stand above one outside, so the order of loops there decides.
        outside = [not model.inner[t, 1:n].all() for t, n in enumerate(model.levels)]
        parted = bool(model.inner.any()) and any(outside)
        if parted:
            self._rules[[HOIST, SINK, DOMINATED]] = 0
        return bool(timed or linked or parted or model.latched.any() or model.halo.any())

    def _groups(self, bounds: Bounds) -> list[Group]:
        """Spreads by the steps they take, where steps count; the most promising first."""
        steps = bounds.spreads.steps
        if self.objective.name == "energy":
            sets = [np.arange(len(steps))]
        else:
            sets = [np.flatnonzero(steps == n) for n in np.unique(steps)]
        roots = np.array([self._root(bounds, spread) for spread in range(len(steps))])
        groups = [Group(bounds, chosen, roots[chosen], int(steps[chosen].min())) for chosen in sets]
        groups = [group for group in groups if math.isfinite(group.root)]
        return sorted(groups, key=lambda g: self._floor(g.root, g.steps))

    def _root(self, bounds: Bounds, spread: int) -> float:
        self._check(0)
        return float(bounds.tables(spread).outside[0, 0])

    def _floor(self, energy: float, steps: int) -> float:
        """The least objective that such bounds allow."""
        return self.objective.value(max(0.0, energy) * (1 - _CLOSE), steps)

    def _least(self, groups: list[Group]) -> float:
        return min([self.best, *self._open, *(self._floor(g.root, g.steps) for g in groups)])

    def _beaten(self, energy: float, steps: int) -> bool:
        """Whether nothing with such bounds can be better than what was found."""
        if self.objective.function is None:
            return any(e * (1 - _CLOSE) <= energy and c <= steps for e, c, _ in self.points)
        return self._floor(energy, steps) >= self.best * (1 - 2 * _CLOSE)

    def _search(self, group: Group, rest: list[Group]) -> None:
        """Search one group until nothing in it can be better."""
        root, slack = max(group.root, 1e-300), _CLOSE
        settled, left = set[tuple[int, ...]](), list[float]()
        while not self._beaten(root * (1 + slack / _WIDER if slack > _CLOSE else 1.0), group.steps):
            threshold = root * (1 + slack) if slack < _WIDEST else math.inf
            paths = Paths(group, threshold, self._rules, self._check, self.counts)
            left = []
            for ends in paths.run():
                left += [self._settle(paths, lower, end, group, settled) for lower, end in ends]
                self._report()
                if self.objective.name == "energy":
                    # What spends as much as the best is of no use.
                    paths.threshold = min(paths.threshold, self.best * (1 - _CLOSE))
            left = [lower for lower in left if not self._beaten(lower, group.steps)]
            if self._beaten(threshold, group.steps) or not math.isfinite(threshold):
                break
            floor = self._floor(min([threshold, *left]), group.steps)
            self.bound = max(self.bound, min(floor, self._least(rest)))
            slack = _FIRST_SLACK if slack < _FIRST_SLACK else slack * _WIDER
        self._open += [
            self._floor(lower, group.steps) for lower in left if not self._beaten(lower, group.steps)
        ]
        self.bound = max(self.bound, self._least(rest))
        self._report()

    def _settle(
        self, paths: Paths, lower: float, end: int, group: Group, settled: set[tuple[int, ...]]
    ) -> float:
        """Count the members of a class exactly; return what bounds those that were not counted."""
        if self._beaten(lower, group.steps):
            return lower
        chain = paths.chain(end)
        key = tuple(int(n) for row in chain for n in row[1:])
        if key in settled:
            return lower
        found, many = members(group.bounds, chain, self._differ)
        while batch := list(islice(found, _SOME)):
            self._check(paths.number)
            self._take(self._encode(batch))
            if self._beaten(lower, group.steps):
                return lower
            if self.evaluated and many > _ALL:
                break
        settled.add(key)
        return lower

    def _encode(self, batch: Sequence[Nest]) -> Vectors:
        vectors = []
        for mapping in batch:
            try:
                vectors.append(self.model.encoding.encode(mapping))
            except MappingError:
                continue
        return np.array(vectors, np.int32).reshape(-1, self.model.encoding.length)

    def _take(self, vectors: Vectors) -> None:
        """Count mappings, and keep what is better."""
        if not len(vectors):
            return
        scores = self.model.evaluate(vectors)
        self.evaluated += len(vectors)
        for row in np.flatnonzero(scores["valid"]):
            energy, cycles = float(scores["energy"][row]), int(scores["cycles"][row])
            beaten = any(e <= energy and c <= cycles for e, c, _ in self.points)
            if self.objective.function is None and not beaten:
                self.points = [p for p in self.points if p[0] < energy or p[1] < cycles]
                self.points.append((energy, cycles, vectors[row].copy()))
            if (cost := self.objective.cost(energy, cycles)) < self._cost:
                self._cost, self.best = cost, cost[0]
                self.energy, self.cycles, self.vector = energy, cycles, vectors[row].copy()

    def _check(self, labels: int) -> None:
        """Raise where a limit is reached."""
        if self.seconds is not None and time.monotonic() - self._started >= self.seconds:
            raise OutOfLimitsError
        if self.evaluations is not None and self.evaluated >= self.evaluations:
            raise OutOfLimitsError
        if self.memory_bytes is not None and labels * _LABEL_BYTES > self.memory_bytes:
            raise OutOfLimitsError

    def _report(self) -> None:
        if self.progress is not None:
            passed = time.monotonic() - self._started
            part = None if self.seconds is None else min(1.0, passed / self.seconds)
            tried, cut = int(self.counts[TRIED]), int(self.counts[CAPACITY:].sum())
            left = gap(self.best, self.bound)
            standing = Standing(
                self.evaluated, None, passed, part, self.energy, self.cycles, tried, cut, left, self.best,
                self.bound,
            )  # fmt: skip
            self.progress(standing)
