"""The one place where problems and mappings become arrays of integers for the kernels.

A *query* asks for the counts of one boundary: a tensor, how many loops stand above the child, whether
the child holds what it received (a MAC without a latch does not), and for every loop above the child
its role. Restricting a spatial loop to position zero gives one instance's traffic; letting it split
groups gives the counts without multicast or reduction. The kernels know queries only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.errors import ProblemError
from simulator.mapping import Mapping
from simulator.problem import Problem

if TYPE_CHECKING:
    from simulator.counting.wires import Wires

Ints = npt.NDArray[np.int64]

# Roles of a loop above the child.
TEMPORAL, UNION, SPLIT, ZERO, INSIDE = 0, 1, 2, 3, 4

# Columns of a count row: four for operands, five for the output. FRESH are the words taken while every
# reduction loop above the child stands at zero, REFILLS those taken later.
READS, FILLS, FORWARDABLE, FIRST_READS, DRAINS, CONTRIBUTED, REFILLS, FRESH, LAST_DRAINS = range(9)
COLUMNS = 9

MAC = "MAC"
_MAX_STAMPS = 2**24


class Structure(NamedTuple):
    """What a nest is apart from its bounds; every field is int64.

    extents (D,), loop_dim (L,), rank_start (T+1,), rank_dims (R, 2) with -1 for none,
    rank_coefficients (R, 2), rank_data (R, 2) as first and end, is_output (T,).
    """

    extents: Ints
    loop_dim: Ints
    rank_start: Ints
    rank_dims: Ints
    rank_coefficients: Ints
    rank_data: Ints
    is_output: Ints


class Queries(NamedTuple):
    """Q questions: tensor, child (loops above it), holds, clip, weight (or -1), each (Q,); roles (Q, L)."""

    tensor: Ints
    child: Ints
    holds: Ints
    clip: Ints
    roles: Ints
    weight: Ints


@dataclass(frozen=True)
class Boundary:
    """One tensor between a keeper and the next keeper below; the innermost child is the MAC."""

    tensor: str
    parent: str
    child: str
    parent_above: int
    child_above: int
    output: bool
    holds: bool
    clips: bool


@dataclass(frozen=True)
class Rules:
    """How the machine moves words: per loop and tensor multicast or reduction, latches, stored padding.

    ``splits[tensor]`` holds the indices of spatial loops whose axis neither multicasts an operand nor
    reduces the output; ``stores_padding`` the levels that keep padding. ``gating`` is the operand whose
    zeros a MAC does nothing for.
    """

    splits: dict[str, frozenset[int]]
    latches: frozenset[str] = frozenset()
    stores_padding: frozenset[str] = frozenset()
    gating: str | None = None


@dataclass(frozen=True)
class Nest:
    """A problem and a mapping, lowered: kernels' arrays plus the boundaries they are asked about."""

    problem: Problem
    mapping: Mapping
    rules: Rules
    structure: Structure
    bounds: Ints
    spatial: tuple[bool, ...]
    boundaries: tuple[Boundary, ...]


@dataclass(frozen=True)
class Query:
    """Counts of a boundary. Spatial loops above ``zero_above`` are held at position zero; those above
    ``split_above`` and those in ``splits`` separate groups; ``weight`` multiplies deliveries by the
    index of that spatial loop (for distances). With ``wires`` each of the reads or drains counts as often
    as it drives wires of that network, and nothing else is counted."""

    boundary: Boundary
    zero_above: int = 0
    split_above: int = 0
    splits: frozenset[int] = frozenset()
    weight: int = -1
    wires: Wires | None = None


def lower(problem: Problem, mapping: Mapping, rules: Rules) -> Nest:
    """Lower a legal mapping of a problem to arrays.

    Raises
    ------
    ProblemError
        If a rank of two dimensions is too long for the kernels' bitmaps.
    """
    index = {d: i for i, (d, _) in enumerate(problem.dimensions)}
    structure = Structure(
        np.array([n for _, n in problem.dimensions], np.int64),
        np.array([index[loop.dimension] for loop in mapping.loops], np.int64),
        *rank_arrays(problem),
        np.array([t.name == problem.output for t in problem.tensors], np.int64),
    )
    bounds = np.array([loop.bound for loop in mapping.loops], np.int64)
    spatial = tuple(loop.spatial for loop in mapping.loops)
    return Nest(
        problem, mapping, rules, structure, bounds, spatial, tuple(_boundaries(problem, mapping, rules))
    )


def rank_arrays(problem: Problem) -> tuple[Ints, Ints, Ints, Ints]:
    """A problem's ranks: rank_start, rank_dims, rank_coefficients and rank_data of `Structure`.

    Raises
    ------
    ProblemError
        If a rank of two dimensions is too long for the kernels' bitmaps.
    """
    index = {d: i for i, (d, _) in enumerate(problem.dimensions)}
    ranks = [rank for tensor in problem.tensors for rank in tensor.ranks]
    dims = np.full((len(ranks), 2), -1, np.int64)
    coefficients = np.zeros((len(ranks), 2), np.int64)
    data = np.zeros((len(ranks), 2), np.int64)
    for r, rank in enumerate(ranks):
        for j, (dimension, coefficient) in enumerate(rank.coefficients):
            dims[r, j] = index[dimension]
            coefficients[r, j] = coefficient
        length = problem.rank_length(rank)
        if len(rank.coefficients) == 2 and length > _MAX_STAMPS:
            raise ProblemError(
                f"{problem.name}: a rank of {length} coordinates ({rank}) is too long; at most 2**24"
            )
        first, count = rank.data if rank.data is not None else (0, length)
        data[r] = first, min(first + count, length)
    start = np.cumsum([0] + [len(t.ranks) for t in problem.tensors]).astype(np.int64)
    return start, dims, coefficients, data


def _boundaries(problem: Problem, mapping: Mapping, rules: Rules) -> Iterable[Boundary]:
    innermost = len(mapping.loops)
    for tensor in problem.tensors:
        output = tensor.name == problem.output
        clipped = any(rank.data is not None for rank in tensor.ranks)
        keepers = mapping.keepers(tensor.name)
        children = [*keepers[1:], (MAC, innermost)]
        for (parent, parent_above), (child, child_above) in zip(keepers, children, strict=True):
            holds = child != MAC or (tensor.name in rules.latches and not output)
            clips = clipped and parent not in rules.stores_padding
            yield Boundary(tensor.name, parent, child, parent_above, child_above, output, holds, clips)


def total(nest: Nest, boundary: Boundary) -> Query:
    """The query of the whole boundary under the machine's multicast and reduction."""
    return Query(boundary, splits=nest.rules.splits.get(boundary.tensor, frozenset()))


def fully_reduced(boundary: Boundary) -> Query:
    """The same with every axis reducing: drains beyond it are merges."""
    return Query(boundary)


def at_zero(query: Query, zero_above: int) -> Query:
    """The same with the spatial loops above ``zero_above`` held at position zero."""
    return replace(query, zero_above=zero_above)


def lower_queries(nest: Nest, queries: Iterable[Query]) -> Queries:
    """Queries as arrays.

    Raises
    ------
    ProblemError
        If counts weighted by distance could pass 2**63.
    """
    asked = list(queries)
    if any(query.weight >= 0 for query in asked):
        places = math.prod(loop.bound for loop in nest.mapping.loops if loop.spatial)
        if nest.problem.macs * places >= 2**63:
            raise ProblemError(f"{nest.problem.name}: words times distance could pass 2**63; price no hops")
    tensors = {name: i for i, name in enumerate(nest.problem.tensor_names)}
    roles = np.full((len(asked), len(nest.bounds)), INSIDE, np.int64)
    for row, query in enumerate(asked):
        boundary = query.boundary
        for loop in range(boundary.child_above):
            if not nest.spatial[loop]:
                roles[row, loop] = TEMPORAL
            elif loop < query.zero_above:
                roles[row, loop] = ZERO
            elif loop < max(boundary.parent_above, query.split_above) or loop in query.splits:
                roles[row, loop] = SPLIT
            else:
                roles[row, loop] = UNION

    def column(values: Iterable[int]) -> Ints:
        return np.array(list(values), np.int64)

    return Queries(
        column(tensors[q.boundary.tensor] for q in asked),
        column(q.boundary.child_above for q in asked),
        column(q.boundary.holds for q in asked),
        column(q.boundary.clips for q in asked),
        roles,
        column(q.weight for q in asked),
    )
