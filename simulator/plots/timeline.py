"""How many PEs are at work over a layer's time, step by step of its nest.

The walk takes one step for each index of the loops in time, outermost slowest, and leaves out indices past
an extent; in a step those places work whose iterations are within the extents. Dimensions leave places idle
independently, so a stretch of steps is counted at once, exactly: the product over dimensions of the places
that work in it, summed over the loops inside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from simulator.errors import SimulatorError
from simulator.plots.scales import scaled
from simulator.plots.style import LOOKS, axes_or_new, current, legend_above, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simulator.mapping import Mapping
    from simulator.problem import Problem
    from simulator.results import LayerResult

Ints = npt.NDArray[np.int64]
_MOST_PLACES = 2**26  # positions of a dimension inside a stretch


def activity_table(layer: LayerResult, stretches: int = 1000) -> list[dict[str, Any]]:
    """Return what `activity` draws: for each stretch of steps when it begins, how long it is, PEs at work.

    PEs are the mean over the stretch: times its cycles, and summed, they are the layer's MACs. The last row
    holds the cycles that are no steps, waiting for words; where in time these are is not known.

    Parameters
    ----------
    layer
        A layer of one part, once.
    stretches
        At most so many; as many outer loops are gone through one by one as that allows. Neighbours with the
        same number of PEs are one.

    Raises
    ------
    SimulatorError
        For a layer of several parts, and for ``stretches`` below 1.
    """
    if stretches < 1:
        raise SimulatorError(f"stretches must be 1 or more, not {stretches}")
    cost = layer.cost
    steps, work = _stretches(cost.problem, cost.mapping, stretches)
    rows: list[dict[str, Any]] = []
    begin = 0
    for length, done in zip(steps.tolist(), work.tolist(), strict=True):
        active = done / length
        if rows and rows[-1]["active PEs"] == active:
            rows[-1]["cycles"] += length
        else:
            rows.append({"begin (cycles)": begin, "cycles": length, "active PEs": active, "doing": "steps"})
        begin += length
    if (waiting := cost.cycles.total - begin) > 0:
        rows.append({"begin (cycles)": begin, "cycles": waiting, "active PEs": 0.0, "doing": "waiting"})
    return rows


def activity(layer: LayerResult, stretches: int = 1000, ax: Axes | None = None) -> Axes:
    """Draw the PEs at work over a layer's time: what its nest leaves idle, and the cycles spent waiting.

    Waiting stands at the end, hatched; the walk says how much it is, not where. The numbers are
    `activity_table`'s, and so are the arguments and errors.
    """
    rows = activity_table(layer, stretches)
    units = layer.cost.mac_units
    total = sum(row["cycles"] for row in rows)
    factor, x_label = scaled("cycles", total)
    ax = axes_or_new(ax)
    scale = current().scale
    steps = [row for row in rows if row["doing"] == "steps"]
    edges = [row["begin (cycles)"] * factor for row in steps]
    end = edges[-1] + steps[-1]["cycles"] * factor
    heights = [row["active PEs"] for row in steps]
    ax.stairs(heights, [*edges, end], fill=True, color=LOOKS[3][0], label="at work")
    ax.stairs(heights, [*edges, end], color=LOOKS[0][0], linewidth=0.6 * scale)
    if len(steps) < len(rows):
        ax.axvspan(
            end, total * factor, facecolor="none", edgecolor="0.5", hatch="////", linewidth=0, label="waiting"
        )
    mean = sum(row["cycles"] * row["active PEs"] for row in rows) / total
    for height, dashes, label in ((units, "-", f"all {units:,}"), (mean, "--", f"mean {mean:.4g}")):
        ax.axhline(height, color="black", linewidth=0.8 * scale, linestyle=dashes, label=label)
    ax.set_xlim(0, total * factor)
    ax.set_ylim(0, 1.05 * units)
    name_axes(ax, x_label, "PEs at work")
    legend_above(ax)
    return ax


def _stretches(problem: Problem, mapping: Mapping, most: int) -> tuple[Ints, Ints]:
    """Steps, and places at work summed over them, of each stretch in the order of time."""
    places = _strides(mapping)
    temporal = [number for number, loop in enumerate(mapping.loops) if not loop.spatial]
    outer: list[int] = []
    while len(outer) < len(temporal):
        if math.prod(mapping.loops[i].bound for i in [*outer, temporal[len(outer)]]) > most:
            break
        outer.append(temporal[len(outer)])
    shape = [mapping.loops[i].bound for i in outer]
    steps, work = np.ones(shape, np.int64), np.ones(shape, np.int64)
    for dimension, extent in problem.extents.items():
        own = [i for i, loop in enumerate(mapping.loops) if loop.dimension == dimension]
        first = _sums([(mapping.loops[i].bound, places[i]) for i in own if i in outer])
        inside = [i for i in own if i not in outer]
        here = [mapping.loops[i].bound if i in own else 1 for i in outer]
        for counted, loops in (
            (steps, [i for i in inside if not mapping.loops[i].spatial]),
            (work, inside),
        ):
            offsets = np.sort(_sums([(mapping.loops[i].bound, places[i]) for i in loops]))
            counted *= np.searchsorted(offsets, extent - first).reshape(here)
    reached = steps.ravel() > 0
    return steps.ravel()[reached], work.ravel()[reached]


def _strides(mapping: Mapping) -> list[int]:
    """How far an index of each loop goes in its dimension: the bounds of all loops inside it."""
    inside: dict[str, int] = {}
    strides = []
    for loop in reversed(mapping.loops):
        strides.append(inside.get(loop.dimension, 1))
        inside[loop.dimension] = strides[-1] * loop.bound
    return strides[::-1]


def _sums(loops: list[tuple[int, int]]) -> Ints:
    """Every place that loops of these bounds and strides reach, the first loop slowest."""
    if math.prod(bound for bound, _ in loops) > _MOST_PLACES:
        raise SimulatorError(
            f"a dimension of more than {_MOST_PLACES:,} places is too long to draw over time"
        )
    found = np.zeros(1, np.int64)
    for bound, stride in loops:
        found = np.add.outer(found, stride * np.arange(bound)).ravel()
    return found
