"""The machines that ISCA'16 compares dataflows on: the same area for storage, whatever the dataflow needs.

Y.-H. Chen, J. Emer, V. Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional
Neural Networks", ISCA 2016. Equation 2: the storage of every machine has the area of 512 bytes of register
file and 512 bytes of buffer a PE. A dataflow that needs less in the PE gets the rest as buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.architecture import Architecture

# Area of a byte (um2, 65 nm) against the bytes of a memory: the curve of figure 7a. Between its points, and
# beyond the last, it is read by linear interpolation.
AREA_BYTES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
AREA_PER_BYTE = (103.47, 172.07, 177.07, 169.89, 96.06, 59.15, 39.94, 27.48, 20.87, 16.14, 13.89, 12.7)
# The curve's last value, 12.7, is rounded. With 12.7 for the baseline, 12.7001942 to 12.7001948 gives all 18
# published capacities to the byte (fitted); 12.7 itself comes within 22 bytes in a million.
BUFFER_AREA_PER_BYTE = 12.7001945
BASELINE_BYTES_A_PE = 512  # section VI-B: of register file, and as much of buffer

BYTES_PER_WORD = 2

# Bytes of register file a PE (section VI-B): 16-bit words for a row of each tensor (RS), a weight (WS), a
# sum beside U + U R (OSA) or U (OSB) inputs, at most R = 11, U = 4, a sum (OSC), nothing (NLR).
REGISTER_FILE_BYTES = {"RS": 512, "WS": 2, "OSA": 98, "OSB": 10, "OSC": 2, "NLR": 0}
# By label the dataflow's name in `simulator.dataflows`.
DATAFLOWS = {
    "RS": "row_stationary",
    "WS": "weight_stationary",
    "OSA": "output_stationary_a",
    "OSB": "output_stationary_b",
    "OSC": "output_stationary_c",
    "NLR": "no_local_reuse",
}
# Rows and columns of a square array, as near as two powers of two come (our choice: the paper gives none).
ARRAYS = {256: (16, 16), 512: (16, 32), 1024: (32, 32)}


def buffer_bytes(label: str, pes: int) -> int:
    """Bytes of buffer that a dataflow has for so many PEs at equal area (equation 2)."""
    baseline = BASELINE_BYTES_A_PE * (_area_per_byte(BASELINE_BYTES_A_PE) + AREA_PER_BYTE[-1])
    in_pe = REGISTER_FILE_BYTES[label]
    return round(pes * (baseline - in_pe * _area_per_byte(in_pe)) / BUFFER_AREA_PER_BYTE)


def _area_per_byte(capacity: int) -> float:
    return float(np.interp(capacity, AREA_BYTES, AREA_PER_BYTE))


def paper_machine(label: str, pes: int, columns: int = 1) -> Architecture:
    """The machine of a dataflow in the paper's setting: PEs in a row, prices that say equations 3 and 4.

    Operands cost an access for each read of a level and each delivery, nothing where they are filled in;
    sums two accesses for each accumulation at a level (refill and merge), at DRAM one for each drain and
    refill. What a dataflow's PE does besides is in `_PE`.

    Parameters
    ----------
    columns
        Places on an axis of their own that does not reduce: the filter columns of weight stationary, whose
        sums leave the array row by row (section IV-A).
    """
    own = _PE[label]
    axes: dict[str, Any] = {"x": {"size": pes // columns, "links": own["links"]}}
    if columns > 1:
        axes["s"] = {"size": columns, "reduction": False}
    in_pe = REGISTER_FILE_BYTES[label]
    register_file = {
        "storage": "RF",
        "keeps": own["keeps"],
        "capacity": f"{in_pe} B",
        "stores_padding": True,
        "buffering": dict.fromkeys(own["keeps"], "single"),
        "price": own["price"],
    }
    # Section IV-A: every PE of a block takes the same pixel and sums wait for it in delay lines. Here sums go
    # straight on and pixels wait, in a level that costs nothing: each comes once from DRAM, as there.
    stream = {
        "storage": "STREAM",
        "keeps": ["inputs"],
        "stores_padding": True,
        "price": {"read": 0, "fill": 0},
    }
    return _machine(
        label,
        pes,
        f"{pes} PEs in a row, {label} in the accounting of ISCA'16",
        {"read": 200, "fill": 0, "drain": 200, "merge": 200, "send": 0, "refill": 200},
        {"read": 6, "fill": 0, "drain": 0, "merge": 12, "send": 0, "refill": 12},
        {
            "axes": axes,
            "price": {
                "deliver": {"default": 2, "outputs": 0, **own["deliver"]},
                "hop": 0,
                "link": 0,
                "add": 2,
            },
        },
        [register_file] if in_pe else [],
        [stream] if label == "WS" else [],
    )


def square_machine(label: str, pes: int) -> Architecture:
    """The same storage below a square array, every action an access at the prices of table IV.

    What is one access and what two is the reading of `arch_configs/eyeriss_v1.yaml`: all are one, a merge
    being the read whose write is a drain. Neighbours pass inputs on where the dataflow has them do so.
    """
    rows, columns = ARRAYS[pes]
    axis = {"links": _PE[label]["links"]}
    actions = ("read", "fill", "drain", "merge", "send", "refill")
    register_file = {
        "storage": "RF",
        "capacity": f"{REGISTER_FILE_BYTES[label]} B",
        "stores_padding": True,
        "buffering": "single",
        "price": dict.fromkeys(actions, 1),
    }
    return _machine(
        label,
        pes,
        f"{rows} x {columns} PEs, {label}'s storage at equal area, every action priced",
        dict.fromkeys(actions, 200),
        dict.fromkeys(actions, 6),
        {
            "axes": {"x": {"size": columns, **axis}, "y": {"size": rows, **axis}},
            "price": {"deliver": 2, "hop": 0, "link": 0, "add": 2},
        },
        [register_file] if REGISTER_FILE_BYTES[label] else [],
    )


# What a PE keeps and is charged for in the paper's setting: RF accesses, deliveries other than 2, and what
# neighbours pass on. Output stationary: equation 4's sums alone, an input comes over the array for each MAC.
_PE: dict[str, dict[str, Any]] = {
    "RS": {
        "keeps": ["weights", "inputs", "outputs"],
        "price": {"read": 1, "fill": 0, "drain": 0, "merge": 2, "send": 0, "refill": 2},
        "deliver": {},
        "links": [],
    },
    "WS": {"keeps": ["weights"], "price": {"read": 1, "fill": 0}, "deliver": {"weights": 0}, "links": []},
    "OSC": {
        "keeps": ["outputs"],
        "price": {"fill": 0, "drain": 0, "merge": 2, "send": 0, "refill": 2},
        "deliver": {},
        "links": [],
    },
    "NLR": {"keeps": [], "price": {}, "deliver": {"weights": 0}, "links": []},
}
_PE["OSA"] = _PE["OSB"] = {
    "keeps": ["inputs", "outputs"],
    "price": {"read": 0, "fill": 0, "drain": 0, "merge": 2, "send": 0, "refill": 2},
    "deliver": {},
    "links": ["inputs"],
}


def _machine(
    label: str,
    pes: int,
    description: str,
    dram: dict[str, int],
    buffer: dict[str, int],
    array: dict[str, Any],
    register_file: list[dict[str, Any]],
    beside_buffer: Sequence[dict[str, Any]] = (),
) -> Architecture:
    """DRAM, buffer, array and register file with these prices; every level stores padding, as H is padded."""
    glb = {
        "storage": "GLB",
        "capacity": f"{buffer_bytes(label, pes)} B",
        "stores_padding": True,
        "buffering": "single",
        "price": buffer,
    }
    return Architecture.from_dict(
        {
            "name": f"isca16_{label}_{pes}",
            "description": description,
            "technology": "65 nm CMOS",
            "energy_unit": "MAC",
            "bits": {"weights": 16, "inputs": 16, "outputs": 16, "partial_sums": 16},
            "hierarchy": [
                {"storage": "DRAM", "stores_padding": True, "price": dram},
                {"side_by_side": [glb, *beside_buffer]} if beside_buffer else glb,
                {"array": "PE", **array},
                *register_file,
                {"mac": {"price": 1}},
            ],
            "sources": [
                "Y.-H. Chen, J. Emer, V. Sze, ISCA 2016: tables II and IV, equations 2 to 4, figure 7a"
            ],
        }
    )
