"""A mapping drawn on the arrays of its machine: what lies where, who shares it, and the nest beside it."""

from __future__ import annotations

import textwrap
from itertools import product
from typing import TYPE_CHECKING, Any

from simulator.architecture import Architecture
from simulator.errors import MappingError
from simulator.mapping import Mapping
from simulator.plots.grid import Grid, axis_ticks, draw_cells, draw_legend, place_texts, shorten
from simulator.plots.nest import draw_text, nest_lines
from simulator.plots.places import ArrayPlaces, array_places
from simulator.plots.sharing import draw_sharing, sharing_text
from simulator.plots.style import (
    COLUMN_INCHES,
    LETTER,
    PAGE_INCHES,
    POINTS,
    axes_or_new,
    figure_of,
    named_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.problem import Problem

_LINE = 1.25 * POINTS / 72  # a line of text, in inches
_TALLEST = 3.2  # an array, in inches
_SIDE = 0.06  # left free beside what is drawn


def mapping_on_array(
    problem: Problem, architecture: Architecture, mapping: Mapping, title: str = "", *, nest: bool = True
) -> Figure:
    """The arrays of a machine as a mapping uses them, one below the other, and the nest beside them.

    An array's first axis goes across, its second down. Large, it shows what lies on each place in the first
    pass (the loops outside it at zero): the ranges of the dimensions on its axes, in the places where there
    is room and else along the axes. Hatched places are idle, always or (lighter) at times: in some passes, or
    on some places of the arrays outside. Small, it shows each tensor: an arrow runs through the places that
    share the tile, from the first to the last, where the axis multicasts or adds up; a dashed line where each
    place must get a copy, or keeps partial sums of its own; triangles along the axes on which the counts have
    neighbours pass words on. Axes of more than 64 places are shortened.

    Parameters
    ----------
    nest
        Whether the nest and the tiles in a place stand beside the arrays (7 in wide, else 3.5 in).

    Raises
    ------
    MappingError
        For an illegal mapping, a machine without an array, or an array of more than two axes.
    ProblemError
        For a problem or a mapping that the closed form cannot count.
    """
    from matplotlib.figure import Figure

    panels = [_Panel(_drawable(view)) for view in array_places(problem, architecture, mapping)]
    lines = nest_lines(problem, architecture, mapping) if nest else []
    width = PAGE_INCHES if nest else COLUMN_INCHES
    title_lines = textwrap.wrap(named_words(title), _letters(width - 0.3))
    head = (0.8 + len(title_lines)) * _LINE * bool(title_lines) + 0.06
    height = head + max(sum(panel.height for panel in panels), _LINE * (len(lines) + 1))
    figure = Figure(figsize=(width, height))
    text = "\n".join(title_lines)
    figure.text(0.5, 1 - 0.06 / height, text, ha="center", va="top", fontsize=POINTS + 1)
    top = height - head
    for panel in panels:
        panel.draw(figure, top)
        top -= panel.height
    if nest:
        draw_text(figure, lines, COLUMN_INCHES + 0.15, height - head - 0.5 * _LINE, _LINE)
    return figure


def array_map(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    array: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one array as a mapping uses it: places at work and idle, and what lies on them in the first pass.

    As the large picture of `mapping_on_array`, on axes that may stand beside others; what is written is what
    has room in their size now. The numbers are `places_table`'s.

    Parameters
    ----------
    array
        The array's name; the outermost by default.

    Raises
    ------
    MappingError, ProblemError
        As `mapping_on_array`.
    ArchitectureError
        For an unknown array.
    """
    view = _view(problem, architecture, mapping, array)
    panel = _Panel(view)
    ax = axes_or_new(ax, height=panel.tall + panel.below + 2 * _LINE)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    figure_of(ax).draw_without_rendering()
    room = ax.get_window_extent()
    panel.fit(72 / ax.figure.dpi * room.width, 72 / ax.figure.dpi * room.height)
    panel.draw_array(ax)
    ax.set_title(panel.name, fontsize=POINTS, loc="left", pad=1.6 * POINTS)
    return ax


def places_table(
    problem: Problem, architecture: Architecture, mapping: Mapping, array: str | None = None
) -> list[dict[str, Any]]:
    """Return every place of an array: its index on each axis, whether it works, and its iterations.

    Iterations are the first and the last of each dimension on the axes, in the first pass; None where the
    place is idle. Arguments and errors are those of `array_map`.
    """
    view = _view(problem, architecture, mapping, array)
    grid = Grid(view, *(tuple(range(axis.size)) for axis in view.array.axes))
    rows = []
    for place in product(*(range(axis.size) for axis in view.array.axes)):
        row: dict[str, Any] = {axis.name: i for axis, i in zip(view.array.axes, place, strict=True)}
        row["state"] = grid.state(place)
        for dimension in view.dimensions:
            span = view.span(dimension, place) if view.active(place) else (None, None)
            row |= {f"first {dimension}": span[0], f"last {dimension}": span[1]}
        rows.append(row)
    return rows


def _view(problem: Problem, architecture: Architecture, mapping: Mapping, array: str | None) -> ArrayPlaces:
    views = array_places(problem, architecture, mapping)
    named = views[0].array.name if array is None else architecture.array(array).name
    return _drawable(next(view for view in views if view.array.name == named))


def _drawable(view: ArrayPlaces) -> ArrayPlaces:
    """The same; MappingError for an array of more than two axes."""
    if len(view.array.axes) > 2:
        raise MappingError(f"array {view.array.name} has {len(view.array.axes)} axes; two can be drawn")
    return view


class _Panel:
    """Where everything of one array stands, in inches from the panel's top left corner."""

    def __init__(self, view: ArrayPlaces) -> None:
        self.view = view
        self.grid = grid = Grid(view, *(shorten(axis.size) for axis in view.array.axes))
        down = axis_ticks(grid, 1)
        self.left = down.width / 72 + 2 * _LINE + _SIDE
        cell = min((COLUMN_INCHES - self.left - _SIDE) / grid.columns, 1.0)
        # Cells are as tall as what is written in them, and flat where nothing can be.
        tall = min(len(grid.dimensions) * _LINE + 0.06, _TALLEST / grid.rows)
        self.texts, note = place_texts(grid, 72 * cell, 72 * tall)
        if not self.texts:
            tall = min(cell, 0.16, _TALLEST / grid.rows)
        # The name of the axis beside them must fit too.
        tall = max(tall, len(down.name) * LETTER / 72 / grid.rows)
        self.width, self.tall = cell * grid.columns, tall * grid.rows
        self.fit(72 * self.width, 72 * self.tall)
        self.notes = textwrap.wrap(note, _letters(COLUMN_INCHES))
        self.below = self.across.depth / 72 + (1.8 + len(self.notes)) * _LINE
        self.small = COLUMN_INCHES / len(view.problem.tensors) - _SIDE
        self.small_tall = max(0.12, min(1.1, self.small * self.tall / self.width))
        self.captions = {t: sharing_text(view, t, _letters(self.small)) for t in view.problem.tensors}
        captions = max(caption.count("\n") + 1 for caption in self.captions.values())
        self.height = self.tall + self.below + self.small_tall + (4.2 + captions) * _LINE

    def fit(self, width: float, height: float) -> None:
        """Write as much in the places and beside the axes as has room in so many points."""
        cell, tall = width / self.grid.columns, height / self.grid.rows
        self.texts, _ = place_texts(self.grid, cell, tall)
        self.across = axis_ticks(self.grid, 0).fitted(cell, True)
        self.down = axis_ticks(self.grid, 1).fitted(tall, False)

    def draw(self, figure: Figure, top: float) -> None:
        """Draw the array below this height of the figure, and each tensor on it."""
        _write(figure, _SIDE, top, self.name)
        top -= 1.3 * _LINE
        ax = _axes(figure, self.left, top - self.tall, self.width, self.tall)
        self.draw_array(ax)
        top -= self.tall + self.below
        note = "\n".join(self.notes)
        _write(figure, _SIDE, top + len(self.notes) * _LINE, note)
        top -= 1.3 * _LINE
        for number, (tensor, caption) in enumerate(self.captions.items()):
            left = _SIDE + number * (self.small + _SIDE)
            ax = _axes(figure, left, top - self.small_tall, self.small - _SIDE, self.small_tall)
            draw_cells(ax, self.grid)
            draw_sharing(ax, self.grid, tensor)
            ax.set_title(tensor.name, fontsize=POINTS, pad=3)
            ax.set_xlabel(caption, fontsize=POINTS, labelpad=3, linespacing=1.2)

    @property
    def name(self) -> str:
        array = self.view.array
        size = " x ".join(str(axis.size) for axis in array.axes)
        return f"{array.name}, {size}: {self.view.active_count:,} of {array.size:,} active"

    def draw_array(self, ax: Axes) -> None:
        """Draw the places, what is written in them and beside the axes."""
        draw_cells(ax, self.grid)
        draw_legend(ax, self.grid)
        for place, text in self.texts.items():
            ax.text(
                *self.grid.cells[place], text, ha="center", va="center", fontsize=POINTS, linespacing=1.0,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
            )  # fmt: skip
        ax.set_xticks(
            list(self.across.texts),
            list(self.across.texts.values()),
            rotation=90 if self.across.turned else 0,
        )
        ax.set_xlabel(self.across.name, fontsize=POINTS, labelpad=2)
        ax.set_yticks(list(self.down.texts), list(self.down.texts.values()))
        ax.set_ylabel(self.down.name, fontsize=POINTS, labelpad=2)
        ax.tick_params(labelsize=POINTS, length=0, pad=2)


def _letters(inches: float) -> int:
    """How many letters a line of so many inches has room for."""
    return int(72 * inches / (0.95 * LETTER))


def _write(figure: Figure, left: float, top: float, text: str) -> None:
    width, height = figure.get_size_inches()
    figure.text(left / width, top / height, text, fontsize=POINTS, va="top", linespacing=1.2)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes of this size and place in inches, without a frame or ticks."""
    across, up = figure.get_size_inches()
    ax = figure.add_axes((left / across, bottom / up, width / across, height / up))
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax
