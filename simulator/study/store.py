"""Results of sweeps in one SQLite file, each under the digest of everything that determines it.

    with Store("pe.sqlite") as store:
        store.put(key, "alexnet conv2", answer)
        store.get([key])

A result is safe once `put` returns, also from a process that is killed. Processes of one computer may share a
file while they write. Those of several may not: SQLite's write-ahead log does not work over network folders
(NFS, Lustre), so there one process writes, on its own disk, and workers send it their results.
"""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from simulator.study.store_file import MIGRATIONS, StoreError, connect, naming, transaction

_PARTS = "parts"
# SQLite takes 999 parameters of a statement in its older versions.
_MOST_KEYS = 500


@dataclass(frozen=True)
class Row:
    """A stored result. ``status`` is "done" or "failed", ``created`` the time in UTC."""

    key: str
    label: str
    status: str
    created: str
    answer: dict[str, Any]


class Packed(NamedTuple):
    """An answer as it lies in the file, compressed with a checksum: its field "parts", and all the others.

    Parts are most of it, and summaries do without them.
    """

    brief: bytes
    parts: bytes


def pack(answer: dict[str, Any]) -> Packed:
    """An answer of plain JSON, ready to be stored."""
    brief = {name: value for name, value in answer.items() if name != _PARTS}
    return Packed(_compress(brief), _compress(answer[_PARTS]) if _PARTS in answer else b"")


def unpack(packed: Packed) -> dict[str, Any]:
    """The answer that `pack` packed, "parts" last. Raises ValueError or zlib.error if it is damaged."""
    parts = {_PARTS: _decompress(packed.parts)} if packed.parts else {}
    return {**_decompress(packed.brief), **parts}


def _compress(data: object) -> bytes:
    return zlib.compress(orjson.dumps(data), 6)


def _decompress(data: bytes) -> Any:
    return orjson.loads(zlib.decompress(data))


class Store:
    """The results in one SQLite file; used by the thread that opened it.

    Parameters
    ----------
    path
        The file. None for a store in memory, gone with the process.
    patience
        Seconds to wait for another process that writes before that is an error.
    make
        Whether a file that is missing is made; if not, that is an error.

    Raises
    ------
    StoreError
        If the file is no store, damaged, of a newer version, or cannot be opened; by every method if it
        cannot be read or written any longer.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, patience: float = 30.0, make: bool = True
    ) -> None:
        self.path = path
        self._patience = patience
        self._database, self.read_only = connect(path, patience, make)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    def __repr__(self) -> str:
        return f"Store({None if self.path is None else os.fspath(self.path)!r})"

    def __len__(self) -> int:
        return self._count("SELECT count(*) FROM results")

    def __contains__(self, key: str) -> bool:
        return key in self.known([key])

    def keys(self) -> set[str]:
        with self._naming():
            return {key for (key,) in self._database.execute("SELECT key FROM results")}

    def known(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return {key for (key,) in self._select("key", keys)}

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The answers to those of the keys that have one."""
        return {key: self._unpack(key, *packed) for key, *packed in self._select("key, brief, parts", keys)}

    def get_brief(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The same without their parts, in a tenth of the time."""
        return {key: self._unpack(key, brief, b"") for key, brief in self._select("key, brief", keys)}

    def put(self, key: str, label: str, answer: dict[str, Any]) -> None:
        """Store an answer; where the key has one already, that one stays."""
        self.put_packed(key, label, str(answer["status"]), pack(answer))

    def put_packed(self, key: str, label: str, status: str, packed: Packed) -> None:
        """The same of an answer that `pack` has packed."""
        row = (key, label, status, _now(), *packed)
        with self._writing():
            self._database.execute("INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?, ?)", row)
            self._database.execute("DELETE FROM claims WHERE key = ?", (key,))

    def rows(self) -> Iterator[Row]:
        """All results, in the order in which they came."""
        with self._naming():
            query = "SELECT key, label, status, created FROM results ORDER BY rowid"
            heads = self._database.execute(query).fetchall()
        for key, label, status, created in heads:
            yield Row(key, label, status, created, self.get([key])[key])

    def claim(self, keys: Iterable[str], owner: str, seconds: float) -> list[str]:
        """Take keys in hand for so many seconds; returns those that nobody has answered or in hand."""
        now = time.time()
        with self._writing():
            self._database.execute("DELETE FROM claims WHERE until < ?", (now,))
            taken = (
                "INSERT INTO claims SELECT ?1, ?2, ?3"
                " WHERE NOT EXISTS (SELECT 1 FROM results WHERE key = ?1)"
                " ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE owner = excluded.owner"
            )
            return [
                key
                for key in keys
                if self._database.execute(taken, (key, owner, now + seconds)).rowcount == 1
            ]

    def renew(self, owner: str, seconds: float) -> None:
        """Keep what an owner has in hand for so many seconds from now on."""
        with self._writing():
            until = (time.time() + seconds, owner)
            self._database.execute("UPDATE claims SET until = ? WHERE owner = ?", until)

    def release(self, owner: str) -> None:
        """Give up what an owner has in hand."""
        with self._writing():
            self._database.execute("DELETE FROM claims WHERE owner = ?", (owner,))

    def put_study(self, description: dict[str, Any]) -> str:
        """Keep what a study is, once, and return its identity; a store that is read-only stays as it is."""
        text = orjson.dumps(description, option=orjson.OPT_SORT_KEYS)
        identity = hashlib.sha256(text).hexdigest()[:16]
        if not self.read_only:
            with self._writing():
                row = (identity, _now(), zlib.compress(text))
                self._database.execute("INSERT OR IGNORE INTO studies VALUES (?, ?, ?)", row)
        return identity

    def studies(self) -> list[dict[str, Any]]:
        """The studies kept, as they came: "id", "created" (UTC) and the "description" of each."""
        with self._naming():
            query = "SELECT id, created, description FROM studies ORDER BY rowid"
            found = self._database.execute(query).fetchall()
        studies = []
        for identity, created, packed in found:
            with self._reading(f"study {identity}"):
                description = _decompress(packed)
            studies.append({"id": identity, "created": created, "description": description})
        return studies

    def info(self) -> dict[str, Any]:
        """What the store holds, in numbers."""
        with self._naming():
            counts = dict(self._database.execute("SELECT status, count(*) FROM results GROUP BY status"))
        return {
            "path": None if self.path is None else os.fspath(self.path),
            "version": len(MIGRATIONS),
            "read_only": self.read_only,
            "results": sum(counts.values()),
            "failed": counts.get("failed", 0),
            "studies": self._count("SELECT count(*) FROM studies"),
            "bytes": self._count("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"),
        }

    def _naming(self) -> Any:
        return naming(self.path, self._patience)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.read_only:
            raise StoreError(f"store {self.path}: it is read-only")
        with self._naming(), transaction(self._database):
            yield

    def _count(self, query: str) -> int:
        with self._naming():
            return int(self._database.execute(query).fetchone()[0])

    def _select(self, columns: str, keys: Iterable[str]) -> list[tuple[Any, ...]]:
        distinct = iter(dict.fromkeys(keys))
        found: list[tuple[Any, ...]] = []
        with self._naming():
            while some := list(islice(distinct, _MOST_KEYS)):
                marks = ", ".join("?" * len(some))
                query = f"SELECT {columns} FROM results WHERE key IN ({marks})"
                found += self._database.execute(query, some)
        return found

    def _unpack(self, key: str, brief: bytes, parts: bytes) -> dict[str, Any]:
        with self._reading(f"result {key}"):
            return unpack(Packed(brief, parts))

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (zlib.error, orjson.JSONDecodeError):
            raise StoreError(f"store {self.path}: the {what} is damaged; restore a copy") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
