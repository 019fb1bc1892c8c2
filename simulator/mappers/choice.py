"""The mappings that a search keeps: the best one, and for a network's EDP the convex front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.counting.lowering import Ints
from simulator.mapping import Mapping


@dataclass(frozen=True)
class Choice:
    """A mapping picked from a mapspace: its energy and cycles by the closed form."""

    mapping: Mapping
    energy: float
    cycles: int

    @property
    def edp(self) -> float:
        """Energy times cycles."""
        return self.energy * self.cycles


def best_together(fronts: Sequence[Sequence[Choice]], weights: Sequence[int]) -> list[int]:
    """The choice of each layer for the smallest product of total energy and total cycles.

    The product is quasi-concave, so its minimum lies at a corner of the convex hull of all sums; such
    corners are sums of corners of the layers' fronts that one direction supports. Their edges, sorted by
    slope over all layers, lead from one to the next.
    """
    picked = [0] * len(fronts)
    energy = sum(w * front[0].energy for front, w in zip(fronts, weights, strict=True))
    cycles = sum(w * front[0].cycles for front, w in zip(fronts, weights, strict=True))
    edges = []
    for layer, front in enumerate(fronts):
        for i in range(1, len(front)):
            slope = (front[i].energy - front[i - 1].energy) / (front[i - 1].cycles - front[i].cycles)
            edges.append((slope, layer, i))
    best, best_product = list(picked), energy * cycles
    for _, layer, i in sorted(edges):
        picked[layer] = i
        energy += weights[layer] * (fronts[layer][i].energy - fronts[layer][i - 1].energy)
        cycles += weights[layer] * (fronts[layer][i].cycles - fronts[layer][i - 1].cycles)
        if energy * cycles < best_product:
            best, best_product = list(picked), energy * cycles
    return best


def front_rows(energy: npt.NDArray[np.float64], cycles: Ints, convex: bool = True) -> list[int]:
    """Rows that none beats in both, from the least energy to the fewest cycles; of equals the first.

    ``convex`` takes only those on the lower left convex hull.

    Exact, so the front of a whole is the front of its parts' fronts.
    """
    order = np.lexsort((cycles, energy))
    fewest = np.minimum.accumulate(cycles[order])
    unbeaten = order[np.flatnonzero(np.diff(fewest, prepend=fewest[:1] + 1))]
    if not convex:
        return [int(row) for row in unbeaten]
    hull: list[tuple[int, Fraction, int]] = []
    for row in unbeaten:
        point = int(row), Fraction(float(energy[row])), int(cycles[row])
        while len(hull) > 1 and not _turns(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return [row for row, _, _ in hull]


def _turns(a: tuple[int, Fraction, int], b: tuple[int, Fraction, int], c: tuple[int, Fraction, int]) -> bool:
    """Whether ``b`` lies below the line from ``a`` to ``c``."""
    return (c[1] - a[1]) * (b[2] - a[2]) < (b[1] - a[1]) * (c[2] - a[2])
