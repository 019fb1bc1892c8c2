"""Ways to spread dimensions over an array's axes."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture, Axis
from simulator.counting.lowering import Ints
from simulator.mappers.optimal.lattice import Lattice
from simulator.problem import Problem


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


def make_spreads(problem: Problem, architecture: Architecture, lattice: Lattice) -> Spreads:
    """Return one of all spreads that count alike: axes with the same networks can be exchanged."""
    axes = architecture.arrays[0].axes if architecture.arrays else ()
    dims, tensors = len(lattice.extents), problem.tensor_names
    kinds = [tuple(_moves(axis, t, problem.output) for t in tensors) for axis in axes]
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
