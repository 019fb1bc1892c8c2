"""Cycles: the contract's formula on examples worked out by hand, and what always holds."""

import dataclasses
import itertools

import oracles
import pytest
from hypothesis import given, settings
from oracles import machine, mapping, naive_columns

from simulator.cost.model import cost
from simulator.errors import SimulatorError
from simulator.legality import check_mapping, rules
from simulator.problem import convolution

DRAM, MAC = {"storage": "DRAM"}, {"mac": {"price": 1}}


def level(name="GLB", keeps=None, **fields):
    return {"storage": name, "buffering": "double"} | ({"keeps": keeps} if keeps else {}) | fields


def time_of(problem, on, *nodes, engine="walk"):
    return cost(problem, on, mapping(*nodes), engine).cycles


@given(oracles.mapped())
@settings(max_examples=80, deadline=None)
def test_the_walk_never_needs_fewer_cycles(case):
    walked, closed = (cost(*case, engine).cycles for engine in ("walk", "closed-form"))
    assert walked.total >= closed.total
    assert walked.stalls >= 0 == closed.stalls
    assert dataclasses.replace(walked, total=closed.total, stalls=0.0) == closed
    # A cycle is whole in the end; fractions of them were summed in between.
    pace = max(closed.steps, *closed.busy.values(), 0)
    waits = closed.exposed + closed.ramp + closed.first_fill + closed.last_drain
    assert sum(closed.waits.values()) == pytest.approx(waits)
    assert all(busy <= closed.total + 1e-6 for busy in closed.busy.values())
    parts = pace + waits
    assert parts <= closed.total - closed.skew + 1e-5 < parts + 1 + 2e-5


@given(oracles.mapped(bandwidth=False))
@settings(max_examples=60, deadline=None)
def test_without_limits_steps_and_skew_are_all(case):
    for engine in ("walk", "closed-form"):
        spent = cost(*case, engine).cycles
        assert spent.total == spent.steps + spent.skew
        assert (spent.busy, spent.stalls, spent.limit) == ({}, 0, "computation")


@given(oracles.mapped(most_macs=150))
@settings(max_examples=80, deadline=None)
def test_a_network_is_busy_with_what_enters_it(case):
    """Operands: what the parent reads for one instance, less what neighbours pass on and what is exposed."""
    problem, architecture, nest = case
    spent = cost(problem, architecture, nest, "closed-form").cycles
    nest = check_mapping(problem, architecture, nest)
    how = rules(problem, architecture, nest)
    expected = {}
    for tensor in ("weights", "inputs"):
        keepers = [*nest.keepers(tensor), ("MAC", len(nest.loops))]
        for (parent, first), (child, last) in itertools.pairwise(keepers):
            inside = 99 if child == "MAC" else architecture.rank_of(child)
            spatial = [loop for loop in nest.loops[first:last] if loop.spatial]
            links = any(architecture.array(x.array).axis(x.axis).links(tensor) for x in spatial)
            for array in architecture.arrays:
                width = array.network_bits(tensor)
                if width is None or not architecture.rank_of(parent) < array.rank < inside:
                    continue
                outside = [i for i, x in enumerate(nest.loops) if x.array and x.array < array.name]
                words = naive_columns(
                    problem, nest, tensor, first, last,
                    holds=child != "MAC" or tensor in how.latches, clip=parent not in how.stores_padding,
                    splits=how.splits[tensor], zero=max(outside, default=-1) + 1,
                )  # fmt: skip
                bits = architecture.word_bits(tensor, "DRAM")
                name = f"{array.name} network {tensor}"
                exposed = child != "MAC" and architecture.storage(child).single_buffered(tensor)
                entering = 0 if exposed else words["parent_reads"] - links * words["forwardable"]
                expected[name] = expected.get(name, 0) + entering * bits / width
    counted = {name: busy for name, busy in spent.busy.items() if name in expected}
    assert counted == pytest.approx(expected)


def test_computation_alone_takes_its_steps():
    array = {"array": "PE", "axes": {"x": {"size": 4}}}
    spent = time_of(convolution(m=10, q=3), machine(DRAM, array, MAC), "DRAM:", "M 3", "Q 3", "M 4 @PE.x")
    assert (spent.total, spent.steps, spent.limit) == (9, 9, "computation")


def test_a_read_port_of_a_word_a_cycle():
    """Ten steps read a weight and an input each: twenty words of 8 bits at 8 bits a cycle."""
    on = machine(level("DRAM", bandwidth={"read": "8 bits"}), MAC)
    spent = time_of(convolution(m=10), on, "DRAM:", "M 10")
    assert spent.busy == {"DRAM read port": 20}
    assert (spent.total, spent.limit) == (20, "DRAM read port")


def test_a_shared_port_carries_both_ways():
    """The ten drains come on top, and no sum is read back: 30 words."""
    on = machine(level("DRAM", bandwidth={"shared": "8 bits"}), MAC)
    assert time_of(convolution(m=10), on, "DRAM:", "M 10").busy == {"DRAM shared port": 30}
    # One output over ten channels: nine refills.
    again = time_of(convolution(c=10), on, "DRAM:", "C 10")
    assert again.busy == {"DRAM shared port": 20 + 10 + 9}


def test_a_port_is_that_of_one_instance():
    """Three RFs get two weights each; each has its own port."""
    array = {"array": "PE", "axes": {"x": {"size": 3}}}
    on = machine(DRAM, array, level("RF", ["weights"], bandwidth={"write": "4 bits"}), MAC)
    spent = time_of(convolution(m=6), on, "DRAM:", "M 2", "M 3 @PE.x", "RF: weights")
    assert spent.busy == {"RF write port": 4}


@pytest.mark.parametrize(("buffering", "cycles"), [("double", 32), ("fifo", 32), ("single", 36)])
def test_single_buffered_tiles_are_exposed(buffering, cycles):
    """Three tiles of two weights, ten steps each; a weight takes a cycle to write.

    Single: 2 + 10 + 2 + 10 + 2 + 10. Else all but the first tile comes while the PE computes.
    """
    glb = level(keeps=["weights"], buffering=buffering, bandwidth={"write": "8 bits"})
    for engine in ("walk", "closed-form"):
        spent = time_of(
            convolution(m=6, q=5), machine(DRAM, glb, MAC), "DRAM:", "M 3", "GLB: weights", "M 2", "Q 5",
            engine=engine,
        )  # fmt: skip
        assert spent.total == cycles
        assert (spent.first_fill, spent.exposed) == (2, cycles - 32)


@pytest.mark.parametrize(("buffering", "cycles"), [("double", 34), ("single", 42)])
def test_single_buffered_outputs_are_exposed(buffering, cycles):
    """Three tiles of two outputs, ten steps each, then four cycles to drain: single, 3 x (10 + 4)."""
    on = machine(
        level("DRAM", bandwidth={"write": "4 bits"}), level(keeps=["outputs"], buffering=buffering), MAC
    )
    nodes = ("DRAM:", "M 3", "GLB: outputs", "M 2", "C 5")
    for engine in ("walk", "closed-form"):
        spent = time_of(convolution(m=6, c=5), on, *nodes, engine=engine)
        assert (spent.total, spent.last_drain, spent.exposed) == (cycles, 4, cycles - 34)


def test_the_first_fill_passes_level_after_level():
    """Two words into the buffer (2 cycles), then one into the register file (2 cycles)."""
    glb = level(keeps=["weights"], bandwidth={"write": "8 bits"})
    on = machine(DRAM, glb, level("RF", ["weights"], bandwidth={"write": "4 bits"}), MAC)
    spent = time_of(convolution(m=6, q=5), on, "DRAM:", "M 3", "GLB: weights", "M 2", "RF: weights", "Q 5")
    assert spent.busy == {"GLB write port": 6, "RF write port": 12}
    assert (spent.first_fill, spent.total) == (4, 30 + 4)


def test_first_tiles_of_several_tensors_queue_at_one_port():
    """Two weights and one input are read from DRAM before anything starts: 3 words of 2 cycles."""
    on = machine(level("DRAM", bandwidth={"read": "4 bits"}), level(), MAC)
    spent = time_of(convolution(m=6), on, "DRAM:", "M 3", "GLB:", "M 2")
    assert spent.busy == {"DRAM read port": 14}
    assert (spent.first_fill, spent.total) == (6, 14 + 6)


def test_the_last_tile_drains_after_all():
    """Five outputs in tiles of two: the last tile is one word of 2 cycles."""
    on = machine(level("DRAM", bandwidth={"write": "4 bits"}), level(keeps=["outputs"]), MAC)
    spent = time_of(convolution(m=5), on, "DRAM:", "M 3", "GLB: outputs", "M 2", engine="closed-form")
    assert spent.busy == {"DRAM write port": 10}
    assert (spent.last_drain, spent.total) == (2, 10 + 2)


def test_outputs_take_the_width_of_where_they_pass():
    """Partial sums of 20 bits leave the buffer, 8 bits of each enter DRAM."""
    ports = {"bandwidth": {"read": "4 bits", "write": "4 bits"}}
    on = machine(
        level("DRAM", **ports), level(keeps=["outputs"], **ports), MAC,
        bits={"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 20},
    )  # fmt: skip
    busy = time_of(convolution(m=6), on, "DRAM:", "GLB: outputs", "M 6").busy
    assert busy["DRAM write port"] == 6 * 8 / 4
    assert busy["GLB read port"] == busy["GLB write port"] == 6 * 20 / 4


def test_links_skew_the_array_once_a_pass():
    """Four places, though two are used: the last starts three cycles late in each of three passes."""
    array = {"array": "PE", "axes": {"x": {"size": 4, "links": ["inputs"]}, "y": {"size": 9}}}
    spent = time_of(convolution(m=3, q=2, c=2), machine(DRAM, array, MAC), "DRAM:", "M 3", "Q 2 @PE.x", "C 2")
    assert (spent.skew, spent.total) == (9, 6 + 9)


def test_a_network_takes_a_multicast_word_once():
    """Four weights, two for two PEs at a time; one input for both."""
    array = {
        "array": "PE",
        "axes": {"x": {"size": 2}},
        "network": {"weights": "8 bits", "inputs": "8 bits"},
    }
    on = machine(DRAM, array, level("RF"), MAC)
    spent = time_of(convolution(m=4, q=3), on, "DRAM:", "M 2", "M 2 @PE.x", "RF: weights inputs", "Q 3")
    assert spent.busy == {"PE network weights": 4, "PE network inputs": 3}
    assert (spent.first_fill, spent.total) == (3, 6 + 3)
    alone = on.replace({"PE.x.multicast": False})
    apart = time_of(convolution(m=4, q=3), alone, "DRAM:", "M 2", "M 2 @PE.x", "RF: weights inputs", "Q 3")
    assert apart.busy == {"PE network weights": 4, "PE network inputs": 6}


def test_merges_are_made_at_the_parent_and_not_on_the_network():
    """Four channels on two PEs without reduction: 4 drains up, 1 refill down, 2 merges at DRAM."""
    array = {
        "array": "PE",
        "axes": {"x": {"size": 2, "reduction": False}},
        "network": {"outputs": "8 bits", "outputs_up": "8 bits"},
    }
    dram = level("DRAM", bandwidth={"read": "8 bits", "write": "8 bits"})
    spent = time_of(convolution(c=4), machine(dram, array, MAC), "DRAM:", "C 2", "C 2 @PE.x")
    assert spent.busy["PE network outputs"] == 1
    assert spent.busy["PE network outputs up"] == 4
    assert spent.busy["DRAM write port"] == 4
    assert spent.busy["DRAM read port"] == 4 + 4 + 1 + 2  # weights, inputs, the refill, the merges
    del array["network"]["outputs_up"]
    shared = time_of(convolution(c=4), machine(dram, array, MAC), "DRAM:", "C 2", "C 2 @PE.x")
    assert shared.busy["PE network outputs"] == 1 + 4


def test_the_walk_finds_stalls_that_totals_hide():
    """Tiles of 10 and 1 weights by turns, a cycle each: a short computation cannot hide a long transfer.

    0-10 compute, 10-11 compute the single one, wait for ten until 20, 20-31 compute, and ten more until
    40 for the layer that follows: 18 cycles of stalls that a total of 22 against 22 does not show.
    """
    glb = level(keeps=["weights"], bandwidth={"write": "8 bits"})
    array = {"array": "A", "axes": {"x": {"size": 1}}, "network": {"weights": "8 bits"}}
    nodes = ("DRAM:", "N 2", "M 2", "GLB: weights", "M 10")
    for on in (machine(DRAM, glb, MAC), machine(DRAM, array, level(keeps=["weights"]), MAC)):
        walked = time_of(convolution(n=2, m=11), on, *nodes)
        closed = time_of(convolution(n=2, m=11), on, *nodes, engine="closed-form")
        assert (closed.total, list(closed.busy.values())) == (22 + 10, [22])
        assert (walked.stalls, walked.total) == (18, 40 + 10)


def test_a_tile_that_drains_keeps_its_place():
    """Tiles of 10 and 1 outputs by turns, a cycle each to compute and to drain, two places for tiles.

    The ten drain from 10 to 20, so the third tile waits from 11 on; its ten drain from 30 to 40, and the
    last word until 41. Totals show 22 cycles of draining and the last word.
    """
    on = machine(level("DRAM", bandwidth={"write": "8 bits"}), level(keeps=["outputs"]), MAC)
    nodes = ("DRAM:", "N 2", "M 2", "GLB: outputs", "M 10")
    walked = time_of(convolution(n=2, m=11), on, *nodes)
    closed = time_of(convolution(n=2, m=11), on, *nodes, engine="closed-form")
    assert (closed.total, closed.last_drain) == (22 + 1, 1)
    assert walked.total == 41


@pytest.mark.parametrize(("buffering", "stalls"), [("fifo", 144 - 121), ("double", 190 - 121)])
def test_a_fifo_waits_for_the_last_word_of_its_tile_alone(buffering, stalls):
    """Tiles of 10 and 1 weights by turns, 4 cycles a word; ten images use them, then one.

    The third tile is asked for when the second begins, at 100, and is there at 140. Word by word, it is used
    from 110 to 120, but for the last word; the single one follows at 144. Else it is used from 140 to 150,
    the single one until 151, and the first tile of the layer that follows is there at 190.
    """
    glb = level(keeps=["weights"], buffering=buffering, bandwidth={"write": "2 bits"})
    nodes = ("DRAM:", "N 2", "M 2", "GLB: weights", "N 10", "M 10")
    spent = time_of(convolution(n=11, m=11), machine(DRAM, glb, MAC), *nodes)
    assert (spent.steps, spent.stalls, spent.total) == (121, stalls, 121 + stalls + 40)


# Two PEs with filters of their own, and an input window of S words that both hear.
def pe_array(s=2, ramp=True, **buffering):
    array = {
        "array": "PE",
        "ramp": ramp,
        "axes": {"x": {"size": 2}},
        "network": {"weights": "8 bits", "inputs": "8 bits", "outputs": "8 bits", "outputs_up": "8 bits"},
    }
    pads = [
        level(name, [tensor], buffering=buffering.get(tensor, "double"))
        for name, tensor in (("W", "weights"), ("I", "inputs"), ("O", "outputs"))
    ]
    return machine(DRAM, array, {"side_by_side": pads}, MAC)


IN_PE = ("I: inputs", "O: outputs", "S 2")


@pytest.mark.parametrize("streams", ["double", "fifo"])
def test_a_pass_ramps_up_and_down(streams):
    """Three passes: 4 weights, then a window of 2 inputs, then 5 x 2 steps, then 2 outputs drain.

    3 x (4 + 2 + 10 + 2), but for the first window, which comes beside the first weights.
    """
    on = pe_array(weights="single", inputs=streams, outputs=streams)
    for engine in ("walk", "closed-form"):
        nodes = ("DRAM:", "M 3", "M 2 @PE.x", "W: weights", "Q 5", *IN_PE)
        spent = time_of(convolution(m=6, q=5, s=2), on, *nodes, engine=engine)
        assert (spent.exposed, spent.ramp, spent.first_fill, spent.last_drain) == (8, 2 * (2 + 2), 4, 2)
        assert (spent.total, spent.stalls) == (3 * (4 + 2 + 10 + 2) - 2, 0)
        assert spent.busy["PE network inputs"] == 3 * 6


def test_no_ramp_where_nothing_in_an_array_is_single_buffered():
    nodes = ("DRAM:", "M 3", "GLB: weights", "M 2 @PE.x", "W: weights", "Q 5", *IN_PE)
    problem = convolution(m=6, q=5, s=2)
    buffered = pe_array().to_dict()
    buffered["hierarchy"].insert(1, level(keeps=["weights"], buffering="single"))
    spent = time_of(problem, machine(*buffered["hierarchy"]), *nodes, engine="closed-form")
    assert (spent.exposed, spent.ramp) == (0, 0)


def test_no_ramp_where_the_array_states_none():
    nodes = ("DRAM:", "M 3", "M 2 @PE.x", "W: weights", "Q 5", *IN_PE)
    spent = time_of(convolution(m=6, q=5, s=2), pe_array(ramp=False, weights="single"), *nodes)
    assert (spent.exposed, spent.ramp, spent.total) == (8, 0, 3 * 10 + 8 + 4 + 2)


def test_a_loop_that_leaves_the_filters_alone_begins_no_pass():
    """Images above the filters change them as little as images below them."""
    on, problem = pe_array(weights="single"), convolution(n=2, m=6, q=5, s=2)
    above = ("DRAM:", "M 3", "N 2", "M 2 @PE.x", "W: weights", "Q 5", *IN_PE)
    below = ("DRAM:", "M 3", "M 2 @PE.x", "W: weights", "N 2", "Q 5", *IN_PE)
    for engine in ("walk", "closed-form"):
        one, other = (time_of(problem, on, *nodes, engine=engine) for nodes in (above, below))
        assert one == other
        assert one.ramp == 2 * (2 + 2)


def test_a_stream_that_keeps_its_tile_does_not_fill_again():
    """One window serves all filters: its two words come once; the outputs of each pass drain."""
    on = pe_array(weights="single")
    spent = time_of(convolution(m=6, s=2), on, "DRAM:", "M 3", "M 2 @PE.x", "W: weights", *IN_PE)
    assert spent.busy["PE network inputs"] == 2
    assert spent.ramp == 2 * 2


def test_the_ramp_is_no_stall_besides():
    """A window of 16 cycles hides behind 8 steps nowhere: it is ramp where a pass begins, and no stall.

    Where the filters have a second place, the walk finds that it is late: by 8 cycles at each pass.
    """
    array = {"array": "PE", "ramp": True, "axes": {"x": {"size": 2}}, "network": {"inputs": "4 bits"}}
    nodes = ("DRAM:", "M 3", "M 2 @PE.x", "W: weights", "Q 10", "I: inputs", "S 8")
    for buffering, ramp, stalls in (("single", 2 * 16, 0), ("double", 0, 3 * 8)):
        pads = [level("W", ["weights"], buffering=buffering), level("I", ["inputs"])]
        on = machine(DRAM, array, {"side_by_side": pads}, MAC)
        spent = time_of(convolution(m=6, q=10, s=8), on, *nodes)
        assert (spent.ramp, spent.stalls, spent.total) == (ramp, stalls, 3 * 80 + 16 + ramp + stalls)


def test_what_waits_for_the_outermost_level_is_no_processing():
    """Buffer tiles of 2 weights wait for DRAM at 2 cycles a word; the array's wait for the buffer at 1."""
    glb = level(keeps=["weights"], buffering="single", bandwidth={"write": "4 bits"})
    array = {"array": "PE", "axes": {"x": {"size": 1}}, "network": {"weights": "8 bits"}}
    on = machine(DRAM, glb, array, level("W", ["weights"], buffering="single"), MAC)
    spent = time_of(convolution(m=6, q=5), on, "DRAM:", "M 3", "GLB: weights", "M 2", "W: weights", "Q 5")
    assert spent.waits == {"DRAM": 3 * 2 * 2, "GLB": 6}
    assert (spent.total, spent.processing) == (30 + 12 + 6, 30 + 6)


def test_what_is_exposed_does_not_set_the_pace_as_well():
    """16 cycles of transfers, the first of them a first fill, and 6 of computation, one after the other."""
    glb = level(keeps=["weights"], buffering="single", bandwidth={"write": "3 bits"})
    spent = time_of(convolution(m=6), machine(DRAM, glb, MAC), "DRAM:", "M 6", "GLB: weights")
    assert spent.busy == {"GLB write port": 0}
    assert spent.exposed == pytest.approx(5 * 8 / 3) and spent.first_fill == pytest.approx(8 / 3)
    assert spent.total == 22


def test_a_bandwidth_that_would_take_forever_is_refused():
    slow = machine({"storage": "DRAM", "bandwidth": {"shared": "0.00001 bits"}}, MAC)
    with pytest.raises(SimulatorError, match="the cycles could pass 2"):
        time_of(
            convolution(m=2**30, c=2**30), slow, "DRAM:", f"M {2**30}", f"C {2**30}", engine="closed-form"
        )


def test_a_network_both_ways_is_exposed_with_both():
    """Outputs of one place: 4 x 8 drains and 3 x 8 refills of a cycle each; the last drain is apart."""
    array = {"array": "PE", "axes": {"x": {"size": 1}}, "network": {"outputs": "8 bits"}}
    single = machine({"storage": "DRAM"}, array, {"storage": "RF", "buffering": "single"}, MAC)
    spent = time_of(convolution(m=8, c=4), single, "DRAM:", "C 4", "M 8", "RF: outputs", engine="closed-form")
    assert (spent.steps, spent.exposed) == (32, 55)
    assert spent.total == 32 + 55 + 1
