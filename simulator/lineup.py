"""Many runs side by side: a network under several dataflows, or on several machines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from simulator.architecture import registered_architectures
from simulator.dataflows import DATAFLOWS, Source, load_dataflow
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.evaluation import Progress, simulate
from simulator.loading import load_architecture, load_network
from simulator.results import NetworkResult, data_frame

if TYPE_CHECKING:
    import pandas

    from simulator.densities import Source as DensitySource
    from simulator.loading import Machine, NetworkSource

Measure = Literal["energy", "cycles", "edp"]


@dataclass(frozen=True)
class Lineup:
    """Runs by the name of what they compare, a ``kind`` as "dataflow"; ``failures`` say why one has none."""

    kind: str
    results: dict[str, NetworkResult]
    failures: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NetworkResult:
        if name in self.failures:
            raise SimulatorError(f"{self.kind} {name}: {self.failures[name]}")
        if name not in self.results:
            raise SimulatorError(f"no run of {self.kind} {name!r}{did_you_mean(name, self.results)}")
        return self.results[name]

    def best(self, measure: Measure = "energy") -> dict[str, str]:
        """The name of the least energy, cycles or EDP, for each energy unit among the runs."""
        found: dict[str, str] = {}
        for name, run in self.results.items():
            unit = run.architecture.energy_unit
            if unit not in found or getattr(run, measure) < getattr(self.results[found[unit]], measure):
                found[unit] = name
        return found

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row for each name: what its run came to, or in ``error`` why there is none."""
        for name, run in self.results.items():
            run_of = {
                "network": run.network,
                "batch": run.batch,
                "architecture": run.architecture.name,
                "dataflow": run.dataflow,
            }
            yield {
                **run_of,
                self.kind: name,
                "macs": run.macs,
                "energy": run.energy,
                "energy_unit": run.architecture.energy_unit,
                "cycles": run.cycles,
                "seconds": run.seconds,
                "edp": run.edp,
                "utilization": run.utilization,
                "outermost_bytes": run.traffic_bytes(run.architecture.outermost.name),
                "error": None,
            }
        for name, reason in self.failures.items():
            yield {self.kind: name, "error": reason}

    def to_dataframe(self) -> pandas.DataFrame:
        """The table of `rows` as a data frame. Needs the extra ``dataframe``."""
        return data_frame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: `rows`, and the energy of each level in each run."""
        energy = {
            name: {level: sum(layer.level_energy(level) for layer in run) for level in run.levels}
            for name, run in self.results.items()
        }
        return {"compared": self.kind, "runs": list(self.rows()), "energy_by_level": energy}

    def __str__(self) -> str:
        from simulator.report import to_text
        from simulator.report_runs import lineup_parts

        return to_text(lineup_parts(self))

    def _repr_html_(self) -> str:
        from simulator.page.notebook import lineup_html

        return lineup_html(self)


def compare_dataflows(
    network: NetworkSource,
    architecture: Machine,
    names: Iterable[str | os.PathLike[str]] | None = None,
    *,
    objective: str = "energy",
    engine: str = "closed-form",
    densities: DensitySource | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> Lineup:
    """Run a network on one machine under several dataflows; see `simulator.simulate` for the settings.

    Parameters
    ----------
    names
        Dataflows by name or file; by default all with a nest of their own, so not "flexible".
    engine
        "closed-form" counts what "walk" counts, but finds no stalls.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and wrong settings, and where no dataflow can run the network.
    """
    loaded, machine = load_network(network), load_architecture(architecture)
    chosen = [name for name, flow in DATAFLOWS.items() if flow.nest] if names is None else list(names)
    flows = {os.fspath(name): load_dataflow(name) for name in chosen}

    def run(name: str) -> NetworkResult:
        return simulate(
            loaded, machine, flows[name], objective, engine, None, _named(progress, name),
            densities=densities, time_limit=time_limit,
        )  # fmt: skip

    return _line_up("dataflow", [os.fspath(name) for name in chosen], run)


def compare_architectures(
    network: NetworkSource,
    names: Iterable[Machine] | None = None,
    dataflow: Source | None = None,
    *,
    objective: str = "energy",
    engine: str = "closed-form",
    densities: DensitySource | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> Lineup:
    """Run a network on several machines; see `simulator.simulate` for the settings.

    Parameters
    ----------
    names
        Machines by name or file, or the machines themselves; by default all that come along.
    dataflow
        One for all; by default row stationary where a machine can, else its own.
    engine
        "closed-form" counts what "walk" counts, but finds no stalls.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and wrong settings, and where no machine can run the network.
    """
    loaded = load_network(network)
    given = list(registered_architectures()) if names is None else list(names)
    machines = [load_architecture(source) for source in given]
    by_name = {machine.name: machine for machine in machines}

    def run(name: str) -> NetworkResult:
        return simulate(
            loaded, by_name[name], dataflow, objective, engine, None, _named(progress, name),
            densities=densities, time_limit=time_limit,
        )  # fmt: skip

    return _line_up("architecture", [machine.name for machine in machines], run)


def _named(progress: Progress | None, name: str) -> Progress | None:
    if progress is None:
        return None
    return lambda doing, done, total: progress(f"{name}: {doing}", done, total)


def _line_up(kind: str, names: Iterable[str], run: Callable[[str], NetworkResult]) -> Lineup:
    """Run every name; one that has no mapping is told as such, and the others go on."""
    results: dict[str, NetworkResult] = {}
    failures: dict[str, str] = {}
    for name in names:
        if name in results or name in failures:
            raise SimulatorError(f"{kind} {name!r} is given twice")
        try:
            results[name] = run(name)
        except MappingError as error:
            failures[name] = str(error)
    if not results:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise SimulatorError(f"no {kind} to compare: {reasons or 'none is named'}")
    return Lineup(kind, results, failures)
