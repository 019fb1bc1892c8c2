"""A Dask cluster: a scheduler and two workers on the loopback address, in processes that are killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sweep_work
from sweep_work import answers, logged, processes, tasks

import simulator
from simulator.study import cluster
from simulator.study.executors import ExecutorError
from simulator.study.running import Outcome, run_items
from simulator.study.store import Store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def start(folder, *command, source=ROOT):
    paths = os.pathsep.join([str(source), str(HERE)])
    environment = {**os.environ, "PYTHONPATH": paths, "DASK_LOGGING__DISTRIBUTED": "error"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, *command]
    return subprocess.Popen(command, **pipes, cwd=folder, env=environment, stderr=subprocess.DEVNULL)


@pytest.fixture
def processes_of_cluster(tmp_path):
    with start(tmp_path, str(HERE / "cluster_processes.py"), str(tmp_path)) as process:
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def run(items, store, address, progress=None):
    return run_items(items, store, scheduler=address, work=sweep_work.work, progress=progress)


def killing(process, after):
    """Progress that kills a process once so many items are done."""

    def tell(standing):
        if standing.done == after:
            os.kill(process, signal.SIGKILL)

    return tell


def test_a_cluster_loses_workers_and_then_its_scheduler(tmp_path, processes_of_cluster, monkeypatch):
    address, log = processes_of_cluster["address"], tmp_path / "log"
    first, _ = processes_of_cluster["workers"]
    with Store(tmp_path / "a.sqlite") as store:
        with monkeypatch.context() as patch, pytest.warns(UserWarning, match="gets no work: it runs version"):
            patch.setattr(cluster, "model_version", lambda: "another")
            with pytest.raises(ExecutorError, match=r"no worker of tcp://.* runs version another, but "):
                run(tasks(10, log), store, address)
        assert not log.exists()

        outcome = run(tasks(100, log, seconds=0.01), store, address, killing(first, after=20))
        assert outcome == Outcome(done=100, reused=0, failed=0)
        assert store.get(answers(100)) == answers(100) and len(store) == 100
        assert processes(log) == {*processes_of_cluster["workers"]}
        assert set(logged(log)) == set(range(100))

        with pytest.raises(ExecutorError, match=r"the scheduler at tcp://.* is gone; .* run again to go on"):
            kill = killing(processes_of_cluster["scheduler"], after=130)
            run(tasks(300, log, seconds=0.01), store, address, kill)
        stored = len(store)
        assert 130 <= stored < 300
        assert run_items(tasks(300, log), store, workers=0, work=sweep_work.work).reused == stored
        assert store.get(answers(300)) == answers(300)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1"),
        ("nonsense://a", "no Dask scheduler answers at nonsense://a"),
        ("host", "no Dask scheduler answers at host: missing port number"),
        ("", "no Dask scheduler answers at"),
    ],
)
def test_a_scheduler_that_does_not_answer(monkeypatch, address, reason):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.3)
    with Store() as store, pytest.raises(ExecutorError, match=reason):
        run(tasks(3), store, address)


def test_without_dask_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with Store() as store, pytest.raises(ExecutorError, match=r"dataflow-simulator\[distributed\]"):
        run(tasks(3), store, "tcp://127.0.0.1:1")


@pytest.mark.long
def test_a_worker_of_another_version_that_joins_gets_no_work(tmp_path, processes_of_cluster):
    other = tmp_path / "other"
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("simulator", "workloads", "arch_configs"):
        shutil.copytree(ROOT / package, other / package, ignore=ignored)
    with open(other / "simulator" / "counting" / "__init__.py", "a") as source:
        source.write("\n# Not what it was.\n")
    log, joined = tmp_path / "log", []

    def tell(standing):
        if standing.done == 20:
            options = ("--nthreads", "2", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path))
            command = ("-m", "distributed.cli.dask_worker", processes_of_cluster["address"], *options)
            joined.append(start(tmp_path, *command, source=other))

    try:
        with Store(tmp_path / "a.sqlite") as store, pytest.warns(UserWarning, match="gets no work"):
            outcome = run(tasks(2000, log, seconds=0.02), store, processes_of_cluster["address"], tell)
            assert outcome == Outcome(done=2000, reused=0, failed=0)
            assert store.get(answers(2000)) == answers(2000)
    finally:
        joined[0].kill()
    assert joined[0].pid not in processes(log)
    assert simulator.__file__.startswith(str(ROOT))
