"""Random machines, problems and vectors for the batch cost model, and what a vector is worth one by one."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from oracles import convolutions, machine, products, spans, windows

from simulator.batch.model import CostModel
from simulator.cost.model import Cost, cost
from simulator.encoding import VERSION, Encoding, permutation, permutation_number
from simulator.errors import MappingError, SimulatorError
from simulator.legality import check_mapping, tile_bits
from simulator.mapping import Store
from simulator.problem import Problem, Rank, Tensor, convolution

TENSORS = ("weights", "inputs", "outputs")
PRICES = st.sampled_from((0, 1, 2.5, 0.1, 7.3, 1 / 3))
RATES = st.sampled_from(("3 bits", "8 bits", "20 bits", "64 bits", "1000 bits"))


@st.composite
def machines(draw):
    """Up to two arrays of one to three axes with any levels around them, alone or side by side."""
    leaks = {"leakage_mw": 0.3} if draw(st.booleans()) else {}
    levels = [_storage(draw, "DRAM", TENSORS, {})]
    if not levels[0]["stores_padding"]:
        levels[0]["compression"] = dict.fromkeys(draw(st.sets(st.sampled_from(TENSORS))), "rlc")
    for region in range(draw(st.sampled_from((2, 2, 3, 3, 1)))):
        if region:
            levels.append(_array(draw, f"A{region}", leaks))
        for i, kind in enumerate(
            draw(st.sampled_from(("one", "beside", "one one", "one beside", ""))).split()
        ):
            if kind == "one":
                keeps = sorted(draw(st.sets(st.sampled_from(TENSORS), min_size=1)))
                levels.append(_storage(draw, f"L{region}{i}", keeps, leaks))
            else:
                split = draw(st.sampled_from((TENSORS, ("weights outputs", "inputs outputs"))))
                side = [
                    _storage(draw, f"S{region}{j}", keeps.split(), leaks) for j, keeps in enumerate(split)
                ]
                levels.append({"side_by_side": side})
    latches = draw(st.sampled_from(([], ["weights"], ["inputs", "weights"])))
    gating = draw(st.sampled_from(({}, {"gating": "inputs"}, {"gating": "weights"})))
    mac = {"price": draw(PRICES), "latches": latches} | leaks | gating
    bits = {"weights": 8, "inputs": 6, "outputs": 8, "partial_sums": draw(st.sampled_from((8, 20)))}
    unit = {"energy_unit": "pJ", "clock_mhz": 170.0} if leaks else {}
    return machine(*levels, {"mac": mac}, bits=bits, **unit)


def _storage(draw, name, keeps, leaks):
    entry = {"storage": name, "keeps": list(keeps), "stores_padding": draw(st.booleans())} | leaks
    entry["price"] = {action: draw(PRICES) for action in ("read", "fill", "drain", "merge", "send", "refill")}
    if draw(st.booleans()):
        entry |= {"block": draw(st.sampled_from(("24 bits", "50 bits"))), "price_per": "block"}
    ports = draw(st.sampled_from(((), ("shared",), ("read",), ("write",), ("read", "write"))))
    entry["bandwidth"] = {port: draw(RATES) for port in ports}
    if name == "DRAM":
        return entry
    entry["buffering"] = {t: draw(st.sampled_from(("single", "double", "fifo"))) for t in keeps}
    entry["required"] = draw(st.sampled_from(([], [], list(keeps[:1]))))
    if draw(st.integers(0, 3)) == 0:
        bits = draw(st.sampled_from((80, 300, 2000)))
        entry["capacity"] = f"{bits} bits"
        if draw(st.booleans()):
            part = bits // len(keeps)
            cut = draw(st.integers(1, len(keeps)))
            groups = [group for group in (keeps[:cut], keeps[cut:]) if group]
            entry["partitions"] = [
                {"tensors": list(group), "capacity": f"{part * len(group)} bits"} for group in groups
            ]
    return entry


def _array(draw, name, leaks):
    axes = {
        axis: {
            "size": draw(st.sampled_from((2, 3, 4, 6))),
            "multicast": draw(st.sampled_from((True, True, False, ["inputs"], ["weights"]))),
            "reduction": draw(st.sampled_from((True, True, False))),
            "links": draw(st.sampled_from(([], [], ["inputs"], ["weights", "inputs"]))),
        }
        for axis in draw(st.sampled_from(("x", "xy", "yx", "xyz")))
    }
    network = {t: draw(RATES) for t in (*TENSORS, "outputs_up") if draw(st.booleans())}
    price = {"deliver": draw(PRICES), "link": draw(PRICES), "add": draw(PRICES)}
    price["hop"] = draw(st.sampled_from((0, 0, 0.7)))
    array = {"array": name, "axes": axes, "network": network, "price": price, "ramp": draw(st.booleans())}
    kinds = draw(st.sampled_from((("unicast",), ("bus",), ("unicast", "bus", "mesh", "tree"))))
    return array | {"topology": {t: draw(st.sampled_from(kinds)) for t in TENSORS}} | leaks


@st.composite
def affine(draw):
    """Ranks of one or two of four dimensions in any tensor, padded or not; any coefficients and widths."""
    dims = {d: draw(st.integers(1, 6)) for d in "IJKL"}

    def tensor(name, most):
        names = draw(st.permutations(list(dims)))
        ranks = []
        while names and len(ranks) < 3 and draw(st.integers(0, 4)):
            own = [names.pop() for _ in range(draw(st.integers(1, min(most, len(names)))))]
            coefficients = tuple((d, draw(st.integers(1, 4))) for d in own)
            length = 1 + sum(c * (dims[d] - 1) for d, c in coefficients)
            ranks.append(Rank(coefficients, draw(spans(length)) if most > 1 else None))
        return Tensor(name, tuple(ranks), bits=draw(st.sampled_from((None, None, 5))))

    operands = draw(st.sampled_from((("inputs", "weights"), ("weights",))))
    tensors = (*(tensor(name, 2) for name in operands), tensor("outputs", 1))
    return Problem("affine", tuple(dims.items()), tensors, "outputs")


@st.composite
def tall(draw):
    """A convolution of few dimensions long enough for several loops each."""
    dims = draw(st.lists(st.sampled_from("mcpqrs"), min_size=2, max_size=3, unique=True))
    sizes = {d: draw(st.integers(4, 13)) for d in dims}
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return convolution(**sizes, stride=strides, dilation=draw(st.sampled_from((1, 1, 2))))


def problems(most_macs):
    """Problems with something to tile, dense or not."""
    kinds = st.one_of(convolutions(), tall(), tall(), windows(), products(), affine())
    kinds = kinds.filter(lambda problem: 24 <= problem.macs <= most_macs)
    densities = st.fixed_dictionaries(dict.fromkeys(TENSORS, st.sampled_from((1, 1, 0.9, 0.6, 0.03))))
    return st.builds(
        lambda problem, known: problem.with_densities({t: known[t] for t in problem.tensor_names}),
        kinds,
        densities,
    )


# Vectors.


def random_vectors(encoding, random, n, wrong=0.0):
    """(n, length) vectors, legal but for capacities; a share ``wrong`` of them has columns changed."""
    vectors = np.array([_random_vector(encoding, random) for _ in range(n)], np.int64)
    low, high = encoding.ranges
    for row in np.flatnonzero(random.random(n) < wrong):
        for column in random.integers(0, encoding.length, random.integers(1, 3)):
            vectors[row, column] = random.integers(low[column] - 1, high[column] + 2)
        loops = np.flatnonzero(vectors[row, : encoding.first_order] > 1)
        if len(loops) and random.random() < 0.5:
            vectors[row, random.choice(loops)] += random.choice((-1, 1))
    return vectors


def _random_vector(encoding, random):
    vector = np.ones(encoding.length, np.int64)
    vector[0] = VERSION
    orders = random.integers(0, math.factorial(len(encoding.dimensions)), len(encoding.slots))
    vector[encoding.first_order : encoding.first_nodes] = orders
    keep = random.random(len(encoding.nodes)) < random.choice((0.2, 0.5, 0.8, 1.0))
    for i, region in enumerate(encoding.regions):
        order = _node_order(encoding, region, keep, random)
        vector[encoding.first_nodes + i] = permutation_number(order)
    vector[encoding.first_keep : encoding.first_axes] = keep
    for i, array in enumerate(encoding.architecture.arrays):
        vector[encoding.first_axes + i] = random.integers(0, math.factorial(len(array.axes)))
    vector[encoding.first_bound : encoding.first_order] = _bounds(encoding, vector, random).ravel()
    return vector


def _node_order(encoding, region, keep, random):
    """An order with every tensor's levels as in the hierarchy; of two side by side one keeps it."""
    ranks = [encoding.architecture.rank_of(node.level) for node in region.nodes]
    order = list(random.permutation(len(region.nodes)))
    for tensor in TENSORS:
        places = [place for place, i in enumerate(order) if region.nodes[i].tensor == tensor]
        inside = sorted((order[place] for place in places), key=lambda i: ranks[i])
        for place, i in zip(places, inside, strict=True):
            order[place] = i
        for outer, inner in pairwise(inside):
            if ranks[outer] == ranks[inner]:
                drop = inner if region.nodes[outer].required else outer
                keep[region.first_node + drop] = False
    for i, node in enumerate(region.nodes):
        keep[region.first_node + i] |= node.required
    return [int(i) for i in order]


def _bounds(encoding, vector, random):
    """Bounds of loops, ragged or not, from the innermost to any temporal slot, which covers what is left."""
    extents = [extent for _, extent in encoding.problem.dimensions]
    bounds = np.ones((len(encoding.slots), len(extents)), np.int64)
    room = [_places(encoding, slot) for slot in encoding.slots]
    order = _nest_order(encoding, vector)
    temporal = [place for place, slot in enumerate(order) if encoding.slots[slot].axis is None]
    eager = random.choice((0.1, 0.3, 0.7)), random.choice((0.3, 0.6, 0.9))
    for d in random.permutation(len(extents)):
        left = extents[d]
        top = random.choice(temporal) if random.random() < 0.25 else 0
        for slot in order[:top:-1]:
            most = min(left, room[slot])
            if most > 1 and random.random() < eager[int(encoding.slots[slot].axis is not None)]:
                bounds[slot, d] = min(most, random.choice((2, 2, 3, most, random.integers(1, most + 1))))
                room[slot] //= bounds[slot, d]
                left = -(-extents[d] // bounds[:, d].prod())
        bounds[order[top], d] = left
    return bounds


def _places(encoding, slot):
    if slot.axis is None:
        return max(encoding.problem.extents.values())
    return encoding.architecture.array(slot.array).axis(slot.axis).size


def _nest_order(encoding, vector):
    """Slots in the order in which the vector's nest has them."""
    order = []
    for i, region in enumerate(encoding.regions):
        order += region.slots
        if i < len(encoding.architecture.arrays):
            axes = len(encoding.architecture.arrays[i].axes)
            order += [region.slots.stop + a for a in permutation(int(vector[encoding.first_axes + i]), axes)]
    return order


@st.composite
def models(draw, most_macs=2000):
    """A cost model of any problem on any machine that vectors have room for."""
    architecture, problem = draw(machines()), draw(problems(most_macs))
    try:
        return CostModel(problem, architecture)
    except MappingError as error:
        assert "vectors hold at most 12" in str(error)
        assume(False)


@st.composite
def batches(draw, most_macs=2000, rows=8, wrong=0.0):
    """A cost model and random vectors (rows, length) for it, a share of them ``wrong``."""
    model = draw(models(most_macs))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return model, random_vectors(model.encoding, random, rows, wrong)


# One by one.


@dataclass(frozen=True)
class Single:
    """What a vector is by itself: how far it breaks each rule, and its costs where it has any."""

    broken: dict[str, float]
    cost: Cost | None
    walked: Cost | None


def single(model, vector, walked=True):
    """The cost of a vector by the closed form, and where ``walked`` is by the walk."""
    broken = broken_rules(model, vector)
    assert is_legal(model, vector) == (not any(broken.values()))
    found = None
    if not any(broken.values()):
        found = single_cost(model, vector, "closed-form")
        broken["countable"] = float(found is None)
    return Single(broken, found, single_cost(model, vector, "walk") if found and walked else found)


def single_cost(model, vector, engine):
    """The cost of a legal vector; None where there is no price for it, or no number."""
    try:
        return cost(model.problem, model.architecture, model.encoding.decode(vector), engine)
    except SimulatorError:
        return None


def is_legal(model, vector):
    """Whether `check_mapping` accepts a vector's mapping."""
    try:
        check_mapping(model.problem, model.architecture, model.encoding.decode(vector))
    except MappingError:
        return False
    return True


def broken_rules(model, vector):
    """How far a vector breaks each rule, from its mapping."""
    encoding, architecture = model.encoding, model.architecture
    broken = dict.fromkeys(model.rules, 0.0)
    low, high = encoding.ranges
    low[encoding.first_keep : encoding.first_axes] = 0
    if ((vector < low) | (vector > high)).any():
        return broken | {"range": 1.0}
    keep = vector[encoding.first_keep : encoding.first_axes]
    broken["keeps"] = sum(node.required and not kept for node, kept in zip(encoding.nodes, keep, strict=True))
    lax = architecture.replace({f"{s.name}.required": [] for s in architecture.storages})
    nest = Encoding(model.problem, lax).decode(vector)
    for tensor in model.problem.tensor_names:
        ranks = [architecture.rank_of(level) for level, _ in nest.keepers(tensor)]
        broken["hierarchy"] += sum(outer >= inner for outer, inner in pairwise(ranks))
    return broken | _broken_bounds(model, nest) | _broken_capacities(model, nest)


def _broken_bounds(model, nest):
    extents, broken = model.problem.extents, dict.fromkeys(("reach", "cover"), 0)
    inside = dict.fromkeys(extents, 1)
    places = {slot.name: 1 for slot in model.encoding.slots if slot.axis}
    for loop in reversed(nest.loops):
        broken["reach"] += (loop.bound - 1) * inside[loop.dimension] >= extents[loop.dimension]
        inside[loop.dimension] *= loop.bound
        if loop.spatial:
            places[loop.place] *= loop.bound
    broken["cover"] = sum(inside[d] < extent for d, extent in extents.items())
    for array in model.architecture.arrays:
        for axis in array.axes:
            name = f"{array.name}.{axis.name}"
            broken[name] = max(0, places[name] - axis.size)
    return broken


def _broken_capacities(model, nest):
    broken = {}
    for storage in model.architecture.storages[1:]:
        kept = [t for s, _ in nest.stores for t in s.tensors if s.level == storage.name]
        parts = [("+".join(part.tensors), part.tensors, part.capacity_bits) for part in storage.partitions]
        if storage.capacity_bits is not None:
            parts.append(("capacity", storage.keeps, storage.capacity_bits))
        for name, tensors, capacity in parts:
            tiles = [
                tile_bits(model.problem, model.architecture, nest, Store(storage.name, (tensor,)), tensor)
                for tensor in kept
                if tensor in tensors
            ]
            broken[f"{storage.name}.{name}"] = max(0, sum(tiles) - capacity)
    return broken


def differences(model, result, right):
    """What a row of results has other than the single vector: by name the two values."""
    found = {}

    def compare(name, given, expected):
        if given != expected:
            found[name] = given, expected

    one = right.cost
    compare("violation", dict(zip(model.rules, result["violation"].tolist(), strict=True)), right.broken)
    compare("valid", bool(result["valid"]), one is not None)
    scores = tuple(result[name].item() for name in ("energy", "cycles", "edp", "utilization"))
    if one is None:
        compare("scores", scores, (math.inf, 2**63 - 1, math.inf, 0.0))
    else:
        compare("scores", scores, (one.energy, one.cycles.total, one.edp, one.utilization))
    if "counts" in result.dtype.names:
        _compare_counts(model, result["counts"], right.walked, compare)
        words = dict.fromkeys(model.actions, 0)
        for row in one.rows if one else ():
            if row.action not in ("mac", "leak"):
                words[row.component, row.tensor, row.action] += row.count
        for name, given in zip(model.actions, result["words"].tolist(), strict=True):
            compare(name, given, words[name])
    return found


def _compare_counts(model, counts, one, compare):
    rows = {(row.tensor, row.parent): row for row in one.counts.rows} if one else {}
    for name, given in zip(model.boundaries, counts, strict=True):
        for field in counts.dtype.names:
            compare((*name, field), int(given[field]), getattr(rows[name], field) if name in rows else 0)


def assert_right(model, vectors, walked=True):
    """Compare both ways of counting with every vector's own cost; return how many are legal."""
    plain, counted = model.evaluate(vectors), model.evaluate(vectors, counts=True)
    general = model.evaluate(vectors, forwardable=True)
    for vector, *results in zip(vectors, plain, counted, general, strict=True):
        right = single(model, vector, walked)
        for result in results:
            assert differences(model, result, right) == {}, (vector.tolist(), result.dtype.names)
    return int(plain["valid"].sum())
