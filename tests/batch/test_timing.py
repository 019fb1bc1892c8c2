"""Cycles of a batch where passes ramp up and down: those of each mapping by itself, to the last bit."""

import numpy as np
import pytest
from oracles import convolution, machine

import simulator as sim
from simulator.batch.model import CostModel
from simulator.cost.model import cost

from .cases import random_vectors


def spent(model, vectors):
    """Each legal vector's cycles by itself, and what the batch makes of it."""
    scores = model.evaluate(vectors)
    legal = np.flatnonzero(scores["valid"])
    for i in legal:
        nest = model.encoding.decode(vectors[i])
        yield cost(model.problem, model.architecture, nest, "closed-form").cycles, int(scores["cycles"][i])


@pytest.mark.parametrize("dataflow", ["row_stationary", None])
def test_mappings_of_a_layer_on_the_chip(dataflow):
    """Filters wait in the chip's PEs, with inputs and partial sums streaming past them."""
    chip, layer = sim.load_architecture("eyeriss_v1"), sim.load_layer("alexnet:conv3", 4)
    vectors = sim.mapspace(layer, chip, dataflow=dataflow).sample(60, seed=5)
    ramps = 0
    for alone, together in spent(CostModel(layer, chip), vectors):
        assert together == alone.total
        ramps += alone.ramp > 0
    assert ramps > 10


def pads(**buffering):
    """Two arrays, one in the other, with levels outside, between and inside; all networks narrow."""
    network = dict.fromkeys(("weights", "inputs", "outputs", "outputs_up"), "3 bits")

    def level(name):
        kinds = {t: buffering.get(f"{name}_{t}", "double") for t in ("weights", "inputs", "outputs")}
        return {"storage": name, "buffering": kinds, "bandwidth": {"write": "5 bits"}}

    return machine(
        {"storage": "DRAM", "bandwidth": {"shared": "7 bits"}},
        level("GLB"),
        {"array": "A", "axes": {"x": {"size": 2}}, "network": network, "ramp": True},
        level("BUF"),
        {"array": "B", "axes": {"y": {"size": 3}}, "network": network, "ramp": True},
        level("RF"),
        {"mac": {"price": 1}},
    )


SINGLE = (
    {"RF_weights": "single"},
    {"RF_outputs": "single"},
    {"BUF_inputs": "single"},
    {"BUF_weights": "single", "RF_inputs": "single"},
    {"GLB_inputs": "single", "RF_weights": "single", "RF_outputs": "single", "BUF_outputs": "fifo"},
)


@pytest.mark.parametrize("buffering", SINGLE)
def test_random_mappings_on_arrays_in_arrays(buffering):
    model = CostModel(convolution(m=5, c=4, p=6, r=3, n=2), pads(**buffering))
    vectors = random_vectors(model.encoding, np.random.default_rng(3), 150)
    ramps = 0
    for alone, together in spent(model, vectors):
        assert together == alone.total
        ramps += alone.ramp > 0
    assert ramps > 20
