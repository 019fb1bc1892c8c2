"""The roofline: what a machine could do for each layer, and what it does.

After S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures", CACM 52(4), 2009. The roof is level where all MAC units work, and slopes where the
bandwidth of a storage level lets no more through.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.plots.naming import radius
from simulator.plots.points import name_points
from simulator.plots.style import LOOKS, axes_or_new, current, legend_above, name_axes, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simulator.architecture import Architecture
    from simulator.results import NetworkResult


def roofline_table(result: NetworkResult, level: str | None = None) -> list[dict[str, Any]]:
    """Return what `roofline` draws: a row for each layer that moves words at the level.

    Columns: MACs (or operations in place of them), bytes that go through all instances of the level, MACs per
    byte, MACs per cycle, and the roof there, which no layer is above.

    Parameters
    ----------
    level
        The storage level whose bandwidth makes the slope; the outermost by default.

    Raises
    ------
    SimulatorError
        For an unknown level, and if no layer moves words there.
    """
    machine = result.architecture
    level = machine.outermost.name if level is None else machine.storage(level).name
    most = bandwidth(machine, level)
    rows = []
    for layer in result:
        if moved := layer.traffic_bytes(level):
            rows.append(
                {
                    "layer": layer.name,
                    "level": level,
                    "MACs": layer.done,
                    "bytes": moved,
                    "MACs per byte": layer.done / moved,
                    "MACs per cycle": layer.done / layer.cycles,
                    "roof (MACs per cycle)": min(machine.mac_units, most * layer.done / moved),
                }
            )
    if not rows:
        raise SimulatorError(f"no layer of {result.network} moves words at {level}")
    return rows


def bandwidth(machine: Architecture, level: str) -> float:
    """Bytes a cycle that all instances of a level let through at most; infinite where it states no limit.

    Of ports of their own for reads and writes it is their sum, which a layer reaches if it uses both alike.
    """
    storage = machine.storage(level)
    instances = math.prod(machine.array(name).size for name in machine.arrays_above(level))
    ports = storage.read_bandwidth_bits, storage.write_bandwidth_bits
    limits = [sum(bits for bits in ports if bits)] if all(ports) else []
    limits += [storage.shared_bandwidth_bits] if storage.shared_bandwidth_bits else []
    return instances * min(limits, default=math.inf) / 8


def roofline(result: NetworkResult, level: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the layers of a run under the roof of its machine, on logarithmic axes, with their names.

    Layers in one place share their names; where there is no room for all, those farthest below the roof are
    left out. The numbers are `roofline_table`'s, and so are the arguments and errors.
    """
    rows = roofline_table(result, level)
    machine, level = result.architecture, rows[0]["level"]
    peak, most = float(machine.mac_units), bandwidth(machine, level)
    ax = axes_or_new(ax, height=1.4 * current().panel)
    points = {row["layer"]: (row["MACs per byte"], row["MACs per cycle"]) for row in rows}
    corner = peak / most if math.isfinite(most) else 0.0
    left = min([x for x, _ in points.values()] + [corner or math.inf]) / 2
    right = max([x for x, _ in points.values()] + [corner]) * 3
    scale = current().scale
    roof = [(left, min(peak, most * left)), (corner or left, peak), (right, peak)]
    ax.plot(*zip(*roof, strict=True), color="black", linewidth=1.2 * scale, label=_roof(machine, level))
    ax.plot(
        *zip(*points.values(), strict=True), "o", color=LOOKS[3][0], markersize=2 * radius(),
        markeredgecolor="black", markeredgewidth=current().edge, label=f"layers of {named(result.network)}",
    )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(left, right)
    ax.set_ylim(min(y for _, y in [*points.values(), roof[0]]) / 1.5, 1.5 * peak)
    ax.grid(axis="x", color="0.85", linewidth=0.5 * scale)
    name_axes(ax, f"MACs per byte of {named(level)}", "MACs per cycle")
    legend_above(ax)
    below = {row["layer"]: row["roof (MACs per cycle)"] / row["MACs per cycle"] for row in rows}
    order = sorted(points, key=lambda name: below[name])
    name_points(ax, points, roof, {name: named(name) for name in order})
    return ax


def _roof(machine: Architecture, level: str) -> str:
    most, name = bandwidth(machine, level), named(level)
    slope = f", {name} {most:.4g} bytes a cycle" if math.isfinite(most) else f"; {name}: no limit stated"
    return f"{machine.mac_units:,} MACs a cycle{slope}"
