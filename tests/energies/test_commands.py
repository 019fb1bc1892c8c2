"""Energy tables on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.energies.tables import registered_tables

from ..commands import fail, succeed


def test_tables_are_listed() -> None:
    assert list(json.loads(succeed("list", "energies", "--json"))) == list(registered_tables())


def test_a_machine_is_shown_as_priced() -> None:
    shown = succeed("show", "architecture", "eyeriss_v1", "--energy", "nn_dataflow_65nm")
    assert "energy in pJ" in shown and "read 460" in shown and "MAC: 2 each" in shown


def test_wrong_tables_are_one_line(tmp_path: Path) -> None:
    show = ("show", "architecture", "eyeriss_v1", "--energy")
    assert "unknown energy table 'isca61'; did you mean 'isca16'?" in fail(*show, "isca61")
    (tmp_path / "ert.yaml").write_text("ERT: {version: 0.4, tables: []}")
    assert "no component 'mac' for mac" in fail(*show, str(tmp_path / "ert.yaml"))


def test_a_sweep_takes_several() -> None:
    sweep = ("sweep", "lenet5", "--arch", "eyeriss_v1", "--set", "array.x=7,14", "--dry-run", "--json")
    told = json.loads(succeed(*sweep, "--energy", "isca16,cacti_65nm"))
    assert told["points"][0] == "energy_table=isca16, array.x=7" and len(told["points"]) == 4
    assert "did you mean 'energy_table'" in fail(*sweep, "--set", "energy_tabl=isca16")


@pytest.mark.parametrize("command", ["run", "search", "evaluate"])
def test_commands_take_a_table(command: str) -> None:
    assert "--energy" in succeed(command, "--help")
