"""What the values of an execution did to the actions, beside what is expected from densities."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture
from simulator.compression import PACKED_BITS, RunLengthCode
from simulator.cost.actions import Action, gated
from simulator.counting.functional import Execution
from simulator.counting.functional_layout import is_data
from simulator.counting.lowering import MAC, Ints, Nest
from simulator.errors import EngineDifferenceError
from simulator.legality import code_of
from simulator.problem import Problem


@dataclass(frozen=True)
class Executed:
    """Words that gating left of an action, by component, tensor and action; and bits a word of each tensor
    that the outermost level holds coded."""

    made: dict[tuple[str, str, str], int]
    bits: dict[str, float]
    outermost: str

    def units(self, action: Action, words: int) -> float | None:
        """Priced units of an action of so many words; None where values change nothing about it."""
        names = (action.component, action.tensor, action.action)
        coded = action.component == self.outermost and action.tensor in self.bits
        coded = coded and action.action in ("read", "drain")
        if names not in self.made and not coded:
            return None
        real = replace(action, share=1.0)
        if coded:
            bits = self.bits[action.tensor]
            real = replace(real, bits=bits) if action.action == "read" else replace(real, finished_bits=bits)
        return real.units(self.made.get(names, words))


def what_values_did(nest: Nest, architecture: Architecture, execution: Execution) -> Executed:
    """Return what an execution of a nest left of its actions.

    Raises
    ------
    EngineDifferenceError
        Where a coded tensor is not what its code is decoded to.
    """
    problem, outermost = nest.problem, architecture.outermost
    made = {
        (boundary.parent, boundary.tensor, "read"): needed
        for boundary, needed in zip(nest.boundaries, execution.needed, strict=True)
        if gated(problem, architecture, boundary)
    }
    if architecture.mac.gating in problem.tensor_names:
        made[MAC, "", "mac"] = execution.multiplies
    codes = {t: code_of(problem, architecture, t, outermost.name) for t in problem.tensor_names}
    bits = {t: _bits_per_word(problem, execution, t, code) for t, code in codes.items() if code is not None}
    return Executed(made, bits, outermost.name)


def _bits_per_word(problem: Problem, execution: Execution, tensor: str, code: RunLengthCode) -> float:
    """Bits a word of a tensor's data, encoded as one stream in row-major order; decoded, it must be the same.

    One stream, since the code's spare room is at its end only: a part that is read, or read again, costs its
    share.
    """
    words = _stored_words(problem, execution, tensor, code.level_bits)
    packed = code.encode(words)
    if not np.array_equal(code.decode(packed, words.size), words):
        raise EngineDifferenceError(
            f"{problem.name}: run-length coding changed the values of {tensor}, which is a defect of the "
            f"simulator; please report the densities"
        )
    return PACKED_BITS * len(packed) / max(1, words.size)


def _stored_words(problem: Problem, execution: Execution, tensor: str, bits: int) -> Ints:
    """The finished words of a tensor, (words,) in row-major order, each of so many bits.

    Which sums the activation behind the problem makes zero is not known: words of the output are set to zero
    at random (seed 0), as many as its density says, and no other is zero.
    """
    own = problem.tensor(tensor)
    if tensor != problem.output:
        values = execution.operands[tensor][is_data(problem, own)]
        return _fitted(values, values != 0, bits)
    # A coefficient above one leaves coordinates between the outputs that are never written.
    written = tuple(slice(None, None, rank.coefficients[0][1]) for rank in own.ranks)
    sums = execution.output[written].reshape(-1)
    return _fitted(sums, np.random.default_rng(0).random(sums.size) < own.density, bits)


def _fitted(values: Ints, kept: npt.NDArray[np.bool_], bits: int) -> Ints:
    """Values where they are kept, else zero; one that is zero or too wide becomes another word, not zero."""
    limit = 1 << (bits - 1)
    fits = (values != 0) & (-limit <= values) & (values < limit)
    return np.where(kept, np.where(fits, values, -1 - np.abs(values) % limit), 0)
