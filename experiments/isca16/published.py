"""What is published of the ISCA'16 comparison, for 256 PEs.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, shows figures 10 to 14 as images. The values here were derived: the
optimum of the authors' own energy model (equations 3 and 4, integer parameters searched exhaustively) for
AlexNet, which gives the ratios that the paper's text states. Its equations multiply fractional reuse, so a
count may be no whole number.

`published_layers.csv`: by batch, dataflow and layer the optimal parameters, accesses to each level in words,
active PEs, and energy by tensor in MACs; empty where nothing fits. `published_totals.csv`: the same for all
convolutions and all fully connected layers together, per MAC; delay is 1 / active PEs, EDP energy times it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PES = 256
_FOLDER = Path(__file__).parent

# ISCA'16, abstract and section VII: energy of the others over row stationary's.
CONV_GAIN = (1.4, 2.5)
FC_GAIN = 1.3  # at batch 16 and more
# Text of figure 10: share of AlexNet's energy that row stationary spends in the convolutions (batch 16).
CONV_SHARE = 0.8


@dataclass(frozen=True)
class PublishedLayer:
    """The optimum of one layer: its parameters and energy (MACs)."""

    parameters: tuple[int, ...]
    energy: float


@cache
def layers() -> dict[tuple[str, int, str], PublishedLayer | None]:
    """By dataflow, batch and layer the optimum, None where nothing fits."""
    found: dict[tuple[str, int, str], PublishedLayer | None] = {}
    for row in _read("published_layers.csv"):
        key = row["dataflow"], int(row["batch"]), row["layer"]
        if not row["parameters"]:
            found[key] = None
            continue
        energy = sum(float(row[name]) for name in ("macs", "weights", "inputs", "outputs"))
        found[key] = PublishedLayer(tuple(map(int, row["parameters"].split())), energy)
    return found


@cache
def totals() -> dict[tuple[str, int, str], dict[str, float] | None]:
    """By kind of layers (CONV, FC), batch and dataflow the figures per MAC, None if a layer does not fit."""
    found: dict[tuple[str, int, str], dict[str, float] | None] = {}
    for row in _read("published_totals.csv"):
        key = row.pop("layers"), int(row.pop("batch")), row.pop("dataflow")
        found[key] = {name: float(value) for name, value in row.items()} if row["energy"] else None
    return found


def _read(name: str) -> list[dict[str, str]]:
    with open(_FOLDER / name, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
