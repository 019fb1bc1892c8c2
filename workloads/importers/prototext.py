"""Protocol buffers' text form, read without a schema: what Caffe writes its networks in.

    layer { name: "conv1" type: "Convolution" convolution_param { num_output: 20 kernel_size: 5 } }

Google's own reader needs the schema compiled, of which each of Caffe's forks has another one, and either
refuses the fields of the others or drops misspelt ones in silence. Here a file is read as it stands, and
whoever takes a message's fields says which there can be. Words need no quotes, nor do texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from workloads.errors import WorkloadError, nearest_name
from workloads.geometry import LARGEST

MOST_TOKENS = 1_000_000
"""Words, numbers, texts, marks, blanks and comments: about 4 MiB of a network."""

DEEPEST = 32
"""Messages in messages: Caffe's own go five deep."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?f?)(?![\w.]))
    | (?P<text>"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')
    | (?P<mark>[{}<>:\[\],;])""",
    re.VERBOSE,
)
_CLOSING = {"{": "}", "<": ">"}
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}

_T = TypeVar("_T")


class LineError(WorkloadError):
    """What is wrong on a line of a file."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(f"line {line}: {said}")
        self.line, self.said = line, said


@dataclass
class Message:
    """The fields between two braces, each with its values and their lines, in the order they stand in."""

    line: int
    fields: dict[str, list[tuple[Value, int]]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def check(self, known: Iterable[str], what: str) -> None:
        """Raise LineError if a field is none of the ``known``; ``what`` names the message."""
        names = set(known)
        for name, values in self.fields.items():
            if name not in names:
                raise LineError(
                    values[0][1], f"{what} has no field {name!r}{nearest_name(name, sorted(names))}"
                )

    def messages(self, name: str) -> list[Message]:
        """Return the messages of a field. Raises LineError for anything else, as do those that follow."""
        found = []
        for value, line in self.fields.get(name, []):
            if not isinstance(value, Message):
                raise LineError(line, f"{name} must be a message in braces, not {value!r}")
            found.append(value)
        return found

    def message(self, name: str) -> Message:
        """Return the message of a field that stands at most once; an empty one if it does not."""
        return self._only(name, self.messages(name), Message(self.line))

    def texts(self, name: str) -> list[str]:
        """Return the texts of a field."""
        found = []
        for value, line in self.fields.get(name, []):
            if not isinstance(value, str):
                raise LineError(line, f"{name} must be a text, not {_shown(value)}")
            found.append(value)
        return found

    def text(self, name: str, usual: str = "") -> str:
        """Return the text of a field that stands at most once."""
        return self._only(name, self.texts(name), usual)

    def numbers(self, name: str, least: int = 0) -> list[int]:
        """Return the whole numbers of a field, each from ``least`` to 2**31."""
        found = []
        for value, line in self.fields.get(name, []):
            if not isinstance(value, int) or not least <= value <= LARGEST:
                raise LineError(
                    line, f"{name} must be a whole number from {least} to 2**31, not {_shown(value)}"
                )
            found.append(value)
        return found

    def number(self, name: str, usual: int, least: int = 0) -> int:
        """Return the whole number of a field that stands at most once."""
        return self._only(name, self.numbers(name, least), usual)

    def factors(self, name: str) -> list[float]:
        """Return the numbers of a field, whole or not."""
        found = []
        for value, line in self.fields.get(name, []):
            if not isinstance(value, int | float):
                raise LineError(line, f"{name} must be a number, not {_shown(value)}")
            found.append(float(value))
        return found

    def factor(self, name: str, usual: float) -> float:
        """Return the number of a field that stands at most once, whole or not."""
        return self._only(name, self.factors(name), usual)

    def flag(self, name: str, usual: bool) -> bool:
        """Return the truth of a field that stands at most once."""
        return self.word(name, _TRUTH, usual)

    def word(self, name: str, known: Mapping[str, _T], usual: _T) -> _T:
        """Return what the word of a field that stands at most once stands for, one of the ``known``."""
        found = []
        for value, line in self.fields.get(name, []):
            word = _shown(value) if isinstance(value, Message) else str(value)
            if word not in known:
                raise LineError(line, f"{name}: unknown {word!r}{nearest_name(word, known)}")
            found.append(known[word])
        return self._only(name, found, usual)

    def _only(self, name: str, values: list[_T], usual: _T) -> _T:
        if len(values) > 1:
            raise LineError(self.fields[name][1][1], f"{name} is given twice")
        return values[0] if values else usual


Value = Message | str | int | float


def _shown(value: Value) -> str:
    return "a message" if isinstance(value, Message) else repr(value)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def parse(text: str) -> Message:
    """Return the message that a file's text is, of at most 1,000,000 words and marks and 32 levels.

    Raises LineError for what is no such text.

    >>> parse("input_dim: 1 input_dim: 3").numbers("input_dim")
    [1, 3]
    """
    return _Parser(text).message("", 1)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._depth = 0

    def message(self, closing: str, line: int) -> Message:
        """The fields up to ``closing``, the end of the text where that is empty."""
        found = Message(line)
        while self._next.text != closing:
            name = self._take("word", "a field's name" + (f" or {closing!r}" if closing else ""))
            if self._next.text not in _CLOSING:
                self._take("mark", "':' or '{'", ":")
            values = found.fields.setdefault(name.text, [])
            if self._next.text == "[":
                values.extend(self._list())
            else:
                values.append(self._value())
            if self._next.kind == "mark" and self._next.text in ",;":
                self._advance()
        return found

    def _list(self) -> list[tuple[Value, int]]:
        self._advance()
        values: list[tuple[Value, int]] = []
        while self._next.text != "]":
            if values:
                self._take("mark", "',' or ']'", ",")
            values.append(self._value())
        self._advance()
        return values

    def _value(self) -> tuple[Value, int]:
        token = self._advance()
        if token.kind == "mark" and token.text in _CLOSING:
            self._depth += 1
            if self._depth > DEEPEST:
                raise LineError(token.line, f"more than {DEEPEST} messages in each other")
            value: Value = self.message(_CLOSING[token.text], token.line)
            self._advance()
            self._depth -= 1
        elif token.kind == "text":
            value = token.text[1:-1]
            while self._next.kind == "text":
                value += self._advance().text[1:-1]
        elif token.kind == "number":
            value = _number(token)
        elif token.kind == "word":
            value = token.text
        else:
            raise _wrong(token, "a value")
        return value, token.line

    def _take(self, kind: str, wanted: str, text: str | None = None) -> _Token:
        if self._next.kind != kind or text not in (None, self._next.text):
            raise _wrong(self._next, wanted)
        return self._advance()

    def _advance(self) -> _Token:
        token = self._next
        self._next = next(self._tokens, token)
        return token


def _tokens(text: str) -> Iterator[_Token]:
    """The words, numbers, texts and marks of a text, and at last an empty one."""
    place, line, left = 0, 1, MOST_TOKENS
    while place < len(text):
        left -= 1
        if left < 0:
            raise LineError(line, f"more than {MOST_TOKENS} words and marks")
        match = _TOKEN.match(text, place)
        if match is None:
            raise LineError(line, f"cannot read {text[place : place + 20].split()[0]!r}")
        kind = str(match.lastgroup)
        if kind != "blank":
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")
        place = match.end()
    yield _Token("end", "", line)


def _number(token: _Token) -> int | float:
    try:
        return int(token.text, 0)
    except ValueError:
        # Past some thousand digits, or with a point; in C++ a leading 0 makes a number octal: nobody means
        # that.
        if token.text.lstrip("-+").isdigit():
            raise LineError(token.line, f"cannot read the number {token.text[:20]}") from None
        return float(token.text.removesuffix("f"))


def _wrong(token: _Token, wanted: str) -> LineError:
    found = "the end of the file" if token.kind == "end" else repr(token.text[:40])
    return LineError(token.line, f"{wanted} must stand here, not {found}")
