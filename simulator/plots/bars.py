"""Bars, side by side or stacked, over named places; alone, or in panels one below the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.plots.scales import scaled
from simulator.plots.style import (
    LOOKS,
    Look,
    add_title,
    axes_or_new,
    current,
    legend_above,
    looks_of,
    name_axes,
    named,
    panel_room,
    plain,
    room,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP = 0.6  # between two groups, in bars
_MARKERS = "oDs^v"

Row = Mapping[str, Any]
Parts = Mapping[str, Sequence[float | None]]


def bars_of(
    rows: Sequence[Row],
    x: str,
    part: str,
    value: str,
    *,
    group: str | None = None,
    stacked: bool = True,
    missing: str = "n/a",
    ax: Axes | None = None,
) -> Axes:
    """Draw a table as bars: a bar for each ``x`` (and ``group``), a part of it for each ``part``.

    Parameters
    ----------
    rows
        Dictionaries; rows of one bar and one part are added up. A bar whose value is None is left empty and
        marked with ``missing``.
    x, part, value, group
        Columns: the label below a bar, the name in the legend, the height with its unit in parentheses, and
        what stands below labels that belong together.
    stacked
        Whether parts stand on each other, the first at the foot, or side by side.
    ax
        Where to draw; by default a new figure as wide as a column, or a page where bars are many.

    Raises
    ------
    SimulatorError
        If there is nothing to draw, a value is below zero or not finite, or only some parts of a bar are
        None.
    """
    labels, groups, parts = _spread(rows, x, part, value, group)
    if len(parts) > len(LOOKS):  # colours are for those that are seen
        parts = {name: values for name, values in parts.items() if any(values)} or parts
    bars = [[value for value in bar if value is not None] for bar in zip(*parts.values(), strict=True)]
    heights = [sum(bar) if stacked else max(bar, default=0.0) for bar in bars]
    factor, text = scaled(value, max(heights, default=0.0))
    shown = {
        name: [None if value is None else value * factor for value in values]
        for name, values in parts.items()
    }
    foot = _Foot(labels, groups, None if ax is None else room(ax))
    ax = axes_or_new(ax, foot.height(1), foot.width)
    _checked(text, shown, labels)
    if stacked:
        _stack(ax, foot, shown, looks_of([list(shown)]), missing)
    else:
        _group(ax, foot, shown, looks_of([list(shown)]))
    foot.draw(ax)
    name_axes(ax, "", text)
    if len(shown) > 1:
        legend_above(ax)
    return ax


def grouped_bars(panels: Mapping[str, Parts], labels: Sequence[str], title: str = "") -> Figure:
    """Bars side by side in one panel below the other: the same labels, one bar of each series at each.

    Parameters
    ----------
    panels
        For each panel, by the text of its axis: the values of each series, in the order of the labels.
    """
    foot = _Foot(labels)
    figure, axes = _panels(len(panels), foot)
    looks = looks_of([list(series) for series in panels.values()])
    for ax, (quantity, series) in zip(axes, panels.items(), strict=True):
        _group(ax, foot, series, looks)
        name_axes(ax, "", quantity)
        legend_above(ax)
    add_title(figure, title)
    return figure


def stacked_bars(
    panels: Mapping[str, Parts],
    labels: Sequence[str],
    title: str = "",
    *,
    groups: Sequence[str] | None = None,
    missing: str = "n/a",
    points: Collection[str] = (),
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
    points
        Panels in which each part is a point by itself, along a logarithmic axis: for values far apart.

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
    for quantity, parts in panels.items():
        _checked(quantity, parts, labels)
    foot = _Foot(labels, groups)
    figure, axes = _panels(len(panels), foot)
    looks = looks_of([list(parts) for parts in panels.values()])
    explained: set[str] = set()
    for ax, (quantity, parts) in zip(axes, panels.items(), strict=True):
        if quantity in points:
            _points(ax, foot, parts, looks, missing)
        else:
            _stack(ax, foot, parts, looks, missing)
        name_axes(ax, "", quantity)
        if shown := set(ax.get_legend_handles_labels()[1]) - explained:
            explained |= shown
            legend_above(ax)
    figure.align_ylabels(axes)
    add_title(figure, title)
    return figure


def _spread(
    rows: Sequence[Row], x: str, part: str, value: str, group: str | None
) -> tuple[list[str], list[str] | None, dict[str, list[float | None]]]:
    """The labels of a table's bars, their groups, and the values of each part."""
    if not rows:
        raise SimulatorError(f"no rows to draw bars of {value!r} from")
    bars = dict.fromkeys((str(row[group]) if group else "", str(row[x])) for row in rows)
    if group:  # groups are kept together
        order = list(dict.fromkeys(name for name, _ in bars))
        bars = dict.fromkeys(sorted(bars, key=lambda bar: order.index(bar[0])))
    sums: dict[str, dict[tuple[str, str], float | None]] = {}
    for row in rows:
        bar = (str(row[group]) if group else "", str(row[x]))
        values = sums.setdefault(str(row[part]), dict.fromkeys(bars, 0.0))
        before, here = values[bar], row[value]
        values[bar] = None if here is None or before is None else before + here
    # What cannot be drawn lacks all its parts.
    lacking = {bar for values in sums.values() for bar, total in values.items() if total is None}
    parts = {
        name: [None if bar in lacking else total for bar, total in values.items()]
        for name, values in sums.items()
    }
    return [label for _, label in bars], [name for name, _ in bars] if group else None, parts


def _checked(quantity: str, parts: Parts, labels: Sequence[str]) -> None:
    """SimulatorError for values that make no bars."""
    where = f"stacked bars: {quantity.splitlines()[0]!r}"
    if not parts:
        raise SimulatorError(f"{where} has no part to draw")
    for name, values in parts.items():
        if len(values) != len(labels):
            raise SimulatorError(f"{where}: {name} has {len(values)} values for {len(labels)} labels")
        for label, value in zip(labels, values, strict=True):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise SimulatorError(f"{where}: {name} of {label} must be a number from 0 on, not {value}")
    for label, bar in zip(labels, zip(*parts.values(), strict=True), strict=True):
        if None in bar and any(value is not None for value in bar):
            raise SimulatorError(f"{where}: {label} lacks some parts; a bar has all of them or none")


@dataclass(frozen=True)
class _Foot:
    """Where bars stand and how their labels stand below them; ``points`` across, where that is given."""

    names: Sequence[str]
    groups: Sequence[str] | None = None
    points: float | None = None

    @cached_property
    def labels(self) -> list[str]:
        """What is written of the names."""
        return [named(name) for name in self.names]

    @cached_property
    def places(self) -> list[float]:
        """Side by side, with a gap wherever a group ends."""
        groups = self.groups or [""] * len(self.labels)
        starts = [0, *(a != b for a, b in pairwise(groups))]
        return [i + _GAP * gaps for i, gaps in enumerate(accumulate(starts))]

    @property
    def width(self) -> float:
        """Of a figure of its own, in inches."""
        return current().column if len(self.labels) <= 10 else current().page

    @property
    def _slot(self) -> float:
        return (self.points or panel_room(self.width)) / (self.places[-1] + 1)

    @cached_property
    def _longest(self) -> float:
        return max(text_width(line) for label in self.labels for line in label.splitlines() or [""])

    @property
    def _lines(self) -> int:
        return max(len(label.splitlines()) for label in self.labels)

    @property
    def _upright(self) -> bool:
        return self._longest > 0.95 * self._slot

    @property
    def _below(self) -> float:
        """Points that the labels take below the axis."""
        return self._longest if self._upright else 1.3 * self._lines * current().points

    def height(self, panels: int) -> float:
        """Inches of a figure of so many panels one below the other."""
        now = current()
        below = self._below + 1.5 * now.points * (self.groups is not None)
        return 0.3 * now.scale + now.panel * panels + below / 72

    def draw(self, ax: Axes) -> None:
        """Name the bars, and the groups below."""
        points = current().points
        # Where even upright labels would touch, every second (third, ...) bar is named.
        step = math.ceil(1.05 * points * self._lines / self._slot) if self._upright else 1
        ax.set_xticks(self.places[::step], self.labels[::step], rotation=90 if self._upright else 0)
        if self.groups is None:
            return
        runs = [
            (name, [place for place, _ in run])
            for name, run in groupby(zip(self.places, self.groups, strict=True), lambda pair: pair[1])
        ]
        below = ax.secondary_xaxis(location=0)
        below.set_xticks([(run[0] + run[-1]) / 2 for _, run in runs], [named(name) for name, _ in runs])
        below.tick_params("x", length=0, pad=self._below + 8 * current().scale, labelsize=points)
        below.spines["bottom"].set_visible(False)


def _panels(rows: int, foot: _Foot) -> tuple[Figure, list[Axes]]:
    """Panels one below the other over the same labels, named below the lowest, the groups below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(foot.width, foot.height(rows)), layout="constrained")
    axes = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    for ax in axes:
        plain(ax)
    foot.draw(axes[-1])
    return figure, axes


def _stack(ax: Axes, foot: _Foot, parts: Parts, looks: Mapping[str, Look], missing: str) -> None:
    floor = [0.0] * len(foot.labels)
    for name, values in parts.items():
        heights = [value or 0.0 for value in values]
        if any(heights):
            _bars(ax, name, foot.places, heights, 0.8, looks[name], floor)
            floor = [low + height for low, height in zip(floor, heights, strict=True)]
    _mark_missing(ax, foot, parts, missing)
    _stand(ax, foot)


def _points(ax: Axes, foot: _Foot, parts: Parts, looks: Mapping[str, Look], missing: str) -> None:
    ax.set_yscale("log")
    for number, (name, values) in enumerate(parts.items()):
        shown = [(place, value) for place, value in zip(foot.places, values, strict=True) if value]
        ax.plot(
            [place for place, _ in shown], [value for _, value in shown], label=named(name), color="black",
            marker=_MARKERS[number % len(_MARKERS)], markersize=4 * current().scale, linestyle="none",
            markerfacecolor=looks[name][0], markeredgewidth=2 * current().edge, zorder=3 - 0.01 * number,
        )  # fmt: skip
    _mark_missing(ax, foot, parts, missing)
    ax.set_xlim(*_ends(foot))
    ax.tick_params("x", length=0)


def _mark_missing(ax: Axes, foot: _Foot, parts: Parts, missing: str) -> None:
    for place, bar in zip(foot.places, zip(*parts.values(), strict=True), strict=True):
        if None in bar:
            _mark(ax, place, missing)


def _group(ax: Axes, foot: _Foot, series: Parts, looks: Mapping[str, Look], missing: str = "n/a") -> None:
    width = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        aside = (number - (len(series) - 1) / 2) * width
        _bars(ax, name, [p + aside for p in foot.places], [v or 0.0 for v in values], width, looks[name])
        for place, value in zip(foot.places, values, strict=True):
            if value is None:
                _mark(ax, place + aside, missing)
    _stand(ax, foot)


def _stand(ax: Axes, foot: _Foot) -> None:
    ax.set_ylim(0)
    ax.set_xlim(*_ends(foot))
    ax.tick_params("x", length=0)


def _ends(foot: _Foot) -> tuple[float, float]:
    return foot.places[0] - 0.6, foot.places[-1] + 0.6


def _mark(ax: Axes, place: float, missing: str) -> None:
    """Say where a bar is missing."""
    ax.text(
        place, 0.03, missing, rotation=90, ha="center", va="bottom", fontsize=current().points,
        color="0.35", transform=ax.get_xaxis_transform(),
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )  # fmt: skip


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
        places, heights, width, list(floor) or None, label=named(name),
        color=colour, hatch=hatch, edgecolor="black", linewidth=current().edge,
    )  # fmt: skip
