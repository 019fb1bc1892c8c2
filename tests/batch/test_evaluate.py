"""How the batch cost model is called: threads, memory, pickling, and what it refuses."""

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import convolution, machine, mapping

import simulator as sim
from simulator.batch.block import LANES
from simulator.batch.model import CostModel
from simulator.cost.model import cost
from simulator.errors import MappingError, SimulatorError

from .cases import batches, differences, random_vectors, single

LEVELS = (
    {"storage": "DRAM", "bandwidth": {"shared": "8 bits"}, "price": {"read": 7, "drain": 3}},
    {"storage": "GLB", "required": ["inputs"], "capacity": "4000 bits", "price": {"read": 1}},
    {"array": "PE", "axes": {"x": {"size": 4, "multicast": True, "reduction": True}}},
    {"storage": "RF", "keeps": ["weights"]},
    {"mac": {"price": 1}},
)
MODEL = CostModel(convolution("layer", m=40, c=3, p=5, r=3), machine(*LEVELS, name="tiny"))
VECTORS = random_vectors(MODEL.encoding, np.random.default_rng(0), 500, 0.1)


def tiled(n):
    """``n`` rows: ``VECTORS`` again and again."""
    return np.resize(VECTORS, (n, VECTORS.shape[1]))


@given(batches(rows=12, wrong=0.1), st.integers(2, 4), st.integers(0, 12))
@settings(max_examples=25, deadline=None)
def test_any_split_of_a_batch_and_any_threads_come_to_the_same(case, threads, cut):
    model, vectors = case
    whole = model.evaluate(vectors, counts=True)
    parts = [model.evaluate(part, counts=True, threads=threads) for part in (vectors[:cut], vectors[cut:])]
    assert (np.concatenate(parts) == whole).all()


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("fields", [{}, {"counts": True}, {"forwardable": True}])
def test_many_blocks_in_threads(threads, fields):
    vectors = tiled(70_000)
    once = MODEL.evaluate(VECTORS, **fields)
    many = MODEL.evaluate(vectors, threads=threads, **fields)
    assert (many == np.resize(once, len(vectors))).all()


@pytest.mark.parametrize("n", [1, LANES - 1, LANES, LANES + 1, 2 * LANES + 3])
def test_rows_are_priced_side_by_side_however_many_there_are(n):
    legal = np.resize(VECTORS[MODEL.evaluate(VECTORS)["valid"]], (n, VECTORS.shape[1]))
    alone = np.concatenate([MODEL.evaluate(row[None], counts=True) for row in legal])
    assert (MODEL.evaluate(legal, counts=True) == alone).all()


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64, np.uint16])
def test_any_integers_do(dtype):
    legal = VECTORS[MODEL.evaluate(VECTORS)["valid"]]
    assert len(legal) > 100
    assert (MODEL.evaluate(legal.astype(dtype)) == MODEL.evaluate(legal)).all()


def test_lists_and_strided_arrays_do():
    right = MODEL.evaluate(VECTORS[::2])
    assert (MODEL.evaluate(VECTORS[::2].tolist()) == right).all()
    assert (MODEL.evaluate(np.asfortranarray(VECTORS[::2])) == right).all()
    wide = np.repeat(VECTORS, 2, axis=1)
    assert (MODEL.evaluate(wide[::2, ::2]) == right).all()


def test_the_vectors_stay_as_they_are():
    vectors = VECTORS.astype(np.int32)
    MODEL.evaluate(vectors, forwardable=True)
    assert (vectors == VECTORS).all()


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (VECTORS[0], f"layer on tiny has vectors of {MODEL.encoding.length} integers, not an array of shape"),
        (VECTORS[:, 1:], "not an array of shape"),
        (VECTORS[None], "not an array of shape"),
        ([], "not an array of shape"),
        (7, "not an array of shape"),
        (VECTORS.astype(float), "vectors are of integers, not float64"),
        (VECTORS > 0, "vectors are of integers, not bool"),
        (VECTORS.astype(object), "vectors are of integers, not object"),
        (VECTORS.astype(str), "vectors are of integers, not <U"),
        ([[1, 2], [3]], f"vectors must all have {MODEL.encoding.length} columns"),
    ],
)
def test_vectors_that_are_none_are_refused(vectors, message):
    with pytest.raises(MappingError, match=message):
        MODEL.evaluate(vectors)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, None, "2"])
def test_threads_that_are_none_are_refused(threads):
    with pytest.raises(SimulatorError, match="threads must be a positive whole number, not"):
        MODEL.evaluate(VECTORS, threads=threads)


def changed(column, value, dtype=np.int64):
    vector = VECTORS[MODEL.evaluate(VECTORS)["valid"]][0].astype(dtype)
    vector[MODEL.encoding.columns.index(column)] = value
    return vector


@pytest.mark.parametrize(
    ("column", "value", "rule", "amount"),
    [
        ("version", 2, "range", 1),
        ("T0.M", 0, "range", 1),
        ("T0.M", -1, "range", 1),
        ("T0.M", 41, "range", 1),
        ("T0.M", 2**32 + 1, "range", 1),
        ("T0.M", 2**62, "range", 1),
        ("T0.M", -(2**63), "range", 1),
        ("T0.order", 40320, "range", 1),
        ("region0.order", 6, "range", 1),
        ("GLB.weights", 2, "range", 1),
        ("GLB.inputs", 0, "keeps", 1),
        ("PE.order", 1, "range", 1),
    ],
)
def test_a_vector_that_is_no_mapping_is_marked(column, value, rule, amount):
    vector = changed(column, value)
    (row,) = MODEL.evaluate(vector[None])
    assert not row["valid"]
    assert row["violation"][MODEL.rules.index(rule)] == amount
    assert (row["energy"], row["edp"], row["utilization"]) == (np.inf, np.inf, 0)
    assert row["cycles"] == np.iinfo(np.int64).max
    assert differences(MODEL, row, single(MODEL, vector)) == {}


def test_unsigned_numbers_do_not_wrap():
    (row,) = MODEL.evaluate(changed("T0.M", 2**64 - 2**32 + 1, np.uint64)[None])
    assert not row["valid"] and row["violation"][0] == 1


def violation(*nodes):
    """What a nest breaks, by rule."""
    nest = mapping(*nodes)
    (row,) = MODEL.evaluate(MODEL.encoding.encode(nest)[None])
    broken = dict(zip(MODEL.rules, row["violation"].tolist(), strict=True))
    assert row["valid"] == (not any(broken.values()))
    return {rule: amount for rule, amount in broken.items() if amount}


def test_how_far_a_rule_is_broken():
    whole = ("DRAM:", "GLB: inputs")
    assert violation(*whole, "M 40", "C 3", "P 5", "R 3") == {}
    assert violation(*whole, "M 20", "C 3", "P 2", "R 3") == {"cover": 2}
    assert violation(*whole, "M 40 @PE.x", "C 3", "P 5", "R 3") == {"PE.x": 36}
    assert violation(*whole, "M 10", "C 3 @PE.x", "M 4 @PE.x", "P 5", "R 3") == {"PE.x": 8}
    # Bounds of 3 and 20 over 40: the third iteration of the outer loop is never reached.
    assert violation("DRAM:", "M 3", "GLB: inputs", "M 20", "C 3", "P 5", "R 3") == {"reach": 1}
    # 8 bits, twice for the next tile: 5040 of 4000.
    assert violation(*whole, "GLB: weights", "M 40", "C 3", "P 5", "R 3") == {
        "GLB.capacity": 2 * 8 * (3 * 7 + 40 * 3 * 3) - 4000
    }


def test_no_rows_are_no_results():
    for fields in ({}, {"counts": True}, {"forwardable": True}, {"threads": 3}):
        empty = MODEL.evaluate(VECTORS[:0], **fields)
        assert empty.shape == (0,)
        assert empty.dtype == MODEL.dtype(fields.get("counts", False), fields.get("forwardable", False))
    assert MODEL.evaluate(np.zeros((0, MODEL.encoding.length), int)).shape == (0,)


def test_what_is_asked_for_is_what_comes():
    assert "counts" not in MODEL.evaluate(VECTORS).dtype.names
    counted = MODEL.evaluate(VECTORS, counts=True)
    assert "forwardable" not in counted.dtype["counts"].base.names
    assert "forwardable" in MODEL.evaluate(VECTORS, forwardable=True).dtype["counts"].base.names
    assert counted["counts"].shape == (len(VECTORS), len(MODEL.boundaries))
    assert counted["words"].shape == (len(VECTORS), len(MODEL.actions))


def test_a_model_pickles():
    MODEL.evaluate(VECTORS)
    again = pickle.loads(pickle.dumps(MODEL))
    assert (again.evaluate(VECTORS, counts=True) == MODEL.evaluate(VECTORS, counts=True)).all()
    assert (again.rules, again.actions, again.boundaries) == (MODEL.rules, MODEL.actions, MODEL.boundaries)


def test_memory_does_not_grow_with_the_rows():
    """Beside the result, what 300,000 rows take is what 40,000 take."""
    spent = []
    MODEL.evaluate(VECTORS)
    for n in (40_000, 300_000):
        vectors = tiled(n).astype(np.int32)
        tracemalloc.start()
        result = MODEL.evaluate(vectors)
        spent.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()
    assert spent[1] < spent[0] + 1_000_000


def test_cycles_past_what_can_be_counted_are_marked():
    slow = [LEVELS[0] | {"bandwidth": {"shared": "0.000001 bits"}}, {"storage": "GLB"}, LEVELS[-1]]
    model = CostModel(convolution(n=2**14, m=2**14, c=2**14), machine(*slow))
    loops = [f"{d} {2**14}" for d in "NMC"]
    for nest, counted in ((mapping("DRAM:", "GLB:", *loops), True), (mapping("DRAM:", *loops), False)):
        vector = model.encoding.encode(nest)
        (row,) = model.evaluate(vector[None])
        assert differences(model, row, single(model, vector, walked=False)) == {}
        assert row["valid"] == counted


def test_skew_past_what_is_counted_is_not_valid():
    """Cycles that 64 bits cannot hold never come out negative."""
    linked = machine(
        {"storage": "DRAM"},
        {"array": "A", "axes": {"x": {"size": 300, "links": ["inputs"]}}},
        {"mac": {"price": 1}},
    )
    model = CostModel(convolution(m=2**20, c=2**20, p=2**15), linked)
    nest = mapping("DRAM:", f"M {2**20}", f"C {2**20}", f"P {2**15}")
    row = model.evaluate(model.encoding.encode(nest)[None])[0]
    assert not row["valid"] and row["violation"][model.rules.index("countable")] == 1
    with pytest.raises(SimulatorError, match="cycles could pass"):
        cost(model.problem, linked, nest, "closed-form")


def test_utilization_of_more_steps_than_64_bits_hold_together_with_places():
    chip = sim.load_architecture("eyeriss_v1").replace({"GLB.required": []})
    model = CostModel(convolution(m=2**20, c=2**20, p=2**19), chip)
    nest = mapping("DRAM:", f"M {2**20}", f"C {2**20}", f"P {2**19}")
    row = model.evaluate(model.encoding.encode(nest)[None])[0]
    assert row["utilization"] == cost(model.problem, chip, nest, "closed-form").utilization == 1 / 168


def test_a_dimension_no_vector_holds():
    with pytest.raises(MappingError, match="M = 2147483648 is too long"):
        CostModel(convolution(m=2**31), sim.load_architecture("eyeriss_v1"))
