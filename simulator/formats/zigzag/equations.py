"""A layer of a ZigZag workload: what its equation, its dimensions and their relations say together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.errors import ProblemError, did_you_mean
from simulator.formats.zigzag.forms import LayerForm
from simulator.problem import Problem, Rank, Tensor

TENSOR = {"W": "weights", "I": "inputs", "O": "outputs"}
POOLINGS = ("Pooling", "Pool", "MaxPool", "AveragePool", "GlobalAveragePool")
_EQUATION = re.compile(r"O((?:\[\w+\])+)\s*\+?=\s*(\w)((?:\[\w*\])+)\s*([*+])\s*(\w)((?:\[\w*\])+)", re.ASCII)
_RELATION = re.compile(
    r"(\w+)\s*=\s*(?:(\d{1,10})\s*\*\s*)?([A-Za-z]\w*)\s*\+\s*(?:(\d{1,10})\s*\*\s*)?([A-Za-z]\w*)", re.ASCII
)


@dataclass(frozen=True)
class Window:
    """A rank of the inputs over which windows slide: zeros before and after the map, and its size."""

    before: int
    after: int
    size: int


@dataclass(frozen=True)
class Equation:
    """A layer: its loops, each tensor's ranks in order, and whether operands are multiplied or added.

    ``windows`` goes by the number of the inputs' rank. ``bits`` are those of `PrecisionForm`.
    """

    name: str
    operator: str
    adds: bool
    extents: dict[str, int]
    ranks: dict[str, tuple[Rank, ...]]
    windows: dict[int, Window]
    bits: dict[str, int]

    @property
    def problem(self) -> Problem:
        """The layer as it is written; ProblemError for what is no problem of ours."""
        tensors = tuple(Tensor(name, self.ranks[name]) for name in TENSOR.values())
        return Problem(self.name, tuple(self.extents.items()), tensors, "outputs")


def read_equation(form: LayerForm, where: str) -> Equation:
    """Return the layer of a form; `where` names it in errors.

    Raises
    ------
    ProblemError
        For an equation or a relation that cannot be read, and dimensions without a size.
    """
    if len(form.loop_dims) != len(form.loop_sizes):
        raise ProblemError(
            f"{where}: loop_sizes: {len(form.loop_sizes)} sizes for {len(form.loop_dims)} loop_dims"
        )
    for dimension in form.loop_dims:
        if form.loop_dims.count(dimension) > 1:
            raise ProblemError(f"{where}: loop_dims: names {dimension} twice")
    extents = dict(zip(form.loop_dims, form.loop_sizes, strict=True))
    relations = dict(
        _relation(text, extents, f"{where}: dimension_relations") for text in form.dimension_relations
    )
    match = _EQUATION.fullmatch(form.equation.strip())
    if match is None or {match[2], match[5]} != {"W", "I"}:
        raise ProblemError(
            f"{where}: equation: {form.equation[:120]!r} cannot be read; write O, I and W, as "
            "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]"
        )
    named = {"O": match[1], match[2]: match[3], match[5]: match[6]}
    ranks = {
        tensor: tuple(_ranks(named[letter], relations, extents, f"{where}: equation: {letter}"))
        for letter, tensor in TENSOR.items()
    }
    if "W" not in form.operand_precision.model_fields_set and form.operator_type not in POOLINGS:
        raise ProblemError(f"{where}: operand_precision: the field 'W' is missing")
    if not form.operand_precision.I:
        raise ProblemError(f"{where}: operand_precision: the field 'I' must be 1 to 64 bits")
    bits = {name: width for name, width in form.operand_precision.model_dump().items() if width}
    found = Equation(
        form.name or f"Layer{form.id}",
        form.operator_type,
        match[4] == "+",
        extents,
        ranks,
        _windows(form, relations, named["I"], extents, where),
        bits,
    )
    try:
        _ = found.problem
    except ProblemError as error:
        raise ProblemError(f"{where}: {error}") from None
    return found


def _relation(text: str, extents: dict[str, int], where: str) -> tuple[str, Rank]:
    match = _RELATION.fullmatch(text.strip())
    if match is None:
        raise ProblemError(f"{where}: {text[:80]!r} cannot be read; write ix=2*ox+1*fx")
    terms = ((match[3], match[2]), (match[5], match[4]))
    rank = Rank(tuple((_dimension(name, extents, where), int(factor or 1)) for name, factor in terms))
    return match[1].upper(), rank


def _dimension(name: str, extents: dict[str, int], where: str) -> str:
    if name.upper() not in extents:
        raise ProblemError(
            f"{where}: no loop dimension {name[:60]!r}{did_you_mean(name.upper()[:60], extents)}"
        )
    return name.upper()


def _names(text: str) -> list[str]:
    return [name.upper() for name in re.findall(r"\[(\w+)\]", text)]


def _ranks(text: str, relations: dict[str, Rank], extents: dict[str, int], where: str) -> list[Rank]:
    return [relations.get(name) or Rank(((_dimension(name, extents, where), 1),)) for name in _names(text)]


def _windows(
    form: LayerForm, relations: dict[str, Rank], inputs: str, extents: dict[str, int], where: str
) -> dict[int, Window]:
    """The windows of the inputs' ranks; without a size or padding, maps are as large as windows reach."""
    for field, values in (("padding", form.padding), ("pr_loop_sizes", form.pr_loop_sizes)):
        if values and len(values) != len(form.pr_loop_dims):
            raise ProblemError(
                f"{where}: {field}: {len(values)} entries for {len(form.pr_loop_dims)} pr_loop_dims"
            )
    for name in form.pr_loop_dims:
        if name not in relations:
            raise ProblemError(
                f"{where}: pr_loop_dims: no relation makes {name!r}{did_you_mean(name, relations)}"
            )
    padding = dict(zip(form.pr_loop_dims, form.padding, strict=False))
    sizes = dict(zip(form.pr_loop_dims, form.pr_loop_sizes, strict=False))
    found: dict[int, Window] = {}
    for number, name in enumerate(_names(inputs)):
        if name in relations:
            reach = 1 + sum(factor * (extents[d] - 1) for d, factor in relations[name].coefficients)
            before, after = padding.get(name, (0, 0))
            size = sizes.get(name, reach - before - after)
            if size < 1:
                raise ProblemError(
                    f"{where}: padding: leaves nothing of {name}, of which windows reach {reach}"
                )
            found[number] = Window(before, max(0, reach - before - size), min(size, reach - before))
            if found[number].size < 1:
                raise ProblemError(
                    f"{where}: padding: {before} before {name} is more than windows reach, {reach}"
                )
    return found
