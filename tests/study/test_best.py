"""The best so far, while a sweep is under way."""

import pytest

from simulator.study.best import Best
from simulator.study.points import compute
from simulator.study.running import run_items
from simulator.study.store import Store
from simulator.study.sweeping import prepare

from ..small_networks import SMALL
from .small_studies import linear


def told(prepared, store, order):
    """What is said after each item, of those of the numbers in ``order``."""
    best, said = Best(prepared.description, store), []
    for number in order:
        items = [prepared.items[number]]
        run_items(items, store, workers=0, progress=lambda standing: said.append(best.after(standing)))
    # Each run tells of its start, too.
    return said[1::2]


@pytest.mark.parametrize(
    ("order", "wanted"), [((0, 1, 2), (1, 1, 1)), ((2, 1, 0), (3, 2, 1)), ((1, 2, 0), (2, 2, 1))]
)
def test_the_best_so_far_is_told_as_runs_are_complete(order, wanted):
    """Of dearer and dearer MACs the cheapest that has come."""
    prepared = prepare(linear(), SMALL, {"mac.price": [1, 2, 3]})
    with Store() as store:
        said = told(prepared, store, order)
    assert [text.rpartition("mac.price=")[2] for text in said] == [str(price) for price in wanted]
    assert said[0].startswith("best of line: energy ")


def test_what_the_store_has_counts():
    prepared = prepare(linear(), SMALL, {"mac.price": [1, 2]}, objective="edp")
    with Store() as store:
        store.put(prepared.items[0].key, "x", compute(prepared.items[0]))
        (said,) = told(prepared, store, [1])
    assert said.startswith("best of line: edp ") and said.endswith("mac.price=1")
