"""Weight stationary: filters stay in the PEs while all the pixels of a tile stream past them.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section IV-A. Parameters:

    m  output channels whose partial sums the buffer holds        n  images of a tile
    e  output rows of a tile
    p  filters a PE holds      q  channels a PE holds
    r  channels spread over the array, added up in it      t  filters spread over it, sharing inputs
    taps  1 where the filter's rows and columns lie on the array too, 0 where they follow each other

What stays: weights, for every pixel of the buffer's tile. Partial sums return to the buffer after each
pass over channels and taps; inputs are sent to all filters at once. Where a PE holds more than one
weight and has room, it also keeps the pixel's inputs and partial sums while it uses them up.
"""

from __future__ import annotations

from functools import partial

from simulator.architecture import Architecture
from simulator.dataflows.layout import (
    Roles,
    in_buffer,
    in_pe,
    place_on_axes,
    roles,
    store,
    thinned,
    tile_sizes,
)
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

NAME = "weight_stationary"
PARAMETERS = {"m": "M", "n": "N", "e": "P", "p": "M", "q": "C", "r": "C", "t": "M", "taps": None}
_SPATIAL = ("R", "S", "C", "M")
_IN_PE = (Slot("C3", "C"), Slot("M3", "M"))


def mapspace(problem: Problem, architecture: Architecture) -> Mapspace:
    """Weight-stationary mappings with parameters worth trying.

    Tile sizes are the smallest for their number of tiles, strips (e) halve from the whole map on. The
    array holds as many filters (t) as fit beside the channels (fewer only where the filters of a full
    array fit no level), the buffer as many output channels (m).

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
    """The weight-stationary mapping with parameters m, n, e, p, q, r, t and taps given by hand.

    Raises
    ------
    MappingError
        For a parameter missing, unknown or out of range, or filters that do not fit the array.
        Whether tiles fit their levels is checked where the mapping is used.
    """
    machine = _machine(architecture)
    given = by_hand(NAME, PARAMETERS, problem, parameters)
    if given["taps"] not in (0, 1):
        raise MappingError(f"{NAME}: parameter taps must be 0 or 1, not {given['taps']}")
    spots = _place(problem, machine, given["taps"], given["r"], given["t"])
    if spots is None:
        taps = " with all taps" if given["taps"] else ""
        raise MappingError(
            f"{NAME}: {given['r']} channels of {given['t']} filters{taps} "
            f"do not fit the {machine.size_text} array of {architecture.name}; lower r or t, or set taps to 0"
        )
    table = constant({**given, **spots})
    several = given["p"] * given["q"] > 1 or not _may_be_alone(machine)
    nodes = _nest(machine, in_buffer(machine, "inputs")[-1], in_buffer(machine, "weights")[-1], several)
    return skeleton(nodes, _bounds(problem, machine, table)).mapping(0)


def _space(problem: Problem, architecture: Architecture, machine: Roles, fill: bool) -> Mapspace:
    table = _parameters(problem, architecture, machine, fill)
    alone = (table["p"] == 1) & (table["q"] == 1) & _may_be_alone(machine)
    variants = [
        Variant(_nest(machine, inputs, weights, several), several ^ alone)
        for inputs in in_buffer(machine, "inputs")
        for weights in in_buffer(machine, "weights")
        for several in (False, True)
        if (several ^ alone).any()
    ]
    return build(NAME, problem, architecture, variants, table, _bounds(problem, machine, table), "m")


def _machine(architecture: Architecture) -> Roles:
    machine = roles(architecture, NAME)
    if machine.scratchpad["weights"] is None:
        raise MappingError(f"{NAME} keeps weights in the PE; {architecture.name} has no level there for them")
    return machine


def _may_be_alone(machine: Roles) -> bool:
    """Whether a PE that holds one weight may leave its other scratchpads out."""
    return not machine.scratchpad_required & {"inputs", "outputs"}


def _nest(machine: Roles, inputs: bool, weights: bool, several: bool) -> tuple[Store | Slot, ...]:
    """The nest, with inputs and weights in the buffer or past it; several weights a PE use its other pads."""
    buffer, pad = machine.buffer, machine.scratchpad
    return (
        Store(machine.outermost, ("weights", "inputs", "outputs")),
        *(Slot(f"{dimension}1", dimension) for dimension in "GNMP"),
        *store(buffer["outputs"], "outputs"),
        Slot("C1", "C"),
        *(store(buffer["inputs"], "inputs") if inputs else ()),
        Slot("M2", "M"),
        Slot("R1", "R"),
        Slot("S1", "S"),
        *(store(buffer["weights"], "weights") if weights else ()),
        *spatial_slots(_SPATIAL, machine.axes),
        *store(pad["weights"], "weights"),
        Slot("N2", "N"),
        Slot("P2", "P"),
        Slot("Q", "Q"),
        *(store(pad["inputs"], "inputs") if several else ()),
        *(store(pad["outputs"], "outputs") if several else ()),
        *_IN_PE,
    )


def _bounds(problem: Problem, machine: Roles, table: Table) -> Table:
    """Bounds of every slot from the parameters and the places on the axes."""
    return filter_bounds(problem, machine, table) | {
        "P1": tiles(problem.extents["P"], table["e"]),
        "S1": tiles(problem.extents["S"], on_axes(table, machine, "S")),
        "P2": table["e"],
    }


def _parameters(problem: Problem, architecture: Architecture, machine: Roles, fill: bool) -> Table:
    """Parameters worth trying, with the places of the filters on the axes."""
    x = problem.extents
    fitting_pe = _fitting_in_pe(problem, architecture, machine)
    tables = []
    for taps in (0, 1) if x["R"] * x["S"] > 1 else (0,):
        place = partial(_place, problem, machine, taps)
        for r, t, spots in sets_on_array(tile_sizes(x["C"]), tile_sizes(x["M"]), fill, place):
            pairs = {(1, 1)}
            for p in worth_trying(fitting_pe["p"], tile_sizes(-(-x["M"] // t))):
                channels = fitting_pe["q"][fitting_pe["p"] == p]
                pairs |= {(p, q) for q in worth_trying(channels, tile_sizes(-(-x["C"] // r)))}
            for p, q in sorted(pairs):
                filters = thinned(tile_sizes(-(-x["M"] // (p * t))))
                table = combinations(
                    n=thinned(tile_sizes(x["N"])),
                    e=thinned(tile_sizes(x["P"])),
                    m=[k * p * t for k in filters],
                )
                fixed = {"r": r, "t": t, "p": p, "q": q, "taps": taps, **spots}
                tables.append(table | constant(fixed, len(table["m"])))
    return stack(tables)


def _fitting_in_pe(problem: Problem, architecture: Architecture, machine: Roles) -> Table:
    """Filters and channels that fit a PE together; one of each where it keeps weights alone."""
    x, pad = problem.extents, machine.scratchpad
    if pad["inputs"] is None or pad["outputs"] is None:
        return constant({"p": 1, "q": 1})
    nodes: tuple[Store | Slot, ...] = (*in_pe(machine), *_IN_PE)
    table = combinations(p=tile_sizes(x["M"]), q=tile_sizes(x["C"]))
    fits = fitting(problem, architecture, nodes, {"C3": table["q"], "M3": table["p"]})
    return {name: column[fits] for name, column in table.items()}


def _place(problem: Problem, machine: Roles, taps: int, r: int, t: int) -> dict[str, int] | None:
    """Bounds of the spatial loops on each axis, or None where they do not fit."""
    x = problem.extents
    rows, columns = (x["R"], x["S"]) if taps else (1, 1)
    return place_on_axes(machine, {"R": (rows, True), "S": (columns, False), "C": (r, True), "M": (t, False)})
