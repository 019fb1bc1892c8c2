"""Runs as files: what is written reads back equal, of every format there was; what is wrong is said."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine, mapping

import simulator as sim
from simulator.cost.model import cost
from simulator.errors import SimulatorError
from simulator.problem import convolution
from simulator.results import LayerResult, NetworkResult, Part, Search, Skipped
from simulator.results_file import FORMAT_VERSION, part_from_dict, part_to_dict, result_from_dict
from simulator.results_form import run_schema

RESULTS = Path(__file__).parent / "data" / "results"
SCHEMA = Path(sim.__file__).parent / "schemas" / "run.schema.json"
FORMATS = sorted(RESULTS.glob("format_*.json"))


@pytest.fixture(scope="module")
def example():
    return sim.load_result(RESULTS / f"format_{FORMAT_VERSION}.json")


def several_parts():
    """A run of a layer of two parts, one of them by hand, with everything that a part can have."""
    chip = machine(
        {"storage": "DRAM", "bandwidth": {"shared": "6 bits"}, "price": {"read": 200, "drain": 7.3}},
        {"array": "PE", "axes": {"x": {"size": 3}}, "price": {"deliver": 0.1}},
        {"mac": {"price": 0.3, "gating": "inputs", "leakage_mw": 0.01}},
        energy_unit="pJ",
        clock_mhz=250,
    )
    wide = convolution("attention.scores", m=4, c=3).with_densities({"inputs": 0.5}).with_bits({"inputs": 12})
    scores = cost(wide, chip, mapping("DRAM:", "M 4", "C 3 @PE.x"), "functional")
    values = cost(convolution("attention.values", m=2), chip, mapping("DRAM:", "M 2"), "functional")
    search = Search("random", 12, False, False, 0.25)
    parts = (Part(scores, 3, search), Part(values, 2))
    layers = (LayerResult("attention", "Attention", parts, "flexible", operations=5),)
    skipped = (Skipped("relu", "Activation", 64, 0, 0, "attention"), Skipped("prob", "Softmax", 5, 10, 10))
    return NetworkResult("net", 2, chip, "flexible", "edp", "functional", layers, skipped)


@pytest.mark.parametrize("file", FORMATS, ids=lambda file: file.stem)
def test_every_format_there_was_is_read(file, example):
    found = sim.load_result(file)
    written = json.loads(file.read_text())
    assert found == example
    assert found.to_dict()["totals"] == written["totals"]
    assert [layer["energy"] for layer in found.to_dict()["layers"]] == [
        layer["energy"] for layer in written["layers"]
    ]
    assert str(found) == str(example)


def test_there_is_an_example_of_every_format():
    assert [file.stem for file in FORMATS] == [f"format_{n}" for n in range(1, FORMAT_VERSION + 1)]


def test_a_saved_run_reads_back_equal(tmp_path):
    run = several_parts()
    run.save(tmp_path / "result.json")
    for place in (tmp_path, tmp_path / "result.json", str(tmp_path)):
        again = sim.load_result(place)
        assert again == run
        assert list(again.rows()) == list(run.rows())
        assert str(again) == str(run) and again.to_dict() == run.to_dict()


def test_a_part_reads_back_equal():
    run = several_parts()
    for part in run.layers[0].parts:
        data = json.loads(json.dumps(part_to_dict(part)))
        assert part_from_dict(data, run.architecture) == part


def test_the_files_follow_the_published_schema(example):
    schema = json.loads(SCHEMA.read_text())
    assert schema == run_schema()
    check = jsonschema.Draft202012Validator(schema)
    for run in (example, several_parts()):
        data = json.loads(json.dumps(run.to_dict()))
        assert list(check.iter_errors(data)) == []
        data["layers"][0]["energy"] = "much"
        assert [error.json_path for error in check.iter_errors(data)] == ["$.layers[0].energy"]


def test_the_schema_names_the_unit_of_every_number():
    def numbers(schema, name=""):
        for key, field in schema.get("properties", {}).items():
            kinds = {branch.get("type") for branch in [field, *field.get("anyOf", [])]}
            if kinds & {"number", "integer"}:
                yield key, field

    forms = run_schema()["$defs"].values()
    bare = [key for form in forms for key, field in numbers(form) if "description" not in field]
    assert set(bare) <= {"utilization"}


def changed(data, path, value):
    data = copy.deepcopy(data)
    node = data
    for key in path[:-1]:
        node = node[key]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return data


PART = ("layers", 0, "parts", 0)
WRONG = [
    (("format",), 3, r"is of format 3 and was written by simulator '0.1.0'; .* reads formats 1 to 2"),
    (("format",), True, "not a run"),
    (("network",), None, "the field 'network' is missing"),
    (("netwrk",), "x", "unknown field 'netwrk'; did you mean 'network'"),
    (("architecture", "hierarchy", 1, "price", "read"), -1, r"storage GLB: price.read: must be at least 0"),
    ((*PART, "cycles", "total"), 10**30, r"parts\[0\].cycles.total: (must be at most|is too large)"),
    ((*PART, "cycles", "steps"), 0, r"cycles.steps: must be at least 1, got 0"),
    ((*PART, "actions", 2, "price"), float("nan"), r"actions\[2\].price: must be a finite number"),
    ((*PART, "actions", 2, "level"), "GLBB", r"actions\[2\]: unknown level 'GLBB'; did you mean 'GLB'"),
    ((*PART, "actions", 0, "energy"), 1.0, r"actions\[0\]: .* units at a price of 200 are not an energy"),
    ((*PART, "counts", 0, "tensor"), "bias", r"counts\[0\]: unknown tensor 'bias'"),
    ((*PART, "mapping", 1), {"loop": "diagonal"}, r"mapping\[1\]: loop must be"),
    ((*PART, "problem", "dims", "M"), 0, "problem: conv1: extent of dimension M must be from 1"),
    ((*PART, "problem", "bits"), {"bias": 3}, "problem: .*no tensor 'bias'"),
    ((*PART, "problem", "bits"), {"inputs": 10**30}, "problem: .*bits of 'inputs' must be from 1 to 4096"),
    (("layers",), "none", "layers: must be a list"),
    (("layers", 0, "parts"), [], "layers.*parts: must have at least 1 entry"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=lambda case: None)
def test_what_is_wrong_is_said(example, path, value, said):
    with pytest.raises(SimulatorError, match=said) as caught:
        result_from_dict(changed(example.to_dict(), path, value), "run.json")
    assert str(caught.value).startswith("run.json: ")


@settings(max_examples=40, deadline=None)
@given(data=st.data(), number=st.sampled_from((1, 2)))
def test_no_damage_is_more_than_an_error(data, number):
    """Any value of a file replaced or left out: it is read, and shown, or refused in words."""
    written = json.loads((RESULTS / f"format_{number}.json").read_text())
    node, path = written, []
    while isinstance(node, dict | list) and node and (not path or data.draw(st.integers(0, 9))):
        path.append(data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))))
        node = node[path[-1]]
    value = data.draw(st.sampled_from((None, "x", -1, 0, 10**30, 1.5, [], {}, True, float("inf"), {"a": {}})))
    try:
        str(result_from_dict(changed(written, path, value)))
    except SimulatorError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"format": 2, "network', "not JSON, or not all of it"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1, 2]", "not a run"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format": 2, "architecture": null}', "architecture: must be a mapping"),
    ],
)
def test_files_that_are_no_runs(tmp_path, content, said):
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(SimulatorError, match=said) as caught:
        sim.load_result(file)
    assert str(file) in str(caught.value)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(SimulatorError, match=r"none\.json: no such file"):
        sim.load_result(tmp_path / "none.json")
    with pytest.raises(SimulatorError, match=r"result\.json: no such file"):
        sim.load_result(tmp_path)
