"""Every bar is a number: what figures show is what their tables say, and these sum to the results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator import plots
from simulator.errors import SimulatorError

from .results import tiny

BY = ("level", "tensor", "action")


def stacks(ax: Axes) -> list[float]:
    """The height of each stack of bars."""
    return [sum(bar.get_height() for bar in bars) for bars in zip(*ax.containers, strict=True)]


def legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("by", BY)
def test_energy_tables_sum_to_the_result_and_are_what_bars_show(by: Any) -> None:
    result = tiny()
    rows = plots.energy_table(result, by)
    for layer in result:
        own = sum(row["energy (MAC)"] for row in rows if row["layer"] == layer.name)
        assert own == pytest.approx(layer.energy)
    ax = plots.energy_bars(result, by)
    assert ax.get_ylabel() == "energy ($10^{3}$ MACs)"
    assert stacks(ax) == pytest.approx([layer.energy / 1e3 for layer in result])
    shown = {row[by] for row in rows if row["energy (MAC)"]}
    assert {str(bars.get_label()) for bars in ax.containers} == shown == set(legend(ax))


def test_actions_are_those_of_the_rows() -> None:
    rows = plots.energy_table(tiny(), "action", "network")
    reads = sum(row["energy"] for row in tiny().rows() if row["action"] == "read")
    assert [row["energy (MAC)"] for row in rows if row["action"] == "read"] == [pytest.approx(reads)]


def test_several_runs_stand_side_by_side_by_what_tells_them_apart() -> None:
    runs = [tiny(), tiny("output_stationary_a")]
    names = [text.get_text() for text in plots.energy_bars(runs, per="network").get_xticklabels()]
    assert names == ["weight_stationary", "output_stationary_a"]
    (groups,) = plots.energy_bars(runs).child_axes
    assert [text.get_text() for text in groups.get_xticklabels()] == names
    assert [row["run"] for row in plots.totals_table([tiny(), tiny()])] == ["1: tiny", "2: tiny"]
    assert plots.totals_table(tiny())[0]["run"] == "tiny"


def test_totals_are_the_results() -> None:
    (row,) = plots.totals_table(tiny())
    result = tiny()
    assert row["energy (MAC)"] == result.energy and row["EDP (MAC x cycles)"] == result.edp
    assert row["energy per MAC (MAC)"] * row["MACs"] == pytest.approx(result.energy)
    assert row["utilization (%)"] == pytest.approx(100 * result.utilization)
    assert (row["PEs"], row["cycles"], row["latency (ms)"]) == (6, result.cycles, None)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: plots.energy_table([]), "no results"),
        (lambda: plots.energy_table(tiny(), "levels"), "by must be one of .*did you mean 'level'"),
        (lambda: plots.energy_bars(tiny(), per="net"), "per must be one of"),
        (lambda: plots.energy_bars([tiny(), joules()]), "one unit; there are small in MAC, small in pJ"),
        (lambda: plots.dataflow_table([tiny(), tiny()]), "two results of one network"),
        (lambda: plots.dataflow_table([tiny()], "time"), "quantity must be one of"),
    ],
)
def test_what_cannot_be_tabled(draw: Any, said: str) -> None:
    with pytest.raises(SimulatorError, match=said):
        draw()


def joules() -> Any:
    return replace(tiny(), architecture=tiny().architecture.replace({"energy_unit": "pJ"}))


def test_dataflows_are_compared_per_mac_within_each_network() -> None:
    runs = [tiny(), tiny("output_stationary_a"), tiny(batch=2)]
    rows = plots.dataflow_table(runs)
    sums: dict[tuple[str, str], float] = {}
    for row in rows:
        key = row["network"], row["dataflow"]
        sums[key] = sums.get(key, 0.0) + (row["energy per MAC (MAC)"] or 0.0)
    for run in runs:
        assert sums[str(run.batch), run.dataflow] == pytest.approx(run.energy / run.macs)
    assert sums["2", "output_stationary_a"] == 0, "it has no result"
    ax = plots.dataflow_bars(runs)
    assert [text.get_text() for text in ax.texts] == ["no mapping"]
    edps = [row["EDP (times the least)"] for row in plots.dataflow_table(runs, "edp")]
    first = [run.edp for run in runs[:2]]
    assert edps == [first[0] / min(first), first[1] / min(first), 1.0, None]
    cycles = plots.dataflow_table(runs, "cycles")[0]["cycles (times a full array's)"]
    assert cycles == pytest.approx(runs[0].cycles * 6 / sum(layer.done for layer in runs[0]))
    assert len(plots.dataflow_comparison(runs).axes) == 4


def test_no_layer_is_above_the_roof() -> None:
    for level in (None, "GLB"):
        rows = plots.roofline_table(tiny(), level)
        for row, layer in zip(rows, tiny(), strict=True):
            assert 0 < row["MACs per cycle"] <= row["roof (MACs per cycle)"] <= 6
            assert row["MACs per cycle"] == layer.done / layer.cycles
            assert row["MACs per byte"] * row["bytes"] == pytest.approx(row["MACs"])
    # The port of 6 bits: a layer that moves a word of 16 bits for each MAC does 6/16 a cycle at most.
    assert any(row["roof (MACs per cycle)"] < 6 for row in plots.roofline_table(tiny()))


def test_the_roof_is_drawn_with_its_points() -> None:
    ax = plots.roofline(tiny())
    roof, points = ax.lines[:2]
    assert [tuple(point) for point in points.get_xydata()] == [
        (row["MACs per byte"], row["MACs per cycle"]) for row in plots.roofline_table(tiny())
    ]
    (left, low), (corner, peak), (_, end) = roof.get_xydata().tolist()
    assert (
        (peak, end) == (6, 6) and corner == pytest.approx(6 / (6 / 8)) and low == pytest.approx(left * 6 / 8)
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("MACs per byte of DRAM", "MACs per cycle")
    written = {name for text in ax.texts for name in text.get_text().split(", ")}
    assert written <= {layer.name for layer in tiny()} and written
    with pytest.raises(SimulatorError, match="did you mean 'GLB'"):
        plots.roofline(tiny(), "GLC")


def test_memories_hold_what_their_capacity_allows() -> None:
    machine = tiny().architecture
    for layer in tiny():
        shares: dict[str, float] = {}
        for row in plots.occupancy_table(layer, machine):
            shares[row["level"]] = shares.get(row["level"], 0.0) + row["of the capacity (%)"]
            assert row["bits"] % row["words"] == 0 and row["words"] > 0
            assert row["of the capacity (%)"] == pytest.approx(100 * row["bits"] / row["capacity (bits)"])
        assert set(shares) <= {"GLB", "RF"} and all(0 < share <= 100 for share in shares.values())
    ax = plots.occupancy_bars(tiny(), "RF")
    rows = [row for layer in tiny() for row in plots.occupancy_table(layer, machine) if row["level"] == "RF"]
    expected = [sum(row["of the capacity (%)"] for row in rows if row["layer"] == x.name) for x in tiny()]
    assert stacks(ax) == pytest.approx(expected)
    assert len(plots.memory_occupancy(tiny()).axes) == 2
    with pytest.raises(SimulatorError, match="DRAM of small is unbounded"):
        plots.occupancy_bars(tiny(), "DRAM")


def test_figures_are_composed_on_axes_that_are_given() -> None:
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots(3, 2).ravel()
    runs = [tiny(), tiny("output_stationary_a")]
    drawn = [
        plots.energy_bars(tiny(), ax=axes[0]),
        plots.dataflow_bars(runs, ax=axes[1]),
        plots.roofline(tiny(), ax=axes[2]),
        plots.occupancy_bars(tiny(), ax=axes[3]),
        plots.activity(tiny()["conv1"], ax=axes[4]),
        plots.lines_of(plots.totals_table(runs), "PEs", "cycles", "dataflow", ax=axes[5]),
    ]
    assert drawn == list(axes) and len(figure.axes) == 6
    figure.draw_without_rendering()
    for ax in drawn:
        assert ax.get_ylabel() and ax.get_legend().get_window_extent().x1 <= figure.bbox.x1 + 1


def test_type_and_lines_are_larger_on_slides() -> None:
    paper = plots.energy_bars(tiny())
    with plots.styled("slide"):
        slide = plots.energy_bars(tiny())
    again = plots.energy_bars(tiny())
    assert slide.figure.get_figwidth() > paper.figure.get_figwidth() == again.figure.get_figwidth()
    assert slide.yaxis.label.get_fontsize() == 2 * paper.yaxis.label.get_fontsize() == 14
    with (
        pytest.raises(
            SimulatorError, match=r"style must be one of paper, slide, not 'slides'.*did you mean 'slide'"
        ),
        plots.styled("slides"),
    ):
        pass


def test_axes_of_subfigures_are_drawn_on_and_saved_whole(tmp_path: Path) -> None:
    figure = Figure(figsize=(7, 2), layout="constrained")
    left, right = figure.subfigures(1, 2)
    plots.roofline(tiny(), ax=left.subplots())
    ax = plots.energy_bars(tiny(), ax=right.subplots())
    assert len(legend(ax)) > 2
    plots.save_figure(ax, tmp_path / "half.png", 50)
    plots.save_figure(figure, tmp_path / "whole.png", 50)
    assert (tmp_path / "half.png").read_bytes() == (tmp_path / "whole.png").read_bytes()
    with pytest.raises(SimulatorError, match="pixels an inch must be 1 or more, not 0"):
        plots.save_figure(ax, tmp_path / "none.png", 0)
