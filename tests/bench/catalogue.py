"""The till's own articles: how long it takes to read them all, and to find one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from receiver import catalogue
from receiver.articles import MATCH
from receiver.http import Http
from receiver.inbox import articles, open_inbox
from receiver.inbox.dialect import open_engine
from receiver.inbox.migrate import migrate
from receiver.sandbox import create_sandbox
from receiver.sandbox.articles import REDUCED, Article
from receiver.serving import serving
from receiver.settings.model import Pos
from tests.bench.figures import Figure, Goal
from tests.bench.processes import elsewhere
from tests.bench.scale import Scale

SYNC = Goal(name="sync of {count:,} articles", floor=30, aim=10, unit="s")
LOOK = Goal(name="an article found among them", floor=0.05, aim=0.03, unit="ms")

LOOKS = 2_000


def reading(scale: Scale, folder: Path) -> Iterator[Figure]:
    took, look = elsewhere(measured, folder, scale.articles)
    goal = Goal(name=SYNC.name.format(count=scale.articles), floor=30, aim=10, unit="s")
    yield Figure(goal, took, f"{scale.articles / took:,.0f} articles a second")
    yield Figure(LOOK, look * 1_000, "by its external reference")


def measured(folder: Path, count: int) -> tuple[float, float]:
    """Seconds to sync, and to find one of them."""
    url = f"sqlite:///{folder / 'box.db'}"
    migrate(url)
    took = asyncio.run(synced(url, count))
    engine = open_engine(url, writes=False)
    now = datetime.now(UTC)
    with engine.begin() as connection:
        start = time.perf_counter()
        for number in range(LOOKS):
            called = f"R{1 + number * 7 % count}"
            assert articles.find(connection, "till", called, MATCH[1:], now)
        look = (time.perf_counter() - start) / LOOKS
    engine.dispose()
    return took, look


async def synced(url: str, count: int) -> float:
    menu = [
        Article(n, f"R{n}", f"Dish {n}", 500, REDUCED, REDUCED, f"M{n}")
        for n in range(1, count + 1)
    ]
    inbox, http = await open_inbox(url), Http()
    try:
        async with serving(create_sandbox(menu=menu)) as till:
            pos = Pos(name="till", url=f"{till}/v1", api_key="sandbox")
            start = time.perf_counter()
            await catalogue.sync(pos, http, inbox, datetime.now(UTC))
            return time.perf_counter() - start
    finally:
        await http.close()
        await inbox.close()
