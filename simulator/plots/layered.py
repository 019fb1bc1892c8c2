"""Places for the boxes of a directed graph, from the top down: Graphviz's, or our own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import networkx as nx

GAP, ROW_GAP = 0.12, 0.14  # inches between boxes of a row, and between rows
_SWEEPS = 12
_SECONDS = 20.0

Point = tuple[float, float]
Box = tuple[float, float]
# A layer's name, or the edge that passes a row and the row's number.
_Place = str | tuple[str, str, int]


@dataclass(frozen=True)
class Layout:
    """Where boxes are, in inches from the lower left: their middles, and Bezier curves for the edges.

    A curve is a point and three more for each cubic piece.
    """

    width: float
    height: float
    places: Mapping[str, Point]
    curves: Sequence[Sequence[Point]]


def place(graph: nx.DiGraph, boxes: Mapping[str, Box]) -> Layout:
    """Return a layout of an acyclic graph by `dot` where it is installed and soon done, else by `rows`.

    ``boxes`` are width and height of each node in inches.
    """
    if shutil.which("dot") is not None:
        try:
            return dot(graph, boxes)
        except (OSError, subprocess.SubprocessError):
            pass
    return rows(graph, boxes)


def dot(graph: nx.DiGraph, boxes: Mapping[str, Box]) -> Layout:
    """Return Graphviz's layout. Raises OSError or subprocess.SubprocessError where it has none."""
    number = {name: index for index, name in enumerate(graph)}
    text = [f'digraph {{ ranksep={ROW_GAP}; nodesep={GAP}; node [shape=box, fixedsize=true, label=""];']
    text += [f"{number[n]} [width={w:.4f}, height={h:.4f}];" for n, (w, h) in boxes.items()]
    text += [f"{number[a]} -> {number[b]} [arrowhead=none];" for a, b in graph.edges]
    done = subprocess.run(
        ["dot", "-Tplain"], input="\n".join([*text, "}"]), capture_output=True, text=True, check=True,
        timeout=_SECONDS,
    )  # fmt: skip
    names = list(graph)
    places: dict[str, Point] = {}
    curves: list[list[Point]] = []
    width = height = 0.0
    for kind, *words in map(str.split, done.stdout.splitlines()):
        if kind == "graph":
            width, height = float(words[1]), float(words[2])
        elif kind == "node":
            places[names[int(words[0])]] = float(words[1]), float(words[2])
        elif kind == "edge":
            numbers = [float(word) for word in words[3 : 3 + 2 * int(words[2])]]
            curves.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return Layout(width, height, places, curves)


def rows(graph: nx.DiGraph, boxes: Mapping[str, Box]) -> Layout:
    """Return a layout in rows by topological generation, after K. Sugiyama et al., 1981.

    An edge over several rows has a place in each; within a row all are ordered by where their neighbours
    are, to cross little, and moved towards them as far as they do not overlap.
    """
    level = _levels(graph)
    lines: list[list[_Place]] = [[] for _ in range(max(level.values()) + 1)]
    for name in graph:
        lines[level[name]].append(name)
    links: dict[_Place, tuple[list[_Place], list[_Place]]] = {name: ([], []) for name in graph}
    routes: list[list[_Place]] = []
    for a, b in graph.edges:
        passed: list[_Place] = [(a, b, row) for row in range(level[a] + 1, level[b])]
        for row, step in enumerate(passed, level[a] + 1):
            lines[row].append(step)
            links[step] = ([], [])
        routes.append([a, *passed, b])
        for upper, lower in pairwise(routes[-1]):
            links[upper][1].append(lower)
            links[lower][0].append(upper)
    x = _across(lines, links, {at: boxes[at][0] if isinstance(at, str) else 0.0 for at in links})
    tall = max(height for _, height in boxes.values())
    height = len(lines) * (tall + ROW_GAP) - ROW_GAP
    y = {at: height - tall / 2 - row * (tall + ROW_GAP) for row, line in enumerate(lines) for at in line}
    left = min(x[name] - boxes[name][0] / 2 for name in graph)
    left = min(left, *x.values())
    right = max(max(x[name] + boxes[name][0] / 2 for name in graph), *x.values())
    at = {step: (x[step] - left, y[step]) for step in links}
    curves = [_curve([at[step] for step in route], tall / 2) for route in routes]
    return Layout(right - left, height, {name: at[name] for name in graph}, curves)


def _levels(graph: nx.DiGraph) -> dict[str, int]:
    """A row for each node: below all that feed it; what nothing feeds is right above what it feeds."""
    import networkx as nx

    level = {name: row for row, names in enumerate(nx.topological_generations(graph)) for name in names}
    for name in graph:
        if not graph.in_degree(name) and graph.out_degree(name):
            level[name] = min(level[after] for after in graph.successors(name)) - 1
    return level


def _across(
    lines: Sequence[list[_Place]],
    links: Mapping[_Place, tuple[list[_Place], list[_Place]]],
    widths: Mapping[_Place, float],
) -> dict[_Place, float]:
    """Order every row in place, and say how far to the right each place is."""
    x: dict[_Place, float] = {at: float(i) for line in lines for i, at in enumerate(line)}
    for sweep in range(_SWEEPS):
        up, ordering = sweep % 2, sweep < _SWEEPS // 2
        for line in reversed(lines) if up else lines:
            near = {at: links[at][up] if ordering else links[at][0] + links[at][1] for at in line}
            wanted = {at: _mean([x[other] for other in near[at]], x[at]) for at in line}
            if ordering:
                line.sort(key=wanted.__getitem__)
            # What stands alone keeps to the middle, or a deep network would drift aside.
            aim = [wanted[at] if len(line) > 1 else 0.0 for at in line]
            x.update(zip(line, _apart(aim, [widths[at] for at in line]), strict=True))
    return x


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """The places nearest to those wanted, by least squares, at which boxes in this order do not overlap.

    What has no width, an edge, gives way to boxes. By pooling neighbours that are too near (isotonic
    regression).
    """
    starts = np.cumsum([0.0, *((a + b) / 2 + GAP for a, b in pairwise(widths))])
    pools: list[tuple[float, float, int]] = []
    for number, width in zip(np.asarray(wanted) - starts, widths, strict=True):
        mean, weight, count = float(number), 8.0 if width else 1.0, 1
        while pools and pools[-1][0] >= mean:
            before, heavy, many = pools.pop()
            mean = (mean * weight + before * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + many
        pools.append((mean, weight, count))
    return [float(x) for x in np.repeat([m for m, *_ in pools], [n for *_, n in pools]) + starts]


def _curve(route: Sequence[Point], half: float) -> list[Point]:
    """A curve from a box's foot through places in the rows between to the next box's head."""
    points = [(route[0][0], route[0][1] - half)]
    for x, y in route[1:]:
        (x0, y0), head = points[-1], y + half
        middle = (y0 + head) / 2
        points += [(x0, middle), (x, middle), (x, head)]
        if (x, y) != route[-1]:
            points += [(x, y), (x, y), (x, y - half)]
    return points
