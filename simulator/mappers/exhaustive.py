"""Goes through a whole mapspace."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from simulator.encoding import Vectors
from simulator.mapspaces import Mapspace


class Exhaustive:
    """Asks for every mapping of a mapspace once, in the order of `Mapspace.batches`."""

    name = "exhaustive"

    def __init__(self, space: Mapspace) -> None:
        self._space = space
        self._batches: Iterator[Vectors] | None = None
        self._left: Vectors = np.empty((0, space.encoding.length), np.int32)

    def ask(self, n: int) -> Vectors:
        """Return the next mappings; MappingError where the space has none at all."""
        if self._batches is None:
            self._batches = self._space.batches(n)
        if not len(self._left):
            self._left = next(self._batches, self._left)
        vectors, self._left = self._left[:n], self._left[n:]
        return vectors

    def tell(self, vectors: Vectors, costs: npt.NDArray[np.float64]) -> None:
        """Take no notice: what comes next does not depend on costs."""
