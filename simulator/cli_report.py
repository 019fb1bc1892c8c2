"""``simulator report`` and ``simulator compare``: results as a page, and side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from simulator.cli_options import (
    Batch,
    BuilderOptions,
    Dataflow,
    Densities,
    Dimensions,
    Energy,
    Json,
    MachineOption,
    NetworkName,
    Objective,
    Phase,
    StoreFile,
    TimeLimit,
    Workers,
    architecture_names,
    dataflow_names,
    print_json,
    read_network,
)
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.lineup import Lineup
    from simulator.study.running import Progress


class _Comparisons(TyperGroup):
    """Takes `compare NETWORK --architectures A,B` for `compare architectures NETWORK A B`, all for --all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if args and args[0] in self.commands else _spelled_out(args))


def _spelled_out(args: list[str]) -> list[str]:
    for at, argument in enumerate(args):
        option, _, names = argument.partition("=")
        if option == "--architectures":
            names, *rest = [names, *args[at + 1 :]] if names else args[at + 1 :] or [""]
            machines = ["--all"] if names == "all" else names.split(",")
            return ["architectures", *args[:at], *machines, *rest]
    return args


compare = typer.Typer(
    cls=_Comparisons, help="Compare two runs, or a network's dataflows or machines.", no_args_is_help=True
)

_Engine = Annotated[
    str, typer.Option(metavar="NAME", help="What counts: closed-form (no stalls found), walk or functional.")
]
_Plot = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw them side by side too (.png, .pdf or .svg).")
]
_RunFile = "A run: the folder of `simulator run --out`, or its result.json."


def report(
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN|STUDY", help=f"{_RunFile} Or a study: the store of `simulator sweep`."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page to write, as report.html.")],
    study: Annotated[
        str | None, typer.Option(metavar="ID", help="Of a store of several studies one; by default the last.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a study the run of this network, in full.")
    ] = None,
    point: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="With --network: at the point of this number.")
    ] = None,
) -> None:
    """Write a run or a study as one HTML page that needs no network: tables, figures, mappings, sources."""
    from simulator.page import write_report

    if point is not None and network is None:
        raise SimulatorError("--point goes with --network: it is one of its runs")
    write_report(source, out, study=study, network=network, point=point or 0)
    print(f"wrote {out}")


@compare.command("runs", epilog="Example: simulator compare runs runs/before runs/after")
def compare_runs(
    a: Annotated[Path, typer.Argument(metavar="A", help=_RunFile)],
    b: Annotated[Path, typer.Argument(metavar="B", help="The run to compare with it.")],
    as_json: Json = False,
) -> None:
    """Compare two runs: what was set differently, and every layer and level that came out differently."""
    import simulator as sim
    from simulator.report_runs import comparison_parts
    from simulator.terminal import print_parts

    found = sim.compare(a, b)
    if as_json:
        print_json(found.to_dict())
    else:
        print_parts(lambda _: comparison_parts(found))


@compare.command(
    "dataflows", epilog="Example: simulator compare dataflows alexnet --arch eyeriss_isca16_256 --batch 16"
)
def compare_dataflows(
    network: NetworkName,
    arch: MachineOption,
    dataflow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A dataflow to compare; may be repeated. By default all with a nest of their own, which "
            "flexible has not, and the machine's native one.",
            autocompletion=dataflow_names,
        ),
    ] = None,
    energy: Energy = None,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    objective: Objective = "energy",
    time_limit: TimeLimit = None,
    densities: Densities = None,
    engine: _Engine = "closed-form",
    store: StoreFile = None,
    workers: Workers = None,
    plot: _Plot = None,
    as_json: Json = False,
) -> None:
    """Compare dataflows: a network on one machine, each layer with the best mapping of each dataflow."""
    import simulator as sim

    loaded = read_network(network, batch, option, dimension, phase)
    with _ready(plot) as progress:
        found = sim.compare_dataflows(
            loaded, arch, dataflow, energy=energy, objective=objective, time_limit=time_limit,
            densities=densities, engine=engine, store=store, workers=workers, progress=progress,
        )  # fmt: skip
    _show(found, plot, as_json)


@compare.command(
    "architectures",
    epilog="Example: simulator compare architectures resnet50 --all --energy cacti_45nm --plot machines.pdf",
)
def compare_architectures(
    network: NetworkName,
    architectures: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARCH..", help="Machines: names or files.", autocompletion=architecture_names),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every machine that comes along.")] = False,
    energy: Energy = None,
    dataflow: Dataflow = None,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    objective: Objective = "energy",
    time_limit: TimeLimit = None,
    densities: Densities = None,
    engine: _Engine = "closed-form",
    store: StoreFile = None,
    workers: Workers = None,
    plot: _Plot = None,
    as_json: Json = False,
) -> None:
    """Compare machines: a network on each, with the dataflow given or each machine's own.

    Give --energy, or each machine has its own prices, and their energies do not compare.
    """
    import simulator as sim

    if bool(architectures) == every:
        raise SimulatorError("name machines to compare, or give --all")
    loaded = read_network(network, batch, option, dimension, phase)
    with _ready(plot) as progress:
        found = sim.compare_architectures(
            loaded, architectures or None, dataflow, energy=energy, objective=objective,
            time_limit=time_limit, densities=densities, engine=engine, store=store, workers=workers,
            progress=progress,
        )  # fmt: skip
    _show(found, plot, as_json)


@contextmanager
def _ready(plot: Path | None) -> Iterator[Progress]:
    """What shows the progress of a comparison whose picture can be written."""
    from simulator.plots.style import check_picture
    from simulator.terminal import sweep_progress

    if plot is not None:
        check_picture(plot)
    with sweep_progress("comparing") as report:
        yield lambda standing: report(standing, "")


def _show(found: Lineup, plot: Path | None, as_json: bool) -> None:
    from simulator.report_runs import lineup_parts
    from simulator.terminal import print_parts

    if plot is not None:
        found.plot(plot)
    if as_json:
        print_json(found.to_dict())
    else:
        print_parts(lambda _: lineup_parts(found))
