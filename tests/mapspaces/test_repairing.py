"""Repairs and moves within every dataflow: legal vectors stay, others become legal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator.dataflows import DATAFLOWS
from simulator.mapspaces import Mapspace

CASES = [
    ("alexnet:conv2", "eyeriss_v1"),
    ("alexnet:fc6", "eyeriss_v1"),
    ("lenet5_caffe:conv2", "scratchpads_168"),
]
EVERYWHERE = pytest.mark.parametrize(
    "space",
    [
        pytest.param(sim.mapspace(layer, machine, flow), id=f"{flow}-{layer}-{machine}")
        for flow in DATAFLOWS
        for layer, machine in CASES
    ],
)


@EVERYWHERE
@given(seed=st.integers(0, 2**32))
@settings(max_examples=3, deadline=None)
def test_legal_vectors_stay(space: Mapspace, seed: int) -> None:
    vectors = space.sample(10, seed)
    # The same mappings with their loops as far out as they can stand.
    encoded = np.array([space.encode(space.decode(vector)) for vector in vectors])
    for given_ in (vectors, encoded):
        assert space.members(given_).all()
        np.testing.assert_array_equal(space.repair(given_), given_)


@EVERYWHERE
@given(seed=st.integers(0, 2**32))
@settings(max_examples=3, deadline=None)
def test_neighbours_are_of_the_mapspace(space: Mapspace, seed: int) -> None:
    vector = space.sample(1, seed)[0]
    found = space.neighbours(vector)
    assert space.members(found).all() and not (found == vector).all(axis=1).any()


@EVERYWHERE
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 200))
@settings(max_examples=3, deadline=None)
def test_any_vector_becomes_legal(space: Mapspace, seed: int, changes: int) -> None:
    """Also where few columns are wrong."""
    random = np.random.default_rng(seed)
    low, high = space.encoding.ranges
    vectors = space.sample(50, seed)
    for _ in range(changes):
        row, column = random.integers(50), random.integers(1, len(low))
        vectors[row, column] = random.integers(low[column], high[column] + 1)
    vectors = np.concatenate((vectors, random.integers(low, high + 1, (50, len(low)))))
    assert space.members(space.repair(vectors)).all()


def test_what_no_tile_has_room_for_is_bypassed() -> None:
    """A filter of the layer does not fit the buffer: weights pass it by."""
    space = sim.mapspace("alexnet:fc6", "eyeriss_v1", "output_stationary_a")
    kept = space.encoding.columns.index("GLB.weights")
    vectors = space.sample(20, 1)
    vectors[:, kept] = 1
    repaired = space.repair(vectors)
    assert space.members(repaired).all() and (repaired[:, kept] == 0).all()
