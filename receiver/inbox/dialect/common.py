"""What both engines share beneath SQLAlchemy: the driver's own cursor, and multi-row inserts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, exc
from sqlalchemy.engine import Dialect

MOST_ROWS = 64
"""In one statement: few enough sizes for the driver to keep each of them prepared."""

JOB_COLUMNS = (
    "delivery",
    "connection",
    "queue",
    "overtakes",
    "pos",
    "lane",
    "state",
    "due_at",
    "since",
    "sent",
    "updated_at",
    "deadline",
    "alarm_at",
)
T = TypeVar("T")

PASSING = (None, "40P01", "40001", "57P01", "57P02")  # gone, deadlock, clash, shut down, crash
FOLLOWS_AN_ERROR = "25P02"


def cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def mark(dialect: Dialect) -> str:
    """The driver's positional parameter."""
    return "?" if dialect.name == "sqlite" else "%s"


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one statement takes."""
    for start in range(0, len(values), MOST_ROWS):
        yield values[start : start + MOST_ROWS]


@cache
def insert_text(table: str, columns: tuple[str, ...], count: int, sign: str, tail: str) -> str:
    one = f"({', '.join([sign] * len(columns))})"
    every = ", ".join([one] * count)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {every} {tail}"  # noqa: S608


def insert_many(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    values: Sequence[tuple[object, ...]],
    tail: str = "",
) -> int:
    """Multi-row inserts; how many rows went in."""
    sign = mark(connection.dialect)
    place = cursor(connection)
    inserted = 0
    for chunk in chunks(values):
        text = insert_text(table.name, columns, len(chunk), sign, tail)
        place.execute(text, [value for row in chunk for value in row])
        inserted += place.rowcount
    return inserted


@cache
def update_text(
    table: Table,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    count: int,
    only: str,
    dialect: Dialect,
) -> str:
    names = (*keys, *columns)
    one = f"({', '.join([mark(dialect)] * len(names))})"
    types = {name: table.c[name].type.compile(dialect) for name in columns}
    changes = ", ".join(f"{name} = CAST(given.{name} AS {types[name]})" for name in columns)
    same = " AND ".join([*(f"{table.name}.{key} = given.{key}" for key in keys), only])
    found = ", ".join(f"{table.name}.{key}" for key in keys)
    return f"""
    WITH given ({", ".join(names)}) AS (VALUES {", ".join([one] * count)})
    UPDATE {table.name} SET {changes} FROM given WHERE {same} RETURNING {found}
    """  # noqa: S608


def update_many(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    values: Sequence[tuple[object, ...]],
    only: str,
) -> set[tuple[Any, ...]]:
    """Multi-row updates: the columns after the keys, of each row that has the keys and is as
    `only` says. The keys of those that were written."""
    place = cursor(connection)
    found: set[tuple[Any, ...]] = set()
    for chunk in chunks(values):
        text = update_text(table, keys, columns, len(chunk), only, connection.dialect)
        place.execute(text, [value for row in chunk for value in row])
        found.update(place.fetchall())
    return found


def outages(engine: Engine) -> tuple[type[Exception], ...]:
    """What SQLAlchemy, and the driver called directly, raise when the database is at fault."""
    driver = engine.dialect.loaded_dbapi
    return (
        exc.OperationalError,
        exc.InterfaceError,
        exc.InternalError,
        exc.TimeoutError,
        driver.OperationalError,
        driver.InterfaceError,
        driver.InternalError,
    )


def is_outage(error: Exception) -> bool:
    """Whether the database is at fault, and not a statement of ours."""
    cause = cause_of(error)
    wrong = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return not wrong and getattr(cause, "sqlstate", None) != FOLLOWS_AN_ERROR


def passes(error: Exception) -> bool:
    """Whether the same again will do: the connection was ended, or two transactions waited for
    one another and ours was."""
    return getattr(cause_of(error), "sqlstate", "of no server") in PASSING


def cause_of(error: Exception) -> object:
    """The driver's own error."""
    return getattr(error, "orig", None) or error
