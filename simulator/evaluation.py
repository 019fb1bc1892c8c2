"""Simulates a network on a machine: each distinct problem once, with the best mapping of its dataflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from simulator import dataflows
from simulator.architecture import Architecture
from simulator.cost.model import cost
from simulator.counting import check_engine
from simulator.dataflows.declaration import Dataflow
from simulator.densities import Source
from simulator.errors import MappingError
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
from simulator.planning import Plan, Work, plan
from simulator.problem import Problem
from simulator.results import LayerResult, NetworkResult, Part, Search
from workloads import Network

# What is being done, multiply-accumulates done and in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Solved:
    """The mappings that a problem's search leaves to choose from, see `best_together`."""

    front: tuple[Choice, ...]
    search: Search | None


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
    planned = plan(network, mappings, densities, fuse)
    report = _Report(progress, 2 * sum(work.problem.macs for work in planned.work))
    solved: list[Solved] = []
    for work in planned.work:
        name, macs = work.problem.name, work.problem.macs
        with report(f"mapping {name}", macs), _naming(name):
            standing = report.within(f"mapping {name}", macs)
            solved.append(
                solve(work, architecture, flow, objective, mapper, evaluations, time_limit, standing)
            )
    picks = best_together([found.front for found in solved], [work.times for work in planned.work])
    parts: list[Part] = []
    for work, found, pick in zip(planned.work, solved, picks, strict=True):
        name = work.problem.name
        with report(f"{_DOING[engine]} {name}", work.problem.macs), _naming(name):
            spent = cost(work.problem, architecture, found.front[pick].mapping, engine)
            parts.append(Part(spent, search=found.search))
    report.finish()
    return assemble(planned, parts, architecture, flow.name, objective, engine)


def solve(
    work: Work,
    architecture: Architecture,
    flow: Dataflow,
    objective: str,
    mapper: str = OPTIMAL,
    evaluations: int | None = None,
    time_limit: float | None = None,
    progress: Callable[[Standing], None] | None = None,
) -> Solved:
    """Search the mappings of a distinct problem; the parameters are those of `simulate`.

    Raises
    ------
    MappingError
        Where there is no mapping, and why.
    """
    if work.given is not None:
        return Solved(_by_hand(work.problem, architecture, work.given), None)
    space = _mapspace(flow, work.problem, architecture, mapper)
    found = _search(space, objective, mapper, evaluations, time_limit, progress)
    search = Search(found.mapper, found.evaluated, found.complete, found.optimal, found.gap)
    return Solved(found.front, search)


def assemble(
    planned: Plan, parts: Sequence[Part], architecture: Architecture, flow: str, objective: str, engine: str
) -> NetworkResult:
    """Return a network's run from one part for each of its `Plan.work`."""
    layers = []
    for layer in planned.layers:
        own = tuple(_named(parts[work], name, times) for name, work, times in layer.problems)
        how = "by hand" if layer.by_hand else flow
        layers.append(
            LayerResult(layer.name, layer.type, own, how, layer.operations, has_macs=layer.has_macs)
        )
    return NetworkResult(
        planned.network, planned.batch, architecture, flow, objective, engine, tuple(layers), planned.skipped
    )


def _named(part: Part, name: str, times: int) -> Part:
    """A part as a layer's own: under its name, as often as the layer runs it."""
    problem = replace(part.cost.problem, name=name)
    return replace(part, cost=replace(part.cost, problem=problem), times=times)


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
