"""The tables of `peers.py`: a CSV row for each item and tool, and tables to read."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from experiments.benchmarks.search_peers.records import Record, Summary
from experiments.common import Row, print_table

OURS = "this simulator"


def line(record: Record) -> str:
    """A run in one line, to show that it is done."""
    spent = "" if record.cpu_seconds is None else f"{record.cpu_seconds:.2f} CPU s"
    return " ".join(filter(None, [*record.what, f"run {record.run + 1}", spent, record.note]))


def rows(found: Sequence[Summary]) -> list[Row]:
    """Return a row for each item and tool, with every number."""
    return [
        {
            **dict(zip(("part", "group", "item", "tool", "setting"), one.first.what, strict=True)),
            "version": one.first.version,
            "times": one.first.times,
            "runs": len(one.seconds),
            "least CPU s": one.fastest if one.seconds else None,
            "median CPU s": one.median if one.seconds else None,
            "start CPU s": one.first.startup_seconds,
            "peak bytes": one.peak_bytes or None,
            "energy": one.first.energy,
            "energy by ours": one.first.by_ours,
            **{f"ours by {tool}": energy for tool, energy in sorted(one.first.by_theirs.items())},
            "tried": one.first.tried,
            "proven": one.first.proven,
            "cycles": one.first.cycles,
            "one by one, 1/s": one.first.rate,
            "together, 1/s": one.first.together,
            "CPU s limit": one.first.limit,
            "note": one.first.note,
        }
        for one in found
    ]


def markdown(
    found: Sequence[Summary], versions: Mapping[str, str | None], accounts: Mapping[str, str]
) -> str:
    """Return every table as Markdown, with the versions and how each tool accounts."""
    parts = [f"Measured {datetime.now(UTC):%Y-%m-%d} on Python {platform.python_version()}. {told(versions)}"]
    for title, table in _tables(found):
        lines = ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0])]
        lines += ["| " + " | ".join(map(_cell, row.values())) + " |" for row in table]
        parts += [f"{title}:", "\n".join(lines)]
    used = {one.first.tool for one in found}
    parts.append("\n".join(f"- {name}: {account}." for name, account in accounts.items() if name in used))
    return "\n\n".join(parts) + "\n"


def show(found: Sequence[Summary], versions: Mapping[str, str | None]) -> None:
    """Print every table, and the versions."""
    for title, table in _tables(found):
        print_table(title, [{key: _cell(value) for key, value in row.items()} for row in table])
    print(told(versions), flush=True)


def told(versions: Mapping[str, str | None]) -> str:
    """Versions, and what is not installed."""
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    missing = [name for name, version in versions.items() if version is None]
    if not missing:
        return f"{there}."
    return (
        f"{there}; not installed, left out: {', '.join(missing)} (pip install 'dataflow-simulator[peers]')."
    )


def _tables(found: Sequence[Summary]) -> list[tuple[str, list[Row]]]:
    """Titles and rows of what was measured, part by part and group by group."""
    groups: dict[tuple[str, str], list[Summary]] = {}
    for one in found:
        groups.setdefault((one.first.part, one.first.group), []).append(one)
    return [_ROWS[part](group, ones, found) for (part, group), ones in groups.items()]


def _score_rows(group: str, ones: list[Summary], found: Sequence[Summary]) -> tuple[str, list[Row]]:
    layer = ones[0].first.item
    table = []
    for one in ones:
        searches = [other for other in found if other.first.tool == one.first.tool and other.first.tried]
        seconds, tried = sum(s.fastest for s in searches), sum(s.first.tried or 0 for s in searches)
        # Ours scores few one by one: its bounds cut the others.
        own = tried / seconds if seconds and one.first.tool != OURS else None
        table.append({
            "tool": one.first.tool,
            "one by one, 1/s": one.first.rate,
            "many at once, 1/s": one.first.together,
            "in its own search, 1/s": own,
            "peak MB": _megabytes([one]),
            "note": one.first.note,
        })  # fmt: skip
    return f"Mappings scored in a CPU second, {layer} of {group}", _without_empty(table)


def _network_rows(group: str, ones: list[Summary], found: Sequence[Summary]) -> tuple[str, list[Row]]:
    names = list(dict.fromkeys(one.first.item for one in ones))
    ours = {s.first.item: s.first for s in ones if s.first.tool == OURS and s.first.setting == "default"}
    table = []
    for tool, setting in dict.fromkeys((one.first.tool, one.first.setting) for one in ones):
        mine = [one for one in ones if (one.first.tool, one.first.setting) == (tool, setting)]
        ended = [one for one in mine if one.first.energy is not None]
        energies = {one.first.item: one.first.energy for one in ended}
        # What can be compared: layers that it ended, and whose mapping ours can price.
        both = [one.first for one in ended if one.first.by_ours is not None and one.first.item in ours]
        table.append({
            "tool": f"{tool}, {setting}",
            "layers": f"{len(ended)} of {len(names)}",
            "least CPU s": sum(one.fastest for one in ended) if ended else None,
            "median CPU s": sum(one.median for one in ended) if ended else None,
            "peak MB": _megabytes(mine),
            "its energy": _total([one.first for one in ended]),
            "priced by ours": _total(both, "by_ours"),
            "over our best": _mean((one.by_ours, ours[one.item].energy) for one in both),
            "our best by it, over its own": _mean(
                (ours[name].by_theirs.get(tool), energies[name]) for name in ours.keys() & energies.keys()
            ),
        })  # fmt: skip
    return (
        f"{group} on scratchpads_168, batch 1; energy in MACs, ratios as the layers' geometric mean",
        _without_empty(table),
    )


def _optimum_rows(group: str, ones: list[Summary], found: Sequence[Summary]) -> tuple[str, list[Row]]:
    ours = {one.first.item: one.first for one in ones if one.first.tool == OURS}
    table = [
        {
            "problem": one.first.item,
            "tool": f"{one.first.tool}, {one.first.setting}",
            "its energy": one.first.energy,
            "priced by ours": one.first.by_ours,
            "our best by it": ours[one.first.item].by_theirs.get(one.first.tool)
            if one.first.item in ours
            else None,
            "least CPU s": one.fastest if one.seconds else None,
            "peak MB": _megabytes([one]),
            "note": "proven" if one.first.proven else one.first.note,
        }
        for one in ones
    ]
    return f"Proven optimum on scratchpads_168, {group}, energy in MACs", _without_empty(table)


def _cycle_rows(group: str, ones: list[Summary], found: Sequence[Summary]) -> tuple[str, list[Row]]:
    table = []
    for dataflow in dict.fromkeys(one.first.setting for one in ones):
        flow = [one for one in ones if one.first.setting == dataflow]
        ours = {one.first.item: one for one in flow if one.first.tool == OURS}
        theirs = {one.first.item: one for one in flow if one.first.tool != OURS}
        both = [item for item, one in theirs.items() if one.first.cycles is not None and item in ours]
        same = sum(ours[item].first.cycles == (theirs[item].first.cycles or 0) + 1 for item in both)
        table.append({
            "dataflow": dataflow,
            "layers that both end": f"{len(both)} of {len(ours or theirs)}",
            "with SCALE-Sim's cycles + 1": same,
            "cycles": sum((ours[item].first.cycles or 0) * ours[item].first.times for item in both),
            "our CPU s": sum(ours[item].fastest for item in both),
            "SCALE-Sim's CPU s": sum(theirs[item].fastest for item in both),
            "our peak MB": _megabytes([ours[item] for item in both]),
            "SCALE-Sim's peak MB": _megabytes([theirs[item] for item in both]),
        })  # fmt: skip
    return f"Cycles of {group}'s layers on a systolic array", table


def _total(records: Sequence[Record], field: str = "energy") -> float | None:
    return sum(getattr(one, field) * one.times for one in records) if records else None


def _mean(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    """The geometric mean of ratios, a layer each, of those that have both."""
    ratios = [over / under for over, under in pairs if over and under]
    return statistics.geometric_mean(ratios) if ratios else None


def _megabytes(ones: Sequence[Summary]) -> int | None:
    peak = max((one.peak_bytes for one in ones), default=0)
    return round(peak / 1e6) if peak else None


def _without_empty(table: list[Row]) -> list[Row]:
    """Leave out columns in which nothing stands."""
    kept = [key for key in table[0] if any(row[key] not in (None, "") for row in table)]
    return [{key: row[key] for key in kept} for row in table]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


_ROWS: dict[str, Callable[[str, list[Summary], Sequence[Summary]], tuple[str, list[Row]]]] = {
    "scores": _score_rows,
    "networks": _network_rows,
    "optimum": _optimum_rows,
    "systolic": _cycle_rows,
}
