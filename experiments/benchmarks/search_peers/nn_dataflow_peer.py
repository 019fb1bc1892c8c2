"""nn-dataflow's search of row-stationary schedules: https://github.com/stanford-mast/nn_dataflow"""

from __future__ import annotations

import itertools
import math
import time
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.nests import Node, parallel, store, temporal, trimmed
from experiments.benchmarks.search_peers.process import PeerError, Result, installed, run

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

NAME = "nn_dataflow"
DISTRIBUTION = "nn_dataflow"
# By default every loop blocking is tried; its solver takes those that keep a tensor in the buffer.
SETTINGS: dict[str, dict[str, Any]] = {"default": {"solver": False}, "solver": {"solver": True}}
ACCOUNTING = (
    "row stationary only, in one register file of the scratchpads' size; three register accesses per MAC, "
    "here four, and none for fills; a row of inputs or sums counts as kept where registers hold its window"
)


def available() -> str | None:
    """Return the installed version, or None."""
    return installed(DISTRIBUTION)


def search(
    problem: Problem, machine: Architecture, limit_seconds: float | None = None, **settings: Any
) -> Result:
    """Return the least energy of the exhaustive search of loop blockings, or of its ``solver``.

    Raises
    ------
    PeerError
        As `process.run`.
    """
    settings = SETTINGS["default"] | settings
    return run(NAME, DISTRIBUTION, problem, machine, limit_seconds, **settings)


def start(task: dict[str, Any]) -> None:
    """Import what a task needs."""
    import nn_dataflow.core  # noqa: F401


def solve(task: dict[str, Any]) -> dict[str, Any]:
    """The least energy of a task, its nest, and how many loop blockings were tried; here in this process."""
    from nn_dataflow.core import loop_blocking

    tried = [0]
    plain = loop_blocking.LoopBlockingScheme

    class Counted(plain):  # type: ignore[misc, valid-type]  # the class is a module's variable, untyped
        def __init__(self, *args: Any) -> None:
            tried[0] += 1
            super().__init__(*args)

    loop_blocking.LoopBlockingScheme = Counted
    layer, found = _search(task)
    nests = _nests(task, layer, found.scheme)
    return {"energy": float(found.total_cost), "tried": tried[0], "mappings": nests}


def rate(task: dict[str, Any]) -> dict[str, Any]:
    """Loop blockings scored a CPU second, one after the other: that found best, for ``seconds``."""
    from nn_dataflow.core import BufShrScheme, LoopBlockingScheme, MapStrategyEyeriss, Option
    from nn_dataflow.core.layer import ConvLayer

    layer, found = _search(task)
    scheme = found.scheme
    resource, cost, bypass = _machine(task["machine"])
    strategy = MapStrategyEyeriss(layer, layer_shape(task["problem"])["batch"], 1, resource.dim_array)
    counts = [math.prod(scheme[name]) for name in ("ti", "to", "tb")]
    loops = next(nest for nest in strategy.gen_nested_loop_desc() if list(nest.loopcnt) == counts)
    sharing = BufShrScheme(resource.proc_region, _one_node(), ConvLayer.data_loops())
    option = Option(sw_gbuf_bypass=bypass)
    start, done = time.process_time(), 0
    while time.process_time() - start < task["seconds"]:
        blocking = LoopBlockingScheme(loops, scheme["tvals"], scheme["orders"], resource, sharing, option)
        blocking.get_access_cost(cost)
        done += 1
    return {"energy": float(found.total_cost), "rate": done / (time.process_time() - start)}


def _search(task: dict[str, Any]) -> tuple[Any, Any]:
    """The layer and its best schedule.

    Its `Scheduling` of one layer is asked, not that of a network, whose pipelining fails on current SymPy.
    """
    from nn_dataflow.core import (
        ConvLayer,
        DataLayout,
        FmapPosition,
        FmapRange,
        MapStrategyEyeriss,
        Option,
        Scheduling,
        SchedulingCondition,
    )
    from nn_dataflow.core import SchedulingConstraint as Constraint

    shape = layer_shape(task["problem"])
    layer = ConvLayer(shape["channels"], shape["filters"], shape["pixels"], shape["taps"], shape["strides"])
    resource, cost, bypass = _machine(task["machine"])
    end = FmapPosition(b=shape["batch"], n=layer.nifm, h=layer.hifm, w=layer.wifm)
    inputs = DataLayout(
        frngs=(FmapRange(FmapPosition(b=0, n=0, h=0, w=0), end),),
        regions=(resource.src_data_region,),
        parts=(_one_node(),),
    )
    condition = SchedulingCondition(resource, Constraint(), inputs, sched_seq=(0, 0, 0))
    search = Scheduling(layer, shape["batch"], cost, MapStrategyEyeriss)
    option = Option(sw_gbuf_bypass=bypass, sw_solve_loopblocking=task.get("solver", True))
    found = search.schedule_search(condition, option)
    if not found:
        raise PeerError(f"nn-dataflow found no schedule of {task['problem']['name']}")
    return layer, found[0]


def _one_node() -> Any:
    from nn_dataflow.core import ParallelEnum, PartitionScheme, PhyDim2

    return PartitionScheme(order=range(ParallelEnum.NUM), pdims=[PhyDim2(1, 1)] * ParallelEnum.NUM)


def _nests(task: dict[str, Any], layer: Any, scheme: dict[str, Any]) -> list[list[Node]]:
    """A schedule as our nests: filter rows by output rows on the array, folded or replicated as its
    `MapStrategyEyeriss` does, and a row of outputs in each PE.

    It takes a row for kept whose window the registers hold, which no one order of loops makes true, and
    buffers accordingly little: so there is a nest for each place of the row's loop (in the PEs, below the
    buffer, outermost) and each choice of more tensors in the buffer.
    """
    from nn_dataflow.core import DataCategoryEnum as Data
    from nn_dataflow.core import LoopEnum as Loop
    from nn_dataflow.core import MapStrategyEyeriss

    machine, dims = task["machine"], task["problem"]["dims"]
    resource, _, _ = _machine(machine)
    batch = layer_shape(task["problem"])["batch"]
    strategy = MapStrategyEyeriss(layer, batch, 1, resource.dim_array)
    fold, rows, pixels = strategy.fold, strategy.dim_flpeset.h, strategy.dim_flpeset.w
    x, y = machine["axes"]
    # A set too wide for the array lies on it in several strips, one below the other.
    strips = strategy.dim_ppeset.h // (rows * strategy.repl.h)
    channels = -(-layer.nifm // math.prod(scheme["ti"]))
    filters = -(-layer.nofm // math.prod(scheme["to"]))
    across = min(strategy.repl.w, filters)
    on_array = [
        parallel(y, "C", channels),
        parallel(y, "M", -(-filters // across)),
        parallel(x, "M", across),
        parallel(y, "P", strips),
        parallel(x, "P", -(-pixels // strips)),
        parallel(y, "R", rows),
    ]
    folds = fold.w
    levels: list[list[Node]] = [[], [], []]
    for number in (2, 1, 0):
        factors = scheme["tvals"][number]
        # Folded output rows count as images.
        folded = math.gcd(factors[Loop.BAT], folds)
        folds //= folded
        bounds = {"C": factors[Loop.IFM], "M": factors[Loop.OFM], "N": factors[Loop.BAT] // folded}
        order = scheme["orders"][number] if number < 2 else (0, 1, 2)
        place = {"C": order[Loop.IFM], "M": order[Loop.OFM], "N": order[Loop.BAT]}
        for name in sorted(place, key=lambda name: -place[name]):
            levels[number].append(temporal(name, bounds[name]))
            levels[number] += [temporal("P", folded)] if name == "N" else []
    names = {Data.FIL: "weights", Data.IFM: "inputs", Data.OFM: "outputs"}
    passing = [names[data] for data in range(Data.NUM) if not scheme["size"][0][data]]
    outside = [level["name"] for level in machine["levels"] if not level["in_pe"]]
    inside = {level["keeps"][0]: level["name"] for level in machine["levels"] if level["in_pe"]}
    row = temporal("Q", layer.wofm)
    in_pe = [store(inside["inputs"], "inputs"), store(inside["outputs"], "outputs"), *levels[2]]
    nests = []
    for count in range(len(passing) + 1):
        for more in itertools.combinations(passing, count):
            kept = [tensor for tensor in names.values() if tensor in more or tensor not in passing]
            parts = [
                [store(outside[0], *names.values())],
                [*levels[0], *([store(outside[1], *kept)] if kept else [])],
                [*levels[1], temporal("R", fold.h), *on_array, store(inside["weights"], "weights")],
                [*in_pe, temporal("S", layer.wfil)],
            ]
            for place in (1, 2, 3):
                nest = [*parts[:place], [row], *parts[place:]]
                nests.append(trimmed(list(itertools.chain(*nest)), dims))
    return nests


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
