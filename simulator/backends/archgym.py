"""The environment that agents of ArchGym call: dictionaries of parameters in, four-tuples out.

ArchGym: S. Krishnan et al., "ArchGym: An Open-Source Gymnasium for Machine Learning Assisted Architecture
Design", ISCA 2023; its Timeloop and MAESTRO environments have this shape. Needs no other package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import simulator as sim
from simulator.architecture import Architecture
from simulator.backends.columns import columns_of
from simulator.backends.scoring import Floats, Scored, Scorer, Scores, only, space_of
from simulator.errors import SimulatorError, did_you_mean
from simulator.mapspaces import Constraints

# ArchGym's names of what is to be least.
FORMULATIONS = {"energy": "energy", "latency": "cycles", "edp": "edp"}
Action = Mapping[str, int] | Sequence[int] | npt.NDArray[Any]
Info = dict[str, Any]
# The least excess over a target, as in ArchGym.
_LEAST = 1e-5


class ArchGymEnv:
    """An agent maps one layer on one machine, the parameters being columns of the encoding.

    Parameters
    ----------
    layer, architecture
        What is mapped: names, files' paths or objects.
    dataflow, constraints
        What mappings are allowed, one of the two; every legal one where neither is given.
    reward_formulation
        "energy", "latency" or "edp". The reward is its inverse, so more is better.
    target
        With a target the reward is the inverse of how far above it the mapping is, as a share of the target
        and no less than 1e-5.
    illegal
        "repair": an illegal mapping becomes the nearest legal one; "penalty": it earns -1, and less the more
        it breaks the rules.
    max_steps
        Steps until ``done``; the next one begins anew.
    seed
        What `sample` draws from.

    Attributes
    ----------
    parameters
        By name the values that each parameter may have.

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
        reward_formulation: str = "edp",
        target: float | None = None,
        illegal: str = "repair",
        max_steps: int = 1,
        seed: int = 0,
    ) -> None:
        if reward_formulation not in FORMULATIONS:
            hint = did_you_mean(str(reward_formulation), FORMULATIONS)
            raise SimulatorError(f"unknown reward_formulation {reward_formulation!r}{hint}")
        if target is not None and not 0 < target < math.inf:
            raise SimulatorError(f"a target is a positive number, not {target!r}")
        if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
            raise SimulatorError(f"max_steps is a positive whole number, not {max_steps!r}")
        self.space = space_of(layer, architecture, dataflow, constraints)
        reward = partial(_reward, FORMULATIONS[reward_formulation], target)
        self._scorer = Scorer(self.space, reward, illegal, penalty=1.0)
        self._columns = columns_of(self.space)
        self.parameters = dict(zip(self._columns.names, self._columns.values, strict=True))
        self.max_steps, self.steps = max_steps, 0
        self._area = _area(self.space.architecture)
        self._random = np.random.default_rng(seed)

    def reset(self) -> Floats:
        """Begin an episode; return the observation of no mapping, zeros."""
        self.steps = 0
        return np.zeros(3)

    def step(self, action: Action) -> tuple[Floats, float, bool, Info]:
        """Score a mapping: a value for each of ``parameters``, by name or in their order.

        Returns the observation (energy, area, cycles; -1 each for no legal mapping), the reward, whether the
        episode is over, and the mapping's figures, violations by rule, and vector. Area is that of the
        machine, in square micrometres, as far as it states any.

        Raises
        ------
        SimulatorError
            For a parameter that is missing, unknown (with the nearest), or out of range.
        """
        observations, scored, done = self._step([action])
        return observations[0], float(scored.rewards[0]), done, only(self._scorer.info(scored))

    def step_multiagent(self, actions: Sequence[Action]) -> tuple[list[Floats], list[float], bool, Info]:
        """Score many agents' mappings by one call: lists of what `step` returns, and arrays in its info."""
        observations, scored, done = self._step(actions)
        return list(observations), scored.rewards.tolist(), done, self._scorer.info(scored)

    def reset_multiagent(self) -> Floats:
        """Begin an episode of many agents."""
        return self.reset()

    def sample(self) -> dict[str, int]:
        """Return a random action."""
        return {name: int(self._random.choice(values)) for name, values in self.parameters.items()}

    def _step(self, actions: Sequence[Action]) -> tuple[Floats, Scored, bool]:
        chosen = np.array([self._values(action) for action in actions], np.int64)
        scored = self._scorer.score(self._columns.fill(chosen.reshape(len(actions), len(self.parameters))))
        energy, cycles = scored.scores["energy"], scored.scores["cycles"]
        observations = np.column_stack((energy, np.full_like(energy, self._area), cycles))
        observations[~scored.valid] = -1
        self.steps = self.steps % self.max_steps + 1
        return observations, scored, self.steps == self.max_steps

    def _values(self, action: Action) -> list[int]:
        """The values of the parameters, in their order."""
        if not isinstance(action, Mapping):
            if np.shape(action) != (len(self.parameters),):
                raise SimulatorError(
                    f"an action is {len(self.parameters)} numbers or a dictionary of them by name, not "
                    f"{_brief(action)}"
                )
            action = dict(zip(self.parameters, action, strict=True))
        for name in action:
            if name in self.space.encoding.columns and name not in self.parameters:
                raise SimulatorError(f"{name} is no parameter: it has only one value in this mapspace")
            if name not in self.parameters:
                raise SimulatorError(f"no parameter {name!r}{did_you_mean(str(name), self.parameters)}")
        missing = [name for name in self.parameters if name not in action]
        if missing:
            raise SimulatorError(
                f"an action has all {len(self.parameters)} parameters; {missing[0]} is missing"
            )
        return [_checked(name, action[name], values) for name, values in self.parameters.items()]


def _checked(name: str, value: object, values: Sequence[int]) -> int:
    """A parameter's value; agents whose numbers are all floats may give whole ones."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value in values:
        return int(value)
    if isinstance(value, float | np.floating) and float(value).is_integer() and int(value) in values:
        return int(value)
    allowed = f"{values[0]} to {values[-1]}" if isinstance(values, range) else f"one of {list(values)}"
    raise SimulatorError(f"{name} is {_brief(value)}; it must be a whole number, {allowed}")


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _reward(figure: str, target: float | None, scores: Scores) -> Floats:
    """Rewards of legal mappings as in ArchGym's MAESTRO environment, with a target as in its Timeloop one."""
    objective: Floats = scores[figure].astype(np.float64)
    if target is None:
        return 1 / np.maximum(objective, np.finfo(np.float64).tiny)
    return 1 / np.maximum((objective - target) / target, _LEAST)


def _area(machine: Architecture) -> float:
    """The area of all instances of everything that states one."""
    parts = [
        *(
            (storage.area_um2, [machine.array(name).size for name in machine.arrays_above(storage.name)])
            for storage in machine.storages
        ),
        *(
            (array.area_um2, [outer.size for outer in machine.arrays if outer.rank < array.rank])
            for array in machine.arrays
        ),
        (machine.mac.area_um2, [machine.mac_units]),
    ]
    return float(sum(area * math.prod(sizes) for area, sizes in parts if area is not None))
