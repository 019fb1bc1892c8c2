"""Optimizers of Optuna: T. Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization
Framework", KDD 2019."""

from __future__ import annotations

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, TPESampler

from simulator.mappers.adapters.genes import Optimizer

# What a trial takes grows with those before it: after so many, only the best are remembered.
_ROUNDS, _REMEMBERED = 25, 100
_ROUND = 20


def tpe(size: int, seed: int) -> Optimizer:
    """Let a tree-structured Parzen estimator look for the least objective."""
    sampler = TPESampler(seed=seed, multivariate=True, constant_liar=False)
    best: list[optuna.trial.FrozenTrial] = []
    while True:
        study = _study(sampler)
        study.add_trials(best)
        for _ in range(_ROUNDS):
            yield from _round(study, size, _ROUND)
        best = sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.values)[:_REMEMBERED]


def _study(sampler: BaseSampler) -> optuna.Study:
    # Its progress is that of the search, which says so itself.
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler)
    optuna.logging.set_verbosity(before)
    return study


def _round(study: optuna.Study, size: int, count: int) -> Optimizer:
    cube: dict[str, BaseDistribution] = {f"gene{i}": FloatDistribution(0, 1) for i in range(size)}
    trials = [study.ask(cube) for _ in range(count)]
    heights = yield np.array([list(trial.params.values()) for trial in trials])
    for trial, height in zip(trials, heights[:, 0], strict=True):
        study.tell(trial, float(height))
