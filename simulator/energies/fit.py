"""Power laws through points: how an access scales with capacity, width, banks and technology node."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# What an access depends on, and what is known of it.
VARIABLES = ("capacity_bytes", "width_bits", "banks", "node_nm")
QUANTITIES = ("read", "write", "leakage_mw", "area_um2")
# So many points for each coefficient before curvature is fitted: fewer would only follow their scatter.
_POINTS_PER_TERM = 2.0


@dataclass(frozen=True)
class PowerLaw:
    """``scale`` times e to a polynomial in the logarithms of ``variables``: of degree one, or two.

    ``rms_error`` and ``max_error`` are relative, over the points it was fitted to.
    """

    variables: tuple[str, ...]
    curved: bool
    scale: float
    coefficients: tuple[float, ...]
    rms_error: float
    max_error: float
    points: int

    def __call__(self, values: dict[str, float]) -> float:
        """Return the quantity at a value of each variable."""
        logs = np.log([[values[name] for name in self.variables]])
        return self.scale * float(np.exp(_terms(logs, self.curved) @ np.array(self.coefficients))[0])


def fit(points: dict[str, list[float]], quantity: str) -> PowerLaw:
    """Fit a quantity by least squares of relative errors to points, of which only varying variables count.

    ``points`` are columns of equal length, all numbers above zero; that of a single point may be zero.
    """
    variables = tuple(v for v in VARIABLES if v in points and len(set(points[v])) > 1)
    measured = np.array(points[quantity], dtype=np.float64)
    columns = np.array([points[v] for v in variables], dtype=np.float64)
    logs = np.log(columns.reshape(len(variables), len(measured)).T)
    # A square needs three values of its variable.
    square = all(len(set(points[v])) > 2 for v in variables)
    curved = square and len(measured) >= _POINTS_PER_TERM * math.comb(len(variables) + 2, 2)
    terms = _terms(logs, curved)
    # A single point is met to the last digit.
    scale = float(measured[0])
    if not variables:
        return PowerLaw((), False, scale, (0.0,), 0.0, 0.0, len(measured))
    coefficients = np.linalg.lstsq(terms, np.log(measured / scale), rcond=None)[0]
    errors = scale * np.exp(terms @ coefficients) / measured - 1
    rms, largest = float(np.sqrt(np.mean(errors**2))), float(np.max(np.abs(errors)))
    return PowerLaw(variables, curved, scale, tuple(map(float, coefficients)), rms, largest, len(measured))


def _terms(logs: npt.NDArray[np.float64], curved: bool) -> npt.NDArray[np.float64]:
    """The polynomial's terms, (points, terms): one, the variables, and if curved their products."""
    columns = list(logs.T)
    products = itertools.combinations_with_replacement(columns, 2) if curved else ()
    return np.stack([np.ones(len(logs)), *columns, *(a * b for a, b in products)], axis=1)
