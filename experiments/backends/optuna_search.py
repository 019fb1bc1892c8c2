"""An Optuna study of one's own over a mapspace: its trials are mappings, which it may keep and go on with.

python experiments/backends/optuna_search.py --dataflow row_stationary --storage sqlite:///conv2.sqlite
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.backends.searching import make_parser, mapspace_of
from experiments.common import print_table, run
from simulator.batch.model import CostModel
from simulator.mappers import check_objective
from simulator.mappers.adapters.genes import Genes


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser("optuna_search", __doc__, 200)
    parser.add_argument("--storage", help="where Optuna keeps the study, as sqlite:///conv2.sqlite")
    options = parser.parse_args(argv)
    return run(lambda: _study(options))


def _study(options: argparse.Namespace) -> None:
    space, objective = mapspace_of(options), check_objective(options.objective)
    genes, model = Genes(space), CostModel(space.problem, space.architecture)

    def score(trial: optuna.Trial) -> float:
        point = np.array([[trial.suggest_float(f"gene{i}", 0, 1) for i in range(genes.size)]])
        scores = model.evaluate(genes.decode(point))[0]
        trial.set_user_attr("energy", float(scores["energy"]))
        trial.set_user_attr("cycles", int(scores["cycles"]))
        return math.log(scores[objective])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=f"{space.problem.name}, {options.arch}, {options.dataflow}, {objective}",
        storage=options.storage, load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=options.seed, multivariate=True),
    )  # fmt: skip
    study.optimize(score, n_trials=options.evaluations)
    best, title = study.best_trial, f"{options.layer} on {options.arch}, least {objective}"
    print_table(title, [{"trials": len(study.trials), "best": best.number, **best.user_attrs}])
    point = np.array([list(best.params.values())])
    print(space.decode(genes.decode(point)[0]))


if __name__ == "__main__":
    sys.exit(main())
