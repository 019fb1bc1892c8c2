"""What `simulator convert` does with ZigZag's files."""

from __future__ import annotations

import re

from simulator.dataflows.file import to_yaml
from simulator.errors import SimulatorError, did_you_mean
from simulator.files import MAX_BYTES
from simulator.formats import Converted, Request, plain_text, zigzag
from simulator.formats.zigzag.kinds import ACCELERATOR, MAPPING, WORKLOAD
from workloads import network_file
from workloads.files import read_text

# What each file can become, its usual form first.
KINDS = {
    ACCELERATOR: ("architecture", "dataflow"),
    WORKLOAD: ("network", "problem"),
    MAPPING: ("dataflow",),
}


def convert_from(request: Request) -> Converted:
    """Read a file of ZigZag's into one of ours.

    An accelerator becomes a machine, with the widths of a workload given beside it, or its ``dataflows`` a
    dataflow; a workload a network, or one layer of it a problem; a mapping a dataflow, for an accelerator
    given beside it.

    Raises
    ------
    SimulatorError, WorkloadError
        For anything wrong in the files, and for what cannot become what is asked for.
    """
    held = zigzag.kind_of(request.source)
    if held is None:
        # A file that is not there, or no text, is told as such.
        read_text(request.source, SimulatorError, MAX_BYTES)
        raise SimulatorError(
            f"{request.source}: is no file of ZigZag's: no accelerator (with memories), workload (a list "
            "with loop_dims) or mapping (a list with spatial_mapping)"
        )
    kinds = KINDS[held]
    kind = request.kind or kinds[1 if held == WORKLOAD and request.layer else 0]
    if kind not in kinds:
        known = did_you_mean(kind, kinds)
        raise SimulatorError(f"--kind: {request.source}, ZigZag's {held}, becomes no {kind!r}{known}")
    if kind == "architecture":
        area = _area(request.variables)
        made, notes = zigzag.read_architecture(request.source, _other(request, WORKLOAD), area)
        summary = f"machine {made.name}, {made.mac_units} MAC units"
        return Converted(plain_text(made.to_dict()), summary, notes)
    if kind == "dataflow":
        flow, notes = zigzag.read_dataflow(request.source, request.layer, _other(request, ACCELERATOR))
        return Converted(to_yaml(flow), f"dataflow {flow.name}", notes)
    if kind == "network":
        network, notes = zigzag.read_network(request.source)
        return Converted(
            network_file.to_yaml(network), f"network {network.name}, {network.macs:,} MACs", notes
        )
    problem, notes = zigzag.read_problem(request.source, request.layer)
    return Converted(plain_text(problem.to_dict()), f"problem {problem}", notes)


def _other(request: Request, kind: str) -> str | None:
    """The file of this kind that is given beside the one to convert."""
    for other in request.others:
        if zigzag.kind_of(other) != kind:
            raise SimulatorError(f"--with: {other} is no {kind} of ZigZag's, which is what can be used here")
    return request.others[-1] if request.others else None


def _area(variables: dict[str, object]) -> float | None:
    """Square micrometres of the unit that areas are in."""
    for name in variables:
        if name != "area_um2":
            raise SimulatorError(f"--define: unknown {name!r}{did_you_mean(name, ('area_um2',))}")
    if not variables:
        return None
    text = str(variables["area_um2"])
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?(e[0-9])?", text) or not 0 < float(text) <= 1e9:
        raise SimulatorError(f"--define area_um2: must be a number above 0, at most 1e9, not {text[:60]!r}")
    return float(text)
