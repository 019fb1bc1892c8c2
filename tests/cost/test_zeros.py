"""Zeros: what run-length coding and gating are expected to save, and what they save of real values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine, mapped, mapping

import simulator as sim
from simulator.compression import RunLengthCode
from simulator.cost.model import cost
from simulator.counting.functional import random_operands
from simulator.errors import ArchitectureError, EngineDifferenceError, SimulatorError
from simulator.legality import moved_bits
from simulator.problem import Problem, Rank, Tensor, convolution

BITS = {"weights": 16, "inputs": 16, "outputs": 16}
CODED = {"compression": {"inputs": "rlc", "outputs": "rlc"}}
PRICES = {"price": dict.fromkeys(("read", "fill", "drain", "merge", "send", "refill"), 2)}
GATED = {"mac": {"price": 3, "gating": "inputs"}}
ARRAY = {"array": "PE", "axes": {"x": {"size": 2}}, "network": {"inputs": "1 bits"}}


def chip(**dram):
    """DRAM that codes inputs and outputs, a buffer, two PEs with a register file, gated by inputs."""
    levels = {"storage": "DRAM", **CODED, **PRICES, **dram}, {"storage": "GLB", **PRICES}
    return machine(*levels, ARRAY, {"storage": "RF", **PRICES}, GATED, bits=BITS)


def row(spent, component, tensor, action):
    (found,) = [r for r in spent.rows if (r.component, r.tensor, r.action) == (component, tensor, action)]
    return found


LAYER = convolution("layer", m=4, c=3, p=5, q=5, r=3, s=3, row_data=(1, 5), column_data=(1, 5))
SPARSE = LAYER.with_densities({"inputs": 0.25, "outputs": 0.5})
# Of the rows of 3 x 5 steps, 13 meet data; of the columns as well.
IN_DATA = (13 / 15) ** 2
NEST = mapping("DRAM:", "P 5", "GLB:", "C 3", "M 2", "M 2 @PE.x", "RF:", "Q 5", "R 3", "S 3")
CODE = RunLengthCode(16)


def test_units_and_bits_by_hand():
    spent = cost(SPARSE, chip(), NEST)
    coded = {"inputs": CODE.expected_bits(0.25), "outputs": CODE.expected_bits(0.5)}
    read, drain = row(spent, "DRAM", "inputs", "read"), row(spent, "DRAM", "outputs", "drain")
    for one, tensor in ((read, "inputs"), (drain, "outputs")):
        assert one.bits == pytest.approx(one.count * coded[tensor])
        assert one.units == pytest.approx(one.count * coded[tensor] / 16)
        assert one.energy == one.units * 2
    # Each row of the output takes three rows of the input, of which two come anew, but for the padding.
    assert (read.count, drain.count) == (3 * 5 * 5, 4 * 5 * 5)
    weights = row(spent, "DRAM", "weights", "read")
    assert (weights.units, weights.bits) == (weights.count, 16 * weights.count)
    for names in (("RF", "weights", "read"), ("MAC", "", "mac")):
        assert row(spent, *names).count == LAYER.macs
        assert row(spent, *names).units == pytest.approx(LAYER.macs * 0.25 * IN_DATA)
    assert row(spent, "RF", "weights", "read").bits == pytest.approx(16 * LAYER.macs * 0.25 * IN_DATA)
    plain = {("DRAM", "inputs"), ("DRAM", "outputs"), ("RF", "weights"), ("MAC", "")}
    assert all(r.units == r.count for r in spent.rows if (r.component, r.tensor) not in plain)
    assert spent.counts == cost(LAYER, chip(), NEST).counts
    assert all(r.executed_units is None for r in spent.rows)


def test_blocks_hold_coded_bits():
    spent = cost(SPARSE, chip(block="64 bits", price_per="block"), NEST)
    read, drain = row(spent, "DRAM", "inputs", "read"), row(spent, "DRAM", "outputs", "drain")
    assert read.unit == drain.unit == "block"
    assert read.units == pytest.approx(75 * CODE.expected_bits(0.25) / 64)
    assert drain.units == pytest.approx(100 * CODE.expected_bits(0.5) / 64)


def test_partial_sums_are_not_coded():
    """Two passes over the channels: four sums of 20 bits go out and come back, then four coded outputs go."""
    on = machine({"storage": "DRAM", **CODED, **PRICES}, GATED, bits=BITS | {"partial_sums": 20})
    problem = convolution(m=4, c=2).with_densities({"outputs": 0.3})
    spent = cost(problem, on, mapping("DRAM:", "C 2", "M 4"))
    drain, coded = row(spent, "DRAM", "outputs", "drain"), CODE.expected_bits(0.3)
    assert drain.count == 8
    assert drain.bits == pytest.approx(4 * 20 + 4 * coded)
    assert drain.units == pytest.approx(4 + 4 * coded / 16)
    assert row(spent, "DRAM", "outputs", "refill").bits == 4 * 20


@pytest.mark.parametrize(("density", "coded"), [(1, False), (0.9999, False), (0.76, False), (0.74, True)])
def test_a_tensor_is_coded_where_that_is_expected_to_shorten_it(density, coded):
    """At a density of 3/4 the code is as long as the words: 64/3 bits for each that is not zero."""
    problem = LAYER.with_densities({"inputs": density, "outputs": density})
    for tensor in ("inputs", "outputs"):
        bits = CODE.expected_bits(density) if coded else 16
        assert moved_bits(problem, chip(), tensor, "DRAM") == (16 if tensor == "outputs" else bits, bits)
        assert moved_bits(problem, chip(), tensor, "GLB") == (16, 16)
    assert moved_bits(problem.with_densities({"weights": 0.1}), chip(), "weights", "DRAM") == (16, 16)


def test_words_of_the_problem_too_wide_for_the_code_are_refused():
    tensors = tuple(Tensor(t.name, t.ranks, 60, 0.5) for t in LAYER.tensors)
    problem = Problem("wide", LAYER.dimensions, tensors, "outputs")
    with pytest.raises(SimulatorError, match="run-length coding packs words of 1 to 58 bits, not 60"):
        cost(problem, chip(), NEST)


def test_ports_of_dram_are_busy_with_coded_bits_and_networks_with_words():
    """At 1 bit a cycle DRAM's port is busy a cycle for each bit; the network into the PEs is as before."""
    on = chip(bandwidth={"shared": "1 bits"})
    dense, sparse = cost(LAYER, on, NEST), cost(SPARSE, on, NEST)
    for spent in (dense, sparse):
        bits = sum(r.bits for r in spent.rows if r.component == "DRAM")
        assert spent.cycles.busy["DRAM shared port"] == pytest.approx(bits)
    assert sparse.cycles.total < dense.cycles.total
    # Straight from DRAM into the array too.
    below = mapping("DRAM:", "P 5", "C 3", "M 2", "M 2 @PE.x", "RF:", "Q 5", "R 3", "S 3")
    dense, sparse = cost(LAYER, on, below), cost(SPARSE, on, below)
    inputs = "PE network inputs"
    assert sparse.cycles.busy[inputs] == dense.cycles.busy[inputs] > 0
    assert sparse.cycles.busy["DRAM shared port"] < dense.cycles.busy["DRAM shared port"]


def test_gating_spares_no_cycle():
    ungated = chip().to_dict()
    del ungated["hierarchy"][-1]["mac"]["gating"]
    spent, before = (cost(SPARSE, on, NEST) for on in (chip(), sim.Architecture.from_dict(ungated)))
    assert spent.cycles == before.cycles and spent.counts == before.counts
    assert row(before, "MAC", "", "mac").units == LAYER.macs > row(spent, "MAC", "", "mac").units


def reads_of_weights(on, nest, problem=SPARSE):
    spent = cost(problem, on, nest)
    found = [r for r in spent.rows if (r.tensor, r.action) == ("weights", "read")][-1]
    return found.units / found.count


def test_only_what_the_mac_reads_from_its_own_pe_for_one_step_is_skipped():
    skipped = 0.25 * IN_DATA
    assert reads_of_weights(chip(), NEST) == pytest.approx(skipped)
    # From the buffer the words cross the array, whether it is used or not.
    for place in ("M 4", "M 2", "M 2 @PE.x"):
        loops = [place, *(["M 2"] if place == "M 2 @PE.x" else ["M 2"] if place == "M 2" else [])]
        nest = mapping("DRAM:", "P 5", "GLB:", "C 3", *loops, "RF: inputs outputs", "Q 5", "R 3", "S 3")
        assert reads_of_weights(chip(), nest) == 1
    # A latch keeps a word for later steps.
    assert reads_of_weights(chip().replace({"mac.latches": ["weights"]}), NEST) == 1
    # The gating operand itself is read to see whether it is zero.
    by_weights = chip().replace({"mac.gating": "weights"})
    problem = LAYER.with_densities({"weights": 0.5})
    assert reads_of_weights(by_weights, NEST, problem) == 1
    assert row(cost(problem, by_weights, NEST), "MAC", "", "mac").units == LAYER.macs * 0.5
    # Of inputs the register file reads no padding: 0.5 of what it does read.
    inputs = row(cost(problem, by_weights, NEST), "RF", "inputs", "read")
    assert inputs.count == pytest.approx(LAYER.macs * IN_DATA) and inputs.units == inputs.count / 2


def test_reads_that_leave_out_padding_count_as_made_where_the_gating_operand_has_padding_too():
    """Of six steps weights are data in the first four, inputs in the last four."""
    tensors = (
        Tensor("weights", (Rank((("M", 1),), (0, 4)),)),
        Tensor("inputs", (Rank((("M", 1),), (2, 4)),), density=0.5),
        Tensor("outputs", (Rank((("M", 1),)),)),
    )
    problem = Problem("both", (("M", 6),), tensors, "outputs")
    spent = cost(problem, chip(), mapping("DRAM:", "RF:", "M 6"), "functional")
    read = row(spent, "RF", "weights", "read")
    assert (read.count, read.units, read.executed_units) == (4, 4, None)
    assert row(spent, "MAC", "", "mac").units == 6 * 0.5 * 4 / 6
    stored = chip().replace({"RF.stores_padding": True})
    read = row(cost(problem, stored, mapping("DRAM:", "RF:", "M 6"), "functional"), "RF", "weights", "read")
    assert (read.count, read.units) == (6, 6 * 0.5 * 4 / 6)
    assert read.executed_units == np.count_nonzero(random_operands(problem, 0)["inputs"])


# Executed with values.


def points(problem, tensor):
    """Place of each multiply-accumulate's word in a tensor of this problem, flat, in any order."""
    index = dict(zip(problem.extents, np.indices(tuple(problem.extents.values())), strict=True))
    shape = problem.shape(tensor)
    places = [sum(c * index[d] for d, c in rank.coefficients) for rank in problem.tensor(tensor).ranks] or [
        np.zeros((), np.int64)
    ]
    flat = np.ravel_multi_index(places, shape) if shape else np.zeros(problem.macs, np.int64)
    return np.broadcast_to(flat, tuple(problem.extents.values())).reshape(-1)


@st.composite
def sparse(draw):
    """A random problem with densities on a machine that gates and codes, with a mapping."""
    problem, architecture, nest = draw(mapped(bandwidth=False, most_macs=300))
    density = st.sampled_from((0.02, 0.25, 0.5, 0.9, 1))
    given_by_name = {t: draw(density) for t in problem.tensor_names}
    gating = draw(st.sampled_from(("inputs", "weights")))
    changes = {"mac.gating": gating}
    if not architecture.outermost.stores_padding:
        changes[f"{architecture.outermost.name}.compression"] = dict.fromkeys(problem.tensor_names, "rlc")
    return problem.with_densities(given_by_name), architecture.replace(changes), nest


@given(sparse())
@settings(max_examples=80, deadline=None)
def test_executed_units_are_those_of_the_values(case):
    problem, architecture, nest = case
    spent, closed = (cost(problem, architecture, nest, engine) for engine in ("functional", "closed-form"))
    assert spent.energy == closed.energy
    values = random_operands(problem, 0)
    gating = architecture.mac.gating
    working = values[gating].reshape(-1)[points(problem, gating)] != 0
    assert row(spent, "MAC", "", "mac").executed_units == working.sum()
    for one in spent.rows:
        if one.action != "read" or one.executed_units is None or one.component == "DRAM":
            continue
        assert one.unit != "word" or one.executed_units <= one.count
        unpadded = all(rank.data is None for rank in problem.tensor(one.tensor).ranks)
        if unpadded and one.unit == "word":
            assert one.executed_units == working.sum()


SIZES = {"m": 6, "c": 10, "p": 9, "q": 9, "r": 3, "s": 3, "row_data": (1, 9), "column_data": (1, 9)}


@pytest.mark.parametrize("density", [0.1, 0.275, 0.613])
@pytest.mark.parametrize("stride", [1, 2])
def test_what_is_expected_lies_within_five_sigma_of_what_is_executed(density, stride):
    """Gated words: sigma is the root of d (1 - d) x the sum of each input's uses squared. Coded bits: 5 % and
    the last 64-bit word, for 810 and 4860 words."""
    sizes = SIZES | {"n": 10, "stride": stride}
    if stride == 2:
        sizes |= {"p": 5, "q": 5}
    problem = convolution("layer", **sizes).with_densities({"inputs": density, "outputs": density})
    nest = mapping(
        "DRAM:", "N 10", "P 9" if stride == 1 else "P 5", "GLB:", "C 10", "M 3", "M 2 @PE.x", "RF:",
        f"Q {sizes['q']}", "R 3", "S 3",
    )  # fmt: skip
    spent = cost(problem, chip(), nest, "functional")
    uses = np.bincount(points(problem, "inputs"), minlength=math.prod(problem.shape("inputs")))
    data = np.zeros(problem.shape("inputs"), bool)
    data[:, :, :, 1:10, 1:10] = True
    sigma = math.sqrt(density * (1 - density) * float((uses[data.reshape(-1)] ** 2).sum()))
    for names in (("MAC", "", "mac"), ("RF", "weights", "read")):
        one = row(spent, *names)
        assert one.executed_units == row(spent, "MAC", "", "mac").executed_units
        assert abs(one.executed_units - one.units) <= 5 * sigma
        assert sigma < 0.05 * one.units
    stored = random_operands(problem, 0)["inputs"][data.nonzero()]
    read = row(spent, "DRAM", "inputs", "read")
    assert read.executed_units == pytest.approx(read.count * 64 * len(CODE.encode(stored)) / stored.size / 16)
    drain = row(spent, "DRAM", "outputs", "drain")
    for one, words in ((read, stored.size), (drain, drain.count)):
        zeros = [*((1 - density) ** k * density for k in range(31)), (1 - density) ** 31]
        mean = sum(share * (k + 1) for k, share in enumerate(zeros))
        variance = sum(share * (k + 1 - mean) ** 2 for k, share in enumerate(zeros))
        # As of renewals: see the test of the code's expected size. In words, of all that moved.
        bound = (5 * math.sqrt(words * variance / mean**3) * 64 / 3 + 128) / 16 * one.count / words
        assert 0 < abs(one.executed_units - one.units) <= bound


def executed_bits(problem, nest, tensor, action, **changes):
    """Bits a word that moves to or from DRAM, as executed."""
    one = row(cost(problem, chip().replace(changes), nest, "functional"), "DRAM", tensor, action)
    return one.executed_units / one.count * changes.get("bits", BITS)[tensor]


def test_the_engine_sizes_tensors_by_the_code_of_their_words():
    """Outputs of which no word is zero but those that are drawn, however many sums are."""
    values = random_operands(SPARSE, 0)["inputs"][..., 1:6, 1:6]
    assert executed_bits(SPARSE, NEST, "inputs", "read") == 64 * len(CODE.encode(values)) / values.size
    kept = (np.random.default_rng(0).random(100) < 0.5).astype(np.int64)
    assert executed_bits(SPARSE, NEST, "outputs", "drain") == 64 * len(CODE.encode(kept)) / 100
    mostly_zero = SPARSE.with_densities({"inputs": 0.01})
    assert executed_bits(mostly_zero, NEST, "outputs", "drain") == 64 * len(CODE.encode(kept)) / 100


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_values_too_wide_for_their_words_stay_as_many_zeros(bits):
    """Random operands reach from -7 to 7, sums beyond."""
    problem, code = LAYER.with_densities({"inputs": 0.04, "outputs": 0.04}), RunLengthCode(bits)
    narrow = {"bits": {"weights": 16, "inputs": bits, "outputs": bits, "partial_sums": 16}}
    values = random_operands(problem, 0)["inputs"][..., 1:6, 1:6] != 0
    kept = np.random.default_rng(0).random(100) < 0.04
    for tensor, action, zeros in (("inputs", "read", values), ("outputs", "drain", kept)):
        packed = code.encode(-zeros.astype(np.int64))
        spent = executed_bits(problem, NEST, tensor, action, **narrow)
        assert spent == pytest.approx(64 * len(packed) / zeros.size)


def test_a_gap_between_outputs_is_no_word():
    """Places 0, 2, .. 8 of the output are written; 1, 3, 5 and 7 never."""
    ranks = {"weights": Rank((("P", 1),)), "inputs": Rank((("P", 1),)), "outputs": Rank((("P", 2),))}
    tensors = tuple(Tensor(name, (rank,), density=0.5) for name, rank in ranks.items())
    problem = Problem("gaps", (("P", 5),), tensors, "outputs")
    packed = CODE.encode((np.random.default_rng(0).random(5) < 0.5).astype(np.int64))
    assert (
        executed_bits(problem, mapping("DRAM:", "GLB:", "RF:", "P 5"), "outputs", "drain")
        == 64 * len(packed) / 5
    )


@pytest.mark.parametrize("wrong", [lambda values: values + (values == 3), lambda values: values[:-1]])
def test_a_code_that_loses_a_word_is_a_difference_of_engines(monkeypatch, wrong):
    decode = RunLengthCode.decode
    monkeypatch.setattr(RunLengthCode, "decode", lambda *given: wrong(decode(*given)))
    with pytest.raises(EngineDifferenceError, match="layer: run-length coding changed the values of inputs"):
        cost(SPARSE, chip(), NEST, "functional")


def test_values_change_nothing_else():
    spent = cost(SPARSE, chip(), NEST, "functional")
    changed = {(r.component, r.tensor, r.action) for r in spent.rows if r.executed_units is not None}
    assert changed == {
        ("DRAM", "inputs", "read"),
        ("DRAM", "outputs", "drain"),
        ("RF", "weights", "read"),
        ("MAC", "", "mac"),
    }
    plain = machine({"storage": "DRAM"}, {"mac": {"price": 1}})
    rows = cost(SPARSE, plain, mapping("DRAM:", "M 4", "C 3", "P 5", "Q 5", "R 3", "S 3"), "functional").rows
    assert all(r.executed_units is None and r.units == r.count for r in rows)


# Machines.


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"DRAM.compression": {"input": "rlc"}},
            r"compression: unknown field 'input'; did you mean 'inputs'",
        ),
        (
            {"DRAM.compression": {"inputs": "rle"}},
            "compression.inputs: unknown value 'rle'; did you mean 'rlc'",
        ),
        ({"DRAM.compression": "rlc"}, "compression: must be a mapping, got 'rlc'"),
        ({"GLB.compression": {"inputs": "rlc"}}, "GLB: compression: only the outermost level"),
        ({"DRAM.stores_padding": True}, "DRAM: compression: a level that stores padding compresses nothing"),
        (
            {"bits": BITS | {"inputs": 59}},
            "compression.inputs: rlc codes words of at most 58 bits, inputs have 59",
        ),
        ({"mac.gating": "input"}, "mac.gating: unknown value 'input'; did you mean 'inputs'"),
        ({"mac.gating": "outputs"}, "mac.gating: unknown value 'outputs'"),
        ({"mac.gating": True}, "mac.gating: unknown value true"),
        ({"mac.gateing": "inputs"}, "has no field 'gateing'; did you mean 'gating'"),
        (
            {"RF.keeps": ["weights"], "RF.compression": {"inputs": "rlc"}},
            "does not keep inputs, only weights",
        ),
    ],
)
def test_a_wrong_machine_says_where(changes, words):
    with pytest.raises(ArchitectureError, match=words):
        chip().replace(changes)


def test_a_machine_tells_of_it():
    text = chip().describe()
    assert "run-length coded: inputs, outputs" in text
    assert "neither multiplies nor reads other operands where inputs are zero" in text
