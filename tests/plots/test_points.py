"""Points with their names: the front, and names that hide nothing."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from simulator.errors import SimulatorError
from simulator.plots import named_points, unbeaten

CROWD = {f"network_{i:02}": (1e9 * (1 + 0.13 * i), 70 + 5 * math.sin(i)) for i in range(60)}
FEW = {"small": (1e8, 50.0), "middle": (1e9, 71.0), "beaten": (2e9, 70.0), "large": (5e9, 80.0)}


def drawn(figure: Figure) -> tuple[list, list]:
    """The names' boxes and the points' places, in pixels."""
    figure.draw_without_rendering()
    (ax,) = figure.axes
    boxes = [text.get_window_extent() for text in ax.texts]
    marked = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
    return boxes, [ax.transData.transform(point) for line in marked for point in line.get_xydata()]


@pytest.mark.parametrize("points", [FEW, CROWD])
def test_names_hide_neither_each_other_nor_points(points: dict[str, tuple[float, float]]) -> None:
    figure = named_points(points, "energy (pJ)", "accuracy (%)")
    boxes, places = drawn(figure)
    assert len(boxes) == len(places) == len(points)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert not any(box.contains(*place) for box in boxes for place in places)
    frame = figure.axes[0].get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)


def test_few_points_have_their_names() -> None:
    figure = named_points(FEW, "energy (pJ)", "accuracy (%)", "the best")
    (ax,) = figure.axes
    assert {text.get_text() for text in ax.texts} == set(FEW)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("energy (pJ)", "accuracy (%)", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["the best", "others"]
    # The legend is above the panel, not over its points.
    assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1


def test_in_a_crowd_numbers_lead_to_a_key() -> None:
    figure = named_points(CROWD, "energy (pJ)", "accuracy (%)")
    said = {text.get_text() for text in figure.axes[0].texts}
    front, key = unbeaten(CROWD), dict(text.get_text().split(" ") for text in figure.texts)
    assert said == {*front, *key}
    assert sorted(key.values()) == sorted(set(CROWD) - set(front))
    figure.draw_without_rendering()
    below = figure.axes[0].xaxis.get_tightbbox().y0
    assert all(text.get_window_extent().y1 <= below for text in figure.texts)


points = st.dictionaries(
    st.integers(0, 50).map(str), st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12
)


@given(points)
def test_the_front_is_what_no_other_beats(points: dict[str, tuple[int, int]]) -> None:
    def beats(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a != b and a[0] <= b[0] and a[1] >= b[1]

    front = unbeaten(points)
    assert set(front) == {n for n in points if not any(beats(points[m], points[n]) for m in points)}
    assert [points[name][0] for name in front] == sorted(points[name][0] for name in front)


@settings(max_examples=8, deadline=None)
@given(st.floats(1.0, 1e12), st.floats(0, 100))
def test_one_point_alone(x: float, y: float) -> None:
    assert len(named_points({"alone": (x, y)}, "x", "y").axes[0].texts) == 1


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({}, "no points to draw"),
        ({"a": (0.0, 1.0)}, r"cannot draw a at \(0.0, 1.0\)"),
        ({"a": (1.0, math.nan)}, "cannot draw a at"),
        ({str(i): (1.0, 1.0 + 1e-6 * i) for i in range(300)}, "no room for the names of 300 points"),
    ],
)
def test_what_cannot_be_drawn(points: dict[str, tuple[float, float]], message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        named_points(points, "x", "y")
