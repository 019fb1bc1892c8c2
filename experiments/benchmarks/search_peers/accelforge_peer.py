"""AccelForge's mapper (FFM), which proves the optimum of its model: https://accelergy-project.github.io/accelforge/"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.process import Result, installed, run

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

DISTRIBUTION = "accelforge"
MODULES = ("accelforge", "accelforge.mapper.FFM.main")
ACCOUNTING = "perfect factors; a refill is charged to every member of a reduction group, here to one"


def available() -> str | None:
    """Return the installed version, or None."""
    return installed(DISTRIBUTION)


def search(
    problem: Problem, machine: Architecture, limit_seconds: float | None = None, any_order: bool = True
) -> Result:
    """Return the least energy. Without ``any_order`` levels side by side stand in the machine's order only,
    AccelForge's default.

    Raises
    ------
    PeerError
        As `process.run`.
    """
    return run("accelforge", DISTRIBUTION, problem, machine, limit_seconds, any_order=any_order)


def solve(task: dict[str, Any]) -> float:
    """The least energy of a task, here in this process."""
    import accelforge as af
    from accelforge.mapper.FFM.main import map_workload_to_arch
    from accelforge.util import set_n_parallel_jobs

    set_n_parallel_jobs(1)
    spec = af.Spec(arch=_arch(task["machine"], task["any_order"]), workload=_workload(task))
    spec.mapper.metrics = af.Metrics.DYNAMIC_ENERGY
    found = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False)
    return float(found.data["Total<SEP>dynamic_energy"].min())


def _arch(machine: dict[str, Any], any_order: bool) -> Any:
    from accelforge.frontend.arch import Arch, Compute, Container, Memory

    levels = [
        (level["in_pe"], Memory(**memory(level, machine["word_bits"], any_order)))
        for level in machine["levels"]
    ]
    axes = [{"name": name, "fanout": size} for name, size in machine["axes"].items()]
    mac = Compute(name="MAC", actions=[_action("compute", machine["mac_price"])], area=0, leak_power=0)
    outside, inside = ([level for in_pe, level in levels if in_pe == place] for place in (False, True))
    return Arch(nodes=[*outside, Container(name="PE", spatial=axes), *inside, mac])


def memory(level: dict[str, Any], word_bits: int, any_order: bool) -> dict[str, Any]:
    """A storage level as the fields of AccelForge's Memory; an action is one word."""
    optional = [tensor for tensor in level["keeps"] if tensor not in level["required"]]
    tensors = {
        "keep": " | ".join(level["required"]) or "Nothing",
        "may_keep": " | ".join(optional) or "Nothing",
        "force_memory_hierarchy_order": not (level["in_pe"] and any_order),
    }
    return {
        "name": level["name"],
        "size": "inf" if level["bits"] is None else level["bits"],
        "tensors": tensors,
        "actions": [
            _action(name, level["price"]) | {"bits_per_action": word_bits} for name in ("read", "write")
        ],
        "area": 0,
        "leak_power": 0,
    }


def _action(name: str, price: float) -> dict[str, Any]:
    return {"name": name, "energy": price, "throughput": math.inf}


def _workload(task: dict[str, Any]) -> Any:
    from accelforge.frontend.workload import Workload

    return Workload(bits_per_value={"All": task["machine"]["word_bits"]}, einsums=[einsum(task["problem"])])


def einsum(problem: dict[str, Any]) -> dict[str, Any]:
    """The problem as the fields of AccelForge's Einsum; dimensions of extent 1 would only cost it time."""
    dims = {name: extent for name, extent in problem["dims"].items() if extent > 1}
    accesses = []
    for tensor, ranks in problem["tensors"].items():
        projection = {}
        for number, rank in enumerate(ranks):
            terms = [f"{factor} * {name.lower()}" for name, factor in rank.items() if name in dims]
            if terms:
                projection[f"{tensor.upper()}{number}"] = " + ".join(terms)
        accesses.append({"name": tensor, "projection": projection, "output": tensor == "outputs"})
    return {
        "name": "layer",
        "tensor_accesses": accesses,
        "iteration_space_shape": [f"0 <= {name.lower()} < {extent}" for name, extent in dims.items()],
    }
