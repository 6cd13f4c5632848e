"""The web side as it is served, and raw bytes to and from its socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import Connection as Database
from sqlalchemy import select

from adapters.contract import Adapter
from receiver import metrics
from receiver.inbox import Inbox, open_inbox, quarantine
from receiver.inbox.migrate import migrate
from receiver.inbox.tables import deliveries, jobs
from receiver.serve import listen, listener
from receiver.settings.model import Connection, Pos, Settings
from tests.plain import PLAIN, SECRET, signed
from tests.running import Json, settings

T = TypeVar("T")
MITTE = Pos(name="mitte", url="https://oktopos.example/v1", api_key="a-key-for-the-pos")


@dataclass(slots=True)
class Receiving:
    settings: Settings
    inbox: Inbox
    address: tuple[str, int]
    client: httpx.AsyncClient
    stopping: asyncio.Event

    async def post(self, content: bytes, to: str = "plain", **headers: str) -> httpx.Response:
        return await self.client.post(
            f"/webhooks/{to}", content=content, headers={**signed(content), **headers}
        )

    async def look(self, work: Callable[[Database], T]) -> T:
        return await self.inbox.read(work)

    async def kept(self) -> list[Json]:
        """Each delivery with its job, oldest first."""
        return await self.look(every_delivery)

    async def suspects(self) -> list[Any]:
        """(id, connection, delivery) of the quarantine once what waits for it is written."""
        await self.inbox.write(lambda _: None)
        return await self.look(quarantine.every)

    async def talk(self, *pieces: bytes) -> bytes:
        """What comes back until the other side closes."""
        reader, writer = await asyncio.open_connection(*self.address)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        try:
            return await reader.read()
        finally:
            writer.close()


def every_delivery(database: Database) -> list[Json]:
    query = select(deliveries, jobs.c.state, jobs.c.queue, jobs.c.pos, jobs.c.overtakes)
    rows = database.execute(query.join(jobs, jobs.c.delivery == deliveries.c.id))
    return [dict(row) for row in rows.mappings()]


@asynccontextmanager
async def receiving(
    folder: Path,
    *,
    adapter: Adapter = PLAIN,
    api_key: str | None = None,
    api_url: str | None = None,
    **changes: Any,
) -> AsyncIterator[Receiving]:
    """The web side of one connection, `plain`, on a real socket, without a worker."""
    database = f"sqlite:///{folder / 'box.db'}"
    migrate(database)
    plain = Connection(
        name="plain",
        adapter=adapter,
        secrets=(SECRET,),
        stores={"*": "mitte"},
        api_key=api_key,
        api_url=api_url,
    )
    made = replace(settings(database, {"mitte": MITTE}, plain), **changes)
    inbox = await open_inbox(database)
    stopping = asyncio.Event()
    try:
        with listener(made) as bound:
            address = bound.getsockname()
            served = asyncio.create_task(listen(made, inbox, stopping, bound))
            try:
                url = f"http://127.0.0.1:{address[1]}"
                async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                    yield Receiving(made, inbox, address, client, stopping)
            finally:
                stopping.set()
                await served
    finally:
        await inbox.close()


def request(
    content: bytes, *extra: bytes, line: bytes = b"POST /webhooks/plain HTTP/1.1", last: bool = True
) -> bytes:
    """A genuine delivery as bytes; the `last` one closes its connection."""
    headers = [f"{name}: {value}".encode() for name, value in signed(content).items()]
    length = b"content-length: %d" % len(content)
    close = [b"connection: close"] if last else []
    return b"\r\n".join([line, b"host: x", *headers, length, *extra, *close, b"", content])


def statuses(answers: bytes) -> Sequence[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def counted(result: str, connection: str = "plain") -> float:
    labels = {"connection": connection, "result": result}
    return metrics.REGISTRY.get_sample_value("receiver_deliveries_total", labels) or 0.0
