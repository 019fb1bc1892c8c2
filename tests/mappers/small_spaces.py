"""Problems and machines so small that every mapping can be counted one by one."""

from oracles import machine

from simulator.cost.model import cost
from simulator.problem import convolution

LAYERS = (
    convolution(n=2, m=4, c=3, p=4, q=5, r=2, s=2),
    convolution(m=6, c=5, p=3, q=3),
    convolution(m=3, c=2, p=5, q=4, r=3, s=1, stride=(2, 1)),
)


def port(bits):
    return {"bandwidth": {"shared": f"{bits} bits"}}


SMALL = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200), **port(6)},
    {
        "storage": "GLB",
        "capacity": "90 words",
        "price": dict.fromkeys(("read", "fill", "drain", "refill"), 6),
    },
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}, "price": {"deliver": 2, "add": 2}},
    {
        "storage": "RF",
        "capacity": "9 words",
        "buffering": "single",
        "price": {"read": 1, "refill": 2},
        **port(9),
    },
    {"mac": {"price": 1}},
)
TINY = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200), **port(6)},
    {"array": "PE", "axes": {"x": {"size": 2}}},
    {"storage": "RF", "capacity": "6 words", "price": {"read": 1, "refill": 2}},
    {"mac": {"price": 1}},
)
# Nothing but steps takes time, and adding up in the array is dear: there are fronts, proven along paths.
PLAIN = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200)},
    {"array": "PE", "axes": {"x": {"size": 3}}, "price": {"deliver": 50, "add": 600}},
    {"storage": "RF", "capacity": "9 words", "price": {"read": 1, "refill": 2}},
    {"mac": {"price": 1}},
)
NODES = ("RF.weights", "RF.inputs", "RF.outputs")
OBJECTIVES = ("energy", "cycles", "edp")


def every(space):
    """Vector, energy and cycles of every mapping, one by one."""
    found = []
    for vector in (vector for batch in space.batches() for vector in batch):
        spent = cost(space.problem, space.architecture, space.decode(vector), "closed-form")
        found.append((vector, spent.energy, spent.cycles.total))
    return found
