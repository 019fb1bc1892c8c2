"""Points with their names beside them, and the front of those that none beats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.plots.naming import NamePlace, Point, line_height, placed, radius
from simulator.plots.scales import scaled
from simulator.plots.style import (
    LOOKS,
    add_title,
    axes_or_new,
    check_known,
    current,
    figure_of,
    legend_above,
    name_axes,
    named,
    room,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.architecture import Architecture
    from simulator.mappers import Found

Row = Mapping[str, Any]
_WIDE = 10  # from the least to the most, a range that a logarithmic axis shows better
_FEW, _SHORT = 12, 15  # points whose names have room in a column, and names, in heights of the type
_TALL = 4.6 / 7  # of a figure with a key, of its width


def pareto(
    rows: Sequence[Row],
    x: str,
    y: str,
    name: str,
    *,
    better: str = "less",
    front: str = "on the front",
    ax: Axes | None = None,
) -> Axes:
    """Draw a table as points, those that no other beats as a front with their names.

    Where there is no room for the names of all, the front alone has them, else the numbers that `front_table`
    gives, as many as have room. Names are put where they fit in the size that the axes have now: give axes
    their places before.

    Parameters
    ----------
    rows, x, y, name
        Dictionaries and their columns: how far to the right, how far up, what stands beside a point. A row
        without a figure (None) is left out. Axes are logarithmic over wide ranges.
    better
        Whether less or more of ``y`` is better; of ``x`` less is.
    front
        What the legend calls the points that no other beats.

    Raises
    ------
    SimulatorError
        If there is no point, one is not finite, or two have the same name.
    """
    table = front_table(rows, x, y, name, better=better)
    factors = []
    longest = max(text_width(named(str(row[name]))) for row in table)
    crowd = len(table) > _FEW or longest > _SHORT * current().points
    ax = axes_or_new(ax, (1.8 if crowd else 1.4) * current().panel, current().page if crowd else None)
    for column, set_scale in ((x, ax.set_xscale), (y, ax.set_yscale)):
        values = [row[column] for row in table]
        wide = min(values) > 0 and max(values) > _WIDE * min(values)
        set_scale("log" if wide else "linear")
        factors.append((1.0, column) if wide else scaled(column, max(values)))
    if ax.get_xscale() == "linear":
        ax.locator_params(axis="x", nbins=max(2, int(room(ax) / (6 * current().points))))
    (across, x_label), (up, y_label) = factors
    points = {str(row[name]): (row[x] * across, row[y] * up) for row in table}
    best = [str(row[name]) for row in table if row["front"]]
    _draw(ax, points, best, front)
    name_axes(ax, x_label, y_label)
    figure_of(ax).draw_without_rendering()
    for names, crossing in ((points, False), (best, False), (best, True)):
        if _named(ax, points, _steps(points, best), {point: named(point) for point in names}, crossing):
            return ax
    numbers = {point: str(number) for number, point in enumerate(best, 1)}
    name_points(ax, points, _steps(points, best), numbers)
    return ax


def front_table(
    rows: Sequence[Row], x: str, y: str, name: str, *, better: str = "less"
) -> list[dict[str, Any]]:
    """Return the points that `pareto` draws: name, both figures, and the number on the front, None off it.

    The front stands first, from the least of ``x`` on. Raises SimulatorError as `pareto`.
    """
    check_known(better, ("less", "more"), "better")
    found = [row for row in rows if row[x] is not None and row[y] is not None]
    points = {str(row[name]): (row[x], row[y] if better == "more" else -row[y]) for row in found}
    if not points:
        raise SimulatorError("no points to draw")
    if len(points) < len(found):
        raise SimulatorError(f"two points have the same {name!r}; their names must tell them apart")
    for point, place in points.items():
        if not all(map(math.isfinite, place)):
            raise SimulatorError(f"cannot draw {point}: {place} is not finite")
    number = {point: place for place, point in enumerate(unbeaten(points), 1)}
    table = [
        {name: str(row[name]), x: row[x], y: row[y], "front": number.get(str(row[name]))} for row in found
    ]
    return sorted(table, key=lambda row: (row["front"] or math.inf, row[x]))


def search_table(found: Found, architecture: Architecture) -> list[dict[str, Any]]:
    """Return the front of a search as rows for `pareto`: the mapping's place in it, energy and cycles."""
    energy = f"energy ({architecture.energy_unit})"
    return [
        {"mapping": f"mapping {number}", energy: choice.energy, "cycles": choice.cycles}
        for number, choice in enumerate(found.front, 1)
    ]


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
        figure, ax = _with_key([f"{number} {named(name)}" for name, number in key.items()])
        ax.set_xscale("log")
        _draw(ax, points, best, front)
        name_axes(ax, x_label, y_label)
        add_title(figure, title)
        # Names are put where they fit, once everything else has its place.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        if _named(
            ax, points, _steps(points, best), {name: key.get(name, named(name)) for name in points}, bool(key)
        ):
            return figure
    raise SimulatorError(f"no room for the names of {len(points)} points; draw fewer")


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


def _with_key(entries: Sequence[str]) -> tuple[Figure, Axes]:
    """A page's width of axes, and a key below them."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    now, line = current(), line_height()
    wide = max(map(text_width, entries), default=0) + now.points
    columns = max(1, int(now.page * 72 // max(wide, 1)))
    below = math.ceil(len(entries) / columns) * line / 72 + 0.1 * bool(entries)
    height = _TALL * now.page + below
    layout = ConstrainedLayoutEngine(rect=(0, below / height, 1, 1 - below / height))
    figure = Figure(figsize=(now.page, height), layout=layout)
    for number, entry in enumerate(entries):
        column, row = divmod(number, math.ceil(len(entries) / columns))
        x, y = column / columns + 0.01, (below - 0.05 - row * line / 72) / height
        figure.text(x, y, entry, fontsize=now.points, va="top")
    return figure, axes_or_new(figure.subplots())


def _draw(ax: Axes, points: Mapping[str, Point], best: Sequence[str], front: str) -> None:
    """The points, the front as a line, the legend; names are still missing."""
    scale = current().scale
    ax.grid(axis="x", color="0.85", linewidth=0.5 * scale)
    ax.plot(*zip(*_steps(points, best), strict=True), color="0.35", linewidth=scale)
    others = [name for name in points if name not in best]
    for names, colour, marker, label in (
        (best, LOOKS[4][0], "D", named(front)),
        (others, LOOKS[3][0], "o", "others"),
    ):
        if names:
            ax.plot(
                *zip(*(points[name] for name in names), strict=True), marker, color=colour, label=label,
                markersize=2 * radius(), markeredgecolor="black", markeredgewidth=current().edge,
                zorder=3 if names is best else 2.5,
            )  # fmt: skip
    ax.margins(0.05, 0.1)
    # Lines that lead to names must not move the points.
    ax.autoscale_view()
    ax.autoscale(False)
    legend_above(ax)


def name_points(
    ax: Axes, points: Mapping[str, Point], line: Sequence[Point], names: Mapping[str, str]
) -> None:
    """Write texts beside their points as far as there is room, keeping off a line; the first stay longest.

    Points that hide each other share a text.
    """
    figure_of(ax).draw_without_rendering()
    shared: dict[str, list[str]] = {}
    for name in names:
        here = _seen(ax, points[name])
        near = (one for one in shared if math.dist(_seen(ax, points[one]), here) < radius())
        shared.setdefault(next(near, name), []).append(name)
    texts = {
        first: ", ".join(names[name] for name in points if name in together)
        for first, together in shared.items()
    }
    while texts:
        for crossing in (False, True):
            if _named(ax, points, line, texts, crossing):
                return
        for _ in range(max(1, len(texts) // 8)):
            texts.popitem()


def _named(
    ax: Axes, points: Mapping[str, Point], line: Sequence[Point], texts: Mapping[str, str], crossing: bool
) -> bool:
    """Write the texts beside their points where there is room for all of them; return whether there is."""
    scale = 72 / ax.figure.dpi
    at = {name: _seen(ax, point) for name, point in points.items()}
    frame = ax.get_window_extent()
    edges = [scale * edge for edge in (frame.x0, frame.y0, frame.x1, frame.y1)]
    labels = [(text, at[name]) for name, text in texts.items()]
    lines = list(pairwise(_seen(ax, point) for point in line))
    places = placed(labels, list(at.values()), lines, edges, crossing)
    if places is None:
        return False
    _write(ax, places, scale)
    return True


def _seen(ax: Axes, point: Point) -> Point:
    """Where a point is seen, in points of type from the figure's lower left."""
    x, y = ax.transData.transform(point)
    return 72 / ax.figure.dpi * float(x), 72 / ax.figure.dpi * float(y)


def _steps(points: Mapping[str, Point], best: Sequence[str]) -> list[Point]:
    """The corners of a front: up to the next point's place it is the one before that is best."""
    route = [points[best[0]]]
    for name in best[1:]:
        route += [(points[name][0], route[-1][1]), points[name]]
    return route


def _write(ax: Axes, places: Sequence[tuple[str, NamePlace]], scale: float) -> None:
    """Write texts into their places; a line leads to those that are not right beside their points."""
    back = ax.transData.inverted()
    for text, place in places:
        (x0, y0), (x1, y1) = place.line
        if math.dist((x0, y0), (x1, y1)) > 2.5 * radius():
            ends = back.transform([(x0 / scale, y0 / scale), (x1 / scale, y1 / scale)])
            ax.plot(*zip(*ends, strict=True), color="0.5", linewidth=current().edge, zorder=1.5)
        x, y = back.transform((place.left / scale, (place.bottom + place.top) / 2 / scale))
        ax.text(x, y, text, fontsize=current().points, ha="left", va="center_baseline")
