"""Designs in Timeloop's form, and random mappings that it can express."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from simulator.architecture import Architecture
from simulator.formats.timeloop.slots import Slot, slots_of
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, convolution

PROBLEM = """
problem:
  version: 0.4
  instance: {C: 2, M: 4, R: 3, S: 1, N: 1, P: 5, Q: 6, Wstride: 2}
  shape:
    name: row
    coefficients:
    - {name: Wstride, default: 1}
    - {name: Wdilation, default: 1}
    dimensions: [C, M, R, S, N, P, Q]
    data_spaces:
    - name: Weights
      projection: [[[C]], [[M]], [[R]], [[S]]]
    - name: Inputs
      projection: [[[N]], [[C]], [[R, Wdilation], [P, Wstride]], [[S], [Q]]]
    - name: Outputs
      projection: [[[N]], [[M]], [[Q]], [[P]]]
      read_write: true
"""
GEMM = """
problem:
  shape:
    dimensions: [M, N, K]
    data_spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[N]], [[K]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
  instance: {M: 4, N: 6, K: 8}
"""
# Version 4: containers, a fan-out in each, components side by side.
NODES = """
variables: {technology: 45nm, global_cycle_seconds: 5e-9, glb_kib: 16}
architecture:
  version: 0.4
  nodes:
  - !Container {name: system}
  - !Component {name: DRAM, class: DRAM, attributes: {width: 64, datawidth: 8}}
  - !Component
    name: glb
    class: smartbuffer_SRAM
    attributes: &sram
      depth: 1024 * glb_kib // 8
      width: 64
      datawidth: 8
      read_bandwidth: 16
    constraints:
      dataspace: {keep: [Inputs, Outputs], bypass: [Weights]}
  - !Container
    name: column
    spatial: {meshX: 14}
    constraints:
      spatial: {permutation: [N, C, P, R, S, Q, M], factors: [N=1, C=1, P=1, R=1, S=1], split: 999}
  - !Container
    name: PE
    spatial: {meshY: 12}
    constraints:
      spatial: {permutation: [N, P, Q, R, S, C, M], factors: [N=1, P=1, Q=1, R<=3], split: 0}
  - !Parallel
    nodes:
    - !Component
      name: ifmap
      class: regfile
      attributes: {depth: 12, width: 8, datawidth: 8}
      constraints: {dataspace: {keep: [Inputs]}}
    - !Component
      name: filter
      class: regfile
      attributes: {<<: *sram, depth: 24}
      constraints:
        dataspace: {keep: [Weights]}
        temporal: {permutation: [N, M, P, Q, S, C, R], factors: [N=1, M=1, P=1, Q=1, S=1]}
    - !Component
      name: psum
      class: regfile
      attributes: {depth: 16, width: 16, datawidth: 16, multiple_buffering: 2}
      constraints: {dataspace: {keep: [Outputs]}}
  - !Component {name: mac, class: intmac}
"""
# Version 3: trees, fan-outs by how many there are of each.
TREES = """
architecture:
  version: 0.3
  subtree:
  - name: system
    local:
    - {name: DRAM, class: DRAM, attributes: {width: 64, word-bits: 16}}
    subtree:
    - name: chip
      attributes: {technology: 45nm}
      local:
      - name: glb
        class: SRAM
        attributes: {depth: 512, width: 64, word-bits: 16, cluster-size: 2}
      subtree:
      - name: PE[0..11]
        local:
        - {name: spad, class: regfile, attributes: {entries: 24, word-bits: 16, meshX: 4}}
        - {name: macc, class: intmac, attributes: {datawidth: 16, meshX: 4}}
architecture_constraints:
  targets:
  - {target: spad, type: bypass, keep: [Weights], bypass: [Inputs, Outputs]}
  - {target: glb, type: spatial, permutation: CM, split: 1, factors: R=1 S=1 P=1 Q=1 N=1}
"""

_TENSORS = ["weights", "inputs", "outputs"]


def machine(hierarchy: list[dict[str, Any]]) -> Architecture:
    """A machine without bounds, all of whose levels take any tensor."""
    bits = dict.fromkeys(_TENSORS, 8)
    return Architecture.from_dict(
        {"name": "open", "energy_unit": "pJ", "bits": bits, "hierarchy": [*hierarchy, {"mac": {}}]}
    )


def array(name: str, **axes: int) -> dict[str, Any]:
    return {"array": name, "axes": {axis: {"size": size} for axis, size in axes.items()}}


MACHINES = (
    machine(
        [
            {"storage": "DRAM"},
            {"storage": "GLB"},
            array("PE", x=216, y=216),
            {"side_by_side": [{"storage": name} for name in ("A", "B", "C")]},
        ]
    ),
    machine(
        [
            {"storage": "DRAM"},
            array("chips", y=216),
            {"storage": "GLB"},
            {"storage": "L1"},
            array("lanes", x=216),
            array("rows", y=216),
            {"storage": "RF"},
            array("inter_MAC_spatial", x=216),
        ]
    ),
)


@st.composite
def expressible(draw: st.DrawFn, version: int = 4) -> tuple[Problem, Architecture, Mapping]:
    """A layer, a machine and a mapping of Timeloop's kind, its loops on fan-outs in any order."""
    sizes = {name: draw(st.integers(1, most)) for name, most in {"m": 6, "c": 2, "p": 6, "r": 3}.items()}
    problem = convolution("layer", **sizes, stride=draw(st.integers(1, 2)))
    arch = draw(st.sampled_from(MACHINES))
    slots = slots_of(arch, version)
    for dimension, extent in problem.dimensions:
        left = extent
        for slot in reversed(slots[1:]):
            bound = draw(st.integers(1, left)) if left > 1 and draw(st.booleans()) else 1
            left = -(-left // bound)
            _add(draw, slot, dimension, bound)
        _add(draw, slots[0], dimension, left)
    return problem, arch, _nest(draw, arch, slots)


def _add(draw: st.DrawFn, slot: Slot, dimension: str, bound: int) -> None:
    if bound > 1:
        place, axis = draw(st.sampled_from(sorted(slot.axes.values()))) if slot.axes else (None, None)
        slot.loops.append(Loop(dimension, bound, axis, place))


def _nest(draw: st.DrawFn, arch: Architecture, slots: list[Slot]) -> Mapping:
    held: dict[int, set[str]] = {}
    order = [array.name for array in arch.arrays]
    nodes: list[Store | Loop] = []
    for slot in slots:
        if slot.level is not None:
            rank = arch.rank_of(slot.level)
            free = [t for t in _TENSORS if t not in held.setdefault(rank, set())]
            keeps = _TENSORS if not nodes else [t for t in free if draw(st.booleans())]
            held[rank] |= set(keeps)
            nodes += [Store(slot.level, tuple(keeps))] if keeps else []
        nodes += sorted(draw(st.permutations(slot.loops)), key=lambda x: order.index(x.array or order[0]))
    return Mapping(tuple(nodes))
