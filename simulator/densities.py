"""Densities of a network's tensors, layer by layer: given as mappings or read from a file.

The Eyeriss chip sends a network's first input raw (JSSC'17, section IV-B). No machine says so here: a tensor
is coded where its density is given and small enough. So leave out the first input's density, or give 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from simulator.errors import ProblemError, SimulatorError, did_you_mean
from simulator.files import read_yaml
from simulator.problem import Problem
from simulator.problem_fields import check_fields

# By layer, then by tensor.
Densities = Mapping[str, Mapping[str, float]]
# Densities, or the path of a YAML file that holds them.
Source = Densities | str | os.PathLike[str]


def load_densities(source: Source) -> Densities:
    """Return densities by layer and tensor: a mapping, or the path of a YAML file that holds one.

    Layers, tensors and numbers are checked where they meet a network's problems.

    Raises
    ------
    ProblemError
        For a file that cannot be read, and for anything that is no mapping of layers to mappings.
    """
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    where = "densities" if path is None else str(path)
    layers = check_fields(source if path is None else read_yaml(path, ProblemError), where)
    return {str(layer): check_fields(given, f"{where}: {layer}") for layer, given in layers.items()}


def densify(problem: Problem, source: Mapping[str, float] | str | os.PathLike[str]) -> Problem:
    """Return a problem with its densities by tensor: the mapping itself, or what a network's file says of it.

    Raises
    ------
    ProblemError
        As `load_densities` and `Problem.with_densities`, with the file's name; and for a file that says
        nothing of the problem, with the nearest name.
    """
    if not isinstance(source, str | os.PathLike):
        return problem.with_densities(check_fields(source, f"{problem.name}: densities"))
    layers = load_densities(source)
    with naming(source):
        if problem.name not in layers:
            raise ProblemError(f"no densities for layer {problem.name!r}{did_you_mean(problem.name, layers)}")
        return problem.with_densities(layers[problem.name])


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Put the name of the file that densities are from before what is wrong about them."""
    try:
        yield
    except SimulatorError as error:
        if not isinstance(source, str | os.PathLike):
            raise
        raise type(error)(f"{os.fspath(source)}: {error}") from None
