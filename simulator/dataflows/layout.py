"""What dataflows share: the machine's roles, a nest of sections, and placing factors on an array's axes."""

from __future__ import annotations

import math
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from simulator.architecture import TENSORS, Architecture
from simulator.encoding import Encoding
from simulator.errors import MappingError, did_you_mean
from simulator.mapping import Loop, Mapping, Store
from simulator.mapspaces import Constraints
from simulator.problem import Problem

DIMENSIONS = "NGMCPQRS"


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


@dataclass(frozen=True)
class Section:
    """A stretch of a nest: a level that keeps a tensor, then loops.

    Without a level its loops join those above. ``orders`` are the orders the loops may have, each a text of
    dimensions, outermost first; ``optional``: the tensor may bypass the level.
    """

    level: str | None
    tensor: str
    orders: tuple[str, ...] = ("",)
    optional: bool = False

    @property
    def node(self) -> str:
        return f"{self.level}.{self.tensor}"


@dataclass(frozen=True)
class Nest:
    """A dataflow's nest: loops below the outermost level, sections outside the array, loops on its axes,
    sections inside it. The last axis stands outermost.
    """

    machine: Roles
    top: tuple[str, ...]
    outside: tuple[Section, ...]
    spatial: str
    inside: tuple[Section, ...]

    def constraints(
        self, name: str, encoding: Encoding, bounds: dict[str, tuple[int, int]], saturated: Sequence[str]
    ) -> Constraints:
        """Nodes in the nest's order, loops in its sections alone, balanced factors; see `Constraints`."""
        arrays = encoding.architecture.arrays
        slots: dict[str, tuple[str, ...]] = {array.name: ("",) for array in arrays}
        slots[self.machine.outermost] = self.top
        keeps = {str(node): False for node in encoding.nodes}
        nodes: dict[str, tuple[tuple[str, ...], ...]] = {}
        for region, sections in ((self.machine.outermost, self.outside), (arrays[-1].name, self.inside)):
            now, order = region, list[str]()
            for section in sections:
                if section.level is not None:
                    now = section.node
                    order.append(now)
                    slots[now] = ("",)
                    keeps[now] = True
                slots[now] = _joined(slots[now], section.orders)
            nodes[region] = (tuple(order),)
        for section in (*self.outside, *self.inside):
            if section.optional:
                keeps.pop(section.node, None)
        loops = {slot: tuple(tuple(order) for order in orders if order) for slot, orders in slots.items()}
        loops |= {str(node): () for node in encoding.nodes if str(node) not in loops}
        loops |= {f"{array}.{axis}": (tuple(self.spatial),) for array, axis, _ in self.machine.axes}
        axes = {array.name: tuple(axis.name for axis in array.axes)[::-1] for array in arrays}
        return Constraints(name, keeps, nodes, loops, axes, bounds, tuple(saturated), "balanced")

    def slot(self, tensor: str) -> str:
        """The slot of the loops of a tensor's section outside the array."""
        now = self.machine.outermost
        for section in self.outside:
            now = now if section.level is None else section.node
            if section.tensor == tensor:
                return now
        raise KeyError(tensor)

    def mapping(
        self,
        top: dict[str, int],
        outside: Sequence[dict[str, int]],
        spatial: dict[str, int],
        inside: Sequence[dict[str, int]],
        through: bool = False,
    ) -> Mapping:
        """The mapping with the bounds given: by section and dimension, on axes by ``P@PE.x``.

        What may bypass the buffer does, unless it is to pass through.
        """
        nodes: list[Store | Loop] = [Store(self.machine.outermost, TENSORS)]
        nodes += [Loop(d, top[d]) for d in self.top[0]]
        for section, bounds in zip(self.outside, outside, strict=True):
            bypass = section.optional and not through
            nodes += _section_nodes(replace(section, level=None) if bypass else section, bounds)
        for array, axis, _ in reversed(self.machine.axes):
            nodes += [Loop(d, spatial[f"{d}@{array}.{axis}"], axis, array) for d in self.spatial]
        for section, bounds in zip(self.inside, inside, strict=True):
            nodes += _section_nodes(section, bounds)
        return Mapping(tuple(node for node in nodes if isinstance(node, Store) or node.bound > 1))


def _section_nodes(section: Section, bounds: dict[str, int]) -> list[Store | Loop]:
    """A section's level, if it has one, and its loops."""
    level = [Store(section.level, (section.tensor,))] if section.level is not None else []
    return [*level, *(Loop(d, bounds[d]) for d in section.orders[0])]


def _joined(above: Sequence[str], orders: Sequence[str]) -> tuple[str, ...]:
    """Orders followed by others, every dimension once."""
    return tuple(a + "".join(d for d in b if d not in a) for a in above for b in orders)


def check_convolution(problem: Problem, dataflow: str) -> None:
    """Raise MappingError unless a problem has the dimensions and tensors of a convolution."""
    if set(problem.extents) != set(DIMENSIONS) or set(problem.tensor_names) != set(TENSORS):
        raise MappingError(
            f"{dataflow} maps convolutions, of dimensions {', '.join(DIMENSIONS)} and tensors "
            f"{', '.join(TENSORS)}; {problem.name} is {problem}"
        )


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


def tile_sizes(extent: int) -> list[int]:
    """Tile sizes worth trying: for each number of tiles the smallest that does, ascending.

    Sizes between two of them need as many tiles and only leave more places idle.
    """
    sizes = {-(-extent // n) for n in range(1, math.isqrt(extent) + 2)}
    sizes |= set(range(1, math.isqrt(extent) + 1))
    return sorted({-(-extent // -(-extent // size)) for size in sizes})


def by_hand(
    dataflow: str, known: Dictionary[str, str | None], problem: Problem, parameters: dict[str, int]
) -> dict[str, int]:
    """Check parameters given by hand; ``known`` says which dimension's extent bounds each from above.

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


def on_axes(places: dict[str, int], dimension: str) -> int:
    """Places of a dimension on all axes together."""
    return math.prod(bound for name, bound in places.items() if name.startswith(f"{dimension}@"))


def tiles(extent: int, size: int) -> int:
    """How many tiles of a size cover an extent."""
    return -(-extent // size)
