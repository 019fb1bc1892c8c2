"""Machines side by side: what is drawn adds up to the runs' own numbers, and what is missing is marked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator import plots
from simulator.errors import SimulatorError
from simulator.plots.machines import PLACES, _place

from ..small_networks import SMALL
from .results import tiny


def on(machine: str, unit: str = "MAC", batch: int = 1):
    run = tiny(batch=batch)
    data = SMALL.to_dict() | {"name": machine, "energy_unit": unit}
    return replace(run, architecture=type(SMALL).from_dict(data), batch=batch)


def test_places_add_up_to_the_energy_of_a_mac() -> None:
    run = on("a")
    (row,) = plots.machine_table([run])
    assert sum(row[place] for place in PLACES) == pytest.approx(row["energy per MAC"])
    assert row["energy per MAC"] == run.energy / run.macs
    spent = {level: sum(layer.level_energy(level) for layer in run) / run.macs for level in run.levels}
    levels = ("DRAM", "GLB", "RF", "PE", "MAC")
    places = [place for place in PLACES if place not in ("memories of some MACs", "leakage")]
    assert {place: row[place] for place in places} == pytest.approx(
        {place: spent[level] for place, level in zip(places, levels, strict=True)}
    )
    assert row["cycles"] == run.cycles
    assert row["if all MAC units worked"] == sum(layer.done for layer in run) / 6


def test_memories_are_told_apart_by_the_macs_that_work_out_of_one() -> None:
    levels = SMALL.to_dict()["hierarchy"]
    whole = on("a").architecture
    two = type(SMALL).from_dict(
        SMALL.to_dict()
        | {"hierarchy": [*levels[:-1], {"array": "lanes", "axes": {"z": {"size": 2}}}, levels[-1]]}
    )
    assert [[_place(machine, level) for level in ("DRAM", "GLB", "RF")] for machine in (whole, two)] == [
        ["outermost memory", "memories of all MACs", f"memories of {number}"]
        for number in ("one MAC", "some MACs")
    ]


def test_a_machine_without_a_result_is_marked_and_others_keep_their_places() -> None:
    runs = [on("a"), on("b"), on("a", batch=2)]
    rows = plots.machine_table(runs, ["none", "a", "b"])
    assert [(row["network"], row["architecture"], row["cycles"] is None) for row in rows] == [
        ("1", "none", True), ("1", "a", False), ("1", "b", False),
        ("2", "none", True), ("2", "a", False), ("2", "b", True),
    ]  # fmt: skip
    for ax in plots.machine_comparison(runs, ["none", "a", "b"]).axes:
        assert [text.get_text() for text in ax.texts] == ["n/a"] * 3
    energy, cycles, utilization = plots.machine_comparison(runs).axes
    assert cycles.get_yscale() == "log" and energy.get_yscale() == utilization.get_yscale() == "linear"
    taken, least = (line.get_ydata() for line in cycles.lines)
    assert list(taken) == [run.cycles for run in runs] and all(least < taken)
    heights = [bar.get_height() for bar in utilization.containers[0]]
    assert heights == pytest.approx(
        [100 * run.utilization for run in runs[:2]] + [100 * runs[2].utilization, 0]
    )


def test_energies_of_different_units_stand_in_panels_of_their_own() -> None:
    figure = plots.machine_comparison([on("a"), on("b", "pJ")])
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["energy per MAC\n(MAC)", "energy per MAC\n(pJ)", "cycles", "utilization\n(%)"]
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [["n/a"], ["n/a"], [], []]


def test_what_cannot_be_beside_each_other_is_said() -> None:
    with pytest.raises(SimulatorError, match="no results to draw"):
        plots.machine_table([])
    with pytest.raises(SimulatorError, match="two results of one network on one machine"):
        plots.machine_table([on("a"), on("a")])
    without = replace(on("a"), layers=tuple(layer for layer in tiny() if not layer.macs))
    with pytest.raises(SimulatorError, match="tiny has no MACs"):
        plots.machine_table([without])
