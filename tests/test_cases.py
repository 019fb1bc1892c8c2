"""Counting cases as JSON lines: the recorded cases, and every kind of bad line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.counting.cases import MAX_LINE, MAX_NODES, count_case, count_lines, read_case

CASES = Path(__file__).parent / "data" / "counting_cases.jsonl"


def a_case(**changes: Any) -> dict[str, Any]:
    """A matrix product on two by three places."""
    case = {
        "id": "product",
        "dims": {"M": 4, "K": 3},
        "tensors": {
            "weights": [{"coefficients": {"M": 1}}, {"coefficients": {"K": 1}}],
            "inputs": [{"coefficients": {"K": 1}}],
            "outputs": [{"coefficients": {"M": 1}}],
        },
        "output": "outputs",
        "options": {"no_multicast": [], "no_reduction": [], "latches": []},
        "nest": [
            {"store": "DRAM", "keeps": ["weights", "inputs", "outputs"]},
            {"loop": "temporal", "dim": "M", "bound": 2},
            {"loop": "spatial", "axis": "x", "dim": "M", "bound": 2},
            {"loop": "spatial", "axis": "rows", "dim": "K", "bound": 3},
        ],
    }
    return {**case, **changes}


def lines(*cases: object) -> io.BytesIO:
    return io.BytesIO("".join(f"{c if isinstance(c, str) else json.dumps(c)}\n" for c in cases).encode())


def error_of(case: object) -> str:
    (answer,) = count_lines(lines(case), "closed-form")
    return str(answer["error"])


def with_bound(bound: object) -> dict[str, Any]:
    return a_case(nest=[a_case()["nest"][0], {"loop": "temporal", "dim": "M", "bound": bound}])


def test_recorded_cases_count_as_recorded() -> None:
    with CASES.open("rb") as stream:
        answers = list(count_lines(stream, "closed-form", check=True))
    assert len(answers) == 600
    assert [answer for answer in answers if "error" in answer] == []


def test_a_case_from_python() -> None:
    assert read_case(a_case()).problem.macs == 12
    rows = sim.count_case(a_case(), "walk")
    assert [row["tensor"] for row in rows] == ["weights", "inputs", "outputs"]
    assert rows == count_case(a_case(), "closed-form") == count_case(a_case(), "functional")
    assert rows[1] == {
        "tensor": "inputs", "parent": "DRAM", "child": "MAC",
        "parent_reads": 6, "child_fills": 12, "forwardable": 0,
    }  # fmt: skip


def test_options_change_the_counts_and_may_be_left_out() -> None:
    plain = count_case(a_case())
    bare = a_case()
    del bare["options"]
    assert count_case(bare) == count_case(a_case(options={})) == plain
    assert count_case(a_case(options={"no_multicast": ["x"]}))[1]["parent_reads"] == 12
    assert count_case(a_case(options={"no_reduction": ["rows"]}))[2]["merges"] == 8
    assert count_case(a_case(options={"latches": ["inputs"]}))[1]["child_fills"] == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"no_multicst": []}}, "unknown field 'no_multicst'; did you mean 'no_multicast'?"),
        ({"options": {"no_reduction": ["row"]}}, "no axis 'row'; did you mean 'rows'?"),
        ({"options": {"latches": ["weihgts"]}}, "no operand 'weihgts'; did you mean 'weights'?"),
        ({"options": {"latches": ["outputs"]}}, "no operand 'outputs'"),
        ({"options": {"latches": [["inputs"]]}}, "no operand ['inputs']"),
        ({"options": {"latches": "inputs"}}, "latches must be a list of names"),
        ({"options": None}, "options must be a mapping"),
        ({"dim": {}}, "unknown field 'dim'; did you mean 'dims'?"),
        ({"dims": {"M": 4, "K": "3"}}, "extent of dimension K must be a whole number"),
        ({"dims": {"M": 2**31, "K": 2**40}}, "extent of dimension K must be from 1 to"),
        ({"dims": dict.fromkeys("MKA", 2**31)}, "too many to count exactly"),
        ({"tensors": []}, "tensors must be a mapping"),
        ({"output": "output"}, "did you mean 'outputs'?"),
        ({"nest": []}, "begins with the outermost storage level"),
        (
            {"nest": [{"store": "MAC", "keeps": ["weights", "inputs", "outputs"]}]},
            "no level may be called MAC",
        ),
        ({"nest": [{"loop": "temporal", "dim": "M", "bound": 1}] * (MAX_NODES + 1)}, "at most 256"),
    ],
)
def test_a_bad_case_says_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    assert message in error_of(a_case(**changes))


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (float("nan"), "nest[1]: bound must be a whole number from 1 to 2**31, not 'NaN'"),
        (True, "bound must be a whole number"),
        (9, "a bound of 4 is enough"),
        (3, "dimension M is not covered: the bounds of its loops multiply to 3, its extent is 4"),
    ],
)
def test_a_bad_bound(bound: object, message: str) -> None:
    assert message in error_of(with_bound(bound))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(a_case())[:60], "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"dims": {"M": ' + "9" * 5000 + "}}", "too many digits"),
        ('{"id": 1, "id": 2}', "field 'id' is given twice"),
        ('{"x": "' + "a" * 3 * MAX_LINE + '"}', "longer than 1 MiB"),
        ("7", "case must be a mapping"),
    ],
)
def test_a_line_that_is_no_case_does_not_stop_the_rest(text: str, message: str) -> None:
    bad, good = count_lines(lines(text, a_case()), "closed-form")
    assert bad["line"] == 1
    assert message in bad["error"]
    assert good == {"id": "product", "counts": count_case(a_case())}


def test_bytes_that_are_no_text_and_blank_lines() -> None:
    stream = io.BytesIO(b"\xef\xbb\xbf" + json.dumps(a_case()).encode() + b"\r\n\n  \n\xff\n")
    first, last = count_lines(stream, "closed-form")
    assert "counts" in first
    assert last == {"line": 4, "error": "not text in UTF-8 (byte 0)"}


def test_messages_stay_short() -> None:
    assert len(error_of(a_case(nest=[{"x": "y" * 10_000}]))) <= 500


def test_check_reports_a_difference() -> None:
    counts = count_case(a_case())
    wrong = [dict(row) for row in counts]
    wrong[0]["child_fills"] += 1
    given = (a_case(counts=counts), a_case(counts=wrong), a_case(counts=counts[:1]), a_case())
    answers = list(count_lines(lines(*given), "closed-form", check=True))
    assert answers[0]["counts"] == counts
    assert [answer.get("error") for answer in answers[1:]] == [
        "counts differ: weights DRAM -> MAC: child_fills is 12, the case has 13",
        "counted 3 boundaries, the case has 1",
        "the case has no counts to check",
    ]


def test_unknown_engine() -> None:
    with pytest.raises(sim.SimulatorError, match="did you mean 'walk'"):
        count_case(a_case(), "wolk")
