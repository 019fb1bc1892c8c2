"""Searches a mapspace with a mapper: asks it, scores, tells it, keeps the best."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.batch.model import CostModel
from simulator.encoding import Vectors
from simulator.errors import MappingError, SimulatorError
from simulator.mappers.choice import Choice, front_rows
from simulator.mappers.exhaustive import Exhaustive
from simulator.mappers.objective import FRONT, Objective, Source, read_objective
from simulator.mappers.optimal.certificate import Certificate
from simulator.mappers.protocol import Mapper
from simulator.mappers.pruned.mapper import Pruned
from simulator.mappers.standing import Standing, gap
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace

_BATCH = 2**14
# In words that fit all its names: ``seconds``, ``time_limit``, ``--time-limit``.
TIME_LIMIT = "the time limit (seconds)"


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    ``front`` is for "edp" the convex front of energy and cycles (see `best_together`), for both objectives
    the whole front, least energy first, else the best alone. ``evaluated`` counts the vectors scored,
    ``complete`` says whether the search came to its end, and ``interrupted`` whether Ctrl-C ended it.
    ``optimal``: no mapping of the mapspace has a smaller objective than ``lower_bound``, which is the best's
    own; for both objectives, none is missing from the front. ``certificate`` says what was searched and what
    was left out, where something was. Energy is in the architecture's unit; cycles are those of the closed
    form, as in `evaluate`.
    """

    objective: str
    value: float
    mapper: str
    vector: Vectors
    best: Choice
    front: tuple[Choice, ...]
    evaluated: int
    complete: bool
    interrupted: bool
    seconds: float
    optimal: bool
    lower_bound: float
    certificate: Certificate | None = None

    @property
    def is_front(self) -> bool:
        """Whether the whole front of energy and cycles was asked for."""
        return self.objective == FRONT

    @property
    def gap(self) -> float:
        """What a better mapping could gain at most, as a share of the objective."""
        return 0.0 if self.optimal else gap(self.value, self.lower_bound)

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
        return self.value, self.cycles if self.objective in ("energy", FRONT) else self.energy

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was searched and the best mapping, as a nest and as a vector."""
        return {
            "objective": self.objective,
            "value": self.value,
            "optimal": self.optimal,
            "lower_bound": self.lower_bound,
            "gap": self.gap,
            "certificate": None if self.certificate is None else asdict(self.certificate),
            "front": [{"energy": c.energy, "cycles": c.cycles} for c in self.front],
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


def search(
    space: Mapspace,
    model: CostModel,
    mapper: Mapper,
    objective: Source = "energy",
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    threads: int = 1,
    progress: Callable[[Standing], None] | None = None,
) -> Found:
    """Let a mapper look for the mapping with the least energy, cycles, EDP or function of both.

    Mappings equal in it are told apart by the other figure (by energy where it is the EDP), then by which
    came first; what is found depends on ``seconds``, but not on ``threads``. The search ends when the mapper
    has no more vectors, after so many ``evaluations``, with the first batch past so many ``seconds``, or
    with Ctrl-C, which raises KeyboardInterrupt only where nothing was scored yet.

    Raises
    ------
    SimulatorError, MappingError
        For an unknown objective, limits or threads out of range; for a mapspace without mappings, and why.
    """
    check_limit("evaluations", evaluations, Integral)
    check_limit(TIME_LIMIT, seconds, Real)
    check_limit("threads", threads, Integral, needed=True)
    best = _Best(read_objective(objective), space.encoding.length)
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

    def __init__(self, objective: Objective, length: int) -> None:
        self.objective = objective
        self.energy, self.cycles = math.inf, int(np.iinfo(np.int64).max)
        self._cost: tuple[float, float] = (math.inf, math.inf)
        self._vector: Vectors = np.empty(length, np.int32)
        self._front = np.empty((0, length), np.int32), np.empty(0), np.empty(0, np.int64)

    def take(self, vectors: Vectors, scores: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
        """Keep what is better; return the costs (k, 2) as mappers are told them."""
        first = self.objective.values(scores["energy"], scores["cycles"])
        second = self.objective.seconds(scores["energy"], scores["cycles"])
        least = np.flatnonzero(first == first.min())
        row = int(least[second[least].argmin()])
        # Integers stay integers, so that no two numbers of cycles look the same.
        cost = first[row].item(), second[row].item()
        if scores["valid"][row] and cost < self._cost:
            self._cost, self._vector = cost, vectors[row].copy()
            self.energy, self.cycles = float(scores["energy"][row]), int(scores["cycles"][row])
        if self.objective.name in ("edp", FRONT):
            self._extend_front(vectors[scores["valid"]], scores[scores["valid"]])
        return np.where(scores["valid"], (first, second), np.inf).T

    def _extend_front(self, vectors: Vectors, scores: npt.NDArray[np.void]) -> None:
        every = np.concatenate((self._front[0], vectors))
        energy = np.concatenate((self._front[1], scores["energy"]))
        cycles = np.concatenate((self._front[2], scores["cycles"]))
        rows = front_rows(energy, cycles, convex=self.objective.name == "edp")
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
        proven = complete and mapper in (Exhaustive.name, Pruned.name)
        return Found(
            self.objective.name, self._cost[0], mapper, self._vector, best, front or (best,),
            evaluated, complete, interrupted, seconds, proven, self._cost[0] if proven else 0.0,
        )  # fmt: skip


def check_limit(name: str, limit: float | None, kind: type, needed: bool = False) -> None:
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
