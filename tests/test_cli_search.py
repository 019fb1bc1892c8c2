"""The command that searches: what it prints and saves, its limits, what is wrong with its options."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oracles import machine

import simulator as sim
from simulator.mappers import Found
from simulator.mappers.optimal.optimum import Optimum

from .commands import call, fail, succeed

ON = ("--arch", "scratchpads_168")
CHIP = ("search", "lenet5_caffe:conv2", "--arch", "eyeriss_v1")


@pytest.fixture
def layer(tmp_path: Path) -> str:
    """A problem whose optimum is proven at once."""
    path = tmp_path / "small.yaml"
    path.write_text("convolution: {m: 8, c: 8, p: 4}\n")
    return str(path)


def parsed(text: str) -> Any:
    """JSON in the strict sense: no NaN, no Infinity."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(word))


@pytest.mark.parametrize("objective", ["energy", "cycles", "edp"])
def test_a_proven_optimum_is_printed_and_saved(layer: str, tmp_path: Path, objective: str) -> None:
    best = tmp_path / "best.yaml"
    options = ("search", layer, *ON, "--objective", objective)
    text, data = succeed(*options, "--save", str(best)), parsed(succeed(*options, "--json"))
    assert (data["layer"], data["architecture"], data["mapper"]) == ("small", "scratchpads_168", "optimal")
    assert data["optimal"] and data["complete"] and not data["interrupted"]
    assert data["value"] == data["lower_bound"] == data[objective] and data["gap"] == 0
    spent = json.loads(succeed("evaluate", layer, ON[1], str(best), "--engine", "closed-form", "--json"))
    assert (spent["energy"], spent["cycles"]) == (data["energy"], data["cycles"])
    assert data["edp"] == data["energy"] * data["cycles"]
    nest = sim.load_mapping(str(best))
    assert str(nest) in text and data["mapping"] == nest.to_list()
    assert f"{data['cycles']:,} cycles" in text and f"least {objective}: proven" in text
    certificate = data["certificate"]
    assert set(certificate) == {"implied", "evaluated", "tried", "cut"}
    assert certificate["implied"] > certificate["tried"] > sum(certificate["cut"].values()) > 0
    assert f"at most {certificate['implied']:.3g} chains of tiles" in text


def test_the_front_of_both_figures(layer: str) -> None:
    options = ("search", layer, *ON, "--objective", "energy,cycles")
    text, data = succeed(*options), parsed(succeed(*options, "--json"))
    points = [(point["energy"], point["cycles"]) for point in data["front"]]
    assert data["optimal"] and "front: proven" in text
    assert len(points) > 1 and points == sorted(points) and points[0] == (data["energy"], data["cycles"])
    assert [cycles for _, cycles in points] == sorted({cycles for _, cycles in points}, reverse=True)
    assert all(f"{cycles:,}" in text for _, cycles in points)
    for name, place in (("energy", 0), ("cycles", 1)):
        alone = parsed(succeed("search", layer, *ON, "--objective", name, "--json"))
        assert alone["value"] == min(point[place] for point in points)


def test_a_dataflow_s_mapspace_is_gone_through(tmp_path: Path) -> None:
    best = tmp_path / "best.yaml"
    options = ("--dataflow", "row_stationary", "--objective", "edp", "--save", str(best))
    text, data = succeed(*CHIP, *options), parsed(succeed(*CHIP, *options, "--json"))
    assert (data["dataflow"], data["mapper"], data["optimal"]) == ("row_stationary", "optimal", True)
    assert data["certificate"] is None
    spent = json.loads(
        succeed("evaluate", *CHIP[1:2], CHIP[3], str(best), "--engine", "closed-form", "--json")
    )
    assert (spent["energy"], spent["cycles"]) == (data["energy"], data["cycles"])
    for shown in ("least edp: proven", f"{data['cycles']:,} cycles", f"{data['evaluated']:,} mappings"):
        assert shown in text
    space = sim.mapspace("lenet5_caffe:conv2", "eyeriss_v1")
    assert data["evaluated"] == space.size().mappings
    assert space.decode(data["vector"]) == sim.load_mapping(str(best))


def test_a_limit_so_short_that_only_the_first_mapping_is_known(layer: str) -> None:
    options = ("search", layer, *ON, "--time-limit", "1e-9")
    text, data = succeed(*options), parsed(succeed(*options, "--json"))
    assert data["evaluated"] == 1 and not data["optimal"] and not data["complete"]
    assert 0 < data["gap"] <= 1 and data["lower_bound"] < data["value"]
    assert "least energy: the best found, not proven" in text
    least = parsed(succeed("search", layer, *ON, "--json"))["value"]
    tight = parsed(succeed("search", layer, *ON, "--memory-limit", "1 B", "--json"))
    assert not tight["optimal"] and tight["lower_bound"] <= least < tight["value"]
    assert tight["gap"] == pytest.approx(1 - tight["lower_bound"] / tight["value"])
    shown = succeed("search", layer, *ON, "--memory-limit", "1 B")
    assert f"nothing is below {tight['lower_bound']:,.8g}, gap {tight['gap']:.2g}" in shown
    assert parsed(succeed("search", layer, *ON, "--memory-limit", "1 GiB", "--json"))["optimal"]


def test_bypasses_and_what_is_kept(layer: str) -> None:
    free = parsed(succeed("search", layer, *ON, "--json"))
    for option, kept in (("--bypass", False), ("--keep", True)):
        options = [word for tensor in ("weights", "inputs") for word in (option, f"GLB.{tensor}")]
        data = parsed(succeed("search", layer, *ON, *options, "--json"))
        stores = [node["keeps"] for node in data["mapping"] if node.get("store") == "GLB"]
        for tensor in ("weights", "inputs"):
            assert any(tensor in keeps for keeps in stores) == kept
        assert data["optimal"] and data["value"] >= free["value"]


def test_a_rule_that_is_not_used_changes_the_work_alone(layer: str, tmp_path: Path) -> None:
    """On a machine without an array: there every rule cuts something, and all fits in memory without."""
    levels = [
        {"storage": "DRAM", "price": {"read": 200, "drain": 200, "refill": 200}},
        {"storage": "GLB", "capacity": "30 words", "price": {"read": 6, "fill": 6, "drain": 6}},
        {"storage": "RF", "capacity": "12 words", "price": {"read": 1}},
        {"mac": {"price": 1}},
    ]
    file = tmp_path / "flat.yaml"
    file.write_text(json.dumps(machine(*levels).to_dict()))
    on = ("search", layer, "--arch", str(file), "--json")
    free = parsed(succeed(*on))
    data = parsed(succeed(*on, "--without-rule", "bound", "--without-rule", "dominated"))
    assert free["optimal"] and data["optimal"] and data["value"] == free["value"]
    for rule in ("bound", "dominated"):
        assert data["certificate"]["cut"][rule] == 0 < free["certificate"]["cut"][rule]
    assert data["certificate"]["tried"] > free["certificate"]["tried"]


def test_ragged_factors(layer: str) -> None:
    ragged = ("--factors", "ragged", "--mapper", "random", "--evaluations", "300")
    data = parsed(succeed("search", layer, *ON, *ragged, "--json"))
    perfect = sim.mapspace(sim.load_layer(layer), ON[1], None)
    perfect = perfect.within(replace(perfect.constraints, factors="perfect"))
    assert not perfect.contains(sim.load_mapping(data["mapping"]))


def test_every_option_follows_its_seed() -> None:
    options = ("--mapper", "random", "--evaluations", "300", "--time-limit", "1000", "--threads", "2")
    found = [parsed(succeed(*CHIP, *options, "--seed", seed, "--batch", "2", "--json")) for seed in "445"]
    assert found[0]["vector"] == found[1]["vector"] != found[2]["vector"]
    assert (found[0]["evaluated"], found[0]["complete"], found[0]["seed"]) == (300, False, 4)
    assert found[0]["mapping"] and found[0]["dataflow"] is None
    shown = succeed(*CHIP, "--mapper", "hill-climbing", "--evaluations", "300")
    assert "least energy: the best found, not proven\nhill-climbing search: 300 mappings scored" in shown


def test_an_interrupted_search_prints_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*rest: Any, **options: Any) -> Found:
        return replace(original(*rest, **options), interrupted=True)

    original = sim.search
    monkeypatch.setattr(sim, "search", interrupted)
    options = ("--mapper", "random", "--evaluations", "100", "--save", str(tmp_path / "best.yaml"))
    result = call(*CHIP, *options)
    assert (result.exit_code, result.stderr) == (130, "interrupted: the best mapping so far\n")
    assert "multiply-accumulate" in result.stdout and ", interrupted" in result.stdout
    assert str(sim.load_mapping(tmp_path / "best.yaml")) in result.stdout


@pytest.mark.parametrize("checks", [0, 1, 3])
def test_ctrl_c_in_a_search_for_the_optimum(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checks: int
) -> None:
    """Wherever it comes, the best so far is saved and what is known of the rest is said."""
    left = checks

    def pressed(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Optimum, "_check", pressed)
    best = tmp_path / "best.yaml"
    result = call("search", layer, *ON, "--save", str(best), "--json")
    assert (result.exit_code, result.stderr) == (130, "interrupted: the best mapping so far\n")
    data = parsed(result.stdout)
    assert data["interrupted"] and not data["optimal"] and not data["complete"]
    assert data["mapping"] == sim.load_mapping(best).to_list()
    assert math.isfinite(data["value"]) and data["lower_bound"] < data["value"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mapper", "genetics"), "unknown mapper 'genetics'; known: cmaes, exhaustive"),
        (("--mapper", "optimum"), "did you mean 'optimal'?"),
        (("--objective", "delay"), "unknown objective 'delay'; known: cycles, edp, energy"),
        (("--objective", "energy,cycle"), "not ('energy', 'cycle')"),
        (("--objective", "energy,"), "('energy', 'cycles') for their front, not ('energy', '')"),
        (("--dataflow", "weight"), "did you mean 'weight_stationary'?"),
        (("--time-limit", "0"), "the time limit (seconds) must be a positive number, not 0.0"),
        (("--time-limit", "nan"), "must be a positive number, not nan"),
        (("--memory-limit", "-1"), "'-1' is not a size"),
        (("--memory-limit", "much"), "'much' is not a size"),
        (("--memory-limit", "2 Gib"), "has the unknown unit 'Gib'"),
        (("--memory-limit", "4 bits"), "the memory limit (bytes) must be a positive whole number, not 0"),
        (("--factors", "perfekt"), "no factors 'perfekt'; did you mean 'perfect'?"),
        (("--factors", ""), "no factors ''"),
        (("--bypass", "GLB.wieghts"), "did you mean 'GLB.weights'?"),
        (("--keep", "GBL.inputs"), "did you mean 'GLB.inputs'?"),
        (("--keep", "GLB.inputs", "--bypass", "GLB.inputs"), "both"),
        (("--without-rule", "bound", "--mapper", "random"), "pruning rules: for the mapper 'optimal' alone"),
        (("--memory-limit", "1 GiB", "--mapper", "cmaes"), "a memory limit: for the mapper 'optimal' alone"),
        (("--without-rule", "bond"), "no pruning rule 'bond'; did you mean 'bound'?"),
        (("--seed", "-1"), "a seed is a whole number from 0"),
        (("--save", "/no/such/folder.yaml"), "cannot write /no/such/folder.yaml"),
    ],
)
def test_bad_options_are_one_line(layer: str, arguments: tuple[str, ...], message: str) -> None:
    line = fail("search", layer, *ON, *arguments)
    assert line.startswith("error: ")
    assert message in line


def test_spaces_of_no_mapping_and_of_one(tmp_path: Path) -> None:
    file, small = tmp_path / "one.yaml", tmp_path / "machine.yaml"
    file.write_text("convolution: {}\n")
    data = sim.load_architecture(ON[1]).replace({"psum_spad.capacity": "8 bits"}).to_dict()
    small.write_text(json.dumps(data))
    line = fail("search", str(file), "--arch", str(small))
    assert "psum_spad holds 8 bits" in line and "16 bits" in line
    keeps = [word for tensor in ("weights", "inputs", "outputs") for word in ("--bypass", f"GLB.{tensor}")]
    one = parsed(succeed("search", str(file), *ON, *keeps, "--json"))
    assert one["optimal"] and one["cycles"] == 1
