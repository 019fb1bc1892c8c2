"""Every mapping of a mapspace once: against all vectors of tiny problems on tiny machines, one by one."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator.encoding import Encoding, permutation
from simulator.errors import MappingError
from simulator.legality import check_mapping
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem, Rank, Tensor, convolution


def layer(p=2, r=1, data=None):
    """Windows of a row: outputs[m][p] += weights[m][r] * inputs[p + r], with two filters at most."""
    rows = Rank((("P", 1), ("R", 1)), data)
    return Problem(
        "tiny",
        (("P", p), ("R", r)),
        (
            Tensor("weights", (Rank((("R", 1),)),)),
            Tensor("inputs", (rows,)),
            Tensor("outputs", (Rank((("P", 1),)),)),
        ),
        "outputs",
    )


def small(capacity="64 bits", x=2, y=None, keeps=("inputs", "outputs"), padding=True):
    axes = {"x": {"size": x}} | ({"y": {"size": y}} if y else {})
    return machine(
        {"storage": "DRAM"},
        {"array": "PE", "axes": axes},
        {"storage": "RF", "keeps": list(keeps), "capacity": capacity, "stores_padding": padding},
        {"mac": {}},
    )


def bound_vectors(encoding):
    """Every choice of bounds that covers, as (slot, dimension) tables.

    Those whose loops but one cover already are left out: a last iteration is never reached.
    """
    slots, extents = len(encoding.slots), [n for _, n in encoding.problem.dimensions]
    columns = [
        [
            bounds
            for bounds in itertools.product(range(1, n + 1), repeat=slots)
            if math.prod(bounds) >= n and all(b == 1 or math.prod(bounds) // b < n for b in bounds)
        ]
        for n in extents
    ]
    for chosen in itertools.product(*columns):
        yield np.array(chosen).T


def naive(space):
    """Legal canonical vectors of an unconstrained space, by definition and by `check_mapping`."""
    encoding = space.encoding
    low, high = encoding.ranges
    rest = [range(a, b + 1) for a, b in zip(low, high, strict=True)][encoding.first_order :]
    found = set()
    for bounds in bound_vectors(encoding):
        for tail in itertools.product(*rest):
            vector = np.array([1, *bounds.ravel(), *tail])
            if canonical(encoding, vector, bounds) and legal(space, vector):
                found.add(tuple(vector.tolist()))
    return found


def canonical(encoding, vector, bounds):
    """Orders as small as the loops, axes and kept nodes that are there allow."""
    for slot, own in enumerate(bounds):
        order = permutation(vector[encoding.first_order + slot], len(own))
        if not settled(order, [d for d in range(len(own)) if own[d] > 1]):
            return False
    for g, region in enumerate(encoding.regions):
        order = permutation(vector[encoding.first_nodes + g], len(region.nodes))
        kept = [i for i in range(len(region.nodes)) if vector[encoding.first_keep + region.first_node + i]]
        if not settled(order, kept):
            return False
    for a, array in enumerate(encoding.architecture.arrays):
        order = permutation(vector[encoding.first_axes + a], len(array.axes))
        first = encoding.first_axis_slots[a]
        used = [x for x in range(len(array.axes)) if (bounds[first + x] > 1).any()]
        alike = [o for o in itertools.permutations(range(len(order))) if among(o, used) == among(order, used)]
        if order != list(alike[0]):
            return False
    return True


def among(order, present):
    return [x for x in order if x in present]


def settled(order, present):
    """Those present first, the others behind them ascending."""
    count = len(present)
    return set(order[:count]) == set(present) and order[count:] == sorted(order[count:])


def legal(space, vector):
    try:
        check_mapping(space.problem, space.architecture, space.decode(vector))
    except MappingError:
        return False
    return True


def rows(space, size=7):
    return [tuple(row.tolist()) for batch in space.batches(size) for row in batch]


@given(
    p=st.integers(1, 4),
    r=st.integers(1, 2),
    x=st.integers(1, 3),
    words=st.integers(1, 5),
    data=st.sampled_from([None, (1, 2), (2, 2)]),
    padding=st.booleans(),
    keeps=st.sampled_from([("inputs",), ("outputs",)]),
)
@settings(max_examples=20, deadline=None)
def test_enumeration_is_every_legal_vector_once(p, r, x, words, data, padding, keeps):
    space = Mapspace(layer(p, r, data), small(f"{8 * words} bits", x, keeps=keeps, padding=padding))
    expected = naive(space)
    if not expected:
        with pytest.raises(MappingError, match="has no mapping"):
            rows(space)
        return
    found = rows(space)
    assert len(set(found)) == len(found)
    assert set(found) == expected
    size = space.size()
    assert (size.mappings, size.exact) == (len(found), True)
    assert space._most() >= len(found)


@given(p=st.integers(1, 2), r=st.integers(1, 2), words=st.integers(1, 4))
@settings(max_examples=4, deadline=None)
def test_side_by_side_nodes_stand_in_either_order(p, r, words):
    space = Mapspace(layer(p, r), small(f"{8 * words} bits"))
    assert set(rows(space)) == naive(space)


@given(x=st.integers(1, 2), y=st.integers(1, 2), p=st.integers(1, 3), r=st.integers(1, 2))
@settings(max_examples=8, deadline=None)
def test_two_axes_stand_in_either_order(x, y, p, r):
    space = Mapspace(layer(p, r), small("32 bits", x, y, keeps=("inputs",)))
    assert set(rows(space)) == naive(space)


def test_batches_are_the_same_whatever_their_size():
    space = Mapspace(layer(3, 2), small())
    whole = rows(space, 10_000)
    assert rows(space, 1) == rows(space, 3) == whole
    assert [len(batch) for batch in space.batches(3)][:-1] == [3] * ((len(whole) - 1) // 3)


def test_a_space_survives_pickling():
    space = Mapspace(layer(3, 2), small(), Constraints("c", factors="perfect"))
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert rows(again) == rows(space)


# Constraints against their definitions, over the rows of the unconstrained space.


def bounds_of(encoding, row):
    return np.array(row)[1 : encoding.first_order].reshape(len(encoding.slots), -1)


def admitted(factors, extent, inside, bound):
    units = -(-extent // inside)
    if factors == "perfect":
        return units % bound == 0
    return factors == "ragged" or bound == -(-units // -(-units // bound))


def keeps_rule(encoding, row, factors):
    bounds = bounds_of(encoding, row)
    order = range(len(encoding.slots) - 1, -1, -1)
    for d, (_, extent) in enumerate(encoding.problem.dimensions):
        inside = 1
        for slot in order:
            if not admitted(factors, extent, inside, bounds[slot, d]):
                return False
            inside *= bounds[slot, d]
    return True


@given(
    factors=st.sampled_from(["balanced", "perfect"]),
    p=st.integers(1, 9),
    r=st.integers(1, 4),
    words=st.integers(3, 9),
)
@settings(max_examples=25, deadline=None)
def test_factors_admit_what_their_definition_says(factors, p, r, words):
    on = small(f"{8 * words} bits", keeps=("inputs",))
    all_of_them = Mapspace(layer(p, r), on)
    space = Mapspace(layer(p, r), on, Constraints("c", factors=factors))
    encoding = space.encoding
    assert set(rows(space, 999)) == {
        row for row in rows(all_of_them, 999) if keeps_rule(encoding, row, factors)
    }


@given(
    names=st.lists(
        st.sampled_from(["T2.P", "T1.P", "PE.x.P", "T2.R", "PE.x.R"]), min_size=1, max_size=3, unique=True
    ),
    factors=st.sampled_from(["ragged", "balanced"]),
    p=st.integers(1, 5),
    r=st.integers(1, 3),
    words=st.integers(2, 6),
)
@settings(max_examples=40, deadline=None)
def test_a_saturated_bound_is_the_largest_of_any_legal_mapping(names, factors, p, r, words):
    """Compared over all rows that agree in the other dimensions' loops and in those inside it."""
    on = small(f"{8 * words} bits", keeps=("inputs",))
    free = Mapspace(layer(p, r), on, Constraints("free", factors=factors))
    space = Mapspace(layer(p, r), on, Constraints("c", saturated=tuple(names), factors=factors))
    encoding = free.encoding
    tails = {}
    for row in rows(free, 999):
        tails.setdefault(row[encoding.first_nodes :], []).append(row)

    def saturated(row):
        own = bounds_of(encoding, row)
        for name in names:
            slot = [s.name for s in encoding.slots].index(name.rsplit(".", 1)[0])
            d = encoding.dimensions.index(name[-1])
            for other in tails[row[encoding.first_nodes :]]:
                bounds = bounds_of(encoding, other)
                same = np.array_equal(np.delete(bounds, d, 1), np.delete(own, d, 1))
                if (
                    same
                    and (bounds[slot + 1 :, d] == own[slot + 1 :, d]).all()
                    and bounds[slot, d] > own[slot, d]
                ):
                    return False
        return True

    assert set(rows(space, 999)) == {row for row in rows(free, 999) if saturated(row)}


def test_orders_bounds_and_keeps_are_the_ones_allowed():
    problem, on = layer(4, 2), small("64 bits", keeps=("inputs",))
    constraints = Constraints(
        "c",
        keeps={"RF.inputs": True},
        loops={"DRAM": (("R", "P"),), "RF.inputs": (("P", "R"), ("R", "P")), "PE": ()},
        bounds={"PE.x.P": (2, 2), "DRAM.P": (1, 3)},
    )
    encoding = Encoding(problem, on)
    allowed = set()
    for row in rows(Mapspace(problem, on), 999):
        loop = dict(zip(encoding.columns, row, strict=True))
        turned = loop["T0.R"] > 1 and loop["T0.P"] > 1 and loop["T0.order"] == 0
        inside = max(loop["T1.P"], loop["T1.R"]) > 1
        if loop["RF.inputs"] and not turned and not inside and loop["PE.x.P"] == 2 and loop["T0.P"] <= 3:
            allowed.add(str(encoding.decode(row)))
    found = [str(encoding.decode(row)) for row in rows(Mapspace(problem, on, constraints))]
    assert sorted(found) == sorted(allowed)
    assert allowed


def test_a_space_of_one_mapping():
    space = Mapspace(layer(1, 1), small(keeps=("inputs",)), Constraints("c", keeps={"RF.inputs": True}))
    assert len(rows(space)) == 1
    assert str(space.size()) == "1"
    assert str(space.decode(rows(space)[0])).splitlines()[-1].strip() == "multiply-accumulate"


def test_a_large_space_has_a_bound():
    from simulator.architecture import load_architecture
    from simulator.problem import convolution

    space = Mapspace(convolution(n=4, m=384, c=256, p=13, q=13, r=3, s=3), load_architecture("eyeriss_v1"))
    size = space.size()
    assert not size.exact
    assert size.mappings > 10**40
    assert str(size).startswith("at most ")
    assert len(next(space.batches(1000))) == 1000


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"keeps": {"RF.imputs": True}}, "no node is called 'RF.imputs'; did you mean 'RF.inputs'"),
        ({"nodes": {"EP": ()}}, "no region is called 'EP'; did you mean 'PE'"),
        (
            {"nodes": {"PE": (("RF.inputs",),)}},
            r"nodes of PE: \(RF.inputs\) must order \(RF.inputs, RF.outputs\)",
        ),
        ({"nodes": {"PE": ()}}, "nodes of PE: no order is allowed"),
        ({"loops": {"RF.inputs": ()}}, "no slot whose place is fixed is called 'RF.inputs'"),
        ({"loops": {"T9": ()}}, "no slot is called 'T9'; did you mean"),
        ({"loops": {"T0": (("K",),)}}, "no dimension of tiny is called 'K'"),
        ({"loops": {"T0": (("P",), ("R",))}}, r"loops of T0: \(R\) must order \(P\)"),
        ({"loops": {"T0": (), "DRAM": ()}}, "loops of DRAM are given twice"),
        ({"axes": {"PE": ("y",)}}, r"axes of PE: \(y\) must order \(x\)"),
        ({"axes": {"EP": ("x",)}}, "no array is called 'EP'"),
        ({"bounds": {"T0.P": (3, 2)}}, "bounds of T0.P are 3 to 2; they go from 1 or more upwards"),
        ({"bounds": {"T0.P": (9, 9)}}, "T0.P has a bound of at least 9; at most 4 is possible there"),
        ({"loops": {"T0": ()}, "bounds": {"T0.P": (2, 3)}}, "T0.P has a bound of at least 2; at most 1"),
        ({"bounds": {"P": (1, 1)}}, "no slot is called ''"),
        ({"loops": {"T0": ()}, "saturated": ("T0.P",)}, "T0.P is to be saturated, but has no loop"),
        ({"factors": "balance"}, "no factors 'balance'; did you mean 'balanced'"),
    ],
)
def test_wrong_constraints_are_named(fields, words):
    with pytest.raises(MappingError, match=f"constraints c: {words}"):
        Mapspace(layer(4, 2), small(), Constraints("c", **fields))


def test_a_required_node_cannot_be_bypassed():
    data = small().to_dict()
    data["hierarchy"][2]["required"] = ["inputs"]
    on = type(small()).from_dict(data)
    with pytest.raises(MappingError, match="RF must keep inputs in every mapping"):
        Mapspace(layer(), on, Constraints("c", keeps={"RF.inputs": False}))


def test_what_is_not_in_a_space_has_a_reason():
    space = Mapspace(layer(4, 2), small(), Constraints("c", loops={"T0": ()}))
    inside = next(space.batches(1))[0]
    assert space.contains(inside)
    spread = next(
        v for batch in space.batches() for v in batch if v[space.encoding.columns.index("PE.x.P")] > 1
    )
    assert space.contains(space.decode(spread))
    for wrong in (inside[:-1], inside.astype(float), np.where(np.arange(len(inside)) == 0, 7, inside)):
        assert not space.contains(wrong)
        assert space.why_not(wrong)
    outside = Mapspace(layer(4, 2), small())
    on_array = outside.encoding.columns.index("PE.x.P")
    vectors = [v for batch in outside.batches() for v in batch if v[1] > 1]
    parted = next(v for v in vectors if v[on_array] > 1)
    assert outside.contains(parted)
    assert not space.contains(parted)
    # Without a loop on the array, that of T0 is as well the one just inside it.
    assert space.contains(next(v for v in vectors if v[on_array] == 1 == v[on_array + 1]))


@pytest.mark.parametrize("wrong", [-1, 1.5, "3", None, True])
def test_how_many_is_a_whole_number(wrong):
    space = Mapspace(convolution(m=2, c=3), machine({"storage": "DRAM"}, {"mac": {"price": 1}}))
    for call in (
        lambda: space.sample(wrong, 1),
        lambda: space.sample(1, wrong),
        lambda: next(space.batches(wrong)),
    ):
        with pytest.raises(MappingError, match="must be a whole number"):
            call()
    with pytest.raises(MappingError, match="rows must be a whole number from 1 on, not 0"):
        next(space.batches(0))
