"""Dataflows as YAML files: what is written reads back equal, and everything wrong is one clear error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator import dataflows
from simulator.architecture import load_architecture, registered_architectures
from simulator.dataflows import DATAFLOWS, load_dataflow
from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.dataflows.file import from_data, to_data, to_yaml
from simulator.errors import SimulatorError
from simulator.problem import convolution

from .nests import FILE

LAYER = convolution("layer", m=8, c=4, p=5, q=5, r=3, s=3)
CHIP = sim.load_architecture("eyeriss_v1")


def rows(dataflow):
    return np.concatenate(list(dataflows.mapspace(dataflow, LAYER, CHIP).batches()))


@pytest.fixture
def file(tmp_path):
    """Write a dataflow's file, the good one with some text in place of other."""

    def write(old="", new="", text=FILE):
        path = tmp_path / "mine.yaml"
        if isinstance(text, str):
            assert old in text
            text = text.replace(old, new, 1).encode()
        path.write_bytes(text)
        return path

    return write


@pytest.mark.parametrize("name", DATAFLOWS)
def test_a_dataflow_printed_and_read_back_is_equal(name, file):
    flow = DATAFLOWS[name]
    assert from_data(to_data(flow), "here") == flow
    assert load_dataflow(file(text=to_yaml(flow))) == flow
    assert load_dataflow(flow) is load_dataflow(name) is flow


def test_dataflows_of_single_machines_go_by_name():
    names = dataflows.machine_dataflows()
    native = {load_architecture(machine).native_dataflow for machine in registered_architectures()}
    assert names and set(names) <= native
    for name in names:
        assert load_dataflow(name).name == name
        assert load_dataflow(name) is load_dataflow(name)
    with pytest.raises(SimulatorError, match="unknown dataflow 'shidianao'; did you mean 'shidiannao'"):
        load_dataflow("shidianao")


@pytest.mark.parametrize("name", ["row_stationary", "weight_stationary", "input_stationary"])
def test_a_user_s_file_gives_the_built_in_s_space(name, file):
    path = file(f"name: {name}", "name: mine", text=to_yaml(DATAFLOWS[name]))
    assert np.array_equal(rows(path), rows(name))
    assert dataflows.mapspace(str(path), LAYER, CHIP).constraints.name == "mine"


@st.composite
def declared(draw):
    """A nest of any levels, factors and axes that does not contradict itself."""
    value = st.sampled_from(("any", "most", "full", "half", 1, 7, "2..8"))

    def keep(level, tensors):
        orders = draw(st.lists(st.permutations("CMP"), min_size=1, max_size=3, unique_by=tuple))
        factors = draw(st.dictionaries(st.sampled_from("CMP"), value))
        return Keep(
            level,
            tensors,
            tuple("".join(o) for o in orders),
            draw(st.sampled_from(("never", "allowed"))),
            factors,
        )

    parts = [keep("memory", ())] * draw(st.integers(0, 1))
    parts += [keep("buffer", draw(st.sampled_from((("inputs",), ("weights", "outputs")))))] * draw(
        st.integers(0, 1)
    )
    parts += [
        Spread(
            draw(
                st.dictionaries(
                    st.sampled_from(("first", "y", "each")),
                    st.dictionaries(st.sampled_from("NQ"), value),
                    min_size=1,
                )
            )
        )
    ]
    parts += [keep("pe", ("outputs",))] * draw(st.integers(0, 1))
    text = draw(st.text(st.characters(categories=("L", "N", "P", "Zs"), max_codepoint=0x7FF)))
    return Dataflow(
        "any name: #1", text + "\n" + text, tuple(parts), draw(st.sampled_from(("ragged", "perfect")))
    )


@given(declared())
@settings(max_examples=80, deadline=None)
def test_any_declaration_reads_back_equal(tmp_path_factory, flow):
    path = tmp_path_factory.mktemp("flow") / "flow.yml"
    path.write_text(to_yaml(flow), encoding="utf-8")
    assert load_dataflow(path) == flow


def test_everything_that_takes_a_dataflow_takes_a_file(file):
    path = file()
    assert len(rows(path)) > 10
    found = sim.search(LAYER, CHIP, path)
    assert (found.mapper, found.optimal) == ("optimal", True)
    assert 0 < found.evaluated <= len(rows(path))
    result = sim.simulate("lenet5_caffe", CHIP, str(path), engine="closed-form")
    assert result.dataflow == "mine" and {layer.dataflow for layer in result} == {"mine"}


@pytest.mark.parametrize("nest", ["", "nest: []\n"])
def test_without_a_nest_everything_is_allowed(nest, file):
    flow = load_dataflow(file(text=f"name: free\nfactors: ragged\n{nest}"))
    problem, on = convolution(m=2), CHIP
    assert flow.open and flow.nest == ()
    spaces = [dataflows.mapspace(d, problem, on) for d in (flow, "flexible")]
    assert np.array_equal(*(space.sample(50, 1) for space in spaces))


def error_of(path):
    with pytest.raises(SimulatorError) as caught:
        dataflows.mapspace(load_dataflow(path), LAYER, CHIP)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    return text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nest:", "nets:", "unknown field 'nets'; did you mean 'nest'?"),
        ("keeps: [out", "keps: [out", "nest[1].level buffer: unknown field 'keps'; did you mean 'keeps'?"),
        ("- array: {l", "- arry: {l", "nest[2]: must have exactly one of the fields level, array"),
        ("- array:", "- level: pe\n  array:", "must have exactly one of the fields level, array"),
        ("name: mine\n", "", "the field 'name' is missing"),
        ("name: mine", "name: ''", "name: must have at least 1 character"),
        ("name: mine", f"name: {'m' * 65}", "name: must have at most 64 characters"),
        ("name: mine", "name: 3", "name: must be text, got 3"),
        ("description: weights stay", "description: [a]", "description: must be text, got a list"),
        ("nest:", "factors: balancd\nnest:", "factors: unknown value 'balancd'; did you mean 'balanced'?"),
        ("bypass: allowed", "bypass: allow", "bypass: unknown value 'allow'; did you mean 'allowed'?"),
        ("G, N, M, P", "G, N, M, K", "nest[0].loops: layer has no dimension 'K'; known: C, G, M, N, P, Q"),
        ("{C: any}", "{c: any}", "nest[2].array.last: layer has no dimension 'c'; did you mean 'C'?"),
        ("G, N, M, P", "GNMP", "nest[0].loops: layer has no dimension 'GNMP'; known: C, G"),
        ("[G, N, M, P]", "GNMP", "loops: must be a list of dimensions or a list of such lists, got 'GNMP'"),
        ("G, N, M, P", "G, [N, M, P]", "nest[0].level memory: loops: must be a list of dimensions or"),
        ("[G, N, M, P]", "[[G, N, M, P], [G, N]]", "nest[0]: loops: (G, N) must order the same dimensions"),
        ("[G, N, M, P]", "[[G, M], [M, G], [G, M]]", "nest[0]: loops: the order (G, M) is given twice"),
        ("G, N, M, P", "G, N, M, M", "nest[0]: loops: names M twice"),
        (
            "level: buffer",
            "level: bufer",
            "nest[1].level: eyeriss_v1 has no level 'bufer'; did you mean 'buffer'?",
        ),
        ("level: buffer", "level: DRAM", "nest[1].level: DRAM is the outermost level; call it memory"),
        (
            "level: memory",
            "level: DRAM",
            "level DRAM needs a tensor to keep; the outermost level is called memory",
        ),
        (
            "keeps: weights",
            "keeps: weight",
            "nest[3].keeps: no tensor is called 'weight'; did you mean 'weights'?",
        ),
        ("keeps: weights", "keeps: 3", "keeps: must be a tensor or a list of tensors, got 3"),
        ("pe\n  keeps: w", "psum_spad\n  keeps: w", "nest[3].keeps: psum_spad keeps outputs, not weights"),
        ("last:", "lsat:", "nest[2].array: eyeriss_v1 has no axis 'lsat'; did you mean 'last'?"),
        ("last:", "PE.z:", "nest[2].array: eyeriss_v1 has no axis 'PE.z'; did you mean 'PE.y'?"),
        (
            "{last: {C: any}, each: {M: most}}",
            "{}",
            "nest[2]: array: names no axis; give first, last, each or",
        ),
        (
            "loops: [Q, S]",
            "loops: [Q, S]\n  factors: {s: 3}",
            "nest[3]: factors: s has no loop there; did you mean 'S'?",
        ),
        ("loops: [Q, S]", "factors: {S: 3}", "nest[3]: factors: S has no loop there; name it in loops"),
        ("[outputs, inputs]", "[outputs, outputs]", "nest[1]: keeps: names outputs twice"),
        (
            "keeps: [inputs, outputs]",
            "keeps: [inputs, weights]",
            "nest[4]: pe keeps weights in nest[3] already",
        ),
        (
            "pe\n  keeps: [inputs, outputs]",
            "filter_spad\n  keeps: weights",
            "filter_spad keeps weights twice on eyeriss_v1",
        ),
        (
            "- level: pe",
            "- array: {x: {M: any}}\n- level: pe",
            "nest[3]: the array stands in the nest once already",
        ),
        (
            "{C: any}, each: {M: most}",
            "{M: all}, first: {M: all}",
            "nest[2]: M cannot be all here and in nest[2] too",
        ),
        (
            "- array",
            "- level: pe\n  keeps: weights\n- array",
            "nest[2]: a level of the PE stands below the array",
        ),
        ("level: pe", "level: buffer", "nest[3]: a buffer stands above the array; put it before the array"),
        (
            "pe\n  keeps: weights",
            "GLB\n  keeps: weights",
            "nest[3]: GLB stands above the array of eyeriss_v1",
        ),
        (
            "buffer\n  keeps: [outputs, inputs]",
            "psum_spad\n  keeps: outputs",
            "nest[1]: psum_spad stands below the array",
        ),
        ("pe\n  keeps: weights", "memory", "nest[3]: the memory is the outermost level; put it first"),
        (
            "level: memory",
            "level: memory\n  keeps: weights",
            "nest[0]: keeps: the memory keeps every tensor; leave",
        ),
        ("  keeps: weights\n", "", "nest[3]: keeps: level pe needs a tensor to keep"),
        ("[Q, S]", "[Q]", "mine: no loop of the dimensions S of layer"),
        ("[outputs, inputs]", "outputs", "mine keeps no inputs in GLB, where eyeriss_v1 requires them"),
        (
            "loops: [C, R]",
            "loops: [C, R]\n  factors: {C: 5..9}",
            "without nest[1].factors.C: 5..9 there would be one",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_one_clear_line(old, new, words, file):
    assert words in error_of(file(old, new))


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (
            "mots",
            "nest[2]: factor 'mots' is none of any, most, half, full, all, no number from 1 on and no "
            "range as 2..8; did you mean 'most'?",
        ),
        ("8..2", "nest[2]: factor 8..2 is an empty range; the smaller number comes first"),
        ("0", "nest[2]: factor '0' is none of"),
        ("-3", "nest[2]: factor '-3' is none of"),
        ("0x10", "nest[2]: factor '0x10' is none of"),
        ("99999999999", "nest[2]: factor '99999999999' is none of"),
        ("9" * 30, "nest[2].array.each.M: is too large a number"),
        ("true", "each.M: must be a number, a range such as 2..8, or any, most, half, full or all, got true"),
        ("2.5", "or any, most, half, full or all, got 2.5"),
        ("[2]", "or any, most, half, full or all, got a list"),
        ("~", "nest[2].array.each.M: is empty; give a value or leave the field out"),
        ("64", "at most 8 is possible there; without nest[2].array.each.M: 64 there would be one"),
    ],
)
def test_a_wrong_factor_is_one_clear_line(factor, words, file):
    assert words in error_of(file("most", factor))


def test_levels_out_of_order_are_said(file):
    """A level nearer the array named above one farther out, both for one tensor."""
    data = CHIP.to_dict()
    data["hierarchy"].insert(2, {"storage": "L2"})
    deep = sim.Architecture.from_dict(data)
    nest = "- level: L2\n  keeps: weights\n- level: GLB\n  keeps: weights\n- array"
    with pytest.raises(
        SimulatorError, match="weights: the levels L2, GLB, filter_spad stand in the wrong order"
    ):
        dataflows.mapspace(file("- array", nest), LAYER, deep)


HOSTILE = {
    "empty": b"",
    "a list": b"- name\n",
    "text": b"hello",
    "binary": bytes(range(256)),
    "a byte order": "name: x".encode("utf-16"),
    "cut": FILE[:60].encode() + b"[",
    "cut in the array": FILE[: FILE.index("any}")].encode(),
    "deep lists": b"name: " + b"[" * 3000 + b"]" * 3000,
    "deeper than allowed": b"name: a\nnest: " + b"{a: " * 30 + b"1" + b"}" * 30,
    "aliases": b"name: &a x\ndescription: *a\n",
    "a tag": b"name: !!python/object/apply:os.system [ls]\n",
    "two megabytes": b"name: " + b"x" * 2**21,
    "many parts": b"name: a\nnest:\n" + b"- level: memory\n" * 65,
    "a field twice": b"name: a\nname: b\n",
    "a number for a field": b"name: a\n3: 4\n",
    "a control character": b"name: a\x00b\n",
    "a mapping for a nest": b"name: a\nnest: {level: memory}\n",
    "text for a part": b"name: a\nnest: [memory]\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused(text, file):
    path = file(text=text)
    with pytest.raises(SimulatorError) as caught:
        load_dataflow(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("cut", range(5, len(FILE), 7))
def test_a_file_cut_anywhere_is_an_error_or_a_smaller_dataflow(cut, file):
    try:
        flow = load_dataflow(file(text=FILE[:cut]))
    except SimulatorError:
        return
    assert flow.name == "mine"[: cut - 6] and len(flow.nest) <= 5


@pytest.mark.parametrize("source", [None, 3, ["row_stationary"]])
def test_what_is_no_dataflow_is_said(source):
    with pytest.raises(SimulatorError, match="a dataflow is a name, a file's path or an object, not"):
        load_dataflow(source)


def test_a_file_that_is_not_there_is_said():
    with pytest.raises(SimulatorError, match=r"cannot read nowhere\.yaml: no such file"):
        load_dataflow("nowhere.yaml")
    with pytest.raises(SimulatorError, match="unknown dataflow 'flexble'; did you mean 'flexible'"):
        load_dataflow("flexble")


def test_a_file_of_a_built_in_s_name_has_not_its_parameters(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: row_stationary\nnest:\n- array: {x: {M: any}}\n")
    assert dataflows.parameters(path) == ()
    with pytest.raises(SimulatorError, match="row_stationary has no parameters"):
        sim.dataflow_mapping("alexnet:conv3", "eyeriss_v1", path, m=64, n=1, e=13, p=16, q=4, r=1, t=4)
    same = tmp_path / "same.yaml"
    same.write_text(to_yaml(dataflows.DATAFLOWS["row_stationary"]))
    assert dataflows.parameters(same) == ("m", "n", "e", "p", "q", "r", "t")


def test_parameters_by_hand_are_those_of_two_dataflows(file):
    assert dataflows.parameters("row_stationary") == tuple("mnepqrt")
    assert dataflows.parameters("weight_stationary") == (*"mnepqrt", "taps")
    assert dataflows.parameters("flexible") == dataflows.parameters(str(file())) == ()
    with pytest.raises(
        SimulatorError, match="flexible has no parameters: only row_stationary and weight_stationary have"
    ):
        dataflows.mapping("flexible", LAYER, CHIP, {})


def test_a_list_is_told_how_zigzags_become_dataflows(tmp_path):
    (tmp_path / "spatial.yaml").write_text("- {name: default, spatial_mapping: {D1: ['K, 8']}}")
    with pytest.raises(
        SimulatorError, match=r"spatial.yaml: a dataflow is a mapping .* convert --from zigzag"
    ):
        load_dataflow(tmp_path / "spatial.yaml")
