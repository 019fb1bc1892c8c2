"""Whole batches of vectors are in a mapspace as one by one."""

import numpy as np
import pytest

import simulator as sim
from simulator.batch.model import CostModel
from simulator.mapspaces import Mapspace

LAYER, CHIP = sim.load_layer("lenet5_caffe:conv2"), sim.load_architecture("eyeriss_v1")


@pytest.mark.parametrize("dataflow", ["flexible", "input_stationary", "output_stationary_c"])
def test_members_are_what_the_space_contains(dataflow):
    """Its own mappings, those of every other, and what comes of repairs."""
    space, whole = sim.mapspace(LAYER, CHIP, dataflow), Mapspace(LAYER, CHIP)
    vectors = np.concatenate((space.sample(60, 1), whole.sample(20, 1)))
    vectors = np.concatenate((vectors, space.repair(vectors)))
    vectors = vectors[CostModel(LAYER, CHIP).evaluate(vectors)["valid"]]
    found = space.members(vectors)
    assert found.tolist() == [space.contains(vector) for vector in vectors]
    assert found[:60].all() and (dataflow == "flexible") == found[60:80].all()


def test_no_vectors_have_no_members():
    space = Mapspace(LAYER, CHIP)
    assert space.members(np.empty((0, space.encoding.length), np.int32)).tolist() == []
