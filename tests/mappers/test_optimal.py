"""The proven optimum against every mapping of small random spaces; no bound is ever above the best."""

from functools import cache
from itertools import islice

import numpy as np
import pytest
from oracles import machine

from simulator.errors import SimulatorError
from simulator.mappers import find_best, find_optimum, has_lattice
from simulator.mappers.objective import FRONT, read_objective
from simulator.mappers.optimal.bounds import Bounds
from simulator.mappers.optimal.model import compulsory
from simulator.mappers.optimal.optimum import Optimum
from simulator.mappers.optimal.rules import RULES
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem, Rank, Tensor, convolution

from .random_spaces import Case, alone, cases, plain, staying_cases, whole_space

CLOSE = 1e-9
STAYING = 40


def worth(energy: float, cycles: int) -> float:
    """Time counts twice."""
    return energy * cycles**2


OBJECTIVES = {
    "energy": ("energy", lambda e, c: e),
    "cycles": ("cycles", lambda e, c: float(c)),
    "edp": ("edp", lambda e, c: e * c),
    "function": (worth, worth),
    "front": (("energy", "cycles"), lambda e, c: e),
}


def run(case: Case, name: str, rules=None) -> Optimum:
    """Search a case's space from its next best mapping on, at which a bound too high would end the search."""
    source, function = OBJECTIVES[name]
    space = case.space
    values = np.array([function(e, int(c)) for e, c in zip(case.energy, case.cycles, strict=True)])
    worse = np.where(values > values.min() * (1 + CLOSE) + 1e-12, values, np.inf)
    keeps = space.constraints.keeps
    optimum = Optimum(space.problem, space.architecture, read_objective(source), keeps, rules)
    optimum.run(case.vectors[worse.argmin()])
    return optimum


def assert_true(case: Case, name: str, rules=None) -> Optimum:
    """No bound above the best by brute force, nothing better than that, and nothing else called proven."""
    optimum, least = run(case, name, rules), case.least(OBJECTIVES[name][1])
    room = CLOSE * least + 1e-12
    assert optimum.bound <= least + room
    assert optimum.best >= least - room
    assert case.space.contains(optimum.vector)
    if optimum.proven:
        assert optimum.best <= least + room
        if name == "front":
            assert_same_front([point[:2] for point in optimum.points], case.front())
    return optimum


def assert_same_front(found, expected):
    found = sorted(found)
    assert [cycles for _, cycles in found] == [cycles for _, cycles in expected]
    assert np.allclose([e for e, _ in found], [e for e, _ in expected], rtol=CLOSE, atol=1e-12)


@cache
def drawn(seed: int, number: int, most: int = 1000, **fields) -> list[Case]:
    return list(islice(cases(seed, most, **fields), number))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_optimum_is_the_best_by_brute_force(name):
    for case in drawn(1, 12):
        optimum = assert_true(case, name)
        assert optimum.proven or not plain(case.space)


@pytest.mark.parametrize("name", ["energy", "edp", "front"])
def test_plain_machines_and_tiles_without_overlap_are_always_proven(name):
    found = [case for case in drawn(2, 50, rates=False) if plain(case.space)]
    assert len(found) >= 8
    for case in found:
        assert assert_true(case, name).proven


@pytest.mark.parametrize("seed", [11, *(pytest.param(seed, marks=pytest.mark.long) for seed in (30, 31, 34))])
def test_tensors_stay_inside_an_array_while_loops_outside_run(seed):
    """Where only one at a time can, proofs never fail."""
    sure = 0
    for case in islice(staying_cases(seed), STAYING):
        optimum = assert_true(case, "energy")
        if plain(case.space) and alone(case.space.problem):
            assert optimum.proven
            sure += 1
    assert sure >= STAYING // 5


@pytest.mark.parametrize("rules", [[], *([r for r in RULES if r != off] for off in RULES)])
def test_pruning_rules_change_nothing(rules):
    for case in drawn(3, 4, 400):
        for name in ("energy", "edp"):
            assert assert_true(case, name, rules).best == pytest.approx(run(case, name).best, rel=CLOSE)


def test_nothing_spends_less_than_what_is_compulsory():
    for case in drawn(4, 8, 500):
        energy, cycles = compulsory(case.space.problem, case.space.architecture)
        assert energy <= case.energy.min() * (1 + CLOSE) + 1e-12
        assert cycles <= case.cycles.min()


def test_exhaustive_search_finds_what_brute_force_does():
    for case in drawn(5, 6, 400):
        for name, (source, function) in OBJECTIVES.items():
            found = find_best(case.space, source)
            assert found.value == pytest.approx(case.least(function), rel=1e-12)
            if name == "front":
                assert found.objective == FRONT
                assert_same_front([(c.energy, c.cycles) for c in found.front], case.front())


@pytest.mark.parametrize("name", ["energy", "edp", "front"])
def test_ragged_spaces_are_gone_through(name):
    source, function = OBJECTIVES[name]
    for case in drawn(6, 8, 300):
        space = case.space
        ragged = whole_space(
            space.problem, space.architecture, space.constraints.keeps, 4000, factors="ragged"
        )
        if ragged is None:
            continue
        found = find_optimum(ragged.space, source)
        assert found.optimal and not has_lattice(ragged.space)
        assert found.value == found.lower_bound == pytest.approx(ragged.least(function), rel=CLOSE)
        energy, cycles = compulsory(space.problem, space.architecture)
        assert energy <= ragged.energy.min() * (1 + CLOSE) + 1e-12
        assert cycles <= ragged.cycles.min()
        if name == "front":
            assert_same_front([(c.energy, c.cycles) for c in found.front], ragged.front())


def test_small_spaces_are_always_proven_and_say_so():
    for case in drawn(7, 8, 800):
        assert has_lattice(case.space)
        found = find_optimum(case.space, "edp")
        assert found.optimal and found.gap == 0.0
        assert found.value == found.lower_bound == pytest.approx(case.least(lambda e, c: e * c), rel=CLOSE)
        assert case.space.contains(found.mapping)


# What once went wrong, as small as it gets.


def rank(*terms, data=None):
    return Rank(tuple(terms), data)


def problem(inputs, **extents):
    tensors = (Tensor("inputs", inputs), Tensor("outputs", ()))
    return Problem("small", tuple(extents.items()), tensors, "outputs")


def small_level(name, words, *tensors):
    """A level that must hold some tensors, with room for so many words."""
    single = dict.fromkeys(tensors, "single")
    return {
        "storage": name,
        "keeps": list(tensors),
        "required": list(tensors),
        "capacity": f"{words} words",
        "buffering": single,
    }


READS = {"storage": "DRAM", "price": {"read": 1}}
DELIVERS = {"array": "PE", "axes": {"x": {"size": 1}}, "price": {"deliver": 1}}
LINKED = {"array": "PE", "axes": {"x": {"size": 2, "links": ["inputs"]}}}
LEAKS = {"energy_unit": "pJ", "clock_mhz": 1.0}
ONCE = {
    "a word found again as a window begins anew": (
        problem((rank(("J", 1), ("I", 1)),), I=2, J=2),
        machine({"storage": "DRAM"}, DELIVERS, {"storage": "RF", "capacity": "32 bits"}, {"mac": {}}),
        3.0,
    ),
    "padding is not delivered to a MAC": (
        problem((rank(("I", 2), data=(4, 2)),), I=3),
        machine(
            {"storage": "DRAM"}, DELIVERS, {"storage": "RF", "price": {"read": 1}}, {"mac": {"price": 1}}
        ),
        4.0,
    ),
    "a latch holds across loops that lack its tensor": (
        problem((rank(("S", 1)),), C=2, S=2),
        machine(READS, {"mac": {"latches": ["inputs"]}}),
        2.0,
    ),
    "links take longer with every pass": (
        problem((rank(("P", 1)),), P=4),
        machine({"storage": "DRAM"}, LINKED, {"mac": {"leakage_mw": 1.0}}, **LEAKS),
        6000.0,
    ),
    "a node inside the array cannot rise past one outside": (
        Problem(
            "product",
            (("C", 2), ("P", 4)),
            (
                Tensor("weights", (rank(("C", 1)),)),
                Tensor("inputs", (rank(("P", 1)),)),
                Tensor("outputs", (rank(("P", 1)),)),
            ),
            "outputs",
        ),
        machine(
            READS,
            {"storage": "O", "keeps": ["weights"], "capacity": "1 words", "buffering": {"weights": "single"}},
            {"array": "PE", "axes": {"x": {"size": 1}}},
            {
                "storage": "I",
                "keeps": ["inputs"],
                "required": ["inputs"],
                "capacity": "2 words",
                "buffering": {"inputs": "single"},
            },
            {"mac": {}},
        ),
        8.0,
    ),
    "two tensors stay while a loop runs that both lack": (
        Problem(
            "product",
            (("C", 2), ("P", 4)),
            (
                Tensor("weights", (rank(("C", 1)),)),
                Tensor("inputs", (rank(("P", 1)),)),
                Tensor("outputs", (rank(("P", 1)),)),
            ),
            "outputs",
        ),
        machine(
            {"storage": "DRAM", "price": {"read": 1, "drain": 1, "refill": 1}},
            small_level("O", 1, "weights"),
            {"array": "PE", "axes": {"x": {"size": 1}}},
            small_level("I", 4, "inputs", "outputs"),
            {"mac": {}},
        ),
        12.0,
    ),
    "a scalar alone": (problem((), J=1), machine(READS, {"mac": {}}), 1.0),
}


@pytest.mark.parametrize("what", ONCE)
def test_once_wrong(what):
    small, on, least = ONCE[what]
    case = whole_space(small, on, {}, 1000)
    assert case is not None
    assert case.energy.min() == pytest.approx(least)
    for name in OBJECTIVES:
        assert_true(case, name)
    assert find_optimum(case.space).energy == pytest.approx(least)


def test_only_one_tensor_stays_at_a_time():
    """A loop that one of them lacks is one of the other's, and one of the two is innermost."""
    tensors = (("weights", "B"), ("inputs", "A"), ("outputs", "AB"))
    small = Problem(
        "outer",
        (("A", 4), ("B", 4)),
        tuple(Tensor(t, tuple(rank((d, 1)) for d in own)) for t, own in tensors),
        "outputs",
    )
    on = machine(
        READS,
        small_level("O", 1, "outputs"),
        {"array": "PE", "axes": {"x": {"size": 1}}},
        small_level("I", 2, "weights", "inputs"),
        {"mac": {}},
    )
    case = whole_space(small, on, {}, 1000)
    assert case is not None
    assert case.energy.min() == pytest.approx(20.0)
    assert assert_true(case, "energy").proven


@pytest.mark.parametrize("multicast", [["weights", "inputs"], ["weights"]])
@pytest.mark.parametrize(("columns", "alike"), [(2, True), (4, False)])
def test_rows_and_columns_can_be_exchanged_where_they_are_alike(columns, alike, multicast):
    small = convolution(p=2, q=columns, r=2, s=2)
    axes = {"x": {"size": 2}, "y": {"size": 2, "multicast": multicast, "reduction": False}}
    on = machine(READS, {"array": "PE", "axes": axes}, small_level("I", 6, "weights", "inputs"), {"mac": {}})
    case = whole_space(small, on, {}, 40_000)
    assert case is not None
    spreads = [len(Bounds(small, on, {}, mirror).places) for mirror in (True, False)]
    assert (spreads[0] < spreads[1]) == alike
    for name in OBJECTIVES:
        for rules in (None, [rule for rule in RULES if rule != "mirror"]):
            assert_true(case, name, rules)


def test_the_mac_holds_nothing():
    """Outputs without dimensions stay everywhere but there."""
    small = problem((rank(("M", 1)),), M=2)
    on = machine(
        {"storage": "DRAM", "price": {"refill": 1}},
        {"storage": "RF", "price": {"fill": 1 / 3, "drain": 1}},
        {"mac": {}},
    )
    case = whole_space(small, on, {}, 1000)
    assert case is not None
    assert assert_true(case, "energy").proven


def test_strides_past_the_kernel_leave_words_out():
    small = problem((rank(("S", 2)),), S=2)
    assert compulsory(small, machine(READS, {"mac": {}})) == (2.0, 2)


# Limits and wrong input.

LAYER = convolution(m=4, c=2, p=2, r=3)
CHIP = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill"), 200)},
    {"storage": "GLB", "capacity": "30 words", "price": dict.fromkeys(("read", "fill", "drain"), 6)},
    {"array": "PE", "axes": {"x": {"size": 4}}, "price": {"deliver": 2}},
    {"storage": "RF", "capacity": "8 words", "price": {"read": 1}},
    {"mac": {"price": 1}},
)
LARGE = Mapspace(LAYER, CHIP, Constraints(factors="perfect"))


def test_a_search_cut_short_claims_nothing_too_much():
    whole = find_optimum(LARGE)
    assert whole.optimal
    for limit in ({"seconds": 1e-6}, {"memory_bytes": 1}):
        cut = find_optimum(LARGE, **limit)
        assert cut.lower_bound <= whole.value * (1 + CLOSE)
        assert cut.value >= whole.value
        assert not cut.optimal and 0 < cut.gap <= 1


def test_no_other_mapper_beats_it():
    best = find_optimum(LARGE)
    for mapper in ("random", "hill-climbing"):
        other = find_best(LARGE, mapper=mapper, evaluations=3000)
        assert best.value <= other.value * (1 + CLOSE)


def test_wrong_input_is_named():
    with pytest.raises(SimulatorError, match="no pruning rule 'hoits'; did you mean 'hoist'"):
        find_optimum(LARGE, rules=["hoits"])
    with pytest.raises(SimulatorError, match="falls as energy or cycles grow"):
        find_optimum(LARGE, lambda energy, cycles: -energy)
    with pytest.raises(SimulatorError, match=r"the time limit \(seconds\) must be a positive number"):
        find_optimum(LARGE, seconds=-1)


@pytest.mark.parametrize("factors", ["ragged", "balanced"])
def test_other_factors_have_no_lattice(factors):
    assert has_lattice(LARGE)
    assert not has_lattice(LARGE.within(Constraints(factors=factors)))
