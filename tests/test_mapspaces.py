"""Mapspaces: every row a legal mapping, and a word on why a space is empty."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator import dataflows
from simulator.architecture import load_architecture
from simulator.errors import MappingError
from simulator.legality import check_mapping, tile_bits
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace, Skeleton, capacity_use, keep_legal
from simulator.problem import convolution

BOTH = pytest.mark.parametrize("dataflow", ["row_stationary", "weight_stationary"])


def small_machine(x=3, y=2, pad="6 words", glb="60 words"):
    """Words of 8 bits, a shared register file per PE."""
    return machine(
        {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200)},
        {
            "storage": "GLB",
            "capacity": glb,
            "price": dict.fromkeys(("read", "fill", "drain", "send", "refill"), 6),
        },
        {"array": "PE", "axes": {"x": {"size": x}, "y": {"size": y}}, "price": {"deliver": 2, "add": 2}},
        {"storage": "RF", "capacity": pad, "buffering": "single", "price": {"read": 1, "refill": 2}},
        {"mac": {"price": 1}},
    )


@st.composite
def small_layers(draw):
    sizes = {d: draw(st.integers(1, 6)) for d in "nmcpq"} | {d: draw(st.integers(1, 3)) for d in "rs"}
    padding = draw(st.booleans())
    stride = draw(st.integers(1, 2))
    length = 1 + stride * (sizes["p"] - 1) + sizes["r"] - 1
    return convolution(**sizes, stride=(stride, 1), row_data=(1, max(1, length - 2)) if padding else None)


@BOTH
@given(problem=small_layers(), x=st.integers(1, 4), y=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_every_mapping_is_legal_and_counted_once(dataflow, problem, x, y):
    on = small_machine(x, y, pad="8 words", glb="200 words")
    try:
        space = dataflows.mapspace(dataflow, problem, on)
    except MappingError as error:
        assert "the smallest tiles take" in str(error)
        return
    mappings = list(space)
    assert len(mappings) == len(space) == space.size == sum(len(s.bounds) for s in space.skeletons)
    for nest in mappings:
        check_mapping(problem, on, nest)
        assert all(loop.bound > 1 for loop in nest.loops)


@BOTH
def test_the_chip_s_spaces_are_legal(dataflow):
    chip = load_architecture("eyeriss_v1")
    problem = convolution(n=2, m=24, c=6, p=13, q=13, r=3, s=3, row_data=(1, 13), column_data=(1, 13))
    space = dataflows.mapspace(dataflow, problem, chip)
    assert len(space) > 50
    for nest in list(space)[::7]:
        check_mapping(problem, chip, nest)


@given(oracles.nests())
@settings(max_examples=100, deadline=None)
def test_legal_rows_are_those_that_a_check_lets_pass(case):
    """Reachable, covering and, without clipped padding, exactly as large as the tiles."""
    problem, nest, _ = case
    levels = [{"storage": f"L{i}", "capacity": "200 bits", "stores_padding": True} for i in range(1, 4)]
    on = machine({"storage": "L0"}, *levels, {"mac": {}})
    plain = with_bounds(nest, np.array([loop.bound for loop in nest.loops]))
    rng = np.random.default_rng(len(plain.loops))
    own = np.array([[loop.bound for loop in plain.loops]], np.int64)
    rows = np.concatenate([own, np.maximum(1, own + rng.integers(-1, 2, (6, own.shape[1])))])
    skeleton = Skeleton(plain, rows)
    legal = keep_legal(problem, on, skeleton)
    for row, kept in enumerate(legal):
        try:
            check_mapping(problem, on, with_bounds(plain, rows[row]))
        except MappingError:
            assert not kept
        else:
            assert kept


def with_bounds(nest, bounds):
    """The nest with other bounds and every loop temporal."""
    bounds = iter(bounds.tolist())
    return Mapping(
        tuple(n if hasattr(n, "level") else type(n)(n.dimension, next(bounds)) for n in nest.nodes)
    )


@given(oracles.mapped(bandwidth=False))
@settings(max_examples=60, deadline=None)
def test_room_taken_is_never_less_than_the_tiles(case):
    """Where padding is clipped a batch counts every tile as full of data, at most."""
    problem, architecture, nest = case
    roomy = architecture.replace({f"{name}.capacity": "1 MiB" for name in ("GLB", "BUF", "RF")})
    bounds = np.array([[loop.bound for loop in nest.loops]], np.int64)
    taken = {
        name.split(" ")[0]: bits[0] for _, name, bits in capacity_use(problem, roomy, Skeleton(nest, bounds))
    }
    tiles = {}
    for store, _ in nest.stores[1:]:
        for tensor in store.tensors:
            tiles[store.level] = tiles.get(store.level, 0) + tile_bits(problem, roomy, nest, store, tensor)
    assert tiles.keys() == taken.keys()
    clipped = any(rank.data for rank in problem.tensor("inputs").ranks)
    for level, bits in tiles.items():
        assert bits <= taken[level]
        assert bits == taken[level] or (clipped and not roomy.storage(level).stores_padding)


def test_a_bound_of_one_is_no_loop():
    nest = oracles.mapping("DRAM:", "M 1", "C 1")
    skeleton = Skeleton(nest, np.array([[3, 1], [1, 2]]))
    assert [str(loop) for loop in skeleton.mapping(0).loops] == ["for m in 3"]
    assert [str(loop) for loop in skeleton.mapping(1).loops] == ["for c in 2"]


def test_an_empty_space_says_what_is_missing():
    """The register file of 2 words cannot hold a weight, an input and an output of 8 bits each."""
    problem = convolution("layer", m=4, c=4, p=4, q=4)
    with pytest.raises(
        MappingError,
        match=r"row_stationary has no mapping of layer on small: RF \(.*\) holds 16 bits, .* take 24 bits",
    ):
        dataflows.mapspace("row_stationary", problem, small_machine(pad="2 words"))


def test_an_empty_space_names_the_level_in_the_way():
    """The buffer holds a strip of the inputs and outputs twice; 10 words do not do for a row of 20."""
    problem = convolution("layer", q=20, s=3)
    with pytest.raises(MappingError, match=r"GLB \(.*(inputs|outputs).*\) holds 80 bits, .* take \d+ bits"):
        dataflows.mapspace("row_stationary", problem, small_machine(glb="10 words"))


def test_a_mapspace_knows_its_size():
    nest = oracles.mapping("DRAM:", "M 1")
    skeletons = (Skeleton(nest, np.array([[1], [2]])), Skeleton(nest, np.array([[4]])))
    space = Mapspace(convolution(m=4), machine({"storage": "DRAM"}, {"mac": {}}), "none", skeletons)
    assert (space.size, len(space), len(list(space))) == (3, 3, 3)
