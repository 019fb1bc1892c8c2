"""Legality: every reason a mapping is refused, with its words, and tile sizes against brute force."""

import oracles
import pytest
from hypothesis import given, settings
from oracles import machine, mapping

from simulator.errors import MappingError
from simulator.legality import check_mapping, check_nest, rules, tile_bits, tile_words
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, Rank, Tensor, convolution

PE = {
    "array": "PE",
    "axes": {"x": {"size": 4}, "y": {"size": 3, "multicast": ["inputs"], "reduction": False}},
}
PADS = {
    "side_by_side": [
        {"storage": "W", "keeps": ["weights"], "capacity": "6 words", "buffering": "single"},
        {"storage": "S", "keeps": ["outputs"], "capacity": "4 words"},
    ]
}
MACHINE = machine(
    {"storage": "DRAM"},
    {"storage": "GLB", "keeps": ["inputs", "outputs"], "required": ["outputs"], "capacity": "20 words"},
    PE,
    PADS,
    {"mac": {"latches": ["weights"]}},
)
PROBLEM = convolution("layer", m=6, c=4, q=5)
GLB = "GLB: outputs"


def refused(words, *nodes, problem=PROBLEM, on=MACHINE):
    with pytest.raises(MappingError, match=words):
        check_mapping(problem, on, mapping(*nodes))


def test_a_legal_mapping_comes_back_with_its_arrays_named():
    nest = Mapping(
        (
            *mapping("DRAM:", "M 3", "C 4", "Q 5", GLB).nodes,
            Loop("M", 2, "x"),
            *mapping("S: outputs", "W: weights").nodes,
        )
    )
    placed = check_mapping(PROBLEM, MACHINE, nest)
    assert [loop.place for loop in placed.loops if loop.spatial] == ["PE.x"]


def test_scratchpads_side_by_side_stand_in_any_order():
    for order in (("S: outputs", "W: weights"), ("W: weights", "S: outputs")):
        nest = mapping("DRAM:", "M 3", "C 4", GLB, "Q 5", order[0], "M 2", order[1])
        assert check_mapping(PROBLEM, MACHINE, nest) == nest


def test_a_dimension_must_be_covered():
    refused("dimension C is not covered: the bounds of its loops multiply to 2, its extent is 4",
            "DRAM:", "M 6", "C 2", "Q 5", GLB)  # fmt: skip


def test_a_last_iteration_must_be_reached():
    refused("'for m in 4': its last iteration is never reached, each covers 2 of 6; a bound of 3 is enough",
            "DRAM:", "M 4", "C 4", "Q 5", GLB, "M 2")  # fmt: skip


def test_a_ragged_bound_is_legal():
    check_mapping(PROBLEM, MACHINE, mapping("DRAM:", "M 2", "C 4", "Q 5", GLB, "M 4 @PE.x"))


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_is_positive(bound):
    nest = Mapping((Store("DRAM", PROBLEM.tensor_names), Loop("M", bound), Loop("M", bound)))
    with pytest.raises(MappingError, match="a bound must be at least 1"):
        check_nest(PROBLEM, nest)


def test_unknown_names_come_with_the_nearest():
    full = ("M 6", "C 4", "Q 5", GLB)
    refused("'for mm in 2': layer has no dimension 'MM'; did you mean 'M'", "DRAM:", *full, "MM 2")
    refused("small has no storage level 'GBL'; did you mean 'GLB'", "DRAM:", *full, "GBL: inputs")
    refused("small has no axis 'PE.z'; did you mean 'PE.[xy]'", "DRAM:", *full, "M 1 @PE.z")
    refused("small has no axis 'PF.x'; did you mean 'PE.x'", "DRAM:", *full, "M 1 @PF.x")
    refused("GLB keeps 'input', no tensor of layer; did you mean 'inputs'", "DRAM:", *full, "GLB: input")


def test_the_outermost_level_comes_first_and_keeps_everything():
    refused("a mapping begins with the outermost storage level", "M 6", "DRAM:")
    refused("DRAM must keep every tensor, also inputs, weights", "DRAM: outputs")
    two = machine({"storage": "DRAM"}, {"storage": "GLB"}, {"mac": {}})
    refused("the outermost level is DRAM, not GLB", "GLB:", "M 6", "C 4", "Q 5", on=two)
    with pytest.raises(MappingError, match="begins with the outermost"):
        check_nest(PROBLEM, Mapping(()))


def test_a_level_keeps_only_what_it_can():
    refused(
        "GLB cannot keep weights; it keeps inputs, outputs", "DRAM:", GLB, "GLB: weights", "M 6", "C 4", "Q 5"
    )


def test_a_level_keeps_a_tensor_once():
    refused("GLB keeps outputs twice", "DRAM:", GLB, "M 6", "C 4", "Q 5", GLB)


def test_a_required_tensor_must_not_bypass():
    refused("GLB must keep outputs in every mapping", "DRAM:", "M 6", "C 4", "Q 5")


def test_levels_come_in_the_order_of_the_hierarchy():
    refused("outputs: GLB stands below S in the mapping, but not in the hierarchy of small",
            "DRAM:", "M 6", "C 4", "Q 5", "S: outputs", GLB)  # fmt: skip


def test_spatial_loops_stand_between_the_levels_outside_and_inside():
    refused("'parallel for m in 2 on PE.x' must stand below GLB, which is outside array PE",
            "DRAM:", "C 4", "Q 5", "M 3", "M 2 @PE.x", GLB)  # fmt: skip
    refused("'parallel for m in 2 on PE.x' must stand above W, which is inside array PE",
            "DRAM:", "C 4", "Q 5", "M 3", GLB, "W: weights", "M 2 @PE.x")  # fmt: skip


def test_an_axis_has_so_many_places():
    refused(r"axis PE.x has 4 places, the mapping uses 6 \(M 3 x C 2\)",
            "DRAM:", "Q 5", "C 2", "M 2", GLB, "M 3 @PE.x", "C 2 @PE.x")  # fmt: skip


def test_an_axis_of_several_arrays_must_be_named():
    twice = machine(
        {"storage": "DRAM"},
        {"array": "A", "axes": {"x": {"size": 2}}},
        {"array": "B", "axes": {"x": {"size": 2}}},
        {"mac": {}},
    )
    nest = Mapping(
        (Store("DRAM", PROBLEM.tensor_names), *mapping("M 3", "C 4", "Q 5").nodes, Loop("M", 2, "x"))
    )
    with pytest.raises(MappingError, match="axis 'x' is on arrays A, B; name one"):
        check_mapping(PROBLEM, twice, nest)
    refused("'parallel for m in 2 on B.x' must stand below array A, which is outside array B",
            "DRAM:", "C 4", "Q 5", "M 2", "M 2 @B.x", "M 2 @A.x", on=twice)  # fmt: skip


def test_an_overfull_level_says_which_tensors_and_by_how_much():
    """W: 6 words of 8 bits; 2 filters of 4 channels take 8."""
    refused("W overfills by 16 bits: it has 48 bits for weights, the tiles take 64 .weights 64 bits",
            "DRAM:", "Q 5", "M 3", GLB, "W: weights", "M 2", "C 4")  # fmt: skip


def test_a_double_buffered_tile_counts_twice():
    """S: 4 words; 2 outputs fit twice, 3 do not."""
    check_mapping(PROBLEM, MACHINE, mapping("DRAM:", "Q 5", "C 4", "M 3", GLB, "S: outputs", "M 2"))
    refused(r"S overfills by 16 bits: it has 32 bits for outputs, the tiles take 48 \(outputs .* \(twice",
            "DRAM:", "Q 5", "C 4", "M 2", GLB, "S: outputs", "M 3")  # fmt: skip


def test_tensors_of_a_level_share_its_capacity():
    small = machine(
        {"storage": "DRAM"}, {"storage": "GLB", "capacity": "9 words", "buffering": "single"}, {"mac": {}}
    )
    refused("GLB overfills by 8 bits: it has 72 bits for outputs, inputs, the tiles take 80 "
            r"\(outputs 40 bits, inputs 40 bits\)",
            "DRAM:", "M 6", "C 4", "GLB: outputs inputs", "Q 5", on=small)  # fmt: skip


def test_a_partition_holds_only_its_tensors():
    parted = machine(
        {"storage": "DRAM"},
        {
            "storage": "GLB",
            "capacity": "100 words",
            "buffering": "single",
            "partitions": [
                {"tensors": ["weights"], "capacity": "3 words"},
                {"tensors": ["inputs", "outputs"], "capacity": "97 words"},
            ],
        },
        {"mac": {}},
    )
    check_mapping(PROBLEM, parted, mapping("DRAM:", "C 4", "M 2", "GLB:", "M 3", "Q 5"))
    refused("GLB overfills by 8 bits: it has 24 bits for weights, the tiles take 32",
            "DRAM:", "M 6", "GLB:", "C 4", "Q 5", on=parted)  # fmt: skip


def test_partial_sums_take_their_own_width_and_problems_may_state_widths():
    wide = machine(
        {"storage": "DRAM"},
        {"storage": "GLB", "capacity": "1 KiB"},
        {"mac": {}},
        bits={"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 20},
    )
    nest = mapping("DRAM:", "M 6", "C 4", "GLB: outputs", "Q 5")
    assert tile_bits(PROBLEM, wide, nest, Store("GLB", ("outputs",)), "outputs") == 5 * 20 * 2
    tensors = tuple(Tensor(t.name, t.ranks, bits=3) for t in PROBLEM.tensors)
    narrow = Problem("narrow", PROBLEM.dimensions, tensors, "outputs")
    assert tile_bits(narrow, wide, nest, Store("GLB", ("outputs",)), "outputs") == 5 * 3 * 2


def test_rules_say_which_loops_separate_groups():
    nest = mapping("DRAM:", "Q 5", GLB, "C 4 @PE.x", "M 3 @PE.y", "M 2")
    found = rules(PROBLEM, MACHINE, nest)
    assert found.splits == {"weights": {2}, "inputs": set(), "outputs": {2}}
    assert (found.latches, found.stores_padding) == ({"weights"}, set())


@given(oracles.nests())
@settings(max_examples=200, deadline=None)
def test_tile_sizes_equal_brute_force(case):
    """Stride, dilation, holes, ragged last tiles and clipped padding."""
    problem, nest, _ = case
    for store, _ in nest.stores:
        for tensor in store.tensors:
            for padding in (True, False):
                assert tile_words(problem, nest, tensor, store.level, padding) == oracles.naive_tile_words(
                    problem, nest, tensor, store.level, clip=not padding
                )


def test_a_ragged_tile_has_no_more_than_its_own_words():
    """Rows 2 and 5 of the last tile are data, row 3 is none of its own."""
    slide = Rank((("P", 1), ("R", 3)), (2, 4))
    tensors = (Tensor("inputs", (slide,)), Tensor("outputs", (Rank((("P", 1),)),)))
    problem = Problem("ragged", (("P", 3), ("R", 2)), tensors, "outputs")
    nest = mapping("DRAM: inputs outputs", "P 2", "GLB: inputs", "P 2", "R 2")
    assert tile_words(problem, nest, "inputs", "GLB", stores_padding=False) == 2
