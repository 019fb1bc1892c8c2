"""Figures for papers: energy per layer, lines over a sweep, bars beside bars.

Every function returns a matplotlib `Figure` that belongs to the caller; no global state of matplotlib is
touched. Figures are as wide as a paper's column (3.5 in) or page (7 in), and read in grey: colours are
told apart by hatches and edges as well.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from simulator.results import NetworkResult

COLUMN_INCHES, PAGE_INCHES = 3.5, 7.0
_POINTS = 7.0  # the smallest type that printers of papers accept
_LETTER = 0.56 * _POINTS  # a letter's width, on the safe side
_EDGE = 0.4
_DPI = 300

# The colours of M. Okabe and K. Ito, "Color Universal Design", 2002; hatches for print in grey.
_BLACK = ("#000000", "")
_LOOKS = (
    ("#0072B2", ""),
    ("#E69F00", "////"),
    ("#009E73", "...."),
    ("#56B4E9", ""),
    ("#D55E00", "\\\\\\\\"),
    ("#F0E442", ""),
    ("#CC79A7", "xxxx"),
)
_TENSOR_LOOKS = {
    "weights": _LOOKS[4],
    "inputs": _LOOKS[3],
    "outputs": _LOOKS[5],
    "leakage": _LOOKS[6],
    "MAC": _BLACK,
}
_LINES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))

# Metadata that would differ from one run to the next, by format.
_FORMATS = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def energy_breakdown(result: NetworkResult) -> Figure:
    """Energy per layer as stacked bars: above by level, outermost at the foot; below by tensor.

    Raises
    ------
    SimulatorError
        If no layer of the network has multiply-accumulates.
    """
    names = [layer.name for layer in result]
    if not names:
        raise SimulatorError(f"{result.network} has no layer with energy to draw")
    by_level: dict[str, dict[str, float]] = {level: dict.fromkeys(names, 0.0) for level in result.levels}
    by_tensor: dict[str, dict[str, float]] = {part: dict.fromkeys(names, 0.0) for part in _TENSOR_LOOKS}
    for row in result.rows():
        part = row["tensor"] or ("leakage" if row["action"] == "leak" else "MAC")
        by_level[row["level"]][row["layer"]] += row["energy"]
        by_tensor[part][row["layer"]] += row["energy"]
    level_looks = {level: _LOOKS[i % len(_LOOKS)] for i, level in enumerate(result.levels)} | {"MAC": _BLACK}
    figure, (above, below) = _bar_panels(2, names)
    highest = max(layer.energy for layer in result)
    factor, unit = _energy_unit(result.architecture.energy_unit, highest)
    _stack(figure, above, by_level, level_looks, factor)
    _stack(figure, below, by_tensor, _TENSOR_LOOKS, factor)
    above.set_ylabel(f"energy by level\n({unit})", fontsize=_POINTS)
    below.set_ylabel(f"energy by tensor\n({unit})", fontsize=_POINTS)
    title = f"{result.network}, batch {result.batch}, on {result.architecture.name}: {result.dataflow}"
    figure.suptitle(title, fontsize=_POINTS + 1, wrap=True)
    return figure


def grouped_bars(
    panels: Mapping[str, Mapping[str, Sequence[float]]], labels: Sequence[str], title: str = ""
) -> Figure:
    """Bars side by side in one panel below the other: the same labels, one bar of each series at each.

    Parameters
    ----------
    panels
        For each panel, by the text of its axis: the values of each series, in the order of the labels.
    """
    figure, axes = _bar_panels(len(panels), labels)
    for ax, (quantity, series) in zip(axes, panels.items(), strict=True):
        width = 0.8 / len(series)
        for number, (name, values) in enumerate(series.items()):
            colour, hatch = _LOOKS[number % len(_LOOKS)]
            middle = (number - (len(series) - 1) / 2) * width
            places = [place + middle for place in range(len(labels))]
            ax.bar(
                places, values, width, label=name,
                color=colour, hatch=hatch, edgecolor="black", linewidth=_EDGE,
            )  # fmt: skip
        ax.set_ylabel(quantity, fontsize=_POINTS)
        _legend_above(figure, ax)
    if title:
        figure.suptitle(title, fontsize=_POINTS + 1, wrap=True)
    return figure


def sweep_lines(
    lines: Mapping[tuple[str, str], Mapping[str, Sequence[tuple[float, float]]]], x_label: str
) -> Figure:
    """Lines over a swept quantity, on a logarithmic axis, in a grid of panels.

    Parameters
    ----------
    lines
        For each panel, by the text of its vertical axis (its row) and its title (its column): the points
        (x, y) of each series. A point that is missing is a gap.
    x_label
        The text of the horizontal axis.
    """
    from matplotlib.figure import Figure

    rows, columns = (list(dict.fromkeys(key[i] for key in lines)) for i in (0, 1))
    names = list(dict.fromkeys(name for series in lines.values() for name in series))
    drawn: dict[str, Line2D] = {}
    ticks = sorted({x for series in lines.values() for points in series.values() for x, _ in points})
    width = COLUMN_INCHES if len(columns) == 1 else PAGE_INCHES
    figure = Figure(figsize=(width, 0.6 + 1.4 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), sharex=True, squeeze=False)
    for (quantity, column), series in lines.items():
        ax: Axes = grid[rows.index(quantity), columns.index(column)]
        for name, points in series.items():
            number = names.index(name)
            dashes, marker = _LINES[number % len(_LINES)]
            xs, ys = [x for x, _ in points], [y for _, y in points]
            (drawn[name],) = ax.plot(
                xs, ys, linestyle=dashes, marker=marker, markersize=4, linewidth=1.2,
                color=_LOOKS[number % len(_LOOKS)][0],
            )  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        _plain(ax)
        # Bars and lines alike stand on zero, so that a ratio can be read off.
        highest = max((y for points in series.values() for _, y in points), default=1.0)
        ax.set_ylim(0, 1.1 * highest or 1.0)
    for row, quantity in enumerate(rows):
        grid[row, 0].set_ylabel(quantity, fontsize=_POINTS)
    figure.align_ylabels(grid[:, 0])
    for number, column in enumerate(columns):
        grid[0, number].set_title(column, fontsize=_POINTS + 1)
        grid[-1, number].set_xlabel(x_label, fontsize=_POINTS)
    figure.legend(
        list(drawn.values()), list(drawn), loc="outside upper center", ncols=len(drawn),
        fontsize=_POINTS, frameon=False,
    )  # fmt: skip
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, PDF or SVG, by the suffix; the same figure gives the same bytes.

    Raises
    ------
    SimulatorError
        For another suffix, or if the place cannot be written.
    """
    import matplotlib

    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        known = ", ".join(f".{name}" for name in _FORMATS)
        raise SimulatorError(f"cannot draw {target.name!r}: the name must end in one of {known}")
    image = io.BytesIO()
    # Only these settings have no argument of their own; they are restored at once.
    settings = {"svg.hashsalt": "dataflow-simulator", "pdf.fonttype": 42, "hatch.linewidth": _EDGE}
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        figure.savefig(image, format=kind, dpi=_DPI, metadata=_FORMATS[kind])
    write_atomically(target, image.getvalue())


def _energy_unit(unit: str, highest: float) -> tuple[float, str]:
    """A factor and a unit in which the highest bar has one to three digits before the point."""
    thousands = int(math.log10(highest) // 3) if highest > 0 else 0
    if unit == "pJ":
        prefixes = ("pJ", "nJ", "\N{MICRO SIGN}J", "mJ", "J")
        thousands = max(0, min(thousands, len(prefixes) - 1))
        return 1000.0**-thousands, prefixes[thousands]
    thousands = max(0, thousands)
    return 1000.0**-thousands, f"$10^{{{3 * thousands}}}$ {unit}s" if thousands else f"{unit}s"


def _bar_panels(rows: int, labels: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Panels one below the other over the same labels, which stand below the lowest."""
    from matplotlib.figure import Figure

    width = COLUMN_INCHES if len(labels) <= 10 else PAGE_INCHES
    slot = _room(width) / len(labels)
    longest = max(len(label) for label in labels) * _LETTER
    upright = longest > 0.95 * slot
    height = 0.4 + 1.7 * rows + (longest / 72 if upright else 0.1)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    # Where even upright labels would touch, every second (third, ...) bar is named.
    step = math.ceil(1.05 * _POINTS / slot) if upright else 1
    for ax in axes:
        _plain(ax)
        ax.set_xlim(-0.6, len(labels) - 0.4)
        ax.tick_params("x", length=0)
    axes[-1].set_xticks(range(0, len(labels), step), labels[::step], rotation=90 if upright else 0)
    return figure, axes


def _stack(
    figure: Figure,
    ax: Axes,
    parts: Mapping[str, Mapping[str, float]],
    looks: Mapping[str, tuple[str, str]],
    factor: float,
) -> None:
    """Stack the parts' values, by layer, the first at the foot; parts without any are left out."""
    floor: list[float] = []
    for name, values in parts.items():
        heights = [value * factor for value in values.values()]
        floor = floor or [0.0] * len(heights)
        if any(heights):
            colour, hatch = looks[name]
            ax.bar(
                range(len(heights)), heights, 0.8, floor, label=name,
                color=colour, hatch=hatch, edgecolor="black", linewidth=_EDGE,
            )  # fmt: skip
            floor = [low + height for low, height in zip(floor, heights, strict=True)]
    if any(floor):
        _legend_above(figure, ax)


def _legend_above(figure: Figure, ax: Axes) -> None:
    """A legend over the panel, so that it never hides a bar; it reads along its rows."""
    handles, names = ax.get_legend_handles_labels()
    room = _room(figure.get_figwidth())
    columns = next(n for n in range(len(names), 0, -1) if n == 1 or _legend_width(names, n) <= room)
    # matplotlib fills a legend column by column.
    order = [i for column in range(columns) for i in range(column, len(names), columns)]
    ax.legend(
        [handles[i] for i in order], [names[i] for i in order], ncols=columns,
        loc="lower left", bbox_to_anchor=(0, 1), fontsize=_POINTS, frameon=False,
        borderaxespad=0.2, borderpad=0.2, columnspacing=0.9, handlelength=1.3, handletextpad=0.4,
    )  # fmt: skip


def _legend_width(names: Sequence[str], columns: int) -> float:
    """Points that a legend takes across in so many columns."""
    widest = (max(len(name) for name in names[column::columns]) for column in range(columns))
    return sum(letters * _LETTER + 2.6 * _POINTS for letters in widest)


def _room(width: float) -> float:
    """Points that a panel has across in a figure of so many inches, beside its vertical axis."""
    return (width - 0.6) * 72


def _plain(ax: Axes) -> None:
    """Small type, no box, light lines behind the data."""
    ax.tick_params(labelsize=_POINTS)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.85", linewidth=0.5)
    ax.set_axisbelow(True)
