"""What a ``.cfg`` of SCALE-Sim says of the machine."""

from __future__ import annotations

import configparser
import os
import re
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import ArchitectureError, did_you_mean
from workloads.files import read_text

DATAFLOWS = ("ws", "os", "is")
SUFFIX = ".cfg"
MOST_BYTES = 2**20
MOST_PLACES = 2**15
MOST_KB = 2**30

_MACHINE = "architecture_presets"
_SIZES = {
    "arrayheight": "ArrayHeight",
    "arraywidth": "ArrayWidth",
    "ifmapsramszkb": "IfmapSramSzkB",
    "filtersramszkb": "FilterSramSzkB",
    "ofmapsramszkb": "OfmapSramSzkB",
}
# What is read, or says nothing of counts and cycles: where addresses begin, and files beside this one.
_READ = {
    "general": ("run_name",),
    _MACHINE: (*_SIZES, "dataflow", "bandwidth", "ifmapoffset", "filteroffset", "ofmapoffset"),
    "run_presets": ("interfacebandwidth",),
    "network_presets": ("topologycsvloc",),
}
_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Config:
    """A systolic array with its three memories, in kB of 1024 bytes, and SCALE-Sim's dataflow.

    ``bandwidth`` in words per cycle of each memory's interface, None where it is as large as is needed
    (``CALC``). ``notes`` name what the file says that has no counterpart here.
    """

    name: str
    rows: int
    columns: int
    ifmap_kb: int
    filter_kb: int
    ofmap_kb: int
    dataflow: str
    bandwidth: int | None = None
    notes: tuple[str, ...] = ()


def is_config(path: object) -> bool:
    """Whether it is the path of a ``.cfg``, by its name."""
    return isinstance(path, str | os.PathLike) and Path(path).suffix.lower() == SUFFIX


def read_config(path: str | os.PathLike[str]) -> Config:
    """Return what a ``.cfg`` of at most 1 MiB says; only its section ``architecture_presets`` must be there.

    Raises
    ------
    ArchitectureError
        For a file that cannot be read, and a key that is missing or wrong, with its section.
    """
    where = os.fspath(path)
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#",))
    try:
        parser.read_string(read_text(path, ArchitectureError, MOST_BYTES), where)
    except configparser.Error as error:
        raise ArchitectureError(f"{where}: {' '.join(str(error).split())[:300]}") from None
    if not parser.has_section(_MACHINE):
        near = did_you_mean(_MACHINE, parser.sections())
        raise ArchitectureError(f"{where}: the section [{_MACHINE}] is missing{near}")
    rows, columns, *memories = (_whole(parser, key, where) for key in _SIZES)
    ifmap, filters, ofmap = memories
    flow = _text(parser, "dataflow", "Dataflow", where).lower()
    if flow not in DATAFLOWS:
        raise ArchitectureError(
            f"{where}: {_MACHINE}: Dataflow must be one of {', '.join(DATAFLOWS)}, not {flow[:80]!r}"
        )
    name = parser.get("general", "run_name", fallback="") or Path(path).stem
    bandwidth, notes = _bandwidth(parser, where), _notes(parser, where)
    return Config(name, rows, columns, ifmap, filters, ofmap, flow, bandwidth, notes)


def _text(parser: configparser.ConfigParser, key: str, written: str, where: str) -> str:
    keys = parser.options(_MACHINE)
    if key not in keys:
        raise ArchitectureError(
            f"{where}: {_MACHINE}: the key {written!r} is missing{did_you_mean(key, keys)}"
        )
    return parser.get(_MACHINE, key).strip().strip("\"'")


def _whole(parser: configparser.ConfigParser, key: str, where: str) -> int:
    text, most = _text(parser, key, _SIZES[key], where), MOST_KB if key.endswith("kb") else MOST_PLACES
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise ArchitectureError(
            f"{where}: {_MACHINE}: {_SIZES[key]} must be a whole number from 1 to {most}, "
            f"not {text[:80] or 'empty'!r}"
        )
    return int(text)


def _bandwidth(parser: configparser.ConfigParser, where: str) -> int | None:
    """SCALE-Sim gives all three interfaces the first of the numbers."""
    mode = parser.get("run_presets", "interfacebandwidth", fallback="CALC").strip().upper()
    if mode not in ("CALC", "USER"):
        raise ArchitectureError(
            f"{where}: run_presets: InterfaceBandwidth must be CALC or USER, not {mode[:80]!r}"
        )
    if mode == "CALC":
        return None
    text = _text(parser, "bandwidth", "Bandwidth", where).partition(",")[0].strip()
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST_KB:
        raise ArchitectureError(
            f"{where}: {_MACHINE}: Bandwidth must be whole numbers of words per cycle from 1 to {MOST_KB}, "
            f"not {text[:80] or 'empty'!r}"
        )
    return int(text)


def _notes(parser: configparser.ConfigParser, where: str) -> tuple[str, ...]:
    """That prices are missing, and a line for each section with keys that are not read."""
    notes = [f"{where}: no prices: SCALE-Sim has no energies; all are zero without an energy table"]
    for section in parser.sections():
        unread = [key for key in parser.options(section) if key not in _READ.get(section, ())]
        if unread:
            notes.append(f"{where}: [{section[:40]}] {', '.join(unread)[:200]}: no counterpart here")
    return tuple(notes)
