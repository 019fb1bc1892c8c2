"""How full the memories are: the words that each level holds of each tensor, against its capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.architecture import TENSORS
from simulator.errors import SimulatorError
from simulator.legality import tile_bits, tile_words
from simulator.plots.bars import bars_of, stacked_bars
from simulator.plots.style import current, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.architecture import Architecture, Storage
    from simulator.results import LayerResult, NetworkResult

_SHARE = "of the capacity (%)"


def occupancy_table(layer: LayerResult, architecture: Architecture) -> list[dict[str, Any]]:
    """Return what an instance of each bounded level holds of each tensor that it keeps.

    A row has the layer (the problem, of one of several parts), level and tensor, the words of the largest
    tile that any instance holds, the bits it takes (twice the tile where the next one has a place beside it),
    the level's capacity in bits, and the share of it in percent.

    Raises
    ------
    SimulatorError
        If the mapping is not one for this machine.
    """
    rows = []
    for part in layer.parts:
        problem, mapping = part.cost.problem, part.cost.mapping
        for store, _ in mapping.stores:
            storage = architecture.storage(store.level)
            capacity = capacity_bits(storage)
            for tensor in sorted(store.tensors, key=TENSORS.index) if capacity else ():
                bits = tile_bits(problem, architecture, mapping, store, tensor)
                words = tile_words(problem, mapping, tensor, store.level, storage.stores_padding)
                rows.append(
                    {
                        "layer": layer.name if len(layer.parts) == 1 else problem.name,
                        "level": store.level,
                        "tensor": tensor,
                        "words": words,
                        "bits": bits,
                        "capacity (bits)": capacity,
                        _SHARE: 100 * bits / capacity,
                    }
                )
    return rows


def capacity_bits(storage: Storage) -> int:
    """Bits of an instance of a level, or of its partitions together; 0 where it is unbounded."""
    return storage.capacity_bits or sum(part.capacity_bits for part in storage.partitions)


def occupancy_bars(result: NetworkResult, level: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what a level holds of each tensor in each layer, in percent of its capacity.

    The numbers are `occupancy_table`'s of the layers.

    Parameters
    ----------
    level
        The bounded level; by default the outermost one.

    Raises
    ------
    SimulatorError
        For a level that is unknown or unbounded, or that keeps nothing in any layer.
    """
    level = _levels(result)[0] if level is None else result.architecture.storage(level).name
    rows = [row for layer in result for row in occupancy_table(layer, result.architecture)]
    own = [row for row in rows if row["level"] == level]
    if not own:
        raise SimulatorError(f"{level} of {result.architecture.name} is unbounded, or keeps nothing here")
    # A layer that passes the level by has an empty bar.
    absent = dict.fromkeys(row["layer"] for row in rows)
    filled = [{"layer": name, "tensor": own[0]["tensor"], _SHARE: 0.0} for name in absent] + own
    ax = bars_of(filled, "layer", "tensor", _SHARE, ax=ax)
    _full(ax)
    ax.set_ylabel(f"{named(level)}, share\n{_SHARE}", fontsize=current().points)
    return ax


def memory_occupancy(result: NetworkResult) -> Figure:
    """Draw what every bounded level holds in each layer: a panel for each level, outermost first.

    Raises
    ------
    SimulatorError
        If no level of the machine is bounded.
    """
    rows = [row for layer in result for row in occupancy_table(layer, result.architecture)]
    labels = list(dict.fromkeys(row["layer"] for row in rows))
    panels: dict[str, dict[str, list[float | None]]] = {}
    for level in _levels(result):
        own = {(row["layer"], row["tensor"]): row[_SHARE] for row in rows if row["level"] == level}
        tensors = dict.fromkeys(tensor for _, tensor in own)
        if own:
            panels[f"{named(level)}\n(%)"] = {
                t: [own.get((label, t), 0.0) for label in labels] for t in tensors
            }
    figure = stacked_bars(panels, labels, f"{result.title}; share of each level's capacity")
    for ax in figure.axes:
        _full(ax)
    return figure


def _levels(result: NetworkResult) -> list[str]:
    found = [storage.name for storage in result.architecture.storages if capacity_bits(storage)]
    if not found:
        raise SimulatorError(f"no level of {result.architecture.name} has a capacity")
    return found


def _full(ax: Axes) -> None:
    """Mark where the level is full."""
    ax.axhline(100, color="black", linewidth=0.8 * current().scale, linestyle="--")
    ax.set_ylim(0, max(105.0, ax.get_ylim()[1]))
