"""Bars, side by side or stacked, in panels one below the other over the same labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.plots.style import (
    COLUMN_INCHES,
    EDGE,
    LETTER,
    PAGE_INCHES,
    POINTS,
    Look,
    add_title,
    legend_above,
    looks_of,
    panel_room,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP = 0.6  # between two groups, in bars


def grouped_bars(
    panels: Mapping[str, Mapping[str, Sequence[float]]], labels: Sequence[str], title: str = ""
) -> Figure:
    """Bars side by side in one panel below the other: the same labels, one bar of each series at each.

    Parameters
    ----------
    panels
        For each panel, by the text of its axis: the values of each series, in the order of the labels.
    """
    places = [float(i) for i in range(len(labels))]
    figure, axes = _panels(len(panels), labels, places)
    looks = looks_of([list(series) for series in panels.values()])
    for ax, (quantity, series) in zip(axes, panels.items(), strict=True):
        width = 0.8 / len(series)
        for number, (name, values) in enumerate(series.items()):
            middle = (number - (len(series) - 1) / 2) * width
            _bars(ax, name, [place + middle for place in places], values, width, looks[name])
        ax.set_ylabel(quantity, fontsize=POINTS)
        legend_above(figure, ax)
    add_title(figure, title)
    return figure


def stacked_bars(
    panels: Mapping[str, Mapping[str, Sequence[float | None]]],
    labels: Sequence[str],
    title: str = "",
    *,
    groups: Sequence[str] | None = None,
    missing: str = "n/a",
) -> Figure:
    """Stacked bars in one panel below the other: the same labels, the first part at the foot.

    A part looks the same in every panel; one that is zero everywhere is left out. A panel has a legend
    where it shows parts that no panel above it shows.

    Parameters
    ----------
    panels
        For each panel, by the text of its axis (with the unit): the values of each part, in the order of the
        labels. A bar whose parts are all None is left empty and marked with ``missing``.
    groups
        The group of each label, written below the labels; neighbours of one group stand together.

    Raises
    ------
    SimulatorError
        If there is nothing to draw, a part has not one value for each label, a value is below zero or
        not finite, or only some parts of a bar are None.
    """
    if not panels or not labels:
        raise SimulatorError("stacked bars need a panel and a label at least")
    if groups is not None and len(groups) != len(labels):
        raise SimulatorError(f"stacked bars: {len(groups)} groups for {len(labels)} labels")
    present = {quantity: _present(quantity, parts, labels) for quantity, parts in panels.items()}
    places = _places(len(labels), groups)
    figure, axes = _panels(len(panels), labels, places, groups)
    looks = looks_of([list(parts) for parts in panels.values()])
    explained: set[str] = set()
    for ax, (quantity, parts) in zip(axes, panels.items(), strict=True):
        floor = [0.0] * len(labels)
        for name, values in parts.items():
            heights = [value or 0.0 for value in values]
            if any(heights):
                _bars(ax, name, places, heights, 0.8, looks[name], floor)
                floor = [low + height for low, height in zip(floor, heights, strict=True)]
        for place, there in zip(places, present[quantity], strict=True):
            if not there:
                ax.text(
                    place, 0.03, missing, rotation=90, ha="center", va="bottom", fontsize=POINTS,
                    color="0.35", transform=ax.get_xaxis_transform(),
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
                )  # fmt: skip
        ax.set_ylabel(quantity, fontsize=POINTS)
        ax.set_ylim(0)
        if shown := set(ax.get_legend_handles_labels()[1]) - explained:
            explained |= shown
            legend_above(figure, ax)
    figure.align_ylabels(axes)
    add_title(figure, title)
    return figure


def _present(quantity: str, parts: Mapping[str, Sequence[float | None]], labels: Sequence[str]) -> list[bool]:
    """Whether each label has a bar; SimulatorError for values that make none."""
    where = f"stacked bars: {quantity.splitlines()[0]!r}"
    if not parts:
        raise SimulatorError(f"{where} has no part to draw")
    for name, values in parts.items():
        if len(values) != len(labels):
            raise SimulatorError(f"{where}: {name} has {len(values)} values for {len(labels)} labels")
        for label, value in zip(labels, values, strict=True):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise SimulatorError(f"{where}: {name} of {label} must be a number from 0 on, not {value}")
    bars = list(zip(*parts.values(), strict=True))
    for label, bar in zip(labels, bars, strict=True):
        if None in bar and any(value is not None for value in bar):
            raise SimulatorError(f"{where}: {label} lacks some parts; a bar has all of them or none")
    return [None not in bar for bar in bars]


def _places(labels: int, groups: Sequence[str] | None) -> list[float]:
    """Where the bars stand: side by side, with a gap wherever a group ends."""
    starts = [0] * labels if groups is None else [0, *(a != b for a, b in pairwise(groups))]
    return [i + _GAP * gaps for i, gaps in enumerate(accumulate(starts))]


def _panels(
    rows: int, labels: Sequence[str], places: Sequence[float], groups: Sequence[str] | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels one below the other over the same labels, named below the lowest, the groups below."""
    from matplotlib.figure import Figure

    width = COLUMN_INCHES if len(labels) <= 10 else PAGE_INCHES
    slot = panel_room(width) / (places[-1] + 1)
    longest = max(len(line) for label in labels for line in label.splitlines() or [""]) * LETTER
    lines = max(len(label.splitlines()) for label in labels)
    upright = longest > 0.95 * slot
    below = longest if upright else 1.3 * lines * POINTS
    height = 0.3 + 1.7 * rows + (below + 1.5 * POINTS * (groups is not None)) / 72
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    # Where even upright labels would touch, every second (third, ...) bar is named.
    step = math.ceil(1.05 * POINTS * lines / slot) if upright else 1
    for ax in axes:
        plain(ax)
        ax.set_xlim(places[0] - 0.6, places[-1] + 0.6)
        ax.tick_params("x", length=0)
    axes[-1].set_xticks(places[::step], labels[::step], rotation=90 if upright else 0)
    if groups is not None:
        runs = [
            [place for place, _ in run] for _, run in groupby(zip(places, groups, strict=True), itemgetter(1))
        ]
        middles = [(run[0] + run[-1]) / 2 for run in runs]
        named = axes[-1].secondary_xaxis(location=0)
        named.set_xticks(middles, [name for name, _ in groupby(groups)])
        named.tick_params("x", length=0, pad=below + 4, labelsize=POINTS)
        named.spines["bottom"].set_visible(False)
    return figure, axes


def _bars(
    ax: Axes,
    name: str,
    places: Sequence[float],
    heights: Sequence[float],
    width: float,
    look: Look,
    floor: Sequence[float] = (),
) -> None:
    colour, hatch = look
    ax.bar(
        places, heights, width, list(floor) or None, label=name,
        color=colour, hatch=hatch, edgecolor="black", linewidth=EDGE,
    )  # fmt: skip
