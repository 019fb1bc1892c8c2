"""The command line converts Timeloop's files both ways, and they go wherever ours go."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import yaml

import simulator as sim
from simulator.errors import MappingError, SimulatorError

from ...commands import call, fail, succeed
from .designs import GEMM, NODES, PROBLEM

MAPPING = """
mapping:
- {target: DRAM, type: temporal, factors: [M=4, P=5], permutation: [M, P]}
- {target: PE, type: spatial, factors: [R=3, C=2], split: 0}
- {target: filter, type: temporal, factors: [Q=6]}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"arch": NODES, "prob": PROBLEM, "gemm": GEMM, "map": MAPPING}.items():
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_design_becomes_files_of_ours_and_its_mapping_goes_back(files: Path) -> None:
    done = call("convert", "arch.yaml", "machine.yaml", "--from", "timeloop")
    assert (
        done.exit_code == 0 and "168 MAC units" in done.stdout and "note: arch.yaml: no prices" in done.stderr
    )
    assert "C=2, M=4, R=3" in succeed("convert", "prob.yaml", "layer.yaml", "--from", "timeloop")
    ours = ("--layer", "layer.yaml", "--arch", "machine.yaml")
    succeed("convert", "map.yaml", "best.yaml", "--from", "timeloop", *ours)
    machine, layer = sim.load_architecture("machine.yaml"), sim.load_layer("layer.yaml")
    result = sim.evaluate(layer, machine, "best.yaml", engine="closed-form")
    assert result.cost.counts.steps == 4 * 5 * 6
    for version in ("3", "4"):
        there = ("--to", "timeloop", *ours, "--form-version", version)
        succeed("convert", "best.yaml", "there.yaml", *there)
        succeed("convert", "there.yaml", "again.yaml", "--from", "timeloop", *ours)
        assert Path("again.yaml").read_text() == Path("best.yaml").read_text()


@pytest.mark.filterwarnings("ignore:arch.yaml")
def test_timeloops_files_go_wherever_ours_go(files: Path) -> None:
    with pytest.warns(UserWarning, match="no prices"):
        machine = sim.load_architecture("arch.yaml")
    assert machine.path == "arch.yaml" and sim.load_layer("prob.yaml").macs == 2 * 4 * 3 * 5 * 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = sim.evaluate("prob.yaml", machine, "map.yaml", engine="closed-form")
    assert [str(loop) for loop in result.cost.mapping.loops][-1] == "for q in 6"
    with pytest.raises(MappingError, match="is read for a layer and a machine"):
        sim.load_mapping("map.yaml")
    assert "steps" in succeed("evaluate", "prob.yaml", "arch.yaml", "map.yaml", "--engine", "closed-form")


def test_the_names_of_a_problem_are_those_of_constraints_and_mappings(files: Path) -> None:
    Path("arch.yaml").write_text(NODES.replace("Inputs", "A").replace("Weights", "B").replace("Outputs", "Z"))
    assert "data-space 'A'" in fail("convert", "arch.yaml", "m.yaml", "--from", "timeloop")
    succeed("convert", "arch.yaml", "m.yaml", "--from", "timeloop", "--with", "gemm.yaml")
    nest = "mapping:\n- {store: DRAM, keeps: [weights, inputs, outputs]}\n"
    keeps = (
        ("glb", "[inputs, outputs]"),
        ("ifmap", "[inputs]"),
        ("filter", "[weights]"),
        ("psum", "[outputs]"),
    )
    loops = "".join(
        f"- {{loop: temporal, dim: {d}, bound: {n}}}\n" for d, n in (("M", 4), ("N", 6), ("K", 8))
    )
    Path("ours.yaml").write_text(nest + loops + "".join(f"- {{store: {s}, keeps: {k}}}\n" for s, k in keeps))
    succeed("convert", "ours.yaml", "t.yaml", "--to", "timeloop", "--layer", "gemm.yaml", "--arch", "m.yaml")
    assert yaml.safe_load(Path("t.yaml").read_text())["mapping"][2]["keep"] == ["A", "Z"]


def test_a_dataflow_and_a_problem(files: Path) -> None:
    succeed(
        "convert", "arch.yaml", "flow.yaml", "--from", "timeloop", "--kind", "dataflow", "--with", "prob.yaml"
    )
    flow = sim.load_dataflow("flow.yaml")
    assert flow.nest[0].axes["column.x"] == {"Q": "any", "M": "any"}
    succeed("convert", "alexnet:conv2", "conv2.yaml", "--to", "timeloop")
    assert "Timeloop's architecture eyeriss_v1" in succeed(
        "convert", "eyeriss_v1", "e.yaml", "--to", "timeloop"
    )
    assert sim.load_layer("conv2.yaml").macs == sim.load_layer("alexnet:conv2").macs


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("arch.yaml", "--from", "timelop"), "unknown format 'timelop'; did you mean 'timeloop'?"),
        (("arch.yaml", "--from", "timeloop", "--to", "timeloop"), "give either --from or --to"),
        (("arch.yaml", "--kind", "mapping"), "--kind: goes with --from or --to"),
        (("arch.yaml", "--from", "timeloop", "--batch", "4"), "--batch, --option, --dim and --phase go with"),
        (("arch.yaml", "--from", "timeloop", "--kind", "maping"), "did you mean 'mapping'?"),
        (("arch.yaml", "--from", "timeloop", "--kind", "problem"), "the field 'problem' is missing"),
        (("both.yaml", "--from", "timeloop"), "holds architecture and problem; say which with --kind"),
        (("none.yaml", "--from", "timeloop"), "no such file"),
        (("lines.yaml", "--from", "timeloop"), "must be a mapping"),
        (("other.yaml", "--from", "timeloop"), "has none of Timeloop's fields"),
        (("map.yaml", "--to", "timeloop", "--kind", "mapping"), "give --layer and --arch"),
        (("prob.yaml", "--to", "timeloop", "--kind", "dataflow"), "'dataflow' is not written"),
    ],
)
def test_wrong_requests_are_one_line(files: Path, arguments: tuple[str, ...], why: str) -> None:
    Path("both.yaml").write_text(NODES + PROBLEM)
    Path("lines.yaml").write_text("- a\n")
    Path("other.yaml").write_text("mapper: {}\n")
    assert why in fail("convert", arguments[0], "out.yaml", *arguments[1:])
    assert not Path("out.yaml").exists()


def test_a_part_in_two_files_is_an_error(files: Path) -> None:
    from simulator.formats import timeloop

    with pytest.raises(SimulatorError, match="'problem' is in another of the files already"):
        timeloop.read("prob.yaml", "gemm.yaml")
