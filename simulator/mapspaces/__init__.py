"""Mapspaces: the mappings of a problem on a machine that constraints allow."""

from simulator.mapspaces.constraints import Constraints
from simulator.mapspaces.space import Mapspace, Size

__all__ = ["Constraints", "Mapspace", "Size"]
