"""Words that neighbours pass on: a picture shows them where the counts have them, and nowhere else."""

from __future__ import annotations

import pytest

import simulator as sim
from simulator.architecture import Architecture
from simulator.mapping import Mapping
from simulator.plots import mapping_on_array
from simulator.plots.places import array_places
from simulator.problem import Problem, convolution

from .test_mapping import CASES, GRID, axis, machine, nest, texts

OPERANDS = ["weights", "inputs"]
IN = ["inputs"]
LINKED_GRID = machine(("PE", {"x": axis(6, links=IN), "y": axis(5, links=IN)}))
SLIDING = convolution(m=3, c=2, p=9, r=3)
# Rows of inputs p + r; only a word that a neighbour had the step before can be passed on.
PASSING: dict[str, tuple[Problem, Architecture, Mapping, tuple[int, ...]]] = {
    "windows slide along x": (SLIDING, LINKED_GRID, nest("M3@PE.y", "P3", "P3@PE.x", "C2", "R3"), (0,)),
    "filter rows along y": (SLIDING, LINKED_GRID, nest("M3@PE.x", "P9", "R3@PE.y", "C2"), (1,)),
    "diagonals alone": (convolution(p=9, r=2), LINKED_GRID, nest("P3", "P3@PE.x", "R2@PE.y"), (0, 1)),
    "windows apart": (convolution(m=3, c=2, p=9), LINKED_GRID, nest("M3", "P3", "P3@PE.x", "C2"), ()),
    "no loop outside": (SLIDING, LINKED_GRID, nest("P5@PE.x", "P2@PE.y", "R3", "C2", "M3"), ()),
    "no links": (SLIDING, GRID, nest("M3@PE.y", "P3", "P3@PE.x", "R3", "C2"), ()),
}


def links_counted(problem: Problem, chip: Architecture, mapping: Mapping) -> dict[tuple[str, str], int]:
    rows = sim.evaluate(problem, chip, mapping).rows()
    return {(row["level"], row["tensor"]): row["count"] for row in rows if row["action"] == "link"}


@pytest.mark.parametrize("case", PASSING)
def test_words_are_passed_on_where_the_counts_say_so(case: str) -> None:
    problem, chip, mapping, along = PASSING[case]
    (view,) = array_places(problem, chip, mapping)
    assert view.linked == {"weights": (), "inputs": along, "outputs": ()}
    assert bool(along) == (links_counted(problem, chip, mapping).get(("PE", "inputs"), 0) > 0)
    figure = mapping_on_array(problem, chip, mapping)
    names = ", ".join(view.array.axes[number].name for number in along)
    said = [line for text in texts(figure) for line in text.split("\n") if line.startswith("passed on")]
    assert said == ([f"passed on along {names}"] if along else [])
    triangles = {str(line.get_marker()) for ax in figure.axes for line in ax.lines} & {">", "v"}
    assert triangles == {">v"[number] for number in along}


def test_a_mac_passes_words_on_only_from_a_latch() -> None:
    problem, chip, mapping, _ = PASSING["windows slide along x"]
    nodes = mapping.to_list()
    unkept = [n | {"keeps": ["weights", "outputs"]} if n.get("store") == "pad" else n for n in nodes]
    at_mac = Mapping.from_list(unkept)
    assert links_counted(problem, chip, at_mac) == {("PE", "inputs"): 0}
    (bare,) = array_places(problem, chip, at_mac)
    assert bare.linked["inputs"] == ()
    latching = chip.replace({"mac.latches": IN})
    assert links_counted(problem, latching, at_mac)["PE", "inputs"] > 0
    (latched,) = array_places(problem, latching, at_mac)
    assert latched.linked["inputs"] == (0,)


@pytest.mark.parametrize("multicast", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_no_picture_passes_on_what_the_counts_do_not(case: str, multicast: bool) -> None:
    problem, bare, mapping = CASES[case]
    chip = machine(
        *(
            (a.name, {x.name: axis(x.size, multicast, x.reduces, OPERANDS) for x in a.axes})
            for a in bare.arrays
        )
    )
    counted = links_counted(problem, chip, mapping)
    for view in array_places(problem, chip, mapping):
        for tensor in OPERANDS:
            assert bool(view.linked[tensor]) == (counted.get((view.array.name, tensor), 0) > 0)
