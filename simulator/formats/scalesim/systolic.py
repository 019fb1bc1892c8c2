"""Systolic arrays as SCALE-Sim has them: the machine, the matrix product that it runs, and the nest.

Rows are the axis y, columns the axis x. What stays in a PE has one place (single-buffered), what moves passes
from neighbour to neighbour, and each pass fills both axes step by step (skew):

    ws   weights stay   channels and taps on the rows, filters on the columns, output pixels follow each other
    is   inputs stay    channels and taps on the rows, output pixels on the columns, filters follow each other
    os   outputs stay   output pixels on the rows, filters on the columns, channels and taps follow each other

Operands that stay come in through the array, a row a cycle: a PE's place takes as many cycles as there are
rows for each of its words. SCALE-Sim's words have no widths; they are of a byte here, its sizes in bytes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from simulator.architecture import Architecture, Axis
from simulator.errors import MappingError, ProblemError
from simulator.formats.scalesim.config import Config
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, convolution

WORD_BITS = 8
ARRAY, STAY, INTERFACE = "PE", "stationary", "interface"
SRAMS = {"inputs": "IFMAP_SRAM", "weights": "FILTER_SRAM", "outputs": "OFMAP_SRAM"}


@dataclass(frozen=True)
class Flow:
    """A dataflow: what stays; the dimensions on rows and columns and in time; what links them."""

    stays: str
    rows: str
    columns: str
    streams: str
    row_links: str
    column_links: str
    native: str


DATAFLOWS = {
    "ws": Flow("weights", "C", "M", "P", "weights", "inputs", "weight_stationary"),
    "is": Flow("inputs", "C", "P", "M", "inputs", "weights", "input_stationary"),
    "os": Flow("outputs", "P", "M", "C", "weights", "inputs", "output_stationary_b"),
}


def systolic(config: Config) -> Architecture:
    """Return the machine of a configuration, without prices (an energy table gives them).

    Raises
    ------
    ArchitectureError
        For an array of more places than there can be.
    """
    flow = DATAFLOWS[config.dataflow]
    stay: dict[str, Any] = {"storage": STAY, "keeps": [flow.stays], "required": [flow.stays]}
    stay |= {"capacity": "1 word", "buffering": {flow.stays: "single"}}
    if flow.stays != "outputs":
        stay["bandwidth"] = {"write": f"{WORD_BITS / config.rows:.18f} bits"}
    sizes = {"inputs": config.ifmap_kb, "weights": config.filter_kb, "outputs": config.ofmap_kb}
    memories = [
        {"storage": name, "keeps": [tensor], "capacity": f"{sizes[tensor]} KiB"}
        for tensor, name in SRAMS.items()
    ]
    axes = {
        "x": _axis(config.columns, flow.column_links, False),
        "y": _axis(config.rows, flow.row_links, flow.rows == "C"),
    }
    interface: list[dict[str, Any]] = []
    if config.bandwidth is not None:
        width = f"{config.bandwidth * WORD_BITS} bits"
        interface = [
            {"array": INTERFACE, "axes": {"port": {"size": 1}}, "network": dict.fromkeys(SRAMS, width)}
        ]
    data = {
        "name": re.sub(r"^(?![A-Za-z_])", "_", re.sub(r"[^A-Za-z0-9_-]", "_", config.name, flags=re.ASCII))[
            :64
        ],
        "description": f"Systolic array of {config.rows} x {config.columns}, {flow.stays} stationary, "
        "of a SCALE-Sim configuration; words of a byte",
        "native_dataflow": flow.native,
        "energy_unit": "pJ",
        "bits": dict.fromkeys(SRAMS, WORD_BITS),
        "hierarchy": [
            {"storage": "DRAM"},
            *interface,
            {"side_by_side": memories},
            {"array": ARRAY, "axes": axes},
            stay,
            {"mac": {}},
        ],
    }
    return Architecture.from_dict(data, config.name)


def _axis(size: int, links: str, reduces: bool) -> dict[str, Any]:
    # A word that neighbours pass on in turn is one word to all of them in the nest, which has no skew.
    return {"size": size, "multicast": [links], "reduction": reduces, "links": [links]}


def product(problem: Problem) -> Problem:
    """Return the matrix product of a convolution: each window a row (P) of all channels and taps (C), by M.

    Groups remain, one after the other. A window's words count for each window that has them.

    Raises
    ------
    ProblemError
        For a problem that is none of a convolution's or product's.
    """
    x = problem.extents
    usual = convolution("usual")
    if set(x) != set(usual.extents) or any(
        problem.tensor(name).dimensions != usual.tensor(name).dimensions for name in SRAMS
    ):
        raise ProblemError(
            f"{problem.name}: {problem} is no convolution or matrix product of a systolic array"
        )
    return convolution(
        problem.name, g=x["G"], m=x["M"], c=x["C"] * x["R"] * x["S"], p=x["N"] * x["P"] * x["Q"]
    )


def systolic_mapping(problem: Problem, machine: Architecture) -> Mapping:
    """Return SCALE-Sim's nest of a `product` on a machine of `systolic`.

    A memory holds its tensor as far out in the nest as a tile fits, twice where it is double-buffered, and
    is passed by where none does.

    Raises
    ------
    MappingError
        For another machine.
    ProblemError
        For a problem that is no product.
    """
    if product(problem).extents != problem.extents:
        raise ProblemError(f"{problem.name}: is no matrix product yet; give product(problem)")
    flow, rows, columns = _parts(machine)
    extents = problem.extents
    spatial = {
        flow.rows: min(rows.size, extents[flow.rows]),
        flow.columns: min(columns.size, extents[flow.columns]),
    }
    # A column of the array does all its rows' passes before the next, as SCALE-Sim orders them.
    order = ("G", flow.rows, flow.columns) if flow.stays == "outputs" else ("G", flow.columns, flow.rows)
    outer = [Loop(d, math.ceil(extents[d] / spatial.get(d, 1))) for d in order]
    places = {tensor: _place(problem, machine, tensor, outer, spatial) for tensor in SRAMS}
    nodes: list[Store | Loop] = [Store(machine.outermost.name, tuple(SRAMS))]
    for place in range(len(outer) + 1):
        nodes += [Store(SRAMS[tensor], (tensor,)) for tensor in SRAMS if places[tensor] == place]
        nodes += [loop for loop in outer[place : place + 1] if loop.bound > 1]
    nodes += [
        Loop(dimension, spatial[dimension], axis.name, ARRAY)
        for dimension, axis in ((flow.rows, rows), (flow.columns, columns))
        if spatial[dimension] > 1
    ]
    nodes.append(Store(STAY, (flow.stays,)))
    if extents[flow.streams] > 1:
        nodes.append(Loop(flow.streams, extents[flow.streams]))
    return Mapping(tuple(nodes))


def _parts(machine: Architecture) -> tuple[Flow, Axis, Axis]:
    """The dataflow, rows and columns of a systolic machine."""
    if {STAY, *SRAMS.values()} <= {s.name for s in machine.storages} and ARRAY in {
        a.name for a in machine.arrays
    }:
        array, stays = machine.array(ARRAY), machine.storage(STAY).keeps
        axes = {axis.name: axis for axis in array.axes}
        flow = next((f for f in DATAFLOWS.values() if (f.stays,) == stays), None)
        if flow is not None and set(axes) == {"x", "y"}:
            return flow, axes["y"], axes["x"]
    raise MappingError(f"{machine.name}: is no systolic array of a SCALE-Sim configuration")


def _place(
    problem: Problem, machine: Architecture, tensor: str, outer: list[Loop], spatial: dict[str, int]
) -> int | None:
    """How many of the outer loops stand above a memory's tile: as few as it has room for."""
    memory, own = machine.storage(SRAMS[tensor]), problem.tensor(tensor).dimensions
    copies = 1 + memory.double_buffered(tensor)
    left = {d: extent for d, extent in problem.dimensions if d in own}
    for place in range(len(outer) + 1):
        if place:
            left |= {d: spatial.get(d, 1) for d in (outer[place - 1].dimension,) if d in own}
        words = math.prod(left.values())
        if memory.capacity_bits is None or words * WORD_BITS * copies <= memory.capacity_bits:
            return place
    return None
