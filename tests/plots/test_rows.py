"""Tables as bars, lines and points."""

from __future__ import annotations

import math
from typing import Any

import pytest
from matplotlib.axes import Axes

import simulator as sim
from simulator import plots
from simulator.errors import SimulatorError
from simulator.plots.scales import scaled

from .test_mapping import CASES

ROWS = [
    {"net": net, "flow": flow, "PEs": pes, "cycles": k * 10**6 // pes, "energy (pJ)": k * 2e6, "x": None}
    for net, k in (("small", 1), ("large", 5000))
    for flow in ("RS", "WS")
    for pes in (256, 64, 128)
]


def xy(ax: Axes) -> dict[str, list[tuple[float, float]]]:
    return {str(line.get_label()): [tuple(point) for point in line.get_xydata()] for line in ax.lines}


def test_lines_go_from_the_left_to_the_right_in_round_units() -> None:
    small = [row for row in ROWS if row["net"] == "small"]
    ax = plots.lines_of(small, "PEs", "cycles", "flow")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("PEs", "cycles ($10^{3}$)", "log")
    for points in xy(ax).values():
        assert [x for x, _ in points] == [64, 128, 256]
        assert [y for _, y in points] == pytest.approx([15.625, 7.812, 3.906])
    assert list(xy(ax)) == ["RS", "WS"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["64", "128", "256"]
    assert ax.get_ylim()[0] == 0


def test_sweeps_have_a_panel_for_each_quantity_and_network() -> None:
    figure = plots.sweep_lines(ROWS, "PEs", ["energy (pJ)", "cycles", "x"], "flow", "net")
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "energy\n(\N{MICRO SIGN}J)", "energy\n(mJ)", "cycles\n($10^{3}$)", "cycles\n($10^{6}$)", "", "",
    ]  # fmt: skip
    assert [ax.get_title() for ax in figure.axes[:2]] == ["small", "large"]
    assert [text.get_text() for text in figure.axes[4].texts] == ["n/a"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["RS", "WS"]
    assert all(ax.get_legend() is None for ax in figure.axes)


def test_an_axis_may_be_logarithmic_beyond_one_and_have_zero() -> None:
    rows = [{"t": t, "gap": gap} for t, gap in ((0.1, 300.0), (1, 0.5), (10, 0.0))]
    ax = plots.lines_of(rows, "t", "gap", x_scale="log10", y_scale="symlog")
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_ylim()) == ("log", "symlog", (0, 1000))
    assert plots.lines_of(rows[:2], "t", "gap", y_scale="log10").get_ylim() == (0.1, 1000)


def test_ticks_that_would_touch_have_no_text() -> None:
    rows = [{"n": n, "y": 1.0} for n in (64, 66, 68, 1024)]
    texts = [text.get_text() for text in plots.lines_of(rows, "n", "y").get_xticklabels()]
    assert texts == ["64", "", "", "1024"]


@pytest.mark.parametrize(
    ("label", "highest", "factor", "text"),
    [
        ("energy (pJ)", 2.5e6, 1e-6, "energy (\N{MICRO SIGN}J)"),
        ("energy (pJ)", 1e30, 1e-12, "energy (J)"),
        ("energy per MAC (pJ)", 12.0, 1.0, "energy per MAC (pJ)"),
        ("EDP (pJ x cycles)", 3e13, 1e-12, "EDP (J x cycles)"),
        ("energy (MAC)", 2.5e9, 1e-9, "energy ($10^{9}$ MACs)"),
        ("cycles", 9999, 1.0, "cycles"),
        ("cycles", 0, 1.0, "cycles"),
        ("share of (a) and (b)", 3.0, 1.0, "share of (a) and (b)"),
    ],
)
def test_units_have_few_digits(label: str, highest: float, factor: float, text: str) -> None:
    found = scaled(label, highest)
    assert found == (pytest.approx(factor), text)


def test_bars_of_rows_are_added_up_and_grouped() -> None:
    ax = plots.bars_of([*ROWS, *ROWS], "flow", "PEs", "cycles", group="net", stacked=False)
    assert len(ax.containers) == 3
    first = [bar.get_height() for bar in ax.containers[0]]
    assert first == pytest.approx([2 * k * 10**6 / 256 * 1e-6 for k in (1, 1, 5000, 5000)], rel=1e-3)
    (groups,) = ax.child_axes
    assert [text.get_text() for text in groups.get_xticklabels()] == ["small", "large"]


POINTS = [
    {"point": f"p{i}", "energy (pJ)": e, "cycles": c}
    for i, (e, c) in enumerate([(1e6, 900), (2e6, 400), (3e6, 500), (4e6, 100), (2e6, 800)])
]


def test_the_front_has_its_names_and_numbers() -> None:
    table = plots.front_table(POINTS, "energy (pJ)", "cycles", "point")
    assert [(row["point"], row["front"]) for row in table] == [
        ("p0", 1), ("p1", 2), ("p3", 3), ("p4", None), ("p2", None),
    ]  # fmt: skip
    ax = plots.pareto(POINTS, "energy (pJ)", "cycles", "point")
    assert {"p0", "p1", "p3"} <= {text.get_text() for text in ax.texts}
    front, *_ = (line.get_xydata().tolist() for line in ax.lines)
    assert front == [[1, 900], [2, 900], [2, 400], [4, 400], [4, 100]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("energy (\N{MICRO SIGN}J)", "cycles")
    more = plots.front_table(POINTS, "energy (pJ)", "cycles", "point", better="more")
    assert [row["point"] for row in more if row["front"]] == ["p0"]


def test_in_a_crowd_the_front_alone_has_names_else_numbers() -> None:
    crowd = [{"n": f"point number {i}", "x": 1 + i, "y": 80 / (1 + i) + 3 * (i % 3)} for i in range(60)]
    ax = plots.pareto(crowd, "x", "y", "n")
    front = [row for row in plots.front_table(crowd, "x", "y", "n") if row["front"]]
    written = {number for text in ax.texts for number in text.get_text().split(", ")}
    assert len(front) > 20 and written <= {str(row["front"]) for row in front} and len(written) > 5
    beaten = [{"n": f"beaten by others, {i}", "x": 10 + i / 10, "y": 85} for i in range(60)]
    few = plots.pareto([*crowd[:3], *beaten], "x", "y", "n")
    assert {text.get_text() for text in few.texts} == {crowd[i]["n"] for i in range(3)}


def test_a_search_gives_its_front() -> None:
    problem, machine, _ = CASES["row stationary"]
    found = sim.search(problem, machine, objective=("energy", "cycles"))
    rows = plots.search_table(found, machine)
    assert [(row["energy (MAC)"], row["cycles"]) for row in rows] == [
        (c.energy, c.cycles) for c in found.front
    ]
    plots.pareto(rows, "energy (MAC)", "cycles", "mapping")


def test_an_arrays_places_are_numbers_and_drawn_on_axes() -> None:
    problem, machine, mapping = CASES["ragged passes"]
    rows = plots.places_table(problem, machine, mapping)
    assert len(rows) == 30
    assert " ".join(rows[0]) == "x y state first M last M first C last C first P last P"
    at_work = [row for row in rows if row["state"] != "idle"]
    assert all((row["first P"] is None) == (row["state"] == "idle") for row in rows)
    ax = plots.array_map(problem, machine, mapping)
    assert ax.get_title("left") == f"PE, 6 x 5: {len(at_work)} of 30 active"
    assert "idle" in [text.get_text() for text in ax.get_legend().get_texts()]
    with pytest.raises(SimulatorError, match="no array of drawn is called 'PEs'"):
        plots.array_map(problem, machine, mapping, "PEs")


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: plots.bars_of([], "a", "b", "c"), "no rows to draw bars of 'c' from"),
        (lambda: plots.bars_of([{"a": 1, "b": "x", "c": -1.0}], "a", "b", "c"), "from 0 on, not -1"),
        (lambda: plots.lines_of(ROWS, "PEs", "x"), "no 'x' to draw"),
        (lambda: plots.lines_of([{"a": 0, "b": 1}], "a", "b"), "'a' is 0 somewhere; a logarithmic axis"),
        (lambda: plots.sweep_lines(ROWS, "PEs", ["x"]), "nothing to draw over 'PEs': no row has 'x'"),
        (lambda: plots.pareto([], "a", "b", "c"), "no points to draw"),
        (
            lambda: plots.pareto([{"a": 1, "b": 1, "c": "p"}] * 2, "a", "b", "c"),
            "two points have the same 'c'",
        ),
        (lambda: plots.pareto([{"a": 1, "b": math.nan, "c": "p"}], "a", "b", "c"), "cannot draw p:"),
        (
            lambda: plots.front_table(POINTS, "cycles", "cycles", "point", better="best"),
            "better must be one of less",
        ),
        (lambda: plots.lines_of(ROWS, "PEs", "cycles", x_scale="log"), "x_scale must be one of"),
    ],
)
def test_what_cannot_be_drawn(draw: Any, said: str) -> None:
    with pytest.raises(SimulatorError, match=said):
        draw()
