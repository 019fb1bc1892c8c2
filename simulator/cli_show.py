"""The commands that show a thing or list the names there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli_options import (
    Batch,
    BuilderOptions,
    Dimensions,
    Energy,
    Json,
    LayerName,
    Machine,
    MachineOption,
    MapspaceDataflow,
    NetworkName,
    Phase,
    architecture_names,
    dataflow_names,
    energy_table_names,
    mapper_names,
    network_options,
    print_json,
    read_network,
)
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.mapping import Mapping

_OWN_MAPPERS = {
    "optimal": "finds the best mapping and proves that there is none better (default)",
    "exhaustive": "scores every mapping",
    "random": "scores random mappings",
    "hill-climbing": "goes from the best of 64 random mappings to better neighbours, again and again",
}

show = typer.Typer(
    help="Show a network, an architecture, a dataflow, a mapping or a mapspace.", no_args_is_help=True
)
listing = typer.Typer(help="List the names that other commands take.", no_args_is_help=True)


@show.command(
    "network",
    epilog="Example: simulator show network googlenet --plot googlenet.pdf\n\n"
    "Example: simulator show network mobilenet_v1 --option width=0.5 --batch 4",
)
def show_network(
    name: NetworkName,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw its graph too (.png, .pdf or .svg).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a network: layers with shapes, MACs and weights, totals, where the graph forks and joins."""
    from simulator.terminal import print_parts
    from simulator.terminal_networks import network_overview, overview_parts

    network = read_network(name, batch, option, dimension, phase)
    if plot is not None:
        from simulator.files import check_writable
        from simulator.plots import network_graph, save_figure

        check_writable(plot)
        save_figure(network_graph(network), plot)
    if as_json:
        print_json(network_overview(network))
    else:
        print_parts(lambda _: overview_parts(network))


@show.command("architecture", epilog="Example: simulator show architecture eyeriss_v1 --energy cacti_65nm")
def show_architecture(name: Machine, energy: Energy = None, as_json: Json = False) -> None:
    """Show a machine: its levels, arrays, sizes, bandwidths and prices, with their sources."""
    import simulator as sim

    machine = sim.load_architecture(name, energy)
    if as_json:
        print_json(machine.to_dict())
    else:
        print(machine.describe())


@show.command("dataflow", epilog="Example: simulator show dataflow row_stationary")
def show_dataflow(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DATAFLOW",
            help="A dataflow's name (`simulator list dataflows`) or its YAML file.",
            autocompletion=dataflow_names,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show a dataflow as the YAML that would declare it: what stays and why, and its nest."""
    from simulator import dataflows
    from simulator.dataflows.file import to_data, to_yaml

    flow = dataflows.load_dataflow(name)
    if as_json:
        print_json(to_data(flow) | {"parameters": dataflows.parameters(name)})
    else:
        print(to_yaml(flow), end="")


@show.command(
    "mapping",
    epilog="Example: simulator show mapping a.yaml --plot a.pdf --layer alexnet:conv2 --arch eyeriss_v1",
)
def show_mapping(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A mapping's YAML file.")],
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw it on its array (.png, .pdf or .svg); needs --layer and --arch."
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="With --plot: the layer, as alexnet:conv2, or a problem's YAML file.")
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(help="With --plot: the machine's name or file.", autocompletion=architecture_names),
    ] = None,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """Show a mapping as the loop nest it is, or draw it on the array of a machine."""
    import simulator as sim

    mapping = sim.load_mapping(file)
    if plot is not None:
        _draw_mapping(plot, mapping, layer, arch, batch)
    elif layer or arch or batch:
        raise SimulatorError("--layer, --arch and --batch say what to draw; give --plot FILE too")
    if as_json:
        print_json(mapping.to_list())
    else:
        print(mapping)


def _draw_mapping(
    file: Path, mapping: Mapping, layer: str | None, arch: str | None, batch: int | None
) -> None:
    import simulator as sim
    from simulator.plots import mapping_on_array, save_figure

    if layer is None or arch is None:
        missing = [name for name, value in (("--layer", layer), ("--arch", arch)) if value is None]
        said = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise SimulatorError(f"--plot draws a mapping of a layer on a machine; {said}")
    machine = sim.load_architecture(arch)
    figure = mapping_on_array(sim.load_layer(layer, batch), machine, mapping, f"{layer} on {machine.name}")
    save_figure(figure, file)


@show.command("mapspace", epilog="Example: simulator show mapspace alexnet:conv2 --arch eyeriss_v1")
def show_mapspace(
    layer: LayerName,
    arch: MachineOption,
    dataflow: MapspaceDataflow = None,
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
    as_json: Json = False,
) -> None:
    """Show the mapspace of a layer: its size, its slots and nodes, and the columns of its vectors."""
    import simulator as sim
    from simulator.report import mapspace_data
    from simulator.terminal import mapspace_parts, print_parts, progress

    with progress(f"counting mappings of {layer}"):
        problem = sim.load_layer(layer, batch, **network_options(dimension, phase, option))
        space = sim.mapspace(problem, arch, dataflow)
        size = space.size()
    if as_json:
        print_json(mapspace_data(space, size))
    else:
        print_parts(lambda _: mapspace_parts(space, size))


@listing.command("networks", epilog="Example: simulator list networks")
def list_networks(as_json: Json = False) -> None:
    """List the networks that come with the simulator, with the MACs of one image, weights, year, source."""
    from simulator.terminal import print_parts, progress
    from simulator.terminal_networks import zoo_rows, zoo_table
    from workloads import NETWORKS

    with progress("building networks") as report:
        built = []
        for number, (name, entry) in enumerate(NETWORKS.items()):
            if report is not None:
                report(f"building {name}", number, len(NETWORKS))
            built.append((entry.description, entry()))
    rows = zoo_rows(built)
    if as_json:
        print_json(rows)
    else:
        print_parts(lambda width: [zoo_table(rows, width)])


@listing.command("architectures", epilog="Example: simulator list architectures")
def list_architectures(as_json: Json = False) -> None:
    """List the machines that come with the simulator."""
    import simulator as sim

    machines = {name: sim.load_architecture(name).description for name in architecture_names()}
    _print_names("architecture", machines, as_json)


@listing.command("energies", epilog="Example: simulator list energies")
def list_energies(as_json: Json = False) -> None:
    """List the tables of energy, area and leakage."""
    from simulator.energies.tables import load_table

    tables = {name: load_table(name).description for name in energy_table_names()}
    _print_names("energy table", tables, as_json)


@listing.command("dataflows", epilog="Example: simulator list dataflows")
def list_dataflows(as_json: Json = False) -> None:
    """List the dataflows."""
    from simulator import dataflows

    flows = {name: dataflows.load_dataflow(name).summary for name in dataflow_names()}
    _print_names("dataflow", flows, as_json)


@listing.command("mappers", epilog="Example: simulator list mappers")
def list_mappers(as_json: Json = False) -> None:
    """List the mappers: what searches."""
    from simulator.mappers.adapters import ADAPTERS

    summaries = {
        name: f"{ADAPTERS[name].summary} (extra: mappers)" if name in ADAPTERS else _OWN_MAPPERS[name]
        for name in mapper_names()
    }
    _print_names("mapper", summaries, as_json)


def _print_names(kind: str, descriptions: dict[str, str], as_json: bool) -> None:
    from simulator.terminal import name_table, print_parts

    if as_json:
        print_json(descriptions)
    else:
        print_parts(lambda _: [name_table(kind, descriptions)])
