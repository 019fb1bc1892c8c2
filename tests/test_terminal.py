"""What a terminal shows while a search goes on."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

import simulator as sim
from simulator import terminal
from simulator.mappers import Standing
from simulator.report import big

from .commands import call

PAINT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "Console", partial(Console, force_terminal=True, width=200))


def shown(standing: Standing, capfd: pytest.CaptureFixture[str]) -> str:
    """The line of a standing, without colours."""
    with terminal.search_progress("searching conv2") as report:
        assert report is not None
        report(standing)
    return PAINT.sub("", capfd.readouterr().err)


@pytest.mark.usefixtures("wide")
def test_a_search_for_the_optimum_shows_what_is_explored_pruned_found_and_left(
    capfd: pytest.CaptureFixture[str],
) -> None:
    standing = Standing(12, None, 3.0, None, 9e6, 500, 2_345_678, 1_200_000, 0.125, 8e6, 7e6)
    text = shown(standing, capfd)
    assert "searching conv2" in text
    assert "2.346 M explored, 1.2 M pruned, best 8 M, bound 7 M, gap 0.12" in text


@pytest.mark.usefixtures("wide")
def test_other_searches_show_how_many_mappings_and_the_best(capfd: pytest.CaptureFixture[str]) -> None:
    assert "2 k of 8 k mappings, 1 k/s, best 9 M, 500 cycles" in shown(
        Standing(2000, 8000, 2.0, 0.25, 9e6, 500), capfd
    )
    nothing = shown(Standing(2000, None, 2.0, None, math.inf, 2**63 - 1), capfd)
    assert "2 k mappings, 1 k/s" in nothing and "best" not in nothing


@pytest.mark.usefixtures("wide")
def test_the_command_shows_it_on_a_terminal_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = tmp_path / "small.yaml"
    layer.write_text("convolution: {m: 8, c: 8, p: 4}\n")
    command = ("search", str(layer), "--arch", "scratchpads_168")
    text = PAINT.sub("", call(*command).stderr)
    least = big(sim.search(str(layer), "scratchpads_168").energy)
    assert re.search(rf"searching small .* explored, .* pruned, best {least}, bound {least}, gap 0\b", text)
    monkeypatch.undo()
    assert call(*command).stderr == ""


def test_without_a_terminal_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with terminal.search_progress("searching") as report:
        assert report is None
    assert capfd.readouterr().err == ""
