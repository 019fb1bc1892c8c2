"""CPU time and memory to prove the best mapping, beside other tools' mappers where they are installed.

python experiments/benchmarks/search.py
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.benchmarks import mapspaces
from experiments.benchmarks.peak import peak_bytes
from experiments.benchmarks.search_peers import accelforge_peer, nn_dataflow_peer, zigzag_peer
from experiments.benchmarks.search_peers.process import PeerError
from experiments.common import Row, print_table, run
from simulator.architecture import Architecture
from simulator.errors import SimulatorError, did_you_mean
from simulator.problem import Problem

MACHINE = "scratchpads_168"
PEERS: dict[str, Any] = {
    "AccelForge": accelforge_peer,
    "ZigZag": zigzag_peer,
    "nn-dataflow": nn_dataflow_peer,
}
# CPU seconds and milliseconds that a search should take at most, on one core of about 2 GHz.
MATMUL_AIM, CONVOLUTION_AIM, ROW_STATIONARY_AIM_MS = 0.5, 5.0, 20.0
MATMULS = ((128, 128, 128), (1024, 1024, 1024), (3136, 64, 256))
# Shorter searches are done twice.
_SHORT = 5.0

Given = TypeVar("Given")


@dataclass(frozen=True)
class Case:
    """What a mapper gets."""

    name: str
    problem: Problem
    machine: Architecture


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="search", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--matmuls", nargs="+", type=_matmul, default=MATMULS, metavar="M,K,N")
    parser.add_argument("--layers", nargs="+", help="network:layer; else AlexNet's, ResNet-50's convolutions")
    parser.add_argument(
        "--networks", nargs="+", default=["alexnet", "vgg16", "resnet50"], help="row stationary"
    )
    parser.add_argument("--time-limit", type=_positive, default=60.0, help="seconds, of a search of ours")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), help="of " + ", ".join(PEERS))
    parser.add_argument("--peer-limit", type=_positive, default=120.0, help="CPU seconds, of a peer's search")
    parser.add_argument(
        "--mappers", nargs="+", default=["random", "hill-climbing"], help="that prove nothing"
    )
    parser.add_argument("--evaluations", type=int, default=50_000, help="of each of these mappers")
    parser.add_argument("--seed", type=int, default=1, help="of these mappers")
    options = parser.parse_args(argv)
    return run(lambda: _measure(options))


def _matmul(text: str) -> tuple[int, int, int]:
    try:
        m, k, n = (int(size) for size in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form M,K,N") from None
    return m, k, n


def _positive(text: str) -> float:
    if not 0 < (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return number


def _measure(options: argparse.Namespace) -> None:
    for names, known in ((options.parts, PARTS), (options.peers, PEERS)):
        for name in names:
            if name not in known:
                raise SimulatorError(f"unknown name {name!r}{did_you_mean(name, known)}")
    for part in options.parts:
        PARTS[part](options)


def _matmuls(options: argparse.Namespace) -> None:
    machine = sim.load_architecture(MACHINE)
    cases = [
        Case(f"{m}x{k}x{n}", sim.convolution(f"matmul_{m}x{k}x{n}", m=n, c=k, p=m), machine)
        for m, k, n in options.matmuls
    ]
    rows = _beside(cases, options, ({},))
    print_table(f"matrix products, M x K x N, on {MACHINE}; aim: {MATMUL_AIM:g} CPU s each", rows)
    _explain(options.peers)


def _bypass(options: argparse.Namespace) -> None:
    machine = sim.load_architecture(MACHINE).replace({"GLB.keeps": ["inputs", "outputs"]})
    # One group of two, with its padding stored.
    problem = sim.convolution("conv5", m=128, c=192, p=13, q=13, r=3, s=3)
    rows = _beside([Case("alexnet:conv5, a group", problem, machine)], options, ({}, {"any_order": False}))
    print_table(f"filters bypass the buffer of {MACHINE}; aim: {CONVOLUTION_AIM:g} CPU s", rows)
    _explain(options.peers)


def _beside(
    cases: Iterable[Case], options: argparse.Namespace, accelforge: Sequence[dict[str, bool]]
) -> list[Row]:
    """A row for every case and mapper: ours, and the peers' that are installed."""
    rows = []
    for case in cases:
        (ours,), peak = _in_a_fresh_process(partial(_prove, limit=options.time_limit), [case])
        rows.append(_row(case, "optimal", ours["energy"], ours["CPU s"], peak, ours["proof"]))
        for name in options.peers:
            if PEERS[name].available() is not None:
                for settings in accelforge if name == "AccelForge" else ({},):
                    rows.append(_shown(_ask_peer(name, case, options.peer_limit, settings)))
    return rows


def _ask_peer(name: str, case: Case, limit: float, settings: dict[str, bool]) -> Row:
    """What a peer finds, by its own account."""
    mapper = f"{name} {PEERS[name].available()}" + (", scratchpads in one order" if settings else "")
    try:
        found = PEERS[name].search(case.problem, case.machine, limit, **settings)
    except PeerError as error:
        return _row(case, mapper, None, None, None, str(error))
    return _row(case, mapper, round(found.energy), found.cpu_seconds, found.peak_bytes, "")


def _row(
    case: Case, mapper: str, energy: int | None, seconds: float | None, peak: int | None, note: str
) -> Row:
    megabytes = None if peak is None else round(peak / 1e6)
    numbers = {"energy (MACs)": energy, "CPU s": seconds, "peak MB": megabytes}
    return {"problem": case.name, "mapper": mapper, **numbers, "note": note}


def _explain(peers: Iterable[str]) -> None:
    """Say how the peers account, and which are not installed."""
    for name in peers:
        installed = PEERS[name].available() is not None
        missing = "not installed, left out; pip install 'dataflow-simulator[peers]'"
        print(f"{name}: {PEERS[name].ACCOUNTING if installed else missing}", flush=True)
    print()


def _convolutions(options: argparse.Namespace) -> None:
    rows, peak = _in_a_fresh_process(partial(_prove, limit=options.time_limit), _cases(options.layers))
    print_table(f"convolutions on {MACHINE}, every bypass free; aim: {CONVOLUTION_AIM:g} CPU s each", rows)
    proven = sum(row["proof"] == "proven" for row in rows)
    spent = [row["CPU s"] for row in rows]
    print(
        f"{proven} of {len(rows)} proven; CPU s: {max(spent):.1f} at most, {sum(spent):.1f} in all; "
        f"peak memory: {peak / 1e6:.0f} MB\n",
        flush=True,
    )


def _prove(case: Case, limit: float) -> Row:
    """Search for the optimum; of two short searches the faster counts."""
    _warm_up(case.machine)
    spent: list[float] = []
    while len(spent) < 2 and sum(spent) < _SHORT:
        start = time.process_time()
        found = sim.search(case.problem, case.machine, time_limit=limit)
        spent.append(time.process_time() - start)
    return {
        "layer": case.name,
        "energy": round(found.energy),
        "bound": round(found.lower_bound),
        "proof": "proven" if found.optimal else f"gap {found.gap:.2g}",
        "CPU s": min(spent),
        "tried": found.certificate.tried if found.certificate else None,
        "counted": found.evaluated,
    }


def _warm_up(machine: Architecture) -> None:
    """Search once, as the first search compiles or loads the kernels."""
    sim.search(sim.convolution(m=4, c=4, p=4, q=4, r=3, s=3), machine)


def _mappers(options: argparse.Namespace) -> None:
    work = partial(
        _try_others,
        mappers=options.mappers,
        limit=options.time_limit,
        evaluations=options.evaluations,
        seed=options.seed,
    )
    rows, _ = _in_a_fresh_process(work, _cases(options.layers))
    print_table(
        f"on {MACHINE}, perfect factors, {options.evaluations:,} evaluations: energy over the optimal one",
        rows,
    )
    beaten = [f"{row['layer']} ({mapper})" for row in rows for mapper in options.mappers if row[mapper] < 1]
    print(f"less than the optimal mapper's: {', '.join(beaten) or 'on no layer'}\n", flush=True)


def _try_others(case: Case, mappers: Sequence[str], limit: float, evaluations: int, seed: int) -> Row:
    """What other mappers find on the same mapspace, over what the optimal one finds."""
    _warm_up(case.machine)
    best = sim.search(case.problem, case.machine, time_limit=limit).energy
    row: dict[str, Any] = {"layer": case.name, "optimal": round(best)}
    for mapper in mappers:
        other = sim.search(
            case.problem, case.machine, mapper=mapper, factors="perfect", evaluations=evaluations, seed=seed
        )
        row[mapper] = other.energy / best
    return row


def _row_stationary(options: argparse.Namespace) -> None:
    names = [name for network in options.networks for name in _distinct(network)]
    rows, peak = _in_a_fresh_process(mapspaces._times, names)
    aim = ROW_STATIONARY_AIM_MS
    print_table(f"row-stationary mapspaces on eyeriss_v1, to their end; aim: {aim:g} ms (CPU) each", rows)
    spent = [row["ms"] for row in rows]
    within = sum(ms <= aim for ms in spent)
    print(
        f"{within} of {len(rows)} within {aim:g} ms; {min(spent):.1f} to {max(spent):.1f} ms; "
        f"peak memory: {peak / 1e6:.0f} MB",
        flush=True,
    )


def _cases(layers: Sequence[str] | None) -> list[Case]:
    machine = sim.load_architecture(MACHINE)
    names = layers or [
        name for network in ("alexnet", "resnet50") for name in _distinct(network, "Convolution")
    ]
    return [Case(name, sim.load_layer(name), machine) for name in names]


def _distinct(network: str, type: str | None = None) -> list[str]:
    """A network's layers that compute, all or those of a type, one of each shape."""
    shapes: dict[object, str] = {}
    for layer in sim.load_network(network).layers:
        if layer.macs and type in (None, layer.type):
            problem = sim.load_layer(layer)
            shapes.setdefault((problem.dimensions, problem.tensors), f"{network}:{layer.name}")
    return list(shapes.values())


def _in_a_fresh_process(work: Callable[[Given], Row], given: Sequence[Given]) -> tuple[list[Row], int]:
    """Do the work for each in one new process; return the rows, and the process's peak bytes."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        rows = [_shown(row) for row in process.map(work, given)]
        return rows, process.submit(peak_bytes, resource.RUSAGE_SELF).result()


def _shown(row: Row) -> Row:
    """Show a row at once, as the whole table takes minutes."""
    print(*row.values(), file=sys.stderr, flush=True)
    return row


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "matmuls": _matmuls,
    "bypass": _bypass,
    "convolutions": _convolutions,
    "mappers": _mappers,
    "row-stationary": _row_stationary,
}


if __name__ == "__main__":
    sys.exit(main())
