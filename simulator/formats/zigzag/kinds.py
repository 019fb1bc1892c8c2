"""What a file holds in ZigZag's form, found without reading it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from simulator.errors import SimulatorError
from simulator.files import MAX_BYTES
from workloads.files import read_start

ACCELERATOR, WORKLOAD, MAPPING = "accelerator", "workload", "mapping"
_SUFFIXES = (".yaml", ".yml")
# An accelerator is a mapping with these; workloads and mappings are lists, of which each entry has one.
_ACCELERATOR = re.compile(r"^(?:memories|operational_array|multipliers)\s*:", re.MULTILINE)
_LIST = re.compile(r"\ufeff?(?:[ \t]*(?:#[^\n]*)?\r?\n|---[^\n]*\n)*(?:-\s|\[)")
_WORKLOAD = re.compile(r"^[^#\n]*\b(?:loop_dims|equation)\s*:", re.MULTILINE)
_MAPPING = re.compile(
    r"^[^#\n]*\b(?:spatial_mapping|spatial_mapping_hint|memory_operand_links)\s*:", re.MULTILINE
)


def kind_of(path: object) -> str | None:
    """Return what a YAML file holds in ZigZag's form, by a look at its text; None for others."""
    if not isinstance(path, str | os.PathLike) or Path(path).suffix not in _SUFFIXES:
        return None
    if not os.path.isfile(path):
        return None
    text = read_start(path, SimulatorError, MAX_BYTES).decode("utf-8", "replace")
    if not _LIST.match(text):
        return ACCELERATOR if _ACCELERATOR.search(text) else None
    return WORKLOAD if _WORKLOAD.search(text) else MAPPING if _MAPPING.search(text) else None
