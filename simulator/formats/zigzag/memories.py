"""An accelerator of either form as one: its array, and its memories with what their ports move."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from simulator.errors import ArchitectureError, did_you_mean
from simulator.formats.zigzag.files import Notes, read_data
from simulator.formats.zigzag.forms import (
    ACCELERATOR,
    OLDER,
    OPERANDS,
    AcceleratorForm,
    ArrayForm,
    MemoryForm,
    OlderAcceleratorForm,
    OlderArrayForm,
    OlderMemoryForm,
    Unrollings,
    split,
)

# From and to the memories above (high) and below (low), as ZigZag calls them.
FROM_HIGH, TO_LOW, FROM_LOW, TO_HIGH = "fh", "tl", "fl", "th"
_READS, _WRITES = (TO_LOW, TO_HIGH), (FROM_HIGH, FROM_LOW)
Move = tuple[str, str]


@dataclass(frozen=True)
class Port:
    """A port: (operand, direction) of all that moves through it, bits a cycle each way, None for neither."""

    name: str
    moves: tuple[Move, ...]
    read_bits: int | None
    write_bits: int | None
    least_bits: int

    @property
    def both_ways(self) -> bool:
        """Whether reads and writes share it."""
        return {direction in _READS for _, direction in self.moves} == {True, False}


@dataclass(frozen=True)
class Memory:
    """A memory; costs are of an access of its port's whole width, None where CACTI is to give them.

    ``served`` are the dimensions that share an instance; there is one for each place of the others. ``parts``
    are the memories that stand for it together, if several do.
    """

    name: str
    bits: int
    operands: tuple[str, ...]
    served: tuple[str, ...]
    ports: tuple[Port, ...]
    read_cost: float | None
    write_cost: float | None
    area: float | None
    latency: int
    double: bool
    parts: tuple[Memory, ...] = ()

    def width(self, operand: str, direction: str) -> int | None:
        """Bits a cycle of the port that moves an operand in a direction, None where none does."""
        for port in self.ports:
            if (operand, direction) in port.moves:
                return port.read_bits if direction in _READS else port.write_bits
        return None


@dataclass(frozen=True)
class Accelerator:
    """An accelerator of ZigZag's, its memories from the lowest to the highest."""

    name: str
    sizes: dict[str, int]
    memories: tuple[Memory, ...]
    unit_energy: float | None
    unit_area: float | None
    input_bits: tuple[int, int] | None
    systolic: tuple[str, ...]
    dataflows: Unrollings


def read_accelerator(path: str | os.PathLike[str], notes: Notes) -> Accelerator:
    """Return the accelerator of a file.

    Raises
    ------
    ArchitectureError
        For what is missing or wrong, with its field, and for arrays that compute in memory.
    """
    where = os.fspath(path)
    data = read_data(path, ArchitectureError, notes)
    memories = data.get("memories") if isinstance(data, dict) else None
    older = isinstance(data, dict) and (
        "multipliers" in data
        or (
            isinstance(memories, dict) and any(isinstance(m, dict) and "r_bw" in m for m in memories.values())
        )
    )
    form = OLDER.read(data, where) if older else ACCELERATOR.read(data, where)
    array = _array(form, where)
    if array.is_imc:
        raise ArchitectureError(
            f"{where}: operational_array.is_imc: arrays that compute in memory have no counterpart here: "
            "their costs and cycles follow from imc_type, adc_resolution and bit_serial_precision"
        )
    sizes = dict(zip(array.dimensions, array.sizes, strict=False))
    if len(sizes) != len(array.dimensions) or len(array.sizes) != len(array.dimensions):
        raise ArchitectureError(
            f"{where}: operational_array: needs a size for each of its dimensions, each named once, not "
            f"{len(array.dimensions)} dimensions and {len(array.sizes)} sizes"
        )
    for name in array.systolic_dimensions:
        _known(name, sizes, f"{where}: operational_array.systolic_dimensions")
    energy, area = _unit(array)
    given = array.input_precision
    return Accelerator(
        name=form.name,
        sizes=sizes,
        memories=tuple(_memory(name, memory, sizes, where) for name, memory in form.memories.items()),
        unit_energy=energy,
        unit_area=area,
        input_bits=None if given is None else (given[0], given[1]),
        systolic=tuple(array.systolic_dimensions),
        dataflows=form.dataflows,
    )


def _array(form: AcceleratorForm | OlderAcceleratorForm, where: str) -> ArrayForm | OlderArrayForm:
    if isinstance(form, AcceleratorForm):
        return form.operational_array
    array = form.multipliers or form.operational_array
    if array is None:
        raise ArchitectureError(f"{where}: the field 'operational_array' is missing")
    return array


def _unit(array: ArrayForm | OlderArrayForm) -> tuple[float | None, float | None]:
    if isinstance(array, ArrayForm):
        return array.unit_energy, array.unit_area
    return array.multiplier_energy, array.multiplier_area


def _memory(name: str, form: MemoryForm | OlderMemoryForm, sizes: dict[str, int], where: str) -> Memory:
    at = f"{where}: memories.{name[:60]}"
    for operand in form.operands:
        if form.operands.count(operand) > 1:
            raise ArchitectureError(f"{at}: operands: names {operand} twice")
    for dimension in form.served_dimensions:
        _known(dimension, sizes, f"{at}: served_dimensions")
    ports = _ports(form, at) if isinstance(form, MemoryForm) else _older_ports(form, at)
    for move in (move for port in ports for move in port.moves):
        if move[0] not in form.operands:
            raise ArchitectureError(
                f"{at}: ports: {', '.join(move)}: the memory holds {', '.join(form.operands)}"
            )
        if sum(move in port.moves for port in ports) > 1:
            # ZigZag takes the last; two ports that share the work are no more than one to it.
            ports = _without_all_but_last(ports, move)
    return Memory(
        name=name,
        bits=form.size,
        operands=tuple(operand for operand in OPERANDS if operand in form.operands),
        served=tuple(d for d in sizes if d in form.served_dimensions),
        ports=ports,
        read_cost=None if form.auto_cost_extraction else form.r_cost,
        write_cost=None if form.auto_cost_extraction else form.w_cost,
        area=None if form.auto_cost_extraction else form.area,
        latency=form.latency,
        double=form.force_double_buffering if isinstance(form, MemoryForm) else form.double_buffering_support,
    )


def _ports(form: MemoryForm, at: str) -> tuple[Port, ...]:
    ports = []
    for port in form.ports:
        here = f"{at}: ports: {port.name[:60]}"
        if port.bandwidth_min > port.bandwidth_max:
            raise ArchitectureError(
                f"{here}: bandwidth_min {port.bandwidth_min} is above bandwidth_max {port.bandwidth_max}"
            )
        moves = tuple(split(entry) for entry in port.allocation)
        for operand, direction in moves:
            never = _WRITES if port.type == "read" else _READS if port.type == "write" else ()
            if direction in never:
                raise ArchitectureError(
                    f"{here}: allocation '{operand}, {direction}' is no {port.type}: "
                    "fh and fl write, tl and th read"
                )
        width = port.bandwidth_max
        reads, writes = (None if port.type == other else width for other in ("write", "read"))
        ports.append(Port(port.name, moves, reads, writes, port.bandwidth_min))
    return tuple(ports)


def _without_all_but_last(ports: tuple[Port, ...], move: Move) -> tuple[Port, ...]:
    last = [port for port in ports if move in port.moves][-1]
    return tuple(
        port if port is last else replace(port, moves=tuple(m for m in port.moves if m != move))
        for port in ports
    )


def _older_ports(form: OlderMemoryForm, at: str) -> tuple[Port, ...]:
    """The ports by name, of which each operand in its order names those that it uses."""
    if len(form.ports) != len(form.operands):
        raise ArchitectureError(
            f"{at}: ports: needs an entry for each of {', '.join(form.operands)}, not {len(form.ports)}"
        )
    moves: dict[str, list[Move]] = {}
    for operand, links in zip(form.operands, form.ports, strict=True):
        for direction in (FROM_HIGH, TO_LOW, FROM_LOW, TO_HIGH):
            name = getattr(links, direction)
            if name is not None:
                moves.setdefault(name, []).append((operand, direction))
    least = max(form.min_r_granularity or form.r_bw, form.min_w_granularity or form.w_bw)
    return tuple(Port(name, tuple(uses), form.r_bw, form.w_bw, least) for name, uses in moves.items())


def _known(name: str, sizes: dict[str, int], where: str) -> None:
    if name not in sizes:
        raise ArchitectureError(f"{where}: no dimension {name[:60]!r}{did_you_mean(name[:60], sizes)}")
