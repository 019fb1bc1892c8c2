"""The command line on networks: what it shows and lists, files and their options, the way to YAML."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import simulator as sim
from simulator.terminal_networks import zoo_rows, zoo_table
from workloads import NETWORKS
from workloads.importers import read_network_file

from .commands import fail, succeed

DATA = Path(__file__).parent / "data"
LENET = str(DATA / "caffe" / "lenet.prototxt")
TRAINED = str(DATA / "caffe" / "lenet_train_test.prototxt")
QUICK = ("--arch", "eyeriss_v1", "--mapper", "random", "--evaluations", "5", "--engine", "closed-form")


def test_a_network_is_shown_with_totals_and_branches() -> None:
    shown = succeed("show", "network", "googlenet")
    network = sim.load_network("googlenet")
    for part in (f"{network.macs:,} MACs", f"{network.operations:,} other", "top-5 error 10.07 %", "2014; "):
        assert part in shown
    (row,) = [line for line in shown.splitlines() if line.split()[:2] == ["inception_3a/output", "4"]]
    assert "inception_3b/1x1, inception_3b/3x3_reduce" in row and row.endswith("304,267,264")
    assert "no branches" in succeed("show", "network", "lenet5_caffe")


def test_a_network_is_data() -> None:
    data = json.loads(succeed("show", "network", "resnet18", "--batch", "2", "--json"))
    network = sim.load_network("resnet18", batch=2)
    assert data["totals"]["macs"] == network.macs == sum(layer["macs"] for layer in data["layers"])
    assert data["totals"]["params"] == network.params and data["year"] == 2015
    assert len(data["forks"]) == 8 and data["forks"][0]["joins_at"] == "add2_1"


def test_options_of_the_builder() -> None:
    shown = succeed(
        "show",
        "network",
        "mobilenet_v2",
        "--option",
        "width=0.5",
        "--option",
        "input_size=[96, 128]",
        "--json",
    )
    network = sim.load_network("mobilenet_v2", width=0.5, input_size=(96, 128))
    assert json.loads(shown)["totals"]["macs"] == network.macs


def test_the_list_has_what_is_known_of_each() -> None:
    data = json.loads(succeed("list", "networks", "--json"))
    assert list(data) == list(NETWORKS)
    for name in ("vgg16", "resnet50", "llama3_8b"):
        network = sim.load_network(name)
        assert data[name]["macs"] == network.macs and data[name]["weights"] == network.weights
        assert data[name]["source"] == network.metadata.source
    assert data["vgg16"]["year"] == 2014 and data["vgg16"]["top5_error"] == 8.1


@pytest.mark.parametrize("width", [80, 160])
def test_the_list_fits_the_terminal(width: int) -> None:
    rows = zoo_rows([(NETWORKS[name].description, sim.load_network(name)) for name in ("alexnet", "vgg16")])
    console = Console(width=width, record=True, quiet=False, file=io.StringIO())
    console.print(zoo_table(rows, width))
    assert max(len(line) for line in console.export_text().splitlines()) <= width
    table = zoo_table(rows, width)
    assert [column.header for column in table.columns][:5] == ["network", "year", "MACs", "weights", "source"]
    assert (len(table.columns) == 6) == (width == 160)


@pytest.mark.parametrize("file", [LENET, str(DATA / "keras" / "branches.keras")])
def test_a_network_is_saved_as_yaml(file: str, tmp_path: Path) -> None:
    out = tmp_path / "net.yaml"
    assert str(out) in succeed("convert", file, str(out), "--batch", "2")
    assert read_network_file(out) == read_network_file(file, batch=2)
    assert sim.load_network(out).batch == 2


def test_files_take_dimensions_and_a_phase() -> None:
    sizes = ("--dim", "channels=1", "--dim", "height=28", "--dim", "width=28")
    tested = json.loads(succeed("show", "network", TRAINED, *sizes, "--json"))
    assert tested["totals"]["macs"] == 2_293_000
    trained = json.loads(succeed("show", "network", TRAINED, *sizes, "--phase", "TRAIN", "--json"))
    names = [{row["name"] for row in data["layers"]} for data in (trained, tested)]
    assert "drop1" in names[0] - names[1]


def test_a_file_is_run_as_the_network_that_it_is() -> None:
    filed, named = (json.loads(succeed("run", name, *QUICK, "--json")) for name in (LENET, "lenet5_caffe"))
    assert filed["layers"] == named["layers"] and filed["totals"] == named["totals"]


def test_activations_are_layers_of_their_own_unless_fused() -> None:
    fused, apart = (
        json.loads(succeed("run", "lenet5_caffe", *QUICK, *more, "--json")) for more in ((), ("--no-fuse",))
    )
    assert {layer["layer"] for layer in apart["layers"]} - {layer["layer"] for layer in fused["layers"]} == {
        "relu1"
    }
    assert [layer["fused_into"] for layer in fused["skipped"] if layer["layer"] == "relu1"] == ["ip1"]
    again = sim.simulate(
        "lenet5_caffe", "eyeriss_v1", mapper="random", evaluations=5, engine="closed-form", fuse=False
    )
    assert [layer.name for layer in again] == [layer["layer"] for layer in apart["layers"]]


REFUSED = {
    "must end in .yaml": ("convert", "alexnet", "net.txt"),
    "cannot write": ("convert", "alexnet", "none/net.yaml"),
    "no such file": ("convert", "none.keras", "net.yaml"),
    "--dim takes NAME=SIZE, not 'height'": ("show", "network", LENET, "--dim", "height"),
    "--dim height: a size is a whole number from 1 on, not '-3'": (
        "show", "network", LENET, "--dim", "height=-3",
    ),
    "--dim: 'height' is given twice": (
        "show", "network", LENET, "--dim", "height=28", "--dim", "height=32",
    ),
    "give the dimensions": ("show", "network", TRAINED),
    "phase='TEXT' is unknown; did you mean 'TEST'?": ("show", "network", LENET, "--phase", "TEXT"),
    "network 'alexnet' has no option 'phase'": ("show", "network", "alexnet", "--phase", "TEST"),
    "no option 'widht'; did you mean 'width'?": (
        "run", "mobilenet_v2", "--arch", "eyeriss_v1", "--option", "widht=0.5",
    ),
    "--option takes NAME=VALUE, not 'width'": ("show", "network", "mobilenet_v2", "--option", "width"),
    "--option batch: give --batch": ("show", "network", "mobilenet_v2", "--option", "batch=3"),
    "--option width, line 1": ("show", "network", "mobilenet_v2", "--option", "width=[1"),
    "must end in one of .png": ("show", "network", "lenet5", "--plot", "net.jpg"),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refused_in_one_line(message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fail(*REFUSED[message])
    assert not list(tmp_path.iterdir())


def test_a_network_is_drawn(tmp_path: Path) -> None:
    drawn = tmp_path / "net.svg"
    assert "conv1" in succeed("show", "network", "lenet5_caffe", "--plot", str(drawn))
    assert drawn.read_bytes().startswith(b"<?xml")
