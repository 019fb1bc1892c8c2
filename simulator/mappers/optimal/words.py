"""The fewest words that a boundary can move, whatever order the loops above it stand in."""

from __future__ import annotations

from simulator.jit import inlined, lean_kernel
from simulator.mappers.optimal.sums import APART, COLUMNS, FULL, LOST, MOST, ONE, PER_DIMENSION, WITHIN, kind


@lean_kernel
def sums_at(m, start, r, clip, at):
    """Where the sums of a rank begin for tiles ``at``."""
    d1, d2 = m.rank_dims[r, 0], m.rank_dims[r, 1]
    place = at[d1] * m.lattice.many[d2] + at[d2] if d2 >= 0 else at[d1]
    return start[r, clip] + COLUMNS * place


@lean_kernel
def rank_words(m, sums, start, t, clip, at):
    """Words of all tiles of a tensor, once each: without the padding that is left out."""
    words = 1.0
    for r in range(m.rank_start[t], m.rank_start[t + 1]):
        first = sums_at(m, start, r, clip, at)
        words *= sums[first + FULL] - sums[first + LOST]
    return words


@lean_kernel
def sliding_words(m, sums, start, t, clip, at, gaps, many):
    """The same with the least that any order of loops leaves to move where tiles overlap.

    ``gaps`` (many, D) are the iterations of each dimension between nodes, innermost gap first; within one,
    loops stand in any order. Of all steps at which the tile changes, most are those of the innermost loop
    that changes it: there it slides. At the others it begins anew, and may find words held; those are
    fewest if the loops that let it find most stand innermost.
    """
    words, padded, least = 1.0, 1.0, 1.0
    for r in range(m.rank_start[t], m.rank_start[t + 1]):
        first = sums_at(m, start, r, clip, at)
        padded *= sums[first + FULL]
        words *= sums[first + FULL] - sums[first + LOST]
        if m.rank_dims[r, 1] < 0:
            continue
        for k in range(2):
            here = first + ONE + k * PER_DIMENSION
            # Tiles that do not overlap as they advance may do so when they begin anew.
            if _overlaps(sums, here):
                runs = min(sums[here + MOST - ONE], _run(gaps, many, m.rank_dims[r, k]))
                for b in range(2, int(runs) + 1):
                    if int(runs) % b == 0:
                        begun = _begun(m, sums, start, t, clip, at, gaps, many, r, k, b)
                        least = min(least, sums[here] * (1.0 - 1.0 / b) + begun / b)
    return max(0.0, padded * least - (padded - words))


@lean_kernel
def _overlaps(sums, first):
    least = 1.0
    for i in range(PER_DIMENSION - 1):
        least = min(least, sums[first + i])
    return least < 1.0


@lean_kernel
def _run(gaps, many, own):
    """The most iterations of a dimension that can follow one another with nothing between."""
    runs = 1.0
    for g in range(many):
        runs *= gaps[g, own]
        for d in range(gaps.shape[1]):
            if d != own and gaps[g, d] > 1.0:
                return runs
    return runs


@lean_kernel
def _begun(m, sums, start, t, clip, at, gaps, many, r, k, b):
    """The average share of new words where a tile begins anew: in each gap the cheapest loops innermost."""
    here = sums_at(m, start, r, clip, at) + k * PER_DIMENSION
    own, partner = m.rank_dims[r, k], m.rank_dims[r, 1 - k]
    average, part, run, passed = 0.0, 1.0, float(b), 1.0
    for g in range(many):
        # Loops of a gap further out let all iterations inside begin anew.
        column = kind(max(int(passed), b))
        apart, within = sums[here + APART + column], sums[here + WITHIN + column]
        passed *= gaps[g, own]
        lacking, in_rank, others, alone, fewest = 1.0, gaps[g, partner], 1.0, 1.0, 1.0
        # What other ranks keep of a tile when loops of gaps inside begin anew; those without overlap alone.
        stays, whole = 1.0, 1.0
        again = gaps[g, own] / min(run, gaps[g, own])
        run = max(1.0, run / gaps[g, own])
        # In another gap than the run's, the dimension may go on where the run stopped.
        goes_on = min(within, sums[here + ONE]) if g else within
        for d in range(gaps.shape[1]):
            if not m.relevant[t, d]:
                lacking *= gaps[g, d]
        for o in range(m.rank_start[t], m.rank_start[t + 1]):
            if o != r:
                trips = gaps[g, m.rank_dims[o, 0]]
                overlaps = m.rank_dims[o, 1] >= 0
                if overlaps:
                    trips *= gaps[g, m.rank_dims[o, 1]]
                    others *= trips
                    there = sums_at(m, start, o, clip, at)
                    fewest = min(fewest, _fewest(m, sums, o, there + ONE, gaps, g))
                    stays *= _stays(m, sums, o, there, gaps, g)
                else:
                    alone *= trips
                    if _inside(gaps, g, m.rank_dims[o, 0]) > 1.0:
                        stays, whole = 0.0, 0.0
        elsewhere = 1.0 - (1.0 - apart) * (1.0 - fewest) * whole
        apart, within = 1.0 - (1.0 - apart) * stays, 1.0 - (1.0 - within) * stays
        goes_on = 1.0 - (1.0 - goes_on) * stays
        # A selection sort of four kinds; all else brings whole tiles.
        for _ in range(4):
            share = min(
                apart if lacking > 1.0 else 2.0, within if in_rank > 1.0 else 2.0,
                goes_on if again > 1.0 else 2.0, elsewhere if others > 1.0 else 2.0,
            )  # fmt: skip
            if share > 1.0:
                break
            if lacking > 1.0 and share == apart:
                trips, lacking = lacking, 1.0
            elif in_rank > 1.0 and share == within:
                trips, in_rank = in_rank, 1.0
            elif again > 1.0 and share == goes_on:
                trips, again = again, 1.0
            else:
                trips, others = others, 1.0
            average += part * (1.0 - 1.0 / trips) * share
            part /= trips
        average += part * (1.0 - 1.0 / alone)
        part /= alone
    return average + part


@lean_kernel
def _inside(gaps, g, d):
    """Iterations of a dimension in the gaps inside one."""
    trips = 1.0
    for i in range(g):
        trips *= gaps[i, d]
    return trips


@lean_kernel
def _stays(m, sums, r, first, gaps, g):
    """The share of a rank's tile that stays at most where its loops in the gaps inside begin anew."""
    stays = 1.0
    for k in range(2):
        trips = _inside(gaps, g, m.rank_dims[r, k])
        if trips > 1.0:
            stays = min(stays, 1.0 - sums[first + APART + k * PER_DIMENSION + kind(int(trips))])
    return stays


@lean_kernel
def _fewest(m, sums, r, first, gaps, g):
    """The least share of new words when a loop of rank ``r`` in gap ``g`` advances."""
    moved = 0
    for k in range(2):
        inside = 1.0
        for i in range(g + 1):
            inside *= gaps[i, m.rank_dims[r, k]]
        moved += (inside > 1.0) << k
    if moved == 1:
        return sums[first]
    if moved == 2:
        return sums[first + PER_DIMENSION]
    least = 1.0
    for k in range(2):
        here, d = first + k * PER_DIMENSION, m.rank_dims[r, k]
        if _inside(gaps, g, d) > 1.0 or _inside(gaps, g, m.rank_dims[r, 1 - k]) > 1.0:
            for i in range(PER_DIMENSION - 1):
                least = min(least, sums[here + i])
        # On average: of the rank's own steps most are those of its innermost loop.
        for b in range(2, int(gaps[g, d]) + 1):
            if int(gaps[g, d]) % b == 0:
                least = min(least, sums[here] * (1.0 - 1.0 / b) + sums[here + WITHIN - ONE + kind(b)] / b)
    return least


@inlined
def operand_words(m, sums, apart, union, t, clip, at, n, total, shared, gaps, many, free, out):
    """Words read at the parent and delivered to the children of an operand's boundary.

    Of the iterations of loops that the tensor lacks, ``free`` may repeat nothing.
    """
    reads, fills, copies, stays = 1.0, 1.0, 1.0, True
    for d in range(len(n)):
        if m.relevant[t, d]:
            stays = stays and n[d] <= total[d]
        else:
            fills *= n[d]
            copies *= min(n[d], total[d])
            reads *= (n[d] + shared[t, d] - 1) // shared[t, d]
    once = rank_words(m, sums, apart, t, clip, at)
    together = rank_words(m, sums, union, t, clip, at)
    if stays:
        separate = 1.0
        for d in range(len(n)):
            if not m.relevant[t, d]:
                separate *= (min(n[d], total[d]) + shared[t, d] - 1) // shared[t, d]
        out[0], out[1] = together * separate, once * copies
        return
    separate = 1.0
    for d in range(len(n)):
        if not m.relevant[t, d]:
            separate *= (min(n[d], total[d]) + shared[t, d] - 1) // shared[t, d]
    out[0] = sliding_words(m, sums, union, t, clip, at, gaps, many) * max(separate, reads / free)
    out[1] = sliding_words(m, sums, apart, t, clip, at, gaps, many) * max(copies, fills / free)


@inlined
def mac_words(m, sums, apart, union, t, clip, at, shared, crosses, out):
    """The same where MACs ask for every word of every step: ``at`` are tiles of one word."""
    if m.latched[t]:
        out[0], out[1] = 0.0, 0.0
        return
    reads, fills = 1.0, 1.0
    for d in range(len(at)):
        if not m.relevant[t, d]:
            extent = m.lattice.extents[d]
            fills *= extent
            reads *= (extent + shared[t, d] - 1) // shared[t, d] if crosses else extent
    out[0] = rank_words(m, sums, union, t, clip, at) * reads
    out[1] = rank_words(m, sums, apart, t, clip, at) * fills


@inlined
def output_words(m, t, n, total, shared, mac, free, out):
    """Drains, drains were all axes to reduce, and words contributed; MACs hold nothing."""
    drains, reduced, contributed, own = 1.0, 1.0, 1.0, 1.0
    stays = not mac
    for d in range(len(n)):
        if m.relevant[t, d]:
            own *= m.lattice.extents[d]
            stays = stays and n[d] <= total[d]
    for d in range(len(n)):
        if not m.relevant[t, d]:
            visits = min(n[d], total[d]) if stays else n[d]
            drains *= (visits + shared[t, d] - 1) // shared[t, d]
            reduced *= (visits + total[d] - 1) // total[d]
            contributed *= visits
    least_drains, least_reduced, least_contributed = 1.0, 1.0, 1.0
    for d in range(len(n)):
        if not m.relevant[t, d]:
            places = min(n[d], total[d])
            least_drains *= (places + shared[t, d] - 1) // shared[t, d]
            least_reduced *= (places + total[d] - 1) // total[d]
            least_contributed *= places
    out[0] = own * max(least_drains, drains / free)
    out[1] = own * max(least_reduced, reduced / free)
    out[2] = own * max(least_contributed, contributed / free)


@lean_kernel
def free_repeats(m, t, gaps, many, inside):
    """Iterations of loops a tensor lacks that may repeat nothing below the array, however they are ordered.

    A node inside the array cannot stand above loops outside of it. Where no loop of its tensor stands
    between (``inside`` gaps), it keeps its tile while the loops it lacks run that are innermost outside. The
    gap at the array is one of these: where its loops are the tensor's, those it lacks may stand below the
    node for the same words.
    """
    free = 1.0
    for g in range(many):
        own = False
        for d in range(gaps.shape[1]):
            own = own or (m.relevant[t, d] and gaps[g, d] > 1.0)
        if own and g < inside:
            return 1.0
        for d in range(gaps.shape[1]):
            if not m.relevant[t, d]:
                free *= gaps[g, d]
        if own:
            break
    return free


@inlined
def price_operand(p, words):
    return p[0] * words[0] + p[1] * words[1]


@inlined
def price_output(m, p, words, crosses):
    """The price of an output's boundary; where nothing is reduced on the way its three counts are equal."""
    if not crosses:
        return (p[0] + p[1] + p[2]) * words[0] + p[3]
    return p[0] * words[0] + p[1] * words[1] + p[2] * words[2] + p[3]
