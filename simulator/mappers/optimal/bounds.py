"""Tables of the cheapest completion of every partial mapping, for all ways to use the array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture
from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.mappers.optimal.lattice import make_lattice
from simulator.mappers.optimal.model import make_model
from simulator.mappers.optimal.spatial import make_spreads
from simulator.mappers.optimal.sums import sums_of
from simulator.mappers.optimal.tables import (
    Places,
    complete_inside,
    complete_outside,
    end_price,
    level_prices,
    make_holders,
)
from simulator.problem import Problem


class Tables(NamedTuple):
    """Prices and cheapest completions with one spread, by tiles inside the array.

    prices (T, L, L, n): of every boundary, its tiles those at the child; outside (H, n): by state of holders
    before the array is entered, the tiles above it being as many times larger as there are places; inside
    (H, n): after that; ends (H,): without another level.
    """

    prices: Floats
    outside: Floats
    inside: Floats
    ends: Floats


class Bounds:
    """The bound of everything a search can meet; energy in the architecture's unit."""

    def __init__(
        self, problem: Problem, architecture: Architecture, keeps: Mapping[str, bool], mirror: bool = True
    ) -> None:
        self.lattice = make_lattice(problem)
        self.model, self.machine = make_model(problem, architecture, self.lattice, keeps)
        spreads = make_spreads(problem, architecture, self.lattice, mirror)
        self.spreads = spreads
        self.holders = make_holders(self.model, self.bypassed(keeps))
        self.tiles = math.prod(self.lattice.many.tolist())
        self._sums: dict[tuple[object, ...], tuple[int, Floats]] = {}
        self._written = 0
        dims = len(self.lattice.extents)
        self._at, self._n = np.zeros(dims, np.int64), np.zeros(dims, np.int64)
        self._gaps, self._words = np.zeros((1, dims)), np.zeros(4)
        self.whole = self._places(np.ones(dims, np.int64), np.ones_like(self.model.relevant))
        self.start = self.whole.apart
        self.places = [self._places(spreads.total[s], spreads.shared[s]) for s in range(len(spreads.total))]
        self.sums = np.concatenate([np.zeros(1), *(array.ravel() for _, array in self._sums.values())])[1:]

    def bypassed(self, keeps: Mapping[str, bool]) -> Ints:
        """1 where a level (T, L) must not hold a tensor."""
        never = np.zeros_like(self.model.must)
        for t, levels in enumerate(self.machine.levels):
            for i, level in enumerate(levels):
                never[t, i] = keeps.get(f"{level}.{self.machine.problem.tensor_names[t]}") is False
        return never

    def _places(self, total: Ints, shared: Ints) -> Places:
        lattice = self.lattice
        many, size = np.zeros_like(total), np.zeros_like(lattice.size)
        back = np.full_like(lattice.size, -1)
        for d, places in enumerate(total):
            fit = [i for i in range(lattice.many[d]) if lattice.tiles[d, i] % places == 0]
            many[d], size[d, : len(fit)], back[d, fit] = len(fit), fit, range(len(fit))
        apart = self._starts(np.broadcast_to(total, shared.shape), None)
        return Places(
            total, shared, apart, self._starts(shared, total), np.ones_like(shared), many, size, back
        )

    def _starts(self, places: Ints, total: Ints | None) -> Ints:
        """Where the sums of every rank begin, with padding and without: of places apart, or together."""
        model = self.model
        start = np.zeros((len(model.rank_dims), 2), np.int64)
        for t in range(len(model.levels)):
            if model.output[t]:
                continue
            for r in range(model.rank_start[t], model.rank_start[t + 1]):
                dims = [d for d in model.rank_dims[r] if d >= 0]
                key = tuple(int(places[t, d]) for d in dims)
                whole = key if total is None else tuple(int(total[d]) for d in dims)
                for clip in set(model.clips[t, : model.levels[t]].tolist()):
                    start[r, clip] = self._begin(r, clip, key, whole, total is not None)
        return start

    def _begin(
        self, r: int, clip: int, places: tuple[int, ...], total: tuple[int, ...], together: bool
    ) -> int:
        key = r, clip, places, total, together
        if key not in self._sums:
            array = self._rank_sums(r, clip, total, together and places == total)
            if together and places != total:
                # Places on axes that do not multicast take words apart; a word goes to all others at most.
                array = array / math.prod(places)
            self._sums[key] = self._written, array
            self._written += array.size
        return self._sums[key][0]

    def _rank_sums(self, r: int, clip: int, places: tuple[int, ...], together: bool) -> Floats:
        problem = self.machine.problem
        rank = [rank for tensor in problem.tensors for rank in tensor.ranks][r]
        extents = [problem.extents[d] for d in rank.dimensions] + [1]
        steps = [c for _, c in rank.coefficients] + [1]
        low, high = 0, problem.rank_length(rank)
        if clip and rank.data is not None:
            low, high = rank.data[0], min(high, sum(rank.data))
        described = np.array([*extents[:2], *steps[:2], low, high], np.int64)
        return sums_of(
            self.lattice,
            described,
            self.model.rank_dims[r],
            (places[0], places[1] if len(places) > 1 else 1),
            together,
        )

    @cached_property
    def _outer(self) -> Floats:
        """Prices (T, L, L, N) of every boundary to a level outside the array."""
        tensors, most = self.model.must.shape
        prices = np.full((tensors, most, most, self.tiles), np.inf)
        level_prices(
            self.model,
            self.sums,
            self.start,
            self.whole,
            0,
            self._at,
            self._n,
            self._gaps,
            self._words,
            prices,
        )
        return prices

    def tables(self, spread: int) -> Tables:
        """The cheapest completions of everything with one spread."""
        p, above = self.places[spread], self._above(spread)
        states = len(self.holders.held)
        ends = self.ends(spread)
        # Contiguous, for kernels of one signature.
        prices = np.take(self._outer, above, axis=-1)
        level_prices(
            self.model, self.sums, self.start, p, 1, self._at, self._n, self._gaps, self._words, prices
        )
        inside, outside = np.empty((states, len(above))), np.empty((states, len(above)))
        inside[:] = ends[:, None]
        complete_inside(self.model, p, self.holders, prices, self._at, inside)
        complete_outside(self.model, p, self.holders, prices, inside, self._at, outside)
        return Tables(prices, outside, inside, ends)

    def ends(self, spread: int) -> Floats:
        """What every state (H,) costs to the end without another level."""
        fixed = self.machine.fixed + self.machine.leak * float(self.spreads.steps[spread])
        last, extents = self.lattice.many - 1, self.lattice.extents
        where = self.model, self.sums, self.start, self.places[spread], self.holders
        states = range(len(self.holders.held))
        return fixed + np.array(
            [end_price(*where, state, last, extents, self._gaps, self._words) for state in states]
        )

    def above(self, spread: int) -> Places:
        """Tiles above the array, numbered like those inside it."""
        p, lattice = self.places[spread], self.lattice
        size, back = np.zeros_like(p.size), np.full_like(p.back, -1)
        for d, many in enumerate(p.many):
            size[d, :many] = lattice.number[d, lattice.size[d, p.size[d, :many]] * p.total[d]]
            back[d, size[d, :many]] = range(many)
        return p._replace(size=size, back=back)

    def _above(self, spread: int) -> Ints:
        """Of all tiles inside the array the numbers (n,) of those above it."""
        p, number = self.above(spread), np.zeros(1, np.int64)
        for d, many in enumerate(p.many):
            number = (number[:, None] * self.lattice.many[d] + p.size[d, :many]).ravel()
        return number
