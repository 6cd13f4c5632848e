"""PostgreSQL: many processes, perhaps behind PgBouncer, which hands on a connection after each
transaction. So nothing lasts longer: no prepared statement, no setting, no lock of a session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc

from receiver.inbox.dialect.common import cursor
from receiver.inbox.records import Incoming

MOST_AT_ONCE = 64
"""Queues locked to keep in them, and as many to claim from them. The server has room for so many
locks for each connection that it allows (max_locks_per_transaction), and a process has two: however
many processes there are, the connections run out before the locks do."""
UNUSED_SECONDS = 5.0  # a connection unused for longer is asked whether it still is one
HOLD_PATIENCE = 10_000  # ms to wait for those who are writing
KEPT, CLAIMED, MIGRATED = range(1, 4)  # what an advisory lock is about

ALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # ms; without it a lost network is noticed after a quarter hour
}


def open_engine(url: str, *, writes: bool) -> Engine:
    """Who reads sees one moment, however many statements it takes, as in SQLite's file."""
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_recycle=300,
        use_native_hstore=False,  # asking for it is a round trip
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        connect_args={"prepare_threshold": None, **ALIVE},
    )
    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", ask_when_unused)
    return engine


def note_use(_: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def ask_when_unused(connection: Any, record: Any, _: Any) -> None:
    """Raises DisconnectionError, upon which the pool connects anew."""
    used = record.info.get("used")
    if used is None or time.monotonic() - used < UNUSED_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except connection.Error as error:
        raise exc.DisconnectionError from error


KEEP = f"""
WITH held AS MATERIALIZED (
    SELECT count(pg_advisory_xact_lock(key)) AS locks
    FROM (SELECT DISTINCT hashtextextended(queue, {KEPT}) AS key
          FROM unnest(%(queue)b::text[]) AS queue ORDER BY key) AS keys
), given AS MATERIALIZED (
    SELECT nextval('deliveries_id_seq') AS id, new.*
    FROM held, unnest(
        %(connection)b::text[], %(delivery_id)b::text[], %(method)b::text[], %(url)b::text[],
        %(path)b::text[], %(headers)b::text[], %(body)b::bytea[], %(at)b::bigint[],
        %(queue)b::text[], %(overtakes)b::boolean[], %(pos)b::text[], %(lane)b::text[],
        %(deadline)b::bigint[], %(alarm_at)b::bigint[]
    ) AS new ({", ".join(Incoming._fields)})
), kept AS (
    INSERT INTO deliveries
        (id, connection, delivery_id, method, url, path, headers, body, received_at)
    SELECT id, connection, delivery_id, method, url, path, headers, body, at FROM given
    ON CONFLICT (connection, delivery_id) DO NOTHING RETURNING id
), work AS (
    INSERT INTO jobs (delivery, connection, queue, overtakes, pos, lane,
        state, due_at, since, sent, updated_at, deadline, alarm_at)
    SELECT id, connection, queue, overtakes, pos, lane, 'ready', at, at, false, at,
        deadline, alarm_at
    FROM given JOIN kept USING (id) ORDER BY id
)
SELECT kept.id IS NOT NULL FROM given LEFT JOIN kept USING (id) ORDER BY given.id
"""  # noqa: S608


def keep(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Puts in what is new; says of each whether it was. One statement, however many they are.

    Until the commit nobody else keeps anything in the same queues, so that of one queue the
    numbers are in the order of the commits; and as the locks are taken in the order of their
    keys, nobody waits for one who waits for him. Arrays in binary cost the interpreter a fifth of
    what as many parameters would.
    """
    place = cursor(connection)
    columns = map(list, zip(*batch, strict=True))
    place.execute(KEEP, dict(zip(Incoming._fields, columns, strict=True)))
    return [new for (new,) in place.fetchall()]


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Without the round trips of a transaction. Whatever fails, the connection is as it was
    nowhere else: it is not used again."""
    driver: Any = connection.connection.dbapi_connection
    driver.autocommit = True
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise
    driver.autocommit = False


FREE = f"""
SELECT queue FROM unnest(%(queues)b::text[]) AS queue
WHERE pg_try_advisory_xact_lock(hashtextextended(queue, {CLAIMED}))
"""  # noqa: S608


def free_queues(connection: Connection, queues: Sequence[str]) -> Sequence[str]:
    """Those nobody else is claiming from just now; until the commit they are ours alone.

    A statement that follows sees all that was committed by those who had them before.
    """
    place = cursor(connection)
    place.execute(FREE, {"queues": list(queues)})
    return [queue for (queue,) in place.fetchall()]


def lock_migration(connection: Connection) -> None:
    """Of two that migrate the second waits, and then finds nothing to do."""
    cursor(connection).execute("SELECT pg_advisory_xact_lock(hashtextextended('', %s))", [MIGRATED])


def hold(connection: Connection, tables: Sequence[Table]) -> None:
    names = ", ".join(table.name for table in tables)
    place = cursor(connection)
    place.execute(f"SET LOCAL lock_timeout = {HOLD_PATIENCE}")
    place.execute(f"LOCK TABLE {names} IN SHARE MODE")


def renumber(connection: Connection, table: Table) -> None:
    if table.autoincrement_column is None:
        return
    sequence = "SELECT setval(pg_get_serial_sequence(%s, 'id'), coalesce(max(id), 0) + 1, false)"
    cursor(connection).execute(f"{sequence} FROM {table.name}", [table.name])


def start_checkpoints(_: str) -> Callable[[], None]:
    """It makes its own."""
    return lambda: None


def only_worker(_: str) -> None:
    """Workers may be anywhere."""
    return
