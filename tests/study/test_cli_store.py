"""The commands that look into a store: what is in it, and all of it in a file."""

import csv
import json

import pytest
from pyarrow import parquet
from sweep_work import answers

from simulator.study.store import Store

from ..commands import fail, succeed


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.sqlite"
    with Store(path) as store:
        for key, answer in answers(3).items():
            store.put(key, "alexnet conv1", answer)
        store.put("f" * 64, "alexnet fc6", {"status": "failed", "error": "no mapping"})
        store.put_study({"networks": ["alexnet"]})
    return path


def test_info(path):
    out = succeed("store", "info", str(path))
    assert f"{path}: 4 results, of them 1 failed; 0.0 MB, version 2" in out and "created (UTC)" in out
    data = json.loads(succeed("store", "info", str(path), "--json"))
    assert (data["results"], data["failed"]) == (4, 1)
    assert data["studies"][0]["description"] == {"networks": ["alexnet"]}


def test_export(path, tmp_path):
    files = {form: tmp_path / f"results.{form}" for form in ("json", "csv", "parquet")}
    for file in files.values():
        assert succeed("store", "export", str(path), str(file)) == f"{file}: 4 results\n"
    rows = json.loads(files["json"].read_text())
    assert {row["key"]: row["answer"] for row in rows[:3]} == answers(3)
    assert (rows[3]["label"], rows[3]["status"]) == ("alexnet fc6", "failed")
    with open(files["csv"], newline="") as stream:
        table = list(csv.DictReader(stream))
    assert table == parquet.read_table(files["parquet"]).to_pylist()
    assert [row | {"answer": json.loads(row["answer"])} for row in table] == rows


def test_wrong_files(path, tmp_path):
    missing = tmp_path / "none.sqlite"
    assert "there is no such file" in fail("store", "info", str(missing))
    assert not missing.exists()
    assert "must end in .csv, .parquet, .json" in fail("store", "export", str(path), str(tmp_path / "out"))
    (tmp_path / "table.csv").write_text("layer,energy\n")
    assert "another kind of file" in fail("store", "info", str(tmp_path / "table.csv"))
    assert "cannot write" in fail("store", "export", str(path), str(tmp_path / "none" / "out.csv"))
