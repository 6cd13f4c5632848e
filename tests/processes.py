"""Receivers as processes of their own, `tests.serve_plain`, and what they have left to do."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Select, func, select

from receiver.inbox.dialect import open_engine
from receiver.inbox.tables import attempts, jobs, workers

ROOT = Path(__file__).parent.parent


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.serve_plain", *arguments),
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def unfinished(url: str) -> int:
    """How many jobs are not done."""
    return count(url, select(func.count()).select_from(jobs).where(jobs.c.state != "done"))


async def at_work(url: str) -> int:
    """How many workers have been heard of."""
    return count(url, select(func.count()).select_from(workers))


async def busy(url: str) -> int:
    """How many of them have a job in hand."""
    running = select(func.count(jobs.c.owner.distinct())).where(jobs.c.state == "running")
    return count(url, running)


async def interrupted(url: str) -> int:
    """How many jobs were taken from one that had stopped."""
    taken_up = attempts.c.outcome == "interrupted"
    return count(url, select(func.count()).select_from(attempts).where(taken_up))


def count(url: str, query: Select[int]) -> int:
    engine = open_engine(url, writes=False)
    with engine.begin() as connection:
        found = connection.execute(query).scalar_one()
    engine.dispose()
    return found
