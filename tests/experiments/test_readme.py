"""The page of the experiments names every script and every figure, and what draws it."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "experiments"
PAGE = (FOLDER / "README.md").read_text("utf-8")
SCRIPTS = [path for path in FOLDER.glob("*.py") if path.name != "common.py"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_is_named_with_its_run_time(path: Path) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `python experiments/{path.name}`")]
    assert any(unit in line for unit in (" s |", " s,", "minute", "hour", "seconds", "10 s"))


def test_every_figure_is_named_with_its_command() -> None:
    rows = [line.split("|")[1:3] for line in PAGE.splitlines() if ".png`" in line and line.startswith("|")]
    patterns = [part for names, _ in rows for part in names.split("`") if part.endswith(".png")]
    figures = [path.name for path in (FOLDER / "figures").glob("*.png")]
    assert not [name for name in figures if not any(fnmatch(name, pattern) for pattern in patterns)]
    assert not [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in figures)]
    for _, command in rows:
        called = command.split("`")[1].split()
        assert called[0] == "simulator" or (FOLDER.parent / called[1]).is_file()
