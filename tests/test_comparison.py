"""Two runs, and many, side by side: every difference is that of the runs' own numbers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import simulator as sim
from simulator.comparison import MEASURES
from simulator.dataflows import DATAFLOWS
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


def machine_called(name, without="", **changes):
    data = SMALL.to_dict() | {"name": name} | changes
    data.pop(without, None)
    return type(SMALL).from_dict(data)


def test_dataflows_are_compared_on_one_machine():
    flows = ["weight_stationary", "no_local_reuse"]
    found = compare_dataflows(network(), SMALL, flows, workers=0)
    assert list(found.results) == flows and not found.failures
    for name, run in found.results.items():
        assert run == sim.simulate(network(), SMALL, name, engine="closed-form")
    best = min(flows, key=lambda name: found[name].energy)
    assert found.best() == {"MAC": best}
    text = str(found)
    assert "tiny, batch 1 on small, least energy" in text and "closed form, not walked" in text
    assert "machines" not in text and "energies do not compare" not in text
    (line,) = [line for line in text.splitlines() if line.lstrip().startswith(best)]
    assert "MAC *" in line
    assert [row["dataflow"] for row in found.to_dict()["runs"]] == flows
    levels = found.to_dict()["energy_by_level"][best]
    assert sum(levels.values()) == pytest.approx(found[best].energy)
    assert len(found.to_dataframe()) == 2
    priced = compare_dataflows(network(), SMALL, flows[:1], energy="isca16", workers=0)
    assert priced[flows[0]].architecture == SMALL.priced("isca16")
    assert "priced by isca16" in str(priced)


def test_a_machines_own_dataflow_is_among_those_compared():
    found = compare_dataflows(network(), "diannao", workers=0)
    assert list(found.results) == ["diannao"]
    assert list(compare_dataflows(network(), "diannao", "diannao", workers=0).results) == ["diannao"]
    assert list(found.failures) == [name for name, flow in DATAFLOWS.items() if flow.nest]


def test_machines_are_compared_and_one_that_cannot_is_told():
    tiny = {"storage": "DRAM"}, {"array": "PE", "axes": {"x": {"size": 2}}}, {"mac": {"price": 1}}
    bare = machine_called("bare", hierarchy=list(tiny))
    found = compare_architectures(network(), [SMALL, bare], "row_stationary", workers=0)
    assert list(found.results) == ["small"] and list(found.failures) == ["bare"]
    assert found["small"] == sim.simulate(network(), SMALL, "row_stationary", engine="closed-form")
    (row,) = [line.split() for line in str(found).splitlines() if line.startswith(" bare ")]
    assert row == ["bare", "none"]
    assert "bare: layer 'conv1': " in str(found)
    assert [row["error"] is None for row in found.rows()] == [True, False]
    with pytest.raises(SimulatorError, match="architecture bare: "):
        found["bare"]
    with pytest.raises(SimulatorError, match="did you mean 'small'"):
        found["smal"]
    with pytest.raises(SimulatorError, match="no architecture to compare: bare: layer 'conv1'"):
        compare_architectures(network(), [bare], "row_stationary", workers=0)


def test_a_machine_runs_its_own_dataflow_which_it_may_lack():
    alone = machine_called("alone", without="native_dataflow")
    poor = machine_called("poor", "native_dataflow", hierarchy=SMALL.to_dict()["hierarchy"][::2])
    found = compare_architectures(network(), [SMALL, alone, poor], workers=0)
    assert {name: run.dataflow for name, run in found.results.items()} == {
        "small": "weight_stationary", "alone": "row_stationary",
    }  # fmt: skip
    assert "poor cannot hold rows in its PEs and names no native_dataflow" in found.failures["poor"]


def test_one_table_prices_all_machines():
    dear = machine_called("dear", energy_unit="pJ")
    levels = SMALL.to_dict()["hierarchy"]
    del levels[1]["capacity"]
    unsized = machine_called("unsized", hierarchy=levels)
    own = compare_architectures(network(), [SMALL, dear], workers=0)
    assert not own.priced_alike and "energies do not compare" in str(own)
    assert set(own.best()) == {"MAC", "pJ"} and "for each unit of energy" in str(own)
    found = compare_architectures(network(), [SMALL, dear, unsized], energy="cacti_45nm", workers=0)
    assert found.priced_alike and "energies do not compare" not in str(found)
    assert found["small"] == sim.simulate(network(), SMALL.priced("cacti_45nm"), engine="closed-form",
                                          dataflow="weight_stationary")  # fmt: skip
    assert found["dear"].energy == found["small"].energy
    assert "GLB as sram: the figure depends on capacity_bytes" in found.failures["unsized"]
    assert {row.get("energy_table") for row in found.rows()} == {"cacti_45nm", None}
    with pytest.raises(SimulatorError, match="did you mean 'cacti_45nm'"):
        compare_architectures(network(), [SMALL], energy="cacti_45", workers=0)


def test_words_of_other_widths_are_said():
    bits = {"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 32}
    levels = SMALL.to_dict()["hierarchy"]
    levels[1]["capacity"], levels[3]["capacity"] = "240 B", "18 B"
    narrow = machine_called("narrow", bits=bits, hierarchy=levels)
    found = compare_architectures(network(), [SMALL, narrow], workers=0)
    assert "8/8/8/32" in str(found) and "words differ" in str(found)
    row = {row["architecture"]: row for row in found.rows()}["narrow"]
    assert (row["weight_bits"], row["input_bits"], row["output_bits"], row["partial_sum_bits"]) == (
        8,
        8,
        8,
        32,
    )
    assert "words differ" not in str(compare_architectures(network(), [SMALL], workers=0))


def test_a_comparison_that_was_ended_goes_on_where_it_was(tmp_path):
    other = SMALL.replace({"name": "other", "PE.x.size": 2})
    told = []

    def end(standing):
        told.append(standing)
        if standing.done == 2:
            raise KeyboardInterrupt

    kept = {"store": tmp_path / "kept.sqlite", "workers": 0}
    with pytest.raises(KeyboardInterrupt):
        compare_architectures(network(), [SMALL, other], progress=end, **kept)
    # Five layers, of which two are alike, on each of two machines.
    assert told[0].total == 8
    told.clear()
    found = compare_architectures(network(), [SMALL, other], progress=told.append, **kept)
    assert 2 <= told[0].reused < 8 and told[-1].done == 8
    assert found.results == compare_architectures(network(), [SMALL, other], workers=0).results


def test_a_lineup_of_nothing_is_an_error():
    for names, said in (
        (["weight_stationary"] * 2, "'weight_stationary' is given twice"),
        ([], "no dataflow to compare: none is named"),
        (["nothing_stationary"], "unknown dataflow"),
    ):
        with pytest.raises(SimulatorError, match=said):
            compare_dataflows(network(), SMALL, names, workers=0)
    for choice, said in (
        ({"objective": "fun"}, "unknown objective"),
        ({"engine": "steam"}, "unknown engine"),
        ({"time_limit": -1}, "time"),
        ({"workers": -1}, "workers are a whole number"),
        ({"densities": {"conv9": {"inputs": 0.5}}}, "conv9"),
    ):
        with pytest.raises(SimulatorError, match=said):
            compare_dataflows(network(), SMALL, ["weight_stationary"], **choice)


def test_the_best_is_found_for_each_unit_of_energy(runs):
    one, other = runs
    priced = type(SMALL).from_dict(SMALL.to_dict() | {"energy_unit": "pJ"})
    found = Lineup("architecture", {"x": one, "y": other, "z": replace(one, architecture=priced)})
    assert found.best("cycles") == {"MAC": min("xy", key=lambda n: found[n].cycles), "pJ": "z"}
