"""Mapspaces without mappings: what is named as too small is, and what it would need is enough."""

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator.errors import MappingError
from simulator.mapspaces import Constraints, Mapspace, Size, emptiness
from simulator.mapspaces import space as spaces
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


WEIGHTS = "GLB holds {} bits for weights; the smallest tiles take 128 bits"
MAPS = "GLB holds {} bits for inputs, outputs; the smallest tiles take 64 bits"
PAD = "RF holds {} bits for weights; the smallest tiles take 128 bits"


@pytest.mark.parametrize(
    ("capacities", "told"),
    [
        ((192, 96, 64, 128), [WEIGHTS.format(96)]),
        ((128, 64, 64, 128), [WEIGHTS.format(64)]),
        ((72, 64, 8, 128), [WEIGHTS.format(64), MAPS.format(8)]),
        ((192, 128, 40, 112), [MAPS.format(40), PAD.format(112)]),
        ((192, 128, 56, 32), [MAPS.format(56), PAD.format(32)]),
        ((80, 40, 40, 40), [WEIGHTS.format(40), MAPS.format(40), PAD.format(40)]),
    ],
    ids=["a partition", "its level too", "partitions", "levels", "partition and level", "all"],
)
def test_all_that_are_too_small_together_are_named(capacities, told):
    """And never one that is large enough, such as an RF of 128 bits."""
    space = Mapspace(PROBLEM, partitioned(*capacities), WHOLE_TILES)
    assert why_empty(space) == "; and ".join(told)


@pytest.mark.parametrize(
    ("buffering", "told"),
    [
        ("single", "64 bits"),
        ("double", "128 bits (double-buffered)"),
        ({"outputs": "double", "inputs": "single"}, "96 bits (outputs double-buffered)"),
    ],
    ids=["single", "double", "one of two"],
)
def test_tiles_count_twice_where_double_buffered(buffering, told):
    """Weights may bypass the level: they are not what fails to fit."""
    kept = {"GLB.inputs": True, "GLB.outputs": True}
    constraints = Constraints("c", keeps=kept, bounds={"T3.M": (4, 4), "T3.C": (4, 4)})
    level = {"storage": "GLB", "capacity": "60 bits", "buffering": buffering}
    on = machine({"storage": "DRAM"}, level, {"mac": {}})
    why = why_empty(Mapspace(PROBLEM, on, constraints))
    assert why == f"GLB holds 60 bits for inputs, outputs; the smallest tiles take {told}"


@pytest.mark.parametrize("stored", [True, False])
def test_padding_needs_room_only_where_it_is_stored(stored):
    rows = convolution("padded", p=4, r=3, row_data=(1, 4))
    level = {"storage": "GLB", "keeps": ["inputs"], "capacity": "8 bits", "buffering": "single"}
    on = machine({"storage": "DRAM"}, level | {"stores_padding": stored}, {"mac": {}})
    whole = Constraints("c", keeps={"GLB.inputs": True}, bounds={"T1.P": (4, 4), "T1.R": (3, 3)})
    why = why_empty(Mapspace(rows, on, whole))
    assert why == f"GLB holds 8 bits for inputs; the smallest tiles take {48 if stored else 32} bits"


def on_axes(problem, constraints, **sizes):
    axes = {axis: {"size": size} for axis, size in sizes.items()}
    return Mapspace(
        problem, machine({"storage": "DRAM"}, {"array": "PE", "axes": axes}, {"mac": {}}), constraints
    )


def test_axes_of_which_any_two_would_do():
    """None would do alone, so that two are named."""
    filters = convolution("filters", m=4)
    places = {f"PE.{axis}.M": (1, 2) for axis in "xyz"}
    constraints = Constraints("c", loops={"T0": (), "T1": ()}, bounds=places)
    assert on_axes(filters, constraints, x=1, y=2, z=2).has_mapping()
    why = why_empty(on_axes(filters, constraints, x=1, y=1, z=1))
    assert why == "axis PE.y has 1 places; it would need 2; and axis PE.z has 1 places; it would need 2"


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


@pytest.mark.parametrize(
    ("constraints", "told"),
    [
        (
            {"bounds": {"PE.x.M": (2, 2)}, "factors": "perfect"},
            "no perfect bounds of T0.M, PE.x.M (2), T1.M cover M = 13; balanced ones would",
        ),
        (
            {"bounds": {"PE.x.M": (3, 6)}, "loops": {"T0": (), "T1": ("C",)}},
            "no ragged bounds of PE.x.M (3 to 6) cover M = 13",
        ),
        (
            {"bounds": {"PE.x.M": (6, 6)}, "loops": {"T0": (("M",),), "T1": ()}, "factors": "balanced"},
            "no balanced bounds of T0.M, PE.x.M (6) cover M = 13; ragged ones would",
        ),
        ({"loops": {"T0": (), "PE.x": (), "T1": ()}}, "M = 13 may have no loop anywhere"),
    ],
    ids=["a prime", "too few", "unbalanced", "none"],
)
def test_a_dimension_that_no_loops_cover_is_named(constraints, told):
    filters = convolution("filters", m=13, c=2)
    why = why_empty(on_axes(filters, Constraints("c", **constraints), x=1))
    assert why == told


def test_nothing_is_searched_where_a_dimension_is_not_covered(monkeypatch):
    """The loops of the others are too many to try in vain."""
    for module in (emptiness, spaces):
        monkeypatch.setattr(module, "make_plans", lambda *_: pytest.fail("a search began"))
    layer = convolution("layer", m=13, c=720720, p=720720, q=5040)
    level = {"storage": "GLB"}
    on = machine({"storage": "DRAM"}, level, level | {"storage": "L1"}, {"mac": {}})
    slots = [slot.name for slot in Mapspace(layer, on).encoding.slots]
    space = Mapspace(layer, on, Constraints("c", bounds={f"{slot}.M": (1, 1) for slot in slots}))
    assert why_empty(space) == "M = 13 may have no loop anywhere"
    assert space.size() == Size(0, True)
    with pytest.raises(MappingError, match="M = 13 may have no loop anywhere"):
        space.sample(1, seed=0)


def test_a_search_given_up_claims_no_least(monkeypatch):
    cube = convolution("cube", m=5, c=5, p=5)
    space = on_axes(cube, Constraints("c", loops={"T0": (), "T1": ()}), x=5, y=5, z=4)
    assert why_empty(space) == "axis PE.z has 4 places; it would need 5"
    monkeypatch.setattr(emptiness, "_MOST_TRIED", 20)
    assert why_empty(space) == "axis PE.z has 4 places; 5 would do, if not less"


def test_a_tensor_that_may_be_bypassed_is_kept_where_that_makes_room():
    """Loops of R may stand below outputs alone: outside the weights where outputs are kept outside them."""
    level = {"storage": "GLB", "keeps": ["weights", "outputs"], "buffering": "single"}
    fields = {"keeps": {"GLB.weights": True}, "loops": {"T0": ()}}
    row = convolution("row", r=3)
    on = machine({"storage": "DRAM"}, level | {"capacity": "16 bits"}, {"mac": {}})
    space = Mapspace(row, on, Constraints("c", **fields))
    assert space.has_mapping()
    assert all(space.decode(v).keepers("outputs")[1:] for batch in space.batches() for v in batch)
    less = machine({"storage": "DRAM"}, level | {"capacity": "15 bits"}, {"mac": {}})
    why = why_empty(Mapspace(row, less, space.constraints))
    assert why == "GLB holds 15 bits for weights, outputs; the smallest tiles take 16 bits"


def grown(sizes):
    """A machine by the sizes of its parts: bits of partitions and pads, places of axes."""
    parts = [
        {"tensors": ["weights"], "capacity": f"{sizes['GLB weights']} bits"},
        {"tensors": ["outputs"], "capacity": f"{sizes['GLB outputs']} bits"},
    ]
    total = {"capacity": f"{sizes['GLB weights'] + sizes['GLB outputs']} bits", "partitions": parts}
    level = {"buffering": sizes["buffering"], "stores_padding": sizes["padding"]}
    axes = {axis: {"size": sizes[f"axis PE.{axis}"]} for axis in "xy"}
    return machine(
        {"storage": "DRAM"},
        {"storage": "GLB", "keeps": ["weights", "outputs"]} | total | level,
        {"array": "PE", "axes": axes},
        {"storage": "RF", "keeps": ["weights", "inputs"], "capacity": f"{sizes['RF']} bits"} | level,
        {"mac": {}},
    )


BITS = st.integers(1, 80)
SIZES = st.fixed_dictionaries(
    {
        "GLB weights": BITS,
        "GLB outputs": BITS,
        "RF": BITS,
        "axis PE.x": st.integers(1, 3),
        "axis PE.y": st.integers(1, 3),
        "buffering": st.sampled_from(("single", "double")),
        "padding": st.booleans(),
    }
)
NODES = ("GLB.weights", "GLB.outputs", "RF.weights", "RF.inputs")
SLOTS = ("T0", "T2", "PE.x", "PE.y", "T3", "T5")
BOUNDS = st.sampled_from(((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (1, 3)))


@st.composite
def restrictions(draw, dimensions):
    factors = draw(st.sampled_from(("ragged", "balanced", "perfect")))
    kept = draw(st.sets(st.sampled_from(NODES), min_size=1))
    closed = draw(st.sets(st.sampled_from(("T0", "T1", "T2", "T3"))))
    longer = [(slot, d) for slot in SLOTS if slot not in closed for d, extent in dimensions if extent > 2]
    bounds = {f"{slot}.{d}": draw(BOUNDS) for slot, d in draw(st.sets(st.sampled_from(longer), max_size=3))}
    return Constraints("c", dict.fromkeys(kept, True), {}, dict.fromkeys(closed, ()), {}, bounds, (), factors)


def covered(units, ranges, factors):
    """Whether bounds in these ranges, innermost last, cover so many units; by the words of the rules."""
    if not ranges:
        return units == 1
    low, high = ranges[-1]
    return any(
        covered(-(-units // bound), ranges[:-1], factors)
        for bound in range(low, min(high, units) + 1)
        if factors == "ragged"
        or (factors == "perfect" and units % bound == 0)
        or (factors == "balanced" and bound == -(-units // -(-units // bound)))
    )


def cover(space, dimension):
    index = space.encoding.dimensions.index(dimension)
    ranges = zip(space.restriction.least[:, index], space.restriction.most[:, index], strict=True)
    return covered(space.problem.extents[dimension], list(ranges), space.constraints.factors)


TOO_SMALL = re.compile(
    r"(?P<level>\w+) holds \d+ bits for (?P<tensors>[\w, ]+); the smallest tiles take (?P<bits>\d+) bits"
    r"( \(.*double-buffered\))?|(?P<axis>axis PE\.[xy]) has \d+ places; it would need (?P<places>\d+)"
)


@given(data=st.data(), sizes=SIZES)
@settings(max_examples=30, deadline=None)
def test_what_an_empty_space_asks_for_is_enough_and_one_less_is_not(data, sizes):
    m, c, p = (data.draw(st.sampled_from((1, 3, 4, 5))) for _ in "mcp")
    problem = convolution("layer", m=m, c=c, p=p, r=3, row_data=(1, p))
    constraints = data.draw(restrictions(problem.dimensions))
    space = Mapspace(problem, grown(sizes), constraints)
    assume(not space.has_mapping())
    told = str(space.empty()).split(": ", 1)[1]
    if " cover " in told or " no loop " in told:
        (dimension,) = re.findall(r"(?:cover |^)(\w) = \d+", told)
        assert not cover(space, dimension)
        return
    assert all(cover(space, dimension) for dimension in space.encoding.dimensions)
    needs = {}
    for part in told.split("; and "):
        found = TOO_SMALL.fullmatch(part)
        name = found["axis"] or found["level"]
        if name == "GLB":
            name += f" {found['tensors']}"
        needs[name] = int(found["places"] or found["bits"])
        assert needs[name] > sizes[name]
    assert len(next(Mapspace(problem, grown(sizes | needs), constraints).batches(1)))
    for name, need in needs.items():
        less = sizes | needs | {name: need - 1}
        assert Mapspace(problem, grown(less), constraints).size() == Size(0, True)
