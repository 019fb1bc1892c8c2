"""What an agent may choose: columns of vectors, and moves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator.backends.columns import columns_of
from simulator.backends.moves import moves_of
from simulator.encoding import permutation
from simulator.mapspaces import Mapspace
from simulator.problem import convolution

from .tasks import LAYER, NARROW, SMALL

SPACES = [Mapspace(LAYER, SMALL), Mapspace(LAYER, SMALL, NARROW)]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.constraints.name)
def test_numbers_of_columns_are_their_values(space):
    columns = columns_of(space)
    for numbers in ([0] * len(columns.names), [len(values) - 1 for values in columns.values]):
        vector = columns.pick(np.array([numbers]))[0]
        space.encoding.check(vector)
        for name, number, values in zip(columns.names, numbers, columns.values, strict=True):
            assert vector[space.encoding.columns.index(name)] == values[number]


def test_every_mapping_has_an_action():
    """But for where orders have loops of one iteration."""
    space = Mapspace(convolution(m=4, c=2), SMALL)
    columns = columns_of(space)
    for vector in space.sample(300, 1):
        chosen = []
        for name, index, values in zip(columns.names, columns.index, columns.values, strict=True):
            if vector[index] in values:
                chosen.append(int(vector[index]))
                continue
            size = len(space.encoding.dimensions)
            free = columns.ordered[int(index)]
            kept = [d for d in permutation(int(vector[index]), size) if d in free]
            same = [v for v in values if [d for d in permutation(v, size) if d in free] == kept]
            assert len(same) == 1, name
            chosen += same
        again = columns.fill(np.array([chosen]))[0]
        assert space.decode(again) == space.decode(vector)


@pytest.mark.parametrize("dataflow", ["row_stationary", "input_stationary", "output_stationary_c"])
def test_settled_mappings_stay(dataflow):
    space = sim.mapspace("lenet5_caffe:conv2", "eyeriss_v1", dataflow)
    columns = columns_of(space)
    vectors = space.sample(40, 1)
    settled = columns.settle(vectors)
    assert [space.decode(v) for v in vectors] == [space.decode(v) for v in settled]
    assert (space.repair(settled) == settled).all()


def test_narrow_columns_by_hand():
    columns = columns_of(SPACES[1])
    values = dict(zip(columns.names, columns.values, strict=True))
    assert "version" not in values and "PE.y.M" not in values and "RF.weights" not in values
    assert "PE.order" not in values and "T0.P" not in values
    assert list(values["T0.C"]) == [1, 2, 3, 4, 5, 6] and len(values["T0.order"]) == 2
    assert list(values["GLB.weights"]) == [0, 1]


@given(st.integers(0, 2**32), st.sampled_from(SPACES))
@settings(max_examples=20, deadline=None)
def test_a_move_changes_one_thing(seed, space):
    moves = moves_of(space)
    numbers = np.arange(len(moves.names))
    vectors = space.sample(1, seed).repeat(len(numbers), axis=0)
    for before, after, number in zip(vectors, moves.apply(vectors, numbers), numbers, strict=True):
        name, _, change = moves.names[number].partition(" ")
        column = space.encoding.columns.index(name)
        assert (np.delete(before, column) == np.delete(after, column)).all()
        space.encoding.check(after)
        old, new = int(before[column]), int(after[column])
        if change.startswith("swap"):
            size, free = moves.ordered[column]
            here, there = ([d for d in permutation(value, size) if d in free] for value in (old, new))
            place = int(change.split()[1]) - 1
            here[place], here[place + 1] = here[place + 1], here[place]
            assert here == there
        elif change == "keep or bypass":
            assert new == 1 - old
        elif change.startswith("="):
            assert new == int(change[2:])
        else:
            wanted = {"x 2": 2 * old, "/ 2": old // 2, "+ 1": old + 1, "- 1": old - 1}[change]
            values = columns_of(space).values[columns_of(space).names.index(name)]
            assert new == min(max(wanted, values[0]), values[-1])
