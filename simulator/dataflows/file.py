"""A dataflow as a YAML file: its form, reading it with care, and writing it."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import yaml
from pydantic import Discriminator, Field, Tag, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.errors import SimulatorError
from simulator.files import read_yaml
from simulator.forms import FileForm, FormReader, shown

Text = Annotated[str, Field(min_length=1, max_length=64)]


def _must_be(wanted: str) -> WrapValidator:
    """One error for a value of several kinds, in place of one for each kind."""

    def read(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"must be {wanted}, got {shown(value)}") from None

    return WrapValidator(read)


_Value = Annotated[str | int, _must_be("a number, a range such as 2..8, or any, most, half, full or all")]
_Names = Annotated[Text | list[Text], _must_be("a tensor or a list of tensors")]
_Orders = Annotated[list[Text] | list[list[Text]], _must_be("a list of dimensions or a list of such lists")]


class KeepForm(FileForm):
    """A level of the nest and the loops below it; see `declaration.Keep`."""

    level: Text
    keeps: _Names = Field(default_factory=list)
    bypass: Literal["never", "allowed", "always"] = "never"
    loops: _Orders = Field(default_factory=list)
    factors: dict[Text, _Value] = Field(default_factory=dict)


class SpreadForm(FileForm):
    """The array: by axis the dimensions that may lie on it, with their factors; see `declaration.Spread`."""

    array: dict[Text, dict[Text, _Value]]


def _kind(entry: object) -> str | None:
    fields = entry if isinstance(entry, dict) else {}
    kinds = [kind for kind in ("level", "array") if kind in fields]
    return kinds[0] if len(kinds) == 1 else None


_Entry = Annotated[
    Annotated[KeepForm, Tag("level")] | Annotated[SpreadForm, Tag("array")], Discriminator(_kind)
]


class DataflowForm(FileForm):
    """A dataflow's file."""

    name: Text
    description: str = ""
    factors: Literal["ragged", "balanced", "perfect"] = "balanced"
    nest: Annotated[list[_Entry], Field(max_length=64)] = Field(default_factory=list)


FORM = FormReader(
    DataflowForm, SimulatorError, "name and nest", tagged="nest", kinds=("level", "array"), titles=("level",)
)


def read_dataflow(path: str | os.PathLike[str]) -> Dataflow:
    """Read a dataflow from a YAML file.

    Raises
    ------
    SimulatorError
        For a file that cannot be read, anything wrong in it (which field, and what would be right), or a
        nest that contradicts itself.
    """
    return from_data(read_yaml(path), os.fspath(path))


def from_data(data: object, where: str) -> Dataflow:
    """Return the dataflow of plain data; `where` names the file in errors.

    Raises
    ------
    SimulatorError
        As `read_dataflow`.
    """
    if isinstance(data, list):
        raise SimulatorError(
            f"{where}: a dataflow is a mapping with name and nest, not a list; of a mapping of ZigZag's "
            "`simulator convert --from zigzag` makes one"
        )
    form = FORM.read(data, where)
    parts = tuple(_part(entry) for entry in form.nest)
    try:
        return Dataflow(form.name, form.description, parts, form.factors)
    except SimulatorError as error:
        raise SimulatorError(f"{where}: {error}") from None


def _part(form: KeepForm | SpreadForm) -> Keep | Spread:
    if isinstance(form, SpreadForm):
        return Spread(form.array)
    keeps = (form.keeps,) if isinstance(form.keeps, str) else tuple(form.keeps)
    orders = tuple(tuple(order) for order in form.loops if isinstance(order, list))
    if not orders:
        orders = (tuple(name for name in form.loops if isinstance(name, str)),)
    return Keep(form.level, keeps, orders, form.bypass, form.factors)


def to_data(dataflow: Dataflow) -> dict[str, Any]:
    """Return a dataflow as the plain data of its file: reading it gives an equal dataflow."""
    nest = [_entry(part) for part in dataflow.nest]
    data: dict[str, Any] = {"name": dataflow.name, "description": dataflow.description}
    return data | {"factors": dataflow.factors} | ({"nest": nest} if nest else {})


def _entry(part: Keep | Spread) -> dict[str, Any]:
    if isinstance(part, Spread):
        return {"array": {axis: dict(factors) for axis, factors in part.axes.items()}}
    orders = [list(order) for order in part.orders]
    fields = {
        "keeps": part.keeps[0] if len(part.keeps) == 1 else list(part.keeps),
        "bypass": part.bypass if part.bypass != "never" else None,
        "loops": orders[0] if len(orders) == 1 else orders,
        "factors": dict(part.factors),
    }
    return {"level": part.level} | {name: value for name, value in fields.items() if value}


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, and lists of names on one line."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(dataflow: Dataflow) -> str:
    """Return a dataflow as the text of its file."""
    return yaml.dump(to_data(dataflow), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100)
