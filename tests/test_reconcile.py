"""Orders that never reached us: asked for, kept once, and never twice with their webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import receiver.reconcile
from adapters.api import Ask, Expected, Found, Listing, Page, Told
from adapters.contract import Adapter, Unreadable
from adapters.payload import Tree, tree
from receiver.inbox import Inbox, listing, open_inbox, search, seen
from receiver.inbox.migrate import migrate
from receiver.inbox.records import StoreUnavailable
from receiver.incoming import incoming
from receiver.reconcile import MARK, Reconciler, Report, Watch, hindrance
from receiver.sandbox import create_platform
from receiver.serve import create_tools, working
from receiver.serving import serving
from receiver.settings.model import Connection, Pos
from tests.commands import delivery
from tests.plain import API, PLAIN, SECRET, body, order
from tests.running import NO_TLS, Clock, Json, eventually, settings

pytestmark = pytest.mark.anyio


def list_orders(ask: Ask) -> str:
    return f"/list/{ask.place}"


def listed(_: Ask, told: Told) -> Page:
    page = tree(told.body)
    if page.text("error"):
        raise Unreadable("no page")
    more = page.text("next")
    return Page([found(entry) for entry in page.each("orders")], [more] if more else [])


def found(entry: Tree) -> Found:
    webhook = body(order(entry.text("id") or ""), store=entry.text("store"))
    return Found(webhook, over=bool(entry.flag("over")))


LISTING = Listing(list_orders=list_orders, listed=listed)
CALLS = (
    Expected(name="list", method="GET", path="/list/.*", query={"page?": str}, says={"orders": []}),
    *API.calls,
)
LISTS = replace(PLAIN, api=replace(API, calls=CALLS, listing=LISTING))


@dataclass(slots=True)
class Scene:
    """A receiver that may ask, and the platform it asks."""

    inbox: Inbox
    connection: Connection
    reconciler: Reconciler
    clock: Clock
    platform: httpx.AsyncClient

    async def has(self, *ids: str, at: str = "/list/s1", **more: object) -> None:
        """The platform lists these orders."""
        page = {"orders": [{"id": one, "store": "s1"} for one in ids], **more}
        await self.platform.post("/_sandbox/answers", json={"path": at, "body": page})

    async def ask(self, hours: float = 3) -> Report:
        return await self.reconciler.ask(self.connection, self.clock() - timedelta(hours=hours))

    async def jobs(self) -> list[Json]:
        return await self.inbox.read(listing.page)

    async def calls(self) -> list[str]:
        found: list[Json] = (await self.platform.get("/_sandbox/calls")).json()
        return [row["path"] for row in found if row["call"] != "token"]

    async def keep(self, content: bytes, ago: timedelta = timedelta()) -> None:
        """A delivery as it came from the platform."""
        came = delivery(content, at=self.clock() - ago)
        await self.inbox.keep(incoming(self.connection, came))


def connection(platform: str, adapter: Adapter = LISTS, **changes: Any) -> Connection:
    known: Json = {
        "secrets": (SECRET,),
        "stores": {"s1": "mitte"},
        "accept": "never",
        "api_url": platform,
        "token_url": f"{platform}/oauth/token",
        **changes,
    }
    return Connection(name="plain", adapter=adapter, **known)


@asynccontextmanager
async def scene(
    folder: Path, adapter: Adapter = LISTS, *, work: str = "", **changes: Any
) -> AsyncIterator[Scene]:
    """`work`: the address of a till to bring to what is kept."""
    clock, database = Clock(), f"sqlite:///{folder / 'box.db'}"
    migrate(database)
    async with AsyncExitStack() as stack:
        assert adapter.api
        url = await stack.enter_async_context(serving(create_platform(adapter.api, now=clock)))
        client = httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
        platform = await stack.enter_async_context(client)
        one = connection(url, adapter, **changes)
        inbox = await open_inbox(database)
        stack.push_async_callback(inbox.close)
        mitte = Pos(name="mitte", url=f"{work or 'http://127.0.0.1:9'}/v1", api_key="sandbox")
        tools = create_tools(settings(database, {"mitte": mitte}, one), inbox)
        tools.platforms.clock = clock
        stack.push_async_callback(tools.http.close)
        if work:
            await stack.enter_async_context(working(replace(tools, clock=clock)))
        yield Scene(inbox, one, Reconciler(inbox, tools.platforms), clock, platform)


# What is kept


async def test_an_order_that_never_came_is_kept_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.has("o1", "o2")
        first = await at.ask()
        assert (first.listed, first.kept, first.known, first.failed) == (2, ["o1", "o2"], 0, [])
        again = await at.ask()
        assert (again.listed, again.kept, again.known) == (2, [], 2)
        assert [job["delivery_id"] for job in await at.jobs()] == [f"{MARK}o2", f"{MARK}o1"]


async def test_it_stands_in_the_queue_of_its_order_and_store(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.keep(body(order("o1"), store="s1"))
        await at.inbox.write(lambda box: box.exec_driver_sql("UPDATE jobs SET state = 'done'"))
        await at.has("o1")
        await at.ask()
        found, webhook = await at.jobs()
        assert found["queue"] == webhook["queue"] == "plain:o1"
        assert found["pos"] == webhook["pos"] == "mitte"


async def test_it_says_where_it_was_found(tmp_path: Path) -> None:
    """And that nobody sent it: what is sent comes by POST or PUT."""
    async with scene(tmp_path) as at:
        await at.has("o1")
        await at.ask()
        ((_, kept),) = [
            found
            for job in await at.jobs()
            if (found := await at.inbox.read(partial(search.request_of, job_id=job["id"])))
        ]
        assert (kept.method, kept.url) == ("GET", f"{at.connection.api_url}/list/s1")
        assert kept.headers == {}


@pytest.mark.parametrize("state", ["ready", "waiting", "held", "running"])
async def test_what_is_on_its_way_is_known(state: str, tmp_path: Path) -> None:
    """Though it never was looked at yet, so that no record of the order is there."""
    async with scene(tmp_path) as at:
        await at.keep(body(order("o1")))
        await at.inbox.write(lambda box: box.exec_driver_sql(f"UPDATE jobs SET state = '{state}'"))
        await at.has("o1", "o2")
        assert (await at.ask()).kept == ["o2"]


async def test_what_is_over_is_told_and_not_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        page = {"orders": [{"id": "o1", "over": True}, {"id": "o2", "store": "s1"}]}
        await at.platform.post("/_sandbox/answers", json={"path": "/list/s1", "body": page})
        report = await at.ask()
        assert (report.over, report.kept, report.known) == (["o1"], ["o2"], 0)
        assert len(await at.jobs()) == 1


async def test_an_order_without_an_id_spoils_no_other(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.has("", "o2")
        report = await at.ask()
        assert report.kept == ["o2"]
        assert report.failed == ["/list/s1: an order without an id"]


# Pages, stores, failures


async def test_page_by_page(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.has("o1", next="/list/s1?page=2")
        await at.has("o2", at="/list/s1?page=2")
        assert (await at.ask()).kept == ["o1", "o2"]
        assert len(await at.calls()) == 2


async def test_pages_that_lead_back_come_to_an_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.has("o1", next="/list/s1")
        report = await at.ask()
        assert (report.kept, report.failed) == (["o1"], [])


async def test_not_more_pages_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.reconcile, "MOST_CALLS", 2)
    async with scene(tmp_path) as at:
        for number in range(4):
            where = "/list/s1" if not number else f"/list/s1?page={number}"
            await at.has(f"o{number}", at=where, next=f"/list/s1?page={number + 1}")
        report = await at.ask()
        assert report.kept == ["o0", "o1"]
        assert report.failed == ["s1: more than 2 pages: ask for a shorter time"]
        assert not report.again


async def test_nor_for_longer_than_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.reconcile, "MOST_SECONDS", 0.3)
    async with scene(tmp_path, stores={"s1": "mitte", "s2": "mitte"}) as at:
        slow = {"kind": "slow", "path": "list", "seconds": 5, "times": 1}
        await at.platform.post("/_sandbox/faults", json=slow)
        await at.has("o2", at="/list/s2")
        report = await at.ask()
        assert report.kept == ["o2"]
        assert report.failed == ["s1: not done within 0 s"]
        assert report.again


@pytest.mark.parametrize(("status", "again"), [(503, True), (429, True), (404, True), (400, False)])
async def test_a_store_that_cannot_be_asked_spoils_no_other(
    status: int, again: bool, tmp_path: Path
) -> None:
    async with scene(tmp_path, stores={"s1": "mitte", "s2": "mitte", "*": "mitte"}) as at:
        fault = {"kind": "fail", "path": "list", "status": status, "times": 1}
        await at.platform.post("/_sandbox/faults", json=fault)
        await at.has("o2", at="/list/s2")
        report = await at.ask()
        assert report.kept == ["o2"]
        assert report.failed == [f"s1: plain answered {status}"]
        assert report.again == again


async def test_a_page_that_is_none(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.has(error="broken")
        report = await at.ask()
        assert report.failed == ["s1: no page"]
        assert not report.again


async def test_stores_are_known_by_what_they_sent(tmp_path: Path) -> None:
    """A set-up of a single store names none."""
    async with scene(tmp_path, stores={"*": "mitte"}) as at:
        report = await at.ask()
        assert report.failed == [
            "name its stores below connections.plain.stores: none is known yet by an order"
        ]
        await at.keep(body(order("o0"), store="s1"))
        await at.has("o1")
        assert (await at.ask()).kept == ["o1"]


async def test_some_list_all_at_once(tmp_path: Path) -> None:
    listing = replace(LISTING, place=None)
    whole = replace(LISTS, api=replace(API, calls=CALLS, listing=listing))
    async with scene(tmp_path, whole, stores={"*": "mitte"}) as at:
        await at.has("o1", at="/list/")
        assert (await at.ask()).kept == ["o1"]


async def test_who_cannot_be_asked() -> None:
    at = connection("http://127.0.0.1:9")
    needing = replace(LISTING, needs=("api_url", "api_key", "client_id"))
    needs = replace(at, adapter=replace(LISTS, api=replace(API, listing=needing)))
    assert hindrance(at) is None
    assert hindrance(needs) == "set connections.plain.api_key and client_id"
    for adapter in (PLAIN, replace(PLAIN, api=None)):
        why = "Plain documents no call that lists orders"
        assert hindrance(replace(at, adapter=adapter)) == why


# By itself


def watch(at: Scene, since: datetime | None = None) -> Watch:
    return Watch([at.connection], at.inbox, at.reconciler.platforms, since or at.clock())


async def missed(at: Scene, since: datetime | None = None) -> list[timedelta]:
    """How far back is asked."""
    now = at.clock()
    found = await watch(at).missed(since or now)
    return [timedelta(minutes=round((now - begins).total_seconds() / 60)) for _, begins in found]


@pytest.mark.parametrize(
    ("silent", "back"),
    [
        (timedelta(minutes=59), []),
        (timedelta(minutes=61), [timedelta(minutes=66)]),
        (timedelta(hours=70), [timedelta(hours=24)]),
    ],
)
async def test_silent_for_longer_than_the_platform_repeats(
    silent: timedelta, back: list[timedelta], tmp_path: Path
) -> None:
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(hours=80))
        await at.keep(body(order("o1")), silent)
        assert await missed(at) == back


async def test_who_never_sent_anything_has_missed_nothing(tmp_path: Path) -> None:
    """Else a new set-up would bring a day of old orders to the till."""
    async with scene(tmp_path) as at:
        assert await missed(at) == []


async def test_what_came_after_the_start_hides_no_gap(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(hours=2))
        began = at.clock() - timedelta(seconds=5)
        await at.keep(body(order("o1")), timedelta(seconds=1))
        assert await missed(at) == []
        assert await missed(at, began) == [timedelta(minutes=125)]


async def test_nor_does_what_was_found_by_asking(tmp_path: Path) -> None:
    """It may have been but a part."""
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(hours=2))
        await at.has("o1")
        assert (await at.ask()).kept == ["o1"]
        assert await missed(at) == [timedelta(minutes=125)]


async def test_only_what_came_lately_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(hours=2))
        assert await missed(at) != []
        monkeypatch.setattr(seen, "RECENT", 1)
        other = replace(at.connection, name="other")
        await at.inbox.keep(incoming(other, delivery(body(order("o1")))))
        assert await missed(at) == []


async def test_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.reconcile, "LOOK_SECONDS", 0.01)
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(hours=2))
        await at.has("o1")
        async with running(watch(at)):
            await eventually(at.jobs, lambda jobs: len(jobs) == 2)
            await asyncio.sleep(0.1)
        assert len(await at.calls()) == 1


async def test_after_the_store_was_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it kept last counts, not what it keeps since it is back."""
    monkeypatch.setattr(receiver.reconcile, "LOOK_SECONDS", 0.01)
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(minutes=1))
        await at.has("o1")
        looking = watch(at)
        store = Store(at.inbox)
        looking.inbox = store  # type: ignore[assignment]
        async with running(looking):
            await asyncio.sleep(0.05)
            store.away = True
            await asyncio.sleep(0.05)
            at.clock.turn(hours=2)
            await at.keep(body(order("o2")))
            assert await at.calls() == []
            store.away = False
            await eventually(at.jobs, lambda jobs: len(jobs) == 3)


@dataclass(slots=True)
class Store:
    inbox: Inbox
    away: bool = False

    async def read(self, work: Callable[[Any], Any]) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        return await self.inbox.read(work)

    async def keep(self, one: Any) -> bool:
        return await self.inbox.keep(one)


async def test_a_platform_that_is_away_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.reconcile, "TRIES", (0.01, 0.01, 0.01))
    async with scene(tmp_path) as at:
        await at.keep(body(order("o0")), timedelta(hours=2))
        await at.has("o1")
        fault = {"kind": "fail", "path": "list", "status": 503, "times": 2}
        await at.platform.post("/_sandbox/faults", json=fault)
        async with running(watch(at)):
            await eventually(at.jobs, lambda jobs: len(jobs) == 2)
        assert len(await at.calls()) == 3


async def test_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.reconcile, "TRIES", (0.01, 0.01))
    async with scene(tmp_path) as at:
        fault = {"kind": "fail", "path": "list", "status": 503}
        await at.platform.post("/_sandbox/faults", json=fault)
        await watch(at).catch_up(at.connection, at.clock())
        assert len(await at.calls()) == 3


@asynccontextmanager
async def running(one: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
