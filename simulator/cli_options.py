"""What the commands share: arguments and options with their help and completions, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.models import OptionInfo

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from workloads import Network


def print_json(data: object) -> None:
    print(json.dumps(data, indent=1))


def network_names() -> list[str]:
    from workloads import NETWORKS

    return list(NETWORKS)


def architecture_names() -> list[str]:
    from simulator.architecture import registered_architectures

    return list(registered_architectures())


def energy_table_names() -> list[str]:
    from simulator.energies.tables import registered_tables

    return list(registered_tables())


def mapper_names() -> list[str]:
    from simulator.mappers import MAPPERS, OPTIMAL

    return [OPTIMAL, *MAPPERS]


def dataflow_names() -> list[str]:
    from simulator import dataflow_names

    return dataflow_names.dataflow_names()


NetworkName = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A network's name (`simulator list networks`), or a file: ONNX, Caffe's .prototxt, Keras' "
        ".keras or .json, a table of layers (.csv), or YAML.",
        autocompletion=network_names,
    ),
]
_MACHINE_HELP = "A machine's name (`simulator list architectures`) or the path of its YAML file."
Machine = Annotated[
    str, typer.Argument(metavar="ARCH", help=_MACHINE_HELP, autocompletion=architecture_names)
]
MachineOption = Annotated[str, typer.Option("--arch", help=_MACHINE_HELP, autocompletion=architecture_names)]

Energy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="The table that all prices, areas and leakage are of (`simulator list energies`), by name or "
        "file, which may be an ERT of Accelergy; by default the machine's own.",
        autocompletion=energy_table_names,
    ),
]


def _dataflow_option(what: str) -> OptionInfo:
    option: OptionInfo = typer.Option(metavar="NAME|FILE", help=what, autocompletion=dataflow_names)
    return option


Dataflow = Annotated[
    str | None, _dataflow_option("A dataflow (see `simulator list dataflows`), or its YAML file.")
]
LayerName = Annotated[
    str,
    typer.Argument(
        metavar="LAYER",
        help="A layer, as alexnet:conv2 or model.onnx:conv2 (of several parts one of them, "
        "vit_b_16:block1_attention.scores), or a problem's YAML file.",
    ),
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
Dimensions = Annotated[
    list[str] | None,
    typer.Option(
        "--dim", metavar="NAME=SIZE", help="A size that a network's file leaves open; may be repeated."
    ),
]
Phase = Annotated[
    str | None, typer.Option(metavar="TEST|TRAIN", help="The phase of a Caffe file, by default TEST.")
]
BuilderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="An option of the network's builder, as width=0.75 or input_size=[480, 640]; may be repeated.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="What counts: walk (checked against the closed form), closed-form or functional."
    ),
]
StoreFile = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="FILE", help="Keep results in this SQLite file; what it has is not run again."
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes, by default as many as there are cores; 0 for none.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def pairs(option: str, form: str, given: Iterable[str]) -> dict[str, str]:
    """The pairs of a repeated option, NAME=SIZE or whatever form it has; SimulatorError for wrong ones."""
    found: dict[str, str] = {}
    for text in given:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise SimulatorError(f"{option} takes {form}, not {text!r}")
        if name in found:
            raise SimulatorError(f"{option}: {name!r} is given twice")
        found[name] = value
    return found


def read_network(
    name: str,
    batch: int | None,
    options: list[str] | None,
    dimensions: list[str] | None,
    phase: str | None,
) -> Network:
    """The network that a command is given."""
    import simulator as sim

    return sim.load_network(name, batch, **network_options(dimensions, phase, options))


def network_options(
    dimensions: list[str] | None, phase: str | None, options: list[str] | None
) -> dict[str, Any]:
    """What `simulator.load_network` takes besides the batch, of what the command line gave."""
    from simulator.files import parse_yaml

    found: dict[str, Any] = {}
    for name, text in pairs("--option", "NAME=VALUE", options or ()).items():
        if name == "batch":
            raise SimulatorError("--option batch: give --batch")
        found[name] = parse_yaml(text, f"--option {name}")
    sizes: dict[str, int] = {}
    for name, text in pairs("--dim", "NAME=SIZE", dimensions or ()).items():
        if not (text.isascii() and text.isdigit() and 0 < len(text) <= 18):
            raise SimulatorError(f"--dim {name}: a size is a whole number from 1 on, not {text!r}")
        sizes[name] = int(text)
    return found | ({"dimensions": sizes} if sizes else {}) | ({} if phase is None else {"phase": phase})
