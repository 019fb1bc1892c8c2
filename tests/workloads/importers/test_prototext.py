"""Protocol buffers' text form: what it may say, and where it does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads as w
from workloads.importers import prototext
from workloads.importers.prototext import LineError, Message, parse

TEXT = """
# a comment
name: "net" 'work'   # texts side by side are one
one { kind: MAX, of < size: 0x1F > ; }
one: { kind: "MAX" }
size: [1, 2, -3] size: 4 share: 2.5e-1 share: .5f flag: true
"""


def test_every_form_of_a_field() -> None:
    net = parse(TEXT)
    assert net.text("name") == "network"
    first, second = net.messages("one")
    assert first.message("of").number("size", 0) == 31
    assert first.word("kind", {"MAX": 1}, 0) == second.word("kind", {"MAX": 1}, 0) == 1
    assert net.numbers("size", -3) == [1, 2, -3, 4]
    assert net.factors("share") == [0.25, 0.5]
    assert net.flag("flag", False) and net.flag("none", True)
    assert (first.line, second.line, net.text("none", "usual")) == (4, 5, "usual")


REFUSED = {
    "line 1: ':' or '{' must stand here, not the end of the file": "a",
    "line 1: a value must stand here, not '}'": "a { b: }",
    "line 2: a field's name or '}' must stand here, not the end of the file": "a {\n",
    "line 1: a field's name must stand here, not '}'": "}",
    "line 1: a field's name or '>' must stand here, not '}'": "a < }",
    "line 1: ',' or ']' must stand here, not '2'": "a: [1 2]",
    "line 1: cannot read the number 017": "a: 017",
    "line 1: cannot read '1x'": "a: 1x",
    "line 2: cannot read '\\x00'": "a: 1\n\x00",
    "line 1: cannot read '\"b'": 'a: "b\n"',
    "line 1: more than 32 messages in each other": "a {" * 33,
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_the_line(message: str) -> None:
    with pytest.raises(LineError) as caught:
        parse(REFUSED[message])
    assert str(caught.value) == message


def test_messages_are_as_deep_as_they_may_be() -> None:
    assert parse("a {" * 32 + "}" * 32).messages("a")
    assert len(parse("a { b { } }" * 40).messages("a")) == 40


def test_there_are_so_many_words_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prototext, "MOST_TOKENS", 8)
    assert parse("a:1 b:2").numbers("b") == [2]
    with pytest.raises(LineError, match="line 1: more than 8 words and marks"):
        parse("a:1 b:2 c")


@pytest.mark.parametrize(
    ("take", "said"),
    [
        (lambda m: m.number("share", 0), "share must be a whole number from 0 to 2**31, not 0.25"),
        (lambda m: m.number("size", 0, -3), "size is given twice"),
        (lambda m: m.numbers("one"), "one must be a whole number from 0 to 2**31, not a message"),
        (lambda m: m.numbers("size"), "size must be a whole number from 0 to 2**31, not -3"),
        (lambda m: m.messages("name"), "name must be a message in braces, not 'network'"),
        (lambda m: m.texts("size"), "size must be a text, not 1"),
        (lambda m: m.factors("name"), "name must be a number, not 'network'"),
        (lambda m: m.flag("name", True), "name: unknown 'network'; known: true, t, 1, false, f, 0"),
        (lambda m: m.check(["nam", "one"], "a net"), "a net has no field 'name'; did you mean 'nam'?"),
    ],
)
def test_fields_are_what_they_are_taken_for(take: object, said: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        take(parse(TEXT))  # type: ignore[operator]
    assert str(caught.value).endswith(said)


VALUES = st.recursive(
    st.integers(-(2**31), 2**31)
    | st.text("abc {}\t:#é", max_size=9)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=4),
    max_leaves=20,
)


def written(value: object) -> str:
    if isinstance(value, list):
        return "{" + " ".join(f"{name}: {written(item)}" for name, item in value) + "}"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def as_lists(message: Message) -> dict[str, list[object]]:
    return {
        name: [as_lists(value) if isinstance(value, Message) else value for value, _ in values]
        for name, values in message.fields.items()
    }


def grouped(value: object) -> object:
    if not isinstance(value, list):
        return value
    found: dict[str, list[object]] = {}
    for name, item in value:
        found.setdefault(name, []).append(grouped(item))
    return found


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert as_lists(parse(f"x: {written(value)}")) == {"x": [grouped(value)]}


@settings(max_examples=300, deadline=None)
@given(st.text("ab{}<>[]:,;\"'#\\ \n.-+019ex", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse(text), Message)
    except LineError as error:
        assert str(error).startswith("line ")
