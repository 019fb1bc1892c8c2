"""Factors and axes of dataflows on small machines, where what must come out is known by hand."""

import math

import pytest

from simulator import dataflows
from simulator.dataflows.declaration import Keep, Spread, read_factor
from simulator.errors import MappingError, SimulatorError
from simulator.problem import convolution

from .nests import bounds, clusters, flow, mappings, on_axes, pads, places


@pytest.mark.parametrize(
    ("rule", "m", "expected"),
    [
        ("ragged", 4, {1, 2, 3}),
        ("balanced", 4, {1, 2}),  # Three of four take as many passes as two.
        ("perfect", 4, {1, 2}),
        ("ragged", 5, {1, 2, 3}),
        ("balanced", 5, {1, 2, 3}),
        ("perfect", 5, {1}),
    ],
)
def test_any_is_every_bound_that_the_rule_of_factors_has(rule, m, expected):
    nest = (Keep("memory", loops=("M",)), Spread({"x": {"M": "any"}}))
    assert bounds(flow(*nest, factors=rule), convolution(m=m), pads(x=3), "M@PE.x") == expected


@pytest.mark.parametrize(
    ("factor", "m", "expected"),
    [
        ("most", 3, {3}),
        ("most", 4, {2}),  # Two passes of two, not of three and one.
        ("most", 5, {3}),
        (2, 5, {2}),
        ("2", 5, {2}),
        (1, 5, {1}),
        ("2..3", 5, {2, 3}),
        ("2..2", 5, {2}),
        ("2..9999999999", 5, {2, 3}),
        ("half", 6, {2, 3}),
        ("full", 6, {3}),
        ("full", 5, {3}),
        ("all", 3, {3}),
        ("all", 5, {3}),  # The axis has no five places: as much as fits.
        ("any", 3, {1, 2, 3}),
    ],
)
def test_a_factor_on_an_axis(factor, m, expected):
    dataflow = on_axes(M=factor)
    assert bounds(dataflow, convolution(m=m), pads(x=3), "M@PE.x") == expected


def test_most_is_as_large_as_others_on_the_axis_let_it():
    """Of four places, with C over one, two or four of them, M takes the rest."""
    found = bounds(on_axes(C="any", M="most"), convolution(m=4, c=4), pads(x=4), "C@PE.x", "M@PE.x")
    assert found == {(1, 4), (2, 2), (4, 1)}


def in_the_pe(factors, order="MCP"):
    return flow(
        Keep("memory", loops=(order,)), Spread({"x": {}}), Keep("pe", ("weights",), (order,), factors=factors)
    )


@pytest.mark.parametrize(
    ("factor", "m", "expected"),
    [
        ("most", 16, {8}),
        ("most", 12, {6}),
        ("full", 16, {8}),
        ("half", 16, {4, 6, 8}),  # Balanced: four, three or two passes.
        ("half", 5, {3, 5}),
        ("full", 5, {5}),
        ("full", 13, {7}),
        ("all", 7, {7}),
        ("all", 8, {8}),
        ("all", 16, {8}),
        ("all", 13, {7}),
        (4, 16, {4}),
        ("7..8", 16, {8}),
        ("any", 8, {1, 2, 3, 4, 8}),
    ],
)
def test_a_factor_in_a_pe_of_eight_words(factor, m, expected):
    assert bounds(in_the_pe({"M": factor}), convolution(m=m), pads(words=8), "M@RF") == expected


def test_all_leaves_no_loop_outside_where_it_fits_and_nothing_smaller_where_not():
    for m, outside in ((8, {1}), (16, {2})):
        problem, on = convolution(m=m, p=3), pads(words=8)
        assert bounds(in_the_pe({"M": "all"}), problem, on, "M@DRAM") == outside
        assert bounds(in_the_pe({"M": "all"}), problem, on, "P@RF") == {1, 2, 3}


def test_all_on_several_axes_is_all_of_them_together():
    """Six rows lie on 4 x 2 places as 3 x 2; seven as 4 x 2; nine do not fit: 3 x 2 twice, or 3 and 3."""
    dataflow = flow(Keep("memory", loops=("R",)), Spread({"each": {"R": "all"}}))
    names = ("R@PE.x", "R@PE.y", "R@DRAM")
    assert bounds(dataflow, convolution(r=6), pads(y=2), *names) == {(3, 2, 1)}
    assert bounds(dataflow, convolution(r=7), pads(y=2), *names) == {(4, 2, 1)}
    assert bounds(dataflow, convolution(r=4), pads(y=2), *names) == {(4, 1, 1), (2, 2, 1)}
    nine = bounds(dataflow, convolution(r=9), pads(y=2), *names)
    assert nine and {outside for *_, outside in nine} == {2}


def test_half_counts_what_fits_with_nothing_else_there():
    """Eight words: C alone could be 4, so it is at least 2, though M shares the place with it."""
    found = bounds(in_the_pe({"C": "half"}), convolution(m=8, c=4), pads(words=8), "C@RF", "M@RF")
    assert found == {(2, 1), (2, 2), (2, 3), (2, 4), (4, 1), (4, 2)}


def test_half_of_nothing_is_refused():
    """Two places of x hold half of C, so that with M alone in a PE nothing fits."""
    nest = (
        Keep("memory", loops=("M",)),
        Spread({"x": {"C": "any"}}),
        Keep("pe", ("weights",), ("MC",), factors={"M": "half"}),
    )
    with pytest.raises(MappingError, match=r"axis PE.x has 2 places; it would need 4; without nest\[0\]"):
        dataflows.mapspace(flow(*nest), convolution(m=4, c=4), pads(x=2))


def test_factors_are_found_in_the_order_in_which_they_stand():
    """Eight words for eight filters of four taps: who comes first takes all it can."""
    problem, on = convolution(m=8, s=4), pads(words=8)

    def found(factors):
        nest = flow(Keep("memory", loops=("MS",)), Spread({"x": {}}),
                    Keep("pe", ("weights",), ("SM",), factors=factors))  # fmt: skip
        return bounds(nest, problem, on, "S@RF", "M@RF")

    assert found({"S": "all", "M": "half"}) == {(4, 1), (4, 2)}
    assert found({"M": "half", "S": "all"}) == {(1, 4), (1, 8)}
    # Half of what fits leaves room for two filters, whatever comes of it.
    assert found({"S": "half", "M": "all"}) == {(2, 2), (4, 2)}


def test_axes_by_place():
    """First, last and each of three axes; the last stands outermost."""
    axes = {"first": {"M": 2}, "last": {"C": 2}, "each": {"P": "any"}}
    dataflow = flow(Keep("memory", loops=("MCP",)), Spread(axes))
    problem, on = convolution(m=2, c=2, p=4), pads(x=2, y=2, z=4)
    found = mappings(dataflow, problem, on)
    for mapping in found:
        at = places(mapping)
        assert (at["M@PE.x"], at["C@PE.z"]) == (2, 2)
        assert not {"M@PE.y", "M@PE.z", "C@PE.x", "C@PE.y", "P@PE.x"} & set(at)
        order = [loop.axis for loop in mapping.loops if loop.spatial]
        assert order == sorted(order, reverse=True)
    assert {(places(m).get("P@PE.y", 1), places(m).get("P@PE.z", 1)) for m in found} == {
        (1, 1), (1, 2), (2, 1), (2, 2),
    }  # fmt: skip


def test_one_axis_is_first_and_last():
    dataflow = flow(Keep("memory", loops=("MC",)), Spread({"first": {"M": 2}, "last": {"C": 2}}))
    assert bounds(dataflow, convolution(m=2, c=2), pads(x=4), "M@PE.x", "C@PE.x") == {(2, 2)}


@pytest.mark.parametrize("axis", ["y", "PE.y", "last"])
def test_axes_by_name(axis):
    dataflow = flow(Keep("memory", loops=("M",)), Spread({axis: {"M": 3}}))
    names = ("M@PE.x", "M@PE.y")
    assert bounds(dataflow, convolution(m=3), pads(y=4), *names) == {(1, 3)}


def test_an_axis_keeps_the_factor_that_was_named_first():
    dataflow = flow(Keep("memory", loops=("M",)), Spread({"y": {"M": 2}, "each": {"M": 1}}))
    assert bounds(dataflow, convolution(m=2), pads(y=4), "M@PE.x", "M@PE.y") == {(1, 2)}


def test_a_factor_of_the_memory_s_loops():
    nest = (Keep("memory", loops=("M",), factors={"M": "2..4"}), Spread({"x": {"M": "any"}}))
    found = bounds(flow(*nest), convolution(m=12), pads(x=6), "M@DRAM", "M@PE.x")
    assert found == {(2, 6), (3, 4), (4, 3)}


@pytest.mark.parametrize(
    ("nest", "words"),
    [
        (
            (Keep("memory", loops=("MC",)), Spread({"x": {"M": 9}})),
            "PE.x.M has a bound of at least 9; at most 4 is possible there"
            "; without nest[1].array.x.M: 9 there would be one",
        ),
        (
            (Keep("memory", loops=("MC",)), Spread({"x": {"M": "3..4"}})),
            "axis PE.x has 2 places; it would need 4"
            "; without nest[1].array.x.M: 3..4 there would be one",
        ),
        (
            (Keep("memory", loops=("MC",)), Spread({"x": {}}),
             Keep("pe", ("weights",), ("MC",), factors={"M": 4, "C": "any"})),
            "RF holds 16 bits for weights; the smallest tiles take 32 bits"
            "; without nest[2].factors.M: 4 there would be one",
        ),
        (
            (Keep("memory", loops=("M",)), Spread({"x": {}}), Keep("pe", ("weights",), ("C",))),
            "RF holds 16 bits for weights; the smallest tiles take 24 bits"
            "; without nest[0].loops there would be one",
        ),
        (
            (Keep("memory", loops=("M",)), Spread({"x": {}}),
             Keep("pe", ("weights",), ("MC",), factors={"M": "half"})),
            "RF holds 16 bits for weights; the smallest tiles take 24 bits"
            "; without nest[0].loops there would be one",
        ),
    ],
)  # fmt: skip
def test_an_empty_space_names_the_constraint_that_emptied_it(nest, words):
    with pytest.raises(MappingError) as caught:
        dataflows.mapspace(flow(*nest), convolution(m=4, c=3), pads(words=2, x=2))
    assert str(caught.value).endswith(words)


def test_a_space_that_two_constraints_of_the_array_empty_blames_the_array():
    nest = (Keep("memory", loops=("MC",)), Spread({"x": {"M": 4, "C": 3}}))
    with pytest.raises(
        MappingError, match=r"axis PE\.x has 2 places; it would need 12; without nest\[1\].array there"
    ):
        dataflows.mapspace(flow(*nest), convolution(m=4, c=3), pads(words=2, x=2))


def bounds_on_x(axes, **extents):
    """The bounds on the axis x that a dataflow with these axes allows, by dimension."""
    space = dataflows.mapspace(
        flow(Keep("memory", loops=("MC",)), Spread(axes)), convolution(**extents), pads(x=8)
    )
    loops = [space.decode(row).loops for batch in space.batches() for row in batch]
    return {
        d: {math.prod(x.bound for x in nest if x.axis == "x" and x.dimension == d) for nest in loops}
        for d in "MC"
    }


def test_the_entry_that_names_an_axis_closest_has_its_factor():
    assert bounds_on_x({"each": {"C": "any"}, "last": {"C": 4}}, c=8) == {"M": {1}, "C": {4}}
    assert bounds_on_x({"PE.x": {"C": 2}, "last": {"C": 4}}, c=8) == {"M": {1}, "C": {2}}
    assert bounds_on_x({"x": {"C": 2}, "each": {"C": 4, "M": 2}}, c=8, m=2) == {"M": {2}, "C": {2}}


@pytest.mark.parametrize(("m", "expected"), [(3, (1, 1, 3)), (8, (1, 2, 4)), (16, (2, 2, 4))])
def test_an_array_is_filled_before_the_one_around_it(m, expected):
    nest = (Keep("memory", loops=("M",)), Spread({"CL.x": {"M": "full"}, "PE.x": {"M": "full"}}))
    names = ("M@DRAM", "M@CL.x", "M@PE.x")
    assert bounds(flow(*nest), convolution(m=m), clusters(), *names) == {expected}


def test_loops_between_arrays_take_what_the_inner_one_has_no_places_for():
    """Sixteen channels, none of them in loops of the memory: four on the inner array, the rest above it."""
    nest = (
        Keep("memory", loops=("M",)),
        Spread({"CL.x": {"C": "any"}, "PE.x": {"C": "full"}}),
        Keep("BUF", ("outputs",), ("C",)),
    )
    names = ("C@CL.x", "C@BUF", "C@PE.x")
    assert bounds(flow(*nest), convolution(c=16), clusters(), *names) == {(1, 4, 4), (2, 2, 4)}


def test_all_of_a_dimension_leaves_no_loop_of_it_between_arrays():
    nest = (
        Keep("memory", loops=("M",)),
        Spread({"CL.x": {"M": "any"}, "PE.x": {"C": "all"}}),
        Keep("BUF", ("outputs",), ("C",)),
    )
    assert bounds(flow(*nest), convolution(c=4), clusters(), "C@BUF", "C@PE.x") == {(1, 4)}


def test_two_entries_that_name_an_axis_as_closely_must_agree():
    assert bounds_on_x({"x": {"C": 4}, "PE.x": {"C": 4}}, c=8)["C"] == {4}
    with pytest.raises(MappingError, match=r"PE.x takes C: 2 from x and C: 4 from PE.x; give one of them"):
        bounds_on_x({"x": {"C": 2}, "PE.x": {"C": 4}}, c=8)


def test_factors_as_text():
    for value in ("any", "most", "half", "full", "all", 1, 7, 9999999999):
        assert read_factor(value).plain == value
    assert (read_factor("4").plain, read_factor("2..8").plain, read_factor("3..3").plain) == (4, "2..8", 3)
    for value in (
        "3..2",
        "0",
        0,
        -1,
        "1..0",
        "0..3",
        "..3",
        "3..",
        "1.5",
        True,
        "",
        "mots",
        10**10,
        "a" * 99,
    ):
        with pytest.raises(SimulatorError, match=r"^factor "):
            read_factor(value)
    with pytest.raises(SimulatorError, match="did you mean 'most'"):
        read_factor("mots")
