"""This simulator, asked like the others: in a process of its own, kernels compiled or loaded before."""

from __future__ import annotations

import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.process import PeerError, Result, ask

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

DISTRIBUTION = "dataflow-simulator"
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {"dataflow": None},
    "row stationary": {"dataflow": "row_stationary"},
}
ACCOUNTING = "exact; proven optimum of every legal mapping with perfect factors, or of a dataflow's mappings"
# Random mappings that are scored together for a rate.
BATCH = 100_000


def available() -> str:
    """Return the installed version, or what it is when run from its sources."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "from source"


def work(
    what: str,
    problem: Problem,
    machine: Architecture,
    limit_seconds: float | None = None,
    **options: Any,
) -> Result:
    """Do ``solve``, ``price``, ``rate`` or ``cycles`` in a process of its own.

    Raises
    ------
    PeerError
        As `process.ask`.
    """
    task = {"problem": problem.to_dict(), "machine": machine.to_dict(), "name": problem.name, **options}
    return ask("ours", DISTRIBUTION, what, problem.name, task, limit_seconds, python=sys.executable)


def start(task: dict[str, Any]) -> None:
    """Import, and do the same on a small layer: kernels are compiled or loaded."""
    import simulator as sim

    small = sim.convolution("small", m=4, c=4, p=4, q=4, r=3, s=3)
    if "dataflow" in task:
        solve(task | {"problem": small.to_dict(), "name": "small"})
    elif "seconds" in task:
        rate(task | {"problem": small.to_dict(), "name": "small", "mapping": None, "seconds": 0.0})
    elif "array" in task:
        cycles(task | {"problem": small.to_dict(), "name": "small"})


def solve(task: dict[str, Any]) -> dict[str, Any]:
    """The least energy of a task, its nest, and how many mappings were tried; here in this process."""
    import simulator as sim

    problem, machine = _given(task)
    found = sim.search(problem, machine, dataflow=task["dataflow"], time_limit=task["limit_seconds"])
    return {
        "energy": found.energy,
        "tried": found.evaluated,
        "proven": found.optimal,
        "mappings": [found.mapping.to_list()],
    }


def price(task: dict[str, Any]) -> dict[str, Any]:
    """What the cheapest of the nests ``mappings`` costs that are legal here."""
    import simulator as sim
    from simulator.errors import SimulatorError

    problem, machine = _given(task)
    energies, reasons = [], []
    for nest in task["mappings"]:
        try:
            energies.append(sim.evaluate(problem, machine, nest, engine="closed-form").energy)
        except SimulatorError as error:
            reasons.append(str(error))
    if not energies:
        raise PeerError(f"not legal here: {reasons[0]}")
    return {"energy": min(energies)}


def rate(task: dict[str, Any]) -> dict[str, Any]:
    """Mappings scored a CPU second: the nest ``mapping`` over and over, and many random ones together."""
    import simulator as sim

    problem, machine = _given(task)
    space = sim.mapspace(problem, machine)
    nest = task["mapping"] or space.decode(space.sample(1, seed=1)[0]).to_list()
    begin, done = time.process_time(), 0
    while not done or time.process_time() - begin < task["seconds"]:
        energy = sim.evaluate(problem, machine, nest, engine="closed-form").energy
        done += 1
    one = done / (time.process_time() - begin)
    vectors = space.sample(BATCH, seed=1)
    model = sim.CostModel(problem, machine)
    model.evaluate(vectors)
    begin = time.process_time()
    model.evaluate(vectors)
    return {"energy": energy, "rate": one, "together": BATCH / (time.process_time() - begin)}


def cycles(task: dict[str, Any]) -> dict[str, Any]:
    """The cycles of a convolution on a systolic array, stall-free."""
    from simulator.cost.model import cost
    from simulator.formats import scalesim

    problem, machine = _given(task)
    product = scalesim.product(problem)
    nest = scalesim.systolic_mapping(product, machine)
    return {"cycles": cost(product, machine, nest, "closed-form").cycles.total}


def _given(task: dict[str, Any]) -> tuple[Problem, Architecture]:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

    return Problem.from_dict(task["problem"], task["name"]), Architecture.from_dict(
        task["machine"], "machine"
    )
