"""Many real processes on one PostgreSQL, one of them killed: each order once, and in its turn."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import cycle

import httpx
import pytest

from receiver.sandbox import create_sandbox
from receiver.serving import serving
from tests.databases import postgresql_only
from tests.plain import body, order, signed
from tests.processes import at_work, busy, free_port, interrupted, process, unfinished
from tests.running import NO_TLS, Json, eventually

pytestmark = pytest.mark.anyio

QUEUES = 100  # more than two workers take at once
IN_EACH = 3
WORKERS = 3
PATIENCE = 60.0  # seconds: five processes start at once
ORDERS = [f"q{queue}-{turn}" for turn in range(IN_EACH) for queue in range(QUEUES)]


async def sender(queue: int, webs: Sequence[httpx.AsyncClient]) -> None:
    """Sends the queue's orders one after the other, each to the other web process."""
    for turn, web in zip(range(IN_EACH), cycle(webs), strict=False):
        said = body(order(f"q{queue}-{turn}"), order=f"q{queue}")
        while not await kept(web, said):
            await asyncio.sleep(0.02)


async def kept(web: httpx.AsyncClient, said: bytes) -> bool:
    try:
        answer = await web.post("/webhooks/plain", content=said, headers=signed(said))
    except httpx.HTTPError:  # not up yet
        return False
    assert answer.status_code in (200, 503)
    return answer.status_code == 200


@postgresql_only
async def test_each_order_once_and_in_its_turn(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        till = await stack.enter_async_context(serving(create_sandbox()))
        ports = [free_port(), free_port()]
        pos, *webs = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
            )
            for url in (till, *(f"http://127.0.0.1:{port}" for port in ports))
        ]
        for port in ports:
            await stack.enter_async_context(process(database_url, till, str(port), "web"))
        killed, *_ = [
            await stack.enter_async_context(process(database_url, till, "0", "worker"))
            for _ in range(WORKERS)
        ]

        await eventually(lambda: at_work(database_url), lambda count: count == WORKERS, PATIENCE)

        async def orders() -> list[Json]:
            found: list[Json] = (await pos.get("/_sandbox/orders")).json()
            return found

        async def kill() -> None:
            await eventually(lambda: busy(database_url), lambda count: count == WORKERS, PATIENCE)
            killed.send_signal(signal.SIGKILL)
            assert await killed.wait() == -signal.SIGKILL

        slow = {"kind": "slow", "seconds": 1, "times": QUEUES}
        await pos.post("/_sandbox/faults", json=slow)  # so that each has work in hand
        sending = (sender(queue, webs[queue % 2 :] + webs[: queue % 2]) for queue in range(QUEUES))
        await asyncio.gather(kill(), *sending)
        await eventually(lambda: unfinished(database_url), lambda count: count == 0, PATIENCE)
        names = [held["orderId"].removeprefix("plain:") for held in await orders()]
        calls = (await pos.get("/_sandbox/calls")).json()
    assert sorted(names) == sorted(ORDERS)
    for queue in range(QUEUES):
        turns = [name for name in names if name.startswith(f"q{queue}-")]
        assert turns == sorted(turns)
    assert {call["status"] for call in calls} <= {200, 409}
    assert sum(call["status"] == 200 for call in calls) == len(ORDERS)
    assert await interrupted(database_url) > 0
