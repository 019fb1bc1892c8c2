"""Dataflows on the command line: a file wherever a name is taken, and everything wrong in it one line."""

import json

import pytest

import simulator as sim
from simulator.dataflows import DATAFLOWS

from ..commands import fail, succeed
from .nests import FILE


def test_every_command_takes_a_dataflow_s_file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(FILE)
    machine = ("--arch", "eyeriss_v1", "--dataflow", str(file), "--json")
    data = json.loads(succeed("search", "lenet5_caffe:conv2", *machine))
    size = json.loads(succeed("show", "mapspace", "lenet5_caffe:conv2", *machine))["size"]
    assert data["complete"] and 0 < data["evaluated"] <= size["mappings"] > 5
    result = json.loads(succeed("run", "lenet5_caffe", "--engine", "closed-form", *machine))
    assert {layer["dataflow"] for layer in result["layers"]} == {"mine"}
    shown = json.loads(succeed("show", "dataflow", str(file), "--json"))
    assert (shown["name"], len(shown["nest"]), shown["parameters"]) == ("mine", 5, [])
    again = tmp_path / "again.yaml"
    again.write_text(succeed("show", "dataflow", str(file)))
    assert sim.load_dataflow(again) == sim.load_dataflow(file)


@pytest.mark.parametrize("name", DATAFLOWS)
def test_every_dataflow_is_shown_as_the_file_that_declares_it(name, tmp_path):
    file = tmp_path / "shown.yaml"
    file.write_text(succeed("show", "dataflow", name))
    assert sim.load_dataflow(file) == sim.load_dataflow(name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "keeps: weights",
            "kepes: weights",
            "nest[3].level pe: unknown field 'kepes'; did you mean 'keeps'?",
        ),
        ("G, N", "G, NN", "mine: nest[0].loops: conv2 has no dimension 'NN'; did you mean 'N'?"),
        ("level: buffer", "level: bufer", "eyeriss_v1 has no level 'bufer'; did you mean 'buffer'?"),
        ("last", "lats", "eyeriss_v1 has no axis 'lats'; did you mean 'last'?"),
        ("keeps: weights", "keeps: weigths", "no tensor is called 'weigths'; did you mean 'weights'?"),
        ("most", "must", "factor 'must' is none of any, most, half, full, all"),
        ("most", "9..3", "factor 9..3 is an empty range"),
        ("most", "0", "factor '0' is none of"),
        ("most", "9" * 40, "is too large a number"),
        ("most", "true", "or any, most, half, full or all, got true"),
        ("Q, S", "Q", "no loop of the dimensions S of conv2"),
        ("most", "50", "without nest[2].array.each.M: 50 there would be one"),
        ("[Q, S]", "[Q, S", "mine.yaml, line 13, column 8: while parsing a flow sequence"),
        ("mine", "&a [*a]", "aliases (*name) are not read"),
        ("mine", "!!python/name:os.system", "is not read; only plain data is"),
        ("mine", "[" * 5000, "mine.yaml"),
        ("mine", "x" * 2**21, "larger than 1 MiB"),
    ],
)
def test_a_wrong_dataflow_file_is_one_line(old, new, message, tmp_path):
    file = tmp_path / "mine.yaml"
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1))
    for command in (("search", "lenet5_caffe:conv2"), ("show", "mapspace", "lenet5_caffe:conv2")):
        line = fail(*command, "--arch", "eyeriss_v1", "--dataflow", str(file))
        assert line.startswith("error: ") and message in line
