"""Simulates a network on a machine: each distinct problem once, with the best mapping of its dataflow."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, replace

from simulator import dataflows
from simulator.architecture import Architecture
from simulator.cost.model import Cost, cost
from simulator.counting import check_engine
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.lowering import lower_layer
from simulator.mappers.exhaustive import Choice, best_together, check_objective, search_exhaustively
from simulator.mapping import Mapping
from simulator.problem import Problem
from simulator.results import LayerResult, NetworkResult, Part
from workloads import Network

# What is being done, multiply-accumulates done and in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Work:
    """A distinct problem, the layers' multiplicity of it, and a mapping given by hand for it."""

    problem: Problem
    times: int
    given: Mapping | None


def simulate(
    network: Network,
    architecture: Architecture,
    dataflow: str | None = None,
    objective: str = "energy",
    engine: str = "walk",
    mappings: Dictionary[str, Mapping] | None = None,
    progress: Progress | None = None,
) -> NetworkResult:
    """Map every layer that has multiply-accumulates, count it and price it.

    Parameters
    ----------
    dataflow
        Whose mapspace is searched; by default row stationary where the machine can, else the machine's
        native dataflow.
    objective
        "energy", "cycles", or "edp" for the smallest product of the network's energy and cycles.
    engine
        Counts the chosen mappings: "walk" (checked against the closed form), "closed-form", "functional".
    mappings
        Mappings given by hand, by layer name; these layers are not searched.
    progress
        Called with what is being done, multiply-accumulates done and in all.

    Raises
    ------
    SimulatorError
        For unknown names; MappingError where a layer has no mapping, and why.
    """
    check_engine(engine)
    check_objective(objective)
    if dataflow is not None:
        dataflows.check_dataflow(dataflow)
    given = dict(mappings or {})
    layers = {layer.name: lower_layer(layer) for layer in network}
    mapped = [name for name, problems in layers.items() if problems]
    for name in given:
        if name not in mapped:
            raise SimulatorError(
                f"no layer {name!r} with a mapping in {network.name}{did_you_mean(name, mapped)}"
            )
    work: dict[tuple[Problem, Mapping | None], _Work] = {}
    for name in mapped:
        for problem, times in layers[name]:
            key = (_nameless(problem), given.get(name))
            before = work[key].times if key in work else 0
            work[key] = _Work(work[key].problem if key in work else problem, before + times, given.get(name))
    total = sum(item.problem.macs for item in work.values())
    flow = dataflow or default_dataflow(architecture)
    fronts = []
    done = 0
    for item in work.values():
        if progress is not None:
            progress(f"mapping {item.problem.name}", done, 2 * total)
        fronts.append(_choices(item, architecture, flow, objective))
        done += item.problem.macs
    picks = best_together(fronts, [item.times for item in work.values()])
    costs: dict[tuple[Problem, Mapping | None], Cost] = {}
    for (key, item), front, pick in zip(work.items(), fronts, picks, strict=True):
        if progress is not None:
            progress(f"{_DOING[engine]} {item.problem.name}", done, 2 * total)
        costs[key] = cost(item.problem, architecture, front[pick].mapping, engine)
        done += item.problem.macs
    if progress is not None:
        progress("done", done, 2 * total)
    results = []
    for name in mapped:
        parts = tuple(
            Part(replace(costs[_nameless(problem), given.get(name)], problem=problem), times)
            for problem, times in layers[name]
        )
        results.append(LayerResult(name, network[name].type, parts, "by hand" if name in given else flow))
    skipped = tuple(
        (layer.name, layer.type) for layer in network if not layers[layer.name] and layer.type != "Input"
    )
    return NetworkResult(
        network.name, network.batch, architecture, flow, objective, engine, tuple(results), skipped
    )


def default_dataflow(architecture: Architecture) -> str:
    """Row stationary where the machine can, else the machine's native dataflow.

    Raises
    ------
    MappingError
        If neither exists.
    """
    from simulator.dataflows import row_stationary

    if row_stationary.supports(architecture):
        return row_stationary.NAME
    if architecture.native_dataflow is None:
        raise MappingError(
            f"{architecture.name} cannot hold rows in its PEs and names no native_dataflow; name a dataflow"
        )
    return dataflows.check_dataflow(architecture.native_dataflow)


_DOING = {"walk": "walking", "closed-form": "counting", "functional": "executing"}


def _choices(item: _Work, architecture: Architecture, dataflow: str, objective: str) -> tuple[Choice, ...]:
    if item.given is not None:
        return (Choice(item.given, 0.0, 0),)
    return search_exhaustively(dataflows.mapspace(dataflow, item.problem, architecture), objective)


def _nameless(problem: Problem) -> Problem:
    return replace(problem, name="")
