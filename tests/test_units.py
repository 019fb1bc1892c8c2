"""Sizes with units, and the files they come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import ArchitectureError, SimulatorError
from simulator.files import MAX_BYTES, parse_yaml, read_yaml, write_atomically
from simulator.units import MAX_BITS, format_bits, parse_amount, parse_bits, parse_rate


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("1 bit", 1),
        ("64 bits", 64),
        ("24 B", 192),
        ("24 bytes", 192),
        ("1 kB", 8000),
        ("2 MB", 16_000_000),
        ("1 GB", 8_000_000_000),
        ("108 KiB", 884_736),
        ("108KiB", 884_736),
        ("1.5 KiB", 12_288),
        ("0.5 B", 4),
        ("1 MiB", 8 * 2**20),
        ("1 GiB", 8 * 2**30),
    ],
)
def test_sizes_in_bits(text: str, bits: int) -> None:
    assert parse_bits(text) == bits


def test_words_take_the_width_given() -> None:
    assert parse_bits("224 words", word_bits=16) == 3584
    assert parse_bits("1 word", word_bits=20) == 20


def test_rates_may_be_parts_of_a_bit() -> None:
    assert parse_rate("19.2 bits") == 19.2
    assert parse_rate("8 B") == 64.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (108, "108 has no unit"),
        (True, "has no unit"),
        (10**400, "a size has no unit"),
        (None, "a size has no unit"),
        ("108", "is not a size"),
        ("-1 KiB", "is not a size"),
        ("1e3 B", "is not a size"),
        ("nan B", "is not a size"),
        ("inf bits", "is not a size"),
        ("९ B", "is not a size"),
        ("9" * 30 + " B", "is not a size"),
        ("1 KB", "unknown unit 'KB'; known: bit, bits, B"),
        ("0 KiB", "is zero"),
        ("0.0 words", "is zero"),
        ("99999999999 GiB", "more than 2**60 bits"),
        ("0.1 bits", "not a whole number of bits"),
        ("1 word", "needs words of one width"),
    ],
)
def test_what_is_not_a_size(text: object, reason: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        parse_bits(text)
    assert reason in str(caught.value)


def test_words_must_be_whole_and_few() -> None:
    with pytest.raises(SimulatorError, match="whole number of words"):
        parse_bits("1.5 words", word_bits=16)
    with pytest.raises(SimulatorError, match="2\\*\\*60"):
        parse_bits(f"{MAX_BITS} words", word_bits=16)


def test_a_rate_has_no_words() -> None:
    with pytest.raises(SimulatorError, match="counts words"):
        parse_rate("4 words")


@given(st.integers(1, MAX_BITS))
def test_formatted_sizes_read_back(bits: int) -> None:
    assert parse_bits(format_bits(bits)) == bits


def test_formatting_prefers_the_largest_unit() -> None:
    assert format_bits(884_736) == "108 KiB"
    assert format_bits(3584) == "448 B"
    assert format_bits(20) == "20 bits"
    assert parse_amount(" 2 KiB ")[1] == "KiB"


def test_yaml_scalars_are_read_as_written() -> None:
    data = parse_yaml("{a: 012, b: 1e3, c: no, d: 1:30, e: -3, f: true, g: ~, h: 2020-01-01, y: .5}", "here")
    assert data == {
        "a": "012",
        "b": 1000.0,
        "c": "no",
        "d": "1:30",
        "e": -3,
        "f": True,
        "g": None,
        "h": "2020-01-01",
        "y": 0.5,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "here, line 3, column 1: 'a' is given twice, first on line 1"),
        ("x: {b: 1, b: 2}", "'b' is given twice"),
        ("a: &x 1\nb: *x", "here, line 2, column 4: aliases"),
        ("a: [1, 2", "here, line 1, column 9: while parsing a flow sequence"),
        ("\ta: 1", "line 1, column 1"),
        ("!!python/object/apply:os.system ['true']", "the tag tag:yaml.org,2002:python/object/apply"),
        ("a: !mine 1", "the tag !mine is not read"),
        ("[1]: 2", "a field name must be text"),
        ("a: !!int abc", "cannot be read"),
        ("a: !!bool abc", "cannot be read"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: 1\n---\nb: 2", "document"),
        ("a\0b", "not a text file (character 1"),
        ("[" * 5000, "nested too deeply"),
        ("#" * (MAX_BYTES + 1), "larger than 1 MiB"),
    ],
)
def test_yaml_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_yaml(text, "here", ArchitectureError)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("here")
    assert len(str(caught.value)) < 300


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_data_or_one_error(text: str) -> None:
    try:
        parse_yaml(text, "here")
    except SimulatorError as problem:
        assert str(problem).startswith("here")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff\xfe")
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    reasons = {
        "missing.yaml": "no such file",
        ".": "is not a file",
        "binary.yaml": "not a text file in UTF-8 (byte 3)",
        "large.yaml": "larger than 1 MiB",
        "nul\0": "no such file",
    }
    for name, reason in reasons.items():
        with pytest.raises(SimulatorError) as caught:
            read_yaml(f"{tmp_path}/{name}")
        assert str(caught.value).startswith(f"cannot read {tmp_path}/{name}")
        assert reason in str(caught.value)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "marked.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_yaml(tmp_path / "marked.yaml") == {"a": 1}


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    write_atomically(target, "één\n")
    assert target.read_bytes() == "één\n".encode()
    write_atomically(str(target), b"\x00\x01")
    assert target.read_bytes() == b"\x00\x01"
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("name", ["missing/out.txt", ".", "nul\0", "file/out.txt"])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SimulatorError, match="cannot write"):
        write_atomically(f"{tmp_path}/{name}", "x")
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(SimulatorError, match="cannot write"):
        write_atomically(target, "\ud800")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_a_rate_too_slow_for_any_machine_is_refused() -> None:
    with pytest.raises(SimulatorError, match="less than 1e-06 bits per cycle"):
        parse_rate("0.00000001 bits")
