"""Gymnasium environments in which an agent maps a layer, one by one or many at once.

    import gymnasium
    import simulator.backends.gym

    env = gymnasium.make("simulator/Mapping-v0", layer="alexnet:conv2", architecture="eyeriss_v1")
    many = gymnasium.make_vec("simulator/Moves-v0", 1024, layer="alexnet:conv2", architecture="eyeriss_v1")

``simulator/Mapping-v0`` has episodes of one step whose action is a whole mapping, ``simulator/Moves-v0`` such
of 100 small changes of a random mapping. Needs the extra ``gym``.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

import simulator as sim
from simulator.backends.episodes import Episodes, Observations, Options
from simulator.backends.scoring import Floats, only
from simulator.errors import SimulatorError

try:
    import gymnasium
    from gymnasium.vector import AutoresetMode
except ImportError:
    raise SimulatorError(
        "Gymnasium environments need gymnasium: pip install 'dataflow-simulator[gym]'"
    ) from None

__all__ = ["MappingEnv", "MappingVectorEnv"]

_Booleans = npt.NDArray[np.bool_]


class MappingEnv(gymnasium.Env[Observations, Any]):
    """An agent maps one layer; the options are those of `Episodes`.

    An episode of one step is terminated by it, a longer one truncated at its horizon. Every ``info`` of a
    mapping has its "energy", "cycles", "edp", "utilization", whether it is "valid", how far it breaks each
    rule ("violation"), and its "vector".

    `render` returns the mapping as a loop nest with ``render_mode="ansi"``.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        layer: sim.Layer,
        architecture: sim.Machine,
        *,
        render_mode: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise SimulatorError(f"render_mode is None or 'ansi', not {render_mode!r}")
        self.render_mode = render_mode
        self.episodes = Episodes(layer, architecture, **options)
        self.observation_space, self.action_space = _spaces(self.episodes)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin an episode; ``options={"vector": v}`` starts one of moves from a vector."""
        super().reset(seed=seed)
        observations = self.episodes.start(1, self.np_random, options)
        return observations[0], only(self.episodes.info())

    def step(self, action: Any) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """Take an action.

        Raises
        ------
        SimulatorError
            For an action that is not in ``action_space``, and where no episode has begun or it is over.
        """
        observations, rewards, over = self.episodes.step([action])
        bandit = self.episodes.horizon == 1
        info = only(self.episodes.info())
        return observations[0], float(rewards[0]), over and bandit, over and not bandit, info

    def render(self) -> str | None:
        """Return the mapping as text, or nothing without a render mode."""
        if self.render_mode is None:
            return None
        at = self.episodes.at
        return "no mapping yet" if at is None else str(self.episodes.space.decode(at.vectors[0]))


class MappingVectorEnv(gymnasium.vector.VectorEnv[Observations, Any, npt.NDArray[Any]]):
    """Many agents map the same layer, step by step together: a batch of mappings is scored by one call.

    ``autoreset_mode`` says when the next episodes begin: with the step that ends them (their last
    observations and infos are then "final_obs" and "final_info"), with the step after it, whose actions are
    not looked at, or by `reset` alone. The other options are those of `Episodes`.
    """

    def __init__(
        self,
        num_envs: int,
        layer: sim.Layer,
        architecture: sim.Machine,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **options: Unpack[Options],
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise SimulatorError(f"num_envs is a positive whole number, not {num_envs!r}")
        self.num_envs = num_envs
        self.metadata = {"render_modes": [], "autoreset_mode": _autoreset_mode(autoreset_mode)}
        self.episodes = Episodes(layer, architecture, **options)
        self.single_observation_space, self.single_action_space = _spaces(self.episodes)
        batch = gymnasium.vector.utils.batch_space
        self.observation_space = batch(self.single_observation_space, num_envs)
        self.action_space = batch(self.single_action_space, num_envs)
        self._over = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin episodes; ``options={"vector": v}`` starts those of moves from a vector, or one each."""
        super().reset(seed=seed)
        return self._start(options)

    def step(
        self, actions: npt.ArrayLike
    ) -> tuple[Observations, Floats, _Booleans, _Booleans, dict[str, Any]]:
        """Take an action in every environment.

        Raises
        ------
        SimulatorError
            For actions that are not in ``action_space``, and where no episode has begun or they are over.
        """
        mode = self.metadata["autoreset_mode"]
        if self._over and mode is AutoresetMode.NEXT_STEP:
            observations, info = self._start(None)
            return observations, np.zeros(self.num_envs), self._every(False), self._every(False), info
        observations, rewards, self._over = self.episodes.step(actions)
        info = _masked(self.episodes.info(), self.num_envs)
        bandit = self.episodes.horizon == 1
        ends = self._every(self._over and bandit), self._every(self._over and not bandit)
        if self._over and mode is AutoresetMode.SAME_STEP:
            final = {"final_obs": observations, "final_info": info}
            observations, info = self._start(None)
            info |= {**final, **{f"_{name}": self._every(True) for name in final}}
        return observations, rewards, *ends, info

    def _start(self, options: dict[str, Any] | None) -> tuple[Observations, dict[str, Any]]:
        self._over = False
        observations = self.episodes.start(self.num_envs, self.np_random, options)
        return observations, _masked(self.episodes.info(), self.num_envs)

    def _every(self, value: bool) -> _Booleans:
        return np.full(self.num_envs, value)


def _spaces(episodes: Episodes) -> tuple[gymnasium.Space[Observations], gymnasium.Space[Any]]:
    """The spaces of an observation and of an action."""
    least, most = episodes.limits
    box = gymnasium.spaces.Box(least, most, dtype=np.float32)
    if episodes.genes is not None:
        return box, gymnasium.spaces.Box(0, 1, episodes.sizes.shape)
    if episodes.moves is not None:
        return box, gymnasium.spaces.Discrete(int(episodes.sizes[0]))
    return box, gymnasium.spaces.MultiDiscrete(episodes.sizes)


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(repr(m.value) for m in AutoresetMode)
        raise SimulatorError(f"autoreset_mode is one of {known}, not {mode!r}") from None


def _masked(info: dict[str, Any], rows: int) -> dict[str, Any]:
    """An info as Gymnasium's vectors have it: beside each entry which environments it is of; of all."""
    masked: dict[str, Any] = {}
    for name, value in info.items():
        masked[name] = _masked(value, rows) if isinstance(value, dict) else value
        masked[f"_{name}"] = np.ones(rows, np.bool_)
    return masked


for _name, _options in (("Mapping", {}), ("Moves", {"actions": "moves", "horizon": 100})):
    gymnasium.register(
        f"simulator/{_name}-v0",
        entry_point=f"{__name__}:MappingEnv",
        vector_entry_point=f"{__name__}:MappingVectorEnv",
        kwargs=_options,
    )
