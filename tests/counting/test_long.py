"""Minutes of random nests under all three engines: ``pytest -m long``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from simulator.counting import count, lower
from simulator.counting.functional import execute, random_operands, reference_output

from .nests import Case, nests


@pytest.mark.long
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(nests())
def test_three_engines_agree_on_many_random_nests(case: Case) -> None:
    nest = lower(*case)
    operands = random_operands(nest.problem, seed=1)
    executed = execute(nest, operands)
    assert count(nest, "walk").rows == count(nest, "closed-form").rows == executed.counts.rows
    assert np.array_equal(executed.output, reference_output(nest.problem, operands))
