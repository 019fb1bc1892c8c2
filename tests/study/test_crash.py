"""A sweep that is killed again and again ends with exactly the rows of an undisturbed one."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sweep_work
from sweep_work import logged, processes, tasks

from simulator.study.running import run_items
from simulator.study.store import Store

SWEEP = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from simulator.study.running import run_items
from simulator.study.store import Store
from sweep_work import tasks, work
log, number = sys.argv[1], int(sys.argv[2])
with Store(log + ".sqlite") as store:
    run_items(tasks(number, log, seconds=0.01, unmappable=range(0, number, 7)), store, workers=2, work=work)
"""


def rows(store):
    return sorted(
        (row.key, row.label, row.status, row.answer["status"], str(row.answer)) for row in store.rows()
    )


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.long)])
def test_a_sweep_that_is_killed_at_random_moments(tmp_path, rounds):
    log, number, chance = tmp_path / "log", 40 * rounds, random.Random()
    log.touch()
    command = [sys.executable, "-c", SWEEP, str(log), str(number)]
    for turn in range(rounds):
        # Python's own helpers may complain that they were left alone.
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            if turn % 3 == 0:
                # While it starts, makes the store, or has just begun.
                time.sleep(chance.uniform(0, 1))
            else:
                enough = len(logged(log)) + chance.randrange(1, 40)
                while len(logged(log)) < enough and process.poll() is None:
                    time.sleep(0.005)
            process.kill()
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    with Store(f"{log}.sqlite") as store, Store() as undisturbed:
        run_items(tasks(number, unmappable=range(0, number, 7)), undisturbed, workers=0, work=sweep_work.work)
        assert rows(store) == rows(undisturbed) and len(store) == number
        assert store.info()["failed"] == len(range(0, number, 7))
    # At most what was in hand is done again, each time: a few calls of half a second.
    assert number <= len(logged(log)) <= number + rounds * 4 * 50
    assert not any(os.path.exists(f"/proc/{process}") for process in processes(log))


@pytest.mark.long
def test_a_real_sweep_that_is_killed(tmp_path):
    given = ["lenet5_caffe", "--arch", "eyeriss_v1", "--set", f"array.x={','.join(map(str, range(5, 35)))}"]
    command = [sys.executable, "-m", "simulator", "sweep", *given, "--workers", "2", "--store"]
    path, chance = tmp_path / "killed.sqlite", random.Random()
    for _ in range(8):
        with subprocess.Popen(
            [*command, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and not path.exists():
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 4))
            process.kill()
    tables = []
    for store in (path, tmp_path / "undisturbed.sqlite"):
        ended = subprocess.run([*command, str(store), "--json"], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        tables.append(ended.stdout)
    assert tables[0] == tables[1]
    with Store(path) as killed, Store(tmp_path / "undisturbed.sqlite") as undisturbed:
        assert killed.get_brief(killed.keys()) == undisturbed.get_brief(undisturbed.keys())
        assert len(killed) > 100 and len(killed.studies()) == 1
