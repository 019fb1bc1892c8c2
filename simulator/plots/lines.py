"""Lines over a swept quantity: PEs, the size of a buffer, batch, time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.plots.scales import scaled
from simulator.plots.style import (
    LOOKS,
    axes_or_new,
    check_known,
    current,
    legend_above,
    name_axes,
    named,
    room,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = (
    ("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"), ("-", "v"), ("--", "P"), (":", "X"), ("-.", "*"),
)  # fmt: skip
# Yellow is too light for a line.
_COLOURS = tuple("black" if colour == "#F0E442" else colour for colour, _ in LOOKS)
_MARKED = 16  # places along a line that have a marker

Row = Mapping[str, Any]
_SCALES = ("linear", "log2", "log10", "symlog")


def lines_of(
    rows: Sequence[Row],
    x: str,
    y: str,
    by: str | None = None,
    *,
    x_scale: str = "log2",
    y_scale: str = "linear",
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a table as lines: ``y`` over ``x``, a line for each value of ``by``.

    Parameters
    ----------
    rows
        Dictionaries, in any order; one whose ``y`` is None is left out.
    x, y, by
        Columns: their names stand beside the axes, with the unit in parentheses.
    x_scale, y_scale
        "linear", "log2", "log10", or "symlog": linear up to 1, logarithmic beyond. On "log2" the values
        themselves are the ticks of ``x``. A ``y`` that is not logarithmic begins at zero.
    names
        The lines that look alike in several axes; those of the rows by default.

    Raises
    ------
    SimulatorError
        If there is nothing to draw, for another scale, and where a value on a logarithmic axis is not above
        zero.
    """
    check_known(x_scale, _SCALES, "x_scale")
    check_known(y_scale, _SCALES, "y_scale")
    drawn = [row for row in rows if row[y] is not None]
    if not drawn:
        raise SimulatorError(f"no {y!r} to draw")
    for column, scale in ((x, x_scale), (y, y_scale)):
        if scale.startswith("log") and (low := min(row[column] for row in drawn)) <= 0:
            raise SimulatorError(f"{column!r} is {low} somewhere; a logarithmic axis begins above zero")
    ax = axes_or_new(ax)
    found = list(dict.fromkeys(str(row[by]) if by else y for row in drawn))
    order = list(names or found)
    factor, text = scaled(y, max(row[y] for row in drawn)) if y_scale == "linear" else (1.0, y)
    many = len({row[x] for row in drawn}) > _MARKED
    for name in found:
        own = sorted((row[x], row[y] * factor) for row in drawn if by is None or str(row[by]) == name)
        number = order.index(name)
        dashes, marker = _LINES[number % len(_LINES)]
        ax.plot(
            *zip(*own, strict=True), linestyle=dashes, marker="" if many else marker, label=named(name),
            markersize=4 * current().scale, linewidth=1.2 * current().scale,
            color=_COLOURS[number % len(_COLOURS)],
        )  # fmt: skip
    _scale(ax, x_scale, sorted({row[x] for row in drawn}))
    low, high = (factor * end(row[y] for row in drawn) for end in (min, max))
    if y_scale == "linear":
        # Bars and lines alike stand on zero, so that a ratio can be read off.
        ax.set_ylim(0, 1.1 * high or 1.0)
    elif y_scale == "symlog":
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(0, 10.0 ** max(0, math.ceil(math.log10(high or 1.0))))
    else:
        base = 2 if y_scale == "log2" else 10
        ax.set_yscale("log", base=base)
        # Whole powers, so that a flat line looks flat.
        first, last = math.floor(math.log(low, base)), math.ceil(math.log(high, base))
        ax.set_ylim(float(base) ** first, float(base) ** max(last, first + 1))
    name_axes(ax, x, text)
    if len(found) > 1:
        legend_above(ax, _legend_title(drawn, by))
    return ax


def sweep_lines(
    rows: Sequence[Row],
    x: str,
    quantities: Sequence[str],
    by: str | None = None,
    columns: str | None = None,
    *,
    x_scale: str = "log2",
    y_scale: Mapping[str, str] | None = None,
) -> Figure:
    """Lines over a swept quantity in a grid of panels: a row for each quantity, a column for each network.

    Parameters
    ----------
    rows
        As `lines_of` takes them.
    x, quantities, by, columns
        Columns of the table: the horizontal axis, the vertical one of each row of panels, what has a line of
        its own, and what has a column of panels of its own.
    y_scale
        The scales of quantities that are not linear.

    Raises
    ------
    SimulatorError
        As `lines_of`, where no panel has anything to draw.
    """
    from matplotlib.figure import Figure

    heads = list(dict.fromkeys(str(row[columns]) for row in rows)) if columns else [""]
    names = list(dict.fromkeys(str(row[by]) for row in rows)) if by else None
    now = current()
    size = (now.column if len(heads) == 1 else now.page, 0.6 * now.scale + 0.83 * now.panel * len(quantities))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(quantities), len(heads), sharex=True, squeeze=False)
    if not any(row[quantity] is not None for row in rows for quantity in quantities):
        raise SimulatorError(f"nothing to draw over {x!r}: no row has {' or '.join(map(repr, quantities))}")
    handles: dict[str, Any] = {}
    for i, quantity in enumerate(quantities):
        for j, head in enumerate(heads):
            ax = grid[i, j]
            own = [row for row in rows if not columns or str(row[columns]) == head]
            if any(row[quantity] is not None for row in own):
                scale = (y_scale or {}).get(quantity, "linear")
                lines_of(own, x, quantity, by, x_scale=x_scale, y_scale=scale, names=names, ax=ax)
                if by:
                    drawn = dict.fromkeys(str(row[by]) for row in own if row[quantity] is not None)
                    handles |= dict(zip(drawn, ax.get_lines(), strict=True))
                if ax.get_legend() is not None:
                    ax.get_legend().remove()
            else:
                axes_or_new(ax).text(0.5, 0.5, "n/a", transform=ax.transAxes, fontsize=now.points)
            same = j > 0 and ax.get_ylabel() == grid[i, 0].get_ylabel()
            quantity_text = "" if same else ax.get_ylabel().replace(" (", "\n(")
            name_axes(ax, x if i == len(quantities) - 1 else "", quantity_text)
            if i == 0 and head:
                ax.set_title(named(head), fontsize=now.points + 1)
    figure.align_ylabels()
    if names is not None and len(names) > 1:
        shown = [name for name in names if name in handles]
        texts = [named(name) for name in shown]
        figure.legend(
            [handles[name] for name in shown], texts, loc="outside upper center",
            ncols=_columns(texts, size[0]), fontsize=now.points, frameon=False,
            title=_legend_title(rows, by) or None, title_fontsize=now.points,
        )  # fmt: skip
    return figure


def _legend_title(rows: Sequence[Row], by: str | None) -> str:
    """What the lines' names are of, where these are numbers, which do not say it themselves."""
    return named(by) if by and not all(isinstance(row[by], str) for row in rows) else ""


def _columns(names: Sequence[str], width: float) -> int:
    """How many names of a legend stand beside each other in a figure of so many inches."""
    now = current()
    widest = max(map(text_width, names)) + 5 * now.points
    return max(1, min(len(names), int(72 * width / widest)))


def _scale(ax: Axes, scale: str, ticks: Sequence[float]) -> None:
    """The horizontal axis; where it doubles, the values themselves are its ticks."""
    if scale == "log2":
        ax.set_xscale("log", base=2)
        ax.set_xticks(ticks, _thinned(ticks, room(ax)))
        ax.minorticks_off()
    elif scale != "linear":
        ax.set_xscale("log" if scale == "log10" else scale)


def _thinned(ticks: Sequence[float], across: float) -> list[str]:
    """Texts of the ticks of a logarithmic axis of so many points; none that would touch the one before."""
    span = math.log2(ticks[-1] / ticks[0]) or 1.0
    texts: list[str] = []
    free = -math.inf
    for tick in ticks:
        text = f"{tick:g}"
        middle, half = across * math.log2(tick / ticks[0]) / span, text_width(text) / 2 + current().points / 4
        fits = middle - half >= free
        texts.append(text if fits else "")
        free = middle + half if fits else free
    return texts
