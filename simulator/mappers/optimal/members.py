"""From a path of labels to the mappings it stands for: the orders of loops in its gaps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations, product

from simulator.counting.lowering import Ints
from simulator.mappers.optimal.bounds import Bounds
from simulator.mappers.optimal.labels import LAST, SPREAD, STATE, STAYS, TILES
from simulator.mapping import Loop, Mapping, Store

Part = Sequence[Store | Loop]


def members(bounds: Bounds, chain: Sequence[Ints], every: bool) -> tuple[Iterator[Mapping], int]:
    """Return a path's mappings and how many there are; without ``every`` one that stands for all.

    Loops of a gap stand in any order, those at the array above it, inside it, or partly both. If a tensor
    stays inside the array, the loops that it lacks stand innermost first.
    """
    names = [d for d, _ in bounds.machine.problem.dimensions]
    array = bounds.machine.architecture.arrays[0] if bounds.machine.architecture.arrays else None
    held, sizes = bounds.holders.held, bounds.lattice.extents
    outermost = Store(bounds.machine.architecture.outermost.name, bounds.machine.problem.tensor_names)
    parts: list[Sequence[Part]] = [[(outermost,)]]
    stays = chain[-1][STAYS]
    order = sorted(range(len(names)), key=lambda d: stays >= 0 and not bounds.model.relevant[stays, d])
    spatial: list[Loop] | None = []
    for before, label in pairwise(chain):
        if label[SPREAD] != before[SPREAD]:
            rows = bounds.spreads.bounds[label[SPREAD]]
            spatial = [
                Loop(name, int(bound), axis.name, array.name)
                for axis, row in zip(array.axes if array else (), rows, strict=True)
                for name, bound in zip(names, row, strict=True)
                if array and bound > 1
            ]
            sizes = sizes // bounds.spreads.total[label[SPREAD]]
            continue
        tiles = bounds.lattice.size[range(len(names)), label[TILES:]]
        gap = _loops(names, sizes // tiles, order)
        parts.append(_orders(gap, spatial or [], every))
        spatial = []
        t = int(label[LAST])
        level = bounds.machine.levels[t][held[label[STATE], t]]
        parts.append([(Store(level, (bounds.machine.problem.tensor_names[t],)),)])
        sizes = tiles
    # Below the innermost node only latches hold anything.
    gap = _loops(names, sizes, order)
    latched = bool(bounds.model.latched.any())
    parts.append(_orders(gap, spatial or [], every and (latched or bool(spatial))))
    count = math.prod(map(len, parts))
    return (Mapping(tuple(node for part in one for node in part)) for one in product(*parts)), count


def _loops(names: Sequence[str], bounds: Ints, order: Sequence[int]) -> list[Loop]:
    return [Loop(names[d], int(bounds[d])) for d in order if bounds[d] > 1]


def _orders(gap: list[Loop], spatial: list[Loop], every: bool) -> Sequence[Part]:
    if not every:
        return [(*gap, *spatial)]
    if not spatial:
        return list(permutations(gap))
    found: list[Part] = []
    for split in product(*(_divisors(loop.bound) for loop in gap)):
        above = [Loop(loop.dimension, n) for loop, n in zip(gap, split, strict=True) if n > 1]
        below = [
            Loop(loop.dimension, loop.bound // n)
            for loop, n in zip(gap, split, strict=True)
            if n < loop.bound
        ]
        found += [(*a, *spatial, *b) for a in permutations(above) for b in permutations(below)]
    return found


def _divisors(n: int) -> list[int]:
    return [b for b in range(1, n + 1) if n % b == 0]
