"""The one decorator of every kernel, and how long kernels stay interruptible."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile ``function`` with numba, cached on disk and free of the interpreter lock.

    Kernels take integers, floats and arrays of them, and are called with one signature.
    """
    return cast(F, njit(cache=True, nogil=True)(function))


def run_interruptibly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a long kernel so that Ctrl-C takes effect at once instead of when it returns."""
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments)
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["value"] = function(*arguments)
        except BaseException as error:
            outcome["error"] = error

    # A daemon: the process does not wait for it when it ends.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
