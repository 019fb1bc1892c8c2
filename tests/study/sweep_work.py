"""Work that is quick and always the same, in a module of its own, so that worker processes find it.

It logs each item that it does, misbehaves where an item says so, and imports nothing heavy.
"""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Task:
    key: str
    label: str
    data: dict[str, object] = field(default_factory=dict)
    size: int = 0


def tasks(number, log=None, **data):
    """So many items; they log into a file, if there is one."""
    return [
        Task(f"{n:064x}", f"item {n}", {"n": n, "log": log and str(log), **data}, n) for n in range(number)
    ]


def work(task):
    data = task.data
    if data["log"]:
        with open(data["log"], "a") as log:
            log.write(f"{data['n']} {os.getpid()}\n")
    time.sleep(data.get("seconds", 0))
    if data["n"] in data.get("deadly", ()):
        os.kill(os.getpid(), signal.SIGKILL)
    if data["n"] in data.get("deadly_once", ()):
        marker = Path(f"{data['log']}.{data['n']}")
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if data["n"] in data.get("defects", ()):
        raise TypeError(f"a defect at {data['n']}")
    if data["n"] in data.get("interrupts", ()):
        raise KeyboardInterrupt
    if data["n"] in data.get("unmappable", ()):
        return {"status": "failed", "error": "no mapping"}
    return answer(data["n"])


def answer(n):
    return {"status": "done", "square": n * n, "parts": ["x" * 100]}


def answers(number):
    """What a store holds after `work` did so many items."""
    return {f"{n:064x}": answer(n) for n in range(number)}


def logged(log):
    """Which items were done, in order."""
    return [int(line.split()[0]) for line in Path(log).read_text().splitlines()]


def processes(log):
    """The processes that did them."""
    return {int(line.split()[1]) for line in Path(log).read_text().splitlines()}
