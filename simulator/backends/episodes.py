"""Episodes of an agent that maps a layer: what one environment and a batch of them have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

import simulator as sim
from simulator.backends.columns import columns_of
from simulator.backends.moves import moves_of
from simulator.backends.scoring import Floats, Reward, Scored, Scorer, space_of
from simulator.encoding import Vectors
from simulator.errors import SimulatorError, did_you_mean
from simulator.mappers.adapters.genes import Genes
from simulator.mapspaces import Constraints

ACTIONS = ("columns", "genes", "moves")
Observations = npt.NDArray[np.float32]
# Past the logarithm of every number that comes to be observed.
_MOST = 1000.0
_FIGURES = ("valid", "log(energy / MACs)", "log(cycles / ideal cycles)", "utilization")


class Options(TypedDict, total=False):
    """What `Episodes` takes besides the layer and the machine."""

    dataflow: sim.DataflowSource | None
    constraints: Constraints | None
    actions: str
    horizon: int
    reward: str | Reward
    illegal: str
    penalty: float
    threads: int


class Episodes:
    """Episodes side by side, each of which maps the same layer on the same machine.

    Parameters
    ----------
    layer, architecture
        What is mapped: names, files' paths or objects.
    dataflow, constraints
        What mappings are allowed, one of the two; every legal one where neither is given.
    actions
        "columns": an action is a whole mapping, of every one of ``columns.names`` the number of one of its
        values. Episodes start without a mapping.
        "genes": an action is a whole mapping as numbers from 0 to 1, see `Genes`; all of them are legal.
        "moves": an action is a small change, one of ``moves.names``. Episodes start at random mappings. A
        move that leads to no legal mapping is not made, unless illegal ones are allowed.
    horizon
        Steps of an episode.
    reward, illegal, penalty
        See `Scorer`.
    threads
        How many score a batch.

    Attributes
    ----------
    sizes
        Of each number of an action, how many values it has; 0 where it goes from 0 to 1.
    at
        The mappings the episodes are at, if any.
    observed
        What the numbers of an observation are: the columns, from 0 (the lowest value) to 1, bounds by their
        logarithm; figures of the cost, 0 while there is no legal mapping; for each rule log(1 + how far it
        is broken).

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names, options out of range, an empty mapspace.
    """

    def __init__(
        self,
        layer: sim.Layer,
        architecture: sim.Machine,
        *,
        dataflow: sim.DataflowSource | None = None,
        constraints: Constraints | None = None,
        actions: str = "columns",
        horizon: int = 1,
        reward: str | Reward = "energy",
        illegal: str = "repair",
        penalty: float = 100.0,
        threads: int = 1,
    ) -> None:
        if actions not in ACTIONS:
            raise SimulatorError(f"unknown actions {actions!r}{did_you_mean(str(actions), ACTIONS)}")
        if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
            raise SimulatorError(f"a horizon is a positive whole number, not {horizon!r}")
        self.space = space_of(layer, architecture, dataflow, constraints)
        self.scorer = Scorer(self.space, reward, illegal, penalty, threads)
        self.columns = columns_of(self.space)
        self.moves = moves_of(self.space) if actions == "moves" else None
        self.genes = Genes(self.space) if actions == "genes" else None
        if self.moves is not None:
            self.sizes = np.array([len(self.moves.names)])
        elif self.genes is not None:
            self.sizes = np.zeros(self.genes.size, np.int64)
        else:
            self.sizes = np.array(list(map(len, self.columns.values)), np.int64)
        self.horizon, self.steps = horizon, 0
        self.observed = (*self.columns.names, *_FIGURES, *self.scorer.rules)
        self.at: Scored | None = None
        self._rows = 0

    @property
    def limits(self) -> tuple[Observations, Observations]:
        """The least and the most of every number of an observation."""
        columns, rules = len(self.columns.names), len(self.scorer.rules)
        least = [0.0] * (columns + 1) + [-_MOST] * 2 + [0.0] * (rules + 1)
        most = [1.0] * (columns + 1) + [_MOST] * 2 + [1.0] + [_MOST] * rules
        return np.array(least, np.float32), np.array(most, np.float32)

    def start(
        self, rows: int, random: np.random.Generator, options: Mapping[str, Any] | None
    ) -> Observations:
        """Begin episodes; return what is observed (rows, n).

        With ``options={"vector": v}`` episodes of moves start from a vector, or one each.

        Raises
        ------
        SimulatorError
            For unknown options, and for a vector that is not in the mapspace.
        """
        known = () if self.moves is None else ("vector",)
        for name in options or ():
            if name not in known:
                hint = did_you_mean(str(name), known) if known else "; only moves start from a mapping"
                raise SimulatorError(f"unknown option {name!r}{hint}")
        self.steps, self._rows, self.at = 0, rows, None
        if self.moves is None:
            return np.zeros((rows, len(self.observed)), np.float32)
        if options:
            vectors = self._given(options["vector"], rows)
        else:
            vectors = self.space.sample(rows, int(random.integers(2**63)))
        self.at = self.scorer.score(self.columns.settle(vectors))
        return self._observe(self.at)

    def step(self, actions: npt.ArrayLike) -> tuple[Observations, Floats, bool]:
        """Take an action in every episode; return what is observed, rewards, and whether it was the last.

        Raises
        ------
        SimulatorError
            For actions of another shape, of other numbers or out of range; for episodes that have not
            begun or are over.
        """
        if not self._rows or self.steps == self.horizon:
            state = "is over" if self._rows else "has not begun"
            raise SimulatorError(f"the episode {state}: reset it first")
        given = self._array(actions)
        if self.genes is not None:
            scored = self.scorer.score(self.genes.decode(given))
        elif self.moves is None or self.at is None:
            scored = self.scorer.score(self.columns.pick(given))
        else:
            scored = self.scorer.score(self.moves.apply(self.at.vectors, given[:, 0]), far=False)
            if self.scorer.illegal == "repair":
                scored = scored.or_else(self.at)
        self.steps += 1
        self.at = scored
        return self._observe(scored), scored.rewards, self.steps == self.horizon

    def info(self) -> dict[str, Any]:
        """Return what else there is to know of every episode's mapping, see `Scorer.info`; {} without one."""
        return {} if self.at is None else self.scorer.info(self.at)

    def _given(self, vectors: npt.ArrayLike, rows: int) -> Vectors:
        """A start that was asked for."""
        given = np.atleast_2d(np.asarray(vectors))
        for vector in given:
            why = self.space.why_not(vector)
            if why is not None:
                raise SimulatorError(f"an episode cannot start from this vector: {why}")
        if len(given) not in (1, rows):
            raise SimulatorError(f"{rows} episodes start from 1 or {rows} vectors, not {len(given)}")
        return np.repeat(given, rows // len(given), axis=0).astype(np.int32)

    def _array(self, actions: npt.ArrayLike) -> npt.NDArray[Any]:
        """Actions (rows, n) that are as they must be."""
        try:
            given = np.asarray(actions)
        except ValueError:
            given = np.empty(0, object)
        if self.moves is not None and given.ndim == 1:
            given = given[:, None]
        kind, what = (np.integer, "whole") if self.genes is None else (np.floating, "real")
        right = (self._rows, len(self.sizes))
        if given.shape != right or not np.issubdtype(given.dtype, kind):
            raise SimulatorError(
                f"actions must be {what} numbers of shape {right}, not {given.dtype} of shape {given.shape}"
            )
        most = np.broadcast_to(self.sizes - 1 if self.genes is None else 1, right)
        for row, i in np.argwhere(~((given >= 0) & (given <= most)))[:1]:
            what = self.columns.names[i] if self.moves is None and self.genes is None else f"number {i}"
            raise SimulatorError(f"action {row}: {what} is {given[row, i]}; it goes from 0 to {most[row, i]}")
        return given

    def _observe(self, scored: Scored) -> Observations:
        problem, machine, encoding = self.space.problem, self.space.architecture, self.space.encoding
        index = self.columns.index
        low, high = (limit[index].astype(np.float64) for limit in encoding.ranges)
        values = scored.vectors[:, index]
        bound = index < encoding.first_order
        heights = np.where(bound, np.log(np.maximum(values, 1)), values - low)
        columns = heights / np.where(bound, np.log(high), high - low)
        energy = _log(scored.scores["energy"], scored.valid) - math.log(problem.macs)
        cycles = _log(scored.scores["cycles"], scored.valid) - math.log(problem.macs / machine.mac_units)
        figures = np.column_stack((np.ones_like(energy), energy, cycles, scored.scores["utilization"]))
        figures[~scored.valid] = 0
        return np.hstack((columns, figures, np.log1p(scored.violation))).astype(np.float32)


def _log(numbers: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> Floats:
    """The logarithm of what is valid, 0 elsewhere; of nothing that of the smallest number."""
    logarithms = np.zeros(len(numbers))
    np.log(np.maximum(numbers, np.finfo(np.float64).tiny), out=logarithms, where=valid)
    return logarithms
