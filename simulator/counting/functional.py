"""The functional engine: values move word by word as the mapping says, and every movement is counted.

Every store has its buffers, one row of slots per instance; tiles are filled, multicast, accumulated,
drained and refilled, and a MAC reads nothing but what its innermost store (or latch) holds. The output
is that of the machine, and the counts are those of the words that moved: nothing is derived from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.counting.counts import BoundaryCounts, Counts
from simulator.counting.functional_kernels import walk
from simulator.counting.functional_layout import Layout, allocate, is_data, lay_out
from simulator.counting.functional_memory import (
    ACTIVE_PES,
    MACS,
    MISSING_AT_MAC,
    MISSING_AT_PARENT,
    MULTIPLIES,
    NOT_BEGUN,
    NOT_TAKEN,
    OVERFLOW,
    STEPS,
    ZERO_MACS,
)
from simulator.counting.lowering import Ints, Nest
from simulator.counting.wires import Wires
from simulator.errors import EngineDifferenceError, SimulatorError
from simulator.problem import Problem


class ExecutionError(SimulatorError):
    """A word that is not where the nest needs it, a buffer that overflows, or operands that do not fit."""


@dataclass(frozen=True, eq=False)
class Execution:
    """What an execution leaves: its counts, its operands, and the output with the shape of its ranks.

    ``multiplies`` are the MACs whose gating operand was not zero (all without gating), ``needed`` the words
    that those took over each boundary to the MAC, in the order of the counts' rows, 0 elsewhere;
    ``hops`` those on every network asked for.
    """

    counts: Counts
    output: Ints
    operands: Dictionary[str, Ints]
    multiplies: int
    needed: tuple[int, ...]
    hops: tuple[int, ...] = ()


def execute(
    nest: Nest,
    operands: Dictionary[str, Ints] | None = None,
    *,
    seed: int = 0,
    capacity_words: Dictionary[tuple[str, str], int] | None = None,
    networks: Sequence[tuple[int, Wires]] = (),
) -> Execution:
    """Execute a nest on real operands (random ones of ``seed`` where none are given).

    ``networks`` are those whose hops are wanted, each with the row of its boundary, in the order of rows.

    ``capacity_words`` limits the words one instance of a (level, tensor) may hold; padding occupies
    none where the level does not store it. ``zero_operand_macs`` counts MACs with an operand that is
    zero, padding included.

    Raises
    ------
    ExecutionError
        If a word is not where it is needed, a buffer overflows, or operands have wrong names, shapes
        or types, hold something in the padding or could overflow 64 bits.
    ProblemError
        If the buffers would not fit into memory.
    """
    layout = lay_out(nest, capacity_words or {})
    values = random_operands(nest.problem, seed) if operands is None else operands
    _check_operands(nest.problem, values)
    _check_outermost(nest.problem, layout)
    return run(nest, layout, values, networks)


def execute_and_verify(
    nest: Nest,
    capacity_words: Dictionary[tuple[str, str], int] | None = None,
    networks: Sequence[tuple[int, Wires]] = (),
) -> Execution:
    """Execute a nest on random operands and compare its output with one computed without any nest.

    Raises
    ------
    ExecutionError, ProblemError
        As `execute`.
    EngineDifferenceError
        If the output is wrong.
    """
    operands = random_operands(nest.problem, seed=0)
    executed = execute(nest, operands, capacity_words=capacity_words, networks=networks)
    if not np.array_equal(executed.output, reference_output(nest.problem, operands)):
        raise EngineDifferenceError(
            f"{nest.problem.name}: executing the nest gave a wrong output, which is a defect of the "
            f"simulator; please report the mapping"
        )
    return executed


def run(
    nest: Nest, layout: Layout, operands: Dictionary[str, Ints], networks: Sequence[tuple[int, Wires]] = ()
) -> Execution:
    """Execute a nest as laid out; see :func:`execute`."""
    memory = allocate(nest, layout, operands, networks)
    walk(layout.plan, layout.macs, memory)
    if memory.failure[0]:
        raise ExecutionError(_explain(nest, layout, memory.failure.tolist()))
    rows = tuple(
        BoundaryCounts(boundary.tensor, boundary.parent, boundary.child, *counts)
        for boundary, counts in zip(nest.boundaries, memory.counts.tolist(), strict=True)
    )
    macs, steps, active, zeros = (int(memory.totals[i]) for i in (MACS, STEPS, ACTIVE_PES, ZERO_MACS))
    shape = nest.problem.shape(nest.problem.output)
    first = layout.first_slot(nest.problem.output)
    output = memory.values[first : first + math.prod(shape)].reshape(shape).copy()
    counts = Counts("functional", rows, macs, steps, active, zeros)
    needed, hops = tuple(memory.needed.tolist()), tuple(memory.tracks.hops.tolist())
    return Execution(counts, output, operands, int(memory.totals[MULTIPLIES]), needed, hops)


def random_operands(problem: Problem, seed: int) -> dict[str, Ints]:
    """Operands by name: integers from -7 to 7, zero in the padding and elsewhere as often as density says."""
    random = np.random.default_rng(seed)
    operands: dict[str, Ints] = {}
    for tensor in problem.operands:
        shape = problem.shape(tensor.name)
        values = random.integers(1, 8, shape, np.int64) * random.choice(np.array([-1, 1]), shape)
        kept = (random.random(shape) < tensor.density) & is_data(problem, tensor)
        operands[tensor.name] = np.asarray(np.where(kept, values, 0))
    return operands


def reference_output(problem: Problem, operands: Dictionary[str, Ints]) -> Ints:
    """The output computed without any nest: an einsum over strided views of the operands, int64."""
    axes = {d: i for i, (d, _) in enumerate(problem.dimensions)}
    letters = "abcdefghij"[: len(axes)]
    views: list[Ints] = []
    for tensor in problem.operands:
        values = np.asarray(operands[tensor.name], np.int64, order="C")
        strides = dict.fromkeys(axes, 0)
        for rank, stride in zip(tensor.ranks, values.strides, strict=True):
            for dimension, coefficient in rank.coefficients:
                strides[dimension] += coefficient * stride
        shape = tuple(problem.extents.values())
        views.append(np.lib.stride_tricks.as_strided(values, shape, tuple(strides.values()), writeable=False))
    output = problem.tensor(problem.output)
    kept = "".join(letters[axes[rank.dimensions[0]]] for rank in output.ranks)
    result = np.zeros(problem.shape(output.name), np.int64)
    # A coefficient above one leaves coordinates between the outputs that are never written.
    written = tuple(slice(None, None, rank.coefficients[0][1]) for rank in output.ranks)
    result[written] = np.einsum(f"{','.join([letters] * len(views))}->{kept}", *views)
    return result


def _check_operands(problem: Problem, operands: Dictionary[str, Ints]) -> None:
    names = [tensor.name for tensor in problem.operands]
    if sorted(operands) != sorted(names):
        raise ExecutionError(
            f"{problem.name}: operands must be {', '.join(names)}, not {', '.join(sorted(operands)) or None}"
        )
    largest = problem.macs // math.prod(problem.extents[d] for d in problem.tensor(problem.output).dimensions)
    for tensor in problem.operands:
        values, shape = operands[tensor.name], problem.shape(tensor.name)
        if values.shape != shape or not np.issubdtype(values.dtype, np.signedinteger):
            raise ExecutionError(
                f"{problem.name}: operand {tensor.name!r} must be signed integers of shape {shape}, "
                f"not {values.dtype} of {values.shape}"
            )
        if values[~is_data(problem, tensor)].any():
            raise ExecutionError(f"{problem.name}: operand {tensor.name!r} is not zero in its padding")
        largest *= max(abs(int(values.min())), abs(int(values.max())))
    if largest >= 2**63:
        raise ExecutionError(
            f"{problem.name}: sums of up to {largest:.1e} overflow 64 bits; use smaller values"
        )


def _check_outermost(problem: Problem, layout: Layout) -> None:
    for store in layout.stores:
        tensor = problem.tensor(store.tensor)
        words = math.prod(problem.shape(tensor.name))
        if not store.keeps_padding:
            words = int(np.count_nonzero(is_data(problem, tensor)))
        if store.parent < 0 and 0 <= store.capacity < words:
            raise ExecutionError(_overflow(store.level, store.tensor, 0, words, store.capacity))


def _overflow(level: str, tensor: str, instance: int, words: int, capacity: int) -> str:
    return f"{level} instance {instance}: a tile of {words} words of {tensor} overflows its {capacity} words"


def _explain(nest: Nest, layout: Layout, failure: list[int]) -> str:
    """The message of a kernel's failure: kind, store, instance and word (or words)."""
    kind, index, instance, number = failure
    store = layout.stores[index]
    if kind == OVERFLOW:
        return _overflow(store.level, store.tensor, instance, number, store.capacity)
    place = np.unravel_index(number, nest.problem.shape(store.tensor))
    word = f"{store.tensor}[{', '.join(str(int(x)) for x in place)}]"
    parent = layout.stores[store.parent].level
    what = {
        MISSING_AT_MAC: f"the MAC needs {word}, which is not held there",
        MISSING_AT_PARENT: f"its tile needs {word}, which {parent} does not hold",
        NOT_TAKEN: f"{word} is drained to {parent}, from which it was not taken",
        NOT_BEGUN: f"{word} is drained although nothing was accumulated into it",
    }[kind]
    return f"{store.level} instance {instance}: {what}"
