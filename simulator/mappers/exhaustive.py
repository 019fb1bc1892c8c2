"""Goes through a whole mapspace and keeps the best mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.cost.model import ShapeModel
from simulator.counting.lowering import Ints
from simulator.errors import SimulatorError, did_you_mean
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace

OBJECTIVES = ("energy", "cycles", "edp")
_BATCH = 4096


@dataclass(frozen=True)
class Choice:
    """A mapping picked from a mapspace: its energy and cycles by the closed form."""

    mapping: Mapping
    energy: float
    cycles: int


def check_objective(objective: str) -> str:
    """Return the name of an objective; SimulatorError with the nearest name if there is none."""
    if objective not in OBJECTIVES:
        raise SimulatorError(f"unknown objective {objective!r}{did_you_mean(objective, OBJECTIVES)}")
    return objective


def search_exhaustively(
    space: Mapspace, objective: str = "energy", progress: Callable[[int, int], None] | None = None
) -> tuple[Choice, ...]:
    """Evaluate every mapping of a space.

    For "energy" and "cycles" return the best one; mappings equal in it are told apart by the other. For
    "edp" return the convex front: a network's EDP is the product of two sums over layers, and its best
    lies on the layers' convex fronts (see `best_together`). ``progress`` gets mappings done and in all.

    Raises
    ------
    SimulatorError
        For an unknown objective.
    """
    check_objective(objective)
    energies, cycles, where = [], [], []
    done = 0
    for number, skeleton in enumerate(space.skeletons):
        model = ShapeModel(space.problem, space.architecture, skeleton.nest)
        for start in range(0, len(skeleton.bounds), _BATCH):
            bounds = skeleton.bounds[start : start + _BATCH]
            energies.append(model.energy(bounds))
            # Cycles cost as much again: for energy they only tell ties apart.
            cycles.append(
                _cycles_of_best(model, bounds, energies[-1])
                if objective == "energy"
                else model.cycles(bounds)
            )
            where += [(number, start + row) for row in range(len(bounds))]
            done += len(bounds)
            if progress is not None:
                progress(done, len(space))
    energy, time = np.concatenate(energies), np.concatenate(cycles)
    rows = _front(energy, time) if objective == "edp" else [_best(energy, time, objective)]
    return tuple(
        Choice(space.skeletons[where[row][0]].mapping(where[row][1]), float(energy[row]), int(time[row]))
        for row in rows
    )


def best_together(fronts: list[tuple[Choice, ...]], weights: list[int]) -> list[int]:
    """The choice of each layer for the smallest product of total energy and total cycles.

    The product is quasi-concave, so its minimum lies at a corner of the convex hull of all sums; such
    corners are sums of corners of the layers' fronts that one direction supports. Their edges, sorted by
    slope over all layers, lead from one to the next.
    """
    picked = [0] * len(fronts)
    energy = sum(w * front[0].energy for front, w in zip(fronts, weights, strict=True))
    cycles = sum(w * front[0].cycles for front, w in zip(fronts, weights, strict=True))
    edges = []
    for layer, front in enumerate(fronts):
        for i in range(1, len(front)):
            slope = (front[i].energy - front[i - 1].energy) / (front[i - 1].cycles - front[i].cycles)
            edges.append((slope, layer, i))
    best, best_product = list(picked), energy * cycles
    for _, layer, i in sorted(edges):
        picked[layer] = i
        energy += weights[layer] * (fronts[layer][i].energy - fronts[layer][i - 1].energy)
        cycles += weights[layer] * (fronts[layer][i].cycles - fronts[layer][i - 1].cycles)
        if energy * cycles < best_product:
            best, best_product = list(picked), energy * cycles
    return best


def _cycles_of_best(model: ShapeModel, bounds: Ints, energy: npt.NDArray[np.float64]) -> Ints:
    """Cycles of the rows with the lowest energy; of the others a number past all."""
    cycles = np.full(len(bounds), np.iinfo(np.int64).max)
    best = energy == energy.min()
    cycles[best] = model.cycles(bounds[best])
    return cycles


def _best(energy: npt.NDArray[np.float64], cycles: Ints, objective: str) -> int:
    first, then = (energy, cycles) if objective == "energy" else (cycles, energy)
    return int(np.lexsort((then, first))[0])


def _front(energy: npt.NDArray[np.float64], cycles: Ints) -> list[int]:
    """Rows on the lower left convex hull, from the least energy to the fewest cycles."""
    hull: list[int] = []
    for row in np.lexsort((cycles, energy)):
        if hull and cycles[row] >= cycles[hull[-1]]:
            continue
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            ahead = (energy[row] - energy[a]) * (int(cycles[b]) - int(cycles[a]))
            if ahead < (energy[b] - energy[a]) * (int(cycles[row]) - int(cycles[a])):
                break
            hull.pop()
        hull.append(int(row))
    return hull
