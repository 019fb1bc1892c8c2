"""Tile sizes of every dimension and how they follow each other: what paths of a search run over."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulator.counting.lowering import Ints
from simulator.problem import Problem


class Lattice(NamedTuple):
    """Sizes a tile may have along D dimensions, from the whole extent (0) down to 1; all int64.

    extents (D,); many (D,): how many sizes; size (D, K), tiles (D, K): a tile's extent and how many cover
    the dimension; number (D, E + 1): of every size, -1 where it is none; inside (D, K, K): 1 where a tile of
    the second size may lie inside one of the first; next_ (D, K, C): the largest ones inside, -1 after the
    last.
    """

    extents: Ints
    many: Ints
    size: Ints
    tiles: Ints
    number: Ints
    inside: Ints
    next_: Ints


def make_lattice(problem: Problem) -> Lattice:
    """Return the sizes that perfect factors can give tiles: divisors."""
    extents = np.array([extent for _, extent in problem.dimensions], np.int64)
    listed = [_divisors(int(n)) for n in extents]
    width, dims = max(map(len, listed)), len(extents)
    size, tiles = np.ones((dims, width), np.int64), np.ones((dims, width), np.int64)
    index = np.full((dims, int(extents.max()) + 1), -1, np.int64)
    inside = np.zeros((dims, width, width), np.int64)
    covers: list[list[list[int]]] = []
    for d, sizes in enumerate(listed):
        size[d, : len(sizes)] = sizes
        tiles[d, : len(sizes)] = [int(extents[d]) // w for w in sizes]
        index[d, sizes] = range(len(sizes))
        for i, w in enumerate(sizes):
            inside[d, i, : len(sizes)] = [int(w % v == 0) for v in sizes]
        covers.append(_covers(inside[d], len(sizes)))
    most = max(len(cover) for of_dim in covers for cover in of_dim)
    next_ = np.full((dims, width, max(1, most)), -1, np.int64)
    for d, of_dim in enumerate(covers):
        for i, cover in enumerate(of_dim):
            next_[d, i, : len(cover)] = cover
    many = np.array([len(sizes) for sizes in listed], np.int64)
    return Lattice(extents, many, size, tiles, index, inside, next_)


def count_tiles(problem: Problem) -> int:
    """The number of tiles that perfect factors can give."""
    return math.prod(len(_divisors(extent)) for _, extent in problem.dimensions)


def _divisors(n: int) -> list[int]:
    """All divisors, the largest first."""
    small = [w for w in range(1, math.isqrt(n) + 1) if n % w == 0]
    return sorted({n // w for w in small} | set(small), reverse=True)


def _covers(inside: Ints, many: int) -> list[list[int]]:
    """Of each size those inside it that lie inside no other one inside it."""
    found = []
    for i in range(many):
        below = [j for j in range(i + 1, many) if inside[i, j]]
        found.append([j for j in below if not any(inside[k, j] for k in below if k < j)])
    return found
