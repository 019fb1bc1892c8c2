"""Lines over a swept quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simulator.plots.style import COLUMN_INCHES, LOOKS, PAGE_INCHES, POINTS, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_LINES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))


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
                color=LOOKS[number % len(LOOKS)][0],
            )  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        plain(ax)
        # Bars and lines alike stand on zero, so that a ratio can be read off.
        highest = max((y for points in series.values() for _, y in points), default=1.0)
        ax.set_ylim(0, 1.1 * highest or 1.0)
    for row, quantity in enumerate(rows):
        grid[row, 0].set_ylabel(quantity, fontsize=POINTS)
    figure.align_ylabels(grid[:, 0])
    for number, column in enumerate(columns):
        grid[0, number].set_title(column, fontsize=POINTS + 1)
        grid[-1, number].set_xlabel(x_label, fontsize=POINTS)
    figure.legend(
        list(drawn.values()), list(drawn), loc="outside upper center", ncols=len(drawn),
        fontsize=POINTS, frameon=False,
    )  # fmt: skip
    return figure
