"""Ways to spread dimensions over an array's axes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture, Axis
from simulator.counting.lowering import Ints
from simulator.mappers.optimal.lattice import Lattice
from simulator.problem import Problem

# Exchanges of dimensions that are looked at: all of six alike, and some more.
_MOST_TURNS = 1000


class Spreads(NamedTuple):
    """S ways to use the array.

    bounds (S, A, D): the loop of every axis and dimension; total (S, D): places along each dimension;
    shared (S, T, D): those of them on axes that multicast the operand, or reduce the output; steps (S,):
    the fewest steps that mappings with it take.
    """

    bounds: Ints
    total: Ints
    shared: Ints
    steps: Ints


def make_spreads(problem: Problem, architecture: Architecture, lattice: Lattice, mirror: bool) -> Spreads:
    """Return one of all spreads that bounds find alike: axes with the same networks can be exchanged.

    With ``mirror`` also dimensions can that are alike.
    """
    axes = architecture.arrays[0].axes if architecture.arrays else ()
    dims, tensors = len(lattice.extents), problem.tensor_names
    kinds = [tuple(_moves(axis, t, problem.output) for t in tensors) for axis in axes]
    turns = _symmetries(problem) if mirror else []
    found: dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = {}
    for rows in product(*(_loops(lattice, axis.size) for axis in axes)):
        total = tuple(math.prod(column) for column in zip(*rows, strict=True)) if rows else (1,) * dims
        if not all(_reaches(lattice, d, places) for d, places in enumerate(total)):
            continue
        by_kind = [
            tuple(
                math.prod(row[d] for row, own in zip(rows, kinds, strict=True) if own == kind)
                for d in range(dims)
            )
            for kind in sorted(set(kinds))
        ]
        if not any(tuple(tuple(row[d] for d in turn) for row in by_kind) in found for turn in turns):
            found.setdefault(tuple(by_kind), rows)
    bounds = np.array(list(found.values()), np.int64).reshape(len(found), len(axes), dims)
    shared = np.ones((len(found), len(tensors), dims), np.int64)
    for a, kind in enumerate(kinds):
        for t, moves in enumerate(kind):
            if moves:
                shared[:, t] *= bounds[:, a]
    total = bounds.prod(axis=1)
    steps = (-(-lattice.extents // total)).prod(axis=1)
    return Spreads(bounds, total, shared, steps)


def _symmetries(problem: Problem) -> list[tuple[int, ...]]:
    """All exchanges of dimensions that leave a problem as it is, but for names and extents of 1."""
    names = [name for name, _ in problem.dimensions]
    extents = [extent for _, extent in problem.dimensions]
    alike = [[d for d, other in enumerate(extents) if other == n > 1] for n in sorted(set(extents))]
    if math.prod(math.factorial(len(of_extent)) for of_extent in alike) > _MOST_TURNS:
        return []
    found = []
    for moved in product(*(permutations(of_extent) for of_extent in alike)):
        turn = list(range(len(extents)))
        for of_extent, new in zip(alike, moved, strict=True):
            for d, e in zip(of_extent, new, strict=True):
                turn[d] = e
        if _ranks(problem, names) == _ranks(problem, [names[d] for d in turn]):
            found.append(tuple(turn))
    return found


def _ranks(problem: Problem, names: Sequence[str]) -> list[Counter[tuple[object, ...]]]:
    """The ranks of every tensor, with dimensions by their place among ``names``."""
    place = {name: i for i, name in enumerate(names) if problem.extents[name] > 1}
    return [
        Counter(
            (frozenset((place[d], c) for d, c in rank.coefficients if d in place), rank.data)
            for rank in tensor.ranks
        )
        for tensor in problem.tensors
    ]


def _moves(axis: Axis, tensor: str, output: str) -> bool:
    return axis.reduces if tensor == output else axis.multicasts(tensor)


def _reaches(lattice: Lattice, d: int, places: int) -> bool:
    """Whether so many places divide a dimension."""
    return int(lattice.extents[d]) % places == 0


def _loops(lattice: Lattice, size: int) -> list[tuple[int, ...]]:
    """Every choice of bounds, one for each dimension, with a product up to ``size``."""
    rows: list[tuple[tuple[int, ...], int]] = [((), 1)]
    for extent in lattice.extents.tolist():
        bounds = [b for b in range(1, min(size, extent) + 1) if extent % b == 0]
        rows = [((*row, b), used * b) for row, used in rows for b in bounds if used * b <= size]
    return [row for row, _ in rows]
