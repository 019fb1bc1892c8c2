"""What the environments share: vectors in; scores, what they break, and rewards out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

import simulator as sim
from simulator.batch.model import CostModel
from simulator.encoding import Vectors
from simulator.errors import SimulatorError, did_you_mean
from simulator.mappers import check_objective
from simulator.mapspaces import Constraints, Mapspace, sampling

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.void]
# From scores of legal mappings, rows (B,) of `CostModel.dtype`, to a reward each.
Reward = Callable[[Scores], npt.ArrayLike]
ILLEGAL = ("repair", "penalty")


def space_of(
    layer: sim.Layer,
    architecture: sim.Machine,
    dataflow: sim.DataflowSource | None,
    constraints: Constraints | None,
) -> Mapspace:
    """Return the mapspace of a dataflow or within constraints; every legal mapping where neither is given.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names, an empty mapspace, or a dataflow and constraints at once.
    """
    if dataflow is not None and constraints is not None:
        raise SimulatorError("give a dataflow or constraints, not both: a dataflow is constraints")
    space = sim.mapspace(layer, architecture, dataflow)
    if constraints is not None:
        space = space.within(constraints)
        # Raises where there is no mapping.
        next(space.batches(1))
    return space


@dataclass(frozen=True)
class Scored:
    """Vectors (B, length), their rows of `CostModel.evaluate`, which are in the mapspace, how far each
    breaks each rule (B, rules), and rewards, all finite."""

    vectors: Vectors
    scores: Scores
    valid: npt.NDArray[np.bool_]
    violation: Floats
    rewards: Floats

    def or_else(self, other: Scored) -> Scored:
        """Return these rows where they are valid, the other's elsewhere."""
        parts = []
        for part in fields(self):
            rows = getattr(self, part.name).copy()
            rows[~self.valid] = getattr(other, part.name)[~self.valid]
            parts.append(rows)
        return Scored(*parts)


class Scorer:
    """Scores vectors of a mapspace for an agent.

    Parameters
    ----------
    reward
        "energy", "cycles" or "edp": minus its natural logarithm; or a function of the scores of legal
        mappings, rows of `CostModel.dtype`.
    illegal
        "repair": vectors become the nearest legal ones first; "penalty": they stay as they are.
    penalty
        What an illegal vector earns is minus this, and minus log(1 + how far it breaks each rule).

    Raises
    ------
    SimulatorError
        For an unknown reward or way with illegal vectors, or a penalty that is no finite number.
    """

    def __init__(
        self, space: Mapspace, reward: str | Reward, illegal: str, penalty: float, threads: int = 1
    ) -> None:
        if illegal not in ILLEGAL:
            raise SimulatorError(f"illegal is {illegal!r}{did_you_mean(str(illegal), ILLEGAL)}")
        if isinstance(penalty, bool) or not isinstance(penalty, int | float) or not np.isfinite(penalty):
            raise SimulatorError(f"a penalty is a finite number, not {penalty!r}")
        self.space, self.illegal, self.penalty, self.threads = space, illegal, float(penalty), threads
        self.reward = reward if callable(reward) else check_objective(reward)
        self.model = CostModel(space.problem, space.architecture)
        # The last: whether a legal mapping is outside of the constraints.
        self.rules = (*self.model.rules, "constraints")

    def score(self, vectors: Vectors, far: bool = True) -> Scored:
        """Score vectors (B, length) of any integers, repaired (``far`` or not) where the way is "repair".

        Raises
        ------
        SimulatorError
            For a reward function that gives another number of rewards, or one that is not finite.
        """
        if self.illegal == "repair":
            vectors = sampling.repair(self.space.layout, self.space.restriction, vectors, far)
        scores, valid = self._judge(vectors)
        violation = np.column_stack((scores["violation"], scores["valid"] & ~valid))
        rewards = -self.penalty - np.log1p(violation).sum(axis=1)
        rewards[valid] = self._rewards(scores[valid])
        return Scored(vectors, scores, valid, violation, rewards)

    def info(self, scored: Scored) -> dict[str, Any]:
        """Return what an agent may be told besides: arrays (B, ..), by rule those of "violation"."""
        figures = {name: scored.scores[name] for name in ("energy", "cycles", "edp", "utilization")}
        broken = dict(zip(self.rules, scored.violation.T, strict=True))
        return {"valid": scored.valid, **figures, "vector": scored.vectors, "violation": broken}

    def _judge(self, vectors: Vectors) -> tuple[Scores, npt.NDArray[np.bool_]]:
        """The scores of vectors, and which of them are in the mapspace."""
        scores = self.model.evaluate(vectors, threads=self.threads)
        valid = scores["valid"].copy()
        valid[valid] = self.space.members(vectors[valid])
        return scores, valid

    def _rewards(self, scores: Scores) -> Floats:
        if isinstance(self.reward, str):
            # On a machine without prices energy may be nothing.
            objective: Floats = scores[self.reward]
            return -np.log(np.maximum(objective, np.finfo(np.float64).tiny))
        rewards = np.asarray(self.reward(scores), np.float64)
        if rewards.shape != scores.shape or not np.isfinite(rewards).all():
            raise SimulatorError(
                f"the reward must be {len(scores)} finite numbers for {len(scores)} scores, "
                f"not {np.array2string(rewards, threshold=6)} of shape {rewards.shape}"
            )
        return rewards


def only(info: dict[str, Any]) -> dict[str, Any]:
    """The info of the only row: numbers and vectors instead of arrays of them."""
    return {
        name: only(value) if isinstance(value, dict) else value[0] if value.ndim > 1 else value[0].item()
        for name, value in info.items()
    }
