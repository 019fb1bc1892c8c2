"""Reading YAML that nobody vouches for, and writing files that are never half written.

As `workloads.files`, with this package's error.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import IO

from simulator.errors import SimulatorError
from workloads import files

MAX_BYTES = 2**20


def read_yaml(path: str | os.PathLike[str], error: type[SimulatorError] = SimulatorError) -> object:
    """Return the plain data (mappings, lists, text, numbers, booleans, None) of a YAML file.

    Nothing in it is executed. Scalars follow YAML 1.2: ``012`` and ``no`` are text, ``1e3`` is a number.

    Parameters
    ----------
    path
        The file, of at most 1 MiB.
    error
        The class of the error to raise.

    Raises
    ------
    SimulatorError
        If the file is missing, unreadable, too large or no text; for a syntax error (with line and
        column), a repeated key, an alias or a tag.
    """
    return parse_yaml(files.read_text(path, error, MAX_BYTES), os.fspath(path), error)


def parse_yaml(text: str, where: str, error: type[SimulatorError] = SimulatorError) -> object:
    """Return the plain data of YAML text, as `read_yaml` does; `where` names the text in errors."""
    if len(text) > MAX_BYTES:
        raise error(f"{where}: larger than 1 MiB")
    return files.parse_yaml(text, where, error)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Make sure that a file could be written, before the work that fills it.

    Raises
    ------
    SimulatorError
        If the folder is missing or cannot be written, or a folder stands in the file's place.
    """
    files.check_writable(path, SimulatorError)


def write_atomically(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write a file so that it is either the old one or wholly the new one, whatever happens in between.

    Text is written as UTF-8 with the line ends it has.

    Raises
    ------
    SimulatorError
        If the folder is missing or cannot be written.
    """
    files.write_atomically(path, data, SimulatorError)


def open_atomically(path: str | os.PathLike[str]) -> AbstractContextManager[IO[bytes]]:
    """Open a file to write bytes to; it takes the old one's place when all is written, else nothing changes.

    Raises
    ------
    SimulatorError
        As `write_atomically`.
    """
    return files.open_atomically(path, SimulatorError)
