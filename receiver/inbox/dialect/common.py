"""What both engines share beneath SQLAlchemy: the driver's own cursor, and multi-row inserts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, exc

LARGEST_INSERT = 64
"""Rows a statement: few enough sizes for the driver to keep each of them prepared."""

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
PASSING = (None, "40P01", "40001", "57P01", "57P02")  # gone, deadlock, clash, shut down, crash
FOLLOWS_AN_ERROR = "25P02"


def cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


def mark(connection: Connection) -> str:
    """The driver's positional parameter."""
    return "?" if connection.dialect.name == "sqlite" else "%s"


@cache
def insert_text(table: Table, columns: tuple[str, ...], count: int, sign: str, tail: str) -> str:
    one = f"({', '.join([sign] * len(columns))})"
    every = ", ".join([one] * count)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {every} {tail}"  # noqa: S608


def insert_many(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    values: Sequence[tuple[object, ...]],
    tail: str = "",
) -> int:
    """Multi-row inserts; how many rows went in."""
    sign = mark(connection)
    place = cursor(connection)
    inserted = 0
    for start in range(0, len(values), LARGEST_INSERT):
        chunk = values[start : start + LARGEST_INSERT]
        text = insert_text(table, columns, len(chunk), sign, tail)
        place.execute(text, [value for row in chunk for value in row])
        inserted += place.rowcount
    return inserted


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
