"""A search through `simulator serve`: what a program in any language would do, and the rate it gets.

The client imports nothing of the simulator: it starts the server, and writes and reads lines of JSON.

python experiments/backends/serve_client.py
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class ServerError(Exception):
    """What the server answered with an error."""


class Server:
    """A running ``simulator serve``; use it in a ``with`` statement."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "simulator", "serve"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        return self.ask_line(json.dumps(request).encode())

    def ask_line(self, line: bytes) -> dict[str, Any]:
        """The same with a request that is written already."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ServerError(answer["error"])
        return answer

    def cpu_seconds(self) -> float:
        """What the server used of processors so far; 0 where there is no ``/proc``."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        if not stat.exists():
            return 0.0
        # After the command's name in brackets: user and system time are fields 14 and 15.
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        # The end of its input ends the server.
        self._process.communicate()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="serve_client", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layer", default="alexnet:conv2", help="network:layer, or a problem's YAML file")
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--generations", type=int, default=30, help="of the search")
    parser.add_argument("--batches", nargs="+", type=int, default=[1000, 10_000], help="vectors a request")
    parser.add_argument("--vectors", type=int, default=200_000, help="scored to measure each rate")
    options = parser.parse_args(argv)
    opening = {"layer": options.layer, "arch": options.arch}
    try:
        search(opening, options.generations)
        for size in options.batches:
            for as_base64 in (False, True):
                measure(opening, size, max(1, options.vectors // size), as_base64)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def search(opening: dict[str, str], generations: int, population: int = 200, seed: int = 1) -> None:
    """Evolve: columns of the better half are mixed, and the server repairs what comes of it."""
    chance = random.Random(seed)
    with Server() as server:
        opened = server.ask(open=opening)
        vectors = server.ask(sample=population, seed=seed)["vectors"]
        for _ in range(generations):
            scored = server.ask(evaluate=vectors)
            # What a repair leaves illegal has no energy.
            ranked = sorted((e, v) for e, v in zip(scored["energy"], vectors, strict=True) if e is not None)
            better = [vector for _, vector in ranked[: population // 2]]
            pairs = [chance.choices(better, k=2) for _ in range(population - len(better))]
            mixed = [[chance.choice(column) for column in zip(*pair, strict=True)] for pair in pairs]
            vectors = better + server.ask(repair=mixed)["vectors"]
        energy, best = ranked[0]
        print(f"best of {generations} generations: {energy:,.0f} {opened['units']['energy']}")
        for node in server.ask(decode=best)["mapping"]:
            print(" ", json.dumps(node))


def measure(opening: dict[str, str], size: int, requests: int, as_base64: bool) -> None:
    """Print the rate by the clock and, where the system tells it, by the server's CPU time."""
    with Server() as server:
        server.ask(open=opening)
        vectors = server.ask(sample=size, seed=2)["vectors"]
        given = base64.b64encode(_little_endian(vectors)).decode() if as_base64 else vectors
        line = json.dumps({"evaluate": given}, separators=(",", ":")).encode()
        # The first time, kernels are compiled or loaded.
        server.ask_line(line)
        start, busy = time.perf_counter(), server.cpu_seconds()
        for _ in range(requests):
            server.ask_line(line)
        rate = size * requests / (time.perf_counter() - start)
        form = "base64" if as_base64 else "lists"
        print(f"{requests} requests of {size} vectors as {form}: {rate:,.0f} a second", end="")
        spent = server.cpu_seconds() - busy
        print(f", {size * requests / spent:,.0f} a CPU second of the server" if spent else "")


def _little_endian(vectors: list[list[int]]) -> bytes:
    flat = array("i", (value for vector in vectors for value in vector))
    if sys.byteorder == "big":
        flat.byteswap()
    return flat.tobytes()


if __name__ == "__main__":
    sys.exit(main())
