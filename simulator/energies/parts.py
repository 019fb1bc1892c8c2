"""What a table is asked, and what it answers: the figures of one part of a machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from simulator.architecture_parts import STORAGE_ACTIONS

# Which actions of a storage level are reads of it; the others are writes.
READS = frozenset({"read", "merge", "send", "refill"})


@dataclass(frozen=True)
class Memory:
    """A storage level, or a partition of one: accesses of ``width_bits`` to ``capacity_bits`` in ``banks``.

    The outermost level is ``outermost``; a capacity of None is unbounded.
    """

    name: str
    capacity_bits: int | None
    width_bits: int
    banks: float
    outermost: bool


@dataclass(frozen=True)
class PartFigures:
    """Energies by action: of an access to a memory, of a word on a network, of a MAC. None is unknown.

    A memory's are of a word if ``of_words``, however many an access moves.
    """

    energies: dict[str, float] = field(default_factory=dict)
    leakage_mw: float | None = None
    area_um2: float | None = None
    source: str = ""
    of_words: bool = False


class Table(Protocol):
    """Anything that knows figures of parts. Its methods raise `EnergyTableError` for a part it lacks."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def unit(self) -> str: ...

    def memory(self, part: Memory) -> PartFigures:
        """Return the energies of the actions of a storage level, of an access of its width."""

    def network(self, array: str, word_bits: int, mac: float) -> PartFigures:
        """Return the energies of an array's actions for a word, where a MAC costs ``mac``."""

    def mac(self, operand_bits: int, sum_bits: int) -> PartFigures:
        """Return the energy ("mac") of a multiplication and its addition."""


def accesses(read: float, write: float) -> dict[str, float]:
    """Return the energies of a storage level's actions, each of which is a read or a write."""
    return {action: read if action in READS else write for action in STORAGE_ACTIONS}
