"""A problem and a machine as arrays for the search: levels of every tensor, prices, capacities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture, Storage
from simulator.batch.program import representative
from simulator.cost.actions import boundary_actions, mac_action
from simulator.cost.model import leaks
from simulator.cost.timing import Floats
from simulator.counting.counts import boundary_forms
from simulator.counting.lowering import MAC, Ints, rank_arrays
from simulator.legality import rank_words, word_bits
from simulator.mappers.optimal.lattice import Lattice
from simulator.problem import Problem

# Columns of a price. Operands: of a word read and of one delivered. Outputs: of a drain, of a drain were all
# axes to reduce, of a word contributed; what a boundary costs anyway.
READ, FILL = 0, 1
DRAIN, REDUCED, CONTRIBUTED, CONSTANT = range(4)


class Model(NamedTuple):
    """T tensors, L levels at most, R ranks, P pools (a capacity or a partition).

    relevant (T, D); output (T,): 1 for the output; levels (T,): how many may hold it; inner (T, L): 1 inside
    the array; must (T, L): 1 where it cannot be bypassed; clips (T, L): 1 where the level leaves padding
    out; pools (T, L, 2), -1 for none; bits (T, L) that a word takes there; limits (P,); prices
    (T, L, L + 1, 4), the last child being the MAC; latched (T,); rank_start (T + 1,); rank_dims (R, 2);
    rank_room (R, 2): where the largest tiles of a rank begin in ``room``, padding kept or not; room: by both
    dimensions' sizes; halo (T, D): 1 where a dimension shares a rank of the tensor with another longer than
    1; macs (1,); alone (1,): 1 where no two tensors lack the same dimension, so that only one of them can
    keep its tile while the innermost loop outside the array runs.
    """

    lattice: Lattice
    relevant: Ints
    output: Ints
    levels: Ints
    inner: Ints
    must: Ints
    clips: Ints
    pools: Ints
    bits: Ints
    limits: Floats
    prices: Floats
    latched: Ints
    rank_start: Ints
    rank_dims: Ints
    rank_room: Ints
    room: Ints
    halo: Ints
    macs: Floats
    alone: Ints


@dataclass(frozen=True)
class Machine:
    """What the search knows of a problem on a machine besides arrays.

    levels: by tensor the names of levels that may hold it, outermost first. ``fixed`` energy that every
    mapping spends; ``leak`` energy a cycle.
    """

    problem: Problem
    architecture: Architecture
    levels: tuple[tuple[str, ...], ...]
    fixed: float
    leak: float


def make_model(
    problem: Problem, architecture: Architecture, lattice: Lattice, keeps: Mapping[str, bool]
) -> tuple[Model, Machine]:
    """Return the arrays of a problem on a machine with at most one array; ``keeps`` as in `Constraints`."""
    tensors = problem.tensors
    names = [[s for s in architecture.storages if t.name in s.keeps] for t in tensors]
    most, dims = max(map(len, names)), len(problem.dimensions)
    index = {d: i for i, (d, _) in enumerate(problem.dimensions)}
    shape = len(tensors), most
    inner, must, clips, bits = (np.zeros(shape, np.int64) for _ in range(4))
    pools = np.full((*shape, 2), -1, np.int64)
    prices = np.zeros((len(tensors), most, most + 1, 4))
    relevant = np.zeros((len(tensors), dims), np.int64)
    limits: dict[tuple[str, tuple[str, ...]], float] = {}
    array_rank = architecture.arrays[0].rank if architecture.arrays else 10**9
    for t, tensor in enumerate(tensors):
        relevant[t, [index[d] for d in tensor.dimensions]] = 1
        clipped = any(rank.data is not None for rank in tensor.ranks)
        for i, storage in enumerate(names[t]):
            inner[t, i] = storage.rank > array_rank
            must[t, i] = tensor.name in storage.required or keeps.get(f"{storage.name}.{tensor.name}", False)
            clips[t, i] = clipped and not storage.stores_padding
            copies = 1 + storage.double_buffered(tensor.name)
            bits[t, i] = word_bits(problem, architecture, tensor.name, storage.name) * copies
            for j, key in enumerate(_pools(storage, tensor.name) if i else []):
                pools[t, i, j] = list(limits).index(key[0]) if key[0] in limits else len(limits)
                limits[key[0]] = key[1]
        deep = _refill_below(problem, architecture, tensor.name, names[t])
        for a, b in product(range(len(names[t])), range(1, len(names[t]) + 1)):
            if a < b:
                child = MAC if b == len(names[t]) else names[t][b].name
                where = problem, architecture, tensor.name, names[t][a].name, child
                prices[t, a, most if child == MAC else b] = _prices(*where, deep[b:])
    start, rank_dims, _, _ = rank_arrays(problem)
    room, at = _room(problem, lattice)
    halo = np.zeros((len(tensors), dims), np.int64)
    for t in range(len(tensors)):
        for first, second in rank_dims[start[t] : start[t + 1]]:
            if second >= 0 and min(lattice.extents[first], lattice.extents[second]) > 1:
                halo[t, [first, second]] = 1
    model = Model(
        lattice, relevant, np.array([t.name == problem.output for t in tensors], np.int64),
        np.array([len(n) for n in names], np.int64), inner, must, clips, pools, bits,
        np.array(list(limits.values()), np.float64), prices,
        np.array([t.name in architecture.mac.latches for t in tensors], np.int64),
        start, rank_dims, at, room, halo, np.array([float(problem.macs)]),
        np.array([int(((relevant[:, lattice.many > 1] == 0).sum(axis=0) <= 1).all())]),
    )  # fmt: skip
    action = mac_action(problem, architecture)
    leak = sum(price for _, price in leaks(architecture))
    levels = tuple(tuple(s.name for s in of_tensor) for of_tensor in names)
    fixed = action.units(problem.macs) * action.price
    return model, Machine(problem, architecture, levels, fixed, leak)


def _pools(storage: Storage, tensor: str) -> list[tuple[tuple[str, tuple[str, ...]], float]]:
    found = [
        ((storage.name, part.tensors), float(part.capacity_bits))
        for part in storage.partitions
        if tensor in part.tensors
    ]
    if storage.capacity_bits is not None:
        found.append(((storage.name, ()), float(storage.capacity_bits)))
    return found


def _words(
    problem: Problem, architecture: Architecture, tensor: str, parent: str, child: str
) -> dict[str, float]:
    """Price of a word of every action at a boundary; of drains also what finished words save."""
    nest = representative(problem, architecture, tensor, parent, child, None)
    forms = next(
        f for f in boundary_forms(nest) if (f.boundary.tensor, f.boundary.parent) == (tensor, parent)
    )
    prices: dict[str, float] = {}
    for action in boundary_actions(nest, architecture, forms):
        prices[action.action] = prices.get(action.action, 0.0) + action.price / action.words_per_unit
        if action.finished.constant:
            saved = action.price / action.finished_per_unit - action.price / action.words_per_unit
            prices["finished"] = action.finished.constant * saved
    return prices


def _refill_below(
    problem: Problem, architecture: Architecture, tensor: str, storages: Sequence[Storage]
) -> list[float]:
    """Of every level the most that refilling a word costs at all boundaries from it downwards."""
    if tensor != problem.output:
        return [0.0] * (len(storages) + 1)
    deep = [0.0] * (len(storages) + 1)
    for a in range(len(storages) - 1, -1, -1):
        for b in range(a + 1, len(storages) + 1):
            child = MAC if b == len(storages) else storages[b].name
            words = _words(problem, architecture, tensor, storages[a].name, child)
            deep[a] = max(
                deep[a], words["refill"] + words.get("fill", 0.0) + words.get("deliver", 0.0) + deep[b]
            )
    return deep


def _prices(
    problem: Problem, architecture: Architecture, tensor: str, parent: str, child: str, deep: Sequence[float]
) -> tuple[float, ...]:
    words = _words(problem, architecture, tensor, parent, child)
    deliver = words.get("deliver", 0.0)
    if tensor != problem.output:
        # What neighbours pass on is not read; how much that is, the bound leaves open.
        linked = any(axis.links(tensor) for array in architecture.arrays for axis in array.axes)
        return 0.0 if linked else words["read"], words.get("fill", 0.0) + deliver, 0.0, 0.0
    outputs = 1.0
    for d in problem.tensor(tensor).dimensions:
        outputs *= problem.extents[d]
    refill = words["refill"] + words.get("fill", 0.0) + deliver
    merge, add, below = words.get("merge", 0.0), words.get("add", 0.0), deep[0]
    return (
        words["drain"] + merge - add,
        refill + below - merge,
        words.get("send", 0.0) + add - below,
        words.get("finished", 0.0) - refill * outputs,
    )


def _room(problem: Problem, lattice: Lattice) -> tuple[Ints, Ints]:
    """The largest tiles of every rank by its dimensions' sizes, with padding and without."""
    index = {d: i for i, (d, _) in enumerate(problem.dimensions)}
    words: list[int] = []
    at: list[list[int]] = []
    for tensor in problem.tensors:
        for rank in tensor.ranks:
            which = [index[d] for d in rank.dimensions]
            extents = tuple(problem.extents[d] for d in rank.dimensions)
            sizes = [lattice.size[d, : lattice.many[d]].tolist() for d in which]
            at.append([])
            for kept in (replace(rank, data=None), rank):
                at[-1].append(len(words))
                words += [rank_words(kept, extents, chunks) for chunks in product(*sizes)]
    return np.array(words, np.int64), np.array(at, np.int64).reshape(-1, 2)


def compulsory(problem: Problem, architecture: Architecture) -> tuple[float, int]:
    """Energy and cycles that every mapping spends: MACs, operands' data read once, outputs written once."""
    action = mac_action(problem, architecture)
    energy = action.units(problem.macs) * action.price
    for tensor in problem.tensors:
        children = [s.name for s in architecture.storages[1:] if tensor.name in s.keeps] + [MAC]
        words = [_words(problem, architecture, tensor.name, architecture.outermost.name, c) for c in children]
        extents = [tuple(problem.extents[d] for d in rank.dimensions) for rank in tensor.ranks]
        size = math.prod(rank_words(rank, n, n) for rank, n in zip(tensor.ranks, extents, strict=True))
        if tensor.name == problem.output:
            energy += min(size * price["drain"] + price.get("finished", 0.0) for price in words)
        elif not any(axis.links(tensor.name) for array in architecture.arrays for axis in array.axes):
            energy += size * min(price["read"] for price in words)
    return energy, -(-problem.macs // architecture.mac_units)
