"""SQLite: one file, one writer, a log that is moved into the file beside it."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from receiver.inbox.dialect.common import (
    JOB_COLUMNS,
    chunks,
    cursor,
    insert_many,
    insert_text,
    outages,
)
from receiver.inbox.records import Incoming
from receiver.inbox.tables import deliveries, jobs

MOST_AT_ONCE = 512
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
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    event.listen(engine, "begin", lambda connection: cursor(connection).execute(begin))
    return engine


def prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we begin and commit, not the driver
    for pragma in PRAGMAS:
        connection.execute(pragma)


DELIVERY_COLUMNS = (*Incoming._fields[:7], "received_at")
NEW_ONLY = "ON CONFLICT (connection, delivery_id) DO NOTHING"


def keep(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Puts in what is new; says of each whether it was."""
    ids = [number for some in chunks(batch) for number in put(connection, some)]
    rows = [job_row(number, one) for number, one in zip(ids, batch, strict=True) if number]
    insert_many(connection, jobs, JOB_COLUMNS, rows)
    return [number is not None for number in ids]


def put(connection: Connection, batch: Sequence[Incoming]) -> Sequence[int | None]:
    """The number of each that is new. The lock to write is ours: they go up one by one.

    Nothing is read back where all are new: every row that is fetched is one more turn with the
    interpreter's lock, which the web side needs meanwhile.
    """
    place = cursor(connection)
    text = insert_text(deliveries, DELIVERY_COLUMNS, len(batch), "?", NEW_ONLY)
    place.execute(text, [value for one in batch for value in one[:8]])
    last, count = place.lastrowid, place.rowcount
    if count == 0:  # and `last` is of whatever was put in before
        return [None] * len(batch)
    if count == len(batch):
        return range(last - count + 1, last + 1)
    found = place.execute(
        "SELECT connection, delivery_id, id FROM deliveries WHERE id > ?", [last - count]
    )
    new = {(of, name): number for of, name, number in found.fetchall()}
    return [new.pop(one[:2], None) for one in batch]


def job_row(number: int, one: Incoming) -> tuple[object, ...]:
    start = (number, one.connection, one.queue, one.overtakes, one.pos, one.lane)
    return (*start, "ready", one.at, one.at, False, one.at, one.deadline, one.alarm_at)


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
