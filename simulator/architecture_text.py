"""Storage levels, arrays and MACs as readable text."""

from __future__ import annotations

from simulator.architecture_file import TENSORS
from simulator.architecture_parts import ARRAY_ACTIONS, STORAGE_ACTIONS, Array, Mac, PriceTable, Storage
from simulator.units import format_bits


def describe_part(part: Storage | Array | Mac) -> list[str]:
    """Return the lines that describe one part of a machine: its shape, then details, indented."""
    if isinstance(part, Storage):
        lines = _storage_lines(part)
    elif isinstance(part, Array):
        lines = _array_lines(part)
    else:
        price = "" if part.unpriced else f": {part.price:g} each"
        lines = [f"MAC{price}", *([f"latches {', '.join(part.latches)}"] if part.latches else [])]
        if part.gating is not None:
            lines.append(f"neither multiplies nor reads other operands where {part.gating} are zero")
    if part.leakage_mw is not None:
        lines.append(f"leakage {part.leakage_mw:g} mW each")
    if part.area_um2 is not None:
        lines.append(f"area {part.area_um2:g} um2 each")
    return [lines[0], *(f"    {line}" for line in lines[1:])]


def _storage_lines(storage: Storage) -> list[str]:
    size = "unbounded" if storage.capacity_bits is None else format_bits(storage.capacity_bits)
    lines = [f"{storage.name}: {size}, keeps {', '.join(storage.keeps)}"]
    lines += [
        f"{format_bits(partition.capacity_bits)} for {', '.join(partition.tensors)}"
        for partition in storage.partitions
    ]
    if storage.required and storage.required != storage.keeps:
        lines.append(f"never bypassed by {', '.join(storage.required)}")
    ports = {
        "read": storage.read_bandwidth_bits,
        "write": storage.write_bandwidth_bits,
        "shared": storage.shared_bandwidth_bits,
    }
    widths = ", ".join(f"{name} {width:g}" for name, width in ports.items() if width is not None)
    if widths:
        lines.append(f"bandwidth in bits per cycle: {widths}")
    if storage.block_bits is not None:
        lines.append(f"block of {storage.block_bits} bits")
    if storage.capacity_bits is not None:
        fifo = [t for t in storage.keeps if t not in storage.double_buffers + storage.single_buffers]
        modes = {"double": storage.double_buffers, "single": storage.single_buffers, "fifo": fifo}
        used = (f"{mode} for {', '.join(tensors)}" for mode, tensors in modes.items() if tensors)
        lines.append(f"buffering: {'; '.join(used)}")
    if storage.stores_padding:
        lines.append("stores padding")
    if storage.coded:
        lines.append(f"run-length coded: {', '.join(storage.coded)}")
    return lines + _price_lines(storage.prices, STORAGE_ACTIONS, storage.unpriced, storage.price_per)


def _array_lines(array: Array) -> list[str]:
    shape = " x ".join(f"{axis.name} {axis.size}" for axis in array.axes)
    lines = [f"{array.name}: array of {shape} = {array.size}"]
    for axis in array.axes:
        abilities = [f"multicasts {', '.join(axis.multicast_tensors) or 'nothing'}"]
        abilities.append("reduces" if axis.reduces else "does not reduce")
        if axis.linked_tensors:
            abilities.append(f"links neighbours for {', '.join(axis.linked_tensors)}")
        lines.append(f"{axis.name}: {'; '.join(abilities)}")
    widths = [f"{t} {w:g}" for t, w in zip(TENSORS, array.network_widths, strict=True) if w is not None]
    if array.network_up_bits is not None:
        widths.append(f"outputs on their way up {array.network_up_bits:g}")
    if widths:
        lines.append(f"network in bits per cycle: {', '.join(widths)}")
    if set(array.topologies) != {"unicast"}:
        kinds = {
            t: f"tree of {array.fan_out}" if kind == "tree" else kind
            for t, kind in zip(TENSORS, array.topologies, strict=True)
        }
        each = ", ".join(f"{t} {kind}" for t, kind in kinds.items())
        lines.append(f"topology: {each if len(set(kinds.values())) > 1 else kinds['weights']}")
    if array.ramps:
        lines.append("streams start anew with each pass (ramp)")
    return lines + _price_lines(array.prices, ARRAY_ACTIONS, array.unpriced, "word")


def _price_lines(
    table: PriceTable, actions: tuple[str, ...], unpriced: tuple[str, ...], per: str
) -> list[str]:
    prices = []
    for action, row in zip(actions, table, strict=True):
        if action in unpriced:
            continue
        if len(set(row)) == 1:
            prices.append(f"{action} {row[0]:g}")
        else:
            each = ", ".join(f"{tensor} {price:g}" for tensor, price in zip(TENSORS, row, strict=True))
            prices.append(f"{action} ({each})")
    return [f"price per {per}: {', '.join(prices)}"] if prices else []
