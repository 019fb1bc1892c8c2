"""Constraints between fields: ``array.x * array.y <= 1024``, read into a tree and worked out without eval.

Whatever is not in the tables below is refused, and numbers stay within bounds, so that no expression can
reach Python, or take long.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from simulator.errors import SimulatorError
from simulator.units import BITS_PER_UNIT

# What a field, and any part of an expression, can be. Sizes are bits.
Value = bool | int | float | str
Lookup = Callable[[str], Value]

MAX_LENGTH = 1000
MAX_DEPTH = 50
MAX_EXPONENT = 64
_MOST = 2.0**256
_SIZE = re.compile(rf"(?<![\w.])([0-9]+(?:\.[0-9]+)?)\s*({'|'.join(BITS_PER_UNIT)})\b")
_EXAMPLE = "as 'array.x * array.y <= 1024'"

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max, "abs": abs}


@dataclass(frozen=True)
class Expression:
    """A condition on fields: comparisons of numbers and text, + - * / // % **, min, max, abs, and, or, not.

    A size such as ``64KiB`` is its number of bits, as are the fields that are sizes.

    Raises
    ------
    SimulatorError
        For anything that is not part of that, naming the expression.
    """

    text: str

    def __post_init__(self) -> None:
        _check(self._tree, self)

    @cached_property
    def _tree(self) -> ast.expr:
        if not isinstance(self.text, str) or not self.text.strip():
            raise SimulatorError(f"a constraint is text, {_EXAMPLE}, not {self.text!r:.80}")
        if len(self.text) > MAX_LENGTH:
            raise SimulatorError(f"constraint {self.text[:60]!r}..: longer than {MAX_LENGTH} characters")
        sizes = _SIZE.sub(lambda size: f"({_bits(size[1], size[2])!r})", self.text.strip())
        try:
            return ast.parse(sizes, mode="eval").body
        except SyntaxError as error:
            raise self.wrong(f"cannot be read ({error.msg}); write a condition {_EXAMPLE}") from None
        except (RecursionError, MemoryError, ValueError):
            raise self.wrong("cannot be read: nested too deeply, or no text") from None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields in it, each once."""
        return tuple(dict.fromkeys(_names(self._tree)))

    def holds(self, lookup: Lookup) -> bool:
        """Whether the condition holds for fields that ``lookup`` gives by name.

        Raises
        ------
        SimulatorError
            Where it is no condition, for a division by zero, for numbers past 2**256, and what ``lookup``
            raises.
        """
        value = _value(self._tree, lookup, self)
        if not isinstance(value, bool):
            raise self.wrong(f"is {value!r:.40}, not true or false; compare it with something, {_EXAMPLE}")
        return value

    def wrong(self, reason: str) -> SimulatorError:
        """An error that names the expression."""
        return SimulatorError(f"constraint {self.text!r}: {reason}")


def _bits(amount: str, unit: str) -> int | float:
    bits = Fraction(amount) * BITS_PER_UNIT[unit]
    return int(bits) if bits.denominator == 1 else float(bits)


def _check(node: ast.expr, whole: Expression, depth: int = 0) -> None:
    """Refuse all but the nodes that `_value` works out."""
    if depth > MAX_DEPTH:
        raise whole.wrong("nested too deeply")
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return
        case ast.Name() | ast.Attribute():
            _name(node, whole)
            return
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            parts = [node.left, node.right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            parts = [node.operand]
        case ast.BoolOp():
            parts = node.values
        case ast.Compare() if all(type(op) in _COMPARISONS for op in node.ops):
            parts = [node.left, *node.comparators]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            if len(args) == 0 or (name == "abs") != (len(args) == 1):
                raise whole.wrong(f"{name} takes {'one number' if name == 'abs' else 'two numbers or more'}")
            parts = args
        case _:
            raise whole.wrong(
                f"{ast.unparse(node)[:60]!r} is not allowed; there are numbers, sizes, text, fields, "
                "+ - * / // % **, comparisons, and, or, not, min, max, abs"
            )
    for part in parts:
        _check(part, whole, depth + 1)


def _names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name | ast.Attribute):
        return [ast.unparse(node)]
    inner = (part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))
    called = node.func if isinstance(node, ast.Call) else None
    return [name for part in inner if part is not called for name in _names(part)]


def _name(node: ast.expr, whole: Expression) -> str:
    """A field's name: names joined by dots."""
    inner = node
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    if not isinstance(inner, ast.Name):
        raise whole.wrong(f"{ast.unparse(node)[:60]!r} is no field; a field is names joined by dots")
    return ast.unparse(node)


def _value(node: ast.expr, lookup: Lookup, whole: Expression) -> Value:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, _number(left, lookup, whole), _number(right, lookup, whole), whole)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _truth(operand, lookup, whole)
        case ast.UnaryOp(op=op, operand=operand):
            number = _number(operand, lookup, whole)
            return -number if isinstance(op, ast.USub) else number
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_truth(value, lookup, whole) for value in values)
        case ast.BoolOp(values=values):
            return any(_truth(value, lookup, whole) for value in values)
        case ast.Compare():
            return _compared(node, lookup, whole)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_number(argument, lookup, whole) for argument in args))
        case _:
            return lookup(_name(node, whole))


def _compared(node: ast.Compare, lookup: Lookup, whole: Expression) -> bool:
    left = _value(node.left, lookup, whole)
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = _value(part, lookup, whole)
        texts = isinstance(left, str) + isinstance(right, str)
        if texts == 1 or (texts == 2 and isinstance(op, _ORDERED)):
            raise whole.wrong(f"cannot compare {left!r:.60} with {right!r:.60}")
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True


def _truth(node: ast.expr, lookup: Lookup, whole: Expression) -> bool:
    value = _value(node, lookup, whole)
    if not isinstance(value, bool):
        raise whole.wrong(f"{ast.unparse(node)[:60]!r} is {value!r:.40}, not true or false")
    return value


def _number(node: ast.expr, lookup: Lookup, whole: Expression) -> int | float:
    value = _value(node, lookup, whole)
    if isinstance(value, bool | str):
        raise whole.wrong(f"{ast.unparse(node)[:60]!r} is {value!r:.40}, no number")
    return _bounded(value, whole)


def _bounded(value: float, whole: Expression) -> float:
    if isinstance(value, complex) or not abs(value) <= _MOST:
        raise whole.wrong("a number in it is too large, or is none")
    return value


def _combined(op: ast.operator, left: float, right: float, whole: Expression) -> float:
    if isinstance(op, ast.Pow) and (abs(right) > MAX_EXPONENT or (left < 0 and right != math.trunc(right))):
        raise whole.wrong(f"an exponent must be at most {MAX_EXPONENT}, and whole where the base is below 0")
    try:
        return _bounded(_OPERATORS[type(op)](left, right), whole)
    except ZeroDivisionError:
        raise whole.wrong("divides by zero") from None
    except OverflowError:
        raise whole.wrong("a number in it is too large") from None
