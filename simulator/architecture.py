"""Machines: storage levels (some side by side), arrays with named axes, MACs, and what each action costs.

An `Architecture` comes from a YAML file or from plain data of the same form, and is checked as a whole:

    hierarchy, outermost first:   DRAM  ->  GLB  ->  PE array (x, y)  ->  three scratchpads  ->  MAC

Sizes are in bits, bandwidths in bits per cycle and instance, prices in the architecture's energy unit.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from simulator.architecture_build import build_parts
from simulator.architecture_file import (
    FORM,
    OPERANDS,
    TENSORS,
    ArchitectureForm,
    ArrayForm,
    MacFields,
    StorageForm,
    architecture_schema,
)
from simulator.architecture_parts import (
    ARRAY_ACTIONS,
    STORAGE_ACTIONS,
    Array,
    Axis,
    Mac,
    Partition,
    Storage,
    find,
    known,
)
from simulator.architecture_text import describe_part
from simulator.errors import ArchitectureError, did_you_mean
from simulator.files import read_yaml

__all__ = [
    "ARRAY_ACTIONS",
    "OPERANDS",
    "STORAGE_ACTIONS",
    "TENSORS",
    "Architecture",
    "Array",
    "Axis",
    "Mac",
    "Partition",
    "Storage",
    "architecture_schema",
    "load_architecture",
    "load_architecture_file",
    "registered_architectures",
]


@dataclass(frozen=True)
class Architecture:
    """A checked machine; made by `from_dict`, `load_architecture` or `replace`, not by hand.

    `storages` and `arrays` stand in hierarchy order; `clock_mhz` is None where no clock is given, `path`
    where it came from no file. Two machines are equal whatever their files and however written.
    """

    name: str
    description: str
    technology: str
    clock_mhz: float | None
    native_dataflow: str | None
    energy_unit: Literal["pJ", "MAC"]
    sources: tuple[str, ...]
    operand_bits: tuple[int, int]
    output_bits: int
    partial_sum_bits: int
    storages: tuple[Storage, ...]
    arrays: tuple[Array, ...]
    mac: Mac
    path: str | None = field(default=None, compare=False)
    data: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: object, where: str = "architecture") -> Architecture:
        """Return the machine that plain data in the form of an architecture file describes.

        Parameters
        ----------
        data
            Mappings, lists, text, numbers and booleans, as `read_yaml` returns them.
        where
            What to call the data in errors, usually its file.

        Raises
        ------
        ArchitectureError
            For the first thing that is wrong, with its field and what would be right.
        """
        form = FORM.read(data, where)
        assert isinstance(data, dict)
        storages, arrays, mac = build_parts(form, where)
        bits = form.bits
        made = cls(
            name=form.name,
            description=form.description,
            technology=form.technology,
            clock_mhz=form.clock_mhz,
            native_dataflow=form.native_dataflow,
            energy_unit=form.energy_unit,
            sources=tuple(form.sources),
            operand_bits=(bits.weights, bits.inputs),
            output_bits=bits.outputs,
            partial_sum_bits=bits.outputs if bits.partial_sums is None else bits.partial_sums,
            storages=storages,
            arrays=arrays,
            mac=mac,
            data=copy.deepcopy(data),
        )
        if form.energy_table is None:
            return made
        from simulator.energies.pricing import fill, unfilled

        return cls.from_dict(fill(data, made), where) if unfilled(data) else made

    def to_dict(self) -> dict[str, Any]:
        """Return the machine as plain data that `from_dict` reads back equal.

        So does YAML, written in the order given (``sort_keys=False``): an array's axes have one.
        """
        return copy.deepcopy(self.data)

    def replace(self, changes: Mapping[str, object]) -> Architecture:
        """Return a checked copy with some fields changed: ``{"PE.x.size": 8, "GLB.capacity": "64 KiB"}``.

        A path is a component's name (``array`` for the only array), then the fields in it; ``array.x`` is
        short for the size of axis x. Fields of the machine itself are named alone: ``clock_mhz``. The
        changes are made together, then checked. Parts with figures of an energy table get new ones, but for
        those whose price, leakage or area is changed here; ``energy_table`` swaps the table of all parts.

        Raises
        ------
        ArchitectureError
            For a path that leads nowhere, with the nearest name, and as `from_dict`.
        """
        where = f"{self.name} with {', '.join(changes)} changed"
        data = self.to_dict()
        if "energy_table" in changes:
            from simulator.energies.pricing import swap

            data = Architecture.from_dict(swap(data, changes["energy_table"]), where).to_dict()
        for path, value in changes.items():
            if path != "energy_table":
                _change(data, path, value)
        if "energy_table" in data:
            from simulator.energies.pricing import forget

            forget(data)
        return Architecture.from_dict(data, where)

    def priced(self, energy: str | os.PathLike[str]) -> Architecture:
        """Return the machine with all its prices, areas and leakage of an energy table, by name or file.

        Raises
        ------
        EnergyTableError
            For a table that cannot be read or has no figure for some part.
        """
        return self.replace({"energy_table": energy})

    @property
    def outermost(self) -> Storage:
        """The storage level that keeps everything, usually DRAM."""
        return self.storages[0]

    @property
    def mac_units(self) -> int:
        """The number of MAC units: the product of all array sizes."""
        return math.prod(array.size for array in self.arrays)

    @property
    def unpriced(self) -> tuple[tuple[str, str], ...]:
        """The (component, action) pairs that can occur and have no price: they cost zero."""
        pairs: list[tuple[str, str]] = []
        for storage in self.storages:
            below = [axis for array in self.arrays if array.rank > storage.rank for axis in array.axes]
            never = {"fill", "send"} if storage.rank == 0 else set()
            if all(axis.reduces for axis in below):
                never.add("merge")
            if "outputs" not in storage.keeps:
                never |= {"drain", "merge", "send", "refill"}
            if storage.keeps == ("outputs",):
                never.add("read")
            pairs += [(storage.name, action) for action in storage.unpriced if action not in never]
        for array in self.arrays:
            never = set() if any(axis.linked_tensors for axis in array.axes) else {"link"}
            if not any(axis.reduces for axis in array.axes):
                never.add("add")
            pairs += [(array.name, action) for action in array.unpriced if action not in never]
        return (*pairs, *(("MAC", action) for action in self.mac.unpriced))

    def storage(self, name: str) -> Storage:
        """Return the storage level of this name; ArchitectureError with the nearest name if none has it."""
        return find(name, self.storages, f"storage level of {self.name}")

    def array(self, name: str) -> Array:
        """Return the array of this name; ArchitectureError with the nearest name if none has it."""
        return find(name, self.arrays, f"array of {self.name}")

    def rank_of(self, storage_name: str) -> int:
        """Return the position of a storage level in the hierarchy; levels side by side share one."""
        return self.storage(storage_name).rank

    def arrays_above(self, storage_name: str) -> tuple[str, ...]:
        """Return the arrays between the outermost level and this one, outermost first."""
        rank = self.rank_of(storage_name)
        return tuple(array.name for array in self.arrays if array.rank < rank)

    def word_bits(self, tensor: str, storage_name: str) -> int:
        """Return the width of a tensor's word at a storage level, in bits.

        Outputs have their final width at the outermost level and that of partial sums at every other.
        """
        storage = self.storage(storage_name)
        if known(tensor, TENSORS, "tensor") in OPERANDS:
            return self.operand_bits[OPERANDS.index(tensor)]
        return self.output_bits if storage.name == self.outermost.name else self.partial_sum_bits

    def describe(self) -> str:
        """Return the machine as readable text of several lines."""
        unit = "MACs" if self.energy_unit == "MAC" else "pJ"
        clock = "no clock given" if self.clock_mhz is None else f"{self.clock_mhz:g} MHz"
        widths = (*self.operand_bits, self.output_bits, self.partial_sum_bits)
        lines = [
            f"{self.name}: {self.description}".removesuffix(": "),
            ", ".join(part for part in (self.technology, clock, f"energy in {unit}") if part),
            f"native dataflow: {self.native_dataflow or 'none given'}",
            "words: weights {}, inputs {}, outputs {}, partial sums {} bits".format(*widths),
            "",
        ]
        parts: list[Storage | Array] = [*self.storages, *self.arrays]
        for component in sorted(parts, key=lambda part: part.rank):
            lines += describe_part(component)
        lines += describe_part(self.mac)
        lines += ["", f"{self.mac_units} MAC units"]
        if self.unpriced:
            missing = ", ".join(f"{component} {action}" for component, action in self.unpriced)
            lines.append(f"without a price, so counted as zero: {missing}")
        lines += [f"source: {source}" for source in self.sources]
        return "\n".join(lines)


def load_architecture_file(path: str | os.PathLike[str]) -> Architecture:
    """Return the machine that a YAML file describes; ArchitectureError for anything wrong in it."""
    where = os.fspath(path)
    return replace(Architecture.from_dict(read_yaml(where, ArchitectureError), where), path=where)


def registered_architectures() -> dict[str, Path]:
    """Return the machines that come with the package: their names and files."""
    folder = Path(str(resources.files("arch_configs")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_architecture(name_or_path: str | os.PathLike[str]) -> Architecture:
    """Return a machine by its name in `arch_configs` or by the path of its YAML file.

    Text that ends in .yaml or .yml or holds a path separator is a path.

    Raises
    ------
    ArchitectureError
        For an unknown name, with the nearest one; for a file that is missing or wrong.
    """
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith((".yaml", ".yml")) or "/" in text or os.sep in text:
        return load_architecture_file(text)
    known = registered_architectures()
    if text not in known:
        raise ArchitectureError(f"unknown architecture {text!r}{did_you_mean(text, known)}")
    return load_architecture_file(known[text])


def _change(data: dict[str, Any], path: str, value: object) -> None:
    """Set one field of an architecture's data; ArchitectureError if the path leads nowhere."""

    def refuse(reason: str) -> ArchitectureError:
        return ArchitectureError(f"cannot change {path!r}: {reason}")

    components = _components(data)
    first, *rest = path.split(".")
    node: Any = data
    if first in components:
        node, fields = components[first]
        axes = node.get("axes", {})
        if not rest:
            raise refuse(f"it names a whole component; add a field{did_you_mean('', [*axes, *fields])}")
        if rest[0] in axes:
            rest = ["axes", *rest]
        elif rest[0] not in fields:
            raise refuse(f"{first} has no field {rest[0]!r}{did_you_mean(rest[0], [*axes, *fields])}")
        if len(rest) == 2 and rest[0] == "axes":
            rest.append("size")
    elif first in ArchitectureForm.model_fields and first != "hierarchy":
        rest = [first, *rest]
    else:
        names = [*components, *ArchitectureForm.model_fields]
        names.remove("hierarchy")
        raise refuse(f"the machine has no {first!r}{did_you_mean(first, names)}")
    if rest[0] == "price":
        # The source was of the old price.
        node.pop("price_source", None)
    if rest[0] in ("price", "leakage_mw", "area_um2"):
        # And the part no longer a table's to price.
        node.pop("priced_by", None)
    for position, part in enumerate(rest):
        if isinstance(node, list) and part.isdecimal() and int(part[:9]) < len(node):
            key: Any = int(part)
        elif isinstance(node, dict):
            key = part
        else:
            raise refuse(f"{part!r} is not in {'.'.join(rest[:position])}, which has no such parts")
        if position == len(rest) - 1:
            # Sweeps hand over NumPy numbers; the data hold plain ones.
            node[key] = copy.deepcopy(value.item() if hasattr(value, "item") else value)
        else:
            node = node[key] if isinstance(node, list) else node.setdefault(key, {})


def _components(data: dict[str, Any]) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return each component's data and field names by its name, `array` being the only array."""
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    arrays: list[dict[str, Any]] = []
    for entry in data["hierarchy"]:
        for level in entry.get("side_by_side", [entry]):
            if "storage" in level:
                found[level["storage"]] = (level, list(StorageForm.model_fields))
        if "array" in entry:
            arrays.append(entry)
            found[entry["array"]] = (entry, list(ArrayForm.model_fields))
        if "mac" in entry:
            found["mac"] = (entry["mac"], list(MacFields.model_fields))
    if len(arrays) == 1:
        found.setdefault("array", (arrays[0], list(ArrayForm.model_fields)))
    return found
