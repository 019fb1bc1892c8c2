"""The script that compares machines, on a tiny network and small machines."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path

import pytest

import simulator as sim
from workloads import network_file

from ..small_networks import SMALL, network

ROOT = Path(__file__).parents[2]


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two machines, and one that can hold nothing of a layer in its array, for a tiny network."""
    monkeypatch.syspath_prepend(ROOT)
    data = SMALL.to_dict()
    levels = data["hierarchy"]
    poor = data | {"name": "poor", "hierarchy": [levels[0], *levels[2::2]]}
    wide = SMALL.replace({"name": "wide", "PE.x.size": 4}).to_dict()
    for machine in (data, wide, poor):
        (tmp_path / f"{machine['name']}.yaml").write_text(json.dumps(machine))
    network_file.save_network(network(), tmp_path / "tiny.yaml")
    machines = [str(tmp_path / f"{name}.yaml") for name in ("poor", "wide", "small")]
    made = ["--networks", str(tmp_path / "tiny.yaml"), "--arch", *machines, "--workers", "0"]
    return [*made, "--out", str(tmp_path / "out"), "--formats", "png", "--dpi", "50"]


def test_machines_are_compared_at_one_tables_prices(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = import_module("experiments.machines")
    assert script.main([*options, "--energy", "isca16", "--batch", "2"]) == 0
    told = capsys.readouterr()
    assert "no result: tiny on poor: layer 'conv1'" in told.err
    assert "batch 2, least energy, priced by isca16" in told.out
    with open(tmp_path / "out" / "machines.csv", newline="") as stream:
        rows = {row["architecture"]: row for row in csv.DictReader(stream)}
    assert list(rows) == ["wide", "small", "poor"]
    alone = sim.simulate(network(2), SMALL.priced("isca16"), "weight_stationary", engine="closed-form")
    assert float(rows["small"]["energy per MAC"]) == alone.energy / alone.macs
    assert int(rows["small"]["cycles"]) == alone.cycles and rows["poor"]["cycles"] == ""
    assert (tmp_path / "out" / "machines_tiny.png").stat().st_size > 3000

    assert script.main([*options, "--energy", "isca16", "--batch", "2"]) == 0
    assert "from the store" in capsys.readouterr().err
    assert script.main([*options, "--energy", "isca17"]) == 2
    assert "did you mean 'isca16'" in capsys.readouterr().err


def test_one_that_is_interrupted_says_how_to_go_on(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("simulator.compare_architectures", interrupted, raising=False)
    assert import_module("experiments.machines").main(options) == 130
    assert "the same command goes on" in capsys.readouterr().err
