"""AccelForge's mapper (FFM), which proves the optimum of its model: https://accelergy-project.github.io/accelforge/"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.nests import check_perfect, parallel, store, temporal
from experiments.benchmarks.search_peers.process import PeerError, Result, installed, run

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

NAME = "accelforge"
DISTRIBUTION = "accelforge"
# By default levels side by side stand in the machine's order only.
SETTINGS: dict[str, dict[str, Any]] = {"default": {"any_order": False}, "best": {"any_order": True}}
ACCOUNTING = "perfect factors; a refill is charged to every member of a reduction group, here to one"

_TOTAL = "Total<SEP>dynamic_energy"


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
    return run(NAME, DISTRIBUTION, problem, machine, limit_seconds, any_order=any_order)


def start(task: dict[str, Any]) -> None:
    """Import what a task needs."""
    import accelforge.mapper.FFM.main

    accelforge.util.set_n_parallel_jobs(1)


def solve(task: dict[str, Any]) -> dict[str, Any]:
    """The least energy of a task, its nest, and how many partial tilings were evaluated; in this process."""
    from accelforge.mapper.FFM.main import join_pmappings, make_pmappings

    spec = _spec(task, task["any_order"])
    partial = make_pmappings(spec, print_progress=False)
    found = join_pmappings(partial, spec.mapper.metrics, require_all_einsums=False, print_progress=False)
    if not len(found.data):
        raise PeerError(f"AccelForge found no valid mapping of {task['problem']['name']}")
    row = found.data.loc[found.data[_TOTAL].idxmin()]
    nest = _nest(row["Total<SEP>mapping"](_for_model=True).nodes, task)
    return {"energy": float(row[_TOTAL]), "tried": int(partial.n_evaluated_pmappings()), "mappings": [nest]}


def price(task: dict[str, Any]) -> dict[str, Any]:
    """What the nest ``mapping`` costs; again and again for ``seconds``, where given, for a rate."""
    check_perfect(task["mapping"], task["problem"]["dims"])
    energy, spent = _evaluate(task)
    if "seconds" not in task:
        return {"energy": energy, "rate": None}
    done = 1
    while spent < task["seconds"]:
        spent += _evaluate(task)[1]
        done += 1
    return {"energy": energy, "rate": done / spent}


def _evaluate(task: dict[str, Any]) -> tuple[float, float]:
    """The energy of a nest, and CPU seconds without those of building the specification."""
    from accelforge.frontend.mapping import Mapping

    spec = _spec(task, True)
    spec.mapping = Mapping(nodes=_mapping(task))
    start = time.process_time()
    energy = float(spec.evaluate_mapping().data[_TOTAL].iloc[0])
    return energy, time.process_time() - start


def _spec(task: dict[str, Any], any_order: bool) -> Any:
    import accelforge as af

    spec = af.Spec(arch=_arch(task["machine"], any_order), workload=_workload(task))
    spec.mapper.metrics = spec.model.metrics = af.Metrics.DYNAMIC_ENERGY
    return spec


def _nest(nodes: list[Any], task: dict[str, Any]) -> list[dict[str, Any]]:
    """AccelForge's nodes as ours: its loops say what one iteration covers, ours how many there are."""
    covered, out = dict(task["problem"]["dims"]), []
    for node in nodes:
        kind = type(node).__name__
        if kind == "Storage":
            out.append(store(node.component, *node.tensors))
        elif kind in ("Temporal", "Spatial"):
            dimension, tile = str(node.rank_variable).upper(), int(node.tile_shape)
            bound = -(-covered[dimension] // tile)
            covered[dimension] = tile
            if bound > 1:
                spatial = kind == "Spatial"
                out.append(
                    parallel(str(node.name), dimension, bound) if spatial else temporal(dimension, bound)
                )
        elif kind not in ("Reservation", "Compute"):
            raise PeerError(f"AccelForge's mapping has a node {kind}, a nest of ours has none")
    return out


def _mapping(task: dict[str, Any]) -> list[Any]:
    """Our nest as AccelForge's nodes, a node for each tensor that a level keeps."""
    from accelforge.frontend.mapping import Compute, Spatial, Storage, Temporal

    covered, out = dict(task["problem"]["dims"]), []
    for node in task["mapping"]:
        if "store" in node:
            out += [Storage(tensors=[tensor], component=node["store"]) for tensor in node["keeps"]]
            continue
        covered[node["dim"]] //= node["bound"]
        loop = {"rank_variable": node["dim"].lower(), "tile_shape": covered[node["dim"]]}
        if node["loop"] == "spatial":
            out.append(Spatial(**loop, name=node["axis"], component=node["array"]))
        else:
            out.append(Temporal(**loop))
    return [*out, Compute(einsum="layer", component="MAC")]


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
