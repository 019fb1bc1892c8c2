"""Machines as Timeloop's architectures, and plain data with tags as YAML text."""

from __future__ import annotations

from typing import Any

import yaml

from simulator.architecture import Architecture, Array, Storage
from simulator.architecture_file import OPERANDS, TENSORS
from simulator.formats import plain_text
from simulator.formats.timeloop.fields import Notes
from simulator.formats.timeloop.files import Tagged
from simulator.formats.timeloop.problems import data_space_of
from simulator.formats.timeloop.slots import Slot, slots_of
from workloads.files import PlainDumper


class _Dumper(PlainDumper):
    """With tags of mappings."""


def _tagged(dumper: yaml.SafeDumper, node: Tagged) -> yaml.Node:
    return dumper.represent_mapping(f"!{node.tag}", node.items())


_Dumper.add_representer(Tagged, _tagged)


def tagged_text(data: dict[str, Any]) -> str:
    """Return data as YAML, with the tags of its mappings."""
    return plain_text(data, _Dumper)


def write_machine_data(architecture: Architecture) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a machine as the data of Timeloop's architecture, version 4, and what that does not say.

    Raises
    ------
    MappingError
        For latches, and arrays of more than two axes.
    """
    notes: Notes = []
    bits = architecture.operand_bits[0]
    widths = {*architecture.operand_bits, architecture.output_bits, architecture.partial_sum_bits}
    if widths != {bits}:
        notes.append(
            f"{architecture.name}: words of {sorted(widths)} bits are written as {bits}, those of weights"
        )
    top: dict[str, Any] = {"name": architecture.name}
    if architecture.technology:
        top["attributes"] = {"technology": architecture.technology}
    nodes: list[dict[str, Any]] = [Tagged("Container", top)]
    groups: dict[int, list[dict[str, Any]]] = {}
    arrays = iter(sorted(architecture.arrays, key=lambda array: array.rank))
    pending: dict[str, Any] = {}
    for slot in slots_of(architecture, 4):
        if slot.level is None:
            array = next(arrays)
            container = _fanout(slot, array, notes)
            if slot.target != array.name:
                # A fan-out of the component below itself.
                pending = container
            else:
                nodes.append(Tagged("Container", container))
            continue
        storage = architecture.storage(slot.level)
        level = Tagged("Component", _storage(storage, bits, notes, pending))
        pending = {}
        beside = [other for other in architecture.storages if other.rank == storage.rank]
        if len(beside) == 1:
            nodes.append(level)
        else:
            if storage.rank not in groups:
                groups[storage.rank] = []
                nodes.append(Tagged("Parallel", {"nodes": groups[storage.rank]}))
            groups[storage.rank].append(level)
    nodes.append(Tagged("Component", {"name": "mac"} | pending | {"class": "intmac"}))
    if len(architecture.unpriced) < len(architecture.storages):
        notes.append(f"{architecture.name}: prices: Timeloop has its energies from Accelergy's tables")
    data: dict[str, Any] = {"architecture": {"version": 0.4, "nodes": nodes}}
    if architecture.clock_mhz is not None:
        data = {"variables": {"version": 0.4, "global_cycle_seconds": 1e-6 / architecture.clock_mhz}} | data
    return data, tuple(notes)


def _storage(storage: Storage, bits: int, notes: Notes, fanout: dict[str, Any]) -> dict[str, Any]:
    """A level's component, with its own fan-out where it has one."""
    attributes: dict[str, Any] = {"width": bits, "datawidth": bits}
    if storage.capacity_bits is not None:
        attributes["depth"] = storage.capacity_bits // bits
    elif storage.rank:
        notes.append(f"{storage.name}: has no bound; class DRAM stands for that")
    if storage.double_buffers == storage.keeps:
        attributes["multiple_buffering"] = 2
    elif storage.double_buffers or storage.single_buffers:
        notes.append(
            f"{storage.name}: buffering by tensor: one tile of each is written, refilled while in use"
        )
    ports = ("read", "write", "shared")
    for name in ports:
        rate = getattr(storage, f"{name}_bandwidth_bits")
        if rate is not None:
            attributes[f"{name}_bandwidth"] = rate / bits
    if storage.partitions:
        notes.append(f"{storage.name}: partitions: its tensors share the whole capacity in Timeloop")
    if storage.coded:
        notes.append(f"{storage.name}: compression: no counterpart in Timeloop's architecture")
    kind = "DRAM" if storage.capacity_bits is None else "storage"
    found = {**fanout, "name": storage.name, "class": kind, "attributes": attributes}
    keep = [data_space_of(t) for t in storage.required]
    bypass = [data_space_of(t) for t in TENSORS if t not in storage.keeps]
    kept = ({"keep": keep} if keep and storage.rank else {}) | ({"bypass": bypass} if bypass else {})
    constraints = fanout.get("constraints", {}) | ({"dataspace": kept} if kept else {})
    return found | ({"constraints": constraints} if constraints else {})


def _fanout(slot: Slot, array: Array, notes: Notes) -> dict[str, Any]:
    spatial = {f"mesh{side}": array.axis(axis).size for side, (_, axis) in slot.axes.items()}
    found: dict[str, Any] = {"name": slot.target, "spatial": spatial}
    alone = [t for t in OPERANDS if not all(axis.multicasts(t) for axis in array.axes)]
    alone += [] if all(axis.reduces for axis in array.axes) else ["outputs"]
    if alone:
        found["constraints"] = {"spatial": {"no_reuse": [data_space_of(t) for t in alone]}}
        if len(array.axes) > 1:
            notes.append(
                f"{array.name}: an axis without multicast or reduction: in Timeloop neither axis has"
            )
    if any(axis.linked_tensors for axis in array.axes):
        notes.append(f"{array.name}: links between neighbours: Timeloop has its own rule for them")
    if any(width is not None for width in (*array.network_widths, array.network_up_bits)):
        notes.append(f"{array.name}: widths of its network: no counterpart")
    if set(array.topologies) != {"unicast"}:
        notes.append(f"{array.name}: topology of its network: no counterpart")
    return found
