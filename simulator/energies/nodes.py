"""What an operation costs at another technology node: Stillmaker and Baas' fits to simulated circuits.

A. Stillmaker, B. Baas, "Scaling equations for the accurate prediction of CMOS device performance from 180 nm
to 7 nm", Integration 58, 2017; the numbers as transcribed in hwcomponents 1.0.114 (scaling/techscaling.py).
"""

from __future__ import annotations

import math

from simulator.energies.table_file import EnergyTableError

# Energy of a node at a supply of V volts: a V^2 + b V + c, in arbitrary units.
_ENERGY = {
    130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092), 65: (3.755, -4.398, 1.975),
    45: (1.103, -0.362, 0.2767), 32: (0.9559, -0.7823, 0.471), 20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024), 14: (0.2363, -0.09675, 0.02239), 10: (0.2068, -0.09311, 0.02375),
    7: (0.1776, -0.09097, 0.02447),
}  # fmt: skip
# Area of a circuit against the same at 130 nm.
_AREA = {
    130: 1.0, 90: 0.44, 65: 0.23, 45: 0.16, 32: 0.072, 20: 0.033, 16: 0.03, 14: 0.027, 10: 0.016, 7: 0.0092,
}  # fmt: skip
# One supply for both nodes, that of Horowitz' figures: what a smaller node's lower one saves is left out.
SUPPLY_V = 0.9


def factor(quantity: str, from_nm: float, to_nm: float) -> float:
    """Return what energy, leakage or area (``quantity`` area_um2) is multiplied by from a node to another.

    Between nodes of the paper logarithmically.

    Raises
    ------
    EnergyTableError
        For a node outside of 7 to 130 nm, unless both are the same.
    """
    if from_nm == to_nm:
        return 1.0
    at = _AREA if quantity == "area_um2" else {node: _energy(node) for node in _ENERGY}
    return _between(at, to_nm) / _between(at, from_nm)


def _energy(node: int) -> float:
    a, b, c = _ENERGY[node]
    return a * SUPPLY_V**2 + b * SUPPLY_V + c


def _between(at: dict[int, float], node: float) -> float:
    if not min(at) <= node <= max(at):
        raise EnergyTableError(f"{node:g} nm: figures are scaled between {min(at)} and {max(at)} nm only")
    above = min(known for known in at if known >= node)
    below = max(known for known in at if known <= node)
    if above == below:
        return at[below]
    share = math.log(node / below) / math.log(above / below)
    return math.exp((1 - share) * math.log(at[below]) + share * math.log(at[above]))
