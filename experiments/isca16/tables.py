"""Tables of the ISCA'16 comparison: per MAC of all convolutions, and of all fully connected layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from experiments.isca16 import published
from experiments.isca16.grid import AT_PUBLISHED, COLUMNS, FREE, KEPT, PAPER, PARTS, Score
from experiments.isca16.machines import REGISTER_FILE_BYTES, buffer_bytes
from experiments.isca16.setting import LAYERS, SETTINGS

Row = dict[str, Any]
PUBLISHED = "published"
# How far energy per MAC may lie from the published figure before a note says so.
LIMITS = {"RS": 0.01} | dict.fromkeys(("WS", "OSA", "OSB", "OSC", "NLR"), 0.1)
_FIGURES = ("energy", *PARTS, "dram_reads", "dram_writes")


def storage(pes: Iterable[int]) -> list[Row]:
    """Bytes of register file a PE and of buffer that each dataflow has at equal area."""
    return [
        {"dataflow": label, "register file (B/PE)": in_pe}
        | {f"buffer of {size} PEs (B)": buffer_bytes(label, size) for size in pes}
        for label, in_pe in REGISTER_FILE_BYTES.items()
    ]


def totals(scores: Sequence[Score]) -> list[Row]:
    """A row for each setting, number of PEs, kind of layers, batch and dataflow; the published ones first.

    Energies and accesses are per MAC; delay is the mean of 1 / active PEs over the MACs, as the paper has it,
    ``steps`` the steps of the array per MAC, which counts idle places of last tiles too; EDP is energy times
    delay. What does not fit has no figures, and says why.
    """

    def key(score: Score) -> tuple[int, str, int, int]:
        point = score.point
        return point.pes, point.kind, point.batch, list(SETTINGS).index(point.label)

    rows: list[Row] = []
    for (pes, kind, batch, number), group in groupby(sorted(scores, key=key), key):
        label, members = list(SETTINGS)[number], list(group)
        head = {"layers": kind, "PEs": pes, "batch": batch, "dataflow": label}
        if pes == published.PES and (kind, batch, label) in published.totals():
            figures = published.totals()[kind, batch, label]
            why = "" if figures else "a layer does not fit"
            own = {name: figures and figures[name] for name in (*_FIGURES, "delay", "edp")}
            rows.append({**head, "setting": PUBLISHED, **own, "steps": None, "does not fit": why})
        layers = sum(layer.fully_connected == (kind == "FC") for layer in LAYERS)
        for column in COLUMNS:
            those = [score for score in members if score.column == column]
            if those:
                rows.append({**head, "setting": column, **_total(those, layers)})
    return rows


def _total(scores: Sequence[Score], layers: int) -> Row:
    why = "; ".join(score.why for score in scores if score.why)
    if not why and len(scores) < layers:
        why = "a layer does not fit"
    names = (*_FIGURES, "delay", "edp", "steps")
    if why:
        return dict.fromkeys(names) | {"does not fit": why}
    macs = sum(score.macs for score in scores)

    def mean(values: Iterable[float]) -> float:
        return math.fsum(values) / macs

    energy = mean(score.energy for score in scores)
    delay = mean(score.macs / score.active_pes for score in scores)
    parts = {part: mean(score.parts[part] for score in scores) for part in PARTS}
    figures = (
        energy, *parts.values(), mean(s.dram_reads for s in scores), mean(s.dram_writes for s in scores),
        delay, energy * delay, mean(score.steps for score in scores),
    )  # fmt: skip
    return dict(zip(names, figures, strict=True)) | {"does not fit": ""}


def compared(rows: Sequence[Row], kind: str, pes: int) -> list[Row]:
    """Energy per MAC of every setting side by side, and over row stationary's in the paper's and the free."""
    energies = {
        (row["batch"], row["dataflow"], row["setting"]): row["energy"]
        for row in rows
        if (row["layers"], row["PEs"]) == (kind, pes)
    }
    found: list[Row] = []
    for batch, label in dict.fromkeys(key[:2] for key in energies):
        own = {s: energies.get((batch, label, s)) for s in (PUBLISHED, *COLUMNS)}
        shown: Row = {"batch": batch, "dataflow": label}
        if pes == published.PES:
            shown |= {PUBLISHED: own[PUBLISHED], AT_PUBLISHED: own[AT_PUBLISHED]}
        shown |= {PAPER: own[PAPER], KEPT: own[KEPT], FREE: own[FREE]}
        if pes == published.PES:
            shown["paper's setting off (%)"] = _percent(own[PAPER], own[PUBLISHED])
        for setting in (PAPER, FREE):
            shown[f"{setting} / RS"] = _ratio(own[setting], energies.get((batch, "RS", setting)))
        found.append(shown)
    return found


def notes(rows: Sequence[Row]) -> list[str]:
    """What does not fit, and what lies further from the published energy than `LIMITS`, with the reason."""
    energies = {
        (row["layers"], row["batch"], row["dataflow"]): row["energy"]
        for row in rows
        if row["setting"] == PUBLISHED
    }
    found = []
    for row in rows:
        where = (
            f"{row['layers']}, batch {row['batch']}, {row['PEs']} PEs, {row['dataflow']}, {row['setting']}"
        )
        if row["setting"] == PAPER and row["does not fit"]:
            found.append(f"{where}: {row['does not fit']}")
        base = energies.get((row["layers"], row["batch"], row["dataflow"]))
        if row["setting"] not in _REASONS or row["PEs"] != published.PES or not (base and row["energy"]):
            continue
        if abs(row["energy"] / base - 1) > LIMITS[row["dataflow"]]:
            off = _percent(row["energy"], base)
            found.append(f"{where}: {off:+.1f} % of the published energy: {_REASONS[row['setting']]}")
    return found


_REASONS = {
    AT_PUBLISHED: "counts are whole words, the paper's equations fractional reuse",
    PAPER: "another optimum, by counts of whole words; of one image, inputs that stay are not fetched again",
    KEPT: "inputs that stay in the buffer are not fetched again; the paper's equations fetch them anew",
}


def row_stationary(scores: Sequence[Score], pes: int, batch: int) -> list[Row]:
    """Row stationary's energy by layer and level in the paper's setting (figure 10), in MACs."""
    return [
        {"layer": score.point.layer.name, "energy": score.energy}
        | {part: score.parts[part] for part in PARTS}
        | {"active PEs": score.active_pes}
        for score in scores
        if (score.point.label, score.column) == ("RS", PAPER)
        and (score.point.pes, score.point.batch) == (pes, batch)
    ]


def conv_share(layers: Sequence[Row]) -> float:
    """The part of the energy of `row_stationary`'s layers that is spent in convolutions."""
    conv = math.fsum(row["energy"] for row in layers if row["layer"].startswith("CONV"))
    return conv / math.fsum(row["energy"] for row in layers)


def _ratio(energy: float | None, base: float | None) -> float | None:
    return energy / base if energy and base else None


def _percent(energy: float | None, base: float | None) -> float | None:
    ratio = _ratio(energy, base)
    return None if ratio is None else 100 * (ratio - 1)
