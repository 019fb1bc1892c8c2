"""The form of an energy table's file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from simulator.architecture_file import Name, Price
from simulator.errors import SimulatorError
from simulator.forms import FileForm, FormReader
from simulator.units import parse_bits

MAX_POINTS = 10_000


class EnergyTableError(SimulatorError):
    """An energy table that is malformed, or has no figure for a part of a machine."""


def _sized(text: str) -> str:
    parse_bits(text)
    return text


Bits = Annotated[str, AfterValidator(_sized)]
Node = Annotated[float, Field(ge=1, le=1000)]
Above = Annotated[float, Field(gt=0, le=1e15)]
Column = Literal[
    "capacity_bytes", "width_bits", "banks", "node_nm", "read", "write", "leakage_mw", "area_um2"
]


class FiguresForm(FileForm):
    """Figures of a kind of part: of one access or operation, or points that a power law is fitted to.

    ``read`` and ``write`` are energies of an access of ``width``; without a width they are of a word, however
    wide. ``points`` are rows of ``columns``, in the file or in a CSV file beside it. ``capacity`` bounds what
    the figures are used for. ``node_nm`` is the node of all points.
    """

    read: Price | None = None
    write: Price | None = None
    leakage_mw: Price | None = None
    area_um2: Price | None = None
    width: Bits | None = None
    columns: list[Column] | None = None
    points: Annotated[list[list[Above]], Field(min_length=1, max_length=MAX_POINTS)] | str | None = None
    up_to: Bits | None = None
    node_nm: Node | None = None
    source: Annotated[str, Field(min_length=1, max_length=500)]


class NetworkForm(FileForm):
    """Energies of an array's network, of a word of ``width`` or however wide; or in times of a MAC's."""

    deliver: Price = 0.0
    hop: Price = 0.0
    link: Price = 0.0
    add: Price = 0.0
    width: Bits | None = None
    of: Literal["energy", "mac"] = "energy"
    node_nm: Node | None = None
    source: Annotated[str, Field(min_length=1, max_length=500)]


class EnergyTableForm(FileForm):
    """A table: figures for each kind of part, or files of Accelergy's with a name for each part."""

    name: Name
    description: str = ""
    unit: Literal["pJ", "MAC"]
    node_nm: Node | None = None
    dram: FiguresForm | None = None
    sram: FiguresForm | None = None
    registers: FiguresForm | None = None
    network: NetworkForm | None = None
    multiply: FiguresForm | None = None
    accumulate: FiguresForm | None = None
    estimator: Literal["hwcomponents"] | None = None
    ert: str | None = None
    art: str | None = None
    names: dict[str, str] = Field(default_factory=dict)
    sources: list[str] = Field(default_factory=list)


FORM = FormReader(
    EnergyTableForm,
    EnergyTableError,
    "name, unit and figures for kinds of parts (dram, sram, registers, network, multiply, accumulate)",
    tagged="",
    kinds=(),
    titles=(),
)
