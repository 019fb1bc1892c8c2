"""Constraints: what a mapspace allows, by name, and their lowering to arrays.

A slot is named by what it lies directly below: the outermost level (``DRAM``), a node (``GLB.outputs``)
where every allowed order of its region has it at one place, or an array (``PE``: the slot just inside it);
or it is an axis (``PE.x``). The names of positions (``T3``) work always. A region is named as its first slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from simulator.encoding import Encoding, permutation, permutation_number
from simulator.errors import MappingError, did_you_mean
from simulator.mapspaces.restriction import BALANCED, PERFECT, RAGGED, Restriction

Orders = tuple[tuple[str, ...], ...]
FACTORS = {"ragged": RAGGED, "balanced": BALANCED, "perfect": PERFECT}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Constraints:
    """What mappings must obey besides fitting the machine; nothing given allows everything.

    Parameters
    ----------
    name
        What to call the mapspace.
    keeps
        Nodes (``GLB.weights``) that must keep their tensor (True) or let it bypass (False).
    nodes
        By region the allowed orders of its nodes, outermost first; bypassed ones may be left out.
    loops
        By slot the allowed orders of its loops, outermost first: alternatives of the same dimensions, the
        only ones that may have loops there; ``()`` for none.
    axes
        By array the order of its axes, outermost first.
    bounds
        By ``slot.dimension`` the least and the most bound, 1 being no loop.
    saturated
        ``slot.dimension`` names whose bound is the largest of any legal mapping with the same loops of
        other dimensions, and of its own inside it.
    factors
        ``ragged``: every bound; ``balanced``: bounds b over u = ceil(extent / tile inside) units with
        b = ceil(u / ceil(u / b)), the smallest for its number of outer iterations; ``perfect``: divisors.
    """

    name: str = "unconstrained"
    keeps: Mapping[str, bool] = field(default_factory=dict)
    nodes: Mapping[str, Orders] = field(default_factory=dict)
    loops: Mapping[str, Orders] = field(default_factory=dict)
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    saturated: tuple[str, ...] = ()
    factors: str = "ragged"


def restrict(encoding: Encoding, constraints: Constraints) -> Restriction:
    """Return constraints as arrays over an encoding.

    Raises
    ------
    MappingError
        For a field of a wrong type or shape, a name the problem or the machine does not have (with the
        nearest), an order that is not one, bounds out of range, or fields that contradict each other.
    """
    _check_fields(constraints)
    return _Lowering(encoding, constraints).restriction()


def slot_number(encoding: Encoding, constraints: Constraints, name: str) -> int:
    """Return the index of the slot that these constraints call so.

    Raises
    ------
    MappingError
        Where no slot has the name, or its place is not fixed.
    """
    lowering = _Lowering(encoding, constraints)
    return lowering.find(name, lowering.slots, "slot")


def _check_fields(constraints: Constraints) -> None:
    """Refuse fields of a wrong type or shape, before any name in them is looked up."""
    if not isinstance(constraints, Constraints):
        raise MappingError(f"constraints are {constraints!r}; they must be a Constraints")
    where = f"constraints {constraints.name}"
    if not isinstance(constraints.name, str):
        raise MappingError(f"{where}: name is {constraints.name!r}; it must be text")
    for name, (fits, right) in _VALUES.items():
        given = getattr(constraints, name)
        if not isinstance(given, Mapping):
            raise MappingError(f"{where}: {name} is {given!r}; it must be a mapping from names")
        for key, value in given.items():
            if not isinstance(key, str):
                raise MappingError(f"{where}: {name} has the key {key!r}; keys must be names")
            if not fits(value):
                raise MappingError(f"{where}: {name} of {key} is {value!r}; it must be {right}")
    if not _is_names(constraints.saturated):
        right = "a tuple of names such as ('DRAM.M',)"
        raise MappingError(f"{where}: saturated is {constraints.saturated!r}; it must be {right}")
    if not isinstance(constraints.factors, str) or constraints.factors not in FACTORS:
        right = did_you_mean(constraints.factors, FACTORS)
        raise MappingError(f"{where}: no factors {constraints.factors!r}{right}")


def _is_names(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(name, str) for name in value)


def _is_node_orders(value: object) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_names, value))


def _is_loop_orders(value: object) -> bool:
    # Dimensions mostly have one letter: "MC" is the order ("M", "C").
    return isinstance(value, tuple | list) and all(isinstance(o, str) or _is_names(o) for o in value)


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in value)
    )


# By field what its values must be.
_VALUES: dict[str, tuple[Callable[[object], bool], str]] = {
    "keeps": (lambda value: isinstance(value, bool | np.bool_), "True or False"),
    "nodes": (_is_node_orders, "a tuple of orders such as (('GLB.inputs', 'GLB.outputs'),)"),
    "loops": (_is_loop_orders, "a tuple of orders such as (('M', 'C'), ('C', 'M'))"),
    "axes": (_is_names, "a tuple of names such as ('x', 'y')"),
    "bounds": (_is_pair, "a pair of whole numbers, the least and the most, such as (1, 4)"),
}


class _Lowering:
    def __init__(self, encoding: Encoding, constraints: Constraints) -> None:
        self.encoding, self.constraints = encoding, constraints
        self.names = [str(node) for node in encoding.nodes]
        self.regions = dict(zip(_region_names(encoding), encoding.regions, strict=True))
        self.keep = self._keep()
        self.orders = self._node_orders()
        self.slots = self._slot_names()

    def restriction(self) -> Restriction:
        encoding = self.encoding
        extents = np.array([extent for _, extent in encoding.problem.dimensions])
        shape = len(encoding.slots), len(extents)
        least, most = np.ones(shape, np.int64), np.full(shape, extents, np.int64)
        choices: list[list[int]] = [[] for _ in encoding.slots]
        given: set[int] = set()
        for name, alternatives in self.constraints.loops.items():
            slot = self.find(name, self.slots, "slot")
            if slot in given:
                raise self._wrong(f"loops of {name} are given twice", ": another name is the same slot")
            given.add(slot)
            choices[slot], closed = self._loop_orders(name, alternatives)
            most[slot, closed] = 1
        self._narrow(least, most, extents)
        choices += [self.orders[name] for name in self.regions]
        choices += self._axis_orders()
        starts = np.cumsum([0, *map(len, choices)])
        return Restriction(
            least,
            most,
            self.keep,
            np.array([number for numbers in choices for number in numbers], np.int64),
            starts.astype(np.int64),
            self._saturated(most),
            np.array([FACTORS[self.constraints.factors]], np.int64),
        )

    def _keep(self) -> np.ndarray:
        keep = np.array([[node.required, True] for node in self.encoding.nodes], np.int64).reshape(-1, 2)
        for name, kept in self.constraints.keeps.items():
            node = self.find(name, dict(zip(self.names, range(len(self.names)), strict=True)), "node")
            if keep[node, 0] and not kept:
                level, tensor = name.rsplit(".", 1)
                raise self._wrong(f"{level} must keep {tensor} in every mapping", "")
            keep[node] = kept
        return keep

    def _node_orders(self) -> dict[str, list[int]]:
        """By region the numbers of its allowed orders; an empty list allows all."""
        allowed: dict[str, list[int]] = {name: [] for name in self.regions}
        for name, orders in self.constraints.nodes.items():
            region = self.find(name, self.regions, "region")
            nodes = [str(node) for node in region.nodes]
            spare = [n for i, n in enumerate(nodes) if not self.keep[region.first_node + i, 1]]
            for order in orders:
                full = (*order, *(node for node in spare if node not in order))
                self._check_order(f"nodes of {name}", full, nodes)
                allowed[name].append(permutation_number([nodes.index(node) for node in full]))
            if not orders:
                raise self._wrong(
                    f"nodes of {name}: no order is allowed", "; leave the field out to allow all"
                )
        return allowed

    def _slot_names(self) -> dict[str, int]:
        names = {slot.name: i for i, slot in enumerate(self.encoding.slots)}
        for name, region in self.regions.items():
            names[name] = region.first_slot
            orders = [permutation(number, len(region.nodes)) for number in self.orders[name]]
            if len(region.nodes) == 1:
                orders = [[0]]
            for i, node in enumerate(region.nodes):
                places = {order.index(i) for order in orders}
                if len(places) == 1:
                    names[str(node)] = region.first_slot + 1 + places.pop()
        return names

    def _loop_orders(self, name: str, alternatives: Orders) -> tuple[list[int], list[int]]:
        """Numbers of the allowed orders of a slot, and the dimensions without a loop there."""
        dimensions = self.encoding.dimensions
        listed = alternatives[0] if alternatives else ()
        for alternative in alternatives:
            for dimension in alternative:
                self.find(dimension, dict.fromkeys(dimensions), f"dimension of {self.encoding.problem.name}")
            self._check_order(f"loops of {name}", alternative, listed)
        closed = [i for i, d in enumerate(dimensions) if d not in listed]
        numbers = [
            permutation_number([dimensions.index(d) for d in alternative] + closed)
            for alternative in alternatives
        ]
        return numbers, closed

    def _narrow(self, least: np.ndarray, most: np.ndarray, extents: np.ndarray) -> None:
        for name, (low, high) in self.constraints.bounds.items():
            slot, dimension = self._loop(name)
            if not 1 <= low <= high:
                raise self._wrong(f"bounds of {name} are {low} to {high}", "; they go from 1 or more upwards")
            if low > most[slot, dimension]:
                raise self._wrong(
                    f"{name} has a bound of at least {low}",
                    f"; at most {most[slot, dimension]} is possible there",
                )
            least[slot, dimension], most[slot, dimension] = low, min(high, most[slot, dimension])

    def _axis_orders(self) -> list[list[int]]:
        arrays = {array.name: array for array in self.encoding.architecture.arrays}
        allowed: dict[str, list[int]] = {name: [] for name in arrays}
        for name, order in self.constraints.axes.items():
            axes = [axis.name for axis in self.find(name, arrays, "array").axes]
            self._check_order(f"axes of {name}", order, axes)
            allowed[name] = [permutation_number([axes.index(axis) for axis in order])]
        return list(allowed.values())

    def _saturated(self, most: np.ndarray) -> np.ndarray:
        saturated = np.zeros(most.shape, np.int64)
        for name in self.constraints.saturated:
            slot, dimension = self._loop(name)
            extent = self.encoding.problem.dimensions[dimension][1]
            if most[slot, dimension] == 1 < extent and self.encoding.slots[slot].axis is None:
                raise self._wrong(f"{name} is to be saturated", ", but has no loop")
            saturated[slot, dimension] = 1
        return saturated

    def _loop(self, name: str) -> tuple[int, int]:
        """The slot and the dimension of ``slot.dimension``."""
        slot, _, dimension = name.rpartition(".")
        dimensions = {d: i for i, d in enumerate(self.encoding.dimensions)}
        return (
            self.find(slot, self.slots, "slot"),
            self.find(dimension, dimensions, f"dimension of {self.encoding.problem.name}"),
        )

    def find(self, name: str, known: Mapping[str, _T], what: str) -> _T:
        """Look a name up, or say what is wrong with it."""
        if name not in known:
            unfixed = " whose place is fixed" if what == "slot" and name in self.names else ""
            raise self._wrong(f"no {what}{unfixed} is called {name!r}", did_you_mean(name, known))
        return known[name]

    def _check_order(self, where: str, order: Sequence[str], known: Iterable[str]) -> None:
        for name in order:
            if order.count(name) > 1:
                raise self._wrong(f"{where}: ({', '.join(order)}) names {name} twice", "; once is right")
        if sorted(order) != sorted(known):
            raise self._wrong(f"{where}: ({', '.join(order)})", f" must order ({', '.join(known)})")

    def _wrong(self, what: str, right: str) -> MappingError:
        return MappingError(f"constraints {self.constraints.name}: {what}{right}")


def _region_names(encoding: Encoding) -> list[str]:
    arrays = [array.name for array in encoding.architecture.arrays]
    return [encoding.architecture.outermost.name, *arrays]
