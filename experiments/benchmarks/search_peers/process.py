"""A process for a peer: problem and machine go in as plain data, energy, CPU seconds and memory come out."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

ROOT = Path(__file__).resolve().parents[3]
PYTHON_VARIABLE = "PEERS_PYTHON"
# The roles every peer knows; ours of these names are what it gets.
TENSORS = frozenset({"weights", "inputs", "outputs"})
_VERSION = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


class PeerError(SimulatorError):
    """A peer that is not installed, cannot express a problem or machine, failed, or did not end in time."""


@dataclass(frozen=True)
class Result:
    """What a peer answered, CPU seconds of the work, of starting and importing, and peak resident bytes."""

    answer: dict[str, Any]
    cpu_seconds: float
    startup_seconds: float
    peak_bytes: int

    @property
    def energy(self) -> float:
        """By the peer's own account."""
        return float(self.answer["energy"])


def installed(distribution: str) -> str | None:
    """Return the version of a distribution in the first of the peers' Pythons that has it, or None."""
    return next(filter(None, (_installed(python, distribution) for python in _pythons())), None)


@functools.cache
def _installed(python: str, distribution: str) -> str | None:
    try:
        done = subprocess.run([python, "-c", _VERSION, distribution], capture_output=True, text=True)
    except OSError as error:
        raise PeerError(f"{PYTHON_VARIABLE}: {python!r} does not run: {error.strerror}") from None
    return done.stdout.strip() if done.returncode == 0 else None


def run(
    peer: str,
    distribution: str,
    problem: Problem,
    machine: Architecture,
    limit_seconds: float | None,
    work: str = "solve",
    **options: Any,
) -> Result:
    """Do ``PEER_peer.WORK(task)`` for a problem on a machine, in a process of its own.

    The task has ``problem`` (`problem_task`), ``machine`` (`machine_task`) and the options.

    Raises
    ------
    PeerError
        As `ask`, and if the task cannot be expressed.
    """
    task = {"problem": problem_task(problem), "machine": machine_task(machine), **options}
    return ask(peer, distribution, work, problem.name, task, limit_seconds)


def ask(
    peer: str,
    distribution: str,
    work: str,
    name: str,
    task: dict[str, Any],
    limit_seconds: float | None,
    python: str | None = None,
) -> Result:
    """Do ``PEER_peer.WORK(task)`` in a process of its own; ``limit_seconds`` are CPU seconds of the work.

    Raises
    ------
    PeerError
        If the peer is missing, fails, cannot express the task, or does not end in time.
    """
    python = python or next((one for one in _pythons() if _installed(one, distribution)), None)
    if python is None:
        raise PeerError(f"{distribution} is not installed: pip install 'dataflow-simulator[peers]'")
    done = subprocess.run(
        [python, "-m", "experiments.benchmarks.search_peers.child", peer, work],
        input=json.dumps({**task, "limit_seconds": limit_seconds}),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if done.returncode == -signal.SIGXCPU:
        raise PeerError(f"{distribution} did not end within {limit_seconds:g} CPU seconds on {name}")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise PeerError(f"{distribution} failed on {name}: {reason}")
    return Result(**json.loads(done.stdout))


def _pythons() -> list[str]:
    named = os.environ.get(PYTHON_VARIABLE, "").split(os.pathsep)
    return [python for python in named if python] or [sys.executable]


def problem_task(problem: Problem) -> dict[str, Any]:
    """Return a problem as plain data: extents by dimension, and of each tensor its ranks' coefficients.

    Padding is left out: no peer knows it, so that every input it reads is one that it stores.
    """
    if set(problem.tensor_names) != TENSORS:
        raise PeerError(f"{problem.name}: peers know weights, inputs and outputs, not {problem.tensor_names}")
    tensors = {t.name: [dict(rank.coefficients) for rank in t.ranks] for t in problem.tensors}
    return {"name": problem.name, "dims": problem.extents, "tensors": tensors}


def machine_task(machine: Architecture) -> dict[str, Any]:
    """Return a machine as plain data: word width, levels from the outside in, axes, price of a MAC.

    Raises
    ------
    PeerError
        For what peers do not express alike: several arrays, partitions, network prices, latches, tensors of
        different widths, and levels whose actions differ in price.
    """
    widths = {machine.output_bits, machine.partial_sum_bits, *machine.operand_bits}
    inexpressible = {
        "one array": len(machine.arrays) != 1,
        "no prices in the network": any(price for a in machine.arrays for row in a.prices for price in row),
        "axes that multicast and reduce": any(
            len(axis.multicast_tensors) < 2 or not axis.reduces for a in machine.arrays for axis in a.axes
        ),
        "no partitions": any(s.partitions for s in machine.storages),
        "no latches": bool(machine.mac.latches),
        "one width": len(widths) != 1,
    }
    for wanted, missing in inexpressible.items():
        if missing:
            raise PeerError(f"{machine.name}: peers are compared on machines with {wanted}")
    array = machine.arrays[0]
    levels = []
    for storage in machine.storages:
        prices = {price for row in storage.prices for price in row} - {0}
        if len(prices) > 1:
            raise PeerError(f"{machine.name}: peers want one price for every action of {storage.name}")
        levels.append(
            {
                "name": storage.name,
                "bits": storage.capacity_bits,
                "keeps": list(storage.keeps),
                "required": list(storage.required),
                "price": max(prices, default=0.0),
                "in_pe": storage.rank > array.rank,
            }
        )
    axes = {axis.name: axis.size for axis in array.axes}
    return {"word_bits": widths.pop(), "levels": levels, "axes": axes, "mac_price": machine.mac.price}
