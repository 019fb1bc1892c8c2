"""The table of the zoo: that it is up to date, and that it says what the figures do."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("experiments.networks_table")


def test_the_table_is_up_to_date(table: ModuleType) -> None:
    assert table.main(["--check"]) == 0


def test_a_stale_table_is_an_error(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table.zoo, "names", lambda: ("lenet5", "lenet5_dense"))
    path = tmp_path / "README.md"
    out = ["--out", str(path)]
    assert table.main([*out, "--check"]) == 2
    assert "no such file" in capsys.readouterr().err
    assert table.main(out) == 0
    assert table.main([*out, "--check"]) == 0
    path.write_text(path.read_text("utf-8").replace("326,520", "326,521", 1), "utf-8")
    assert table.main([*out, "--check"]) == 2
    assert "is out of date; run python experiments/networks_table.py" in capsys.readouterr().err


def test_a_row_gives_counts_figures_and_reasons(table: ModuleType) -> None:
    page = table.page(["zfnet", "lenet5", "zfnet_wide"]).splitlines()
    rows = {line.split(" | ")[0][2:]: line for line in page if line.startswith("| ")}
    cells = [cell.strip() for cell in rows["zfnet"].strip("|").split("|")]
    assert cells[1:4] == ["1,168,032,896", "62,347,040", "62,357,608"]
    assert cells[4:] == ["", "62,357,608 parameters, 1170.33 M MACs [1]", "exact, MACs -0.196 % (a)"]
    assert "283 k conv MACs" in rows["lenet5"] and "conv MACs -5.44 % (c)" in rows["lenet5"]
    assert "no figure of MACs (f)" in rows["zfnet_wide"]
    assert any(line.startswith("- (b) **lenet5**, MACs: 341 k in [2], 326,520 here; ") for line in page)
    assert any(line.startswith("1. imgclsmob") for line in page)


def test_letters_go_on_after_z(table: ModuleType) -> None:
    assert [table._letters(number) for number in (0, 25, 26, 51, 52, 702)] == [
        "a",
        "z",
        "aa",
        "az",
        "ba",
        "aaa",
    ]
