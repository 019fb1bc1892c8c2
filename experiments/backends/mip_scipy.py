"""Mappings by a mixed-integer program in the manner of CoSA, solved with SciPy's HiGHS.

One program a layer assigns the prime factors of every dimension to levels and axes, and orders the loops at
the levels outside the array; its objective is a sum of logarithms: of what tiles use of their capacities, of
computation, and of the words that leave these levels. The answer becomes a mapping, and is counted exactly.

Q. Huang et al., "CoSA: Scheduling by Constrained Optimization for Spatial Accelerators", ISCA 2021.

python experiments/backends/mip_scipy.py
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.common import print_table, run
from simulator.backends.mip import MipMatrices, mip_matrices
from simulator.errors import SimulatorError

# Weights of CoSA's three objectives: utilization counts as a gain.
WEIGHTS = {"utilization": 1.0, "computation": 1.0, "traffic": 1.0}
Row = dict[int, float]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="mip_scipy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layers", nargs="+", default=[f"alexnet:conv{i}" for i in range(1, 6)])
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--largest-prime", type=int, default=7, help="extents are padded to smaller primes")
    parser.add_argument("--seconds", type=float, default=20, help="the most that a program may take")
    parser.add_argument("--evaluations", type=int, default=20_000, help="of the search beside it")
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    rows = [
        _row(layer, options.arch, options.largest_prime, options.seconds, options.evaluations)
        for layer in options.layers
    ]
    print_table(f"{options.arch}: mixed-integer program and hill climbing", rows)


def _row(layer: str, arch: str, largest_prime: int, seconds: float, evaluations: int) -> dict[str, Any]:
    problem, machine = sim.load_layer(layer), sim.load_architecture(arch)
    start = time.process_time()
    mapping = solve(mip_matrices(problem, machine, largest_prime), problem, machine, seconds)
    spent = time.process_time() - start
    model = sim.CostModel(problem, machine)
    score = model.evaluate([model.encoding.encode(mapping)])[0]
    found = sim.search(problem, machine, mapper="hill-climbing", evaluations=evaluations)
    return {
        "layer": layer,
        "program (CPU s)": round(spent, 2),
        "energy": float(score["energy"]),
        "cycles": int(score["cycles"]),
        "utilization": float(score["utilization"]),
        f"energy by {evaluations:,} evaluations": float(found.energy),
    }


def solve(
    matrices: MipMatrices, problem: sim.Problem, machine: sim.Architecture, seconds: float
) -> sim.Mapping:
    """Return the mapping that the program finds best.

    Raises
    ------
    SimulatorError
        Where it has no solution, or found none in time.
    """
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp
    except ImportError:
        raise SimulatorError("SciPy is missing: pip install 'dataflow-simulator[mappers]'") from None
    program = _Program(matrices)
    program.write()
    matrix, low, high = program.constraints()
    lower, upper, whole = (np.array(column) for column in zip(*program.variables, strict=True))
    answer = milp(
        program.objective(),
        integrality=whole,
        bounds=Bounds(lower, upper),
        constraints=LinearConstraint(matrix, low, high),
        options={"time_limit": seconds, "mip_rel_gap": 0.01},
    )
    if answer.x is None:
        raise SimulatorError(f"{problem.name}: the program has no mapping: {answer.message}")
    factors = matrices.factors(answer.x[program.count])
    order = {matrices.places[place]: program.order(place, answer.x) for place in program.outside}
    return sim.Mapping.from_factors(problem, machine, factors, order, trim=True)


@dataclass
class _Program:
    """Variables (least, most, whether whole), rows (low, coefficients, high), and the objective."""

    matrices: MipMatrices
    variables: list[tuple[float, float, int]] = field(default_factory=list)
    rows: list[tuple[float, Row, float]] = field(default_factory=list)
    costs: Row = field(default_factory=dict)

    def write(self) -> None:
        m = self.matrices
        self.logs = np.log2(m.factor_prime)
        self.count = np.array([[self._new(0, n) for _ in m.places] for n in m.factor_count.tolist()])
        for factor, times in enumerate(m.factor_count.tolist()):
            self._add(times, dict.fromkeys(self.count[factor], 1.0), times)
        for place, size in zip(m.axis_place, m.fan_out, strict=True):
            self._add(0, self._product(range(len(self.logs)), [place]), math.log2(size))
        self._write_tiles()
        temporal = [int(place) for place in m.level_place]
        self._charge(WEIGHTS["computation"], self._product(range(len(self.logs)), temporal))
        outer = [place for place in temporal if place < m.axis_place.min(initial=len(m.places))]
        # By place outside the array and pair of dimensions a variable: 1 where the first stands outside.
        self.outside = {place: self._write_order() for place in outer}
        for place in outer:
            self._write_traffic(place)

    def _write_tiles(self) -> None:
        """Tiles fit an equal share of their capacity; that they fill it is a gain."""
        m = self.matrices
        shares = np.maximum(m.capacity_shared.sum(axis=2), 1)
        for level, tensor in np.argwhere(m.storable & (m.log2_capacity < np.inf)):
            sharing = next(i for i, shared in enumerate(m.capacity_shared) if shared[level, tensor])
            room = m.log2_capacity[level, tensor] - math.log2(shares[sharing, level])
            tile = self._tile(tensor, int(m.level_place[level]))
            self._add(0, tile, room)
            self._charge(-WEIGHTS["utilization"], tile)

    def _write_traffic(self, place: int) -> None:
        """What leaves a level: tiles, places with words of their own, and how often the tiles change.

        A loop that the tensor lacks changes its tile only where a loop that it has turns inside of it.
        """
        m, outside, everything = self.matrices, self.outside[place], range(len(self.logs))
        loops = {d: self._product(np.flatnonzero(m.factor_dimension == d), [place]) for d in self._dims()}
        present = {d: self._present(loop) for d, loop in loops.items()}
        for tensor in range(len(m.tensors)):
            own = [d for d in loops if m.relevant[d, tensor]]
            # From the level's own place inwards this is its tile's words, one tile below it after another.
            self._charge(WEIGHTS["traffic"], self._tile(tensor, place))
            self._charge(WEIGHTS["traffic"], self._product(everything, range(place)))
            for d in set(loops) - set(own):
                most = math.log2(m.padded[d])
                changes, iterations = self._new(0, 1), self._new(0, most, whole=False)
                for other in own:
                    # A loop of the tensor's own stands inside: at least 1.
                    self._add(-1, {changes: 1, outside[d, other]: -1, present[other]: -1}, math.inf)
                # Then all its iterations count.
                fewer = {variable: -value for variable, value in loops[d].items()}
                self._add(-most, {iterations: 1, changes: -most, **fewer}, math.inf)
                self._charge(WEIGHTS["traffic"], {iterations: 1.0})

    def _write_order(self) -> dict[tuple[int, int], int]:
        """The variables of the pairs of dimensions at a place; together they are an order."""
        dims = self._dims()
        outside = {(a, b): self._new(0, 1) for a in dims for b in dims if a != b}
        for a, b in outside:
            if a < b:
                self._add(1, {outside[a, b]: 1, outside[b, a]: 1}, 1)
            for c in set(dims) - {a, b}:
                self._add(-math.inf, {outside[a, b]: 1, outside[b, c]: 1, outside[a, c]: -1}, 1)
        return outside

    def order(self, place: int, solution: Any) -> list[str]:
        """Dimensions at a place, outermost first."""
        names, dims, outside = self.matrices.dimensions, self._dims(), self.outside[place]
        beneath = {a: sum(solution[outside[a, b]] for b in dims if b != a) for a in dims}
        return [names[d] for d in sorted(dims, key=lambda d: -beneath[d])]

    def _dims(self) -> list[int]:
        return sorted(set(self.matrices.factor_dimension.tolist()))

    def _present(self, loop: Row) -> int:
        """A variable that is 1 where there is a loop."""
        present = self._new(0, 1)
        for variable in loop:
            self._add(-math.inf, {variable: 1.0, present: -self.variables[variable][1]}, 0)
        return present

    def _product(self, factors: Any, places: Any) -> Row:
        """The logarithm of the product of factors at places."""
        return {int(self.count[f, p]): float(self.logs[f]) for f in factors for p in places}

    def _tile(self, tensor: int, place: int) -> Row:
        """The logarithm of a tile, or, where dimensions slide, of a bound on it."""
        m = self.matrices
        own = np.flatnonzero(m.relevant[m.factor_dimension, tensor])
        return self._product(own, range(place, len(m.places)))

    def _new(self, least: float, most: float, whole: bool = True) -> int:
        self.variables.append((least, most, int(whole)))
        return len(self.variables) - 1

    def _add(self, low: float, row: Row, high: float) -> None:
        self.rows.append((low, row, high))

    def _charge(self, weight: float, row: Row) -> None:
        for variable, value in row.items():
            self.costs[variable] = self.costs.get(variable, 0.0) + weight * value

    def objective(self) -> Any:
        return np.array([self.costs.get(i, 0.0) for i in range(len(self.variables))])

    def constraints(self) -> tuple[Any, Any, Any]:
        """The rows as a matrix, with the least and the most of each."""
        matrix = np.zeros((len(self.rows), len(self.variables)))
        for i, (_, row, _) in enumerate(self.rows):
            matrix[i, list(row)] = list(row.values())
        return (
            matrix,
            np.array([low for low, _, _ in self.rows]),
            np.array([high for _, _, high in self.rows]),
        )


if __name__ == "__main__":
    sys.exit(main())
