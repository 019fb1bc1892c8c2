"""The fields that a study varies: names as people write them, the machine's paths, values from text.

    array.x  =  PE.x.size          glb.capacity  =  GLB.capacity          batch, dataflow, objective

Of a level with partitions, these keep their shares of a capacity that is changed, unless they are changed
themselves: else a larger buffer would hold no more than before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.architecture import Architecture, Storage
from simulator.architecture_file import ArchitectureForm, ArrayForm, MacFields, StorageForm
from simulator.errors import ArchitectureError, SimulatorError, did_you_mean
from simulator.forms import FileForm
from simulator.study.expressions import Value
from simulator.units import BITS_PER_UNIT, parse_amount, parse_bits

# Fields that are none of the machine's.
RUN_FIELDS = ("batch", "dataflow", "objective")
# Before an option of a network's builder: network.width.
NETWORK_PREFIX = "network."
# What constraints may ask for besides.
DERIVED = ("network", "architecture", "mac_units", "area_um2")
# Names and structure, which no setting changes.
_FIXED = (
    "name",
    "description",
    "technology",
    "sources",
    "price_source",
    "hierarchy",
    "storage",
    "array",
    "axes",
    "side_by_side",
)


def _settable(form: type[FileForm]) -> tuple[str, ...]:
    return tuple(name for name in form.model_fields if name not in _FIXED)


_MACHINE_FIELDS = _settable(ArchitectureForm)


def of_machine(field: str) -> bool:
    """Whether a field is one of the machine's."""
    return field not in RUN_FIELDS and not field.startswith(NETWORK_PREFIX)


def resolve(architecture: Architecture, field: str) -> str:
    """Return the path of a field for `Architecture.replace`, whatever case it is written in.

    Raises
    ------
    ArchitectureError
        For a field that the machine does not have, with the nearest name.
    """
    known = _components(architecture)
    first, *rest = field.split(".")
    names = (*known, *(["array"] if len(architecture.arrays) == 1 else []), *_MACHINE_FIELDS, *RUN_FIELDS)
    component = _spelled(first, names)
    if component == "array" and "array" in names:
        component = architecture.arrays[0].name
    if component in _MACHINE_FIELDS:
        return ".".join((component, *(part.lower() for part in rest)))
    if component not in known:
        raise _unknown(field, first, names, architecture.name)
    if not rest:
        raise _unknown(field, "", known[component], component)
    if rest[0].lower() == "axes":
        rest = rest[1:] or [""]
    part = _spelled(rest[0], known[component])
    if part not in known[component]:
        raise _unknown(field, rest[0], known[component], component)
    if len(rest) == 1 and any(
        part in (axis.name for axis in a.axes) for a in architecture.arrays if a.name == component
    ):
        rest = [part, "size"]
    return ".".join((component, part, *(name.lower() for name in rest[1:])))


def _components(architecture: Architecture) -> dict[str, tuple[str, ...]]:
    """The fields and axes of each component, by its name."""
    found = {storage.name: _settable(StorageForm) for storage in architecture.storages}
    for array in architecture.arrays:
        found[array.name] = (*(axis.name for axis in array.axes), *_settable(ArrayForm))
    return found | {"mac": _settable(MacFields)}


def _spelled(name: str, known: Iterable[str]) -> str:
    """The one known name that a name is but for its case; else the name itself."""
    alike = [other for other in known if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 and name not in known else name


def _unknown(field: str, name: str, known: Iterable[str], owner: str) -> ArchitectureError:
    what = f"no field {name!r}" if name else "to be followed by a field"
    return ArchitectureError(f"field {field!r}: {owner} has {what}{did_you_mean(name, known)}")


def changes(architecture: Architecture, settings: Mapping[str, object]) -> dict[str, object]:
    """Return the changes to a machine that a point's settings ask for, partitions along with capacities.

    Raises
    ------
    SimulatorError
        For an unknown field, and for one that is set twice under two names.
    """
    made: dict[str, object] = {}
    names: dict[str, str] = {}
    for field, value in settings.items():
        if of_machine(field):
            path = resolve(architecture, field)
            if path in made:
                raise SimulatorError(f"fields {names[path]!r} and {field!r} are the same, {path}")
            made[path], names[path] = value, field
    for storage in architecture.storages:
        capacity = f"{storage.name}.capacity"
        if capacity in made and not any(path.startswith(f"{storage.name}.partitions") for path in made):
            made |= _shares(storage, made[capacity])
    return made


def _shares(storage: Storage, capacity: object) -> dict[str, object]:
    """The partitions of a level whose capacity is changed: in proportion, of whole bits."""
    if not storage.partitions or storage.capacity_bits is None:
        return {}
    try:
        bits = parse_bits(capacity)
    except SimulatorError as error:
        raise ArchitectureError(f"{storage.name}.capacity: {error}") from None
    sizes = [bits * part.capacity_bits // storage.capacity_bits for part in storage.partitions]
    return {f"{storage.name}.partitions.{index}.capacity": f"{size} bits" for index, size in enumerate(sizes)}


def value_of(architecture: Architecture, field: str) -> Value:
    """Return a field of a machine as constraints see it: a number, bits for sizes and rates, or text.

    Raises
    ------
    SimulatorError
        For an unknown field, and one that the machine does not state.
    """
    if field == "mac_units":
        return architecture.mac_units
    if field == "area_um2":
        return area_um2(architecture)
    path = resolve(architecture, field)
    first, *rest = path.split(".")
    for storage in architecture.storages:
        stated = {"capacity": storage.capacity_bits, "block": storage.block_bits}
        if storage.name == first and len(rest) == 1 and rest[0] in stated:
            bits = stated[rest[0]]
            if bits is None:
                raise SimulatorError(f"{architecture.name} states no {path}")
            return bits
    for array in architecture.arrays:
        if array.name == first and len(rest) == 2 and rest[1] == "size":
            return array.axis(rest[0]).size
    return plain(_stated(architecture, path), path)


def _stated(architecture: Architecture, path: str) -> object:
    """What stands at a path in the data of a machine."""
    first, *rest = path.split(".")
    node: Any = architecture.data
    if first not in _MACHINE_FIELDS:
        entries = [level for entry in node["hierarchy"] for level in entry.get("side_by_side", [entry])]
        named = {entry.get("storage") or entry.get("array") or "mac": entry for entry in entries}
        node = named[first].get("mac", named[first])
        if rest[0] in node.get("axes", {}):
            rest = ["axes", *rest]
    else:
        rest = [first, *rest]
    for part in rest:
        if isinstance(node, dict) and part in node:
            node = node[part]
        else:
            raise SimulatorError(f"{architecture.name} states no {path}")
    return node


def plain(value: object, field: str) -> Value:
    """Return a value as constraints see it; SimulatorError for what is neither a number nor text."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str):
        try:
            amount, unit = parse_amount(value)
        except SimulatorError:
            return value
        if unit not in BITS_PER_UNIT:
            raise SimulatorError(f"{field}: {value!r} counts words, of which a constraint knows no width")
        bits = amount * BITS_PER_UNIT[unit]
        return int(bits) if bits.denominator == 1 else float(bits)
    if isinstance(value, bool | int | float):
        return value
    raise SimulatorError(f"{field} is {value!r:.60}: constraints compare numbers and text")


def area_um2(architecture: Architecture) -> float:
    """Return the area of all instances of everything below the outermost level.

    Raises
    ------
    SimulatorError
        For a machine that states none for some part.
    """
    parts: list[tuple[str, float | None, int]] = [("mac", architecture.mac.area_um2, architecture.mac_units)]
    for storage in architecture.storages[1:]:
        above = math.prod(architecture.array(name).size for name in architecture.arrays_above(storage.name))
        parts.append((storage.name, storage.area_um2, above))
    for array in architecture.arrays:
        outside = math.prod(other.size for other in architecture.arrays if other.rank < array.rank)
        parts.append((array.name, array.area_um2, outside))
    unknown = [name for name, area, _ in parts if area is None]
    if unknown:
        raise SimulatorError(
            f"area_um2: {architecture.name} states no area of {', '.join(unknown)}; set it, as mac.area_um2"
        )
    return math.fsum((area or 0.0) * times for _, area, times in parts)
