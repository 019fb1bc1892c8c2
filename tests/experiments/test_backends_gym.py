"""The examples of environments in `experiments/backends/` run with small options."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--layer", "lenet5_caffe:conv2"]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def script(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.backends.{name}")


def test_a_random_agent_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("gymnasium_random").main([*SMALL, "--steps", "30"]) == 0
    shown = capsys.readouterr().out
    assert "simulator/Moves-v0" in shown and "multiply-accumulate" in shown


def test_an_agent_learns(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("gymnasium_vector").main([*SMALL, "--envs", "100", "--rounds", "10"]) == 0
    shown = capsys.readouterr().out
    assert "steps per CPU second" in shown
    rows = [line.split() for line in shown.splitlines() if line.split()[:1] in (["1"], ["10"])]
    (_, first, *_), (_, last, *_) = rows
    assert float(last) > float(first)


def test_archgyms_agents_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("archgym_agent").main([*SMALL, "--steps", "60", "--agents", "20"]) == 0
    shown = capsys.readouterr().out
    assert "random walker" in shown and "20 agents together" in shown


@pytest.mark.parametrize("name", ["gymnasium_random", "gymnasium_vector", "archgym_agent"])
def test_an_unknown_network_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert script(name).main(["--layer", "alexnt:conv2"]) == 2
    error = capsys.readouterr().err
    assert "did you mean 'alexnet'" in error and error.count("\n") == 1
