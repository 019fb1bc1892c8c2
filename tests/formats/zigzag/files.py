"""Small files of ZigZag's form."""

from __future__ import annotations

from pathlib import Path


def port(name: str, kind: str, bits: int, *moves: str, least: int | None = None) -> str:
    text = ", ".join(f'"{move}"' for move in moves)
    return (
        f"{{name: {name}, type: {kind}, bandwidth_min: {least or bits}, bandwidth_max: {bits}, "
        f"allocation: [{text}]}}"
    )


def memory(
    name: str, size: int, operands: str, served: str, ports: list[str], costs: str = "r_cost: 2, w_cost: 3"
) -> str:
    return (
        f"  {name}: {{size: {size}, {costs}, area: 0.5, latency: 1, operands: [{operands}], "
        f"served_dimensions: [{served}], ports: [{', '.join(ports)}]}}\n"
    )


def register(
    name: str, operand: str, served: str, bits: int = 8, costs: str = "r_cost: 0.1, w_cost: 0.2"
) -> str:
    """A register of one operand with a port each way."""
    moves = (
        (["O, tl", "O, th"], ["O, fh", "O, fl"])
        if operand == "O"
        else ([f"{operand}, tl"], [f"{operand}, fh"])
    )
    ports = [port("r_port_1", "read", bits, *moves[0]), port("w_port_1", "write", bits, *moves[1])]
    return memory(name, 8 * bits, operand, served, ports, costs)


ALL = ("I1, fh", "I1, tl", "I2, fh", "I2, tl", "O, fh", "O, tl", "O, fl", "O, th")
DRAM = memory(
    "dram",
    10**9,
    "I1, I2, O",
    "D1, D2",
    [port("rw_port_1", "read_write", 64, *ALL)],
    "r_cost: 700, w_cost: 750",
)
SRAM = memory(
    "sram",
    65536,
    "I1, O",
    "D1, D2",
    [
        port("r_port_1", "read", 128, "I1, tl", "O, tl", "O, th", least=64),
        port("w_port_1", "write", 256, "I1, fh", "O, fh", "O, fl", least=64),
    ],
    "r_cost: 20, w_cost: 30, force_double_buffering: true",
)
ARRAY = "operational_array: {unit_energy: 0.5, unit_area: 2, dimensions: [D1, D2], sizes: [4, 8]}\n"
REGISTERS = register("rf_W", "I2", "") + register("rf_O", "O", "", 16)


def accelerator(*memories: str, array: str = ARRAY) -> str:
    """An accelerator; its memories from the lowest to the highest."""
    return "name: small\nmemories:\n" + "".join(memories or (REGISTERS, SRAM, DRAM)) + array


CONV = """\
- id: 0
  name: conv
  operator_type: Conv
  equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
  dimension_relations: [ix=2*ox+1*fx, iy=1*oy+1*fy]
  loop_dims: [B, K, C, OY, OX, FY, FX]
  loop_sizes: [2, 8, 4, 6, 5, 3, 3]
  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 0}
  pr_loop_dims: [IX, IY]
  padding: [[0, 0], [1, 1]]
"""
OTHERS = """\
- id: 1
  operator_type: Pooling
  equation: O[b][g][oy][ox]+=W[fx][fy]*I[b][g][iy][ix]
  dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
  loop_dims: [B, G, OY, OX, FX, FY]
  loop_sizes: [2, 8, 3, 3, 2, 2]
  operand_precision: {W: 0, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 1}
- id: 2
  operator_type: Add
  equation: O[b][g][oy][ox]=W[b][g][oy][ox]+I[b][g][oy][ox]
  loop_dims: [B, G, OY, OX]
  loop_sizes: [2, 8, 3, 3]
  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 1}
- id: 3
  operator_type: Gemm
  equation: O[b][d][k]+=I[b][d][c]*W[c][k]
  loop_dims: [C, D, K, B]
  loop_sizes: [16, 5, 12, 2]
  operand_precision: {W: 4, I: 8, O: 16, O_final: 16}
- id: 4
  name: depthwise
  operator_type: Conv
  equation: O[b][g][oy]+=W[g][fy]*I[b][g][iy]
  dimension_relations: [iy=1*oy+2*fy]
  loop_dims: [B, G, OY, FY]
  loop_sizes: [2, 8, 6, 3]
  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
"""
MAPPING = """\
- name: default
  spatial_mapping: {D1: ["K, 4"], D2: ["C, 2", "FX, 3", "OY, 1"]}
  memory_operand_links: {O: O, W: I2, I: I1}
- name: Pooling
  spatial_mapping: {D1: ["G, 4"]}
  spatial_mapping_hint: {D1: [B], D3: [OX, OY]}
  temporal_ordering: [[OX, 3], [OY, "*"]]
  memory_operand_links: {O: O, W: I1, I: I2}
"""


def write(folder: Path, text: str, name: str = "file.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
