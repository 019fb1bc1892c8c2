"""Layers of ZigZag workloads as layers of networks, and as problems."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from simulator.errors import ProblemError, did_you_mean
from simulator.formats.zigzag.equations import POOLINGS, Equation, read_equation
from simulator.formats.zigzag.files import Notes, read_data
from simulator.formats.zigzag.forms import WORKLOAD
from simulator.lowering import lowered_part
from simulator.problem import Problem, Rank
from workloads import Convolution, Elementwise, Linear, MatrixMultiplication, Network, Pooling
from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.importers.drafts import Draft, reading
from workloads.layers import CONVOLUTION_OF_AXES, Convolution1d, Input
from workloads.network import bind

BATCH = "B"
_TENSOR = {"W": "weights", "I": "inputs", "O_final": "outputs", "O": "partial_sums"}
_USUAL = {"W": 8, "I": 8, "O": 16, "O_final": 8}


@dataclass(frozen=True)
class Roles:
    """Dimensions of a product by the tensors that they index; of windows (outputs, taps)."""

    groups: tuple[str, ...]
    filters: tuple[str, ...]
    channels: tuple[str, ...]
    positions: tuple[str, ...]
    windows: tuple[tuple[str, str], ...]

    @property
    def batched(self) -> bool:
        """Whether images share the weights of several groups."""
        return bool(self.groups) and BATCH in self.positions


def read_layers(path: str | os.PathLike[str], notes: Notes) -> list[Equation]:
    """Return the layers of a workload's file.

    Raises
    ------
    ProblemError
        For what is missing or wrong, with the layer and its field.
    """
    where = os.fspath(path)
    data = read_data(path, ProblemError, notes)
    if not isinstance(data, list):
        raise ProblemError(
            f"{where}: must be a list of layers with id, operator_type, equation and loop_dims"
        )
    forms = WORKLOAD.read({"layers": data}, where).layers
    ids: set[int] = set()
    for index, form in enumerate(forms):
        if form.id in ids:
            raise ProblemError(f"{where}: layers[{index}]: id: {form.id} is another layer's already")
        ids.add(form.id)
    return [read_equation(form, f"{where}: layers[{index}]") for index, form in enumerate(forms)]


def network(path: str | os.PathLike[str]) -> tuple[Network, tuple[str, ...]]:
    """Return a workload as a network in which each layer has inputs of its own, and what is not in it.

    Raises
    ------
    ProblemError, WorkloadError
        For what is wrong in the file; for layers that are no convolution, product, pooling or addition (they
        can be read one by one, by `problem`), or have different batches.
    """
    notes, draft, batches = Notes(), Draft(), set[int]()
    layers = read_layers(path, notes)
    with reading(os.fspath(path)):
        for found in layers:
            shapes, layer = _layer(found)
            names = [draft.add(Input(f"{found.name}_input", shape)) for shape in shapes]
            draft.add(layer, names)
            batches.add(_batch(found))
        if len(batches) > 1:
            raise WorkloadError(f"its layers have batches of {sorted(batches)}; a network has one")
        made = draft.build(Path(path).stem, batches.pop())
    widths = {tuple(sorted(found.bits.items())) for found in layers if found.operator not in POOLINGS}
    if widths - {tuple(sorted(_USUAL.items()))}:
        said = "; ".join(sorted(" ".join(f"{name} {bits}" for name, bits in one) for one in widths))
        notes.append(f"{path}: operand_precision: a network's words are the machine's; here {said[:200]}")
    return made, tuple(notes)


def problem(path: str | os.PathLike[str], layer: str | None = None) -> tuple[Problem, tuple[str, ...]]:
    """Return a layer of a workload, by name or Layer<id>, as a problem with its own widths, and notes.

    Raises
    ------
    ProblemError, WorkloadError
        For what is wrong in the file, and an unknown layer.
    """
    notes = Notes()
    found = named(read_layers(path, notes), layer, os.fspath(path))
    made = problem_of(found)
    bits = {"weights": found.bits.get("W"), "inputs": found.bits["I"], "outputs": found.bits["O_final"]}
    if found.bits["O"] != found.bits["O_final"]:
        del bits["outputs"]
        notes.append(
            f"{path}: {found.name}: operand_precision: outputs of {found.bits['O_final']} bits and sums of "
            f"{found.bits['O']} take the machine's widths, which alone tell them apart"
        )
    return made.with_bits({t: b for t, b in bits.items() if t in made.tensor_names and b}), tuple(notes)


def widths_of(path: str | os.PathLike[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the widths of a workload's words, by tensor and of ``partial_sums``, the widest of all layers.

    Raises
    ------
    ProblemError
        As `read_layers`.
    """
    notes = Notes()
    layers = read_layers(path, notes)
    found = {
        tensor: max((layer.bits[name] for layer in layers if name in layer.bits), default=_USUAL[name])
        for name, tensor in _TENSOR.items()
    }
    if any(layer.bits.get(name, found[t]) != found[t] for layer in layers for name, t in _TENSOR.items()):
        notes.append(f"{path}: operand_precision: differs from layer to layer; the widest counts")
    return found, tuple(notes)


def named(layers: list[Equation], name: str | None, where: str) -> Equation:
    """Return the layer of a name; ProblemError if there is none, or several and no name is given."""
    if name is None and len(layers) == 1:
        return layers[0]
    names = [layer.name for layer in layers]
    if name is None:
        raise ProblemError(f"{where}: has {len(layers)} layers; name one, as {Path(where).name}:{names[0]}")
    if name not in names:
        raise ProblemError(f"{where}: no layer is called {name[:60]!r}{did_you_mean(name[:60], names)}")
    return layers[names.index(name)]


def problem_of(found: Equation) -> Problem:
    """As the network's layer becomes one; of no known layer as it is written."""
    if roles_of(found) is None and not found.adds and found.operator not in POOLINGS:
        return _as_written(found)
    shapes, layer = _layer(found)
    return lowered_part(bind(layer, shapes, _batch(found)))


def _batch(found: Equation) -> int:
    """The extent of B where outputs and inputs have it, as images do; elsewhere it is a name like others."""
    indexed = (found.problem.tensor(name).dimensions for name in ("outputs", "inputs"))
    return found.extents[BATCH] if all(BATCH in dimensions for dimensions in indexed) else 1


def _as_written(found: Equation) -> Problem:
    """The problem with the equation's own dimensions."""
    made = found.problem
    padded = {
        number: replace(made.tensor("inputs").ranks[number], data=(window.before, window.size))
        for number, window in found.windows.items()
        if window.before or window.after
    }
    tensors = tuple(
        replace(t, ranks=tuple(padded.get(n, rank) for n, rank in enumerate(t.ranks)))
        if t.name == "inputs"
        else t
        for t in made.tensors
    )
    return replace(made, tensors=tensors)


def roles_of(found: Equation) -> Roles | None:
    """Return what each dimension is; None where a dimension is none of a convolution's or product's."""
    made = found.problem
    indexed = {name: made.tensor(name).dimensions for name in ("weights", "inputs", "outputs")}
    pairs: list[tuple[str, str]] = []
    for name in indexed:
        for rank in made.tensor(name).ranks:
            if len(rank.coefficients) == 2:
                pair = _window(rank, indexed)
                if name != "inputs" or pair is None:
                    return None
                pairs.append(pair)
    sliding = {dimension for pair in pairs for dimension in pair}
    kinds: dict[tuple[bool, bool, bool], list[str]] = {}
    for d in found.extents:
        if d not in sliding:
            kinds.setdefault(
                (d in indexed["weights"], d in indexed["inputs"], d in indexed["outputs"]), []
            ).append(d)
    if set(kinds) - {(True, True, True), (True, False, True), (True, True, False), (False, True, True)}:
        return None
    groups, filters, channels, positions = (
        tuple(kinds.get(key, ()))
        for key in ((True, True, True), (True, False, True), (True, True, False), (False, True, True))
    )
    return Roles(groups, filters, channels, positions, tuple(pairs))


def _window(rank: Rank, indexed: dict[str, frozenset[str]]) -> tuple[str, str] | None:
    """The dimension of outputs and that of taps of a rank, None if it has not one of each."""
    outs = [d for d in rank.dimensions if d in indexed["outputs"] and d not in indexed["weights"]]
    taps = [d for d in rank.dimensions if d in indexed["weights"] and d not in indexed["outputs"]]
    return (outs[0], taps[0]) if len(outs) == len(taps) == 1 else None


def _layer(found: Equation) -> tuple[list[Shape], Layer]:
    """The layer of a network, and the shapes of its inputs."""
    if found.adds:
        return _addition(found)
    roles = roles_of(found)
    if roles is None or (
        found.operator in POOLINGS and (not roles.windows or roles.filters or roles.channels)
    ):
        raise WorkloadError(
            f"layer {found.name!r}: its equation is no convolution, product, pooling or addition; "
            f"read it alone, as FILE:{found.name}"
        )

    groups, filters, channels = (
        math.prod(found.extents[d] for d in dimensions)
        for dimensions in (_but_batch(roles.groups), roles.filters, roles.channels)
    )
    positions = tuple(found.extents[d] for d in _but_batch(roles.positions))
    if not roles.windows:
        rows = math.prod(positions)
        if roles.batched:
            made = Convolution1d(found.name, groups * filters, 1, groups=groups, bias=False)
            return [(groups * channels, rows)], made
        if roles.groups:
            left, right = (groups, rows, channels), (groups, channels, filters)
            return [left, right], MatrixMultiplication(found.name)
        return [(*positions, channels)], Linear(found.name, filters, bias=False, last_axis=True)
    windows, sizes = _sliding(found, roles)
    if found.operator in POOLINGS:
        kind = "max" if found.operator in ("Pooling", "Pool", "MaxPool") else "average"
        kernel, stride, padding, dilation = windows
        shape = (math.prod(positions) * groups, *sizes)
        return [shape], Pooling(found.name, kind, kernel, stride, padding, dilation=dilation)
    make = CONVOLUTION_OF_AXES.get(len(roles.windows))
    if make is None:
        raise WorkloadError(f"layer {found.name!r}: windows over {len(roles.windows)} axes; at most 3")
    convolution: Convolution = make(found.name, groups * filters, *windows, groups=groups, bias=False)
    return [(*positions, groups * channels, *sizes)], convolution


_Sizes = tuple[int, ...]


def _but_batch(dimensions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(d for d in dimensions if d != BATCH)


def _sliding(found: Equation, roles: Roles) -> tuple[tuple[_Sizes, _Sizes, _Sizes, _Sizes], _Sizes]:
    """Kernel, stride, padding and dilation over all axes, and the map's sizes, rows before columns."""
    taps_of = dict(roles.windows)
    kernel, stride, padding, dilation, sizes = [], [], [], [], []
    for number, window in found.windows.items():
        factors = dict(found.ranks["inputs"][number].coefficients)
        out = next(d for d in factors if d in taps_of)
        kernel.append(found.extents[taps_of[out]])
        stride.append(factors[out])
        dilation.append(factors[taps_of[out]])
        padding += [window.before, window.after]
        sizes.append(window.size)
    return (tuple(kernel), tuple(stride), tuple(padding), tuple(dilation)), tuple(sizes)


def _addition(found: Equation) -> tuple[list[Shape], Layer]:
    """Both operands, with 1 for what they lack of the outputs."""
    made = found.problem
    order = [rank.dimensions[0] for rank in made.tensor("outputs").ranks if rank.dimensions != (BATCH,)]
    for name in ("inputs", "weights"):
        extra = made.tensor(name).dimensions - made.tensor("outputs").dimensions
        if extra:
            raise WorkloadError(
                f"layer {found.name!r}: adds over {', '.join(sorted(extra))}, which outputs lack"
            )
    shapes: list[Shape] = [
        tuple(found.extents[d] if d in made.tensor(name).dimensions else 1 for d in order) or (1,)
        for name in ("inputs", "weights")
    ]
    return shapes, Elementwise(found.name, "maximum" if found.operator == "Max" else "add")
