"""Runs a sweep's items: those without an answer, each once, stored as they are answered."""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from simulator.study.executors import Crew, ExecutorError, Fate, check_crew, hired
from simulator.study.store import Packed, Store, pack, unpack
from simulator.study.store_file import StoreError

if TYPE_CHECKING:
    from simulator.study.points import Item

Work = Callable[["Item"], dict[str, Any]]
# A key, the answer's status and the answer; or why there is none.
Answered = tuple[str, str, Packed | str]

# A call is about so long: longer than it takes to send, shorter than anybody minds to lose.
_CALL_SECONDS = 0.5
_MOST_ITEMS = 64
# How long another process leaves alone what this one has in hand, unless told again.
_CLAIM_SECONDS = 3.0
_TRIES = 3
_MOST_LOSSES_IN_A_ROW = 12
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Standing:
    """How far a sweep is, told with each answer.

    ``done`` counts items that have an answer or never will, of ``total`` different ones; ``reused`` those
    of them that were stored already, ``failed`` those that say why they failed. ``key`` and ``answer`` are
    of the item just done, without the answer's "parts"; at the start, for an item that was lost, and for one
    that another process answered, there is no answer.
    """

    done: int
    total: int
    reused: int
    failed: int
    key: str | None = None
    answer: dict[str, Any] | None = None


Progress = Callable[[Standing], None]


@dataclass(frozen=True)
class Outcome:
    """How many different items were answered now, ``failed`` of them with a reason; how many before.

    ``interrupted`` were left by Ctrl-C. ``lost`` says by key why an item has no answer that could be stored:
    a defect, or workers that were killed. Another run tries these again.
    """

    done: int
    reused: int
    failed: int
    interrupted: int = 0
    lost: dict[str, str] = field(default_factory=dict)


def run_items(
    items: Iterable[Item],
    store: Store,
    executor: Executor | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    work: Work | None = None,
) -> Outcome:
    """Answer every item that has no answer in the store, identical ones once; store answers as they come.

    Parameters
    ----------
    executor
        Any `concurrent.futures.Executor`, which the caller ends; ``workers`` may say how many it has.
    workers
        Processes of this computer, by default as many as it has cores; 0 for this process itself.
    scheduler
        The address of a Dask scheduler, as ``tcp://host:8786``, whose workers do the work.
    progress
        Called with how far the run is, at the start and with each answer.
    work
        What an item's answer is, by default `simulator.study.points.compute`; a function of a module, so that
        other processes find it. Its answer is plain JSON with a "status".

    Ctrl-C ends the run with what is done.

    Raises
    ------
    StoreError
        If the store cannot be read or written any longer; what was stored is kept.
    ExecutorError
        If there are no workers, or they all end.
    """
    check_crew(executor, workers, scheduler)
    if work is None:
        from simulator.study.points import compute

        work = compute
    wanted = {item.key: item for item in items}
    known = store.known(wanted)
    run = _Run([item for key, item in wanted.items() if key not in known], len(known), store, progress, work)
    missing = len(wanted) - len(known)
    if missing and store.read_only:
        raise StoreError(f"store {store.path}: it is read-only, and {missing} results are missing")
    run.tell()
    if missing:
        try:
            with hired(executor, workers, scheduler, missing, [__name__, work.__module__]) as crew:
                run.go(crew)
        except ExecutorError:
            store.release(run.owner)
            raise
        store.release(run.owner)
    return run.outcome()


def answer_items(items: Sequence[Item], work: Work) -> tuple[list[Answered], float]:
    """What a worker does: answer items; also returns the seconds it took."""
    start = time.perf_counter()
    return [_answer(item, work) for item in items], time.perf_counter() - start


def _answer(item: Item, work: Work) -> Answered:
    try:
        answer = work(item)
        return item.key, answer["status"], pack(answer)
    except Exception as error:
        return item.key, "", f"{type(error).__name__}: {error}"


class _Run:
    """The items of one run: waiting, in hand, in the hands of another process, to be tried alone, or done."""

    def __init__(
        self, items: list[Item], reused: int, store: Store, progress: Progress | None, work: Work
    ) -> None:
        self.owner = uuid.uuid4().hex
        self.pilots, self.waiting = _in_order(items)
        self._store, self._progress, self._work = store, progress, work
        self._total = reused + len(items)
        self._items = {item.key: item for item in items}
        self._elsewhere: list[Item] = []
        self._alone: deque[Item] = deque()
        self._in_hand: dict[Future[Any], list[Item]] = {}
        self._lost: dict[str, str] = {}
        self._losses: Counter[str] = Counter()
        self._fruitless = 0
        self._reused, self._done, self._failed = reused, 0, 0
        self._seconds_each = _CALL_SECONDS
        self._renewed = time.monotonic()

    def outcome(self) -> Outcome:
        left = self._total - self._reused - self._done - len(self._lost)
        return Outcome(self._done, self._reused, self._failed, left, self._lost)

    def go(self, crew: Crew) -> None:
        try:
            # Kernels are compiled by one worker, and not by all of them at once.
            self._submit(crew, self.pilots)
            while self._in_hand:
                self._take_back(crew)
            while self.waiting or self._in_hand or self._alone or self._elsewhere:
                self._hand_out(crew)
                self._take_back(crew)
        except KeyboardInterrupt:
            self._leave()

    def _hand_out(self, crew: Crew) -> None:
        if not self.waiting:
            self.waiting.extend(self._elsewhere)
            self._elsewhere.clear()
        while self.waiting and len(self._in_hand) < crew.calls:
            most = min(_MOST_ITEMS, int(_CALL_SECONDS / self._seconds_each))
            size = max(1, min(most, len(self.waiting) // (2 * crew.calls)))
            self._submit(crew, [self.waiting.popleft() for _ in range(size)])
        if self._alone and not self._in_hand:
            self._submit(crew, [self._alone.popleft()])

    def _submit(self, crew: Crew, items: list[Item]) -> None:
        claimed = set(self._store.claim([item.key for item in items], self.owner, _CLAIM_SECONDS))
        others = [item for item in items if item.key not in claimed]
        answered = self._store.known(item.key for item in others)
        for item in others:
            if item.key in answered:
                self._reused += 1
                self.tell(item.key)
            else:
                self._elsewhere.append(item)
        ours = [item for item in items if item.key in claimed]
        if ours:
            self._in_hand[crew.submit(answer_items, ours, self._work)] = ours

    def _take_back(self, crew: Crew) -> None:
        if self._in_hand:
            finished, _ = wait(self._in_hand, timeout=_CLAIM_SECONDS / 6, return_when=FIRST_COMPLETED)
        else:
            finished = set()
            time.sleep(0.1)
        # Answers first: an error may end the run.
        for future in sorted(finished, key=_error):
            items = self._in_hand.pop(future)
            if not _error(future):
                self._keep(*future.result())
                continue
            error = CancelledError("cancelled") if future.cancelled() else future.exception()
            assert error is not None
            if crew.fate(error) is Fate.REFUSED:
                self.waiting.extendleft(items)
            else:
                self._lose(items, error)
        crew.check()
        if time.monotonic() > self._renewed + _CLAIM_SECONDS / 5:
            self._store.renew(self.owner, _CLAIM_SECONDS)
            self._renewed = time.monotonic()

    def _keep(self, answers: list[Answered], seconds: float) -> None:
        for key, status, packed in answers:
            if isinstance(packed, str):
                self._give_up(key, packed)
                continue
            self._store.put_packed(key, self._items[key].label, status, packed)
            self._done += 1
            self._failed += status == "failed"
            self.tell(key, packed)
        self._seconds_each = max(1e-6, (self._seconds_each + seconds / len(answers)) / 2)
        self._fruitless = 0

    def _lose(self, items: list[Item], error: BaseException) -> None:
        """Try what was in a lost call again, each item alone, so that one is found that ends its worker."""
        self._fruitless += 1
        many = self._fruitless > _MOST_LOSSES_IN_A_ROW
        if many and self.waiting and not self._done:
            raise ExecutorError(f"workers end before they answer, {self._fruitless} times in a row: {error}")
        for item in items:
            self._losses[item.key] += 1
            if self._losses[item.key] < _TRIES:
                self._alone.append(item)
            else:
                self._give_up(
                    item.key, f"its worker ended {_TRIES} times, perhaps for want of memory: {error}"
                )

    def _give_up(self, key: str, reason: str) -> None:
        self._lost[key] = reason
        self.tell(key)

    def _leave(self) -> None:
        """After Ctrl-C: what waits is cancelled, and what is about to be answered is kept."""
        for future in self._in_hand:
            future.cancel()
        finished, _ = wait(self._in_hand, timeout=_GRACE_SECONDS)
        for future in finished:
            if not _error(future):
                self._keep(*future.result())

    def tell(self, key: str | None = None, packed: Packed | None = None) -> None:
        if self._progress is not None:
            done = self._reused + self._done + len(self._lost)
            failed = self._failed + len(self._lost)
            answer = None if packed is None else unpack(packed._replace(parts=b""))
            self._progress(Standing(done, self._total, self._reused, failed, key, answer))


def _error(future: Future[Any]) -> bool:
    return future.cancelled() or future.exception() is not None


def _in_order(items: list[Item]) -> tuple[list[Item], deque[Item]]:
    """The least item of each kind that kernels are compiled for, and the others, the largest first."""
    ordered = sorted(items, key=lambda item: -item.size)
    least = {
        orjson.dumps([item.data.get(field) for field in ("dataflow", "objective", "engine", "mapper")]): item
        for item in ordered
    }
    pilots = {item.key for item in least.values()}
    return list(least.values()), deque(item for item in ordered if item.key not in pilots)
