"""The one decorator of every kernel: compiled, cached on disk, free of the interpreter lock.

Numba notices a changed kernel by its own file alone, but kernels call kernels of other files. So the
cache lies in a folder named after a digest of all of them, and a changed one is never mixed with old ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit

F = TypeVar("F", bound=Callable[..., object])
# Its settings are made when it is imported, out of sight of type checkers.
config: Any = numba.config
_KEPT_SECONDS = 30 * 24 * 3600

# Without the wrappers that only Python and C call kernels by.
_INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: F) -> F:
    """Compile ``function`` with numba; it takes integers, floats and arrays, with one signature."""
    return _compiled(function)


# No counting of references, which costs more than small functions do; no exception when dividing by zero.
_LEAN: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}


def lean_kernel(function: F) -> F:
    """The same for a function that makes no arrays and never divides by zero."""
    return _compiled(function, **_LEAN)


def woven(function: F) -> F:
    """A lean kernel whose machine code stands in that of those that call it: for calls that every row makes.

    Only kernels may call it: it has no wrapper for Python, and a call from there ends the process.
    """
    return _compiled(function, forceinline=True, **_INNER, **_LEAN)


def inlined(function: F) -> F:
    """A lean kernel that becomes part of those that call it: for the innermost few lines."""
    return cast(F, njit(inline="always", **_LEAN)(function))


def _compiled(function: F, **options: Any) -> F:
    before = config.CACHE_DIR
    config.CACHE_DIR = _cache_folder()
    try:
        return cast(F, njit(cache=True, nogil=True, **options)(function))
    finally:
        config.CACHE_DIR = before


@cache
def _cache_folder() -> str:
    """Where compiled kernels of exactly these sources lie: in the package, or with the user's caches.

    The user's own NUMBA_CACHE_DIR comes first. Folders that nobody
    has used for a month are removed.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    rooms = ("counting", "batch", "mapspaces", "mappers/optimal", "mappers/pruned")
    sources = sorted(file for room in rooms for file in (package / room).glob("*.py"))
    for source in [Path(__file__), *sources]:
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataflow-simulator"
    places = [Path(config.CACHE_DIR)] if config.CACHE_DIR else [package / "__pycache__", user]
    for place in places:
        with contextlib.suppress(OSError):
            (place / name).mkdir(parents=True, exist_ok=True)
            if os.access(place / name, os.W_OK):
                os.utime(place / name)
                for old in place.glob("kernels-*"):
                    if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                        shutil.rmtree(old, ignore_errors=True)
                return str(place / name)
    # Numba falls back on a place of its own.
    return ""


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
