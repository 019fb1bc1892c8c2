"""Kernels: compiled once each, callable from Python whatever their decorator."""

from __future__ import annotations

import gc

import numpy as np

from simulator.jit import kernel, lean_kernel, woven


@woven
def _scaled(number, factor):
    return number * factor


@lean_kernel
def _sum_of(numbers, factor):
    total = 0
    for number in numbers:
        total += _scaled(number, factor)
    return total + _scaled(total, 2) + _scaled(factor, 1)


@kernel
def _sums(numbers):
    sums = np.zeros(2, np.int64)
    sums[0], sums[1] = _sum_of(numbers, 1), _sum_of(numbers, 5)
    return sums


def test_a_kernel_compiles_each_that_it_calls_once() -> None:
    numbers = np.arange(4)
    assert [*_sums(numbers)] == [19, 95]
    # Not from the disk.
    _sums.recompile()
    assert [*_sums(numbers)] == [19, 95]
    for called in (_sum_of, _scaled):
        assert len(called.part.signatures) == 1
        assert not called.signatures
    # Python may call any kernel.
    assert _scaled(3, 4) == 12


def test_garbage_is_looked_for_as_often_as_before_compiling() -> None:
    before = gc.get_threshold()
    _scaled(1.5, 2.0)
    assert gc.get_threshold() == before
