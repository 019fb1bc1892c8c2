"""Optimizers of nevergrad (J. Rapin, O. Teytaud, 2018)."""

from __future__ import annotations

import warnings

import nevergrad as ng
import numpy as np

from simulator.mappers.adapters.genes import Optimizer

# A round, and how many rounds an optimizer reckons with before another one begins.
_WORKERS, _ROUNDS = 64, 1500


def chosen(size: int, seed: int) -> Optimizer:
    """Let nevergrad choose the optimizer."""
    return registered("NGOpt", size, seed)


def evolution(size: int, seed: int) -> Optimizer:
    """Let differential evolution look for the least objective."""
    return registered("DE", size, seed)


def registered(name: str, size: int, seed: int) -> Optimizer:
    """Let an optimizer of nevergrad's registry look for the least objective."""
    cube = ng.p.Array(shape=(size,), lower=0.0, upper=1.0)
    cube.random_state.seed(seed)
    while True:
        budget = _ROUNDS * _WORKERS
        optimizer = ng.optimizers.registry[name](cube, budget=budget, num_workers=_WORKERS)
        for _ in range(_ROUNDS):
            # Optimizers that doubt their numbers: nothing that a user could do about.
            with warnings.catch_warnings(action="ignore"):
                asked = [optimizer.ask() for _ in range(_WORKERS)]
            heights = yield np.array([candidate.value for candidate in asked])
            with warnings.catch_warnings(action="ignore"):
                for candidate, height in zip(asked, heights[:, 0], strict=True):
                    optimizer.tell(candidate, float(height))
