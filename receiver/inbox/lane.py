"""One thread and one connection; everything that waits shares a transaction.

A commit costs an fsync, however much it holds. While one batch is being committed the next one
gathers, so nothing ever waits for a batch to fill, and each caller is answered after the commit
that holds its work.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine

from receiver.inbox.dialect import is_outage, most_at_once, outages, passes
from receiver.inbox.records import StoreUnavailable

LONGEST_QUEUE = 5_000
TRIES = 3

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class Waiting(Generic[T, R]):
    item: T
    future: asyncio.Future[R]


@dataclass(slots=True, eq=False)
class Lane(Generic[T, R]):
    """Runs `work(connection, items)` over whatever waits; the results are in the items' order.

    `alone` does the same, or gives None, outside of a transaction; it may be done twice. What is
    `urgent` is done and answered before the rest that waits: somebody out there waits for it.
    """

    engine: Engine
    work: Callable[[Connection, Sequence[T]], Sequence[R]]
    name: str
    alone: Callable[[Connection, Sequence[T]], Sequence[R] | None] = lambda _, __: None
    urgent: Callable[[T], bool] = lambda _: False
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    fresh: list[Waiting[T, R]] = field(default_factory=list)  # of this turn of the loop
    queue: SimpleQueue[Waiting[T, R] | None] = field(default_factory=SimpleQueue)
    latest: asyncio.Future[R] | None = None  # of what is urgent
    thread: threading.Thread | None = None
    closed: bool = False
    outages: tuple[type[Exception], ...] = ()
    largest: int = 0  # batch
    connection: Connection | None = None  # while one batch follows the other

    def __post_init__(self) -> None:
        self.outages = outages(self.engine)
        self.largest = most_at_once(self.engine)

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def submit(self, item: T) -> asyncio.Future[R]:
        """The result once it is committed. Raises StoreUnavailable at once when overloaded."""
        if self.closed or self.waiting() >= LONGEST_QUEUE:
            raise StoreUnavailable("too many deliveries wait to be kept")
        waiting: Waiting[T, R] = Waiting(item, self.loop.create_future())
        if self.urgent(item):
            self.latest = waiting.future
        if not self.fresh:
            self.loop.call_soon(self._hand_over)
        self.fresh.append(waiting)
        return waiting.future

    def waiting(self) -> int:
        return len(self.fresh) + self.queue.qsize()

    async def give_way(self) -> None:
        """Until all that is urgent by now is answered, whatever comes after it."""
        if self.latest and not self.latest.done():
            await asyncio.wait([self.latest])

    def _hand_over(self) -> None:
        """What one turn of the loop brought goes over at once: woken by the first of it, the
        thread would fight for the interpreter with the loop that still reads the rest."""
        for waiting in self.fresh:
            self.queue.put(waiting)
        self.fresh.clear()

    async def close(self) -> None:
        """Finishes what waits, then ends the thread."""
        self.closed = True
        self._hand_over()
        self.queue.put(None)
        if self.thread:
            await asyncio.to_thread(self.thread.join)
        self.engine.dispose()

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._gather()
            for part in filter(None, self._parted(batch)):
                self._answer(part, self._perform(part))
            if last or self.queue.empty():
                self._give_back()

    def _parted(self, batch: Sequence[Waiting[T, R]]) -> tuple[list[Waiting[T, R]], ...]:
        """What is urgent, and the rest."""
        urgent: list[Waiting[T, R]] = []
        rest: list[Waiting[T, R]] = []
        for waiting in batch:
            (urgent if self.urgent(waiting.item) else rest).append(waiting)
        return urgent, rest

    def _gather(self) -> tuple[list[Waiting[T, R]], bool]:
        """All that waits now, but at least one; and whether it is the last."""
        batch: list[Waiting[T, R]] = []
        waiting = self.queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) >= self.largest or self.queue.empty():
                return batch, False
            waiting = self.queue.get()
        return batch, True

    def _perform(self, batch: Sequence[Waiting[T, R]]) -> Sequence[R | Exception]:
        """One transaction for all. What one item spoils is done again, each item on its own; when
        the database itself does not answer, all fail at once."""
        try:
            return self._transact([waiting.item for waiting in batch])
        except Exception as error:  # a thread that dies answers nobody
            if isinstance(error, self.outages) and is_outage(error):
                unavailable = StoreUnavailable(f"{type(error).__name__} in the database")
                return [unavailable] * len(batch)
            if len(batch) == 1:
                return [error]
        return [self._perform([waiting])[0] for waiting in batch]

    def _transact(self, items: Sequence[T], tries: int = TRIES) -> Sequence[R]:
        """Once more when it failed for a passing reason; never when it may be committed."""
        working = False
        try:
            self.connection = self.connection or self.engine.connect()
            working = True
            results = self.alone(self.connection, items)
            if results is None:
                with self.connection.begin():
                    results = self.work(self.connection, items)
                    working = False
            return results
        except Exception as error:
            self._give_back()
            passing = isinstance(error, self.outages) and passes(error)
            if not working or tries == 1 or not passing:
                raise
        return self._transact(items, tries - 1)

    def _give_back(self) -> None:
        """Not after each batch: taking a connection from the pool costs more than a commit."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _answer(self, batch: Sequence[Waiting[T, R]], results: Sequence[R | Exception]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self.loop.call_soon_threadsafe(resolve, batch, results)


def resolve(batch: Sequence[Waiting[T, R]], results: Sequence[R | Exception]) -> None:
    for waiting, result in zip(batch, results, strict=True):
        if waiting.future.done():  # its caller left
            continue
        if isinstance(result, Exception):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
