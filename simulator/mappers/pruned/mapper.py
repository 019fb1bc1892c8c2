"""A mapper that goes through a whole mapspace, but for what bounds show to be worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import Floats
from simulator.counting.lowering import Ints
from simulator.encoding import Vectors
from simulator.jit import run_interruptibly
from simulator.mappers.objective import FRONT, Objective
from simulator.mappers.pruned.bounds import least_cost
from simulator.mappers.pruned.facts import facts_of
from simulator.mappers.pruned.rows import fill_prefixes, fill_rows_of
from simulator.mapspaces import Mapspace
from simulator.mapspaces.chains import DIM, NOW, SATURATED, Plan, Space, copied, start
from simulator.mapspaces.emptiness import covered
from simulator.mapspaces.plans import make_plans, make_space

# Vectors that are asked for before bounds are looked at again.
_ROWS = 512
# Beginnings of mappings that are put in order at a time, and how many of them are gone through first.
_PREFIXES, _FIRST = 2**14, 16
# Bounds tried, and ways to hold tensors, before a mapspace counts as too large: some seconds.
MOST_TRIED, MOST_PLANS = 2**22, 64
# Energy and cycles that nothing reaches, and steps of a bisection.
_FAR, _HALVINGS = 1e60, 40


class Way:
    """A plan, what bounds know of it, and where the search of it stands."""

    def __init__(self, mapspace: Mapspace, space: Space, plan: Plan, template: Vectors) -> None:
        self.plan, self.facts = plan, facts_of(mapspace, space, plan, template)
        self.fresh = start(space, plan, template)
        self.outer, self.inner = copied(self.fresh), copied(self.fresh)
        self.scratch, self.order = copied(self.fresh), np.zeros(len(mapspace.encoding.slots), np.int64)
        self.first_ends, self.last_ends = _ends(plan)
        self.at = np.ones(1, np.int64)
        self.length = mapspace.encoding.length

    @property
    def tried(self) -> int:
        return int(self.outer.visited[0] + self.inner.visited[0])

    def prefixes(self, space: Space, points: Floats, budget: int) -> tuple[Ints, Floats]:
        """The next beginnings (k, steps) and what they cost at least (k, 2), the cheapest first."""
        found = np.zeros((_PREFIXES, int(self.first_ends[-1])), np.int64)
        costs = np.zeros((_PREFIXES, 2))
        n = run_interruptibly(
            fill_prefixes, space, self.plan, self.outer, self.scratch, self.facts, self.first_ends,
            self.at, points, int(self.outer.visited[0]) + budget, found, costs,
        )  # fmt: skip
        return found[:n], costs[:n]

    def rows(
        self, space: Space, prefixes: Ints, least: Floats, points: Callable[[], Floats], budget: int
    ) -> Iterator[Vectors]:
        """The vectors (k, length) that begin so, but for those that points beat."""
        done, at, n = np.zeros(1, np.int64), np.zeros(1, np.int64), _ROWS
        limit = int(self.inner.visited[0]) + budget
        while n == _ROWS:
            rows = np.empty((_ROWS, self.length), np.int32)
            n = run_interruptibly(
                fill_rows_of, space, self.plan, self.inner, self.fresh, self.scratch, self.order,
                self.facts, self.last_ends, at, prefixes, least, done, points(), limit, rows, np.zeros(2),
            )  # fmt: skip
            if n:
                yield rows[:n]


def prunes(objective: Objective) -> bool:
    """Whether bounds show what an objective needs not: not where the front of energy and cycles is wanted."""
    return objective.name not in (FRONT, "edp")


class Pruned:
    """Asks for every mapping of a mapspace that may be the best.

    First for those that begin, with the bounds of all dimensions but one, as the cheapest may. After
    ``most_tried`` bounds without an end it goes through the mapspace from the start, leaving nothing out.
    """

    name = "pruned"

    def __init__(self, space: Mapspace, objective: Objective, most_tried: int = MOST_TRIED) -> None:
        self._space, self._objective, self._most_tried = space, objective, most_tried
        self._best, self._least = math.inf, (math.inf, math.inf)
        self._chunks: Iterator[Vectors] | None = None
        self._vectors = np.empty((0, space.encoding.length), np.int32)

    def ask(self, n: int) -> Vectors:
        """Return the next mappings; MappingError where the space has none at all."""
        if self._chunks is None:
            self._chunks = self._search()
        if not len(self._vectors):
            self._vectors = next(self._chunks, self._vectors)
        vectors, self._vectors = self._vectors[:n], self._vectors[n:]
        return vectors

    def tell(self, vectors: Vectors, costs: npt.NDArray[np.float64]) -> None:
        """Remember the best."""
        self._best = min(self._best, float(costs[:, 0].min()))

    def _search(self) -> Iterator[Vectors]:
        """Yield vectors (k, length)."""
        mapspace, found = self._space, False
        space = make_space(mapspace.encoding, mapspace.layout, mapspace.restriction)
        plans = (
            make_plans(mapspace.encoding, space) if covered(mapspace.encoding, mapspace.restriction) else ()
        )
        ways = [Way(mapspace, space, *plan) for plan in islice(plans, MOST_PLANS + 1)]
        every = list(ways)
        if len(ways) <= MOST_PLANS:
            self._least = _least(space, ways)
            while ways and (left := self._left(every)):
                begun = [(way, *self._sorted(*way.prefixes(space, self._points(), left))) for way in ways]
                for part in slice(_FIRST), slice(_FIRST, None):
                    for way, prefixes, costs in begun:
                        left = self._left(every)
                        for rows in way.rows(space, prefixes[part], costs[part], self._points, left):
                            found = True
                            yield rows
                ways = [way for way in ways if way.at[0]]
        if len(ways) > MOST_PLANS or not self._left(every):
            yield from mapspace.batches(_ROWS)
        elif not found:
            raise mapspace.empty()

    def _left(self, ways: Sequence[Way]) -> int:
        """Bounds that may still be tried."""
        return max(0, self._most_tried - sum(way.tried for way in ways))

    def _sorted(self, prefixes: Ints, costs: Floats) -> tuple[Ints, Floats]:
        """Beginnings and what they cost at least, the cheapest first."""
        order = np.argsort(self._objective.values(costs[:, 0], costs[:, 1].astype(np.int64)), kind="stable")
        return prefixes[order], costs[order]

    def _points(self) -> Floats:
        """Points (P, 2) of energy and cycles that beat none but what is sure to be worse than the best."""
        if self._objective.name == "energy" or math.isinf(self._best):
            return np.array([[self._best, -math.inf]])
        if self._objective.name == "cycles":
            return np.array([[-math.inf, self._best + 1]])
        energy, cycles = self._least
        return np.array(
            [
                [self._passes(lambda x: self._objective.value(x, int(cycles)), energy), -math.inf],
                [-math.inf, self._passes(lambda x: self._objective.value(energy, int(x)), cycles) + 1],
            ]
        )

    def _passes(self, value: Callable[[float], float], least: float) -> float:
        """Where a value that never falls is past the best, from ``least`` on; as near as bisection comes."""
        low, high = least, max(1.0, 2 * least)
        while value(high) <= self._best:
            low, high = high, 2 * high
            if high > _FAR:
                return math.inf
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if value(middle) > self._best else (middle, high)
        return high


def _least(space: Space, ways: Sequence[Way]) -> tuple[float, float]:
    """Energy and cycles that no mapping goes below."""
    found = [least_cost(space, way.plan, way.fresh, way.facts, 0, -1) for way in ways]
    return min((e for e, _ in found), default=math.inf), min((c for _, c in found), default=math.inf)


def _ends(plan: Plan) -> tuple[Ints, Ints]:
    """Numbers of steps after which to look at bounds: of all dimensions but the last, and from there on.

    Where the first bound with a legal mapping is the one, what is legal must not be left out. Where chosen
    tiles may take more room than others, only whole mappings are looked at.
    """
    steps, count = plan.steps, len(plan.steps)
    last = 0 if plan.exact[0] else int(np.flatnonzero(steps[:, DIM] == steps[-1, DIM])[0])
    new = [k for k in range(1, last) if steps[k, DIM] != steps[k - 1, DIM]]
    free = (
        []
        if plan.exact[0]
        else [k for k in range(last + 1, count) if not (steps[:k, SATURATED] == NOW).any()]
    )
    return np.array([0, *new, last]), np.array([last, *free, count])
