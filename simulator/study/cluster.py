"""A sweep's items on a Dask cluster: any scheduler that a Dask client reaches.

    dask scheduler                                   # on one computer
    dask worker tcp://host:8786 --nthreads 1         # on each of the others, as many as it has cores
    simulator sweep alexnet --set array.x=8,14 --scheduler tcp://host:8786 --store pe.sqlite

Under Slurm or LSF, `dask_jobqueue.SLURMCluster` or `LSFCluster` starts both, and its ``scheduler_address`` is
the address. Every worker needs the same version of this package; none needs the store's file.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from simulator.study.executors import ExecutorError, Fate, unfit
from simulator.study.points import model_version

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 2.0


class RefusedError(Exception):
    """Raised on a worker of another version, with its address and version."""


def on_worker(version: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Make a call on a worker of this version. Raises RefusedError on another one."""
    found = model_version()
    if found != version:
        from distributed import get_worker

        raise RefusedError(get_worker().address, found)
    return function(*arguments)


class Cluster:
    """The workers of a Dask scheduler; those of another version get no work, with a warning.

    Raises
    ------
    ExecutorError
        If Dask is not installed, the scheduler does not answer, or all workers are of other versions.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client, KilledWorker
            from distributed.comm import get_address_host_port
        except ImportError as error:
            raise ExecutorError(
                "a cluster needs Dask: pip install 'dataflow-simulator[distributed]'"
            ) from error
        self._address, self._killed = address, KilledWorker
        # What becomes of the scheduler is said here, once.
        self._logger = logging.getLogger("distributed.client")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL)
        try:
            # A client that could not be made complains once more as it is collected.
            if not address.startswith("inproc://"):
                get_address_host_port(address)
            self._client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            self._logger.setLevel(self._level)
            raise ExecutorError(f"no Dask scheduler answers at {address}: {error}") from error
        self._executor = self._client.get_executor(pure=False)
        self._known: set[str] = set()
        self._refused: dict[str, str] = {}
        self._restricted: dict[Future[Any], frozenset[str]] = {}
        self._waiting = False
        self.calls = 2
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        self.check()
        fit = frozenset(self._fit())
        where = {"workers": sorted(fit)} if self._refused else {}
        future: Future[Any] = self._executor.submit(on_worker, model_version(), function, *arguments, **where)
        if self._refused:
            self._restricted[future] = fit
        return future

    def check(self) -> None:
        if self._client.status != "running":
            raise self._gone()
        if time.monotonic() > self._looked + _LOOK_SECONDS:
            self._look()

    def fate(self, error: BaseException) -> Fate:
        if isinstance(error, RefusedError):
            self._refuse(*error.args)
            return Fate.REFUSED
        if self._client.status != "running":
            raise self._gone() from error
        if isinstance(error, CancelledError | self._killed):
            return Fate.LOST
        raise unfit(error)

    def close(self) -> None:
        self._client.close(timeout=_CONNECT_SECONDS)
        self._logger.setLevel(self._level)

    def _look(self) -> None:
        """See which workers there are; of those that are new, which version they run."""
        try:
            info = self._client.scheduler_info(n_workers=-1)["workers"]
            new = [worker for worker in info if worker not in self._known]
            found = self._client.run(model_version, workers=new, on_error="return") if new else {}
        except (OSError, RuntimeError) as error:
            raise self._gone() from error
        # One that ended meanwhile cannot be asked.
        ended = {worker for worker, version in found.items() if isinstance(version, OSError)}
        self._known = set(info) - ended
        if not info and not self._waiting:
            warnings.warn(f"{self._address} has no workers; waiting for them", stacklevel=2)
        self._waiting = not info
        for worker, version in found.items():
            if worker not in ended and version != model_version():
                self._refuse(worker, version)
        self.calls = max(2, 2 * sum(info[worker]["nthreads"] for worker in self._fit()))
        self._restricted = {future: fit for future, fit in self._restricted.items() if not future.done()}
        for future, fit in self._restricted.items():
            # All that it was meant for are gone, but there may be others.
            if not fit & self._known:
                future.cancel()
        self._looked = time.monotonic()

    def _fit(self) -> set[str]:
        return self._known - self._refused.keys()

    def _refuse(self, worker: str, version: str) -> None:
        if worker not in self._refused:
            self._refused[worker] = version
            told = f"worker {worker} gets no work: it runs version {version}, here is {model_version()}"
            warnings.warn(told, stacklevel=2)
        if not self._fit():
            found = ", ".join(sorted({str(version) for version in self._refused.values()}))
            raise ExecutorError(
                f"no worker of {self._address} runs version {model_version()}, but {found}; install the same"
            )

    def _gone(self) -> ExecutorError:
        return ExecutorError(
            f"the scheduler at {self._address} is gone; what was answered is stored, so run again to go on"
        )
