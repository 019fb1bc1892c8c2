"""Mappings drawn on arrays: what lies where against walking the nest, and what the figures say."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import simulator as sim
from simulator.architecture import Architecture
from simulator.errors import MappingError
from simulator.mapping import Loop, Mapping
from simulator.plots import mapping_on_array, save_figure
from simulator.plots.grid import Grid, shorten
from simulator.plots.nest import nest_lines
from simulator.plots.places import ArrayPlaces, Place, array_places
from simulator.problem import Problem, Tensor, convolution

ROOT = Path(__file__).parents[2]

# JSSC'17 table III: the parameters with which the chip ran AlexNet; table V: its active PEs.
CHIP = {
    "conv1": ({"m": 96, "n": 1, "e": 7, "p": 16, "q": 1, "r": 1, "t": 2}, 154),
    "conv2": ({"m": 64, "n": 1, "e": 27, "p": 16, "q": 2, "r": 1, "t": 1}, 135),
    "conv3": ({"m": 64, "n": 4, "e": 13, "p": 16, "q": 4, "r": 1, "t": 4}, 156),
}


def machine(*arrays: tuple[str, dict[str, Any]]) -> Architecture:
    """A machine of a buffer, arrays and a level in each place."""
    level = {"storage": "pad", "capacity": "64 KiB"}
    hierarchy: list[dict[str, Any]] = [{"storage": "DRAM"}, {"storage": "GLB"}]
    hierarchy += [{"array": name, "axes": axes} for name, axes in arrays]
    return Architecture.from_dict(
        {
            "name": "drawn",
            "description": "for drawing",
            "technology": "none",
            "energy_unit": "MAC",
            "bits": {"weights": 16, "inputs": 16, "outputs": 16},
            "hierarchy": [*hierarchy, level, {"mac": {"price": 1}}],
            "sources": ["made up"],
        }
    )


def axis(
    size: int, multicast: Any = True, reduction: bool = True, links: Sequence[str] = ()
) -> dict[str, Any]:
    return {"size": size, "multicast": multicast, "reduction": reduction, "links": list(links)}


def nest(*loops: str, split: int = 0) -> Mapping:
    """Loops as "P4" or "P4@PE.x"; the buffer stands below the first ``split``, the pad below the spatial."""
    nodes: list[dict[str, Any]] = []
    for text in loops:
        what, _, place = text.partition("@")
        loop = {"dim": what[0], "bound": int(what[1:])}
        if place:
            array, _, name = place.partition(".")
            nodes.append({"loop": "spatial", "array": array, "axis": name, **loop})
        else:
            nodes.append({"loop": "temporal", **loop})
    inside = max((i for i, text in enumerate(loops) if "@" in text), default=-1) + 1
    every = ["weights", "inputs", "outputs"]
    nodes.insert(inside, {"store": "pad", "keeps": every})
    nodes.insert(split, {"store": "GLB", "keeps": every})
    return Mapping.from_list([{"store": "DRAM", "keeps": every}, *nodes])


GRID = machine(("PE", {"x": axis(6), "y": axis(5)}))
LINE = machine(("PE", {"x": axis(8)}))
NESTED = machine(("cluster", {"c": axis(3, reduction=False)}), ("PE", {"x": axis(4), "y": axis(3)}))
STRIDED = convolution(m=3, c=2, p=5, q=2, r=3, s=2, stride=2)
CASES = {
    "row stationary": (STRIDED, GRID, nest("M3", "C2", "R3@PE.y", "P5@PE.x", "Q2", "S2", split=2)),
    "folded": (STRIDED, GRID, nest("M3", "C2", "P2@PE.y", "R2@PE.y", "P3@PE.x", "R2", "Q2", "S2", split=1)),
    "ragged passes": (STRIDED, GRID, nest("P3", "M3@PE.y", "P2@PE.x", "C2@PE.x", "R3", "Q2", "S2", split=1)),
    "windows apart": (STRIDED, GRID, nest("C2", "P5@PE.y", "Q2@PE.x", "M3@PE.x", "R3", "S2")),
    "loop between": (STRIDED, GRID, nest("P2@PE.x", "R2", "P3@PE.y", "C2", "R2", "M3", "Q2", "S2")),
    "loops outside": (STRIDED, GRID, nest("P2", "M3", "P2", "C2@PE.y", "P2@PE.x", "R3", "Q2", "S2", split=1)),
    "one axis": (STRIDED, LINE, nest("M2", "P3@PE.x", "M2@PE.x", "P2", "C2", "R3", "Q2", "S2", split=1)),
    "two arrays": (
        STRIDED, NESTED,
        nest("P2", "M2@cluster.c", "P3@PE.x", "S2@PE.y", "M2", "C2", "R3", "Q2", split=1),
    ),
    "nothing on the array": (STRIDED, GRID, nest("M3", "C2", "P5", "Q2", "R3", "S2")),
}  # fmt: skip


class Walked:
    """What walking the nest finds on the places of one array."""

    def __init__(self, problem: Problem, mapping: Mapping, array: str, names: Sequence[str]) -> None:
        own = [i for i, loop in enumerate(mapping.loops) if loop.array == array]
        inside = own[-1] + 1 if own else len(mapping.loops)
        outside = [i for i in range(inside) if i not in own]
        self.passes: dict[tuple[int, ...], set[Place]] = defaultdict(set)
        self.indices: dict[Place, set[tuple[int, ...]]] = defaultdict(set)
        for steps in itertools.product(*(range(loop.bound) for loop in mapping.loops)):
            index = indices(problem, mapping.loops, steps)
            if all(index[d] < n for d, n in problem.extents.items()):
                place = tuple(position(mapping.loops, steps, own, name) for name in names)
                self.passes[tuple(steps[i] for i in outside)].add(place)
                if not any(steps[i] for i in outside):
                    self.indices[place].add(tuple(index.values()))
        self.problem = problem

    def span(self, dimension: str, place: Place) -> tuple[int, int]:
        number = list(self.problem.extents).index(dimension)
        found = {index[number] for index in self.indices[place]}
        return min(found), max(found)

    def words(self, tensor: Tensor, place: Place) -> set[Place]:
        order = list(self.problem.extents)
        return {
            tuple(sum(c * index[order.index(d)] for d, c in rank.coefficients) for rank in tensor.ranks)
            for index in self.indices[place]
        }


def indices(problem: Problem, loops: Sequence[Loop], steps: Sequence[int]) -> dict[str, int]:
    index, stride = dict.fromkeys(problem.extents, 0), dict.fromkeys(problem.extents, 1)
    for loop, step in reversed(list(zip(loops, steps, strict=True))):
        index[loop.dimension] += step * stride[loop.dimension]
        stride[loop.dimension] *= loop.bound
    return index


def position(loops: Sequence[Loop], steps: Sequence[int], own: Sequence[int], name: str) -> int:
    place = 0
    for i in own:
        if loops[i].axis == name:
            place = place * loops[i].bound + steps[i]
    return place


def walked_cases() -> list[Any]:
    return [pytest.param(*case, id=name) for name, case in CASES.items()]


@pytest.mark.parametrize(("problem", "chip", "mapping"), walked_cases())
def test_places_hold_what_walking_the_nest_finds(
    problem: Problem, chip: Architecture, mapping: Mapping
) -> None:
    for view in array_places(problem, chip, mapping):
        names = [axis.name for axis in view.array.axes]
        walked = Walked(problem, mapping, view.array.name, names)
        everywhere = list(itertools.product(*(range(axis.size) for axis in view.array.axes)))
        assert {p for p in everywhere if view.active(p)} == set(walked.indices)
        assert view.active_count == len(walked.indices)
        always = set.intersection(*walked.passes.values())
        assert {p for p in everywhere if view.always_active(p)} == always
        for place in walked.indices:
            for dimension in view.dimensions:
                assert view.span(dimension, place) == walked.span(dimension, place)
            for tensor in problem.tensors:
                first = tuple(min(starts) for starts in zip(*walked.words(tensor, place), strict=True))
                assert view.tile(tensor, place) == first


@pytest.mark.parametrize(("problem", "chip", "mapping"), walked_cases())
def test_what_is_shared_is_what_places_have_in_common(
    problem: Problem, chip: Architecture, mapping: Mapping
) -> None:
    for view in array_places(problem, chip, mapping):
        walked = Walked(problem, mapping, view.array.name, [axis.name for axis in view.array.axes])
        for tensor in problem.tensors:
            vectors = {movement.vector for movement in view.movements(tensor)}
            reached = connected(walked.indices, vectors, lambda p, t=tensor, v=view: v.tile(t, p))
            for one, other in itertools.combinations(sorted(walked.indices), 2):
                same = view.tile(tensor, one) == view.tile(tensor, other)
                if other in reached[one]:
                    assert same
                if same and sum(a != b for a, b in zip(one, other, strict=True)) == 1:
                    assert other in reached[one], (tensor.name, one, other)
            assert set(view.overlaps(tensor)) == overlapping(view, walked, tensor)


def overlapping(view: ArrayPlaces, walked: Walked, tensor: Tensor) -> set[str]:
    """Axes along which some tile has words in common with the first place's, and others too."""
    first = (0,) * len(view.array.axes)
    return {
        view.array.axes[number].name
        for place in walked.indices
        for number in range(len(first))
        if place != first and sum(place) == place[number]
        if view.tile(tensor, place) != view.tile(tensor, first)
        if walked.words(tensor, place) & walked.words(tensor, first)
    }


def connected(places: Any, vectors: set[Place], tile: Any) -> dict[Place, set[Place]]:
    """The places that steps along the vectors reach from each, among those with its tile."""
    found: dict[Place, set[Place]] = {}
    for place in places:
        group, todo = {place}, [place]
        while todo:
            here = todo.pop()
            for vector, sign in itertools.product(vectors, (1, -1)):
                there = tuple(a + sign * b for a, b in zip(here, vector, strict=True))
                if there in places and there not in group and tile(there) == tile(place):
                    group.add(there)
                    todo.append(there)
        found[place] = group
    return found


def chips_mapping(layer: str) -> tuple[Problem, Architecture, Mapping]:
    problem, chip = sim.load_layer(f"alexnet:{layer}", 4), sim.load_architecture("eyeriss_v1")
    return problem, chip, sim.dataflow_mapping(problem, chip, "row_stationary", **CHIP[layer][0])


def moves(view: ArrayPlaces, tensor: str) -> set[tuple[str, Place, str]]:
    return {(m.kind, m.vector, m.along) for m in view.movements(view.problem.tensor(tensor))}


@pytest.mark.parametrize("layer", CHIP)
def test_as_many_places_are_active_as_on_the_chip(layer: str) -> None:
    (view,) = array_places(*chips_mapping(layer))
    assert view.active_count == CHIP[layer][1]


def test_row_stationary_shares_along_rows_diagonals_and_columns() -> None:
    (conv1,) = array_places(*chips_mapping("conv1"))
    assert moves(conv1, "weights") == {("multicast", (2, 0), "x")}
    # Stride 4: the next output row needs the input row four filter rows on; filters of an x pair share it.
    assert moves(conv1, "inputs") == {("multicast", (2, -4), "diagonals"), ("multicast", (1, 0), "x")}
    assert moves(conv1, "outputs") == {("reduction", (0, 1), "y")}
    (conv2,) = array_places(*chips_mapping("conv2"))
    # Folded, 27 = 14 + 13: weights also reach the second fold, five filter rows down.
    assert moves(conv2, "weights") == {("multicast", (1, 0), "x"), ("multicast", (0, 5), "y")}
    assert not conv2.active((13, 5)) and conv2.active((12, 9)) and not conv2.active((0, 10))


def test_what_an_axis_cannot_do_is_copied_or_kept_apart() -> None:
    chip = machine(("PE", {"x": axis(6, ["weights"], False, ["inputs"]), "y": axis(5, False, True)}))
    (view,) = array_places(STRIDED, chip, nest("C2@PE.y", "M3@PE.x", "P5", "Q2", "R3", "S2"))
    assert moves(view, "inputs") == {("copies", (1, 0), "x")}
    assert moves(view, "outputs") == {("reduction", (0, 1), "y")}
    # Links along an axis without multicast pass nothing on: in the counts each place there is on its own.
    assert view.linked == {"weights": (), "inputs": (), "outputs": ()}
    (turned,) = array_places(STRIDED, chip, nest("M3@PE.y", "C2@PE.x", "P5", "Q2", "R3", "S2"))
    assert moves(turned, "outputs") == {("apart", (1, 0), "x")}
    said = texts(mapping_on_array(STRIDED, chip, nest("C2@PE.y", "M3@PE.x", "P5", "Q2", "R3", "S2")))
    assert "copies along x" in said and "added up along y" in said
    assert "not added up along x" in texts(
        mapping_on_array(STRIDED, chip, nest("M3@PE.y", "C2@PE.x", "P5", "Q2", "R3", "S2"))
    )


def texts(figure: Figure) -> list[str]:
    return [x.get_text() for x in figure.findobj(Text) if isinstance(x, Text) and x.get_text()]


def test_every_place_of_a_small_array_says_what_lies_there() -> None:
    said = texts(mapping_on_array(*CASES["row stationary"], "a title"))
    assert {f"P {p}\nR {r}" for p in range(5) for r in range(3)} <= set(said)
    assert {"a title", "x: P on 5 of 6", "y: R on 3 of 5", "PE, 6 x 5: 15 of 30 active", "idle"} <= set(said)
    assert "idle at times" not in said
    assert "idle at times" in texts(mapping_on_array(*CASES["ragged passes"]))


def test_a_place_idle_on_another_place_outside_is_idle_at_times() -> None:
    problem = convolution(m=5, c=2)
    chip = machine(("cluster", {"c": axis(2)}), ("PE", {"x": axis(3)}))
    mapping = nest("M2@cluster.c", "M3@PE.x", "C2")
    grid = Grid(array_places(problem, chip, mapping)[1], shorten(3))
    # One pass alone; the second cluster has two filters left for three PEs.
    assert [grid.state((x,)) for x in range(3)] == ["active", "active", "idle at times"]
    assert "idle at times" in texts(mapping_on_array(problem, chip, mapping))


def test_a_folded_dimension_adds_up_from_both_axes() -> None:
    said = texts(mapping_on_array(*chips_mapping("conv2")))
    assert {"P0–13 R0", "P14–26 R4", "+0", "in a place: P, R, from the top"} <= set(said)
    assert said.count("26\n4") == 1 and "27\n0" not in said


def test_places_without_room_are_stated_by_their_ends() -> None:
    assert "at 0, 0: M 0–15, P 0, R 0; at 12, 11: M 48–63, P 12, R 2" in texts(
        mapping_on_array(*chips_mapping("conv3"), nest=False)
    )


@pytest.mark.parametrize(("case", "beside"), [*((case, True) for case in (*CASES, *CHIP)), ("conv1", False)])
def test_nothing_leaves_the_figure_and_type_is_readable(case: str, beside: bool) -> None:
    problem, chip, mapping = CASES[case] if case in CASES else chips_mapping(case)
    figure = mapping_on_array(problem, chip, mapping, "a title of some length, as figures have", nest=beside)
    assert figure.get_figwidth() == (7 if beside else 3.5)
    figure.draw_without_rendering()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert float(text.get_fontsize()) >= 7
            assert box.x0 >= -1 and box.y0 >= -1, text
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text


def test_long_axes_are_shortened() -> None:
    assert shorten(64) == tuple(range(64))
    assert None in shorten(65) and shorten(65)[-1] == 64
    chip = machine(("PE", {"x": axis(100)}))
    problem = convolution(m=98, c=2, p=3)
    (view,) = array_places(problem, chip, mapping := nest("M98@PE.x", "C2", "P3"))
    grid = Grid(view, shorten(100))
    assert [p for p in grid.cells if grid.state(p) == "idle"] == [(98,), (99,)]
    figure = mapping_on_array(problem, chip, mapping)
    assert {"…", "PE, 100: 98 of 100 active"} <= set(texts(figure))
    # The chain of places that share the inputs goes on behind the ellipsis.
    arrows = [patch for patch in figure.axes[2].patches if type(patch).__name__ == "FancyArrowPatch"]
    # From the first place to the second last (the last but two of the axis), drawn after 24 and the gap.
    assert [round(arrow.get_path().vertices[:, 0].max()) for arrow in arrows] == [26]


def test_the_nest_says_what_stays_in_a_place() -> None:
    problem, chip, mapping = chips_mapping("conv2")
    lines = [line.strip() for line in nest_lines(problem, chip, mapping)]
    assert lines[0] == "DRAM keeps weights inputs outputs"
    assert "parallel on PE.y: p 2, r 5" in lines and "for s 5, c 2, m 16" in lines
    assert lines[-3:] == [
        "weights 160 words in filter_spad, stay across q",
        "inputs 10 words in ifmap_spad, stay across m",
        "outputs 16 words in psum_spad, stay across s c",
    ]
    bare = sim.dataflow_mapping(problem, chip, "row_stationary", **CHIP["conv2"][0]).to_list()
    bare = [node for node in bare if node.get("store") != "ifmap_spad"]
    assert "inputs not kept" in [line.strip() for line in nest_lines(problem, chip, Mapping.from_list(bare))]


def test_machines_that_cannot_be_drawn_are_refused() -> None:
    problem, _, mapping = CASES["nothing on the array"]
    with pytest.raises(MappingError, match="drawn has no array"):
        mapping_on_array(problem, machine(), mapping)
    deep = machine(("PE", {"x": axis(2), "y": axis(2), "z": axis(2)}))
    with pytest.raises(MappingError, match="array PE has 3 axes; two can be drawn"):
        mapping_on_array(problem, deep, mapping)
    with pytest.raises(MappingError, match=r"axis PE\.x has 8 places, the mapping uses 9"):
        mapping_on_array(convolution(m=9), LINE, nest("M9@PE.x"))


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_pictures_are_the_same_each_time(tmp_path: Path, kind: str) -> None:
    files = [tmp_path / f"{number}.{kind}" for number in range(2)]
    for file in files:
        save_figure(mapping_on_array(*CASES["folded"]), file, 100)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_result_draws_its_mapping(tmp_path: Path) -> None:
    problem, chip, mapping = chips_mapping("conv3")
    sim.evaluate(problem, chip, mapping, "closed-form").plot_mapping(tmp_path / "conv3.svg", chip)
    text = (tmp_path / "conv3.svg").read_text()
    assert "conv3 on eyeriss_v1: by hand" in text and "156 of 168 active" in text
