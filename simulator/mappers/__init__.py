"""Mappers: ways to look for the best mapping of a mapspace, behind one protocol, and the proven optimum."""

from simulator.mappers.choice import Choice, best_together
from simulator.mappers.driver import Found, search
from simulator.mappers.finding import (
    MAPPERS,
    OPTIMAL,
    check_mapper,
    find_best,
    find_optimum,
    has_lattice,
)
from simulator.mappers.objective import check_objective
from simulator.mappers.optimal.certificate import Certificate
from simulator.mappers.protocol import Mapper
from simulator.mappers.standing import Standing

__all__ = [
    "MAPPERS",
    "OPTIMAL",
    "Certificate",
    "Choice",
    "Found",
    "Mapper",
    "Standing",
    "best_together",
    "check_mapper",
    "check_objective",
    "find_best",
    "find_optimum",
    "has_lattice",
    "search",
]
