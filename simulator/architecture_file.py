"""The form of an architecture file: its fields, their limits and its JSON schema."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from simulator.errors import ArchitectureError
from simulator.forms import FileForm, FormReader
from simulator.units import AMOUNT_PATTERN, BITS_PER_UNIT, known_units, parse_amount, parse_rate

TENSORS = ("weights", "inputs", "outputs")
OPERANDS = ("weights", "inputs")
KINDS = ("storage", "array", "side_by_side", "mac")

MAX_PLACES = 2**31
MAX_WORD_BITS = 64
MAX_PRICE = 1e12
# How the next tile comes in: into the one place of the old tile (single), into a second place (double), or
# word by word through FIFOs beside the level, into places the old tile has left (fifo).
BUFFERINGS = ("single", "double", "fifo")
BufferingMode = Literal["single", "double", "fifo"]
# How an array's network reaches its places: each by itself, or words once over buses, trees or a mesh.
TOPOLOGIES = ("unicast", "bus", "tree", "mesh")
Topology = Literal["unicast", "bus", "tree", "mesh"]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)


def _named(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            f"{value[:80]!r} is not a name; use at most 64 letters, digits, '_' and '-', not a digit first"
        )
    return value


def _size(value: object) -> object:
    parse_amount(value)
    return value


def _rate(value: object) -> object:
    parse_rate(value)
    return value


def _distinct(values: list[str]) -> list[str]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"names {value!r} twice")
    return values


def _operands_or_all(value: object) -> object:
    if isinstance(value, bool):
        return list(OPERANDS) if value else []
    if not isinstance(value, list):
        raise ValueError(f"must be true, false or a list of {' and '.join(OPERANDS)}, got {value!r:.60}")
    return value


def _for_each_tensor(value: object, words: tuple[str, ...]) -> object:
    if isinstance(value, str):
        if value not in words:
            listed = ", ".join(map(repr, words[:-1]))
            raise ValueError(
                f"must be {listed}, {words[-1]!r} or a mapping of tensors to these, got {value[:60]!r}"
            )
        return dict.fromkeys(TENSORS, value)
    return value


def _default_price(value: object) -> object:
    return {"default": value} if isinstance(value, int | float) else value


_SIZE_SCHEMA = {"type": "string", "pattern": rf"^{AMOUNT_PATTERN}\s*({'|'.join(known_units())})$"}
_RATE_SCHEMA = {"type": "string", "pattern": rf"^{AMOUNT_PATTERN}\s*({'|'.join(BITS_PER_UNIT)})$"}
_PRICE_SCHEMA: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": MAX_PRICE}
_OPERANDS_SCHEMA = {"type": "array", "items": {"enum": list(OPERANDS)}, "uniqueItems": True}


def _for_tensors(words: tuple[str, ...]) -> WithJsonSchema:
    """The schema of one word for all tensors, or one for each."""
    word = {"enum": list(words)}
    each = {"type": "object", "properties": dict.fromkeys(TENSORS, word), "additionalProperties": False}
    return WithJsonSchema({"anyOf": [word, each]})


Name = Annotated[
    str, AfterValidator(_named), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})
]
Size = Annotated[str, BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]
Rate = Annotated[str, BeforeValidator(_rate), WithJsonSchema(_RATE_SCHEMA)]
Tensor = Literal["weights", "inputs", "outputs"]
Operand = Literal["weights", "inputs"]
TensorList = Annotated[list[Tensor], Field(min_length=1), AfterValidator(_distinct)]
OperandList = Annotated[list[Operand], AfterValidator(_distinct)]
Price = Annotated[float, Field(ge=0, le=MAX_PRICE)]
Unknown = Annotated[float, Field(ge=0, le=1e15)]
WordBits = Annotated[int, Field(ge=1, le=MAX_WORD_BITS)]


class TensorPrices(FileForm):
    """The price of one action: for every tensor, or tensor by tensor."""

    default: Price | None = None
    weights: Price | None = None
    inputs: Price | None = None
    outputs: Price | None = None


Prices = Annotated[
    TensorPrices,
    BeforeValidator(_default_price),
    WithJsonSchema(
        {
            "anyOf": [
                _PRICE_SCHEMA,
                {
                    "type": "object",
                    "properties": dict.fromkeys(("default", *TENSORS), _PRICE_SCHEMA),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class StoragePrices(FileForm):
    """Energy per word or block of each action at a storage level."""

    read: Prices | None = None
    fill: Prices | None = None
    drain: Prices | None = None
    merge: Prices | None = None
    send: Prices | None = None
    refill: Prices | None = None


class ArrayPrices(FileForm):
    """Energy per word of each action on an array's network."""

    deliver: Prices | None = None
    hop: Prices | None = None
    link: Prices | None = None
    add: Prices | None = None


class BandwidthForm(FileForm):
    """Bits per cycle and instance: one port for both directions, or one each."""

    read: Rate | None = None
    write: Rate | None = None
    shared: Rate | None = None


class PartitionForm(FileForm):
    """A part of a storage level that only some of its tensors use."""

    tensors: TensorList
    capacity: Size


class BufferingForm(FileForm):
    """Whether a tensor's next tile is fetched beside the one in use."""

    weights: BufferingMode = "double"
    inputs: BufferingMode = "double"
    outputs: BufferingMode = "double"


Buffering = Annotated[
    BufferingForm,
    BeforeValidator(lambda value: _for_each_tensor(value, BUFFERINGS)),
    _for_tensors(BUFFERINGS),
]


class CompressionForm(FileForm):
    """How a level holds tensors with known zeros: run-length coded (rlc), or as they are."""

    weights: Literal["rlc"] | None = None
    inputs: Literal["rlc"] | None = None
    outputs: Literal["rlc"] | None = None


class _Physical(FileForm):
    price_source: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    # The energy table of all the part's figures, which prices it anew where the machine changes.
    priced_by: Name | None = None
    leakage_mw: Unknown | None = None
    area_um2: Unknown | None = None


class StorageForm(_Physical):
    """A storage level."""

    storage: Name
    keeps: TensorList | None = None
    required: Annotated[list[Tensor], AfterValidator(_distinct)] = Field(default_factory=list)
    capacity: Size | None = None
    partitions: list[PartitionForm] = Field(default_factory=list)
    banks: Annotated[int, Field(ge=1, le=2**20)] = 1
    block: Size | None = None
    price_per: Literal["word", "block"] = "word"
    bandwidth: BandwidthForm = BandwidthForm()
    stores_padding: bool = False
    buffering: Buffering = BufferingForm()
    compression: CompressionForm = CompressionForm()
    price: StoragePrices = StoragePrices()


class AxisForm(FileForm):
    """One axis of an array: its places and what its wires can do."""

    size: Annotated[int, Field(ge=1, le=MAX_PLACES)]
    multicast: Annotated[
        OperandList,
        BeforeValidator(_operands_or_all),
        WithJsonSchema({"anyOf": [{"type": "boolean"}, _OPERANDS_SCHEMA]}),
    ] = Field(default_factory=lambda: list(get_args(Operand)))
    reduction: bool = True
    links: OperandList = Field(default_factory=list)


class NetworkForm(FileForm):
    """Bits per cycle that enter an array for each tensor, and that outputs take on their way up."""

    weights: Rate | None = None
    inputs: Rate | None = None
    outputs: Rate | None = None
    outputs_up: Rate | None = None


class TopologyForm(FileForm):
    """How a network reaches its places, for each tensor."""

    weights: Topology = "unicast"
    inputs: Topology = "unicast"
    outputs: Topology = "unicast"


Topologies = Annotated[
    TopologyForm,
    BeforeValidator(lambda value: _for_each_tensor(value, TOPOLOGIES)),
    _for_tensors(TOPOLOGIES),
]


class ArrayForm(_Physical):
    """An array of equal places along named axes."""

    array: Name
    axes: Annotated[dict[str, AxisForm], Field(min_length=1, max_length=8)]
    network: NetworkForm = NetworkForm()
    topology: Topologies = TopologyForm()
    fan_out: Annotated[int, Field(ge=2, le=MAX_PLACES)] | None = None
    ramp: bool = False
    price: ArrayPrices = ArrayPrices()


class SideBySideForm(FileForm):
    """Storage levels of one rank, each for tensors of its own."""

    side_by_side: Annotated[list[StorageForm], Field(min_length=1)]


class MacFields(_Physical):
    """The multiplier-accumulator."""

    price: Price | None = None
    latches: OperandList = Field(default_factory=list)
    gating: Operand | None = None


class MacForm(FileForm):
    """The innermost entry of a hierarchy."""

    mac: MacFields


class BitsForm(FileForm):
    """Word widths in bits; partial sums are as wide as outputs unless said otherwise."""

    weights: WordBits
    inputs: WordBits
    outputs: WordBits
    partial_sums: WordBits | None = None


def _kind(entry: object) -> str | None:
    kinds = [kind for kind in KINDS if isinstance(entry, dict) and kind in entry]
    return kinds[0] if len(kinds) == 1 else None


Entry = Annotated[
    Annotated[StorageForm, Tag("storage")]
    | Annotated[ArrayForm, Tag("array")]
    | Annotated[SideBySideForm, Tag("side_by_side")]
    | Annotated[MacForm, Tag("mac")],
    Discriminator(_kind),
]


class ArchitectureForm(FileForm):
    """A machine: its levels from the outermost storage to the MAC."""

    name: Name
    description: str = ""
    technology: str = ""
    clock_mhz: Annotated[float, Field(gt=0, le=1e6)] | None = None
    native_dataflow: Name | None = None
    energy_unit: Literal["pJ", "MAC"]
    # The energy table, by name or file, of all parts that state no price of their own.
    energy_table: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    bits: BitsForm
    hierarchy: Annotated[list[Entry], Field(min_length=1, max_length=100)]
    sources: list[str] = Field(default_factory=list)


def architecture_schema() -> dict[str, Any]:
    """Return the JSON schema of an architecture file, for editors."""
    schema = cast(dict[str, Any], _without_null(ArchitectureForm.model_json_schema()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(schema: object) -> object:
    """Return a schema whose optional fields may be left out but not be empty, as `read_form` has it."""
    if isinstance(schema, list):
        return [_without_null(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    slim = {key: _without_null(part) for key, part in schema.items() if key not in ("title", "default")}
    if "properties" in schema:
        slim["properties"] = {name: _without_null(part) for name, part in schema["properties"].items()}
    options = slim.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        slim.pop("anyOf")
        slim |= rest[0] if len(rest) == 1 else {"anyOf": rest}
    # Older releases of pydantic wrap a reference that has a default; the schema is to be the same with all.
    wrapped = slim.get("allOf")
    if isinstance(wrapped, list) and len(wrapped) == 1:
        slim.pop("allOf")
        slim |= wrapped[0]
    return slim


FORM = FormReader(
    ArchitectureForm,
    ArchitectureError,
    "name, energy_unit, bits and hierarchy",
    tagged="hierarchy",
    kinds=KINDS,
    titles=("storage", "array"),
)
