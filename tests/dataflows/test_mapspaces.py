"""The dataflows' mapspaces: every mapping legal and of the dataflow, sizes, and why one is empty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator import dataflows
from simulator.architecture import load_architecture
from simulator.errors import MappingError
from simulator.legality import check_mapping
from simulator.lowering import lower_layer
from simulator.problem import Problem, Rank, Tensor, convolution
from workloads import build

BOTH = pytest.mark.parametrize("dataflow", ["row_stationary", "weight_stationary"])


def small_machine(x=3, y=2, pad="6 words", glb="60 words"):
    """Words of 8 bits, a shared register file per PE."""
    return machine(
        {"storage": "DRAM"},
        {"storage": "GLB", "capacity": glb},
        {"array": "PE", "axes": {"x": {"size": x}, "y": {"size": y}}},
        {"storage": "RF", "capacity": pad, "buffering": "single"},
        {"mac": {"price": 1}},
    )


@st.composite
def small_layers(draw):
    sizes = {d: draw(st.integers(1, 6)) for d in "nmcpq"} | {d: draw(st.integers(1, 3)) for d in "rs"}
    padding = draw(st.booleans())
    stride = draw(st.integers(1, 2))
    length = 1 + stride * (sizes["p"] - 1) + sizes["r"] - 1
    return convolution(**sizes, stride=(stride, 1), row_data=(1, max(1, length - 2)) if padding else None)


def vectors(space):
    return np.concatenate(list(space.batches()))


@BOTH
@given(problem=small_layers(), x=st.integers(1, 4), y=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_every_mapping_is_legal_and_counted_once(dataflow, problem, x, y):
    on = small_machine(x, y, pad="8 words", glb="200 words")
    try:
        space = dataflows.mapspace(dataflow, problem, on)
    except MappingError as error:
        assert "smallest tiles take" in str(error)
        return
    rows = vectors(space)
    assert len(np.unique(rows, axis=0)) == len(rows) == space.size().mappings
    for row in rows[:: 1 + len(rows) // 200]:
        check_mapping(problem, on, space.decode(row))
        assert space.contains(row)


@BOTH
def test_every_mapping_of_the_chip_s_spaces_keeps_rows_and_weights_in_its_pes(dataflow):
    chip = load_architecture("eyeriss_v1")
    problem = convolution(n=2, m=24, c=6, p=13, q=13, r=3, s=3, row_data=(1, 13), column_data=(1, 13))
    space = dataflows.mapspace(dataflow, problem, chip)
    rows = vectors(space)
    assert len(rows) > 50
    for row in rows[::97]:
        nest = check_mapping(problem, chip, space.decode(row))
        assert ("filter_spad", "weights") in [
            (level, t) for t in ("weights",) for level, _ in nest.keepers(t)
        ]
        on_array = [loop.bound for loop in nest.loops if loop.spatial and loop.dimension == "R"]
        assert np.prod(on_array) >= 3


@BOTH
@pytest.mark.parametrize("layer", ["conv2", "conv3", "fc7"])
def test_a_layer_s_space_is_small_enough_to_go_through(dataflow, layer):
    ((problem, _),) = lower_layer(build("alexnet")[layer])
    size = dataflows.mapspace(dataflow, problem, load_architecture("eyeriss_v1")).size()
    assert size.exact
    assert 1000 < size.mappings < 60_000


def test_the_paper_s_mapping_is_in_the_space():
    """JSSC'17 table III for CONV2, whose 16 filters of a PE are fewer than the 24 it could hold."""
    ((problem, _),) = lower_layer(build("alexnet", batch=4)["conv2"])
    chip = load_architecture("eyeriss_v1")
    space = dataflows.mapspace("row_stationary", problem, chip)
    paper = {"m": 64, "n": 1, "e": 27, "p": 16, "q": 2, "r": 1, "t": 1}
    assert space.why_not(dataflows.mapping("row_stationary", problem, chip, paper)) is None


def test_an_empty_space_says_what_is_missing():
    """The register file of 2 words cannot hold a weight, an input and an output of 8 bits each."""
    problem = convolution("layer", m=4, c=4, p=4, q=4)
    with pytest.raises(
        MappingError,
        match=r"row_stationary has no mapping of layer on small: RF holds 16 bits for .*; "
        r"the smallest tiles take 24 bits",
    ):
        dataflows.mapspace("row_stationary", problem, small_machine(pad="2 words"))


@BOTH
def test_an_empty_space_names_the_level_in_the_way(dataflow):
    """The buffer holds a strip of the inputs and outputs twice; 10 words do not do for a row of 20."""
    problem = convolution("layer", q=20, s=3)
    with pytest.raises(MappingError, match=r"GLB holds 80 bits for .*; the smallest tiles take \d+ bits"):
        dataflows.mapspace(dataflow, problem, small_machine(glb="10 words"))


@BOTH
def test_other_problems_than_convolutions_are_refused(dataflow):
    a, b = Rank((("I", 1),)), Rank((("J", 1),))
    problem = Problem(
        "product",
        (("I", 2), ("J", 3)),
        (Tensor("weights", (b,)), Tensor("inputs", (a, b)), Tensor("outputs", (a,))),
        "outputs",
    )
    with pytest.raises(MappingError, match=f"{dataflow} maps convolutions, of dimensions N, G, M"):
        dataflows.mapspace(dataflow, problem, load_architecture("eyeriss_v1"))
