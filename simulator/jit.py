"""The one decorator of every kernel: compiled, cached on disk, free of the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile ``function`` with numba; kernels take integers and arrays of integers or floats only."""
    return cast(F, njit(cache=True, nogil=True)(function))
