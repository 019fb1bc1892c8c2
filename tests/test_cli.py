"""The command line: what each command prints, and one clear line for everything a user can get wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

import simulator as sim
from simulator.errors import EngineDifferenceError
from simulator.mappers import MAPPERS, OPTIMAL
from simulator.report import result_table

from .commands import call, fail, succeed

CASES = Path(__file__).parent / "data" / "counting_cases.jsonl"
PARAMETERS = "m=20,n=1,e=6,p=10,q=1,r=1,t=2"
RUN = ("run", "lenet5_caffe", "--arch", "eyeriss_v1", "--engine", "closed-form")
EVALUATE = ("evaluate", "lenet5_caffe:conv2", "eyeriss_v1")


@pytest.fixture
def mapping_file(tmp_path: Path) -> str:
    path = tmp_path / "best.yaml"
    succeed(*EVALUATE, "--parameters", PARAMETERS, "--engine", "closed-form", "--save", str(path))
    return str(path)


def test_help_has_an_example_everywhere() -> None:
    commands = [[], ["run"], ["evaluate"], ["search"], ["count"], ["convert"], ["serve"], ["show"], ["list"]]
    commands += [["show", what] for what in ("network", "architecture", "dataflow", "mapping", "mapspace")]
    commands += [["list", what] for what in ("networks", "architectures", "dataflows", "mappers")]
    for command in commands:
        assert "Example" in succeed(*command, "--help"), command


def test_version_and_help_start_fast() -> None:
    heavy = "numba", "numpy", "pydantic", "networkx"
    loads = f"import sys, simulator.cli; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True).stdout == "[]\n"
    assert succeed("--version").startswith("simulator ")


def test_every_mapper_has_a_line() -> None:
    data = json.loads(succeed("list", "mappers", "--json"))
    assert list(data) == [OPTIMAL, *MAPPERS]
    assert data["scipy-de"] == "SciPy's differential evolution (extra: mappers)"
    assert all(data.values()) and "extra" not in data["exhaustive"]


def test_run_prints_the_table_and_notes() -> None:
    text = succeed(*RUN)
    for expected in ("lenet5_caffe, batch 1, on eyeriss_v1", "conv2", "total", "closed form, not walked"):
        assert expected in text
    assert call(*RUN).stderr == ""


def test_run_as_json() -> None:
    data = json.loads(succeed(*RUN, "--batch", "2", "--objective", "cycles", "--json"))
    assert (data["batch"], data["objective"]) == (2, "cycles")
    assert [layer["layer"] for layer in data["layers"]] == ["conv1", "pool1", "conv2", "pool2", "ip1", "ip2"]


def test_run_with_a_mapping_by_hand(mapping_file: str) -> None:
    data = json.loads(succeed(*RUN, "--mapping", f"conv2={mapping_file}", "--json"))
    assert [x["layer"] for x in data["layers"] if x["dataflow"] == "by hand"] == ["conv2"]


def test_run_writes_its_files(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "lenet"
    succeed(*RUN, "--out", str(out))
    assert sorted(file.name for file in out.iterdir()) == [
        "energy.pdf", "energy.png", "layers.csv", "result.json",
    ]  # fmt: skip
    assert json.loads((out / "result.json").read_text())["network"] == "lenet5_caffe"


def test_an_output_folder_that_cannot_be_is_found_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim, "simulate", lambda *_: pytest.fail("ran"))
    file = tmp_path / "file"
    file.write_text("kept")
    assert "it is no folder" in fail(*RUN, "--out", str(file))
    assert "cannot write into" in fail(*RUN, "--out", str(file / "below"))
    (tmp_path / "taken" / "layers.csv").mkdir(parents=True)
    assert "it is a folder" in fail(*RUN, "--out", str(tmp_path / "taken"))
    assert file.read_text() == "kept"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "Permission denied" in fail(*RUN, "--out", str(tmp_path / "locked"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "alexnt", "--arch", "eyeriss_v1"), "did you mean 'alexnet'?"),
        (("run", "lenet5_caffe", "--arch", "eyeris_v1"), "did you mean 'eyeriss_v1'?"),
        ((*RUN, "--dataflow", "row_stationry"), "did you mean 'row_stationary'?"),
        ((*RUN, "--objective", "enrgy"), "did you mean 'energy'?"),
        ((*RUN[:-1], "wolk"), "did you mean 'walk'?"),
        ((*RUN, "--mapping", "conv2"), "--mapping takes LAYER=FILE, not 'conv2'"),
        ((*RUN, "--mapping", "conv2=/no/file.yaml"), "cannot read /no/file.yaml: no such file"),
        ((*RUN, "--batch", "99999999999999999999"), "batch must lie between 1 and 2**31"),
        (("evaluate", "lenet5_caffe:conv22", "eyeriss_v1", "x.yaml"), "did you mean 'conv2'?"),
        (("evaluate", "lenet5_caffe", "eyeriss_v1", "x.yaml"), "name a layer as alexnet:conv2"),
        (EVALUATE, "give either a MAPPING file or --parameters"),
        ((*EVALUATE, "x.yaml", "--dataflow", "row_stationary"), "--dataflow goes with --parameters"),
        ((*EVALUATE, "--parameters", "m=1,n"), "--parameters takes NAME=NUMBER,NAME=NUMBER,.., not 'n'"),
        ((*EVALUATE, "--parameters", "m=nan"), "not 'm=nan'"),
        ((*EVALUATE, "--parameters", "m=1,m=2"), "'m' is given twice"),
        ((*EVALUATE, "--parameters", "problem=1"), "row_stationary has no parameter 'problem'"),
        ((*EVALUATE, "--parameters", "m=1"), "missing: n, e, p, q, r, t"),
        ((*EVALUATE, "--parameters", "m=1", "--dataflow", "weight"), "did you mean 'weight_stationary'?"),
        ((*RUN, "--mapper", "exhaust"), "did you mean 'exhaustive'?"),
        (("show", "network", "alexnt"), "did you mean 'alexnet'?"),
        (("show", "architecture", "no.yaml"), "no such file"),
        (("show", "dataflow", "row_stat"), "unknown dataflow 'row_stat'; did you mean 'row_stationary'?"),
        (("show", "dataflow", "x"), "known: dadiannao, diannao, flexible, input_stationary"),
        (("show", "dataflow", "x.yaml"), "cannot read x.yaml: no such file"),
        (("count", "/no/cases.jsonl"), "cannot read /no/cases.jsonl"),
        (("count", str(CASES), "--engine", "closed_form"), "did you mean 'closed-form'?"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    line = fail(*arguments)
    assert line.startswith("error: ")
    assert message in line


def test_bad_mapping_files(tmp_path: Path, mapping_file: str) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("mapping:\n- {store: DRAM, keeps: [weights\n")
    assert "bad.yaml, line 3" in fail(*EVALUATE, str(bad))
    bad.write_text("mapping:\n- {stor: DRAM}\n")
    assert "either 'store' or 'loop'" in fail("show", "mapping", str(bad))
    whole = Path(mapping_file).read_text().splitlines(keepends=True)
    bad.write_text("".join(line for line in whole if "dim: C" not in line))
    assert "dimension C is not covered" in fail(*EVALUATE, str(bad))
    bad.write_text(Path(mapping_file).read_text().replace("bound: 20", "bound: .nan"))
    assert "bound must be a whole number" in fail(*EVALUATE, str(bad))
    assert "layer 'conv1'" in fail(*RUN, "--mapping", f"conv1={mapping_file}")


def test_extents_too_large_to_count(tmp_path: Path, mapping_file: str) -> None:
    problem = tmp_path / "big.yaml"
    problem.write_text("convolution: {m: 2147483648, c: 2147483648, p: 2147483648}\n")
    assert "too many to count exactly" in fail("evaluate", str(problem), "eyeriss_v1", mapping_file)
    assert "states its own" in fail("evaluate", str(problem), "eyeriss_v1", mapping_file, "--batch", "2")


def test_evaluate(mapping_file: str) -> None:
    text = succeed(*EVALUATE, mapping_file, "--engine", "closed-form")
    nest = sim.load_mapping(mapping_file)
    assert str(nest) in text
    assert succeed("show", "mapping", mapping_file) == f"{nest}\n"
    assert json.loads(succeed("show", "mapping", mapping_file, "--json")) == nest.to_list()
    result = sim.evaluate("lenet5_caffe:conv2", "eyeriss_v1", nest, engine="closed-form")
    for number in (result.cycles, result.macs, *(row["count"] for row in result.rows())):
        assert f"{number:,}" in text
    assert (
        json.loads(succeed(*EVALUATE, mapping_file, "--engine", "closed-form", "--json")) == result.to_dict()
    )
    batch = json.loads(succeed(*EVALUATE, "--parameters", PARAMETERS, "--batch", "3", "--json"))
    assert batch["macs"] == 3 * result.macs
    assert "no/such" in fail(*EVALUATE, mapping_file, "--save", "/no/such/folder.yaml")


def test_run_with_a_mapper() -> None:
    data = json.loads(succeed(*RUN, "--mapper", "hill-climbing", "--evaluations", "70", "--json"))
    searches = [part["search"] for layer in data["layers"] for part in layer["parts"]]
    unproven = {"complete": False, "optimal": False, "gap": 1.0}
    assert searches == [{"mapper": "hill-climbing", "evaluated": 70, **unproven}] * 6
    assert "mappings by hill-climbing search, not the whole mapspace: conv1, pool1" in succeed(
        *RUN, "--mapper", "hill-climbing", "--evaluations", "70"
    )


def test_show_mapspace() -> None:
    words = ("show", "mapspace", "lenet5_caffe:conv2", "--arch", "eyeriss_v1")
    space = sim.mapspace("lenet5_caffe:conv2", "eyeriss_v1")
    text = succeed(*words, "--dataflow", "row_stationary")
    data = json.loads(succeed(*words, "--dataflow", "row_stationary", "--json"))
    assert f"row_stationary: {space.size()} mappings of conv2 on eyeriss_v1" in text
    assert data["size"] == {"mappings": space.size().mappings, "exact": True}
    assert [name for name, *_ in data["columns"]] == list(space.encoding.columns)
    assert [slot["name"] for slot in data["slots"]] == [slot.name for slot in space.encoding.slots]
    assert data["nodes"] == {"GLB.weights": None} | {
        str(node): True for node in space.encoding.nodes if str(node) != "GLB.weights"
    }
    assert all(name in text for name in space.encoding.columns)
    free = json.loads(succeed(*words, "--json"))
    assert not free["size"]["exact"] and free["size"]["mappings"] > 10**30
    assert free["slots"][0]["loops"]["M"] == [1, 50]


def test_count_recorded_cases() -> None:
    answers = [
        json.loads(line)
        for line in succeed("count", str(CASES), "--check", "--engine", "closed-form").splitlines()
    ]
    assert len(answers) == 600
    assert all(set(answer) == {"id", "counts"} for answer in answers)


def test_count_goes_on_after_bad_lines_and_fails_at_the_end() -> None:
    case = CASES.read_text().splitlines()[0]
    result = call("count", "-", "--engine", "closed-form", stdin=f"{case[:99]}\n{case}\n")
    assert result.exit_code == 1
    bad, good = (json.loads(line) for line in result.stdout.splitlines())
    assert (bad["line"], "not JSON" in bad["error"]) == (1, True)
    assert good["counts"] == json.loads(case)["counts"]


def test_count_answers_each_line_as_it_comes() -> None:
    case = CASES.read_text().splitlines()[0]
    command = [sys.executable, "-m", "simulator", "count", "-", "--engine", "closed-form"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(2):
            process.stdin.write(f"{case}\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == json.loads(case)["id"]
        process.stdin.close()
        assert process.wait(300) == 0


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")
@pytest.mark.usefixtures("heard_ctrl_c")
def test_a_closed_pipe_and_ctrl_c_are_quiet() -> None:
    command = [sys.executable, "-m", "simulator", "count", str(CASES), "--engine", "closed-form"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(300) == 1
        assert process.stderr.read() == ""
    command[4] = "-"
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(CASES.read_text().splitlines()[0] + "\n")
        process.stdin.flush()
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 130
        assert process.stderr.read() == "interrupted\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (MemoryError(), 2, "error: too large to simulate: not enough memory\n"),
        (EngineDifferenceError("engines\n differ"), 1, "error: engines differ\n"),
        (PermissionError(13, "Permission denied", "a.csv"), 2, "error: Permission denied: a.csv\n"),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(sim, "simulate", failing)
    assert fail(*RUN, code=code) == message


def test_usage_errors() -> None:
    assert call("run", "lenet5_caffe").exit_code == 2
    assert call(*RUN, "--batch", "0").exit_code == 2
    assert call("frobnicate").exit_code == 2


def test_show_and_list() -> None:
    network = succeed("show", "network", "lenet5_caffe", "--batch", "2")
    assert "conv2" in network and "4,586,000" in network
    assert len(json.loads(succeed("show", "network", "lenet5_caffe", "--json"))["layers"]) == 9
    assert "168 MAC units" in succeed("show", "architecture", "eyeriss_v1")
    machine = json.loads(succeed("show", "architecture", "eyeriss_v1", "--json"))
    assert sim.Architecture.from_dict(machine) == sim.load_architecture("eyeriss_v1")
    assert "row" in succeed("show", "dataflow", "row_stationary")
    assert json.loads(succeed("show", "dataflow", "row_stationary", "--json"))["parameters"] == list(
        "mnepqrt"
    )
    for kind, name in (
        ("architectures", "eyeriss_v1"),
        ("dataflows", "row_stationary"),
        ("mappers", "optimal"),
    ):
        assert name in succeed("list", kind)
        assert name in json.loads(succeed("list", kind, "--json"))
    assert "alexnet" in succeed("list", "networks")


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_table_fits_the_terminal(width: int) -> None:
    result = sim.simulate("lenet5_caffe", "eyeriss_v1", engine="closed-form")
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(result_table(result, width))
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert ("psum_spad words" in text.split("too narrow")[0]) == (width == 160)
    for layer in result:
        assert f"{layer.name} " in text


def test_cycles_add_up_and_say_what_waits_for_dram() -> None:
    parameters = "m=96,n=1,e=7,p=16,q=1,r=1,t=2"
    arguments = ("evaluate", "alexnet:conv1", "eyeriss_v1", "--batch", "4", "--engine", "closed-form")
    shown = succeed(*arguments, "--parameters", parameters)
    lines = shown[shown.index(" cycles, limited by") :].splitlines()
    summed = [line.split() for line in lines if line.startswith("  + ")]
    assert [words[1] for words in summed] == ["exposed", "ramp", "first", "last"]
    data = json.loads(succeed(*arguments, "--parameters", parameters, "--json"))
    cycles = data["parts"][0]["cycles"]
    waits = sum(cycles[part] for part in ("exposed", "ramp", "first_fill", "last_drain"))
    assert cycles["total"] == pytest.approx(cycles["steps"] + waits, abs=1)
    assert waits == pytest.approx(sum(cycles["waits"].values()))
    assert cycles["processing"] == pytest.approx(cycles["total"] - cycles["waits"]["DRAM"])
    for number in (cycles["processing"], cycles["waits"]["DRAM"]):
        assert f"{number:,.0f}" in shown
