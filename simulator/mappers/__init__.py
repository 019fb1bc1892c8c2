"""Mappers: ways to look for the best mapping of a mapspace, behind one protocol."""

from simulator.mappers.choice import Choice, best_together
from simulator.mappers.driver import (
    MAPPERS,
    OBJECTIVES,
    Found,
    Standing,
    check_mapper,
    check_objective,
    find_best,
    search,
)
from simulator.mappers.protocol import Mapper

__all__ = [
    "MAPPERS",
    "OBJECTIVES",
    "Choice",
    "Found",
    "Mapper",
    "Standing",
    "best_together",
    "check_mapper",
    "check_objective",
    "find_best",
    "search",
]
