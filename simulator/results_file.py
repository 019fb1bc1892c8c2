"""Runs as plain data: what JSON files and stores hold, and how it is read again.

`simulator.results_form` has the fields, with their units. A run reads back equal in everything that was
counted, chosen and priced; what is derived (totals, limits, reasons) is worked out anew.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from simulator.architecture import Architecture, Array, Storage
from simulator.cost.model import Cost, EnergyRow
from simulator.cost.timing import Cycles
from simulator.counting import BoundaryCounts, Counts
from simulator.counting.lowering import MAC
from simulator.errors import ProblemError, SimulatorError, did_you_mean
from simulator.mapping import Mapping
from simulator.problem import Problem
from simulator.results import LayerResult, NetworkResult, Part, Search, Skipped
from workloads.files import read_bytes

if TYPE_CHECKING:
    from simulator.forms import FileForm
    from simulator.results_form import LayerRecord, PartRecord

    _Read = TypeVar("_Read", bound=FileForm)

FORMAT_VERSION = 2
RUN_FILE = "result.json"
MAX_BYTES = 2**28


def result_to_dict(result: NetworkResult) -> dict[str, Any]:
    """Plain data with everything that determines a run, and everything it counted."""
    return {
        "format": FORMAT_VERSION,
        "simulator": simulator_version(),
        "network": result.network,
        "batch": result.batch,
        "architecture": result.architecture.to_dict(),
        "dataflow": result.dataflow,
        "objective": result.objective,
        "engine": result.engine,
        "counted_by": result.counted_by,
        "energy_unit": result.architecture.energy_unit,
        "totals": {
            "macs": result.macs,
            "operations": result.operations,
            "steps": result.steps,
            "utilization": result.utilization,
            "cycles": result.cycles,
            "seconds": result.seconds,
            "energy": result.energy,
            "edp": result.edp,
        },
        "layers": [layer_to_dict(layer) for layer in result.layers],
        "skipped": [_skipped_to_dict(layer) for layer in result.skipped],
    }


def layer_to_dict(layer: LayerResult) -> dict[str, Any]:
    """Plain data: totals, and per part the mapping, counts, cycles and actions."""
    return {
        "layer": layer.name,
        "type": layer.type,
        "dataflow": layer.dataflow,
        "macs": layer.macs,
        "operations": layer.operations,
        "steps": layer.steps,
        "utilization": layer.utilization,
        "active_pes": layer.active_pes,
        "cycles": layer.cycles,
        "energy": layer.energy,
        "parts": [part_to_dict(part) for part in layer.parts],
    }


def part_to_dict(part: Part) -> dict[str, Any]:
    """Plain data of one problem of a layer: its mapping, counts, cycles and actions."""
    cost, counts, cycles = part.cost, part.cost.counts, part.cost.cycles
    return {
        "name": cost.problem.name,
        "times": part.times,
        "engine": counts.engine,
        "problem": cost.problem.to_dict(),
        "mapping": cost.mapping.to_list(),
        "search": None if part.search is None else asdict(part.search),
        "active_pes": counts.active_pes,
        "counts": [row.to_dict(row.tensor == cost.problem.output) for row in counts.rows],
        "zero_operand_macs": counts.zero_operand_macs,
        "cycles": {
            "total": cycles.total,
            "steps": cycles.steps,
            "busy": cycles.busy,
            "stalls": cycles.stalls,
            "exposed": cycles.exposed,
            "ramp": cycles.ramp,
            "skew": cycles.skew,
            "first_fill": cycles.first_fill,
            "last_drain": cycles.last_drain,
            "limit": cycles.limit,
            "waits": cycles.waits,
            "processing": cycles.processing,
        },
        "actions": [_action_to_dict(row) for row in cost.rows],
    }


def _action_to_dict(row: EnergyRow) -> dict[str, Any]:
    return {
        "level": row.component,
        "tensor": row.tensor,
        "action": row.action,
        "count": row.count,
        "units": row.units,
        "unit": row.unit,
        "price": row.price,
        "energy": row.energy,
        "bits": row.bits,
        "executed_units": row.executed_units,
    }


def _skipped_to_dict(layer: Skipped) -> dict[str, Any]:
    data = asdict(layer)
    return {"layer": data.pop("name"), **data, "reason": layer.reason}


def simulator_version() -> str:
    """The installed version of this distribution."""
    try:
        return version("dataflow-simulator")
    except PackageNotFoundError:
        return "unknown"


def load_result(path: str | os.PathLike[str]) -> NetworkResult:
    """Return the run that a JSON file holds, or the folder of ``simulator run --out``.

    Files of this and of earlier formats are read.

    Raises
    ------
    SimulatorError
        If the file is missing, larger than 256 MiB, no JSON, no run, or of a later format; for the first
        field that is wrong, with what would be right.
    """
    file = Path(path) / RUN_FILE if os.path.isdir(path) else Path(path)
    import orjson

    try:
        data = orjson.loads(read_bytes(file, SimulatorError, MAX_BYTES))
    except orjson.JSONDecodeError as error:
        raise SimulatorError(f"{file}: not JSON, or not all of it: {error}") from None
    return result_from_dict(data, str(file))


def result_from_dict(data: object, where: str = "run") -> NetworkResult:
    """Return the run that plain data describe; `where` names them in errors.

    Raises
    ------
    SimulatorError
        As `load_result`.
    """
    from simulator.results_form import RunRecord

    if not isinstance(data, dict) or type(data.get("format")) is not int:
        raise SimulatorError(f"{where}: not a run, which is what `simulator run --out` or `save` writes")
    number = data["format"]
    if not 1 <= number <= FORMAT_VERSION:
        raise SimulatorError(
            f"{where}: is of format {number} and was written by simulator {data.get('simulator')!r:.40}; "
            f"this one, {simulator_version()}, reads formats 1 to {FORMAT_VERSION}"
        )
    architecture = Architecture.from_dict(data.get("architecture"), f"{where}: architecture")
    record = _read(RunRecord, data if number == FORMAT_VERSION else _from_1(data), where)
    layers = tuple(
        _layer(layer, architecture, f"{where}: layers[{i}].layer {layer.layer}")
        for i, layer in enumerate(record.layers)
    )
    skipped = (
        Skipped(x.layer, x.type, x.operations, x.words_in, x.words_out, x.fused_into) for x in record.skipped
    )
    return NetworkResult(
        record.network, record.batch, architecture, record.dataflow, record.objective, record.engine, layers,
        tuple(skipped),
    )  # fmt: skip


def part_from_dict(data: object, architecture: Architecture, where: str = "part") -> Part:
    """Return the part that plain data of `part_to_dict` describe, run on a machine.

    Raises
    ------
    SimulatorError
        For the first field that is wrong, with what would be right.
    """
    from simulator.results_form import PartRecord

    return _part(_read(PartRecord, data, where), architecture, where)


def _read(form: type[_Read], data: object, where: str) -> _Read:
    """Data in their form; the words for what is wrong are looked for where something is."""
    from pydantic import ValidationError

    from simulator.forms import FormReader

    try:
        return form.model_validate(data)
    except ValidationError:
        reader = FormReader(form, SimulatorError, "the fields of a run", "", (), ("layer",))
        return reader.read(_without_nulls(data), where)


def _without_nulls(data: object) -> object:
    """Data with what is null left out, as forms have it."""
    if isinstance(data, dict):
        return {key: _without_nulls(value) for key, value in data.items() if value is not None}
    return [_without_nulls(value) for value in data] if isinstance(data, list) else data


def _layer(record: LayerRecord, architecture: Architecture, where: str) -> LayerResult:
    parts = tuple(_part(part, architecture, f"{where}: parts[{i}]") for i, part in enumerate(record.parts))
    return LayerResult(
        record.layer, record.type, parts, record.dataflow, record.operations, has_macs=record.macs > 0
    )


def _part(record: PartRecord, architecture: Architecture, where: str) -> Part:
    problem = _problem(record, where)
    _check_rows(record, problem, architecture, where)
    counts = Counts(
        record.engine,
        tuple(BoundaryCounts(**row.model_dump(exclude_none=True)) for row in record.counts),
        problem.macs,
        record.cycles.steps,
        record.active_pes,
        record.zero_operand_macs,
    )
    rows = tuple(
        EnergyRow(
            x.level, x.tensor, x.action, x.count, x.units, x.unit, x.price, x.energy, x.bits, x.executed_units
        )
        for x in record.actions
    )
    spent = Cycles(**record.cycles.model_dump(exclude={"limit", "processing"}))
    mapping = Mapping.from_list(record.mapping, f"{where}: mapping")
    search = None if record.search is None else Search(**record.search.model_dump())
    return Part(Cost(problem, mapping, counts, rows, spent, architecture.mac_units), record.times, search)


def _check_rows(record: PartRecord, problem: Problem, architecture: Architecture, where: str) -> None:
    """Rows name levels and tensors that there are, and energy is units times price."""
    components: list[Storage | Array] = [*architecture.storages, *architecture.arrays]
    levels = {*(component.name for component in components), MAC}
    tensors = {*problem.tensor_names}
    for number, row in enumerate(record.counts):
        place = f"{where}: counts[{number}]"
        _require(row.parent, levels, place, "level")
        _require(row.child, levels, place, "level")
        _require(row.tensor, tensors, place, "tensor")
    for number, action in enumerate(record.actions):
        place = f"{where}: actions[{number}]"
        _require(action.level, levels, place, "level")
        _require(action.tensor, {*tensors, ""}, place, "tensor")
        if not math.isclose(action.units * action.price, action.energy, rel_tol=1e-9):
            raise SimulatorError(
                f"{place}: {action.units:g} units at a price of {action.price:g} are not an energy of "
                f"{action.energy:g}"
            )


def _require(name: str, known: set[str], where: str, what: str) -> None:
    if name not in known:
        raise SimulatorError(f"{where}: unknown {what} {name!r:.80}{did_you_mean(name, known)}")


def _problem(record: PartRecord, where: str) -> Problem:
    try:
        return Problem.from_dict(record.problem, record.name)
    except ProblemError as error:
        raise ProblemError(f"{where}: problem: {error}") from None


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """A run of format 1 in the present one: what parts lack is their layer's."""
    layers = [_layer_from_1(layer, data.get("engine")) for layer in _listed(data.get("layers"))]
    return data | {"format": FORMAT_VERSION, "layers": layers}


def _layer_from_1(layer: object, engine: object) -> object:
    if not isinstance(layer, dict):
        return layer
    parts = _listed(layer.get("parts"))
    # Of several parts, the active PEs are the most that any has.
    told = {"engine": engine, "active_pes": layer.get("active_pes")}
    completed = []
    for number, part in enumerate(parts):
        name = layer.get("layer") if len(parts) == 1 else f"{layer.get('layer')}.{number}"
        completed.append({**part, **told, "name": name} if isinstance(part, dict) else part)
    return layer | {"parts": completed}


def _listed(data: object) -> list[Any]:
    return data if isinstance(data, list) else []
