"""Peak memory of processes, for the benchmarks."""

from __future__ import annotations

import resource
import sys


def peak_bytes(*whose: int) -> int:
    """Return the largest resident set so far, in bytes; ``whose`` are `resource.RUSAGE_SELF` and others.

    A process begins with its parent's peak (Linux), so a parent should not do what its children measure.
    """
    # Linux tells kibibytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return max(resource.getrusage(who).ru_maxrss for who in whose) * unit
