"""Gymnasium environments: the checker passes, numbers are the cost model's, batches are single ones."""

import importlib
import pickle
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from oracles import machine

import simulator.backends.gym as backend
from simulator.backends.scoring import Scorer
from simulator.batch.model import CostModel
from simulator.errors import SimulatorError
from simulator.mapspaces import Constraints, Mapspace

from .tasks import LAYER, NARROW, SMALL

TASK = {"layer": LAYER, "architecture": SMALL}
WAYS = [
    {"actions": actions, "illegal": illegal, "constraints": constraints}
    for actions in ("columns", "genes", "moves")
    for illegal in ("repair", "penalty")
    for constraints in (None, NARROW)
]


def env_of(**options):
    return backend.MappingEnv(LAYER, SMALL, **options)


def vector_env_of(num_envs=5, **options):
    return backend.MappingVectorEnv(num_envs, LAYER, SMALL, **options)


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("name", ["Mapping", "Moves"])
def test_the_checker_is_content(name, options):
    env = gymnasium.make(f"simulator/{name}-v0", **TASK, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_every_step_is_what_the_cost_model_says(options):
    env = env_of(**options, horizon=20)
    space, model = env.episodes.space, CostModel(LAYER, SMALL)
    env.action_space.seed(3)
    env.reset(seed=3)
    for step in range(20):
        observed, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert (terminated, truncated) == (False, step == 19)
        assert observed in env.observation_space and np.isfinite(observed).all()
        row = model.evaluate(info["vector"][None])[0]
        assert info["valid"] == space.contains(info["vector"])
        for figure in ("energy", "cycles", "edp", "utilization"):
            assert info[figure] == row[figure]
        assert list(info["violation"].values())[:-1] == row["violation"].tolist()
        assert info["violation"]["constraints"] == (row["valid"] and not info["valid"])
        if info["valid"]:
            assert reward == pytest.approx(-np.log(row["energy"]))
        else:
            assert options["illegal"] == "penalty"
            broken = np.array(list(info["violation"].values()))
            assert reward == pytest.approx(-100 - np.log1p(broken).sum())


@pytest.mark.parametrize("options", WAYS[:2] + WAYS[4:6], ids=str)
def test_what_is_observed(options):
    env = env_of(**options)
    env.action_space.seed(1)
    start, _ = env.reset(seed=1)
    assert not start.any()
    observed, _, terminated, truncated, info = env.step(env.action_space.sample())
    assert terminated and not truncated
    seen = dict(zip(env.episodes.observed, observed.tolist(), strict=True))
    space = env.episodes.space
    columns = dict(zip(space.encoding.columns, info["vector"].tolist(), strict=True))
    assert seen["T0.C"] == pytest.approx(np.log(columns["T0.C"]) / np.log(6))
    assert seen["GLB.weights"] == columns["GLB.weights"]
    assert bool(seen["valid"]) == info["valid"]
    if info["valid"]:
        assert seen["log(energy / MACs)"] == pytest.approx(np.log(info["energy"] / LAYER.macs), abs=1e-5)
        assert seen["log(cycles / ideal cycles)"] == pytest.approx(
            np.log(info["cycles"] * 6 / LAYER.macs), abs=1e-5
        )
    else:
        assert seen["log(energy / MACs)"] == seen["utilization"] == 0
    for rule, far in info["violation"].items():
        assert seen[rule] == pytest.approx(np.log1p(far))


@pytest.mark.parametrize("constraints", [None, NARROW])
def test_random_actions_become_mappings(constraints):
    for actions in ("columns", "genes", "moves"):
        envs = vector_env_of(50, constraints=constraints, actions=actions, horizon=5)
        envs.reset(seed=1)
        for _ in range(4):
            assert envs.step(envs.action_space.sample())[4]["valid"].all()


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_batch_is_its_rows_one_by_one(options):
    """Of moves from the same mappings."""
    envs, env = vector_env_of(**options, horizon=3), env_of(**options, horizon=3)
    moving = options["actions"] == "moves"
    starts = envs.episodes.space.sample(5, 1)
    envs.action_space.seed(1)
    actions = [envs.action_space.sample() for _ in range(2)]
    envs.reset(options={"vector": starts} if moving else None)
    together = [envs.step(action) for action in actions]
    for i in range(5):
        env.reset(options={"vector": starts[i]} if moving else None)
        for action, (observed, rewards, _, _, infos) in zip(actions, together, strict=True):
            one, reward, _, _, info = env.step(action[i])
            assert (one == observed[i]).all() and reward == rewards[i]
            assert info["energy"] == infos["energy"][i] and infos["_energy"].all()
            assert info["violation"]["cover"] == infos["violation"]["cover"][i]


def rollout(make, seed, steps=6):
    env = make()
    env.action_space.seed(seed)
    seen = [env.reset(seed=seed)[0]]
    for _ in range(steps):
        observed, reward, *_ = env.step(env.action_space.sample())
        seen += [observed, reward]
    return np.concatenate([np.ravel(part) for part in seen])


@pytest.mark.parametrize("make", [env_of, vector_env_of])
def test_a_seed_is_a_run(make):
    def moves():
        return make(actions="moves", horizon=10)

    assert (rollout(moves, 4) == rollout(moves, 4)).all()
    assert (rollout(moves, 4) != rollout(moves, 5)).any()


def test_when_the_next_episodes_begin():
    action = np.zeros(5, np.int64)
    same, later, never = (
        vector_env_of(actions="moves", horizon=2, autoreset_mode=mode)
        for mode in ("SameStep", "NextStep", "Disabled")
    )
    for envs in (same, later, never):
        envs.reset(seed=1)
        _, _, terminated, truncated, infos = envs.step(action)
        assert not terminated.any() and not truncated.any() and "final_obs" not in infos
    last = {}
    for envs in (same, later, never):
        last[envs] = envs.step(action)
        assert last[envs][3].all() and not last[envs][2].any()
    first, infos = last[same][0], last[same][4]
    assert (infos["final_obs"] == last[later][0]).all() and infos["_final_obs"].all()
    assert (infos["final_info"]["energy"] == last[later][4]["energy"]).all()
    observed, rewards, _, truncated, _ = later.step(action)
    assert (observed == first).all() and not rewards.any() and not truncated.any()
    with pytest.raises(SimulatorError, match="is over: reset it first"):
        never.step(action)


def test_gymnasiums_own_vectors_and_statistics_work():
    for mode in ("sync", "vector_entry_point"):
        envs = gymnasium.make_vec("simulator/Moves-v0", 3, vectorization_mode=mode, **TASK, horizon=4)
        envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(envs)
        envs.reset(seed=1)
        infos = [envs.step(envs.action_space.sample())[4] for _ in range(4)]
        final = infos[-1].get("final_info", infos[-1])
        assert (infos[-1]["episode"]["l"] == 4).all()
        assert np.isfinite(final["energy"]).all()


def test_a_reward_of_ones_own():
    env = env_of(reward=lambda scores: scores["utilization"] / scores["cycles"])
    env.reset()
    _, reward, _, _, info = env.step(env.action_space.sample())
    assert reward == info["utilization"] / info["cycles"]
    for bad in (lambda scores: np.full(len(scores), np.nan), lambda scores: 1.0):
        env = env_of(reward=bad)
        env.reset()
        with pytest.raises(SimulatorError, match="the reward must be 1 finite numbers for 1 scores"):
            env.step(env.action_space.sample())


def test_legal_mappings_outside_of_the_constraints():
    narrow = Mapspace(LAYER, SMALL, NARROW)
    scorer = Scorer(narrow, "energy", "penalty", 100)
    vectors = Mapspace(LAYER, SMALL).sample(50, 1)
    scored = scorer.score(vectors)
    assert scored.scores["valid"].all() and not scored.valid.all()
    assert scored.valid.tolist() == [narrow.contains(vector) for vector in vectors]
    assert (scored.violation[:, -1] == ~scored.valid).all() and not scored.violation[:, :-1].any()
    assert scored.rewards[~scored.valid] == pytest.approx(-100 - np.log(2))
    assert scorer.score(narrow.sample(50, 1)).valid.all()


def test_what_a_dataflow_allows():
    env = backend.MappingEnv("lenet5_caffe:conv2", "eyeriss_v1", dataflow="row_stationary")
    env.action_space.seed(1)
    for _ in range(20):
        env.reset()
        info = env.step(env.action_space.sample())[4]
        assert info["valid"] and env.episodes.space.contains(info["vector"])


def test_moves_that_lead_nowhere_are_not_made():
    envs = backend.MappingVectorEnv(
        300, "lenet5_caffe:conv2", "eyeriss_v1", dataflow="row_stationary", actions="moves", horizon=2
    )
    envs.action_space.seed(1)
    _, before = envs.reset(seed=1)
    moves = envs.action_space.sample()
    _, rewards, _, _, after = envs.step(moves)
    reached = envs.episodes.scorer.score(envs.episodes.moves.apply(before["vector"], moves), far=False)
    assert after["valid"].all() and 0 < reached.valid.sum() < 300
    stayed = np.where(reached.valid[:, None], reached.vectors, before["vector"])
    assert (after["vector"] == stayed).all()
    assert rewards == pytest.approx(-np.log(after["energy"]))


def test_a_mapping_is_shown():
    env = env_of(render_mode="ansi")
    env.reset()
    assert env.render() == "no mapping yet"
    info = env.step(env.action_space.sample())[4]
    assert env.render() == str(env.episodes.space.decode(info["vector"]))
    assert env_of().render() is None


def test_a_machine_without_prices_has_finite_rewards():
    free = machine({"storage": "DRAM"}, {"storage": "GLB"}, {"mac": {}})
    env = backend.MappingEnv(LAYER, free)
    env.reset()
    observed, reward, _, _, info = env.step(env.action_space.sample())
    assert info["energy"] == 0 and np.isfinite(reward) and observed in env.observation_space


def test_an_environment_pickles():
    env = pickle.loads(pickle.dumps(env_of()))
    env.reset(seed=1)
    assert env.step(env.action_space.sample())[4]["valid"]


def test_moves_start_where_one_says():
    env = env_of(actions="moves", horizon=3)
    vector = env.episodes.space.sample(1, 7)[0]
    _, info = env.reset(options={"vector": vector})
    assert (info["vector"] == vector).all()
    kept = env.episodes.moves.names.index("GLB.weights keep or bypass")
    column = env.episodes.space.encoding.columns.index("GLB.weights")
    info = env.step(kept)[4]
    assert info["vector"][column] == 1 - vector[column]


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actions": "column"}, "unknown actions 'column'; did you mean 'columns'"),
        ({"illegal": "repairs"}, "illegal is 'repairs'; did you mean 'repair'"),
        ({"reward": "enrgy"}, "unknown objective 'enrgy'; did you mean 'energy'"),
        ({"penalty": float("nan")}, "a penalty is a finite number, not nan"),
        ({"horizon": 0}, "a horizon is a positive whole number, not 0"),
        ({"dataflow": "flexible", "constraints": NARROW}, "give a dataflow or constraints, not both"),
        ({"constraints": Constraints(keeps={"GLB.weigths": True})}, "GLB.weigths"),
        ({"dataflow": "row_stationry"}, "did you mean 'row_stationary'"),
        ({"render_mode": "human"}, "render_mode is None or 'ansi', not 'human'"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(SimulatorError, match=message):
        env_of(**options)


@pytest.mark.parametrize(
    ("actions", "wrong", "message"),
    [
        ("columns", lambda n: [1, 2], "whole numbers of shape .* not int64 of shape (1, 2)"),
        ("columns", lambda n: [0.5] * n, "whole numbers of shape .* not float64"),
        ("columns", lambda n: [9] * n, "action 0: T0.M is 9; it goes from 0 to 3"),
        ("columns", lambda n: [[1], [1, 2]], "whole numbers of shape"),
        ("columns", lambda n: None, "not object of shape"),
        ("genes", lambda n: [float("nan")] * n, "action 0: number 0 is nan; it goes from 0 to 1"),
        ("genes", lambda n: [1.5] * n, "number 0 is 1.5"),
        ("moves", lambda n: 10**6, "number 0 is 1000000; it goes from 0 to"),
        ("moves", lambda n: -1, "number 0 is -1"),
        ("moves", lambda n: True, "whole numbers"),
    ],
)
def test_wrong_actions(actions, wrong, message):
    env = env_of(actions=actions)
    given = wrong(len(env.episodes.sizes))
    with pytest.raises(SimulatorError, match="the episode has not begun: reset it first"):
        env.step(given)
    env.reset()
    with pytest.raises(SimulatorError, match=message.replace("(1, 2)", r"\(1, 2\)")):
        env.step(given)


def test_wrong_starts():
    env, moving = env_of(), env_of(actions="moves")
    with pytest.raises(SimulatorError, match="unknown option 'vector'; only moves start from a mapping"):
        env.reset(options={"vector": [1]})
    with pytest.raises(SimulatorError, match="unknown option 'vectr'; did you mean 'vector'"):
        moving.reset(options={"vectr": [1]})
    for vector in ([1, 2], moving.episodes.columns.rest, [[0.5]]):
        with pytest.raises(SimulatorError, match="cannot start from this vector"):
            moving.reset(options={"vector": vector})
    with pytest.raises(SimulatorError, match="5 episodes start from 1 or 5 vectors, not 2"):
        vector_env_of(actions="moves").reset(options={"vector": moving.episodes.space.sample(2, 1)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs is a positive whole number, not 0"),
        ({"autoreset_mode": "later"}, "autoreset_mode is one of 'NextStep', 'SameStep', 'Disabled'"),
    ],
)
def test_wrong_batches(options, message):
    with pytest.raises(SimulatorError, match=message):
        vector_env_of(**options)


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "simulator.backends.gym")
    with pytest.raises(SimulatorError, match=r"pip install 'dataflow-simulator\[gym\]'"):
        importlib.import_module("simulator.backends.gym")
