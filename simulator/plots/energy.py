"""Where energy goes: by level, tensor or action, per layer, per network, and of dataflows side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.architecture import ARRAY_ACTIONS, STORAGE_ACTIONS, TENSORS
from simulator.errors import SimulatorError
from simulator.plots.bars import Row, bars_of, stacked_bars
from simulator.plots.runs import energy_of, run_head, run_names, runs_of
from simulator.plots.scales import scaled
from simulator.plots.style import check_known

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.results import NetworkResult

_ACTIONS = {"mac": "MAC", "leak": "leakage"}


def energy_table(
    results: NetworkResult | Sequence[NetworkResult], by: str = "level", per: str = "layer"
) -> list[dict[str, Any]]:
    """Return the energy of every part of every layer, or network: what `energy_bars` draws.

    A row has the run's name, network, batch, architecture and dataflow, the layer (``per`` "layer"), the
    level, tensor or action (``by``), and its energy in the architecture's unit, ``energy (pJ)`` or
    ``energy (MAC)``.

    Raises
    ------
    SimulatorError
        For another ``by`` or ``per``, no result, runs with energies in different units, or a network without
        a layer that has energy.
    """
    runs = runs_of(results)
    check_known(by, ("level", "tensor", "action"), "by")
    check_known(per, ("layer", "network"), "per")
    rows = []
    for name, run in zip(run_names(runs), runs, strict=True):
        if not run.layers:
            raise SimulatorError(f"{run.network} has no layer with energy to draw")
        order = _order(run, by)
        places = [layer.name for layer in run] if per == "layer" else [""]
        sums = {place: dict.fromkeys(order, 0.0) for place in places}
        for row in run.rows():
            sums[row["layer"] if per == "layer" else ""][_part(row, by)] += row["energy"]
        for place, parts in sums.items():
            head = run_head(name, run) | ({"layer": place} if per == "layer" else {})
            rows += [head | {by: part, energy_of(run): value} for part, value in parts.items()]
    return rows


def energy_bars(
    results: NetworkResult | Sequence[NetworkResult],
    by: str = "level",
    per: str = "layer",
    ax: Axes | None = None,
) -> Axes:
    """Draw energy as stacked bars for each layer or run: by level (outermost first), tensor or action.

    Of several results the layers stand in a group for each. The numbers are `energy_table`'s, and so are the
    errors.
    """
    runs = runs_of(results)
    x, group = ("layer", "run" if len(runs) > 1 else None) if per == "layer" else ("run", None)
    return bars_of(energy_table(runs, by, per), x, by, energy_of(runs[0]), group=group, ax=ax)


def energy_breakdown(result: NetworkResult, by: Sequence[str] = ("level", "tensor")) -> Figure:
    """Energy per layer as stacked bars: above by level, outermost at the foot; below by tensor.

    Raises
    ------
    SimulatorError
        As `energy_table`.
    """
    unit = energy_of(result)
    highest = max((layer.energy for layer in result), default=0.0)
    factor, text = scaled(unit, highest)
    what, _, shown = text.rpartition(" (")
    panels: dict[str, dict[str, list[float | None]]] = {}
    for kind in by:
        parts = panels.setdefault(f"{what} by {kind}\n({shown}", {})
        for row in energy_table(result, kind):
            parts.setdefault(row[kind], []).append(row[unit] * factor)
    return stacked_bars(panels, [layer.name for layer in result], result.title)


def _order(run: NetworkResult, by: str) -> list[str]:
    """Every part that can be, in the order in which parts are stacked."""
    if by == "level":
        return run.levels
    return [*(TENSORS if by == "tensor" else STORAGE_ACTIONS + ARRAY_ACTIONS), "leakage", "MAC"]


def _part(row: Row, by: str) -> str:
    if by == "action":
        return str(_ACTIONS.get(row["action"], row["action"]))
    return str(row[by] or _ACTIONS[row["action"]])
