"""The forms of ZigZag's files: accelerators (also in the earlier form, with r_bw), workloads, mappings."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from simulator.errors import ArchitectureError, ProblemError, SimulatorError
from simulator.forms import FileForm, FormReader

OPERANDS = ("I1", "I2", "O")
_MOVE = re.compile(r"(I1|I2|O)\s*,\s*(fh|tl|fl|th)")
_UNROLLED = re.compile(r"([A-Za-z]+[0-9]*)\s*,\s*([1-9][0-9]{0,9})")
_LETTERS = 1000
# Of a list whose entries are compared with each other.
_ENTRIES = 64


def _move(value: str) -> str:
    if not _MOVE.fullmatch(value):
        raise ValueError(
            f"{value[:60]!r} is no allocation; write an operand (I1, I2, O) and a direction "
            "(fh, tl, fl, th), as 'I1, tl'"
        )
    return value


def _unrolled(value: str) -> str:
    if not _UNROLLED.fullmatch(value):
        raise ValueError(f"{value[:60]!r} is no unrolling; write a dimension and a number, as 'K, 32'")
    return value


def _dimension(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]\w{0,15}", value, re.ASCII):
        raise ValueError(f"{value[:60]!r} is no dimension; write letters and digits, as OX or D0")
    return value.upper()


def split(value: str) -> tuple[str, str]:
    """Return the two parts of an allocation or an unrolling."""
    first, _, second = value.partition(",")
    return first.strip(), second.strip()


Bits = Annotated[int, Field(ge=1, le=2**60)]
Count = Annotated[int, Field(ge=0, le=2**20)]
Cost = Annotated[float, Field(ge=0, le=1e12)]
Text = Annotated[str, Field(min_length=1, max_length=_LETTERS)]
Operand = Literal["I1", "I2", "O"]
Width = Annotated[int, Field(ge=1, le=64)]
Dimension = Annotated[str, AfterValidator(_dimension)]
Unrolled = Annotated[str, AfterValidator(_unrolled)]
Unrollings = dict[Text, Annotated[list[Unrolled], Field(max_length=_ENTRIES)]]


class PortForm(FileForm):
    """A port of a memory: what moves through it, and how many bits at a time."""

    name: Text
    type: Literal["read", "write", "read_write"]
    bandwidth_min: Bits
    bandwidth_max: Bits
    allocation: Annotated[list[Annotated[str, AfterValidator(_move)]], Field(max_length=_ENTRIES)]


class _MemoryForm(FileForm):
    size: Bits
    r_cost: Cost | None = None
    w_cost: Cost | None = None
    area: Cost | None = None
    latency: Count = 1
    mem_type: Text = "sram"
    auto_cost_extraction: bool = False
    operands: Annotated[list[Operand], Field(min_length=1, max_length=_ENTRIES)]
    served_dimensions: list[Text]


class MemoryForm(_MemoryForm):
    """A memory."""

    ports: Annotated[list[PortForm], Field(min_length=1, max_length=_ENTRIES)]
    force_double_buffering: bool = False


class LinksForm(FileForm):
    """In the earlier form: the ports of one operand, by direction."""

    fh: Text | None = None
    tl: Text | None = None
    fl: Text | None = None
    th: Text | None = None


class OlderMemoryForm(_MemoryForm):
    """A memory in the earlier form: one width for all reads, one for all writes."""

    r_bw: Bits
    w_bw: Bits
    r_port: Count = 1
    w_port: Count = 1
    rw_port: Count = 0
    min_r_granularity: Bits | None = None
    min_w_granularity: Bits | None = None
    double_buffering_support: bool = False
    ports: Annotated[list[LinksForm], Field(min_length=1)]


class _ArrayForm(FileForm):
    dimensions: Annotated[list[Text], Field(min_length=1, max_length=8)]
    sizes: list[Annotated[int, Field(ge=1, le=2**31)]]
    is_imc: bool = False
    systolic_dimensions: list[Text] = Field(default_factory=list)
    input_precision: Annotated[list[Width], Field(min_length=2, max_length=2)] | None = None
    imc_type: Literal["analog", "digital"] | None = None
    adc_resolution: Cost = 0
    bit_serial_precision: Cost | None = None


class ArrayForm(_ArrayForm):
    """The array of multipliers."""

    unit_energy: Cost | None = None
    unit_area: Cost | None = None


class OlderArrayForm(_ArrayForm):
    """The array of multipliers in the earlier form."""

    multiplier_energy: Cost | None = None
    multiplier_area: Cost | None = None


class AcceleratorForm(FileForm):
    """An accelerator."""

    name: Text
    memories: Annotated[dict[Text, MemoryForm], Field(min_length=1, max_length=64)]
    operational_array: ArrayForm
    dataflows: Unrollings = Field(default_factory=dict)


class OlderAcceleratorForm(FileForm):
    """An accelerator in the earlier form, the array under either of its names."""

    name: Text
    memories: Annotated[dict[Text, OlderMemoryForm], Field(min_length=1, max_length=64)]
    operational_array: OlderArrayForm | None = None
    multipliers: OlderArrayForm | None = None
    dataflows: Unrollings = Field(default_factory=dict)


class PrecisionForm(FileForm):
    """Bits of a layer's words: weights, inputs, partial sums, outputs."""

    W: Annotated[int, Field(ge=0, le=64)] | None = None
    I: Annotated[int, Field(ge=0, le=64)] | None = None  # noqa: E741
    O: Width  # noqa: E741
    O_final: Width


class LayerForm(FileForm):
    """A layer of a workload."""

    id: Annotated[int, Field(ge=-(2**31), le=2**31)]
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    operator_type: Literal[
        "Conv", "Conv_downsample", "Gemm", "MatMul", "Add", "Max", "Pooling", "Pool", "MaxPool",
        "AveragePool", "GlobalAveragePool",
    ]  # fmt: skip
    equation: Text
    dimension_relations: list[Text] = Field(default_factory=list)
    loop_dims: Annotated[list[Dimension], Field(min_length=1, max_length=_ENTRIES)]
    loop_sizes: list[Annotated[int, Field(ge=1, le=2**31)]]
    operand_precision: PrecisionForm
    operand_source: dict[Text, int] = Field(default_factory=dict)
    pr_loop_dims: list[Dimension] = Field(default_factory=list)
    pr_loop_sizes: list[Annotated[int, Field(ge=1, le=2**31)]] = Field(default_factory=list)
    padding: list[
        Annotated[list[Annotated[int, Field(ge=0, le=2**31)]], Field(min_length=2, max_length=2)]
    ] = Field(default_factory=list)


class WorkloadForm(FileForm):
    """The layers of a workload."""

    layers: Annotated[list[LayerForm], Field(min_length=1)]


class MappedForm(FileForm):
    """What a mapping says of the layers of a name, of an operator, or of all others (``default``)."""

    name: Text
    spatial_mapping: Unrollings = Field(default_factory=dict)
    spatial_mapping_hint: dict[Text, list[Dimension]] = Field(default_factory=dict)
    temporal_ordering: list[list[Text | int]] = Field(default_factory=list)
    memory_operand_links: dict[Literal["O", "W", "I"], Operand] = Field(default_factory=dict)


class MappingForm(FileForm):
    """The entries of a mapping."""

    entries: Annotated[list[MappedForm], Field(min_length=1)]


_WANTED = "name, memories and operational_array"
ACCELERATOR = FormReader(AcceleratorForm, ArchitectureError, _WANTED, "", (), ("name",))
OLDER = FormReader(OlderAcceleratorForm, ArchitectureError, _WANTED, "", (), ("name",))
WORKLOAD = FormReader(WorkloadForm, ProblemError, "layers", "", (), ("name",))
MAPPING = FormReader(MappingForm, SimulatorError, "entries", "", (), ("name",))
