"""Names, files and objects become machines, networks, layers and mappings here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping as _Dictionary
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.mapping import Mapping
    from simulator.problem import Problem
    from workloads import Network, NetworkLayer

    Layer = NetworkLayer | Problem | str | os.PathLike[str]
    Machine = Architecture | str | os.PathLike[str]
    MappingSource = Mapping | str | os.PathLike[str] | list[Any]


def load_architecture(source: Machine) -> Architecture:
    """Return a machine: a name in ``arch_configs``, the path of a YAML file, or the object itself.

    Raises
    ------
    ArchitectureError
        For an unknown name (with the nearest one) or anything wrong in the file.
    """
    from simulator import architecture
    from simulator.dataflows import DATAFLOWS
    from simulator.errors import SimulatorError, did_you_mean

    if isinstance(source, architecture.Architecture):
        return source
    if not isinstance(source, str | os.PathLike):
        raise SimulatorError(f"an architecture is a name, a file's path or an object, not {source!r}")
    machine = architecture.load_architecture(source)
    if machine.native_dataflow is not None and machine.native_dataflow not in DATAFLOWS:
        raise SimulatorError(
            f"{machine.path}: native_dataflow: unknown dataflow {machine.native_dataflow!r}"
            f"{did_you_mean(machine.native_dataflow, DATAFLOWS)}"
        )
    return machine


def load_network(source: Network | str, batch: int | None = None, **options: Any) -> Network:
    """Return a network: a name of the zoo, with its builder's options, or the object itself.

    Raises
    ------
    WorkloadError
        For an unknown name, with the nearest one, or a wrong option.
    """
    import workloads

    if isinstance(source, workloads.Network):
        return source if batch is None else source.with_batch(batch)
    return workloads.build(source, batch=1 if batch is None else batch, **options)


def load_layer(
    source: Layer,
    batch: int | None = None,
    densities: _Dictionary[str, float] | str | os.PathLike[str] | None = None,
) -> Problem:
    """Return the problem of a layer: a layer of a network, ``"alexnet:conv2"``, or a YAML file.

    ``batch`` goes with a layer named like that; any other states its own. ``densities`` are those of the
    layer's tensors, ``{"inputs": 0.613}``, or a YAML file of such mappings, one per layer; 1 where not given.

    The file has ``dims``, ``tensors`` and ``output`` (the form of the counting cases), or a field
    ``convolution`` with n, g, m, c, p, q, r, s, stride and dilation; and perhaps ``densities``.

    Raises
    ------
    SimulatorError, WorkloadError
        For a layer without multiply-accumulates, an unknown name, a malformed file, a batch given twice, a
        density out of (0, 1].
    """
    from simulator.densities import densify

    problem = _load_problem(source, batch)
    return problem if densities is None else densify(problem, densities)


def _load_problem(source: Layer, batch: int | None) -> Problem:
    """The problem of a layer, with no densities but those that its file states."""
    from simulator.errors import ProblemError
    from simulator.lowering import lower_layer, lower_pooling
    from simulator.problem import Problem, read_problem

    if isinstance(source, str) and ":" in source and not source.endswith((".yaml", ".yml", ".json")):
        name, layer = source.split(":", 1)
        source = load_network(name, batch)[layer]
    elif batch is not None:
        raise ProblemError("a batch goes with a layer named as alexnet:conv2; a problem states its own")
    if isinstance(source, Problem):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.suffix and not path.exists():
            raise ProblemError(f"no file {path.name!r}; name a layer as alexnet:conv2, or a YAML file")
        return read_problem(path)
    if not hasattr(source, "layer"):
        raise ProblemError(
            f"a layer is a problem, a network's layer, a name or a file's path, not {source!r}"
        )
    problems = lower_layer(source)
    pooling = lower_pooling(source)
    if pooling is not None:
        return pooling
    if len(problems) != 1:
        raise ProblemError(f"layer {source.name!r} ({source.type}) has no multiply-accumulates to map")
    return problems[0][0]


def load_mapping(source: MappingSource) -> Mapping:
    """Return a mapping: an object, YAML text, a list of nodes, or a file's path.

    Raises
    ------
    MappingError
        For anything malformed. Whether it is legal shows where it is used.
    """
    from simulator.mapping import read_mapping

    return read_mapping(source)
