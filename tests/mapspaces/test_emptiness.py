"""Mapspaces without mappings: what is named as too small is, and what it would need is enough."""

import numpy as np
import pytest
from oracles import machine

from simulator.errors import MappingError
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

# 16 weights, 4 inputs and 4 outputs of 8 bits.
PROBLEM = convolution("layer", m=4, c=4)
WHOLE_TILES = Constraints(
    "c",
    keeps=dict.fromkeys(("GLB.weights", "GLB.inputs", "GLB.outputs", "RF.weights"), True),
    bounds={"T5.M": (4, 4), "T5.C": (4, 4)},
)


def partitioned(total, weights, maps, pad):
    """Capacities in bits: a buffer of two partitions, and a register file for weights."""
    parts = [
        {"tensors": ["weights"], "capacity": f"{weights} bits"},
        {"tensors": ["inputs", "outputs"], "capacity": f"{maps} bits"},
    ]
    return machine(
        {"storage": "DRAM"},
        {"storage": "GLB", "capacity": f"{total} bits", "partitions": parts, "buffering": "single"},
        {"array": "PE", "axes": {"x": {"size": 1}}},
        {"storage": "RF", "keeps": ["weights"], "capacity": f"{pad} bits", "buffering": "single"},
        {"mac": {}},
    )


def why_empty(space):
    assert not space.has_mapping()
    with pytest.raises(MappingError) as error:
        next(space.batches(1))
    return str(error.value).split(": ", 1)[1]


def test_whole_tiles_take_all_of_these_capacities():
    assert Mapspace(PROBLEM, partitioned(192, 128, 64, 128), WHOLE_TILES).has_mapping()


@pytest.mark.parametrize(
    ("capacities", "name", "need"),
    [
        ((192, 96, 64, 128), "GLB holds 96 bits for weights", 128),
        ((128, 64, 64, 128), "GLB holds 128 bits for weights, inputs, outputs", 192),
        ((72, 64, 8, 128), "GLB holds 64 bits for weights", 128),
        ((192, 128, 40, 112), "RF holds 112 bits for weights", 128),
        ((192, 128, 56, 32), "GLB holds 56 bits for inputs, outputs", 64),
        ((80, 40, 40, 40), "GLB holds 40 bits for inputs, outputs", 64),
    ],
    ids=["a partition", "total", "partitions and total", "levels", "partition and level", "all"],
)
def test_of_several_too_small_the_one_closest_to_enough_is_named(capacities, name, need):
    """And never one that is large enough, such as an RF of 128 bits."""
    space = Mapspace(PROBLEM, partitioned(*capacities), WHOLE_TILES)
    assert why_empty(space) == f"{name}; the smallest tiles take {need} bits"


def on_axes(problem, constraints, **sizes):
    axes = {axis: {"size": size} for axis, size in sizes.items()}
    return Mapspace(
        problem, machine({"storage": "DRAM"}, {"array": "PE", "axes": axes}, {"mac": {}}), constraints
    )


def test_axes_of_which_any_two_would_do():
    """None is too small for itself, whatever the others: y is as long as x is, whatever z."""
    filters = convolution("filters", m=4)
    places = {f"PE.{axis}.M": (1, 2) for axis in "xyz"}
    constraints = Constraints("c", loops={"T0": (), "T1": ()}, bounds=places)
    assert on_axes(filters, constraints, x=1, y=2, z=2).has_mapping()
    why = why_empty(on_axes(filters, constraints, x=1, y=1, z=1))
    assert why == "axis PE.y has 1 places; it would need 2"


@pytest.mark.parametrize(("x", "least"), [(1, 2), (1, 4), (3, 4)])
@pytest.mark.parametrize("factors", ["ragged", "balanced", "perfect"])
def test_a_loop_longer_than_its_axis_leaves_no_mapping(x, least, factors):
    """An axis of one place has no loop to choose."""
    constraints = Constraints("c", bounds={"PE.x.M": (least, 4)}, factors=factors)
    space = on_axes(PROBLEM, constraints, x=x, y=2)
    assert why_empty(space) == f"axis PE.x has {x} places; it would need {least}"
    assert (space.size().mappings, space.size().exact) == (0, True)
    with pytest.raises(MappingError, match=f"axis PE.x has {x} places; it would need {least}$"):
        space.sample(1, seed=0)
    given = Mapspace(PROBLEM, space.architecture).sample(5, seed=0)
    repaired = space.repair(given)
    for vector in (*given, *repaired):
        assert space.why_not(vector) is not None
        assert space.neighbours(vector).shape == (0, space.encoding.length)
    np.testing.assert_array_equal(repaired[:, space.encoding.columns.index("PE.x.M")], least)
    assert on_axes(PROBLEM, constraints, x=least, y=2).has_mapping()
