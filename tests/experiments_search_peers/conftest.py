"""Makes the scripts of `experiments/`, which are run and not installed, importable; matrix products."""

import sys
from pathlib import Path

import pytest

from simulator.problem import Problem

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)


@pytest.fixture(scope="session")
def matmul():
    def rank(name):
        return {"coefficients": {name: 1}}

    tensors = {"inputs": "MK", "weights": "KN", "outputs": "MN"}
    ranks = {tensor: [rank(name) for name in names] for tensor, names in tensors.items()}

    def build(m, k, n):
        return Problem.from_dict(
            {"dims": {"M": m, "K": k, "N": n}, "tensors": ranks, "output": "outputs"}, f"matmul_{m}x{k}x{n}"
        )

    return build
