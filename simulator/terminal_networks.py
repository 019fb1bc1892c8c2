"""What the command line shows of networks before they run: layers, totals, branches, and the zoo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import big
from simulator.terminal import tidy_table

if TYPE_CHECKING:
    from workloads import Network, Shape

_WIDE = 120
_TOTALS = ("macs", "conv_macs", "fc_macs", "operations", "weights", "biases", "affine", "params")


def network_overview(network: Network) -> dict[str, Any]:
    """A network as plain data: what is known of it, its totals, a row per layer, its forks."""
    from workloads.branches import forks

    return {
        "network": network.name,
        "batch": network.batch,
        **asdict(network.metadata),
        "totals": {name: getattr(network, name) for name in _TOTALS},
        "distinct_layers": len(network.unique_layers()),
        "layers": [asdict(row) for row in network.summary()],
        "forks": [asdict(fork) for fork in forks(network)],
    }


def overview_parts(network: Network) -> Iterator[RenderableType]:
    """A network: the table of its layers, its totals, where its graph forks and joins."""
    known = network.metadata
    facts = [str(known.year or ""), known.source, known.dataset]
    errors = {"top-1": known.top1_error, "top-5": known.top5_error}
    facts += [f"{name} error {error:g} %" for name, error in errors.items() if error is not None]
    yield _layers(network)
    yield Text(
        f"{len(network)} layers, {len(network.unique_layers())} distinct; {network.macs:,} MACs "
        f"(convolutions {network.conv_macs:,}, linear {network.fc_macs:,}), {network.operations:,} other "
        "operations"
    )
    yield Text(
        f"{network.params:,} parameters: {network.weights:,} weights, {network.biases:,} biases, "
        f"{network.affine:,} scales and shifts"
    )
    if told := "; ".join(filter(None, facts)):
        yield Text(told)
    yield from _branches(network)


def _layers(network: Network) -> Table:
    """Layers with shapes, multiply-accumulates, weights and other operations, and their totals."""
    title = f"{network.name}, batch {network.batch}: MACs and operations of the whole batch"
    headings = ("layer", "type", "input", "output", "MACs", "weights", "operations")
    table = tidy_table(title, *headings, numbers=3)
    table.show_footer = True
    for row in network.summary():
        inputs = ", ".join(_shape(shape) for shape in row.input_shapes)
        numbers = (f"{n:,}" if n else "" for n in (row.macs, row.weights, row.operations))
        table.add_row(row.name, row.type, inputs, _shape(row.output_shape), *numbers)
    totals = (f"{n:,}" for n in (network.macs, network.weights, network.operations))
    for column, total in zip(table.columns, ("total", "", "", "", *totals), strict=True):
        column.footer = total
    return table


def _branches(network: Network) -> Iterator[RenderableType]:
    from workloads.branches import forks

    found = forks(network)
    if not found:
        yield Text("no branches: every layer feeds one other at most")
        return
    headings = ("forks after", "ways", "into", "together again at", "layers between", "MACs")
    table = tidy_table("branches", *headings, numbers=2)
    for fork in found:
        into = ", ".join(fork.ways)
        joins = fork.joins_at or "not at all"
        table.add_row(fork.name, str(len(fork.ways)), into, joins, str(fork.layers), f"{fork.macs:,}")
    yield table


def zoo_rows(networks: Iterable[tuple[str, Network]]) -> dict[str, dict[str, Any]]:
    """What the list of networks shows, as plain data by name: a description and the network itself."""
    return {
        network.name: {
            "description": description,
            **asdict(network.metadata),
            **{name: getattr(network, name) for name in ("macs", "weights", "params")},
        }
        for description, network in networks
    }


def zoo_table(rows: dict[str, dict[str, Any]], width: int | None) -> Table:
    """The networks of the zoo: MACs of one image, weights, year, source; where it is wide, what they are."""
    table = tidy_table("", "network", "year", "MACs", "weights", numbers=3)
    table.title = None
    table.columns[0].no_wrap = True
    table.add_column("source", overflow="fold")
    wide = width is None or width >= _WIDE
    if wide:
        table.add_column("description", overflow="fold")
    for name, row in rows.items():
        numbers = "" if row["year"] is None else str(row["year"]), big(row["macs"]), big(row["weights"])
        table.add_row(
            name, *numbers, *(Text(row[what] or "") for what in ("source", "description")[: 1 + wide])
        )
    return table


def _shape(shape: Shape) -> str:
    return "x".join(str(extent) for extent in shape)
