"""Climbs from random mappings to the best of their neighbours, again and again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.encoding import Vectors
from simulator.mappers.random import Random
from simulator.mapspaces import Mapspace

# Divides every block of draws.
_STARTS = 64
_NOWHERE = (np.inf, np.inf)


class HillClimbing:
    """Steepest descent with restarts, without end.

    A climb starts at the best of 64 random mappings, goes to the best of all neighbours
    (`Mapspace.neighbours`) as long as that is better, and ends where none is; then the next one starts.

    Raises
    ------
    MappingError
        If the space has no mapping: which level or axis is too small, and what would do.
    """

    name = "hill-climbing"

    def __init__(self, space: Mapspace, seed: int) -> None:
        self._space, self._draws = space, Random(space, seed)
        self._round, self._asked = self._draws.ask(_STARTS), 0
        self._here = self._best = _NOWHERE
        self._vector = self._round[0]

    def ask(self, n: int) -> Vectors:
        """Return the next starts, or neighbours of where the climb stands."""
        while self._asked == len(self._round):
            if self._best < self._here:
                self._here, self._round = self._best, self._space.neighbours(self._vector)
            else:
                self._here, self._round = _NOWHERE, self._draws.ask(_STARTS)
            self._best, self._asked = _NOWHERE, 0
        vectors = self._round[self._asked : self._asked + n]
        self._asked += len(vectors)
        return vectors

    def tell(self, vectors: Vectors, costs: npt.NDArray[np.float64]) -> None:
        """Remember the best of a start's or a mapping's neighbours; of equals the first."""
        row = int(np.lexsort((costs[:, 1], costs[:, 0]))[0])
        cost = float(costs[row, 0]), float(costs[row, 1])
        if cost < self._best:
            self._best, self._vector = cost, vectors[row]
