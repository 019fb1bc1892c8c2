"""Simulating layers of every kind: pooling, fusing, what is left out, layers of several parts."""

import pytest
from oracles import mapping

import workloads as w
from simulator import planning
from simulator.errors import SimulatorError
from simulator.evaluation import simulate
from simulator.fusing import fused
from simulator.lowering import lower
from simulator.results import Skipped

from .small_networks import SMALL, network


def test_pooling_is_run_on_the_array_and_is_no_multiplication():
    """ISCA'16, section V: the maximum in place of the multiply-accumulate."""
    net = network(2)
    result = simulate(net, SMALL)
    pool = result["pool"]
    assert (pool.macs, pool.done, pool.operations) == (0, 2 * 4 * 3 * 3 * 4, net["pool"].operations)
    assert pool.energy > 0 and pool.cycles > 0 and 0 < pool.utilization <= 1
    assert not any(row["count"] for row in pool.rows() if row["tensor"] == "weights")
    assert result.macs == net.macs
    done = sum(layer.done for layer in result)
    assert done == net.macs + pool.done
    assert result.utilization == pytest.approx(done / (result.steps * SMALL.mac_units))


def test_every_layer_s_operations_are_counted_once():
    for fuse in (True, False):
        result = simulate(network(3), SMALL, engine="closed-form", fuse=fuse)
        assert result.operations == network(3).operations
        assert result.to_dict()["totals"]["operations"] == result.operations


def test_an_activation_is_fused_into_the_layer_before_unless_told():
    one, two = (simulate(network(), SMALL, engine="closed-form", fuse=fuse) for fuse in (True, False))
    relu = Skipped("relu", "Activation", 4 * 6 * 6, 0, 0, "conv1")
    assert one.skipped == (relu,)
    assert relu.reason == "fused into conv1"
    assert "fused into the layer before: Activation: relu" in str(one)
    assert one.to_dict()["skipped"] == [
        {"layer": "relu", "type": "Activation", "operations": 144, "words_in": 0, "words_out": 0,
         "fused_into": "conv1", "reason": "fused into conv1"},
    ]  # fmt: skip
    assert two.skipped == ()
    assert two["relu"].accesses("DRAM") == 2 * 144
    for layer in one:
        assert layer.energy == two[layer.name].energy
    assert two.energy == pytest.approx(one.energy + two["relu"].energy)


def branched():
    net = w.NetworkBuilder("branched")
    net.add(w.Input("data", (2, 4, 4)))
    net.add(w.Activation("first"))
    net.add(w.Convolution("conv", 2, 3, padding=1))
    net.add(w.Normalization("bn"))
    net.add(w.Dropout("drop"))
    net.add(w.Activation("relu"))
    net.add(w.Convolution("conv2", 2, 1))
    net.add(w.Activation("gate", "sigmoid"))
    net.add(w.Elementwise("swish", "multiply"), ["conv2", "gate"])
    net.add(w.Elementwise("add", "add"), ["swish", "relu"])
    net.add(w.Normalization("lrn", "local_response"))
    net.add(w.Softmax("prob"))
    net.add(w.Flatten("flat"))
    return net.build()


def test_what_is_fused_is_what_nothing_else_takes():
    """An activation of the image stands alone, and one of outputs that are taken as they are too."""
    assert fused(branched()) == {"bn": "conv", "relu": "conv", "lrn": "add"}


def test_what_is_left_beside_the_array_is_said_with_its_words():
    result = simulate(branched(), SMALL, engine="closed-form")
    assert [layer.name for layer in result] == ["first", "conv", "conv2", "gate", "swish", "add"]
    beside = {layer.name: layer for layer in result.skipped}
    assert list(beside) == ["bn", "drop", "relu", "lrn", "prob", "flat"]
    assert beside["prob"] == Skipped("prob", "Softmax", 5 * 32, 32, 32)
    assert (beside["prob"].reason, beside["flat"].reason) == ("not for the array", "moves nothing")
    text = str(result)
    assert "fused into the layer before: Normalization: bn, lrn; Activation: relu" in text
    assert "not for the array: Softmax: prob (160 operations, 64 words in and out)" in text
    assert "moves nothing: Flatten: flat" in text
    apart = simulate(branched(), SMALL, engine="closed-form", fuse=False)
    assert {layer.name: layer.reason for layer in apart.skipped}["lrn"] == "not for the array"
    assert apart["bn"].operations == 2 * 32


def test_layers_that_are_several_problems_add_up():
    net = w.NetworkBuilder("several")
    net.add(w.Input("data", (2, 4, 4)))
    net.add(w.TransposedConvolution("up", 2, 3, stride=2, padding=1))
    net.add(w.Convolution("sparse", 2, 1, table=((0,), (0, 1))))
    net.add(w.Reshape("rows", (7, -1)))
    net.add(w.Attention("attention", 2), ["rows"] * 3)
    net.add(w.Recurrent("rnn", "rnn", 3))
    network = net.build(batch=2)
    result = simulate(network, SMALL)
    for layer in network:
        if layer.macs:
            assert result[layer.name].macs == layer.macs
    assert [part.cost.problem.name for part in result["attention"].parts] == [
        "attention.scores", "attention.values",
    ]  # fmt: skip
    assert [part.times for part in result["rnn"].parts] == [7, 7]
    assert result.macs == network.macs


def test_a_part_of_a_layer_may_be_mapped_by_hand():
    net = w.NetworkBuilder("heads")
    net.add(w.Input("data", (3, 4)))
    net.add(w.Attention("attention", 2), ["data"] * 3)
    nest = mapping("DRAM:", "G 2", "M 3", "C 2", "P 3")
    result = simulate(net.build(), SMALL, mappings={"attention.scores": nest}, engine="closed-form")
    scores, values = result["attention"].parts
    assert (scores.cost.mapping, scores.search) == (nest, None)
    assert values.search is not None and result["attention"].dataflow == "by hand"
    with pytest.raises(SimulatorError, match=r"no layer 'attention.keys' .*did you mean 'attention"):
        simulate(net.build(), SMALL, mappings={"attention.keys": nest})


def test_blocks_that_repeat_are_lowered_once(monkeypatch):
    lowered = []

    def lowering(layer):
        lowered.append(layer.name)
        return lower(layer)

    monkeypatch.setattr(planning, "lower", lowering)
    result = simulate(network(), SMALL, engine="closed-form")
    assert lowered == ["data", "conv1", "relu", "conv2", "pool", "fc"]
    assert result["conv3"].cost.problem.name == "conv3"


def test_densities_of_a_part_are_its_own():
    net = w.NetworkBuilder("heads")
    net.add(w.Input("data", (3, 4)))
    net.add(w.Attention("attention", 2), ["data"] * 3)
    result = simulate(
        net.build(), SMALL, densities={"attention.values": {"inputs": 0.5}}, engine="closed-form"
    )
    found = [part.cost.problem.tensor("inputs").density for part in result["attention"].parts]
    assert found == [1, 0.5]
