"""Simulates a network on a machine: each distinct problem once, with the best mapping of its dataflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dictionary
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from simulator import dataflows
from simulator.architecture import Architecture
from simulator.cost.model import cost
from simulator.counting import check_engine
from simulator.dataflows.declaration import Dataflow
from simulator.densities import Source, load_densities, naming
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.fusing import fused
from simulator.lowering import Problems, lower
from simulator.mappers import (
    OPTIMAL,
    Choice,
    Found,
    Standing,
    best_together,
    check_mapper,
    check_objective,
    find_best,
    has_lattice,
)
from simulator.mappers.choice import front_rows
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace
from simulator.problem import Problem
from simulator.results import LayerResult, NetworkResult, Part, Search, Skipped
from workloads import Input, Network, NetworkLayer

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
    dataflow: dataflows.Source | None = None,
    objective: str = "energy",
    engine: str = "walk",
    mappings: Dictionary[str, Mapping] | None = None,
    progress: Progress | None = None,
    mapper: str = OPTIMAL,
    evaluations: int | None = None,
    time_limit: float | None = None,
    densities: Source | None = None,
    fuse: bool = True,
) -> NetworkResult:
    """Map every layer that the array can run, count it and price it; of the others count what they do.

    The array multiplies and accumulates; it also takes the maxima and sums of pooling and of layers that
    combine values one by one. The others' operations and words are told in the result's ``skipped``.

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
        Mappings given by hand, by the name of a layer, or of its part ("attention.scores"); these are not
        searched.
    progress
        Called with what is being done, multiply-accumulates done and in all.
    mapper
        What searches: "optimal", or one of `simulator.mappers.MAPPERS`. The optimal one goes through every
        mapspace of up to a million mappings; of larger ones it takes the better of their first million and of
        hill climbing; of every legal mapping (dataflow "flexible") it proves the best with perfect factors.
        Each part of a layer's result says what was done.
    evaluations
        The most mappings of a layer that a mapper scores, in place of that million, of hill climbing's and
        random draws' 100,000, or of the whole mapspace for "exhaustive" by name.
    time_limit
        Seconds for the search of each distinct layer. Without one the same run gives the same mappings.
    fuse
        Whether a layer applies the activations and normalizations that follow to its outputs as it writes
        them, at no traffic of their own; else they read and write them once more.
    densities
        Shares of words that are not zero, in (0, 1], by the name of a layer or its part and tensor, or a file
        of them; 1 where none is given.

    Raises
    ------
    SimulatorError
        For unknown names; MappingError where a layer has no mapping, and why.
    """
    check_engine(engine)
    check_objective(objective)
    check_mapper(mapper)
    flow = dataflows.load_dataflow(default_dataflow(architecture) if dataflow is None else dataflow)
    given = dict(mappings or {})
    into = fused(network) if fuse else {}
    layers = _lowered(network, into)
    _check_given(network, layers, given, "a mapping")
    layers = _densify(network, layers, {} if densities is None else densities)
    work = _distinct(layers, given)
    report = _Report(progress, 2 * sum(item.problem.macs for item in work.values()))
    fronts: list[tuple[Choice, ...]] = []
    searches: list[Search | None] = []
    for item in work.values():
        with report(f"mapping {item.problem.name}", item.problem.macs), _naming(item.problem.name):
            if item.given is not None:
                fronts.append(_by_hand(item.problem, architecture, item.given))
                searches.append(None)
            else:
                space = _mapspace(flow, item.problem, architecture, mapper)
                standing = report.within(f"mapping {item.problem.name}", item.problem.macs)
                found = _search(space, objective, mapper, evaluations, time_limit, standing)
                fronts.append(found.front)
                searches.append(
                    Search(found.mapper, found.evaluated, found.complete, found.optimal, found.gap)
                )
    picks = best_together(fronts, [item.times for item in work.values()])
    done: dict[_Key, Part] = {}
    for (key, item), front, pick, search in zip(work.items(), fronts, picks, searches, strict=True):
        with report(f"{_DOING[engine]} {item.problem.name}", item.problem.macs), _naming(item.problem.name):
            done[key] = Part(cost(item.problem, architecture, front[pick].mapping, engine), search=search)
    report.finish()
    results = []
    for name, problems in layers.items():
        parts = []
        for problem, times in problems:
            part = done[_key(problem, _by_name(given, name, problem))]
            parts.append(replace(part, cost=replace(part.cost, problem=problem), times=times))
        if parts:
            by_hand = any(_by_name(given, name, problem) is not None for problem, _ in problems)
            how, layer = "by hand" if by_hand else flow.name, network[name]
            results.append(
                LayerResult(name, layer.type, tuple(parts), how, layer.operations, has_macs=layer.macs > 0)
            )
    skipped = tuple(
        _skipped(layer, into.get(layer.name))
        for layer in network
        if not layers[layer.name] and not isinstance(layer.layer, Input)
    )
    return NetworkResult(
        network.name, network.batch, architecture, flow.name, objective, engine, tuple(results), skipped
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
    return dataflows.load_dataflow(architecture.native_dataflow).name


_DOING = {"walk": "walking", "closed-form": "counting", "functional": "executing"}
_Key = tuple[Problem, Mapping | None]
_Lowered = dict[str, Problems]
_Given = TypeVar("_Given")


class _Report:
    """Tells the caller what is being done and how far along it is, in multiply-accumulates."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def within(self, doing: str, macs: int) -> Callable[[Standing], None] | None:
        """What a layer's search calls now and then: the part of it that is done, and the gap that is left."""
        progress, farthest = self._progress, self._done
        if progress is None:
            return None

        def tell(standing: Standing) -> None:
            nonlocal farthest
            left = "" if standing.gap is None else f", gap {standing.gap:.2g}"
            # A search of two parts begins anew.
            farthest = max(farthest, self._done + int(macs * (standing.part or 0.0)))
            progress(f"{doing}{left}", farthest, self._total)

        return tell

    @contextmanager
    def __call__(self, doing: str, macs: int) -> Iterator[None]:
        if self._progress is not None:
            self._progress(doing, self._done, self._total)
        yield
        self._done += macs

    def finish(self) -> None:
        if self._progress is not None:
            self._progress("done", self._total, self._total)


@contextmanager
def _naming(layer: str) -> Iterator[None]:
    """Say which layer a mapping failed for."""
    try:
        yield
    except MappingError as error:
        raise MappingError(f"layer {layer!r}: {error}") from None


def _lowered(network: Network, into: Dictionary[str, str]) -> _Lowered:
    """The problems of every layer that is not fused into another; of layers that are alike the same ones."""
    layers: _Lowered = {}
    for unique in network.unique_layers():
        problems = lower(unique.layer)
        for name in unique.names:
            # A problem is called as its layer, or as a part of it: attention.scores.
            layers[name] = tuple(
                (replace(problem, name=name + problem.name.removeprefix(unique.layer.name)), times)
                for problem, times in (() if name in into else problems)
            )
    return {layer.name: layers[layer.name] for layer in network}


def _skipped(layer: NetworkLayer, into: str | None) -> Skipped:
    """What a layer does that is not run on the array by itself."""
    words = (layer.words_in, layer.words_out) if into is None else (0, 0)
    return Skipped(layer.name, layer.type, layer.operations, *words, into)


def _check_given(network: Network, layers: _Lowered, given: Dictionary[str, object], what: str) -> None:
    mapped = {name for name, problems in layers.items() if problems}
    mapped |= {problem.name for problems in layers.values() for problem, _ in problems}
    for name in given:
        if name not in mapped:
            raise SimulatorError(
                f"no layer {name!r} with {what} in {network.name}{did_you_mean(name, mapped)}"
            )


def _densify(network: Network, layers: _Lowered, source: Source) -> _Lowered:
    """The layers' problems with their densities; a layer without is dense."""
    densities = load_densities(source)
    with naming(source):
        _check_given(network, layers, densities, "densities")
        return {
            name: tuple(
                (problem.with_densities(_by_name(densities, name, problem) or {}), n)
                for problem, n in problems
            )
            for name, problems in layers.items()
        }


def _distinct(layers: _Lowered, given: Dictionary[str, Mapping]) -> dict[_Key, _Work]:
    """Each distinct problem and mapping given for it once, with how often the network runs it."""
    work: dict[_Key, _Work] = {}
    for name, problems in layers.items():
        for problem, times in problems:
            by_hand = _by_name(given, name, problem)
            key = _key(problem, by_hand)
            known = work.get(key, _Work(problem, 0, by_hand))
            work[key] = replace(known, times=known.times + times)
    return work


def _by_name(given: Dictionary[str, _Given], layer: str, problem: Problem) -> _Given | None:
    """What is given for a part of a layer, else for the layer."""
    return given.get(problem.name, given.get(layer))


def _by_hand(problem: Problem, architecture: Architecture, mapping: Mapping) -> tuple[Choice]:
    spent = cost(problem, architecture, mapping, "closed-form")
    return (Choice(mapping, spent.energy, spent.cycles.total),)


def _mapspace(flow: Dataflow, problem: Problem, architecture: Architecture, mapper: str) -> Mapspace:
    """A dataflow's mapspace; of every legal mapping those with perfect factors, where the best is wanted."""
    space = dataflows.mapspace(flow, problem, architecture)
    if mapper == OPTIMAL and not flow.nest:
        return space.within(replace(space.constraints, factors="perfect"))
    return space


def _search(
    space: Mapspace,
    objective: str,
    mapper: str,
    evaluations: int | None,
    seconds: float | None,
    progress: Callable[[Standing], None] | None,
) -> Found:
    """What a search found; one that was interrupted interrupts the run."""
    # The best EDP of a network takes the front of each layer, which a search along paths keeps if asked.
    both = objective == "edp" and mapper == OPTIMAL and has_lattice(space)
    wanted = ("energy", "cycles") if both else objective
    found = find_best(space, wanted, mapper, evaluations=evaluations, seconds=seconds, progress=progress)
    if found.interrupted:
        raise KeyboardInterrupt
    if not both:
        return found
    energy, cycles = (np.array([getattr(point, name) for point in found.front]) for name in wanted)
    return replace(found, front=tuple(found.front[row] for row in front_rows(energy, cycles)))


def _key(problem: Problem, given: Mapping | None) -> _Key:
    return replace(problem, name=""), given
