"""A peer's work in this process: ``child.py NAME WORK``, a task on standard input, a result on output."""

from __future__ import annotations

import importlib
import json
import math
import os
import resource
import sys
import tempfile
from pathlib import Path

from experiments.benchmarks.peak import peak_bytes
from experiments.benchmarks.search_peers.process import PeerError


def main(name: str, work: str) -> int:
    task = json.load(sys.stdin)
    # Peers print as they go: standard output is kept for the answer, files go where they are deleted.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = importlib.import_module(f"experiments.benchmarks.search_peers.{name}_peer")
    peer.start(task)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        before = _cpu_seconds()
        if task["limit_seconds"] is not None:
            # The kernel ends this process when they are spent (SIGXCPU).
            limit = math.ceil(before + task["limit_seconds"])
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
        try:
            result = getattr(peer, work)(task)
        except PeerError as error:
            print(error, file=sys.stderr)
            return 2
        spent = _cpu_seconds() - before
        os.chdir("/")
    peak = max(_own_peak(), peak_bytes(resource.RUSAGE_CHILDREN))
    measured = {"cpu_seconds": spent, "startup_seconds": before, "peak_bytes": peak}
    json.dump({"answer": result, **measured}, answer)
    answer.close()
    return 0


def _own_peak() -> int:
    """This process's peak bytes; Linux has it without the parent's, whose pages it began with."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return peak_bytes(resource.RUSAGE_SELF)
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
