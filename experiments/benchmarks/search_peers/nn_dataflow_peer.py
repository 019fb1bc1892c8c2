"""nn-dataflow's search of row-stationary schedules: https://github.com/stanford-mast/nn_dataflow"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.process import PeerError, Result, installed, run

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

DISTRIBUTION = "nn_dataflow"
MODULES = ("nn_dataflow.core",)
ACCOUNTING = (
    "row stationary only, in one register file of the scratchpads' size; three register accesses per MAC, "
    "here four, and none for fills"
)


def available() -> str | None:
    """Return the installed version, or None."""
    return installed(DISTRIBUTION)


def search(problem: Problem, machine: Architecture, limit_seconds: float | None = None) -> Result:
    """Return the least energy of the exhaustive search of loop blockings.

    Raises
    ------
    PeerError
        As `process.run`.
    """
    return run("nn_dataflow", DISTRIBUTION, problem, machine, limit_seconds)


def solve(task: dict[str, Any]) -> float:
    """The least energy of a task, here in this process.

    Its `Scheduling` of one layer is asked, not that of a network, whose pipelining fails on current SymPy.
    """
    from nn_dataflow.core import (
        ConvLayer,
        DataLayout,
        FmapPosition,
        FmapRange,
        MapStrategyEyeriss,
        Option,
        PartitionScheme,
        PhyDim2,
        Scheduling,
        SchedulingCondition,
    )
    from nn_dataflow.core import ParallelEnum as Parallel
    from nn_dataflow.core import SchedulingConstraint as Constraint

    shape = layer_shape(task["problem"])
    layer = ConvLayer(shape["channels"], shape["filters"], shape["pixels"], shape["taps"], shape["strides"])
    resource, cost, bypass = _machine(task["machine"])
    one_node = PartitionScheme(order=range(Parallel.NUM), pdims=[PhyDim2(1, 1)] * Parallel.NUM)
    end = FmapPosition(b=shape["batch"], n=layer.nifm, h=layer.hifm, w=layer.wifm)
    inputs = DataLayout(
        frngs=(FmapRange(FmapPosition(b=0, n=0, h=0, w=0), end),),
        regions=(resource.src_data_region,),
        parts=(one_node,),
    )
    condition = SchedulingCondition(resource, Constraint(), inputs, sched_seq=(0, 0, 0))
    search = Scheduling(layer, shape["batch"], cost, MapStrategyEyeriss)
    found = search.schedule_search(condition, Option(sw_gbuf_bypass=bypass))
    if not found:
        raise PeerError(f"nn-dataflow found no schedule of {task['problem']['name']}")
    return float(found[0].total_cost)


def layer_shape(problem: dict[str, Any]) -> dict[str, Any]:
    """The convolution that a problem is: rows and columns are the inputs' ranks of two dimensions.

    Of the other dimensions, those that the weights lack are the batch, those that the inputs lack the filters
    and those that the outputs lack the channels.

    Raises
    ------
    PeerError
        For anything that is no convolution of one group without dilation.
    """
    dims = problem["dims"]
    of = {tensor: {name for rank in ranks for name in rank} for tensor, ranks in problem["tensors"].items()}
    refusal = PeerError(f"nn-dataflow knows convolutions of one group, not {problem['name']}")
    rows = [rank for rank in problem["tensors"]["inputs"] if len(rank) > 1]
    if len(rows) not in (0, 2):
        raise refusal
    pixels, taps, strides = [], [], []
    for rank in rows:
        pixel, tap = sorted(rank, key=lambda name: name in of["weights"])
        if pixel not in of["outputs"] or tap not in of["weights"] or rank[tap] != 1:
            raise refusal
        pixels.append(dims[pixel])
        taps.append(dims[tap])
        strides.append(rank[pixel])
    plain = {name for name in dims if not any(name in rank for rank in rows)}
    if any(dims[name] > 1 for name in plain & of["weights"] & of["inputs"] & of["outputs"]):
        raise refusal

    def size(absent: str) -> int:
        return math.prod(dims[name] for name in plain - of[absent])

    return {
        "batch": size("weights"),
        "filters": size("inputs"),
        "channels": size("outputs"),
        "pixels": tuple(pixels) or (1, 1),
        "taps": tuple(taps) or (1, 1),
        "strides": tuple(strides) or (1, 1),
    }


def _machine(machine: dict[str, Any]) -> tuple[Any, Any, tuple[bool, ...]]:
    from nn_dataflow.core import Cost, NodeRegion, PhyDim2, Resource
    from nn_dataflow.core import DataCategoryEnum as Data
    from nn_dataflow.core import MemHierEnum as Level

    outside = [level for level in machine["levels"] if not level["in_pe"]]
    inside = [level for level in machine["levels"] if level["in_pe"]]
    if len(outside) != 2 or len(machine["axes"]) != 2 or len({level["price"] for level in inside}) != 1:
        raise PeerError("nn-dataflow knows DRAM, a buffer, a two-dimensional array and its register files")
    dram, buffer = outside
    node = PhyDim2(1, 1)
    memory = NodeRegion(dim=node, origin=PhyDim2(0, 0), type=NodeRegion.DRAM)
    width, height = machine["axes"].values()
    resource = Resource(
        proc_region=NodeRegion(dim=node, origin=PhyDim2(0, 0), type=NodeRegion.PROC),
        dram_region=memory,
        src_data_region=memory,
        dst_data_region=memory,
        dim_array=PhyDim2(height, width),
        size_gbuf=buffer["bits"] // machine["word_bits"],
        size_regf=sum(level["bits"] for level in inside) // machine["word_bits"],
        array_bus_width=math.inf,
        dram_bandwidth=math.inf,
        no_time_mux=False,
    )
    price = {Level.DRAM: dram["price"], Level.GBUF: buffer["price"], Level.ITCN: 0}
    price[Level.REGF] = inside[0]["price"]
    cost = Cost(
        mac_op=machine["mac_price"],
        mem_hier=tuple(price[level] for level in range(Level.NUM)),
        noc_hop=0,
        idl_unit=0,
    )
    categories = {Data.FIL: "weights", Data.IFM: "inputs", Data.OFM: "outputs"}
    bypass = tuple(categories[data] not in buffer["required"] for data in range(Data.NUM))
    return resource, cost, bypass
