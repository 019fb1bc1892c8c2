"""What `simulator convert` does with Timeloop's files."""

from __future__ import annotations

from simulator.architecture import registered_architectures
from simulator.errors import SimulatorError, did_you_mean
from simulator.formats import Converted, Request, plain_text, timeloop
from simulator.loading import load_architecture, load_layer, load_mapping
from simulator.problem import Problem

KINDS = (*timeloop.KINDS, "dataflow")


def convert_from(request: Request) -> Converted:
    """Read Timeloop's files into a file of ours.

    Raises
    ------
    SimulatorError
        For anything wrong in the files, and where several things could be meant.
    """
    design = timeloop.read(request.source, *request.others, root=request.root, variables=request.variables)
    kind = request.kind or _only(request, design)
    if kind == "problem":
        read = design.problem
        return Converted(
            plain_text(read.problem.to_dict()), f"problem {read.problem}", (*design.notes, *read.notes)
        )
    if kind == "architecture":
        machine = design.machine
        summary = f"machine {machine.architecture.name}, {machine.architecture.mac_units} MAC units"
        return Converted(plain_text(machine.architecture.to_dict()), summary, (*design.notes, *machine.notes))
    if kind == "dataflow":
        from simulator.dataflows.file import to_yaml

        flow, notes = design.dataflow()
        return Converted(to_yaml(flow), f"dataflow {flow.name}", notes)
    if kind != "mapping":
        raise SimulatorError(f"--kind: unknown {kind!r}{did_you_mean(kind, KINDS)}")
    problem = load_layer(request.layer) if request.layer else design.problem.problem
    arch = load_architecture(request.arch) if request.arch else design.machine.architecture
    mapping, notes = design.mapping(problem, arch)
    return Converted(mapping.to_yaml(), f"mapping of {problem.name} on {arch.name}", notes)


def convert_to(request: Request) -> Converted:
    """Write a mapping of ours, with ``--layer`` and ``--arch``, a layer or a machine, as Timeloop's file.

    Raises
    ------
    SimulatorError
        For what Timeloop cannot express, by name.
    """
    kind = request.kind or _kind_to_write(request)
    if kind == "problem":
        problem = load_layer(request.source)
        text, notes = timeloop.write_problem(problem)
        return Converted(text, f"Timeloop's problem {problem.name}", notes)
    if kind == "architecture":
        arch = load_architecture(request.source)
        text, notes = timeloop.write_architecture(arch)
        return Converted(text, f"Timeloop's architecture {arch.name}", notes)
    if kind != "mapping":
        raise SimulatorError(
            f"--kind: {kind!r} is not written as Timeloop's; {', '.join(timeloop.KINDS)} are"
        )
    if not (request.layer and request.arch):
        raise SimulatorError("a mapping is written for a layer and a machine: give --layer and --arch")
    problem, tensors = _layer(request.layer)
    arch = load_architecture(request.arch)
    mapping = load_mapping(request.source, problem, arch)
    version = 4 if request.version is None else request.version
    text, notes = timeloop.write_mapping(problem, arch, mapping, version, tensors)
    return Converted(text, f"Timeloop's mapping of {problem.name} on {arch.name}, version {version}", notes)


def _kind_to_write(request: Request) -> str:
    """A mapping has a layer and a machine; a machine is one of ours by name, or has a hierarchy."""
    if request.layer and request.arch:
        return "mapping"
    return "architecture" if request.source in registered_architectures() else "problem"


def _layer(source: str) -> tuple[Problem, dict[str, str]]:
    """A layer, and its tensor of each data-space where it is a file of Timeloop's."""
    if "problem" in timeloop.kinds_of(source):
        read = timeloop.read(source).problem
        return read.problem, read.tensors
    return load_layer(source), {}


def _only(request: Request, design: timeloop.Design) -> str:
    kinds = design.kinds
    if len(kinds) > 1 and not request.others:
        raise SimulatorError(f"{request.source}: holds {' and '.join(kinds)}; say which with --kind")
    if not kinds:
        raise SimulatorError(f"{request.source}: has none of Timeloop's fields {', '.join(timeloop.KINDS)}")
    # Of several files the first is what is converted.
    first = timeloop.read(request.source, root=request.root, variables=request.variables).kinds
    return first[0] if first else kinds[0]
