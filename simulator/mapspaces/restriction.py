"""What a mapspace allows, as arrays: the encoding's own ranges, narrowed by constraints."""

from __future__ import annotations

from typing import NamedTuple

from simulator.counting.lowering import Ints

RAGGED, BALANCED, PERFECT = range(3)


class Restriction(NamedTuple):
    """Allowed values of every column of an `Encoding`; all int64. S slots, D dimensions, N nodes.

    least, most (S, D): the bounds a loop may have; 1 to 1 where there is none.
    keep (N, 2): the lowest and highest value of each node's keep column.
    choices: allowed order numbers of slots, regions and arrays, one list after the other;
    choices_start (S + G + A + 1,): where the list of each begins. A list that is empty allows every order.
    saturated (S, D): 1 where a bound must be as large as the rest of the mapping lets it.
    factors (1,): RAGGED (every bound), BALANCED (the smallest bound for its number of outer iterations) or
    PERFECT (bounds that divide).
    """

    least: Ints
    most: Ints
    keep: Ints
    choices: Ints
    choices_start: Ints
    saturated: Ints
    factors: Ints
