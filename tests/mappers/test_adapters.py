"""Libraries' optimizers as mappers: what they ask for is in the mapspace and follows from seed and costs."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator import dataflows
from simulator.batch.model import CostModel
from simulator.errors import MappingError, SimulatorError
from simulator.mappers import MAPPERS, find_best, search
from simulator.mappers.adapters import ADAPTERS
from simulator.mappers.adapters.genes import GeneMapper, Genes
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

MACHINE = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200)},
    {
        "storage": "GLB",
        "capacity": "90 words",
        "price": dict.fromkeys(("read", "fill", "drain", "refill"), 6),
    },
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}, "price": {"deliver": 2, "add": 2}},
    {"storage": "RF", "capacity": "9 words", "price": {"read": 1, "refill": 2}},
    {"mac": {"price": 1}},
)
LAYER = convolution(n=2, m=4, c=3, p=4, q=5, r=2, s=2)
SPACES = {
    **{flow: dataflows.mapspace(flow, LAYER, MACHINE) for flow in dataflows.DATAFLOWS},
    "perfect": Mapspace(LAYER, MACHINE, Constraints(factors="perfect")),
}
LIBRARIES = ("cmaes", "optuna", "nevergrad", "pymoo", "scipy")
# Vectors that a test asks of a mapper: more than a round of each, and few of those that take long.
ROUNDS = {name: 45 if name == "optuna-tpe" else 150 for name in ADAPTERS}


def asked(name, space, sizes, seed=3):
    """The vectors that a mapper asks for, so many at a time."""
    mapper, model, vectors = ADAPTERS[name](space, seed), CostModel(space.problem, space.architecture), []
    while len(vectors) < ROUNDS[name]:
        for size in sizes:
            part = mapper.ask(size)
            assert 1 <= len(part) <= size
            scores = model.evaluate(part)
            mapper.tell(part, np.column_stack((scores["energy"], scores["cycles"])))
            vectors += part.tolist()
    return vectors[: ROUNDS[name]]


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_asked_for_follows_from_seed_and_costs_alone(name):
    space = SPACES["weight_stationary"]
    whole = asked(name, space, [5000])
    assert asked(name, space, [7, 64, 3]) == whole
    assert asked(name, space, [5000], seed=4) != whole
    assert all(space.contains(vector) for vector in {tuple(vector) for vector in whole})


@pytest.mark.parametrize("name", sorted(set(ADAPTERS) - {"optuna-tpe"}))
def test_optimizers_learn_from_costs(name):
    space, rounds = SPACES["flexible"], []
    mapper, model = ADAPTERS[name](space, 0), CostModel(LAYER, MACHINE)
    while sum(map(len, rounds)) < 900:
        vectors = mapper.ask(300)
        scores = model.evaluate(vectors)
        mapper.tell(vectors, np.column_stack((scores["energy"], scores["cycles"])))
        rounds.append(scores["energy"])
    energies = np.concatenate(rounds)
    assert np.median(energies[-200:]) < 0.8 * np.median(energies[:200])


def test_a_parzen_estimator_finds_the_best_of_a_dataflow():
    space = SPACES["output_stationary_b"]
    found = find_best(space, mapper="optuna-tpe", evaluations=100)
    assert found.energy <= find_best(space).energy * 1.1


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_genes_are_mappings_of_the_mapspace(name, data):
    space = SPACES[name]
    genes = Genes(space)
    numbers = st.lists(st.floats(0, 1), min_size=genes.size, max_size=genes.size)
    points = np.array(data.draw(st.lists(numbers, min_size=1, max_size=3)))
    vectors = genes.decode(points)
    assert all(space.contains(vector) for vector in vectors)
    assert genes.decode(points[-1:]).tolist() == vectors[-1:].tolist()


def test_few_genes_fall_back_on_the_first_mapping():
    """Nearly all can be repaired, so that an optimizer sees a slope and no plateau."""
    for space in SPACES.values():
        genes = Genes(space)
        vectors = genes.decode(np.random.default_rng(0).random((500, genes.size)))
        first = next(space.batches(1))[0]
        assert (vectors == first).all(axis=1).mean() < 0.2
        assert len(np.unique(vectors, axis=0)) > 20


def test_genes_of_a_matrix_product_by_hand():
    """Upper halves are bounds on a scale of logarithms; the outermost slot takes the rest."""
    layer = convolution(m=16)
    wide = machine(
        {"storage": "DRAM"}, {"storage": "GLB", "capacity": "1000 words"}, {"mac": {}},
    )  # fmt: skip
    space = Mapspace(layer, wide)
    genes = Genes(space)
    points = np.zeros((3, genes.size))
    innermost = int(genes._bounds.gene[-1, space.encoding.dimensions.index("M")])
    points[:, innermost] = 0.5, 0.75, 1
    column = space.encoding.bound_column(len(space.encoding.slots) - 1, space.encoding.dimensions.index("M"))
    vectors = genes.decode(points)
    assert vectors[:, column].tolist() == [1, 4, 16]
    outermost = space.encoding.bound_column(0, space.encoding.dimensions.index("M"))
    assert vectors[:, outermost].tolist() == [16, 4, 1]
    keeps = slice(space.encoding.first_keep, space.encoding.first_axes)
    assert not vectors[:, keeps].any() and genes.decode(np.ones((1, genes.size)))[:, keeps].all()


def test_nsga2_is_told_both_figures_and_the_genetic_algorithm_one():
    from simulator.mappers.adapters.pymoo_mappers import genetic, nsga2

    spread = {}
    for optimize in (nsga2, genetic):
        optimizer = optimize(2, 1)
        points = next(optimizer)
        for _ in range(40):
            points = optimizer.send(np.column_stack((points[:, 0], 1 - points[:, 0])))
        spread[optimize] = np.ptp(points[:, 0])
    assert spread[nsga2] > 0.8 and spread[genetic] < 0.3


def test_heights_are_finite_and_a_round_of_one_cost_begins_anew():
    begun, told = [], []

    def optimize(size, seed):
        begun.append(seed)
        while True:
            told.append((yield np.full((3, size), 0.25)))

    space = SPACES["flexible"]
    mapper = GeneMapper("fixed", space, 7, optimize)
    for costs in ([[1.0, 2], [np.inf, np.inf], [0, 0]], [[5.0, 1]] * 3, [[1.0, 1], [2, 2], [3, 3]]):
        vectors = mapper.ask(10)
        assert len(vectors) == 3
        mapper.tell(vectors, np.array(costs))
    mapper.ask(10)
    assert len(begun) == 2 and begun[0] == 7 != begun[1]
    assert len(told) == 2 and np.isfinite(told[0]).all()
    assert told[0][:, 0].argsort().tolist() == [2, 0, 1] and told[0][0].tolist() == np.log([2, 3]).tolist()


class Interrupted(CostModel):
    """Ctrl-C comes while it scores for the third time."""

    calls = 0

    def evaluate(self, *arguments, **options):
        self.calls += 1
        if self.calls == 3:
            raise KeyboardInterrupt
        return super().evaluate(*arguments, **options)


@pytest.mark.parametrize("name", ["scipy-de", "scipy-annealing"])
def test_no_thread_is_left_when_a_search_ends(name):
    space, before = SPACES["weight_stationary"], set(threading.enumerate())
    assert find_best(space, mapper=name, evaluations=100).evaluated == 100
    assert set(threading.enumerate()) <= before
    found = search(space, Interrupted(LAYER, MACHINE), ADAPTERS[name](space, 0))
    assert found.interrupted and found.evaluated < 200
    assert set(threading.enumerate()) <= before


def test_what_fails_in_the_thread_is_raised():
    from simulator.mappers.adapters.scipy_mappers import _handed_over

    def fail(score):
        score(np.zeros((4, 2)))
        raise ZeroDivisionError("in the optimizer")

    optimizer = _handed_over(fail)
    assert next(optimizer).shape == (4, 2)
    with pytest.raises(ZeroDivisionError, match="in the optimizer"):
        optimizer.send(np.zeros((4, 2)))
    assert not list(islice(optimizer, 1))


@pytest.mark.parametrize("name", ADAPTERS)
def test_spaces_of_one_mapping_and_of_none(name):
    space = Mapspace(convolution(), machine({"storage": "DRAM"}, {"mac": {}}))
    found = find_best(space, mapper=name, evaluations=5)
    assert found.vector.tolist() == next(space.batches(1))[0].tolist()
    full = MACHINE.replace({"GLB.capacity": "1 bits", "GLB.required": ["inputs"]})
    with pytest.raises(MappingError, match="GLB"):
        ADAPTERS[name](Mapspace(LAYER, full), 0)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_missing_library_names_the_extra(name, monkeypatch):
    parts = [module for module in sys.modules if module.split(".")[0] in LIBRARIES]
    for module in {*LIBRARIES, "scipy.optimize", *parts}:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"simulator.mappers.adapters.{ADAPTERS[name].module}", raising=False)
    with pytest.raises(SimulatorError) as error:
        MAPPERS[name](SPACES["flexible"], 0)
    extra = "pip install 'dataflow-simulator[mappers]'"
    assert str(error.value) == f"mapper '{name}' needs the extra \"mappers\": {extra}"


def test_libraries_are_imported_where_they_are_used():
    # Numba imports SciPy, where there is one, but nothing of its optimizers.
    unused = {*LIBRARIES, "scipy.optimize"} - {"scipy"}
    code = f"import sys, simulator.mappers; sys.exit(bool({unused} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(SimulatorError, match="did you mean 'scipy-annealing'"):
        find_best(SPACES["flexible"], mapper="scipy-anealing")


def test_a_search_by_a_library_from_the_command_line():
    from typer.testing import CliRunner

    from simulator.cli import app

    command = ["search", "lenet5_caffe:conv2", "--arch", "eyeriss_v1", "--mapper", "pymoo-ga", "--json"]
    result = CliRunner().invoke(app, [*command, "--evaluations", "150", "--dataflow", "row_stationary"])
    assert result.exit_code == 0, result.output
    assert '"mapper": "pymoo-ga"' in result.stdout and '"evaluated": 150' in result.stdout
