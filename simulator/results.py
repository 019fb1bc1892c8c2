"""What a layer's and a network's run is, as a table, rows, JSON and files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.architecture import STORAGE_ACTIONS, Architecture
from simulator.cost.model import Cost
from simulator.errors import SimulatorError
from simulator.files import write_atomically

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Search:
    """What chose a mapping: the mapper, how many mappings it scored, whether that is the whole mapspace.

    ``optimal``: it is proven that no mapping of the mapspace is better; else one could be by ``gap`` at most,
    as a share of the layer's objective (1: nothing is known). For a network's EDP that is said of the least
    energy, or where ``optimal`` of the whole front of energy and cycles.
    """

    mapper: str
    evaluated: int
    complete: bool
    optimal: bool
    gap: float


@dataclass(frozen=True)
class Part:
    """One problem of a layer, how often the layer runs it, and the search for its mapping (None: by hand)."""

    cost: Cost
    times: int = 1
    search: Search | None = None


@dataclass(frozen=True)
class Skipped:
    """A layer that is not run on the array by itself, and what it does beside it.

    ``words_in`` and ``words_out`` are what it reads from the outermost level and writes there, each word
    once: none for one that is fused into another layer. Neither they nor its ``operations`` are part of
    energy and cycles.
    """

    name: str
    type: str
    operations: int
    words_in: int
    words_out: int
    fused_into: str | None = None

    @property
    def reason(self) -> str:
        """Why it is not run on the array."""
        if self.fused_into is not None:
            return f"fused into {self.fused_into}"
        return "not for the array" if self.words_in or self.words_out else "moves nothing"


@dataclass(frozen=True)
class LayerResult:
    """A layer's run: the sum of its parts. ``dataflow`` is "by hand" for a mapping that was given.

    ``operations`` are the layer's own that are no MACs. Without MACs (``has_macs``) it is operations, of
    pooling or an addition, that the array takes in place of them.
    """

    name: str
    type: str
    parts: tuple[Part, ...]
    dataflow: str
    operations: int = 0
    has_macs: bool = True

    @property
    def cost(self) -> Cost:
        """The cost of a layer of one part; SimulatorError for a layer of several."""
        if len(self.parts) != 1:
            raise SimulatorError(f"layer {self.name!r} has {len(self.parts)} parts; look at .parts")
        return self.parts[0].cost

    def __repr__(self) -> str:
        return f"<LayerResult of {self.name}: {self.dataflow}>"

    def __str__(self) -> str:
        from simulator.report import render_layer

        return render_layer(self)

    def _repr_html_(self) -> str:
        from simulator.page.notebook import layer_html

        return layer_html(self)

    @property
    def mapping(self) -> object:
        """The mapping of a layer of one part."""
        return self.cost.mapping

    @cached_property
    def done(self) -> int:
        """What the array's MAC units did: MACs, or operations in place of them."""
        return sum(p.times * p.cost.counts.macs for p in self.parts)

    @property
    def macs(self) -> int:
        return self.done if self.has_macs else 0

    @cached_property
    def steps(self) -> int:
        return sum(p.times * p.cost.counts.steps for p in self.parts)

    @cached_property
    def cycles(self) -> int:
        return sum(p.times * p.cost.cycles.total for p in self.parts)

    @cached_property
    def energy(self) -> float:
        """In the architecture's unit."""
        return math.fsum(p.times * p.cost.energy for p in self.parts)

    @property
    def active_pes(self) -> int:
        """Most PEs that any part has active in its first step."""
        return max(p.cost.counts.active_pes for p in self.parts)

    @property
    def utilization(self) -> float:
        """MACs, or operations in place of them, over steps times MAC units."""
        return self.done / (self.steps * self.parts[0].cost.mac_units)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per level, tensor and action: the table that everything else sums."""
        for part in self.parts:
            for row in part.cost.rows:
                yield {
                    "layer": self.name,
                    "level": row.component,
                    "tensor": row.tensor,
                    "action": row.action,
                    "count": part.times * row.count,
                    "units": part.times * row.units,
                    "unit": row.unit,
                    "price": row.price,
                    "energy": part.times * row.energy,
                    "bits": part.times * row.bits,
                    "executed_units": None if row.executed_units is None else part.times * row.executed_units,
                }

    def accesses(self, level: str) -> int:
        """Words read from and written to a storage level."""
        return sum(r["count"] for r in self.rows() if r["level"] == level and r["action"] in STORAGE_ACTIONS)

    def traffic_bytes(self, level: str) -> float:
        """Bytes read from and written to a storage level, as coding and gating are expected to leave them."""
        return math.fsum(r["bits"] for r in self.rows() if r["level"] == level) / 8

    def level_energy(self, level: str, tensor: str | None = None) -> float:
        """Energy of a level (or array, or "MAC"), of all tensors or one."""
        return math.fsum(
            r["energy"] for r in self.rows() if r["level"] == level and tensor in (None, r["tensor"])
        )

    def plot_mapping(self, path: str | os.PathLike[str], architecture: Architecture) -> None:
        """Draw the mapping of a layer of one part on its machine's arrays, to a PNG, PDF or SVG file."""
        from simulator.plots import mapping_on_array, save_figure

        title = f"{self.name} on {architecture.name}: {self.dataflow}"
        save_figure(mapping_on_array(self.cost.problem, architecture, self.cost.mapping, title), path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: totals, and per part the mapping, counts, cycles and actions."""
        from simulator.results_file import layer_to_dict

        return layer_to_dict(self)


@dataclass(frozen=True)
class NetworkResult:
    """A network's run on a machine. Energy and cycles are sums over layers, EDP is their product."""

    network: str
    batch: int
    architecture: Architecture
    dataflow: str
    objective: str
    engine: str
    layers: tuple[LayerResult, ...]
    skipped: tuple[Skipped, ...] = ()

    def __getitem__(self, name: str) -> LayerResult:
        from simulator.errors import did_you_mean

        for layer in self.layers:
            if layer.name == name:
                return layer
        raise SimulatorError(
            f"no result for layer {name!r}{did_you_mean(name, [x.name for x in self.layers])}"
        )

    def __iter__(self) -> Iterator[LayerResult]:
        return iter(self.layers)

    @property
    def title(self) -> str:
        """What was run, in a line."""
        return f"{self.network}, batch {self.batch}, on {self.architecture.name}: {self.dataflow}"

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def operations(self) -> int:
        """Operations of all layers that are no MACs, on the array and beside it."""
        return sum(x.operations for x in self.layers) + sum(x.operations for x in self.skipped)

    @property
    def steps(self) -> int:
        return sum(layer.steps for layer in self.layers)

    @property
    def cycles(self) -> int:
        return sum(layer.cycles for layer in self.layers)

    @property
    def energy(self) -> float:
        """In the architecture's unit."""
        return math.fsum(layer.energy for layer in self.layers)

    @property
    def edp(self) -> float:
        """Total energy times total cycles."""
        return self.energy * self.cycles

    @property
    def utilization(self) -> float:
        """MACs, and operations in place of them, over steps times MAC units."""
        done = sum(layer.done for layer in self.layers)
        return done / (self.steps * self.architecture.mac_units) if self.layers else 0.0

    def traffic_bytes(self, level: str) -> float:
        """Bytes read from and written to a storage level by all layers."""
        return math.fsum(layer.traffic_bytes(level) for layer in self.layers)

    @property
    def seconds(self) -> float | None:
        """Time of all layers; None where the machine states no clock."""
        clock = self.architecture.clock_mhz
        return None if clock is None else self.cycles / (clock * 1e6)

    @property
    def counted_by(self) -> str:
        """What counted, in words."""
        return {
            "walk": "walked every chosen nest and checked it against the closed form",
            "closed-form": "closed form, not walked",
            "functional": "executed with values and checked against the closed form",
        }[self.engine]

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per layer, level, tensor and action."""
        for layer in self.layers:
            yield from layer.rows()

    def summary(self) -> list[dict[str, Any]]:
        """One row per layer: counts, accesses and energy per level."""
        arch = self.architecture
        rows = []
        for layer in self.layers:
            row: dict[str, Any] = {
                "layer": layer.name,
                "type": layer.type,
                "macs": layer.macs,
                "operations": layer.operations,
                "steps": layer.steps,
                "utilization": layer.utilization,
                "active_pes": layer.active_pes,
                "cycles": layer.cycles,
                f"energy_{arch.energy_unit}": layer.energy,
            }
            row |= {f"{s.name}_accesses": layer.accesses(s.name) for s in arch.storages}
            row[f"{arch.outermost.name}_bytes"] = layer.traffic_bytes(arch.outermost.name)
            row |= {f"{level}_energy": layer.level_energy(level) for level in self.levels}
            rows.append(row)
        return rows

    @property
    def levels(self) -> list[str]:
        """Everything that has energy: storage levels and arrays in hierarchy order, then the MACs."""
        arch = self.architecture
        ranks = {s.name: s.rank for s in arch.storages} | {a.name: a.rank for a in arch.arrays}
        return [*sorted(ranks, key=lambda name: ranks[name]), "MAC"]

    def __repr__(self) -> str:
        return f"<NetworkResult of {self.title}>"

    def __str__(self) -> str:
        from simulator.report import render

        return render(self)

    def _repr_html_(self) -> str:
        from simulator.page.notebook import result_html

        return result_html(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """The tidy table of `rows` as a data frame. Needs the extra ``dataframe``."""
        return data_frame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain data with everything that determines the run, and everything it counted.

        `simulator.results_form` has the fields, with their units.
        """
        from simulator.results_file import result_to_dict

        return result_to_dict(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run as JSON, which `simulator.load_result` reads.

        Raises SimulatorError if the place cannot be written.
        """
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")

    def save_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `summary` as CSV. Raises SimulatorError if the place cannot be written."""
        rows = self.summary()
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["layer"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(Path(path), text.getvalue())

    def plot_energy(self, path: str | os.PathLike[str]) -> None:
        """Draw energy per layer, stacked by level and by tensor, to a PNG, PDF or SVG file."""
        from simulator.plots import energy_breakdown, save_figure

        save_figure(energy_breakdown(self), path)


def data_frame(rows: Iterable[dict[str, Any]]) -> pandas.DataFrame:
    """Rows of a table as a data frame; SimulatorError where pandas is missing."""
    try:
        import pandas
    except ImportError:
        raise SimulatorError("data frames need pandas: pip install 'dataflow-simulator[dataframe]'") from None
    return pandas.DataFrame(list(rows))
