"""What an agent may choose: the columns of a mapspace's vectors that can vary, and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.counting.lowering import Ints
from simulator.encoding import VERSION, Vectors, permutation_number
from simulator.mapspaces import Mapspace
from simulator.mapspaces.plans import choices


@dataclass(frozen=True)
class Columns:
    """The columns of a mapspace's vectors with more than one value.

    Orders of loops are told apart by the dimensions that can have a loop in their slot.

    Attributes
    ----------
    names
        Their names, as in `Encoding.columns`.
    index (F,)
        Their places in a vector.
    values
        Of each, the values it may take.
    ordered
        By place in a vector: of an order that is free, what takes part in it, ascending.
    rest (length,)
        A vector with the only value of every other column.
    """

    names: tuple[str, ...]
    index: Ints
    values: tuple[Sequence[int], ...]
    ordered: dict[int, tuple[int, ...]]
    rest: Vectors

    def fill(self, chosen: Ints) -> Vectors:
        """Return vectors (B, length) from values (B, F) of the columns."""
        vectors = np.repeat(self.rest[None], len(chosen), axis=0)
        vectors[:, self.index] = chosen
        return vectors

    def pick(self, numbers: Ints) -> Vectors:
        """Return vectors (B, length) from the numbers (B, F) of values, each from 0 on."""
        chosen = np.empty(numbers.shape, np.int64)
        for i, values in enumerate(self.values):
            if isinstance(values, range):
                chosen[:, i] = values.start + numbers[:, i]
            else:
                chosen[:, i] = np.asarray(values)[numbers[:, i]]
        return self.fill(chosen)

    def settle(self, vectors: Vectors) -> Vectors:
        """Return vectors (B, length) of the mapspace with the only value in every other column.

        Their mappings stay: an order that is not free may have things without loops elsewhere.
        """
        return self.fill(vectors[:, self.index].astype(np.int64))


def columns_of(space: Mapspace) -> Columns:
    """Return the columns of a mapspace that can vary."""
    encoding, restriction = space.encoding, space.restriction
    slots, regions = len(encoding.slots), len(encoding.regions)
    dimensions = range(len(encoding.dimensions))
    bounds = zip(restriction.least.flat, restriction.most.flat, strict=True)
    orders = [
        *((len(dimensions), tuple(d for d in dimensions if most[d] > 1)) for most in restriction.most),
        *((len(region.nodes), tuple(range(len(region.nodes)))) for region in encoding.regions),
        *((len(array.axes), tuple(range(len(array.axes)))) for array in space.architecture.arrays),
    ]
    ordered = [
        (tuple(map(int, listed)), ()) if len(listed) else (_orders(size, free), free)
        for i, (size, free) in enumerate(orders)
        for listed in [choices(restriction, i)]
    ]
    every: list[tuple[Sequence[int], tuple[int, ...]]] = [
        (range(VERSION, VERSION + 1), ()),
        *((range(int(least), int(most) + 1), ()) for least, most in bounds),
        *ordered[: slots + regions],
        *((range(int(low), int(high) + 1), ()) for low, high in restriction.keep),
        *ordered[slots + regions :],
    ]
    free = [i for i, (values, _) in enumerate(every) if len(values) > 1]
    return Columns(
        tuple(encoding.columns[i] for i in free),
        np.array(free, np.int64),
        tuple(every[i][0] for i in free),
        {i: every[i][1] for i in free if every[i][1]},
        np.array([values[0] for values, _ in every], np.int32),
    )


def _orders(size: int, free: tuple[int, ...]) -> range:
    """The numbers of the orders in which what is fixed comes first: they follow on each other."""
    fixed = [i for i in range(size) if i not in free]
    return range(permutation_number([*fixed, *free]), permutation_number([*fixed, *reversed(free)]) + 1)
