"""Timeloop's problems: a shape with dimensions, data-spaces and projections, and an instance of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.architecture_file import TENSORS
from simulator.errors import ProblemError, did_you_mean
from simulator.formats.timeloop.fields import (
    Notes,
    list_of,
    mapping_of,
    names_of,
    note_fields,
    number_of,
    text_of,
    whole_of,
)
from simulator.problem import Problem, Rank, Tensor

_ALIASES = {
    "weights": ("weight", "weights", "filter", "filters", "kernel", "kernels"),
    "inputs": ("input", "inputs", "ifmap", "ifmaps", "activations", "inputactivations"),
    "outputs": ("output", "outputs", "ofmap", "ofmaps", "psum", "psums"),
}


@dataclass(frozen=True)
class TimeloopProblem:
    """A problem of Timeloop: ours, our tensor by the name of its data-space, and what was not read."""

    problem: Problem
    tensors: dict[str, str]
    notes: tuple[str, ...]


def tensor_of(data_space: str) -> str | None:
    """Return the tensor that a data-space's name means by itself, None for such as A or Z."""
    plain = data_space.lower().replace("_", "")
    return next((tensor for tensor, names in _ALIASES.items() if plain in names), None)


def read_problem_data(data: dict[str, Any], where: str, name: str) -> TimeloopProblem:
    """Return the problem in a design's data; `where` names the file in errors.

    The data-space that is written is the outputs. Of two operands without a telling name the first is the
    inputs, the second the weights.

    Raises
    ------
    ProblemError
        For what is missing or wrong, and for shapes that are no problem of ours: flattened dimensions,
        several shapes, several outputs.
    """
    if isinstance(data.get("problem"), list):
        raise ProblemError(f"{where}: problem: several shapes (a fused workload) are not read; give one")
    whole = mapping_of(data.get("problem"), f"{where}: problem")
    shape = whole.get("shape")
    if isinstance(shape, str):
        raise ProblemError(
            f"{where}: problem.shape: {shape[:60]!r} is a file of Timeloop's own; write the shape out"
        )
    notes: Notes = []
    at = f"{where}: problem.shape"
    shape = mapping_of(shape, at)
    if shape.get("flatten"):
        raise ProblemError(f"{at}.flatten: flattened dimensions have no counterpart here")
    note_fields(shape, ("name", "version", "dimensions", "coefficients", "data_spaces"), at, notes)
    for field in ("dimensions", "data_spaces"):
        if not shape.get(field):
            raise ProblemError(f"{at}: the field {field!r} is missing")
    # Version 3 also has the sizes beside the shape.
    sizes = mapping_of(whole.get("instance", whole), f"{where}: problem.instance")
    dimensions = names_of(shape["dimensions"], f"{at}.dimensions")
    extents = {d: _extent(sizes, d, where) for d in dimensions}
    coefficients = _coefficients(shape, sizes, at)
    _note_instance(sizes, (*dimensions, *coefficients), where, notes)
    spaces = [
        _data_space(space, f"{at}.data_spaces[{index}]", coefficients, notes)
        for index, space in enumerate(list_of(shape["data_spaces"], f"{at}.data_spaces"))
    ]
    tensors = _named(spaces, at, notes)
    built = tuple(Tensor(tensors[space], ranks) for space, ranks, _ in spaces)
    problem = Problem(
        str(shape.get("name") or name)[:100], tuple(extents.items()), built, tensors[_written(spaces, at)]
    )
    return TimeloopProblem(_dense(problem, sizes, tensors, where, notes), tensors, tuple(notes))


def _extent(sizes: dict[str, Any], dimension: str, where: str) -> int:
    if dimension not in sizes:
        raise ProblemError(
            f"{where}: problem.instance: dimension {dimension} has no size"
            f"{did_you_mean(dimension, map(str, sizes))}"
        )
    return whole_of(sizes[dimension], f"{where}: problem.instance.{dimension}")


def _coefficients(shape: dict[str, Any], sizes: dict[str, Any], at: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, entry in enumerate(list_of(shape.get("coefficients"), f"{at}.coefficients")):
        fields = mapping_of(entry, f"{at}.coefficients[{index}]")
        name = text_of(fields.get("name"), f"{at}.coefficients[{index}].name")
        value = sizes.get(name, fields.get("default"))
        found[name] = whole_of(value, f"{at}.coefficients[{index}] {name}")
    return found


def _note_instance(sizes: dict[str, Any], known: tuple[str, ...], where: str, notes: Notes) -> None:
    for name in sizes:
        if name in known or name in ("version", "shape", "instance", "densities"):
            continue
        near = [other for other in known if other.lower() == str(name).lower()]
        hint = f"; did you mean {near[0]!r}?" if near else ""
        notes.append(f"{where}: problem.instance.{name}: no dimension or coefficient of the shape{hint}")


def _data_space(
    data: object, at: str, coefficients: dict[str, int], notes: Notes
) -> tuple[str, tuple[Rank, ...], bool]:
    """Name, ranks, and whether it is written."""
    fields = mapping_of(data, at)
    name = text_of(fields.get("name"), f"{at}.name")
    note_fields(fields, ("name", "projection", "read_write"), f"{at} {name}", notes)
    ranks = tuple(
        _rank(item, f"{at} {name}: projection[{index}]", coefficients)
        for index, item in enumerate(list_of(fields.get("projection"), f"{at} {name}: projection"))
    )
    return name, ranks, fields.get("read_write") is True


def _rank(data: object, at: str, coefficients: dict[str, int]) -> Rank:
    if isinstance(data, str):
        return Rank(((text_of(data, at), 1),))
    terms: list[tuple[str, int]] = []
    for index, item in enumerate(list_of(data, at)):
        # A term is [P] or [P, Wstride]; a rank of one may be written without its own brackets.
        parts = [item] if isinstance(item, str) else list_of(item, f"{at}[{index}]")
        if not 1 <= len(parts) <= 2:
            raise ProblemError(f"{at}[{index}]: must be [dimension] or [dimension, coefficient]")
        dimension = text_of(parts[0], f"{at}[{index}]")
        factor = 1 if len(parts) == 1 else _factor(parts[1], f"{at}[{index}]", coefficients)
        terms.append((dimension, factor))
    return Rank(tuple(terms))


def _factor(part: object, at: str, coefficients: dict[str, int]) -> int:
    if isinstance(part, str):
        if part not in coefficients:
            raise ProblemError(f"{at}: no coefficient {part[:60]!r}{did_you_mean(part[:60], coefficients)}")
        return coefficients[part]
    return whole_of(part, at)


def _written(spaces: list[tuple[str, tuple[Rank, ...], bool]], at: str) -> str:
    written = [name for name, _, write in spaces if write]
    if len(written) != 1:
        raise ProblemError(
            f"{at}.data_spaces: one must have read_write: true, the output; {len(written)} have"
        )
    return written[0]


def _named(spaces: list[tuple[str, tuple[Rank, ...], bool]], at: str, notes: Notes) -> dict[str, str]:
    """Our tensor of each data-space, in the machine's words where there are two operands."""
    output = _written(spaces, at)
    operands = [name for name, _, write in spaces if not write]
    found = {output: "outputs"}
    if len(operands) != 2:
        notes.append(f"{at}: {len(operands)} operands; machines have weights and inputs, so names stay")
        return found | {name: name for name in operands}
    telling = {name: tensor_of(name) for name in operands}
    if sorted(map(str, telling.values())) == ["inputs", "weights"]:
        return found | {name: str(tensor) for name, tensor in telling.items()}
    if tuple(telling.values()) in ((None, "weights"), ("weights", None), (None, "inputs"), ("inputs", None)):
        known = next(tensor for tensor in telling.values() if tensor)
        other = "inputs" if known == "weights" else "weights"
        found |= {name: tensor or other for name, tensor in telling.items()}
    else:
        found |= dict(zip(operands, ("inputs", "weights"), strict=True))
    notes.append(f"{at}: " + ", ".join(f"{name} is read as {tensor}" for name, tensor in found.items()))
    return found


def _dense(
    problem: Problem, sizes: dict[str, Any], tensors: dict[str, str], where: str, notes: Notes
) -> Problem:
    """The problem with the densities of its instance."""
    at = f"{where}: problem.instance.densities"
    known: dict[str, object] = {}
    for name, entry in mapping_of(sizes.get("densities"), at).items():
        if name not in tensors:
            raise ProblemError(
                f"{at}: no data-space {str(name)[:60]!r}{did_you_mean(str(name)[:60], tensors)}"
            )
        fields = entry if isinstance(entry, dict) else {"density": entry}
        known[tensors[name]] = float(number_of(fields.get("density"), f"{at}.{name}.density"))
        if fields.get("distribution") is not None:
            law = str(fields["distribution"])[:60]
            notes.append(f"{at}.{name}: distribution {law}: zeros are taken to fall independently")
    return problem.with_densities(known)


def write_problem_data(problem: Problem) -> dict[str, Any]:
    """Return a problem as the data of Timeloop's file, version 4; its tensors' names with a capital.

    Raises
    ------
    ProblemError
        For dimensions that Timeloop's names cannot hold.
    """
    long = [d for d in problem.extents if len(d) != 1]
    if long:
        raise ProblemError(f"{problem.name}: dimension {long[0]!r}: Timeloop's have one letter")
    coefficients: dict[str, int] = {}
    spaces: list[dict[str, Any]] = []
    for tensor in problem.tensors:
        projection: list[list[list[str]]] = []
        for rank in tensor.ranks:
            terms: list[list[str]] = []
            for dimension, factor in rank.coefficients:
                named = [f"{dimension}step"] if factor != 1 else []
                coefficients |= dict.fromkeys(named, factor)
                terms.append([dimension, *named])
            projection.append(terms)
        space: dict[str, Any] = {"name": data_space_of(tensor.name), "projection": projection}
        spaces.append(space | ({"read_write": True} if tensor.name == problem.output else {}))
    shape = {
        "name": problem.name,
        "dimensions": list(problem.extents),
        "coefficients": [{"name": name, "default": value} for name, value in coefficients.items()],
        "data_spaces": spaces,
    }
    instance: dict[str, Any] = {**problem.extents, **coefficients}
    densities = {data_space_of(t.name): t.density for t in problem.tensors if t.density != 1}
    return {"problem": {"version": 0.4, "shape": shape, "instance": instance | _densities(densities)}}


def _densities(known: dict[str, float]) -> dict[str, Any]:
    law = "hypergeometric"
    entries = {name: {"distribution": law, "density": density} for name, density in known.items()}
    return {"densities": entries} if entries else {}


def data_space_of(tensor: str) -> str:
    """Return the name that a tensor of ours has in Timeloop's own files."""
    return tensor.capitalize() if tensor in TENSORS else tensor


def problem_notes(problem: Problem) -> tuple[str, ...]:
    """What of a problem Timeloop's form does not say."""
    padded = [
        tensor.name for tensor in problem.tensors if any(rank.data is not None for rank in tensor.ranks)
    ]
    return tuple(f"{name}: Timeloop knows no padding and takes it for data" for name in padded)
