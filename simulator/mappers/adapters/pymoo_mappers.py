"""Optimizers of pymoo: J. Blank, K. Deb, "pymoo: Multi-Objective Optimization in Python", 2020."""

from __future__ import annotations

from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.algorithm import Algorithm
from pymoo.core.problem import Problem
from pymoo.core.termination import NoTermination

from simulator.mappers.adapters.genes import Optimizer

_POPULATION = 100


def genetic(size: int, seed: int) -> Optimizer:
    """Let a genetic algorithm look for the least objective."""
    return _optimize(GA(pop_size=_POPULATION), size, seed, 1)


def nsga2(size: int, seed: int) -> Optimizer:
    """Let NSGA-II look for the front of the objective and the figure that tells its equals apart."""
    return _optimize(NSGA2(pop_size=_POPULATION), size, seed, 2)


def _optimize(algorithm: Algorithm, size: int, seed: int, figures: int) -> Optimizer:
    problem = Problem(n_var=size, n_obj=figures, xl=0.0, xu=1.0)
    algorithm.setup(problem, termination=NoTermination(), seed=seed)
    while True:
        asked = algorithm.ask()
        asked.set("F", (yield asked.get("X"))[:, :figures])
        algorithm.tell(infills=asked)
