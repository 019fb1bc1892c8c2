"""The server: answers are the library's numbers, and whatever comes in, it answers a line and goes on."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import simulator as sim
from simulator.backends import serve as server
from simulator.cli import app
from simulator.cost.model import cost
from simulator.json_lines import bounded_lines

ROOT = Path(__file__).parents[2]
LAYER, ARCH = "lenet5_caffe:conv2", "eyeriss_v1"
OPEN = {"open": {"layer": LAYER, "arch": ARCH}}
CAFFE = """
input: "data" input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" include { phase: TEST }
        convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" include { phase: TRAIN }
        convolution_param { num_output: 5 kernel_size: 1 } }
"""
FACTORS = {
    "M": {"DRAM": 50}, "C": {"GLB": 20}, "P": {"PE.x": 8}, "Q": {"DRAM": 8}, "R": {"PE.y": 5},
    "S": {"psum_spad": 5},
}  # fmt: skip


def answers(*requests: Any) -> list[dict[str, Any]]:
    """The answers to requests, plain data or lines as they are."""
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in requests]
    out = io.BytesIO()
    server.serve(io.BytesIO(b"".join(lines)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def ask(request: Any, opened: Any = OPEN) -> dict[str, Any]:
    """The answer to a request to the opened layer."""
    return answers(opened, request)[1]


@pytest.fixture(scope="module")
def space() -> sim.Mapspace:
    return sim.mapspace(LAYER, ARCH, None)


@pytest.fixture(scope="module")
def vectors(space: sim.Mapspace) -> np.ndarray:
    """Legal vectors and some that break a rule."""
    vectors = space.sample(40, 1)
    vectors[3, 5], vectors[7, 0], vectors[11, 2] = 20, 9, -4
    return vectors


def test_scores_are_the_cost_models(vectors: np.ndarray) -> None:
    rows = sim.CostModel(LAYER, ARCH).evaluate(vectors, counts=True, forwardable=True)
    assert 0 < (~rows["valid"]).sum() < len(rows)
    answer = ask({"evaluate": vectors.tolist(), "counts": True, "forwardable": True})
    assert answer["valid"] == rows["valid"].tolist()
    for name in ("energy", "cycles", "edp", "utilization"):
        expected = [row[name].item() if row["valid"] else None for row in rows]
        assert answer[name] == expected
    assert answer["violation"] == [None if row["valid"] else row["violation"].tolist() for row in rows]
    assert answer["words"] == rows["words"].tolist()
    assert [[tuple(b) for b in row] for row in answer["counts"]] == [row.tolist() for row in rows["counts"]]


def test_base64_is_the_same_in_and_out(vectors: np.ndarray) -> None:
    text = base64.b64encode(vectors.astype("<i4").tobytes()).decode()
    assert ask({"evaluate": text}) == ask({"evaluate": vectors.tolist()})
    sampled = ask({"sample": 5, "seed": 3, "base64": True})["vectors"]
    lists = ask({"sample": 5, "seed": 3})["vectors"]
    assert np.frombuffer(base64.b64decode(sampled), "<i4").reshape(5, -1).tolist() == lists


def test_no_vectors_have_no_scores() -> None:
    for none in ([], ""):
        assert ask({"evaluate": none})["valid"] == []


def test_what_is_opened_is_described(space: sim.Mapspace) -> None:
    opened = answers(OPEN)[0]
    model = sim.CostModel(LAYER, ARCH)
    assert [name for name, *_ in opened["columns"]] == list(space.encoding.columns)
    assert opened["length"] == len(opened["columns"]) == space.encoding.length
    assert opened["rules"] == list(model.rules)
    assert [tuple(b) for b in opened["boundaries"]] == list(model.boundaries)
    assert [tuple(a) for a in opened["actions"]] == list(model.actions)
    assert opened["units"]["energy"] == "MAC"
    assert sim.Problem.from_dict(opened["problem"], "conv2") == space.problem


def test_ranges_are_those_of_the_mapspace() -> None:
    """Every vector of a dataflow lies within; a free column has more than one value."""
    opened, sampled = answers(
        {"open": OPEN["open"] | {"dataflow": "row_stationary"}}, {"sample": 50, "seed": 0}
    )
    drawn = np.array(sampled["vectors"])
    least, most = (np.array([column[i] for column in opened["columns"]]) for i in (1, 2))
    assert ((drawn >= least) & (drawn <= most)).all()
    fixed = {name for name, low, high in opened["columns"] if low == high}
    free = {name for name, low, high in answers(OPEN)[0]["columns"] if low == high}
    assert free < fixed


def test_a_layer_and_a_machine_as_data(space: sim.Mapspace) -> None:
    data = {"layer": space.problem.to_dict(), "arch": space.architecture.to_dict()}
    by_name, by_data = answers(OPEN)[0], answers({"open": data})[0]
    assert by_data == by_name


def test_batch_and_densities_are_those_of_the_layer() -> None:
    opened = answers({"open": OPEN["open"] | {"batch": 3, "densities": {"inputs": 0.5}}})[0]
    assert opened["problem"]["dims"]["N"] == 3 and opened["problem"]["densities"] == {"inputs": 0.5}


def test_the_options_of_a_network_are_those_of_load_layer(tmp_path: Path) -> None:
    asked = {"layer": "mobilenet_v1:conv1_dw", "options": {"input_size": 64, "width": 0.5}}
    layer = sim.load_layer("mobilenet_v1:conv1_dw", input_size=64, width=0.5)
    assert answers({"open": OPEN["open"] | asked})[0]["problem"] == layer.to_dict()
    caffe = tmp_path / "net.prototxt"
    caffe.write_text(CAFFE)
    phases = [{"layer": f"{caffe}:conv", "phase": phase} for phase in ("TEST", "TRAIN")]
    found = answers(*({"open": OPEN["open"] | asked} for asked in phases))
    assert [opened["problem"]["dims"]["M"] for opened in found] == [3, 5]


def test_a_mapping_is_scored_as_by_evaluate(space: sim.Mapspace, vectors: np.ndarray) -> None:
    nest = space.decode(vectors[0])
    spent = cost(space.problem, space.architecture, nest, "closed-form")
    for form in (nest.to_list(), nest.to_yaml()):
        answer = ask({"mapping": form, "counts": True})
        assert answer["mapping"] == nest.to_list()
        assert (answer["energy"], answer["cycles"], answer["edp"]) == (
            spent.energy,
            spent.cycles.total,
            spent.edp,
        )
        assert answer["utilization"] == spent.utilization
        assert [row["tensor"] for row in answer["counts"]] == [row.tensor for row in spent.counts.rows]


def test_factors_are_a_mapping() -> None:
    by_factors = ask(
        {
            "mapping": {
                "factors": FACTORS,
                "order": {"DRAM": ["Q", "M"]},
                "keeps": {"GLB": ["inputs", "outputs"]},
            }
        }
    )
    assert [node["dim"] for node in by_factors["mapping"][1:3]] == ["Q", "M"]
    assert by_factors["mapping"][3] == {"store": "GLB", "keeps": ["inputs", "outputs"]}
    assert ask({"mapping": by_factors["mapping"]}) == by_factors


def test_nests_and_vectors_turn_into_each_other(space: sim.Mapspace, vectors: np.ndarray) -> None:
    vector = vectors[0].tolist()
    nest = ask({"decode": vector})["mapping"]
    assert nest == space.decode(vector).to_list()
    assert ask({"encode": nest})["vector"] == vector


def test_moves_are_those_of_the_mapspace(space: sim.Mapspace, vectors: np.ndarray) -> None:
    assert ask({"neighbours": vectors[0].tolist()})["vectors"] == space.neighbours(vectors[0]).tolist()
    assert ask({"repair": vectors.tolist()})["vectors"] == space.repair(vectors).tolist()


def test_matrices_are_plain_data() -> None:
    answer = ask({"matrices": {"largest_prime": 3}})
    assert answer["padded"] == [1, 1, 54, 24, 8, 8, 6, 6] and answer["log2_capacity"][0] == [None] * 3


def test_answers_come_in_order_with_their_ids() -> None:
    ids = [1, "two", 3.5, None]
    requests = [{"id": name, "sample": n, "seed": 0} for n, name in enumerate(ids)]
    found = answers(OPEN, *requests)[1:]
    assert [answer["id"] for answer in found] == ids
    assert [len(answer["vectors"]) for answer in found] == [0, 1, 2, 3]


def test_another_layer_takes_the_place_of_the_first_and_a_bad_one_does_not() -> None:
    other = {"open": {"layer": "lenet5_caffe:conv1", "arch": ARCH}}
    wrong = {"open": {"layer": "lenet5_caffe:conv11", "arch": ARCH}}
    first, failed, still, second, now, closed, none = answers(
        OPEN, wrong, {"sample": 1}, other, {"sample": 1}, {"close": True}, {"sample": 1}
    )
    assert "conv1" in failed["error"]
    assert len(still["vectors"][0]) == first["length"]
    assert second["problem"]["dims"]["M"] == 20 and len(now["vectors"]) == 1
    assert closed == {"closed": True} and "nothing is open" in none["error"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (b"x\n", "not JSON"),
        (b'{"id": 1\n', "not JSON"),
        (b'{"evaluate": [[NaN]]}\n', "not JSON"),
        (b"[" * 5000 + b"\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        # Some versions of Python have no stack to show what is nested so deeply.
        (b'{"sample": ' + b"[" * 1010 + b"]" * 1010 + b"}\n", ""),
        ([1, 2], "a request is an object"),
        ({}, "no command"),
        ({"evalaute": []}, "did you mean 'evaluate'"),
        ({"sample": 1, "decode": []}, "one command"),
        ({"id": [1], "sample": 1}, "id must be text or a number"),
        ({"sample": 1, "sed": 2}, "did you mean 'seed'"),
        ({"sample": -1}, "whole number"),
        ({"sample": True}, "whole number"),
        ({"sample": "5"}, "whole number"),
        ({"sample": 10**9}, "at most 100000"),
        ({"sample": 1, "seed": 1.5}, "seed must be a whole number"),
        ({"sample": 1, "base64": 1}, "base64 must be true or false"),
        ({"evaluate": 5}, "must be a list"),
        ({"evaluate": None}, "must be a list"),
        ({"evaluate": [1, 2]}, "vectors of 100 integers"),
        ({"evaluate": [[1, 2]]}, "vectors of 100 integers"),
        ({"evaluate": [[1] * 100, [1] * 99]}, "must all have 100 columns"),
        ({"evaluate": [[1] * 99 + [1.5]]}, "of integers, not float64"),
        ({"evaluate": [[1] * 99 + ["1"]]}, "of integers"),
        ({"evaluate": [[1] * 99 + [None]]}, "of integers"),
        ({"evaluate": [[1] * 99 + [[1]]]}, "must all have 100 columns"),
        ({"evaluate": "not base64!"}, "base64"),
        ({"evaluate": "é"}, "base64"),
        ({"evaluate": "AAAA"}, "3 bytes"),
        ({"evaluate": [], "counts": "yes"}, "counts must be true or false"),
        ({"decode": [1] * 99}, "vectors of 100 integers"),
        ({"decode": [2] * 100}, "version 2"),
        ({"decode": {}}, "must be a list"),
        ({"neighbours": [1] * 99 + [10**12]}, "column"),
        ({"encode": [{"store": "DRAM"}]}, "'keeps' is missing"),
        ({"encode": [{"store": "DRAM", "keeps": []}, {"store": "GBL", "keeps": []}]}, "did you mean 'GLB'"),
        ({"mapping": 5}, "a mapping is"),
        ({"mapping": "nowhere.yaml"}, "no such file"),
        ({"mapping": [{"store": "DRAM", "keeps": ["weights", "inputs", "outputs"]}]}, "M is not covered"),
        ({"mapping": {"factor": {}}}, "did you mean 'factors'"),
        ({"mapping": {"factors": {"M": {"DRAM": 7}}}}, "multiply to 7 (DRAM 7), its extent is 50"),
        ({"mapping": {"factors": FACTORS}, "engine": "wlak"}, "did you mean 'walk'"),
        ({"matrices": {"largest_prime": 1}}, "from 2 to 97"),
        ({"matrices": []}, "must be a mapping"),
        ({"open": "alexnet:conv2"}, "must be a mapping"),
        ({"open": {"layer": LAYER}}, "'arch' is missing"),
        ({"open": {"layer": LAYER, "arch": "eyeris_v1"}}, "did you mean 'eyeriss_v1'"),
        ({"open": {"layer": LAYER, "arch": ARCH, "dataflow": "row"}}, "did you mean 'row_stationary'"),
        ({"open": {"layer": LAYER, "arch": ARCH, "batch": "4"}}, "batch"),
        ({"open": {"layer": LAYER, "arch": ARCH, "densities": 5}}, "densities"),
        ({"open": {"layer": LAYER, "arch": ARCH, "options": 5}}, "options must be a mapping"),
        ({"open": {"layer": LAYER, "arch": ARCH, "options": {"clases": 5}}}, "did you mean 'classes'"),
        ({"open": {"layer": LAYER, "arch": ARCH, "options": {"source": 5}}}, "'source' is none of"),
        ({"open": {"layer": LAYER, "arch": ARCH, "phase": "TEST"}}, "phase"),
        ({"open": {"layer": {"dims": {}}, "arch": ARCH}}, "is missing"),
        ({"open": {"layer": LAYER, "arch": {"name": "x"}}}, "is missing"),
        ({"open": {"layer": 5, "arch": ARCH}}, "a layer is"),
        ({"open": {"layer": LAYER, "arch": []}}, "an architecture is"),
        ({"decode": [0] * 600_000}, "longer than 1 MiB"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_answered_and_the_server_goes_on(request_: Any, said: str) -> None:
    _, answer, after = answers(OPEN, request_, {"id": 7, "sample": 0})
    assert said in answer["error"] and len(answer["error"]) <= 500
    assert answer.keys() == {"line", "error"} and answer["line"] == 2
    assert after == {"id": 7, "vectors": []}


def test_an_error_bears_the_id() -> None:
    assert ask({"id": "a", "sample": -1}).keys() == {"id", "error"}


def test_every_column_out_of_range_is_marked_not_refused(vectors: np.ndarray) -> None:
    huge = vectors[:2].astype(np.int64)
    huge[0, 5], huge[1, 5] = 2**40, -(2**40)
    answer = ask({"evaluate": huge.tolist()})
    assert answer["valid"] == [False, False] and answer["energy"] == [None, None]
    assert all(row[0] for row in answer["violation"])


def test_a_line_past_the_limit_is_refused_and_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_LINE", 200)
    long = b'{"evaluate": "' + b"A" * 1000 + b'"}\n'
    opened, refused, after = answers(OPEN, long, {"sample": 0})
    assert "columns" in opened and "longer than" in refused["error"] and after == {"vectors": []}

    class Endless(io.BytesIO):
        most = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None and 0 < size <= 201
            self.most = max(self.most, size)
            return super().readline(size)

    stream = Endless(b"y" * 10_000 + b"\nshort\n" + b"z" * 10_000)
    assert list(bounded_lines(stream, 200)) == [None, b"short\n", None]


def test_the_last_line_needs_no_end_and_empty_ones_no_answer() -> None:
    assert answers(b"\n", b"  \r\n", json.dumps({"id": 1, "sample": 0}).encode())[0]["id"] == 1


_FIELDS = st.sampled_from(["layer", "arch", "factors", "store", "keeps", "dims", "densities"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_FIELDS | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["open", "evaluate", "mapping", "decode", "encode", "sample", "repair", "neighbours", "matrices", "close"]
)
_OPTIONS = st.sampled_from(["counts", "seed", "base64", "engine", "x"])
_REQUESTS = st.builds(lambda *pairs: dict(pairs), st.tuples(_NAMES, _JSON), st.tuples(_OPTIONS, _JSON))


@given(st.lists(_REQUESTS, max_size=40))
@settings(max_examples=30, deadline=None)
def test_any_request_has_one_answer(requests: list[dict[str, Any]]) -> None:
    opened, *found, last = answers(_OPENED, *requests, {"matrices": 1})
    assert "error" not in opened and len(found) == len(requests) and all(found)
    assert last.keys() == {"line", "error"} and last["line"] == len(requests) + 2


# A problem of a few multiplications: opened again for every example.
_OPENED = {
    "open": {
        "layer": {
            "dims": {"M": 2, "C": 2},
            "tensors": {
                "weights": [{"coefficients": {"M": 1}}, {"coefficients": {"C": 1}}],
                "inputs": [{"coefficients": {"C": 1}}],
                "outputs": [{"coefficients": {"M": 1}}],
            },
            "output": "outputs",
        },
        "arch": ARCH,
    }
}


def test_the_command_serves() -> None:
    result = CliRunner().invoke(app, ["serve", "--threads", "2"], input=json.dumps(OPEN) + '\n{"sample": 1}')
    assert result.exit_code == 0, result.output
    assert [len(json.loads(line)) for line in result.stdout.splitlines()] == [14, 1]
    assert CliRunner().invoke(app, ["serve", "--threads", "0"]).exit_code == 2


@pytest.fixture
def process(heard_ctrl_c: None) -> Any:
    """A server of its own that has answered a first request, so that it waits for the next."""
    # Python holds output back unless told otherwise.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    command, pipe = [sys.executable, "-m", "simulator", "serve"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as running:
        assert running.stdin and running.stdout
        running.stdin.write(b'{"close": true}\n')
        running.stdin.flush()
        # Answered while the input stays open.
        assert json.loads(running.stdout.readline()) == {"closed": True}
        yield running
        running.kill()


def test_the_end_of_the_input_ends_it(process: Any) -> None:
    out, error = process.communicate(timeout=300)
    assert (process.returncode, out, error) == (0, b"", b"")


def test_ctrl_c_ends_it_in_a_line(process: Any) -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read() == b"interrupted\n"


def test_a_closed_pipe_ends_it_without_a_word(process: Any) -> None:
    process.stdout.close()
    process.stdin.write(b'{"close": true}\n')
    process.stdin.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == b""
