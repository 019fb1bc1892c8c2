"""ZigZag's workloads as networks and problems, its mappings as dataflows, and both on the command line."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulator as sim
from simulator.dataflows.declaration import Spread
from simulator.errors import ProblemError, SimulatorError
from simulator.formats import zigzag
from simulator.formats.zigzag.equations import read_equation
from simulator.formats.zigzag.forms import LayerForm
from simulator.formats.zigzag.layers import problem_of
from simulator.problem import Problem
from workloads import WorkloadError

from ...commands import call, fail
from .files import CONV, MAPPING, OTHERS, accelerator, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def layer(**changes: object) -> LayerForm:
    fields = {
        "id": 7,
        "operator_type": "Conv",
        "equation": "O[k][c]+=W[k][a]*I[a][c]",
        "loop_dims": ["K", "C", "A"],
        "loop_sizes": [2, 3, 4],
        "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
    }
    return LayerForm.model_validate(fields | changes)


def test_layers_become_a_network(tmp_path: Path) -> None:
    path = write(tmp_path, CONV + OTHERS, "net.yaml")
    assert zigzag.kind_of(path) == zigzag.WORKLOAD
    network = sim.load_network(path)
    assert (network.name, network.batch, len([x for x in network if x.type != "Input"])) == ("net", 2, 5)
    assert [x.type for x in network if x.type != "Input"] == [
        "Convolution", "Pooling", "Elementwise", "Linear", "Convolution1d",
    ]  # fmt: skip
    conv = network["conv"]
    # Rows slide by 1 over a map padded by 1 on both sides, columns by 2 over one that is not.
    assert (conv.input_shapes, conv.output_shape) == (((4, 6, 11),), (8, 6, 5))
    assert conv.macs == 2 * 8 * 4 * 6 * 5 * 9
    assert network["Layer1"].operations == 2 * 8 * 9 * 4 and network["Layer2"].operations == 2 * 8 * 9
    assert network["Layer3"].macs == 2 * 16 * 5 * 12
    assert network["depthwise"].macs == 2 * 8 * 6 * 3 and network["depthwise"].input_shapes == ((8, 10),)
    assert sim.load_network(path, batch=3).batch == 3
    with pytest.warns(UserWarning, match="operand_precision: a network's words are the machine's"):
        sim.load_network(path)
    with pytest.raises(WorkloadError, match="ZigZag's workload takes no 'phase'"):
        sim.load_network(path, phase="TEST")


def test_a_layer_is_a_problem_with_its_widths(tmp_path: Path) -> None:
    path = write(tmp_path, CONV + OTHERS, "net.yaml")
    conv = sim.load_layer(f"{path}:conv")
    assert conv.extents == {"N": 2, "G": 1, "M": 8, "C": 4, "P": 6, "Q": 5, "R": 3, "S": 3}
    rows, columns = conv.tensor("inputs").ranks[-2:]
    assert rows.coefficients == (("P", 1), ("R", 1)) and rows.data == (1, 6)
    assert columns.coefficients == (("Q", 2), ("S", 1))
    assert [conv.tensor(name).bits for name in ("weights", "inputs", "outputs")] == [8, 8, None]
    gemm, notes = zigzag.read_problem(path, "Layer3")
    assert [gemm.tensor(name).bits for name in ("weights", "inputs", "outputs")] == [4, 8, 16] and not notes
    assert gemm.macs == 2 * 16 * 5 * 12
    assert "weights" not in sim.load_layer(f"{path}:Layer1").tensor_names
    assert sim.load_layer(write(tmp_path, CONV, "one.yaml")) == conv
    with pytest.raises(ProblemError, match=r"has 5 layers; name one, as net.yaml:conv"):
        sim.load_layer(path)
    with pytest.raises(ProblemError, match="no layer is called 'cnv'; did you mean 'conv'"):
        sim.load_layer(f"{path}:cnv")


def test_an_equation_of_no_known_layer_is_a_problem_as_it_is_written(tmp_path: Path) -> None:
    text = """\
- id: 0
  operator_type: Conv
  equation: O[x]+=W[a][x]*I[y]
  dimension_relations: [y=3*x+2*a]
  loop_dims: [X, A]
  loop_sizes: [5, 4]
  operand_precision: {W: 8, I: 8, O: 8, O_final: 8}
  pr_loop_dims: [Y]
  padding: [[2, 1]]
"""
    path = write(tmp_path, text)
    problem = sim.load_layer(path)
    assert problem.extents == {"X": 5, "A": 4}
    (rank,) = problem.tensor("inputs").ranks
    assert rank.coefficients == (("X", 3), ("A", 2)) and rank.data == (2, 16)
    with pytest.raises(WorkloadError, match=r"'Layer0': its equation is no convolution.*FILE:Layer0"):
        sim.load_network(path)


_NAMES = st.permutations(["A", "B", "C", "D"])


@given(_NAMES, st.lists(st.integers(1, 9), min_size=4, max_size=4), st.booleans())
def test_products_of_any_names_keep_their_words(names: list[str], sizes: list[int], grouped: bool) -> None:
    """Whatever its dimensions are called, MACs and the words of each tensor are those of the equation."""
    g, rows, inner, columns = (name.lower() for name in names)
    lead = f"[{g}]" if grouped else ""
    changes = {
        "equation": f"O{lead}[{rows}][{columns}]=I{lead}[{rows}][{inner}] * W{lead}[{inner}][{columns}]",
        "loop_dims": names,
        "loop_sizes": sizes,
    }
    if not grouped:
        changes["loop_dims"], changes["loop_sizes"] = names[1:], sizes[1:]
    found = read_equation(layer(**changes), "x")
    made, written = problem_of(found), found.problem
    assert made.macs == written.macs
    for name in ("weights", "inputs", "outputs"):
        assert _words(made, name) == _words(written, name)


def _words(problem: Problem, tensor: str) -> int:
    words = 1
    for size in problem.shape(tensor):
        words *= size
    return words


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("id: 0\n  name: conv", "name: conv", r"layers\[0\].*the field 'id' is missing"),
        ("id: 0\n", "id: zero\n", "id: must be a whole number, got 'zero'"),
        ("operator_type: Conv", "operator_type: Covn", "unknown value 'Covn'; did you mean 'Conv'"),
        ("loop_sizes: [2, 8", "loop_sizes: [2, -8", r"loop_sizes\[1\]: must be at least 1, got -8"),
        ("loop_sizes: [2, 8", "loop_sizes: [2, .inf", r"loop_sizes\[1\]: must be a finite number"),
        ("loop_sizes: [2, 8", "loop_sizes: [8", "loop_sizes: 6 sizes for 7 loop_dims"),
        ("loop_dims: [B, K", "loop_dims: [B, B", "loop_dims: names B twice"),
        ("loop_dims: [B", f"loop_dims: [{99 * 'X, '}B", "loop_dims: must have at most 64 entries"),
        ("ix=2*ox", "ix=0*ox", r"file.yaml: layers\[0\]: conv: .* coefficient of OX must be from 1"),
        ("[k][c][fy]", "[k][z][fy]", "equation: W: no loop dimension 'Z'; known: B, C"),
        ("+=W[k]", "+=X[k]", "cannot be read; write O, I and W"),
        ("+=W[k]", "+=", "cannot be read; write O, I and W"),
        ("ix=2*ox", "ix=2x*ox", "dimension_relations: 'ix=2x.*cannot be read; write ix=2"),
        ("ix=2*ox+1*fx", "ix=2*oz+1*fx", "dimension_relations: no loop dimension 'oz'; did you mean"),
        ("W: 8, I: 8", "I: 8", "operand_precision: the field 'W' is missing"),
        ("W: 8, I: 8", "W: 8", "operand_precision: the field 'I' must be 1 to 64 bits"),
        ("O: 16", "O: 160", r"operand_precision.O: must be at most 64, got 160"),
        ("[[0, 0], [1, 1]]", "[[0, 0]]", "padding: 1 entries for 2 pr_loop_dims"),
        ("[[0, 0], [1, 1]]", "[[0, 0], [1]]", r"padding\[1\]: must have at least 2 entries"),
        ("[[0, 0], [1, 1]]", "[[0, 0], [9, 9]]", "padding: leaves nothing of IY, of which windows reach 8"),
        ("pr_loop_dims: [IX, IY]", "pr_loop_dims: [IX, IZ]", "no relation makes 'IZ'; did you mean"),
        ("  pr_loop_dims", "- id: 0\n  pr_loop_dims", "the field 'operator_type' is missing"),
    ],
)
def test_wrong_workloads_are_refused(old: str, new: str, match: str, tmp_path: Path) -> None:
    assert old in CONV
    path = write(tmp_path, CONV.replace(old, new))
    with pytest.raises(ProblemError, match=match):
        sim.load_network(path)
    assert fail("run", str(path), "--arch", "eyeriss_v1").startswith("error: ")


def test_layers_of_different_batches_or_one_id_are_refused(tmp_path: Path) -> None:
    other = CONV.replace("[2, 8,", "[3, 8,").replace("id: 0", "id: 1")
    with pytest.raises(WorkloadError, match=r"batches of \[2, 3\]"):
        sim.load_network(write(tmp_path, CONV + other))
    with pytest.raises(ProblemError, match="id: 0 is another layer's already"):
        sim.load_network(write(tmp_path, CONV + CONV))


def axes(flow: sim.Dataflow) -> dict[str, dict[str, str | int]]:
    (spread,) = flow.nest
    assert isinstance(spread, Spread)
    return {axis: dict(factors) for axis, factors in spread.axes.items()}


def test_a_mapping_says_what_may_lie_on_each_axis(tmp_path: Path) -> None:
    path = write(tmp_path, MAPPING, "mapping.yaml")
    assert zigzag.kind_of(path) == zigzag.MAPPING
    flow, notes = zigzag.read_dataflow(path)
    assert axes(flow) == {"D1": {"M": "1..4"}, "D2": {"C": "1..2", "S": "1..3"}}
    assert notes == (f"{path}: Pooling: are mappings of other layers; name one to read it",)
    pooling, notes = zigzag.read_dataflow(path, "Pooling", write(tmp_path, accelerator()))
    # D1 is said, D2 is not and may take anything, D3 is none of the array's.
    assert axes(pooling)["D1"] == {"G": "1..4"} and set(axes(pooling)["D2"]) == set("NGMCPQRS")
    said = "\n".join(notes)
    for part in (
        "temporal_ordering: no counterpart",
        "W in I1, I in I2",
        "D3: the array has no such dimension",
    ):
        assert part in said
    net = write(tmp_path, CONV + OTHERS, "net.yaml")
    assert zigzag.read_dataflow(path, f"{net}:Layer1")[0] == zigzag.read_dataflow(path, "Pooling")[0]


def test_a_mapping_may_name_a_workloads_own_dimensions(tmp_path: Path) -> None:
    gemm = """\
- id: 0
  operator_type: Gemm
  equation: O[d0][d1]+=I[d0][d2]*W[d2][d1]
  loop_dims: [D0, D1, D2]
  loop_sizes: [16, 24, 32]
  operand_precision: {W: 8, I: 8, O: 32, O_final: 8}
"""
    workload = write(tmp_path, gemm, "gemm.yaml")
    path = write(tmp_path, '- {name: default, spatial_mapping: {D1: ["D0, 4"], D2: ["D2, 8"]}}\n', "m.yaml")
    flow, _ = zigzag.read_dataflow(path, f"{workload}:Layer0")
    assert axes(flow) == {"D1": {"P": "1..4"}, "D2": {"C": "1..8"}}
    with pytest.raises(SimulatorError, match=r"no dimension 'D0'.*--layer workload.yaml:Layer0"):
        zigzag.read_dataflow(path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name: default\nspatial_mapping: {}\n", "is no file of ZigZag's"),
        (MAPPING.replace('"K, 4"', '"K, -4"'), "'K, -4' is no unrolling; write a dimension and a number"),
        (MAPPING.replace('"K, 4"', '"Z, 4"'), "no dimension 'Z'; known: B, C"),
        (MAPPING.replace('"K, 4"', 65 * '"K, 4", '), "spatial_mapping.D1: must have at most 64 entries"),
        (
            MAPPING.replace("name: default", "name: defualt"),
            "has no mapping 'default'; did you mean 'defualt'",
        ),
        (MAPPING.replace("I: I1", "I: I3"), "unknown value 'I3'"),
        (
            MAPPING.replace("spatial_mapping:", "spatial_maping:", 1),
            "unknown field 'spatial_maping'; did you",
        ),
    ],
)
def test_wrong_mappings_are_refused(text: str, match: str, tmp_path: Path) -> None:
    message = fail("convert", str(write(tmp_path, text)), str(tmp_path / "o.yaml"), "--from", "zigzag")
    assert match in message


def test_other_files_are_none_of_zigzags(tmp_path: Path) -> None:
    files = list(resources.files("arch_configs").iterdir())
    assert files and not [file.name for file in files if zigzag.kind_of(str(file))]
    for text in (
        "network: x\nlayers:\n- {name: a}\n",
        "mapping:\n- {store: a}\n",
        "- a\n",
        "",
        "# equation:\n[]\n",
    ):
        assert zigzag.kind_of(write(tmp_path, text)) is None
    commented = write(tmp_path, f"# of a paper\n---\n\n{CONV}")
    assert zigzag.kind_of(commented) == zigzag.WORKLOAD
    assert (
        zigzag.kind_of(tmp_path / "none.yaml") is None
        and zigzag.kind_of(commented.with_suffix(".csv")) is None
    )


def test_conversions_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, name in ((accelerator(), "acc"), (CONV, "net"), (MAPPING, "map")):
        write(tmp_path, text, f"{name}.yaml")

    def convert(source: str, *options: str) -> str:
        done = call("convert", source, "out.yaml", "--from", "zigzag", *options)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "machine small, 32 MAC units" in convert(
        "acc.yaml", "--with", "net.yaml", "--define", "area_um2=1e6"
    )
    machine = sim.load_architecture("out.yaml")
    assert machine == zigzag.read_architecture("acc.yaml", "net.yaml", 1e6)[0]
    assert machine.storage("sram").area_um2 == 0.5e6
    assert "network net, 17,280 MACs" in convert("net.yaml")
    assert sim.load_network("out.yaml") == sim.load_network("net.yaml")
    convert("net.yaml", "--layer", "conv")
    assert sim.load_layer("out.yaml").to_dict() == sim.load_layer("net.yaml:conv").to_dict()
    convert("map.yaml", "--with", "acc.yaml")
    assert axes(sim.load_dataflow("out.yaml"))["D1"] == {"M": "1..4"}
    result = sim.simulate("net.yaml", "acc.yaml", "weight_stationary", engine="closed-form")
    assert result.macs == 17280
    wrong = ("convert", "net.yaml", "o.yaml", "--from", "zigzag")
    assert "becomes no 'dataflow'; known: network, problem" in fail(*wrong, "--kind", "dataflow")
    assert "none.yaml: no such file" in fail("convert", "none.yaml", "o.yaml", "--from", "zigzag")
    wrong = ("convert", "acc.yaml", "o.yaml", "--from", "zigzag")
    assert "map.yaml is no workload of ZigZag's" in fail(*wrong, "--with", "map.yaml")
    assert "--define area_um2: must be a number above 0" in fail(*wrong, "--define", "area_um2=-1")
    assert "--define: unknown 'area'; did you mean 'area_um2'" in fail(*wrong, "--define", "area=1")
    assert "the field 'dataflows' is missing" in fail(*wrong, "--kind", "dataflow")
    assert "only converted the other way" in fail("convert", "acc.yaml", "o.yaml", "--to", "zigzag")
