"""A small machine, and a network of a few small layers."""

from oracles import machine

import workloads as w
from simulator.lowering import lower_layer, lower_operations

SMALL = machine(
    {
        "storage": "DRAM",
        "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200),
        "bandwidth": {"shared": "6 bits"},
    },
    {
        "storage": "GLB",
        "capacity": "120 words",
        "price": dict.fromkeys(("read", "fill", "drain", "refill"), 6),
    },
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}, "price": {"deliver": 2, "add": 2}},
    {"storage": "RF", "capacity": "9 words", "buffering": "single", "price": {"read": 1, "refill": 2}},
    {"mac": {"price": 1}},
    native_dataflow="weight_stationary",
)


def network(batch=1):
    net = w.NetworkBuilder("tiny")
    net.add(w.Input("data", (2, 6, 6)))
    for layer in (
        w.Convolution("conv1", 4, 3, padding=1),
        w.Activation("relu", "relu"),
        w.Convolution("conv2", 4, 3, padding=1),
        w.Convolution("conv3", 4, 3, padding=1),
        w.Pooling("pool", "max", 2),
        w.Linear("fc", 5),
    ):
        net.add(layer)
    return net.build().with_batch(batch)


def problem_of(name):
    """A layer's problem, of multiply-accumulates or of operations."""
    layer = network()[name]
    ((problem, _),) = lower_layer(layer) or lower_operations(layer)
    return problem
