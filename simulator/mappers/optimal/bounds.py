"""Tables of the cheapest completion of every partial mapping, for all ways to use the array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from simulator.architecture import Architecture
from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import run_interruptibly
from simulator.mappers.optimal.lattice import make_lattice
from simulator.mappers.optimal.model import make_model
from simulator.mappers.optimal.spatial import make_spreads
from simulator.mappers.optimal.sums import sums_of
from simulator.mappers.optimal.tables import Places, complete, end_price, keep_tiles, lift, make_holders
from simulator.problem import Problem


class Bounds:
    """The bound of everything a search can meet; energy in the architecture's unit."""

    def __init__(self, problem: Problem, architecture: Architecture, keeps: Mapping[str, bool]) -> None:
        self.lattice = make_lattice(problem)
        self.model, self.machine = make_model(problem, architecture, self.lattice, keeps)
        spreads = make_spreads(problem, architecture, self.lattice)
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
    def entries(self) -> list[Floats]:
        """By spread the cheapest ways (O, n) from the O states outside the array, through it to the end."""
        outer = np.flatnonzero(self.holders.outer)
        return [self.inside(s)[outer] for s in range(len(self.places))]

    def inside(self, spread: int) -> Floats:
        """The cheapest ways (H, n) from every state of holders and tiles inside the array to the end."""
        p = self.places[spread]
        number, states = math.prod(p.many.tolist()), len(self.holders.held)
        costs = np.full((states, number), np.inf)
        costs[:] = self.ends(spread)[:, None]
        shape = (len(self.model.levels), self.model.must.shape[1], self.model.must.shape[1], number)
        complete(
            self.model,
            self.sums,
            self.start,
            p,
            self.holders,
            1,
            np.full(shape, np.inf),
            self._at,
            self._n,
            self._gaps,
            self._words,
            costs,
        )
        keep_tiles(
            self.model,
            self.sums,
            self.start,
            p,
            self.holders,
            self._at,
            self._n,
            self._gaps,
            self._words,
            costs.copy(),
            costs,
        )
        return costs

    def ends(self, spread: int) -> Floats:
        """What every state (H,) costs to the end without another level."""
        fixed = self.machine.fixed + self.machine.leak * float(self.spreads.steps[spread])
        last, extents = self.lattice.many - 1, self.lattice.extents
        where = self.model, self.sums, self.start, self.places[spread], self.holders
        states = range(len(self.holders.held))
        return fixed + np.array(
            [end_price(*where, state, last, extents, self._gaps, self._words) for state in states]
        )

    def outside(self, spreads: Ints) -> Floats:
        """The cheapest ways (H, N) from every state outside the array to the end by some of the spreads."""
        costs = np.full((len(self.holders.held), self.tiles), np.inf)
        outer = np.flatnonzero(self.holders.outer)
        for spread in spreads:
            for i, state in enumerate(outer):
                if self.holders.leaves[state]:
                    lift(self.model, self.places[spread], self.entries[spread][i], self._at, costs[state])
        shape = (len(self.model.levels), self.model.must.shape[1], self.model.must.shape[1], self.tiles)
        run_interruptibly(
            complete, self.model, self.sums, self.start, self.whole, self.holders, 0, np.full(shape, np.inf),
            self._at, self._n, self._gaps, self._words, costs,
        )  # fmt: skip
        return costs
