"""Dataflows: what stays where while the rest moves. One file each, with its nest."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from simulator.architecture import Architecture
from simulator.dataflow_names import BUILT_IN, dataflow_names, machine_dataflows
from simulator.dataflows import row_stationary, weight_stationary
from simulator.dataflows.declaration import Dataflow
from simulator.dataflows.factors import constraints
from simulator.dataflows.nest import nest_on
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace
from simulator.problem import Problem

DATAFLOWS: dict[str, Dataflow] = {name: import_module(f"{__name__}.{name}").DATAFLOW for name in BUILT_IN}
# Those whose mappings can be given by parameters.
_BY_HAND: tuple[ModuleType, ...] = (row_stationary, weight_stationary)

Source = Dataflow | str | os.PathLike[str]


def load_dataflow(source: Source) -> Dataflow:
    """Return a dataflow: one of `dataflow_names`, a YAML file's by path, or the object itself.

    Raises
    ------
    SimulatorError
        For an unknown name (with the nearest), or anything wrong in the file.
    """
    if isinstance(source, Dataflow):
        return source
    if not isinstance(source, str | os.PathLike):
        raise SimulatorError(f"a dataflow is a name, a file's path or an object, not {source!r}")
    name, of_machines = os.fspath(source), machine_dataflows()
    if name in DATAFLOWS:
        return DATAFLOWS[name]
    if name in of_machines:
        return _read_registered(of_machines[name])
    path = Path(source)
    if path.suffix in (".yaml", ".yml") or (name and path.exists()):
        from simulator.dataflows.file import read_dataflow

        return read_dataflow(path)
    raise SimulatorError(f"unknown dataflow {name!r}{did_you_mean(name, dataflow_names())}")


@lru_cache(maxsize=64)
def _read_registered(path: Path) -> Dataflow:
    from simulator.dataflows.file import read_dataflow

    return read_dataflow(path)


def parameters(dataflow: Source) -> tuple[str, ...]:
    """Names of the parameters with which a dataflow's mapping can be given by hand; none for most.

    Raises
    ------
    SimulatorError
        For an unknown dataflow.
    """
    by_hand = _by_hand(load_dataflow(dataflow))
    return () if by_hand is None else tuple(by_hand.PARAMETERS)


def _by_hand(flow: Dataflow) -> ModuleType | None:
    """The module that knows a dataflow's parameters; a file of the same name is another dataflow."""
    return next((module for module in _BY_HAND if flow == module.DATAFLOW), None)


def mapspace(dataflow: Source, problem: Problem, architecture: Architecture) -> Mapspace:
    """Every mapping a dataflow allows for a problem on a machine.

    Raises
    ------
    SimulatorError, MappingError
        For an unknown dataflow; for a machine or a problem it has no mapping for, and why: the level or axis
        that is too small, and the constraint without which there would be one.
    """
    flow = load_dataflow(dataflow)
    whole = Mapspace(problem, architecture)
    nest = nest_on(flow, problem, architecture)
    try:
        space = whole.within(constraints(nest, whole))
        # Raises where there is none.
        next(space.batches(1))
    except MappingError as error:
        raise MappingError(f"{error}{_blame(flow, whole)}") from None
    return space


def _blame(flow: Dataflow, whole: Mapspace) -> str:
    """Name the constraint without which a dataflow had a mapping, if there is one alone."""
    for text, freer in flow.relaxed(whole.encoding.dimensions):
        try:
            nest = nest_on(freer, whole.problem, whole.architecture)
            found = whole.within(constraints(nest, whole)).has_mapping()
        except SimulatorError:
            continue
        if found:
            return f"; without {text} there would be one"
    return ""


def mapping(
    dataflow: Source, problem: Problem, architecture: Architecture, parameters: dict[str, int]
) -> Mapping:
    """The mapping of a dataflow with its parameters given by hand; its description says what they mean.

    Raises
    ------
    SimulatorError, MappingError
        For an unknown dataflow or one without parameters, or parameters that are missing, unknown or do not
        fit.
    """
    flow = load_dataflow(dataflow)
    by_hand = _by_hand(flow)
    if by_hand is None:
        known = " and ".join(module.NAME for module in _BY_HAND)
        raise SimulatorError(f"{flow.name} has no parameters: only {known} have; give a mapping")
    make: Callable[..., Mapping] = by_hand.mapping
    return make(problem, architecture, **parameters)
