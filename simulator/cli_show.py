"""The commands that show a thing or list the names there are."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.cli_options import (
    Batch,
    Json,
    LayerName,
    Machine,
    MachineOption,
    MapspaceDataflow,
    NetworkName,
    architecture_names,
    dataflow_names,
    print_json,
)

show = typer.Typer(
    help="Show a network, an architecture, a dataflow, a mapping or a mapspace.", no_args_is_help=True
)
listing = typer.Typer(help="List the names that other commands take.", no_args_is_help=True)


@show.command("network", epilog="Example: simulator show network alexnet --batch 4")
def show_network(name: NetworkName, batch: Batch = None, as_json: Json = False) -> None:
    """Show a network's layers: types, shapes, multiply-accumulates, weights."""
    from dataclasses import asdict

    import simulator as sim
    from simulator.terminal import print_parts, summary_table

    network = sim.load_network(name, batch)
    if as_json:
        print_json([asdict(row) for row in network.summary()])
    else:
        print_parts(lambda _: [summary_table(network)])


@show.command("architecture", epilog="Example: simulator show architecture eyeriss_v1")
def show_architecture(name: Machine, as_json: Json = False) -> None:
    """Show a machine: its levels, arrays, sizes, bandwidths and prices, with their sources."""
    import simulator as sim

    machine = sim.load_architecture(name)
    if as_json:
        print_json(machine.to_dict())
    else:
        print(machine.describe())


@show.command("dataflow", epilog="Example: simulator show dataflow row_stationary")
def show_dataflow(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DATAFLOW", help="See `simulator list dataflows`.", autocompletion=dataflow_names
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show what a dataflow keeps stationary, and its parameters."""
    from simulator import dataflows

    text = dataflows.describe(name)
    if as_json:
        parameters = list(dataflows.MODULES[name].PARAMETERS)
        print_json({"name": name, "parameters": parameters, "description": text})
    else:
        print(text)


@show.command("mapping", epilog="Example: simulator show mapping best.yaml")
def show_mapping(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A mapping's YAML file.")], as_json: Json = False
) -> None:
    """Show a mapping as the loop nest it is."""
    import simulator as sim

    mapping = sim.load_mapping(file)
    if as_json:
        print_json(mapping.to_list())
    else:
        print(mapping)


@show.command("mapspace", epilog="Example: simulator show mapspace alexnet:conv2 --arch eyeriss_v1")
def show_mapspace(
    layer: LayerName,
    arch: MachineOption,
    dataflow: MapspaceDataflow = None,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """Show the mapspace of a layer: its size, its slots and nodes, and the columns of its vectors."""
    import simulator as sim
    from simulator.report import mapspace_data
    from simulator.terminal import mapspace_parts, print_parts, progress

    with progress(f"counting mappings of {layer}"):
        space = sim.mapspace(sim.load_layer(layer, batch), arch, dataflow)
        size = space.size()
    if as_json:
        print_json(mapspace_data(space, size))
    else:
        print_parts(lambda _: mapspace_parts(space, size))


@listing.command("networks", epilog="Example: simulator list networks")
def list_networks(as_json: Json = False) -> None:
    """List the networks that come with the simulator."""
    from workloads import NETWORKS

    _print_names("network", {name: entry.description for name, entry in NETWORKS.items()}, as_json)


@listing.command("architectures", epilog="Example: simulator list architectures")
def list_architectures(as_json: Json = False) -> None:
    """List the machines that come with the simulator."""
    import simulator as sim

    machines = {name: sim.load_architecture(name).description for name in architecture_names()}
    _print_names("architecture", machines, as_json)


@listing.command("dataflows", epilog="Example: simulator list dataflows")
def list_dataflows(as_json: Json = False) -> None:
    """List the dataflows."""
    from simulator import dataflows

    flows = {name: dataflows.describe(name).splitlines()[0] for name in dataflow_names()}
    _print_names("dataflow", flows, as_json)


def _print_names(kind: str, descriptions: dict[str, str], as_json: bool) -> None:
    from simulator.terminal import name_table, print_parts

    if as_json:
        print_json(descriptions)
    else:
        print_parts(lambda _: [name_table(kind, descriptions)])
