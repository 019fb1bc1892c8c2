"""Forms of files: fields read strictly, and from what pydantic finds wrong to one readable error."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from simulator.errors import SimulatorError, did_you_mean

MAX_DEPTH = 16


class FileForm(BaseModel):
    """A mapping of known fields, read strictly: no text for numbers, no booleans for numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, data: Any) -> Any:
        # Before the fields, so that a misspelt field is reported and not the one missing because of it.
        if isinstance(data, dict):
            known = cls.model_fields
            for field in data:
                if field not in known:
                    hint = did_you_mean(field[:80], known)
                    raise ValueError(f"unknown field {field[:80]!r}{hint}")
        return data


_Read = TypeVar("_Read", bound=FileForm)


@dataclass(frozen=True)
class FormReader(Generic[_Read]):
    """Reads plain data into a form.

    ``wanted`` says what the data must be; entries of the list ``tagged`` are told apart by which field of
    ``kinds`` they have, ``titles`` are the fields that name an entry in errors.
    """

    form: type[_Read]
    error: type[SimulatorError]
    wanted: str
    tagged: str
    kinds: tuple[str, ...]
    titles: tuple[str, ...]

    def read(self, data: object, where: str) -> _Read:
        """Return the checked form of plain data; `where` names the file in errors.

        Raises
        ------
        SimulatorError
            For the first thing that is wrong: what, at which field, and what would be right.
        """
        if not isinstance(data, dict):
            raise self.error(f"{where}: must be a mapping with {self.wanted}")
        self._require_plain(data, data, where, ())
        try:
            return self.form.model_validate(data)
        except ValidationError as problem:
            first, *others = problem.errors(include_url=False)
            more = f" (and {len(others)} more to put right)" if others else ""
            raise self.error(f"{where}: {self._explain(first, data)}{more}") from None

    def _require_plain(
        self, value: object, data: object, where: str, location: tuple[str | int, ...]
    ) -> None:
        """Refuse what YAML cannot hold, empty values, and numbers too large to be meant."""

        def refuse(reason: str) -> SimulatorError:
            place = self.locate(location, data)
            return self.error(f"{where}: {place}{': ' if place else ''}{reason}")

        if len(location) > MAX_DEPTH:
            raise refuse("nested too deeply")
        if isinstance(value, dict):
            for key, inner in value.items():
                if type(key) is not str:
                    raise refuse(f"field names must be text, got {key!r:.60}")
                self._require_plain(inner, data, where, (*location, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._require_plain(inner, data, where, (*location, index))
        elif value is None:
            raise refuse("is empty; give a value or leave the field out")
        elif type(value) is int:
            if abs(value) > 2**63:
                raise refuse("is too large a number: no size may pass 2**31 places an axis or 2**60 bits")
        elif type(value) is float:
            if not math.isfinite(value):
                raise refuse(f"must be a finite number, got {value}")
        elif type(value) not in (str, bool):
            raise refuse(f"must be plain text, a number, a list or a mapping, got {type(value).__name__}")

    def _explain(self, error: ErrorDetails, data: object) -> str:
        """Return one error of pydantic's as `field: what is wrong`."""
        kind, context, given = error["type"], error.get("ctx", {}), error["input"]
        location = error["loc"]
        if len(location) > 2 and location[0] == self.tagged:
            # The third part is the tag by which the kind of entry was told, no field of the file.
            location = (*location[:2], *location[3:])
        if kind == "missing":
            place = self.locate(location[:-1], data)
            return f"{place}{': ' if place else ''}the field {location[-1]!r} is missing"
        place = self.locate(location, data)
        prefix = f"{place}: " if place else ""
        if kind == "value_error":
            return f"{prefix}{context['error']}"
        if kind in ("union_tag_not_found", "union_tag_invalid"):
            return f"{prefix}must have exactly one of the fields {', '.join(self.kinds)}"
        if kind == "literal_error":
            known = re.findall(r"'([^']*)'", str(context["expected"]))
            named = isinstance(given, str)
            hint = did_you_mean(given[:80], known) if named else f"; known: {', '.join(known)}"
            return f"{prefix}unknown value {shown(given)}{hint}"
        if kind.endswith(("too_short", "too_long")):
            limit = "at least" if kind.endswith("too_short") else "at most"
            bound = context["min_length" if kind.endswith("too_short") else "max_length"]
            one, many = ("character", "characters") if kind.startswith("string") else ("entry", "entries")
            return f"{prefix}must have {limit} {bound} {one if bound == 1 else many}"
        wanted = _EXPECTED.get(kind, error["msg"])
        for sign, bound in _BOUNDS.items():
            if sign in context:
                wanted = f"must be {bound} {context[sign]:.15g}"
        return f"{prefix}{wanted}, got {shown(given)}"

    def locate(self, location: Sequence[str | int], data: object) -> str:
        """Return a place in data as text: ``hierarchy[1].storage GLB: capacity``."""
        return "".join(self._pieces(location, data)).removesuffix(": ")

    def _pieces(self, location: Sequence[str | int], data: object) -> Iterator[str]:
        node, joint = data, ""
        for part in location:
            if isinstance(part, int) and isinstance(node, list):
                node = node[part] if part < len(node) else None
                yield f"[{part}]"
                title = self._title(node)
                if title:
                    yield title
                    joint = ": "
                else:
                    joint = "."
            elif isinstance(node, dict):
                yield f"{joint}{str(part)[:80]}"
                node, joint = node.get(part), "."
            else:
                # Below a value written short (a price for all tensors): the file has nothing to point at.
                return

    def _title(self, node: object) -> str:
        for kind in self.titles:
            if isinstance(node, dict) and isinstance(node.get(kind), str):
                return f".{kind} {node[kind][:64]}"
        return ""


_EXPECTED = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
