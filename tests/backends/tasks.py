"""What agents map in the tests of environments: a layer, a machine, and constraints."""

from oracles import machine

from simulator.mapspaces import Constraints
from simulator.problem import convolution

LAYER = convolution(m=4, c=6, p=5, r=3)
SMALL = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200)},
    {
        "storage": "GLB",
        "capacity": "90 words",
        "price": dict.fromkeys(("read", "fill", "drain", "refill"), 6),
    },
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}},
    {"storage": "RF", "capacity": "9 words", "price": {"read": 1, "refill": 2}},
    {"mac": {"price": 1}},
)
# Columns without any freedom but the order of loops, listed; bounds that must be saturated.
NARROW = Constraints(
    name="narrow", loops={"DRAM": ("MC", "CM")}, axes={"PE": ("y", "x")}, saturated=("PE.x.M",),
    bounds={"PE.y.M": (1, 1)}, keeps={"RF.weights": True}, factors="balanced",
)  # fmt: skip
