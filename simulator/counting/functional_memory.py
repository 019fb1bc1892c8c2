"""The functional engine's memory: stores of tagged slots, and the plan of what moves where, as arrays.

A *store* is one level's buffers for one tensor (or an operand's latches), with one row of slots per
instance. A tile lies in its row by ``coordinate - first coordinate of the tile`` per rank, so that the
address of a word is linear in the loops inside the store and a step changes it by additions only. Each
slot carries a *tag*: ``4 * word + flags``, the word being its place in the whole tensor; -1 is empty.
An operand's flag says that the word is padding. The output's say whether the word has been begun and
whether it is lent to a store below.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.counting.functional_wires import Tracks
from simulator.counting.lowering import Ints

# Columns of a rank: its dimensions (-1 for none), their coefficients, the range that is data, and the
# distance of neighbours in the whole tensor.
DIM1, DIM2, COEFFICIENT1, COEFFICIENT2, DATA_FIRST, DATA_END, WORD_STRIDE = range(7)

# Columns of a store. PARENT is -1 for the outermost store, CHILDREN its instances per instance of the
# parent, ROW the row of counts of the boundary above it, CAPACITY -1 without a limit, STAMPS where its
# tensor's stamps begin, RUN and END_RUN its groups of instances.
ABOVE, OUTPUT, FIRST_RANK, END_RANK, INSTANCE, SLOT, SLOTS, PARENT, CHILDREN, ROW = range(10)
CLIPS, KEEPS_PADDING, CAPACITY, STAMPS, RUN, END_RUN = range(10, 16)

# Columns of the counts, in the order of BoundaryCounts.
READS, FILLS, FORWARDABLE, DRAINS, MERGES, CONTRIBUTED, REFILLS = range(7)
COUNT_COLUMNS = 7

# Entries of Memory.totals; STAMP is the next unused stamp.
STAMP, STEPS, MACS, ACTIVE_PES, ZERO_MACS, MULTIPLIES = range(6)
TOTALS = 6

# Kinds of failure in Memory.failure, followed by store, instance and word (words for an overflow).
MISSING_AT_MAC, MISSING_AT_PARENT, OVERFLOW, NOT_TAKEN, NOT_BEGUN = range(1, 6)

# Rows of Memory.instances: holds a tile, was active in the step before, and how it stands now.
HELD, ACTIVE, STATUS = range(3)
IDLE, STAYS, MOVES = range(3)

# Rows of a listed tile: tag, slot in the row, slot in the parent's row, slot in the row of the tile held.
TAG, HERE, THERE, BEFORE, IS_PADDING = range(5)

PADDING, BEGUN, LENT, FLAGS = 1, 1, 2, 3
FAR = -(2**58)


class Shapes(NamedTuple):
    """What tiles look like; int64. D dimensions, R ranks, B stores.

    extents (D,); ranks (R, 7); stores (B, 16); chunk (B, D) indices inside a store; own (B, D) whether
    its tensor has the dimension; stride and span (B, 10) slots from neighbour to neighbour of a rank and
    coordinates that a row has room for.
    """

    extents: Ints
    ranks: Ints
    stores: Ints
    chunk: Ints
    own: Ints
    stride: Ints
    span: Ints


class Scratch(NamedTuple):
    """Room for one tile of up to X words; int64: seen (longest span,), parts (5, 10, longest span),
    cursor (3, 10), tile (4, X), row (2, X) tags and values."""

    seen: Ints
    parts: Ints
    cursor: Ints
    tile: Ints
    row: Ints


class Plan(NamedTuple):
    """Instances of stores; int64: offset (I, D), order (I,) by group, run_start (groups+1,) in that order."""

    shapes: Shapes
    offset: Ints
    order: Ints
    run_start: Ints


class Memory(NamedTuple):
    """What changes; int64. S slots of all stores, I instances, W words of all tensors, L loops.

    tags, values (S,); instances (3, I); base (I+1, D) first index of the tile held, the last row for the
    tile to come; stamps (W,); counts (rows, 7); needed (rows,) words that MACs took and did not skip; totals
    (6,); failure (4,); place (L,) and reached (D,) of the temporal loops; moved (2, T) slots and words that
    they moved each tensor's address at the MACs; product, working and open (not gated) (P,) of the MACs in
    this step.
    """

    tags: Ints
    values: Ints
    instances: Ints
    base: Ints
    stamps: Ints
    counts: Ints
    needed: Ints
    totals: Ints
    failure: Ints
    place: Ints
    reached: Ints
    moved: Ints
    product: Ints
    working: Ints
    open: Ints
    scratch: Scratch
    tracks: Tracks
