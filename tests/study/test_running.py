"""Running items: each once, also between runs that share a store; a failing one is an answer, not the end."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sweep_work
from sweep_work import Task, answers, logged, tasks

from simulator import terminal
from simulator.study import running
from simulator.study.running import Outcome, Standing, run_items
from simulator.study.store import Store
from simulator.study.store_file import StoreError


def run(items, store, **options):
    """In this process unless told otherwise."""
    return run_items(items, store, **{"workers": 0, "work": sweep_work.work, **options})


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_each_item_is_done_once_and_stored(log):
    with Store() as store:
        assert run([*tasks(20, log), *tasks(20, log)], store) == Outcome(done=20, reused=0, failed=0)
        assert store.get(answers(20)) == answers(20)
        assert sorted(logged(log)) == list(range(20))
        assert run(tasks(25, log), store) == Outcome(done=5, reused=20, failed=0)
        assert sorted(logged(log)) == list(range(25))
        assert {row.label for row in store.rows()} == {f"item {n}" for n in range(25)}


def test_without_items_there_is_nothing_to_do():
    with Store() as store:
        assert run([], store) == Outcome(0, 0, 0)


def test_a_failing_item_is_an_answer(log):
    items = tasks(10, log, unmappable=[3, 4])
    with Store() as store:
        assert run(items, store) == Outcome(done=10, reused=0, failed=2)
        assert store.get([items[3].key]) == {items[3].key: {"status": "failed", "error": "no mapping"}}
        assert run(items, store) == Outcome(done=0, reused=10, failed=0)


def test_a_defect_is_told_and_tried_again_by_the_next_run(log):
    items = tasks(10, log, defects=[3])
    with Store() as store:
        outcome = run(items, store)
        assert outcome == Outcome(9, 0, 0, lost={items[3].key: "TypeError: a defect at 3"})
        assert items[3].key not in store
        assert run(tasks(10, log), store) == Outcome(done=1, reused=9, failed=0)


def test_an_answer_that_is_no_json_is_told(log):
    with Store() as store:
        outcome = run(tasks(2), store, work=lambda task: {"status": "done", "value": object()})
        assert outcome.done == 0 and "not JSON serializable" in outcome.lost[tasks(2)[0].key]


def test_progress_is_told_with_each_answer(log):
    told = []
    with Store() as store:
        run(tasks(5, log), store)
        run(tasks(12, log, unmappable=[6], defects=[7]), store, progress=told.append)
    assert told[0] == Standing(done=5, total=12, reused=5, failed=0)
    assert [standing.done for standing in told] == list(range(5, 13))
    assert (told[-1].total, told[-1].reused, told[-1].failed) == (12, 5, 2)
    given = {standing.key: standing.answer for standing in told[1:]}
    with Store() as store:
        run(tasks(3), store)
        run(tasks(3), store, progress=told.append)
    assert told[-1] == Standing(done=3, total=3, reused=3, failed=0)
    assert given[f"{8:064x}"] == {"status": "done", "square": 64}
    assert given[f"{6:064x}"]["error"] == "no mapping" and given[f"{7:064x}"] is None


def test_the_least_of_each_kind_comes_first_then_the_largest(log):
    items = [
        Task(str(n), "", {"n": n, "log": str(log), "objective": "energy" if n % 2 else "edp"}, size=n)
        for n in (5, 2, 8, 3, 6, 9)
    ]
    with Store() as store:
        run(items, store)
    assert set(logged(log)[:2]) == {2, 3} and logged(log)[2:] == [9, 8, 6, 5]


def test_ctrl_c_keeps_what_is_done(log, monkeypatch):
    monkeypatch.setattr(running, "_MOST_ITEMS", 1)
    with Store() as store:
        outcome = run(tasks(20, log, interrupts=[10]), store)
        # Item 0 goes first, then 19 to 11.
        assert outcome == Outcome(done=10, reused=0, failed=0, interrupted=10)
        assert len(store) == 10
        assert run(tasks(20, log), store) == Outcome(done=10, reused=10, failed=0)
        assert store.get(answers(20)) == answers(20)


def test_a_store_that_cannot_be_written_ends_the_run(log, tmp_path):
    path = tmp_path / "a.sqlite"
    with Store(path) as store:
        store._database.execute("PRAGMA max_page_count = 12")
        with pytest.raises(StoreError, match="the disk is full"):
            run(tasks(200, log), store)
        stored = len(store)
        assert 0 < stored < 200
    with Store(path) as store:
        assert run(tasks(200, log), store).reused == stored
        assert store.get(answers(200)) == answers(200)


def test_a_read_only_store_with_all_answers_is_enough(log, tmp_path, monkeypatch):
    path = tmp_path / "a.sqlite"
    with Store(path) as store:
        run(tasks(5, log), store)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with Store(path) as store:
        assert run(tasks(5, log), store) == Outcome(done=0, reused=5, failed=0)
        with pytest.raises(StoreError, match="read-only, and 2 results are missing"):
            run(tasks(7, log), store)


@pytest.mark.parametrize(("number", "seconds"), [(60, 0.005), (4, 1.0)], ids=["short", "past a claim"])
def test_two_runs_that_share_a_store_do_nothing_twice(log, tmp_path, monkeypatch, number, seconds):
    monkeypatch.setattr(running, "_CLAIM_SECONDS", 0.6)
    gate, outcomes = threading.Barrier(2, timeout=60), []

    def sweep():
        with Store(tmp_path / "a.sqlite") as store, ThreadPoolExecutor(2) as executor:
            gate.wait()
            items = tasks(number, log, seconds=seconds)
            outcomes.append(run(items, store, executor=executor, workers=2))

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(logged(log)) == list(range(number))
    assert [outcome.done + outcome.reused for outcome in outcomes] == [number, number]
    assert sum(outcome.done for outcome in outcomes) == number
    with Store(tmp_path / "a.sqlite") as store:
        assert store.get(answers(number)) == answers(number)


def test_what_a_dead_process_had_in_hand_is_done_in_the_end(log):
    with Store() as store:
        items = tasks(5, log)
        store.claim([items[2].key, items[3].key], "dead", 0.3)
        start = time.monotonic()
        assert run(items, store) == Outcome(done=5, reused=0, failed=0)
        assert time.monotonic() - start >= 0.25
        assert set(logged(log)[-2:]) == {2, 3}


def test_lines_of_progress_where_there_is_no_terminal(capsys, monkeypatch):
    clock = iter([100.0, 100.0, 105.0, 110.0, 120.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    with terminal.sweep_progress("sweeping") as report:
        report(Standing(done=30, total=130, reused=30, failed=0), "")
        report(Standing(done=50, total=130, reused=30, failed=0), "best of alexnet: 8")
        report(Standing(done=80, total=130, reused=30, failed=1), "best of alexnet: 14")
        report(Standing(done=130, total=130, reused=30, failed=1), "best of alexnet: 28")
    assert capsys.readouterr().err.splitlines() == [
        "sweeping: 30 of 130 items, 30 from the store",
        "sweeping: 80 of 130 items, 5/s, 0:00:10 left, 30 from the store, 1 failed, best of alexnet: 14",
        "sweeping: 130 of 130 items, 5/s, 30 from the store, 1 failed, best of alexnet: 28",
    ]
