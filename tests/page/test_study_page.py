"""The page of a study: every run, the best ones, why others failed; any run of it in full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.errors import SimulatorError
from simulator.page.study import study_page
from simulator.study.store import Store
from simulator.study.study import Study
from simulator.study.sweeping import sweep

from ..small_networks import SMALL, network


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "study.sqlite"


@pytest.fixture(scope="module")
def study(store: Path) -> Iterator[Study]:
    """Three points, at one of which nothing fits."""
    settings = {"GLB.capacity": ["1 words", "120 words", "240 words"]}
    with sweep(network(), SMALL, settings, dataflow="weight_stationary", store=store, workers=0) as found:
        yield found


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("run", "study"):
        monkeypatch.setattr(f"simulator.page.{page}._figures", lambda shown: ())


def _cells(html: str, caption: str) -> list[list[str]]:
    """The rows of the table with this caption."""
    body = re.search(rf"<caption>{caption}</caption>.*?<tbody>(.*?)</tbody>", html, re.S)
    assert body is not None
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body[1], re.S)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]


def test_every_run_is_a_row_and_a_failure_says_why(study: Study, without_pictures: None) -> None:
    html = study_page(study)
    rows = _cells(html, "Every network at every point")
    assert [row[3] for row in rows] == ["0", "1", "2"]
    done = {row["point"] for row in study.networks() if row["status"] == "done"}
    assert done == {1, 2}
    assert [bool(row[7]) for row in rows] == [False, True, True]
    (failed,) = _cells(html, "Runs that are not done")
    assert failed[2] == "0" and failed[4] == "failed" and "GLB" in failed[5]


def test_the_best_runs_are_the_study_s_own(study: Study, without_pictures: None) -> None:
    best = _cells(study_page(study), "The best run of each network")
    found = [study.best("tiny", objective).point_number for objective in ("energy", "cycles", "edp")]
    assert [int(row[3]) for row in best] == found


def test_what_is_varied_has_one_column(without_pictures: None) -> None:
    flows = ["weight_stationary", "output_stationary_c"]
    with sweep(network(), SMALL, dataflow=flows, workers=0) as study:
        html = study_page(study)
    heading = re.search(r"<caption>Every network at every point</caption>.*?</thead>", html, re.S)
    assert heading is not None and heading[0].count(">dataflow</th>") == 1


def test_a_study_of_which_nothing_is_done_says_so(study: Study, without_pictures: None) -> None:
    with Study(study.description, Store(None)) as empty:
        html = study_page(empty)
    assert "No run is done." in html
    assert [row[4] for row in _cells(html, "Runs that are not done")] == ["missing"] * 3


def test_a_study_is_opened_from_its_store(study: Study, store: Path, tmp_path: Path) -> None:
    sim.write_report(store, tmp_path / "study.html")
    html = (tmp_path / "study.html").read_text()
    assert html.count("<img ") == 1 and 'src="data:image/' in html
    assert "Study of tiny at 3 points" in html


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, *_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "store").touch()
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)
    with pytest.raises(SimulatorError, match="store: Permission denied"):
        sim.write_report(tmp_path / "store", tmp_path / "page.html")


def test_a_run_of_it_is_shown_in_full(
    study: Study, store: Path, tmp_path: Path, without_pictures: None
) -> None:
    sim.write_report(store, tmp_path / "run.html", network="tiny", point=2)
    html = (tmp_path / "run.html").read_text()
    assert html.count("<details") == len(study.run("tiny", 2).result().layers)
    for more, said in (
        ({"network": "tini"}, "did you mean 'tiny'"),
        ({"network": "tiny", "point": 7}, "has no point 7"),
        ({"network": "tiny", "point": 0}, "failed"),
        ({"study": "none"}, "no study 'none'"),
    ):
        with pytest.raises(SimulatorError, match=said):
            sim.write_report(store, tmp_path / "bad.html", **more)


def test_a_page_stays_bounded(study: Study, monkeypatch: pytest.MonkeyPatch, without_pictures: None) -> None:
    monkeypatch.setattr("simulator.page.study.MOST_RUNS", 2)
    html = study_page(study)
    assert len(_cells(html, "Every network at every point")) == 2
    assert "The first 2 of 3 runs" in html


def test_it_shows_in_a_browser_without_errors(
    browser: Any, study: Study, tmp_path: Path, without_pictures: None
) -> None:
    sim.write_report(study, tmp_path / "study.html")
    tab = browser.page()
    tab.open(tmp_path / "study.html")
    assert tab.errors == [] and len(tab.requests) == 1
    assert tab.run("document.querySelectorAll('#runs thead button').length") > 10
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
