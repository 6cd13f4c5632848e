"""Statements compiled once and run through the driver: for the paths every delivery takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from receiver.inbox.dialect import chunks, cursor, insert_many, update_many

__all__ = ["chunks", "insert_many", "one_of", "padded", "rows", "run", "update_many", "upsert"]

T = TypeVar("T")


@cache
def compiled(statement: ClauseElement, dialect: Dialect) -> tuple[str, Mapping[str, object]]:
    """Its text, and the values that stand in it already."""
    done = statement.compile(dialect=dialect)
    return str(done), done.params


def execute(connection: Connection, statement: ClauseElement, values: Mapping[str, object]) -> Any:
    text, constants = compiled(statement, connection.dialect)
    place = cursor(connection)
    place.execute(text, {**constants, **values})
    return place


def run(connection: Connection, statement: ClauseElement, **values: object) -> int:
    """Executes it and says how many rows it touched."""
    return int(execute(connection, statement, values).rowcount)


def rows(
    connection: Connection, statement: ClauseElement, **values: object
) -> Sequence[tuple[Any, ...]]:
    found: Sequence[tuple[Any, ...]] = execute(connection, statement, values).fetchall()
    return found


def one_of(column: ColumnElement[Any], name: str, count: int) -> ColumnElement[bool]:
    """Whether it is one of so many values, which `padded` gives."""
    return column.in_([bindparam(f"{name}{place}", type_=column.type) for place in range(count)])


def padded(name: str, values: Sequence[T]) -> Mapping[str, T]:
    """As many as the next power of two, so that there are few statements to compile."""
    more = (1 << (len(values) - 1).bit_length()) - len(values)
    return {f"{name}{place}": value for place, value in enumerate([*values, *[values[-1]] * more])}


def upsert_text(table: Table, columns: Sequence[str]) -> str:
    """Named insert that replaces the row of the same primary key."""
    keys = [column.name for column in table.primary_key]
    changed = [name for name in columns if name not in keys]
    update = ", ".join(f"{name} = excluded.{name}" for name in changed)
    action = f"DO UPDATE SET {update}" if update else "DO NOTHING"
    return f"ON CONFLICT ({', '.join(keys)}) {action}"


def upsert(connection: Connection, table: Table, *changed: Mapping[str, object]) -> None:
    """Rows of the same columns, put in or in the place of those with the same primary key."""
    if not changed:
        return
    columns = tuple(changed[0])
    values = [tuple(row.values()) for row in changed]
    insert_many(connection, table, columns, values, upsert_text(table, columns))
