"""Timeloop's architectures as machines.

Timeloop counts words, which may be wider at one level than at the next; machines here have one width for each
tensor. All take the outermost level's, and capacities and bandwidths keep their number of words.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.architecture import Architecture
from simulator.architecture_file import MAX_WORD_BITS, NAME, TENSORS
from simulator.errors import ArchitectureError, SimulatorError
from simulator.formats.timeloop.constraints import Limits, read_limits
from simulator.formats.timeloop.fields import Notes, note_fields, number_of, whole_of
from simulator.formats.timeloop.parts import FANOUT, MAC, STORAGE, Part, read_parts

# Version 3 writes some of them with hyphens.
_READ = (
    "class", "width", "depth", "entries", "sizeKB", "datawidth", "word_bits", "word-bits", "technology",
    "block_size", "block-size", "cluster_size", "cluster-size", "memory_width", "memory_depth",
    "read_bandwidth", "write_bandwidth", "shared_bandwidth", "multiple_buffering", "multiple-buffering",
    "global_cycle_seconds", "instances", "meshX", "meshY", "version",
)  # fmt: skip


@dataclass(frozen=True)
class TimeloopMachine:
    """A machine of Timeloop: ours, what its constraints say about mappings, and what was not read."""

    architecture: Architecture
    limits: Limits
    notes: tuple[str, ...]


def read_machine_data(
    data: dict[str, Any], path: str | os.PathLike[str], tensors: dict[str, str] | None = None
) -> TimeloopMachine:
    """Return the machine in a design's data.

    Parameters
    ----------
    path
        The file, for errors and the machine's name.
    tensors
        Our tensor of each data-space that constraints name, where names such as A do not tell.

    Raises
    ------
    ArchitectureError
        For what is missing or wrong, or has no counterpart.
    """
    where, notes = os.fspath(path), Notes()
    try:
        parts = read_parts(data, where, notes)
        limits = read_limits(data, parts, where, notes, tensors)
        plain = _machine(parts, limits, _named(Path(path)), where, notes)
    except ArchitectureError:
        raise
    except SimulatorError as problem:
        raise ArchitectureError(str(problem)) from None
    return TimeloopMachine(Architecture.from_dict(plain, where), limits, tuple(notes))


def _named(path: Path) -> str:
    """A machine's name from its file's, or its folder's where the file is called arch."""
    stem = path.name.partition(".")[0]
    if stem.lower() in ("arch", "architecture", "top") and path.resolve().parent.name:
        stem = path.resolve().parent.name
    name = re.sub(r"[^A-Za-z0-9_-]", "_", stem)[:64]
    return name if NAME.fullmatch(name) else f"machine_{name}"[:64]


def _machine(parts: list[Part], limits: Limits, name: str, where: str, notes: Notes) -> dict[str, Any]:
    first = parts[0]
    if first.kind != STORAGE:
        raise ArchitectureError(f"{where}: architecture: the outermost part is {first.name}, no storage")
    bits = _word_bits(first, where)
    if not 1 <= bits <= MAX_WORD_BITS:
        raise ArchitectureError(f"{where}: {first.name}: words of {bits} bits; at most {MAX_WORD_BITS}")
    hierarchy: list[dict[str, Any]] = []
    groups: dict[int, list[dict[str, Any]]] = {}
    for part in parts:
        if part.kind == STORAGE:
            level = _storage(part, limits, bits, part is first, where, notes)
            if level is None:
                continue
            if part.group is None:
                hierarchy.append(level)
            else:
                if part.group not in groups:
                    groups[part.group] = []
                    hierarchy.append({"side_by_side": groups[part.group]})
                groups[part.group].append(level)
        elif part.kind == FANOUT:
            hierarchy.append(_array(part, limits))
        else:
            note_fields(part.own, _READ, f"{where}: {part.name}", notes)
    hierarchy.append({"mac": {}})
    notes.append(f"{where}: no prices: Timeloop has its energies from Accelergy's tables; all are zero")
    known = first.attributes | next(part.attributes for part in parts if part.kind == MAC)
    plain: dict[str, Any] = {"name": name, "description": f"read from Timeloop's {Path(where).name}"}
    if isinstance(known.get("technology"), str | int):
        plain["technology"] = str(known["technology"])
    if known.get("global_cycle_seconds") is not None:
        seconds = number_of(known["global_cycle_seconds"], f"{where}: global_cycle_seconds", known)
        plain |= {"clock_mhz": 1e-6 / seconds} if seconds else {}
    plain |= {"energy_unit": "pJ", "bits": dict.fromkeys(TENSORS, bits), "hierarchy": hierarchy}
    return plain


def _storage(
    part: Part, limits: Limits, bits: int, outermost: bool, where: str, notes: Notes
) -> dict[str, Any] | None:
    here = f"{where}: {part.name}"
    note_fields(part.own, _READ, here, notes)
    keeps = TENSORS if outermost else limits.keepable(part.name)
    if not keeps:
        notes.append(f"{here}: keeps nothing, so left out")
        return None
    level: dict[str, Any] = {"storage": part.name}
    if keeps != TENSORS:
        level["keeps"] = list(keeps)
    required = [tensor for tensor in limits.kept(part.name) if tensor in keeps]
    if required and not outermost:
        level["required"] = required
    width = _word_bits(part, where, bits)
    if width != bits:
        notes.append(f"{here}: words of {width} bits are counted as {bits}, those of the outermost level")
    # One place for a tile, refilled while it is used: what Timeloop takes for granted.
    copies = number_of(
        _get(part, "multiple_buffering") or 1, f"{here}: multiple_buffering", part.attributes, 1
    )
    level["buffering"] = "double" if copies == 2 else "fifo"
    words = _words(part, width, here)
    if words is not None:
        room = int(words if copies in (1, 2) else words / copies)
        if room < 1:
            raise ArchitectureError(f"{here}: has room for less than a word")
        level["capacity"] = f"{room * bits} bits"
    bandwidth = {}
    for port in ("read", "write", "shared"):
        rate = part.attributes.get(f"{port}_bandwidth")
        if rate is not None:
            value = number_of(rate, f"{here}: {port}_bandwidth", part.attributes) * bits
            bandwidth[port] = f"{value:.12f}".rstrip("0").rstrip(".") + " bits"
    if bandwidth.get("shared") and len(bandwidth) > 1:
        raise ArchitectureError(
            f"{here}: give either shared_bandwidth or read_ and write_bandwidth, not both"
        )
    return level | ({"bandwidth": bandwidth} if bandwidth else {})


def _array(part: Part, limits: Limits) -> dict[str, Any]:
    axes: dict[str, Any] = {}
    for name, size in zip("xy", part.mesh, strict=True):
        if size > 1:
            axes[name] = {"size": size}
            if alone := limits.unshared.get(part.name):
                axes[name]["multicast"] = [t for t in ("weights", "inputs") if t not in alone]
                axes[name]["reduction"] = "outputs" not in alone
    return {"array": part.name, "axes": axes}


def _get(part: Part, name: str) -> Any:
    """An attribute by its name in version 4, or with the hyphens of version 3."""
    return part.attributes.get(name, part.attributes.get(name.replace("_", "-")))


def _word_bits(part: Part, where: str, default: int = 16) -> int:
    for name in ("datawidth", "word_bits"):
        if _get(part, name) is not None:
            return whole_of(_get(part, name), f"{where}: {part.name}: {name}", part.attributes)
    return default


def _words(part: Part, width: int, here: str) -> int | None:
    """How many words a level has room for; None for no bound."""

    def given(name: str) -> int | float | None:
        value = _get(part, name)
        return None if value is None else number_of(value, f"{here}: {name}", part.attributes)

    if (entries := given("entries")) is not None:
        return int(entries)
    if (size := given("sizeKB")) is not None:
        return int(size * 8192 // width)
    depth = given("depth") if given("depth") is not None else given("memory_depth")
    if depth is None:
        if "DRAM" not in str(part.attributes.get("class")):
            raise ArchitectureError(f"{here}: has no size; give depth and width, entries or sizeKB")
        return None
    block = given("block_size")
    if block is None:
        row = given("width") if given("width") is not None else given("memory_width")
        if row is None:
            raise ArchitectureError(f"{here}: has a depth, but neither width nor block_size")
        block = row // (width * (given("cluster_size") or 1))
    return int(depth * max(block, 1))
