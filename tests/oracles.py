"""Naive references for the tests: sets of words, one instance and one step at a time.

Written from the counting contract alone; nothing of the simulator's counting is used. Also the random
nests and the small machines that several test modules share.
"""

import itertools
import math

from hypothesis import strategies as st

from simulator.architecture import Architecture
from simulator.counting.lowering import Rules
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, Rank, Tensor, convolution


def strides(problem, loops):
    """What one iteration of each loop covers of its dimension."""
    inside = dict.fromkeys(problem.extents, 1)
    result = []
    for loop in reversed(loops):
        result.append(inside[loop.dimension])
        inside[loop.dimension] *= loop.bound
    return result[::-1]


def positions(problem, loops, chosen, zero=0):
    """Each index of the chosen loops with its offset in every dimension; loops before ``zero`` stay at 0."""
    steps = strides(problem, loops)
    ranges = [range(1 if loops[i].spatial and i < zero else loops[i].bound) for i in chosen]
    for index in itertools.product(*ranges):
        offset = dict.fromkeys(problem.extents, 0)
        for i, place in zip(chosen, index, strict=True):
            offset[loops[i].dimension] += place * steps[i]
        yield dict(zip(chosen, index, strict=True)), offset


def below(problem, *offsets):
    return all(sum(offset[d] for offset in offsets) < n for d, n in problem.extents.items())


def tile(problem, tensor, base, chunk, clip):
    """Coordinates of a tensor that a chunk of each dimension touches from ``base`` on."""
    lines = []
    for rank in problem.tensor(tensor).ranks:
        spans = [
            [c * i for i in range(base[d], min(base[d] + chunk[d], problem.extents[d]))]
            for d, c in rank.coefficients
        ]
        line = {sum(parts) for parts in itertools.product(*spans)}
        if clip and rank.data is not None:
            line = {x for x in line if rank.data[0] <= x < sum(rank.data)}
        lines.append(line)
    return frozenset(itertools.product(*lines))


def naive_columns(
    problem, mapping, tensor, parent, child, *, holds, clip, splits=(), zero=0, weight=None, receivers=None
):
    """Move words one by one across a boundary with ``parent`` and ``child`` loops above its two sides.

    ``weight`` makes a number of a place's index, to multiply what is delivered there or sent from there.
    With ``receivers`` return the places of every word moved, as sets; if true not of forwardable ones.
    """
    loops = mapping.loops
    temporal = [i for i in range(child) if not loops[i].spatial]
    spatial = [i for i in range(child) if loops[i].spatial]
    own = problem.tensor(tensor).dimensions
    chunk = dict.fromkeys(problem.extents, 1)
    for loop in loops[child:]:
        chunk[loop.dimension] *= loop.bound
    steps = [offset for _, offset in positions(problem, loops, temporal) if below(problem, offset)]
    places = list(positions(problem, loops, spatial, zero))
    kind = _drained if tensor == problem.output else _delivered

    def group(index):
        apart = set(splits) | set(range(parent)) | {
            i for i in spatial if tensor == problem.output and loops[i].dimension in own
        }  # fmt: skip
        return tuple(place for i, place in index.items() if i in apart)

    members = [(group(index), 1 if weight is None else weight(index), offset) for index, offset in places]
    moved = []
    counted = kind(problem, tensor, steps, members, chunk, holds, clip, moved, receivers)
    return counted if receivers is None else moved


def _base(*offsets):
    return {d: sum(offset[d] for offset in offsets) for d in offsets[0]}


def _delivered(problem, tensor, steps, members, chunk, holds, clip, moved, linked):
    reads = fills = forwardable = 0
    held = [frozenset()] * len(members)
    before = {}
    for step in steps:
        needs, tiles, places = {}, {}, {}
        for number, (group, weight, offset) in enumerate(members):
            if not below(problem, step, offset):
                continue
            words = tile(problem, tensor, _base(step, offset), chunk, clip)
            need = words - held[number]
            needs.setdefault(group, set()).update(need)
            tiles.setdefault(group, set()).update(words)
            for word in need:
                places.setdefault((group, word), set()).add(number)
            fills += weight * len(need)
            if holds:
                held[number] = words
        reads += sum(map(len, needs.values()))
        if holds:
            forwardable += sum(len(need & before.get(group, set())) for group, need in needs.items())
        for (group, word), those in places.items():
            if not (linked and holds and word in before.get(group, set())):
                moved.append(those)
        before = tiles
    return {"parent_reads": reads, "child_fills": fills, "forwardable": forwardable}


def _drained(problem, tensor, steps, members, chunk, holds, clip, moved, linked):
    drains = contributed = 0
    taken = {}

    def drain(group):
        nonlocal drains, contributed
        words, active = taken.pop(group)
        drains += len(words)
        contributed += len(words) * sum(active.values())
        moved.extend([set(active)] * len(words))

    for step in steps:
        nominal, active = {}, {}
        for number, (group, weight, offset) in enumerate(members):
            base = _base(step, offset)
            if group not in nominal:
                nominal[group] = tile(problem, tensor, base, chunk, clip)
            if below(problem, base):
                active.setdefault(group, {})[number] = weight
        for group, words in nominal.items():
            if group in taken and (taken[group][0] != words or not holds):
                drain(group)
            if group in active:
                taken.setdefault(group, (words, {}))[1].update(active[group])
    for group in list(taken):
        drain(group)
    return {"drains": drains, "contributed": contributed}


def naive_wires(problem, mapping, tensor, parent, child, *, holds, clip, splits, wires):
    """Hops of a boundary: for every word that goes anywhere in a step, the wires to all that it goes to."""
    members = [index for index, _ in positions(problem, mapping.loops, _spatial(mapping, child))]
    hops = 0
    for receivers in naive_columns(
        problem, mapping, tensor, parent, child, holds=holds, clip=clip, splits=splits, receivers=wires.linked
    ):
        driven = set()
        for number in receivers:
            places = _axis_places(mapping, wires, members[number])
            apart = tuple(i for at, i in members[number].items() if mapping.loops[at].array in wires.outside)
            for a, (_, size) in enumerate(wires.axes):
                way = _axis_wires(wires.kind, places[a], size, wires.fan_out)
                driven |= {(apart, places[:a], wire) for wire in way}
        hops += len(driven)
    return hops


def _spatial(mapping, child):
    return [i for i in range(child) if mapping.loops[i].spatial]


def _axis_places(mapping, wires, index):
    """A place's number on each axis of a network; inner loops run fastest."""
    places = []
    for name, _ in wires.axes:
        place = 0
        for at, i in sorted(index.items()):
            loop = mapping.loops[at]
            if (loop.array, loop.axis) == (wires.array, name):
                place = place * loop.bound + i
        places.append(place)
    return tuple(places)


def _axis_wires(kind, place, size, fan_out):
    """Wires of one axis between its beginning and a place."""
    if kind == "bus":
        return range(1, size)
    if kind == "mesh":
        return range(1, place + 1)
    levels = itertools.takewhile(lambda h: fan_out**h < size, itertools.count())
    return [(h, place // fan_out**h) for h in levels]


def naive_counts(problem, mapping, rules):
    """Every boundary's counts as the counting cases state them."""
    rows = []
    fresh = math.prod(problem.extents[d] for d in problem.tensor(problem.output).dimensions)
    for tensor in problem.tensor_names:
        output = tensor == problem.output
        keepers = [*mapping.keepers(tensor), ("MAC", len(mapping.loops))]
        for (parent, above), (child, inner) in itertools.pairwise(keepers):
            row = {"tensor": tensor, "parent": parent, "child": child}
            holds = child != "MAC" or (tensor in rules.latches and not output)
            how = {"holds": holds, "clip": parent not in rules.stores_padding}
            counted = naive_columns(
                problem, mapping, tensor, above, inner, splits=rules.splits[tensor], **how
            )
            if output:
                reduced = naive_columns(problem, mapping, tensor, above, inner, **how)["drains"]
                refills = reduced - fresh
                fresh = counted["contributed"] - refills
                counted |= {"merges": counted["drains"] - reduced, "refills": refills}
            rows.append(row | counted)
    return rows


def naive_steps(problem, mapping):
    loops = mapping.loops
    temporal = [i for i, loop in enumerate(loops) if not loop.spatial]
    return sum(below(problem, offset) for _, offset in positions(problem, loops, temporal))


def naive_active(problem, mapping):
    loops = mapping.loops
    spatial = [i for i, loop in enumerate(loops) if loop.spatial]
    return sum(below(problem, offset) for _, offset in positions(problem, loops, spatial))


def naive_tile_words(problem, mapping, tensor, level, clip):
    """Words of the largest tile that any instance of a level holds at any step."""
    loops = mapping.loops
    above = dict(mapping.keepers(tensor))[level]
    chunk = dict.fromkeys(problem.extents, 1)
    for loop in loops[above:]:
        chunk[loop.dimension] *= loop.bound
    bases = [offset for _, offset in positions(problem, loops, range(above)) if below(problem, offset)]
    return max(len(tile(problem, tensor, base, chunk, clip)) for base in bases)


# Random problems, nests and rules.


@st.composite
def problems(draw, most_macs=300):
    """Small convolutions, products and sliding windows with strides, holes, dilation and padding."""
    problem = draw(st.one_of(convolutions(), windows(), products()).filter(lambda p: p.macs <= most_macs))
    return problem


@st.composite
def convolutions(draw):
    dims = draw(st.lists(st.sampled_from("ngmcpqrs"), min_size=2, max_size=5, unique=True))
    sizes = {d: draw(st.integers(1, 5)) for d in dims}
    stride, dilation = draw(st.tuples(*[st.tuples(st.integers(1, 4), st.integers(1, 3))] * 2))
    lengths = [
        1 + stride[i] * (sizes.get("pq"[i], 1) - 1) + dilation[i] * (sizes.get("rs"[i], 1) - 1)
        for i in range(2)
    ]
    rows, columns = (draw(spans(length)) for length in lengths)
    return convolution(**sizes, stride=stride, dilation=dilation, row_data=rows, column_data=columns)


@st.composite
def windows(draw):
    """``o[k, i] += a[c i + e j] * b[j]``: coefficients of any relation, long enough for ragged tiles."""
    i, j, k = draw(st.integers(1, 9)), draw(st.integers(1, 7)), draw(st.integers(1, 4))
    c, e = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    slide = Rank((("I", c), ("J", e)), draw(spans(1 + c * (i - 1) + e * (j - 1))))
    tensors = (
        Tensor("inputs", (slide,)),
        Tensor("outputs", (Rank((("K", 1),)), Rank((("I", 1),)))),
        Tensor("weights", (Rank((("J", 1),), draw(spans(j))),)),
    )
    return Problem("window", (("J", j), ("I", i), ("K", k)), tensors, "outputs")


@st.composite
def products(draw):
    def tensor(name, dims):
        return Tensor(name, tuple(Rank(((d, 1),)) for d in dims))

    sizes = tuple((d, draw(st.integers(1, 9))) for d in "MNK")
    factors = (tensor("weights", "MK"), tensor("inputs", "KN"), tensor("outputs", "MN"))
    return Problem("product", sizes, factors, "outputs")


def spans(length):
    return st.none() | st.tuples(st.integers(0, length), st.integers(0, length))


@st.composite
def loop_orders(draw, problem, places=(None, None, "x", "y")):
    """Loops that cover every dimension, ragged or not, in any order, some of bound one."""
    columns = []
    for dimension, extent in problem.dimensions:
        covered, own = 1, []
        while covered < extent:
            rest = -(-extent // covered)
            bound = rest if len(own) > 2 else draw(st.integers(1, rest))
            own.append(Loop(dimension, bound, draw(st.sampled_from(places))))
            covered *= bound
        columns.append(own)
    turns = draw(st.permutations([i for i, own in enumerate(columns) for _ in own]))
    return [columns[i].pop() for i in turns]


@st.composite
def nests(draw, most_macs=300):
    """A problem, a mapping and rules: uneven stores, skipped levels, side-by-side orders, any axis."""
    problem = draw(problems(most_macs))
    loops = draw(loop_orders(problem))
    stores = [(0, 0, Store("L0", problem.tensor_names))]
    for tensor in draw(st.permutations(problem.tensor_names)):
        depth = draw(st.integers(0, 3))
        at = sorted(draw(st.integers(0, len(loops))) for _ in range(depth))
        stores += [(place, level, Store(f"L{level}", (tensor,))) for level, place in enumerate(at, 1)]
    nodes = []
    for place in range(len(loops) + 1):
        nodes += [store for at, _, store in sorted(stores, key=lambda s: s[:2]) if at == place]
        nodes += loops[place : place + 1]
    stuck = {t: draw(st.sets(st.sampled_from("xy"))) for t in problem.tensor_names}
    splits = {t: frozenset(i for i, x in enumerate(loops) if x.axis in axes) for t, axes in stuck.items()}
    latches = draw(st.sets(st.sampled_from([t.name for t in problem.operands])))
    padded = draw(st.sets(st.sampled_from(("L0", "L1", "L2", "L3"))))
    return problem, Mapping(tuple(nodes)), Rules(splits, frozenset(latches), frozenset(padded))


# Small machines.


def machine(*levels, name="small", **fields):
    """A machine of plain hierarchy entries; words of 8 bits unless said otherwise."""
    data = {
        "name": name,
        "energy_unit": "MAC",
        "bits": {"weights": 8, "inputs": 8, "outputs": 8},
        "hierarchy": list(levels),
    }
    return Architecture.from_dict(data | fields)


def mapping(*nodes):
    """A mapping from text: ``"DRAM: weights inputs"``, ``"M 3"``, ``"P 2 @PE.x"``."""
    built = []
    for node in nodes:
        if ":" in node:
            level, tensors = node.split(":")
            built.append(Store(level, tuple(tensors.split()) or ("weights", "inputs", "outputs")))
        else:
            dimension, bound, *place = node.split()
            array, axis = place[0].removeprefix("@").split(".") if place else (None, None)
            built.append(Loop(dimension, int(bound), axis, array))
    return Mapping(tuple(built))


@st.composite
def machines(draw, bandwidth=True):
    """Two arrays with levels around and between them; any price, port, buffering and network."""
    price = st.sampled_from((0, 1, 2.5, 0.1, 7.3))
    rate = st.sampled_from(("3 bits", "8 bits", "20 bits", "64 bits"))

    def some(strategy):
        return draw(st.none() | strategy)

    def storage(name, **fields):
        actions = ("read", "fill", "drain", "merge", "send", "refill")
        fields["price"] = {action: draw(price) for action in actions}
        fields["stores_padding"] = draw(st.booleans())
        if draw(st.booleans()):
            fields |= {"block": draw(st.sampled_from(("24 bits", "50 bits"))), "price_per": "block"}
        if bandwidth and (shared := some(rate)):
            fields["bandwidth"] = {"shared": shared}
        elif bandwidth and (ports := draw(st.sampled_from((("read",), ("write",), ("read", "write"))))):
            fields["bandwidth"] = {port: draw(rate) for port in ports}
        if name != "DRAM":
            modes = st.sampled_from(("single", "double", "fifo"))
            fields["buffering"] = {t: draw(modes) for t in ("weights", "inputs", "outputs")}
        return {"storage": name, **fields}

    shared = st.sampled_from(("bus", "mesh", "tree"))
    topology = st.just("unicast") | shared

    def array(name, axis, hop):
        axis_fields = {
            "size": 1024,
            "multicast": draw(st.sampled_from((True, False, ["inputs"]))),
            "reduction": draw(st.booleans()),
            "links": draw(st.sampled_from(([], ["inputs"], ["weights", "inputs"]))) if hop else [],
        }
        network = {t: draw(rate) for t in ("weights", "inputs", "outputs", "outputs_up") if bandwidth}
        used = {t: draw(st.booleans()) for t in network}
        return {
            "array": name,
            "axes": {axis: axis_fields},
            "network": {t: width for t, width in network.items() if used[t]},
            "topology": {t: draw(topology if hop else shared) for t in ("weights", "inputs", "outputs")},
            "ramp": draw(st.booleans()),
            "price": {
                "deliver": draw(price),
                "link": draw(price),
                "add": draw(price),
                "hop": draw(price),
            },
        }

    levels = [
        storage("DRAM"), storage("GLB"), array("A", "x", 0),
        storage("BUF"), array("B", "y", 1), storage("RF"),
        {"mac": {"price": draw(price), "latches": draw(st.sampled_from(([], ["weights"], ["inputs"])))}},
    ]  # fmt: skip
    bits = {"weights": 8, "inputs": 6, "outputs": 8, "partial_sums": draw(st.sampled_from((8, 20)))}
    return machine(*levels, bits=bits)


@st.composite
def mapped(draw, bandwidth=True, most_macs=400):
    """A convolution with a legal mapping on one of `machines`, built from the inside out."""
    problem = draw(convolutions().filter(lambda p: p.macs <= most_macs))
    architecture = draw(machines(bandwidth))
    covered = dict.fromkeys(problem.extents, 1)

    def loops(axis=None, array=None, all_of_it=False):
        found = []
        for d in draw(st.permutations([d for d, n in problem.dimensions if n > 1])):
            rest = -(-problem.extents[d] // covered[d])
            bound = rest if all_of_it else draw(st.integers(1, rest if axis is None else min(rest, 3)))
            if bound > 1 or draw(st.integers(0, 9)) == 0:
                found.insert(0, Loop(d, bound, axis, array))
            covered[d] *= bound
        return found

    def region(level, all_of_it=False):
        """Temporal loops with the level's stores anywhere among them, each tensor for itself."""
        nodes = loops(all_of_it=all_of_it)
        kept = draw(st.lists(st.sampled_from(problem.tensor_names), unique=True))
        for tensor in kept:
            nodes.insert(draw(st.integers(0, len(nodes))), Store(level, (tensor,)))
        return nodes

    nodes = region("RF")
    nodes = loops("y", "B") + nodes
    nodes = region("BUF") + nodes
    nodes = loops("x", "A") + nodes
    nodes = region("GLB", all_of_it=True) + nodes
    return problem, architecture, Mapping((Store("DRAM", problem.tensor_names), *nodes))
