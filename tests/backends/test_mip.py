"""Matrices for mixed-integer programs, and mappings from factors, say what the simulator counts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import convolutions

import simulator as sim
from simulator.backends.mip import MipMatrices, mip_matrices, prime_factors
from simulator.cost.model import cost
from simulator.errors import MappingError, SimulatorError
from simulator.legality import check_mapping, tile_bits
from simulator.mapping import Loop, Mapping, Store

EYERISS = sim.load_architecture("eyeriss_v1")
CONV = sim.load_layer("lenet5_caffe:conv2")
MATRICES = mip_matrices(CONV, EYERISS)
FACTORS = {
    "M": {"DRAM": 10, "psum_spad": 5}, "C": {"GLB": 20}, "P": {"PE.x": 8}, "Q": {"DRAM": 8}, "R": {"PE.y": 5},
    "S": {"psum_spad": 5},
}  # fmt: skip


def roomy(problem: sim.Problem) -> sim.Architecture:
    """A machine with a place for every loop: no capacities, and axes of any size."""
    price = {"read": 1, "fill": 1, "drain": 1, "merge": 1, "send": 1, "refill": 1}
    axes = {name: {"size": 10_000} for name in "xy"}
    hierarchy: list[dict[str, Any]] = [
        {"storage": "DRAM", "price": price},
        {"storage": "GLB", "price": price},
        {"array": "PE", "axes": axes, "price": {"deliver": 1, "add": 1}},
        {"storage": "RF", "price": price},
        {"mac": {"price": 1}},
    ]
    return sim.Architecture.from_dict(
        {"name": "roomy", "energy_unit": "MAC", "bits": dict.fromkeys(("weights", "inputs", "outputs"), 16)}
        | {"hierarchy": hierarchy}
    )


@st.composite
def assigned(draw: Any, matrices: MipMatrices) -> Any:
    """Every prime factor at a random place: counts (F, P)."""
    counts = np.zeros((len(matrices.factor_prime), len(matrices.places)), np.int64)
    for factor, times in enumerate(matrices.factor_count.tolist()):
        for _ in range(times):
            counts[factor, draw(st.integers(0, len(matrices.places) - 1))] += 1
    return counts


@given(st.integers(1, 2**31))
def test_prime_factors_multiply_to_the_number(number: int) -> None:
    found = prime_factors(number)
    assert math.prod(prime**times for prime, times in found.items()) == number
    assert all(prime > 1 and all(prime % d for d in range(2, math.isqrt(prime) + 1)) for prime in found)


@given(st.integers(1, 400), st.sampled_from((2, 3, 5, 7, 11)))
@settings(max_examples=60)
def test_padding_goes_to_the_next_number_of_small_primes(extent: int, largest: int) -> None:
    padded = int(mip_matrices(sim.convolution(p=extent), EYERISS, largest).padded[4])
    smooth = [n for n in range(extent, 2 * extent + 1) if max(prime_factors(n), default=1) <= largest]
    assert padded == smooth[0]


def test_dimensions_levels_and_axes_of_a_convolution() -> None:
    m = mip_matrices(sim.convolution(m=12, c=6, p=5, r=3, stride=(4, 1)), EYERISS)
    assert m.places == ("DRAM", "GLB", "PE.x", "PE.y", "ifmap_spad", "filter_spad", "psum_spad")
    names = [m.dimensions[d] for d in m.factor_dimension]
    assert list(zip(names, m.factor_prime.tolist(), m.factor_count.tolist(), strict=True)) == [
        ("M", 2, 2), ("M", 3, 1), ("C", 2, 1), ("C", 3, 1), ("P", 5, 1), ("R", 3, 1),
    ]  # fmt: skip
    inputs = m.tensors.index("inputs")
    p, r = m.dimensions.index("P"), m.dimensions.index("R")
    assert (m.partner[p, inputs], m.partner[r, inputs]) == (r, p)
    assert (m.coefficient[p, inputs], m.coefficient[r, inputs]) == (4, 1)
    assert not m.relevant[m.dimensions.index("M"), inputs] and m.partner[p, m.tensors.index("outputs")] == -1
    assert m.fan_out.tolist() == [14, 12]


@given(convolutions())
@settings(max_examples=50, deadline=None)
def test_relevance_is_that_of_the_problem(problem: sim.Problem) -> None:
    m = mip_matrices(problem, EYERISS)
    for t, tensor in enumerate(problem.tensors):
        own = {d for i, d in enumerate(m.dimensions) if m.relevant[i, t]}
        assert own == tensor.dimensions
        ranks = {frozenset({i, int(m.partner[i, t])} - {-1}) for i in np.flatnonzero(m.relevant[:, t])}
        assert ranks == {frozenset(m.dimensions.index(d) for d in rank.dimensions) for rank in tensor.ranks}


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_what_the_matrices_allow_is_legal(data: st.DataObject) -> None:
    """Fan-outs and capacities kept in logarithms, as a program keeps them, make a legal mapping.

    A tile has the words that its factors multiply to, fewer where dimensions slide.
    """
    sizes = {"GLB.partitions.0": "80 KiB", "ifmap_spad": "400 words", "filter_spad": "4000 words"}
    sizes |= {"GLB.partitions.1": "3 KiB", "psum_spad": "400 words"}
    changes = {f"{name}.capacity": size for name, size in sizes.items()}
    machine = EYERISS.replace(changes | {"psum_spad.buffering": "double", "PE.x": 40, "PE.y": 40})
    m = mip_matrices(CONV, machine)
    counts = data.draw(assigned(m))
    logs = counts * np.log2(m.factor_prime)[:, None]
    fits = all(logs[:, p].sum() <= math.log2(n) + 1e-9 for p, n in zip(m.axis_place, m.fan_out, strict=True))
    bits = np.zeros((len(m.levels), len(m.tensors)))
    for level, tensor in np.argwhere(m.storable):
        own = m.relevant[m.factor_dimension, tensor]
        words = 2 ** logs[own, m.level_place[level] :].sum()
        alone = m.capacity_shared[:, level, tensor].any()
        assert alone == np.isfinite(m.log2_capacity[level, tensor])
        bits[level, tensor] = words * m.word_bits[level, tensor] * m.copies[level, tensor]
    used = (m.capacity_shared * bits).sum(axis=(1, 2))
    try:
        nest = Mapping.from_factors(CONV, machine, m.factors(counts))
    except MappingError as error:
        assert not fits or (used > m.capacity_bits + 1e-6).any(), str(error)
        return
    assert fits
    for store, _ in nest.stores:
        for tensor in store.tensors:
            level, number = m.levels.index(store.level), m.tensors.index(tensor)
            exact = tile_bits(CONV, machine, nest, store, tensor)
            assert exact <= bits[level, number] * (1 + 1e-9)
            if (m.partner[:, number] < 0).all():
                assert exact == pytest.approx(bits[level, number])


def test_a_capacity_alone_is_the_largest_tile_that_fits() -> None:
    level, tensor = MATRICES.levels.index("filter_spad"), MATRICES.tensors.index("weights")
    assert 2 ** MATRICES.log2_capacity[level, tensor] == pytest.approx(224)
    assert MATRICES.log2_capacity[level, MATRICES.tensors.index("inputs")] == -np.inf
    assert (MATRICES.log2_capacity[0] == np.inf).all()
    assert MATRICES.capacities[:2] == ("GLB.inputs+outputs", "GLB.weights")
    whole = mip_matrices(CONV, roomy(CONV).replace({"GLB.capacity": "100 words", "GLB.buffering": "double"}))
    assert whole.capacities == ("GLB.capacity",) and 2 ** whole.log2_capacity[1, 0] == pytest.approx(50)


@pytest.mark.parametrize("changes", [{}, {"GLB.price_per": "block"}])
def test_prices_are_those_of_the_cost_model(changes: dict[str, object]) -> None:
    machine = EYERISS.replace(changes)
    m = mip_matrices(CONV, machine)
    spent = cost(CONV, machine, Mapping.from_factors(CONV, machine, FACTORS), "closed-form")
    seen = set()
    for row in spent.rows:
        if row.component in m.levels:
            price = m.price[
                m.levels.index(row.component),
                m.storage_actions.index(row.action),
                m.tensors.index(row.tensor),
            ]
        elif row.component in m.arrays:
            price = m.network_price[
                m.arrays.index(row.component),
                m.network_actions.index(row.action),
                m.tensors.index(row.tensor),
            ]
        else:
            price = m.mac_price[0]
        assert row.energy == pytest.approx(row.count * price)
        seen.add(row.component)
    assert seen == {*m.levels, *m.arrays, "MAC"}


def test_matrices_are_written_and_read_back(tmp_path: Path) -> None:
    MATRICES.save(tmp_path / "m.npz")
    MATRICES.save(tmp_path / "m.json")
    plain = json.loads((tmp_path / "m.json").read_text())
    assert plain == json.loads(json.dumps(MATRICES.to_dict()))
    with np.load(tmp_path / "m.npz", allow_pickle=False) as arrays:
        assert set(arrays) == set(plain)
        for name in arrays:
            np.testing.assert_array_equal(arrays[name], getattr(MATRICES, name))
    assert plain["log2_capacity"][0] == [None, None, None]
    with pytest.raises(SimulatorError, match=r"\.npz or \.json"):
        MATRICES.save(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c[:-1], "of shape"),
        (lambda c: c * 0, "factor 2 1 times, not 0"),
        (lambda c: c * 2, "factor 2 1 times, not 2"),
        (lambda c: c + 0.01, "a whole number from 0 on, not 1.01"),
        (lambda c: -c, "a whole number from 0 on, not -1"),
        (lambda c: c * math.nan, "not nan"),
        (lambda c: "x", "must be numbers"),
    ],
)
def test_answers_that_are_none_are_refused(change: Any, said: str) -> None:
    counts = np.zeros((len(MATRICES.factor_prime), len(MATRICES.places)))
    counts[:, 0] = MATRICES.factor_count
    assert MATRICES.factors(counts + 1e-6)["M"]["DRAM"] == 50
    with pytest.raises(SimulatorError, match=said):
        MATRICES.factors(change(counts))


@pytest.mark.parametrize("prime", [1, 98, 2.0, True, "7"])
def test_a_largest_prime_out_of_range(prime: Any) -> None:
    with pytest.raises(SimulatorError, match="from 2 to 97"):
        mip_matrices(CONV, EYERISS, prime)


def test_tensors_that_no_machine_knows() -> None:
    data = json.loads(json.dumps(CONV.to_dict()).replace("weights", "kernel"))
    with pytest.raises(SimulatorError, match="rename 'kernel'"):
        mip_matrices(sim.Problem.from_dict(data), EYERISS)


@given(convolutions(), st.data())
@settings(max_examples=40, deadline=None)
def test_factors_are_the_loops_of_the_nest(problem: sim.Problem, data: st.DataObject) -> None:
    """Each factor is one loop at its place; on a machine with room for all, any assignment is legal."""
    machine = roomy(problem)
    m = mip_matrices(problem, machine)
    factors = m.factors(data.draw(assigned(m)))
    orders = {place: data.draw(st.permutations(m.dimensions)) for place in m.places}
    nest = Mapping.from_factors(problem, machine, factors, orders)
    place, found = "", {d: dict.fromkeys(m.places, 1) for d in m.dimensions}
    loops: dict[str, list[str]] = {}
    for node in nest.nodes:
        if isinstance(node, Store):
            place = node.level
            continue
        at = node.place if node.spatial else place
        found[node.dimension][at] *= node.bound
        loops.setdefault(at, []).append(node.dimension)
    assert found == factors
    assert all(dims == [d for d in orders[at] if d in dims] for at, dims in loops.items())
    # The vector's own nest is the same one.
    encoding = sim.mapspace(problem, machine, None).encoding
    assert encoding.decode(encoding.encode(nest)).loops == nest.loops


@given(convolutions(), st.sampled_from((2, 3, 5)), st.data())
@settings(max_examples=50, deadline=None)
def test_factors_of_padded_extents_are_trimmed_to_what_is_reached(
    problem: sim.Problem, largest: int, data: st.DataObject
) -> None:
    machine = roomy(problem)
    m = mip_matrices(problem, machine, largest)
    factors = m.factors(data.draw(assigned(m)))
    nest = Mapping.from_factors(problem, machine, factors, trim=True)
    assert check_mapping(problem, machine, nest) == nest
    for dimension, extent in problem.dimensions:
        mine = [loop.bound for loop in nest.loops if loop.dimension == dimension]
        given_ = [factors[dimension][place] for place in m.places]
        assert extent <= math.prod(mine) <= math.prod(given_)
        if math.prod(given_) == extent:
            assert mine == [bound for bound in given_ if bound > 1]


def test_levels_keep_all_they_can_or_what_is_said() -> None:
    nest = Mapping.from_factors(CONV, EYERISS, FACTORS)
    assert nest.keepers("weights") == (("DRAM", 0), ("GLB", 2), ("filter_spad", 5))
    assert Loop("P", 8, "x", "PE") in nest.loops
    bypassed = Mapping.from_factors(
        CONV, EYERISS, FACTORS, keeps={"GLB": ("outputs", "inputs"), "ifmap_spad": []}
    )
    assert bypassed.nodes[3] == Store("GLB", ("outputs", "inputs"))
    assert [store.level for store, _ in bypassed.stores] == ["DRAM", "GLB", "filter_spad", "psum_spad"]


def test_ragged_factors_need_not_multiply_to_the_extent() -> None:
    ragged = FACTORS | {"M": {"DRAM": 17, "GLB": 3}}
    assert Loop("M", 17) in Mapping.from_factors(CONV, EYERISS, ragged).loops
    over = FACTORS | {"M": {"DRAM": 18, "GLB": 3}}
    with pytest.raises(MappingError, match="a bound of 17 is enough"):
        Mapping.from_factors(CONV, EYERISS, over)
    assert Loop("M", 17) in Mapping.from_factors(CONV, EYERISS, over, trim=True).loops


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"factors": FACTORS | {"M": {"DRAM": 7, "GLB": 7}}}, r"M is not .* 49 \(DRAM 7, GLB 7\), .* is 50"),
        ({"factors": {}}, r"M is not covered: .* 1 \(none given\)"),
        ({"factors": FACTORS | {"m": {"DRAM": 50}}}, "no dimension 'm'"),
        ({"factors": FACTORS | {"M": {"DRAN": 50}}}, "no level or axis 'DRAN'; did you mean 'DRAM'"),
        ({"factors": FACTORS | {"P": {"x": 8}}}, "no level or axis 'x'"),
        ({"factors": FACTORS | {"M": {"DRAM": 50.0}}}, "M: DRAM: must be a whole number from 1 .* not 50.0"),
        ({"factors": FACTORS | {"M": {"DRAM": 0}}}, "not 0"),
        ({"factors": FACTORS | {"M": {"DRAM": True}}}, "not True"),
        ({"factors": FACTORS | {"M": 50}}, "M must be a mapping"),
        ({"factors": [1]}, "factors must be a mapping"),
        ({"factors": FACTORS | {"M": {"PE.x": 50}}}, "PE.x has 14 places"),
        ({"factors": FACTORS | {"M": {"psum_spad": 50}, "C": {"DRAM": 20}, "S": {"GLB": 5}}}, "psum_spad"),
        ({"order": {"DRAM": ["M"]}}, "DRAM: Q has a factor there"),
        ({"order": {"DRAM": ["M", "Q", "M"]}}, "names a dimension twice"),
        ({"order": {"DRAM": ["M", "q"]}}, "no dimension 'q'"),
        ({"order": {"GBL": ["C"]}}, "no level or axis 'GBL'; did you mean 'GLB'"),
        ({"order": {"GLB": "C"}}, "must be a list of names"),
        ({"order": {"GLB": [1]}}, "1 is none"),
        ({"order": ["M"]}, "order must be a mapping"),
        ({"keeps": {"PE.x": []}}, "no level 'PE.x'"),
        ({"keeps": {"GLB": ["weights"]}}, "GLB must keep inputs"),
        ({"keeps": {"GLB": ["inputs", "outputs", "wieghts"]}}, "did you mean 'weights'"),
        ({"keeps": {"ifmap_spad": ["weights"]}}, "ifmap_spad cannot keep weights"),
        ({"trim": 1}, "trim must be true or false"),
    ],
)  # fmt: skip
def test_wrong_factors_are_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(MappingError, match=said):
        Mapping.from_factors(CONV, EYERISS, **({"factors": FACTORS} | wrong))
