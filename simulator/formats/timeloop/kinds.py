"""What a file holds in Timeloop's form, found without reading it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from simulator.errors import SimulatorError
from workloads.files import read_start

KINDS = ("architecture", "problem", "mapping")
# Fields with lists of constraints, the first version 4's.
CONSTRAINTS = ("constraints", "architecture_constraints", "mapspace_constraints", "extra_mapping_constraints")
_SUFFIXES = (".yaml", ".yml", ".jinja2", ".jinja")
_MAX_BYTES = 2**20
_KIND = re.compile(rf"^({'|'.join(KINDS)})\s*:", re.MULTILINE)
# A mapping of ours has the same first field, but neither of these in it.
_DIRECTIVE = re.compile(r"^\s*(?:-\s*\{?\s*)?(?:target|type)\s*:", re.MULTILINE)


def kinds_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return what of `KINDS` a YAML file holds in Timeloop's form, by a look at its text; () for others."""
    if Path(path).suffix not in _SUFFIXES or not os.path.isfile(path):
        return ()
    text = read_start(path, SimulatorError, _MAX_BYTES).decode("utf-8", "replace")
    found = set(_KIND.findall(text))
    if "mapping" in found and not _DIRECTIVE.search(text):
        found.remove("mapping")
    return tuple(kind for kind in KINDS if kind in found)
