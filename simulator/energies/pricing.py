"""A machine's prices, areas and leakage filled in from a table."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from simulator.architecture_build import TENSORS_OF_ACTION
from simulator.architecture_file import TENSORS
from simulator.architecture_parts import ARRAY_ACTIONS, STORAGE_ACTIONS, Array, Storage
from simulator.energies.parts import Memory, PartFigures, Table
from simulator.energies.table_file import EnergyTableError
from simulator.energies.tables import load_table

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.energies.tables import Source

# What a table fills in, and what says that it did.
_FILLED = ("price", "price_source", "leakage_mw", "area_um2")
_MARK = "priced_by"
_MAX_SOURCE = 500


def swap(data: dict[str, Any], source: object) -> dict[str, Any]:
    """Return a machine's data with another table and all figures of it to be filled in.

    Raises
    ------
    EnergyTableError
        For a table that cannot be read.
    """
    swapped = copy.deepcopy(data)
    for part in parts_of(swapped):
        _empty(part)
    # It refuses what is neither.
    table = load_table(cast("Source", source))
    return swapped | {"energy_table": str(source), "energy_unit": table.unit}


def forget(data: dict[str, Any]) -> None:
    """Empty what a table filled in, as the machine has changed and will be priced anew."""
    for part in parts_of(data):
        if _MARK in part:
            _empty(part)


def unfilled(data: dict[str, Any]) -> bool:
    """Whether some part of a machine with a table has no price yet."""
    return any("price" not in part for part in parts_of(data))


def fill(data: dict[str, Any], machine: Architecture) -> dict[str, Any]:
    """Return a machine's data with figures of its table for all parts without a price.

    Leakage is left out where the machine states no clock, without which it is no energy.

    Raises
    ------
    EnergyTableError
        For a table that cannot be read, of another unit, or without a figure for some part.
    """
    table = load_table(data["energy_table"])
    if table.unit != data["energy_unit"]:
        raise EnergyTableError(
            f"{machine.name}: energy_unit: {data['energy_unit']}, but the table {table.name} is in "
            f"{table.unit}"
        )
    filled = copy.deepcopy(data)
    mac = table.mac(max(machine.operand_bits), machine.partial_sum_bits)
    for part in parts_of(filled):
        if "price" in part:
            continue
        if "storage" in part:
            storage = machine.storage(part["storage"])
            figures = _whole(table, machine, storage)
            part["price"] = _storage_prices(table, machine, storage)
        elif "array" in part:
            array = machine.array(part["array"])
            figures = table.network(array.name, machine.partial_sum_bits, mac.energies["mac"])
            part["price"] = _array_prices(table, machine, array, mac.energies["mac"])
        else:
            figures = mac
            part["price"] = mac.energies["mac"]
        _note(part, figures, machine.clock_mhz is not None)
        part[_MARK] = table.name
    return filled


def parts_of(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the mapping of each storage level, array and MAC of a machine's data."""
    for entry in data["hierarchy"]:
        yield from entry.get("side_by_side", [entry.get("mac", entry)])


def _empty(part: dict[str, Any]) -> None:
    for field in (*_FILLED, _MARK):
        part.pop(field, None)


def _note(part: dict[str, Any], figures: PartFigures, clock: bool) -> None:
    """Area, leakage and source of a part. What it states itself stays."""
    source = figures.source
    if figures.leakage_mw and not clock:
        source += "; leakage left out, as the machine states no clock"
    elif figures.leakage_mw is not None:
        part.setdefault("leakage_mw", figures.leakage_mw)
    if figures.area_um2 is not None:
        part.setdefault("area_um2", figures.area_um2)
    part["price_source"] = source if len(source) <= _MAX_SOURCE else f"{source[: _MAX_SOURCE - 3]}..."


def _memories(machine: Architecture, storage: Storage) -> Iterator[tuple[tuple[str, ...], Memory]]:
    """Yield the memories that a level is, its partitions if it has any, with the tensors in each."""
    width = storage.block_bits or max(machine.word_bits(tensor, storage.name) for tensor in storage.keeps)
    outermost = storage.rank == 0
    if not storage.partitions:
        yield storage.keeps, Memory(storage.name, storage.capacity_bits, width, storage.banks, outermost)
    for part in storage.partitions:
        # The banks are the partitions' in proportion.
        banks = max(1.0, storage.banks * part.capacity_bits / (storage.capacity_bits or part.capacity_bits))
        yield part.tensors, Memory(storage.name, part.capacity_bits, width, banks, outermost)


def _whole(table: Table, machine: Architecture, storage: Storage) -> PartFigures:
    """Area and leakage of a level, of all its partitions; and the source of the largest."""
    answers = [table.memory(memory) for _, memory in _memories(machine, storage)]

    def total(values: list[float | None]) -> float | None:
        return None if None in values else math.fsum(value or 0.0 for value in values)

    return PartFigures(
        {}, total([a.leakage_mw for a in answers]), total([a.area_um2 for a in answers]), answers[0].source
    )


def _storage_prices(table: Table, machine: Architecture, storage: Storage) -> dict[str, Any]:
    """Prices of a level per block, or per word: of an access its word's share, as if packed."""
    by_tensor: dict[str, dict[str, float]] = {}
    for tensors, memory in _memories(machine, storage):
        for tensor in tensors:
            bits = machine.word_bits(tensor, storage.name)
            if storage.block_bits is None:
                # Each word is accessed alone.
                alone = Memory(memory.name, memory.capacity_bits, bits, memory.banks, memory.outermost)
                by_tensor[tensor] = table.memory(alone).energies
            else:
                figures, words = table.memory(memory), storage.block_bits / bits
                times = words if figures.of_words else 1.0
                times /= 1.0 if storage.price_per == "block" else words
                by_tensor[tensor] = {a: e * times for a, e in figures.energies.items()}
    return _prices(STORAGE_ACTIONS, by_tensor)


def _array_prices(table: Table, machine: Architecture, array: Array, mac: float) -> dict[str, Any]:
    widths = dict(zip(TENSORS, (*machine.operand_bits, machine.partial_sum_bits), strict=True))
    answers = {tensor: table.network(array.name, bits, mac).energies for tensor, bits in widths.items()}
    return _prices(ARRAY_ACTIONS, answers)


def _prices(actions: tuple[str, ...], by_tensor: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Prices in the form of a machine's file: a number where all tensors pay the same."""
    prices: dict[str, Any] = {}
    for action in actions:
        paid = {tensor: energies[action] for tensor, energies in by_tensor.items() if action in energies}
        if any(tensor in TENSORS_OF_ACTION[action] for tensor in paid):
            first, *others = paid.values()
            prices[action] = first if all(other == first for other in others) else paid
    return prices
