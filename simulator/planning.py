"""What a network asks of any machine: its distinct problems, and which of them each layer is."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, replace
from typing import TypeVar

from simulator.densities import Source, load_densities, naming
from simulator.errors import SimulatorError, did_you_mean
from simulator.fusing import fused
from simulator.lowering import Problems, lower
from simulator.mapping import Mapping
from simulator.problem import Problem
from simulator.results import Skipped
from workloads import Input, Network, NetworkLayer

_Key = tuple[Problem, Mapping | None]
_Lowered = dict[str, Problems]
_Given = TypeVar("_Given")


@dataclass(frozen=True)
class Work:
    """A distinct problem, how often the network runs it, and a mapping given by hand for it."""

    problem: Problem
    times: int
    given: Mapping | None = None


@dataclass(frozen=True)
class PlannedLayer:
    """A layer that the array runs. Its ``problems``: each one's name, number in `Plan.work`, and times."""

    name: str
    type: str
    operations: int
    has_macs: bool
    by_hand: bool
    problems: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Plan:
    """What a network asks of any machine: its distinct problems, and which of them each layer is."""

    network: str
    batch: int
    layers: tuple[PlannedLayer, ...]
    skipped: tuple[Skipped, ...]
    work: tuple[Work, ...]


def plan(
    network: Network,
    mappings: Dictionary[str, Mapping] | None = None,
    densities: Source | None = None,
    fuse: bool = True,
) -> Plan:
    """Return what a network asks of any machine; the parameters are those of `simulate`.

    Raises
    ------
    SimulatorError
        For mappings and densities of layers that the array does not run.
    """
    given = dict(mappings or {})
    into = fused(network) if fuse else {}
    layers = _lowered(network, into)
    _check_given(network, layers, given, "a mapping")
    layers = _densify(network, layers, {} if densities is None else densities)
    work = _distinct(layers, given)
    number = {key: index for index, key in enumerate(work)}
    planned = []
    for name, problems in layers.items():
        keys = [_key(problem, _by_name(given, name, problem)) for problem, _ in problems]
        layer, by_hand = network[name], any(mapping is not None for _, mapping in keys)
        parts = tuple(
            (problem.name, number[key], times) for key, (problem, times) in zip(keys, problems, strict=True)
        )
        if parts:
            planned.append(PlannedLayer(name, layer.type, layer.operations, layer.macs > 0, by_hand, parts))
    skipped = tuple(
        _skipped(layer, into.get(layer.name))
        for layer in network
        if not layers[layer.name] and not isinstance(layer.layer, Input)
    )
    return Plan(network.name, network.batch, tuple(planned), skipped, tuple(work.values()))


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


def _distinct(layers: _Lowered, given: Dictionary[str, Mapping]) -> dict[_Key, Work]:
    """Each distinct problem and mapping given for it once, with how often the network runs it."""
    work: dict[_Key, Work] = {}
    for name, problems in layers.items():
        for problem, times in problems:
            by_hand = _by_name(given, name, problem)
            key = _key(problem, by_hand)
            known = work.get(key, Work(problem, 0, by_hand))
            work[key] = replace(known, times=known.times + times)
    return work


def _by_name(given: Dictionary[str, _Given], layer: str, problem: Problem) -> _Given | None:
    """What is given for a part of a layer, else for the layer."""
    return given.get(problem.name, given.get(layer))


def _key(problem: Problem, given: Mapping | None) -> _Key:
    return replace(problem, name=""), given
