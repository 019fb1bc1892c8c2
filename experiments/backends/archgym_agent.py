"""A random walker as ArchGym has them: dictionaries of parameters in, four-tuples out.

It changes one parameter of its best mapping at a time. Beside it many agents draw mappings together.

S. Krishnan et al., "ArchGym: An Open-Source Gymnasium for Machine Learning Assisted Architecture Design",
ISCA 2023.

python experiments/backends/archgym_agent.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Row, print_table, run
from simulator.backends.archgym import FORMULATIONS, ArchGymEnv


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="archgym_agent", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layer", default="alexnet:conv2", help="network:layer, or a YAML file")
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--dataflow", default="row_stationary")
    parser.add_argument("--reward-formulation", default="edp", choices=list(FORMULATIONS))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    env = ArchGymEnv(
        options.layer, options.arch, dataflow=options.dataflow,
        reward_formulation=options.reward_formulation, seed=options.seed,
    )  # fmt: skip
    rows = [_row("random walker", *walk(env, options.steps, options.seed))]
    rows.append(_row(f"{options.agents} agents together", *together(env, options.steps, options.agents)))
    print_table(f"{options.layer} on {options.arch}, {len(env.parameters)} parameters", rows)


def walk(env: ArchGymEnv, steps: int, seed: int) -> tuple[float, np.ndarray]:
    """Change a parameter at a time, and go back where that is no better; return the best reward and what
    was observed there."""
    random = np.random.default_rng(seed)
    here = env.sample()
    env.reset()
    seen, most, _, _ = env.step(here)
    for _ in range(steps - 1):
        name = str(random.choice(list(env.parameters)))
        there = here | {name: int(random.choice(env.parameters[name]))}
        env.reset()
        observation, reward, _, _ = env.step(there)
        if reward >= most:
            here, seen, most = there, observation, reward
    return most, seen


def together(env: ArchGymEnv, steps: int, agents: int) -> tuple[float, np.ndarray]:
    """Let agents draw at random, all of them scored by one call a step."""
    seen, most = env.reset_multiagent(), 0.0
    for _ in range(-(-steps // agents)):
        observations, rewards, _, _ = env.step_multiagent([env.sample() for _ in range(agents)])
        best = int(np.argmax(rewards))
        if rewards[best] > most:
            seen, most = observations[best], rewards[best]
    return most, seen


def _row(agent: str, reward: float, seen: np.ndarray) -> Row:
    return {"agent": agent, "best reward": reward, "energy": float(seen[0]), "cycles": int(seen[2])}


if __name__ == "__main__":
    sys.exit(main())
