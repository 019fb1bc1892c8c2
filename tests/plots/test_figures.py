"""Figures: what they show, and that files come out whole, small and the same each time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

import simulator as sim
from simulator.plots import energy_breakdown, grouped_bars, stacked_bars, sweep_lines
from simulator.plots.style import looks_of
from simulator.results import NetworkResult

SIGNATURES = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.fixture(scope="module")
def lenet() -> NetworkResult:
    return sim.simulate("lenet5_caffe", "eyeriss_v1", "row_stationary", engine="closed-form")


def bar_sums(ax: Axes, bars: int) -> list[float]:
    heights = [sum(bar.get_height() for bar in group) for group in zip(*ax.containers, strict=True)]
    assert len(heights) == bars
    return heights


def test_both_panels_stack_up_to_each_layers_energy(lenet: NetworkResult) -> None:
    for ax in energy_breakdown(lenet).axes:
        assert "10^{6}" in ax.get_ylabel() and "MACs" in ax.get_ylabel()
        assert bar_sums(ax, 6) == pytest.approx([layer.energy * 1e-6 for layer in lenet])


def test_levels_stand_in_hierarchy_order(lenet: NetworkResult) -> None:
    above, below = energy_breakdown(lenet).axes
    assert [str(bars.get_label()) for bars in above.containers] == lenet.levels
    assert [bars.get_label() for bars in below.containers] == ["weights", "inputs", "outputs", "MAC"]


def test_joules_get_a_prefix() -> None:
    chip = sim.load_architecture("eyeriss_v1").replace({"energy_unit": "pJ", "mac.leakage_mw": 0.01})
    result = sim.simulate("lenet5_caffe", chip, "row_stationary", engine="closed-form")
    above, below = energy_breakdown(result).axes
    assert "\N{MICRO SIGN}J" in above.get_ylabel()
    assert "leakage" in [bars.get_label() for bars in below.containers]


@pytest.mark.parametrize("kind", SIGNATURES)
def test_files_are_whole_and_the_same_each_time(lenet: NetworkResult, tmp_path: Path, kind: str) -> None:
    files = [tmp_path / f"one.{kind}", tmp_path / f"two.{kind.upper()}"]
    for file in files:
        lenet.plot_energy(file)
    one, two = (file.read_bytes() for file in files)
    assert one == two and one.startswith(SIGNATURES[kind])
    assert sorted(tmp_path.iterdir()) == files, "no temporary file stays behind"
    if kind == "svg":
        ElementTree.fromstring(one)


def test_drawing_leaves_matplotlib_as_it_was(lenet: NetworkResult, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    lenet.plot_energy(tmp_path / "energy.svg")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["energy.gif", "energy", "no_such_folder/energy.png"])
def test_a_wrong_place_is_refused(lenet: NetworkResult, tmp_path: Path, name: str) -> None:
    known = "cannot write .*energy.png" if "/" in name else r"must end in one of \.png, \.pdf, \.svg"
    with pytest.raises(sim.SimulatorError, match=known):
        lenet.plot_energy(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_layers_to_draw_is_refused(lenet: NetworkResult) -> None:
    empty = NetworkResult("nothing", 1, lenet.architecture, "row_stationary", "energy", "walk", ())
    with pytest.raises(sim.SimulatorError, match="nothing has no layer"):
        energy_breakdown(empty)


@pytest.mark.parametrize(("layers", "named"), [(10, 10), (54, 54), (200, 50)])
def test_labels_of_many_layers_are_thinned(layers: int, named: int) -> None:
    names = [f"layer{i}" for i in range(layers)]
    (ax,) = grouped_bars({"y": {"one": [1.0] * layers}}, names).axes
    assert len(ax.get_xticklabels()) == named


def test_type_is_never_below_seven_points(lenet: NetworkResult) -> None:
    for figure in (energy_breakdown(lenet), sweep_lines([{"x": 64, "y": 1.0}], "x", ["y"])):
        texts = [x for x in figure.findobj(Text) if isinstance(x, Text) and x.get_text()]
        assert min(float(text.get_fontsize()) for text in texts) >= 7


def test_the_legend_hides_no_bar(lenet: NetworkResult) -> None:
    figure = energy_breakdown(lenet)
    figure.draw_without_rendering()
    for ax in figure.axes:
        legend = ax.get_legend()
        assert legend is not None
        box, whole = legend.get_window_extent(), figure.bbox
        assert box.y0 >= ax.get_window_extent().y1 and box.x1 <= whole.x1 and box.y1 <= whole.y1


FLOWS = ["RS", "WS", "NLR"]
PANELS: dict[str, dict[str, list[float | None]]] = {
    "energy per MAC\n(MACs)": {
        "DRAM": [1.0, None, 3.0, 1.5, 2.0, 2.5],
        "RF": [2.0, None, 0.0, 2.0, 1.0, 0.5],
    },
    "energy per MAC (MACs)": {
        "RF": [0.0, None, 0.0, 0.0, 0.0, None],
        "weights": [2.0, None, 3.0, 1.0, 2.0, None],
    },
}


def test_stacks_stand_in_groups_and_missing_bars_are_marked() -> None:
    groups = ["N = 1"] * 3 + ["N = 16"] * 3
    figure = stacked_bars(PANELS, FLOWS * 2, "a title", groups=groups, missing="does not fit")
    above, below = figure.axes
    assert bar_sums(above, 6) == [3.0, 0.0, 3.0, 3.5, 3.0, 3.0]
    assert [bar.get_y() for bar in above.containers[1]] == [1.0, 0.0, 3.0, 1.5, 2.0, 2.5]
    lefts = [bar.get_x() for bar in above.containers[0]]
    gaps = [round(b - a, 6) for a, b in pairwise(lefts)]
    assert gaps[0] == gaps[1] == gaps[3] == gaps[4] == 1 and gaps[2] > 1.4
    marks = {ax: [x.get_text() for x in ax.texts] for ax in (above, below)}
    assert marks == {above: ["does not fit"], below: ["does not fit"] * 2}
    assert above.texts[0].get_position()[0] == pytest.approx(lefts[1] + 0.4)
    assert [x.get_text() for x in below.get_xticklabels()] == FLOWS * 2
    (named,) = below.child_axes
    assert [x.get_text() for x in named.get_xticklabels()] == ["N = 1", "N = 16"]
    middles = [(lefts[0] + lefts[2]) / 2 + 0.4, (lefts[3] + lefts[5]) / 2 + 0.4]
    assert list(named.get_xticks()) == pytest.approx(middles)


def test_groups_stand_below_the_labels_whatever_way_these_are_turned() -> None:
    for labels in (FLOWS * 2, ["row_stationary", "weight_stationary", "no_local_reuse"] * 2):
        figure = stacked_bars(PANELS, labels, groups=["a"] * 3 + ["b"] * 3)
        figure.draw_without_rendering()
        below = figure.axes[1]
        lowest = min(x.get_window_extent().y0 for x in below.get_xticklabels())
        for name in below.child_axes[0].get_xticklabels():
            assert name.get_window_extent().y1 <= lowest and name.get_window_extent().y0 >= 0


def test_parts_look_the_same_in_all_panels_and_none_like_another() -> None:
    figure = stacked_bars({**PANELS, "third": {"RF": [1.0] * 6, "DRAM": [1.0] * 6}}, FLOWS * 2)
    looks: dict[str, set[tuple[object, str]]] = {}
    for ax in figure.axes:
        for bars in ax.containers:
            colour, hatch = bars[0].get_facecolor(), bars[0].get_hatch()
            looks.setdefault(str(bars.get_label()), set()).add((colour, hatch))
    assert set(looks) == {"DRAM", "RF", "weights"}, "a part that is zero everywhere is left out of a panel"
    assert all(len(seen) == 1 for seen in looks.values())
    assert len(set.union(*looks.values())) == 3
    names = [f"level{i}" for i in range(16)]
    many = looks_of([[*names, "MAC", "inputs"]])
    assert len({many[name] for name in [*names, "MAC", "inputs"]}) == 18


def test_a_panel_explains_only_what_is_new() -> None:
    figure = stacked_bars({"y": {"a": [1.0], "b": [2.0]}, "z": {"b": [1.0]}, "w": {"c": [1.0]}}, ["x"])
    assert [ax.get_legend() is not None for ax in figure.axes] == [True, False, True]


@pytest.mark.parametrize(
    ("panels", "groups", "said"),
    [
        ({}, None, "need a panel and a label"),
        ({"y": {}}, None, "'y' has no part"),
        ({"y": {"a": [1.0]}}, None, "a has 1 values for 2 labels"),
        ({"y": {"a": [1.0, -2.0]}}, None, "a of two must be a number from 0 on, not -2"),
        ({"y": {"a": [1.0, float("nan")]}}, None, "a of two must be a number from 0 on, not nan"),
        ({"y": {"a": [1.0, None], "b": [1.0, 2.0]}}, None, "two lacks some parts"),
        ({"y": {"a": [1.0, 2.0]}}, ["g"], "1 groups for 2 labels"),
    ],
)
def test_values_that_make_no_stacks_are_refused(
    panels: dict[str, dict[str, list[float | None]]], groups: list[str] | None, said: str
) -> None:
    with pytest.raises(sim.SimulatorError, match=said):
        stacked_bars(panels, ["one", "two"], groups=groups)
