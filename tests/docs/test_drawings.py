"""The drawings are what their script draws, and say what the simulator counts."""

import importlib.util
import sys
import xml.etree.ElementTree as ElementTree
from types import ModuleType

import pytest

import simulator as sim
from simulator.mapping import Loop, Store
from simulator.problem import convolution

from .blocks import ROOT

FOLDER = ROOT / "docs" / "drawings"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawings", FOLDER / "draw.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["drawings"] = module
    spec.loader.exec_module(module)
    return module


DRAWINGS = script().DRAWINGS


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_as_committed(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert text == DRAWINGS[name]().svg()
    root = ElementTree.fromstring(text)
    assert root[0].tag.endswith("title") and root[0].text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert f"drawings/{name}.svg" in (ROOT / "docs" / "counting.md").read_text()


def texts(name: str) -> str:
    return " ".join(ElementTree.fromstring(DRAWINGS[name]().svg()).itertext())


def counts(nest: list[dict[str, object]], dims: dict[str, int], tensor: str, **options: object) -> list[int]:
    """The counts of a tensor between the outermost level and the next one, of a row of a convolution or a
    matrix times a vector."""
    ranks = {
        "P": {"weights": [{"R": 1}], "inputs": [{"P": 1, "R": 1}], "outputs": [{"P": 1}]},
        "M": {"weights": [{"M": 1}, {"C": 1}], "inputs": [{"C": 1}], "outputs": [{"M": 1}]},
    }["P" if "P" in dims else "M"]
    tensors = {name: [{"coefficients": rank} for rank in own] for name, own in ranks.items()}
    top = {"store": "buffer", "keeps": [*tensors]}
    case = {"dims": dims, "tensors": tensors, "output": "outputs", "nest": [top, *nest], "options": options}
    row = next(r for r in sim.count_case(case) if (r["tensor"], r["parent"]) == (tensor, "buffer"))
    return [words for words in row.values() if isinstance(words, int)]


def loop(dim: str, bound: int, axis: str | None = None) -> dict[str, object]:
    kind = {"loop": "temporal"} if axis is None else {"loop": "spatial", "axis": axis}
    return {**kind, "dim": dim, "bound": bound}


def test_windows_say_what_is_counted() -> None:
    spad = {"store": "spad", "keeps": ["inputs"]}
    reads, _, _ = counts([loop("P", 5), spad, loop("R", 3)], {"P": 5, "R": 3}, "inputs")
    assert f"{reads} fills, not 15" in texts("window")
    both = [loop("P", 3), loop("P", 2, "x"), spad, loop("R", 3)]
    reads, fills, forwardable = counts(both, {"P": 6, "R": 3}, "inputs")
    assert f"{fills} fills, {reads} reads, {forwardable} forwardable" in texts("multicast")


def test_wires_say_what_is_counted() -> None:
    everything = ("weights", "inputs", "outputs")
    array = {"array": "PE", "axes": {"x": {"size": 4}, "y": {"size": 3}}, "price": {"hop": 1}}
    machine = sim.Architecture.from_dict(
        {"name": "drawn", "energy_unit": "pJ", "bits": dict.fromkeys(everything, 8)}
        | {"hierarchy": [{"storage": "GLB"}, array, {"storage": "RF"}, {"mac": {}}]}
    )
    loops = Loop("P", 4, "x", "PE"), Loop("R", 3, "y", "PE")
    nest = sim.Mapping((Store("GLB", everything), *loops, Store("RF", everything)))
    layer = convolution(p=4, r=3)
    for topology in ("unicast", "bus", "tree", "mesh"):
        rows = sim.evaluate(layer, machine.replace({"PE.topology": topology}), nest).rows()
        hops = {row["tensor"]: row["count"] for row in rows if row["action"] == "hop"}
        said = texts("wires").split(topology)[-1].split("all 6 words: ")[1]
        assert said.split()[0] == str(hops["inputs"])


def test_sums_say_what_is_counted() -> None:
    below = [loop("C", 2, "x"), {"store": "spad", "keeps": ["outputs"]}]
    said = texts("sums")
    for order, options in (("CM", {}), ("CM", {"no_reduction": ["x"]}), ("MC", {})):
        nest = [*(loop(dim, 2) for dim in order), *below]
        drains, merges, contributed, refills = counts(nest, {"M": 2, "C": 4}, "outputs", **options)
        panel = f"contributed {contributed} drains {drains} merges {merges} refills {refills}"
        assert panel in " ".join(said.split()), panel
