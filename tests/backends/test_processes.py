"""A cost model goes to other processes: what people's own searches do."""

import multiprocessing
import pickle

import joblib
import numpy as np
import pytest

import simulator as sim

LAYER = "lenet5_caffe:conv2"


@pytest.fixture(scope="module")
def scored():
    """A cost model that has been used, vectors, and their scores."""
    model = sim.CostModel(LAYER, "eyeriss_v1")
    vectors = sim.mapspace(LAYER, "eyeriss_v1", None).sample(300, seed=1)
    return model, vectors, model.evaluate(vectors)


def test_a_pickle_scores_the_same(scored):
    model, vectors, scores = scored
    again = pickle.loads(pickle.dumps(model))
    assert (again.evaluate(vectors) == scores).all()
    assert (again.rules, again.boundaries, again.actions) == (model.rules, model.boundaries, model.actions)


def test_spawned_processes_score_the_same(scored):
    model, vectors, scores = scored
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        parts = pool.map(model.evaluate, np.array_split(vectors, 3))
    assert (np.concatenate(parts) == scores).all()


def test_joblib_scores_the_same(scored):
    model, vectors, scores = scored
    jobs = (joblib.delayed(model.evaluate)(part, threads=2) for part in np.array_split(vectors, 3))
    parts = joblib.Parallel(n_jobs=2)(jobs)
    assert (np.concatenate(parts) == scores).all()
