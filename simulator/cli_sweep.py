"""The command that runs many networks on many machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli_options import (
    Evaluations,
    Json,
    Mapper,
    StoreFile,
    TimeLimit,
    Workers,
    architecture_names,
    network_names,
    pairs,
    print_json,
)
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.study.sweeping import Prepared

EPILOG = """Example: simulator sweep alexnet vgg16 --arch eyeriss_v1 --set array.x=8,14,28 --store pe.sqlite

Example: simulator sweep alexnet --arch eyeriss_v1 --set array.x=8:64:8 --set array.y=8:64:8 --set
glb.capacity=32KiB:1MiB:log --sample sobol:64 --constraint 'array.x * array.y <= 1024' --out runs/pe

Example: simulator sweep study.yaml --store pe.sqlite --workers 2

Example of a file: {networks: [alexnet, vgg16], architectures: eyeriss_v1, settings: {array.x: [8, 14, 28],
glb.capacity: 64KiB:1MiB:x2}, constraints: [array.x * array.y <= 1024], batch: [1, 4]}"""

Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUES",
        help="Values of a field of the machine, as array.x=8,14,28, glb.capacity=64KiB:1MiB:x2 (a range: "
        "LOW:HIGH, then :STEP or :xFACTOR, or :log to be sampled), or of a network's builder, as "
        "network.width=0.5,1; may be repeated.",
    ),
]


def sweep(
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK..|STUDY.yaml",
            help="Networks, by name or file; or one YAML file with the fields networks, architectures, "
            "settings, constraints, sample, batch, dataflow, objective, engine, mapper, evaluations, "
            "time_limit, densities, fuse, skip_invalid.",
            autocompletion=network_names,
        ),
    ],
    arch: Annotated[
        list[str] | None,
        typer.Option(
            "--arch",
            help="A machine's name (`simulator list architectures`) or its YAML file; may be repeated.",
            autocompletion=architecture_names,
        ),
    ] = None,
    settings: Fields = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD:POINTS[:SEED]",
            help="Sample the values of --set, as sobol:64 or latin-hypercube:200:1; else all are run.",
        ),
    ] = None,
    energy: Annotated[
        str | None,
        typer.Option(metavar="NAME,..", help="Energy tables (`simulator list energies`), by name or file."),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="A condition on fields, as 'array.x * array.y <= 1024'; may be repeated.",
        ),
    ] = None,
    batch: Annotated[str | None, typer.Option(metavar="N,..", help="Images at a time, as 1,4.")] = None,
    dataflow: Annotated[
        str | None, typer.Option(metavar="NAME,..", help="Dataflows, by name or YAML file.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="NAME,..", help="What mappings are chosen for: energy, cycles, edp.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What counts: closed-form (the default: no stalls), walk or functional."
        ),
    ] = None,
    mapper: Mapper = None,
    evaluations: Evaluations = None,
    time_limit: TimeLimit = None,
    densities: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK=FILE", help="A network's YAML file of densities; may be repeated."),
    ] = None,
    no_fuse: Annotated[
        bool,
        typer.Option("--no-fuse", help="Activations and normalizations read and write their values."),
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out points that are no legal machine.")
    ] = False,
    store: StoreFile = None,
    workers: Workers = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler, as tcp://host:8786.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the tables networks, layers and rows into this folder."),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,..", help="Formats of the tables: csv, parquet, json.")
    ] = "csv",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all of it and say what would be run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run networks on every machine that settings make of others: a grid, a list of points or a sample.

    Each distinct layer shape is mapped once for each machine. With --store the same command goes on where
    it was ended, and nothing is ever done twice. A layer without a mapping is a row that says why.
    """
    given = {
        "architectures": arch, "settings": _fields(settings, energy), "sample": sample,
        "constraints": constraint,
        "batch": _values("--batch", batch), "dataflow": _values("--dataflow", dataflow),
        "objective": _values("--objective", objective), "engine": engine, "mapper": mapper,
        "evaluations": evaluations, "time_limit": time_limit,
        "densities": pairs("--densities", "NETWORK=FILE", densities) if densities else None,
        "fuse": False if no_fuse else None, "skip_invalid": skip_invalid or None,
    }  # fmt: skip
    choices = _choices(networks, {name: value for name, value in given.items() if value is not None})
    wanted = tuple(part.strip() for part in formats.split(","))
    _run(choices, store, (workers, scheduler), (out, wanted), dry_run, as_json)


def _run(
    choices: dict[str, Any],
    store: Path | None,
    crew: tuple[int | None, str | None],
    files: tuple[Path | None, tuple[str, ...]],
    dry_run: bool,
    as_json: bool,
) -> None:
    from simulator.study.best import Best
    from simulator.study.executors import check_crew
    from simulator.study.files import check_formats, table_files
    from simulator.study.show import study_parts
    from simulator.study.store import Store
    from simulator.study.study import TABLES
    from simulator.study.sweeping import prepare
    from simulator.terminal import print_parts, sweep_progress

    workers, scheduler = crew
    out, formats = files
    check_crew(None, workers, scheduler)
    check_formats(formats)
    prepared = prepare(**choices)
    if dry_run:
        _tell_what(prepared, store, as_json)
        return
    if out is not None:
        table_files(out, TABLES, formats)
    with closing(Store(store)) as held:
        with sweep_progress("sweeping") as report:
            best = Best(prepared.description, held)
            study = prepared.run(
                held, None, workers, scheduler, lambda standing: report(standing, best.after(standing))
            )
        if out is not None:
            study.save(out, formats)
        if as_json:
            print_json({"networks": study.networks(), "left_out": study.description.left_out})
        else:
            print_parts(lambda _: study_parts(study))
        if study.interrupted:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(130)
        if study.missing:
            raise typer.Exit(1)


def _choices(networks: list[str], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a sweep: those of the command line, or of a file and what it leaves open."""
    from simulator.study.study_file import is_study_file, read_study

    found = [name for name in networks if is_study_file(name)]
    if not found:
        if "architectures" not in given:
            raise SimulatorError("name a machine: --arch eyeriss_v1")
        return {"networks": networks, **given}
    if len(networks) > 1:
        raise SimulatorError(f"{found[0]} is a study, which names its networks itself; give it alone")
    read = read_study(found[0])
    if twice := sorted(set(read) & set(given)):
        raise SimulatorError(
            f"{found[0]} gives {', '.join(twice)} already; leave the option out, or the field"
        )
    return read | given


def _fields(settings: list[str] | None, energy: str | None) -> dict[str, Any] | None:
    """The fields that vary; ``energy`` is one of the machine's."""
    tables = {} if energy is None else {"energy_table": _values("--energy", energy)}
    fields = {
        field: _values(f"--set {field}", values)
        for field, values in pairs("--set", "FIELD=VALUES", settings or ()).items()
    }
    return tables | fields or None


def _values(option: str, text: str | None) -> list[Any] | None:
    """The values of a list such as 8,14,28: numbers, text, true and false, lists."""
    from simulator.files import parse_yaml

    if text is None:
        return None
    values = parse_yaml(f"[{text}]", option)
    if not isinstance(values, list) or None in values:
        raise SimulatorError(f"{option}: a value is empty")
    return values


def _tell_what(prepared: Prepared, store: Path | None, as_json: bool) -> None:
    """What a sweep would run."""
    from simulator.study.store import Store

    known = 0
    if store is not None and store.exists():
        with Store(store) as held:
            known = len(held.known(item.key for item in prepared.items))
    description = prepared.description
    points = [description.label(number) for number in range(len(description.points))]
    if as_json:
        runs = [
            {"network": description.networks[network].plan.network, "point": points[point]}
            for network, point in description.runs
        ]
        items = {"items": len(prepared.items), "in_store": known}
        print_json({"points": points, "runs": runs, **items, "left_out": description.left_out})
        return
    for line in _what(prepared, points, known):
        print(line)


def _what(prepared: Prepared, points: list[str], known: int) -> Iterator[str]:
    description = prepared.description
    yield f"points: {len(points):,}, runs of a network at a point: {len(description.runs):,}"
    items = f"{len(prepared.items):,} distinct layer shapes on distinct machines"
    yield f"{items}, {known:,} of them in the store"
    yield from (f"  {point}" for point in points)
    yield from (f"left out ({number}): {reason}" for reason, number in description.left_out.items())
