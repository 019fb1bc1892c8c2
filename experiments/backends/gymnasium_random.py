"""A random agent in the Gymnasium environments: what the API looks like, and what chance finds.

python experiments/backends/gymnasium_random.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.common import print_table, run


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gymnasium_random", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layer", default="alexnet:conv2", help="network:layer, or a YAML file")
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--dataflow", default=None, help="by default any legal mapping")
    parser.add_argument("--reward", default="edp", choices=("energy", "cycles", "edp"))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    import simulator.backends.gym  # noqa: F401  (registers the environments)

    rows, mappings = [], {}
    for name, actions in (("Mapping", "columns"), ("Mapping", "genes"), ("Moves", "moves")):
        row, best = wander(f"simulator/{name}-v0", actions, options)
        rows.append(row)
        mappings[row["edp"]] = best
    print_table(f"{options.layer} on {options.arch}, {options.steps:,} random actions", rows)
    space = sim.mapspace(options.layer, options.arch, options.dataflow)
    print(f"the best of all:\n{space.decode(mappings[min(mappings)]['vector'])}")


def wander(name: str, actions: str, options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take random actions, episode after episode; return a row of the table and the best mapping's info."""
    import gymnasium

    env = gymnasium.make(
        name, layer=options.layer, architecture=options.arch, dataflow=options.dataflow,
        actions=actions, reward=options.reward,
    )  # fmt: skip
    env.action_space.seed(options.seed)
    env.reset(seed=options.seed)
    best, most, start = {}, -float("inf"), time.process_time()
    for _ in range(options.steps):
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        if reward > most:
            most, best = float(reward), info
        if terminated or truncated:
            env.reset()
    spent = time.process_time() - start
    row = {"environment": name, "actions": actions, "steps per CPU s": round(options.steps / spent)}
    return row | {figure: best[figure] for figure in ("energy", "cycles", "edp", "utilization")}, best


if __name__ == "__main__":
    sys.exit(main())
