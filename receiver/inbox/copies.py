"""The SQLite file as a whole: copied while it is used, and put back while it is not.

A copy is made within one look at the database, so it is of one moment; who writes meanwhile writes
into the log and does not wait. It is checked before it gets its name.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from receiver.inbox.dialect import only_worker, sqlite_path
from receiver.inbox.migrate import known, newest

PAGES = 1_024  # a step of copying, 4 MB
PATIENCE = 1.0  # seconds: whoever is there for longer is no passer-by
SIDES = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file

Tell: TypeAlias = Callable[[int, int], None]
"""Hears how many pages are done, and of how many."""


class Unusable(Exception):
    """A file cannot be copied or put back; the text says which and why."""


class InUse(Exception):
    """Somebody else works on the database."""


def backup(
    source: Path, target: Path, *, force: bool = False, tell: Tell = lambda _, __: None
) -> None:
    """A checked copy as of now. Raises FileExistsError unless forced, Unusable, OSError."""
    if not target.absolute().parent.is_dir():
        raise Unusable(f"{target}: its folder is not there")
    if target.exists():
        if target.samefile(source):
            raise Unusable(f"{target} is the database itself: name another file")
        if not force:
            raise FileExistsError(target)
    with copied(source, target, tell) as part:
        if force:
            part.replace(target)
        else:
            target.hardlink_to(part)  # where one has come meanwhile, it stays
    keep_names(target.parent)


def restore(source: Path, url: str, *, tell: Tell = lambda _, __: None) -> Path | None:
    """Puts a copy in the database's place; where what was there is now.

    Raises InUse, Unusable, OSError; nothing is changed then.
    """
    target = sqlite_path(url)
    assert target is not None  # noqa: S101 - PostgreSQL has tools of its own
    with copied(source, target, tell) as part, alone(url):
        demand_ours(part, source)
        replaced = set_aside(target) if target.exists() else None
        part.replace(target)
    keep_names(target.parent)
    return replaced


@contextmanager
def copied(source: Path, target: Path, tell: Tell) -> Iterator[Path]:
    """A whole copy beside where it is to go; gone afterwards, if it is still there."""
    part = target.with_name(f".{target.name}.part-{os.getpid()}")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds customers' data
    try:
        with closing(reader(source)) as one, closing(sqlite3.connect(part)) as other:
            copy(one, other, tell)
            check(other, source)
        to_disk(part)
        yield part
    except sqlite3.Error as error:
        raise Unusable(f"{source}: {error}") from None
    finally:
        for side in ("", *SIDES):
            part.with_name(part.name + side).unlink(missing_ok=True)


def reader(file: Path) -> sqlite3.Connection:
    """Of a file that is there; one that is not is not made."""
    address = f"file:{quote(str(file.absolute()))}?mode=rw"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE)


def copy(one: sqlite3.Connection, other: sqlite3.Connection, tell: Tell) -> None:
    """Within one look, so that it need not begin again when somebody writes."""
    one.execute("BEGIN")
    one.execute("SELECT count(*) FROM sqlite_master").fetchone()
    one.backup(other, pages=PAGES, progress=lambda _, left, total: tell(total - left, total))
    one.execute("ROLLBACK")
    other.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def check(connection: sqlite3.Connection, source: Path) -> None:
    """Every page and every index of it."""
    try:
        ((said,), *_) = connection.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        first = str(said).partition("\n")[0]
        raise Unusable(f"{source} is damaged ({first}): use an earlier backup")


def revision_of(file: Path) -> str | None:
    """The shape of the box in a file; None where there is none."""
    with closing(reader(file)) as connection, suppress(sqlite3.OperationalError):
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None
    return None


def demand_ours(part: Path, source: Path) -> None:
    found = revision_of(part)
    if found is None:
        raise Unusable(f"{source} is no box of ours")
    if not known(found):
        raise Unusable(
            f"{source} is of a newer receiver ({found}, this one knows {newest()}):"
            " restore it with that version"
        )


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Nobody else has the file open, and nobody can until this is left. Raises InUse."""
    file = sqlite_path(url)
    assert file is not None  # noqa: S101
    unlock = only_worker(url)
    if unlock is None:
        raise InUse(f"a worker lives on {file}: stop the receiver first")
    try:
        with closing(exclusive(file)) if file.exists() else nullcontext():
            yield
    finally:
        unlock()


def exclusive(file: Path) -> sqlite3.Connection:
    """For us alone, its log moved into it. A file that is no database stays as it is."""
    connection = reader(file)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return connection
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise InUse(f"another process has {file} open: stop the receiver first") from None
        raise Unusable(f"{file}: {error}") from None
    return connection


def set_aside(target: Path) -> Path:
    """Under another name too, so that there is a database at every moment."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    replaced = target.with_name(f"{target.name}.replaced-{stamp}")
    replaced.hardlink_to(target)
    for side in SIDES:  # of a broken file: they must not meet the new one
        with suppress(FileNotFoundError):
            target.with_name(target.name + side).rename(replaced.with_name(replaced.name + side))
    return replaced


def to_disk(file: Path) -> None:
    number = os.open(file, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def keep_names(folder: Path) -> None:
    """A new name is on disk once its folder is."""
    to_disk(folder.absolute())
