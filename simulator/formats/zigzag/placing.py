"""Where ZigZag's memories stand in a hierarchy.

A memory of ZigZag's names the dimensions of the array that it serves; one instance stands at each place of
the others. Here a hierarchy is a line of levels and arrays, so a memory stands inside the arrays of the
dimensions that it does not serve:

    dram         serves D1, D2        ->  dram
                                          array D1
    cluster      serves D2                cluster
                                          array D2
    rf_W         serves none              rf_W, mac

Two kinds of memories are split into shares, one at each place that they serve, with the same words, at that
part of their prices: registers that pass a word on to several multipliers, which keep it while loops over
time go on, and of two memories of which neither serves all that the other does, one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.errors import ArchitectureError
from simulator.formats.zigzag.files import Notes
from simulator.formats.zigzag.forms import OPERANDS
from simulator.formats.zigzag.memories import TO_LOW, Accelerator, Memory

TENSOR = {"I1": "inputs", "I2": "weights", "O": "outputs"}


@dataclass(frozen=True)
class Place:
    """A memory in the hierarchy: inside the arrays of ``inside``, split into ``shares``."""

    memory: Memory
    inside: frozenset[str]
    shares: int = 1


def outermost(found: Accelerator, where: str, notes: Notes) -> list[Memory]:
    """The memories, at the end one that holds all operands; of several highest ones a single one."""
    tops: list[Memory] = []
    for operand in OPERANDS:
        holding = [memory for memory in found.memories if operand in memory.operands]
        if not holding:
            raise ArchitectureError(
                f"{where}: memories: none holds {operand} ({TENSOR[operand]}); each operand needs a memory"
            )
        if holding[-1] not in tops:
            tops.append(holding[-1])
    if len(tops) == 1:
        return list(found.memories)
    for memory in tops:
        below = [o for o in memory.operands if [m for m in found.memories if o in m.operands][-1] != memory]
        if below or set(memory.served) != set(found.sizes):
            raise ArchitectureError(
                f"{where}: memories: the highest of the operands are {', '.join(m.name for m in tops)}, and "
                f"{memory.name} is not outside of everything; give a memory above that holds all operands"
            )
    together = "_and_".join(memory.name for memory in tops)
    notes.append(
        f"{where}: {', '.join(m.name for m in tops)}: stand as the partitions of one outermost level"
    )
    top = Memory(
        name=together,
        bits=sum(memory.bits for memory in tops),
        operands=OPERANDS,
        served=tuple(found.sizes),
        ports=tuple(port for memory in tops for port in memory.ports),
        read_cost=None,
        write_cost=None,
        area=None if any(m.area is None for m in tops) else sum(m.area or 0.0 for m in tops),
        latency=max(memory.latency for memory in tops),
        double=any(memory.double for memory in tops),
        parts=tuple(tops),
    )
    return [*(memory for memory in found.memories if memory not in tops), top]


def ordered(
    memories: list[Memory], found: Accelerator, widths: dict[str, int], where: str, notes: Notes
) -> list[Place]:
    """The memories in the hierarchy's order, outermost first, each inside the arrays of those before it."""
    whole = frozenset(found.sizes)
    places: list[Place] = []
    for index, memory in enumerate(memories):
        inside = whole - set(memory.served)
        for lower in places[:index]:
            if set(lower.memory.operands) & set(memory.operands) and not inside <= lower.inside:
                notes.append(
                    f"{where}: {memory.name}: {lower.memory.name} below it serves "
                    f"{', '.join(sorted(inside - lower.inside))}; read as if it did so, too"
                )
                inside &= lower.inside
        places.append(Place(memory, frozenset(inside)))
    # Those before another in the file are below it where they hold the same operand.
    order = places[::-1]
    order.sort(key=lambda place: len(place.inside))
    if order[0].inside:
        missing = ", ".join(d for d in found.sizes if d in order[0].inside)
        raise ArchitectureError(
            f"{where}: memories.{order[0].memory.name}: served_dimensions: the highest memory must serve all "
            f"dimensions; add {missing}"
        )
    settled: list[Place] = []
    outer: frozenset[str] = frozenset()
    for place in order:
        inside = place.inside | outer
        if place.inside and _passes_words_on(place.memory, memories, widths):
            inside = whole
        settled.append(_shared(place, inside, found, where, notes))
        outer = outer if inside == whole else inside
    settled.sort(key=lambda place: len(place.inside))
    return settled


def _passes_words_on(memory: Memory, memories: list[Memory], widths: dict[str, int]) -> bool:
    """Whether it feeds multipliers a word at a time (of wider words perhaps), which all of them hear."""
    for operand in memory.operands:
        lowest = next(other for other in memories if operand in other.operands)
        word = widths["partial_sums" if operand == "O" else TENSOR[operand]]
        if lowest != memory or (memory.width(operand, TO_LOW) or 0) > 2 * word:
            return False
    return True


def _shared(place: Place, inside: frozenset[str], found: Accelerator, where: str, notes: Notes) -> Place:
    """The place inside of more arrays: a share of the memory stands at each place that it served."""
    more = [name for name in found.sizes if name in inside - place.inside]
    if not more:
        return place
    shares = math.prod(found.sizes[name] for name in more)
    notes.append(
        f"{where}: {place.memory.name}: serves {', '.join(more)}: each of the {shares} places has a share, "
        "with the same words, at that part of its prices"
    )
    return Place(place.memory, inside, shares)
