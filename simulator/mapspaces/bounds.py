"""The bounds that a loop can have: what a rule of factors admits, and what the other loops leave it."""

from __future__ import annotations

from simulator.batch.layout import AXIS_SIZE, CAP, DIMS, EXTENT, SIZES, SLOT_AXIS, SLOTS, Layout
from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mapspaces.restriction import BALANCED, PERFECT, Restriction


def possible_bounds(layout: Layout, restriction: Restriction) -> tuple[Ints, Ints]:
    """Return the least and the most (S, D) that bounds can be.

    None is more than its dimension's extent or its axis's places, nor less than what is left of the
    dimension where it has all its other loops at their most.
    """
    least, most = restriction.least.copy(), restriction.most.copy()
    _narrow(layout.table, least, most)
    return least, most


@lean_kernel
def _narrow(table, least, most):
    slots = table[SIZES, SLOTS]
    for d in range(table[SIZES, DIMS]):
        for slot in range(slots):
            axis, extent = table[SLOT_AXIS, slot], table[EXTENT, d]
            most[slot, d] = min(most[slot, d], extent, table[AXIS_SIZE, axis] if axis >= 0 else extent)
        for slot in range(slots):
            others = 1
            for other in range(slots):
                if other != slot:
                    others = min(CAP, others * most[other, d])
            least[slot, d] = max(least[slot, d], _ceil(table[EXTENT, d], others))


@lean_kernel
def admitted_up_to(rule, units, most):
    """The largest admitted bound up to ``most`` (1 to ``units``)."""
    if rule == BALANCED:
        return _ceil(units, _ceil(units, most))
    if rule == PERFECT:
        return _divisor_up_to(units, most)
    return most


@lean_kernel
def admitted_from(rule, units, least):
    """The smallest admitted bound from ``least`` (1 to ``units``) on."""
    if rule == BALANCED:
        times = _ceil(units, least)
        bound = _ceil(units, times)
        return bound if bound == least else _ceil(units, times - 1)
    if rule == PERFECT:
        return units // _divisor_up_to(units, units // least)
    return least


@lean_kernel
def admitted_after(rule, units, bound, most):
    """The admitted bound that follows another; 0 if there is none up to ``most``, at most ``units``."""
    if bound >= most:
        return 0
    larger = admitted_from(rule, units, bound + 1)
    return larger if larger <= most else 0


@lean_kernel
def _divisor_up_to(units, most):
    # The cofactors of divisors above the root are few.
    cofactor = _ceil(units, most)
    while cofactor * cofactor <= units:
        if units % cofactor == 0:
            return units // cofactor
        cofactor += 1
    divisor = units // cofactor
    while units % divisor:
        divisor -= 1
    return divisor


@lean_kernel
def _ceil(a, b):
    return (a + b - 1) // b
