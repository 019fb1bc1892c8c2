"""Run-length coding: nothing is lost, the size is that of the code, and what is expected of it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.compression import RunLengthCode
from simulator.errors import SimulatorError

CODE = RunLengthCode(16)
WIDTHS = (1, 3, 8, 16, 20, 58)


@st.composite
def streams(draw):
    """A code and words for it, with runs of zeros of any length, also past 32 and at the ends."""
    bits = draw(st.sampled_from(WIDTHS))
    limit = 2 ** (bits - 1)
    words = []
    for _ in range(draw(st.integers(0, 6))):
        words += [0] * draw(st.one_of(st.integers(0, 3), st.integers(28, 36), st.integers(60, 100)))
        words += draw(st.lists(st.integers(-limit, limit - 1), max_size=4))
    return RunLengthCode(bits), np.array(words, np.int64)


def pairs_of(words):
    """Runs and levels one by one: up to 31 zeros, then any word; zeros at the end close with a zero."""
    pairs, run = [], 0
    for place, word in enumerate(words):
        if word == 0 and run < 31 and place + 1 < len(words):
            run += 1
            continue
        pairs.append((run, int(word)))
        run = 0
    return pairs


@given(streams())
@settings(max_examples=300, deadline=None)
def test_what_is_encoded_is_decoded_and_as_long_as_said(case):
    code, words = case
    packed = code.encode(words)
    assert code.decode(packed, len(words)).tolist() == words.tolist()
    assert len(packed) == math.ceil(len(pairs_of(words)) / code.pairs_per_word)


def test_the_code_bit_by_bit():
    """Two zeros and 5, no zero and -1, 32 zeros (a run of 31 and a zero), then one zero and 7."""
    words = np.array([0, 0, 5, -1, *[0] * 32, 0, 7])
    first = 2 | 5 << 5 | (0xFFFF << 5) << 21 | 31 << 42
    last = 1 | 7 << 5 | 1 << 63
    assert CODE.encode(words).tolist() == [first, last]
    assert CODE.encode(words.reshape(2, 19)).tolist() == [first, last]
    assert CODE.pairs_per_word == 3


def test_nothing_has_no_code():
    assert CODE.encode(np.zeros(0, np.int64)).size == 0
    assert CODE.decode(np.zeros(0, np.uint64), 0).size == 0


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("density", [0.003, 0.05, 0.275, 0.613, 1.0])
def test_the_expected_size_is_that_of_random_words_within_five_sigma(bits, density):
    """Pairs are renewals: their number has the variance n x var(words a pair covers) / mean^3."""
    code, n, zeros = RunLengthCode(bits), 300_000, 1 - density
    shares = [*(zeros**k * density for k in range(31)), zeros**31]
    mean = sum(share * (k + 1) for k, share in enumerate(shares))
    variance = sum(share * (k + 1 - mean) ** 2 for k, share in enumerate(shares))
    sigma = math.sqrt(n * variance / mean**3) * 64 / code.pairs_per_word
    coded = 64 * len(code.encode(-(np.random.default_rng(bits).random(n) < density).astype(np.int64)))
    # The last packed word, and a pair that the end cuts short.
    assert abs(coded - n * code.expected_bits(density)) <= 5 * sigma + 2 * 64
    assert sigma < 0.02 * coded


def test_the_expected_size_in_closed_form():
    for density in (0.01, 0.2, 0.5, 0.9):
        closed = 64 / 3 * density / (1 - (1 - density) ** 32)
        assert CODE.expected_bits(density) == pytest.approx(closed, rel=1e-12)
    assert CODE.expected_bits(1.0) == 64 / 3
    assert CODE.expected_bits(1e-300) == pytest.approx(64 / 3 / 32)


@pytest.mark.parametrize("bits", [0, 59, 64])
def test_words_that_do_not_fit_beside_a_run_are_refused(bits):
    with pytest.raises(SimulatorError, match=f"packs words of 1 to 58 bits, not {bits}"):
        RunLengthCode(bits)


@pytest.mark.parametrize("value", [2**15, -(2**15) - 1])
def test_a_value_past_the_width_is_refused(value):
    with pytest.raises(SimulatorError, match="do not fit into words of 16 bits"):
        CODE.encode(np.array([1, value]))
    assert CODE.decode(CODE.encode(np.array([2**15 - 1, -(2**15)])), 2).tolist() == [2**15 - 1, -(2**15)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, 1.5], "float64"),
        (1e30, "float64"),
        (np.float32([1, 2]), "float32"),
        ([True, False], "bool"),
        ([2**64], "object"),
        (["1"], "<U1"),
    ],
)
def test_what_are_no_integers_is_refused(values, kind):
    with pytest.raises(SimulatorError, match=f"takes integers of at most 64 bits, not {kind}"):
        CODE.encode(values)


@pytest.mark.parametrize("bits", [16, 58])
def test_large_unsigned_values_are_refused_rather_than_wrapped(bits):
    values = np.array([3, 2**64 - 1], np.uint64)
    with pytest.raises(SimulatorError, match=f"from 3 to {2**64 - 1} do not fit into words of {bits} bits"):
        RunLengthCode(bits).encode(values)
    small = np.array([3, 0, 2**15 - 1], np.uint64)
    assert CODE.decode(CODE.encode(small), 3).tolist() == small.tolist()
    assert CODE.encode(small.astype(np.int16)).tolist() == CODE.encode(small).tolist()


def test_what_is_no_code_is_refused():
    packed = CODE.encode(np.arange(10))
    for count in (5, 9, 11, 0):
        with pytest.raises(SimulatorError, match=f"not a run-length code of {count} values"):
            CODE.decode(packed, count)
    for wrong in (packed[:-1], packed[::-1], np.concatenate((packed, packed))):
        with pytest.raises(SimulatorError, match="its last word, and no other, must be marked"):
            CODE.decode(wrong, 10)
    for wrong in (packed.astype(np.float64), packed.astype(np.int64), packed[None]):
        with pytest.raises(SimulatorError, match="its packed words are uint64 in one row"):
            CODE.decode(wrong, 10)
