"""A layer's problems whatever it is, and one of them by its name."""

from __future__ import annotations

from dataclasses import replace

from simulator.errors import ProblemError, did_you_mean
from simulator.lowering.layers import Problems, lower_layer
from simulator.lowering.operations import lower_operations
from simulator.problem import Problem
from workloads import NetworkLayer


def lower(layer: NetworkLayer) -> Problems:
    """Return what an array runs of a layer, multiply-accumulates or other operations; perhaps nothing.

    Raises
    ------
    ProblemError
        If an extent or the number of operations is too large to count exactly.
    """
    return lower_layer(layer) or lower_operations(layer)


def lowered_part(layer: NetworkLayer, name: str | None = None) -> Problem:
    """Return the problem of a layer that is one, else the one of that name.

    Parts are named as the problems are (``attention.scores``); of those called alike the first is
    ``upscore.1``.

    Raises
    ------
    ProblemError
        For a layer that the array cannot run, an unknown name, and none given where there are several.
    """
    problems = [problem for problem, _ in lower(layer)]
    if not problems:
        raise ProblemError(
            f"layer {layer.name!r} ({layer.type}) has no multiply-accumulates, and no operations that an "
            "array can run, to map"
        )
    if len(problems) == 1:
        parts = {layer.name: problems[0]}
    elif len({problem.name for problem in problems}) == len(problems):
        parts = {problem.name: problem for problem in problems}
    else:
        parts = {f"{problem.name}.{number}": problem for number, problem in enumerate(problems, 1)}
    wanted = layer.name if name is None else name
    if wanted in parts:
        return replace(parts[wanted], name=wanted)
    if name is None:
        raise ProblemError(
            f"layer {layer.name!r} ({layer.type}) is {len(parts)} problems; name one: {', '.join(parts)}"
        )
    raise ProblemError(f"layer {layer.name!r} has no part {name!r}{did_you_mean(name, parts)}")
