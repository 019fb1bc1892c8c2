"""Two runs side by side: what was set differently, and what came out differently, by layer and level."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator.architecture import STORAGE_ACTIONS
from simulator.errors import SimulatorError, did_you_mean
from simulator.results import LayerResult, NetworkResult, data_frame

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Difference:
    """A number of two runs: of a layer and level, or of all (empty); None where a run has no such number.

    ``unit`` is None where the runs' units differ, so that the numbers cannot be compared.
    """

    layer: str
    level: str
    measure: str
    unit: str | None
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """What ``b`` has more than ``a``; None where they cannot be compared."""
        return None if self.a is None or self.b is None or self.unit is None else self.b - self.a

    @property
    def ratio(self) -> float | None:
        """``b`` over ``a``; None where they cannot be compared, or only ``a`` is zero."""
        if self.difference is None or self.a is None or self.b is None:
            return None
        if self.a == 0:
            return 1.0 if self.b == 0 else None
        return self.b / self.a

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with the difference and the ratio."""
        return {
            "layer": self.layer,
            "level": self.level,
            "measure": self.measure,
            "unit": self.unit,
            "a": self.a,
            "b": self.b,
            "difference": self.difference,
            "ratio": self.ratio,
        }


@dataclass(frozen=True)
class Comparison:
    """Runs ``a`` and ``b``; their layers are matched by name."""

    a: NetworkResult
    b: NetworkResult

    @cached_property
    def settings(self) -> dict[str, tuple[object, object]]:
        """What the runs were set to differently: by field, the value of ``a`` and of ``b``.

        Fields of the machine are named as `Architecture.replace` has them: ``GLB.capacity``.
        """
        fields = ("network", "batch", "dataflow", "objective", "engine")
        pairs: dict[str, tuple[object, object]] = {
            name: (getattr(self.a, name), getattr(self.b, name)) for name in fields
        }
        one, other = (_fields(run.architecture.to_dict()) for run in (self.a, self.b))
        pairs |= {
            f"machine {name}".removesuffix(" name"): (one.get(name), other.get(name))
            for name in dict.fromkeys((*one, *other))
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def layers(self) -> list[str]:
        """Names of the layers of both runs, then of those of ``b`` alone."""
        return list(dict.fromkeys(layer.name for run in (self.a, self.b) for layer in run))

    @property
    def levels(self) -> list[str]:
        """Levels of both runs, then those of ``b`` alone."""
        return list(dict.fromkeys((*self.a.levels, *self.b.levels)))

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Every number of the network, of its levels, of each layer, and of each layer's levels."""
        energy = self._energy_unit
        found = [*_pairs("", energy, _numbers(self.a, self.a), _numbers(self.b, self.b))]
        one, other = ({layer.name: _numbers(layer, run) for layer in run} for run in (self.a, self.b))
        for name in self.layers:
            found += _pairs(name, energy, one.get(name, {}), other.get(name, {}))
        return tuple(found)

    def get(self, measure: str, layer: str = "", level: str = "") -> Difference | None:
        """One number, by default of the whole network; None if neither run has it."""
        return self._by_key.get((layer, level, measure))

    def find(self, measure: str, layer: str = "", level: str = "") -> Difference:
        """One number, by default of the whole network: ``find("energy", level="GLB")``.

        Raises
        ------
        SimulatorError
            If neither run has it, with the nearest name.
        """
        for name, known in ((measure, MEASURES), (layer, ["", *self.layers]), (level, ["", *self.levels])):
            if name not in known:
                raise SimulatorError(f"nothing called {name!r} in either run{did_you_mean(name, known)}")
        found = self.get(measure, layer, level)
        if found is None:
            raise SimulatorError(f"no {measure} of {' '.join(filter(None, (layer, level))) or 'a network'}")
        return found

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, str], Difference]:
        return {(d.layer, d.level, d.measure): d for d in self.differences}

    @property
    def _energy_unit(self) -> str | None:
        units = {run.architecture.energy_unit for run in (self.a, self.b)}
        return units.pop() if len(units) == 1 else None

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per layer (empty: all), level (empty: all) and measure."""
        for difference in self.differences:
            yield difference.to_dict()

    def to_dataframe(self) -> pandas.DataFrame:
        """The table of `rows` as a data frame. Needs the extra ``dataframe``."""
        return data_frame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was run, the settings that differ, and `rows`."""
        return {
            "a": self.a.title,
            "b": self.b.title,
            "settings": {name: {"a": a, "b": b} for name, (a, b) in self.settings.items()},
            "differences": list(self.rows()),
        }

    def __str__(self) -> str:
        from simulator.report import to_text
        from simulator.report_runs import comparison_parts

        return to_text(comparison_parts(self))

    def _repr_html_(self) -> str:
        from simulator.page.notebook import comparison_html

        return comparison_html(self)


MEASURES = ("MACs", "energy", "cycles", "EDP", "utilization", "active PEs", "words", "traffic")


_UNITS = {
    "MACs": "MACs",
    "cycles": "cycles",
    "utilization": "share",
    "active PEs": "PEs",
    "words": "words",
    "traffic": "bytes",
}
_Numbers = dict[tuple[str, str], float]


def _pairs(layer: str, energy: str | None, one: _Numbers, other: _Numbers) -> Iterator[Difference]:
    """The numbers of two networks, or of two layers of one name."""
    units = {"energy": energy, "EDP": energy and f"{energy} x cycles"} | _UNITS
    for level, measure in dict.fromkeys((*one, *other)):
        a, b = one.get((level, measure)), other.get((level, measure))
        yield Difference(layer, level, measure, units[measure], a, b)


def _numbers(counted: NetworkResult | LayerResult, run: NetworkResult) -> _Numbers:
    """What a run or a layer of it came to, by level (empty: all) and measure."""
    found: _Numbers = {
        ("", "MACs"): counted.macs,
        ("", "energy"): counted.energy,
        ("", "cycles"): counted.cycles,
        ("", "EDP"): counted.energy * counted.cycles,
        ("", "utilization"): counted.utilization,
    }
    if isinstance(counted, LayerResult):
        found["", "active PEs"] = counted.active_pes
    storages = {storage.name for storage in run.architecture.storages}
    measured: dict[tuple[str, str], list[float]] = {}
    for level in run.levels:
        for measure in ("energy", "words", "traffic") if level in storages else ("energy",):
            measured[level, measure] = []
    for row in counted.rows():
        measured[row["level"], "energy"].append(row["energy"])
        if row["action"] in STORAGE_ACTIONS:
            measured[row["level"], "words"].append(row["count"])
            measured[row["level"], "traffic"].append(row["bits"] / 8)
    return found | {
        key: sum(values) if key[1] == "words" else math.fsum(values) for key, values in measured.items()
    }


_REMARKS = ("description", "sources", "price_source")


def _fields(machine: dict[str, Any]) -> dict[str, object]:
    """A machine's data as one value per field: ``clock_mhz``, ``GLB.capacity``, ``PE.x.size``."""
    found: dict[str, object] = {}
    for entry in machine["hierarchy"]:
        for part in entry.get("side_by_side", [entry]):
            kind = next(kind for kind in ("storage", "array", "mac") if kind in part)
            name = "mac" if kind == "mac" else part[kind]
            own = part.get("mac", part) | part.get("axes", {})
            found |= _flat(name, {key: own[key] for key in own if key not in (kind, "axes", *_REMARKS)})
    top = {key: value for key, value in machine.items() if key not in ("hierarchy", *_REMARKS)}
    return {path: value for key, inner in top.items() for path, value in _flat(key, inner).items()} | found


def _flat(path: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {path: value}
    return {p: v for key, inner in value.items() for p, v in _flat(f"{path}.{key}", inner).items()}


def compare(
    a: NetworkResult | str | os.PathLike[str], b: NetworkResult | str | os.PathLike[str]
) -> Comparison:
    """Return how two runs differ, by layer and level; they are results, or what `load_result` reads.

    Raises
    ------
    SimulatorError
        As `load_result`; for what is neither.
    """
    return Comparison(_run(a), _run(b))


def _run(source: object) -> NetworkResult:
    if isinstance(source, NetworkResult):
        return source
    if isinstance(source, str | os.PathLike):
        from simulator.results_file import load_result

        return load_result(source)
    raise SimulatorError(f"a run is a result, its JSON file or its folder, not {source!r:.60}")
