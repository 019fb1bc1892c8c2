"""Every dataflow on thousands of random layers and machines: ``pytest -m long``."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.dataflows import DATAFLOWS

from .cases import check_space, layers, machines, mapspace_or_reason


@pytest.mark.long
@pytest.mark.parametrize("dataflow", DATAFLOWS)
@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(problem=layers(most_macs=4000), on=machines(), seed=st.integers(0, 2**31))
def test_every_mapping_is_legal_counted_once_and_right(dataflow, problem, on, seed):
    space = mapspace_or_reason(dataflow, problem, on)
    if space is not None:
        check_space(problem, on, space, most=20_000, checked=100, executed=5, seed=seed)
