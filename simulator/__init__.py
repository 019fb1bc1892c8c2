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
from collections.abc import Sequence as _Sequence
from typing import TYPE_CHECKING, Any

from simulator.loading import load_architecture, load_layer, load_mapping, load_network

if TYPE_CHECKING:
    import os as _os
    from concurrent.futures import Executor as _Executor

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
    from simulator.study.running import Progress as SweepProgress
    from simulator.study.sampling import Settings
    from simulator.study.store import Store
    from simulator.study.study import Study

    DataflowSource = dataflows.Source
    ObjectiveSource = objective.Source

_LAZY = {
    "Architecture": "simulator.architecture",
    "Constraints": "simulator.mapspaces",
    "Mapping": "simulator.mapping",
    "Mapspace": "simulator.mapspaces",
    "Problem": "simulator.problem",
    "SimulatorError": "simulator.errors",
    "Study": "simulator.study.study",
    "Dataflow": "simulator.dataflows",
    "compare": "simulator.comparison",
    "compare_architectures": "simulator.lineup",
    "compare_dataflows": "simulator.lineup",
    "convolution": "simulator.problem",
    "count_case": "simulator.counting.cases",
    "load_dataflow": "simulator.dataflows",
    "open_study": "simulator.study.study",
    "load_result": "simulator.results_file",
    "write_report": "simulator.page",
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
    "Study",
    "compare",
    "compare_architectures",
    "compare_dataflows",
    "convolution",
    "count_case",
    "dataflow_mapping",
    "evaluate",
    "load_architecture",
    "load_dataflow",
    "load_layer",
    "load_mapping",
    "load_network",
    "load_result",
    "mapspace",
    "mip_matrices",
    "open_study",
    "search",
    "simulate",
    "sweep",
    "write_report",
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

    problem, machine = load_layer(layer), load_architecture(architecture)
    spent = cost(problem, machine, load_mapping(mapping, problem, machine), engine)
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


def sweep(
    networks: NetworkSource | _Iterable[NetworkSource],
    architectures: Machine | _Iterable[Machine],
    settings: Settings | _Sequence[Settings] | None = None,
    *,
    sample: str | None = None,
    constraints: str | _Iterable[str] = (),
    batch: int | _Iterable[int] | None = None,
    dataflow: DataflowSource | _Iterable[DataflowSource] | None = None,
    objective: str | _Iterable[str] | None = None,
    engine: str = "closed-form",
    mapper: str | None = None,
    evaluations: int | None = None,
    time_limit: float | None = None,
    densities: _Dictionary[str, DensitySource] | None = None,
    fuse: bool = True,
    skip_invalid: bool = False,
    store: Store | str | _os.PathLike[str] | None = None,
    executor: _Executor | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: SweepProgress | None = None,
) -> Study:
    """Run every network at every point: on every machine that settings make, in every way to run it.

    All of it is checked before the first run. Each distinct problem is mapped once for each distinct
    machine; one that has no mapping is a row that says why. Ctrl-C ends the sweep with what is done.

    Parameters
    ----------
    settings
        Fields with their values: ``{"array.x": [8, 14, 28], "glb.capacity": "64KiB:1MiB:x2"}`` is a grid
        (`simulator.study.sampling` has ranges). Fields are the machine's (`Architecture.replace`, in any
        case, ``array`` being the only array), ``network.`` and an option of the networks' builders, or batch,
        dataflow and objective. A list of ``{field: value}`` is a list of points.
    sample
        In place of the grid a sample of its fields, as "sobol:64" or, with a seed, "latin-hypercube:200:1";
        SciPy's, of the extra ``sampling``.
    constraints
        Conditions that points must meet, as "array.x * array.y <= 1024" (`simulator.study.expressions`):
        of the machine's fields (sizes in bits, or as 64KiB), mac_units, area_um2, batch, dataflow, objective,
        architecture and network.
    batch, dataflow, objective
        One or several, crossed with the settings; by default those of the networks, the machine's and energy.
    engine
        What counts, by default the closed form: exactly what a walk counts, but for stalls within a pass.
    mapper, evaluations, time_limit, fuse
        As in `simulate`.
    densities
        By the name of a network, as in `simulate`.
    skip_invalid
        Leave out settings that make no legal machine, and say so, in place of an error.
    store
        The SQLite file that keeps results; what it has is not run again. By default in memory.
    executor, workers, scheduler
        What runs the work: any `concurrent.futures.Executor`, so many processes of this computer (by default
        as many as it has cores, 0 for none), or a Dask scheduler, as "tcp://host:8786".
    progress
        Called with how far the sweep is, see `simulator.study.running.Standing`.

    Raises
    ------
    SimulatorError, WorkloadError
        For unknown names and fields, wrong values, and settings that make no legal machine; for a store or
        workers that fail.
    """
    from simulator.study import sweeping

    return sweeping.sweep(
        networks, architectures, settings, sample=sample, constraints=constraints, batch=batch,
        dataflow=dataflow, objective=objective, engine=engine, mapper=mapper, evaluations=evaluations,
        time_limit=time_limit, densities=densities, fuse=fuse, skip_invalid=skip_invalid, store=store,
        executor=executor, workers=workers, scheduler=scheduler, progress=progress,
    )  # fmt: skip


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
