"""A hundred thousand vectors, in batches, by the closed form and walked: ``pytest -m long``."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

import simulator as sim
from simulator.batch.model import CostModel
from simulator.problem import convolution

from .cases import assert_right, batches, random_vectors

EVERYTHING = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
# AlexNet's and ResNet-50's kinds of layers, with fewer channels and smaller maps for the walk.
LAYERS = {
    "alexnet conv1": {"m": 3, "c": 3, "p": 7, "q": 7, "r": 11, "s": 11, "stride": 4},
    "alexnet conv2": {"g": 2, "m": 4, "c": 3, "p": 9, "q": 9, "r": 5, "s": 5, "row_data": (2, 9)},
    "alexnet conv3": {"n": 2, "m": 6, "c": 5, "p": 7, "q": 7, "r": 3, "s": 3, "row_data": (1, 7)},
    "alexnet fc6": {"n": 3, "m": 20, "c": 5, "r": 6, "s": 6},
    "resnet50 conv1": {"m": 5, "c": 3, "p": 8, "q": 8, "r": 7, "s": 7, "stride": 2, "row_data": (3, 16)},
    "resnet50 1x1": {"m": 12, "c": 10, "p": 6, "q": 6},
    "resnet50 shortcut": {"m": 12, "c": 7, "p": 6, "q": 6, "stride": 2},
    "mobilenet depthwise": {"g": 13, "p": 7, "q": 7, "r": 3, "s": 3, "stride": 2, "column_data": (1, 14)},
}


@pytest.mark.long
@pytest.mark.parametrize("part", range(6))
def test_random_problems_and_machines(part):
    """In parts, so that several processes can share them."""

    @seed(part)
    @settings(max_examples=500, **EVERYTHING)
    @given(batches(rows=32, wrong=0.05))
    def all_right(case):
        assert_right(*case)

    all_right()


@pytest.mark.long
@pytest.mark.parametrize("name", LAYERS)
def test_layers_on_the_chip(name):
    model = CostModel(
        convolution(name.replace(" ", "_"), **LAYERS[name]), sim.load_architecture("eyeriss_v1")
    )
    vectors = random_vectors(model.encoding, np.random.default_rng(len(name)), 1500)
    assert assert_right(model, vectors) > 300
