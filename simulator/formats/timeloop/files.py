"""Timeloop's YAML as plain data: tags, anchors and merges as its own reader takes them, within bounds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from simulator.errors import SimulatorError
from simulator.formats.timeloop.kinds import KINDS
from simulator.formats.timeloop.templates import Renderer
from workloads.files import CoreLoader, yaml_errors

# Values after every alias and every included file is written out.
MAX_VALUES = 200_000
MAX_DEPTH = 40
_CORE = "tag:yaml.org,2002:"
_SCALARS = ("str", "int", "float", "bool", "null")
_TAG = re.compile(r"!([A-Za-z]\w{0,60})")
_MERGES = ("<<", "<<<")


class Tagged(dict[str, Any]):
    """A YAML mapping with a tag, as ``!Component``."""

    def __init__(self, tag: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.tag = tag


def read_design(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    variables: dict[str, object] | None = None,
) -> dict[str, Any]:
    """Return the plain data of a file, with everything that it includes.

    Parameters
    ----------
    root
        The folder in which all that is included must lie; by default the file's.
    variables
        What templates may use by name.

    Raises
    ------
    SimulatorError
        For a file that cannot be read, is no YAML, is too large with all that it repeats and includes, or
        reads outside of the folder.
    """
    first = Path(path)
    folder = first.parent if root is None else Path(root)
    if not first.resolve().is_relative_to(folder.resolve()):
        raise SimulatorError(f"{first}: does not lie in the folder {folder}")
    reader = _Reader()
    renderer = Renderer(folder, variables or {}, lambda place: reader.read(place, renderer))
    data = reader.read(first, renderer)
    if not isinstance(data, dict):
        raise SimulatorError(f"{first}: must be a mapping with one of the fields {', '.join(KINDS)}")
    return data


@dataclass
class _Reader:
    """Reads the files of one design, and counts their values."""

    values: int = 0
    parsed: dict[Path, object] = field(default_factory=dict)

    def read(self, path: Path, renderer: Renderer) -> object:
        if path in self.parsed:
            return self.parsed[path]
        text = renderer.text(path)
        where = str(path)
        with yaml_errors(where, SimulatorError):
            loader = CoreLoader(text)
            try:
                node = loader.get_single_node()
            finally:
                loader.dispose()
        data = None if node is None else self._plain(node, where, renderer, 0)
        self.parsed[path] = data
        return data

    def _plain(self, node: yaml.Node, where: str, renderer: Renderer, depth: int) -> Any:
        self._count(None, where)
        if depth > MAX_DEPTH:
            raise SimulatorError(f"{where}: nested more than {MAX_DEPTH} deep")
        tag = _TAG.fullmatch(node.tag)
        if isinstance(node, yaml.MappingNode) and (tag or node.tag == f"{_CORE}map"):
            fields = self._fields(node, where, renderer, depth)
            return Tagged(tag[1], fields) if tag else fields
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_CORE}seq":
            return [self._plain(item, where, renderer, depth + 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode) and node.tag.removeprefix(_CORE) in _SCALARS:
            return self._scalar(node, where, renderer)
        raise SimulatorError(f"{_place(node, where)}: the tag {node.tag[:80]} is not read here")

    def _count(self, data: object, where: str) -> None:
        """Count a value and those in it."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise SimulatorError(f"{where}: more than {MAX_VALUES} values with all that is repeated")
        inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
        for item in inner:
            self._count(item, where)

    def _scalar(self, node: yaml.Node, where: str, renderer: Renderer) -> Any:
        if node.value in renderer.included:
            self._count(renderer.included[node.value], where)
            return renderer.included[node.value]
        if len(node.value) > 10_000:
            raise SimulatorError(f"{_place(node, where)}: a value of {len(node.value)} characters")
        kind = node.tag.removeprefix(_CORE)
        if kind == "int":
            if len(node.value) > 40:
                raise SimulatorError(f"{_place(node, where)}: a number of {len(node.value)} digits")
            return int(node.value)
        if kind == "float":
            return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if kind == "bool":
            return node.value.lower() == "true"
        return None if kind == "null" else node.value

    def _fields(self, node: yaml.MappingNode, where: str, renderer: Renderer, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[tuple[str, Any]] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise SimulatorError(f"{_place(key_node, where)}: a field name must be text")
            key, value = key_node.value, self._plain(value_node, where, renderer, depth + 1)
            if key in _MERGES:
                merged += [(key, one) for one in (value if isinstance(value, list) else [value])]
            elif key in found:
                raise SimulatorError(f"{_place(key_node, where)}: {key[:80]!r} is given twice")
            else:
                found[key] = value
        for key, other in merged:
            if not isinstance(other, dict):
                raise SimulatorError(f"{_place(node, where)}: {key} must name a mapping")
            found = _merged(found, other, deep=key == "<<<")
        return found


def _merged(fields: dict[str, Any], other: dict[str, Any], deep: bool) -> dict[str, Any]:
    """Return fields with those of another mapping that they lack; ``<<<`` goes into mappings in them."""
    found = {**other, **fields}
    if deep:
        for key in fields.keys() & other.keys():
            if isinstance(fields[key], dict) and isinstance(other[key], dict):
                found[key] = _merged(fields[key], other[key], deep)
    return found


def _place(node: yaml.Node, where: str) -> str:
    return f"{where}, line {node.start_mark.line + 1}"
