"""Simulating networks: what is evaluated once, which mapping is chosen, what is said."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from oracles import machine, mapping

import workloads as w
from simulator import dataflows, evaluation
from simulator.batch.model import CostModel
from simulator.cost.model import cost
from simulator.errors import MappingError, SimulatorError
from simulator.evaluation import default_dataflow, simulate
from simulator.lowering import lower_layer
from simulator.mappers import finding
from simulator.results import Search

from .mappers.small_spaces import PLAIN
from .small_networks import SMALL, network, problem_of


def by_hand(layer="conv2"):
    problem = problem_of(layer)
    loops = [f"{d} {n}" for d, n in problem.dimensions if n > 1]
    return mapping("DRAM:", *loops)


def spent_by_all(problem, dataflow="row_stationary"):
    """Energy and cycles of every mapping of a dataflow's mapspace."""
    space = dataflows.mapspace(dataflow, problem, SMALL)
    vectors = (vector for batch in space.batches() for vector in batch)
    costs = (cost(problem, SMALL, space.decode(vector), "closed-form") for vector in vectors)
    return [(c.energy, c.cycles.total) for c in costs]


def test_identical_layers_are_evaluated_once(monkeypatch):
    """conv2 and conv3 have one shape, conv1 another, the pooling and fc a third and a fourth."""
    searched, counted = [], []

    def searching(space, *rest, **options):
        searched.append(space.problem.name)
        return original_search(space, *rest, **options)

    def counting(problem, *rest):
        counted.append(problem.name)
        return original_cost(problem, *rest)

    original_search, original_cost = evaluation.find_best, evaluation.cost
    monkeypatch.setattr(evaluation, "find_best", searching)
    monkeypatch.setattr(evaluation, "cost", counting)
    result = simulate(network(), SMALL, engine="closed-form")
    assert searched == counted == ["conv1", "conv2", "pool", "fc"]
    assert [layer.name for layer in result] == ["conv1", "conv2", "conv3", "pool", "fc"]
    assert result["conv3"].cost.problem.name == "conv3"
    assert result["conv3"].energy == result["conv2"].energy


def test_each_layer_has_the_best_mapping_of_its_space():
    for objective in ("energy", "cycles"):
        result = simulate(network(), SMALL, "row_stationary", objective, "closed-form")
        for layer in result:
            problem = problem_of(layer.name)
            best = min(spent_by_all(problem))
            if objective == "cycles":
                best = min((c, e) for e, c in spent_by_all(problem))[::-1]
            assert (layer.cost.energy, layer.cycles) == best


def test_the_edp_of_a_network_is_the_least_product_of_sums():
    """Against every combination of the layers' fronts; and no worse than the other two objectives."""
    results = {
        o: simulate(network(), SMALL, objective=o, engine="closed-form") for o in ("energy", "cycles", "edp")
    }
    assert results["edp"].edp <= min(results["energy"].edp, results["cycles"].edp)
    clouds = []
    for name in ("conv1", "conv2", "pool", "fc"):
        problem = problem_of(name)
        spent = set(spent_by_all(problem))
        spent = {p for p in spent if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in spent)}
        times = 2 if name == "conv2" else 1
        clouds.append([(times * e, times * c) for e, c in spent])
    least = min(sum(e for e, _ in pick) * sum(c for _, c in pick) for pick in itertools.product(*clouds))
    assert results["edp"].edp == pytest.approx(least, rel=1e-12)


def test_a_mapping_by_hand_is_used_and_said():
    result = simulate(network(), SMALL, mappings={"conv2": by_hand()})
    assert result["conv2"].mapping == by_hand()
    assert [layer.dataflow for layer in result] == [
        "row_stationary",
        "by hand",
        "row_stationary",
        "row_stationary",
        "row_stationary",
    ]
    assert result["conv2"].energy > result["conv3"].energy


def test_each_part_says_what_searched_it(monkeypatch):
    result = simulate(network(), SMALL, mappings={"conv2": by_hand()}, engine="closed-form")
    assert result["conv2"].parts[0].search is None
    search = result["conv1"].parts[0].search
    assert search == Search("optimal", search.evaluated, True, True, 0.0)
    assert 0 < search.evaluated <= len(spent_by_all(problem_of("conv1")))
    assert result.to_dict()["layers"][0]["parts"][0]["search"] == {
        "mapper": "optimal", "evaluated": search.evaluated, "complete": True, "optimal": True, "gap": 0.0,
    }  # fmt: skip
    assert "mappings by optimal search, proven best: conv1, conv3, pool, fc" in str(result)
    assert "mappings given by hand: conv2" in str(result)


@pytest.mark.parametrize("objective", ["energy", "cycles"])
def test_a_space_too_large_is_climbed(monkeypatch, objective):
    """The better of its first mapping and of hill climbing; the same each time."""
    monkeypatch.setattr(finding, "EXHAUSTIVE_EVALUATIONS", 1)
    monkeypatch.setattr(finding, "DEFAULT_EVALUATIONS", 500)
    results = [simulate(network(), SMALL, objective=objective, engine="closed-form") for _ in range(2)]
    assert [x.mapping for x in results[0]] == [x.mapping for x in results[1]]
    searches = [layer.parts[0].search for layer in results[0]]
    assert {(s.mapper, s.complete) for s in searches} >= {("hill-climbing", False)}
    assert all(0 < s.gap < 1 and not s.optimal for s in searches)
    widest = max(s.gap for s in searches if s.mapper == "hill-climbing")
    assert f"by hill-climbing search, not the whole mapspace (gap up to {widest:.2g}): " in str(results[0])
    short = simulate(network(), SMALL, objective=objective, mapper="exhaustive", evaluations=1)
    assert {layer.parts[0].search for layer in short} == {Search("exhaustive", 1, False, False, 1.0)}
    assert getattr(results[0], objective) < getattr(short, objective)


def test_the_first_mappings_of_a_space_too_large_may_be_the_best(monkeypatch):
    """Hill climbing that stops at once finds nothing better; for EDP every mapping is scored."""
    size = len(spent_by_all(problem_of("conv1")))
    monkeypatch.setattr(finding, "EXHAUSTIVE_EVALUATIONS", size - 1)
    monkeypatch.setattr(finding, "DEFAULT_EVALUATIONS", 1)
    result = simulate(network(), SMALL, objective="edp", engine="closed-form")
    search = result["conv1"].parts[0].search
    assert search == Search("exhaustive", size, False, False, search.gap) and 0 < search.gap < 1


def test_a_mapper_by_name():
    result = simulate(network(), SMALL, engine="closed-form", mapper="random", evaluations=30)
    assert {layer.parts[0].search for layer in result} == {Search("random", 30, False, False, 1.0)}


def linear(*sizes):
    """A network of fully connected layers."""
    net = w.NetworkBuilder("tiny")
    net.add(w.Input("data", (sizes[0], 1, 1)))
    for number, size in enumerate(sizes[1:], 1):
        net.add(w.Linear(f"fc{number}", size))
    return net.build()


def test_every_legal_mapping_of_a_network_is_proven():
    """Each layer alone, and the EDP against every combination of the layers' whole fronts."""
    net = linear(4, 6, 2, 3)
    results = {o: simulate(net, PLAIN, "flexible", o, "closed-form") for o in ("energy", "cycles", "edp")}
    for result in results.values():
        assert {(s.mapper, s.optimal, s.gap) for s in (x.parts[0].search for x in result)} == {
            ("optimal", True, 0.0)
        }
        assert "mappings by optimal search, proven best: fc1, fc2, fc3" in str(result)
    fronts, alone = [], []
    for layer in net:
        for problem, _ in lower_layer(layer):
            space = dataflows.mapspace("flexible", problem, PLAIN)
            space = space.within(replace(space.constraints, factors="perfect"))
            every = [vector for batch in space.batches() for vector in batch]
            scores = CostModel(problem, PLAIN).evaluate(np.array(every))
            fronts.append(
                {(float(e), int(c)) for e, c in zip(scores["energy"], scores["cycles"], strict=True)}
            )
            alone.append(min(fronts[-1], key=lambda point: point[0] * point[1]))
            fronts[-1] = [
                p for p in fronts[-1]
                if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in fronts[-1])
            ]  # fmt: skip
    assert max(map(len, fronts)) > 1
    for objective, place in (("energy", 0), ("cycles", 1)):
        least = [min(point[place] for point in front) for front in fronts]
        assert [getattr(layer, objective) for layer in results[objective]] == pytest.approx(least, rel=1e-12)
    sums = [[sum(column) for column in zip(*pick, strict=True)] for pick in itertools.product(*fronts)]
    assert results["edp"].edp == pytest.approx(min(e * c for e, c in sums), rel=1e-12)
    # Beside a first layer by hand, slow and dear, the best of each is not the best together.
    ((problem, _),) = lower_layer(net["fc1"])
    nest = mapping("DRAM:", *(f"{d} {n}" for d, n in problem.dimensions if n > 1))
    result = simulate(net, PLAIN, "flexible", "edp", "closed-form", mappings={"fc1": nest})
    fronts[0] = [(result["fc1"].energy, result["fc1"].cycles)]
    alone[0] = fronts[0][0]
    sums = [[sum(column) for column in zip(*pick, strict=True)] for pick in itertools.product(*fronts)]
    assert result.edp == pytest.approx(min(e * c for e, c in sums), rel=1e-12)
    assert result.edp < 0.999 * sum(e for e, _ in alone) * sum(c for _, c in alone)


def test_a_short_limit_gives_a_mapping_and_the_gap():
    result = simulate(linear(4, 6), SMALL, "flexible", engine="closed-form", time_limit=1e-9)
    search = result["fc1"].parts[0].search
    assert (search.mapper, search.complete, search.optimal) == ("optimal", False, False)
    assert 0 < search.gap <= 1 and result.energy > 0


def test_progress_tells_of_the_search_of_a_layer():
    seen = []
    simulate(linear(4, 6), PLAIN, "flexible", engine="closed-form", progress=lambda *what: seen.append(what))
    mapping = [doing for doing, *_ in seen if doing.startswith("mapping fc1")]
    assert mapping[0] == "mapping fc1" and any(", gap 0" in doing for doing in mapping[1:])
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_ctrl_c_ends_a_run(monkeypatch):
    """Not only the search of a layer."""

    def interrupted(*rest, **options):
        return replace(original(*rest, **options), interrupted=True)

    original = evaluation.find_best
    monkeypatch.setattr(evaluation, "find_best", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(network(), SMALL, engine="closed-form")


def test_a_layer_by_hand_weighs_in_the_edp_of_the_others():
    """Beside a layer of very many cycles the others are worth only their energy."""
    result = simulate(network(), SMALL, objective="edp", engine="closed-form", mappings={"conv2": by_hand()})
    fixed = result["conv2"]
    choices = []
    for name in ("conv1", "conv3", "pool", "fc"):
        problem = problem_of(name)
        spent = set(spent_by_all(problem))
        choices.append([p for p in spent if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in spent)])
    least = min(
        (fixed.energy + sum(e for e, _ in pick)) * (fixed.cycles + sum(c for _, c in pick))
        for pick in itertools.product(*choices)
    )
    assert result.edp == pytest.approx(least, rel=1e-12)


def test_the_walk_is_checked_and_never_faster():
    walked, closed = (simulate(network(), SMALL, engine=e) for e in ("walk", "closed-form"))
    assert walked.energy == closed.energy
    assert walked.cycles >= closed.cycles
    assert [x.mapping for x in walked] == [x.mapping for x in closed]


def test_a_batch_multiplies_the_work():
    assert simulate(network(3), SMALL, engine="closed-form").macs == 3 * network().macs


def test_a_network_without_work_costs_nothing():
    net = w.NetworkBuilder("none")
    net.add(w.Input("data", (2, 6, 6)))
    net.add(w.Softmax("prob"))
    result = simulate(net.build(), SMALL.replace({"clock_mhz": 100}))
    assert (result.macs, result.energy, result.cycles, result.utilization) == (0, 0, 0, 0)
    assert "Softmax: prob" in str(result)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataflow": "row_stationery"}, "unknown dataflow 'row_stationery'; did you mean 'row_stationary'"),
        ({"objective": "power"}, "unknown objective 'power'; known: cycles, edp, energy"),
        ({"mapper": "exhausted"}, "unknown mapper 'exhausted'; did you mean 'exhaustive'"),
        ({"evaluations": 0}, "evaluations must be a positive whole number, not 0"),
        ({"engine": "walks"}, "unknown engine 'walks'; did you mean 'walk'"),
        ({"mappings": {"conv9": None}}, "no layer 'conv9' with a mapping in tiny; did you mean 'conv[123]'"),
        ({"mappings": {"relu": None}}, "no layer 'relu' with a mapping in tiny"),
    ],
)
def test_unknown_names_come_with_the_nearest(options, words):
    with pytest.raises(SimulatorError, match=words):
        simulate(network(), SMALL, **options)


def test_an_illegal_mapping_by_hand_names_its_layer():
    with pytest.raises(
        MappingError, match=r"layer 'conv1': dimension C is not covered|layer 'conv1': .*never reached"
    ):
        simulate(network(), SMALL, mappings={"conv1": by_hand("conv2")})


def test_a_layer_without_a_mapping_is_named():
    with pytest.raises(
        MappingError, match=r"layer 'conv1': row_stationary has no mapping .*: RF holds 8 bits"
    ):
        simulate(network(), SMALL.replace({"RF.capacity": "1 words"}))


def test_progress_tells_what_is_done():
    seen = []
    simulate(network(), SMALL, engine="closed-form", progress=lambda *what: seen.append(what))
    assert [doing for doing, _ in itertools.groupby(doing for doing, *_ in seen)] == [
        *(f"mapping {name}" for name in ("conv1", "conv2", "pool", "fc")),
        *(f"counting {name}" for name in ("conv1", "conv2", "pool", "fc")),
        "done",
    ]
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1][1] == seen[-1][2] == seen[0][2]


def test_the_default_dataflow_is_what_the_machine_can():
    assert default_dataflow(SMALL) == "row_stationary"
    entries = [{"storage": "DRAM"}, {"array": "PE", "axes": {"x": {"size": 3}}}]
    entries += [{"storage": "W", "keeps": ["weights"]}, {"mac": {}}]
    assert default_dataflow(machine(*entries, native_dataflow="weight_stationary")) == "weight_stationary"
    with pytest.raises(MappingError, match="small cannot hold rows in its PEs and names no native_dataflow"):
        default_dataflow(machine(*entries))
    with pytest.raises(SimulatorError, match="unknown dataflow 'magic'"):
        default_dataflow(machine(*entries, native_dataflow="magic"))
