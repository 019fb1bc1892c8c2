"""How the parts of a machine follow from an architecture's form."""

from __future__ import annotations

import math
from collections.abc import Iterable

from simulator.architecture_file import (
    NAME,
    OPERANDS,
    TENSORS,
    ArchitectureForm,
    ArrayForm,
    ArrayPrices,
    AxisForm,
    BitsForm,
    MacFields,
    MacForm,
    SideBySideForm,
    StorageForm,
    StoragePrices,
    TensorPrices,
)
from simulator.architecture_parts import (
    ARRAY_ACTIONS,
    STORAGE_ACTIONS,
    Array,
    Axis,
    Mac,
    Partition,
    PriceTable,
    Storage,
)
from simulator.compression import MAX_LEVEL_BITS
from simulator.errors import ArchitectureError, SimulatorError
from simulator.units import format_bits, parse_bits, parse_rate

# Which tensors each action happens to (counting contract, "Energy").
TENSORS_OF_ACTION = {
    "read": OPERANDS,
    "fill": TENSORS,
    "drain": ("outputs",),
    "merge": ("outputs",),
    "send": ("outputs",),
    "refill": ("outputs",),
    "deliver": TENSORS,
    "hop": TENSORS,
    "link": OPERANDS,
    "add": ("outputs",),
}
MAX_MAC_UNITS = 2**40
# MAC stands for the innermost child in counts; the others begin a path of `Architecture.replace`.
RESERVED_NAMES = frozenset({"MAC", "mac", *ArchitectureForm.model_fields})


def build_parts(form: ArchitectureForm, where: str) -> tuple[tuple[Storage, ...], tuple[Array, ...], Mac]:
    """Return the storage levels, arrays and MAC of a checked form, all in hierarchy order.

    Raises
    ------
    ArchitectureError
        Where parts that are each well formed do not make a machine together.
    """
    storages: list[Storage] = []
    arrays: list[Array] = []
    names: set[str] = set()
    last = len(form.hierarchy) - 1
    if not isinstance(form.hierarchy[0], StorageForm):
        raise ArchitectureError(f"{where}: hierarchy[0]: the outermost entry must be a storage level")
    if not isinstance(form.hierarchy[last], MacForm):
        raise ArchitectureError(f"{where}: hierarchy[{last}]: the last entry must be the mac")
    for rank, entry in enumerate(form.hierarchy):
        if isinstance(entry, MacForm):
            if rank != last:
                raise ArchitectureError(f"{where}: hierarchy[{rank}]: only the last entry can be the mac")
        elif isinstance(entry, ArrayForm):
            place = f"{where}: hierarchy[{rank}].array {entry.array}"
            _claim(entry.array, names, place)
            arrays.append(_array(entry, rank, place))
        else:
            levels = entry.side_by_side if isinstance(entry, SideBySideForm) else [entry]
            for index, level in enumerate(levels):
                beside = f".side_by_side[{index}]" if isinstance(entry, SideBySideForm) else ""
                place = f"{where}: hierarchy[{rank}]{beside}.storage {level.storage}"
                _claim(level.storage, names, place)
                storages.append(_storage(level, rank, form.bits, place))
    units = math.prod(array.size for array in arrays)
    if units > MAX_MAC_UNITS:
        raise ArchitectureError(f"{where}: hierarchy: the arrays hold {units:.3g} MAC units, more than 2**40")
    mac = form.hierarchy[last]
    assert isinstance(mac, MacForm)
    return tuple(storages), tuple(arrays), _mac(mac.mac)


def _claim(name: str, names: set[str], place: str) -> None:
    if name in RESERVED_NAMES:
        raise ArchitectureError(f"{place}: the name {name!r} is reserved; choose another")
    if name in names:
        raise ArchitectureError(f"{place}: the name {name!r} is given twice in the hierarchy")
    names.add(name)


def _storage(form: StorageForm, rank: int, bits: BitsForm, place: str) -> Storage:
    keeps = _ordered(form.keeps or TENSORS)
    if rank == 0 and keeps != TENSORS:
        missing = [tensor for tensor in TENSORS if tensor not in keeps]
        raise _error(place, "keeps", f"the outermost level must keep every tensor; add {', '.join(missing)}")
    sums = bits.outputs if rank == 0 or bits.partial_sums is None else bits.partial_sums
    widths = {"weights": bits.weights, "inputs": bits.inputs, "outputs": sums}
    capacity = None if form.capacity is None else _bits(form.capacity, keeps, widths, place, "capacity")
    block = None if form.block is None else _bits(form.block, keeps, widths, place, "block")
    if block is None and form.price_per == "block":
        raise _error(place, "price_per", "a price per block needs the field 'block', such as '64 bits'")
    if block is not None and block < max(widths[tensor] for tensor in keeps):
        raise _error(place, "block", f"{format_bits(block)} cannot hold a word of each tensor kept")
    port = form.bandwidth
    if port.shared and (port.read or port.write):
        raise _error(place, "bandwidth", "give either shared or read and write, not both")
    _require_kept(form.required, keeps, place, "required")
    named = form.buffering.model_fields_set
    if named != set(TENSORS):  # one word for all tensors names all of them
        _require_kept(named, keeps, place, "buffering")
    return Storage(
        name=form.storage,
        rank=rank,
        keeps=keeps,
        required=TENSORS if rank == 0 else _ordered(form.required),
        capacity_bits=capacity,
        partitions=_partitions(form, keeps, widths, capacity, place),
        banks=form.banks,
        block_bits=block,
        price_per=form.price_per,
        read_bandwidth_bits=_rate(port.read),
        write_bandwidth_bits=_rate(port.write),
        shared_bandwidth_bits=_rate(port.shared),
        stores_padding=form.stores_padding,
        double_buffers=tuple(t for t in keeps if getattr(form.buffering, t) == "double"),
        single_buffers=tuple(t for t in keeps if getattr(form.buffering, t) == "single"),
        coded=_coded(form, rank, keeps, widths, place),
        prices=_price_table(form.price, STORAGE_ACTIONS, keeps, place),
        unpriced=_absent(form.price, STORAGE_ACTIONS),
        leakage_mw=form.leakage_mw,
        area_um2=form.area_um2,
    )


def _partitions(
    form: StorageForm, keeps: tuple[str, ...], widths: dict[str, int], capacity: int | None, place: str
) -> tuple[Partition, ...]:
    if not form.partitions:
        return ()
    if capacity is None:
        raise _error(place, "partitions", "a level with partitions needs the field 'capacity' for the whole")
    parts: list[Partition] = []
    placed: list[str] = []
    for index, part in enumerate(form.partitions):
        field = f"partitions[{index}]"
        _require_kept(part.tensors, keeps, place, f"{field}.tensors")
        for tensor in part.tensors:
            if tensor in placed:
                raise _error(place, f"{field}.tensors", f"{tensor} has a partition already")
        placed += part.tensors
        tensors = _ordered(part.tensors)
        parts.append(Partition(tensors, _bits(part.capacity, tensors, widths, place, f"{field}.capacity")))
    missing = [tensor for tensor in keeps if tensor not in placed]
    if missing:
        raise _error(place, "partitions", f"no partition holds {', '.join(missing)}")
    total = sum(part.capacity_bits for part in parts)
    if total > capacity:
        raise _error(
            place,
            "partitions",
            f"together {format_bits(total)}, more than the capacity of {format_bits(capacity)}",
        )
    return tuple(parts)


def _coded(
    form: StorageForm, rank: int, keeps: tuple[str, ...], widths: dict[str, int], place: str
) -> tuple[str, ...]:
    """Return the tensors that a level holds run-length coded, as a whole and without padding."""
    named = _ordered(form.compression.model_fields_set)
    if not named:
        return ()
    _require_kept(named, keeps, place, "compression")
    if rank:
        raise _error(place, "compression", "only the outermost level, which holds whole tensors, compresses")
    if form.stores_padding:
        raise _error(place, "compression", "a level that stores padding compresses nothing; drop one of both")
    for tensor in named:
        if widths[tensor] > MAX_LEVEL_BITS:
            reason = f"rlc codes words of at most {MAX_LEVEL_BITS} bits, {tensor} have {widths[tensor]}"
            raise _error(place, f"compression.{tensor}", reason)
    return named


def _array(form: ArrayForm, rank: int, place: str) -> Array:
    for name in form.axes:
        if not NAME.fullmatch(name) or name in ArrayForm.model_fields:
            reason = "is reserved" if name in ArrayForm.model_fields else "is not a name"
            raise _error(place, "axes", f"{name[:80]!r} {reason}; use letters, digits, '_' and '-'")
    network = form.network
    topologies = tuple(getattr(form.topology, tensor) for tensor in TENSORS)
    if form.fan_out is not None and "tree" not in topologies:
        raise _error(place, "fan_out", "only trees have one; state topology: tree, or drop it")
    return Array(
        name=form.array,
        rank=rank,
        axes=tuple(_axis(name, axis) for name, axis in form.axes.items()),
        network_widths=tuple(_rate(getattr(network, tensor)) for tensor in TENSORS),
        network_up_bits=_rate(network.outputs_up),
        topologies=topologies,
        fan_out=form.fan_out or 2,
        ramps=form.ramp,
        prices=_price_table(form.price, ARRAY_ACTIONS, TENSORS, place),
        unpriced=_absent(form.price, ARRAY_ACTIONS),
        leakage_mw=form.leakage_mw,
        area_um2=form.area_um2,
    )


def _axis(name: str, form: AxisForm) -> Axis:
    return Axis(name, form.size, _ordered(form.multicast), form.reduction, _ordered(form.links))


def _mac(form: MacFields) -> Mac:
    unpriced = ("mac",) if form.price is None else ()
    return Mac(
        form.price or 0.0, unpriced, _ordered(form.latches), form.gating, form.leakage_mw, form.area_um2
    )


def _ordered(tensors: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(tensors, key=TENSORS.index))


def _rate(text: str | None) -> float | None:
    return None if text is None else parse_rate(text)


def _bits(text: str, tensors: tuple[str, ...], widths: dict[str, int], place: str, field: str) -> int:
    """Return a size in bits; words count only where all the tensors have words of one width."""
    used = {widths[tensor] for tensor in tensors}
    try:
        return parse_bits(text, used.pop() if len(used) == 1 else None)
    except SimulatorError as problem:
        raise _error(place, field, str(problem)) from None


def _error(place: str, field: str, reason: str) -> ArchitectureError:
    return ArchitectureError(f"{place}: {field}: {reason}")


def _require_kept(tensors: Iterable[str], keeps: tuple[str, ...], place: str, field: str) -> None:
    for tensor in _ordered(tensors):
        if tensor not in keeps:
            raise _error(place, field, f"the level does not keep {tensor}, only {', '.join(keeps)}")


def _price_table(
    form: StoragePrices | ArrayPrices, actions: tuple[str, ...], keeps: tuple[str, ...], place: str
) -> PriceTable:
    rows: list[tuple[float, ...]] = []
    for action in actions:
        prices: TensorPrices = getattr(form, action) or TensorPrices(default=0.0)
        given: dict[str, float | None] = {tensor: getattr(prices, tensor) for tensor in TENSORS}
        _require_kept((t for t in TENSORS if given[t] is not None), keeps, place, f"price.{action}")
        missing = [t for t in keeps if t in TENSORS_OF_ACTION[action] and given[t] is None]
        if prices.default is None and missing:
            raise _error(place, f"price.{action}", f"no price for {', '.join(missing)}; add it or a default")
        fallback = prices.default or 0.0
        rows.append(tuple(fallback if price is None else price for price in given.values()))
    return tuple(rows)


def _absent(form: StoragePrices | ArrayPrices, actions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(action for action in actions if getattr(form, action) is None)
