"""Runs that figures are drawn of: a small network on a small machine, counted by the closed form."""

from __future__ import annotations

from functools import cache

from simulator.evaluation import simulate
from simulator.results import NetworkResult

from ..small_networks import SMALL, network


@cache
def tiny(dataflow: str = "weight_stationary", batch: int = 1, engine: str = "closed-form") -> NetworkResult:
    return simulate(network(batch), SMALL, dataflow, engine=engine)
