"""How far a search is, and what it may still gain."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """How far a search is: vectors scored, of how many where known, seconds, the part of it done (0 to 1)
    where known, and the best mapping's energy and cycles so far (infinity and the largest integer: none).

    A search for the proven optimum says besides how many partial mappings it tried and cut, and which
    ``gap`` is left between the best objective and the ``bound`` that nothing is below, as a share; None
    elsewhere.
    """

    evaluated: int
    total: int | None
    seconds: float
    part: float | None
    energy: float
    cycles: int
    tried: int = 0
    cut: int = 0
    gap: float | None = None
    value: float | None = None
    bound: float | None = None


def gap(best: float, bound: float) -> float:
    """What a bound leaves to be gained at most, as a share of the best; 1 where nothing is known."""
    if not math.isfinite(best) or best <= 0:
        return 0.0 if best == bound else 1.0
    return min(1.0, max(0.0, 1.0 - bound / best))
