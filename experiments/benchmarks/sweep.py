"""A sweep of 200 machines and four networks, the best mapping of every distinct layer: time, memory, store.

python experiments/benchmarks/sweep.py

Also the same sweep again from its store, and a part of it with one worker and with several.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Scripts run from anywhere, without being installed.
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments.benchmarks.sweep_worker import measured
from experiments.common import print_table, run
from simulator.errors import SimulatorError
from simulator.study.points import Item
from simulator.study.running import run_items
from simulator.study.store import Store
from simulator.study.sweeping import prepare
from simulator.terminal import sweep_progress

# What these should come to on two cores.
AIM_SECONDS, AIM_AGAIN_SECONDS, AIM_SPEED_UP, AIM_MB = 600.0, 5.0, 1.8, 400.0
NETWORKS = ("alexnet", "vgg16", "resnet50", "mobilenet_v1")
SETTINGS = {
    "array.x": list(range(8, 27, 2)),
    "array.y": [6, 9, 12, 15, 18],
    "filter_spad.capacity": ["112 B", "224 B", "448 B", "896 B"],
}
_AGAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import simulator as sim
from experiments.benchmarks.sweep import NETWORKS, SETTINGS
def check(standing):
    if standing.done < standing.total:
        sys.exit("error: not all of it is in the store: did the sources change meanwhile?")
with sim.sweep(NETWORKS, "eyeriss_v1", SETTINGS, store=sys.argv[2], workers=0, progress=check) as study:
    assert len(str(study)) > 100
"""


@dataclass(frozen=True)
class Run:
    """What a run took: wall time, the CPU time of each worker, the largest memory of one."""

    wall_seconds: float
    own_seconds: float
    worker_seconds: tuple[float, ...]
    peak_bytes: int


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--part", type=int, default=1500, help="items that one worker does, and then several")
    parser.add_argument("--rounds", type=int, default=1, help="how often they do, in turn")
    parser.add_argument("--only-part", action="store_true", help="not the whole sweep, which takes minutes")
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.workers, options.part, options.rounds, options.only_part))


def _measure(workers: int, part: int, rounds: int, only_part: bool) -> None:
    items = prepare(NETWORKS, "eyeriss_v1", SETTINGS).items
    if not only_part:
        _measure_all(items, workers)
    # Every so many, so that the part is like the whole.
    some = items[:: max(1, len(items) // part)]
    # In turn, so that what else the computer does slows down both.
    pairs = [(_run(some, None, 1), _run(some, None, workers)) for _ in range(rounds)]
    ran = [(number, done) for pair in pairs for number, done in zip((1, workers), pair, strict=True)]
    print_table("a part of it", [{"workers": number, **_row(some, done)} for number, done in ran])
    wall = sum(one.wall_seconds for one, _ in pairs) / sum(many.wall_seconds for _, many in pairs)
    # On idle cores a run lasts as long as its busiest worker.
    busy = sum(sum(one.worker_seconds) for one, _ in pairs) / sum(max(run.worker_seconds) for _, run in pairs)
    print(f"speed-up of {workers} workers over 1 (aim of 2 workers: {AIM_SPEED_UP}):")
    print(f"{wall:.2f} by wall time, {busy:.2f} by the CPU time of the busiest worker")


def _measure_all(items: Sequence[Item], workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.sqlite"
        done = _run(items, path, workers)
        row = {"workers": workers, **_row(items, done), "store (MB)": round(path.stat().st_size / 1e6, 1)}
        print_table(f"200 machines, {', '.join(NETWORKS)}", [row])
        before = time.monotonic()
        program = [sys.executable, "-c", _AGAIN, str(ROOT), str(path)]
        if subprocess.run(program, check=False).returncode:
            raise SimulatorError("the sweep could not be read again")
        again = time.monotonic() - before
    print(f"wall time {done.wall_seconds:.0f} s (aim {AIM_SECONDS:.0f}); ", end="")
    print(f"again from the store, as a new process: {again:.1f} s (aim {AIM_AGAIN_SECONDS:.0f})\n")


def _run(items: Sequence[Item], path: Path | None, workers: int) -> Run:
    start, own = time.monotonic(), time.process_time()
    with Store(path) as store:
        with sweep_progress(f"{workers} workers") as report:
            outcome = run_items(items, store, workers=workers, work=measured, progress=report)
        wall, own = time.monotonic() - start, time.process_time() - own
        answers = store.get_brief(item.key for item in items).values()
    if outcome.done < len(items):
        raise SimulatorError(f"not all was done: {outcome}")
    # Each worker says what it used so far: its last answer what it used in all.
    cpu: dict[int, float] = {}
    for answer in answers:
        cpu[answer["worker"]] = max(cpu.get(answer["worker"], 0.0), answer["cpu_seconds"])
    return Run(wall, own, tuple(cpu.values()), max(answer["peak_bytes"] for answer in answers))


def _row(items: Sequence[Item], done: Run) -> dict[str, object]:
    return {
        "items": len(items),
        "wall time (s)": round(done.wall_seconds, 1),
        "items/s": round(len(items) / done.wall_seconds, 1),
        "CPU of workers (s)": " + ".join(f"{seconds:.1f}" for seconds in done.worker_seconds),
        "CPU besides (s)": round(done.own_seconds, 1),
        "peak of a worker (MB)": round(done.peak_bytes / 1e6),
        "aim (MB)": AIM_MB,
    }


if __name__ == "__main__":
    sys.exit(main())
