"""The covariance matrix adaptation evolution strategy of the library cmaes, which Optuna uses.

M. Nomura, M. Shibata, "cmaes: A Simple yet Practical Python Library for CMA-ES", 2024.
"""

from __future__ import annotations

import numpy as np
from cmaes import CMA

from simulator.mappers.adapters.genes import Optimizer

# Of the cube's width; Optuna begins with as much.
_SIGMA = 1 / 6


def strategy(size: int, seed: int) -> Optimizer:
    """Let CMA-ES look for the least objective, anew where it has converged."""
    random = np.random.default_rng(seed)
    cube = np.tile([0.0, 1.0], (size, 1))
    while True:
        start = np.full(size, 0.5)
        # A point outside goes to the nearest inside: in many dimensions drawing it anew would take for ever.
        cma = CMA(start, _SIGMA, cube, n_max_resampling=1, seed=int(random.integers(2**31)))
        while not cma.should_stop():
            points = np.array([cma.ask() for _ in range(cma.population_size)])
            heights = yield points
            cma.tell(list(zip(points, heights[:, 0].tolist(), strict=True)))
