"""The pages on numbers and on machines know every column and field that there is."""

import re
from collections.abc import Iterable

import simulator as sim
from simulator.architecture import architecture_schema
from simulator.report import notes
from workloads import Convolution, Input, Network, NetworkBuilder

from .blocks import ROOT

PAGE = (ROOT / "docs" / "reference" / "numbers.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w<>]+)`", PAGE))


def small() -> Network:
    net = NetworkBuilder("small")
    net.add(Input("image", (2, 6, 6)))
    net.add(Convolution("conv", out_channels=2, kernel=3))
    return net.build()


def unexplained(columns: Iterable[str], levels: Iterable[str]) -> set[str]:
    """Columns that the page does not name, with <level> for a level's name."""
    general = {re.sub(rf"^({'|'.join(levels)})_", "<level>_", column) for column in columns}
    return general - NAMED - {"<level>_bytes"}  # of the outermost level alone, which the page names so


def test_every_column_is_explained() -> None:
    study = sim.sweep(small(), "eyeriss_v1", {"batch": [1, 2]}, workers=0)
    result = study.runs[0].result()
    assert unexplained(result.summary()[0], result.levels) == set()
    assert unexplained(next(result.rows()), ()) == set()
    for table in ("networks", "layers", "rows"):
        assert unexplained(study.table(table)[0], result.levels) == set(), table
    assert "`<outermost>_bytes`" in PAGE


def test_every_line_below_the_table_is_explained() -> None:
    for line in notes(sim.simulate(small(), "eyeriss_v1", engine="closed-form")):
        assert f"| {line.split(' ')[0].rstrip(':')}" in PAGE, line


def test_every_field_of_a_machine_is_explained() -> None:
    page = (ROOT / "docs" / "how-to" / "machine.md").read_text(encoding="utf-8")
    schema = architecture_schema()
    fields = {name for form in (schema, *schema["$defs"].values()) for name in form.get("properties", ())}
    assert {name for name in fields if not re.search(rf"\b{name}\b", page)} == set()
