"""Run-length coding of words with many zeros: an exact codec, and the size it is expected to reach.

The code of the Eyeriss chip (Chen, Krishna, Emer, Sze, JSSC 52(1), 2017, section IV-B): a *pair* is a run of
zeros and the *level*, the word after it; a 64-bit word holds three pairs of a 5-bit run and a 16-bit level,
and a last bit that marks the end of the code. Words of other widths are packed in the same way, as many pairs
as fit beside that bit. Unused pairs of the last word are zero: who decodes knows how many words there were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.errors import SimulatorError

# JSSC'17 section IV-B: bits of a run, of a packed word, and of the mark of the last one.
RUN_BITS = 5
PACKED_BITS = 64
MARK_BITS = 1
LONGEST_RUN = 2**RUN_BITS - 1
MAX_LEVEL_BITS = PACKED_BITS - MARK_BITS - RUN_BITS

Packed = npt.NDArray[np.uint64]
Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RunLengthCode:
    """The run-length code of words of ``level_bits`` bits.

    Raises
    ------
    SimulatorError
        For words of which none fits into a packed word beside its run.
    """

    level_bits: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.level_bits <= MAX_LEVEL_BITS:
            raise SimulatorError(
                f"run-length coding packs words of 1 to {MAX_LEVEL_BITS} bits, not {self.level_bits}"
            )

    @property
    def pairs_per_word(self) -> int:
        """Pairs in a packed word: three of 16-bit levels."""
        return (PACKED_BITS - MARK_BITS) // (RUN_BITS + self.level_bits)

    def encode(self, values: npt.ArrayLike) -> Packed:
        """Return the code of integers (any shape, in row-major order) as packed words.

        Raises
        ------
        SimulatorError
            For values of another type, and for one that is no signed word of ``level_bits`` bits.
        """
        given = np.asarray(values)
        if given.dtype.kind not in "iu":
            raise SimulatorError(f"run-length coding takes integers of at most 64 bits, not {given.dtype}")
        # Checked before the cast to signed words, in which a large unsigned one would turn negative.
        limit = 1 << (self.level_bits - 1)
        low, high = (int(given.min()), int(given.max())) if given.size else (0, 0)
        if not -limit <= low <= high < limit:
            raise SimulatorError(
                f"values from {low} to {high} do not fit into words of {self.level_bits} bits"
            )
        runs, levels = _pairs(given.astype(np.int64).reshape(-1))
        words = -(-len(runs) // self.pairs_per_word)
        pairs = np.zeros(words * self.pairs_per_word, np.uint64)
        pairs[: len(runs)] = runs | (levels & (2**self.level_bits - 1)) << RUN_BITS
        packed = np.zeros(words, np.uint64)
        for place in range(self.pairs_per_word):
            packed |= pairs[place :: self.pairs_per_word] << np.uint64(place * (RUN_BITS + self.level_bits))
        packed[-1:] |= np.uint64(1 << (PACKED_BITS - MARK_BITS))
        return packed

    def decode(self, packed: Packed, count: int) -> Words:
        """Return the ``count`` values, shape (count,), that packed words are the code of.

        Raises
        ------
        SimulatorError
            For what are no packed words, where the mark of the last word is missing or early, and where the
            code holds another number of values.
        """
        if packed.dtype != np.uint64 or packed.ndim != 1:
            raise SimulatorError(
                f"not a run-length code: its packed words are uint64 in one row, not {packed.dtype} of shape "
                f"{packed.shape}"
            )
        marked = np.flatnonzero(packed >> np.uint64(PACKED_BITS - MARK_BITS))
        if marked.tolist() != [len(packed) - 1][: len(packed)]:
            raise SimulatorError("not a run-length code: its last word, and no other, must be marked")
        width = RUN_BITS + self.level_bits
        places = np.arange(self.pairs_per_word, dtype=np.uint64) * np.uint64(width)
        pairs = ((packed[:, None] >> places) & np.uint64(2**width - 1)).reshape(-1).astype(np.int64)
        levels = pairs >> RUN_BITS
        levels -= (levels >> (self.level_bits - 1)) << self.level_bits
        ends = np.cumsum((pairs & LONGEST_RUN) + 1)
        used = int(np.searchsorted(ends, count)) + 1 if count else 0
        spare = pairs[used:]
        if used > len(pairs) or (used and ends[used - 1] != count):
            raise SimulatorError(f"not a run-length code of {count} values")
        if spare.any() or len(spare) >= self.pairs_per_word:
            raise SimulatorError(f"not a run-length code of {count} values: it goes on after them")
        values = np.zeros(count, np.int64)
        values[ends[:used] - 1] = levels[:used]
        return values

    def expected_bits(self, density: float) -> float:
        """Return the expected bits a word of a long stream whose words are zero independently.

        With zeros of probability z = 1 - density a pair goes past k zeros, k < 32, with probability z^k, so
        that it covers the sum of z^k for k = 0 .. 31, (1 - z^32) / (1 - z) words, on average: a run of up to
        31 zeros and the level, a zero itself after 31. The pairs begin anew at each level, and each is a
        third of a 64-bit word:

            bits a word = 64 / 3 x (1 - z) / (1 - z^32)

        The spare room of the last 64-bit word of a stream is left out.
        """
        zeros = 1.0 - density
        covered = math.fsum(zeros**k for k in range(LONGEST_RUN + 1))
        return PACKED_BITS / self.pairs_per_word / covered


def _pairs(flat: Words) -> tuple[Words, Words]:
    """Runs and levels of the code, each (pairs,): 32 zeros are a run of 31 and a level of zero."""
    places = np.flatnonzero(flat)
    # Zeros before each of the words that are not zero, and after the last of them.
    gaps = np.diff(places, prepend=-1) - 1
    rest = len(flat) - int(places[-1] + 1 if len(places) else 0)
    full, spare = gaps // (LONGEST_RUN + 1), gaps % (LONGEST_RUN + 1)
    last = np.cumsum(full + 1) - 1
    tail = -(-rest // (LONGEST_RUN + 1))
    runs = np.full(int(last[-1] + 1 if len(last) else 0) + tail, LONGEST_RUN, np.int64)
    levels = np.zeros(len(runs), np.int64)
    runs[last], levels[last] = spare, flat[places]
    if tail:
        runs[-1] = (rest - 1) % (LONGEST_RUN + 1)
    return runs, levels
