"""Sums of products written as einsum writes them, as transposes and a matrix product."""

from __future__ import annotations

import string
from collections.abc import Sequence
from math import prod

from workloads.errors import WorkloadError
from workloads.importers.tensors import Tensors
from workloads.importers.values import Fixed, Made, Value


def einsum(net: Tensors, name: str, equation: str, values: Sequence[Value]) -> Made:
    """Return what an equation over one or two tensors makes. Raises WorkloadError for others.

    A letter of both and of the result counts the products, one of both alone is summed over, and one of a
    single tensor is a row or a column.
    """
    terms, result = _terms(equation, [len(value.shape) for value in values])
    extents: dict[str, int] = {}
    for term, value in zip(terms, values, strict=True):
        for letter, extent in zip(term, value.shape, strict=True):
            if extents.setdefault(letter, extent) != extent:
                raise WorkloadError(f"in {equation!r} {letter} is {extents[letter]} and {extent}")
    if len(terms) == 1:
        summed = [place for place, letter in enumerate(terms[0]) if letter not in result]
        kept = [letter for letter in terms[0] if letter in result]
        made = net.reduce(f"{name}_sum", "sum", values[0], summed, False)
        return net.transpose(name, made, [kept.index(letter) for letter in result])
    left, right = terms
    items = [x for x in left if x in right and x in result]
    inner = [x for x in left if x in right and x not in result]
    rows, columns = [x for x in left if x not in right], [x for x in right if x not in left]
    if not set(rows + columns) <= set(result):
        raise WorkloadError(f"{equation!r} sums one tensor alone; sum it up before")

    def size(letters: list[str]) -> int:
        return prod(extents[letter] for letter in letters)

    def ordered(value: Value, term: str, letters: list[str]) -> Made:
        return net.transpose(f"{name}_turned", value, [term.index(letter) for letter in letters])

    a = net.reshape(ordered(values[0], left, items + rows + inner), (1, size(items), size(rows), size(inner)))
    weight = values[1]
    if isinstance(weight, Fixed) and not items:
        matrix = Fixed((size(inner), size(columns)), weight.name, None, weight.trained)
        product = net.linear(name, net.reshape(a, (1, size(rows), size(inner))), size(columns), False, matrix)
    else:
        b = ordered(weight, right, items + inner + columns)
        product = net.matmul(name, a, net.reshape(b, (1, size(items), size(inner), size(columns))))
    made = net.reshape(product, tuple(extents[x] for x in items + rows + columns))
    order = [(items + rows + columns).index(letter) for letter in result]
    return net.transpose(f"{name}_result", made, order)


def _terms(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of every tensor and of the result, with letters in the place of dots."""
    given, arrow, result = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(ranks) or not 1 <= len(terms) <= 2:
        raise WorkloadError(f"{equation!r} must have one or two terms, as many as its {len(ranks)} inputs")
    free = [letter for letter in string.ascii_letters if letter not in equation]
    most = max(rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True))
    dots = "".join(free[: max(most, 0)]) if "..." in given else ""
    for place, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        count = rank - len(term.replace("...", ""))
        terms[place] = (
            term.replace("...", dots[len(dots) - count :]) if count > 0 else term.replace("...", "")
        )
    if not arrow:
        seen = "".join(terms)
        result = dots + "".join(sorted(x for x in set(seen) - set(dots) if seen.count(x) == 1))
    result = result.replace("...", dots)
    for term, rank in zip([*terms, result], [*ranks, len(result)], strict=True):
        if len(term) != rank or len(set(term)) != rank or not set(term) <= set(string.ascii_letters):
            raise WorkloadError(
                f"{equation!r} cannot be taken: needs one letter an axis, each once in a tensor"
            )
    if not set(result) <= set("".join(terms)):
        raise WorkloadError(f"{equation!r} makes an axis that no tensor has")
    return terms, result
