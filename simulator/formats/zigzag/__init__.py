"""ZigZag's files: accelerators become machines, workloads networks and problems, mappings dataflows.

    from simulator.formats import zigzag

    machine, notes = zigzag.read_architecture("tpu_like.yaml")
    network, notes = zigzag.read_network("resnet18.yaml")

What has no counterpart here stands in ``notes``, or is an error. Where counts differ from ZigZag's, and why,
is in the documentation.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from simulator.formats.zigzag.kinds import ACCELERATOR, MAPPING, WORKLOAD, kind_of

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.dataflows.declaration import Dataflow
    from simulator.problem import Problem
    from workloads import Network

__all__ = [
    "ACCELERATOR",
    "MAPPING",
    "WORKLOAD",
    "kind_of",
    "read_architecture",
    "read_dataflow",
    "read_network",
    "read_problem",
]

Source = str | os.PathLike[str]
Notes = tuple[str, ...]


def read_architecture(
    path: Source, workload: Source | None = None, area_um2: float | None = None
) -> tuple[Architecture, Notes]:
    """Return the machine of an accelerator's file, and what of it has no counterpart.

    Parameters
    ----------
    workload
        The file of a workload whose widths of words the machine has.
    area_um2
        Square micrometres of the unit of the file's areas, 1e6 for mm2; without it areas are left out.

    Raises
    ------
    ArchitectureError, ProblemError
        For what is wrong in a file, with its field, and what has no counterpart here.
    """
    from simulator.formats.zigzag.layers import widths_of
    from simulator.formats.zigzag.machines import machine

    bits, notes = (None, ()) if workload is None else widths_of(workload)
    made, more = machine(path, bits, area_um2)
    return made, (*notes, *more)


def read_network(path: Source) -> tuple[Network, Notes]:
    """Return a workload as a network in which each layer has inputs of its own, and what is not in it.

    Raises
    ------
    ProblemError, WorkloadError
        For what is wrong in the file; for layers that are no convolution, product, pooling or addition (they
        can be read one by one, by `read_problem`), or have different batches.
    """
    from simulator.formats.zigzag.layers import network

    return network(path)


def read_problem(path: Source, layer: str | None = None) -> tuple[Problem, Notes]:
    """Return a layer of a workload, by name or Layer<id>, as a problem with its own widths, and notes.

    Raises
    ------
    ProblemError, WorkloadError
        For what is wrong in the file, and an unknown layer.
    """
    from simulator.formats.zigzag.layers import problem

    return problem(path, layer)


def read_dataflow(
    path: Source, layer: str | None = None, accelerator: Source | None = None
) -> tuple[Dataflow, Notes]:
    """Return a mapping, or what an accelerator's file has for ``dataflows``, as a dataflow, and notes.

    Parameters
    ----------
    layer
        The name of a mapping's entry, or a layer of a workload, ``"workload.yaml:Layer0"``, whose dimensions
        the mapping names; by default the entry ``default``.
    accelerator
        The file of the array that it is for: dimensions of it that the mapping leaves out may take anything.

    Raises
    ------
    SimulatorError
        For what is wrong in a file, and dimensions that nothing says what they are.
    """
    from simulator.errors import SimulatorError
    from simulator.formats.zigzag import dataflows
    from simulator.formats.zigzag.layers import named, read_layers
    from simulator.formats.zigzag.memories import read_accelerator

    notes: list[str] = []
    if kind_of(path) == ACCELERATOR:
        found = read_accelerator(path, notes)
        if not found.dataflows:
            raise SimulatorError(f"{path}: the field 'dataflows' is missing, so there is no dataflow in it")
        return dataflows.of_accelerator(found.name, found.dataflows, os.fspath(path)), tuple(notes)
    file, _, name = (layer or "").rpartition(":")
    whose = named(read_layers(file, notes), name, file) if file else None
    axes = None if accelerator is None else read_accelerator(accelerator, notes).sizes
    flow, more = dataflows.dataflow(path, None if whose else layer, whose, axes)
    return flow, (*notes, *more)
