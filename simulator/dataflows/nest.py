"""Nests with open bounds and tables of parameters to fill them: how dataflows write their mapspaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture
from simulator.counting.lowering import Ints
from simulator.dataflows.layout import Roles, thinned
from simulator.errors import MappingError, did_you_mean
from simulator.mapping import Loop, Mapping, Store
from simulator.mapspaces import Mapspace, Skeleton, capacity_use, keep_legal, why_empty
from simulator.problem import Problem

Table = dict[str, Ints]


@dataclass(frozen=True)
class Slot:
    """A loop with an open bound; ``name`` is the column of bounds that fills it."""

    name: str
    dimension: str
    axis: str | None = None
    array: str | None = None


@dataclass(frozen=True)
class Variant:
    """One nest of a dataflow, and the rows of its table for which it is worth trying."""

    nodes: tuple[Store | Slot, ...]
    rows: npt.NDArray[np.bool_]


def spatial_slots(dimensions: Sequence[str], axes: Sequence[tuple[str, str, int]]) -> tuple[Slot, ...]:
    """A slot per dimension and axis, the last axis outermost; named as ``P@PE.x``."""
    return tuple(
        Slot(f"{dimension}@{array}.{axis}", dimension, axis, array)
        for array, axis, _ in reversed(axes)
        for dimension in dimensions
    )


def build(
    dataflow: str,
    problem: Problem,
    architecture: Architecture,
    variants: Sequence[Variant],
    parameters: Table,
    bounds: Table,
    largest: str,
) -> Mapspace:
    """The mapspace of a dataflow's variants: legal rows, for equal other parameters the ``largest``.

    Raises
    ------
    MappingError
        If no row of any variant is legal: which level cannot hold the smallest tiles.
    """
    found, tried = [], []
    for variant in variants:
        rows = np.flatnonzero(variant.rows)
        candidate = skeleton(variant.nodes, {name: column[rows] for name, column in bounds.items()})
        tried.append(candidate)
        legal = rows[keep_legal(problem, architecture, candidate)]
        chosen = _largest({name: column[legal] for name, column in parameters.items()}, largest)
        if len(chosen):
            picked = {name: column[legal[chosen]] for name, column in bounds.items()}
            found.append(skeleton(variant.nodes, picked))
    if not found:
        raise why_empty(problem, architecture, dataflow, tried)
    return Mapspace(problem, architecture, dataflow, tuple(found))


def skeleton(nodes: Sequence[Store | Slot], bounds: Table) -> Skeleton:
    """Fill a nest's slots from columns of bounds; slots that are 1 in every row disappear."""
    kept: list[Store | Loop] = []
    columns: list[Ints] = []
    for node in nodes:
        if isinstance(node, Store):
            kept.append(node)
        elif (bounds[node.name] > 1).any():
            kept.append(Loop(node.dimension, 1, node.axis, node.array))
            columns.append(bounds[node.name])
    rows = len(next(iter(bounds.values())))
    table = np.stack(columns, axis=1) if columns else np.ones((rows, 0), np.int64)
    return Skeleton(Mapping(tuple(kept)), table)


def by_hand(
    dataflow: str, known: Dictionary[str, str | None], problem: Problem, parameters: dict[str, int]
) -> dict[str, int]:
    """Check parameters given by hand; ``known`` says which dimension's extent bounds each from above.

    Raises
    ------
    MappingError
        For a parameter missing, unknown (with the nearest name), not a whole number or not positive.
    """
    given = {}
    for name, value in parameters.items():
        if name not in known:
            raise MappingError(f"{dataflow} has no parameter {name!r}{did_you_mean(name, known)}")
        dimension = known[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < (0 if dimension is None else 1):
            raise MappingError(f"{dataflow}: parameter {name} must be a positive whole number, not {value!r}")
        if dimension is not None and value > problem.extents[dimension]:
            raise MappingError(
                f"{dataflow}: parameter {name} is {value}, more than {problem.name} has: "
                f"{dimension} = {problem.extents[dimension]}"
            )
        given[name] = value
    if missing := [name for name in known if name not in parameters]:
        raise MappingError(
            f"{dataflow} needs the parameters {', '.join(known)}; missing: {', '.join(missing)}"
        )
    sets = given["p"] * given["t"]
    if given["m"] % sets and given["m"] < problem.extents["M"]:
        raise MappingError(
            f"{dataflow}: parameter m is {given['m']}, but must be a multiple of p * t = {sets}, or all of "
            f"M = {problem.extents['M']}"
        )
    return given


def sets_on_array(
    channels: Sequence[int],
    filters: Sequence[int],
    fill: bool,
    place: Callable[[int, int], dict[str, int] | None],
) -> Iterator[tuple[int, int, dict[str, int]]]:
    """Pairs of channels and filters on the array, with their places.

    To ``fill`` it: for each number of channels the most filters that fit, left out where more channels
    hold as many. Else every pair of sizes down to one that leaves places idle, halving.
    """
    most = 0
    for r in reversed(channels if fill else thinned(channels)):
        fitting = [(t, spots) for t in reversed(filters) if t > most and (spots := place(r, t)) is not None][
            :1
        ]
        if fitting and not fill:
            sizes = thinned([t for t in filters if t <= fitting[0][0]])
            fitting = [(t, spots) for t in sizes if (spots := place(r, t)) is not None]
        for t, spots in fitting:
            most = t if fill else 0
            yield r, t, spots


def constant(values: dict[str, int], rows: int = 1) -> Table:
    """A column of one value for each name."""
    return {name: np.full(rows, value, np.int64) for name, value in values.items()}


def on_axes(table: Table, machine: Roles, dimension: str) -> Ints:
    """Places of a dimension on all axes together."""
    places: Ints = np.prod([table[f"{dimension}@{array}.{axis}"] for array, axis, _ in machine.axes], axis=0)
    return places


def filter_bounds(problem: Problem, machine: Roles, table: Table) -> Table:
    """Bounds that both dataflows have: groups, images, filters and channels at every place of the nest.

    Columns m, n, p and q of ``table`` are the parameters, those with an @ the places on the axes.
    """
    x = problem.extents
    filters = table["p"] * on_axes(table, machine, "M")
    kept = tiles(table["m"], filters)
    whole = np.ones_like(table["m"])
    return {
        "G1": x["G"] * whole,
        "N1": tiles(x["N"], table["n"]),
        "M1": tiles(x["M"], kept * filters),
        "C1": tiles(x["C"], table["q"] * on_axes(table, machine, "C")),
        "M2": kept,
        "R1": tiles(x["R"], on_axes(table, machine, "R")),
        "N2": table["n"],
        "Q": x["Q"] * whole,
        "C3": table["q"],
        "M3": table["p"],
        **{name: column for name, column in table.items() if "@" in name},
    }


def combinations(**values: Sequence[int]) -> Table:
    """Every combination of some parameters' values, a column each."""
    grids = np.meshgrid(*(np.asarray(v, np.int64) for v in values.values()), indexing="ij")
    return {name: grid.ravel() for name, grid in zip(values, grids, strict=True)}


def fitting(
    problem: Problem, architecture: Architecture, nodes: Sequence[Store | Slot], bounds: Table
) -> npt.NDArray[np.bool_]:
    """Rows (B,) whose tiles fit every level of a part of a nest, its innermost."""
    candidate = skeleton(nodes, bounds)
    fits = np.ones(len(candidate.bounds), np.bool_)
    for capacity, _, taken in capacity_use(problem, architecture, candidate):
        fits &= taken <= capacity
    return fits


def worth_trying(fitting_sizes: Ints, sizes: Sequence[int]) -> list[int]:
    """The sizes that fit, from half of the largest on: smaller tiles only move words more often."""
    usable = sorted(set(sizes) & {int(n) for n in fitting_sizes})
    return [size for size in usable if 2 * size > usable[-1]] if usable else [1]


def stack(tables: Sequence[Table]) -> Table:
    """Tables with the same columns below each other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def tiles(extent: int | Ints, size: int | Ints) -> Ints:
    """How many tiles of a size cover an extent."""
    return np.asarray(-(-np.asarray(extent) // np.asarray(size)), np.int64)


def _largest(table: Table, name: str) -> Ints:
    """Indices of rows with the largest value of a column among rows equal in all others."""
    others = np.stack([column for key, column in table.items() if key != name])
    order = np.lexsort((table[name], *others))
    if not len(order):
        return order
    changes = (others[:, order[1:]] != others[:, order[:-1]]).any(axis=0)
    return np.sort(order[np.append(changes, True)])
