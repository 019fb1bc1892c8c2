"""The proven optimum by name: it is the best by brute force, a limit leaves a gap, what is wrong is said."""

import math

import pytest

from simulator.errors import SimulatorError
from simulator.mappers import find_best
from simulator.mappers.optimal.optimum import Optimum
from simulator.mappers.optimal.paths import OutOfLimitsError
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

from .small_spaces import NODES, OBJECTIVES, PLAIN, every


def test_a_front_cut_short_is_not_proven(monkeypatch):
    """Though its first point may be: that of the least energy."""
    space = Mapspace(convolution(m=4, c=6), PLAIN, Constraints(factors="perfect"))
    whole = find_best(space, ("energy", "cycles"), "optimal")
    points = [(choice.energy, choice.cycles) for choice in whole.front]
    assert whole.optimal and whole.certificate is not None and len(points) > 1
    check, shorter = Optimum._check, 0
    for checks in range(40):
        left = iter(range(checks))

        def limited(self, labels, left=left):
            if next(left, None) is None:
                raise OutOfLimitsError
            check(self, labels)

        monkeypatch.setattr(Optimum, "_check", limited)
        found = find_best(space, ("energy", "cycles"), "optimal", seconds=1000.0)
        if [(choice.energy, choice.cycles) for choice in found.front] != points:
            shorter += 1
            assert not found.optimal and not found.complete
    assert shorter


def test_an_objective_that_falls_has_no_optimum():
    space = Mapspace(convolution(m=2, c=3), PLAIN, Constraints(factors="perfect"))
    with pytest.raises(SimulatorError, match="falls as energy or cycles grow"):
        find_best(space, lambda energy, cycles: -energy, "optimal")


@pytest.mark.parametrize("mapper", ["optimal", "exhaustive", "random"])
@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (lambda energy, cycles: math.nan, "is not a number"),
        (lambda energy, cycles: "much", "could not convert string to float: 'much'"),
        (lambda energy, cycles: None, "NoneType"),
        (lambda energy: energy, "takes 1 positional argument"),
        (lambda energy, cycles: energy / 0, "division by zero"),
        (("energy", "cycle"), r"not \('energy', 'cycle'\)"),
        (("energy", "energy"), "for their front"),
        (3, "objective must be one of energy, cycles, edp, a function of energy and cycles"),
    ],
)
def test_what_is_no_objective_is_said(mapper, objective, words):
    space = Mapspace(convolution(m=2, c=3), PLAIN, Constraints(factors="perfect"))
    with pytest.raises(SimulatorError, match=words):
        find_best(space, objective, mapper, evaluations=100)


@pytest.fixture(scope="module")
def spaces():
    """Mapspaces, with energy and cycles of every mapping."""
    cases = (convolution(m=4, c=3), {}), (convolution(), dict.fromkeys(NODES, True))
    found = [Mapspace(layer, PLAIN, Constraints(factors="perfect", keeps=keeps)) for layer, keeps in cases]
    return [(space, [(energy, cycles) for _, energy, cycles in every(space)]) for space in found]


@pytest.mark.parametrize("objective", [*OBJECTIVES, ("energy", "cycles"), lambda e, c: e * c * c])
def test_the_optimum_is_the_best_by_brute_force(spaces, objective):
    """Also where there is nothing to choose: a space of one mapping."""
    for space, mappings in spaces:
        found = find_best(space, objective, "optimal")
        assert found.optimal and found.gap == 0 and found.lower_bound == found.value
        assert space.contains(found.vector)
        if callable(objective):
            assert found.value == min(objective(*point) for point in mappings)
        elif isinstance(objective, str):
            assert found.value == min(
                {"energy": e, "cycles": c, "edp": e * c}[objective] for e, c in mappings
            )
        else:
            front = {
                (e, c) for e, c in mappings
                if not any(a <= e and b <= c and (a, b) != (e, c) for a, b in mappings)
            }  # fmt: skip
            assert [(choice.energy, choice.cycles) for choice in found.front] == sorted(front)
