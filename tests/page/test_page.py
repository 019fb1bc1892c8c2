"""The page as a file: complete, self-contained, everything escaped, every number traceable."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import simulator as sim
from simulator.architecture import Architecture
from simulator.errors import SimulatorError
from simulator.page.prices import ledger
from simulator.page.run import run_page
from simulator.page.tables import exact, share, short
from simulator.results import NetworkResult

from .conftest import HOSTILE

_VOID = {"meta", "img", "input", "br", "link"}


class Reader(HTMLParser):
    """Elements with attributes and text; fails where tags do not close as they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def read(page: Path) -> Reader:
    return Reader(page.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(read: Reader, page: Path) -> None:
    assert [tag for tag, _ in read.elements if tag in ("link", "iframe", "object", "base", "form")] == []
    sources = [attributes["src"] or "" for tag, attributes in read.elements if "src" in attributes]
    assert sources and all(source.startswith("data:image/") for source in sources)
    assert all((attributes["href"] or "").startswith("#") for attributes in read.of("a"))
    style = "".join(text for tag, text in read.texts if tag == "style")
    assert style and "url(" not in style and "@import" not in style
    assert "://" not in re.sub(r"data:[^\"]*", "", page.read_text()).replace("http-equiv", "")


def test_no_script_but_its_own_may_run(read: Reader) -> None:
    (script,) = [text for tag, text in read.texts if tag == "script"]
    (policy,) = [m["content"] or "" for m in read.of("meta") if m.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert [a for _, a in read.elements if any(name.startswith("on") for name in a)] == []


def test_hostile_names_are_text(read: Reader) -> None:
    assert len(read.of("script")) == 1
    for tag in ("h1", "title", "h3", "a", "td", "li"):
        assert any(HOSTILE in text for where, text in read.texts if where == tag), tag


def test_every_link_leads_somewhere(read: Reader) -> None:
    anchors = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    assert {(a["href"] or "")[1:] for a in read.of("a")} <= set(anchors)


def test_every_energy_is_units_times_price_with_its_source(run: NetworkResult, read: Reader) -> None:
    """The rows of the ledger, found again in the page, add up to the network's energy."""
    rows = _rows(read, "action-")
    assert len(rows) > 15
    for number, row in enumerate(rows):
        units, price, energy = (float(row[i].replace(",", "")) for i in (4, 6, 7))
        assert units * price == pytest.approx(energy, rel=1e-4), number
        assert row[-1] in ("the machine's sources", "none is stated, so it is free")
    total = sum(float(row[7].replace(",", "")) for row in rows)
    assert total == pytest.approx(run.energy, rel=1e-4)
    prices = [a["href"] for a in read.of("a") if (a["href"] or "").startswith("#action-")]
    assert len(prices) == sum(len(part.cost.rows) for layer in run for part in layer.parts)


def test_a_price_comes_with_the_source_that_its_machine_states(run: NetworkResult) -> None:
    data = run.architecture.to_dict()
    data["hierarchy"][1]["price_source"] = HOSTILE
    rows = ledger(replace(run, architecture=Architecture.from_dict(data))).table.rows
    told = {(row[0].text, row[2].text): row[-1].text for row in rows}
    assert told["GLB", "read"] == HOSTILE
    assert told["GLB", "send"] == "none is stated, so it is free"
    assert told["RF", "read"] == "the machine's sources"


def _rows(read: Reader, anchor: str) -> list[list[str]]:
    """The cells of the table rows whose ids begin so."""
    found = re.findall(rf'<tr id="{anchor}\d+">(.*?)</tr>', read.text, re.S)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in found)
    return [[re.sub(r"<[^>]*>", "", cell).replace("&#39;", "'").strip() for cell in row] for row in cells]


def test_every_layer_has_its_nest(run: NetworkResult, read: Reader) -> None:
    nests = [text for tag, text in read.texts if tag == "pre"]
    for layer in run:
        for part in layer.parts:
            assert str(part.cost.mapping) in nests
    assert len(read.of("details")) == len(run.layers)


def test_tables_and_figures_are_named_for_who_cannot_see_them(read: Reader) -> None:
    tables = len(read.of("table"))
    assert len(read.of("caption")) == tables
    regions = [a for _, a in read.elements if a.get("role") == "region"]
    assert all(a.get("aria-label") and a.get("tabindex") == "0" for a in regions)
    assert all(a.get("scope") in ("col", "row") for a in read.of("th"))
    assert all(len(a.get("alt") or "") > 40 for a in read.of("img"))
    (html,) = read.of("html")
    assert html["lang"] == "en" and len(read.of("main")) == len(read.of("h1")) == 1


def test_the_same_run_gives_the_same_page(run: NetworkResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.page.run._figures", lambda result: ())
    assert run_page(run) == run_page(run)


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (0, "0"), (123456789, "123,456,789"), (0.123456789, "0.123457"), (2.5e9 + 0.5, "2.5e+09")],
)
def test_numbers_are_shown_and_kept(number: float | None, text: str) -> None:
    cell = exact(number)
    assert cell.text == text and cell.value == number


def test_short_numbers_and_shares_sort_by_what_they_are() -> None:
    assert (short(1234567).text, short(1234567).value) == ("1.235 M", 1234567)
    assert short(None).value is None and share(1, 0).text == ""
    assert (share(1, 8).text, share(1, 8).value) == ("12.5%", 0.125)


def test_what_cannot_be_reported_is_said(run: NetworkResult, tmp_path: Path) -> None:
    for source, more, said in (
        (3, {}, "a report is of a result, a study or a file of either, not 3"),
        (tmp_path / "none.json", {}, "no such file"),
        (run, {"network": "alexnet"}, "is one run"),
    ):
        with pytest.raises(SimulatorError, match=said):
            sim.write_report(source, tmp_path / "report.html", **more)
    with pytest.raises(SimulatorError, match="cannot write"):
        sim.write_report(run, tmp_path / "no folder" / "report.html")
    assert list(tmp_path.iterdir()) == []
