"""The command that saves a network as our YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli_options import Batch, BuilderOptions, Dimensions, NetworkName, Phase, network_options
from simulator.errors import SimulatorError


def convert(
    network: NetworkName,
    file: Annotated[Path, typer.Argument(metavar="OUT.yaml", help="The YAML file to write.")],
    batch: Batch = None,
    option: BuilderOptions = None,
    dimension: Dimensions = None,
    phase: Phase = None,
) -> None:
    """Save a network, of the zoo or of a file of any format, as YAML that every command takes.

    No weights are saved, nor read: only the layers and their shapes.
    """
    import simulator as sim
    from simulator.files import check_writable
    from workloads.network_file import save_network

    if file.suffix not in (".yaml", ".yml"):
        raise SimulatorError(f"cannot write {file}: the name must end in .yaml or .yml")
    check_writable(file)
    read = sim.load_network(network, batch, **network_options(dimension, phase, option))
    save_network(read, file)
    print(f"{file}: {read.name}, {len(read)} layers, {read.macs:,} MACs, {read.params:,} parameters")
