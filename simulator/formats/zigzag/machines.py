"""ZigZag's accelerators as machines: levels, arrays, prices."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.architecture import Architecture
from simulator.architecture_file import TENSORS
from simulator.errors import ArchitectureError
from simulator.formats.zigzag.files import Notes
from simulator.formats.zigzag.memories import (
    FROM_HIGH,
    FROM_LOW,
    TO_HIGH,
    TO_LOW,
    Accelerator,
    Memory,
    read_accelerator,
)
from simulator.formats.zigzag.placing import TENSOR, Place, ordered, outermost

# Bits where the file says none: as ZigZag reads ONNX files without quantization.
BITS = {"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 16}
ARRAY = "PE"
_NATIVE = {
    "weights": "weight_stationary",
    "outputs": "output_stationary_c",
    "inputs": "input_stationary",
}
_HIGH = (FROM_HIGH, TO_HIGH)
# Ours, ZigZag's, and whether of outputs only (None: of all).
_ACTIONS = (
    ("read", TO_LOW, False),
    ("fill", FROM_HIGH, None),
    ("drain", FROM_LOW, True),
    ("refill", TO_LOW, True),
    ("send", TO_HIGH, True),
)


def machine(
    path: str | os.PathLike[str], bits: dict[str, int] | None = None, area_um2: float | None = None
) -> tuple[Architecture, tuple[str, ...]]:
    """Return the machine of an accelerator's file, and what of it has no counterpart.

    Parameters
    ----------
    bits
        Widths of words, by tensor and of ``partial_sums``; by default those of the file, else 8 bits and sums
        of 16.
    area_um2
        Square micrometres of the unit that the file's areas are in; without it areas are left out.

    Raises
    ------
    ArchitectureError
        For what is missing or wrong, and what has no counterpart here.
    """
    where, notes = os.fspath(path), Notes()
    found = read_accelerator(path, notes)
    widths = {**BITS, **_input_bits(found), **(bits or {})}
    places = ordered(outermost(found, where, notes), found, widths, where, notes)
    _note(found, bits, area_um2, where, notes)
    plain: dict[str, Any] = {
        "name": _named(found.name, "machine"),
        "description": f"read from ZigZag's {Path(where).name}",
        "native_dataflow": _native(places, frozenset(found.sizes)),
        "energy_unit": "pJ",
        "bits": widths,
        "hierarchy": _Builder(found, places, widths, area_um2, where, notes).hierarchy(),
    }
    return replace(Architecture.from_dict(plain, where), path=where), tuple(notes)


def _named(name: str, else_: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_-]", "_", name, flags=re.ASCII)[:60]
    return text if re.match(r"[A-Za-z_]", text) else f"{else_}_{text}"


def _native(places: list[Place], whole: frozenset[str]) -> str:
    """The dataflow that keeps in the PEs what they have a memory for."""
    held = {TENSOR[operand] for p in places if p.inside == whole for operand in p.memory.operands}
    return next((flow for tensor, flow in _NATIVE.items() if tensor in held), "no_local_reuse")


def _input_bits(found: Accelerator) -> dict[str, int]:
    if found.input_bits is None:
        return {}
    return {"inputs": found.input_bits[0], "weights": found.input_bits[1]}


@dataclass(frozen=True)
class _Builder:
    """The parts of a machine as the data of its file."""

    found: Accelerator
    places: list[Place]
    widths: dict[str, int]
    area_um2: float | None
    where: str
    notes: Notes

    def hierarchy(self) -> list[dict[str, Any]]:
        """The levels and arrays, outermost first; memories of different tensors side by side."""
        found: list[dict[str, Any]] = []
        before, taken = frozenset[str](), set[str]()
        for place in self.places:
            if place.inside > before:
                found.append(self._array(place.inside - before))
            operands = set(place.memory.operands)
            if place.inside != before or taken & operands or not found:
                found.append({"side_by_side": []})
                taken = set()
            found[-1]["side_by_side"].append(self._level(place, len(found) == 1))
            before, taken = place.inside, taken | operands
        if rest := frozenset(self.found.sizes) - before:
            found.append(self._array(rest))
        return [*(_alone(entry) for entry in found), {"mac": self._mac()}]

    @cached_property
    def lowest(self) -> dict[str, Memory]:
        """By operand the memory next to the multipliers."""
        return {operand: place.memory for place in self.places for operand in place.memory.operands}

    def _array(self, dimensions: frozenset[str]) -> dict[str, Any]:
        named = [name for name in self.found.sizes if name in dimensions]
        several = len(named) < len(self.found.sizes)
        return {
            "array": "_".join([ARRAY, *(named if several else ())]),
            "axes": {name: {"size": self.found.sizes[name]} for name in named},
        }

    def _mac(self) -> dict[str, Any]:
        """With latches for operands of which the lowest memory reads a word at once: ZigZag's rule."""
        found: dict[str, Any] = {
            "latches": [
                TENSOR[operand]
                for operand in ("I2", "I1")
                if (self.lowest[operand].width(operand, TO_LOW) or 0) >= self.widths[TENSOR[operand]]
            ]
        }
        if self.found.unit_energy is not None:
            found["price"] = self.found.unit_energy
        if self.area_um2 is not None and self.found.unit_area is not None:
            found["area_um2"] = self.found.unit_area * self.area_um2
        return found

    def _level(self, place: Place, outermost: bool) -> dict[str, Any]:
        memory = place.memory
        at = f"{self.where}: memories.{memory.name}"
        _check_ports(memory, outermost, at)
        tensors = [tensor for tensor in TENSORS if tensor in (TENSOR[o] for o in memory.operands)]
        level: dict[str, Any] = {"storage": _named(memory.name, "memory"), "keeps": tensors}
        level |= {"capacity": f"{memory.bits} bits", "buffering": "double" if memory.double else "fifo"}
        if memory.parts:
            level["partitions"] = [
                {"tensors": [TENSOR[o] for o in part.operands], "capacity": f"{part.bits} bits"}
                for part in memory.parts
            ]
        block = max(self._word(operand) for operand in memory.operands)
        block = max(block, *(max(port.read_bits or 0, port.write_bits or 0) for port in memory.ports))
        level |= {"block": f"{block} bits", "price_per": "block"}
        level["bandwidth"] = _bandwidth(memory, at, self.notes)
        if prices := self._prices(place, block, outermost):
            level |= {"price": prices, "price_source": f"{Path(self.where).name}: r_cost, w_cost"}
        if self.area_um2 is not None and memory.area is not None:
            level["area_um2"] = memory.area * self.area_um2 / place.shares
        return level

    def _word(self, operand: str) -> int:
        """The widest words of an operand."""
        if operand == "O":
            return max(self.widths["outputs"], self.widths["partial_sums"])
        return self.widths[TENSOR[operand]]

    def _prices(self, place: Place, block: int, outermost: bool) -> dict[str, Any]:
        """Prices of a block: ZigZag's are of the width of the port that each tensor takes each way."""
        prices: dict[str, Any] = {}
        for action, direction, outputs in _ACTIONS:
            if outermost and direction in _HIGH:
                continue
            row: dict[str, float] = {}
            for operand in place.memory.operands:
                if outputs is None or outputs == (operand == "O"):
                    price = self._price(place, operand, direction)
                    if price is None:
                        return {}
                    row[TENSOR[operand]] = price * block
            if row:
                prices[action] = next(iter(row.values())) if len(set(row.values())) == 1 else row
        return prices

    def _price(self, place: Place, operand: str, direction: str) -> float | None:
        """The price of a bit of an operand in a direction, None without one."""
        memory = next((part for part in place.memory.parts if operand in part.operands), place.memory)
        cost = memory.read_cost if direction in (TO_LOW, TO_HIGH) else memory.write_cost
        width = memory.width(operand, direction)
        if cost is None or width is None:
            return None
        price = cost / width
        if place.inside and self.lowest[operand] == memory and direction not in _HIGH:
            # A lone word goes from or to a multiplier, rounded up to the least that a port moves.
            word = self.widths["partial_sums" if operand == "O" else TENSOR[operand]]
            least = next(port.least_bits for port in memory.ports if (operand, direction) in port.moves)
            price *= math.ceil(word / least) * least / word
        # Of those that add up together one takes a sum back.
        return price if operand == "O" and direction == FROM_HIGH else price / place.shares


def _alone(entry: dict[str, Any]) -> dict[str, Any]:
    levels = entry.get("side_by_side", [])
    level: dict[str, Any] = levels[0] if len(levels) == 1 else entry
    return level


def _check_ports(memory: Memory, outermost: bool, at: str) -> None:
    """Each operand needs a port for every way that it goes."""
    for operand in memory.operands:
        needed = [TO_LOW, *([FROM_LOW] if operand == "O" else [])]
        if not outermost:
            needed += [FROM_HIGH, *([TO_HIGH] if operand == "O" else [])]
        for direction in needed:
            if memory.width(operand, direction) is None:
                raise ArchitectureError(f"{at}: ports: none has the allocation '{operand}, {direction}'")


def _bandwidth(memory: Memory, at: str, notes: Notes) -> dict[str, str]:
    """One port for both directions, or one each, as wide as all of the kind together."""
    both = [port for port in memory.ports if port.both_ways]
    used = [port for port in memory.ports if port.moves]
    if len(both) == len(used):
        return {"shared": f"{sum(max(p.read_bits or 0, p.write_bits or 0) for p in both)} bits"}
    reads = [p.read_bits or 0 for p in used if any(d in (TO_LOW, TO_HIGH) for _, d in p.moves)]
    writes = [p.write_bits or 0 for p in used if any(d in (FROM_HIGH, FROM_LOW) for _, d in p.moves)]
    if len(reads) > 1 or len(writes) > 1:
        notes.append(
            f"{at}: its {len(reads)} read and {len(writes)} write ports are one of each, together as wide"
        )
    return {"read": f"{sum(reads)} bits", "write": f"{sum(writes)} bits"}


def _note(
    found: Accelerator, bits: dict[str, int] | None, area_um2: float | None, where: str, notes: Notes
) -> None:
    """What is left out of all memories, a line for each reason."""
    if bits is None and found.input_bits is None:
        notes.append(
            f"{where}: no widths: words of 8 bits, sums of 16, as ZigZag takes where a model has none"
        )
    elif bits is None:
        notes.append(f"{where}: no widths of outputs: words of 8 bits, sums of 16")
    rounded = [
        m.name
        for m in found.memories
        if any(p.least_bits < (p.read_bits or p.write_bits or 0) for p in m.ports)
    ]
    unpriced = [m.name for m in found.memories if m.read_cost is None or m.write_cost is None]
    slow = [m.name for m in found.memories if m.latency > 1]
    for names, text in (
        (rounded, "bandwidth_min: transfers are not rounded up to it; words count as if packed"),
        (unpriced, "no price without CACTI, which auto_cost_extraction asks; an energy table gives one"),
        (slow, "latency: no counterpart here, nor in ZigZag's cost model"),
    ):
        if names:
            notes.append(f"{where}: {', '.join(names)[:200]}: {text}")
    areas = [m.area for m in found.memories] + [found.unit_area]
    if area_um2 is None and any(areas):
        notes.append(
            f"{where}: areas: are in a unit of the file's own; give area_um2, its square micrometres"
        )
    if found.systolic:
        notes.append(
            f"{where}: systolic_dimensions: no counterpart here; ZigZag adds their drain once a layer"
        )
    if found.dataflows:
        notes.append(f"{where}: dataflows: are read as a dataflow of its own (--kind dataflow)")
