"""Nests to and from the levels by tensor that other tools write: they cost the same."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import simulator as sim

ROOT = Path(__file__).parent.parent.parent
LAYER = sim.convolution("layer", m=6, c=4, p=6, q=4, r=3, s=1, stride=2)
MACHINE = sim.load_architecture("scratchpads_168").replace({"PE.x.size": 3, "PE.y.size": 2})


def room(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.benchmarks.search_peers.{name}")


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture
def task() -> dict[str, Any]:
    process = room("process")
    return {"problem": process.problem_task(LAYER), "machine": process.machine_task(MACHINE)}


def energy(nest: list[dict[str, Any]], layer: sim.Problem = LAYER) -> float:
    return float(sim.evaluate(layer, MACHINE, nest, engine="closed-form").energy)


def sample(count: int, layer: sim.Problem = LAYER) -> list[list[dict[str, Any]]]:
    space = sim.Mapspace(layer, MACHINE, sim.mapspaces.Constraints(factors="perfect"))
    return [space.decode(vector).to_list() for vector in space.sample(count, seed=3)]


def test_a_nest_by_tensor_is_among_the_nests_it_leaves_open(task: dict[str, Any]) -> None:
    nests = room("nests")
    for nest in sample(25):
        found = nests.nests_of(nests.by_tensor(nest), task)
        assert energy(nest) in map(energy, found)


def test_without_overlapping_windows_they_all_cost_the_same() -> None:
    nests, process = room("nests"), room("process")
    product = sim.convolution("product", m=6, c=4, p=6)
    task = {"problem": process.problem_task(product), "machine": process.machine_task(MACHINE)}
    for nest in sample(10, product):
        found = nests.nests_of(nests.by_tensor(nest), task)
        assert {energy(one, product) for one in found} == {energy(nest, product)}


class Node(SimpleNamespace):
    """AccelForge's nodes are told by the names of their classes."""


def accelforge_nodes(nest: list[dict[str, Any]], dims: Mapping[str, int]) -> list[Any]:
    covered, out = dict(dims), []
    for node in nest:
        if "store" in node:
            out.append(type("Storage", (Node,), {})(component=node["store"], tensors=node["keeps"]))
            continue
        covered[node["dim"]] //= node["bound"]
        kind = node["loop"].capitalize()
        loop = {"rank_variable": node["dim"].lower(), "tile_shape": covered[node["dim"]]}
        out.append(type(kind, (Node,), {})(**loop, name=node.get("axis")))
    return [*out, type("Compute", (Node,), {})()]


def test_accelforges_nodes_are_our_nest(task: dict[str, Any]) -> None:
    peer = room("accelforge_peer")
    for nest in sample(10):
        assert peer._nest(accelforge_nodes(nest, LAYER.extents), task) == nest
    with pytest.raises(room("process").PeerError, match="a node Split"):
        peer._nest([type("Split", (Node,), {})()], task)


def zigzag_evaluation(nest: list[dict[str, Any]], peer: ModuleType) -> Any:
    """What ZigZag would hand back of a nest: loops by operand and level, the axes' dimensions."""

    def named(name: str) -> Any:
        return type("Name", (), {"name": name, "__hash__": lambda self: hash(name)})()

    found = room("nests").by_tensor(nest)
    temporal, chains, spatial = {}, {}, {}
    for tensor, tiles in found.tiles.items():
        layer_operand, memory_operand = peer._OPERANDS[tensor]
        levels = sorted(tiles, key=tiles.__getitem__)
        ends = [tiles[level] for level in levels]
        temporal[named(layer_operand)] = [
            [(named(d), float(bound)) for d, bound in found.loops[start:end]]
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        chains[named(memory_operand)] = [named(level) for level in levels]
    for axis, dimension, bound in found.spatial:
        spatial.setdefault(axis, {})[named(dimension)] = bound
    numbered = {named(f"D{'xy'.index(axis) + 1}"): unrolled for axis, unrolled in spatial.items()}
    return SimpleNamespace(
        temporal_mapping=SimpleNamespace(mapping_dic_stationary=temporal),
        mem_hierarchy_dict=chains,
        layer=SimpleNamespace(spatial_mapping=numbered),
    )


def test_zigzags_levels_are_our_nest(task: dict[str, Any]) -> None:
    peer = room("zigzag_peer")
    for nest in sample(10):
        assert energy(nest) in map(energy, peer._nests(zigzag_evaluation(nest, peer), task))


def test_tiles_no_nest_has_are_refused(task: dict[str, Any]) -> None:
    nests = room("nests")
    # Filters stay in the PEs over m, the buffer's inputs change with every p inside of it.
    tiles = {
        "weights": {"filter_spad": 3, "DRAM": 3},
        "inputs": {"ifmap_spad": 0, "GLB": 1, "DRAM": 3},
        "outputs": {"psum_spad": 0, "DRAM": 3},
    }
    nest = nests.Uneven((("C", 4), ("P", 6), ("M", 6)), (), tiles)
    with pytest.raises(room("process").PeerError, match="GLB's tiles of inputs change while"):
        nests.nests_of(nest, task)


def test_loops_are_shortened_to_what_is_reached() -> None:
    nests = room("nests")
    nest = [
        nests.temporal("P", 4),
        nests.parallel("x", "P", 3),
        nests.temporal("P", 5),
        nests.temporal("M", 1),
    ]
    shortened = nests.trimmed(nest, {"P": 11, "M": 1})
    assert shortened == [nests.parallel("x", "P", 3), nests.temporal("P", 5)]
    with pytest.raises(
        room("process").PeerError, match="a ragged loop over P: 11 in steps that multiply to 15"
    ):
        nests.check_perfect(shortened, {"P": 11, "M": 1})
