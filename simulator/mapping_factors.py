"""From factors of each dimension by level and axis, as MIP formulations and tables have them, to a nest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from simulator.architecture import Architecture, Array, Storage
from simulator.errors import MappingError, did_you_mean
from simulator.legality import check_mapping
from simulator.mapping import Loop, Store
from simulator.mapping import Mapping as Nest
from simulator.problem import MAX_EXTENT, Problem

Factors = Mapping[str, Mapping[str, int]]
Names = Mapping[str, Sequence[str]]


def places_of(architecture: Architecture) -> tuple[str, ...]:
    """Names of the places for factors, outermost first: storage levels, and axes as ``PE.x``."""
    return tuple(name for part in _parts(architecture) for name in _places(part))


def nest_of_factors(
    problem: Problem,
    architecture: Architecture,
    factors: Factors,
    order: Names | None,
    keeps: Names | None,
    trim: bool,
) -> Nest:
    """Return the checked nest of factors; see `Mapping.from_factors`."""
    if not isinstance(trim, bool):
        raise MappingError(f"trim must be true or false, not {trim!r}")
    places = places_of(architecture)
    bounds = _bounds(problem, places, factors)
    if trim:
        _trim(problem, places, bounds)
    orders = {} if order is None else _names("order", order, "level or axis", places)
    kept = {} if keeps is None else _names("keeps", keeps, "level", [s.name for s in architecture.storages])
    nodes: list[Store | Loop] = []
    for part in _parts(architecture):
        if isinstance(part, Storage):
            tensors = kept.get(part.name, [t for t in part.keeps if t in problem.tensor_names])
            nodes += [Store(part.name, tuple(tensors))] if tensors else []
        for place in _places(part):
            array, axis = (
                (part.name, place.removeprefix(f"{part.name}.")) if place != part.name else (None, None)
            )
            for dimension in _ordered(problem, place, bounds[place], orders.get(place)):
                nodes.append(Loop(dimension, bounds[place][dimension], axis, array))
    return check_mapping(problem, architecture, Nest(tuple(nodes)))


def _parts(architecture: Architecture) -> list[Storage | Array]:
    return sorted([*architecture.storages, *architecture.arrays], key=lambda part: part.rank)


def _places(part: Storage | Array) -> list[str]:
    return [part.name] if isinstance(part, Storage) else [f"{part.name}.{axis.name}" for axis in part.axes]


def _bounds(problem: Problem, places: Sequence[str], factors: Factors) -> dict[str, dict[str, int]]:
    """The bound of every loop, by place and dimension; 1 where no factor is given."""
    bounds = {place: dict.fromkeys(problem.extents, 1) for place in places}
    for dimension, given in _mapping("factors", factors).items():
        _known(dimension, problem.extents, f"factors: {problem.name} has no dimension")
        where = f"factors: {dimension}"
        for place, factor in _mapping(where, given).items():
            _known(place, places, f"{where}: no level or axis")
            whole = isinstance(factor, int | np.integer) and not isinstance(factor, bool)
            if not whole or not 1 <= factor <= MAX_EXTENT:
                raise MappingError(
                    f"{where}: {place}: must be a whole number from 1 to 2**31, not {factor!r}"
                )
            bounds[place][dimension] = int(factor)
    for dimension, extent in problem.dimensions:
        product = math.prod(bounds[place][dimension] for place in places)
        if product < extent:
            given = ", ".join(f"{p} {bounds[p][dimension]}" for p in places if bounds[p][dimension] > 1)
            raise MappingError(
                f"factors: dimension {dimension} is not covered: its factors multiply to {product} "
                f"({given or 'none given'}), its extent is {extent}"
            )
    return bounds


def _trim(problem: Problem, places: Sequence[str], bounds: dict[str, dict[str, int]]) -> None:
    """Shorten loops, from the innermost outwards, to the iterations that are reached."""
    for dimension, extent in problem.dimensions:
        inside = 1
        for place in reversed(places):
            bounds[place][dimension] = min(bounds[place][dimension], -(-extent // inside))
            inside *= bounds[place][dimension]


def _ordered(
    problem: Problem, place: str, bounds: Mapping[str, int], order: Sequence[str] | None
) -> list[str]:
    """The dimensions with a loop at a place, outermost first; in the problem's order where none is given."""
    if order is None:
        return [d for d in problem.extents if bounds[d] > 1]
    for dimension in order:
        _known(dimension, problem.extents, f"order: {place}: {problem.name} has no dimension")
    if len(set(order)) < len(order):
        raise MappingError(f"order: {place}: names a dimension twice: {', '.join(order)}")
    missing = [d for d in problem.extents if bounds[d] > 1 and d not in order]
    if missing:
        raise MappingError(
            f"order: {place}: {', '.join(missing)} has a factor there and no place in the order"
        )
    return [d for d in order if bounds[d] > 1]


def _names(what: str, given: Names, kind: str, known: Iterable[str]) -> dict[str, list[str]]:
    """Lists of names by level or axis."""
    for place, names in _mapping(what, given).items():
        _known(place, known, f"{what}: no {kind}")
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise MappingError(f"{what}: {place}: must be a list of names, not {names!r}")
        for name in names:
            if not isinstance(name, str):
                raise MappingError(f"{what}: {place}: must be a list of names; {name!r} is none")
    return {place: list(names) for place, names in given.items()}


def _mapping(what: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise MappingError(f"{what} must be a mapping of names to values, not {type(given).__name__}")
    return given


def _known(name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        raise MappingError(f"{what} {name!r}{did_you_mean(str(name)[:80], known)}")
