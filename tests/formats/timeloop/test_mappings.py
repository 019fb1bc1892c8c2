"""Mappings go to Timeloop's form and back unchanged, run there as here, and are refused by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator.architecture import Architecture
from simulator.cost.model import cost
from simulator.errors import MappingError, SimulatorError
from simulator.formats import timeloop
from simulator.formats.timeloop.mappings import read_mapping_data, write_mapping_data
from simulator.formats.timeloop.slots import arrange, kept_tensors, mapping_of_slots, slots_of
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, convolution

from .designs import MACHINES, array, expressible, machine

BOTH = pytest.mark.parametrize("version", [3, 4])


def there_and_back(problem: Problem, arch: Architecture, mapping: Mapping, version: int) -> Mapping:
    text, _ = timeloop.write_mapping(problem, arch, mapping, version)
    back, notes = read_mapping_data(yaml.safe_load(text), "text", problem, arch)
    assert not notes
    return back


@BOTH
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_mapping_comes_back_as_it_was(version: int, data: st.DataObject) -> None:
    problem, arch, mapping = data.draw(expressible(version))
    arranged = mapping_of_slots(arrange(problem, arch, mapping, version), kept_tensors(problem, mapping))
    back = there_and_back(problem, arch, mapping, version)
    assert back == arranged
    assert there_and_back(problem, arch, back, version) == back
    # Loops over time stand as they did, and so do those of each dimension: nothing counts differently.
    assert [x for x in back.loops if not x.spatial] == [x for x in mapping.loops if not x.spatial]
    for dimension in problem.extents:
        there, here = ([x for x in nest.loops if x.dimension == dimension] for nest in (back, mapping))
        assert there == here
    assert kept_tensors(problem, back) == kept_tensors(problem, mapping)


@settings(max_examples=12, deadline=None)
@given(case=expressible())
def test_a_mapping_that_comes_back_counts_the_same(
    case: tuple[Problem, Architecture, Mapping],
) -> None:
    problem, arch, mapping = case
    back = there_and_back(problem, arch, mapping, 4)
    here, there = (cost(problem, arch, nest, "closed-form") for nest in (mapping, back))
    assert here.counts == there.counts and here.cycles == there.cycles


def steps(problem: Problem, mapping: Mapping) -> list[dict[str, int]]:
    """The indices that a nest runs through, one after the other: those below the extents."""
    found = []
    for index in itertools.product(*(range(loop.bound) for loop in mapping.loops)):
        where = dict.fromkeys(problem.extents, 0)
        for loop, digit in zip(mapping.loops, index, strict=True):
            where[loop.dimension] = where[loop.dimension] * loop.bound + digit
        if all(where[d] < extent for d, extent in problem.dimensions):
            found.append(where)
    return found


def timeloop_steps(problem: Problem, loops: list[tuple[str, int, int]]) -> Iterator[dict[str, int]]:
    """Those of Timeloop's loops: each runs to its remainder where all outer ones of its dimension are at
    their last iteration, else to its bound."""

    def run(depth: int, where: dict[str, int], last: dict[str, bool]) -> Iterator[dict[str, int]]:
        if depth == len(loops):
            yield where
            return
        dimension, bound, rest = loops[depth]
        end = rest if last[dimension] else bound
        for digit in range(end):
            index = where | {dimension: where[dimension] * bound + digit}
            yield from run(depth + 1, index, last | {dimension: last[dimension] and digit == end - 1})

    return run(0, dict.fromkeys(problem.extents, 0), dict.fromkeys(problem.extents, True))


@settings(max_examples=40, deadline=None)
@given(case=expressible())
def test_timeloops_loops_run_through_the_same_indices(case: tuple[Problem, Architecture, Mapping]) -> None:
    problem, arch, mapping = case
    data, _ = write_mapping_data(problem, arch, mapping)
    written = {(entry["target"], entry["type"]): entry for entry in data["mapping"]}
    loops = []
    for slot in slots_of(arch, 4):
        entry = written[slot.target, "spatial" if slot.axes else "temporal"]
        factors = {}
        for factor in entry["factors"]:
            dimension, _, number = factor.partition("=")
            bound, _, rest = number.partition(",")
            factors[dimension] = int(bound), int(rest or bound)
        loops += [(d, *factors[d]) for d in reversed(entry["permutation"])]
    assert list(timeloop_steps(problem, loops)) == steps(problem, there_and_back(problem, arch, mapping, 4))


LAYER = convolution("layer", m=6, c=4, p=5)
OPEN = MACHINES[0]
ALL = ("weights", "inputs", "outputs")


def nest(*nodes: Store | Loop) -> Mapping:
    return Mapping((Store("DRAM", ALL), *nodes))


def test_the_directives_of_both_versions() -> None:
    mapping = nest(
        Loop("P", 2),
        Loop("M", 2),
        Store("GLB", ("inputs", "outputs")),
        Loop("C", 4, "y", "PE"),
        Loop("M", 3, "x", "PE"),
        Store("A", ("weights",)),
        Loop("P", 3),
    )
    new, _ = write_mapping_data(LAYER, OPEN, mapping)
    entries = {(entry["target"], entry["type"]): entry for entry in new["mapping"]}
    # Innermost first, and the last of the two runs over P has two of three.
    assert entries["DRAM", "temporal"]["permutation"][:2] == ["M", "P"]
    assert "P=2" in entries["DRAM", "temporal"]["factors"] and "P=3,2" in entries["A", "temporal"]["factors"]
    fan = entries["PE", "spatial"]
    assert (fan["permutation"][:2], fan["split"]) == (["M", "C"], 1)
    assert entries["GLB", "dataspace"]["bypass"] == ["Weights"]
    old, _ = write_mapping_data(LAYER, OPEN, mapping, 3)
    entries = {(entry["target"], entry["type"]): entry for entry in old["mapping"]}
    assert entries["GLB", "spatial"]["permutation"] == "MCNGPQRS" and entries["GLB", "spatial"]["split"] == 1
    assert entries["A", "temporal"]["factors"] == "N=1 G=1 M=1 C=1 P=3,2 Q=1 R=1 S=1"
    assert entries["B", "bypass"]["keep"] == []


def test_arrays_without_a_level_between_them_are_one_fan_out_of_version_3() -> None:
    layer = convolution("layer", m=6, c=4)
    mapping = nest(Loop("M", 6, "x", "lanes"), Loop("C", 4, "y", "rows"))
    data, _ = write_mapping_data(layer, MACHINES[1], mapping, 3)
    (fan,) = [e for e in data["mapping"] if e["target"] == "L1" and e["type"] == "spatial"]
    assert (fan["permutation"], fan["split"]) == ("MCNGPQRS", 1)
    assert there_and_back(layer, MACHINES[1], mapping, 3) == mapping
    assert there_and_back(layer, MACHINES[1], mapping, 4) == mapping


def test_names_of_data_spaces_are_the_problems() -> None:
    mapping = nest(Loop("M", 6), Loop("C", 4), Loop("P", 5))
    tensors = {"A": "inputs", "B": "weights", "Z": "outputs"}
    text, _ = timeloop.write_mapping(LAYER, OPEN, mapping, 4, tensors)
    assert "Weights" not in text and "B" in yaml.safe_load(text)["mapping"][0]["keep"]
    back, _ = read_mapping_data(yaml.safe_load(text), "text", LAYER, OPEN, tensors)
    assert back == mapping


def test_what_timeloop_leaves_open_or_trims() -> None:
    entries = [
        {"target": "DRAM", "type": "temporal", "factors": "M=3,1 C=0 P=5"},
        {"target": "A", "type": "temporal", "factors": ["M=6"]},
        *({"target": level, "type": "bypass", "bypass_only": ["*"]} for level in ("GLB", "B", "C")),
        {"target": "A", "type": "datatype", "keep_only": ["Weights"]},
    ]
    found, notes = read_mapping_data({"mapping": entries}, "map.yaml", LAYER, OPEN)
    # The outermost loop runs to its remainder, 1; a factor of 0 is the whole dimension.
    assert [str(loop) for loop in found.loops] == ["for p in 5", "for c in 4", "for m in 6"]
    assert "leaves M, C, P open" in notes[0]


REFUSED = {
    "uneven hold: GLB keeps weights": nest(
        Store("GLB", ("inputs",)), Loop("P", 5), Store("GLB", ("weights",)), Loop("M", 6), Loop("C", 4)
    ),
    "order of levels: A stands below B": nest(
        Loop("C", 4), Store("B", ("inputs",)), Loop("M", 6), Store("A", ("weights",)), Loop("P", 5)
    ),
    "'for m in 3': between DRAM and the next level Timeloop has one loop of M": nest(
        Loop("M", 2), Loop("P", 5), Loop("M", 3), Store("GLB", ALL), Loop("C", 4)
    ),
    "'parallel for m in 3 on PE.y': M lies on PE twice": nest(
        Loop("M", 2, "x", "PE"), Loop("M", 3, "y", "PE"), Loop("C", 4), Loop("P", 5)
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_timeloop_cannot_express_is_refused_by_name(why: str) -> None:
    with pytest.raises(MappingError) as error:
        timeloop.write_mapping(LAYER, OPEN, REFUSED[why])
    assert str(error.value).startswith(why)


def test_a_loop_over_time_that_only_has_a_place_inside_the_array() -> None:
    layer = convolution("layer", m=8)
    mapping = nest(Store("GLB", ALL), Loop("M", 2), Loop("M", 2), Loop("M", 2, "x", "PE"))
    with pytest.raises(MappingError, match=r"'parallel for m in 2 on PE.x': stands inside a loop of M"):
        timeloop.write_mapping(layer, OPEN, mapping)
    inside = nest(Store("GLB", ALL), Loop("M", 2), Loop("M", 2, "x", "PE"), Loop("M", 2))
    assert there_and_back(layer, OPEN, inside, 4) == inside


def test_machines_that_timeloop_has_no_word_for() -> None:
    mapping = nest(Loop("M", 6), Loop("C", 4), Loop("P", 5))
    latched = OPEN.replace({"mac.latches": ["weights"]})
    with pytest.raises(MappingError, match="MACs latch weights"):
        timeloop.write_mapping(LAYER, latched, mapping)
    deep = machine([{"storage": "DRAM"}, array("PE", x=2, y=2, z=2)])
    with pytest.raises(MappingError, match="3 axes at one place"):
        timeloop.write_mapping(LAYER, deep, mapping)
    with pytest.raises(MappingError, match="version 2"):
        timeloop.write_mapping(LAYER, OPEN, mapping, 2)


def temporal(**changes: Any) -> dict[str, Any]:
    return {"target": "DRAM", "type": "temporal", "factors": "M=6 C=4 P=5"} | changes


WRONG: dict[str, list[Any]] = {
    "mapping[0].target: must be a name": [{"type": "temporal"}],
    "no level is called 'DRAN'; did you mean 'DRAM'?": [temporal(target="DRAN")],
    "no dimension 'K'": [temporal(factors="K=6")],
    "'M=six' is no factor": [temporal(factors=["M=six"])],
    "M: a mapping has equal factors": [temporal(factors="M<=6")],
    "factors of M are 4, which cover 4 of 6": [temporal(factors="M=4 C=4 P=5")],
    "factors of M are 2,7": [temporal(factors="M=2,7 C=4 P=5")],
    "no dimension 'X'": [temporal(permutation="MX")],
    "M is given twice": [temporal(permutation="MM")],
    "has such a directive already": [temporal(), temporal()],
    "directives of type 'skew'": [temporal(type="skew")],
    "no fan-out is called or stands below 'A'": [temporal(), temporal(target="A", type="spatial")],
    "lies along Y, which has one place": [
        temporal(factors="C=4 P=5"),
        temporal(target="lanes", type="spatial", split=0, factors="M=6"),
    ],
    "no data-space 'Weihgts'; did you mean 'Weights'?": [temporal(type="bypass", keep=["Weihgts"])],
    "keeps and bypasses weights": [temporal(type="bypass", keep=["Weights"], bypass=["Weights"])],
    "a remainder inside braces needs quotes": [temporal() | {"13": None}],
    "tree of loops": [],
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_mapping_is_one_clear_error(why: str) -> None:
    data = {"mapping": WRONG[why] or {"type": "sequential"}}
    with pytest.raises(MappingError) as error:
        read_mapping_data(data, "map.yaml", LAYER, MACHINES["lanes" in str(data)])
    assert str(error.value).startswith("map.yaml") and why in str(error.value)


def test_an_eyeriss_mapping_of_timeloops_kind_is_evaluated() -> None:
    arch = sim.load_architecture("scratchpads_168")
    mapping = nest(
        Loop("P", 5),
        Store("GLB", ("inputs", "outputs")),
        Loop("C", 4, "y", "PE"),
        Store("ifmap_spad", ("inputs",)),
        Store("filter_spad", ("weights",)),
        Loop("M", 6),
        Store("psum_spad", ("outputs",)),
    )
    assert there_and_back(LAYER, arch, mapping, 3) == mapping
    with pytest.raises(SimulatorError, match="overfills"):
        there_and_back(LAYER.with_densities({}), arch.replace({"ifmap_spad.capacity": "8 bits"}), mapping, 3)
