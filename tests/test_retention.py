"""Purging beside the worker: by itself, once an hour, and never for long in anyone's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from receiver import retention
from receiver.inbox import Inbox, open_inbox, purge, quarantine
from receiver.inbox.quarantine import Suspect
from receiver.inbox.records import StoreUnavailable
from receiver.retention import Tally
from receiver.serve import create_tools, working
from tests.box import NOW, delivered, incoming, later
from tests.heard import Log
from tests.plain import body, order
from tests.running import eventually, line

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)


@pytest.fixture
async def inbox(database_url: str) -> AsyncIterator[Inbox]:
    found = await open_inbox(database_url)
    yield found
    await found.close()


async def kept(inbox: Inbox, count: int, *, open_ones: int = 0, **age: float) -> None:
    """So many deliveries of that age, all but some of them at their end."""
    await asyncio.gather(
        *(inbox.keep(incoming(f"{age}{number}", at=later(**age))) for number in range(count))
    )
    statement = "UPDATE jobs SET state = 'done' WHERE id > %d AND state = 'ready'"
    await inbox.write(lambda at: at.exec_driver_sql(statement % open_ones))


async def left(inbox: Inbox) -> int:
    """How many are not purged."""
    return await inbox.read(partial(purge.count, border=later(days=1)))


async def test_by_age(inbox: Inbox) -> None:
    await kept(inbox, 120, open_ones=55, days=-31)  # more than a lot of each
    await kept(inbox, 3, open_ones=55, days=-29)
    heard: list[int] = []
    done = await retention.by_age(inbox, 30, NOW, tell=heard.append)
    assert done == Tally(purged=65, still_open=55)
    assert heard == [50, 100, 120]
    assert await left(inbox) == 58
    assert await retention.by_age(inbox, 30, NOW) == Tally(still_open=55)


async def test_a_dry_run_changes_nothing(inbox: Inbox) -> None:
    await kept(inbox, 60, open_ones=2, days=-31)
    await suspects(inbox)
    told = await retention.by_age(inbox, 30, NOW, dry_run=True)
    assert told == Tally(purged=58, still_open=2, quarantine=1)
    assert await left(inbox) == 60
    assert await retention.by_age(inbox, 30, NOW) == told


async def suspects(inbox: Inbox) -> None:
    for age in (-8, -2):
        one = Suspect("plain", delivered(at=later(days=age)), "no")
        add = partial(quarantine.add, suspects=[one], now=later(days=-8))
        await inbox.write(add)


@pytest.mark.parametrize(("days", "dropped"), [(30, 1), (7, 1), (1, 2)])
async def test_quarantine_is_kept_a_week_at_most(days: int, dropped: int, inbox: Inbox) -> None:
    await suspects(inbox)
    assert (await retention.by_age(inbox, days, NOW)).quarantine == dropped


async def test_beside_the_worker(database_url: str, log: Log) -> None:
    async with line(database_url) as run:
        job = await run.send(order())
        await run.until(job, "done")
        assert (await run.job(job))["purged_at"] is None
        run.clock.turn(days=31)
        await eventually(lambda: run.job(job), lambda found: found["purged_at"] is not None)
        said = "info", "purged", {"deliveries": 1, "quarantine": 0}
        await eventually(partial(has_said, log, "purged"), bool)
        assert said in log.said


async def test_a_repeat_after_it_is_answered_and_not_processed(database_url: str) -> None:
    async with line(database_url) as run:
        content = body(order())
        await run.post(content)
        (job,) = await run.jobs()
        await run.until(job["id"], "done")
        run.clock.turn(days=31)
        await eventually(lambda: run.job(job["id"]), lambda found: found["purged_at"] is not None)
        assert (await run.post(content)).status_code == 200
        (again,) = await run.jobs()
        assert (again["state"], again["arrivals"]) == ("done", 2)
        assert len(await run.orders()) == 1


async def test_of_two_workers_one_does(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    async def by_age(inbox: Inbox, *_: Any, **__: Any) -> Tally:
        begun.append(inbox.url)
        return Tally()

    monkeypatch.setattr(retention, "by_age", by_age)
    async with line(database_url) as run:
        other = await open_inbox(run.settings.database_url)
        async with working(create_tools(run.settings, other)):
            await asyncio.sleep(0.2)
            assert len(begun) == 1
            run.clock.turn(minutes=61)
            await eventually(lambda: count(begun), lambda found: found == 2)
        await other.close()


async def count(seen: list[str]) -> int:
    return len(seen)


async def test_it_outlives_a_database_that_is_away_and_an_error_of_ours(
    database_url: str, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    troubles: list[Exception] = [StoreUnavailable("away"), ZeroDivisionError("ours")]

    async def by_age(*_: Any, **__: Any) -> Tally:
        if troubles:
            raise troubles.pop(0)
        return Tally(purged=3)

    monkeypatch.setattr(retention, "by_age", by_age)
    async with line(database_url) as run:
        for event in ("store_unavailable", "bug", "purged"):
            await eventually(partial(has_said, log, event), bool)
            run.clock.turn(minutes=61)


async def has_said(log: Log, event: str) -> bool:
    return bool(log.of(event))
