"""A mapping: the loop nest of storage levels and loops, outermost first.

Read it as one reads a recipe: ``store GLB keeps inputs`` puts a tile there, every loop below it runs
inside that tile. A level may stand more than once, each time for other tensors (an *uneven* mapping).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as _Dictionary
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from simulator.errors import MappingError, did_you_mean
from simulator.files import parse_yaml, read_yaml

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem


@dataclass(frozen=True)
class Store:
    """A storage level that keeps tiles of ``tensors`` at this place of the nest."""

    level: str
    tensors: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.level} keeps {', '.join(self.tensors) or 'nothing'}"


@dataclass(frozen=True)
class Loop:
    """A loop over ``dimension``: temporal, or spatial along ``axis`` of ``array``."""

    dimension: str
    bound: int
    axis: str | None = None
    array: str | None = None

    @property
    def spatial(self) -> bool:
        return self.axis is not None

    @property
    def place(self) -> str:
        """The axis with its array, as ``PE.x``."""
        return f"{self.array}.{self.axis}" if self.array else str(self.axis)

    def __str__(self) -> str:
        if self.spatial:
            return f"parallel for {self.dimension.lower()} in {self.bound} on {self.place}"
        return f"for {self.dimension.lower()} in {self.bound}"


@dataclass(frozen=True)
class Mapping:
    """A loop nest, outermost node first. It prints as a nest; ``to_yaml`` reads back equal."""

    nodes: tuple[Store | Loop, ...]

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Loop))

    @cached_property
    def stores(self) -> tuple[tuple[Store, int], ...]:
        """Each store with the number of loops above it."""
        found: list[tuple[Store, int]] = []
        above = 0
        for node in self.nodes:
            if isinstance(node, Store):
                found.append((node, above))
            else:
                above += 1
        return tuple(found)

    def keepers(self, tensor: str) -> tuple[tuple[str, int], ...]:
        """Levels that keep ``tensor``, outermost first, with the number of loops above each."""
        return tuple((store.level, above) for store, above in self.stores if tensor in store.tensors)

    def __str__(self) -> str:
        depth = 0
        lines = []
        for node in self.nodes:
            lines.append("  " * depth + (f"{node}:" if isinstance(node, Loop) else str(node)))
            depth += isinstance(node, Loop)
        return "\n".join([*lines, "  " * depth + "multiply-accumulate"])

    def to_list(self) -> list[dict[str, Any]]:
        """The nest in the form of the counting cases."""
        out: list[dict[str, Any]] = []
        for node in self.nodes:
            if isinstance(node, Store):
                out.append({"store": node.level, "keeps": list(node.tensors)})
            elif node.spatial:
                place = {"array": node.array} if node.array else {}
                out.append(
                    {
                        "loop": "spatial",
                        **place,
                        "axis": node.axis,
                        "dim": node.dimension,
                        "bound": node.bound,
                    }
                )
            else:
                out.append({"loop": "temporal", "dim": node.dimension, "bound": node.bound})
        return out

    def to_yaml(self) -> str:
        """YAML text, one node a line, that :func:`read_mapping` reads back equal."""
        lines = [
            yaml.safe_dump(node, default_flow_style=True, sort_keys=False, width=10**6)
            for node in self.to_list()
        ]
        return "mapping:\n" + "".join(f"- {line}" for line in lines)

    @staticmethod
    def from_list(nodes: object, where: str = "mapping") -> Mapping:
        """Build a mapping from the case form: a list of ``store`` and ``loop`` nodes.

        Raises
        ------
        MappingError
            Naming the node and field that is wrong.
        """
        if not isinstance(nodes, list):
            raise MappingError(
                f"{where} must be a list of nodes, outermost first, not {type(nodes).__name__}"
            )
        return Mapping(tuple(_node(node, f"{where}[{i}]") for i, node in enumerate(nodes)))

    @staticmethod
    def from_factors(
        problem: Problem,
        architecture: Architecture,
        factors: _Dictionary[str, _Dictionary[str, int]],
        order: _Dictionary[str, Sequence[str]] | None = None,
        keeps: _Dictionary[str, Sequence[str]] | None = None,
        *,
        trim: bool = False,
    ) -> Mapping:
        """Build a legal mapping from factors of each dimension, by level and axis.

        A factor at a level is a loop below its tiles, outside of the next level's; of levels side by side
        the first stands outside of the next.

        Parameters
        ----------
        factors
            ``{"M": {"DRAM": 2, "PE.y": 12, "psum_spad": 4}, ..}``; 1 where none is given. Those of a
            dimension multiply to its extent, or to more where the last iterations are ragged.
        order
            By level or axis its loops' dimensions, outermost first; in the problem's order by default.
        keeps
            By level the tensors it keeps; all it can by default.
        trim
            Shorten loops of which the last iterations are never reached, as factors of padded extents have
            them, instead of refusing them.

        Raises
        ------
        MappingError
            For unknown names and wrong factors; for a dimension that its factors do not cover, with their
            product; and where the mapping is illegal, as `legality.check_mapping`.
        """
        # Legality knows mappings, so it cannot be imported from where they are defined.
        from simulator.mapping_factors import nest_of_factors

        return nest_of_factors(problem, architecture, factors, order, keeps, trim)


def read_mapping(source: Mapping | str | os.PathLike[str] | list[Any]) -> Mapping:
    """Return a mapping from an object, a file's path, YAML text or a list of nodes.

    Raises
    ------
    MappingError, SimulatorError
        If the text is malformed or the file cannot be read.
    """
    if isinstance(source, Mapping):
        return source
    if isinstance(source, list):
        return Mapping.from_list(source)
    if not isinstance(source, str | os.PathLike):
        raise MappingError(f"a mapping is an object, a file, YAML text or a list of nodes, not {source!r}")
    if isinstance(source, str) and "\n" in source:
        data = parse_yaml(source, "mapping text", MappingError)
        where = "mapping"
    else:
        data = read_yaml(Path(source), MappingError)
        where = str(source)
    if isinstance(data, dict):
        unknown = [key for key in data if key != "mapping"]
        if unknown or "mapping" not in data:
            raise MappingError(f"{where}: expected one field 'mapping', found {sorted(map(str, data))}")
        data = data["mapping"]
    return Mapping.from_list(data, where)


_FIELDS = {
    "store": {"store", "keeps"},
    "temporal": {"loop", "dim", "bound"},
    "spatial": {"loop", "array", "axis", "dim", "bound"},
}


def _node(node: object, where: str) -> Store | Loop:
    if not isinstance(node, dict) or ("store" in node) == ("loop" in node):
        raise MappingError(f"{where} must be a mapping with either 'store' or 'loop', not {node!r}")
    kind = "store" if "store" in node else node["loop"]
    if kind not in ("store", "temporal", "spatial"):
        raise MappingError(f"{where}: loop must be 'temporal' or 'spatial', not {kind!r}")
    for key in node:
        if key not in _FIELDS[kind]:
            raise MappingError(f"{where}: unknown field {key!r}{did_you_mean(str(key), _FIELDS[kind])}")
    for key in sorted(_FIELDS[kind] - {"array"}):
        if key not in node:
            raise MappingError(f"{where}: field {key!r} is missing")
    if kind == "store":
        return Store(_text(node["store"], f"{where}: store"), _names(node["keeps"], f"{where}: keeps"))
    bound = node["bound"]
    if isinstance(bound, bool) or not isinstance(bound, int) or not 1 <= bound <= 2**31:
        raise MappingError(f"{where}: bound must be a whole number from 1 to 2**31, not {bound!r}")
    dimension = _text(node["dim"], f"{where}: dim")
    if kind == "temporal":
        return Loop(dimension, bound)
    array = _text(node["array"], f"{where}: array") if "array" in node else None
    return Loop(dimension, bound, _text(node["axis"], f"{where}: axis"), array)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise MappingError(f"{where} must be a name, not {value!r}")
    return value


def _names(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise MappingError(f"{where} must be a list of tensor names, not {value!r}")
    names: Iterable[str] = [_text(name, where) for name in value]
    return tuple(names)
