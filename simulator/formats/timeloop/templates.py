"""Timeloop's Jinja templates, rendered in a sandbox that reads one folder and ends.

What a template includes is parsed by itself and stands in the text as a placeholder, so that nothing has to
be written out and read again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from simulator.errors import SimulatorError, did_you_mean
from workloads.files import read_text

MAX_BYTES = 2**20
MAX_FILES = 200
MAX_DEPTH = 8
# Iterations and calls of all templates together, and characters that they put out.
MAX_STEPS = 100_000
MAX_TEXT = 2**22

_FILTERS = ("abs", "default", "d", "float", "int", "length", "lower", "max", "min", "round", "string", "trim")
_METHODS = ("endswith", "get", "items", "keys", "lower", "split", "startswith", "strip", "upper", "values")
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("ceil", "floor", "log2", "sqrt")},
    **{function.__name__: function for function in (abs, float, int, max, min, round)},
}


class Renderer:
    """Renders the templates of one design: the file at ``root`` or below it and what it includes.

    Parameters
    ----------
    root
        The folder that is read; nothing outside of it is, whatever a template names.
    variables
        What templates may use by name.
    load
        Parses an included file: its path to data.
    """

    def __init__(self, root: Path, variables: dict[str, object], load: Callable[[Path], object]) -> None:
        self.root = root.resolve()
        self.variables = variables
        self.load = load
        self.included: dict[str, object] = {}
        self._open: list[Path] = []
        self._files = self._steps = self._text = 0
        self._environment = _Environment(self)

    def text(self, path: Path) -> str:
        """Return the text of a file, rendered where it is a template.

        Raises
        ------
        SimulatorError
            For a file outside of the folder, one that includes itself, and a template that is wrong, takes
            what does not exist, or does not end.
        """
        if len(self._open) >= MAX_DEPTH:
            raise SimulatorError(f"{path}: files include each other more than {MAX_DEPTH} deep")
        self._files += 1
        if self._files > MAX_FILES:
            raise SimulatorError(f"{path}: more than {MAX_FILES} files are included")
        text = read_text(path, SimulatorError, MAX_BYTES)
        if not any(mark in text for mark in ("{{", "{%", "{#")):
            return text
        self._open.append(path)
        try:
            return self._environment.from_string(text).render(self._names())
        except jinja2.UndefinedError as problem:
            raise SimulatorError(f"{path}: {problem.message}; define it (--define NAME=VALUE)") from None
        except jinja2.TemplateError as problem:
            line = f", line {problem.lineno}" if isinstance(problem, jinja2.TemplateSyntaxError) else ""
            raise SimulatorError(f"{path}{line}: {problem.message or 'a wrong template'}") from None
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            NameError,
            RecursionError,
            TypeError,
        ) as problem:
            raise SimulatorError(f"{path}: the template fails: {problem}") from None
        except ValueError as problem:
            if isinstance(problem, SimulatorError):
                raise
            raise SimulatorError(f"{path}: the template fails: {problem}") from None
        finally:
            self._open.pop()

    def find(self, name: object) -> Path:
        """Return the file that a template names, which lies in the folder."""
        text = str(name)
        if "\0" in text or len(text) > 1000:
            raise SimulatorError(f"{self._where}: {text[:60]!r} is no file's name")
        folders = [self._open[-1].parent, self.root] if self._open else [self.root]
        places = [(folder / text).resolve() for folder in folders]
        inside = [place for place in places if place.is_relative_to(self.root)]
        if not inside:
            raise SimulatorError(
                f"{self._where}: {text!r} lies outside of the folder {self.root.name!r}, the only one that "
                "is read; give the folder that holds both (--root DIR)"
            )
        return next((place for place in inside if place.is_file()), inside[0])

    def step(self, count: int = 1) -> None:
        """Count work of the templates; SimulatorError past the limit."""
        self._steps += count
        if self._steps > MAX_STEPS:
            raise SimulatorError(f"{self._where}: the template takes more than {MAX_STEPS} steps")

    def out(self, value: object) -> object:
        """Count what templates put out; SimulatorError past the limit."""
        self._text += len(value) if isinstance(value, str) else 1
        if self._text > MAX_TEXT:
            raise SimulatorError(f"{self._where}: the template puts out more than {MAX_TEXT} characters")
        return value

    @property
    def _where(self) -> str:
        return str(self._open[-1]) if self._open else str(self.root)

    def _names(self) -> dict[str, object]:
        """What templates call: Timeloop's functions, and a little arithmetic."""
        return {
            **FUNCTIONS,
            "add_to_path": lambda folder: "",
            "cwd": lambda: ".",
            "include": self._include,
            "include_all": self._include_all,
            "include_text": lambda name: self.text(self.find(name)),
            "path_exists": lambda name: self.find(name).exists(),
            "range": self._range,
            **self.variables,
        }

    def _include(self, name: object, key: object = "") -> str:
        """Stand a placeholder for the data of a file, or what stands there under a key such as 'a.b'."""
        path = self.find(name)
        found = self.load(path)
        for part in str(key).split(".") if key else ():
            if not isinstance(found, dict) or part not in found:
                known = found if isinstance(found, dict) else ()
                raise SimulatorError(f"{path}: has no field {key!r}{did_you_mean(part, map(str, known))}")
            found = found[part]
        return self._placeholder(found)

    def _include_all(self, pattern: object, key: object = "") -> str:
        """Stand a placeholder for the lists of every file that a pattern such as 'parts/*.yaml' names."""
        folder, _, names = str(pattern).rpartition("/")
        found: list[object] = []
        for path in sorted(self.find(folder or ".").glob(names or "*")):
            data = self.included[self._include(path.relative_to(self.root), key)]
            found += data if isinstance(data, list) else [data]
        return self._placeholder(found)

    def _placeholder(self, data: object) -> str:
        name = f"__included_{len(self.included)}__"
        self.included[name] = data
        return name

    def _range(self, *limits: int) -> Iterable[int]:
        if len(range(*limits)) > MAX_STEPS:
            raise SimulatorError(f"{self._where}: a range of more than {MAX_STEPS} numbers")
        return range(*limits)


class _Environment(SandboxedEnvironment):
    """Jinja's sandbox without what can take long: every iteration, call and output is counted."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, renderer: Renderer) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            loader=jinja2.FunctionLoader(lambda name: renderer.text(renderer.find(name))),
            finalize=renderer.out,
            cache_size=0,
        )
        self._renderer = renderer
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.globals = {"_counted": self._counted, "_joined": self._joined}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = nodes.Call(nodes.Name("_counted", "load"), [loop.iter], [], None, None)
        _replace_joins(tree)
        return tree

    def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        self._renderer.step()
        return super().call(__context, __obj, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr in _METHODS and isinstance(obj, str | dict)

    def wrap_str_format(self, value: Any) -> None:
        """Refuse `format` as any other method: a width in it fills any memory."""

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self._renderer.step()
        if any(isinstance(side, jinja2.Undefined) for side in (left, right)):
            return super().call_binop(context, operator, left, right)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return self._joined(left, right)
        if not all(isinstance(side, int | float) for side in (left, right)):
            raise SimulatorError(f"{self._renderer._where}: {operator!r} takes numbers")
        if (operator == "**" and abs(right) > 64) or max(abs(left), abs(right)) > 2.0**256:
            raise SimulatorError(f"{self._renderer._where}: {operator!r} of too large numbers")
        return super().call_binop(context, operator, left, right)

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._renderer.step()
            yield item

    def _joined(self, *parts: object) -> str:
        text = "".join(map(str, parts))
        self._renderer.out(text)
        return text


def _replace_joins(node: nodes.Node) -> None:
    """Let every ``a ~ b`` be counted: a text that doubles each time is soon too long for any memory."""
    for field, value in node.iter_fields():
        items = value if isinstance(value, list) else [value]
        for index, item in enumerate(items):
            if not isinstance(item, nodes.Node):
                continue
            _replace_joins(item)
            if isinstance(item, nodes.Concat):
                call = nodes.Call(nodes.Name("_joined", "load"), item.nodes, [], None, None)
                if isinstance(value, list):
                    value[index] = call
                else:
                    setattr(node, field, call)


def evaluate(text: str, names: dict[str, Any], where: str) -> int | float:
    """Return the number that an expression such as ``2 * depth`` has; `where` names its field in errors.

    Raises
    ------
    SimulatorError
        For anything but arithmetic with known names that gives a number.
    """
    renderer = Renderer(Path(), {}, lambda path: None)
    wrong = f"{where}: {text[:60]!r} is no number, and no arithmetic with names that the file defines"
    if len(text) > 1000:
        raise SimulatorError(wrong)
    try:
        known = FUNCTIONS | {name: value for name, value in names.items() if isinstance(value, int | float)}
        found = renderer._environment.compile_expression(text, undefined_to_none=False)(**known)
    except (jinja2.TemplateError, ArithmeticError, NameError, TypeError, ValueError, RecursionError):
        raise SimulatorError(wrong) from None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise SimulatorError(wrong)
    return int(found) if found == int(found) else found
