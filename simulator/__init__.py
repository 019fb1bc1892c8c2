"""Exact simulator of spatial accelerators: Eyeriss first.

    import simulator as sim

    arch = sim.load_architecture("eyeriss_v1")
    network = sim.load_network("alexnet", batch=4)
    print(sim.simulate(network, arch, dataflow="row_stationary"))
    print(sim.search("alexnet:conv2", arch, objective="edp").mapping)

Names ("alexnet", "eyeriss_v1", "row_stationary") become objects here and nowhere else. Nothing heavy is
imported before it is used.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable as _Callable
from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Dictionary
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator import dataflows
    from simulator.architecture import Architecture
    from simulator.backends.mip import MipMatrices
    from simulator.batch.model import CostModel as _CostModel
    from simulator.densities import Source as DensitySource
    from simulator.evaluation import Progress
    from simulator.mappers import Found, Standing, objective
    from simulator.mapping import Mapping
    from simulator.mapspaces import Constraints, Mapspace
    from simulator.problem import Problem
    from simulator.results import LayerResult, NetworkResult
    from workloads import Network, NetworkLayer

    Layer = NetworkLayer | Problem | str | os.PathLike[str]
    Machine = Architecture | str | os.PathLike[str]
    DataflowSource = dataflows.Source
    ObjectiveSource = objective.Source
    MappingSource = Mapping | str | os.PathLike[str] | list[Any]

_LAZY = {
    "Architecture": "simulator.architecture",
    "Constraints": "simulator.mapspaces",
    "Mapping": "simulator.mapping",
    "Mapspace": "simulator.mapspaces",
    "Problem": "simulator.problem",
    "SimulatorError": "simulator.errors",
    "Dataflow": "simulator.dataflows",
    "convolution": "simulator.problem",
    "count_case": "simulator.counting.cases",
    "load_dataflow": "simulator.dataflows",
}

__all__ = [
    "Architecture",
    "Constraints",
    "CostModel",
    "Dataflow",
    "Mapping",
    "Mapspace",
    "Problem",
    "SimulatorError",
    "convolution",
    "count_case",
    "dataflow_mapping",
    "evaluate",
    "load_architecture",
    "load_dataflow",
    "load_layer",
    "load_mapping",
    "load_network",
    "mapspace",
    "mip_matrices",
    "search",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'simulator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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


def simulate(
    network: Network | str,
    architecture: Machine,
    dataflow: DataflowSource | None = None,
    objective: str = "energy",
    engine: str = "walk",
    batch: int | None = None,
    mappings: _Dictionary[str, MappingSource] | None = None,
    progress: Progress | None = None,
    mapper: str | None = None,
    evaluations: int | None = None,
    densities: DensitySource | None = None,
    time_limit: float | None = None,
) -> NetworkResult:
    """Map, count and price every layer of a network; see `simulator.evaluation.simulate`.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names, and for layers that have no mapping, with the reason.
    """
    from simulator import evaluation

    given = {name: load_mapping(source) for name, source in (mappings or {}).items()}
    return evaluation.simulate(
        load_network(network, batch),
        load_architecture(architecture),
        dataflow,
        objective,
        engine,
        given,
        progress,
        "optimal" if mapper is None else mapper,
        evaluations,
        time_limit,
        densities,
    )


def evaluate(
    layer: Layer, architecture: Machine, mapping: MappingSource, engine: str = "walk"
) -> LayerResult:
    """Count and price one layer under one mapping.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and for a mapping that is malformed or illegal, with the reason.
    """
    from simulator.cost.model import cost
    from simulator.results import LayerResult, Part

    problem = load_layer(layer)
    spent = cost(problem, load_architecture(architecture), load_mapping(mapping), engine)
    return LayerResult(problem.name, "problem", (Part(spent),), "by hand")


def CostModel(layer: Layer, architecture: Machine) -> _CostModel:  # noqa: N802
    """Return the cost model of a layer on a machine, a `simulator.batch.model.CostModel`.

    It scores arrays of mappings, as vectors of its ``encoding``, by `evaluate`.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names, problems that vectors cannot hold and machines that cannot be priced.
    """
    from simulator.batch import model

    return model.CostModel(load_layer(layer), load_architecture(architecture))


def mapspace(
    layer: Layer, architecture: Machine, dataflow: DataflowSource | None = "row_stationary"
) -> Mapspace:
    """Return every mapping that a dataflow allows for a layer; every legal one where that is None.

    The dataflow is a name, the path of a YAML file or a `Dataflow`.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names, and for an empty space, with the level that cannot hold the smallest tiles.
    """
    from simulator import dataflows

    return dataflows.mapspace(
        "flexible" if dataflow is None else dataflow, load_layer(layer), load_architecture(architecture)
    )


def mip_matrices(layer: Layer, architecture: Machine, largest_prime: int | None = None) -> MipMatrices:
    """Return a layer and a machine as matrices for mixed-integer programs; see `simulator.backends.mip`.

    Extents are padded to the least number without a prime factor past ``largest_prime``, if that is given.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names, and a ``largest_prime`` that is none of 2 to 97.
    """
    from simulator.backends import mip

    return mip.mip_matrices(load_layer(layer), load_architecture(architecture), largest_prime)


def search(
    layer: Layer,
    architecture: Machine,
    dataflow: DataflowSource | None = None,
    objective: ObjectiveSource = "energy",
    mapper: str | None = None,
    *,
    factors: str | None = None,
    keeps: _Dictionary[str, bool] | None = None,
    evaluations: int | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    seed: int = 0,
    threads: int = 1,
    rules: _Iterable[str] | None = None,
    progress: _Callable[[Standing], None] | None = None,
) -> Found:
    """Return the best mapping of a layer, by default with the proof that there is none better.

    Parameters
    ----------
    dataflow
        Whose mapspace is searched, by name, as the path of a YAML file or as a `Dataflow`; None for every
        legal mapping.
    objective
        "energy", "cycles", "edp", a function of energy and cycles that falls in neither, or
        ("energy", "cycles") for the whole front of both.
    mapper
        "optimal" (the default) proves what it finds (`simulator.mappers.find_optimum`); "exhaustive",
        "random", "hill-climbing" and mappers of other libraries (`simulator.mappers.MAPPERS`) do not.
    factors
        "perfect", "balanced" or "ragged" bounds; by default those of the dataflow, and for the optimum of
        every legal mapping perfect ones: there alone a proof is likely for more than a small space.
    keeps
        By node (``"GLB.weights"``) whether it must hold its tensor (True) or let it bypass (False).
    evaluations, time_limit, memory_limit
        Where the search ends: mappings scored, seconds, bytes of partial mappings. Given none, a search for
        the optimum or an exhaustive one ends with the mapspace, the others after 100,000 evaluations. Ctrl-C
        ends it as well, with what was found so far.
    seed
        What random draws follow from. The same seed and evaluations find the same mapping.
    rules
        Names of the pruning rules to use (`simulator.mappers.optimal.rules`), by default all.
    progress
        Called with how far the search is, now and then.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and wrong limits; for an empty mapspace, with the level that cannot hold the
        smallest tiles.
    """
    from dataclasses import replace

    from simulator import dataflows
    from simulator.errors import SimulatorError
    from simulator.mappers import OPTIMAL, find_best

    flow = dataflows.load_dataflow("flexible" if dataflow is None else dataflow)
    space = mapspace(layer, architecture, flow)
    mapper = OPTIMAL if mapper is None else mapper
    if factors is None and mapper == OPTIMAL and not flow.nest:
        factors = "perfect"
    if keeps is not None and not isinstance(keeps, _Dictionary):
        raise SimulatorError(
            f"keeps are nodes and whether they hold their tensor, as {{'GLB.weights': False}}, not {keeps!r}"
        )
    if factors is not None or keeps:
        kept = {**space.constraints.keeps, **(keeps or {})}
        rule = space.constraints.factors if factors is None else factors
        space = space.within(replace(space.constraints, keeps=kept, factors=rule))
    return find_best(
        space,
        objective,
        mapper,
        evaluations=evaluations,
        seconds=time_limit,
        memory_bytes=memory_limit,
        seed=seed,
        threads=threads,
        rules=rules,
        progress=progress,
    )


def dataflow_mapping(
    layer: Layer, architecture: Machine, dataflow: DataflowSource = "row_stationary", /, **parameters: int
) -> Mapping:
    """Return a dataflow's mapping with its parameters given by hand (row stationary: m n e p q r t).

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and for parameters that are missing, unknown or do not fit the array.
    """
    from simulator import dataflows

    return dataflows.mapping(dataflow, load_layer(layer), load_architecture(architecture), parameters)
