"""The cost model that sweeps and searches call: arrays of vectors in, a structured array out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture
from simulator.batch.block import HARD, SCORED, Results, make_block
from simulator.batch.general import general_scratch
from simulator.batch.layout import lower_encoding, rule_names
from simulator.batch.pairs import bitmaps, memory
from simulator.batch.program import COUNTS, Priced, write_program
from simulator.batch.score import score_hard_rows, score_rows
from simulator.batch.shape import longest_pair, write_shape
from simulator.batch.state import make_state
from simulator.counting.lowering import Ints
from simulator.encoding import Encoding
from simulator.errors import SimulatorError
from simulator.jit import run_interruptibly
from simulator.problem import Problem

_BLOCK = 16384


class CostModel:
    """Exact counts, energy and cycles of mappings of one problem on one machine, given as vectors.

    A vector is what `Encoding` of the problem and the architecture makes of a mapping. The numbers are
    those of `evaluate` by the closed form for the same mapping.

    Attributes
    ----------
    encoding
        What the columns of a vector mean.
    rules
        Names of the rules that a mapping may break, in the order of ``violation``: "range" (columns out of
        range, a wrong version), "keeps" (required levels bypassed), "hierarchy" (levels out of order),
        "reach" (loops whose last iteration is never reached), "cover" (dimensions not covered), each
        axis ("PE.x": places too many), each capacity ("GLB.capacity", a partition "GLB.inputs+outputs":
        bits too many), "countable" (numbers past what 64 bits count, a price no such mapping has, or
        hops of words that go to more sets of places than there is room for).
    boundaries
        (tensor, parent) of each row of ``counts``: the level and the next one below that keeps the tensor.
    actions
        (component, tensor, action) of each column of ``words``.

    Raises
    ------
    SimulatorError
        For problems that vectors cannot hold or machines that cannot be priced.
    """

    def __init__(self, problem: Problem, architecture: Architecture) -> None:
        self.problem, self.architecture = problem, architecture
        self.encoding = Encoding(problem, architecture)
        hops = any(array.price("hop", t) for array in architecture.arrays for t in problem.tensor_names)
        if hops and problem.macs * architecture.mac_units >= 2**63:
            raise SimulatorError(f"{problem.name}: words times distance could pass 2**63; price no hops")
        self._idle = [_Worker(self)]

    @cached_property
    def rules(self) -> tuple[str, ...]:
        return (*rule_names(self.encoding), "countable")

    @property
    def boundaries(self) -> tuple[tuple[str, str], ...]:
        return self._priced.rows

    @property
    def actions(self) -> tuple[tuple[str, str, str], ...]:
        return self._priced.names

    @cached_property
    def _priced(self) -> Priced:
        return write_program(self.problem, self.architecture)

    def dtype(self, counts: bool = False, forwardable: bool = False) -> np.dtype[np.void]:
        """The type of `evaluate`'s rows.

        valid; violation, a number for each of ``rules``, 0 where it is kept; energy, cycles, edp (inf, the
        largest integer and inf where not valid); utilization. On request counts, a row of parent_reads,
        child_fills, forwardable, drains, merges, contributed and refills for each of ``boundaries``, in
        words, and words, one number for each of ``actions``.
        """
        fields: list[Any] = [
            ("valid", np.bool_),
            ("violation", np.float64, (len(self.rules),)),
            ("energy", np.float64),
            ("cycles", np.int64),
            ("edp", np.float64),
            ("utilization", np.float64),
        ]
        if counts or forwardable:
            names = [name for name in COUNTS if forwardable or name != "forwardable"]
            row = np.dtype([(name, np.int64) for name in names])
            fields.append(("counts", row, (len(self.boundaries),)))
            fields.append(("words", np.int64, (len(self.actions),)))
        return np.dtype(fields, align=True)

    def evaluate(
        self,
        vectors: npt.ArrayLike,
        *,
        counts: bool = False,
        forwardable: bool = False,
        threads: int = 1,
    ) -> npt.NDArray[np.void]:
        """Score vectors (B, length) of integers; return B rows of `dtype`.

        A row that is no legal mapping is marked, never raised: ``valid`` is False and ``violation`` says
        which rules it breaks, and how far. Memory besides the result does not grow with B. ``forwardable``
        adds the words that neighbours could pass on, which takes the general closed form and its time.

        Raises
        ------
        MappingError
            For an array of another shape, or of numbers that are not integers.
        SimulatorError
            For fewer than one thread.
        """
        given = self.encoding.check_shape(vectors)
        if not isinstance(threads, int | np.integer) or isinstance(threads, bool) or threads < 1:
            raise SimulatorError(f"threads must be a positive whole number, not {threads!r}")
        results = np.zeros(len(given), self.dtype(counts, forwardable))
        starts = range(0, len(given), _BLOCK)
        shares = [starts[i::threads] for i in range(min(threads, len(starts)))]
        workers = [self._idle.pop() if self._idle else _Worker(self) for _ in shares]
        if len(shares) == 1:
            run_interruptibly(workers[0].score, given, starts, results)
        elif shares:
            with ThreadPoolExecutor(len(shares)) as pool:
                pairs = zip(workers, shares, strict=True)
                jobs = [pool.submit(worker.score, given, share, results) for worker, share in pairs]
                try:
                    for job in jobs:
                        job.result()
                except BaseException:
                    for worker in workers:
                        worker.stopped = True
                    raise
        # Not after an interruption: a kernel may still be at work on them.
        self._idle += workers
        return results

    def __reduce__(self) -> tuple[type[CostModel], tuple[Problem, Architecture]]:
        return type(self), (self.problem, self.architecture)


class _Worker:
    """The scratch of one thread, and the results of a block of rows."""

    def __init__(self, model: CostModel) -> None:
        # Set from another thread: not another block.
        self.stopped = False
        problem, architecture, encoding = model.problem, model.architecture, model.encoding
        layout = lower_encoding(encoding)
        self._state = make_state(layout)
        write_shape(self._state, problem)
        self._tables = layout.orders, layout.clipped
        self._program = model._priced.program
        self._known, self._stamps = memory(), bitmaps(longest_pair(problem))
        self._lanes = make_block(model._priced, architecture)
        self._general = general_scratch(problem, architecture, len(encoding.slots) * len(encoding.dimensions))
        self._broken = np.empty((1, len(model.rules) - 1))
        self._fates = np.empty(_BLOCK, np.int64)
        self._counts = np.empty((_BLOCK, len(COUNTS) * len(model.boundaries)), np.int64)
        self._words = np.empty((_BLOCK, len(model.actions)), np.int64)

    def score(
        self, given: npt.NDArray[np.integer], starts: Sequence[int], results: npt.NDArray[np.void]
    ) -> None:
        """Score the blocks of rows that begin at ``starts``."""
        counted = "counts" in (results.dtype.names or ())
        names = results.dtype["counts"].base.names or () if counted else ()
        for start in starts:
            if self.stopped:
                break
            part = results[start : start + _BLOCK]
            rows = slice(0, len(part))
            vectors = _narrow(given[start : start + _BLOCK])
            n = len(part)
            out = Results(
                part.view(np.uint8).reshape(n, -1),
                part.view(np.float64).reshape(n, -1),
                part.view(np.int64).reshape(n, -1),
                self._counts[rows, : self._counts.shape[1] if counted else 0],
                self._words[rows, : self._words.shape[1] if counted else 0],
            )
            fates = self._fates[rows]
            # Rows of levels that a mapping bypasses are written by nobody.
            out.counts[:], out.words[:] = 0, 0
            score_rows(
                self._state, *self._tables, *self._program, self._known, self._stamps, self._lanes,
                vectors, self._broken, fates, out,
            )  # fmt: skip
            if "forwardable" in names:
                fates[fates == SCORED] = HARD
            if (fates == HARD).any():
                score_hard_rows(
                    self._state, self._tables[0], self._general, *self._program, self._lanes,
                    vectors, self._broken.shape[1], fates, out,
                )  # fmt: skip
            if names:
                _copy(part, fates, names, out.counts, out.words)


def _copy(part: npt.NDArray[np.void], fates: Ints, names: tuple[str, ...], counts: Ints, words: Ints) -> None:
    """Copy a block's counts; rows that are no legal mapping have none."""
    legal = (fates == SCORED)[:, None]
    part["words"] = np.where(legal, words, 0)
    for i, name in enumerate(COUNTS):
        if name in names:
            part["counts"][name] = np.where(legal, counts[:, i :: len(COUNTS)], 0)


def _narrow(vectors: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """The same as int32 that kernels know; numbers that do not fit become out of range for every column."""
    if vectors.dtype != np.int32 and not np.can_cast(vectors.dtype, np.int32):
        fits = (vectors >= -1) & (vectors <= np.iinfo(np.int32).max)
        vectors = np.where(fits, vectors, -1)
    return np.require(vectors, np.int32, ["C", "W"])
