"""An array as a grid of places: cells, what is written in and beside them, and what is left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from simulator.plots.places import ArrayPlaces, Place
from simulator.plots.style import EDGE, LETTER, POINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 64  # places of an axis that are drawn one by one
_ENDS = (24, 4)  # places kept at its begin and end where it is longer
# Colour, hatch and the hatch's colour.
_STATES = {
    "active": ("none", "", "none"),
    "idle at times": ("none", "///", "0.75"),
    "idle": ("0.75", "////", "0.5"),
}


def shorten(size: int) -> tuple[int | None, ...]:
    """The positions of an axis that are drawn; None stands for those left out."""
    if size <= _LONGEST:
        return tuple(range(size))
    return (*range(_ENDS[0]), None, *range(size - _ENDS[1], size))


@dataclass(frozen=True)
class Grid:
    """The places that are drawn: the first axis goes across, the second, if there is one, down."""

    view: ArrayPlaces
    xs: tuple[int | None, ...]
    ys: tuple[int | None, ...] = ()

    @property
    def columns(self) -> int:
        return len(self.xs)

    @property
    def rows(self) -> int:
        return len(self.ys) or 1

    @property
    def dimensions(self) -> tuple[str, ...]:
        return self.view.dimensions

    @cached_property
    def cells(self) -> dict[Place, tuple[int, int]]:
        """Column and row of each place that is drawn."""
        found: dict[Place, tuple[int, int]] = {}
        for row, y in enumerate(self.ys or (-1,)):
            for column, x in enumerate(self.xs):
                if x is not None and y is not None:
                    found[(x, y) if self.ys else (x,)] = (column, row)
        return found

    @cached_property
    def active(self) -> frozenset[Place]:
        """Places drawn that compute in the first pass."""
        return frozenset(place for place in self.cells if self.view.active(place))

    def state(self, place: Place) -> str:
        """``active``, ``idle`` or ``idle at times``."""
        if place not in self.active:
            return "idle"
        return "active" if self.view.always_active(place) else "idle at times"


@dataclass(frozen=True)
class Ticks:
    """What stands beside an axis: its name, and texts at columns or rows; a text may have several lines."""

    name: str
    texts: dict[int, str]
    turned: bool = False

    @property
    def width(self) -> float:
        """The longest line, in points; digits are wider than letters."""
        return (
            1.15 * LETTER * max((len(x) for text in self.texts.values() for x in text.split("\n")), default=0)
        )

    @property
    def height(self) -> float:
        """The most lines, in points."""
        return 1.2 * POINTS * max((text.count("\n") + 1 for text in self.texts.values()), default=0)

    @property
    def depth(self) -> float:
        """The room that the texts take below an axis, in points."""
        return self.width if self.turned else self.height

    def fitted(self, cell: float, across: bool) -> Ticks:
        """Without texts that would touch others in cells of so many points; turned, if that keeps more."""
        step = self._step(self.width + LETTER if across else self.height, cell)
        # Several lines name a loop inside another, of which thinning would leave one index.
        if across and (step > 2 or (step > 1 and self.height > 1.2 * POINTS)):
            joined = Ticks(self.name, {at: text.replace("\n", " ") for at, text in self.texts.items()}, True)
            return joined._every(self._step(joined.height, cell))
        return self._every(step)

    def _every(self, step: int) -> Ticks:
        return Ticks(self.name, {at: text for at, text in self.texts.items() if at % step == 0}, self.turned)

    @staticmethod
    def _step(needed: float, cell: float) -> int:
        return max(1, math.ceil(needed / cell))


def axis_ticks(grid: Grid, axis: int) -> Ticks:
    """The ranges of the dimensions at each position of an axis; ``+`` where another axis goes further."""
    view = grid.view
    if axis >= len(view.array.axes):
        return Ticks("", {})
    own, used = view.array.axes[axis], view.used[axis]
    dimensions = list(dict.fromkeys(s.dimension for s in view.spreads if s.axis == axis))
    texts: dict[int, str] = {}
    for at, position in enumerate(grid.ys if axis else grid.xs):
        if position is None:
            texts[at] = "\N{HORIZONTAL ELLIPSIS}"
        elif position < used and dimensions:
            here = tuple(position * (i == axis) for i in range(len(view.array.axes)))
            ranges = [_tick(view, axis, dimension, here) for dimension in dimensions]
            if len(ranges) > 1 and all(ranges):
                ranges = [dimension + text for dimension, text in zip(dimensions, ranges, strict=True)]
            if all(ranges):
                texts[at] = (" " if axis else "\n").join(ranges)
    what = f"{', '.join(dimensions)} on " if dimensions else ""
    return Ticks(f"{own.name}: {what}{used} of {own.size}", texts)


def _tick(view: ArrayPlaces, axis: int, dimension: str, place: Place) -> str:
    """The range of a dimension at a position of an axis, over the other axis; empty past its end."""
    own = [s.stride for s in view.spreads if s.dimension == dimension and s.axis == axis]
    others = [s.stride for s in view.spreads if s.dimension == dimension and s.axis != axis]
    first = view.offset(dimension, place)
    last = min(first + min(own), view.problem.extents[dimension]) - 1
    if first > last:
        return ""
    sign = "+" if others and max(others) > max(own) else ""
    return sign + _range(first, last)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}\N{EN DASH}{last}"


def draw_cells(ax: Axes, grid: Grid) -> None:
    """Draw the places, idle ones hatched; a column or row left out is an ellipsis."""
    from matplotlib.patches import Rectangle

    ax.set_xlim(-0.5, grid.columns - 0.5)
    ax.set_ylim(grid.rows - 0.5, -0.5)
    for state, row, first, length in _runs(grid):
        colour, hatch, shade = _STATES[state]
        place = (first - 0.5, row - 0.5)
        ax.add_patch(Rectangle(place, length, 1, facecolor=colour, hatch=hatch, edgecolor=shade, linewidth=0))
    for columns in _stretches(grid.xs):
        for rows in _stretches(grid.ys or (0,)):
            x0, x1, y0, y1 = columns[0] - 0.5, columns[-1] + 0.5, rows[0] - 0.5, rows[-1] + 0.5
            ax.vlines([x + 0.5 for x in columns[:-1]], y0, y1, color="0.6", linewidth=EDGE)
            ax.hlines([y + 0.5 for y in rows[:-1]], x0, x1, color="0.6", linewidth=EDGE)
            ax.add_patch(
                Rectangle(
                    (x0, y0),
                    x1 - x0,
                    y1 - y0,
                    facecolor="none",
                    edgecolor="0.4",
                    linewidth=EDGE,
                    clip_on=False,
                )
            )


def _runs(grid: Grid) -> Iterator[tuple[str, int, int, int]]:
    """Neighbours in a row in one state: state, row, first column, number of columns."""
    run: tuple[str, int, int, int] | None = None
    for place, (column, row) in grid.cells.items():
        state = grid.state(place)
        if run and run[:2] == (state, row) and run[2] + run[3] == column:
            run = (state, row, run[2], run[3] + 1)
        else:
            if run:
                yield run
            run = (state, row, column, 1)
    if run:
        yield run


def _stretches(positions: Sequence[int | None]) -> list[list[int]]:
    """Columns (or rows) without a gap."""
    found: list[list[int]] = [[]]
    for at, position in enumerate(positions):
        if position is None:
            found.append([])
        else:
            found[-1].append(at)
    return found


def place_texts(grid: Grid, width: float, height: float) -> tuple[dict[Place, str], str]:
    """The ranges of the dimensions in each active place, where cells of these points have room, and a note.

    The note says what is written where names had to be left out, and states two places where all had to.
    """
    if not grid.dimensions:
        return {}, ""
    spans = {p: {d: _range(*grid.view.span(d, p)) for d in grid.dimensions} for p in grid.active}
    named = {p: [f"{d} {span}" for d, span in texts.items()] for p, texts in spans.items()}
    order = ", ".join(grid.dimensions) + (", from the top" if len(grid.dimensions) > 1 else "")
    short = {p: list(texts.values()) for p, texts in spans.items()}
    for texts, note in ((named, ""), (short, f"in a place: {order}")):
        longest = max(len(line) for lines in texts.values() for line in lines)
        # Digits are wider than letters.
        if 1.15 * longest * LETTER <= width and len(grid.dimensions) * 1.1 * POINTS <= height:
            return {place: "\n".join(lines) for place, lines in texts.items()}, note
    ends = (min(named), max(named))
    return {}, "; ".join(f"at {', '.join(map(str, place))}: {', '.join(named[place])}" for place in ends)


def draw_legend(ax: Axes, grid: Grid) -> None:
    """Say over the right end of the array what the hatches are, if there are any."""
    from matplotlib.patches import Patch

    states = {grid.state(place) for place in grid.cells}
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor=shade, linewidth=EDGE, label=state)
        for state, (colour, hatch, shade) in _STATES.items()
        if state in states and hatch
    ]
    if handles:
        ax.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=POINTS,
            frameon=False, borderaxespad=0.2, borderpad=0, columnspacing=0.8, handlelength=1.3,
            handletextpad=0.4,
        )  # fmt: skip
