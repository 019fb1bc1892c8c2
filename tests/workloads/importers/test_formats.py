"""Which format a file has, what can be given with it, and every import as our own YAML."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import workloads as w
from workloads.importers import FORMATS, find_format, is_network_file, read_network_file
from workloads.network_file import save_network

DATA = Path(__file__).parents[2] / "data"
TABLE = "Layer, M, N, K,\nQKT, 16, 8, 4,\n"
FILES = [
    DATA / "caffe" / "lenet.prototxt",
    DATA / "caffe" / "lenet_former.prototxt",
    DATA / "caffe" / "alexnet.prototxt",
    *sorted((DATA / "keras").glob("*.keras")),
    DATA / "keras" / "functional.json",
    DATA / "keras" / "sequential.json",
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_import_is_saved_and_comes_back_equal(path: Path, tmp_path: Path) -> None:
    network = read_network_file(path, batch=2)
    save_network(network, tmp_path / "net.yaml")
    assert read_network_file(tmp_path / "net.yaml") == network


def test_a_table_too(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text(TABLE)
    network = read_network_file(tmp_path / "net.csv")
    save_network(network, tmp_path / "net.yaml")
    assert read_network_file(tmp_path / "net.yaml") == network and network.macs == 16 * 8 * 4
    assert read_network_file(tmp_path / "net.yaml", batch=3).macs == 3 * network.macs


@pytest.mark.parametrize(
    "path", [*FILES[:3], FILES[3], DATA / "keras" / "functional.json"], ids=lambda path: path.name
)
def test_a_format_shows_in_a_files_beginning(path: Path, tmp_path: Path) -> None:
    bare = tmp_path / "net"
    shutil.copy(path, bare)
    assert find_format(bare) == find_format(path)
    assert read_network_file(bare).macs == read_network_file(path).macs


def test_tables_and_yaml_by_their_beginning(tmp_path: Path) -> None:
    (tmp_path / "table.txt").write_text(TABLE)
    (tmp_path / "net.txt").write_text("# a network\nnetwork: n\nlayers: [{name: a, type: Input, shape: [4]}]")
    assert find_format(tmp_path / "table.txt").endings == (".csv", ".tsv")
    assert read_network_file(tmp_path / "net.txt").name == "n"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(w.WorkloadError, match=r"is not a file$"):
        read_network_file(tmp_path)


def test_names_and_files_are_told_apart() -> None:
    assert [is_network_file(text) for text in ("alexnet", "a.onnx", "nets/a", "A.CSV", "net.h5", "v1.5")] == [
        False, True, True, True, True, False,
    ]  # fmt: skip


def test_formats_have_their_own_endings() -> None:
    endings = [ending for form in FORMATS for ending in form.endings]
    assert len(endings) == len(set(endings))
    assert {".onnx", ".prototxt", ".keras", ".json", ".csv", ".yaml"} <= set(endings)


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("a.h5", "", {}, r"^cannot read .*a\.h5: save the model as \.keras"),
        ("a.pt", "", {}, "such files run code; export the module as ONNX"),
        ("a.caffemodel", "", {}, "it holds weights"),
        ("a.dat", "hello", {}, r"the ending '\.dat' says no format, nor does its text; known: \.onnx"),
        ("a", "hello", {}, "a name without an ending says no format"),
        ("a.csv", TABLE, {"phase": "TEST"}, r"^.*a\.csv: a table takes no 'phase'"),
        ("a.prototxt", "", {"dimension": {}}, "Caffe takes no 'dimension'; did you mean 'dimensions'"),
        ("a.csv", TABLE, {"batch": 0}, "batch must lie between 1"),
        (
            "a.yaml",
            "network: n\nlayers: [{name: a, type: Input, shape: [4]}]",
            {"batch": 0},
            "batch must lie",
        ),
    ],
)
def test_refused(name: str, text: str, options: dict[str, object], message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(w.WorkloadError, match=message):
        read_network_file(tmp_path / name, **options)  # type: ignore[arg-type]


def test_files_that_are_not_there_or_too_large(tmp_path: Path) -> None:
    for name in (
        "none",
        "none.prototxt",
        "none.keras",
        "none.json",
        "none.csv",
        "none.yaml",
        "a\0b.csv",
        "a\0b",
    ):
        with pytest.raises(w.WorkloadError, match=r"^cannot read "):
            read_network_file(name)
    for ending in (".prototxt", ".json", ".csv"):
        with open(tmp_path / f"large{ending}", "wb") as large:
            large.truncate(2**24)
        with pytest.raises(w.WorkloadError, match="larger than"):
            read_network_file(tmp_path / f"large{ending}")


def test_readers_are_imported_when_they_are_needed() -> None:
    loaded = "[m for m in sys.modules if m.startswith('workloads.importers.')]"
    code = f"import sys, workloads.importers; print({loaded})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
