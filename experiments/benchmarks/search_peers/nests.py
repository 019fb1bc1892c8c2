"""Loop nests as plain data (`Mapping.to_list`), to and from the per-tensor levels that other tools write."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.benchmarks.search_peers.process import PeerError

ARRAY = "PE"
Node = dict[str, Any]


@dataclass(frozen=True)
class Uneven:
    """A nest by tensor: temporal loops from the inside out, and how many of them each tile has inside.

    ``tiles`` are by tensor and level; spatial loops are (axis, dimension, bound).
    """

    loops: tuple[tuple[str, int], ...]
    spatial: tuple[tuple[str, str, int], ...]
    tiles: Mapping[str, Mapping[str, int]]


def temporal(dimension: str, bound: int) -> Node:
    return {"loop": "temporal", "dim": dimension, "bound": bound}


def parallel(axis: str, dimension: str, bound: int) -> Node:
    return {"loop": "spatial", "array": ARRAY, "axis": axis, "dim": dimension, "bound": bound}


def store(level: str, *tensors: str) -> Node:
    return {"store": level, "keeps": list(tensors)}


def by_tensor(nodes: Sequence[Node]) -> Uneven:
    """Return a nest, outermost node first, by tensor."""
    loops: list[tuple[str, int]] = []
    spatial: list[tuple[str, str, int]] = []
    tiles: dict[str, dict[str, int]] = {}
    for node in reversed(nodes):
        if "store" in node:
            for tensor in node["keeps"]:
                tiles.setdefault(tensor, {})[node["store"]] = len(loops)
        elif node["loop"] == "spatial":
            spatial.append((node["axis"], node["dim"], node["bound"]))
        else:
            loops.append((node["dim"], node["bound"]))
    return Uneven(tuple(loops), tuple(spatial), tiles)


def nests_of(nest: Uneven, task: Mapping[str, Any]) -> list[list[Node]]:
    """Return the nests of a task's problem and machine that a nest by tensor leaves open, outermost first.

    They differ in which temporal loops stand outside of the array; only tiles whose windows overlap notice.

    Raises
    ------
    PeerError
        Where tiles outside the array change while those of another tensor stay in the PEs: a nest has every
        loop of the array below all tiles of one and above all of the other.
    """
    tensors = task["problem"]["tensors"]
    inside = {level["name"]: bool(level["in_pe"]) for level in task["machine"]["levels"]}
    places = []
    for tensor, of in nest.tiles.items():
        own = {name for rank in tensors[tensor] for name in rank}
        places += [(lv, tensor, _settled(nest.loops, place, own, inside[lv])) for lv, place in of.items()]
    lowest = max((place for level, _, place in places if inside[level]), default=0)
    highest, level, tensor = min(
        (place, level, tensor) for level, tensor, place in places if not inside[level]
    )
    if highest < lowest:
        raise PeerError(f"{level}'s tiles of {tensor} change while other tiles stay in the PEs")
    dims = task["problem"]["dims"]
    return [trimmed(_nest(nest, places, inside, cut), dims) for cut in range(lowest, highest + 1)]


def _nest(nest: Uneven, places: list[tuple[str, str, int]], inside: dict[str, bool], cut: int) -> list[Node]:
    """The nest whose array has ``cut`` temporal loops inside."""
    nodes: list[Node] = []
    for position in range(len(nest.loops) + 1):
        for in_pe in (True, False):
            if not in_pe and position == cut:
                nodes += [parallel(*loop) for loop in nest.spatial]
            for name in reversed(inside):
                kept = [tensor for level, tensor, place in places if (level, place) == (name, position)]
                if kept and inside[name] == in_pe:
                    nodes.append(store(name, *kept))
        nodes += [temporal(*loop) for loop in nest.loops[position : position + 1]]
    return nodes[::-1]


def _settled(loops: Sequence[tuple[str, int]], place: int, own: set[str], in_pe: bool) -> int:
    """A tile's place past loops that do not change it: as deep as can be in a PE, else as far out."""
    if in_pe:
        while place and loops[place - 1][0] not in own:
            place -= 1
    else:
        while place < len(loops) and loops[place][0] not in own:
            place += 1
    return place


def trimmed(nodes: Sequence[Node], dims: Mapping[str, int]) -> list[Node]:
    """Shorten loops, from the innermost outwards, to iterations that are reached; leave out those of one."""
    inside = dict.fromkeys(dims, 1)
    out: list[Node] = []
    for node in reversed(nodes):
        if "loop" in node:
            dimension = node["dim"]
            bound = min(node["bound"], -(-dims[dimension] // inside[dimension]))
            inside[dimension] *= bound
            out += [node | {"bound": bound}] if bound > 1 else []
        else:
            out.append(node)
    return out[::-1]


def check_perfect(nodes: Sequence[Node], dims: Mapping[str, int]) -> None:
    """Raise PeerError unless every loop divides what it splits, as other tools' nests want it."""
    for dimension, extent in dims.items():
        product = math.prod(node["bound"] for node in nodes if node.get("dim") == dimension)
        if product != extent:
            raise PeerError(f"a ragged loop over {dimension}: {extent} in steps that multiply to {product}")
