"""Stopping: what is under way is answered, nothing new is let in, and nobody hears a 500."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from receiver import serve
from tests.plain import body, order
from tests.receiving import Receiving, receiving, request, statuses
from tests.running import eventually, stopped

pytestmark = pytest.mark.anyio


async def lets_in(run: Receiving) -> bool:
    try:
        _, writer = await asyncio.open_connection(*run.address)
    except OSError:
        return False
    writer.close()
    return True


async def stop(run: Receiving) -> None:
    run.stopping.set()
    await eventually(lambda: lets_in(run), lambda found: not found)


async def test_a_body_that_still_arrives(tmp_path: Path) -> None:
    content = body(order())
    whole = request(content, last=False)
    async with receiving(tmp_path) as run:
        reader, writer = await asyncio.open_connection(*run.address)
        writer.write(whole[:-9])
        await eventually(lambda: taken_up(1), lambda found: found)
        await stop(run)
        writer.write(whole[-9:])
        answer = await reader.read()
        writer.close()
        assert statuses(answer) == [200]
        assert b"connection: close" in answer
        assert [one["body"] for one in await run.kept()] == [content]


async def taken_up(count: int) -> bool:
    """Whether so many requests are being answered."""
    tasks = [task.get_coro() for task in asyncio.all_tasks()]
    return sum("run_asgi" in str(coroutine) for coroutine in tasks) == count


async def test_what_is_being_kept(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        async with stopped(run.inbox):
            answers = [asyncio.create_task(run.post(body(order(f"o{n}")))) for n in range(5)]
            await eventually(lambda: taken_up(5), lambda found: found)
            await stop(run)
        assert [(await answer).status_code for answer in answers] == [200] * 5
        assert len(await run.kept()) == 5


async def test_who_only_keeps_a_connection_is_let_go(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        reader, writer = await asyncio.open_connection(*run.address)
        writer.write(request(b"{}", last=False))
        assert statuses(await reader.readuntil(b"\r\n\r\n")) == [200]
        await stop(run)
        assert await reader.read() == b""
        writer.close()


async def test_what_cannot_be_kept_in_time_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "DRAIN_SECONDS", 0.1)
    async with receiving(tmp_path) as run, stopped(run.inbox):
        answer = asyncio.create_task(run.post(b"{}"))
        await eventually(lambda: taken_up(1), lambda found: found)
        await stop(run)
        answered = await answer
    assert answered.status_code == 503
    assert answered.json() == {"error": "unavailable"}
    assert int(answered.headers["retry-after"]) > 0
