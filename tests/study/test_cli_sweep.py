"""`simulator sweep`: what it runs, writes and refuses."""

import csv
import json
import os

import pytest
import yaml

import simulator as sim
from workloads.network_file import save_network

from ..commands import call, fail, succeed
from ..small_networks import SMALL
from .small_studies import linear


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a machine and a network as files."""
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL.to_dict(), sort_keys=False))
    save_network(linear(), tmp_path / "line.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ARGUMENTS = ("sweep", "line.yaml", "--arch", "small.yaml", "--workers", "0")
GRID = ("--set", "array.x=2,3", "--set", "mac.price=1:4:x2")


def test_a_grid_is_run_shown_and_written(here):
    shown = succeed(
        *ARGUMENTS, *GRID, "--constraint", "array.x * mac.price < 12", "--batch", "1,2", "--out", "new/runs",
        "--format", "csv,json",
    )  # fmt: skip
    assert "line, batch 1: 5 points" in shown and "line, batch 2: 5 points" in shown
    assert "left out, 2 points: constraint array.x * mac.price < 12" in shown
    with open(here / "new/runs/networks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 and {row["array.x"] for row in rows} == {"2", "3"}
    study = sim.sweep(
        linear(), SMALL, {"array.x": [2, 3], "mac.price": [1, 2, 4]}, workers=0, batch=[1, 2],
        constraints="array.x * mac.price < 12",
    )  # fmt: skip
    assert json.loads((here / "new/runs/layers.json").read_text()) == list(study.layers())
    assert sorted(os.listdir(here / "new/runs")) == [
        f"{table}.{form}" for table in ("layers", "networks", "rows") for form in ("csv", "json")
    ]


def test_a_dry_run_runs_nothing(here):
    assert "points: 6, runs of a network at a point: 6" in succeed(*ARGUMENTS, *GRID, "--dry-run")
    assert not [name for name in os.listdir(here) if "sqlite" in name]
    succeed(*ARGUMENTS, "--set", "array.x=2", "--store", "s.sqlite")
    shown = succeed(*ARGUMENTS, "--set", "array.x=2,3", "--store", "s.sqlite", "--dry-run")
    assert "2 distinct layer shapes on distinct machines, 1 of them in the store" in shown
    said = json.loads(succeed(*ARGUMENTS, *GRID, "--dry-run", "--json", "--constraint", "array.x < 3"))
    assert said["points"] == ["mac.price=1", "mac.price=2", "mac.price=4"]
    assert (said["items"], said["in_store"]) == (3, 0)
    assert said["left_out"] == {"constraint array.x < 3": 3}


def test_the_same_from_a_file(here):
    study = {
        "networks": "line.yaml",
        "architectures": ["small.yaml"],
        "settings": {"array.x": [2, 3], "mac.price": "1:4:x2"},
        "constraints": "array.x < 3 or mac.price > 1",
        "objective": ["energy", "cycles"],
        "engine": "closed-form",
    }
    (here / "study.yaml").write_text(yaml.safe_dump(study))
    from_file = succeed("sweep", "study.yaml", "--workers", "0", "--batch", "2", "--json")
    by_hand = succeed(
        *ARGUMENTS, *GRID, "--constraint", "array.x < 3 or mac.price > 1", "--objective", "energy,cycles",
        "--batch", "2", "--json",
    )  # fmt: skip
    assert json.loads(from_file) == json.loads(by_hand)
    points = [{"array.x": 2}, {"array.x": 3, "mac.price": 2}]
    (here / "points.yaml").write_text(yaml.safe_dump(study | {"settings": points}))
    rows = json.loads(succeed("sweep", "points.yaml", "--workers", "0", "--json"))["networks"]
    assert [(row["array.x"], row["mac.price"]) for row in rows] == [(2, None), (2, None), (3, 2), (3, 2)]
    (here / "sample.yaml").write_text(yaml.safe_dump(study | {"sample": "sobol:4:1"}))
    assert len(json.loads(succeed("sweep", "sample.yaml", "--dry-run", "--json"))["points"]) <= 4 * 2


def test_a_sample(here):
    pytest.importorskip("scipy")
    fields = ("--set", "array.x=2:9", "--set", "glb.capacity=120B:4KiB:log")
    said = json.loads(succeed(*ARGUMENTS, *fields, "--sample", "latin-hypercube:8:3", "--dry-run", "--json"))
    assert len(said["points"]) == 8 == len(set(said["points"]))


def test_a_store_is_gone_on_with(here):
    first = json.loads(succeed(*ARGUMENTS, *GRID, "--store", "s.sqlite", "--json"))
    again = call(*ARGUMENTS, *GRID, "--store", "s.sqlite", "--json")
    assert json.loads(again.stdout) == first
    with sim.open_study("s.sqlite") as study:
        assert study.networks() == first["networks"]


def test_a_layer_that_fails_is_told_and_no_error(here):
    shown = succeed(*ARGUMENTS, "--set", "rf.capacity=1 words,9 words")
    assert "failed" in shown and "RF holds 8 bits" in shown


def test_ctrl_c_keeps_what_is_done(here, monkeypatch):
    from simulator.study import points

    def interrupted(item, done=[]):  # noqa: B006
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(item)
        return compute(item)

    compute = points.compute
    monkeypatch.setattr(points, "compute", interrupted)
    result = call(*ARGUMENTS, *GRID, "--store", "s.sqlite")
    assert result.exit_code == 130 and "interrupted: 4 items are left" in result.stdout
    monkeypatch.setattr(points, "compute", compute)
    assert "interrupted" not in succeed(*ARGUMENTS, *GRID, "--store", "s.sqlite")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("line.yaml",), "name a machine: --arch eyeriss_v1"),
        (("--set", "arrray.x=2"), "small has no field 'arrray'; did you mean 'array'?"),
        (("--set", "array.x"), "--set takes FIELD=VALUES, not 'array.x'"),
        (("--set", "array.x=2", "--set", "array.x=3"), "--set: 'array.x' is given twice"),
        (("--set", "array.x=2,,3"), "--set array.x"),
        (("--set", "array.x=[2"), "--set array.x"),
        (("--set", "array.x=0"), "point array.x=0: "),
        (("--set", "array.x=2:9"), "the range '2:9' has no step"),
        (("--sample", "sobol"), "a sample is a method and its points, as 'sobol:64'"),
        (("--constraint", "array.x +"), "constraint 'array.x +': cannot be read"),
        (("--batch", "0"), "batch must be a whole number from 1 on, not 0"),
        (("--objective", "energy,power"), "unknown objective 'power'"),
        (("--format", "csv,xlsx"), "unknown format 'xlsx'"),
        (("--densities", "line"), "--densities takes NETWORK=FILE"),
        (("--densities", "line=none.yaml"), "cannot read none.yaml: no such file"),
        (("--out", "line.yaml"), "cannot make the folder line.yaml"),
        (("--store", "line.yaml"), "store line.yaml: is another kind of file"),
        (("--store", "no/where.sqlite"), "store no/where.sqlite"),
        (("--workers", "2", "--scheduler", "tcp://x:1"), "scheduler"),
    ],
)
def test_wrong_input_is_one_line(here, arguments, words):
    given = ("sweep", "line.yaml") if arguments[0] == "line.yaml" else ARGUMENTS
    assert words in fail(*given, *(() if arguments[0] == "line.yaml" else arguments))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"netwroks": 1}, "study.yaml: unknown field 'netwroks'; did you mean 'networks'?"),
        ({"architectures": None}, "study.yaml: architectures: is empty"),
        ({"settings": 7}, "study.yaml: settings: must be a list, got 7"),
        ({"settings": [7]}, "study.yaml: settings[0]: must be a mapping, got 7"),
        ({"constraints": 7}, "study.yaml: constraints: must be text, got 7"),
        ({"evaluations": "many"}, "study.yaml: evaluations: must be a whole number, got 'many'"),
        ({"sample": 64}, "study.yaml: sample: must be text, got 64"),
        ({"fuse": "no"}, "study.yaml: fuse: must be true or false, got 'no'"),
        ({"batch": 2.5}, "study.yaml: batch"),
        ({"settings": {"array.x": [2, 2]}}, "the value 2 is given twice"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(here, change, words):
    study = {"networks": ["line.yaml"], "architectures": ["small.yaml"]} | change
    (here / "study.yaml").write_text(yaml.safe_dump(study))
    assert words in fail("sweep", "study.yaml", "--workers", "0")


def test_a_misspelled_field_of_networks_is_told_as_such(here):
    (here / "study.yaml").write_text("network: line.yaml\narchitectures: small.yaml\n")
    assert "study.yaml: unknown field 'network'; did you mean 'networks'?" in fail("sweep", "study.yaml")


def test_a_file_and_the_command_line_do_not_contradict(here):
    (here / "study.yaml").write_text("networks: line.yaml\narchitectures: small.yaml\nbatch: 2\n")
    assert "study.yaml gives batch already" in fail("sweep", "study.yaml", "--batch", "1")
    assert "study.yaml is a study, which names its networks itself" in fail("sweep", "study.yaml", "alexnet")
