"""The places that Timeloop has for loops, outermost first: below each level, and on each fan-out.

Each has one loop of a dimension at most, in one order; of a fan-out's the loops along Y stand outside those
along X. A level keeps all its tensors at one place. Mappings here may do more, and what Timeloop cannot say
is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.architecture import Architecture, Array, Storage
from simulator.errors import MappingError, SimulatorError
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem

# Timeloop's name for the fan-out of a component itself.
_INTER = ("inter_", "_spatial")
VERSIONS = (3, 4)


@dataclass
class Slot:
    """A place for loops: below a storage level, or the axes X and Y of fan-outs.

    ``axes`` are (array, axis) by X and Y and ``arrays`` the arrays, outermost first; none below a level.
    ``loops`` are outermost first.
    """

    target: str
    level: str | None = None
    axes: dict[str, tuple[str, str]] = field(default_factory=dict)
    arrays: list[str] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)

    def along_x(self, loop: Loop) -> bool:
        """Whether a loop of this slot lies along X."""
        return (loop.array, loop.axis) == self.axes.get("X")

    def settle(self) -> None:
        """Order the loops of fan-outs by array, then those along Y outside of those along X."""
        if self.axes:
            self.loops.sort(key=lambda loop: (self.arrays.index(str(loop.array)), self.along_x(loop)))


def slots_of(architecture: Architecture, version: int) -> list[Slot]:
    """Return the empty slots of a machine, outermost first.

    Version 4 has a fan-out for each array; in version 3 arrays without a level between them are one, and the
    level above is its target.

    Raises
    ------
    MappingError
        For a version other than 3 and 4, latches, and arrays of more axes than X and Y.
    """
    if version not in VERSIONS:
        raise MappingError(f"version {version!r} of Timeloop's form is not written; 3 and 4 are")
    if architecture.mac.latches:
        latched = " and ".join(architecture.mac.latches)
        raise MappingError(f"{architecture.name}: its MACs latch {latched}, which Timeloop has no level for")
    found: list[Slot] = []
    parts: list[Storage | Array] = [*architecture.storages, *architecture.arrays]
    for part in sorted(parts, key=lambda part: part.rank):
        if isinstance(part, Storage):
            found.append(Slot(part.name, part.name))
        elif version == 3 and found[-1].level is None:
            found[-1].axes = _mesh([*found[-1].axes.values(), *_places(part)], part.name)
            found[-1].arrays.append(part.name)
        else:
            target = part.name.removeprefix(_INTER[0]).removesuffix(_INTER[1])
            target = target if part.name == f"{_INTER[0]}{target}{_INTER[1]}" else part.name
            above = str(found[-1].level)
            mesh = _mesh(_places(part), part.name)
            found.append(Slot(above if version == 3 else target, None, mesh, [part.name]))
    return found


def _places(array: Array) -> list[tuple[str, str]]:
    return [(array.name, axis.name) for axis in array.axes]


def _mesh(places: list[tuple[str, str]], array: str) -> dict[str, tuple[str, str]]:
    """Axes by X and Y: by their names, or the first as X."""
    if len(places) > 2:
        raise MappingError(f"{array}: {len(places)} axes at one place; Timeloop has X and Y")
    named = [axis.upper() for _, axis in places]
    if named == ["Y"] or named == ["Y", "X"]:
        return dict(zip(named, places, strict=True))
    return dict(zip("XY", places, strict=False))


def arrange(problem: Problem, architecture: Architecture, mapping: Mapping, version: int = 4) -> list[Slot]:
    """Return the slots of a machine with the loops of a legal mapping.

    Loops of different dimensions change places where nothing counts differently: temporal loops go out past
    spatial ones, and spatial ones of a fan-out stand together.

    Raises
    ------
    MappingError
        For a mapping that Timeloop cannot express, naming what it lacks.
    """
    slots = slots_of(architecture, version)
    _check_stores(architecture, mapping)
    index_of = {slot.level: index for index, slot in enumerate(slots) if slot.level}
    fans = {place: index for index, slot in enumerate(slots) for place in slot.axes.values()}
    # By dimension the slot of the last of its loops so far; of temporal loops the last slot of all.
    innermost = dict.fromkeys(problem.extents, -1)
    last = 0
    for place, node in enumerate(mapping.nodes):
        if isinstance(node, Store):
            last = max(last, index_of[node.level]) if node.tensors else last
        elif node.bound > 1:
            if node.spatial:
                index = fans[str(node.array), str(node.axis)]
                _put_spatial(slots[index], index, innermost[node.dimension], node)
            else:
                after = max(last, innermost[node.dimension])
                index = last = _slot_after(slots, after, _next_level(mapping, place, index_of, slots), node)
                slots[index].loops.append(node)
            innermost[node.dimension] = index
    for slot in slots:
        slot.settle()
    return slots


def mapping_of_slots(slots: list[Slot], keeps: dict[str, tuple[str, ...]]) -> Mapping:
    """Return the nest of filled slots and the tensors that levels keep."""
    nodes: list[Store | Loop] = []
    for slot in slots:
        if slot.level is not None and keeps.get(slot.level):
            nodes.append(Store(slot.level, keeps[slot.level]))
        nodes += slot.loops
    return Mapping(tuple(nodes))


def kept_tensors(problem: Problem, mapping: Mapping) -> dict[str, tuple[str, ...]]:
    """Return the tensors that each level keeps, in the problem's order."""
    kept: dict[str, set[str]] = {}
    for store, _ in mapping.stores:
        kept.setdefault(store.level, set()).update(store.tensors)
    return {level: tuple(t for t in problem.tensor_names if t in held) for level, held in kept.items()}


def _check_stores(architecture: Architecture, mapping: Mapping) -> None:
    """Refuse levels that stand at several places, or in another order than the hierarchy's."""
    names = [storage.name for storage in architecture.storages]
    placed: dict[str, int] = {}
    before = ""
    loops = 0
    for node in mapping.nodes:
        if isinstance(node, Loop):
            loops += node.bound > 1
        elif node.tensors:
            if placed.setdefault(node.level, loops) != loops:
                raise MappingError(
                    f"uneven hold: {node.level} keeps {', '.join(node.tensors)} across other loops than its "
                    "other tensors; Timeloop has one place for a level"
                )
            if before and names.index(node.level) < names.index(before) and placed[before] != loops:
                raise MappingError(
                    f"order of levels: {node.level} stands below {before}, other than in the hierarchy; "
                    "Timeloop keeps its order, of levels side by side too"
                )
            if not before or names.index(node.level) > names.index(before):
                before = node.level


def _next_level(mapping: Mapping, place: int, index_of: dict[str, int], slots: list[Slot]) -> int:
    """The slot of the first level that keeps something below a node, which its loop must stand above."""
    below = [n.level for n in mapping.nodes[place:] if isinstance(n, Store) and n.tensors]
    return min((index_of[level] for level in below), default=len(slots))


def _slot_after(slots: list[Slot], first: int, end: int, loop: Loop) -> int:
    """The outermost slot from ``first`` on, before ``end``, that has no loop of this dimension."""
    for index in range(first, end):
        free = all(other.dimension != loop.dimension for other in slots[index].loops)
        if slots[index].level is not None and free:
            return index
    level = next(slot.level for slot in reversed(slots[: first + 1]) if slot.level is not None)
    raise MappingError(
        f"'{loop}': between {level} and the next level Timeloop has one loop of {loop.dimension} over time, "
        "outside the arrays there"
    )


def _put_spatial(slot: Slot, index: int, outside: int, loop: Loop) -> None:
    if outside > index:
        raise MappingError(
            f"'{loop}': stands inside a loop of {loop.dimension} over time that comes inside the array"
        )
    if any(other.dimension == loop.dimension for other in slot.loops):
        raise MappingError(
            f"'{loop}': {loop.dimension} lies on {loop.array} twice; Timeloop has one loop of a dimension "
            "for X and Y together"
        )
    slot.loops.append(loop)


def remainders(problem: Problem, loops: list[Loop]) -> list[int]:
    """Return how many iterations each loop has where all outer loops of its dimension are at their last.

    That is all of them but where bounds are ragged. They are the digits of the last index, plus one.
    """
    rest = {dimension: extent - 1 for dimension, extent in problem.dimensions}
    found = []
    for loop in reversed(loops):
        rest[loop.dimension], digit = divmod(rest[loop.dimension], loop.bound)
        found.append(digit + 1)
    return found[::-1]


def ragged_bounds(dimension: str, extent: int, factors: list[tuple[int, int]], where: str) -> list[int]:
    """Return the bounds of a dimension's loops, outermost first, from factors with their remainders.

    Raises
    ------
    SimulatorError
        Where they do not cover the extent exactly, with what would.
    """
    covered = 0
    for bound, rest in factors:
        covered = covered * bound + rest - 1
    if covered + 1 != extent or any(rest > bound for bound, rest in factors):
        given = " x ".join(str(bound) if bound == rest else f"{bound},{rest}" for bound, rest in factors)
        raise SimulatorError(
            f"{where}: factors of {dimension} are {given or 'none'}, which cover {covered + 1} of {extent}; "
            f"ragged ones have a remainder, as {dimension}=14,13"
        )
    bounds = []
    leading = True
    for bound, rest in factors:
        # The outermost loop runs once, to its remainder.
        bounds.append(rest if leading else bound)
        leading = leading and rest == 1
    return bounds
