"""The page of machines has a row for each that comes along, with its own figures."""

from __future__ import annotations

from collections.abc import Iterator

import simulator as sim
from simulator.architecture import registered_architectures

from .blocks import ROOT

PAGE = (ROOT / "docs" / "how-to" / "machines.md").read_text(encoding="utf-8")


def rows() -> Iterator[str]:
    """What the page must say of each machine, up to what it is checked against."""
    for name in registered_architectures():
        machine = sim.load_architecture(name)
        widths = (*machine.operand_bits, machine.output_bits, machine.partial_sum_bits)
        words = "/".join(str(bits) for bits in (widths[:1] if len(set(widths)) == 1 else widths))
        clock = "" if machine.clock_mhz is None else f"{machine.clock_mhz:g}"
        flow = f"`{machine.native_dataflow}`" if machine.native_dataflow else ""
        cells = (f"`{name}`", f"{machine.mac_units:,}", words, clock, flow)
        yield f"| {' | '.join(cells)}"


def test_every_machine_has_its_row() -> None:
    wanted = list(rows())
    shown = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for want, line in zip(wanted, shown, strict=False):
        assert line.startswith(f"{want} | "), f"the page should have: {want} | ..."
        assert len(line.removeprefix(want).strip("| ")) > 20, f"what is {want} checked against?"
    assert len(shown) == len(wanted), wanted
