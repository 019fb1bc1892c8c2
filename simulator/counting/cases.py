"""Counting cases as JSON lines: a problem, a nest and what the machine's networks do; counts come back.

A case has ``dims``, ``tensors``, ``output`` and ``nest``; ``options`` may say which axes do not multicast
or reduce and which operands have a latch. ``id``, ``kind`` and ``counts`` may stand beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from simulator.counting import check_engine, count
from simulator.counting.lowering import MAC, Nest, Rules, lower
from simulator.errors import MappingError, ProblemError, SimulatorError, did_you_mean
from simulator.json_lines import bounded_lines, shortened
from simulator.legality import check_nest
from simulator.mapping import Mapping
from simulator.problem import Problem
from simulator.problem_fields import check_fields

MAX_LINE = 2**20
MAX_NODES = 256
_NEEDED = ("dims", "tensors", "output", "nest")
_FIELDS = (*_NEEDED, "options", "id", "kind", "counts")
_OPTIONS = ("no_multicast", "no_reduction", "latches")
# The two axes of a plane of PEs, known even where a nest leaves one unused.
_PLANE = ("x", "y")


def read_case(data: object) -> Nest:
    """Return the checked nest of a case: plain data in the form of the counting cases.

    Raises
    ------
    SimulatorError
        Naming what is missing, unknown (with the nearest name), of the wrong type, illegal or too large.
    """
    fields = check_fields(data, "case", _FIELDS)
    for field in _NEEDED:
        if field not in fields:
            raise ProblemError(f"case: field {field!r} is missing")
    problem = Problem.from_dict({field: fields[field] for field in _NEEDED[:3]}, "case")
    mapping = Mapping.from_list(fields["nest"], "nest")
    # Time to check and count grows faster than the nest does.
    if len(mapping.nodes) > MAX_NODES:
        raise MappingError(f"nest has {len(mapping.nodes)} nodes; at most {MAX_NODES}")
    if any(store.level == MAC for store, _ in mapping.stores):
        raise MappingError(f"nest: no level may be called {MAC}, which stands below every nest")
    check_nest(problem, mapping)
    return lower(problem, mapping, _rules(problem, mapping, fields.get("options", {})))


def count_case(data: object, engine: str = "walk") -> list[dict[str, Any]]:
    """Return the counts of a case, a row per boundary in the form and order of the counting cases.

    Raises
    ------
    SimulatorError
        For an unknown engine, and as `read_case`.
    """
    check_engine(engine)
    nest = read_case(data)
    return [row.to_dict(row.tensor == nest.problem.output) for row in count(nest, engine).rows]


def count_lines(lines: BinaryIO, engine: str = "walk", check: bool = False) -> Iterator[dict[str, Any]]:
    """Count a case a line, as the lines come: ``id`` (if given) and ``counts``, or ``line`` and ``error``.

    With ``check``, counts that differ from those in the case are an error.
    """
    check_engine(engine)
    for number, line in enumerate(bounded_lines(lines, MAX_LINE), 1):
        if line is not None and not line.strip():
            continue
        answer: dict[str, Any] = {}
        try:
            data = _parse(line, first=number == 1)
            if isinstance(data, dict) and "id" in data:
                answer["id"] = data["id"]
            counts = count_case(data, engine)
            if check:
                _compare(counts, data)
            yield {**answer, "counts": counts}
        except SimulatorError as error:
            yield {**answer, "line": number, "error": shortened(str(error))}
        except MemoryError:
            yield {**answer, "line": number, "error": "too large to count: not enough memory"}


def _rules(problem: Problem, mapping: Mapping, options: object) -> Rules:
    fields = check_fields(options, "options", _OPTIONS)
    axes = sorted({*_PLANE, *(str(loop.axis) for loop in mapping.loops if loop.spatial)})
    operands = [tensor.name for tensor in problem.operands]
    no_multicast = _names(fields, "no_multicast", "axis", axes)
    no_reduction = _names(fields, "no_reduction", "axis", axes)
    splits = {
        tensor: frozenset(
            index
            for index, loop in enumerate(mapping.loops)
            if loop.axis in (no_reduction if tensor == problem.output else no_multicast)
        )
        for tensor in problem.tensor_names
    }
    return Rules(splits, _names(fields, "latches", "operand", operands))


def _names(options: dict[str, Any], field: str, kind: str, known: list[str]) -> frozenset[str]:
    names = options.get(field, [])
    if not isinstance(names, list):
        raise ProblemError(f"options: {field} must be a list of names, not {names!r}")
    for name in names:
        if name not in known:
            raise ProblemError(f"options: {field}: no {kind} {name!r}{did_you_mean(str(name), known)}")
    return frozenset(names)


def _parse(line: bytes | None, first: bool) -> object:
    if line is None:
        raise ProblemError(f"the line is longer than {MAX_LINE // 2**20} MiB")
    try:
        text = line.decode("utf-8-sig" if first else "utf-8")
        # NaN and Infinity become text, which no number's place takes: the error then names the field.
        return json.loads(text, parse_constant=str, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise ProblemError(f"not text in UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ProblemError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ProblemError("not JSON that can be read: nested too deeply") from None
    except SimulatorError:
        raise
    except ValueError:
        raise ProblemError("not JSON that can be read: a number has too many digits") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields all differ; json keeps the last of equal ones in silence."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ProblemError(f"field {name!r} is given twice")
        fields[name] = value
    return fields


def _compare(counts: list[dict[str, Any]], data: Any) -> None:
    given = data.get("counts")
    if not isinstance(given, list):
        raise ProblemError("the case has no counts to check")
    if len(given) != len(counts):
        raise ProblemError(f"counted {len(counts)} boundaries, the case has {len(given)}")
    for row, expected in zip(counts, given, strict=True):
        if row != expected:
            where = f"{row['tensor']} {row['parent']} -> {row['child']}"
            raise ProblemError(f"counts differ: {where}: {_difference(row, expected)}")


def _difference(row: dict[str, Any], expected: object) -> str:
    if not isinstance(expected, dict) or row.keys() != expected.keys():
        return f"the case has {expected!r}"
    return ", ".join(f"{k} is {n}, the case has {expected[k]!r}" for k, n in row.items() if n != expected[k])
