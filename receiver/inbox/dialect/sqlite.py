"""SQLite: one file, one writer, a log that is moved into the file beside it."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from receiver.inbox.dialect.common import (
    chunks,
    cursor,
    insert_text,
    outages,
)
from receiver.inbox.records import Incoming

MOST_AT_ONCE = 512
CACHE_KIB = 16_384  # of the writer
CHECKPOINT_SECONDS = 1.0
LONGEST_LOG = 8_192  # pages, 32 MB
CHECKPOINT_PATIENCE = 50  # ms that the writer may be kept waiting for a reader who takes longer

PRAGMAS = (
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 0",  # a thread of its own does it, the writer never waits for it
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA mmap_size = 0",
    "PRAGMA secure_delete = ON",  # what is purged is overwritten, not just let go of
)


def open_engine(url: str, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        paramstyle="named",
        connect_args={"check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", prepare)
    if writes:
        event.listen(engine, "connect", remember)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    event.listen(engine, "begin", lambda connection: cursor(connection).execute(begin))
    return engine


def prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we begin and commit, not the driver
    for pragma in PRAGMAS:
        connection.execute(pragma)


def remember(connection: Any, _: object) -> None:
    """More of the file than the usual 2 MB: a long backlog's queues lie all over it."""
    connection.execute(f"PRAGMA cache_size = {-CACHE_KIB}")


KEEPING = (
    f"CREATE TEMP VIEW arriving AS SELECT {', '.join(f'NULL AS {n}' for n in Incoming._fields)}",
    "CREATE TEMP TABLE repeated (connection, delivery_id)",
    """
    CREATE TEMP TRIGGER keeping INSTEAD OF INSERT ON arriving BEGIN
        INSERT INTO deliveries
            (connection, delivery_id, method, url, path, headers, body, received_at)
        VALUES (new.connection, new.delivery_id, new.method, new.url, new.path, new.headers,
            new.body, new.at)
        ON CONFLICT (connection, delivery_id) DO NOTHING;
        INSERT INTO jobs (delivery, connection, queue, overtakes, pos, lane,
            state, due_at, since, sent, updated_at, deadline, alarm_at)
        SELECT last_insert_rowid(), new.connection, new.queue, new.overtakes, new.pos, new.lane,
            'ready', new.at, new.at, false, new.at, new.deadline, new.alarm_at
        WHERE changes() = 1;
        INSERT INTO repeated SELECT new.connection, new.delivery_id WHERE changes() = 0;
    END
    """,
)
"""A delivery and its job in one statement, as PostgreSQL has it by nature: each statement more is
some turns with the interpreter's lock, which the web side needs meanwhile, and one alone needs no
BEGIN and no COMMIT. What was there before is noted; seldom is anything."""


def keep(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Puts in what is new; says of each whether it was."""
    try:
        return [new for some in chunks(batch) for new in put(connection, some)]
    except sqlite3.OperationalError as error:  # a new connection, or one that was rolled back
        if str(error) != "no such table: arriving":
            raise
        for statement in KEEPING:
            cursor(connection).execute(statement)
        return keep(connection, batch)


def put(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    place = cursor(connection)
    before = place.connection.total_changes
    text = insert_text("arriving", Incoming._fields, len(batch), "?", "")
    place.execute(text, [value for one in batch for value in one])
    if place.connection.total_changes - before == 2 * len(batch):
        return [True] * len(batch)
    repeated = Counter(place.execute("DELETE FROM repeated RETURNING *").fetchall())
    new: list[bool] = []
    for one in reversed(batch):  # of the same in one batch the first may be new
        new.append(not repeated[one[:2]])
        repeated[one[:2]] -= 1
    return new[::-1]


@contextmanager
def alone(_: Connection) -> Iterator[None]:
    """What is not begun is committed at once."""
    yield


def free_queues(_: Connection, queues: Sequence[str]) -> Sequence[str]:
    """All of them: whoever writes has the whole file."""
    return queues


def lock_migration(_: Connection) -> None:
    """Whoever writes has the whole file."""


def hold(_: Connection, tables: Sequence[Table]) -> None:
    """Whoever writes has the whole file."""


def renumber(_: Connection, table: Table) -> None:
    """The next number is one above the highest anyway."""


def path(url: str) -> Path | None:
    """The database's file; None for PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


@dataclass(slots=True)
class Checkpointer:
    """Moves SQLite's log into the database beside the writer, which then never waits for it.

    Its connection is there from the start to the end: by it others see that the file is in use,
    which must not be put back or moved meanwhile.
    """

    engine: Engine
    connection: Any = None
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        with suppress(*outages(self.engine)):
            self.connection = self._connect()
        self.thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.stopping.wait(CHECKPOINT_SECONDS):
            with suppress(*outages(self.engine)):  # busy or full: the log grows until a later round
                self.connection = self.connection or self._connect()
                checkpoint(self.connection)
        if self.connection:
            self.connection.close()

    def _connect(self) -> Any:
        connection: Any = self.engine.raw_connection()
        connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_PATIENCE}")
        return connection

    def stop(self) -> None:
        self.stopping.set()
        if self.thread:
            self.thread.join()
        self.engine.dispose()


def checkpoint(connection: Any) -> None:
    """Beside the writer. But a log is begun anew only when all of it was moved, and under steady
    load some is always left: once it is long, each round leaves less to the one after it, until
    the writer waits a moment for the last."""
    if moved(connection, "PASSIVE") > LONGEST_LOG:
        for mode in ("PASSIVE", "PASSIVE", "RESTART"):
            moved(connection, mode)


def moved(connection: Any, mode: str) -> int:
    """One checkpoint; the log's length in pages."""
    _, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return int(pages)


def start_checkpoints(url: str) -> Callable[[], None]:
    """The returned function stops them."""
    checkpointer = Checkpointer(open_engine(url, writes=False))
    checkpointer.start()
    return checkpointer.stop


def only_worker(url: str) -> Callable[[], None] | None:
    """Whether no other worker lives on this file, told by a lock that dies with us."""
    file = path(url)
    if file is None:
        return None
    lock = file.with_name(file.name + ".worker").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock.close
