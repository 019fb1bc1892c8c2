"""Dataflows: what stays where while the rest moves. One file each, with its constraints."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from simulator.architecture import Architecture
from simulator.dataflows import row_stationary, weight_stationary
from simulator.errors import SimulatorError, did_you_mean
from simulator.mapping import Mapping
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem

MODULES: dict[str, ModuleType] = {module.NAME: module for module in (row_stationary, weight_stationary)}


def _module(dataflow: str) -> ModuleType:
    if dataflow not in MODULES:
        raise SimulatorError(f"unknown dataflow {dataflow!r}{did_you_mean(dataflow, MODULES)}")
    return MODULES[dataflow]


def check_dataflow(dataflow: str) -> str:
    """Return the name of a dataflow; SimulatorError with the nearest name if there is none."""
    _module(dataflow)
    return dataflow


def describe(dataflow: str) -> str:
    """What a dataflow keeps stationary, and its parameters."""
    return (_module(dataflow).__doc__ or "").strip()


def mapspace(dataflow: str, problem: Problem, architecture: Architecture) -> Mapspace:
    """Every mapping a dataflow allows for a problem on a machine.

    Raises
    ------
    SimulatorError, MappingError
        For an unknown dataflow; for a machine or a problem it has no mapping for, and why.
    """
    make: Callable[[Mapspace], Constraints] = _module(dataflow).constraints
    whole = Mapspace(problem, architecture)
    space = whole.within(make(whole))
    # Raises where there is none.
    next(space.batches(1))
    return space


def mapping(
    dataflow: str, problem: Problem, architecture: Architecture, parameters: dict[str, int]
) -> Mapping:
    """The mapping of a dataflow with its parameters given by hand; see `describe` for their meaning.

    Raises
    ------
    SimulatorError, MappingError
        For an unknown dataflow, or parameters that are missing, unknown or do not fit.
    """
    make: Callable[..., Mapping] = _module(dataflow).mapping
    return make(problem, architecture, **parameters)
