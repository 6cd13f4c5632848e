"""Boxes to measure on each engine: an SQLite file, or a PostgreSQL that forgets nothing either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

from receiver.inbox.migrate import migrate
from tests.databases import ENGINES, Server, server

__all__ = ["ENGINES", "Make", "boxes"]

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Make(Protocol):
    """A migrated box of its own: its SQLAlchemy URL."""

    def __call__(self) -> str: ...


@contextmanager
def boxes(engine: str, folder: Path) -> Iterator[Make]:
    """As many as are asked for; all are gone afterwards."""
    with ExitStack() as stack:
        found = files(folder) if engine == "sqlite" else databases(stack)
        yield lambda: migrated(next(found))


def files(folder: Path) -> Iterator[str]:
    return (f"sqlite:///{folder / f'box{number}.db'}" for number in count())


def databases(stack: ExitStack) -> Iterator[str]:
    started = stack.enter_context(postgresql())
    while True:
        yield started.url(started.create())


def postgresql() -> AbstractContextManager[Server]:
    return server(durable=True)


def migrated(url: str) -> str:
    migrate(url)
    return url
