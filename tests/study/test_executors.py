"""Who does the work: this process, processes that may be killed, any executor; wrong ones are refused."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import sweep_work
from sweep_work import answers, logged, processes, tasks

from simulator.study import executors
from simulator.study.executors import ExecutorError
from simulator.study.running import Outcome, run_items
from simulator.study.store import Store


def run(items, store, **options):
    return run_items(items, store, work=sweep_work.work, **options)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "workers are a whole number from 0"),
        ({"workers": 1.5}, "not 1.5"),
        ({"workers": True}, "not True"),
        ({"workers": 10**30}, "to 4096"),
        ({"executor": "threads"}, "concurrent.futures.Executor, not 'threads'"),
        ({"workers": 2, "scheduler": "tcp://a:1"}, "workers or a scheduler, not both"),
        ({"executor": ThreadPoolExecutor(1), "scheduler": "tcp://a:1"}, "executor or a scheduler, not both"),
    ],
)
def test_wrong_workers_are_refused_also_without_items(options, message):
    with Store() as store, pytest.raises(ExecutorError, match=message):
        run([], store, **options)


def test_any_executor_does_and_is_left_open(log):
    with Store() as store, ThreadPoolExecutor(3) as executor:
        assert run(tasks(30, log), store, executor=executor) == Outcome(done=30, reused=0, failed=0)
        assert store.get(answers(30)) == answers(30)
        assert executor.submit(int, 5).result() == 5


def test_an_executor_that_is_shut_down_is_an_error(log):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with Store() as store, pytest.raises(ExecutorError, match="takes no more work: cannot schedule"):
        run(tasks(3, log), store, executor=executor)


class Breaking(Executor):
    """Does each call at once, and after so many calls fails, as a pool does whose process was killed."""

    def __init__(self, calls, error):
        self.left, self.error = calls, error

    def submit(self, function, /, *arguments):
        self.left -= 1
        future = Future()
        if self.left >= 0:
            future.set_result(function(*arguments))
        else:
            future.set_exception(self.error)
        return future


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BrokenProcessPool("killed"), "the executor broke: killed; run again to go on"),
        (TypeError("cannot pickle"), "the workers cannot do the work: TypeError: cannot pickle"),
    ],
)
def test_an_executor_that_breaks_ends_the_run_and_what_was_done_is_kept(log, error, message):
    with Store() as store:
        with pytest.raises(ExecutorError, match=message):
            run(tasks(30, log), store, executor=Breaking(12, error), workers=10)
        done = len(store)
        assert done == len(logged(log)) >= 12
        assert run(tasks(30, log), store, workers=0).reused == done
        assert store.get(answers(30)) == answers(30)


def test_processes_share_the_work_and_end(log):
    with Store() as store:
        # Each sleeps, so that no process could do all.
        assert run(tasks(24, log, seconds=0.02), store, workers=2) == Outcome(done=24, reused=0, failed=0)
        assert store.get(answers(24)) == answers(24)
    assert sorted(logged(log)) == list(range(24))
    found = processes(log)
    assert len(found) == 2 and os.getpid() not in found
    assert not any(map(alive, found))


def test_what_a_killed_worker_had_in_hand_is_done_again(log):
    with Store() as store:
        items = tasks(24, log, deadly_once=[20, 7])
        assert run(items, store, workers=2) == Outcome(done=24, reused=0, failed=0)
        assert store.get(answers(24)) == answers(24)


def test_an_item_that_kills_its_worker_is_given_up_and_the_others_are_done(log):
    with Store() as store:
        items = tasks(12, log, deadly=[5])
        outcome = run(items, store, workers=2)
        assert (outcome.done, outcome.interrupted, [*outcome.lost]) == (11, 0, [items[5].key])
        assert "its worker ended 3 times, perhaps for want of memory" in outcome.lost[items[5].key]
        assert logged(log).count(5) == 3
        assert len(store) == 11


def test_a_process_that_cannot_be_started_is_an_error(monkeypatch):
    def refuse(*arguments):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(executors.ProcessPoolExecutor, "submit", refuse)
    with Store() as store, pytest.raises(ExecutorError, match=r"no process can be started: .*unavailable"):
        run(tasks(3), store, workers=2)


def test_workers_that_never_answer_end_the_run(log):
    with Store() as store:
        with pytest.raises(ExecutorError, match="workers end before they answer, 13 times in a row"):
            run(tasks(1000, log, deadly=range(1000)), store, workers=1)
        assert len(logged(log)) < 100


HERE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
"""
SWEEP = """
from simulator.study import running
from simulator.study.running import run_items
from simulator.study.store import Store
from sweep_work import tasks, work
log, number, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
# What is in hand is soon done.
running._MOST_ITEMS = 2
with Store(log + ".sqlite") as store:
    print(run_items(tasks(number, log, seconds=seconds), store, workers=2, work=work), flush=True)
"""


def start(folder, *arguments):
    """A script that nobody guarded by ``if __name__ == "__main__"``."""
    script = folder / "sweep.py"
    script.write_text(HERE + SWEEP)
    command = [sys.executable, str(script), str(folder / "log"), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, start_new_session=True, **pipes)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_workers_do_not_run_the_script_again(tmp_path, log):
    with start(tmp_path, 10, 0) as process:
        out, err = process.communicate()
    assert (out.count("Outcome"), err, process.returncode) == (1, "", 0)
    assert sorted(logged(log)) == list(range(10))


@pytest.mark.usefixtures("heard_ctrl_c")
def test_ctrl_c_in_a_terminal_ends_quietly_with_what_is_done(tmp_path, log):
    with start(tmp_path, 1000, 0.02) as process:
        wait_for(lambda: log.exists() and len(logged(log)) > 10)
        # As a terminal does: to all of the group, workers too.
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    assert (err, process.returncode) == ("", 0)
    with Store(f"{log}.sqlite") as store:
        assert 0 < len(store) < 1000
        # What was begun before is kept.
        assert store.keys() == {task.key for task in tasks(1000) if task.data["n"] in logged(log)}
        assert f"done={len(store)}, " in out and f"interrupted={1000 - len(store)}, " in out
    assert not any(map(alive, processes(log)))


def test_workers_end_with_a_killed_parent(tmp_path, log):
    with start(tmp_path, 1000, 0.02) as process:
        wait_for(lambda: log.exists() and len(processes(log)) == 2)
        process.kill()
    wait_for(lambda: not any(map(alive, processes(log))))


def test_a_pool_of_the_callers_own(log):
    with Store() as store, ProcessPoolExecutor(1) as executor:
        assert run(tasks(5, log), store, executor=executor, workers=1).done == 5
    assert os.getpid() not in processes(log)
