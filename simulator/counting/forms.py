"""Linear forms over answers: every word count is a sum of columns of query answers.

Answers are (Q, COLUMNS) arrays, a row for each query.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulator.counting.lowering import Ints, Query


@dataclass(frozen=True)
class Form:
    """``constant + sum(coefficient * answers[..., query, column])``."""

    terms: tuple[tuple[Query, int, int], ...] = ()
    constant: int = 0

    def __add__(self, other: Form) -> Form:
        return Form(self.terms + other.terms, self.constant + other.constant)

    def __sub__(self, other: Form) -> Form:
        return self + Form(tuple((q, c, -n) for q, c, n in other.terms), -other.constant)


def column(query: Query, name: int) -> Form:
    """One column of one query."""
    return Form(((query, name, 1),))


class QueryTable:
    """The queries that a set of forms needs, each once, in order of first use."""

    def __init__(self) -> None:
        self._index: dict[Query, int] = {}

    def add(self, forms: Iterable[Form]) -> None:
        for form in forms:
            for query, _, _ in form.terms:
                self._index.setdefault(query, len(self._index))

    @property
    def queries(self) -> list[Query]:
        return list(self._index)

    def position(self, query: Query) -> int:
        return self._index[query]

    def words(self, form: Form, answers: Ints) -> Ints:
        """Evaluate a form on answers (..., Q, COLUMNS); exact integers of shape (...)."""
        total = np.full(answers.shape[:-2], form.constant, np.int64)
        for query, name, coefficient in form.terms:
            total = total + coefficient * answers[..., self._index[query], name]
        return total
