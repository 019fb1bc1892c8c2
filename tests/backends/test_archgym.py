"""The environment of ArchGym's agents: dictionaries in, four-tuples out, numbers of the cost model."""

import subprocess
import sys

import numpy as np
import pytest
from oracles import machine

from simulator.backends.archgym import ArchGymEnv
from simulator.batch.model import CostModel
from simulator.errors import SimulatorError
from simulator.mapspaces import Constraints
from simulator.problem import convolution

LAYER = convolution(m=4, c=6, p=5)
SMALL = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200)},
    {"storage": "GLB", "capacity": "90 words", "area_um2": 1000},
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}, "area_um2": 10},
    {"storage": "RF", "capacity": "9 words", "price": {"read": 1, "refill": 2}, "area_um2": 5},
    {"mac": {"price": 1, "area_um2": 2}},
)
# One copy of the buffer and the array, six of what lies inside.
AREA = 1000 + 10 + 6 * (5 + 2)


def env_of(**options):
    return ArchGymEnv(LAYER, SMALL, **options)


@pytest.mark.parametrize(
    ("formulation", "figure"), [("energy", "energy"), ("latency", "cycles"), ("edp", "edp")]
)
def test_a_step_is_what_the_cost_model_says(formulation, figure):
    env = env_of(reward_formulation=formulation)
    assert env.reset().tolist() == [0, 0, 0]
    for _ in range(10):
        action = env.sample()
        observation, reward, done, info = env.step(action)
        row = CostModel(LAYER, SMALL).evaluate(info["vector"][None])[0]
        assert done is True and info["valid"] is True
        assert observation.tolist() == [row["energy"], AREA, row["cycles"]]
        assert reward == 1 / row[figure]


def test_a_legal_action_stays_as_it_is():
    env = env_of()
    vector = env.step(env.sample())[3]["vector"]
    action = {name: int(vector[env.space.encoding.columns.index(name)]) for name in env.parameters}
    assert (env.step(action)[3]["vector"] == vector).all()
    # Also as a list, an array, of floats.
    for same in (
        list(action.values()),
        np.array(list(action.values())),
        np.array(list(action.values())) * 1.0,
    ):
        assert (env.step(same)[3]["vector"] == vector).all()


def test_a_target_is_what_the_reward_is_measured_from():
    figures = env_of(seed=3)
    energy = figures.step(figures.sample())[0][0]
    for target, reward in ((energy / 2, 1), (energy / 1.25, 4), (energy, 1e5), (2 * energy, 1e5)):
        env = env_of(seed=3, reward_formulation="energy", target=target)
        assert env.step(env.sample())[1] == pytest.approx(reward)


def test_illegal_mappings_earn_less_than_nothing():
    env = env_of(illegal="penalty")
    most = {name: values[-1] for name, values in env.parameters.items()}
    least = {name: values[0] for name, values in env.parameters.items()}
    (far, near), rewards, _, info = env.step_multiagent([most, least])
    assert far.tolist() == near.tolist() == [-1, -1, -1]
    assert rewards[0] < rewards[1] < -1
    assert info["violation"]["cover"].tolist() == [0, 3] and not info["valid"].any()


def test_many_agents_are_one_by_one():
    together, alone = env_of(), env_of()
    actions = [together.sample() for _ in range(20)]
    observations, rewards, done, info = together.step_multiagent(actions)
    assert done and together.reset_multiagent().tolist() == [0, 0, 0]
    for i, action in enumerate(actions):
        observation, reward, _, one = alone.step(action)
        assert (observation == observations[i]).all() and reward == rewards[i]
        assert one["utilization"] == info["utilization"][i]


def test_episodes_begin_anew():
    env = env_of(max_steps=3)
    done = [env.step(env.sample())[2] for _ in range(7)]
    assert done == [False, False, True, False, False, True, False]
    env.reset()
    assert [env.step(env.sample())[2] for _ in range(3)] == [False, False, True]


def test_samples_follow_from_the_seed():
    assert env_of(seed=1).sample() == env_of(seed=1).sample() != env_of(seed=2).sample()


def test_it_needs_no_gymnasium():
    code = "import sys, simulator.backends.archgym; sys.exit('gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T0.m": 1}, "no parameter 'T0.m'; did you mean 'T0.M'"),
        ({"version": 1}, "version is no parameter: it has only one value in this mapspace"),
        ({"T0.M": 5}, "T0.M is 5; it must be a whole number, 1 to 4"),
        ({"T0.M": 1.5}, "T0.M is 1.5; it must"),
        ({"T0.M": float("nan")}, "T0.M is nan; it must"),
        ({"T0.M": "2"}, "T0.M is '2'; it must"),
        ({"T0.M": True}, "T0.M is True; it must"),
        ({"T0.order": 3}, "T0.order is 3; it must be a whole number, one of"),
    ],
)
def test_wrong_parameters(change, message):
    env = env_of(constraints=Constraints(loops={"DRAM": ("MC", "CM")}))
    with pytest.raises(SimulatorError, match=message):
        env.step(env.sample() | change)


def test_wrong_actions():
    env = env_of()
    action = env.sample()
    first = next(iter(action))
    del action[first]
    with pytest.raises(SimulatorError, match=f"parameters; {first} is missing"):
        env.step(action)
    for wrong in (list(action.values()), 3, "12", [[1], [2]], None):
        with pytest.raises(SimulatorError, match="numbers or a dictionary of them by name, not"):
            env.step(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward_formulation": "latncy"}, "unknown reward_formulation 'latncy'; did you mean 'latency'"),
        ({"target": 0}, "a target is a positive number, not 0"),
        ({"target": float("nan")}, "a target is a positive number, not nan"),
        ({"max_steps": 0}, "max_steps is a positive whole number, not 0"),
        ({"illegal": "repare"}, "did you mean 'repair'"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(SimulatorError, match=message):
        env_of(**options)
