"""Points with their names beside them, and the front of those that none beats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.plots.style import EDGE, LETTER, LOOKS, PAGE_INCHES, POINTS, add_title, legend_above, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TALL = 4.6  # inches, without the key
_RADIUS = 2.2  # of a point, in points
_LINE = 1.15 * POINTS
_FARTHEST = 120  # that a name may be from its point, in points

Point = tuple[float, float]
_Line = tuple[Point, Point]


def named_points(
    points: Mapping[str, Point], x_label: str, y_label: str, front: str = "on the front", title: str = ""
) -> Figure:
    """Draw points by name over a logarithmic axis, with the front: less to the right is more upwards.

    Where there is no room for all names, the front alone has them, else none has, and numbers lead to a key
    below.

    Parameters
    ----------
    points
        For each name how far to the right, above 0, and how far up: less of the first is better, more of
        the second.
    front
        What the legend calls the points that no other is better than in both.

    Raises
    ------
    SimulatorError
        If there is no point, one is not finite or not above 0 to the right, or there are too many.
    """
    if not points:
        raise SimulatorError("no points to draw")
    for name, (x, y) in points.items():
        if not (math.isfinite(x) and math.isfinite(y) and x > 0):
            raise SimulatorError(f"cannot draw {name} at ({x}, {y}) over a logarithmic axis")
    best = unbeaten(points)
    others = [name for name in points if name not in best]
    keys: list[list[str]] = [[], others, list(points)]
    for key in ({name: str(number) for number, name in enumerate(names, 1)} for names in keys):
        figure, ax = _panel(points, best, x_label, y_label, front, title, key)
        scale = 72 / figure.dpi
        at = {name: tuple(scale * ax.transData.transform(point)) for name, point in points.items()}
        route = [at[best[0]]]
        for name in best[1:]:
            route += [(at[name][0], route[-1][1]), at[name]]
        frame = ax.get_window_extent()
        edges = [scale * edge for edge in (frame.x0, frame.y0, frame.x1, frame.y1)]
        labels = [(key.get(name, name), place) for name, place in at.items()]
        places = _placed(labels, list(pairwise(route)), edges, bool(key))
        if places is not None:
            _write(ax, places, scale)
            return figure
    raise SimulatorError(f"no room for the names of {len(points)} points; draw fewer")


def _panel(
    points: Mapping[str, Point],
    best: Sequence[str],
    x_label: str,
    y_label: str,
    front: str,
    title: str,
    key: Mapping[str, str],
) -> tuple[Figure, Axes]:
    """The points, the front as a line, the legend, and the key below; names are still missing."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    entries = [f"{number} {name}" for name, number in key.items()]
    wide = max(map(len, entries), default=0) * LETTER + POINTS
    columns = max(1, int(PAGE_INCHES * 72 // max(wide, 1)))
    below = math.ceil(len(entries) / columns) * _LINE / 72 + 0.1 * bool(entries)
    height = _TALL + below
    layout = ConstrainedLayoutEngine(rect=(0, below / height, 1, 1 - below / height))
    figure = Figure(figsize=(PAGE_INCHES, height), layout=layout)
    ax = figure.subplots()
    plain(ax)
    ax.set_xscale("log")
    ax.set_xlabel(x_label, fontsize=POINTS)
    ax.set_ylabel(y_label, fontsize=POINTS)
    ax.grid(axis="x", color="0.85", linewidth=0.5)
    ax.step(*zip(*(points[name] for name in best), strict=True), where="post", color="0.35", linewidth=1.0)
    others = [name for name in points if name not in best]
    for names, colour, marker, label in (
        (best, LOOKS[4][0], "D", front),
        (others, LOOKS[3][0], "o", "others"),
    ):
        if names:
            ax.plot(
                *zip(*(points[name] for name in names), strict=True), marker, color=colour, label=label,
                markersize=2 * _RADIUS, markeredgecolor="black", markeredgewidth=EDGE,
            )  # fmt: skip
    ax.margins(0.04, 0.05)
    legend_above(figure, ax)
    add_title(figure, title)
    for number, entry in enumerate(entries):
        column, row = divmod(number, math.ceil(len(entries) / columns))
        x, y = column / columns + 0.01, (below - 0.05 - row * _LINE / 72) / height
        figure.text(x, y, entry, fontsize=POINTS, va="top")
    # Names are put where they fit, once everything else has its place.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure, ax


def unbeaten(points: Mapping[str, Point]) -> list[str]:
    """Return the names of the points that no other beats, from the left to the right.

    One beats another if it is at most as far right and at least as far up, and not in the same place.
    """
    found: list[str] = []
    highest = -math.inf
    for name in sorted(points, key=lambda name: (points[name][0], -points[name][1])):
        if points[name][1] > highest or (found and points[name] == points[found[-1]]):
            highest = points[name][1]
            found.append(name)
    return found


@dataclass(frozen=True)
class _Place:
    """Where a name goes, in points from the lower left: its box, and the line that leads to it."""

    left: float
    bottom: float
    right: float
    top: float
    line: _Line

    def meets(self, other: _Place) -> bool:
        """Whether one of the two names hides the other or its line."""
        beside = self.left < other.right and other.left < self.right
        level = self.bottom < other.top and other.bottom < self.top
        return (beside and level) or self.cut_by(other.line) or other.cut_by(self.line)

    def cut_by(self, line: _Line) -> bool:
        """Whether a line passes the box."""
        corners = [(self.left, self.bottom), (self.right, self.bottom), (self.right, self.top)]
        corners += [(self.left, self.top)]
        inside = any(self.left < x < self.right and self.bottom < y < self.top for x, y in line)
        return inside or _cross(line, (corners[0], corners[2])) or _cross(line, (corners[1], corners[3]))


def _cross(one: _Line, other: _Line) -> bool:
    """Whether two lines cross."""

    def side(line: _Line, at: Point) -> float:
        (x0, y0), (x1, y1) = line
        return (x1 - x0) * (at[1] - y0) - (y1 - y0) * (at[0] - x0)

    return side(one, other[0]) * side(one, other[1]) < 0 and side(other, one[0]) * side(other, one[1]) < 0


def _placed(
    labels: Sequence[tuple[str, Point]], lines: Sequence[_Line], edges: Sequence[float], crossing: bool
) -> list[tuple[str, _Place]] | None:
    """A place for each text near its point, within the edges; None where there is no room.

    Texts keep off the lines; those that lead to texts may cross others only if ``crossing``.
    """
    points = [point for _, point in labels]
    taken = [_Place(*line[0], *line[0], line) for line in lines]
    found: list[tuple[str, _Place]] = []

    def room(label: tuple[str, Point]) -> float:
        return math.fsum(math.sqrt(math.dist(label[1], other)) for other in points)

    # Those in a crowd choose first.
    for text, at in sorted(labels, key=room):
        # Those that its own point hides in part are passed by every line.
        others = [point for point in points if math.dist(point, at) > 2 * _RADIUS]
        fallback = None
        for place in _places(at, len(text) * LETTER, edges):
            if _is_free(place, points, taken):
                if _is_clear(place.line, others, taken):
                    break
                fallback = fallback or place
        else:
            if fallback is None or not crossing:
                return None
            place = fallback
        taken.append(place)
        found.append((text, place))
    return found


def _write(ax: Axes, places: Sequence[tuple[str, _Place]], scale: float) -> None:
    """Write texts into their places; a line leads to those that are not right beside their points."""
    back = ax.transData.inverted()
    for text, place in places:
        (x0, y0), (x1, y1) = place.line
        if math.dist((x0, y0), (x1, y1)) > 2.5 * _RADIUS:
            ends = back.transform([(x0 / scale, y0 / scale), (x1 / scale, y1 / scale)])
            ax.plot(*zip(*ends, strict=True), color="0.5", linewidth=0.4, zorder=1.5)
        x, y = back.transform((place.left / scale, (place.bottom + place.top) / 2 / scale))
        ax.text(x, y, text, fontsize=POINTS, ha="left", va="center_baseline")


def _places(at: Point, width: float, edges: Sequence[float]) -> Iterator[_Place]:
    """Places for a name of a width, nearest first, within the edges."""
    x, y = at
    for distance in range(4, _FARTHEST, 4):
        for step in range(max(8, distance // 2)):
            angle = 2 * math.pi * step / max(8, distance // 2)
            near = x + distance * math.cos(angle), y + distance * math.sin(angle)
            # The name's nearest edge is where the line ends: its left one, its right one, or its middle.
            left = near[0] - width * (1 - math.cos(angle)) / 2
            bottom = near[1] - _LINE * (1 - math.sin(angle)) / 2
            place = _Place(left, bottom, left + width, bottom + _LINE, (at, near))
            if left >= edges[0] and bottom >= edges[1] and place.right <= edges[2] and place.top <= edges[3]:
                yield place


def _is_free(place: _Place, points: Sequence[Point], taken: Sequence[_Place]) -> bool:
    """Whether a name there hides no point, nor a name or its line."""
    left, right = place.left - _RADIUS, place.right + _RADIUS
    bottom, top = place.bottom - _RADIUS, place.top + _RADIUS
    return not any(left < x < right and bottom < y < top for x, y in points) and not any(
        place.meets(other) for other in taken
    )


def _is_clear(line: _Line, points: Sequence[Point], taken: Sequence[_Place]) -> bool:
    """Whether a line passes no other point and crosses no other line."""
    return all(_distance(point, line) > 1.5 * _RADIUS for point in points) and not any(
        _cross(line, other.line) for other in taken
    )


def _distance(point: Point, line: _Line) -> float:
    (x0, y0), (x1, y1) = line
    along = ((point[0] - x0) * (x1 - x0) + (point[1] - y0) * (y1 - y0)) / math.dist(*line) ** 2
    along = min(max(along, 0.0), 1.0)
    return math.dist(point, (x0 + along * (x1 - x0), y0 + along * (y1 - y0)))
