"""The store: what is put stays, what is no store is refused and left alone, and several may share one."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_work import answers

from simulator.study import store_file
from simulator.study.store import Store, pack, unpack
from simulator.study.store_file import APPLICATION, MIGRATIONS, StoreError

DONE = {"status": "done", "figures": [1.5, 2**60], "parts": [{"mapping": "for m in 2"}]}
FAILED = {"status": "failed", "error": "no mapping"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store of several pages, as it lies on the disk."""
    path = tmp_path_factory.mktemp("store") / "sound.sqlite"
    with Store(path) as store:
        for key, answer in answers(200).items():
            store.put(key, "item", answer)
        store.put_study({"networks": ["alexnet"]})
    return path


def refused(path, message, **options):
    with pytest.raises(StoreError, match=message) as caught:
        Store(path, **options)
    assert str(path) in str(caught.value)


def test_what_is_put_is_there_also_after_opening_anew(tmp_path):
    with Store(tmp_path / "a.sqlite") as store:
        assert len(store) == 0
        store.put("a", "conv1", DONE)
        store.put("b", "conv2", FAILED)
    with Store(tmp_path / "a.sqlite") as store:
        assert store.get(["a", "b", "c"]) == {"a": DONE, "b": FAILED}
        assert store.keys() == store.known(iter("abc")) == {"a", "b"}
        assert "a" in store and "c" not in store
        assert [(row.key, row.label, row.status, row.answer) for row in store.rows()] == [
            ("a", "conv1", "done", DONE),
            ("b", "conv2", "failed", FAILED),
        ]
        info = store.info()
        assert (info["results"], info["failed"], info["bytes"]) == (
            2,
            1,
            os.path.getsize(tmp_path / "a.sqlite"),
        )
    assert os.listdir(tmp_path) == ["a.sqlite"]


def test_an_answer_without_its_parts():
    with Store() as store:
        store.put("a", "conv1", DONE)
        store.put("b", "conv2", FAILED)
        assert store.get_brief("abc") == {"a": {"status": "done", "figures": [1.5, 2**60]}, "b": FAILED}


def test_the_first_answer_stays():
    with Store() as store:
        store.put("a", "conv1", DONE)
        store.put("a", "conv2", FAILED)
        assert store.get(["a"]) == {"a": DONE}


def test_more_keys_than_a_statement_takes():
    with Store() as store:
        store.put("7", "item", DONE)
        assert store.get(str(n) for n in range(2000)) == {"7": DONE}


@settings(max_examples=20)
@given(
    st.dictionaries(
        st.just("parts") | st.text(), st.none() | st.integers(-(2**63), 2**63) | st.lists(st.text())
    )
)
def test_packing_loses_nothing(answer):
    assert unpack(pack(answer)) == answer


def test_a_study_is_kept_once(tmp_path):
    study = {"networks": ["alexnet"], "fields": {"PE.x.size": [8, 14]}}
    with Store(tmp_path / "a.sqlite") as store:
        assert store.put_study(study) == store.put_study(dict(reversed(study.items())))
        other = store.put_study({"networks": ["vgg16"]})
    with Store(tmp_path / "a.sqlite") as store:
        first, second = store.studies()
    assert first["description"] == study and second["id"] == other != first["id"]
    assert first["created"].endswith("+00:00")


@pytest.mark.parametrize("content", [b"layer,energy\n", b"SQLite format 2\0", b"\0" * 5000])
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    refused(path, "another kind of file, no store; nothing was changed")
    assert path.read_bytes() == content and len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize("statement", ["CREATE TABLE results (key)", "PRAGMA user_version = 1"])
def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path, statement):
    path = tmp_path / "history.sqlite"
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()
    content = path.read_bytes()
    refused(path, "another program's")
    assert path.read_bytes() == content and len(os.listdir(tmp_path)) == 1


def test_a_newer_version_is_refused(tmp_path, sound):
    path = tmp_path / "new.sqlite"
    shutil.copy(sound, path)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    refused(path, "of version 99, made by a newer simulator")


def test_what_cannot_be_a_file_is_refused(tmp_path):
    refused(tmp_path, "is not a file")
    refused(tmp_path / "none" / "a.sqlite", "there is no folder")
    refused(tmp_path / "a.sqlite", "there is no such file", make=False)
    assert os.listdir(tmp_path) == []
    with pytest.raises(StoreError, match="null"):
        Store("a\0b")


def test_an_empty_file_becomes_a_store(tmp_path):
    # As a process leaves it that is killed before its first commit.
    (tmp_path / "a.sqlite").touch()
    with Store(tmp_path / "a.sqlite") as store:
        store.put("a", "conv1", DONE)
    with Store(tmp_path / "a.sqlite") as store:
        assert store.get("a") == {"a": DONE}


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_an_older_version_is_brought_up_to_date(tmp_path, version):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as old:
        for step in MIGRATIONS[:version]:
            for statement in step:
                old.execute(statement)
        old.execute(f"PRAGMA application_id = {APPLICATION}")
        old.execute(f"PRAGMA user_version = {version}")
        row = ("a", "conv1", "done", "2026-01-01T00:00:00+00:00", *pack(DONE))
        old.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?)", row)
    old.close()
    with Store(path) as store:
        assert store.get("a") == {"a": DONE}
        assert store.claim(["b"], "me", 60) == ["b"]
        assert store.info()["version"] == len(MIGRATIONS)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damage_is_refused_or_harmless(tmp_path_factory, sound, data):
    content = bytearray(sound.read_bytes())
    if data.draw(st.booleans(), "truncated"):
        content = content[: data.draw(st.integers(1, len(content) - 1))]
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + 100] = data.draw(st.binary(min_size=100, max_size=100))[: len(content) - at]
    path = tmp_path_factory.mktemp("damaged") / "a.sqlite"
    path.write_bytes(content)
    try:
        with Store(path) as store:
            found = store.get(answers(200))
            assert len(list(store.rows())) == 200 and store.info()["results"] == 200
            assert [study["description"] for study in store.studies()] == [{"networks": ["alexnet"]}]
    except StoreError as error:
        assert str(path) in str(error)
    else:
        assert found == answers(200)


def test_a_truncated_store_is_called_damaged_and_left_alone(tmp_path, sound):
    path = tmp_path / "a.sqlite"
    path.write_bytes(sound.read_bytes()[:9000])
    refused(path, "damaged; nothing was changed")
    assert path.stat().st_size == 9000


def test_a_damaged_answer_is_named():
    with Store() as store:
        sound = pack(DONE)
        store.put_packed("a", "conv1", "done", sound._replace(brief=sound.brief[:-3]))
        with pytest.raises(StoreError, match="the result a is damaged"):
            store.get("a")


def test_a_store_that_others_may_not_write_is_read(tmp_path, sound, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    before = sorted(os.listdir(sound.parent))
    with Store(sound) as store:
        assert store.read_only and store.get(answers(200)) == answers(200)
        assert store.put_study({"networks": []})
        assert len(store.studies()) == 1
        with pytest.raises(StoreError, match="read-only"):
            store.put("new", "conv1", DONE)
    assert sorted(os.listdir(sound.parent)) == before
    refused(tmp_path / "new.sqlite", "the folder is read-only")


def test_waiting_for_another_writer_ends(tmp_path):
    with Store(tmp_path / "a.sqlite", patience=0.1) as store:
        other = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert store.get("a") == {}
        with pytest.raises(StoreError, match=r"locked by another process for more than 0.1 s"):
            store.put("a", "conv1", DONE)
        other.execute("ROLLBACK")
        store.put("a", "conv1", DONE)
        assert store.get("a") == {"a": DONE}
        other.close()


def test_a_full_disk_keeps_what_was_stored(tmp_path):
    with Store(tmp_path / "a.sqlite") as store:
        store._database.execute("PRAGMA max_page_count = 12")
        with pytest.raises(StoreError, match="the disk is full; what was stored is kept"):
            for n in range(1000):
                store.put(str(n), "item", DONE | {"data": os.urandom(500).hex()})
    with Store(tmp_path / "a.sqlite") as store:
        assert store.keys() == {str(k) for k in range(n)} and n > 3


def test_a_file_that_may_not_grow_keeps_what_was_stored(tmp_path):
    program = """
import sys
from simulator.study.store import Store
with Store(sys.argv[1]) as store:
    for n in range(1000):
        store.put(str(n), "item", {"status": "done", "data": str(n) * 500})
        print(n)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a.sqlite")]
    limit = (200_000, 200_000)
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert "StoreError" in ended.stderr.splitlines()[-1]
    assert "cannot be read or written to its end" in ended.stderr
    with Store(tmp_path / "a.sqlite") as store:
        assert store.keys() == set(ended.stdout.split()) and len(store) > 3


def test_many_open_and_fill_new_files_at_once(tmp_path):
    gate, errors = threading.Barrier(4, timeout=60), []

    def fill(offset):
        for file in range(15):
            gate.wait()
            try:
                with Store(tmp_path / f"{file}.sqlite") as store:
                    for n in range(4):
                        store.put(str((n + offset) % 5), "item", {"status": "done", "n": (n + offset) % 5})
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=fill, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for file in range(15):
        with Store(tmp_path / f"{file}.sqlite") as store:
            assert store.get("01234") == {str(n): {"status": "done", "n": n} for n in range(5)}
            assert len(store) == 5


def test_a_file_that_becomes_a_store_while_it_is_opened(tmp_path, monkeypatch):
    look = store_file._mark

    def look_and_make(database):
        found = look(database)
        monkeypatch.setattr(store_file, "_mark", look)
        with contextlib.suppress(StoreError), Store(tmp_path / "a.sqlite", patience=0.1):
            pass
        return found

    monkeypatch.setattr(store_file, "_mark", look_and_make)
    with Store(tmp_path / "a.sqlite") as store:
        store.put("a", "conv1", DONE)
        assert store.get("a") == {"a": DONE}


def test_a_closed_store_says_so(tmp_path):
    with Store(tmp_path / "a.sqlite") as store:
        store.put("a", "conv1", DONE)
    for use in (lambda: store.get(["a"]), lambda: store.put("b", "conv2", DONE), lambda: len(store)):
        with pytest.raises(StoreError, match=r"a\.sqlite: it is closed; open it, or the study, anew"):
            use()


def test_claims(tmp_path):
    with Store(tmp_path / "a.sqlite") as mine, Store(tmp_path / "a.sqlite") as theirs:
        mine.put("done", "item", DONE)
        assert mine.claim(["a", "b", "done"], "me", 60) == ["a", "b"]
        assert theirs.claim(["b", "c"], "they", 60) == ["c"]
        assert mine.claim(["b", "c"], "me", 60) == ["b"]
        mine.put("a", "item", DONE)
        assert theirs.claim(["a"], "they", 60) == []
        mine.release("me")
        assert theirs.claim(["b"], "they", 60) == ["b"]


def test_claims_run_out_unless_renewed(tmp_path):
    with Store() as store:
        store.claim(["a", "b"], "dead", 0.0)
        store.claim(["c"], "living", 0.0)
        store.renew("living", 60)
        time.sleep(0.01)
        assert store.claim("abc", "me", 60) == ["a", "b"]
