"""The machine that mappers are compared on: its prices, on a mapping that is counted by hand."""

import simulator as sim

NEST = """
mapping:
- {store: DRAM, keeps: [weights, inputs, outputs]}
- {store: GLB, keeps: [inputs]}
- {loop: temporal, dim: N, bound: 2}
- {loop: spatial, array: PE, axis: x, dim: K, bound: 8}
- {loop: spatial, array: PE, axis: y, dim: K, bound: 8}
- {store: filter_spad, keeps: [weights]}
- {loop: temporal, dim: M, bound: 128}
- {store: ifmap_spad, keeps: [inputs]}
- {loop: temporal, dim: N, bound: 64}
- {store: psum_spad, keeps: [outputs]}
- {loop: temporal, dim: K, bound: 2}
"""


def test_the_optimum_of_a_matrix_multiplication_by_hand(matmul):
    """Each word crosses DRAM once. Inputs come from the buffer twice; 64 PEs reduce each output.

    Sums of one PE start at zero, so that what it sends up is what it does not read back.
    """
    words, macs = 128 * 128, 128**3
    dram = 200 * (words + words + words)
    buffer = 6 * (words + 2 * words)  # inputs filled, and read for each half of N
    fills = words + 2 * words  # of filter_spad and ifmap_spad
    fresh = 64 * words
    scratchpads = fills + 2 * macs + macs + (macs - fresh) + fresh  # + operand reads, drains, refills, sends
    found = sim.evaluate(matmul(128, 128, 128), "scratchpads_168", NEST, engine="closed-form")
    # The optimum that AccelForge 1.0.467 proves on this machine.
    assert found.energy == dram + buffer + scratchpads + macs == 20_660_224


def test_scratchpads_are_never_passed_by(matmul):
    space = sim.mapspace(matmul(4, 4, 4), "scratchpads_168", None)
    for vector in space.sample(20, seed=1):
        kept = {
            level
            for tensor in ("weights", "inputs", "outputs")
            for level, _ in space.decode(vector).keepers(tensor)
        }
        assert {"ifmap_spad", "filter_spad", "psum_spad"} <= kept
