"""Weight stationary: filters stay while pixels stream past, and what is refused."""

import pytest
from oracles import machine

from simulator import dataflows
from simulator.architecture import Architecture, load_architecture
from simulator.cost.model import cost
from simulator.errors import MappingError
from simulator.legality import check_mapping
from simulator.problem import convolution

PROBLEM = convolution(n=2, m=8, c=4, p=6, q=5, r=3, s=2)
GIVEN = {"m": 8, "n": 2, "e": 6, "p": 1, "q": 1, "r": 4, "t": 8, "taps": 0}


def by_hand(**change):
    chip = load_architecture("eyeriss_v1")
    return chip, dataflows.mapping("weight_stationary", PROBLEM, chip, {**GIVEN, **change})


def spatial(nest):
    return {loop.dimension: loop.bound for loop in nest.loops if loop.spatial}


def test_each_filter_enters_a_pe_once():
    """With all pixels in one tile a weight is delivered once and stays for all of them."""
    chip, nest = by_hand()
    assert spatial(nest) == {"C": 4, "M": 8}
    spent = cost(PROBLEM, chip, nest)
    filled = [
        r.count for r in spent.rows if (r.component, r.tensor, r.action) == ("filter_spad", "weights", "fill")
    ]
    assert filled == [8 * 4 * 3 * 2]


def test_taps_may_lie_on_the_array():
    _, nest = by_hand(taps=1, r=1, t=2)
    assert spatial(nest) == {"R": 3, "S": 2, "M": 2}


def test_several_filters_a_pe_use_its_other_scratchpads():
    chip, one = by_hand()
    _, several = by_hand(p=2, q=2, r=2, t=4)
    assert [len(one.keepers("outputs")), len(several.keepers("outputs"))] == [2, 3]
    for nest in (one, several):
        check_mapping(PROBLEM, chip, nest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"taps": 2}, "parameter taps must be 0 or 1, not 2"),
        ({"tabs": 1}, "has no parameter 'tabs'; did you mean 'taps'"),
        ({"m": 0}, "parameter m must be a positive whole number, not 0"),
        (
            {"taps": 1},
            "4 channels of 8 filters with all taps do not fit the 14 x 12 array .* or set taps to 0",
        ),
    ],
)
def test_a_wrong_parameter_is_named(change, words):
    with pytest.raises(MappingError, match=words):
        by_hand(**change)


def test_a_machine_must_keep_weights_in_its_pes():
    array = {"array": "PE", "axes": {"x": {"size": 4}}}
    bare = machine({"storage": "DRAM"}, array, {"storage": "S", "keeps": ["outputs"]}, {"mac": {}})
    with pytest.raises(MappingError, match="keeps weights in the PE; small has no level there for them"):
        dataflows.mapspace("weight_stationary", PROBLEM, bare)


def test_a_required_scratchpad_is_used_by_every_mapping():
    data = load_architecture("eyeriss_v1").to_dict()
    data["hierarchy"][3]["side_by_side"][0]["required"] = ["inputs"]
    chip = Architecture.from_dict(data)
    problem = convolution(m=8, c=4, p=4, q=4)
    space = dataflows.mapspace("weight_stationary", problem, chip)
    for batch in space.batches():
        for vector in batch:
            nest = space.decode(vector)
            check_mapping(problem, chip, nest)
            assert any(level == "ifmap_spad" for level, _ in nest.keepers("inputs"))
