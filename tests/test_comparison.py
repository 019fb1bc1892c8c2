"""Two runs, and many, side by side: every difference is that of the runs' own numbers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import simulator as sim
from simulator.comparison import MEASURES
from simulator.errors import SimulatorError
from simulator.lineup import Lineup, compare_architectures, compare_dataflows

from .small_networks import SMALL, network

EXAMPLE = Path(__file__).parent / "data" / "results" / "format_2.json"
WIDER = SMALL.replace({"PE.x.size": 4, "GLB.price.read": 5})


@pytest.fixture(scope="module")
def runs():
    one = sim.simulate(network(), SMALL, "weight_stationary", engine="closed-form")
    other = sim.simulate(network(2), WIDER, "output_stationary_c", engine="closed-form")
    return one, other


def test_a_run_does_not_differ_from_itself(runs):
    found = sim.compare(runs[0], runs[0])
    assert found.settings == {}
    assert {row.difference for row in found.differences} == {0}
    assert {row.ratio for row in found.differences} == {1}
    assert "the settings are the same" in str(found)


def test_settings_that_differ_are_named_as_they_are_set(runs):
    assert sim.compare(*runs).settings == {
        "batch": (1, 2),
        "dataflow": ("weight_stationary", "output_stationary_c"),
        "machine PE.x.size": (3, 4),
        "machine GLB.price.read": (6, 5),
    }


def test_every_number_is_the_runs_own(runs):
    found = sim.compare(*runs)
    for run, side in zip(runs, ("a", "b"), strict=True):
        assert getattr(found.find("energy"), side) == run.energy
        assert getattr(found.find("cycles"), side) == run.cycles
        assert getattr(found.find("EDP"), side) == run.edp
        for layer in run:
            assert getattr(found.find("active PEs", layer.name), side) == layer.active_pes
            for storage in ("DRAM", "GLB", "RF"):
                words, traffic = (found.find(m, layer.name, storage) for m in ("words", "traffic"))
                assert getattr(words, side) == layer.accesses(storage)
                assert getattr(traffic, side) == layer.traffic_bytes(storage)
    energy = found.find("energy", "conv1", "GLB")
    assert energy.difference == energy.b - energy.a != 0
    assert energy.ratio == energy.b / energy.a
    for layer in found.layers:
        by_level = [found.find("energy", layer, level).difference for level in found.levels]
        assert sum(by_level) == pytest.approx(found.find("energy", layer).difference)


def test_layers_of_one_run_alone_have_no_difference(runs):
    one = runs[0]
    found = sim.compare(one, replace(one, layers=one.layers[1:]))
    missing = found.find("energy", "conv1")
    assert (missing.a, missing.b) == (one["conv1"].energy, None)
    assert missing.difference is None and missing.ratio is None
    assert "none" in str(found)


def test_energies_of_different_units_are_not_compared(runs):
    priced = type(SMALL).from_dict(SMALL.to_dict() | {"energy_unit": "pJ"})
    found = sim.compare(runs[0], replace(runs[0], architecture=priced))
    assert found.find("energy").ratio is None and found.find("cycles").ratio == 1
    assert "energy units differ" in str(found)
    assert found.to_dict()["settings"]["machine energy_unit"] == {"a": "MAC", "b": "pJ"}


def test_files_are_compared_and_shown(tmp_path, runs):
    runs[0].save(tmp_path / "a.json")
    found = sim.compare(tmp_path / "a.json", EXAMPLE)
    assert found.a == runs[0] and "network: tiny > example" in str(found)
    rows = json.loads(json.dumps(found.to_dict()))["differences"]
    assert {row["measure"] for row in rows} == set(MEASURES)
    assert len(found.to_dataframe()) == len(rows)


def test_what_is_no_run_or_number_is_said(runs):
    with pytest.raises(SimulatorError, match="a run is a result, its JSON file or its folder, not 3"):
        sim.compare(runs[0], 3)
    found = sim.compare(*runs)
    for arguments, said in (
        (("energie",), "'energie' in either run; did you mean 'energy'"),
        (("energy", "conv"), "did you mean 'conv1'"),
        (("energy", "", "GBL"), "did you mean 'GLB'"),
        (("cycles", "", "GLB"), "no cycles of GLB"),
    ):
        with pytest.raises(SimulatorError, match=said):
            found.find(*arguments)


def test_dataflows_are_compared_on_one_machine():
    flows = ["weight_stationary", "no_local_reuse"]
    found = compare_dataflows(network(), SMALL, flows)
    assert list(found.results) == flows and not found.failures
    for name, run in found.results.items():
        assert run == sim.simulate(network(), SMALL, name, engine="closed-form")
    best = min(flows, key=lambda name: found[name].energy)
    assert found.best() == {"MAC": best}
    text = str(found)
    assert "tiny, batch 1 on small, least energy" in text and "closed form, not walked" in text
    (line,) = [line for line in text.splitlines() if line.lstrip().startswith(best)]
    assert "MAC *" in line
    assert [row["dataflow"] for row in found.to_dict()["runs"]] == flows
    levels = found.to_dict()["energy_by_level"][best]
    assert sum(levels.values()) == pytest.approx(found[best].energy)
    assert len(found.to_dataframe()) == 2


def test_machines_are_compared_and_one_that_cannot_is_told():
    tiny = {"storage": "DRAM"}, {"array": "PE", "axes": {"x": {"size": 2}}}, {"mac": {"price": 1}}
    bare = type(SMALL).from_dict(SMALL.to_dict() | {"name": "bare", "hierarchy": list(tiny)})
    found = compare_architectures(network(), [SMALL, bare], "row_stationary")
    assert list(found.results) == ["small"] and list(found.failures) == ["bare"]
    assert "bare: " in str(found)
    assert [row["error"] is None for row in found.rows()] == [True, False]
    with pytest.raises(SimulatorError, match="architecture bare: "):
        found["bare"]
    with pytest.raises(SimulatorError, match="did you mean 'small'"):
        found["smal"]


def test_a_lineup_of_nothing_is_an_error():
    with pytest.raises(SimulatorError, match="'weight_stationary' is given twice"):
        compare_dataflows(network(), SMALL, ["weight_stationary"] * 2)
    with pytest.raises(SimulatorError, match="no dataflow to compare: none is named"):
        compare_dataflows(network(), SMALL, [])
    with pytest.raises(SimulatorError, match="unknown dataflow"):
        compare_dataflows(network(), SMALL, ["nothing_stationary"])
    with pytest.raises(SimulatorError, match="unknown objective"):
        compare_dataflows(network(), SMALL, ["weight_stationary"], objective="fun")


def test_the_best_is_found_for_each_unit_of_energy(runs):
    one, other = runs
    priced = type(SMALL).from_dict(SMALL.to_dict() | {"energy_unit": "pJ"})
    found = Lineup("architecture", {"x": one, "y": other, "z": replace(one, architecture=priced)})
    assert found.best("cycles") == {"MAC": min("xy", key=lambda n: found[n].cycles), "pJ": "z"}
