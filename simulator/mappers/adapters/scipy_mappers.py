"""Optimizers of SciPy, which call for costs: each runs in a thread that hands its points over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np
from scipy.optimize import differential_evolution, dual_annealing

from simulator.batch.layout import Floats
from simulator.mappers.adapters.genes import Optimizer

_POPULATION = 64
# In logarithms of costs: at first a mapping a hundred times as bad is still accepted now and then.
_TEMPERATURE, _STEPS = 5.0, 1000
# A population whose heights differ by less has converged.
_CONVERGED = 1e-6
_NEVER = 2**31 - 1

Score = Callable[[Floats], Floats]


def evolution(size: int, seed: int) -> Optimizer:
    """Let differential evolution look for the least objective, from a new population once it converged."""
    rng = np.random.default_rng(seed)

    def minimize(score: Score) -> None:
        while True:
            differential_evolution(
                lambda points: score(points.T), [(0, 1)] * size, init=rng.random((_POPULATION, size)),
                rng=rng, vectorized=True, updating="deferred", polish=False, tol=0, atol=_CONVERGED,
                maxiter=_NEVER,
            )  # fmt: skip

    return _handed_over(minimize)


def annealing(size: int, seed: int) -> Optimizer:
    """Let dual annealing look for the least objective, without local searches: there are no gradients."""
    rng = np.random.default_rng(seed)

    def minimize(score: Score) -> None:
        while True:
            dual_annealing(
                lambda point: score(point[None])[0], [(0, 1)] * size, rng=rng, no_local_search=True,
                initial_temp=_TEMPERATURE, maxiter=_STEPS,
            )  # fmt: skip

    return _handed_over(minimize)


class _Stopped(Exception):  # noqa: N818
    """Nobody wants to know more: the way out of an optimizer that calls for costs."""


def _handed_over(minimize: Callable[[Score], None]) -> Optimizer:
    """Yield the points (P, size) that a function which never returns calls for the heights (P,) of.

    The thread it runs in ends with the generator.
    """
    points: SimpleQueue[Floats | BaseException] = SimpleQueue()
    heights: SimpleQueue[Floats | None] = SimpleQueue()

    def score(asked: Floats) -> Floats:
        points.put(asked.copy())
        told = heights.get()
        if told is None:
            raise _Stopped
        return told

    def work() -> None:
        try:
            minimize(score)
        except BaseException as ended:
            points.put(ended)

    # A daemon: a process does not wait for it where a mapper is left lying about.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            asked = points.get()
            if isinstance(asked, BaseException):
                raise asked
            heights.put((yield asked)[:, 0])
    finally:
        heights.put(None)
        thread.join()
