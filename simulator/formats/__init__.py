"""Files of other tools: a module or package for each, and what `simulator convert` does with them.

A format's module for conversions has ``convert_from`` and ``convert_to``, which take a `Request`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from simulator.errors import SimulatorError, did_you_mean
from workloads.files import PlainDumper

CONVERTERS = {
    "scalesim": "simulator.formats.scalesim.converting",
    "timeloop": "simulator.formats.timeloop.converting",
    "zigzag": "simulator.formats.zigzag.converting",
}


@dataclass(frozen=True)
class Request:
    """One conversion: what is asked for, as the command line has it.

    ``kind`` is what is converted, where the files leave it open; ``others`` are files of the same design.
    """

    source: str
    target: Path
    kind: str | None = None
    layer: str | None = None
    arch: str | None = None
    others: tuple[str, ...] = ()
    root: str | None = None
    variables: dict[str, object] = field(default_factory=dict)
    version: int | None = None


@dataclass(frozen=True)
class Converted:
    """The text to write, a line that says what it is, and what has no counterpart."""

    text: str
    summary: str
    notes: tuple[str, ...] = ()


def convert(direction: str, name: str, request: Request) -> Converted:
    """Convert ``from`` or ``to`` the format of this name.

    Raises
    ------
    SimulatorError
        For an unknown format, with the nearest, and as the format's own module.
    """
    if name not in CONVERTERS:
        raise SimulatorError(f"--{direction}: unknown format {name!r}{did_you_mean(name, CONVERTERS)}")
    module = importlib.import_module(CONVERTERS[name])
    function: Callable[[Request], Converted] | None = getattr(module, f"convert_{direction}", None)
    if function is None:
        raise SimulatorError(f"--{direction} {name}: this format is only converted the other way")
    return function(request)


def plain_text(data: dict[str, Any], dumper: type[yaml.SafeDumper] = PlainDumper) -> str:
    """Return data as YAML, short lists and mappings on one line."""
    return yaml.dump(data, Dumper=dumper, sort_keys=False, default_flow_style=None, width=100)
