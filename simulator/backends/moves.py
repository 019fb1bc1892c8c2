"""Small changes of a mapping, each of one column, by number: what an agent may do step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.backends.columns import columns_of
from simulator.counting.lowering import Ints
from simulator.encoding import Vectors, permutation, permutation_number
from simulator.mapspaces import Mapspace

# What is done to a bound: times, divided by, plus; it then comes into its range.
_CHANGES = {"x 2": (2, 1, 0), "/ 2": (1, 2, 0), "+ 1": (1, 1, 1), "- 1": (1, 1, -1)}


@dataclass(frozen=True)
class Moves:
    """Every move of a mapspace: each does one thing, whatever the mapping.

    A bound is doubled, halved, raised or lowered by one; a node keeps its tensor or lets it bypass; in a
    free order two that follow on each other change places; a listed order becomes one of those listed.

    Attributes
    ----------
    names
        What each move does, ``T0.M x 2``, ``T0.order swap 1``.
    column (K,)
        The column it changes.
    change (K, 3)
        The new value is the old times the first, divided by the second, plus the third,
    least, most (K,)
        but within these.
    swap (K,)
        Which two of those in ``ordered`` change places, counted from the outermost; -1 for none.
    ordered
        By column of a free order, how many it has places for, and what takes part in it.
    """

    names: tuple[str, ...]
    column: Ints
    change: Ints
    least: Ints
    most: Ints
    swap: Ints
    ordered: dict[int, tuple[int, frozenset[int]]]

    def apply(self, vectors: Vectors, moves: Ints) -> Vectors:
        """Return vectors (B, length), each after its move (B,); most of them are no longer legal."""
        rows, column = np.arange(len(vectors)), self.column[moves]
        times, divided, plus = self.change[moves].T
        moved = vectors.copy()
        moved[rows, column] = np.clip(
            vectors[rows, column] * times // divided + plus, self.least[moves], self.most[moves]
        )
        for row in np.flatnonzero(self.swap[moves] >= 0):
            size, free = self.ordered[int(column[row])]
            order = permutation(int(vectors[row, column[row]]), size)
            places = [i for i, member in enumerate(order) if member in free]
            one, other = places[self.swap[moves[row]] :][:2]
            order[one], order[other] = order[other], order[one]
            moved[row, column[row]] = permutation_number(order)
        return moved


def moves_of(space: Mapspace) -> Moves:
    """Return the moves of a mapspace."""
    encoding, columns = space.encoding, columns_of(space)
    names: list[str] = []
    # Column, change, least and most value, swap.
    rows: list[tuple[int, tuple[int, int, int], int, int, int]] = []
    for name, column, values in zip(columns.names, columns.index.tolist(), columns.values, strict=True):
        if column < encoding.first_order:
            names += [f"{name} {text}" for text in _CHANGES]
            rows += [(column, change, values[0], values[-1], -1) for change in _CHANGES.values()]
        elif column in columns.ordered:
            swaps = range(len(columns.ordered[column]) - 1)
            names += [f"{name} swap {i + 1}" for i in swaps]
            rows += [(column, (1, 1, 0), 0, int(encoding.ranges[1][column]), i) for i in swaps]
        elif encoding.first_keep <= column < encoding.first_axes:
            names.append(f"{name} keep or bypass")
            rows.append((column, (-1, 1, 1), 0, 1, -1))
        else:
            names += [f"{name} = {value}" for value in values]
            rows += [(column, (0, 1, value), value, value, -1) for value in values]
    column, change, least, most, swap = (np.array(part, np.int64) for part in zip(*rows, strict=True))
    slots = range(encoding.first_order, encoding.first_nodes)
    ordered = {
        column: (len(encoding.dimensions) if column in slots else len(free), frozenset(free))
        for column, free in columns.ordered.items()
    }
    return Moves(tuple(names), column, change, least, most, swap, ordered)
