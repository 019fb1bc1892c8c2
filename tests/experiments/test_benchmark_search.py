"""The search benchmark: it measures the optimum, peers stand beside it, and nobody beats it unseen."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import simulator as sim
from simulator.mapspaces import Constraints

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--layers", "lenet5_caffe:conv1", "--time-limit", "20", "--evaluations", "100"]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture
def search() -> ModuleType:
    return importlib.import_module("experiments.benchmarks.search")


@pytest.fixture
def here(search: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script without processes: the work is done in this one."""
    monkeypatch.setattr(
        search, "_in_a_fresh_process", lambda work, given: ([work(g) for g in given], 7_000_000)
    )
    return search


class Peer:
    """A mapper that finds what it is told to, and remembers what it was asked."""

    ACCOUNTING = "counts its own way"

    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, []

    def available(self) -> str | None:
        return None if self.answer is None else "4.2"

    def search(self, problem: object, machine: object, limit_seconds: float, **settings: bool) -> object:
        self.asked.append((problem, machine, limit_seconds, settings))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def peers(search: ModuleType, monkeypatch: pytest.MonkeyPatch) -> tuple[Peer, Peer, Peer]:
    found = SimpleNamespace(energy=1234567.0, cpu_seconds=8.5, peak_bytes=66_000_000)
    three = Peer(found), Peer(search.PeerError("ZigZag found no valid mapping")), Peer(None)
    monkeypatch.setattr(
        search, "PEERS", dict(zip(("AccelForge", "ZigZag", "nn-dataflow"), three, strict=True))
    )
    return three


def rows(text: str, first: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip().startswith(first)]


def test_a_part_runs_in_a_process_of_its_own(search: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["--parts", "matmuls", "--matmuls", "8,6,4", "--peers", *SMALL]) == 0
    (matmul,) = rows(capsys.readouterr().out, "8x6x4")
    # Python with the kernels takes tens of megabytes, and less than the machines that run this.
    assert matmul[-1] == "proven" and 20 < int(matmul[-2]) < 10_000


def test_layers_are_proven(here: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.main(["--parts", "convolutions", "--peers", *SMALL]) == 0
    out = capsys.readouterr().out
    (layer,) = rows(out, "lenet5_caffe:conv1")
    assert layer[1] == str(round(sim.search("lenet5_caffe:conv1", "scratchpads_168").energy))
    assert "of 1 proven" in out and "peak memory" in out


def test_the_energy_is_the_least_of_all_mappings(search: ModuleType) -> None:
    machine = sim.load_architecture("scratchpads_168").replace({"PE.x.size": 2, "PE.y.size": 1})
    problem = sim.convolution("small", m=2, c=2, p=2)
    space = sim.Mapspace(problem, machine, Constraints(factors="perfect"))
    least = min(sim.CostModel(problem, machine).evaluate(v)["energy"].min() for v in space.batches())
    shown = search._prove(search.Case("small", problem, machine), limit=20)
    assert shown["proof"] == "proven" and shown["energy"] == shown["bound"] == least


def test_an_unproven_layer_shows_its_gap(search: ModuleType) -> None:
    machine = sim.load_architecture("scratchpads_168")
    shown = search._prove(search.Case("conv2", sim.load_layer("alexnet:conv2"), machine), limit=1e-9)
    assert shown["proof"].startswith("gap ") and shown["bound"] < shown["energy"]


def test_every_shape_once(search: ModuleType) -> None:
    names = search._distinct("resnet50", "Convolution")
    shapes = [(p.dimensions, p.tensors) for p in map(sim.load_layer, names)]
    every = [layer for layer in sim.load_network("resnet50").layers if layer.type == "Convolution"]
    assert len(set(shapes)) == len(shapes) < len(every)
    assert {(p.dimensions, p.tensors) for p in map(sim.load_layer, every)} == set(shapes)


def test_peers_stand_beside(
    here: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accelforge, zigzag, _ = peers(here, monkeypatch)
    assert here.main(["--parts", "matmuls", "--matmuls", "8,6,4", "--peer-limit", "3", *SMALL]) == 0
    out = capsys.readouterr().out
    ours, found, failed = rows(out, "8x6x4")
    assert ours[1] == "optimal" and "7" in ours
    assert found[1:] == ["AccelForge", "4.2", "1234567", "8.5", "66"]
    assert failed[1:] == ["ZigZag", "4.2", "ZigZag", "found", "no", "valid", "mapping"]
    assert "AccelForge: counts its own way" in out and "nn-dataflow: not installed" in out
    ((problem, machine, limit, settings),) = zigzag.asked
    assert accelforge.asked == zigzag.asked and limit == 3 and settings == {}
    assert problem.macs == 8 * 6 * 4 and machine == sim.load_architecture("scratchpads_168")


def test_the_bypass_is_the_same_for_all(
    here: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accelforge, zigzag, _ = peers(here, monkeypatch)
    assert here.main(["--parts", "bypass", "--time-limit", "0.01"]) == 0
    assert "one order" in capsys.readouterr().out
    assert [settings for *_, settings in accelforge.asked] == [{}, {"any_order": False}]
    for _, machine, *_ in accelforge.asked + zigzag.asked:
        assert machine.storage("GLB").keeps == ("inputs", "outputs")


@pytest.mark.parametrize(("factor", "shown"), [(1.0, "on no layer"), (0.99, "lenet5_caffe:conv1 (random)")])
def test_who_finds_less_is_named(
    here: ModuleType,
    factor: float,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def found(*_: object, mapper: str = "optimal", **__: object) -> SimpleNamespace:
        return SimpleNamespace(energy=1000.0 * (factor if mapper == "random" else 1.0))

    monkeypatch.setattr(sim, "search", found)
    assert here.main(["--parts", "mappers", *SMALL]) == 0
    assert f"less than the optimal mapper's: {shown}\n" in capsys.readouterr().out


def test_other_mappers_and_row_stationary_run(here: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert here.main(["--parts", "mappers", "row-stationary", "--networks", "lenet5_caffe", *SMALL]) == 0
    out = capsys.readouterr().out
    others, (_, mappings, *_) = rows(out, "lenet5_caffe:conv1")
    assert all(float(ratio) >= 1 for ratio in others[-2:])
    assert int(mappings) == sim.mapspace("lenet5_caffe:conv1", "eyeriss_v1").size().mappings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--parts", "matmul"], "did you mean 'matmuls'"),
        (["--peers", "zigzag"], "did you mean 'ZigZag'"),
        (["--parts", "convolutions", "--layers", "alexnt:conv2"], "alexnet"),
        (["--parts", "mappers", *SMALL, "--mappers", "randon"], "did you mean 'random'"),
    ],
)
def test_wrong_input_is_one_line(
    here: ModuleType, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here.main(options) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize("option", [["--time-limit", "0"], ["--peer-limit", "nan"], ["--matmuls", "3,2"]])
def test_numbers_out_of_range_are_refused(
    here: ModuleType, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        here.main([*option, "--parts", "matmuls", "--peers"])
    assert option[0] in capsys.readouterr().err
