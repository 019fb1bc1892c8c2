"""The one decorator of every kernel: compiled, cached on disk, free of the interpreter lock.

Numba makes machine code of every function by itself, with all that it calls, so what is called at depth four
is optimised four times. Kernels are made once, with those that Python calls: that halves the first run.

Numba notices a changed kernel by its own file alone, but kernels call kernels of other files. So the
cache lies in a folder named after a digest of all of them, and a changed one is never mixed with old ones.
"""

from __future__ import annotations

import contextlib
import gc
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
from numba import njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

F = TypeVar("F", bound=Callable[..., object])
# Its settings are made when it is imported, out of sight of type checkers.
config: Any = numba.config
_KEPT_SECONDS = 30 * 24 * 3600
# Kernels in two parts rest on numba's inner classes: with a later numba they are compiled its usual way.
_NEWEST_TRIED = (0, 68)


def kernel(function: F) -> F:
    """Compile ``function`` with numba; it takes integers, floats and arrays, with one signature."""
    return _compiled(function)


# No counting of references, which costs more than small functions do; no exception when dividing by zero.
_LEAN: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}


def lean_kernel(function: F) -> F:
    """The same for a function that makes no arrays and never divides by zero."""
    return _compiled(function, **_LEAN)


def woven(function: F) -> F:
    """A lean kernel whose machine code stands in its callers': for calls that every row makes."""
    return _compiled(function, forceinline=True, **_LEAN)


def inlined(function: F) -> F:
    """A lean kernel that becomes part of those that call it: for the innermost few lines."""
    return cast(F, njit(inline="always", **_LEAN)(function))


def _compiled(function: F, **options: Any) -> F:
    if config.DISABLE_JIT:
        return function
    before = config.CACHE_DIR
    config.CACHE_DIR = _cache_folder()
    try:
        if numba.version_info[:2] > _NEWEST_TRIED:
            return cast(F, njit(cache=True, nogil=True, **options)(function))
        return cast(F, _Kernel(function, targetoptions={"nopython": True, "nogil": True, **options}))
    finally:
        config.CACHE_DIR = before


class _Kernel(CPUDispatcher):
    """A kernel as Python calls it, compiled with all kernels it calls. Kernels call its ``part``."""

    def __init__(self, function: Any, targetoptions: dict[str, Any]) -> None:
        super().__init__(function, targetoptions={**targetoptions, "no_cfunc_wrapper": True})
        self.part = _Part(function, targetoptions={**targetoptions, **_BARE}, pipeline_class=_PartCompiler)
        self.enable_caching()

    @property
    def _numba_type_(self) -> Any:
        return types.Dispatcher(self.part)

    def compile(self, sig: Any) -> Any:
        with global_compiler_lock:
            before = gc.get_threshold()
            gc.set_threshold(*_SELDOM)
            try:
                return super().compile(sig)
            finally:
                gc.set_threshold(*before)


# Compiling makes many objects that stay: to look for garbage as often as usual takes an eighth of the time.
_SELDOM = (100_000, 50, 1000)
# Without the wrappers that only Python and C call functions by.
_BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class _Part(CPUDispatcher):
    """A kernel as other kernels call it: typed and lowered once, for them to take in."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """A literal compiles nothing anew: it is an integer like any other."""
        return super().get_call_template([types.unliteral(arg) for arg in args], kws)


class _PartCompiler(Compiler):
    def define_pipelines(self) -> Any:
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.library.lean = not self.state.flags.nrt
        return super().define_pipelines()


class _PartLibrary(JITCodeLibrary):
    """The code of a part: made machine code, and if lean optimised, in the kernels that take it in alone."""

    lean = True

    def _optimize_final_module(self) -> None:
        # The walk, which makes arrays, takes half as long again if its parts are optimised in it alone.
        if not self.lean:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is none."""
        return 0

    @property
    def codegen(self) -> _PartLibrary:
        """What sets environments, which this has none of: kernels neither print nor raise."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        pass


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
