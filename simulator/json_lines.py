"""JSON lines that nobody vouches for: read within a limit, and errors short enough to answer with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_LONGEST_MESSAGE = 500


def bounded_lines(stream: BinaryIO, most: int) -> Iterator[bytes | None]:
    """Yield lines as they come; None for one of more than ``most`` bytes, which is never held as a whole."""
    while line := stream.readline(most + 1):
        if len(line) <= most:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(most)
        yield None


def shortened(message: str) -> str:
    """The message, cut where it quotes more than anyone reads."""
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 3]}..."
