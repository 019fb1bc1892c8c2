"""Compiles kernels before tests run: each of two workers others, where both would compile all of them."""

import numpy as np

import simulator as sim
from simulator.mappers.objective import read_objective
from simulator.mappers.optimal.bounds import Bounds
from simulator.mappers.optimal.paths import Group, Paths
from simulator.mappers.optimal.rules import switches
from simulator.mappers.pruned.mapper import Pruned


def compile_kernels(worker: str) -> None:
    """Compile the half of the kernels that is a worker's; nothing but time depends on it.

    A kernel that both halves need stands early in the one, and late in the other, which finds it compiled.
    """
    layer = sim.convolution("small", m=2, c=2, p=2, r=2)
    machine = sim.load_architecture("scratchpads_168")
    if worker == "gw0":
        bounds = Bounds(layer, machine, {})
        root = float(bounds.tables(0).outside[0, 0])
        group = Group(bounds, np.array([0]), np.array([root]), 1)
        assert [*Paths(group, root * (1 + 1e-9), switches(None, bounds.model), lambda labels: None).run()]
        chip = sim.load_architecture("eyeriss_v1")
        mapping = sim.dataflow_mapping(layer, chip, m=2, n=1, e=2, p=1, q=2, r=1, t=1)
        sim.evaluate(layer, chip, mapping, engine="functional")
        rows = sim.mapspace(layer, chip, "row_stationary")
        found = Pruned(rows, read_objective("energy")).ask(1)
        assert len(found)
        rows.neighbours(found[0])
        rows.repair(found)
    else:
        space = sim.mapspace(layer, machine)
        vectors = space.sample(2, seed=1)
        sim.CostModel(layer, machine).evaluate(vectors, counts=True, forwardable=True)
        sim.evaluate(layer, machine, space.decode(vectors[0]), engine="walk")
