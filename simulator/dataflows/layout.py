"""What dataflows share: the machine's roles, candidate factors, and placing factors on an array's axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from simulator.architecture import TENSORS, Architecture
from simulator.errors import MappingError
from simulator.mapping import Store


@dataclass(frozen=True)
class Roles:
    """A machine as dataflows see it: levels outside the arrays, axes, levels inside every array.

    ``buffer[tensor]`` and ``scratchpad[tensor]`` name the innermost level outside the arrays (but for
    the outermost) and inside them that can keep the tensor, None where there is none.
    """

    outermost: str
    buffer: dict[str, str | None]
    scratchpad: dict[str, str | None]
    buffer_required: frozenset[str]
    scratchpad_required: frozenset[str]
    axes: tuple[tuple[str, str, int], ...]

    @property
    def places(self) -> int:
        """Places on all axes together."""
        return math.prod(size for *_, size in self.axes)

    @property
    def size_text(self) -> str:
        return " x ".join(str(size) for *_, size in self.axes)


def roles(architecture: Architecture, dataflow: str) -> Roles:
    """Find the levels a spatial dataflow uses.

    Raises
    ------
    MappingError
        If the machine has no array, or levels between two arrays.
    """
    if not architecture.arrays:
        raise MappingError(f"{dataflow} needs an array of PEs; {architecture.name} has none")
    first, last = architecture.arrays[0].rank, architecture.arrays[-1].rank
    between = [s.name for s in architecture.storages if first < s.rank < last]
    if between:
        raise MappingError(f"{dataflow} does not yet use the levels between arrays: {', '.join(between)}")
    outside = [s for s in architecture.storages[1:] if s.rank < first]
    inside = [s for s in architecture.storages if s.rank > last]
    for levels in (outside, inside):
        for tensor in TENSORS:
            keeping = [s for s in levels if tensor in s.keeps]
            if any(tensor in s.required for s in keeping[:-1]):
                named = ", ".join(s.name for s in keeping)
                raise MappingError(
                    f"{dataflow} uses one level of {named} for {tensor}, but more are required"
                )

    def innermost(levels: Sequence[object], tensor: str) -> str | None:
        names = [s.name for s in architecture.storages if s in levels and tensor in s.keeps]
        return names[-1] if names else None

    return Roles(
        architecture.outermost.name,
        {t: innermost(outside, t) for t in TENSORS},
        {t: innermost(inside, t) for t in TENSORS},
        frozenset(t for s in outside for t in s.required),
        frozenset(t for s in inside for t in s.required),
        tuple((a.name, axis.name, axis.size) for a in architecture.arrays for axis in a.axes),
    )


def in_pe(machine: Roles) -> tuple[Store, ...]:
    """The scratchpads of a PE, each with its tensor."""
    return tuple(node for tensor, level in machine.scratchpad.items() for node in store(level, tensor))


def store(level: str | None, *tensors: str) -> tuple[Store, ...]:
    """A store node, or nothing where the level does not exist."""
    return (Store(level, tensors),) if level is not None else ()


def tile_sizes(extent: int) -> list[int]:
    """Tile sizes worth trying: for each number of tiles the smallest that does, ascending.

    Sizes between two of them need as many tiles and only leave more places idle.
    """
    sizes = {-(-extent // n) for n in range(1, math.isqrt(extent) + 2)}
    sizes |= set(range(1, math.isqrt(extent) + 1))
    return sorted({-(-extent // -(-extent // size)) for size in sizes})


def thinned(sizes: Sequence[int]) -> list[int]:
    """Every size from half of the largest on, below it one for each halving; ascending."""
    kept: list[int] = []
    for size in reversed(sizes):
        if not kept or 2 * size >= sizes[-1] or 2 * size <= kept[-1]:
            kept.append(size)
    return kept[::-1]


def in_buffer(machine: Roles, tensor: str) -> tuple[bool, ...]:
    """Whether a tensor may bypass the buffer, keep a tile there, or both; the last is the usual one."""
    if machine.buffer[tensor] is None:
        return (False,)
    return (True,) if tensor in machine.buffer_required else (True, False)


def place_on_axes(machine: Roles, factors: dict[str, tuple[int, bool]]) -> dict[str, int] | None:
    """Bounds of spatial loops, named as ``P@PE.x``, or None where the factors do not fit.

    A factor comes with whether it prefers the last axis.
    """
    placed = place(tuple(factors.values()), tuple(size for *_, size in machine.axes))
    if placed is None:
        return None
    return {
        f"{dimension}@{array}.{axis}": bounds[index]
        for dimension, bounds in zip(factors, placed, strict=True)
        for index, (array, axis, _) in enumerate(machine.axes)
    }


Places = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=65536)
def place(factors: tuple[tuple[int, bool], ...], sizes: tuple[int, ...]) -> Places | None:
    """Place spatial factors on axes: bounds per factor and axis, or None if they do not fit.

    A factor comes with whether it prefers the last axis. It stands on one axis, or is folded over two:
    as many places as fit on one, and as many segments as that takes on another (5x27 on 12x14 is 5x14
    and 5x13).
    """
    if not factors:
        return ()
    if math.prod(factor for factor, _ in factors) > math.prod(sizes):
        return None
    (factor, prefers_last), rest = factors[0], factors[1:]

    def attempt(bounds: dict[int, int]) -> Places | None:
        placed = place(rest, tuple(size // bounds.get(axis, 1) for axis, size in enumerate(sizes)))
        if placed is None:
            return None
        return (tuple(bounds.get(axis, 1) for axis in range(len(sizes))), *placed)

    order = range(len(sizes))[::-1] if prefers_last else range(len(sizes))
    for axis in order:
        if factor <= sizes[axis] and (found := attempt({axis: factor})):
            return found
    for axis in order:
        for other in order:
            for width in range(min(sizes[axis], factor - 1), 1, -1):
                segments = -(-factor // width)
                if other == axis or segments > sizes[other]:
                    break
                # The later axis stands outside in the nest; its last iteration must be reached.
                across = -(-factor // segments) if axis > other else width
                if found := attempt({axis: across, other: segments}):
                    return found
    return None
