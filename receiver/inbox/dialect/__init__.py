"""Everything that differs between SQLite and PostgreSQL. No other module asks which one it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine, Table, make_url

from receiver.inbox.dialect import postgresql, sqlite
from receiver.inbox.dialect.common import (
    JOB_COLUMNS,
    MOST_ROWS,
    chunks,
    cursor,
    insert_many,
    is_outage,
    outages,
    passes,
    update_many,
)
from receiver.inbox.records import Incoming

__all__ = [
    "JOB_COLUMNS",
    "MOST_ROWS",
    "chunks",
    "cursor",
    "insert_many",
    "is_outage",
    "outages",
    "passes",
    "sqlite_path",
    "update_many",
]


class Dialect(Protocol):
    """What a module for an engine has."""

    MOST_AT_ONCE: int

    def open_engine(self, url: str, *, writes: bool) -> Engine: ...
    def keep(self, connection: Connection, batch: Sequence[Incoming], /) -> Sequence[bool]: ...
    def alone(self, connection: Connection, /) -> AbstractContextManager[None]: ...
    def free_queues(self, connection: Connection, queues: Sequence[str], /) -> Sequence[str]: ...
    def lock_migration(self, connection: Connection, /) -> None: ...
    def hold(self, connection: Connection, tables: Sequence[Table], /) -> None: ...
    def renumber(self, connection: Connection, table: Table, /) -> None: ...
    def start_checkpoints(self, url: str, /) -> Callable[[], None]: ...
    def only_worker(self, url: str, /) -> Callable[[], None] | None: ...


DIALECTS: Mapping[str, Dialect] = {"sqlite": sqlite, "postgresql": postgresql}

sqlite_path = sqlite.path


def at(url: str) -> Dialect:
    return DIALECTS[make_url(url).get_backend_name()]


def of(connection: Connection) -> Dialect:
    return DIALECTS[connection.dialect.name]


def open_engine(url: str, *, writes: bool) -> Engine:
    """An engine for one lane: one connection, kept. Not to be written with unless it `writes`."""
    return at(url).open_engine(url, writes=writes)


def most_at_once(engine: Engine | Connection) -> int:
    """How many deliveries one transaction may keep at most, and how many jobs it may claim."""
    return DIALECTS[engine.dialect.name].MOST_AT_ONCE


def keep(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Puts in what is new, each delivery with its job; says of each whether it was new."""
    return of(connection).keep(connection, batch)


def alone(connection: Connection) -> AbstractContextManager[None]:
    """A statement in it is a transaction of its own. Of a connection on which none is begun."""
    return of(connection).alone(connection)


def free_queues(connection: Connection, queues: Sequence[str]) -> Sequence[str]:
    """Those no other process is claiming from just now: nobody else may until we commit.

    A statement that follows sees all that was committed by those who had them before.
    """
    return of(connection).free_queues(connection, queues)


def lock_migration(connection: Connection) -> None:
    """Until the commit nobody else migrates."""
    of(connection).lock_migration(connection)


def hold(connection: Connection, tables: Sequence[Table]) -> None:
    """Until its transaction, begun to write, ends nobody else may write there."""
    of(connection).hold(connection, tables)


def renumber(connection: Connection, table: Table) -> None:
    """What is inserted next comes after all that was inserted with a number given."""
    of(connection).renumber(connection, table)


def start_checkpoints(url: str) -> Callable[[], None]:
    """Starts them where the database needs them; the returned function stops them."""
    return at(url).start_checkpoints(url)


def only_worker(url: str) -> Callable[[], None] | None:
    """Whether no other worker lives: the function that gives the claim to that up.

    None where another worker has it, and always on PostgreSQL, whose workers may be anywhere.
    """
    return at(url).only_worker(url)
