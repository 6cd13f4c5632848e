"""The composition root: the set-up of this process, with the platforms there are."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

from adapters import ADAPTERS
from receiver.inbox import by_hand
from receiver.settings import Settings, load

T = TypeVar("T")

__all__ = ["ADAPTERS", "box", "run", "settings", "settings_and_warnings", "until_signal"]


def settings_and_warnings() -> tuple[Settings, tuple[str, ...]]:
    """Raises BadSettings."""
    return load(os.environ, ADAPTERS)


def settings() -> Settings:
    """Raises BadSettings."""
    return settings_and_warnings()[0]


@contextmanager
def box(*, writes: bool = False) -> Iterator[Connection]:
    """The configured box. Raises BadSettings, NotMigrated, StoreUnavailable."""
    with by_hand.opened(settings().database_url, writes=writes) as connection:
        yield connection


def run(main: Coroutine[Any, Any, T]) -> T:
    """On uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def until_signal() -> None:
    """Until Ctrl-C or SIGTERM."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()
