"""The ``simulator`` command: arguments in, library calls, tables out."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli_convert import convert
from simulator.cli_options import (
    Batch,
    BuilderOptions,
    Dataflow,
    Densities,
    Dimensions,
    Energy,
    Engine,
    Evaluations,
    Json,
    LayerName,
    Machine,
    MachineOption,
    Mapper,
    MapspaceDataflow,
    NetworkName,
    Objective,
    Phase,
    Save,
    TimeLimit,
    network_options,
    pairs,
    print_json,
    read_network,
)
from simulator.cli_report import compare, report
from simulator.cli_serve import serve
from simulator.cli_show import listing, show
from simulator.cli_store import store
from simulator.cli_sweep import EPILOG as SWEEP_EPILOG
from simulator.cli_sweep import sweep
from simulator.errors import SimulatorError, did_you_mean
from simulator.terminal import Commands

_PARAMETER = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*([0-9]{1,18})\s*")
_OUTPUTS = ("result.json", "layers.csv", "energy.png", "energy.pdf")


app = typer.Typer(
    cls=Commands,
    help="Exact simulator of spatial deep-learning accelerators: counts, energy and cycles of every layer.",
    epilog="Example: simulator run alexnet --arch eyeriss_v1 --batch 4",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that lacks a character gets a question mark, not an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    warnings.formatwarning = _format_note
    app(prog_name="simulator")


def _format_note(message: Warning | str, *_: object, **__: object) -> str:
    return f"note: {message}\n"


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"simulator {version('dataflow-simulator')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Example: simulator run alexnet --arch eyeriss_v1 --dataflow row_stationary --batch 4 --out runs/a"
)
def run(
    network: NetworkName,
    arch: MachineOption,
    energy: Energy = None,
    dataflow: Dataflow = None,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    objective: Objective = "energy",
    mapper: Mapper = None,
    evaluations: Evaluations = None,
    time_limit: TimeLimit = None,
    densities: Densities = None,
    no_fuse: Annotated[
        bool,
        typer.Option(
            "--no-fuse", help="Activations and normalizations read and write their values for themselves."
        ),
    ] = False,
    engine: Engine = "walk",
    mapping: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYER=FILE", help="A layer's mapping, given by hand; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help=f"Write {', '.join(_OUTPUTS)} into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Map, count and price every layer of a network on a machine."""
    import simulator as sim
    from simulator.terminal import network_parts, print_parts, progress

    mappings = pairs("--mapping", "LAYER=FILE", mapping or ())
    if out is not None:
        _prepare(out)
    with progress(f"reading {network}") as report:
        loaded = read_network(network, batch, option, dimension, phase)
        result = sim.simulate(
            loaded, sim.load_architecture(arch, energy), dataflow,
            objective, engine, None, mappings, report, mapper, evaluations,
            densities, time_limit, not no_fuse,
        )  # fmt: skip
        if out is not None:
            result.save(out / "result.json")
            result.save_csv(out / "layers.csv")
            result.plot_energy(out / "energy.png")
            result.plot_energy(out / "energy.pdf")
    if as_json:
        print_json(result.to_dict())
    else:
        print_parts(lambda width: network_parts(result, width))


@app.command(
    epilog="Example: simulator evaluate alexnet:conv2 eyeriss_v1 best.yaml --engine walk\n\n"
    "Example: simulator evaluate alexnet:conv1 eyeriss_v1 --parameters m=96,n=1,e=7,p=16,q=1,r=1,t=2"
)
def evaluate(
    layer: LayerName,
    arch: Machine,
    mapping: Annotated[
        str | None,
        typer.Argument(
            metavar="MAPPING", help="A mapping's YAML file; left out where --parameters are given."
        ),
    ] = None,
    energy: Energy = None,
    dataflow: Dataflow = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=N,..",
            help="A dataflow's parameters, in place of MAPPING; see `simulator show dataflow NAME`.",
        ),
    ] = None,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    densities: Densities = None,
    engine: Engine = "walk",
    save: Save = None,
    as_json: Json = False,
) -> None:
    """Count and price one layer under one mapping: the nest, every action, every boundary, the cycles."""
    import simulator as sim
    from simulator.files import check_writable, write_atomically
    from simulator.terminal import layer_parts, print_parts, progress

    if (mapping is None) == (parameters is None):
        raise SimulatorError("give either a MAPPING file or --parameters of a dataflow")
    if mapping is not None and dataflow is not None:
        raise SimulatorError("--dataflow goes with --parameters; a MAPPING file needs none")
    if save is not None:
        check_writable(save)
    machine = sim.load_architecture(arch, energy)
    problem = sim.load_layer(layer, batch, densities, **network_options(dimension, phase, option))
    if parameters is None:
        nest = sim.load_mapping(str(mapping), problem, machine)
    else:
        flow = dataflow or "row_stationary"
        nest = sim.dataflow_mapping(problem, machine, flow, **_parameters(flow, parameters))
    with progress(f"counting {problem.name}"):
        result = sim.evaluate(problem, machine, nest, engine)
    if save is not None:
        write_atomically(save, result.cost.mapping.to_yaml())
    if as_json:
        print_json(result.to_dict())
    else:
        print_parts(lambda _: layer_parts(result, machine.energy_unit))


@app.command(
    epilog="Example: simulator search alexnet:conv3 --arch scratchpads_168 --save best.yaml\n\n"
    "Example: simulator search alexnet:conv2 --arch eyeriss_v1 --dataflow row_stationary --objective edp\n\n"
    "Example: simulator search alexnet:conv2 --arch eyeriss_v1 --mapper random --time-limit 60 --threads 2"
)
def search(
    layer: LayerName,
    arch: MachineOption,
    energy: Energy = None,
    dataflow: MapspaceDataflow = None,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    densities: Densities = None,
    objective: Objective = "energy",
    mapper: Mapper = None,
    evaluations: Evaluations = None,
    time_limit: TimeLimit = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="End the search where partial mappings take more, as '2 GiB'."),
    ] = None,
    factors: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Loop bounds: perfect, balanced or ragged; by default the dataflow's, perfect without one.",
        ),
    ] = None,
    bypass: Annotated[
        list[str] | None,
        typer.Option(metavar="LEVEL.TENSOR", help="A tensor that must pass by a level; may be repeated."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="LEVEL.TENSOR", help="A tensor that a level must hold; may be repeated."),
    ] = None,
    without_rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", help="A pruning rule not to use: bound, hoist, sink, matters, dominated, mirror."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="What random draws follow from.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads that score mappings.")] = 1,
    save: Save = None,
    as_json: Json = False,
) -> None:
    """Search a layer's mapspace for the best mapping, with the proof that there is none better.

    The objective is energy, cycles, edp, or energy,cycles for the front of both.
    """
    import simulator as sim
    from simulator.files import check_writable, write_atomically
    from simulator.terminal import print_parts, search_parts, search_progress

    if save is not None:
        check_writable(save)
    machine = sim.load_architecture(arch, energy)
    problem = sim.load_layer(layer, batch, densities, **network_options(dimension, phase, option))
    keeps = _keeps(keep or [], bypass or [])
    both = tuple(objective.split(",")) if "," in objective else objective
    with search_progress(f"searching {problem.name}") as report:
        found = sim.search(
            problem, machine, dataflow, both, mapper, factors=factors, keeps=keeps, evaluations=evaluations,
            time_limit=time_limit, memory_limit=_bytes(memory_limit), seed=seed, threads=threads,
            rules=_rules(without_rule), progress=report,
        )  # fmt: skip
    if save is not None:
        write_atomically(save, found.mapping.to_yaml())
    if as_json:
        names = {"layer": problem.name, "architecture": machine.name, "dataflow": dataflow, "seed": seed}
        print_json(names | found.to_dict())
    else:
        print_parts(lambda _: search_parts(found, problem, machine.energy_unit))
    if found.interrupted:
        print("interrupted: the best mapping so far", file=sys.stderr)
        raise typer.Exit(130)


@app.command(epilog="Example: simulator count cases.jsonl --engine closed-form --check")
def count(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Cases, a JSON object a line; - is stdin.")],
    engine: Engine = "walk",
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the counts in the cases; a difference is an error.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The output is JSON lines anyway.")] = False,
) -> None:
    """Count cases as they come: a JSON line in, a JSON line out, also for a bad one, with its error."""
    from simulator.counting.cases import count_lines

    failed = False
    try:
        source = contextlib.nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb")  # noqa: SIM115
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SimulatorError(f"cannot read {file}: {reason}") from None
    with source as lines:
        for answer in count_lines(lines, engine, check):
            failed = failed or "error" in answer
            print(json.dumps(answer), flush=True)
    if failed:
        raise typer.Exit(1)


def _keeps(keep: list[str], bypass: list[str]) -> dict[str, bool]:
    for node in keep:
        if node in bypass:
            raise SimulatorError(f"{node}: both to --keep and to --bypass")
    return dict.fromkeys(keep, True) | dict.fromkeys(bypass, False)


def _bytes(size: str | None) -> int | None:
    from simulator.units import parse_bits

    return None if size is None else parse_bits(size) // 8


def _rules(without: list[str] | None) -> list[str] | None:
    """The pruning rules that are left; SimulatorError for an unknown one."""
    from simulator.mappers.optimal.rules import RULES, check_rules

    check_rules(without)
    return None if without is None else [name for name in RULES if name not in without]


def _parameters(dataflow: str, text: str) -> dict[str, int]:
    from simulator import dataflows

    known = dataflows.parameters(dataflow)
    numbers: dict[str, int] = {}
    for part in text.split(","):
        match = _PARAMETER.fullmatch(part)
        if match is None:
            raise SimulatorError(f"--parameters takes NAME=NUMBER,NAME=NUMBER,.., not {part!r}")
        if known and match[1] not in known:
            raise SimulatorError(f"{dataflow} has no parameter {match[1]!r}{did_you_mean(match[1], known)}")
        if match[1] in numbers:
            raise SimulatorError(f"--parameters: {match[1]!r} is given twice")
        numbers[match[1]] = int(match[2])
    return numbers


def _prepare(folder: Path) -> None:
    """Make the folder of a run and see that it can be written: before the run, not after hours of it."""
    if folder.exists() and not folder.is_dir():
        raise SimulatorError(f"cannot write into {folder}: it is no folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SimulatorError(f"cannot write into {folder}: {reason}") from None
    for name in _OUTPUTS:
        if (folder / name).is_dir():
            raise SimulatorError(f"cannot write {folder / name}: it is a folder")


# Listed by the help after those above.
app.command(epilog=SWEEP_EPILOG)(sweep)
app.add_typer(store, name="store", epilog="Example: simulator store info pe.sqlite")
app.add_typer(compare, name="compare", epilog="Example: simulator compare runs runs/before runs/after")
app.command(epilog="Example: simulator report runs/alexnet --out report.html")(report)
app.add_typer(show, name="show", epilog="Example: simulator show network alexnet")
app.add_typer(listing, name="list", epilog="Example: simulator list architectures")
app.command(epilog="Example: simulator convert model.onnx model.yaml --dim height=224")(convert)
app.command(
    epilog='Example: echo \'{"open": {"layer": "alexnet:conv2", "arch": "eyeriss_v1"}}\' | simulator serve'
)(serve)
