"""What the values of an execution did to the actions, beside what is expected from densities."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simulator.architecture import Architecture
from simulator.compression import RunLengthCode
from simulator.cost.actions import Action, gated
from simulator.counting.functional import Execution
from simulator.counting.functional_layout import is_data
from simulator.counting.lowering import MAC, Nest
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
    """Return what an execution of a nest left of its actions."""
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
    """Bits a word of a tensor's data, coded as one stream in row-major order.

    One stream, since the code's spare room is at its end only: a part that is read, or read again, costs its
    share. Which sums the activation behind the problem makes zero is not known; it is executed as zeroing
    words at random (seed 0), as many as the output's density says.
    """
    own = problem.tensor(tensor)
    if tensor == problem.output:
        words = math.prod(problem.extents[d] for d in own.dimensions)
        return code.coded_bits(np.random.default_rng(0).random(words) < own.density) / words
    data = execution.operands[tensor][is_data(problem, own)]
    return code.coded_bits(data) / max(1, data.size)
