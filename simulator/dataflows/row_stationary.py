"""Row stationary: a PE keeps filter rows and slides input rows past them.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section V; the chip's parameters: JSSC 2017, table II:

    m  output channels whose partial sums the buffer holds        n  images in a processing pass
    e  output rows of a strip, the width of a PE set
    p  filters interleaved in a PE      q  channels interleaved in a PE
    r  PE sets on other channels, added up in the array      t  PE sets on other filters

A PE set is R filter rows high and e output rows wide: filter rows are shared along its rows, input rows
along its diagonals, partial sums add up along its columns. A set wider or taller than the array is
folded; r x t sets share the array. What stays: filter rows for a whole pass, input rows while the window
slides over them, partial sums in the PE for one output pixel and in the buffer over all channels.
"""

from __future__ import annotations

from functools import partial

from simulator.architecture import Architecture
from simulator.dataflows.layout import Roles, in_buffer, in_pe, place_on_axes, roles, store, tile_sizes
from simulator.dataflows.nest import (
    Slot,
    Table,
    Variant,
    build,
    by_hand,
    combinations,
    constant,
    filter_bounds,
    fitting,
    on_axes,
    sets_on_array,
    skeleton,
    spatial_slots,
    stack,
    tiles,
    worth_trying,
)
from simulator.errors import MappingError
from simulator.mapping import Mapping, Store
from simulator.mapspaces import Mapspace
from simulator.problem import Problem

NAME = "row_stationary"
PARAMETERS = {"m": "M", "n": "N", "e": "P", "p": "M", "q": "C", "r": "C", "t": "M"}
_SPATIAL = ("P", "R", "C", "M")
# What stands directly above the buffer matters only where a tile of the buffer has all channels.
_ORDERS = ("GNMP", "GNPM", "GMPN")
_IN_PE = (Slot("S2", "S"), Slot("C3", "C"), Slot("M3", "M"))


def supports(architecture: Architecture) -> bool:
    """Whether a machine has an array whose PEs can keep every tensor."""
    try:
        _machine(architecture)
    except MappingError:
        return False
    return True


def mapspace(problem: Problem, architecture: Architecture) -> Mapspace:
    """Row-stationary mappings with parameters worth trying.

    Tile sizes are the smallest for their number of tiles. The array holds as many filter sets (t) as fit
    beside the others (fewer only where the filters of a full array fit no level), the buffer as many
    output channels (m): fewer would only read inputs more often.

    Raises
    ------
    MappingError
        If there is none: which level cannot hold the smallest tiles.
    """
    machine = _machine(architecture)
    try:
        return _space(problem, architecture, machine, fill=True)
    except MappingError:
        return _space(problem, architecture, machine, fill=False)


def mapping(problem: Problem, architecture: Architecture, /, **parameters: int) -> Mapping:
    """The row-stationary mapping with the paper's parameters m, n, e, p, q, r, t given by hand.

    Raises
    ------
    MappingError
        For a parameter missing, unknown or out of range, or a PE set that does not fit the array.
        Whether tiles fit their levels is checked where the mapping is used.
    """
    machine = _machine(architecture)
    given = by_hand(NAME, PARAMETERS, problem, parameters)
    rows = _rows_on_array(problem, machine)
    spots = _place(machine, given["e"], rows, given["r"], given["t"])
    if spots is None:
        raise MappingError(
            f"{NAME}: {given['r']} x {given['t']} PE sets of {rows} x {given['e']} do not fit the "
            f"{machine.size_text} array of {architecture.name}; lower e, r or t"
        )
    table = constant({**given, **spots, "s": problem.extents["S"]})
    nodes = _nest(machine, _ORDERS[0], in_buffer(machine, "weights")[-1])
    return skeleton(nodes, _bounds(problem, machine, table)).mapping(0)


def _space(problem: Problem, architecture: Architecture, machine: Roles, fill: bool) -> Mapspace:
    table = _parameters(problem, architecture, machine, fill)
    all_channels = tiles(problem.extents["C"], table["q"] * table["r"]) == 1
    variants = [
        Variant(_nest(machine, order, weights), all_channels | (order == _ORDERS[0]))
        for weights in in_buffer(machine, "weights")
        for order in _ORDERS
    ]
    return build(NAME, problem, architecture, variants, table, _bounds(problem, machine, table), "m")


def _machine(architecture: Architecture) -> Roles:
    machine = roles(architecture, NAME)
    missing = [tensor for tensor, level in machine.scratchpad.items() if level is None]
    if missing:
        raise MappingError(
            f"{NAME} keeps every tensor in the PE; {architecture.name} cannot: {', '.join(missing)}"
        )
    return machine


def _nest(machine: Roles, order: str, weights_in_buffer: bool) -> tuple[Store | Slot, ...]:
    """The nest; filters bypass the buffer (ISCA'16), or pass through it where the machine has it so."""
    buffer, pad = machine.buffer, machine.scratchpad
    return (
        Store(machine.outermost, ("weights", "inputs", "outputs")),
        *(Slot(f"{dimension}1", dimension) for dimension in order),
        *store(buffer["outputs"], "outputs"),
        Slot("C1", "C"),
        *store(buffer["inputs"], "inputs"),
        Slot("M2", "M"),
        Slot("R1", "R"),
        Slot("S1", "S"),
        *(store(buffer["weights"], "weights") if weights_in_buffer else ()),
        *spatial_slots(_SPATIAL, machine.axes),
        *store(pad["weights"], "weights"),
        Slot("N2", "N"),
        Slot("Q", "Q"),
        *store(pad["inputs"], "inputs"),
        *store(pad["outputs"], "outputs"),
        *_IN_PE,
    )


def _bounds(problem: Problem, machine: Roles, table: Table) -> Table:
    """Bounds of every slot from the parameters and the places on the axes."""
    return filter_bounds(problem, machine, table) | {
        "P1": tiles(problem.extents["P"], on_axes(table, machine, "P")),
        "S1": tiles(problem.extents["S"], table["s"]),
        "S2": table["s"],
    }


def _parameters(problem: Problem, architecture: Architecture, machine: Roles, fill: bool) -> Table:
    """Parameters worth trying, with the places of the PE sets on the axes.

    ``s`` are the filter columns a PE holds at once: all, unless its scratchpads are too small.
    """
    x = problem.extents
    rows = _rows_on_array(problem, machine)
    fitting_pe = _fitting_in_pe(problem, architecture, machine)
    tables = []
    for e in tile_sizes(x["P"]):
        place = partial(_place, machine, e, rows)
        for r, t, spots in sets_on_array(tile_sizes(x["C"]), tile_sizes(x["M"]), fill, place):
            for p in worth_trying(fitting_pe["p"], tile_sizes(-(-x["M"] // t))):
                channels = worth_trying(fitting_pe["q"][fitting_pe["p"] == p], tile_sizes(-(-x["C"] // r)))
                filters = tile_sizes(-(-x["M"] // (p * t)))
                table = combinations(q=channels, n=tile_sizes(x["N"]), m=[k * p * t for k in filters])
                fixed = {"e": e, "r": r, "t": t, "p": p, "s": int(fitting_pe["s"][0]), **spots}
                tables.append(table | constant(fixed, len(table["m"])))
    return stack(tables)


def _fitting_in_pe(problem: Problem, architecture: Architecture, machine: Roles) -> Table:
    """Filters, channels and filter columns that fit the scratchpads together, for the most columns."""
    x = problem.extents
    nodes: tuple[Store | Slot, ...] = (*in_pe(machine), *_IN_PE)
    for s in reversed(tile_sizes(x["S"])):
        table = combinations(p=tile_sizes(x["M"]), q=tile_sizes(x["C"]), s=[s])
        fits = fitting(problem, architecture, nodes, {"S2": table["s"], "C3": table["q"], "M3": table["p"]})
        if fits.any():
            return {name: column[fits] for name, column in table.items()}
    # Nothing fits; the smallest are tried all the same, so that the error can say what is missing.
    return constant({"p": 1, "q": 1, "s": 1})


def _rows_on_array(problem: Problem, machine: Roles) -> int:
    """Filter rows of a PE set: all of them, or as many as the array has places for."""
    most = min(problem.extents["R"], machine.places)
    return next(rows for rows in range(most, 0, -1) if _place(machine, 1, rows, 1, 1) is not None)


def _place(machine: Roles, e: int, rows: int, r: int, t: int) -> dict[str, int] | None:
    """Bounds of the sets' loops on each axis, or None where they do not fit. Filter rows go down."""
    return place_on_axes(machine, {"P": (e, False), "R": (rows, True), "C": (r, True), "M": (t, True)})
