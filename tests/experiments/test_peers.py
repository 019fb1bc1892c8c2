"""The benchmark of peers: items, records, tables, and the script with tools that answer as told."""

from __future__ import annotations

import csv
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import simulator as sim

ROOT = Path(__file__).parent.parent.parent
PACKAGE = "experiments.benchmarks.search_peers"
SMALL = ["--networks", "lenet5_caffe", "--layers", "conv1", "--repeat", "2"]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def room(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


def test_a_networks_layers_are_one_group_each_and_as_often_as_they_occur() -> None:
    network = sim.load_network("alexnet")
    items = room("items").layers("alexnet", sim.load_architecture("scratchpads_168"))
    assert sum(item.times * item.problem.macs for item in items) == sum(
        layer.macs for layer in network.layers
    )
    conv2 = room("items").find(items, "conv2")
    assert conv2.times == 2 and conv2.problem.extents["G"] == 1 and conv2.problem.extents["M"] == 128
    with pytest.raises(room("process").PeerError, match="without dilation"):
        room("items").one_group(sim.convolution(p=3, r=3, dilation=2), "wide")


def test_a_topologys_layer_has_the_stored_inputs() -> None:
    items = room("items")
    conv1 = items.one_group(sim.load_layer("alexnet:conv1"), "conv1")
    assert items.topology(conv1) == {
        "height": 227, "width": 227, "rows": 11, "columns": 11, "channels": 3, "filters": 96, "stride": 4,
    }  # fmt: skip
    with pytest.raises(room("process").PeerError, match="one image and one stride"):
        items.topology(sim.convolution(n=2))


def test_our_cycles_are_scale_sims_and_one() -> None:
    """For ws, R x A array, K = taps x channels, P outputs, N filters: SCALE-Sim 3.0 prints
    ceil(K/R) ceil(N/A) (P + 2R + A - 2) - 1."""
    layer = sim.convolution("layer", m=10, c=5, p=4, q=4, r=3, s=3)
    machine = room("items").Systolic(8, 4, "ws").machine()
    task = {"problem": layer.to_dict(), "machine": machine.to_dict(), "name": "layer"}
    assert room("ours_peer").cycles(task)["cycles"] == 6 * 3 * (16 + 16 + 4 - 2)


def test_scale_sims_configuration_is_one_that_we_read(tmp_path: Path) -> None:
    from simulator.formats.scalesim import Config, read_config

    array = {"rows": 8, "columns": 4, "dataflow": "os", "kilobytes": 2}
    (tmp_path / "array.cfg").write_text(room("scalesim_peer").config(array))
    found = read_config(tmp_path / "array.cfg")
    assert replace(found, notes=()) == Config("array", 8, 4, 2, 2, 2, "os")


def test_ours_finds_prices_and_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = room("ours_peer")
    monkeypatch.setattr(peer, "BATCH", 100)
    machine = sim.load_architecture("scratchpads_168").replace({"PE.x.size": 2, "PE.y.size": 1})
    layer = sim.convolution("small", m=2, c=2, p=2)
    task = {"problem": layer.to_dict(), "machine": machine.to_dict(), "name": "small", "limit_seconds": 20}
    found = peer.solve(task | {"dataflow": None})
    best = sim.search(layer, machine).energy
    assert found["energy"] == best and found["proven"]
    worse = [node for node in found["mappings"][0] if "store" in node]  # no loops: illegal
    assert peer.price(task | {"mappings": [worse, *found["mappings"]]}) == {"energy": best}
    with pytest.raises(room("process").PeerError, match="not legal here"):
        peer.price(task | {"mappings": [worse]})
    rates = peer.rate(task | {"mapping": found["mappings"][0], "seconds": 0.01})
    assert rates["energy"] == best and rates["rate"] > 0 and rates["together"] > 0


def test_ours_is_asked_in_a_process_of_its_own() -> None:
    machine, layer = sim.load_architecture("scratchpads_168"), sim.convolution("small", m=2, c=2, p=2)
    space = sim.mapspace(layer, machine)
    nest = space.decode(space.sample(1, seed=1)[0])
    priced = room("ours_peer").work("price", layer, machine, 60, mappings=[nest.to_list()])
    assert priced.energy == sim.evaluate(layer, machine, nest, engine="closed-form").energy
    assert priced.cpu_seconds > 0 and priced.startup_seconds > 0 and priced.peak_bytes > 20_000_000


def record(**fields: Any) -> Any:
    usual = {"part": "networks", "group": "net", "item": "a", "times": 2, "tool": "T", "setting": "default"}
    return room("records").Record(**(usual | {"version": "1", "limit": 9.0, "run": 0} | fields))


def test_records_are_kept_and_gone_on_with(tmp_path: Path) -> None:
    records = room("records").Records(tmp_path / "peers.json")
    done, failed = record(cpu_seconds=1.5, by_theirs={"Z": 3.0}), record(item="b", note="no end")
    records.add(done)
    records.add(failed)
    again = room("records").Records(tmp_path / "peers.json")
    assert list(again) == [done, failed]
    assert again.done(done) and not again.done(record(run=1)) and not again.done(record(version="2"))
    assert again.done(record(item="b", run=1)) and not again.done(record(item="b", limit=99.0))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"part": "networks"}]', "\x00\xff", "[" * 100_000])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        sim.SimulatorError, match=r"peers\.json: holds no measurements .*choose another --out"
    ):
        room("records").Records(path)


def test_runs_are_summed_up_by_their_least_and_median() -> None:
    runs = [record(run=n, cpu_seconds=s, peak_bytes=n) for n, s in enumerate([3.0, 1.0, 2.5])]
    (one,) = room("records").summaries(runs)
    assert (one.fastest, one.median, one.peak_bytes, one.first) == (1.0, 2.5, 2, runs[0])


class Tool:
    """A tool whose searches find what they are told to, and that remembers what it was asked."""

    ACCOUNTING = "counts its own way"
    NAME = DISTRIBUTION = "tool"
    SETTINGS: dict[str, dict[str, Any]] = {"default": {}}  # noqa: RUF012  # as the modules have it

    def __init__(self, version: str | None, answer: object) -> None:
        self.version, self.answer, self.asked = version, answer, []

    def available(self) -> str | None:
        return self.version

    def search(self, problem: Any, machine: Any, limit: float, **settings: Any) -> Any:
        self.asked.append((problem, machine, limit))
        if isinstance(self.answer, Exception):
            raise self.answer
        return result(energy=self.answer, tried=40, mappings=[[]])

    def work(self, what: str, problem: Any, machine: Any, limit: float | None = None, **options: Any) -> Any:
        self.asked.append((problem, machine, limit))
        answers = {"solve": {"energy": 100.0, "tried": 1, "proven": True, "mappings": [[]]}}
        answers |= {"price": {"energy": 150.0}, "rate": {"energy": 1.0, "rate": 7.0, "together": 7e5}}
        return result(**answers.get(what, {"cycles": 124}))


def result(seconds: float = 2.0, **answer: Any) -> Any:
    return room("process").Result(answer, seconds, 0.5, 66_000_000)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The script with tools that need no process."""
    peers = importlib.import_module("experiments.benchmarks.peers")
    ours = Tool("1.0", None)
    monkeypatch.setattr(peers, "ours_peer", ours)
    failing = room("process").PeerError("did not end within 9 CPU seconds")
    tools = {
        "this simulator": ours,
        "ZigZag": Tool("3.9", 120.0),
        "nn-dataflow": Tool(None, None),
        "AccelForge": Tool("1.2", failing),
        "SCALE-Sim": Tool("3.0", None),
    }
    monkeypatch.setattr(peers, "TOOLS", tools)
    monkeypatch.setattr(peers, "ask_peer", lambda *_, **__: result(energy=180.0, rate=3.0))
    monkeypatch.setattr(peers.scalesim_peer, "cycles", lambda *_: result(seconds=4.0, cycles=123))
    return SimpleNamespace(main=peers.main, tools=tools)


def test_the_tables(script: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*SMALL, "--scored", "lenet5_caffe:conv2", "--time-limit", "9", "--dataflows", "os"]
    assert script.main([*options, "--out", str(tmp_path), "--markdown"]) == 0
    out = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()]
    # Rates: ours by one and together, ZigZag's also of its search: 40 tried in 2 s.
    assert ["this simulator", "7", "700,000", "", "66"] in lines
    assert ["ZigZag", "3", "", "20", "66"] in lines and ["AccelForge", "3", "", "", "66"] in lines
    # Ours 100; ZigZag 120, by ours 150, our best by it 180. AccelForge ended nothing.
    assert ["this simulator, default", "1 of 1", "2", "2", "66", "100", "100", "1", ""] in lines
    assert ["ZigZag, default", "1 of 1", "2", "2", "66", "120", "150", "1.5", "1.5"] in lines
    assert ["AccelForge, default", "0 of 1", "", "", "", "", "", "", ""] in lines
    assert "not installed, left out: nn-dataflow (pip install 'dataflow-simulator[peers]')" in out
    # Cycles: one more than SCALE-Sim's.
    assert ["os", "1 of 1", "1", "124", "2", "4", "66", "66"] in lines
    assert (tmp_path / "peers.md").read_text() == out.rstrip("\n") + "\n"
    rows = list(csv.DictReader((tmp_path / "peers.csv").open()))
    (zigzag,) = (row for row in rows if (row["part"], row["tool"]) == ("networks", "ZigZag"))
    assert zigzag["runs"] == "2" and zigzag["energy by ours"] == "150.0"


def test_tools_take_turns_and_what_is_done_is_not_done_again(
    script: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--parts", "networks", *SMALL, "--out", str(tmp_path)]
    assert script.main(options) == 0
    done = json.loads((tmp_path / "peers.json").read_text())
    assert [(one["run"], one["tool"]) for one in done] == [
        (0, "this simulator"), (0, "ZigZag"), (0, "AccelForge"), (1, "this simulator"), (1, "ZigZag"),
    ]  # fmt: skip
    asked = {name: len(tool.asked) for name, tool in script.tools.items()}
    shown = capsys.readouterr().out
    assert script.main(options) == 0
    assert {name: len(tool.asked) for name, tool in script.tools.items()} == asked
    assert capsys.readouterr().out == shown
    (problem, machine, limit) = script.tools["ZigZag"].asked[0]
    assert problem.extents["M"] == 20 and machine.name == "scratchpads_168" and limit == 120


def test_the_optimum_is_asked_for_where_it_is_claimed(script: SimpleNamespace, tmp_path: Path) -> None:
    assert script.main(["--parts", "optimum", "--repeat", "1", "--out", str(tmp_path)]) == 0
    assert not script.tools["ZigZag"].asked and len(script.tools["AccelForge"].asked) == 4
    machines = {tuple(machine.storage("GLB").keeps) for _, machine, _ in script.tools["AccelForge"].asked}
    assert len(machines) == 2 and ("inputs", "outputs") in machines


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--parts", "score"], "did you mean 'scores'"),
        (["--tools", "zigzag"], "did you mean 'ZigZag'"),
        (["--settings", "defualt"], "did you mean 'default'"),
        (["--networks", "lenet5_cafe"], "lenet5_caffe"),
        (["--networks", "lenet5_caffe", "--layers", "conv3"], "--layers: unknown name 'conv3'"),
        (["--problems", "matmul_16x16x17"], "did you mean 'matmul_16x16x16'"),
        (["--scored", "alexnet:conv9"], "--scored: alexnet has no layer 'conv9'"),
    ],
)
def test_wrong_input_is_one_line(
    script: SimpleNamespace,
    tmp_path: Path,
    options: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert script.main([*options, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_tiles_that_overfill_the_buffer_a_little_are_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = importlib.import_module("experiments.benchmarks.peers")
    machine = sim.load_architecture("scratchpads_168")
    sizes = []

    def work(what: str, problem: Any, machine: Any, **options: Any) -> Any:
        sizes.append([s.capacity_bits for s in machine.storages][1:])
        if len(sizes) == 1:
            raise peers.PeerError("GLB overfills by 5 bits")
        return result(energy=7.0)

    monkeypatch.setattr(peers.ours_peer, "work", work)
    item = room("items").Item("net", "a", sim.convolution(), machine)
    priced = peers._priced_by_ours(record(tool="nn-dataflow"), item, [[]])
    assert priced.by_ours == 7.0 and priced.note == "GLB overfills by 5 bits"
    # 108 KiB, then a tenth more; 12 + 224 + 24 words of 16 bits in each of the scratchpads.
    assert sizes == [[884736, 4160, 4160, 4160], [884736 * 11 // 10, 4160, 4160, 4160]]


@pytest.mark.parametrize("option", [["--time-limit", "nan"], ["--repeat", "0"], ["--seconds", "-1"]])
def test_numbers_out_of_range_are_refused(
    script: SimpleNamespace, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        script.main(option)
    assert option[0] in capsys.readouterr().err
