"""Runs as rows: what they are called beside each other, and their totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.results import NetworkResult
    from simulator.study.study import Study


def totals_table(results: NetworkResult | Iterable[NetworkResult]) -> list[dict[str, Any]]:
    """Return a row for each run: its name, network, machine and dataflow, and its totals with their units.

    Totals are energy, also per MAC, the traffic of the outermost level, cycles, latency, utilization and EDP;
    None is what is not known, as the latency where the machine states no clock.

    Raises
    ------
    SimulatorError
        For no result, and for runs with energies in different units.
    """
    runs = runs_of(results)
    return [
        run_head(name, run)
        | _totals(
            run.architecture.energy_unit, run.architecture.mac_units, run.macs, run.energy, run.cycles,
            run.seconds, run.utilization, run.traffic_bytes(run.architecture.outermost.name),
        )
        for name, run in zip(run_names(runs), runs, strict=True)
    ]  # fmt: skip


def study_table(study: Study) -> list[dict[str, Any]]:
    """Return a row for each run of a study, with the columns of `totals_table` and those that it varies.

    ``run`` is the network and the settings in words. Of a run that is not done the totals are None, and
    ``error`` says why.

    Raises
    ------
    SimulatorError
        For runs with energies in different units.
    """
    rows = []
    for run, row in zip(study.runs, study.networks(), strict=True):
        head = {"run": ", ".join(filter(None, (run.network, run.label)))}
        head |= {name: row[name] for name in ("network", "batch", "architecture", "dataflow", "objective")}
        settings = {name: value for name, value in run.point.settings.items() if name not in head}
        totals = _totals(
            row["energy_unit"], row["mac_units"], row["macs"], row["energy"], row["cycles"], row["seconds"],
            row["utilization"], row["outermost_bytes"],
        )  # fmt: skip
        rows.append(head | settings | totals | {"error": row["error"]})
    _one_unit({row["energy_unit"]: row["architecture"] for row in study.networks()})
    return rows


def _totals(
    unit: str,
    pes: int,
    macs: int | None,
    energy: float | None,
    cycles: int | None,
    seconds: float | None,
    utilization: float | None,
    outermost_bytes: float | None,
) -> dict[str, Any]:
    return {
        "PEs": pes,
        "MACs": macs,
        f"energy ({unit})": energy,
        f"energy per MAC ({unit})": energy / macs if energy is not None and macs else None,
        "outermost traffic (MB)": None if outermost_bytes is None else outermost_bytes / 1e6,
        "cycles": cycles,
        "latency (ms)": None if seconds is None else seconds * 1e3,
        "utilization (%)": None if utilization is None else 100 * utilization,
        f"EDP ({unit} x cycles)": None if energy is None or cycles is None else energy * cycles,
    }


def runs_of(results: NetworkResult | Iterable[NetworkResult]) -> list[NetworkResult]:
    """One or several results as a list; SimulatorError for none, and for energies in different units."""
    from simulator.results import NetworkResult

    runs = [results] if isinstance(results, NetworkResult) else list(results)
    if not runs:
        raise SimulatorError("no results to draw")
    _one_unit({run.architecture.energy_unit: run.architecture.name for run in runs})
    return runs


def _one_unit(machines: Mapping[str, str]) -> None:
    """SimulatorError for machines, by their energy unit, that have several."""
    if len(machines) > 1:
        said = ", ".join(f"{name} in {unit}" for unit, name in machines.items())
        raise SimulatorError(f"energies of one figure need one unit; there are {said}")


def energy_of(run: NetworkResult) -> str:
    """The heading of a run's energies, with their unit."""
    return f"energy ({run.architecture.energy_unit})"


def run_head(name: str, run: NetworkResult) -> dict[str, Any]:
    """The columns that say which run a row is of."""
    network, batch, machine, dataflow = _fields(run)
    return {"run": name, "network": network, "batch": batch, "architecture": machine, "dataflow": dataflow}


def run_names(runs: Sequence[NetworkResult]) -> list[str]:
    """What tells each run from the others, numbers where nothing else does; the network of one alone."""
    return names_of([tuple(map(str, _fields(run))) for run in runs], distinct=True)


def names_of(heads: Sequence[tuple[str, ...]], distinct: bool = False) -> list[str]:
    """Name each head by the fields in which they differ, by its first if in none; numbered to be distinct."""
    telling = [len(set(field)) > 1 for field in zip(*heads, strict=True)]
    named = [
        ", ".join(own for own, tells in zip(head, telling, strict=True) if tells) or head[0] for head in heads
    ]
    if not distinct or len(set(named)) == len(named):
        return named
    return [f"{number}: {name}" for number, name in enumerate(named, 1)]


def _fields(run: NetworkResult) -> tuple[str, int, str, str]:
    return run.network, run.batch, run.architecture.name, run.dataflow
