"""What a mapper is: it names vectors to score and is told their costs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from simulator.encoding import Vectors


class Mapper(Protocol):
    """Looks for good mappings; `search` scores them and keeps the best.

    The vectors that a mapper asks for follow from its space, its seed and the costs alone, not from how
    many are asked for at a time.
    """

    name: str

    def ask(self, n: int) -> Vectors:
        """Return the next vectors to score, (k, length) with 1 <= k <= n; none when all were given out."""
        ...

    def tell(self, vectors: Vectors, costs: npt.NDArray[np.float64]) -> None:
        """Take the costs (k, 2) of the vectors asked for last: the objective, and what tells equals apart.

        Less is better; vectors that are no legal mapping cost infinity.
        """
        ...
