"""Places for names beside points, so that none hides another, a point or a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.plots.style import current, text_width

_FARTHEST = 17  # that a name may be from its point, in heights of the type

Point = tuple[float, float]
_Line = tuple[Point, Point]


def radius() -> float:
    """Of a point that has a name, in points."""
    return 2.2 * current().scale


def line_height() -> float:
    """Of a name, in points."""
    return 1.15 * current().points


@dataclass(frozen=True)
class NamePlace:
    """Where a name goes, in points from the lower left: its box, and the line that leads to it."""

    left: float
    bottom: float
    right: float
    top: float
    line: _Line

    def meets(self, other: NamePlace) -> bool:
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


def placed(
    labels: Sequence[tuple[str, Point]],
    points: Sequence[Point],
    lines: Sequence[_Line],
    edges: Sequence[float],
    crossing: bool,
) -> list[tuple[str, NamePlace]] | None:
    """A place for each text near its point, within the edges; None where there is no room.

    Texts keep off all the points and off the lines; those that lead to texts may cross others only if
    ``crossing``.
    """
    taken = [NamePlace(*line[0], *line[0], line) for line in lines]
    found: list[tuple[str, NamePlace]] = []
    hidden = 2 * radius()

    def room(label: tuple[str, Point]) -> float:
        return math.fsum(math.sqrt(math.dist(label[1], other)) for other in points)

    # Those in a crowd choose first.
    for text, at in sorted(labels, key=room):
        # Those that its own point hides in part are passed by every line.
        others = [point for point in points if math.dist(point, at) > hidden]
        fallback = None
        for place in _places(at, text_width(text) + 1, edges):
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


def _places(at: Point, width: float, edges: Sequence[float]) -> Iterator[NamePlace]:
    """Places for a name of a width, nearest first, within the edges."""
    x, y = at
    tall = line_height()
    for distance in range(4, int(_FARTHEST * current().points), 4):
        for step in range(max(8, distance // 2)):
            angle = 2 * math.pi * step / max(8, distance // 2)
            near = x + distance * math.cos(angle), y + distance * math.sin(angle)
            # The name's nearest edge is where the line ends: its left one, its right one, or its middle.
            left = near[0] - width * (1 - math.cos(angle)) / 2
            bottom = near[1] - tall * (1 - math.sin(angle)) / 2
            place = NamePlace(left, bottom, left + width, bottom + tall, (at, near))
            if left >= edges[0] and bottom >= edges[1] and place.right <= edges[2] and place.top <= edges[3]:
                yield place


def _is_free(place: NamePlace, points: Sequence[Point], taken: Sequence[NamePlace]) -> bool:
    """Whether a name there hides no point, nor a name or its line."""
    wide = radius()
    left, right = place.left - wide, place.right + wide
    bottom, top = place.bottom - wide, place.top + wide
    return not any(left < x < right and bottom < y < top for x, y in points) and not any(
        place.meets(other) for other in taken
    )


def _is_clear(line: _Line, points: Sequence[Point], taken: Sequence[NamePlace]) -> bool:
    """Whether a line passes no other point and crosses no other line."""
    near = 1.5 * radius()
    return all(_distance(point, line) > near for point in points) and not any(
        _cross(line, other.line) for other in taken
    )


def _distance(point: Point, line: _Line) -> float:
    (x0, y0), (x1, y1) = line
    along = ((point[0] - x0) * (x1 - x0) + (point[1] - y0) * (y1 - y0)) / math.dist(*line) ** 2
    along = min(max(along, 0.0), 1.0)
    return math.dist(point, (x0 + along * (x1 - x0), y0 + along * (y1 - y0)))
