"""The examples of searches from outside, through the server and as a mixed-integer program, run."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import simulator as sim

ROOT = Path(__file__).parents[2]
LAYER, ARCH = "lenet5_caffe:conv2", "eyeriss_v1"


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts are run, not installed: from the root."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def script(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.backends.{name}")


def test_a_search_through_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--layer", LAYER, "--generations", "3", "--batches", "50", "--vectors", "100"]
    assert script("serve_client").main(options) == 0
    best, *nest, lists, in_base64 = capsys.readouterr().out.splitlines()
    assert best.startswith("best of 3 generations") and nest[0].strip().startswith('{"store": "DRAM"')
    assert lists.startswith("2 requests of 50 vectors as lists") and "a second" in in_base64


def test_a_search_of_an_unknown_layer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("serve_client").main(["--layer", "lenet5_caffe:conv3"]) == 2
    error = capsys.readouterr().err
    assert "did you mean" in error and error.count("\n") == 1


def shell(layer: str, monkeypatch: pytest.MonkeyPatch) -> subprocess.CompletedProcess[str]:
    monkeypatch.setenv("SIMULATOR", f"{sys.executable} -m simulator")
    command = ["sh", str(ROOT / "experiments" / "backends" / "serve_client.sh"), layer, ARCH, "30"]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_a_shell_finds_the_best_of_random_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    best = sim.CostModel(LAYER, ARCH).evaluate(sim.mapspace(LAYER, ARCH, None).sample(30, 1))["energy"].min()
    result = shell(LAYER, monkeypatch)
    assert (result.returncode, result.stderr, float(result.stdout)) == (0, "", best)


def test_a_shell_is_told_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    result = shell("lenet5_caffe:conv3", monkeypatch)
    assert result.returncode == 2 and result.stdout == "" and "did you mean" in result.stderr


def test_a_program_finds_a_legal_mapping(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--layers", LAYER, "--evaluations", "500", "--largest-prime", "5", "--seconds", "60"]
    assert script("mip_scipy").main(options) == 0
    assert "mixed-integer program" in capsys.readouterr().out


def test_a_program_beats_nearly_all_random_mappings() -> None:
    from simulator.backends.mip import mip_matrices

    problem, machine = sim.load_layer(LAYER), sim.load_architecture(ARCH)
    mapping = script("mip_scipy").solve(mip_matrices(problem, machine), problem, machine, 60.0)
    drawn = sim.CostModel(problem, machine).evaluate(sim.mapspace(problem, machine, None).sample(1000, 0))
    energy = sim.evaluate(problem, machine, mapping, "closed-form").energy
    assert (drawn["energy"] < energy).mean() < 0.02


def test_a_program_without_a_solution_says_so() -> None:
    """A word of inputs and one of outputs cannot share the room of one."""
    from simulator.backends.mip import mip_matrices

    problem = sim.load_layer(LAYER)
    tiny = sim.load_architecture(ARCH).replace({"GLB.partitions.0.capacity": "16 bits"})
    with pytest.raises(sim.SimulatorError, match="the program has no mapping"):
        script("mip_scipy").solve(mip_matrices(problem, tiny), problem, tiny, 60.0)
