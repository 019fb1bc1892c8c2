"""Energy per layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.plots.bars import stacked_bars
from simulator.plots.style import FIXED_LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.results import NetworkResult


def energy_breakdown(result: NetworkResult) -> Figure:
    """Energy per layer as stacked bars: above by level, outermost at the foot; below by tensor.

    Raises
    ------
    SimulatorError
        If no layer of the network has multiply-accumulates.
    """
    names = [layer.name for layer in result]
    if not names:
        raise SimulatorError(f"{result.network} has no layer with energy to draw")
    by_level: dict[str, dict[str, float]] = {level: dict.fromkeys(names, 0.0) for level in result.levels}
    by_tensor: dict[str, dict[str, float]] = {part: dict.fromkeys(names, 0.0) for part in FIXED_LOOKS}
    highest = max(layer.energy for layer in result)
    factor, unit = _energy_unit(result.architecture.energy_unit, highest)
    for row in result.rows():
        part = row["tensor"] or ("leakage" if row["action"] == "leak" else "MAC")
        by_level[row["level"]][row["layer"]] += row["energy"] * factor
        by_tensor[part][row["layer"]] += row["energy"] * factor
    panels = {
        f"energy by {kind}\n({unit})": {part: list(values.values()) for part, values in parts.items()}
        for kind, parts in (("level", by_level), ("tensor", by_tensor))
    }
    title = f"{result.network}, batch {result.batch}, on {result.architecture.name}: {result.dataflow}"
    return stacked_bars(panels, names, title)


def _energy_unit(unit: str, highest: float) -> tuple[float, str]:
    """A factor and a unit in which the highest bar has one to three digits before the point."""
    thousands = int(math.log10(highest) // 3) if highest > 0 else 0
    if unit == "pJ":
        prefixes = ("pJ", "nJ", "\N{MICRO SIGN}J", "mJ", "J")
        thousands = max(0, min(thousands, len(prefixes) - 1))
        return 1000.0**-thousands, prefixes[thousands]
    thousands = max(0, thousands)
    return 1000.0**-thousands, f"$10^{{{3 * thousands}}}$ {unit}s" if thousands else f"{unit}s"
