"""Draws mappings at random."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.encoding import Vectors
from simulator.mapspaces import Mapspace

# The first draws of a short search do not wait for many; those of a long one come in few calls.
_FIRST_BLOCK, _LAST_BLOCK = 64, 2**14


class Random:
    """Asks for random mappings of a mapspace without end, distributed as `Mapspace.sample` says.

    Raises
    ------
    MappingError
        If the space has no mapping: which level or axis is too small, and what would do.
    """

    name = "random"

    def __init__(self, space: Mapspace, seed: int) -> None:
        self._space, self._seed, self._blocks = space, seed, 0
        # Says why if there is none; a draw could only say that it found none.
        self._left: Vectors = next(space.batches(1))[:0]

    def ask(self, n: int) -> Vectors:
        """Return the next draws."""
        if not len(self._left):
            # Every block has a stream of its own, apart from those of all other seeds.
            stream = (self._seed << 31) + self._blocks
            rows = min(_FIRST_BLOCK << min(self._blocks, 30), _LAST_BLOCK)
            self._left, self._blocks = self._space.sample(rows, stream), self._blocks + 1
        vectors, self._left = self._left[:n], self._left[n:]
        return vectors

    def tell(self, vectors: Vectors, costs: npt.NDArray[np.float64]) -> None:
        """Take no notice: draws do not depend on costs."""
