"""What runs a sweep's items: processes of this computer, this process itself, or an executor that is given.

Every crew takes calls as a `concurrent.futures.Executor` does, says how many it wants to have in hand, and
what an error of a call means.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from enum import Enum
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, Protocol

from simulator.errors import SimulatorError

# Calls in the hands of an executor that does not say how many workers it has.
_UNKNOWN_CALLS = 64


class ExecutorError(SimulatorError):
    """Workers that cannot be had, or that all end; what was done before is in the store."""


class Fate(Enum):
    """What became of a call that did not return."""

    LOST = "its worker ended: it may be made again, but it may have been the cause"
    REFUSED = "its worker may not do such work: another one may"


class Crew(Protocol):
    @property
    def calls(self) -> int:
        """How many calls it wants to have in hand, so that no worker waits."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]: ...

    def check(self) -> None:
        """Called now and then; raises ExecutorError if nothing will ever come back."""

    def fate(self, error: BaseException) -> Fate:
        """What an error of a call means; raises ExecutorError for one that every call would meet."""

    def close(self) -> None:
        """End what it started; calls in hand are lost."""


@contextmanager
def hired(
    executor: Executor | None, workers: int | None, scheduler: str | None, items: int, modules: Sequence[str]
) -> Iterator[Crew]:
    """The crew for so many items: given, on a Dask cluster, this process (0 workers) or processes.

    Raises
    ------
    ExecutorError
        For more than one of them, a wrong number of workers, or a scheduler that does not answer.
    """
    crew = _hire(executor, workers, scheduler, items, modules)
    try:
        yield crew
    finally:
        crew.close()


def unfit(error: BaseException) -> ExecutorError:
    """The error for workers that cannot take or return any call."""
    return ExecutorError(f"the workers cannot do the work: {type(error).__name__}: {error}")


def check_crew(executor: Executor | None, workers: int | None, scheduler: str | None) -> None:
    """Refuse what `hired` would, before anything is prepared."""
    if executor is not None and scheduler is not None:
        raise ExecutorError("give an executor or a scheduler, not both")
    if executor is not None and not isinstance(executor, Executor):
        raise ExecutorError(f"an executor is a concurrent.futures.Executor, not {executor!r}")
    if workers is None:
        return
    if scheduler is not None:
        raise ExecutorError("give workers or a scheduler, not both: the cluster has its own workers")
    if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= 4096:
        raise ExecutorError(f"workers are a whole number from 0 (this process) to 4096, not {workers!r}")


def _hire(
    executor: Executor | None, workers: int | None, scheduler: str | None, items: int, modules: Sequence[str]
) -> Crew:
    check_crew(executor, workers, scheduler)
    if scheduler is not None:
        from simulator.study.cluster import Cluster

        return Cluster(scheduler)
    if executor is not None:
        return _Given(executor, workers)
    if workers == 0:
        return _Here()
    return _Processes(min(workers or _cores(), items), modules)


def _cores() -> int:
    """The cores that this process may use, which may be fewer than the computer has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Here:
    """Does each call at once, in this process."""

    calls = 1

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    def check(self) -> None:
        pass

    def fate(self, error: BaseException) -> Fate:
        raise unfit(error)

    def close(self) -> None:
        pass


class _Given:
    """An executor of the caller's, who ends it."""

    def __init__(self, executor: Executor, workers: int | None) -> None:
        self._executor = executor
        self.calls = 2 * workers if workers else _UNKNOWN_CALLS

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        try:
            return self._executor.submit(function, *arguments)
        except (BrokenExecutor, RuntimeError) as error:
            raise ExecutorError(f"the executor takes no more work: {error}; run again to go on") from error

    def check(self) -> None:
        pass

    def fate(self, error: BaseException) -> Fate:
        if isinstance(error, BrokenExecutor):
            raise ExecutorError(f"the executor broke: {error}; run again to go on") from error
        raise unfit(error)

    def close(self) -> None:
        pass


class _Processes:
    """Worker processes of this computer; where one is killed, new ones take the place of all.

    They are forked from a process that has only imported the modules, never from this one, whose threads and
    locks a fork would break; where that cannot be they are started afresh.
    """

    def __init__(self, workers: int, modules: Sequence[str]) -> None:
        self._workers = workers
        self.calls = 2 * workers
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload([*modules])
        self._start()

    def _start(self) -> None:
        # Nothing is ever sent along this line: it ends when `close` or the end of this process closes it.
        self._end, self._line = self._context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(self._workers, self._context, _begin, (self._end,))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        try:
            with _without_main():
                return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            self.close()
            self._start()
            return self.submit(function, *arguments)
        except OSError as error:
            raise ExecutorError(
                f"no process can be started: {error}; fewer workers may do, or 0 for this process itself"
            ) from error

    def check(self) -> None:
        pass

    def fate(self, error: BaseException) -> Fate:
        if isinstance(error, BrokenProcessPool):
            return Fate.LOST
        raise unfit(error)

    def close(self) -> None:
        self._line.close()
        self._pool.shutdown(cancel_futures=True)
        self._end.close()


def _begin(line: Connection) -> None:
    """What a worker does first: Ctrl-C is its parent's to handle, and it never outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()


def _end_with(line: Connection) -> None:
    try:
        line.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep new processes from running the script that started the sweep: they need nothing of it.

    A script without ``if __name__ == "__main__"`` would start its own sweep in each of them.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
