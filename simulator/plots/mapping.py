"""A mapping drawn on the arrays of its machine: what lies where, who shares it, and the nest beside it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from simulator.architecture import Architecture
from simulator.errors import MappingError
from simulator.mapping import Mapping
from simulator.plots.grid import Grid, axis_ticks, draw_cells, draw_legend, place_texts, shorten
from simulator.plots.nest import draw_text, nest_lines
from simulator.plots.places import ArrayPlaces, array_places
from simulator.plots.sharing import draw_sharing, sharing_text
from simulator.plots.style import COLUMN_INCHES, LETTER, PAGE_INCHES, POINTS

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

    views = array_places(problem, architecture, mapping)
    for view in views:
        if len(view.array.axes) > 2:
            raise MappingError(f"array {view.array.name} has {len(view.array.axes)} axes; two can be drawn")
    panels = [_Panel(view) for view in views]
    lines = nest_lines(problem, architecture, mapping) if nest else []
    head = 1.8 * _LINE * bool(title) + 0.06
    height = head + max(sum(panel.height for panel in panels), _LINE * (len(lines) + 1))
    figure = Figure(figsize=(PAGE_INCHES if nest else COLUMN_INCHES, height))
    if title:
        width = figure.get_figwidth()
        title = textwrap.fill(title, _letters(width - 0.3))
        figure.text(0.5, 1 - 0.06 / height, title, ha="center", va="top", fontsize=POINTS + 1)
    top = height - head
    for panel in panels:
        panel.draw(figure, top)
        top -= panel.height
    if nest:
        draw_text(figure, lines, COLUMN_INCHES + 0.15, height - head - 0.5 * _LINE, _LINE)
    return figure


class _Panel:
    """Where everything of one array stands, in inches from the panel's top left corner."""

    def __init__(self, view: ArrayPlaces) -> None:
        self.view = view
        self.grid = grid = Grid(view, *(shorten(axis.size) for axis in view.array.axes))
        across, down = axis_ticks(grid, 0), axis_ticks(grid, 1)
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
        self.across, self.down = across.fitted(72 * cell, True), down.fitted(72 * tall, False)
        self.notes = textwrap.wrap(note, _letters(COLUMN_INCHES))
        self.below = self.across.depth / 72 + (1.8 + len(self.notes)) * _LINE
        self.small = COLUMN_INCHES / len(view.problem.tensors) - _SIDE
        self.small_tall = max(0.12, min(1.1, self.small * self.tall / self.width))
        self.captions = {t: sharing_text(view, t, _letters(self.small)) for t in view.problem.tensors}
        captions = max(caption.count("\n") + 1 for caption in self.captions.values())
        self.height = self.tall + self.below + self.small_tall + (4.2 + captions) * _LINE

    def draw(self, figure: Figure, top: float) -> None:
        """Draw the array below this height of the figure."""
        _write(figure, _SIDE, top, self._name)
        top -= 1.3 * _LINE
        ax = _axes(figure, self.left, top - self.tall, self.width, self.tall)
        draw_cells(ax, self.grid)
        draw_legend(ax, self.grid)
        for place, text in self.texts.items():
            ax.text(
                *self.grid.cells[place], text, ha="center", va="center", fontsize=POINTS, linespacing=1.0,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
            )  # fmt: skip
        self._name_axes(ax)
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
    def _name(self) -> str:
        array = self.view.array
        size = " x ".join(str(axis.size) for axis in array.axes)
        return f"{array.name}, {size}: {self.view.active_count:,} of {array.size:,} active"

    def _name_axes(self, ax: Axes) -> None:
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
