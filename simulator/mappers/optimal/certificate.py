"""Why there is nothing better: what a search looked at, and what its rules left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.mappers.optimal.bounds import Bounds


@dataclass(frozen=True)
class Certificate:
    """Why there is nothing better: what was searched, and what was left out by which rule.

    ``implied`` chains of tiles at most, capacities aside, each with all orders of its loops (None where the
    search ended before it knew); ``evaluated``
    mappings counted exactly; ``tried`` partial mappings, of them cut by "capacity", "bound", equal paths
    ("hoist, sink, matters") and "dominated".
    """

    implied: float | None
    evaluated: int
    tried: int
    cut: Mapping[str, int]


def implied_chains(bounds: Bounds) -> float:
    """Chains of tiles with every order of nodes and every use of the array, at most: capacities aside.

    With g gaps there are as many chains of a dimension as ways to share out its prime factors.
    """
    model, holders = bounds.model, bounds.holders
    number = np.zeros((len(holders.held), int(model.levels.sum()) + 2))
    last = model.must.shape[1]
    # By state and number of gaps so far, sequences of nodes.
    number[0, 1] = 1
    total = np.zeros(number.shape[1])
    for state in range(len(holders.held)):
        if (holders.after[state, :, last] == 1).all():
            total += number[state]
        for t in range(len(model.levels)):
            for b in range(1, last):
                if (target := holders.after[state, t, b]) >= 0:
                    number[target, 1:] += number[state, :-1]
    axes = sum(len(array.axes) for array in bounds.machine.architecture.arrays)
    return float(
        sum(
            sequences * math.prod(_shares(int(n), gaps + axes) for n in bounds.lattice.extents)
            for gaps, sequences in enumerate(total)
            if sequences
        )
    )


def _shares(extent: int, places: int) -> int:
    """Ways to write an extent as a product of so many factors, in order."""
    ways, p = 1, 2
    while extent > 1:
        power = 0
        while extent % p == 0:
            extent, power = extent // p, power + 1
        ways *= math.comb(power + places - 1, places - 1)
        p += 1 if p * p <= extent or extent == 1 else extent - p
    return ways
