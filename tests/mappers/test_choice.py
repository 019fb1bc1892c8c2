"""Fronts of energy and cycles: convex hulls, and the best product of sums over layers on them."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.mappers import Choice, best_together
from simulator.mappers.choice import front_rows
from simulator.mapping import Mapping

points = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=7)


def naive_hull(points):
    """Points that some positive weighting of energy and cycles prefers to all others, corners alone."""
    points = sorted(set(points))
    best = [p for p in points if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)]

    def between(p):
        for a, b in itertools.combinations(best, 2):
            if a[0] < p[0] < b[0] and (p[1] - a[1]) * (b[0] - a[0]) >= (b[1] - a[1]) * (p[0] - a[0]):
                return True
        return False

    return [p for p in best if not between(p)]


def rows_of(points):
    energy, cycles = zip(*points, strict=True)
    return front_rows(np.array(energy, np.float64), np.array(cycles, np.int64))


@given(points)
@settings(max_examples=300, deadline=None)
def test_the_front_is_the_convex_hull_and_of_equals_the_first(points):
    rows = rows_of(points)
    assert [points[row] for row in rows] == naive_hull(points)
    assert rows == [points.index(points[row]) for row in rows]


@given(points, st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_the_front_of_a_whole_is_the_front_of_its_parts_fronts(points, cut):
    """Wherever a search happens to part its mappings into batches."""
    parts = [part for part in (points[:cut], points[cut:]) if part]
    kept = [part[row] for part in parts for row in rows_of(part)]
    assert [kept[row] for row in rows_of(kept)] == [points[row] for row in rows_of(points)]


def test_the_front_is_exact():
    """Three points on a line, where products of floats would put the middle one a hair below it."""
    line = [(0.1, 3), (0.1 + 0.1, 2), (0.1 + 0.1 + 0.1, 1)]
    # 0.1 + 0.1 + 0.1 lies above 0.3 by one unit in the last place: the middle is a corner.
    assert [line[row] for row in rows_of(line)] == line
    line = [(0.25, 3), (0.5, 2), (0.75, 1)]
    assert [line[row] for row in rows_of(line)] == [line[0], line[2]]


@given(st.lists(st.tuples(points, st.integers(1, 5)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_best_product_of_sums_is_found_on_the_hulls(layers):
    """Over all points of all layers, not only those on the fronts."""
    weights = [weight for _, weight in layers]
    fronts = [tuple(Choice(Mapping(()), e, c) for e, c in naive_hull(cloud)) for cloud, _ in layers]

    def product(chosen):
        energy = sum(w * e for w, (e, _) in zip(weights, chosen, strict=True))
        return energy * sum(w * c for w, (_, c) in zip(weights, chosen, strict=True))

    picks = best_together(fronts, weights)
    picked = [(front[i].energy, front[i].cycles) for front, i in zip(fronts, picks, strict=True)]
    assert product(picked) == min(
        product(all_) for all_ in itertools.product(*(cloud for cloud, _ in layers))
    )
