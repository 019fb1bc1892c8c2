"""Searches: nothing in a space is better than what the exhaustive one returns; none depends on chance."""

import math

import numpy as np
import pytest

from simulator import dataflows
from simulator.batch.model import CostModel
from simulator.cost.model import cost
from simulator.errors import MappingError, SimulatorError
from simulator.mappers import MAPPERS, find_best, search
from simulator.mappers.adapters import ADAPTERS
from simulator.mappers.finding import DEFAULT_EVALUATIONS
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

from .small_spaces import LAYERS, NODES, OBJECTIVES, SMALL, TINY, every

OWN = [name for name in MAPPERS if name not in ADAPTERS]


@pytest.fixture(scope="module")
def tiny():
    """Every legal mapping of a small problem: a few hundred."""
    return Mapspace(convolution(m=2, c=3), TINY)


@pytest.fixture(scope="module")
def all_tiny(tiny):
    return every(tiny)


def best_of(mappings, objective):
    """The first of the best by brute force."""

    def key(mapping):
        _, energy, cycles = mapping
        return {"energy": (energy, cycles), "cycles": (cycles, energy), "edp": (energy * cycles, energy)}[
            objective
        ]

    return min(mappings, key=key)


def assert_found(found, expected):
    vector, energy, cycles = expected
    assert (found.energy, found.cycles, found.edp) == (energy, cycles, energy * cycles)
    assert found.vector.tolist() == vector.tolist()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dataflow", [d for d in dataflows.DATAFLOWS if d != "flexible"])
def test_the_best_of_a_space_is_the_best_by_brute_force(layer, dataflow):
    space = dataflows.mapspace(dataflow, layer, SMALL)
    mappings = every(space)
    for objective in OBJECTIVES:
        found = find_best(space, objective)
        assert_found(found, best_of(mappings, objective))
        assert (found.evaluated, found.complete, found.interrupted) == (len(mappings), True, False)
        spent = cost(layer, SMALL, found.mapping, "closed-form")
        assert (spent.energy, spent.cycles.total, spent.edp) == (found.energy, found.cycles, found.edp)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_best_of_every_legal_mapping(tiny, all_tiny, objective):
    found = find_best(tiny, objective)
    assert_found(found, best_of(all_tiny, objective))
    assert found.evaluated == tiny.size().mappings > 100


def test_leakage_counts_in_what_is_best():
    """A machine that leaks more than it computes wants the fastest mapping."""
    leaking = SMALL.replace({"energy_unit": "pJ", "clock_mhz": 1.0, "GLB.leakage_mw": 1e6})
    space = dataflows.mapspace("row_stationary", LAYERS[0], leaking)
    mappings = every(space)
    found = find_best(space, "energy")
    assert_found(found, best_of(mappings, "energy"))
    assert found.cycles == min(cycles for *_, cycles in mappings)


def test_ties_are_broken_by_the_other_figure_and_then_by_order():
    """Without prices all energies are equal, without ports many mappings are equally fast."""
    free = {f"{level}.price": {} for level in ("DRAM", "GLB", "RF", "PE")}
    space = dataflows.mapspace("row_stationary", LAYERS[0], SMALL.replace(free))
    mappings = every(space)
    assert len({energy for _, energy, _ in mappings}) == 1 < len({cycles for *_, cycles in mappings})
    assert_found(find_best(space, "energy"), best_of(mappings, "energy"))
    space = dataflows.mapspace(
        "row_stationary", LAYERS[0], SMALL.replace({"DRAM.bandwidth": {}, "RF.bandwidth": {}})
    )
    mappings = every(space)
    found = find_best(space, "cycles")
    assert_found(found, best_of(mappings, "cycles"))
    assert found.energy < max(energy for _, energy, cycles in mappings if cycles == found.cycles)
    idle = SMALL.replace({**free, "DRAM.bandwidth": {}, "RF.bandwidth": {}})
    space = dataflows.mapspace("row_stationary", LAYERS[0], idle)
    mappings = every(space)
    found = find_best(space, "energy")
    assert sum(m[1:] == (found.energy, found.cycles) for m in mappings) > 1
    assert_found(found, best_of(mappings, "energy"))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_front_holds_no_dominated_mapping_and_the_best_product(layer):
    space = dataflows.mapspace("row_stationary", layer, SMALL)
    points = {(energy, cycles) for _, energy, cycles in every(space)}
    found = find_best(space, "edp")
    front = [(choice.energy, choice.cycles) for choice in found.front]
    assert front == sorted(front) and {*front} <= points
    assert min(points) == front[0] and min((c, e) for e, c in points) == front[-1][::-1]
    assert (found.energy, found.cycles) in front
    for choice in found.front:
        spent = cost(layer, SMALL, choice.mapping, "closed-form")
        assert (spent.energy, spent.cycles.total) == (choice.energy, choice.cycles)
    assert find_best(space, "energy").front[0].energy == front[0][0]


@pytest.mark.parametrize("mapper", ["random", "hill-climbing"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_small_space_s_best_is_found_by_every_mapper(tiny, all_tiny, mapper, objective):
    found = find_best(tiny, objective, mapper, evaluations=8_000)
    _, energy, cycles = best_of(all_tiny, objective)
    assert (found.energy, found.cycles) == (energy, cycles)
    assert tiny.contains(found.vector) and tiny.contains(found.mapping)
    assert (found.evaluated, found.complete) == (8_000, False)


@pytest.mark.parametrize("mapper", ["random", "hill-climbing"])
def test_a_seed_reproduces_a_search_in_a_dataflow_s_space(mapper):
    space = dataflows.mapspace("row_stationary", LAYERS[0], SMALL)
    found = [find_best(space, "energy", mapper, evaluations=150, seed=seed) for seed in (5, 5, 6)]
    assert found[0].vector.tolist() == found[1].vector.tolist()
    assert space.contains(found[0].vector) and space.contains(found[2].vector)
    spent = cost(LAYERS[0], SMALL, found[0].mapping, "closed-form")
    assert (spent.energy, spent.cycles.total) == (found[0].energy, found[0].cycles)
    assert find_best(space, "energy").energy <= min(f.energy for f in found)


def asked(space, name, sizes, rounds):
    """The vectors that a mapper asks for, so many at a time."""
    mapper, model, vectors = MAPPERS[name](space, 3), CostModel(space.problem, space.architecture), []
    while len(vectors) < rounds:
        for size in sizes:
            part = mapper.ask(size)
            assert len(part) <= size
            if not len(part):
                return vectors
            scores = model.evaluate(part)
            mapper.tell(part, np.column_stack((scores["energy"], scores["cycles"])))
            vectors += part.tolist()
    return vectors[:rounds]


@pytest.mark.parametrize("mapper", OWN)
def test_what_is_asked_for_does_not_depend_on_how_many_at_a_time(tiny, mapper):
    whole = asked(tiny, mapper, [5000], 700)
    assert len(whole) > 300
    assert asked(tiny, mapper, [1], 700) == asked(tiny, mapper, [7, 64, 3], 700) == whole


def test_draws_go_on_without_repeating_themselves():
    """Blocks of draws, and seeds next to each other, are independent streams."""
    space = Mapspace(LAYERS[0], SMALL)
    draws = [asked(space, "random", [n], 1000) for n in (100, 1000)]
    assert draws[0] == draws[1]
    assert len({tuple(vector) for vector in draws[0]}) > 900
    first = [
        find_best(space, mapper="random", evaluations=64, seed=seed).vector.tolist() for seed in range(4)
    ]
    assert len({tuple(vector) for vector in first}) > 1


def test_a_climb_ends_where_no_neighbour_is_better():
    space = Mapspace(LAYERS[0], SMALL)
    found = find_best(space, "energy", "hill-climbing", evaluations=30_000)
    around = CostModel(LAYERS[0], SMALL).evaluate(space.neighbours(found.vector))
    assert (around["energy"] >= found.energy).all()
    drawn = find_best(space, "energy", "random", evaluations=30_000)
    assert found.energy < drawn.energy


@pytest.mark.parametrize("mapper", OWN)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_batches_and_threads_change_nothing(monkeypatch, mapper, objective):
    space = dataflows.mapspace("weight_stationary", LAYERS[0], SMALL)
    found = []
    for rows, threads in ((2**14, 1), (100, 1), (33, 3)):
        monkeypatch.setattr("simulator.mappers.driver._BATCH", rows)
        found.append(find_best(space, objective, mapper, evaluations=1000, seed=2, threads=threads))
    first, *others = found
    for other in others:
        assert other.vector.tolist() == first.vector.tolist()
        assert (other.best, other.front, other.evaluated) == (first.best, first.front, first.evaluated)


def test_limits():
    space = dataflows.mapspace("row_stationary", LAYERS[0], SMALL)
    size = space.size().mappings
    for limit, complete in ((size - 1, False), (size, True), (size + 1, True)):
        found = find_best(space, evaluations=limit)
        assert (found.evaluated, found.complete) == (min(limit, size), complete)
    assert find_best(space, mapper="random").evaluated == DEFAULT_EVALUATIONS
    for mapper in ("random", "hill-climbing"):
        found = find_best(space, mapper=mapper, seconds=1e-9)
        assert 0 < found.evaluated < DEFAULT_EVALUATIONS and not found.complete
        assert found.seconds >= 1e-9


def test_progress_ends_with_the_whole_space(monkeypatch):
    monkeypatch.setattr("simulator.mappers.driver._BATCH", 50)
    space = dataflows.mapspace("row_stationary", LAYERS[0], SMALL)
    seen = []
    found = find_best(space, progress=seen.append)
    size = space.size().mappings
    assert [s.evaluated for s in seen] == [*range(50, size, 50), size]
    assert {s.total for s in seen} == {size}
    assert [s.part for s in seen] == [s.evaluated / size for s in seen]
    assert [s.energy for s in seen] == sorted((s.energy for s in seen), reverse=True)
    assert (seen[-1].energy, seen[-1].cycles) == (found.energy, found.cycles)
    assert [s.seconds for s in seen] == sorted(s.seconds for s in seen)
    seen.clear()
    find_best(space, mapper="random", evaluations=120, seconds=1000, progress=seen.append)
    assert [(s.total, s.part) for s in seen][-1] == (120, 1.0)
    seen.clear()
    find_best(space, mapper="random", seconds=1e-9, progress=seen.append)
    assert [(s.total, s.part) for s in seen] == [(None, 1.0)]


class Listed:
    """Asks for the vectors given; an exception among them is raised."""

    name = "listed"

    def __init__(self, *batches):
        self.batches, self.told = list(batches), []

    def ask(self, n):
        batch = self.batches.pop(0) if self.batches else np.empty((0, 1), np.int32)
        if isinstance(batch, BaseException):
            raise batch
        return batch

    def tell(self, vectors, costs):
        self.told.append(costs)


def test_ctrl_c_ends_a_search_with_what_it_has(tiny):
    (batch,) = tiny.batches()
    model = CostModel(tiny.problem, tiny.architecture)
    found = search(tiny, model, Listed(batch[:10], KeyboardInterrupt(), batch[10:]))
    assert (found.evaluated, found.complete, found.interrupted) == (10, False, True)
    assert_found(found, best_of(every(tiny)[:10], "energy"))
    with pytest.raises(KeyboardInterrupt):
        search(tiny, model, Listed(KeyboardInterrupt(), batch))


def test_vectors_that_are_no_mapping_cost_infinity_and_are_never_chosen(tiny):
    (batch,) = tiny.batches()
    broken = batch[:3].copy()
    broken[:2, 0] = 99
    model = CostModel(tiny.problem, tiny.architecture)
    for objective in OBJECTIVES:
        mapper = Listed(broken)
        found = search(tiny, model, mapper, objective)
        assert found.vector.tolist() == broken[2].tolist()
        assert np.isinf(mapper.told[0]).tolist() == [[True, True], [True, True], [False, False]]
    with pytest.raises(MappingError, match=r"none of the 2 mappings of .* that were tried can be counted"):
        search(tiny, model, Listed(broken[:2]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "cycle"}, "unknown objective 'cycle'; did you mean 'cycles'"),
        ({"mapper": "hill-climber"}, "unknown mapper 'hill-climber'; did you mean 'hill-climbing'"),
        ({"evaluations": 0}, "evaluations must be a positive whole number, not 0"),
        ({"evaluations": 1.5}, r"evaluations must be a positive whole number, not 1\.5"),
        ({"seconds": -1.0}, r"the time limit \(seconds\) must be a positive number, not -1\.0"),
        ({"seconds": math.nan}, "must be a positive number, not nan"),
        ({"seconds": math.inf}, "must be a positive number, not inf"),
        ({"seconds": "3"}, "must be a positive number, not '3'"),
        ({"threads": 0}, "threads must be a positive whole number, not 0"),
        ({"threads": True}, "threads must be a positive whole number, not True"),
        ({"seed": -1}, r"a seed is a whole number from 0 to 2\*\*32 - 1, not -1"),
        ({"seed": 2**32}, "a seed is a whole number from 0"),
        ({"seed": "a"}, "a seed is a whole number from 0"),
    ],
)
def test_wrong_input_is_said(tiny, options, words):
    with pytest.raises(SimulatorError, match=words):
        find_best(tiny, **options)


@pytest.mark.parametrize("mapper", OWN)
def test_an_empty_space_says_what_is_too_small(mapper):
    space = Mapspace(
        convolution(m=2, c=3), TINY.replace({"RF.capacity": "2 words"}),
        Constraints(keeps=dict.fromkeys(NODES, True)),
    )  # fmt: skip
    with pytest.raises(MappingError, match=r"RF holds 16 bits for .*; the smallest tiles take 48 bits"):
        find_best(space, mapper=mapper, evaluations=100)


@pytest.mark.parametrize("mapper", OWN)
def test_a_space_of_one_mapping(mapper):
    space = Mapspace(
        convolution(), TINY, Constraints(keeps=dict.fromkeys(NODES, True), nodes={"PE": (NODES,)})
    )
    ((vector,),) = space.batches()
    found = find_best(space, "edp", mapper, evaluations=200)
    assert found.vector.tolist() == vector.tolist()
    assert (found.evaluated, found.complete) == ((1, True) if mapper == "exhaustive" else (200, False))
    assert found.front == (found.best,)
