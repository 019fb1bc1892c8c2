"""Names, files and objects become machines, networks, layers and mappings here and nowhere else."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from collections.abc import Mapping as _Dictionary
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.mapping import Mapping
    from simulator.problem import Problem
    from workloads import Network, NetworkLayer

    # A module of PyTorch is all that can be called here.
    NetworkSource = Network | str | os.PathLike[str] | Callable[..., object]
    Layer = NetworkLayer | Problem | str | os.PathLike[str]
    Machine = Architecture | str | os.PathLike[str]
    MappingSource = Mapping | str | os.PathLike[str] | list[Any]


def load_architecture(source: Machine, energy: str | os.PathLike[str] | None = None) -> Architecture:
    """Return a machine: a name in ``arch_configs``, the path of a YAML file, or the object itself.

    The file may be Timeloop's, ZigZag's or a ``.cfg`` of SCALE-Sim's; what of it has no counterpart is a
    warning. ``energy`` is an energy table, by name (`simulator list energies`) or file, that all prices,
    areas and leakage are then of.

    Raises
    ------
    ArchitectureError
        For an unknown name (with the nearest one) or anything wrong in the file.
    """
    machine = _load_machine(source)
    return machine if energy is None else machine.priced(energy)


def _load_machine(source: Machine) -> Architecture:
    from simulator import architecture
    from simulator.dataflow_names import dataflow_names
    from simulator.errors import SimulatorError, did_you_mean
    from simulator.formats import scalesim, timeloop, zigzag

    if isinstance(source, architecture.Architecture):
        return source
    if not isinstance(source, str | os.PathLike):
        raise SimulatorError(f"an architecture is a name, a file's path or an object, not {source!r}")
    if "architecture" in timeloop.kinds_of(source):
        read = timeloop.read(source).machine
        _warn(read.notes)
        return replace(read.architecture, path=os.fspath(source))
    if scalesim.is_config(source):
        config = scalesim.read_config(source)
        _warn(config.notes)
        return replace(scalesim.systolic(config), path=os.fspath(source))
    if zigzag.kind_of(source) == zigzag.ACCELERATOR:
        machine, notes = zigzag.read_architecture(source)
        _warn(notes)
        return machine
    machine = architecture.load_architecture(source)
    if machine.native_dataflow is not None and machine.native_dataflow not in dataflow_names():
        raise SimulatorError(
            f"{machine.path}: native_dataflow: unknown dataflow {machine.native_dataflow!r}"
            f"{did_you_mean(machine.native_dataflow, dataflow_names())}"
        )
    return machine


def load_network(source: NetworkSource, batch: int | None = None, **options: Any) -> Network:
    """Return a network: a name of the zoo, a file, a PyTorch module, or the object itself.

    Files are ONNX, Caffe's prototxt, Keras' .keras or .json, tables of layers and our own YAML
    (`workloads.importers`), and ZigZag's workloads; what of these has no counterpart is a warning.

    Parameters
    ----------
    batch
        Images at a time; by default what the file or the object says, else 1.
    options
        Of a name those of its builder (``input_size=300``, ``width=0.75``), of a file those of its format
        (``dimensions={"sequence": 128}``, ``phase="TRAIN"``), of a module ``input_shape=(3, 224, 224)``.

    Raises
    ------
    WorkloadError
        For an unknown name, with the nearest one, a file that cannot be read, a wrong option.
    """
    import workloads
    from simulator.formats import zigzag
    from workloads import importers

    if isinstance(source, workloads.Network):
        if options:
            raise workloads.WorkloadError(
                f"network {source.name!r} is made; it takes no {', '.join(options)}"
            )
        return source if batch is None else source.with_batch(batch)
    if isinstance(source, os.PathLike) or (isinstance(source, str) and importers.is_network_file(source)):
        if zigzag.kind_of(source) == zigzag.WORKLOAD:
            for option in (name for name, value in options.items() if value is not None):
                raise workloads.WorkloadError(f"{os.fspath(source)}: ZigZag's workload takes no {option!r}")
            network, notes = zigzag.read_network(source)
            _warn(notes)
            return network if batch is None else network.with_batch(batch)
        return importers.read_network_file(source, batch=batch, **options)
    if isinstance(source, str):
        return workloads.build(source, batch=1 if batch is None else batch, **options)
    if _is_torch_module(source):
        from workloads.importers.torch_export import read_torch

        return read_torch(source, batch=1 if batch is None else batch, **options)
    raise workloads.WorkloadError(
        f"a network is a name, a file's path, a PyTorch module or a network object, not {source!r:.80}"
    )


def _is_torch_module(source: object) -> bool:
    """Whether it is a module of PyTorch, which is not imported to find out."""
    return any(base.__module__ == "torch.nn.modules.module" for base in type(source).__mro__)


def load_layer(
    source: Layer,
    batch: int | None = None,
    densities: _Dictionary[str, float] | str | os.PathLike[str] | None = None,
    **options: Any,
) -> Problem:
    """Return the problem of a layer: a layer of a network, ``"alexnet:conv2"``, or a YAML file.

    The network of a named layer is a name or a file (``"model.onnx:conv2"``), with the ``options`` of
    `load_network`. Of a layer that is several problems name one, as ``"vit_b_16:block1_attention.scores"``.

    ``batch`` goes with a layer named like that; any other states its own. ``densities`` are those of the
    layer's tensors, ``{"inputs": 0.613}``, or a YAML file of such mappings, one per layer; 1 where not given.

    The file has ``dims``, ``tensors`` and ``output`` (the form of the counting cases), or a field
    ``convolution`` with n, g, m, c, p, q, r, s, stride and dilation; and perhaps ``densities``. It may be
    Timeloop's, or ZigZag's workload of one layer; what of it has no counterpart is a warning. A layer of such
    a workload, ``"workload.yaml:Layer0"``, has the widths that the file gives its words.

    Raises
    ------
    SimulatorError, WorkloadError
        For a layer that the array cannot run, one of several parts (with their names), an unknown name, a
        malformed file, a batch or options given twice, a density out of (0, 1].
    """
    from simulator.densities import densify

    problem = _load_problem(source, batch, options)
    return problem if densities is None else densify(problem, densities)


def _load_problem(source: Layer, batch: int | None, options: dict[str, Any]) -> Problem:
    """The problem of a layer, with no densities but those that its file states."""
    from simulator.errors import ProblemError
    from simulator.formats import timeloop, zigzag
    from simulator.lowering import lowered_part
    from simulator.problem import Problem
    from simulator.problem_file import read_problem

    if isinstance(source, str) and ":" in source and not source.endswith((".yaml", ".yml", ".json")):
        name, layer = source.split(":", 1)
        if batch is None and zigzag.kind_of(name) == zigzag.WORKLOAD:
            problem, notes = zigzag.read_problem(name, layer)
            _warn(notes)
            return problem
        network = load_network(name, batch, **options)
        # A part's name is its layer's and more: attention.scores.
        wholes = [x for x in network if layer.startswith(f"{x.name}.")]
        if layer in network or not wholes:
            return lowered_part(network[layer])
        return lowered_part(max(wholes, key=lambda whole: len(whole.name)), layer)
    if batch is not None or options:
        given = ", ".join([*(["batch"] if batch is not None else []), *options])
        raise ProblemError(f"{given}: goes with a layer named as alexnet:conv2; a problem states its own")
    if isinstance(source, Problem):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.suffix and not path.exists():
            raise ProblemError(f"no file {path.name!r}; name a layer as alexnet:conv2, or a YAML file")
        if "problem" in timeloop.kinds_of(path):
            read = timeloop.read(path).problem
            _warn(read.notes)
            return read.problem
        if zigzag.kind_of(path) == zigzag.WORKLOAD:
            problem, notes = zigzag.read_problem(path)
            _warn(notes)
            return problem
        return read_problem(path)
    if not hasattr(source, "layer"):
        raise ProblemError(
            f"a layer is a problem, a network's layer, a name or a file's path, not {source!r}"
        )
    return lowered_part(source)


def load_mapping(
    source: MappingSource, problem: Problem | None = None, architecture: Architecture | None = None
) -> Mapping:
    """Return a mapping: an object, YAML text, a list of nodes, or a file's path.

    For a problem and a machine the file may be Timeloop's; what of it has no counterpart is a warning.

    Raises
    ------
    MappingError
        For anything malformed. Whether it is legal shows where it is used.
    """
    from simulator.errors import MappingError
    from simulator.formats import timeloop
    from simulator.mapping import read_mapping

    if isinstance(source, str | os.PathLike) and "mapping" in timeloop.kinds_of(source):
        if problem is None or architecture is None:
            raise MappingError(f"{source}: is Timeloop's, which is read for a layer and a machine")
        mapping, notes = timeloop.read(source).mapping(problem, architecture)
        _warn(notes)
        return mapping
    return read_mapping(source)


def _warn(notes: tuple[str, ...]) -> None:
    """Say what of another tool's file has no counterpart."""
    for note in notes:
        warnings.warn(note, stacklevel=3)
