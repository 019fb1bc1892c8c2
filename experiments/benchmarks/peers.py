"""Other tools and this one on the same layers and machine: time, memory, and the best energy by both models.

python experiments/benchmarks/peers.py --markdown

Tools take turns, each run in a process of its own. What was measured is kept in --out: stopped, the same
command goes on. Tools that need another Python: name interpreters in PEERS_PYTHON, separated as in PATH.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.benchmarks.search import MACHINE, _positive
from experiments.benchmarks.search_peers import (
    accelforge_peer,
    nn_dataflow_peer,
    ours_peer,
    scalesim_peer,
    tables,
    zigzag_peer,
)
from experiments.benchmarks.search_peers.items import Item, Systolic, find, layers, proven, topology
from experiments.benchmarks.search_peers.process import PeerError, Result
from experiments.benchmarks.search_peers.process import run as ask_peer
from experiments.benchmarks.search_peers.records import Record, Records, summaries
from experiments.benchmarks.search_peers.tables import OURS
from experiments.common import make_folder, run, write_csv
from simulator.errors import SimulatorError, did_you_mean
from simulator.files import write_atomically

TOOLS: dict[str, Any] = {
    OURS: ours_peer,
    "ZigZag": zigzag_peer,
    "nn-dataflow": nn_dataflow_peer,
    "AccelForge": accelforge_peer,
    "SCALE-Sim": scalesim_peer,
}
SEARCHING = (OURS, "ZigZag", "nn-dataflow", "AccelForge")
# nn-dataflow has one register file in a PE: its schedules fit one of the scratchpads' sizes together.
POOLED = {"nn-dataflow": ("ifmap_spad", "filter_spad", "psum_spad")}
BUFFER = "GLB"
DATAFLOWS = ("ws", "is", "os")


@dataclass(frozen=True)
class Job:
    """What one run is, and how it is measured."""

    record: Record
    measure: Callable[[Record], Record]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", default=list(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), help="of " + ", ".join(TOOLS))
    parser.add_argument("--settings", nargs="+", help="of the tools' own; all by default")
    parser.add_argument("--networks", nargs="+", default=["alexnet"], help="whose layers are searched")
    parser.add_argument("--layers", nargs="+", help="of these networks; by default all that compute")
    parser.add_argument("--problems", nargs="+", help="of the part optimum; by default all that it has")
    parser.add_argument(
        "--scored", default="alexnet:conv2", help="network:layer whose best mapping is scored"
    )
    parser.add_argument("--dataflows", nargs="+", default=list(DATAFLOWS), choices=DATAFLOWS, help="systolic")
    parser.add_argument("--array", type=int, default=32, help="rows and columns of the systolic array")
    parser.add_argument(
        "--time-limit", type=_positive, default=120.0, help="CPU seconds of a tool for a layer"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=2.0, help="CPU seconds that a rate is taken over"
    )
    parser.add_argument(
        "--repeat", type=int, choices=range(1, 100), metavar="N", default=3, help="runs of each"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/peers"), help="the folder of tables and records"
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    options = parser.parse_args(argv)
    return run(lambda: _measure(options))


def _measure(options: argparse.Namespace) -> None:
    for names, known in ((options.parts, PARTS), (options.tools, TOOLS)):
        for name in names:
            if name not in known:
                raise SimulatorError(f"unknown name {name!r}{did_you_mean(name, known)}")
    settings = {setting for tool in SEARCHING for setting in TOOLS[tool].SETTINGS}
    for setting in options.settings or ():
        if setting not in settings:
            raise SimulatorError(f"unknown setting {setting!r}{did_you_mean(setting, settings)}")
    records = Records(make_folder(options.out) / "peers.json")
    versions = {name: TOOLS[name].available() for name in options.tools}
    jobs = [job for part in options.parts for job in PARTS[part](options) if versions[job.record.tool]]
    wanted = []
    for number in range(options.repeat):
        for job in jobs:
            record = replace(job.record, run=number, version=versions[job.record.tool])
            wanted.append(record)
            if not records.done(record):
                measured = _attempt(job.measure, record)
                records.add(measured)
                print(tables.line(measured), file=sys.stderr, flush=True)
    found = summaries(records.of(wanted))
    write_csv(options.out / "peers.csv", tables.rows(found))
    text = tables.markdown(found, versions, {name: tool.ACCOUNTING for name, tool in TOOLS.items()})
    write_atomically(options.out / "peers.md", text)
    if options.markdown:
        print(text, flush=True)
    else:
        tables.show(found, versions)


def _attempt(measure: Callable[[Record], Record], record: Record) -> Record:
    try:
        return measure(record)
    except PeerError as error:
        return replace(record, note=str(error))


def _job(part: str, item: Item, tool: str, setting: str, limit: float, measure: Any) -> Job:
    return Job(Record(part, item.group, item.name, item.times, tool, setting, "", limit, 0), measure)


def _settings(options: argparse.Namespace, tool: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, settings in TOOLS[tool].SETTINGS.items():
        if options.settings is None or name in options.settings:
            yield name, settings


def _networks(options: argparse.Namespace) -> list[Job]:
    machine = sim.load_architecture(MACHINE)
    items = [item for network in options.networks for item in layers(network, machine)]
    return _searches("networks", _chosen(items, options.layers, "--layers"), SEARCHING, options)


def _optimum(options: argparse.Namespace) -> list[Job]:
    items = _chosen(proven(sim.load_architecture(MACHINE)), options.problems, "--problems")
    return _searches("optimum", items, (OURS, "AccelForge"), options)


def _chosen(items: list[Item], names: Sequence[str] | None, option: str) -> list[Item]:
    """The items of these names, all if there are none."""
    known = [item.name for item in items]
    for name in names or ():
        if name not in known:
            raise SimulatorError(f"{option}: unknown name {name!r}{did_you_mean(name, known)}")
    return [item for item in items if names is None or item.name in names]


def _searches(
    part: str, items: Sequence[Item], tools: Sequence[str], options: argparse.Namespace
) -> list[Job]:
    limit = options.time_limit
    return [
        _job(
            part, item, tool, name, limit, partial(_search, item=item, settings=settings, tools=options.tools)
        )
        for item in items
        for tool in tools
        if tool in options.tools
        for name, settings in _settings(options, tool)
        # A dataflow is no proof of the least energy of all.
        if part != "optimum" or name in ("default", "best")
    ]


def _search(record: Record, item: Item, settings: dict[str, Any], tools: Sequence[str]) -> Record:
    """One search; of the first run its mapping is priced by the other models."""
    if record.tool == OURS:
        found = ours_peer.work("solve", item.problem, item.machine, record.limit, **settings)
    else:
        found = TOOLS[record.tool].search(item.problem, item.machine, record.limit, **settings)
    answer = found.answer
    done = replace(
        _spent(record, found),
        energy=answer["energy"], tried=answer["tried"], proven=answer.get("proven"),
        note=answer.get("inexpressible", ""),
    )  # fmt: skip
    if record.run or "mappings" not in answer:
        return done
    if record.tool != OURS:
        return _priced_by_ours(done, item, answer["mappings"])
    theirs, reasons = {}, []
    # nn-dataflow has no form for any other mapping than its own.
    for tool in ("ZigZag", "AccelForge"):
        if tool in tools and TOOLS[tool].available():
            try:
                theirs[tool] = _price(tool, item, answer["mappings"][0], record.limit).energy
            except PeerError as error:
                reasons.append(str(error))
    return replace(done, by_ours=done.energy, by_theirs=theirs, note="; ".join(reasons))


def _priced_by_ours(record: Record, item: Item, mappings: list[Any]) -> Record:
    """Price a tool's mapping, with a register file as it has it, and a buffer a tenth larger if need be."""
    machine = item.machine
    if pooled := POOLED.get(record.tool, ()):
        words = sum((machine.storage(name).capacity_bits or 0) // machine.output_bits for name in pooled)
        machine = machine.replace({f"{name}.capacity": f"{words} words" for name in pooled})
    larger = f"{(machine.storage(BUFFER).capacity_bits or 0) * 11 // 10} bits"
    note = ""
    for tried in (machine, machine.replace({f"{BUFFER}.capacity": larger})):
        try:
            priced = ours_peer.work("price", item.problem, tried, mappings=mappings)
        except PeerError as error:
            note = note or str(error)
        else:
            return replace(record, by_ours=priced.energy, note=note)
    return replace(record, note=note)


def _price(tool: str, item: Item, mapping: list[Any], limit: float, **options: Any) -> Result:
    peer = TOOLS[tool]
    return ask_peer(
        peer.NAME, peer.DISTRIBUTION, item.problem, item.machine, limit, "price", mapping=mapping, **options
    )


def _spent(record: Record, result: Result) -> Record:
    return replace(
        record,
        cpu_seconds=result.cpu_seconds,
        startup_seconds=result.startup_seconds,
        peak_bytes=result.peak_bytes,
    )


def _scores(options: argparse.Namespace) -> list[Job]:
    network, _, layer = options.scored.rpartition(":")
    try:
        item = find(layers(network, sim.load_architecture(MACHINE)), layer)
    except StopIteration:
        raise SimulatorError(f"--scored: {network} has no layer {layer!r} of a shape of its own") from None

    @cache
    def best() -> list[Any]:
        found = ours_peer.work("solve", item.problem, item.machine, options.time_limit, dataflow=None)
        return list(found.answer["mappings"][0])

    def score(record: Record) -> Record:
        seconds = {"seconds": options.seconds}
        if record.tool == OURS:
            found = ours_peer.work(
                "rate", item.problem, item.machine, record.limit, mapping=best(), **seconds
            )
        elif record.tool == "nn-dataflow":
            given = item.problem, item.machine, record.limit, "rate"
            found = ask_peer(
                nn_dataflow_peer.NAME, nn_dataflow_peer.DISTRIBUTION, *given, solver=True, **seconds
            )
        else:
            found = _price(record.tool, item, best(), record.limit, **seconds)
        answer = found.answer
        rates = {"rate": answer["rate"], "together": answer.get("together"), "energy": answer["energy"]}
        return replace(_spent(record, found), **rates)

    return [
        _job("scores", item, tool, "default", options.time_limit, score)
        for tool in SEARCHING
        if tool in options.tools
    ]


def _systolic(options: argparse.Namespace) -> list[Job]:
    jobs = []
    for dataflow in options.dataflows:
        array = Systolic(options.array, options.array, dataflow)
        items = [item for network in options.networks for item in layers(network, array.machine())]
        for item in _chosen(items, options.layers, "--layers"):
            count = partial(_count, item=item, array=array)
            jobs += [
                _job("systolic", item, tool, dataflow, options.time_limit, count)
                for tool in (OURS, "SCALE-Sim")
                if tool in options.tools
            ]
    return jobs


def _count(record: Record, item: Item, array: Systolic) -> Record:
    """The cycles of a layer by one of the two."""
    if record.tool == OURS:
        found = ours_peer.work("cycles", item.problem, item.machine, record.limit, array=True)
    else:
        found = scalesim_peer.cycles(record.item, asdict(array), topology(item.problem), record.limit)
    return replace(_spent(record, found), cycles=found.answer["cycles"])


PARTS: dict[str, Callable[[argparse.Namespace], list[Job]]] = {
    "scores": _scores,
    "networks": _networks,
    "optimum": _optimum,
    "systolic": _systolic,
}


if __name__ == "__main__":
    sys.exit(main())
