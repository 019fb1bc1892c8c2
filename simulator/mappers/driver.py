"""Searches a mapspace with a mapper: asks it, scores, tells it, keeps the best."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.batch.model import CostModel
from simulator.encoding import Vectors
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.mappers.choice import Choice, front_rows
from simulator.mappers.exhaustive import Exhaustive
from simulator.mappers.hill_climbing import HillClimbing
from simulator.mappers.protocol import Mapper
from simulator.mappers.random import Random
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace

# What is to be least, and what tells mappings equal in it apart.
OBJECTIVES = {"energy": ("energy", "cycles"), "cycles": ("cycles", "energy"), "edp": ("edp", "energy")}
MAPPERS: dict[str, Callable[[Mapspace, int], Mapper]] = {
    Exhaustive.name: lambda space, _: Exhaustive(space),
    Random.name: Random,
    HillClimbing.name: HillClimbing,
}
# Evaluations of a mapper without end that is given no limit.
DEFAULT_EVALUATIONS = 100_000
_BATCH = 2**14


@dataclass(frozen=True)
class Standing:
    """How far a search is: vectors scored, of how many where known, seconds, the part of it done (0 to 1)
    where known, and the best mapping's energy and cycles so far (infinity and the largest integer: none).
    """

    evaluated: int
    total: int | None
    seconds: float
    part: float | None
    energy: float
    cycles: int


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    ``front`` is for "edp" the convex front of energy and cycles (see `best_together`), else the best alone.
    ``evaluated`` counts the vectors scored, ``complete`` says whether they were the whole mapspace, and
    ``interrupted`` whether Ctrl-C ended the search. Energy is in the architecture's unit; cycles are those
    of the closed form, as in `evaluate`.
    """

    objective: str
    mapper: str
    vector: Vectors
    best: Choice
    front: tuple[Choice, ...]
    evaluated: int
    complete: bool
    interrupted: bool
    seconds: float

    @property
    def mapping(self) -> Mapping:
        return self.best.mapping

    @property
    def energy(self) -> float:
        return self.best.energy

    @property
    def cycles(self) -> int:
        return self.best.cycles

    @property
    def edp(self) -> float:
        """Energy times cycles."""
        return self.best.edp

    @property
    def cost(self) -> tuple[float, float]:
        """The objective, and what tells mappings equal in it apart."""
        first, second = OBJECTIVES[self.objective]
        return getattr(self, first), getattr(self, second)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was searched and the best mapping, as a nest and as a vector."""
        return {
            "objective": self.objective,
            "mapper": self.mapper,
            "evaluated": self.evaluated,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "energy": self.energy,
            "cycles": self.cycles,
            "edp": self.edp,
            "mapping": self.mapping.to_list(),
            "vector": self.vector.tolist(),
        }


def check_objective(objective: str) -> str:
    """Return the name of an objective; SimulatorError with the nearest name if there is none."""
    if objective not in OBJECTIVES:
        raise SimulatorError(f"unknown objective {objective!r}{did_you_mean(objective, OBJECTIVES)}")
    return objective


def check_mapper(mapper: str) -> str:
    """Return the name of a mapper; SimulatorError with the nearest name if there is none."""
    if mapper not in MAPPERS:
        raise SimulatorError(f"unknown mapper {mapper!r}{did_you_mean(mapper, MAPPERS)}")
    return mapper


def find_best(
    space: Mapspace,
    objective: str = "energy",
    mapper: str = Exhaustive.name,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[Standing], None] | None = None,
) -> Found:
    """Search a mapspace with a mapper named ``exhaustive``, ``random`` or ``hill-climbing``; see `search`.

    ``seed`` is what random draws follow from. Given no limit, the exhaustive mapper goes through the whole
    space, the others make 100,000 evaluations.

    Raises
    ------
    SimulatorError, MappingError
        For unknown names, a seed or limits out of range; for a mapspace without mappings, and why.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise SimulatorError(f"a seed is a whole number from 0 to 2**32 - 1, not {seed!r}")
    if check_mapper(mapper) != Exhaustive.name and evaluations is None and seconds is None:
        evaluations = DEFAULT_EVALUATIONS
    return search(
        space, CostModel(space.problem, space.architecture), MAPPERS[mapper](space, seed), objective,
        evaluations=evaluations, seconds=seconds, threads=threads, progress=progress,
    )  # fmt: skip


def search(
    space: Mapspace,
    model: CostModel,
    mapper: Mapper,
    objective: str = "energy",
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    threads: int = 1,
    progress: Callable[[Standing], None] | None = None,
) -> Found:
    """Let a mapper look for the mapping with the least energy, cycles or EDP.

    Mappings equal in it are told apart by the other figure (by energy where it is the EDP), then by which
    came first; what is found depends on ``seconds``, but not on ``threads``. The search ends when the mapper
    has no more vectors, after so many ``evaluations``, with the first batch past so many ``seconds``, or
    with Ctrl-C, which raises KeyboardInterrupt only where nothing was scored yet.

    Raises
    ------
    SimulatorError, MappingError
        For an unknown objective, limits or threads out of range; for a mapspace without mappings, and why.
    """
    _check_limit("evaluations", evaluations, Integral)
    _check_limit("seconds", seconds, Real)
    _check_limit("threads", threads, Integral, needed=True)
    best = _Best(check_objective(objective), space.encoding.length)
    started, evaluated, complete, interrupted = time.monotonic(), 0, False, False
    try:
        total = _total(space, evaluations, seconds) if progress is not None else None
        while evaluations is None or evaluated < evaluations:
            room = _BATCH * threads
            vectors = mapper.ask(room if evaluations is None else min(room, evaluations - evaluated))
            if complete := not len(vectors):
                break
            mapper.tell(vectors, best.take(vectors, model.evaluate(vectors, threads=threads)))
            evaluated += len(vectors)
            passed = time.monotonic() - started
            if progress is not None:
                progress(_standing(evaluated, total, passed, seconds, best))
            if seconds is not None and passed >= seconds:
                break
        # A limit may be just as large as the space.
        if evaluated == evaluations:
            complete = not len(mapper.ask(1))
    except KeyboardInterrupt:
        if not evaluated:
            raise
        interrupted = True
    return best.found(space, mapper.name, evaluated, complete, interrupted, time.monotonic() - started)


class _Best:
    """The best of the vectors scored so far, and for the EDP their front."""

    def __init__(self, objective: str, length: int) -> None:
        self.objective = objective
        self.energy, self.cycles = math.inf, int(np.iinfo(np.int64).max)
        self._cost = (math.inf, math.inf)
        self._vector: Vectors = np.empty(length, np.int32)
        self._front = np.empty((0, length), np.int32), np.empty(0), np.empty(0, np.int64)

    def take(self, vectors: Vectors, scores: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
        """Keep what is better; return the costs (k, 2) as mappers are told them."""
        first, second = (scores[figure] for figure in OBJECTIVES[self.objective])
        least = np.flatnonzero(first == first.min())
        row = int(least[second[least].argmin()])
        # Integers stay integers, so that no two numbers of cycles look the same.
        cost = first[row].item(), second[row].item()
        if scores["valid"][row] and cost < self._cost:
            self._cost, self._vector = cost, vectors[row].copy()
            self.energy, self.cycles = float(scores["energy"][row]), int(scores["cycles"][row])
        if self.objective == "edp":
            self._extend_front(vectors[scores["valid"]], scores[scores["valid"]])
        return np.where(scores["valid"], (first, second), np.inf).T

    def _extend_front(self, vectors: Vectors, scores: npt.NDArray[np.void]) -> None:
        every = np.concatenate((self._front[0], vectors))
        energy = np.concatenate((self._front[1], scores["energy"]))
        cycles = np.concatenate((self._front[2], scores["cycles"]))
        rows = front_rows(energy, cycles)
        self._front = every[rows], energy[rows], cycles[rows]

    def found(
        self, space: Mapspace, mapper: str, evaluated: int, complete: bool, interrupted: bool, seconds: float
    ) -> Found:
        """Return the result; MappingError where no vector was a mapping that can be counted."""
        if math.isinf(self.energy):
            raise MappingError(
                f"none of the {evaluated:,} mappings of {space.problem.name} that were tried can be counted"
            )
        best = Choice(space.decode(self._vector), self.energy, self.cycles)
        front = tuple(
            Choice(space.decode(vector), float(energy), int(cycles))
            for vector, energy, cycles in zip(*self._front, strict=True)
        )
        return Found(
            self.objective, mapper, self._vector, best, front or (best,),
            evaluated, complete, interrupted, seconds,
        )  # fmt: skip


def _check_limit(name: str, limit: float | None, kind: type, needed: bool = False) -> None:
    if limit is None and not needed:
        return
    if limit is None or isinstance(limit, bool) or not isinstance(limit, kind) or not 0 < limit < math.inf:
        what = "whole number" if kind is Integral else "number"
        raise SimulatorError(f"{name} must be a positive {what}, not {limit!r}")


def _total(space: Mapspace, evaluations: int | None, seconds: float | None) -> int | None:
    """Vectors to score in all, where that is known."""
    if evaluations is not None or seconds is not None:
        return evaluations
    size = space.size()
    return size.mappings if size.exact else None


def _standing(
    evaluated: int, total: int | None, passed: float, seconds: float | None, best: _Best
) -> Standing:
    parts = [done / all_ for done, all_ in ((evaluated, total), (passed, seconds)) if all_]
    part = min(1.0, max(parts)) if parts else None
    return Standing(evaluated, total, passed, part, best.energy, best.cycles)
