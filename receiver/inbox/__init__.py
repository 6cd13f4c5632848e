"""The durable box: what is kept here survives anything but the disk.

One writer lane takes every write of the process, deliveries and settlements alike, and commits what
waits together: the deliveries, which somebody waits for, then the rest. A reader lane beside it
looks things up without waiting for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Connection

from receiver.inbox.dialect import MOST_ROWS, alone, open_engine, start_checkpoints
from receiver.inbox.keep import keep_alone, keep_many
from receiver.inbox.lane import Lane
from receiver.inbox.records import Ending, Incoming, Settled
from receiver.inbox.settle import settle_many

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], Any]
Item: TypeAlias = Incoming | Ending | Work


@dataclass(frozen=True, slots=True)
class Single:
    """Work of one statement."""

    work: Work

    def __call__(self, connection: Connection) -> Any:
        return self.work(connection)


@dataclass(slots=True)
class Inbox:
    url: str
    writer: Lane[Item, Any]
    reader: Lane[Work, Any]
    stop_checkpoints: Callable[[], None]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, incoming: Incoming) -> bool:
        """True once it is kept, False when it had been before; on disk either way.

        Raises StoreUnavailable when it could not be kept.
        """
        new = await self.writer.submit(incoming)
        if new:
            self.arrived.set()
        return bool(new)

    async def settle(self, ending: Ending) -> Settled:
        """What came of it, once it is committed. Raises StoreUnavailable."""
        return cast("Settled", await self.writer.submit(ending))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once it is committed. Raises StoreUnavailable, or what it raises."""
        return cast("T", await self.writer.submit(work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds. Raises StoreUnavailable, or what it raises."""
        return cast("T", await self.reader.submit(work))

    async def ask(self, work: Callable[[Connection], T]) -> T:
        """The same of a single statement, which sees one moment by itself: there is no
        transaction around it, and that is most of what it costs."""
        return cast("T", await self.reader.submit(Single(work)))

    async def give_way(self) -> None:
        """Until the deliveries that have come by now are kept: a platform waits for each."""
        await self.writer.give_way()

    async def close(self) -> None:
        await self.writer.close()
        await self.reader.close()
        await asyncio.to_thread(self.stop_checkpoints)


async def open_inbox(url: str) -> Inbox:
    """The box behind a SQLAlchemy URL, which must be migrated. Belongs to the running loop."""
    engine = open_engine(url, writes=True)
    writer: Lane[Item, Any] = Lane(engine, perform, "box-writer", at_once, is_delivery)
    reader: Lane[Work, Any] = Lane(open_engine(url, writes=False), look, "box-reader", asked)
    writer.start()
    reader.start()
    return Inbox(url, writer, reader, start_checkpoints(url))


def is_delivery(item: Item) -> bool:
    return isinstance(item, Incoming)


def perform(connection: Connection, items: Sequence[Item]) -> list[Any]:
    """Keeps all deliveries and settles all jobs together, then does the rest in order."""
    kept = iter(keep_many(connection, [one for one in items if isinstance(one, Incoming)]))
    settled = iter(settle_many(connection, [one for one in items if isinstance(one, Ending)]))
    results: list[Any] = []
    for item in items:
        match item:
            case Incoming():
                results.append(next(kept))
            case Ending():
                results.append(next(settled))
            case work:
                results.append(work(connection))
    return results


def at_once(connection: Connection, items: Sequence[Item]) -> Sequence[Any] | None:
    """Deliveries, no more than one statement takes."""
    batch = [item for item in items if isinstance(item, Incoming)]
    return keep_alone(connection, batch) if len(batch) == len(items) <= MOST_ROWS else None


def look(connection: Connection, items: Sequence[Work]) -> list[Any]:
    return [item(connection) for item in items]


def asked(connection: Connection, items: Sequence[Work]) -> Sequence[Any] | None:
    """What is one statement each."""
    if not all(isinstance(item, Single) for item in items):
        return None
    with alone(connection):
        found = look(connection, items)
    if connection.in_transaction():
        raise RuntimeError("a single statement goes by `sql.rows`: this began a transaction")
    return found
