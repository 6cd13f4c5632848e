"""A real process, killed outright under load: what it said 200 to is at OktoPOS, once."""

from __future__ import annotations

import asyncio
import random
import signal
from functools import partial
from operator import le

import httpx
import pytest

from receiver.sandbox import create_sandbox
from receiver.serving import serving
from tests.plain import body, order, signed
from tests.processes import free_port, process, unfinished
from tests.running import NO_TLS, eventually

pytestmark = pytest.mark.anyio

DELIVERIES = 200
SENDERS = 16


async def platform(client: httpx.AsyncClient, said: list[bytes], kept: list[bytes]) -> None:
    """Sends what is to be sent, each again and again until it is answered 2xx."""
    while said:
        one = said.pop()
        while one not in kept:
            try:
                answer = await client.post("/webhooks/plain", content=one, headers=signed(one))
            except httpx.HTTPError:
                await asyncio.sleep(0.02)
                continue
            assert answer.status_code in (200, 503)
            if answer.status_code == 200:
                kept.append(one)


async def test_what_was_answered_arrives_once(database_url: str) -> None:
    port = free_port()
    said = [body(order(f"o{number}")) for number in range(DELIVERIES)]
    kept: list[bytes] = []

    async def acknowledged() -> int:
        return len(kept)

    async with (
        serving(create_sandbox()) as till,
        httpx.AsyncClient(base_url=till, trust_env=False, verify=NO_TLS) as pos,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS
        ) as client,
    ):
        arguments = database_url, till, str(port)
        sending = [asyncio.create_task(platform(client, said, kept)) for _ in range(SENDERS)]
        for moment in (random.randint(1, 90), random.randint(100, DELIVERIES - SENDERS)):
            async with process(*arguments) as running:
                await eventually(acknowledged, partial(le, moment))
                running.send_signal(signal.SIGKILL)
                assert await running.wait() == -signal.SIGKILL
        async with process(*arguments):
            await asyncio.gather(*sending)

            async def orders() -> set[str]:
                found = (await pos.get("/_sandbox/orders")).json()
                return {held["orderId"] for held in found}

            assert len(kept) == DELIVERIES
            await eventually(orders, lambda found: len(found) == DELIVERIES)
            await eventually(lambda: unfinished(database_url), lambda count: count == 0)
        calls = (await pos.get("/_sandbox/calls")).json()
        assert {call["status"] for call in calls} <= {200, 409}
        assert sum(call["status"] == 200 for call in calls) == DELIVERIES
