"""Reading YAML that nobody vouches for, and writing files that are never half written."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import IO, Any

import yaml

_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")
)


class CoreLoader(yaml.SafeLoader):
    """The safe loader with YAML 1.2 scalars."""

    # YAML 1.1 reads 012 as ten, 1:30 as ninety, `no` as false and 1e3 as text; none of it in silence here.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class _PlainLoader(CoreLoader):
    """The same without aliases, foreign tags and repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not read; write the value out", mark)
        node = super().compose_node(parent, index)
        if node is not None and node.tag not in _CORE_TAGS:
            raise yaml.MarkedYAMLError(
                None, None, f"the tag {node.tag[:80]} is not read; only plain data is", node.start_mark
            )
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.MarkedYAMLError(None, None, "a field name must be text", key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"{key!r} is given twice, first on line {seen[key]}", key_node.start_mark
                )
            seen[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


for _kind, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def read_start(path: str | os.PathLike[str], error: type[ValueError], most: int) -> bytes:
    """Return what a file begins with, ``most`` bytes or all. Raises ``error`` if it cannot be read."""
    name = os.fspath(path)
    try:
        if not os.path.isfile(name):
            reason = "is not a file" if os.path.exists(name) else "no such file"
            raise error(f"cannot read {name}: {reason}")
        with open(name, "rb") as stream:
            return stream.read(most)
    except OSError as problem:
        raise error(f"cannot read {name}: {problem.strerror}") from problem
    except ValueError as problem:
        if isinstance(problem, error):
            raise
        raise error(f"cannot read {name!r}: {problem}") from problem


def read_bytes(path: str | os.PathLike[str], error: type[ValueError], most: int) -> bytes:
    """Return what is in a file. Raises ``error`` if it cannot be read or is of more than ``most`` bytes."""
    raw = read_start(path, error, most + 1)
    if len(raw) > most:
        raise error(f"cannot read {os.fspath(path)}: larger than {most // 2**20} MiB")
    return raw


def read_text(path: str | os.PathLike[str], error: type[ValueError], most: int) -> str:
    """Return the text of a file in UTF-8. Raises ``error`` as `read_bytes` does, and if it is no text."""
    raw = read_bytes(path, error, most)
    name = os.fspath(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"cannot read {name}: not a text file in UTF-8 (byte {problem.start})") from problem


def parse_yaml(text: str, where: str, error: type[ValueError]) -> object:
    """Return the plain data (mappings, lists, text, numbers, booleans, None) of YAML text.

    Nothing in it is executed. Scalars follow YAML 1.2: ``012`` and ``no`` are text, ``1e3`` is a number.
    ``where`` names the text in errors. Raises ``error`` for a syntax error (with line and column), a repeated
    key, an alias or a tag.
    """
    with yaml_errors(where, error):
        loader = _PlainLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()


@contextlib.contextmanager
def yaml_errors(where: str, error: type[ValueError]) -> Iterator[None]:
    """Turn what is wrong with YAML text, called ``where``, into ``error`` with line and column."""
    try:
        yield
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = ", ".join(part for part in (problem.context, problem.problem) if part)
        raise error(f"{where}{place}: {what}") from problem
    except yaml.reader.ReaderError as problem:
        raise error(f"{where}: not a text file (character {problem.position}: {problem.reason})") from problem
    except RecursionError:
        raise error(f"{where}: nested too deeply") from None
    except (ValueError, KeyError) as problem:
        reason = str(problem).split(":")[0]
        raise error(f"{where}: holds a number or value that cannot be read ({reason})") from problem


class PlainDumper(yaml.SafeDumper):
    """The safe dumper, which quotes text that is a number or a boolean in YAML 1.1 or in 1.2."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [
            *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
            *CoreLoader.yaml_implicit_resolvers.get(first, []),
        ]
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *CoreLoader.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, data: object) -> bool:
        return True


def check_writable(path: str | os.PathLike[str], error: type[ValueError]) -> None:
    """Make sure that a file could be written, before the work that fills it.

    Raises ``error`` if the folder is missing or cannot be written, or a folder stands in the file's place.
    """
    target = Path(path)
    probe = target.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        if target.is_dir():
            raise IsADirectoryError(21, "a folder stands there")
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise error(f"cannot write {target}: {reason}") from None


def write_atomically(path: str | os.PathLike[str], data: str | bytes, error: type[ValueError]) -> None:
    """Write a file so that it is either the old one or wholly the new one, whatever happens in between.

    Text is written as UTF-8 with the line ends it has. Raises ``error`` if the folder is missing or cannot be
    written.
    """
    with open_atomically(path, error) as stream:
        stream.write(data.encode("utf-8") if isinstance(data, str) else data)


@contextlib.contextmanager
def open_atomically(path: str | os.PathLike[str], error: type[ValueError]) -> Iterator[IO[bytes]]:
    """Open a file to write bytes to; it takes the old one's place when all is written, else nothing changes.

    Raises ``error`` as `write_atomically`.
    """
    target = Path(path)
    temporary = target.parent / f".{target.name[:100]}.{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except (OSError, ValueError) as problem:
        if isinstance(problem, error):
            raise
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise error(f"cannot write {target}: {reason}") from problem
    finally:
        # Gone already after a replacement; left behind only where writing failed.
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink()
