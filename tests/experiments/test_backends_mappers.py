"""The examples of other people's optimizers in `experiments/backends/` run with small options."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import simulator as sim

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--layer", "lenet5_caffe:conv2", "--dataflow", "row_stationary"]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def script(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.backends.{name}")


@pytest.mark.parametrize(
    ("name", "options", "shown"),
    [
        (
            "scipy_search",
            ["--evaluations", "200"],
            ["random", "hill-climbing", "scipy-de", "scipy-annealing"],
        ),
        ("nevergrad_search", ["--optimizers", "TwoPointsDE", "--evaluations", "100"], ["TwoPointsDE", "100"]),
        ("pymoo_front", ["--evaluations", "300"], ["energy", "cycles", "none has less of both"]),
        ("optuna_search", ["--evaluations", "15"], ["trials", "multiply-accumulate"]),
    ],
)
def test_examples_run(
    name: str, options: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script(name).main([*SMALL, *options]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in shown), out


def test_a_study_goes_on_where_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = ["--storage", f"sqlite:///{tmp_path / 'study.sqlite'}", "--evaluations", "5"]
    for trials in (5, 10):
        assert script("optuna_search").main([*SMALL, *storage]) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        (row,) = (
            below for above, _, below in zip(rows, rows[1:], rows[2:], strict=False) if "trials" in above
        )
        assert row[0] == str(trials)


def test_no_point_of_the_front_beats_another() -> None:
    space = sim.mapspace("lenet5_caffe:conv2", "eyeriss_v1")
    front = script("pymoo_front").find_front(space, 600, 0)
    assert len(front) > 1
    assert (np.diff(front[:, 0]) > 0).all() and (np.diff(front[:, 1]) < 0).all()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("scipy_search", ["--mappers", "scipy-d"], "did you mean 'scipy-de'"),
        ("nevergrad_search", ["--optimizers", "TwoPointDE"], "did you mean 'TwoPointsDE'"),
        ("pymoo_front", ["--evaluations", "10", "--arch", "eyeris_v1"], "eyeriss_v1"),
        ("optuna_search", ["--objective", "energie"], "did you mean 'energy'"),
    ],
)
def test_wrong_input_is_one_line(
    name: str, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script(name).main([*SMALL, *options]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
