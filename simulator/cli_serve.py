"""The command that serves programs in other languages."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def serve(
    threads: Annotated[int, typer.Option(min=1, help="Threads that score the vectors of a request.")] = 1,
) -> None:
    """Score mappings for programs in any language: a JSON object a line in, one out, until the input ends."""
    from simulator.backends.serve import serve

    serve(sys.stdin.buffer, sys.stdout.buffer, threads)
