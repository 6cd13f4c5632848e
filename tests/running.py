"""The receiver as it runs, on real sockets: sandbox, box, web and worker, and a clock to turn."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from starlette.types import ASGIApp

from receiver import console
from receiver.inbox import Inbox, listing, open_inbox
from receiver.sandbox import create_platform, create_sandbox
from receiver.serve import create_tools, working
from receiver.serving import serving
from receiver.settings.model import Connection, Pos, Settings
from receiver.web import create_app
from receiver.worker import Worker
from tests.plain import API, PAY, PLAIN, SECRET, body, signed

PATIENCE = 30.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading certificates takes a while, each time
Json = dict[str, Any]


@dataclass(slots=True)
class Clock:
    ahead: timedelta = timedelta(0)
    frozen: datetime | None = None

    def __call__(self) -> datetime:
        return (self.frozen or datetime.now(UTC)) + self.ahead

    def freeze(self) -> None:
        """A second from now, and from now on it moves only when it is turned."""
        self.frozen = datetime.now(UTC) + timedelta(seconds=1)

    def turn(self, **by: float) -> None:
        self.ahead += timedelta(**by)


def settings(database: str, pos: Mapping[str, Pos], *connections: Connection) -> Settings:
    return Settings(
        database_url=database,
        host="127.0.0.1",
        port=0,
        public_url="https://receiver.example",
        log_level="info",
        log_format="json",
        secret_key=("k" * 32,),
        metrics_token=None,
        console_password=None,
        retention_days=30,
        max_body_bytes=100_000,
        pos=pos,
        connections={connection.name: connection for connection in connections},
    )


@dataclass(slots=True)
class Line:
    """Everything that runs, and how a test talks to it."""

    settings: Settings
    inbox: Inbox
    app: ASGIApp  # the web side, with the console
    web: httpx.AsyncClient
    till: httpx.AsyncClient  # the sandbox of POS "mitte"
    platform: httpx.AsyncClient
    clock: Clock
    worker: Worker | None = None

    async def post(self, content: bytes, to: str = "plain") -> httpx.Response:
        return await self.web.post(f"/webhooks/{to}", content=content, headers=signed(content))

    async def send(self, *events: Mapping[str, Any], to: str = "plain", **fields: Any) -> int:
        """A delivery that must be kept; the id of its job."""
        answer = await self.post(body(*events, **fields), to)
        assert answer.status_code == 200, answer.text
        return int((await self.jobs(limit=1))[0]["id"])

    async def jobs(self, **filters: Any) -> list[Json]:
        return await self.inbox.read(lambda box: listing.page(box, **filters))

    async def job(self, job_id: int) -> Json:
        found = await self.inbox.read(lambda box: listing.detail(box, job_id))
        assert found is not None
        return found

    async def until(self, job_id: int, *states: str) -> Json:
        """The job once it is in one of the states."""
        job: Json = await eventually(lambda: self.job(job_id), lambda job: job["state"] in states)
        return job

    async def orders(self) -> list[Json]:
        found: list[Json] = (await self.till.get("/_sandbox/orders")).json()
        return found

    async def calls(self) -> list[Json]:
        found: list[Json] = (await self.till.get("/_sandbox/calls")).json()
        return found

    async def fault(self, kind: str, **fields: Any) -> None:
        answer = await self.till.post("/_sandbox/faults", json={"kind": kind, **fields})
        assert answer.status_code == 200, answer.text

    async def mend(self) -> None:
        await self.till.delete("/_sandbox/faults")


async def eventually(
    look: Callable[[], Any], right: Callable[[Any], bool], patience: float = PATIENCE
) -> Any:
    """What `look` sees once it is right; an AssertionError with the last sight if it never is."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + patience
    while not right(seen := await look()):
        assert loop.time() < ends, seen
        await asyncio.sleep(0.01)
    return seen


@asynccontextmanager
async def line(
    database: str,
    *,
    pos: Mapping[str, Any] | None = None,
    connection: Mapping[str, Any] | None = None,
    paying: Mapping[str, Any] | None = None,
    bodies: Mapping[str, bytes] | None = None,
    password: str | None = None,
    public_url: str = "https://receiver.example",
    work: bool = True,
    chance: float = 0.0,
) -> AsyncIterator[Line]:
    """A receiver with two connections, `plain` for orders and `pay` for payments, and one POS."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        till = await stack.enter_async_context(serving(create_sandbox(now=clock)))
        platform = await stack.enter_async_context(serving(create_platform(API, bodies=bodies)))
        one: Json = {"name": "mitte", "url": f"{till}/v1", "api_key": "sandbox", "ready_every": 0}
        mitte = Pos(**{**one, **(pos or {})})
        common: Json = {"secrets": (SECRET,), "stores": {"*": "mitte"}, "accept": "never"}
        plain: Json = {
            **common,
            "intermediary": "Plain",
            "api_url": platform,
            "token_url": f"{platform}/oauth/token",
            **(connection or {}),
        }
        made = settings(
            database,
            {"mitte": mitte},
            Connection(**{"name": "plain", "adapter": PLAIN, **plain}),
            Connection(name="pay", adapter=PAY, **{**common, **(paying or {})}),
        )
        made = replace(made, console_password=password, public_url=public_url)
        inbox = await open_inbox(database)
        stack.push_async_callback(inbox.close)
        app = create_app(made, inbox, beside=console.routes(made, inbox, clock=clock))
        receiver = await stack.enter_async_context(serving(app))
        web, pos_client, api = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
            )
            for url in (receiver, till, platform)
        ]
        running = Line(made, inbox, app, web, pos_client, api, clock)
        if work:
            tools = replace(create_tools(made, inbox), clock=clock, chance=lambda: chance)
            tools.platforms.clock = clock
            running.worker = await stack.enter_async_context(working(tools))
        yield running


@asynccontextmanager
async def stopped(inbox: Inbox) -> AsyncIterator[None]:
    """What is submitted within waits until the end of it."""
    busy, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def stop(_: object) -> None:
        loop.call_soon_threadsafe(busy.set)
        assert go_on.wait(10)

    stopping = inbox.writer.submit(stop)
    await busy.wait()
    try:
        yield
    finally:
        go_on.set()
        await stopping
