"""Small random mapspaces with perfect factors, and what every one of their mappings is worth."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from oracles import machine

from simulator.architecture import Architecture
from simulator.batch.model import CostModel
from simulator.errors import MappingError
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem, Rank, Tensor, convolution

TENSORS = ("weights", "inputs", "outputs")
ACTIONS = ("read", "fill", "drain", "merge", "send", "refill")
# Extents with several divisors more often than not.
SIZES = (1, 2, 2, 2, 3, 4, 4, 4, 5, 6, 6, 8, 9, 12)
# Beyond, going through all choices of what to bypass takes seconds.
_MOST_MACS, _MOST_NODES = 600, 11


@dataclass(frozen=True)
class Case:
    """A mapspace and all of its mappings: vectors (n, length), energy and cycles (n,), which count."""

    kind: str
    space: Mapspace
    vectors: np.ndarray
    energy: np.ndarray
    cycles: np.ndarray

    def least(self, function) -> float:
        """The least value of a function of energy and cycles, by brute force."""
        return min(function(e, int(c)) for e, c in zip(self.energy, self.cycles, strict=True))

    def front(self) -> list[tuple[float, int]]:
        """Energy and cycles of mappings that no other is better than in both, by brute force."""
        found = []
        for cycles in sorted(set(self.cycles.tolist())):
            energy = self.energy[self.cycles == cycles].min()
            if not found or energy < found[-1][0]:
                found.append((float(energy), cycles))
        return found[::-1]


def cases(seed: int, most: int = 20_000, **machine_fields: bool) -> Iterator[Case]:
    """Yield cases of at most so many mappings without end; ``machine_fields`` as in `random_machine`."""
    source = random.Random(seed)
    while True:
        kind = source.choice(list(KINDS))
        problem = KINDS[kind](source)
        on = random_machine(source, **machine_fields)
        if problem.macs > _MOST_MACS or sum(len(s.keeps) for s in on.storages) > _MOST_NODES:
            continue
        if (case := whole_space(problem, on, random_keeps(source, on), most, kind)) is not None:
            yield case


def staying_cases(seed: int, most: int = 700) -> Iterator[Case]:
    """Yield cases without end where tensors keep tiles inside an array while loops outside it run."""
    source = random.Random(seed)
    while True:
        problem = source.choice((_subscripts, _subscripts, _rows))(source)
        case = whole_space(problem, _parted_machine(source, problem.tensor_names), {}, most)
        if case is not None:
            yield case


def whole_space(
    problem: Problem,
    on: Architecture,
    keeps: dict[str, bool],
    most: int,
    kind: str = "",
    factors: str = "perfect",
) -> Case | None:
    """All mappings of a problem on a machine, or None where there are too many or none that counts."""
    try:
        space = Mapspace(problem, on, Constraints(keeps=keeps, factors=factors))
        model = CostModel(problem, on)
        vectors = next(space.batches(most + 1))
    except MappingError:
        return None
    if len(vectors) > most:
        return None
    scores = model.evaluate(vectors)
    valid = scores["valid"]
    if not valid.any():
        return None
    return Case(kind, space, vectors[valid], scores["energy"][valid], scores["cycles"][valid])


def plain(space: Mapspace) -> bool:
    """Whether bounds are exact: tiles neither overlap nor hold padding, and nothing depends on orders.

    No port, network, link, latch or price of distances; every axis multicasts and reduces.
    """
    problem, on = space.problem, space.architecture
    ranks = [rank for tensor in problem.tensors for rank in tensor.ranks]
    if any(rank.data or len(rank.dimensions) > 1 for rank in ranks if _wide(problem, rank)):
        return False
    ports = [(s.read_bandwidth_bits, s.write_bandwidth_bits, s.shared_bandwidth_bits) for s in on.storages]
    networks = [(*a.network_widths, a.network_up_bits, a.ramps or None) for a in on.arrays]
    axes = [axis for a in on.arrays for axis in a.axes]
    apart = any(axis.linked_tensors or len(axis.multicast_tensors) < 2 or not axis.reduces for axis in axes)
    far = any(a.price("hop", t) for a in on.arrays for t in problem.tensor_names)
    return not (apart or far or on.mac.latches or any(any(rates) for rates in (*ports, *networks)))


def alone(problem: Problem) -> bool:
    """Whether no two tensors lack the same dimension: then only one of them can keep its tile."""
    loops = [d for d, extent in problem.dimensions if extent > 1]
    return all(sum(d not in tensor.dimensions for tensor in problem.tensors) <= 1 for d in loops)


def _wide(problem: Problem, rank: Rank) -> bool:
    """Whether a rank is padded or more than one of its dimensions has a loop."""
    return rank.data is not None or min(problem.extents[d] for d in rank.dimensions) > 1


# Problems.


def _ranks(*names: str) -> tuple[Rank, ...]:
    return tuple(Rank(((d, 1),)) for d in names)


def _product(source: random.Random) -> Problem:
    dims = source.choice(("MNK", "MNK", "BMNK", "MK"))
    tensors = [("weights", "MK"), ("inputs", "KN"), ("outputs", "MN")]
    if source.random() < 0.5:
        tensors = [("weights", "BMK"), ("inputs", "BKN"), ("outputs", "BMN")]
    built = tuple(Tensor(t, _ranks(*(d for d in own if d in dims))) for t, own in tensors)
    return _dense(source, Problem("product", _sizes(source, dims), built, "outputs"))


def _convolution(source: random.Random, dims: str = "ngmcpqrs", padded: bool = False) -> Problem:
    chosen = source.sample(dims, source.randint(2, min(4, len(dims))))
    sizes = {d: source.choice(SIZES[:10] if d in "pq" else SIZES[:8]) for d in chosen}
    stride, dilation = ((source.choice((1, 1, 2, 3)), source.choice((1, 1, 2))) for _ in range(2))
    data = {}
    for i, (name, out, tap) in enumerate((("row_data", "p", "r"), ("column_data", "q", "s"))):
        length = 1 + stride[i] * (sizes.get(out, 1) - 1) + dilation[i] * (sizes.get(tap, 1) - 1)
        if padded and length > 1 and source.random() < 0.7:
            first = source.randint(0, min(2, length - 1))
            data[name] = first, source.randint(1, length - first)
    return _dense(source, convolution(**sizes, stride=stride, dilation=dilation, **data))


def _subscripts(source: random.Random) -> Problem:
    """Any dimensions in any tensor, or each in all but one of them."""
    dims = "ABCD"[: source.choice((2, 3, 3, 4))]
    sizes = tuple((d, source.choice((2, 2, 3) if len(dims) > 3 else (2, 2, 3, 4, 6))) for d in dims)
    if source.random() < 0.5:
        lacking = {d: source.choice((*TENSORS, None)) for d in dims}
        own = [[d for d in dims if lacking[d] != t] for t in TENSORS]
    else:
        own = [[d for d in dims if source.random() < 0.5] for _ in TENSORS]
    tensors = tuple(Tensor(t, _ranks(*o)) for t, o in zip(TENSORS, own, strict=True))
    return Problem("subscripts", sizes, tensors, "outputs")


def _rows(source: random.Random) -> Problem:
    """Windows along one or two dimensions that overlap, and a dimension besides."""
    sizes = {d: source.choice((2, 3, 4)) for d in source.choice(("prm", "prc", "prq", "pqrs", "pr"))}
    if len(sizes) == 4:
        sizes = dict.fromkeys(sizes, 2) | {"p": 4}
    return convolution(**sizes, stride=(source.choice((1, 1, 2)), 1), dilation=(source.choice((1, 2)), 1))


def _padded(source: random.Random) -> Problem:
    return _convolution(source, source.choice(("mcpr", "prqs", "npr", "gpr")), padded=True)


def _depthwise(source: random.Random) -> Problem:
    return _convolution(source, source.choice(("gpr", "gnpr", "gpqrs")), padded=source.random() < 0.3)


def _pooling(source: random.Random) -> Problem:
    """Windows without weights."""
    sizes = _sizes(source, "CPR")
    rows = Rank((("P", source.choice((1, 2, 3))), ("R", source.choice((1, 1, 2)))))
    inputs = Tensor("inputs", (*_ranks("C"), rows))
    return Problem("pooling", sizes, (inputs, Tensor("outputs", _ranks("C", "P"))), "outputs")


def _affine(source: random.Random) -> Problem:
    """Ranks of one or two of up to four dimensions in any operand, padded or not."""
    dims = dict(_sizes(source, "IJKL"[: source.randint(2, 4)]))

    def operand(name: str) -> Tensor:
        names, ranks = source.sample(list(dims), len(dims)), []
        while names and source.random() < 0.8:
            own = [names.pop() for _ in range(min(len(names), source.choice((1, 1, 2))))]
            terms = tuple((d, source.choice((1, 1, 2, 3))) for d in own)
            length, data = 1 + sum(c * (dims[d] - 1) for d, c in terms), None
            if source.random() < 0.2:
                first = source.randint(0, length - 1)
                data = first, source.randint(1, length - first)
            ranks.append(Rank(terms, data))
        return Tensor(name, tuple(ranks), bits=source.choice((None, None, 5)))

    outputs = Tensor("outputs", _ranks(*(d for d in dims if source.random() < 0.6)))
    operands = [operand(t) for t in source.choice((("weights", "inputs"), ("inputs",)))]
    return _dense(source, Problem("affine", tuple(dims.items()), (*operands, outputs), "outputs"))


def _sizes(source: random.Random, dims: str) -> tuple[tuple[str, int], ...]:
    return tuple((d, source.choice(SIZES)) for d in dims)


def _dense(source: random.Random, problem: Problem) -> Problem:
    if source.random() < 0.8:
        return problem
    return problem.with_densities({t: source.choice((1, 0.9, 0.5, 0.03)) for t in problem.tensor_names})


KINDS = {
    "product": _product,
    "pointwise": lambda source: _convolution(source, source.choice(("nmc", "gmcp", "mcpq", "mcrs"))),
    "convolution": _convolution,
    "padded": _padded,
    "depthwise": _depthwise,
    "pooling": _pooling,
    "affine": _affine,
}


# Machines.


def random_machine(
    source: random.Random, rates: bool | None = None, leaks: bool | None = None
) -> Architecture:
    """At most one array, with up to two levels or groups of levels on either side of it.

    ``rates`` says whether ports and networks have bandwidths, ``leaks`` whether leakage is priced.
    """
    rates = source.random() < 0.3 if rates is None else rates
    leaks = source.random() < 0.15 if leaks is None else leaks
    cheap = source.choice((_any_price, _any_price, _few_prices))
    leak = {"leakage_mw": source.choice((0.3, 5.0))} if leaks else {}
    outermost = {"storage": "DRAM", "stores_padding": source.random() < 0.3, **leak}
    outermost["price"] = {action: 10 * cheap(source) for action in ACTIONS}
    if not outermost["stores_padding"] and source.random() < 0.3:
        outermost["compression"] = {source.choice(TENSORS): "rlc"}
    levels: list[dict] = [_blocked(source, outermost), *_levels(source, "O", cheap, rates, leak)]
    if source.random() < 0.8:
        levels += [_array(source, cheap, rates, leak), *_levels(source, "I", cheap, rates, leak)]
    mac = {
        "price": cheap(source),
        "latches": source.choice(([], [], [], [], [], [], ["weights"], ["inputs", "weights"])),
    }
    if source.random() < 0.2:
        mac["gating"] = source.choice(("inputs", "weights"))
    bits = {"weights": 8, "inputs": source.choice((8, 6)), "outputs": 8}
    bits["partial_sums"] = source.choice((8, 8, 20))
    unit = {"energy_unit": "pJ", "clock_mhz": 170.0} if leaks else {}
    return machine(*levels, {"mac": mac | leak}, bits=bits, **unit)


def _parted_machine(source: random.Random, tensors: tuple[str, ...]) -> Architecture:
    """One or two small levels on either side of an array, few of their actions priced."""

    def level(name: str) -> dict:
        keeps = source.sample(tensors, source.choice((1, 1, 2, len(tensors))))
        return {
            "storage": name,
            "keeps": keeps,
            "capacity": f"{source.choice((1, 2, 3, 4)) * len(keeps)} words",
            "buffering": dict.fromkeys(keeps, "single"),
            "required": source.choice(([], keeps[:1], keeps)),
            "price": {action: _few_prices(source) for action in ACTIONS},
        }

    levels = [level(f"{region}{i}") for region in "OI" for i in range(source.choice((1, 1, 2)))]
    inner = next(i for i, entry in enumerate(levels) if entry["storage"][0] == "I")
    axes = {axis: {"size": source.choice((1, 1, 2, 3))} for axis in source.choice(("x", "x", "xy"))}
    if source.random() < 0.2:
        axes["x"] |= {"multicast": ["inputs"], "reduction": source.random() < 0.5}
    array = {"array": "PE", "axes": axes, "price": {"deliver": _few_prices(source)}}
    outermost = {"storage": "DRAM", "price": {action: source.choice((0, 1, 3)) for action in ACTIONS}}
    return machine(outermost, *levels[:inner], array, *levels[inner:], {"mac": {}})


def random_keeps(source: random.Random, on: Architecture) -> dict[str, bool]:
    """Mostly nothing; sometimes whether a level must hold a tensor, or must not."""
    nodes = [(s, t) for s in on.storages[1:] for t in s.keeps]
    if not nodes or source.random() < 0.8:
        return {}
    chosen = source.sample(nodes, source.randint(1, min(2, len(nodes))))
    return {f"{s.name}.{t}": t in s.required or source.random() < 0.5 for s, t in chosen}


def _any_price(source: random.Random) -> float:
    return source.choice((0, 1, 1, 2.5, 0.1, 7.3, 1 / 3))


def _few_prices(source: random.Random) -> float:
    return source.choice((0, 0, 1))


def _levels(source, region, cheap, rates, leak) -> list[dict]:
    found: list[dict] = []
    for i in range(source.choice((0, 1, 1, 1, 2))):
        if source.random() < 0.7:
            keeps = source.sample(TENSORS, source.choice((1, 2, 3, 3)))
            found.append(_storage(source, f"{region}{i}", keeps, cheap, rates, leak))
        else:
            split = source.choice((TENSORS, ("weights outputs", "inputs"), ("inputs", "outputs")))
            names = [(f"{region}{i}{j}", keeps.split()) for j, keeps in enumerate(split)]
            side = [_storage(source, name, keeps, cheap, rates, leak) for name, keeps in names]
            found.append({"side_by_side": side})
    return found


def _storage(source, name, keeps, cheap, rates, leak) -> dict:
    entry = {"storage": name, "keeps": list(keeps), "stores_padding": source.random() < 0.3, **leak}
    entry["price"] = {action: cheap(source) for action in ACTIONS}
    entry["buffering"] = {t: source.choice(("single", "double", "fifo")) for t in keeps}
    entry["required"] = source.choice(([], [], [], list(keeps[:1])))
    if rates and source.random() < 0.7:
        ports = source.choice((("shared",), ("read",), ("write",), ("read", "write")))
        entry["bandwidth"] = {port: source.choice(("3 bits", "8 bits", "64 bits")) for port in ports}
    if source.random() < 0.8:
        bits = 8 * source.choice((2, 4, 6, 10, 20, 40, 80))
        entry["capacity"] = f"{bits} bits"
        if source.random() < 0.3:
            cut = source.randint(1, len(keeps))
            parts = [part for part in (list(keeps[:cut]), list(keeps[cut:])) if part]
            entry["partitions"] = [
                {"tensors": part, "capacity": f"{bits // len(keeps) * len(part)} bits"} for part in parts
            ]
    return _blocked(source, entry)


def _blocked(source: random.Random, entry: dict) -> dict:
    if source.random() < 0.2:
        entry |= {"block": source.choice(("24 bits", "50 bits")), "price_per": "block"}
    return entry


def _array(source, cheap, rates, leak) -> dict:
    linked: tuple[list[str], ...] = (
        ([],) if source.random() < 0.75 else ([], ["inputs"], ["weights", "inputs"])
    )
    axes = {
        axis: {
            "size": source.choice((1, 2, 2, 3, 4, 4)),
            "multicast": source.choice((True, True, True, False, ["inputs"], ["weights"])),
            "reduction": source.choice((True, True, False)),
            "links": source.choice(linked),
        }
        for axis in source.choice(("x", "x", "xy"))
    }
    price = {action: cheap(source) for action in ("deliver", "link", "add")}
    price["hop"] = source.choice((0, 0, 0, 0.7))
    array = {"array": "PE", "axes": axes, "price": price, "ramp": source.random() < 0.2, **leak}
    if price["hop"]:
        kinds = ("unicast", "bus", "bus", "tree", "mesh")
        array["topology"] = {t: source.choice(kinds) for t in ("weights", "inputs", "outputs")}
    if rates:
        widths = ("weights", "inputs", "outputs", "outputs_up")
        array["network"] = {t: source.choice(("3 bits", "20 bits")) for t in widths if source.random() < 0.5}
    return array
