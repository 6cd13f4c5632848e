"""Everything that differs between SQLite and PostgreSQL. No other module asks which one it is."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, make_url
from sqlalchemy.pool import QueuePool

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
    """An engine for one lane: one connection, kept. `writes` takes SQLite's lock at the start."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            paramstyle="named",
            connect_args={"check_same_thread": False, "cached_statements": 256},
        )
        event.listen(engine, "connect", prepare_sqlite)
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine
    return create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_recycle=300,
        pool_pre_ping=True,
        connect_args={
            "prepare_threshold": None,  # PgBouncer keeps no prepared statements
            "connect_timeout": 10,
        },
    )


def prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we begin and commit, not the driver
    for pragma in PRAGMAS:
        connection.execute(pragma)


def next_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Numbers for rows about to be inserted. Where one writer holds the lock they are the ones
    after the last; PostgreSQL has a sequence for them."""
    place: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        (last,) = place.execute(f"SELECT max(id) FROM {table.name}").fetchone()  # noqa: S608
        return range((last or 0) + 1, (last or 0) + 1 + count)
    sequence = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    return [number for (number,) in place.execute(sequence, [table.name, count]).fetchall()]


def hold(connection: Connection, tables: Sequence[Table]) -> None:
    """Until its transaction, begun to write, ends nobody else may: on SQLite that is so anyway."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")


def renumber(connection: Connection, table: Table) -> None:
    """What is inserted next comes after all that was inserted with a number given."""
    if connection.dialect.name == "postgresql" and table.autoincrement_column is not None:
        sequence = (
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), coalesce(max(id), 0) + 1, false)"
        )
        connection.exec_driver_sql(f"{sequence} FROM {table.name}", (table.name,))


def mark(engine: Engine) -> str:
    """The driver's positional parameter."""
    return "?" if engine.dialect.name == "sqlite" else "%s"


def outages(engine: Engine) -> tuple[type[Exception], ...]:
    """What SQLAlchemy, and the driver called directly, raise when the database is at fault."""
    driver = engine.dialect.loaded_dbapi
    return (
        exc.OperationalError,
        exc.InterfaceError,
        exc.TimeoutError,
        driver.OperationalError,
        driver.InterfaceError,
    )


def is_outage(error: Exception) -> bool:
    """Whether the database is at fault, and not a statement of ours."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def sqlite_path(url: str) -> Path | None:
    """The database's file; None for PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


@dataclass(slots=True)
class Checkpointer:
    """Moves SQLite's log into the database beside the writer, which then never waits for it."""

    engine: Engine
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        connection: Any = self.engine.raw_connection()
        connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_PATIENCE}")
        errors = outages(self.engine)
        while not self.stopping.wait(CHECKPOINT_SECONDS):
            with suppress(*errors):  # busy or full: the log grows until a later round succeeds
                checkpoint(connection)
        connection.close()

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
    """Starts them where the database needs them; the returned function stops them."""
    if sqlite_path(url) is None:
        return lambda: None
    checkpointer = Checkpointer(open_engine(url, writes=False))
    checkpointer.start()
    return checkpointer.stop


def only_worker(url: str) -> Callable[[], None] | None:
    """Whether no other worker lives on this SQLite file, told by a lock that dies with us.

    Returns the function that gives the lock up; None where another worker has it, and always on
    PostgreSQL, whose workers may be anywhere.
    """
    path = sqlite_path(url)
    if path is None:
        return None
    lock = path.with_name(path.name + ".worker").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock.close
