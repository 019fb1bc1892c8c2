"""Who shares a tensor's tiles on an array: in words, as shades, and as arrows through chains of places."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from simulator.plots.grid import Grid
from simulator.plots.places import ArrayPlaces, Place
from simulator.plots.style import FIXED_LOOKS
from simulator.problem import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORDS = {
    "multicast": "multicast along",
    "reduction": "added up along",
    "copies": "copies along",
    "apart": "not added up along",
}
_MOVES = ("multicast", "reduction")
_SHADES = (0.2, 0.75, 0.4, 1.0)  # in turn, so that tiles side by side differ


def sharing_text(view: ArrayPlaces, tensor: Tensor, letters: int) -> str:
    """What of a tensor the places share and how it gets there, in lines of so many letters."""
    said: dict[str, list[str]] = {}
    for movement in sorted(view.movements(tensor), key=lambda movement: movement.vector, reverse=True):
        said.setdefault(_WORDS[movement.kind], []).append(movement.along)
    if overlaps := view.overlaps(tensor):
        said["overlaps along"] = list(overlaps)
    if linked := view.linked[tensor.name]:
        said["passed on along"] = [view.array.axes[axis].name for axis in linked]
    if not said:
        return "one for each place" if view.active_count > 1 else ""
    texts = [f"{how} {', '.join(dict.fromkeys(along))}" for how, along in said.items()]
    return "\n".join(line for text in texts for line in textwrap.wrap(text, letters))


def draw_sharing(ax: Axes, grid: Grid, tensor: Tensor) -> None:
    """Shade the active places by tile, and draw how a tile gets around.

    In each direction one arrow a tile, through one of the chains of places that want it.
    """
    from matplotlib.patches import Rectangle

    colour = FIXED_LOOKS[tensor.name][0]
    tiles = {place: grid.view.tile(tensor, place) for place in grid.active}
    shades = _shades(tiles)
    for place, tile in tiles.items():
        column, row = grid.cells[place]
        ax.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=shades[tile], linewidth=0, zorder=0.5
            )
        )
    for movement in grid.view.movements(tensor):
        for chain in _chains(grid, tiles, movement.vector):
            _draw_chain(ax, _points(grid, chain, movement.vector), movement.kind in _MOVES)
    for axis in grid.view.linked[tensor.name]:
        _draw_links(ax, grid, axis)


def _shades(tiles: dict[Place, Place]) -> dict[Place, float]:
    """A shade for each tile, another than those of the tiles beside it as far as there are enough."""
    beside: dict[Place, set[Place]] = {tile: set() for tile in tiles.values()}
    for place, tile in tiles.items():
        for axis in range(len(place)):
            other = tiles.get(tuple(index + (i == axis) for i, index in enumerate(place)), tile)
            if other != tile:
                beside[tile].add(other)
                beside[other].add(tile)
    shades: dict[Place, float] = {}
    for number, tile in enumerate(sorted(beside)):
        taken = [shades.get(other) for other in beside[tile]]
        turn = [_SHADES[(number + i) % len(_SHADES)] for i in range(len(_SHADES))]
        shades[tile] = min(turn, key=taken.count)
    return shades


def _chains(grid: Grid, tiles: dict[Place, Place], vector: Place) -> list[list[Place]]:
    """For each tile a chain of places that want it and lie a vector apart, as far as they are drawn."""
    chain_of: dict[Place, list[Place]] = {}
    chains: dict[Place, list[list[Place]]] = {}
    # Ascending, so that a place comes after the one a vector before it.
    for place in sorted(tiles):
        before = _before(grid, place, vector)
        chain = chain_of[before] if before is not None and tiles[before] == tiles[place] else []
        chain.append(place)
        chain_of[place] = chain
        if len(chain) == 2:
            chains.setdefault(tiles[place], []).append(chain)
    # Not everyone's first, which would lie side by side in one column.
    return [found[number % len(found)] for number, found in enumerate(chains.values())]


def _before(grid: Grid, place: Place, vector: Place) -> Place | None:
    """The place a vector before another; where that is left out of the drawing, the next before it."""
    while True:
        place = tuple(index - step for index, step in zip(place, vector, strict=True))
        if any(not 0 <= index < used for index, used in zip(place, grid.view.used, strict=True)):
            return None
        if place in grid.cells:
            return place if place in grid.active else None


def _points(grid: Grid, chain: list[Place], vector: Place) -> list[tuple[float, float]]:
    """Where a chain runs: through the middles of its cells, beside that where chains interleave."""
    stepped = [axis for axis, step in enumerate(vector) if step]
    aside = [0.0, 0.0]
    if len(stepped) == 1 and vector[stepped[0]] > 1:
        step = vector[stepped[0]]
        aside[1 - stepped[0]] = 0.8 * ((chain[0][stepped[0]] % step + 0.5) / step - 0.5)
    return [(grid.cells[p][0] + aside[0], grid.cells[p][1] + aside[1]) for p in chain]


def _draw_chain(ax: Axes, points: list[tuple[float, float]], moves: bool) -> None:
    """An arrow, with dots in the places where it passes others by; dashed where nothing moves along it."""
    from matplotlib.patches import FancyArrowPatch

    xs, ys = zip(*points, strict=True)
    if not moves:
        ax.plot(xs, ys, color="black", linewidth=0.7, dashes=(2, 1.5))
        return
    ax.add_patch(
        FancyArrowPatch(
            points[0], points[-1], arrowstyle="-|>", mutation_scale=3.5, shrinkA=0, shrinkB=0,
            color="black", linewidth=0.6, zorder=3,
        )
    )  # fmt: skip
    if max(abs(xs[1] - xs[0]), abs(ys[1] - ys[0])) > 1:
        ax.plot(xs[:-1], ys[:-1], linestyle="", marker="o", markersize=1.0, color="black", zorder=4)


def _draw_links(ax: Axes, grid: Grid, axis: int) -> None:
    """A triangle between all neighbours along an axis."""
    across, down = (0.5, 0.0) if axis == 0 else (0.0, 0.5)
    between = [
        (grid.cells[place][0] + across, grid.cells[place][1] + down)
        for place in grid.active
        if tuple(index + (i == axis) for i, index in enumerate(place)) in grid.active
    ]
    xs, ys = zip(*sorted(between), strict=True)
    ax.plot(
        xs, ys, linestyle="", marker="v" if axis else ">", markersize=3, color="white",
        markeredgecolor="black", markeredgewidth=0.4, zorder=5,
    )  # fmt: skip
