"""The proven optimum against brute force on thousands of random spaces: ``pytest -m long``."""

from itertools import islice

import pytest

import simulator as sim
from simulator.mappers import find_best, find_optimum
from simulator.mappers.optimal.model import compulsory
from simulator.mappers.optimal.rules import RULES
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

from .random_spaces import cases, plain
from .test_optimal import CLOSE, OBJECTIVES, assert_true

PARTS, SPACES = 20, 100


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_random_spaces(part):
    """Every objective, and one rule after the other left out, then all of them."""
    off = [None, *RULES]
    for number, case in enumerate(islice(cases(1000 + part, 4000), SPACES)):
        for name in OBJECTIVES:
            optimum = assert_true(case, name)
            assert optimum.proven or not plain(case.space)
        left = off[number % len(off)]
        rules = [] if left is None else [rule for rule in RULES if rule != left]
        if len(case.vectors) < 2000:
            for name in ("energy", "edp"):
                assert_true(case, name, rules)
        energy, cycles = compulsory(case.space.problem, case.space.architecture)
        assert energy <= case.energy.min() * (1 + CLOSE) + 1e-12
        assert cycles <= case.cycles.min()


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_larger_spaces(part):
    for case in islice(cases(2000 + part, 200_000, rates=False), 30):
        for name in ("energy", "edp"):
            assert_true(case, name)


LAYERS = {
    "product": {"m": 64, "c": 32, "p": 16},
    "alexnet conv3": {"n": 2, "m": 24, "c": 16, "p": 12, "q": 12, "r": 3, "s": 3, "row_data": (1, 12)},
    "depthwise": {"g": 16, "p": 14, "q": 14, "r": 3, "s": 3},
    "resnet50 1x1": {"m": 64, "c": 64, "p": 14, "q": 14, "stride": 2},
}


@pytest.mark.long
@pytest.mark.parametrize("objective", ["energy", "edp"])
@pytest.mark.parametrize("name", LAYERS)
def test_no_other_mapper_beats_it(name, objective):
    layer = convolution(name.replace(" ", "_"), **LAYERS[name])
    space = Mapspace(layer, sim.load_architecture("scratchpads_168"), Constraints(factors="perfect"))
    best = find_optimum(space, objective, seconds=60)
    for seed in range(3):
        for mapper in ("random", "hill-climbing"):
            other = find_best(space, objective, mapper, evaluations=50_000, seed=seed)
            assert best.lower_bound <= other.value * (1 + CLOSE)
            if best.optimal:
                assert best.value <= other.value * (1 + CLOSE)
