"""The file of a store: opened, checked, brought up to date, and what SQLite says about it in plain words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.errors import SimulatorError

# Stands in the file's header, so that no other SQLite file is taken for a store: "dfsm".
APPLICATION = 0x6466736D
_MAGIC = b"SQLite format 3\0"
DAMAGED = "it is damaged; nothing was changed, so restore a copy or name another file"

# Step n takes a file from version n to n + 1; a new file takes all of them. Steps are never changed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE results (key TEXT PRIMARY KEY, label TEXT NOT NULL, status TEXT NOT NULL,"
        " created TEXT NOT NULL, brief BLOB NOT NULL, parts BLOB NOT NULL)",
        "CREATE TABLE studies (id TEXT PRIMARY KEY, created TEXT NOT NULL, description BLOB NOT NULL)",
    ),
    # What a running sweep has in hand, so that another one leaves it alone until that time.
    ("CREATE TABLE claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL)",),
)


class StoreError(SimulatorError):
    """A store that cannot be read or written: no store, damaged, locked, read-only or out of room."""


def connect(
    path: str | os.PathLike[str] | None, patience: float, make: bool
) -> tuple[sqlite3.Connection, bool]:
    """Open a store, made if it is empty or, if ``make`` says so, missing; also tells whether it is read-only.

    Raises
    ------
    StoreError
        If the file is no store, damaged, of a newer version, or cannot be opened.
    """
    if not isinstance(path, str | os.PathLike | None):
        raise StoreError(f"a store is a file's path, not {path!r:.60}")
    if path is None:
        database, read_only = sqlite3.connect(":memory:", isolation_level=None), False
    else:
        address, read_only = _address(Path(path), make)
        with naming(path, patience):
            database = sqlite3.connect(address, timeout=patience, isolation_level=None, uri=True)
    try:
        with naming(path, patience):
            _check(database, path)
            if not read_only:
                _bring_up_to_date(database)
                _log_ahead(database, patience)
        return database, read_only
    except BaseException:
        database.close()
        raise


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, also where the process is killed; waits for other writers first."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back already, as when the disk is full.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def naming(path: str | os.PathLike[str] | None, patience: float) -> Iterator[None]:
    """Say in plain words, with the file's name, what SQLite complains about."""
    store = f"store {'in memory' if path is None else os.fspath(path)}"
    try:
        yield
    except UnicodeDecodeError as error:
        # Of a text in the file, or of SQLite's own message that quotes one.
        raise StoreError(f"{store}: {DAMAGED}") from error
    except sqlite3.ProgrammingError as error:
        if "closed database" not in str(error):
            raise
        raise StoreError(f"{store}: it is closed; open it, or the study, anew") from error
    except sqlite3.Error as error:
        # Errors of the module itself have no code: they are defects.
        if not hasattr(error, "sqlite_errorcode"):
            raise
        meanings = {
            sqlite3.SQLITE_BUSY: f"locked by another process for more than {patience:g} s",
            sqlite3.SQLITE_FULL: "the disk is full; what was stored is kept, so make room and run again",
            sqlite3.SQLITE_IOERR: "it cannot be read or written to its end (a full disk, a limit or a fault)",
            sqlite3.SQLITE_READONLY: "it is read-only",
            sqlite3.SQLITE_CANTOPEN: "it or its -wal file cannot be opened; may they be written?",
            sqlite3.SQLITE_CORRUPT: DAMAGED,
            sqlite3.SQLITE_NOTADB: DAMAGED,
        }
        meaning = meanings.get(error.sqlite_errorcode & 0xFF, str(error))
        raise StoreError(f"{store}: {meaning}") from error


def _address(path: Path, make: bool) -> tuple[str, bool]:
    """The file as SQLite's URI, and whether it can only be read."""
    if "\0" in str(path):
        raise StoreError(f"store {str(path)!r}: a file's name has no null characters")
    try:
        if not path.parent.is_dir():
            raise StoreError(f"store {path}: there is no folder {path.parent}")
        if not path.exists():
            if not make:
                raise StoreError(f"store {path}: there is no such file")
            if not os.access(path.parent, os.W_OK):
                raise StoreError(f"store {path}: it cannot be made, the folder is read-only")
            return f"{path.absolute().as_uri()}?mode=rwc", False
        if not path.is_file():
            raise StoreError(f"store {path}: is not a file")
        with path.open("rb") as stream:
            start = stream.read(len(_MAGIC))
    except OSError as error:
        raise StoreError(f"store {path}: cannot be read: {error.strerror}") from error
    if start and start != _MAGIC:
        raise StoreError(f"store {path}: is another kind of file, no store; nothing was changed")
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return f"{path.absolute().as_uri()}?mode=rw", False
    # A log beside the file takes part only where SQLite may look for it.
    log = path.with_name(f"{path.name}-wal")
    mode = "ro" if log.exists() else "ro&immutable=1"
    return f"{path.absolute().as_uri()}?mode={mode}", True


def _check(database: sqlite3.Connection, path: str | os.PathLike[str] | None) -> None:
    """Refuse what is no store, of a newer version, or damaged."""
    # All three as of one moment: another process may be about to make the store.
    database.execute("BEGIN")
    application, version = _mark(database)
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    database.execute("ROLLBACK")
    if application != APPLICATION and (application, version, tables) != (0, 0, 0):
        raise StoreError(f"store {path}: is another program's SQLite file, no store; nothing was changed")
    if version > len(MIGRATIONS):
        newest = len(MIGRATIONS)
        raise StoreError(
            f"store {path}: of version {version}, made by a newer simulator; this one reads up to {newest}"
        )
    # Keys are checked here, which takes a second for some hundred megabytes; answers when they are read.
    if database.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise StoreError(f"store {path}: {DAMAGED}")


def _mark(database: sqlite3.Connection) -> tuple[int, int]:
    """The program that a file belongs to, and the version of its tables."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return application, version


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    if _mark(database) == (APPLICATION, len(MIGRATIONS)):
        return
    with transaction(database):
        # Anew, now that nobody else writes: another process may have been first.
        _, version = _mark(database)
        for step in MIGRATIONS[version:]:
            for statement in step:
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _log_ahead(database: sqlite3.Connection, patience: float) -> None:
    """Switch to the write-ahead log, in which a reader never waits for a writer."""
    end = time.monotonic() + patience
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # The switch does not wait for others by itself.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.05)
    # What is committed survives a killed process; only a power failure may take the last few commits.
    database.execute("PRAGMA synchronous = NORMAL")
