"""Random mappings, reasons, repairs and moves, against naive definitions on spaces small enough to list."""

from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine, mapping

from simulator.batch.layout import lower_encoding
from simulator.encoding import Encoding, permutation, permutation_number
from simulator.errors import MappingError
from simulator.legality import check_mapping
from simulator.mapspaces import Mapspace
from simulator.mapspaces.constraints import Constraints, restrict
from simulator.mapspaces.sampling import neighbours, repair, sample, why_not
from simulator.problem import convolution

FLAT = machine(
    {"storage": "DRAM"},
    {"storage": "GLB", "keeps": ["weights", "inputs"], "capacity": "48 bits"},
    {"mac": {"price": 1}},
    name="flat",
)
SPATIAL = machine(
    {"storage": "DRAM"},
    {"storage": "GLB", "keeps": ["inputs"], "required": ["inputs"], "capacity": "16 bits"},
    {
        "array": "PE",
        "axes": {axis: {"size": 2, "multicast": True, "reduction": True} for axis in "xy"},
    },
    {"storage": "RF", "keeps": ["outputs"], "capacity": "16 bits"},
    {"mac": {"price": 1}},
    name="spatial",
)
DEEP = machine(
    {"storage": "DRAM"},
    {"storage": "L2", "keeps": ["inputs"]},
    {"storage": "L1", "keeps": ["inputs", "outputs"], "capacity": "24 bits"},
    {"mac": {"price": 1}},
    name="deep",
)
MACHINES = {m.name: m for m in (FLAT, SPATIAL, DEEP)}
PROBLEMS = {
    "wide": convolution("wide", m=5, c=2),
    "long": convolution("long", m=6),
    "sliding": convolution("s", p=3, r=2),
}
CONSTRAINTS = {
    "free": Constraints(),
    "balanced": Constraints(factors="balanced"),
    "perfect": Constraints(factors="perfect"),
}


class Space:
    """A mapspace with every mapping of it, listed by brute force over all bounds."""

    def __init__(self, machine, problem, constraints):
        self.encoding = Encoding(PROBLEMS[problem], MACHINES[machine])
        self.layout = lower_encoding(self.encoding)
        self.restriction = restrict(self.encoding, CONSTRAINTS.get(constraints, constraints))
        self.vectors = {}
        self.parted = set()
        for vector in self._all():
            nest = self.encoding.decode(vector)
            if self._bypasses_last(vector):
                self.vectors.setdefault(nest, vector)
            else:
                self.parted.add(nest)
        self.parted -= set(self.vectors)

    def sample(self, n, seed=0):
        return sample(self.layout, self.restriction, n, seed)

    def why_not(self, vector):
        return why_not(self.encoding, self.layout, self.restriction, vector)

    def neighbours(self, vector):
        return neighbours(self.layout, self.restriction, vector)

    def repair(self, vectors):
        return repair(self.layout, self.restriction, vectors)

    def _all(self):
        encoding, (low, high) = self.encoding, self.encoding.ranges
        dims = len(encoding.dimensions)
        rest = [
            range(a, b + 1)
            for a, b in zip(low[encoding.first_nodes :], high[encoding.first_nodes :], strict=True)
        ]
        for tail in product(*rest):
            places = self._places(tail[-len(encoding.architecture.arrays) :])
            chains = [list(self._chains(extent, len(places))) for _, extent in encoding.problem.dimensions]
            for choice in product(*chains):
                bounds = np.zeros((len(places), dims), int)
                bounds[places] = np.array(choice).T
                for numbers in product(*map(orders_of, bounds)):
                    vector = np.array([1, *bounds.ravel(), *numbers, *tail], np.int32)
                    if legal(encoding, vector):
                        yield vector

    def _bypasses_last(self, vector):
        encoding = self.encoding
        for index, region in enumerate(encoding.regions):
            order = permutation(int(vector[encoding.first_nodes + index]), len(region.nodes))
            kept = [vector[encoding.first_keep + region.first_node + node] for node in order]
            if kept != sorted(kept, reverse=True):
                return False
        return True

    def _places(self, axes):
        """The slots by position, outermost first."""
        places = list(range(len(self.encoding.slots)))
        for first, array, number in zip(
            self.encoding.first_axis_slots, self.encoding.architecture.arrays, axes, strict=False
        ):
            order = permutation(int(number), len(array.axes))
            places[first : first + len(order)] = [first + axis for axis in order]
        return places

    def _chains(self, left, slots):
        """The admitted bounds over so many slots, outermost first, that cover a dimension and are reached."""
        if slots == 0:
            if left == 1:
                yield ()
            return
        for bound in range(1, left + 1):
            balanced = bound == -(-left // -(-left // bound))
            if (True, balanced, left % bound == 0)[self.restriction.factors[0]]:
                for outer in self._chains(-(-left // bound), slots - 1):
                    yield (*outer, bound)


def orders_of(bounds):
    """The number of one order for each order of the loops there are."""
    present = [d for d, bound in enumerate(bounds) if bound > 1]
    rest = [d for d, bound in enumerate(bounds) if bound == 1]
    return [permutation_number([*order, *rest]) for order in permutations(present)]


def legal(encoding, vector):
    try:
        check_mapping(encoding.problem, encoding.architecture, encoding.decode(vector))
    except MappingError:
        return False
    return True


@cache
def listed(machine, problem, constraints):
    return Space(machine, problem, constraints)


SPACES = pytest.mark.parametrize(
    "space",
    [
        pytest.param(case, id="-".join(case))
        for case in (
            ("flat", "wide", "free"), ("flat", "wide", "balanced"), ("flat", "long", "perfect"),
            ("flat", "sliding", "free"), ("spatial", "long", "free"), ("spatial", "sliding", "free"),
            ("spatial", "long", "balanced"), ("deep", "sliding", "free"), ("deep", "long", "free"),
        )
    ],
)  # fmt: skip


@SPACES
def test_every_mapping_is_drawn_and_nothing_else(space):
    space = listed(*space)
    drawn = {vector.tobytes(): vector for vector in space.sample(60_000)}
    assert {space.encoding.decode(v) for v in drawn.values()} == set(space.vectors)


@SPACES
def test_samples_are_canonical_and_depend_on_seed_and_row(space):
    space = listed(*space)
    vectors = space.sample(300, seed=5)
    assert vectors.dtype == np.int32
    assert all((space.encoding.encode(space.encoding.decode(v)) == v).all() for v in vectors)
    np.testing.assert_array_equal(space.sample(40, seed=5), vectors[:40])
    assert (space.sample(300, seed=6) != vectors).any()
    assert space.sample(0).shape == (0, space.encoding.length)


@SPACES
def test_legal_mappings_have_no_reason_against_them(space):
    space = listed(*space)
    for nest, vector in space.vectors.items():
        assert space.why_not(vector) is None
        assert space.encoding.decode(space.repair(vector[None])[0]) == nest


@SPACES
def test_neighbours_are_legal_distinct_and_connect_everything(space):
    space = listed(*space)
    start = space.sample(1)[0]
    seen, queue = {space.encoding.decode(start)}, [start]
    while queue:
        vector = queue.pop()
        found = space.neighbours(vector)
        nests = [space.encoding.decode(v) for v in found]
        assert len(set(nests)) == len(nests)
        assert space.encoding.decode(vector) not in nests
        queue += [v for v, nest in zip(found, nests, strict=True) if nest not in seen]
        seen |= set(nests)
    assert seen == set(space.vectors)


@given(data=st.data())
@SPACES
@settings(max_examples=60, deadline=None)
def test_reasons_and_repairs_of_any_vector(space, data):
    space = listed(*space)
    encoding, (low, high) = space.encoding, space.encoding.ranges
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    vector = random.integers(low, high + 1)
    wild = data.draw(st.booleans())
    if wild:
        vector = random.integers(-(2**62), 2**62, len(low))
    else:
        inside = legal(encoding, vector) and encoding.decode(vector) in (space.vectors.keys() | space.parted)
        assert (space.why_not(vector) is None) == inside
    before = vector.copy()
    repaired = space.repair(vector[None])
    np.testing.assert_array_equal(vector, before)
    assert repaired.shape == (1, encoding.length)
    assert repaired.dtype == np.int32
    assert space.why_not(repaired[0]) is None
    np.testing.assert_array_equal(space.repair(repaired), repaired)


def test_repair_lowers_to_what_fits():
    space = listed("flat", "long", "free")
    nest = mapping("DRAM:", "GLB: weights inputs", "M 6")
    vector = space.encoding.encode(nest)
    # Tiles are held twice: two weights and an input take all the 48 bits.
    assert space.encoding.decode(space.repair(vector[None])[0]) == mapping(
        "DRAM:", "M 3", "GLB: weights inputs", "M 2"
    )


@pytest.mark.parametrize("dtype", [np.uint64, np.int8, np.uint8])
def test_repair_takes_any_integers(dtype):
    space = listed("flat", "long", "free")
    vectors = np.full((2, space.encoding.length), np.iinfo(dtype).max, dtype)
    assert all(space.why_not(v) is None for v in space.repair(vectors))


def test_an_empty_space_has_no_sample():
    problem = convolution("layer", m=8)
    encoding = Encoding(problem, FLAT)
    restriction = restrict(encoding, Constraints(bounds={"T2.M": (8, 8)}, keeps={"GLB.weights": True}))
    with pytest.raises(MappingError, match="no legal mapping in 10000 draws"):
        sample(lower_encoding(encoding), restriction, 5, 0)


def test_nodes_stay_in_their_region_between_two_arrays():
    """A node kept again behind loops that run on into the next region has no place there."""
    levels = [
        {"storage": "DRAM"},
        {"storage": "GLB"},
        {"array": "A", "axes": {"x": {"size": 2}}},
        {"storage": "BUF"},
        {"array": "B", "axes": {"y": {"size": 2}}},
        {"storage": "RF"},
        {"mac": {"price": 1}},
    ]
    space = Mapspace(convolution(m=4, c=4, p=4), machine(*levels))
    for vector in space.sample(20, seed=5):
        for other in space.neighbours(vector):
            assert space.why_not(other) is None
