"""The receiver as it runs, with two POS: what happens to one must not matter to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from receiver.inbox import open_inbox
from receiver.sandbox import create_platform, create_sandbox
from receiver.serve import create_tools, working
from receiver.serving import serving
from receiver.settings.model import Connection, Pos
from receiver.web import create_app
from tests.plain import API, PAY, PLAIN, SECRET, order
from tests.running import NO_TLS, Clock, Json, Line, settings

STORES = {"*": "mitte", "n": "nord"}


@dataclass(slots=True)
class Tills:
    """A line to POS `mitte`, and beside it the till of POS `nord`."""

    line: Line
    nord: httpx.AsyncClient

    async def at_nord(self) -> list[str]:
        """The orders that stand there."""
        return [held["orderId"] for held in (await self.nord.get("/_sandbox/orders")).json()]

    async def send_nord(self, order_id: str, **changes: Any) -> int:
        return await self.line.send(order(order_id, store_id="n", **changes), store="n")


@asynccontextmanager
async def tills(
    database: str, *, pay_stores: dict[str, str] | None = None, chance: float = 0.0, **plain: Any
) -> AsyncIterator[Tills]:
    """`plain` is of the connection for orders; `pay_stores` of the one for payments."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        urls = [
            await stack.enter_async_context(serving(app))
            for app in (
                create_sandbox(now=clock),
                create_sandbox(now=clock),
                create_platform(API),
            )
        ]
        made = settings(
            database,
            {
                name: Pos(name=name, url=f"{url}/v1", api_key="sandbox", ready_every=0)
                for name, url in zip(("mitte", "nord"), urls, strict=False)
            },
            connection(
                "plain", **{"api_url": urls[2], "token_url": f"{urls[2]}/oauth/token", **plain}
            ),
            connection("pay", stores=pay_stores or STORES),
        )
        inbox = await open_inbox(database)
        stack.push_async_callback(inbox.close)
        app = create_app(made, inbox)
        web = await stack.enter_async_context(serving(app))
        mitte, nord, api, receiver = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
            )
            for url in (*urls, web)
        ]
        running = Line(made, inbox, app, receiver, mitte, api, clock)
        tools = replace(create_tools(made, inbox), clock=clock, chance=lambda: chance)
        tools.platforms.clock = clock
        running.worker = await stack.enter_async_context(working(tools))
        yield Tills(running, nord)


def connection(name: str, **changes: Any) -> Connection:
    common: Json = {"secrets": (SECRET,), "stores": STORES, "accept": "never"}
    adapter = PLAIN if name == "plain" else PAY
    return Connection(name=name, adapter=adapter, **{**common, **changes})
