"""Platforms: they send again until they are acknowledged, and now and then all the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from tests.chaos.bodies import Parcel
from tests.chaos.plan import Life
from tests.running import NO_TLS

PATIENCE = 15.0  # seconds for an answer
FIRST, LONGEST = 0.05, 1.0  # seconds between tries: a platform's, quickened
DUPLICATES = 0.3  # of what was acknowledged is sent again
TWICE = 0.15  # is sent to two webs at once to begin with
HANGS_UP = 0.05  # of the tries break off before the answer
PAUSE = 0.3  # seconds at most between two steps of a life


@dataclass(slots=True)
class Tally:
    """What the platforms saw. A delivery is acknowledged once a 2xx was read whole."""

    acknowledged: set[tuple[str, str]] = field(default_factory=set)  # platform, delivery id
    statuses: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    repeats: int = 0  # of what was acknowledged
    hung_up: int = 0


@dataclass(slots=True)
class Senders:
    webs: Sequence[str]
    seed: int
    client: httpx.AsyncClient
    tally: Tally = field(default_factory=Tally)

    async def live(self, life: Life) -> None:
        chance = random.Random(f"{self.seed} {life.order_id}")
        await asyncio.sleep(life.at)
        for step in life.steps:
            await asyncio.gather(*(self.deliver(parcel, chance) for parcel in step))
            await asyncio.sleep(chance.uniform(0, PAUSE))

    async def deliver(self, parcel: Parcel, chance: random.Random) -> None:
        """Until it is acknowledged; then perhaps once more."""
        if chance.random() < TWICE and len(self.webs) > 1:
            both = chance.sample(self.webs, 2)
            await asyncio.gather(*(self.send(parcel, web) for web in both))
        wait = FIRST
        while not self.is_acknowledged(parcel):
            web = chance.choice(self.webs)
            if chance.random() < HANGS_UP:
                await self.hang_up(parcel, web)
            elif not await self.send(parcel, web):
                await asyncio.sleep(chance.uniform(0, wait))
                wait = min(2 * wait, LONGEST)
        if chance.random() < DUPLICATES:
            self.tally.repeats += 1
            await self.send(parcel, chance.choice(self.webs))

    def is_acknowledged(self, parcel: Parcel) -> bool:
        return named(parcel) in self.tally.acknowledged

    async def send(self, parcel: Parcel, web: str) -> bool:
        said = parcel.signed(datetime.now(UTC))
        self.tally.sent += 1
        try:
            answer = await self.client.post(
                f"{web}/webhooks/{parcel.platform}", content=said.body, headers=dict(said.headers)
            )
        except httpx.HTTPError as error:
            self.tally.statuses[type(error).__name__] += 1
            return False
        self.tally.statuses[str(answer.status_code)] += 1
        if answer.is_success:
            self.tally.acknowledged.add(named(parcel))
        return answer.is_success

    async def hang_up(self, parcel: Parcel, web: str) -> None:
        """All is sent, and the connection is gone before a byte of the answer."""
        self.tally.sent += 1
        self.tally.hung_up += 1
        said = parcel.signed(datetime.now(UTC))
        url = httpx.URL(web)
        headers = {"host": url.netloc.decode(), "content-length": str(len(said.body))}
        lines = "".join(f"{name}: {text}\r\n" for name, text in {**headers, **said.headers}.items())
        head = f"POST /webhooks/{parcel.platform} HTTP/1.1\r\n{lines}\r\n".encode()
        try:
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(head + said.body)
            writer.close()
            await writer.wait_closed()
        except OSError:
            self.tally.statuses["ConnectError"] += 1


def named(parcel: Parcel) -> tuple[str, str]:
    return parcel.platform, parcel.delivery_id(datetime.now(UTC))


def new_client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
    return httpx.AsyncClient(timeout=PATIENCE, limits=limits, trust_env=False, verify=NO_TLS)
