"""Mappings: read, print, write and read back."""

import oracles
import pytest
from hypothesis import given

from simulator.errors import MappingError, SimulatorError
from simulator.mapping import Loop, Mapping, Store, read_mapping

NEST = oracles.mapping("DRAM:", "M 4", "GLB: inputs outputs", "C 3 @PE.x", "PAD: weights", "M 2")


def test_a_mapping_prints_as_a_nest():
    assert str(NEST) == "\n".join(
        [
            "DRAM keeps weights, inputs, outputs",
            "for m in 4:",
            "  GLB keeps inputs, outputs",
            "  parallel for c in 3 on PE.x:",
            "    PAD keeps weights",
            "    for m in 2:",
            "      multiply-accumulate",
        ]
    )


def test_loops_and_keepers_follow_the_nest():
    assert [loop.bound for loop in NEST.loops] == [4, 3, 2]
    assert NEST.keepers("weights") == (("DRAM", 0), ("PAD", 2))
    assert NEST.keepers("outputs") == (("DRAM", 0), ("GLB", 1))


@given(oracles.nests())
def test_yaml_reads_back_equal(case):
    mapping = case[1]
    assert read_mapping(mapping.to_yaml()) == mapping
    assert read_mapping(mapping.to_list()) == mapping
    assert read_mapping(mapping) is mapping


def test_names_that_yaml_could_mistake_read_back():
    mapping = Mapping((Store("null", ("true", "no")), Loop("y", 2, "on", "off"), Loop("N", 1)))
    assert read_mapping(mapping.to_yaml()) == mapping


def test_a_file_reads_back_equal(tmp_path):
    file = tmp_path / "best.yaml"
    file.write_text(NEST.to_yaml())
    assert read_mapping(file) == read_mapping(str(file)) == NEST


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"store": "A"}, r"mapping\[0\]: field 'keeps' is missing"),
        ({"store": "A", "keeps": "weights"}, "keeps must be a list of tensor names, not 'weights'"),
        ({"store": 3, "keeps": []}, "store must be a name, not 3"),
        ({"store": "A", "loop": "temporal"}, "either 'store' or 'loop'"),
        ("M 4", "must be a mapping with either 'store' or 'loop', not 'M 4'"),
        ({"loop": "temporally"}, "loop must be 'temporal' or 'spatial', not 'temporally'"),
        ({"loop": "temporal", "dim": "M", "bound": 0}, "bound must be a whole number from 1 .* not 0"),
        ({"loop": "temporal", "dim": "M", "bound": 2.0}, "bound must be a whole number"),
        ({"loop": "temporal", "dim": "M", "bound": True}, "bound must be a whole number"),
        ({"loop": "temporal", "dim": "M", "bund": 2}, "unknown field 'bund'; did you mean 'bound'"),
        ({"loop": "temporal", "dim": "M", "bound": 2, "axis": "x"}, "unknown field 'axis'"),
        ({"loop": "spatial", "dim": "M", "bound": 2}, "field 'axis' is missing"),
        ({"loop": "spatial", "dim": "", "bound": 2, "axis": "x"}, "dim must be a name, not ''"),
    ],
)
def test_a_wrong_node_is_named(node, words):
    with pytest.raises(MappingError, match=words):
        Mapping.from_list([node])


def test_a_mapping_is_a_list_of_nodes():
    with pytest.raises(MappingError, match="must be a list of nodes, outermost first, not dict"):
        Mapping.from_list({})
    with pytest.raises(MappingError, match=r"expected one field 'mapping', found .'nest'."):
        read_mapping("nest:\n- {}\n")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SimulatorError, match=r"cannot read .*none.yaml: no such file"):
        read_mapping(tmp_path / "none.yaml")
    with pytest.raises(MappingError, match="mapping text, line 3"):
        read_mapping("mapping:\n  - [unclosed\n")
