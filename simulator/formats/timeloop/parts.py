"""The parts of a Timeloop architecture, outermost first: from version 4's nodes or version 3's trees."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import ArchitectureError
from simulator.formats.timeloop.fields import Notes, list_of, mapping_of, note_fields, text_of, whole_of
from simulator.formats.timeloop.files import Tagged

STORAGE, FANOUT, MAC = "storage", "fanout", "mac"
# Classes are known by what their names hold; networks before storage, which they may name too.
_CLASSES = (
    ("network", ("XY_NoC", "Legacy", "ReductionTree", "SimpleMulticast")),
    (STORAGE, ("DRAM", "SRAM", "regfile", "smartbuffer", "storage", "buffer")),
    (MAC, ("mac", "compute")),
)
_RANGE = re.compile(r"(.+?)\[\s*(\d{1,12})\s*\.\.\s*(\d{1,12})\s*\]")
_LEAF = ("name", "class", "subclass", "attributes", "spatial", "constraints", "enabled", "networks")


@dataclass(frozen=True)
class Part:
    """A storage level, a fan-out of ``mesh`` places (X, Y), or the MACs; ``group`` counts parallel branches.

    ``attributes`` are those of the part and of what it lies in. A fan-out of a component itself has the name
    that Timeloop gives it, ``inter_NAME_spatial``.
    """

    kind: str
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    constraints: dict[str, Any] = field(default_factory=dict)
    mesh: tuple[int, int] = (1, 1)
    group: int | None = None
    own: tuple[str, ...] = ()


def read_parts(data: dict[str, Any], where: str, notes: Notes) -> list[Part]:
    """Return the parts of a design's architecture; `where` names the file in errors.

    Raises
    ------
    ArchitectureError
        For a form that is neither version's, a class that is neither storage nor compute, and hierarchies
        that branch otherwise than into storage side by side.
    """
    at = f"{where}: architecture"
    whole = mapping_of(data.get("architecture"), at)
    variables = mapping_of(data.get("variables"), f"{where}: variables")
    if "nodes" in whole:
        note_fields(whole, ("version", "nodes"), at, notes)
        parts = _Nodes(notes, where).read(whole, variables, at)
    elif "subtree" in whole:
        note_fields(whole, ("version", "subtree", "attributes", "name", "local"), at, notes)
        parts = _Trees(notes, where).read(whole, variables, at)
    else:
        raise ArchitectureError(f"{at}: must have 'nodes' (version 4) or 'subtree' (version 3)")
    if not any(part.kind == MAC for part in parts):
        raise ArchitectureError(
            f"{at}: no component computes; its class must hold {' or '.join(_CLASSES[2][1])}"
        )
    if parts[-1].kind != MAC:
        raise ArchitectureError(f"{at}: {parts[-1].name} stands below the component that computes")
    return parts


def _kind_of(name: str, where: str, known: object) -> str:
    for kind, marks in _CLASSES:
        if any(mark.lower() in str(known).lower() for mark in marks):
            return kind
    raise ArchitectureError(
        f"{where}: {name}: class {str(known)[:60]!r} is neither storage ({', '.join(_CLASSES[1][1])}) nor "
        f"compute ({', '.join(_CLASSES[2][1])})"
    )


class _Nodes:
    """Version 4: a list of tagged nodes."""

    def __init__(self, notes: Notes, where: str) -> None:
        self.notes, self.where = notes, where
        self.parts: list[Part] = []
        self.groups = 0

    def read(self, whole: dict[str, Any], variables: dict[str, Any], at: str) -> list[Part]:
        self._branch(whole, variables, at, None)
        return self.parts

    def _branch(self, branch: dict[str, Any], outer: dict[str, Any], at: str, group: int | None) -> None:
        inherited = dict(outer)
        for index, node in enumerate(list_of(branch.get("nodes"), f"{at}.nodes")):
            here = f"{at}.nodes[{index}]"
            if not isinstance(node, Tagged):
                raise ArchitectureError(f"{here}: must have a tag, as !Component or !Container")
            if node.get("enabled") is False:
                self.notes.append(f"{here} {node.get('name', '')}: not enabled, so left out")
            elif node.tag in ("Hierarchical", "Pipelined", "Parallel"):
                self._inner(node, inherited, here, group)
            elif node.tag == "Container":
                inherited |= self._container(node, inherited, here, group)
            elif node.tag == "Component":
                self._component(node, inherited, here, group)
            elif node.tag != "Nothing":
                raise ArchitectureError(f"{here}: the tag !{node.tag[:60]} is unknown")

    def _inner(self, node: Tagged, inherited: dict[str, Any], here: str, group: int | None) -> None:
        note_fields(node, ("nodes", "name", "enabled"), here, self.notes)
        if node.tag == "Pipelined":
            self.notes.append(f"{here}: !Pipelined is read as one below the other")
        if node.tag == "Parallel" and group is None:
            self.groups += 1
            group = self.groups
        self._branch(node, inherited, here, group)

    def _container(
        self, node: Tagged, inherited: dict[str, Any], here: str, group: int | None
    ) -> dict[str, Any]:
        name = text_of(node.get("name"), f"{here}.name")
        note_fields(node, _LEAF, f"{here} {name}", self.notes)
        attributes = mapping_of(node.get("attributes"), f"{here} {name}: attributes")
        if node.get("networks"):
            self.notes.append(f"{here} {name}: networks: no counterpart here")
        self._fanout(node, name, {**inherited, **attributes}, here, group)
        return attributes

    def _component(self, node: Tagged, inherited: dict[str, Any], here: str, group: int | None) -> None:
        name = text_of(node.get("name"), f"{here}.name")
        note_fields(node, _LEAF, f"{here} {name}", self.notes)
        own = mapping_of(node.get("attributes"), f"{here} {name}: attributes")
        attributes = {**inherited, **own}
        kind = _kind_of(name, here, f"{node.get('class')} {node.get('subclass') or ''}")
        if kind == "network":
            self.notes.append(f"{here} {name}: a network of its own has no counterpart here")
            return
        self._fanout(node, f"inter_{name}_spatial", attributes, here, group)
        constraints = mapping_of(node.get("constraints"), f"{here} {name}: constraints")
        inside = {key: value for key, value in constraints.items() if key != "spatial"}
        self.parts.append(
            Part(kind, name, {**attributes, "class": node.get("class")}, inside, (1, 1), group, tuple(own))
        )

    def _fanout(self, node: Tagged, name: str, names: dict[str, Any], here: str, group: int | None) -> None:
        spatial = mapping_of(node.get("spatial"), f"{here}: spatial")
        note_fields(spatial, ("meshX", "meshY"), f"{here}: spatial", self.notes)
        mesh = tuple(
            whole_of(spatial.get(key, 1), f"{here}: spatial.{key}", names) for key in ("meshX", "meshY")
        )
        constraints = mapping_of(node.get("constraints"), f"{here}: constraints")
        if mesh == (1, 1):
            return
        if group is not None:
            raise ArchitectureError(
                f"{here}: a fan-out inside !Parallel has no counterpart, in Timeloop neither"
            )
        outside = {key: value for key, value in constraints.items() if key == "spatial"}
        self.parts.append(Part(FANOUT, name, {}, outside, (mesh[0], mesh[1])))


class _Trees:
    """Version 3: trees with local components; fan-outs follow from how many there are of each."""

    def __init__(self, notes: Notes, where: str) -> None:
        self.notes, self.where = notes, where
        self.parts: list[Part] = []
        self.count, self.mesh = 1, (1, 1)
        # Trees with a range, whose name the next fan-out takes.
        self.pending: list[str] = []

    def read(self, whole: dict[str, Any], variables: dict[str, Any], at: str) -> list[Part]:
        self._tree(whole, variables, 1, at)
        return self.parts

    def _tree(self, tree: dict[str, Any], outer: dict[str, Any], instances: int, at: str) -> None:
        attributes = {**outer, **mapping_of(tree.get("attributes"), f"{at}.attributes")}
        for index, item in enumerate(list_of(tree.get("local"), f"{at}.local")):
            self._local(
                mapping_of(item, f"{at}.local[{index}]"), attributes, instances, f"{at}.local[{index}]"
            )
        subtrees = list_of(tree.get("subtree"), f"{at}.subtree")
        if len(subtrees) > 1:
            raise ArchitectureError(f"{at}.subtree: {len(subtrees)} branches; a hierarchy has one")
        for item in subtrees:
            fields = mapping_of(item, f"{at}.subtree[0]")
            note_fields(fields, ("name", "attributes", "local", "subtree"), f"{at}.subtree[0]", self.notes)
            name, times = _ranged(text_of(fields.get("name"), f"{at}.subtree[0].name"))
            if times > 1:
                self.pending.append(name)
            self._tree(fields, attributes, instances * times, f"{at}.subtree[0]")

    def _local(self, item: dict[str, Any], outer: dict[str, Any], instances: int, here: str) -> None:
        name, times = _ranged(text_of(item.get("name"), f"{here}.name"))
        note_fields(item, _LEAF, f"{here} {name}", self.notes)
        own = mapping_of(item.get("attributes"), f"{here} {name}: attributes")
        kind = _kind_of(name, here, f"{item.get('class')} {item.get('subclass') or ''}")
        if kind == "network":
            self.notes.append(f"{here} {name}: a network of its own has no counterpart here")
            return
        count = whole_of(own.get("instances", instances * times), f"{here} {name}: instances", outer)
        mesh = self._mesh(own, count, {**outer, **own}, f"{here} {name}")
        fan = mesh[0] // self.mesh[0], mesh[1] // self.mesh[1]
        if (fan[0] * self.mesh[0], fan[1] * self.mesh[1]) != mesh:
            raise ArchitectureError(
                f"{here} {name}: {mesh[0]} x {mesh[1]} instances below {self.mesh[0]} x {self.mesh[1]}: each "
                "must feed as many as the others"
            )
        if fan != (1, 1):
            named = self.pending[-1] if self.pending else f"inter_{name}_spatial"
            self.pending.clear()
            self.parts.append(Part(FANOUT, named, mesh=fan))
        self.mesh = mesh
        self.parts.append(Part(kind, name, {**outer, **own, "class": item.get("class")}, own=tuple(own)))

    def _mesh(self, own: dict[str, Any], count: int, names: dict[str, Any], here: str) -> tuple[int, int]:
        """How many instances along X and Y: Timeloop's rule where only one, or none, is given."""
        x, y = (
            whole_of(own[key], f"{here}: {key}", names) if key in own else None for key in ("meshX", "meshY")
        )
        if x is None:
            x = count if y is None else count // y
        if y is None:
            y = count // x if x else 1
        if x * y != count:
            raise ArchitectureError(f"{here}: meshX {x} x meshY {y} are not its {count} instances")
        return x, y


def _ranged(name: str) -> tuple[str, int]:
    """A name without its range ``[0..13]``, and how many that are."""
    match = _RANGE.fullmatch(name)
    if match is None:
        return name, 1
    return match[1].strip(), max(1, int(match[3]) - int(match[2]) + 1)
