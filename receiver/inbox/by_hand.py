"""The box for one command: opened, one transaction, closed. Works beside a running receiver."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from receiver.inbox.dialect import open_engine, outages, sqlite_path
from receiver.inbox.migrate import known, newest, revision
from receiver.inbox.records import StoreUnavailable

SETTING = "DATABASE_URL"  # where the address comes from, unless another is named


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps the box from being used, with the remedy."""

    text: str
    migrating_helps: bool = True


class NotMigrated(Exception):
    """There is a database, or a place for one, and not yet a box in it."""


def trouble(url: str, setting: str = SETTING) -> Trouble | None:
    """Raises StoreUnavailable, which names the setting, when the database does not answer."""
    path = sqlite_path(url)
    if path is not None and not path.exists():
        folder = path.absolute().parent
        if not os.access(folder, os.W_OK):
            missing = "cannot be written to" if folder.is_dir() else "is not there"
            raise StoreUnavailable(
                f"the database's folder {folder} {missing}: mend that, or correct {setting}"
            )
        return Trouble(f"there is no database at {path} yet: run receiver migrate")
    with transaction(url, setting=setting) as connection:
        found = revision(connection)
    if found == newest():
        return None
    if found is not None and not known(found):
        return Trouble(
            f"the database is of a newer receiver ({found}, this one knows {newest()}):"
            " run that version",
            migrating_helps=False,
        )
    text = f"the database is not migrated ({found or 'empty'}, needed is {newest()})"
    return Trouble(f"{text}: run receiver migrate")


@contextmanager
def opened(url: str, *, writes: bool = False) -> Iterator[Connection]:
    """One transaction in a migrated box. Raises NotMigrated and StoreUnavailable."""
    found = trouble(url)
    if found is not None:
        raise NotMigrated(found.text)
    with transaction(url, writes=writes) as connection:
        yield connection


@contextmanager
def transaction(url: str, *, writes: bool = False, setting: str = SETTING) -> Iterator[Connection]:
    engine = open_engine(url, writes=writes)
    errors: tuple[type[Exception], ...] = (DatabaseError, *outages(engine))
    try:
        with engine.begin() as connection:
            yield connection
    except errors as error:
        raise StoreUnavailable(refusal(error, setting)) from None
    finally:
        engine.dispose()


def refusal(error: Exception, setting: str = SETTING) -> str:
    """The driver's own words, without the statement and its values."""
    said = str(getattr(error, "orig", error)).strip()
    return f"the database: {said.partition(chr(10))[0]}; check {setting}"
