"""A real process, killed outright under load: what it said 200 to is at OktoPOS, once."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from operator import le
from pathlib import Path

import httpx
import pytest

from receiver.sandbox import create_sandbox
from receiver.serving import serving
from tests.plain import body, order, signed
from tests.running import NO_TLS, eventually

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
DELIVERIES = 200
SENDERS = 16


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.serve_plain", *arguments),
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def test_what_was_answered_arrives_once(tmp_path: Path) -> None:
    database, port = tmp_path / "box.db", free_port()
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
        arguments = f"sqlite:///{database}", till, str(port)
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
            await eventually(lambda: unfinished(database), lambda count: count == 0)
        calls = (await pos.get("/_sandbox/calls")).json()
        assert {call["status"] for call in calls} <= {200, 409}
        assert sum(call["status"] == 200 for call in calls) == DELIVERIES


async def unfinished(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        (count,) = connection.execute("SELECT count(*) FROM jobs WHERE state != 'done'").fetchone()
    connection.close()
    return int(count)
