"""Many runs side by side: a network under several dataflows, or on several machines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from simulator.architecture import Architecture, registered_architectures
from simulator.dataflows import DATAFLOWS, Source, load_dataflow
from simulator.energies.table_file import EnergyTableError
from simulator.energies.tables import load_table
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.evaluation import default_dataflow
from simulator.loading import load_architecture, load_network
from simulator.results import NetworkResult, data_frame
from simulator.study.executors import check_crew
from simulator.study.running import Progress, run_items
from simulator.study.runs import DONE
from simulator.study.store import Store
from simulator.study.study import Study
from simulator.study.sweeping import prepare, several

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simulator.densities import Source as DensitySource
    from simulator.loading import Machine, NetworkSource
    from workloads import Network

Measure = Literal["energy", "cycles", "edp"]
Kind = Literal["dataflow", "architecture"]


class Choices(TypedDict, total=False):
    """How the runs of a comparison are made; each is a parameter of `simulator.sweep`, with its default.

    An ``engine`` "closed-form" counts what "walk" counts, but finds no stalls. With a ``store`` the same
    comparison goes on where it was ended.
    """

    objective: str
    engine: str
    mapper: str | None
    evaluations: int | None
    time_limit: float | None
    densities: DensitySource | None
    fuse: bool
    store: str | os.PathLike[str] | None
    workers: int | None
    progress: Progress | None


@dataclass(frozen=True)
class Lineup:
    """Runs by the name of what they compare, a ``kind`` as "dataflow"; ``failures`` say why one has none.

    ``energy`` is the table that all machines are priced by; None where each has its own prices.
    """

    kind: Kind
    results: dict[str, NetworkResult]
    failures: dict[str, str] = field(default_factory=dict)
    energy: str | None = None

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

    @property
    def priced_alike(self) -> bool:
        """Whether the runs' energies are of the same prices."""
        return self.kind == "dataflow" or self.energy is not None or len(self.results) < 2

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row for each name: what its run came to, or in ``error`` why there is none."""
        for name, run in self.results.items():
            machine = run.architecture
            run_of = {
                "network": run.network,
                "batch": run.batch,
                "architecture": machine.name,
                "dataflow": run.dataflow,
            }
            yield {
                **run_of,
                self.kind: name,
                "mac_units": machine.mac_units,
                "clock_mhz": machine.clock_mhz,
                "weight_bits": machine.operand_bits[0],
                "input_bits": machine.operand_bits[1],
                "output_bits": machine.output_bits,
                "partial_sum_bits": machine.partial_sum_bits,
                "macs": run.macs,
                "energy": run.energy,
                "energy_unit": machine.energy_unit,
                "energy_table": self.energy,
                "cycles": run.cycles,
                "seconds": run.seconds,
                "edp": run.edp,
                "utilization": run.utilization,
                "outermost_bytes": run.traffic_bytes(machine.outermost.name),
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

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the runs: energy by level and tensor, cycles and EDP of dataflows; `machine_comparison`.

        With a ``path`` it is also written, as PNG, PDF or SVG by its suffix.
        """
        from simulator import plots
        from simulator.report_runs import lineup_title

        runs, title = list(self.results.values()), lineup_title(self)
        if self.kind == "dataflow":
            figure = plots.dataflow_comparison(runs, title)
        else:
            figure = plots.machine_comparison(runs, [*self.results, *self.failures], title)
        if path is not None:
            plots.save_figure(figure, path)
        return figure

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
    energy: str | os.PathLike[str] | None = None,
    **choices: Unpack[Choices],
) -> Lineup:
    """Run a network on one machine under several dataflows, each layer with the best mapping of each.

    Parameters
    ----------
    names
        Dataflows by name or file; by default all with a nest of their own, so not "flexible", and the
        machine's native one.
    energy
        The table that the machine is priced by, by name or file; by default it has its own prices.
    choices
        How it is run: `Choices`.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and wrong settings, and where no dataflow can run the network.
    """
    machine = load_architecture(architecture, energy)
    chosen = _dataflows_for(machine) if names is None else several(names)
    _check_distinct("dataflow", [os.fspath(name) for name in chosen])
    runs = {os.fspath(name): (machine, load_dataflow(name)) for name in chosen}
    return _line_up("dataflow", load_network(network), runs, {}, energy, choices)


def _dataflows_for(machine: Architecture) -> list[str]:
    chosen = [name for name, flow in DATAFLOWS.items() if flow.nest]
    native = machine.native_dataflow
    return chosen if native is None or native in DATAFLOWS else [native, *chosen]


def compare_architectures(
    network: NetworkSource,
    names: Iterable[Machine] | None = None,
    dataflow: Source | None = None,
    *,
    energy: str | os.PathLike[str] | None = None,
    **choices: Unpack[Choices],
) -> Lineup:
    """Run a network on several machines; one that cannot run it, or be priced, says why.

    Parameters
    ----------
    names
        Machines by name or file, or the machines themselves; by default all that come along.
    dataflow
        One for all; by default each machine's native one, or row stationary where it names none.
    energy
        The table that all machines are priced by, by name or file; by default each has its own prices, and
        their energies say little beside each other.
    choices
        How it is run: `Choices`.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and wrong settings, and where no machine can run the network.
    """
    given = list(registered_architectures()) if names is None else several(names)
    machines = [load_architecture(source) for source in given]
    _check_distinct("architecture", [machine.name for machine in machines])
    if energy is not None:
        load_table(energy)
    flow = None if dataflow is None else load_dataflow(dataflow)
    runs: dict[str, tuple[Architecture, Source]] = {}
    failures: dict[str, str] = {}
    for machine in machines:
        try:
            own = flow or machine.native_dataflow or default_dataflow(machine)
            runs[machine.name] = (load_architecture(machine, energy), own)
        except (MappingError, EnergyTableError) as error:
            failures[machine.name] = str(error)
    return _line_up("architecture", load_network(network), runs, failures, energy, choices)


def _check_distinct(kind: Kind, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SimulatorError(f"{kind} {name!r} is given twice")


def _line_up(
    kind: Kind,
    network: Network,
    runs: Mapping[str, tuple[Architecture, Source]],
    failures: dict[str, str],
    energy: str | os.PathLike[str] | None,
    choices: Choices,
) -> Lineup:
    """Run every machine and dataflow by its name, all as one sweep; where there is no mapping is told."""
    settings: dict[str, Any] = {**choices}
    path, workers, progress = (settings.pop(name, None) for name in ("store", "workers", "progress"))
    check_crew(None, workers, None)
    densities = settings.pop("densities", None)
    if densities is not None:
        settings["densities"] = {network.name: densities}
    sweeps = {
        name: prepare(network, machine, dataflow=flow, **settings) for name, (machine, flow) in runs.items()
    }
    results: dict[str, NetworkResult] = {}
    with Store(path) as store:
        items = [item for sweep in sweeps.values() for item in sweep.items]
        outcome = run_items(items, store, None, workers, None, progress)
        if outcome.interrupted:
            raise KeyboardInterrupt
        for name, sweep in sweeps.items():
            (run,) = Study(sweep.description, store, outcome.lost).runs
            if run.status == DONE:
                results[name] = run.result()
            else:
                failures[name] = run.error
    if not results:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise SimulatorError(f"no {kind} to compare: {reasons or 'none is named'}")
    return Lineup(kind, results, failures, None if energy is None else os.fspath(energy))
