"""The script that compares energy tables, on a tiny network and machine."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path

import pytest

from workloads import network_file

from ..small_networks import SMALL, network

ROOT = Path(__file__).parents[2]


def test_tables_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    data = SMALL.to_dict() | {"clock_mhz": 100}
    (tmp_path / "small.yaml").write_text(json.dumps(data))
    network_file.save_network(network(), tmp_path / "tiny.yaml")
    script = import_module("experiments.energy_tables")
    options = ["--networks", str(tmp_path / "tiny.yaml"), "--arch", str(tmp_path / "small.yaml")]
    options += ["--workers", "0", "--batch", "1", "--formats", "png", "--dpi", "50"]
    options += ["--dataflows", "weight_stationary", "--out", str(tmp_path / "out")]

    assert script.main([*options, "--tables", "cacti_45nm_hp", "isca16"]) == 0
    with open(tmp_path / "out" / "energy_tables.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    shares = {(row["table"], row["part"]): float(row[script.SHARE]) for row in rows if row["part"]}
    for table in ("cacti_45nm_hp", "isca16"):
        assert sum(share for (of, _), share in shares.items() if of == table) == pytest.approx(100)
    assert shares["cacti_45nm_hp", "leakage"] > 0 and ("isca16", "leakage") not in shares
    assert (tmp_path / "out" / "energy_tables.png").stat().st_size > 3000

    capsys.readouterr()
    assert script.main([*options, "--tables", "cacti_45nm_hp", "isca16", "--pes", "4"]) == 2
    assert "--pes goes with one network" in capsys.readouterr().err
