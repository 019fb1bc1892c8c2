"""The parts of a machine: storage levels, arrays, MACs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

from simulator.architecture_file import TENSORS
from simulator.errors import ArchitectureError, did_you_mean

STORAGE_ACTIONS = ("read", "fill", "drain", "merge", "send", "refill")
ARRAY_ACTIONS = ("deliver", "hop", "link", "add")
# One row per action, one number per tensor in the order of TENSORS.
PriceTable = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Partition:
    """A part of a storage level set aside for some of its tensors."""

    tensors: tuple[str, ...]
    capacity_bits: int


@dataclass(frozen=True)
class Storage:
    """A storage level; an instance of it stands below every place of the arrays above it.

    `keeps` are the tensors it may hold, `required` those a mapping must not let bypass it. None means
    unbounded for `capacity_bits` and the bandwidths (bits per cycle and instance), and unknown for
    `leakage_mw` and `area_um2`, which are per instance. `coded` are the tensors it may hold run-length coded.
    """

    name: str
    rank: int
    keeps: tuple[str, ...]
    required: tuple[str, ...]
    capacity_bits: int | None
    partitions: tuple[Partition, ...]
    banks: int
    block_bits: int | None
    price_per: Literal["word", "block"]
    read_bandwidth_bits: float | None
    write_bandwidth_bits: float | None
    shared_bandwidth_bits: float | None
    stores_padding: bool
    double_buffers: tuple[str, ...]
    single_buffers: tuple[str, ...]
    coded: tuple[str, ...]
    prices: PriceTable
    unpriced: tuple[str, ...]
    leakage_mw: float | None
    area_um2: float | None

    def double_buffered(self, tensor: str) -> bool:
        """Return whether the tensor's next tile has a place beside the one in use."""
        return known(tensor, TENSORS, "tensor") in self.double_buffers

    def single_buffered(self, tensor: str) -> bool:
        """Return whether the tensor's next tile must wait for the computation on the one in use."""
        return known(tensor, TENSORS, "tensor") in self.single_buffers

    def price(self, action: str, tensor: str) -> float:
        """Return the energy of an action of STORAGE_ACTIONS per word or block, as `price_per` says."""
        return _price(self.prices, action, STORAGE_ACTIONS, tensor)


@dataclass(frozen=True)
class Axis:
    """One axis of an array. Links let neighbours along it pass an operand's words sideways."""

    name: str
    size: int
    multicast_tensors: tuple[str, ...]
    reduces: bool
    linked_tensors: tuple[str, ...]

    def multicasts(self, tensor: str) -> bool:
        """Return whether one word of an operand can reach several places along this axis."""
        return known(tensor, TENSORS, "tensor") in self.multicast_tensors

    def links(self, tensor: str) -> bool:
        """Return whether neighbours along this axis can pass on words of an operand."""
        return known(tensor, TENSORS, "tensor") in self.linked_tensors


@dataclass(frozen=True)
class Array:
    """Equal places along named axes, fed by one network.

    `network_widths` are bits per cycle into the array in the order of TENSORS, `network_up_bits` those of
    outputs leaving it (None: they share the outputs' width); a width of None is no limit. `topologies`
    are how words reach the places, by tensor: "unicast", "bus", "tree" (a node feeds `fan_out` others) or
    "mesh"; the last axis is the trunk.
    """

    name: str
    rank: int
    axes: tuple[Axis, ...]
    network_widths: tuple[float | None, ...]
    network_up_bits: float | None
    topologies: tuple[str, ...]
    fan_out: int
    ramps: bool
    prices: PriceTable
    unpriced: tuple[str, ...]
    leakage_mw: float | None
    area_um2: float | None

    @property
    def size(self) -> int:
        """The number of places."""
        return math.prod(axis.size for axis in self.axes)

    def axis(self, name: str) -> Axis:
        """Return the axis of this name; ArchitectureError with the nearest name if there is none."""
        return find(name, self.axes, f"axis of the array {self.name}")

    def network_bits(self, tensor: str) -> float | None:
        """Return the bits per cycle into the array for a tensor, None without limit."""
        return self.network_widths[TENSORS.index(known(tensor, TENSORS, "tensor"))]

    def topology(self, tensor: str) -> str:
        """Return how a tensor's words reach the places: "unicast", "bus", "tree" or "mesh"."""
        return self.topologies[TENSORS.index(known(tensor, TENSORS, "tensor"))]

    def price(self, action: str, tensor: str) -> float:
        """Return the energy per word of an action of ARRAY_ACTIONS."""
        return _price(self.prices, action, ARRAY_ACTIONS, tensor)


@dataclass(frozen=True)
class Mac:
    """The multiplier-accumulator: energy per operation, and the operands it keeps in a register.

    Where the operand `gating` is zero, it neither multiplies nor reads the other operands.
    """

    price: float
    unpriced: tuple[str, ...]
    latches: tuple[str, ...]
    gating: str | None
    leakage_mw: float | None
    area_um2: float | None


def known(name: str, names: tuple[str, ...], what: str) -> str:
    """Return a name that is among the known ones; ArchitectureError with the nearest if it is not."""
    if name not in names:
        raise ArchitectureError(f"unknown {what} {name!r}{did_you_mean(name, names)}")
    return name


Named = TypeVar("Named", Storage, Axis, Array)


def find(name: str, among: tuple[Named, ...], what: str) -> Named:
    """Return the component of this name; ArchitectureError with the nearest name if there is none."""
    for component in among:
        if component.name == name:
            return component
    raise ArchitectureError(f"no {what} is called {name!r}{did_you_mean(name, (one.name for one in among))}")


def _price(table: PriceTable, action: str, actions: tuple[str, ...], tensor: str) -> float:
    row = table[actions.index(known(action, actions, "action"))]
    return row[TENSORS.index(known(tensor, TENSORS, "tensor"))]
