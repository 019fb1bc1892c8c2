"""A dataflow's file, small dataflows and machines, and what their mappings look like."""

from oracles import machine

from simulator import dataflows
from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.mapping import Store

# A row of weight stationary, for the chip, whose buffer must keep inputs and outputs.
FILE = """\
name: mine
description: weights stay
nest:
- level: memory
  loops: [G, N, M, P]
- level: buffer
  keeps: [outputs, inputs]
  loops: [C, R]
- array: {last: {C: any}, each: {M: most}}
- level: pe
  keeps: weights
  loops: [Q, S]
- level: pe
  keeps: [inputs, outputs]
  bypass: allowed
"""


def pads(words=8, x=4, **axes):
    """Weights alone are kept in a PE, words of 8 bits."""
    return machine(
        {"storage": "DRAM"},
        {"array": "PE", "axes": {name: {"size": size} for name, size in {"x": x, **axes}.items()}},
        {"storage": "RF", "keeps": ["weights"], "capacity": f"{words} words", "buffering": "single"},
        {"mac": {}},
    )


def clusters(x=2):
    """Clusters of four PEs like `pads`', each under a buffer of its own."""
    return machine(
        {"storage": "DRAM"},
        {"array": "CL", "axes": {"x": {"size": x}}},
        {"storage": "BUF", "keeps": ["outputs"]},
        {"array": "PE", "axes": {"x": {"size": 4}}},
        {"storage": "RF", "keeps": ["weights"], "capacity": "8 words", "buffering": "single"},
        {"mac": {}},
    )


def flow(*nest, **fields):
    return Dataflow("mine", "", nest, **fields)


def places(mapping):
    """Bounds by dimension and place: ``M@DRAM``, ``M@PE.x``."""
    found, level = {}, ""
    for node in mapping.nodes:
        if isinstance(node, Store):
            level = node.level
            continue
        where = f"{node.dimension}@{node.place if node.spatial else level}"
        found[where] = found.get(where, 1) * node.bound
    return found


def mappings(dataflow, problem, on):
    space = dataflows.mapspace(dataflow, problem, on)
    return [space.decode(row) for batch in space.batches() for row in batch]


def bounds(dataflow, problem, on, *names):
    """Every combination of bounds that the space's mappings have at places; a number each, or tuples."""
    found = [places(mapping) for mapping in mappings(dataflow, problem, on)]
    rows = {tuple(mapping.get(name, 1) for name in names) for mapping in found}
    return rows if len(names) > 1 else {number for (number,) in rows}


def on_axes(**factors):
    return flow(Keep("memory", loops=("MCP",)), Spread(factors.pop("axes", {"x": factors})))
