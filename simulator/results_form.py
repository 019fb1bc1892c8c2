"""The form of a run's JSON: its fields with their units, and its JSON schema.

Energy is in the machine's unit (``energy_unit``: "pJ", or "MAC" where prices are multiples of a
multiply-accumulate), time in cycles of the array's clock, traffic in bits.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from simulator.forms import FileForm

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Positive = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Energy = Annotated[Amount, Field(description="energy, in the machine's `energy_unit`")]


class Record(FileForm):
    """Known fields, read strictly; no numbers that are not finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class ActionRecord(Record):
    """One action of a component with one tensor: ``energy = units * price``."""

    level: str = Field(description="storage level, array or MAC")
    tensor: str = Field(description="the tensor moved; empty for MACs and leakage")
    action: str = Field(
        description="read, fill, drain, merge, send, refill, deliver, link, add, hop, mac, leak"
    )
    count: Count = Field(description="words; of the MAC multiply-accumulates, of leakage cycles")
    units: Amount = Field(description="what is paid for, in `unit`, after gating and coding")
    unit: str = Field(description="word, block, MAC or cycle")
    price: Amount = Field(description="energy of one `unit`, in the machine's `energy_unit`")
    energy: Energy
    bits: Amount = Field(description="bits through the level's ports; 0 for arrays and MACs")
    executed_units: Amount | None = Field(
        None,
        description="`units` as real values came to; null where values change nothing or none were moved",
    )


class BoundaryRecord(Record):
    """Words counted between a level and the next one below that keeps the tensor."""

    tensor: str
    parent: str = Field(description="storage level above the boundary")
    child: str = Field(description="storage level below the boundary, or MAC")
    parent_reads: Count | None = Field(None, description="words read of an operand, a multicast being one")
    child_fills: Count | None = Field(None, description="words of an operand that arrive")
    forwardable: Count | None = Field(None, description="words of an operand that a neighbour could pass on")
    drains: Count | None = Field(None, description="words of outputs and partial sums written to the parent")
    merges: Count | None = Field(None, description="of the drains, words added to what the parent held")
    contributed: Count | None = Field(None, description="words of all members, before spatial reduction")
    refills: Count | None = Field(None, description="words of partial sums read back from the parent")


class CyclesRecord(Record):
    """Time of one problem in cycles, and what it is made of."""

    total: Count = Field(description="cycles")
    steps: Positive = Field(description="temporal steps of the nest, a cycle each")
    busy: dict[str, Amount] = Field(description="cycles for which each port or network is busy meanwhile")
    stalls: Amount = Field(description="cycles of stalls that the walk finds beyond the busiest")
    exposed: Amount = Field(description="cycles of transfers into single-buffered tiles")
    ramp: Amount = Field(description="cycles of first fills and last drains of later passes")
    skew: Count = Field(description="cycles until the farthest places of the arrays work")
    first_fill: Amount = Field(description="cycles of the first fill")
    last_drain: Amount = Field(description="cycles of the last drain")
    limit: str = Field(description="what takes longest: computation, a port, a network, waiting for a level")
    waits: dict[str, Amount] = Field(
        min_length=1,
        description="cycles of exposed, ramp, first fill, last drain, by level waited for",
    )
    processing: float = Field(description="cycles less those of waiting for the outermost level")


class SearchRecord(Record):
    """What chose a mapping."""

    mapper: str
    evaluated: Count = Field(description="mappings scored")
    complete: bool = Field(description="whether that is the whole mapspace")
    optimal: bool = Field(description="whether it is proven that no mapping of the mapspace is better")
    gap: Share = Field(description="share of the objective that a better mapping could gain at most")


_PROBLEM = {"type": "object", "required": ["dims", "tensors", "output"]}
_MAPPING = {"type": "array", "items": {"type": "object"}}


class PartRecord(Record):
    """One problem of a layer."""

    name: str = Field(description="the layer's name, or the part's: attention.scores")
    times: Positive = Field(description="how often the layer runs it")
    engine: Literal["walk", "closed-form", "functional"] = Field(description="what counted")
    problem: Annotated[dict[str, JsonValue], WithJsonSchema(_PROBLEM)] = Field(
        description="dimensions with extents, tensors with their ranks, the output; bits of words, where the "
        "problem and not the machine states them; known densities"
    )
    mapping: Annotated[list[JsonValue], WithJsonSchema(_MAPPING)] = Field(
        description="the loop nest, outermost first: storage levels and loops"
    )
    search: SearchRecord | None = Field(None, description="what chose the mapping; null where it was given")
    active_pes: Positive = Field(description="PEs that are active in the first step")
    counts: list[BoundaryRecord]
    zero_operand_macs: Count | None = Field(
        None, description="multiply-accumulates with an operand of zero; null where no values were moved"
    )
    cycles: CyclesRecord
    actions: list[ActionRecord]


class LayerRecord(Record):
    """One layer: the sum of its parts, each as often as it runs."""

    layer: str
    type: str
    dataflow: str = Field(description="whose mapspace was searched; 'by hand' for a mapping that was given")
    macs: Count = Field(description="multiply-accumulates")
    operations: Count = Field(description="operations that are no multiply-accumulates")
    steps: Count = Field(description="temporal steps")
    utilization: Share = Field(description="MACs, or operations in their place, over steps times MAC units")
    active_pes: Count = Field(description="most PEs that any part has active in its first step")
    cycles: Count = Field(description="cycles")
    energy: Energy
    parts: Annotated[list[PartRecord], Field(min_length=1)]


class SkippedRecord(Record):
    """A layer that is not run on the array by itself."""

    layer: str
    type: str
    operations: Count = Field(description="operations, outside of energy and cycles")
    words_in: Count = Field(description="words it reads from the outermost level, not in energy and cycles")
    words_out: Count = Field(description="words it writes there")
    fused_into: str | None = Field(None, description="the layer that it is part of, null where it is not")
    reason: str


class TotalsRecord(Record):
    """Sums over the layers."""

    macs: Count = Field(description="multiply-accumulates")
    operations: Count = Field(description="other operations, on the array and beside it")
    steps: Count = Field(description="temporal steps")
    utilization: Share
    cycles: Count = Field(description="cycles")
    seconds: Amount | None = Field(None, description="seconds; null where the machine states no clock")
    energy: Energy
    edp: Amount = Field(description="energy times cycles, in `energy_unit` x cycles")


class RunRecord(Record):
    """A network's run on a machine."""

    format: Literal[2] = Field(description="version of this form; it goes up only when the form changes")
    simulator: str = Field(description="version of the simulator that wrote it")
    network: str
    batch: Positive = Field(description="images at a time")
    architecture: dict[str, JsonValue] = Field(description="the machine, in the form of an architecture file")
    dataflow: str
    objective: str
    engine: Literal["walk", "closed-form", "functional"] = Field(description="what counted")
    counted_by: str = Field(description="what counted, in words")
    energy_unit: Literal["pJ", "MAC"]
    totals: TotalsRecord
    layers: list[LayerRecord]
    skipped: list[SkippedRecord]


def run_schema() -> dict[str, Any]:
    """Return the JSON schema of a run's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RunRecord.model_json_schema(mode="serialization"),
    }
