"""Timeloop's files, version 3 and 4: read as problems, machines, mappings and dataflows, and written.

    from simulator.formats import timeloop

    design = timeloop.read("arch.yaml", "problem.yaml", "mapping.yaml")
    design.machine.architecture, design.problem.problem
    mapping, notes = design.mapping(problem, machine)

What has no counterpart here stands in ``notes``, or is an error. Where counts differ from Timeloop's, and
why, is in the documentation.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.formats.timeloop.kinds import CONSTRAINTS, KINDS, kinds_of

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.dataflows.declaration import Dataflow
    from simulator.formats.timeloop.machines import TimeloopMachine
    from simulator.formats.timeloop.problems import TimeloopProblem
    from simulator.mapping import Mapping
    from simulator.mapspaces import Constraints
    from simulator.problem import Problem

__all__ = ["KINDS", "Design", "kinds_of", "read", "write_architecture", "write_mapping", "write_problem"]

_READ = (*KINDS, "variables", "version")
# The convolution's, of which constraints of fan-outs speak where no problem is given.
_DIMENSIONS = ("N", "G", "M", "C", "P", "Q", "R", "S")


@dataclass(frozen=True)
class Design:
    """What one or several files of Timeloop say together; see `read`."""

    path: str
    data: dict[str, Any]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What of `KINDS` is there."""
        return tuple(kind for kind in KINDS if kind in self.data)

    @property
    def notes(self) -> tuple[str, ...]:
        """The parts of the files that are not read at all."""
        unread = [name for name in self.data if name not in (*_READ, *CONSTRAINTS)]
        return (f"{self.path}: {', '.join(unread)[:200]}: no counterpart here",) if unread else ()

    @cached_property
    def problem(self) -> TimeloopProblem:
        """The problem; ProblemError for what is wrong in it."""
        from simulator.formats.timeloop.problems import read_problem_data

        self._require("problem")
        return read_problem_data(self.data, self.path, Path(self.path).name.partition(".")[0])

    @cached_property
    def machine(self) -> TimeloopMachine:
        """The machine, with the constraints on its mappings; ArchitectureError for what is wrong in it."""
        from simulator.formats.timeloop.machines import read_machine_data

        self._require("architecture")
        return read_machine_data(self.data, self.path, self.tensors)

    @property
    def tensors(self) -> dict[str, str]:
        """Our tensor of each data-space, where a problem says so."""
        return self.problem.tensors if "problem" in self.data else {}

    def mapping(self, problem: Problem, architecture: Architecture) -> tuple[Mapping, tuple[str, ...]]:
        """Return the mapping on a machine, and what of it was not read.

        Raises
        ------
        MappingError
            For what is wrong in it, or illegal.
        """
        from simulator.formats.timeloop.mappings import read_mapping_data

        self._require("mapping")
        return read_mapping_data(self.data, self.path, problem, architecture, self.tensors)

    def dataflow(self) -> tuple[Dataflow, tuple[str, ...]]:
        """Return what may lie on the fan-outs as a dataflow, and the constraints that are not in it.

        Dimensions are the problem's, or a convolution's where no problem is given.
        """
        from simulator.formats.timeloop.restrictions import dataflow_of

        notes: list[str] = []
        given = tuple(self.problem.problem.extents) if "problem" in self.data else _DIMENSIONS
        flow = dataflow_of(self.machine.limits, given, self.machine.architecture.name, notes)
        return flow, tuple(notes)

    def constraints(self, problem: Problem) -> tuple[Constraints, tuple[str, ...]]:
        """Return all constraints on a problem's mappings, for a `Mapspace`, and what is not kept to."""
        from simulator.formats.timeloop.restrictions import constraints_of

        notes: list[str] = []
        machine = self.machine.architecture
        return constraints_of(self.machine.limits, problem, machine, machine.name, notes), tuple(notes)

    def _require(self, kind: str) -> None:
        if kind not in self.data:
            found = ", ".join(self.kinds) or "none of Timeloop's"
            raise SimulatorError(f"{self.path}: the field {kind!r} is missing; there is {found}")


def read(
    *paths: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    variables: dict[str, object] | None = None,
) -> Design:
    """Read the YAML files, or Jinja templates of such, of one design.

    Parameters
    ----------
    root
        The folder that all included files must lie in; by default that of each file.
    variables
        What templates may use by name.

    Raises
    ------
    SimulatorError
        For files that cannot be read or are too large, a template that reads outside of the folder or does
        not end, and a part that two files have.
    """
    from simulator.formats.timeloop.files import read_design

    data: dict[str, Any] = {}
    for path in paths:
        for name, value in read_design(path, root, variables).items():
            if name in data and data[name] != value:
                raise SimulatorError(f"{path}: {name!r} is in another of the files already")
            data[name] = value
    return Design(os.fspath(paths[0]), data)


def write_mapping(
    problem: Problem,
    architecture: Architecture,
    mapping: Mapping,
    version: int = 4,
    tensors: dict[str, str] | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Return a mapping as the text of Timeloop's file, and what it does not say.

    Ragged bounds are written with their remainders, as ``P=14,13``.

    Parameters
    ----------
    version
        3 or 4 of Timeloop's form.
    tensors
        Our tensor of each data-space; by default those are called Weights, Inputs and Outputs.

    Raises
    ------
    MappingError
        For an illegal mapping, and for what Timeloop has no counterpart: a level that holds its tensors at
        several places, levels out of the hierarchy's order, two loops of a dimension at one place, latches.
    """
    from simulator.formats.timeloop.mappings import mapping_text, write_mapping_data

    data, notes = write_mapping_data(problem, architecture, mapping, version, tensors)
    return mapping_text(data), notes


def write_problem(problem: Problem) -> tuple[str, tuple[str, ...]]:
    """Return a problem as the text of Timeloop's file, version 4, and what it does not say.

    Raises
    ------
    ProblemError
        For dimensions of more than one letter.
    """
    from simulator.formats.timeloop.problems import problem_notes, write_problem_data
    from simulator.formats.timeloop.writing import tagged_text

    return tagged_text(write_problem_data(problem)), problem_notes(problem)


def write_architecture(architecture: Architecture) -> tuple[str, tuple[str, ...]]:
    """Return a machine as the text of Timeloop's file, version 4, and what it does not say.

    Raises
    ------
    MappingError
        For latches, and arrays of more than two axes.
    """
    from simulator.formats.timeloop.writing import tagged_text, write_machine_data

    data, notes = write_machine_data(architecture)
    return tagged_text(data), notes
