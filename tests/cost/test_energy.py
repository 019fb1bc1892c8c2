"""Energy: the contract's table of actions, line by line, and prices by hand."""

import itertools
import math
from collections import Counter
from dataclasses import replace

import oracles
import pytest
from hypothesis import given, settings
from oracles import machine, mapping, naive_columns, naive_counts, naive_wires

from simulator.batch.model import CostModel
from simulator.cost.hops import wires_of
from simulator.cost.model import Cost, EnergyRow, cost
from simulator.counting import functional
from simulator.errors import ArchitectureError, EngineDifferenceError
from simulator.legality import rules
from simulator.problem import Problem, Tensor, convolution

MAC = {"mac": {"price": 1}}
DENSE = {"read": 1, "fill": 10, "drain": 100, "merge": 1000, "send": 10000, "refill": 100000}


def row(spent, component, tensor, action):
    (found,) = [r for r in spent.rows if (r.component, r.tensor, r.action) == (component, tensor, action)]
    return found


def naive_actions(problem, architecture, nest):
    """How often each component does what, from the naive counts and the contract's table."""
    how, done = rules(problem, architecture, nest), Counter()
    above = {}
    for tensor in problem.tensor_names:
        keepers = [*nest.keepers(tensor), ("MAC", len(nest.loops))]
        above |= {(tensor, p): (a, b) for (p, a), (_, b) in itertools.pairwise(keepers)}
    for counts in naive_counts(problem, nest, how):
        tensor, parent, child = counts["tensor"], counts["parent"], counts["child"]
        first, last = above[tensor, parent]
        holds = child != "MAC" or (tensor in how.latches and tensor != "outputs")
        rank = architecture.rank_of
        arrays = [a for a in architecture.arrays if rank(parent) < a.rank]
        arrays = [a for a in arrays if child == "MAC" or a.rank < rank(child)]
        between = [loop for loop in nest.loops[first:last] if loop.spatial]
        links = any(architecture.array(x.array).axis(x.axis).links(tensor) for x in between)

        def entering(place, weight=None, tensor=tensor, parent=parent, last=last, holds=holds):
            """Counts below ``place``: everything above it stands apart."""
            return naive_columns(
                problem, nest, tensor, place, last, holds=holds, clip=parent not in how.stores_padding,
                splits=how.splits[tensor], weight=weight,
            )  # fmt: skip

        edges = [*[max(first, start_of(nest, a)) for a in arrays], last]
        if tensor == "outputs":
            done[parent, tensor, "drain"] += counts["drains"]
            done[parent, tensor, "merge"] += counts["merges"]
            done[parent, tensor, "refill"] += counts["refills"]
            if child != "MAC":
                done[child, tensor, "send"] += counts["contributed"]
                done[child, tensor, "fill"] += counts["refills"]
            for i, array in enumerate(arrays):
                inner = entering(edges[i + 1])["drains"] if i + 1 < len(arrays) else counts["contributed"]
                outer = entering(edges[i])["drains"] if i else counts["drains"]
                done[array.name, tensor, "add"] += inner - outer
                done[array.name, tensor, "deliver"] += counts["refills"]
        else:
            done[parent, tensor, "read"] += counts["parent_reads"] - links * counts["forwardable"]
            if child != "MAC":
                done[child, tensor, "fill"] += counts["child_fills"]
            for i, array in enumerate(arrays):
                last_one = i + 1 == len(arrays)
                done[array.name, tensor, "deliver"] += (
                    counts["child_fills"] if last_one else entering(edges[i + 1])["parent_reads"]
                )
                if links and last_one:
                    done[array.name, tensor, "link"] += counts["forwardable"]
        for array in arrays:
            if array.price("hop", tensor) and array.topology(tensor) != "unicast":
                done[array.name, tensor, "hop"] += naive_wires(
                    problem, nest, tensor, first, last, holds=holds, clip=parent not in how.stores_padding,
                    splits=how.splits[tensor], wires=wires_of(architecture, array, tensor, links),
                )  # fmt: skip
            elif array.price("hop", tensor):
                moved = entering(first, weight=lambda index, array=array: distance(nest, array, index))
                done[array.name, tensor, "hop"] += moved[
                    "contributed" if tensor == "outputs" else "child_fills"
                ]
    done["MAC", "", "mac"] = problem.macs
    return done


def start_of(nest, array):
    """Loops above the first one that stands on this array or on those inside it."""
    for i, loop in enumerate(nest.loops):
        if loop.spatial and loop.array >= array.name:
            return i
    return len(nest.loops)


def distance(nest, array, index):
    """Places from the corner, axis by axis; the innermost loop of an axis steps from place to place."""
    total = 0
    for axis in array.axes:
        place = 0
        for i, loop in enumerate(nest.loops):
            if loop.array == array.name and loop.axis == axis.name and i in index:
                place = place * loop.bound + index[i]
        total += place
    return total


@given(oracles.mapped(bandwidth=False, most_macs=150))
@settings(max_examples=60, deadline=None)
def test_every_action_of_the_table_happens_as_often_as_naively_counted(case):
    problem, architecture, nest = case
    spent = cost(problem, architecture, nest, "closed-form")
    done = Counter()
    for r in spent.rows:
        done[r.component, r.tensor, r.action] += r.count
    assert +done == +naive_actions(problem, architecture, nest)


@given(oracles.mapped(bandwidth=False))
@settings(max_examples=60, deadline=None)
def test_the_energy_is_the_sum_of_its_rows_at_their_prices(case):
    problem, architecture, nest = case
    spent = cost(problem, architecture, nest, "closed-form")
    outputs = math.prod(problem.shape("outputs"))
    for r in spent.rows:
        units = float(r.count)
        if r.unit == "block":
            level = architecture.storage(r.component)
            bits = r.count * architecture.word_bits(r.tensor, r.component)
            if r.tensor == "outputs" and level == architecture.outermost:
                finished = outputs if r.action == "drain" else 0
                wide = (r.count - finished) * architecture.partial_sum_bits
                bits = wide + finished * architecture.output_bits
            units = bits / level.block_bits
        assert r.units == pytest.approx(units, rel=1e-14)
        assert r.energy == r.units * r.price
    assert spent.energy == pytest.approx(sum(r.energy for r in spent.rows), rel=1e-12)
    assert spent.edp == spent.energy * spent.cycles.total


def test_prices_by_hand():
    """O[m] += W[m][c] * I[c] with m=4 on two PEs, c=3: counted on paper.

    The buffer gets 12 weights and 3 inputs once. Each PE holds one output at a time over all channels:
    the outputs leave the PEs once (4 sends) and the buffer once, nothing is read back.
    """
    prices = {"price": DENSE}
    on = machine(
        {"storage": "DRAM", **prices},
        {"storage": "GLB", **prices},
        {"array": "PE", "axes": {"x": {"size": 2}}, "price": {"deliver": 3, "add": 5, "hop": 7}},
        {
            "storage": "RF",
            "keeps": ["outputs"],
            "price": {k: DENSE[k] for k in ("drain", "send", "refill", "fill")},
        },
        MAC,
    )
    nest = mapping("DRAM:", "GLB:", "M 2", "M 2 @PE.x", "RF: outputs", "C 3")
    spent = cost(convolution(m=4, c=3), on, nest)
    counted = {(r.component, r.tensor, r.action): r.count for r in spent.rows if r.count}
    assert counted == {
        ("DRAM", "weights", "read"): 12,
        ("GLB", "weights", "fill"): 12,
        ("GLB", "weights", "read"): 12,
        ("PE", "weights", "deliver"): 12,
        ("PE", "weights", "hop"): 6,  # half of them go to place 1
        ("DRAM", "inputs", "read"): 3,
        ("GLB", "inputs", "fill"): 3,
        ("GLB", "inputs", "read"): 6,  # multicast to both PEs, twice over m
        ("PE", "inputs", "deliver"): 12,
        ("PE", "inputs", "hop"): 6,
        ("RF", "outputs", "drain"): 12,
        ("RF", "outputs", "refill"): 8,
        ("RF", "outputs", "send"): 4,
        ("GLB", "outputs", "drain"): 4,
        ("PE", "outputs", "hop"): 2,
        ("GLB", "outputs", "send"): 4,
        ("DRAM", "outputs", "drain"): 4,
        ("MAC", "", "mac"): 12,
    }
    by_hand = 1 * (12 + 12 + 3 + 6) + 10 * (12 + 3) + 100 * (12 + 4 + 4) + 10000 * (4 + 4) + 100000 * 8
    assert spent.energy == by_hand + 3 * 24 + 7 * 14 + 12


def test_an_axis_that_does_not_reduce_merges_at_the_parent():
    """Two PEs on other channels of one output: one drain begins it, the other finds it and is merged."""
    on = machine(
        {"storage": "DRAM", "price": DENSE},
        {"array": "PE", "axes": {"x": {"size": 2, "reduction": False}}, "price": {"deliver": 0, "add": 5}},
        MAC,
    )
    spent = cost(convolution(c=2), on, mapping("DRAM:", "C 2 @PE.x"))
    assert [row(spent, "DRAM", "outputs", a).count for a in ("drain", "merge", "refill")] == [2, 1, 0]
    assert row(spent, "DRAM", "outputs", "merge").energy == 1000
    assert row(spent, "PE", "outputs", "add").count == 0
    reduced = cost(convolution(c=2), on.replace({"PE.x.reduction": True}), mapping("DRAM:", "C 2 @PE.x"))
    assert [row(reduced, "DRAM", "outputs", a).count for a in ("drain", "merge", "refill")] == [1, 0, 0]
    assert row(reduced, "PE", "outputs", "add").energy == 5


def test_a_latch_reads_a_held_word_once():
    level = {"storage": "DRAM", "price": {"read": 1}}
    problem, nest = convolution(m=2, q=5), mapping("DRAM:", "M 2", "Q 5")
    for latches, reads in (([], 10), (["weights"], 2)):
        on = machine(level, {"mac": {"price": 1, "latches": latches}})
        assert row(cost(problem, on, nest), "DRAM", "weights", "read").count == reads


def test_links_save_reads_and_cost_links():
    """Three PEs hold columns 0 1 2, then 1 2 3: two are passed on, one is read."""
    array = {
        "array": "PE",
        "axes": {"x": {"size": 3, "links": ["inputs"]}},
        "price": {"link": 5, "deliver": 2},
    }
    on = machine({"storage": "DRAM", "price": {"read": 100}}, array, {"storage": "RF"}, MAC)
    spent = cost(convolution(q=2, s=3), on, mapping("DRAM:", "Q 2", "S 3 @PE.x", "RF: inputs"))
    assert row(spent, "DRAM", "inputs", "read").energy == 400
    assert row(spent, "PE", "inputs", "link").energy == 10
    assert row(spent, "PE", "inputs", "deliver").energy == 12


def test_blocks_are_paid_as_if_packed():
    """Ten 8-bit words in 24-bit blocks are 10 / 3 blocks."""
    on = machine({"storage": "DRAM", "block": "24 bits", "price_per": "block", "price": {"read": 6}}, MAC)
    paid = row(cost(convolution(m=10), on, mapping("DRAM:", "M 10")), "DRAM", "weights", "read")
    assert (paid.count, paid.unit) == (10, "block")
    assert paid.energy == pytest.approx(10 / 3 * 6)


def test_a_wide_partial_sum_fills_more_of_a_block():
    """Four drains of 20 bits into the buffer, four of the final 8 bits into DRAM, in 40-bit blocks."""
    block = {"block": "40 bits", "price_per": "block", "price": {"drain": 10}}
    on = machine(
        {"storage": "DRAM", **block},
        {"storage": "GLB", **block},
        MAC,
        bits={"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 20},
    )
    spent = cost(convolution(m=4), on, mapping("DRAM:", "GLB: outputs", "M 4"))
    assert row(spent, "GLB", "outputs", "drain").energy == 4 / 2 * 10
    assert row(spent, "DRAM", "outputs", "drain").energy == 4 / 5 * 10
    # Two passes over the channels: the first four drains at DRAM are partial sums, two to a block.
    twice = cost(convolution(m=4, c=2), on, mapping("DRAM:", "C 2", "M 2", "GLB: outputs", "M 2"))
    drained = row(twice, "DRAM", "outputs", "drain")
    assert (drained.count, drained.units, drained.energy) == (8, 4 / 2 + 4 / 5, (4 / 2 + 4 / 5) * 10)


def test_a_problem_may_state_its_own_widths():
    on = machine({"storage": "DRAM", "block": "24 bits", "price_per": "block", "price": {"read": 6}}, MAC)
    plain = convolution(m=10)
    own = tuple(Tensor(t.name, t.ranks, bits=12) for t in plain.tensors)
    problem = Problem("wide", plain.dimensions, own, "outputs")
    assert row(cost(problem, on, mapping("DRAM:", "M 10")), "DRAM", "weights", "read").energy == 10 / 2 * 6


def test_words_pass_two_arrays_without_a_level_between():
    """Outputs m on clusters, channels c over PEs of a cluster and over clusters; reduced twice.

    Weights differ everywhere: 8 words enter both arrays. The 4 inputs, one per channel, go to the one
    cluster and PE that has it. Outputs: 8 MACs make 8 sums; two PEs add up to 4 in each pass of m,
    two clusters add those up to 2.
    """
    on = machine(
        {"storage": "DRAM"},
        {"array": "A", "axes": {"x": {"size": 2}}, "price": {"deliver": 1, "add": 1}},
        {"array": "B", "axes": {"y": {"size": 2}}, "price": {"deliver": 1, "add": 1}},
        MAC,
    )
    spent = cost(convolution(m=2, c=4), on, mapping("DRAM:", "M 2", "C 2 @A.x", "C 2 @B.y"))
    assert [row(spent, a, "weights", "deliver").count for a in "AB"] == [8, 8]
    assert [row(spent, a, "outputs", "add").count for a in "AB"] == [2, 4]
    shared = cost(convolution(m=4), on, mapping("DRAM:", "M 2 @A.x", "M 2 @B.y"))
    # One input for all: one word to each cluster, then one to each of its PEs.
    assert [row(shared, a, "inputs", "deliver").count for a in "AB"] == [2, 4]


@given(oracles.mapped(bandwidth=False, most_macs=100))
@settings(max_examples=25, deadline=None)
def test_words_that_move_take_the_hops_that_are_counted(case):
    problem, architecture, nest = case
    walked, executed = (cost(problem, architecture, nest, engine) for engine in ("walk", "functional"))
    assert [r.count for r in walked.rows] == [r.count for r in executed.rows]


def test_words_that_take_other_wires_than_counted_are_a_defect(monkeypatch):
    array = {"array": "PE", "axes": {"x": {"size": 4}}, "topology": "mesh", "price": {"hop": 1}}
    grid = machine({"storage": "DRAM"}, array, {"storage": "RF"}, MAC)
    nest = mapping("DRAM:", "M 4 @PE.x", "RF: weights inputs outputs")
    right = functional.run

    def wrong(*arguments):
        executed = right(*arguments)
        return replace(executed, hops=tuple(hops + 1 for hops in executed.hops))

    monkeypatch.setattr(functional, "run", wrong)
    with pytest.raises(EngineDifferenceError, match="or the hops, differ"):
        cost(convolution(m=4), grid, nest, "functional")


def test_hops_over_two_arrays_without_a_level_between_are_refused():
    on = machine(
        {"storage": "DRAM"},
        {"array": "A", "axes": {"x": {"size": 2}}, "price": {"hop": 1}},
        {"array": "B", "axes": {"y": {"size": 2}}},
        MAC,
    )
    with pytest.raises(
        ArchitectureError, match="array A: hop has no price where weights pass on to B without"
    ):
        cost(convolution(m=4), on, mapping("DRAM:", "M 2 @A.x", "M 2 @B.y"))


def test_distances_count_from_the_corner():
    """Weights to places 0..3 of one axis folded from two loops: 0 + 1 + 2 + 3; a ragged fifth is idle."""
    array = {"array": "PE", "axes": {"x": {"size": 4}, "y": {"size": 2}}, "price": {"hop": 1}}
    on = machine({"storage": "DRAM"}, array, MAC)
    folded = cost(convolution(m=2, c=2), on, mapping("DRAM:", "M 2 @PE.x", "C 2 @PE.x"))
    assert row(folded, "PE", "weights", "hop").count == 0 + 1 + 2 + 3
    plane = cost(convolution(m=5), on, mapping("DRAM:", "M 2 @PE.y", "M 3 @PE.x"))
    assert row(plane, "PE", "weights", "hop").count == (0 + 1 + 2) + (1 + 2)


def test_leakage_is_power_times_time():
    """2 mW for 4 RFs, 3 mW of the array, 0.5 mW a MAC at 100 MHz: 10 ns a cycle, 1 mW is 10 pJ a cycle."""
    on = machine(
        {"storage": "DRAM"},
        {"array": "PE", "axes": {"x": {"size": 4}}, "leakage_mw": 3},
        {"storage": "RF", "leakage_mw": 2},
        {"mac": {"price": 1, "leakage_mw": 0.5}},
        energy_unit="pJ",
        clock_mhz=100,
    )
    spent = cost(convolution(m=6), on, mapping("DRAM:", "M 2", "M 3 @PE.x"))
    leaks = {r.component: r.energy for r in spent.rows if r.action == "leak"}
    assert leaks == pytest.approx({"PE": 3 * 10 * 2, "RF": 4 * 2 * 10 * 2, "MAC": 4 * 0.5 * 10 * 2})
    assert spent.energy == pytest.approx(6 + sum(leaks.values()))
    with pytest.raises(ArchitectureError, match="leakage_mw needs energy_unit pJ and clock_mhz"):
        cost(convolution(m=6), on.replace({"energy_unit": "MAC"}), mapping("DRAM:", "M 2", "M 3 @PE.x"))


def test_a_batch_leaks_as_each_mapping_does():
    on = machine({"storage": "DRAM", "leakage_mw": 0.3}, MAC, energy_unit="pJ", clock_mhz=7)
    problem, nest = convolution(m=6), mapping("DRAM:", "M 6")
    model = CostModel(problem, on)
    (row,) = model.evaluate([model.encoding.encode(nest)])
    assert row["energy"] == cost(problem, on, nest, "closed-form").energy


def test_utilization_is_macs_over_steps_and_units():
    on = machine({"storage": "DRAM"}, {"array": "PE", "axes": {"x": {"size": 4}}}, MAC)
    spent = cost(convolution(m=5), on, mapping("DRAM:", "M 2", "M 3 @PE.x"))
    assert (spent.counts.steps, spent.counts.active_pes) == (2, 3)
    assert spent.utilization == 5 / (2 * 4)


def test_a_sum_of_rows_keeps_their_order():
    """0.1 + 0.2 + 0.3 differs from 0.3 + 0.2 + 0.1 in the last bit; a batch adds in this order too."""
    rows = tuple(EnergyRow("MAC", "", "mac", 1, 1.0, "MAC", e, e) for e in (0.1, 0.2, 0.3))
    spent = Cost(None, None, None, rows, None, 1)
    assert spent.energy == 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
