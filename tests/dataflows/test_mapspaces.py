"""The dataflows' mapspaces: every mapping legal and of the dataflow, sizes, and why one is empty."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator import dataflows
from simulator.architecture import Architecture, load_architecture
from simulator.dataflows import DATAFLOWS
from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.errors import MappingError
from simulator.legality import check_mapping
from simulator.lowering import lower_layer
from simulator.problem import Problem, Rank, Tensor, convolution
from workloads import Pooling, build

from .cases import SHARED, bound_layer, check_space, layers, machines, mapspace_or_reason

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


def vectors(space):
    return np.concatenate(list(space.batches()))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@given(problem=layers(), on=machines(), seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_every_mapping_is_legal_and_counted_once(dataflow, problem, on, seed):
    """And contained, and a few of them are the same under every engine."""
    space = mapspace_or_reason(dataflow, problem, on)
    if space is not None:
        check_space(problem, on, space, seed=seed)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_layers_and_machines_are_mostly_mapped(dataflow):
    """Else the test above would show nothing."""
    kinds = Counter()

    @given(problem=layers(), on=machines())
    @settings(max_examples=30, deadline=None, database=None, derandomize=True)
    def tally(problem, on):
        kinds[mapspace_or_reason(dataflow, problem, on) is not None] += 1

    tally()
    assert kinds[True] > kinds[False] / 2


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


def test_levels_too_small_at_once_are_not_blamed_on_one_that_is_large_enough():
    """The chip's filter_spad of 3584 bits holds a row of filters, and weights may pass its buffer by."""
    data = load_architecture("eyeriss_v1").to_dict()
    buffer = next(level for level in data["hierarchy"] if level.get("storage") == "GLB")
    buffer["capacity"] = "64 B"
    for part in buffer["partitions"]:
        part["capacity"] = "32 B"
    ((problem, _),) = lower_layer(build("vgg16")["conv5_1"])
    words = r"GLB holds 256 bits for inputs, outputs; the smallest tiles take 992 bits"
    with pytest.raises(MappingError, match=words):
        dataflows.mapspace("row_stationary", problem, Architecture.from_dict(data))


def test_a_factor_on_an_axis_of_one_place_is_refused():
    two = Dataflow("two", "", (Keep("memory", loops=("MC",)), Spread({"x": {"M": "2"}})))
    problem = convolution("layer", m=4, c=2)
    assert len(vectors(dataflows.mapspace(two, problem, small_machine(x=2))))
    with pytest.raises(MappingError, match=r"axis PE.x has 1 places; it would need 2"):
        dataflows.mapspace(two, problem, small_machine(x=1))


@BOTH
def test_other_problems_than_convolutions_are_refused(dataflow):
    a, b = Rank((("I", 1),)), Rank((("J", 1),))
    problem = Problem(
        "product",
        (("I", 2), ("J", 3)),
        (Tensor("weights", (b,)), Tensor("inputs", (a, b)), Tensor("outputs", (a,))),
        "outputs",
    )
    with pytest.raises(
        MappingError, match=rf"{dataflow}: nest\[0\].loops: product has no dimension 'G'; known: I, J$"
    ):
        dataflows.mapspace(dataflow, problem, load_architecture("eyeriss_v1"))


def assert_mappings_are_contained(problem, on):
    space = dataflows.mapspace("row_stationary", problem, on)
    assert {space.why_not(space.decode(row)) for row in vectors(space)} == {None}


def test_a_mapping_that_leaves_an_axis_empty_is_contained():
    problem = convolution(n=3, m=3, c=3, p=3, r=2, stride=3)
    assert_mappings_are_contained(problem, small_machine(4, 3, "9 words", "60 words"))


def test_a_mapping_that_leaves_the_array_empty_is_contained():
    on = machine({"storage": "DRAM"}, {"array": "PE", "axes": {"x": {"size": 1}}}, *SHARED, {"mac": {}})
    assert_mappings_are_contained(bound_layer(Pooling("pool", "max", 1, 1), (1, 2, 2)), on)
