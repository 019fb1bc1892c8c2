"""The notebooks of the gallery run, and print what is saved in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from .blocks import ROOT, Block, Runner

NOTEBOOKS = sorted((ROOT / "experiments" / "notebooks").glob("*.ipynb"))
MAGIC = "%matplotlib inline\n"


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which starts no kernel: the one magic, which shows figures, is left out."""
    monkeypatch.chdir(tmp_path)
    runner = Runner(path)
    for number, cell in enumerate(code_cells(path), 1):
        runner.run(Block("python", "".join(cell["source"]).removeprefix(MAGIC), None, number))
        saved = "".join("".join(x["text"]) for x in cell["outputs"] if x["output_type"] == "stream")
        assert runner.printed == saved, f"{path.name}, cell {number}: run it anew"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_saved_as_it_ran(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    streams = {x["name"] for cell in cells for x in cell["outputs"] if x["output_type"] == "stream"}
    assert streams <= {"stdout"}, "warnings and errors are not for the gallery"
    assert any("image/png" in x.get("data", {}) for cell in cells for x in cell["outputs"])
    assert path.stat().st_size < 200_000
    assert f"({path.stem}.md)" in (ROOT / "docs" / "gallery" / "index.md").read_text()
