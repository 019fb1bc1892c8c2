"""Names in figures: drawn as they are, and short enough, whatever a file calls its layers and machines."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import workloads as w
from simulator import plots
from simulator.plots.style import figure_of, named, text_width
from simulator.results import NetworkResult

from .results import tiny

# As LaTeX, an error; as LaTeX, formulas; more letters than a column has room for.
NAMES = ("$x_{$", r"a$b$c\$d", "block/" * 12)


def called(name: str) -> NetworkResult:
    """A run in which everything that a file may name has a name."""
    run = tiny()
    layers = tuple(replace(layer, name=f"{number}{name}") for number, layer in enumerate(run))
    return replace(
        run, network=name, dataflow=name, architecture=replace(run.architecture, name=name), layers=layers
    )


def rows(name: str) -> list[dict[str, Any]]:
    return [
        {"PEs": x, "cycles": x * y, "flow": f"{y}{name}", "net": name} for x, y in ((2, 3), (4, 3), (2, 5))
    ]


def graph(name: str) -> Figure:
    net = w.NetworkBuilder(name)
    net.add(w.Input("data", (4, 1, 1)))
    net.add(w.Linear(f"1{name}", 6))
    return plots.network_graph(net.build())


def mapped(name: str) -> Figure:
    run = called(name)
    layer = run.layers[0]
    return plots.mapping_on_array(layer.cost.problem, run.architecture, layer.cost.mapping, f"1{name} on it")


# What is drawn, and which of its texts must be a name.
DRAWN: dict[str, tuple[Callable[[str], Axes | Figure], str]] = {
    "energy": (lambda name: plots.energy_breakdown(called(name)), "1{}"),
    "bars": (lambda name: plots.energy_bars([called(name), called(f"{name}!")]), "{}!"),
    "roof": (lambda name: plots.roofline(called(name)), "layers of {}"),
    "memory": (lambda name: plots.memory_occupancy(called(name)), "1{}"),
    "flows": (lambda name: plots.dataflow_comparison([called(name)]), "{}"),
    "machines": (lambda name: plots.machine_comparison([called(name)]), "{}"),
    "lines": (lambda name: plots.lines_of(rows(name), "PEs", "cycles", "flow"), "5{}"),
    "sweep": (lambda name: plots.sweep_lines(rows(name), "PEs", ["cycles"], "flow", "net"), "5{}"),
    "front": (lambda name: plots.pareto([*rows(name)[1:]], "PEs", "cycles", "flow"), "3{}"),
    "points": (lambda name: plots.named_points({name: (1, 2), "b": (2, 3)}, "x", "y", title=name), "{}"),
    "graph": (graph, "1{}"),
    "mapping": (mapped, "1{}"),
}


@pytest.mark.parametrize("name", NAMES, ids=("error", "formula", "long"))
@pytest.mark.parametrize("what", DRAWN)
def test_a_name_is_drawn_as_it_is(what: str, name: str) -> None:
    draw, shown = DRAWN[what]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that there was no room
        figure = figure_of(draw(name))
        figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible()]
    words = named(shown.format(name)) if "of" not in shown else shown.format(named(name))
    assert any(words in text.get_text().replace("\n", " ") for text in texts)
    for text in texts:
        plain, is_math = text._preprocess_math(text.get_text())  # type: ignore[attr-defined]  # not public
        assert not is_math or "10^" in plain, plain
        assert is_math or r"\$" not in plain.replace(r"c\$d", "")


def test_a_long_name_keeps_both_ends_and_a_short_one_all() -> None:
    short, long = "features.3.conv", "features.denseblock1.denselayer1.bottleneck.conv1"
    assert named(short) == short
    assert named(long) == "features.denseblock\N{HORIZONTAL ELLIPSIS}er1.bottleneck.conv1"


def test_a_text_is_as_wide_as_it_is_drawn() -> None:
    widths = [text_width(named(name)) for name in ("", "$", "$x", "$x$", "$x$$")]
    steps = [after - before for before, after in pairwise(widths)]
    dollar = text_width(r"\$")
    assert steps == pytest.approx([dollar, steps[1], dollar, dollar], rel=0.05)
    assert text_width("$10^{3}$") < text_width("10^{3}")


@pytest.mark.parametrize(("values", "title"), [((6, 12), "PE.x"), (("a", "b"), "")])
def test_a_legend_of_numbers_says_what_they_are_of(values: tuple[object, ...], title: str) -> None:
    table = [{"PEs": x, "cycles": x, "PE.x": value} for x in (1, 2) for value in values]
    (legend,) = plots.sweep_lines(table, "PEs", ["cycles"], "PE.x").legends
    beside = plots.lines_of(table, "PEs", "cycles", "PE.x").get_legend()
    assert beside is not None
    for one in (legend, beside):
        assert one.get_title().get_text() == title
        assert [text.get_text() for text in one.get_texts()] == [str(value) for value in values]
