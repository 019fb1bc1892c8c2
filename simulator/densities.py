"""Densities of a network's tensors, layer by layer: given as mappings or read from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from simulator.errors import ProblemError, did_you_mean
from simulator.files import read_yaml
from simulator.problem import check_fields

# By layer, then by tensor.
Densities = Mapping[str, Mapping[str, float]]


def load_densities(source: Densities | str | os.PathLike[str]) -> Densities:
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


def layer_densities(source: Mapping[str, float] | str | os.PathLike[str], layer: str) -> Mapping[str, float]:
    """Return the densities of one layer by tensor: the mapping itself, or what a network's file says of it.

    Raises
    ------
    ProblemError
        As `load_densities`, and for a file that says nothing of the layer, with the nearest name.
    """
    if not isinstance(source, str | os.PathLike):
        return check_fields(source, f"{layer}: densities")
    layers = load_densities(source)
    if layer not in layers:
        raise ProblemError(
            f"{os.fspath(source)}: no densities for layer {layer!r}{did_you_mean(layer, layers)}"
        )
    return layers[layer]
