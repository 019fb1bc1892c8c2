"""Mappings by hand: a dataflow's nest with the bounds that a paper's parameters give its loops."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Dictionary
from functools import lru_cache

from simulator.architecture import TENSORS, Architecture
from simulator.dataflows.nest import Nest
from simulator.errors import MappingError, did_you_mean
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem

LoopBounds = Dictionary[str, int]


def nest_mapping(
    nest: Nest,
    loops: Sequence[LoopBounds],
    spatial: Dictionary[str, int],
    bypass: Collection[str] = (),
) -> Mapping:
    """Return the mapping of a nest with the bounds given.

    Parameters
    ----------
    loops
        By section the bounds of its loops, by dimension.
    spatial
        LoopBounds on the axes, named as ``P@PE.x``; the last axis stands outermost.
    bypass
        Tensors' nodes, as ``GLB.weights``, that are left out.
    """
    outside: list[Store | Loop] = [Store(nest.architecture.outermost.name, TENSORS)]
    inside: list[Store | Loop] = []
    for section, bounds in zip(nest.sections, loops, strict=True):
        nodes = inside if section.inside else outside
        if section.node is not None and section.node not in bypass:
            nodes.append(Store(section.node.rpartition(".")[0], (section.tensor,)))
        nodes += [Loop(d, bounds[d]) for d in section.orders[0]]
    on_array = [
        Loop(name.partition("@")[0], bound, axis.rpartition(".")[2], axis.rpartition(".")[0])
        for axis in reversed(nest.axes)
        for name, bound in spatial.items()
        if name.endswith(f"@{axis}")
    ]
    nodes = [*outside, *on_array, *inside]
    return Mapping(tuple(node for node in nodes if isinstance(node, Store) or node.bound > 1))


def check_parameters(
    dataflow: str, known: Dictionary[str, str | None], problem: Problem, parameters: Dictionary[str, int]
) -> dict[str, int]:
    """Check parameters; ``known`` says which dimension's extent bounds each from above.

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


def size_text(architecture: Architecture) -> str:
    """Sizes of all axes, as 14 x 12."""
    return " x ".join(str(axis.size) for array in architecture.arrays for axis in array.axes)


def place_on_axes(
    architecture: Architecture, factors: Dictionary[str, tuple[int, bool]]
) -> dict[str, int] | None:
    """LoopBounds of spatial loops, named as ``P@PE.x``, or None where the factors do not fit.

    A factor comes with whether it prefers the last axis.
    """
    axes = {f"{array.name}.{axis.name}": axis.size for array in architecture.arrays for axis in array.axes}
    placed = place(tuple(factors.values()), tuple(axes.values()))
    if placed is None:
        return None
    return {
        f"{dimension}@{axis}": bounds[index]
        for dimension, bounds in zip(factors, placed, strict=True)
        for index, axis in enumerate(axes)
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


def on_axes(places: Dictionary[str, int], dimension: str) -> int:
    """Places of a dimension on all axes together."""
    return math.prod(bound for name, bound in places.items() if name.startswith(f"{dimension}@"))


def tiles(extent: int, size: int) -> int:
    """How many tiles of a size cover an extent."""
    return -(-extent // size)


def buffer_tiles(
    extents: LoopBounds, given: LoopBounds, spots: LoopBounds, rows: int
) -> tuple[int, dict[str, int]]:
    """How often the array's filters come for a buffer tile of m of them, and the loops over buffer tiles.

    A tile has n images and so many output rows, of one group.
    """
    filters = given["p"] * on_axes(spots, "M")
    kept = tiles(given["m"], filters)
    top = {
        "G": extents["G"],
        "N": tiles(extents["N"], given["n"]),
        "M": tiles(extents["M"], kept * filters),
        "P": tiles(extents["P"], rows),
    }
    return kept, top
