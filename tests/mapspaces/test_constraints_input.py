"""Wrong constraints and arguments of a mapspace: one clear error each, and nothing accepted in silence."""

import numpy as np
import pytest
from oracles import machine

from simulator.errors import MappingError, SimulatorError
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

CHIP = machine(
    {"storage": "DRAM"},
    {"array": "PE", "axes": {"x": {"size": 2}, "y": {"size": 2}}},
    {"storage": "RF", "keeps": ["inputs", "outputs"], "capacity": "24 bits"},
    {"mac": {}},
    name="chip",
)
LAYER = convolution("layer", m=4, c=2)
ORDER = {"PE": (("RF.inputs", "RF.outputs"),)}


def space(**fields):
    return Mapspace(LAYER, CHIP, Constraints("c", **fields))


@pytest.mark.parametrize(
    "fields, where",
    [
        ({"loops": {"DRAM": (("M", "M", "C"),)}}, r"loops of DRAM: \(M, M, C\) names M twice"),
        ({"loops": {"DRAM": ("MM",)}}, r"loops of DRAM: \(M, M\) names M twice"),
        ({"nodes": {"PE": (("RF.inputs", "RF.inputs"),)}}, "nodes of PE: .* names RF.inputs twice"),
        ({"axes": {"PE": ("x", "x")}}, r"axes of PE: \(x, x\) names x twice"),
    ],
)
def test_an_order_names_a_thing_once(fields, where):
    with pytest.raises(MappingError, match=f"^constraints c: {where}; once is right"):
        space(**fields)


@pytest.mark.parametrize(
    "pair", [3, (3,), (1, 2, 3), ("a", "b"), "12", (1.5, 2), (True, 2), (1, None), {1, 2}]
)
def test_bounds_are_pairs_of_whole_numbers(pair):
    with pytest.raises(
        MappingError, match=r"^constraints c: bounds of DRAM.M is .*; it must be a pair of whole"
    ):
        space(bounds={"DRAM.M": pair})


@pytest.mark.parametrize("kept", [1, 0, None, "False", []])
def test_keeps_are_true_or_false(kept):
    with pytest.raises(MappingError, match=r"keeps of RF.inputs is .*; it must be True or False"):
        space(keeps={"RF.inputs": kept})


@pytest.mark.parametrize("field", ["keeps", "nodes", "loops", "axes", "bounds"])
@pytest.mark.parametrize("given", [None, 3, "DRAM", ("DRAM",), ["DRAM"]])
def test_fields_are_mappings(field, given):
    with pytest.raises(MappingError, match=f"^constraints c: {field} is .*; it must be a mapping"):
        space(**{field: given})


@pytest.mark.parametrize("field", ["keeps", "nodes", "loops", "axes", "bounds"])
def test_keys_are_names(field):
    with pytest.raises(MappingError, match=f"^constraints c: {field} has the key 3; keys must be names"):
        space(**{field: {3: ()}})


@pytest.mark.parametrize(
    "field, key, value",
    [
        *(("loops", "DRAM", value) for value in ("MC", None, 3, {"M"}, (3,), ((3,),), (None,))),
        *(("nodes", "PE", value) for value in ("RF", None, ("RF.inputs", "RF.outputs"), ((3,),))),
        *(("axes", "PE", value) for value in ("xy", None, 3, (1, 2), (("x", "y"),))),
    ],
)
def test_orders_are_tuples_of_names(field, key, value):
    with pytest.raises(MappingError, match=f"^constraints c: {field} of {key} is .*; it must be a tuple of"):
        space(**{field: {key: value}})


@pytest.mark.parametrize("given", ["DRAM.M", None, 3, (3,), {"DRAM.M": True}])
def test_saturated_is_a_tuple_of_names(given):
    with pytest.raises(MappingError, match=r"^constraints c: saturated is .*; it must be a tuple of names"):
        space(saturated=given)


@pytest.mark.parametrize(
    "given, right", [("balance", "did you mean 'balanced'"), ([], ""), (None, "known: ")]
)
def test_factors_are_known(given, right):
    with pytest.raises(MappingError, match=f"^constraints c: no factors .*{right}"):
        space(factors=given)


def test_constraints_are_constraints_with_a_name():
    with pytest.raises(MappingError, match="constraints are None; they must be a Constraints"):
        Mapspace(LAYER, CHIP, None)
    with pytest.raises(MappingError, match=r"name is 3; it must be text"):
        Mapspace(LAYER, CHIP, Constraints(3))


def test_lists_letters_and_numpy_numbers_are_as_good():
    plain = space(
        keeps={"RF.inputs": True},
        loops={"DRAM": (("M", "C"),)},
        axes={"PE": ("x", "y")},
        bounds={"DRAM.M": (1, 2)},
        saturated=("PE.x.M",),
    )
    other = space(
        keeps={"RF.inputs": np.True_},
        loops={"DRAM": ["MC"]},
        axes={"PE": ["x", "y"]},
        bounds={"DRAM.M": [np.int32(1), np.int64(2)]},
        saturated=["PE.x.M"],
    )
    for ours, theirs in zip(plain.restriction, other.restriction, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("rows", [0, -1, 1.0, "3", None, True, np.True_])
def test_rows_are_checked_at_once(rows):
    with pytest.raises(SimulatorError, match=r"rows must be a whole number from 1 on"):
        space().batches(rows)


@pytest.mark.parametrize("wrong", [-1, 1.0, "3", None, True, np.True_, np.int64(-1)])
def test_samples_take_whole_numbers(wrong):
    with pytest.raises(SimulatorError, match=r"n must be a whole number from 0 on"):
        space().sample(wrong, 0)
    with pytest.raises(SimulatorError, match=r"seed must be a whole number from 0 on"):
        space().sample(1, wrong)


def test_numpy_integers_are_whole_numbers():
    np.testing.assert_array_equal(space().sample(np.int32(3), np.uint64(5)), space().sample(3, 5))
    assert len(next(space().batches(np.int16(3)))) == 3


def test_sampling_an_empty_mapspace_says_what_is_too_small():
    empty = space(keeps={"RF.inputs": True, "RF.outputs": True}, bounds={"RF.outputs.M": (4, 4)}, nodes=ORDER)
    with pytest.raises(MappingError, match=r"c has no mapping of layer on chip: .*RF") as sampled:
        empty.sample(1, 0)
    with pytest.raises(MappingError) as listed:
        next(empty.batches(1))
    assert str(sampled.value) == str(listed.value)


def test_sampling_without_luck_keeps_its_own_error(monkeypatch):
    def fail(*_):
        raise MappingError("no luck")

    monkeypatch.setattr("simulator.mapspaces.sampling.sample", fail)
    with pytest.raises(MappingError, match=r"^no luck$"):
        space().sample(1, 0)


def test_repr_is_short():
    assert repr(space()) == "<Mapspace 'layer', 'chip', 'c'>"
