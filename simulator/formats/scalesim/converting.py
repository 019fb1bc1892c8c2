"""What `simulator convert` does with SCALE-Sim's files."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import SimulatorError, did_you_mean
from simulator.formats import Converted, Request, plain_text, scalesim
from simulator.loading import load_architecture, load_layer, load_network

KINDS = ("architecture", "network", "problem", "mapping")


def convert_from(request: Request) -> Converted:
    """Read a ``.cfg`` as a machine, or with a layer as its mapping; a topology as a network.

    Of a layer ``problem`` is the matrix product that the array runs.

    Raises
    ------
    SimulatorError, WorkloadError
        For anything wrong in the file, and a kind that it does not hold.
    """
    is_machine = scalesim.is_config(request.source)
    kind = request.kind or ("architecture" if is_machine else "network")
    if kind not in KINDS:
        raise SimulatorError(f"--kind: unknown {kind!r}{did_you_mean(kind, KINDS)}")
    if is_machine == (kind == "network"):
        raise SimulatorError(
            f"{request.source}: --kind {kind} is read from a {'topology .csv' if is_machine else '.cfg'}"
        )
    if kind == "network":
        from workloads.network_file import to_yaml

        network = load_network(Path(request.source))
        return Converted(to_yaml(network), f"network {network.name}, {len(network)} layers")
    config = scalesim.read_config(request.source)
    machine = scalesim.systolic(config)
    if kind == "architecture":
        summary = f"machine {machine.name}, {machine.mac_units} MAC units, {machine.native_dataflow}"
        return Converted(plain_text(machine.to_dict()), summary, config.notes)
    if request.layer is None:
        raise SimulatorError(f"a {kind} of SCALE-Sim's is that of a layer: give --layer")
    problem = scalesim.product(load_layer(request.layer))
    if kind == "problem":
        return Converted(plain_text(problem.to_dict()), f"problem {problem}")
    mapping = scalesim.systolic_mapping(problem, machine)
    return Converted(mapping.to_yaml(), f"mapping of {problem.name} on {machine.name}", config.notes)


def convert_to(request: Request) -> Converted:
    """Write a report of a network, ``--kind`` of `REPORTS`, on a systolic machine, ``--arch``.

    Raises
    ------
    SimulatorError, WorkloadError
        For an unknown report, and as `reports.report`.
    """
    if request.arch is None:
        raise SimulatorError("a report of SCALE-Sim's is that of a machine: give --arch")
    from simulator.formats.scalesim.reports import report

    kind, machine = request.kind or "compute", load_architecture(request.arch)
    text = report(request.source, machine, kind)
    summary = f"SCALE-Sim's {kind} report of {text.count(chr(10)) - 1} layers on {machine.name}"
    return Converted(text, summary)
