"""An agent that learns to map a layer in the vectorized environment: the cross-entropy method.

Every round draws a mapping for each environment from a normal distribution over the genes, and moves the
distribution to the best tenth of them. A round is one step: all mappings are scored by one call.

python experiments/backends/gymnasium_vector.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Row, print_table, run


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gymnasium_vector", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layer", default="alexnet:conv2", help="network:layer, or a YAML file")
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--dataflow", default=None, help="by default any legal mapping")
    parser.add_argument("--reward", default="energy", choices=("energy", "cycles", "edp"))
    parser.add_argument("--envs", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    return run(lambda: _learn(options))


def _learn(options: argparse.Namespace) -> None:
    import gymnasium

    import simulator.backends.gym  # noqa: F401  (registers the environments)

    envs = gymnasium.make_vec(
        "simulator/Mapping-v0", options.envs, layer=options.layer, architecture=options.arch,
        dataflow=options.dataflow, reward=options.reward, actions="genes",
    )  # fmt: skip
    envs.reset(seed=options.seed)
    random, size = np.random.default_rng(options.seed), envs.single_action_space.shape
    mean, spread = np.full(size, 0.5), np.full(size, 0.3)
    rows: list[Row] = []
    # Loads the kernels, or compiles them.
    envs.step(random.random((options.envs, *size)))
    start = time.process_time()
    for number in range(options.rounds):
        actions = np.clip(random.normal(mean, spread, (options.envs, *size)), 0, 1)
        _, rewards, _, _, infos = envs.step(actions)
        scored = infos["final_info"]
        elite = actions[np.argsort(-rewards)[: max(2, options.envs // 10)]]
        mean, spread = elite.mean(axis=0), elite.std(axis=0) + 0.02
        best = int(rewards.argmax())
        figures = {"energy": float(scored["energy"][best]), "cycles": int(scored["cycles"][best])}
        means = {"mean reward": float(rewards.mean()), "best reward": float(rewards[best])}
        rows.append({"round": number + 1, **means, **figures})
    spent = time.process_time() - start
    print_table(f"{options.layer} on {options.arch}, {options.envs:,} mappings a round", rows)
    print(f"{options.rounds * options.envs / spent:,.0f} steps per CPU second")


if __name__ == "__main__":
    sys.exit(main())
