"""A server for programs in other languages: a JSON object a line in, one out, in the same order.

    {"id": 1, "open": {"layer": "alexnet:conv2", "arch": "eyeriss_v1"}}  ->  {"id": 1, "columns": [..], ..}
    {"id": 2, "evaluate": [[1, 1, ..], ..]}  ->  {"id": 2, "valid": [..], "energy": [..], ..}

A request is one command, what goes with it, and an ``id`` that the answer repeats. What is wrong is
answered by ``error``, and the server goes on. The commands stand in README.md beside this file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson
from numpy.lib.recfunctions import structured_to_unstructured

import simulator as sim
from simulator.architecture import Architecture
from simulator.batch.model import CostModel
from simulator.cost.model import cost
from simulator.encoding import VERSION
from simulator.errors import SimulatorError, did_you_mean
from simulator.json_lines import bounded_lines, shortened
from simulator.mapping import Mapping
from simulator.mapspaces import Mapspace
from simulator.problem import Problem
from simulator.problem_fields import check_fields
from workloads import WorkloadError

MAX_LINE = 2**26
# Of what is not vectors.
MAX_DATA = 2**20
MAX_SAMPLE = 100_000
_OF_NETWORK = ("dimensions", "phase")
_OPENED = ("layer", "arch", "dataflow", "batch", "densities", "options", *_OF_NETWORK)
_NOT_OPEN = 'nothing is open; send {"open": {"layer": .., "arch": ..}} first'

Answer = dict[str, Any]


def serve(requests: BinaryIO, answers: BinaryIO, threads: int = 1) -> None:
    """Answer requests, a line each, until they end; every answer is written out at once.

    Parameters
    ----------
    threads
        Threads that score the vectors of one request.

    Raises
    ------
    SimulatorError
        For fewer than one thread.
    """
    if threads < 1:
        raise SimulatorError(f"threads must be a positive whole number, not {threads}")
    session = _Session(threads)
    for number, line in enumerate(bounded_lines(requests, MAX_LINE), 1):
        if line is None or not line.isspace():
            answer = session.answer(line, number)
            answers.write(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))
            answers.flush()


@dataclass
class _Session:
    """What is open between requests: a mapspace and its cost model, or nothing yet."""

    threads: int
    _space: Mapspace | None = field(default=None, init=False)
    _model: CostModel | None = field(default=None, init=False)

    def answer(self, line: bytes | None, number: int) -> Answer:
        """The answer to a line, without its id where it could not be read."""
        named: Answer = {"line": number}
        try:
            request = _parse(line)
            if "id" in request:
                named = {"id": _identity(request.pop("id"))}
            command = _command(request)
            if command not in _OF_VECTORS and line is not None and len(line) > MAX_DATA:
                raise SimulatorError(f"{command}: the line is longer than {MAX_DATA // 2**20} MiB")
            return {
                **(named if "id" in named else {}),
                **_COMMANDS[command](self, request.pop(command), request),
            }
        except (SimulatorError, WorkloadError) as error:
            return {**named, "error": shortened(" ".join(str(error).split()))}
        except (MemoryError, RecursionError) as error:
            what = "memory" if isinstance(error, MemoryError) else "stack"
            return {**named, "error": f"too large: not enough {what}"}

    @property
    def space(self) -> Mapspace:
        if self._space is None:
            raise SimulatorError(_NOT_OPEN)
        return self._space

    @property
    def model(self) -> CostModel:
        if self._model is None:
            raise SimulatorError(_NOT_OPEN)
        return self._model

    def open(self, given: object, options: Answer) -> Answer:
        """Open a layer on a machine in place of what was open; return what vectors and answers mean."""
        check_fields(options, "open", ())
        what = check_fields(given, "open", _OPENED, required=("layer", "arch"))
        layer, machine = what["layer"], what["arch"]
        problem = sim.load_layer(
            Problem.from_dict(layer, "layer") if isinstance(layer, dict) else layer,
            what.get("batch"),
            what.get("densities"),
            **_network_options(what),
        )
        architecture = (
            Architecture.from_dict(machine, "arch")
            if isinstance(machine, dict)
            else sim.load_architecture(machine)
        )
        space = sim.mapspace(problem, architecture, what.get("dataflow"))
        self._space, self._model = space, CostModel(problem, architecture)
        return _description(self._space, self._model)

    def close(self, given: object, options: Answer) -> Answer:
        """Let go of what is open."""
        check_fields(options, "close", ())
        self._space = self._model = None
        return {"closed": True}

    def evaluate(self, given: object, options: Answer) -> Answer:
        """Score vectors, given as lists of integers or base64: a list of each score, null where illegal."""
        check_fields(options, "evaluate", ("counts", "forwardable"))
        wanted = {name: _flag(options, name) for name in options}
        return _scores(self.model.evaluate(self._vectors(given), **wanted, threads=self.threads))

    def mapping(self, given: object, options: Answer) -> Answer:
        """Score one mapping: a nest, or factors of each dimension by level and axis."""
        check_fields(options, "mapping", ("engine", "counts"))
        problem, architecture = self.space.problem, self.space.architecture
        spent = cost(problem, architecture, self._mapping(given), options.get("engine", "closed-form"))
        answer: Answer = {
            "mapping": spent.mapping.to_list(),
            "energy": spent.energy,
            "cycles": spent.cycles.total,
            "edp": spent.edp,
            "utilization": spent.utilization,
        }
        if _flag(options, "counts"):
            rows = spent.counts.rows
            answer["counts"] = [row.to_dict(row.tensor == problem.output) for row in rows]
        return answer

    def decode(self, given: object, options: Answer) -> Answer:
        """The nest of a vector."""
        check_fields(options, "decode", ())
        return {"mapping": self.space.decode(_list(given, "decode")).to_list()}

    def encode(self, given: object, options: Answer) -> Answer:
        """The vector of a nest."""
        check_fields(options, "encode", ())
        return {"vector": self.space.encode(self._mapping(given))}

    def sample(self, given: Any, options: Answer) -> Answer:
        """Random legal vectors of the mapspace."""
        check_fields(options, "sample", ("seed", "base64"))
        if isinstance(given, int) and given > MAX_SAMPLE:
            raise SimulatorError(f"sample: at most {MAX_SAMPLE} at a time, not {given}")
        vectors = self.space.sample(given, options.get("seed", 0))
        return _written(vectors, _flag(options, "base64"))

    def repair(self, given: object, options: Answer) -> Answer:
        """The nearest vectors of the mapspace."""
        check_fields(options, "repair", ("base64",))
        return _written(self.space.repair(self._vectors(given)), _flag(options, "base64"))

    def neighbours(self, given: object, options: Answer) -> Answer:
        """The vectors of the mapspace one move away from a vector."""
        check_fields(options, "neighbours", ("base64",))
        return _written(self.space.neighbours(_list(given, "neighbours")), _flag(options, "base64"))

    def matrices(self, given: object, options: Answer) -> Answer:
        """What a MIP formulation needs."""
        from simulator.backends.mip import mip_matrices

        check_fields(options, "matrices", ())
        what = check_fields(given, "matrices", ("largest_prime",))
        return mip_matrices(self.space.problem, self.space.architecture, **what).to_dict()

    def _vectors(self, given: object) -> npt.ArrayLike:
        length = self.space.encoding.length
        if not isinstance(given, str):
            return _list(given, "vectors") or np.empty((0, length), np.int32)
        try:
            raw = base64.b64decode(given, validate=True)
        except ValueError:
            raise SimulatorError("vectors: text must be base64") from None
        if len(raw) % (4 * length):
            raise SimulatorError(
                f"vectors: {len(raw)} bytes of base64 are no whole vectors of {length} integers of 4 bytes"
            )
        return np.frombuffer(raw, "<i4").reshape(-1, length)

    def _mapping(self, given: Any) -> Mapping:
        if not isinstance(given, dict):
            return sim.load_mapping(given)
        what = check_fields(given, "mapping", ("factors", "order", "keeps", "trim"), required=("factors",))
        return Mapping.from_factors(self.space.problem, self.space.architecture, **what)


_OF_VECTORS = ("evaluate", "repair")
_COMMANDS: dict[str, Callable[[_Session, Any, Answer], Answer]] = {
    "open": _Session.open,
    "evaluate": _Session.evaluate,
    "mapping": _Session.mapping,
    "decode": _Session.decode,
    "encode": _Session.encode,
    "sample": _Session.sample,
    "repair": _Session.repair,
    "neighbours": _Session.neighbours,
    "matrices": _Session.matrices,
    "close": _Session.close,
}


def _parse(line: bytes | None) -> Answer:
    if line is None:
        raise SimulatorError(f"the line is longer than {MAX_LINE // 2**20} MiB")
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SimulatorError(f"not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(request, dict):
        raise SimulatorError("a request is an object with a command: " + ", ".join(_COMMANDS))
    return request


def _identity(given: object) -> object:
    if isinstance(given, dict | list):
        raise SimulatorError("id must be text or a number")
    return given


def _command(request: Answer) -> str:
    commands = [name for name in request if name in _COMMANDS]
    if len(commands) > 1:
        raise SimulatorError(f"a request has one command, not {' and '.join(commands)}")
    if commands:
        return commands[0]
    if not request:
        raise SimulatorError("no command; known: " + ", ".join(_COMMANDS))
    name = next(iter(request))[:80]
    raise SimulatorError(f"unknown command {name!r}{did_you_mean(name, _COMMANDS)}")


def _network_options(what: Answer) -> dict[str, Any]:
    """The options of the layer's network: its builder's, and those of files."""
    options = check_fields(what.get("options", {}), "open: options")
    for name in options:
        if name in ("source", *_OPENED):
            raise SimulatorError(f"open: options: {name!r} is none of a network's builder")
    return options | {name: what[name] for name in _OF_NETWORK if name in what}


def _flag(options: Answer, name: str) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise SimulatorError(f"{name} must be true or false, not {value!r}")
    return value


def _list(given: object, what: str) -> list[Any]:
    if not isinstance(given, list):
        raise SimulatorError(f"{what} must be a list of integers, not {type(given).__name__}")
    return given


def _description(space: Mapspace, model: CostModel) -> Answer:
    """What the columns of vectors and the lists of answers mean."""
    encoding, allowed = space.encoding, space.restriction
    low, high = encoding.ranges
    # A mapspace narrows the bounds of loops and what may be bypassed.
    for start, least, most in (
        (encoding.first_bound, allowed.least, allowed.most),
        (encoding.first_keep, allowed.keep[:, 0], allowed.keep[:, 1]),
    ):
        low[start : start + least.size], high[start : start + most.size] = least.ravel(), most.ravel()
    names = model.dtype(counts=True)["counts"].base.names or ()
    return {
        "problem": space.problem.to_dict(),
        "architecture": space.architecture.name,
        "mapspace": space.constraints.name,
        "version": VERSION,
        "length": encoding.length,
        "dimensions": encoding.dimensions,
        "slots": [slot.name for slot in encoding.slots],
        "nodes": [str(node) for node in encoding.nodes],
        "columns": list(zip(encoding.columns, low.tolist(), high.tolist(), strict=True)),
        "rules": model.rules,
        "boundaries": model.boundaries,
        "counts": names,
        "actions": model.actions,
        "units": {"energy": space.architecture.energy_unit, "counts": "words", "capacities": "bits"},
    }


def _scores(rows: npt.NDArray[np.void]) -> Answer:
    """Rows of a cost model as lists; what an illegal mapping has no number for is null."""
    valid = rows["valid"]
    wrong = np.flatnonzero(~valid)
    answer: Answer = {"valid": valid.tolist()}
    for name in ("energy", "cycles", "edp", "utilization"):
        column = rows[name].tolist()
        for row in wrong:
            column[row] = None
        answer[name] = column
    violation: list[Any] = [None] * len(rows)
    for row in wrong:
        violation[row] = rows["violation"][row].tolist()
    answer["violation"] = violation
    if "counts" in (rows.dtype.names or ()):
        answer["counts"] = structured_to_unstructured(rows["counts"], np.int64).tolist()
        answer["words"] = rows["words"].tolist()
    return answer


def _written(vectors: npt.NDArray[np.int32], as_base64: bool) -> Answer:
    if as_base64:
        return {"vectors": base64.b64encode(vectors.astype("<i4").tobytes()).decode()}
    return {"vectors": np.ascontiguousarray(vectors)}
