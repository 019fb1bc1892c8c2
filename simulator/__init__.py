"""Exact simulator of spatial accelerators: Eyeriss first.

    import simulator as sim

    arch = sim.load_architecture("eyeriss_v1")
    network = sim.load_network("alexnet", batch=4)
    print(sim.simulate(network, arch, dataflow="row_stationary"))
    print(sim.search("alexnet:conv2", arch, objective="edp").mapping)

Names ("alexnet", "eyeriss_v1", "row_stationary") may stand for what they name. Nothing heavy is imported
before it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable as _Callable
from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Dictionary
from typing import TYPE_CHECKING, Any

from simulator.loading import load_architecture, load_layer, load_mapping, load_network

if TYPE_CHECKING:
    from simulator import dataflows
    from simulator.architecture import Architecture
    from simulator.backends.mip import MipMatrices
    from simulator.batch.model import CostModel as _CostModel
    from simulator.densities import Source as DensitySource
    from simulator.evaluation import Progress
    from simulator.loading import Layer as Layer
    from simulator.loading import Machine as Machine
    from simulator.loading import MappingSource as MappingSource
    from simulator.loading import NetworkSource as NetworkSource
    from simulator.mappers import Found, Standing, objective
    from simulator.mapping import Mapping
    from simulator.mapspaces import Constraints, Mapspace
    from simulator.problem import Problem
    from simulator.results import LayerResult, NetworkResult

    DataflowSource = dataflows.Source
    ObjectiveSource = objective.Source

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


def simulate(
    network: NetworkSource,
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
    fuse: bool = True,
) -> NetworkResult:
    """Map, count and price every layer of a network; see `simulator.evaluation.simulate`.

    The network is whatever `load_network` takes. Activations and normalizations are part of the layers
    before them unless ``fuse`` is False.

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
        fuse,
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
