"""The till's own articles: read from OktoPOS over HTTP, kept, looked up, waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from receiver import catalogue
from receiver.articles import MATCH, Chosen
from receiver.catalogue import SyncFailed
from receiver.http import Http
from receiver.inbox import Inbox, articles, open_inbox
from receiver.inbox.articles import AWAITED
from receiver.inbox.records import Settlement, State
from receiver.sandbox import create_sandbox
from receiver.sandbox.articles import FULL, MENU, REDUCED, Article
from receiver.serving import serving
from receiver.settings.model import Pos
from tests.box import NOW, incoming, opened
from tests.plain import order
from tests.running import Clock, Line, line

pytestmark = pytest.mark.anyio

PIZZA = "PLU-17"  # of the sandbox's menu
STRANGE = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": None, "item_id": "i-7"}
UNKNOWN = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": "P-77"}


@dataclass(slots=True)
class Shelf:
    """A POS with a menu that tests change, and a box."""

    pos: Pos
    http: Http
    inbox: Inbox
    menu: list[Article]
    till: httpx.AsyncClient
    clock: Clock

    async def sync(self) -> int:
        return await catalogue.sync(self.pos, self.http, self.inbox, self.clock())

    async def find(self, called: str, at: datetime | None = None) -> Any:
        look = partial(
            articles.find, pos="mitte", called=called, match=MATCH, at=at or self.clock()
        )
        return await self.inbox.read(look)

    async def state(self) -> dict[str, Any]:
        found = await self.inbox.read(articles.overview)
        return found["mitte"]


@asynccontextmanager
async def shelf(database: str, menu: Sequence[Article] = MENU) -> AsyncIterator[Shelf]:
    clock, own = Clock(), list(menu)
    inbox, http = await open_inbox(database), Http()
    try:
        async with serving(create_sandbox(now=clock, menu=own)) as url:
            pos = Pos(name="mitte", url=f"{url}/v1", api_key="sandbox")
            async with httpx.AsyncClient(base_url=url, trust_env=False) as till:
                yield Shelf(pos, http, inbox, own, till, clock)
    finally:
        await http.close()
        await inbox.close()


async def test_an_article_is_found_by_each_of_its_names(database_url: str) -> None:
    async with shelf(database_url) as here:
        assert await here.find("4711") is None
        assert await here.sync() == len(MENU)
        for called in ("4711", PIZZA, "M-4711"):
            found = await here.find(called)
            assert (found.id, found.name) == ("4711", "Pizza Margherita")
        assert [(p.channel, p.cents, p.tax_rate_id, p.tax_rate) for p in found.prices] == [
            (1, 990, 1, 700),
            (2, 990, 1, 700),
            (3, 1040, 1, 700),
        ]
        assert await here.find("nobody") is None


async def test_each_of_many_by_its_own_name(database_url: str) -> None:
    async with shelf(database_url) as here:
        await here.sync()
        called = ["4711", PIZZA, "nobody", "M-4711"]
        look = partial(articles.find_all, called=called, match=MATCH, at=here.clock())
        found = await here.inbox.read(partial(look, pos="mitte"))
        assert {name: one.id for name, one in found.items()} == dict.fromkeys(
            ("4711", PIZZA, "M-4711"), "4711"
        )
        assert await here.inbox.read(partial(look, pos="nord")) == {}


async def test_of_two_called_the_same_the_one_with_the_least_id(database_url: str) -> None:
    same = [Article(each, "PLU-17", "Twin", 100, REDUCED, REDUCED) for each in (9992, 9990, 9991)]
    async with shelf(database_url, same) as here:
        await here.sync()
        assert (await here.find("PLU-17")).id == "9990"


async def test_the_order_of_the_names_decides(database_url: str) -> None:
    twin = Article(9990, "4711", "Twin", 100, REDUCED, REDUCED, "PLU-17")
    async with shelf(database_url, [*MENU, twin]) as here:
        await here.sync()
        assert (await here.find("4711")).id == "4711"
        by_reference = partial(
            articles.find, pos="mitte", called="4711", match=("external_reference", "id")
        )
        found = await here.inbox.read(partial(by_reference, at=here.clock()))
        assert found is not None
        assert found.id == "9990"


async def test_more_than_a_page(database_url: str) -> None:
    many = [Article(n, f"R{n}", f"Dish {n}", 500, REDUCED, REDUCED) for n in range(1, 1_201)]
    async with shelf(database_url, many) as here:
        assert await here.sync() == 1_200
        assert (await here.find("R1200")).id == "1200"


async def test_a_rate_counts_from_the_sync_that_found_it(database_url: str) -> None:
    """An order of the evening before is taxed as of the evening before."""
    async with shelf(database_url) as here:
        await here.sync()
        evening = here.clock()
        here.clock.turn(hours=12)
        here.menu[0] = here.menu[0]._replace(taken=FULL, eaten_in=FULL)
        await here.sync()
        assert (await here.find(PIZZA)).price(3).tax_rate == 1900
        assert (await here.find(PIZZA, evening)).price(3).tax_rate == 700
        long_ago = evening - timedelta(days=400)
        assert (await here.find(PIZZA, long_ago)).price(3).tax_rate == 700


async def test_what_is_listed_no_longer_is_not_found_any_more(database_url: str) -> None:
    async with shelf(database_url) as here:
        await here.sync()
        before = here.clock()
        here.clock.turn(hours=1)
        del here.menu[0]
        await here.sync()
        assert await here.find(PIZZA) is None
        assert (await here.find(PIZZA, before)).id == "4711"


async def test_nothing_new_writes_nothing(database_url: str) -> None:
    async with shelf(database_url) as here:
        await here.sync()
        here.clock.turn(hours=1)
        await here.sync()
        rows = await here.inbox.read(
            lambda box: box.exec_driver_sql("SELECT count(*) FROM articles").scalar()
        )
        assert rows == len(MENU)


async def test_a_failed_sync_keeps_the_last_and_says_so(database_url: str) -> None:
    async with shelf(database_url) as here:
        await here.sync()
        for kind in ("forbid", "garbage"):
            await here.till.post("/_sandbox/faults", json={"kind": kind, "path": "articles/list"})
            with pytest.raises(SyncFailed, match=r"pos\.mitte: OktoPOS"):
                await here.sync()
            assert (await here.state())["problem"]
            assert (await here.find(PIZZA)).id == "4711"
            await here.till.delete("/_sandbox/faults")
        await here.sync()
        assert (await here.state())["problem"] is None


async def test_an_empty_list_is_not_believed(database_url: str) -> None:
    async with shelf(database_url) as here:
        await here.sync()
        here.menu.clear()
        with pytest.raises(SyncFailed, match="no article any more"):
            await here.sync()
        assert (await here.find(PIZZA)).id == "4711"


async def test_every_six_hours_and_only_what_was_begun(database_url: str) -> None:
    async with shelf(database_url) as here:

        async def keep_up() -> int:
            await catalogue.keep_up([here.pos], here.http, here.inbox, here.clock)
            calls = (await here.till.get("/_sandbox/calls")).json()
            return sum(call["path"].endswith("articles/list") for call in calls)

        assert await keep_up() == 0
        await here.sync()
        assert await keep_up() == 1
        here.clock.turn(hours=5, minutes=59)
        assert await keep_up() == 1
        here.clock.turn(minutes=1)
        assert await keep_up() == 2
        assert await keep_up() == 2


# On the line


async def synced(run: Line) -> None:
    http = Http()
    await catalogue.sync(run.settings.pos["mitte"], http, run.inbox, run.clock())
    await http.close()


CHANNELS: Any = {"distribution_channels": {"DELIVERY": 3}}


async def test_an_order_is_booked_by_the_till_s_own_article(database_url: str) -> None:
    async with line(database_url, pos=CHANNELS) as run:
        await synced(run)
        dish = {**UNKNOWN, "pos_ref": PIZZA}
        await run.until(await run.send(order(lines=[dish])), "done")
        (held,) = await run.orders()
        (item,) = held["order"]["items"]
        assert (item["productId"], item["externalId"]) == ("4711", PIZZA)
        assert (item["taxRateId"], item["distributionChannel"]) == (1, 3)


async def test_an_unknown_dish_holds_its_order_only_until_it_is_mapped(database_url: str) -> None:
    async with line(database_url) as run:
        await synced(run)
        held = await run.until(waiting := await run.send(order(lines=[UNKNOWN])), "held")
        assert held["reason"] == 'no article for "Tea" (P-77)'
        known = order("o2", lines=[{**UNKNOWN, "pos_ref": PIZZA}])
        await run.until(await run.send(known), "done")
        choose = partial(articles.choose, name="plain", now=run.clock())
        await run.inbox.write(partial(choose, mapped={"another": Chosen("4711")}))
        await run.until(waiting, "held")
        count = await run.inbox.write(partial(choose, mapped={"P-77": Chosen("4740", 2)}))
        assert count == 1
        await run.until(waiting, "done")
        item = (await run.orders())[-1]["order"]["items"][0]
        assert (item["productId"], item["distributionChannel"]) == ("4740", 2)


async def test_it_is_released_by_a_sync_that_brings_the_article(database_url: str) -> None:
    async with line(database_url) as run:
        waiting = await run.send(order(lines=[STRANGE]))
        await run.until(waiting, "held")
        await synced(run)
        await run.until(waiting, "held")
        await run.inbox.write(
            partial(articles.choose, name="plain", mapped={"i-7": Chosen("4711")}, now=run.clock())
        )
        await run.until(waiting, "done")


@pytest.mark.parametrize(("late", "state"), [(False, "held"), (True, "ready")])
async def test_a_mapping_made_while_the_order_is_looked_at_is_not_missed(
    late: bool, state: str, database_url: str
) -> None:
    with opened(database_url) as box:
        box.keep(incoming("d1"))
        job = box.one()
        seen = box.do(articles.version)
        if late:
            box.do(partial(articles.choose, name="plain", mapped={"x": Chosen("1")}, now=NOW))
        held = Settlement(state=State.HELD, reason="no article", awaits=AWAITED, seen=seen)
        assert box.settle(job, held)
        assert box.row(job)["state"] == state
