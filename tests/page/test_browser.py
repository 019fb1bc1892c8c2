"""The page in a real browser: no errors, no requests; sorted, filtered and unfolded by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FIRST = "document.querySelector('#layers table')"
COLUMN = f"[...{FIRST}.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[%d].textContent)"


@pytest.fixture(scope="module")
def tab(browser: Any) -> Any:
    return browser.page()


@pytest.fixture
def shown(tab: Any, page: Path) -> Any:
    tab.open(page)
    yield tab
    assert tab.errors == []


def test_nothing_is_complained_of_and_nothing_asked_for(shown: Any, page: Path) -> None:
    assert [url for url in shown.requests if not url.startswith("data:")] == [page.resolve().as_uri()]
    assert shown.run("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert shown.run("document.title").startswith("</script><script>alert(1)</script>")
    assert shown.run("document.documentElement.scrollWidth <= innerWidth")


def test_a_heading_sorts_by_number_and_says_so(shown: Any) -> None:
    shown.run(f"{FIRST}.tHead.rows[0].cells[3].querySelector('button').focus()")
    values = f"[...{FIRST}.tBodies[0].rows].map((row) => Number(row.cells[3].dataset.v))"
    order = f"{FIRST}.tHead.rows[0].cells[3].getAttribute('aria-sort')"
    before = shown.run(values)
    assert before not in (sorted(before), sorted(before, reverse=True))
    for key, said, expected in (
        ("Enter", "ascending", sorted(before)),
        (" ", "descending", sorted(before, reverse=True)),
        ("Enter", None, before),
    ):
        shown.press(key)
        assert shown.run(order) == said
        assert shown.run(values) == expected
    assert shown.run(f"{FIRST}.tFoot.rows[0].cells[0].textContent") == "total"


def test_names_sort_as_people_do(shown: Any) -> None:
    shown.run(f"{FIRST}.tHead.rows[0].cells[0].querySelector('button').click()")
    names = [name for name in shown.run(COLUMN % 0) if name.startswith("conv")]
    assert names == [f"conv{number}" for number in range(1, 12)]


def test_a_filter_keeps_rows_with_all_words_and_tells_how_many(shown: Any) -> None:
    rows = shown.run(f"{FIRST}.tBodies[0].rows.length")
    shown.run("document.querySelector('#layers input').focus()")
    shown.write("CONV1 proven")
    assert shown.run(COLUMN % 0) == ["conv1", "conv10", "conv11"]
    assert shown.run("document.querySelector('#layers output').textContent") == f"3 of {rows} rows"
    shown.run(
        "(() => { const input = document.querySelector('#layers input'); input.value = '';"
        "input.dispatchEvent(new Event('input')); })()"
    )
    assert len(shown.run(COLUMN % 0)) == rows


def test_tab_leads_through_the_page(shown: Any) -> None:
    reached, focus = [], "document.activeElement"
    for _ in range(9):
        shown.press("Tab")
        reached.append(
            shown.run("document.activeElement.getAttribute('href') || document.activeElement.tagName")
        )
    assert reached[0] == "#content"
    assert reached[1:6] == ["#overview", "#layers", "#actions", "#mappings", "#machine"]
    assert reached[6:] == ["INPUT", "DIV", "BUTTON"]
    assert shown.run(f"getComputedStyle({focus}).outlineStyle") == "solid"


def test_a_screen_reader_finds_names(shown: Any) -> None:
    buttons = shown.names("button")
    assert "energy (MAC)" in buttons and "Unfold all" in buttons
    assert "Layers" in shown.names("table")
    assert all(shown.names("searchbox"))
    assert all(len(name) > 40 for name in shown.names("image"))
    shown.run(f"{FIRST}.tHead.rows[0].cells[3].querySelector('button').click()")
    assert "energy (MAC)" in shown.names("columnheader")


def test_an_address_unfolds_its_layer(tab: Any, page: Path) -> None:
    tab.open(page, "#layer-3")
    assert tab.run("[...document.querySelectorAll('details')].map((d) => d.open).indexOf(true)") == 2
    tab.run("document.querySelector('#layer-3 td a').click()")
    assert tab.run("location.hash").startswith("#action-")
    tab.run("document.querySelector('.unfolding').click()")
    assert tab.run("[...document.querySelectorAll('details')].every((d) => d.open)")
    assert tab.errors == []


def test_it_reads_in_the_dark_and_on_a_telephone(browser: Any, page: Path, tmp_path: Path) -> None:
    tab = browser.page(width=390, height=700)
    tab.open(page, "#actions")
    light = tab.screenshot(tmp_path / "light.png")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert _contrast(tab) >= 4.5
    tab.dark(True)
    dark = tab.screenshot(tmp_path / "dark.png")
    assert light != dark and _contrast(tab) >= 4.5
    assert tab.errors == []


def _contrast(tab: Any) -> float:
    """The least ratio of luminance between the colours of text and what is below it (WCAG 2.2, 1.4.3)."""

    def luminance(colour: list[float]) -> float:
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    script = """(() => {
        const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        const of = (selector, property) => rgb(style(selector)[property]);
        const paper = of('body', 'backgroundColor');
        return [[of('body', 'color'), paper], [of('.note', 'color'), paper], [of('td a', 'color'), paper],
                [of('.facts dt', 'color'), of('.facts div', 'backgroundColor')]];
    })()"""
    ratios = []
    for pair in tab.run(script):
        dim, bright = sorted(luminance(colour) for colour in pair)
        ratios.append((bright + 0.05) / (dim + 0.05))
    return min(ratios)


def test_paper_has_every_layer(shown: Any) -> None:
    """Printing unfolds, and folds again after it."""
    folded, unfolded = "details:not([open])", "details[open]"
    count = "document.querySelectorAll('%s').length"
    layers = shown.run(count % folded)
    assert layers > 1
    shown.run("dispatchEvent(new Event('beforeprint'))")
    assert shown.run(count % unfolded) == layers
    shown.run("dispatchEvent(new Event('afterprint'))")
    assert shown.run(count % folded) == layers
