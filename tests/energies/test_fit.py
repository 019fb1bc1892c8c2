"""Power laws through points, and what the tables that come along say of their own fits."""

from __future__ import annotations

import csv
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.energies.fit import fit
from simulator.energies.kinds import KindTable
from simulator.energies.nodes import factor
from simulator.energies.table_file import EnergyTableError
from simulator.energies.tables import load_table

EXPONENT = st.floats(-2, 2)


@given(EXPONENT, EXPONENT, st.floats(0.01, 100))
def test_a_power_law_comes_out_of_its_points(capacity: float, width: float, scale: float) -> None:
    def law(c: float, w: float) -> float:
        return scale * c**capacity * w**width

    at = [(c, w) for c in (64.0, 512.0, 4096.0) for w in (8.0, 64.0)]
    points = {
        "capacity_bytes": [c for c, _ in at], "width_bits": [w for _, w in at],
        "banks": [4.0] * len(at), "read": [law(c, w) for c, w in at],
    }  # fmt: skip
    found = fit(points, "read")
    assert found.variables == ("capacity_bytes", "width_bits") and not found.curved
    assert found.max_error < 1e-9
    assert found({"capacity_bytes": 1000.0, "width_bits": 33.0}) == pytest.approx(law(1000.0, 33.0))


def test_a_single_point_is_met_to_the_last_digit() -> None:
    assert fit({"read": [200.0], "width_bits": [16.0]}, "read")({"width_bits": 3.0}) == 200.0
    assert fit({"read": [0.0]}, "read")({}) == 0.0


def test_curvature_needs_points_enough() -> None:
    points = {"capacity_bytes": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], "read": [1.0, 2.0, 3.0, 9.0, 8.0, 20.0]}
    assert fit(points, "read").curved
    few = {name: values[:4] for name, values in points.items()}
    assert not fit(few, "read").curved


@pytest.mark.parametrize(
    ("table", "kind", "read", "write", "leakage", "area"),
    [
        ("cacti_65nm", "sram", 0.35, 0.4, 0.4, 0.45),
        ("cacti_65nm", "registers", 0.06, 0.16, 0.42, 0.22),
        ("cacti_45nm", "sram", 0.35, 0.4, 0.4, 0.45),
        ("cacti_45nm_hp", "sram", 0.4, 0.5, 0.4, 0.45),
    ],
)
def test_the_fit_is_as_close_to_cacti_as_documented(
    table: str, kind: str, read: float, write: float, leakage: float, area: float
) -> None:
    """Every row of the node, from the CSV file itself, within the errors that docs/how-to states."""
    loaded = load_table(table)
    assert isinstance(loaded, KindTable)
    figures, node = loaded.figures[kind], loaded.node_nm
    name = f"{table.replace(f'_{node:g}nm', '')}_{kind}.csv"
    text = resources.files("arch_configs").joinpath("energy", name).read_text()
    rows = [
        {column: float(value) for column, value in row.items()}
        for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    ]
    own = [row for row in rows if row["node_nm"] == node]
    assert len(own) >= 12
    bounds = {"read": read, "write": write, "leakage_mw": leakage, "area_um2": area}
    for quantity, bound in bounds.items():
        errors = [abs((figures.value(quantity, row) or 0.0) / row[quantity] - 1) for row in own]
        assert max(errors) == pytest.approx(figures.laws[quantity].max_error)
        assert 0 < max(errors) < bound


def test_horowitz_sram_meets_the_figure() -> None:
    """ISSCC'14 figure 1.1.9: 8 KB 10 pJ, 32 KB 20 pJ, 1 MB 100 pJ for 64 bits."""
    table = load_table("horowitz_45nm")
    assert isinstance(table, KindTable)
    for capacity, energy in ((8192, 10), (32768, 20), (1048576, 100)):
        part = {"capacity_bytes": float(capacity), "width_bits": 64.0, "banks": 1.0, "node_nm": 45.0}
        assert table.figures["sram"].value("read", part) == pytest.approx(energy, rel=0.03)
        # What no point varies: half the bits are half the energy, banks are memories of their share.
        assert table.figures["sram"].value("read", part | {"width_bits": 32.0}) == pytest.approx(
            energy / 2, rel=0.03
        )
        banked = table.figures["sram"].value("read", part | {"capacity_bytes": 4.0 * capacity, "banks": 4.0})
        assert banked == pytest.approx(energy, rel=0.03)


@pytest.mark.parametrize("quantity", ["read", "area_um2"])
def test_a_smaller_node_costs_less(quantity: str) -> None:
    nodes = [130, 90, 65, 55, 45, 40, 32, 20, 16, 14, 10, 7]
    factors = [factor(quantity, 45, node) for node in nodes]
    assert factors == sorted(factors, reverse=True) and factors[4] == 1
    assert factor(quantity, 65, 16) * factor(quantity, 16, 65) == pytest.approx(1)


def test_a_node_out_of_reach_is_refused() -> None:
    with pytest.raises(EnergyTableError, match="3 nm: figures are scaled between 7 and 130 nm"):
        factor("read", 45, 3)
