"""What the workers of `sweep.py` do, in a module of its own, so that other processes find it."""

from __future__ import annotations

import os
import resource
import time
from typing import Any

from experiments.benchmarks.peak import peak_bytes
from simulator.study.points import Item, compute


def measured(item: Item) -> dict[str, Any]:
    """An item's answer, with its worker, and the CPU seconds and peak memory of that so far."""
    answer = compute(item)
    used = {"cpu_seconds": time.process_time(), "peak_bytes": peak_bytes(resource.RUSAGE_SELF)}
    return {**answer, "worker": os.getpid(), **used}
