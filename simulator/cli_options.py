"""What the commands share: arguments and options with their help and completions, and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo


def print_json(data: object) -> None:
    print(json.dumps(data, indent=1))


def network_names() -> list[str]:
    from workloads import NETWORKS

    return list(NETWORKS)


def architecture_names() -> list[str]:
    from simulator.architecture import registered_architectures

    return list(registered_architectures())


def mapper_names() -> list[str]:
    from simulator.mappers import MAPPERS, OPTIMAL

    return [OPTIMAL, *MAPPERS]


def dataflow_names() -> list[str]:
    from simulator.dataflows import DATAFLOWS

    return list(DATAFLOWS)


NetworkName = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A network's name; see `simulator list networks`.",
        autocompletion=network_names,
    ),
]
_MACHINE_HELP = "A machine's name (`simulator list architectures`) or the path of its YAML file."
Machine = Annotated[
    str, typer.Argument(metavar="ARCH", help=_MACHINE_HELP, autocompletion=architecture_names)
]
MachineOption = Annotated[str, typer.Option("--arch", help=_MACHINE_HELP, autocompletion=architecture_names)]


def _dataflow_option(what: str) -> OptionInfo:
    option: OptionInfo = typer.Option(metavar="NAME|FILE", help=what, autocompletion=dataflow_names)
    return option


Dataflow = Annotated[
    str | None, _dataflow_option("A dataflow (see `simulator list dataflows`), or its YAML file.")
]
LayerName = Annotated[
    str, typer.Argument(metavar="LAYER", help="A layer, as alexnet:conv2, or a problem's YAML file.")
]
MapspaceDataflow = Annotated[
    str | None,
    _dataflow_option(
        "A dataflow's mapspace (see `simulator list dataflows`), or its YAML file's; by default every "
        "legal mapping."
    ),
]
Objective = Annotated[
    str, typer.Option(metavar="NAME", help="What mappings are chosen for: energy, cycles or edp.")
]
Mapper = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What searches: optimal (the default, with a proof) or another one (`simulator list mappers`).",
        autocompletion=mapper_names,
    ),
]
Evaluations = Annotated[int | None, typer.Option(min=1, help="The most mappings of a layer that are scored.")]
TimeLimit = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="End a layer's search after this time, with the best so far."),
]
Save = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the mapping to this YAML file.")]
Densities = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A YAML file of densities: each layer's tensors' shares of non-zeros."),
]
Batch = Annotated[int | None, typer.Option(min=1, help="Images at a time.")]
Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="What counts: walk (checked against the closed form), closed-form or functional."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
