"""Moving a box into another database: table by table, by primary key, a lot at a time.

It may be broken off at any moment and begun again. Where it stopped is seen from what is there:
nothing but rows of the source, as they are, and of each numbered table the first so many. While it
runs nobody writes to the source, as what was answered there would be nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, case, func, literal, select, tuple_

from receiver.inbox.by_hand import NotMigrated, transaction, trouble
from receiver.inbox.copies import InUse, alone
from receiver.inbox.dialect import hold, open_engine, renumber, sqlite_path, start_checkpoints
from receiver.inbox.lease import WORKER_GONE
from receiver.inbox.migrate import migrate
from receiver.inbox.records import ms
from receiver.inbox.sql import insert_many
from receiver.inbox.tables import ENDED, jobs, metadata, workers

LOT = 200  # rows a write; some have a body
READ = {jobs.c.ended_at: case((ENDED, func.coalesce(jobs.c.ended_at, jobs.c.updated_at)))}
"""Where not as it stands: of what ended before that was a column, PostgreSQL has only the state."""
TABLES = [table for table in metadata.sorted_tables if table is not workers]  # processes of there

Tell = Callable[[int, int], None]
"""Hears how many rows are there, and of how many."""


class OtherData(Exception):
    """The target holds what the source does not; the text says which and where."""


class Different(Exception):
    """The two do not have the same number of rows."""


@dataclass(frozen=True, slots=True)
class Moved:
    table: str
    rows: int
    moved: int  # this time


def now() -> datetime:
    return datetime.now(UTC)


def transfer(source: str, target: str, tell: Tell = lambda _, __: None) -> list[Moved]:
    """Each table and how much of it has come.

    Raises NotMigrated, InUse, OtherData, Different, StoreUnavailable.
    """
    if found := trouble(source, "--from"):
        raise NotMigrated(found.text)
    demand_unused(source)
    found = trouble(target, "--to")
    if found and not found.migrating_helps:
        raise NotMigrated(found.text)
    migrate(target)
    demand_unused(target)
    with transaction(source, writes=True) as here, writing(target) as there:
        hold(here, TABLES)
        with there.begin() as connection:
            for table in TABLES:
                demand_part(here, connection, table)
        done = list(move_all(here, there, tell))
        with there.begin() as connection:
            for table in TABLES:
                renumber(connection, table)
    return done


@contextmanager
def writing(url: str) -> Iterator[Engine]:
    engine = open_engine(url, writes=True)
    stop = start_checkpoints(url)
    try:
        yield engine
    finally:
        stop()
        engine.dispose()


def demand_unused(url: str) -> None:
    """Raises InUse. SQLite tells by its locks, PostgreSQL by the workers' signs of life."""
    if sqlite_path(url) is not None:
        with alone(url):
            return
    with transaction(url) as connection:
        query = select(workers.c.id).where(workers.c.seen_at >= ms(now() - WORKER_GONE))
        if connection.execute(query).first():
            seconds = WORKER_GONE.seconds
            raise InUse(f"a worker was there within the last {seconds} s: stop it, then try again")


def demand_part(here: Connection, there: Connection, table: Table) -> None:
    """All that the target has is the source's. Raises OtherData."""
    for rows in lots(there, table):
        known = {key(table, row): row for row in those(here, table, rows)}
        for row in rows:
            if known.get(key(table, row)) != row:
                named = ", ".join(map(str, key(table, row)))
                what = f"{table.name} {named} is not as in the source"
                raise OtherData(f"the target holds other data: {what}; name an empty database")


def move_all(here: Connection, there: Engine, tell: Tell) -> Iterator[Moved]:
    counts = {table.name: count(here, table) for table in TABLES}
    total, before = sum(counts.values()), 0
    for table in TABLES:
        with there.begin() as connection:
            start, present = begin(here, connection, table)
        done = present
        for rows in lots(here, table, start):
            with there.begin() as connection:
                done += put(connection, table, rows)
            tell(before + done, total)
        with there.begin() as connection:
            arrived = count(connection, table)
        if arrived != counts[table.name]:
            expected = counts[table.name]
            raise Different(f"{table.name}: {expected} in the source, {arrived} in the target")
        before += arrived
        yield Moved(table.name, arrived, done - present)
    tell(before, total)


def begin(here: Connection, there: Connection, table: Table) -> tuple[Any, int]:
    """After which key to go on, and how many rows have come. Numbered rows came in order; of
    others each is looked at again, as each database has an order of its own for text."""
    present, number = count(there, table), table.autoincrement_column
    if number is None or not present:
        return None, present
    last = there.execute(select(func.max(number))).scalar_one()
    first = select(func.count()).select_from(table).where(number <= last)
    return ((last,) if here.execute(first).scalar_one() == present else None), present


def put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> int:
    """How many were not there yet."""
    keys = ", ".join(column.name for column in table.primary_key)
    tail = f"ON CONFLICT ({keys}) DO NOTHING"
    return insert_many(connection, table, tuple(table.columns.keys()), rows, tail)


def lots(
    connection: Connection, table: Table, after: tuple[Any, ...] | None = None
) -> Iterator[list[tuple[Any, ...]]]:
    """All rows that come after that key, in the database's own order of keys."""
    columns = list(table.primary_key)
    place = tuple_(*columns)
    while True:
        query = whole(table).order_by(*columns).limit(LOT)
        if after is not None:
            values = (literal(one, column.type) for one, column in zip(after, columns, strict=True))
            query = query.where(place > tuple_(*values))
        rows = [tuple(row) for row in connection.execute(query)]
        if not rows:
            return
        yield rows
        after = key(table, rows[-1])


def those(
    connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """The rows with the same keys."""
    columns = list(table.primary_key)
    keys = [key(table, row) for row in rows]
    query = whole(table).where(tuple_(*columns).in_(keys))
    return [tuple(row) for row in connection.execute(query)]


def whole(table: Table) -> Select[Any]:
    return select(*(READ.get(column, column) for column in table.columns))


def key(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    names = list(table.columns)
    return tuple(row[names.index(column)] for column in table.primary_key)


def count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
