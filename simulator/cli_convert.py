"""The command that saves a network as our YAML, and converts files from and to other tools' forms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli_options import (
    Batch,
    BuilderOptions,
    Dimensions,
    Phase,
    network_names,
    network_options,
    pairs,
)
from simulator.errors import SimulatorError

_Source = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK|FILE",
        help="A network's name or file, as `run` takes it; with --from or --to the file to convert.",
        autocompletion=network_names,
    ),
]


def convert(
    source: _Source,
    file: Annotated[
        Path,
        typer.Argument(metavar="OUT.yaml", help="The YAML file to write; a report of SCALE-Sim is a CSV."),
    ],
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FORMAT", help="Read another tool's form: timeloop, scalesim, zigzag."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="Write another tool's form: timeloop, scalesim."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What to convert: architecture, network, problem, mapping, dataflow; else what is there. Of "
            "SCALE-Sim's reports compute, bandwidth, access.",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(metavar="LAYER", help="The layer of a mapping or a workload that is converted."),
    ] = None,
    arch: Annotated[
        str | None, typer.Option(metavar="ARCH", help="The machine of a mapping that is converted.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="FILE", help="Another file of the same design; may be repeated."),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The folder that templates may read; by default the file's."),
    ] = None,
    define: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What a template takes by name, or ZigZag's area_um2; may be repeated."
        ),
    ] = None,
    form_version: Annotated[
        int | None,
        typer.Option(metavar="N", help="The version of the form that is written."),
    ] = None,
) -> None:
    """Save a network as YAML that every command takes, or convert a file from or to another tool's.

    Of a network, of the zoo or of a file of any format, no weights are saved, nor read: only the layers and
    their shapes. What another tool has and this one has not, or the other way, is said as a note.
    """
    from simulator.files import check_writable, write_atomically

    endings = (".csv",) if to == "scalesim" else (".yaml", ".yml")
    if file.suffix not in endings:
        raise SimulatorError(f"cannot write {file}: the name must end in {' or '.join(endings)}")
    check_writable(file)
    given = {
        "--kind": kind, "--layer": layer, "--arch": arch, "--with": also, "--root": root, "--define": define,
        "--form-version": form_version,
    }  # fmt: skip
    if from_ is None and to is None:
        extra = [name for name, value in given.items() if value]
        if extra:
            raise SimulatorError(f"{', '.join(extra)}: goes with --from or --to a tool's form")
        _save_network(source, file, batch, network_options(dimension, phase, option))
        return
    if from_ is not None and to is not None:
        raise SimulatorError("give either --from or --to")
    if batch is not None or option or dimension or phase is not None:
        raise SimulatorError(
            "--batch, --option, --dim and --phase go with networks, not with --from and --to"
        )
    from simulator.formats import Request
    from simulator.formats import convert as convert_form

    variables: dict[str, object] = {**pairs("--define", "NAME=VALUE", define or ())}
    request = Request(source, file, kind, layer, arch, tuple(also or ()), root, variables, form_version)
    done = convert_form("to" if from_ is None else "from", str(from_ or to), request)
    write_atomically(file, done.text)
    print(f"{file}: {done.summary}")
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)


def _save_network(source: str, file: Path, batch: int | None, options: dict[str, object]) -> None:
    import simulator as sim
    from workloads.network_file import save_network

    read = sim.load_network(source, batch, **options)
    save_network(read, file)
    print(f"{file}: {read.name}, {len(read)} layers, {read.macs:,} MACs, {read.params:,} parameters")
