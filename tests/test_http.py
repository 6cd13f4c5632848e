"""Calls to others: what is an answer, what is none, what was never sent, who delays whom."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator

import pytest

from receiver import http
from receiver.http import Http, NoAnswer, NotSent, Reply
from tests.peers import Peer, peer

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
async def calls() -> AsyncIterator[Http]:
    found = Http()
    yield found
    await found.close()


def saying(answer: bytes) -> Peer:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(answer)
            await writer.drain()

    return behave


async def request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    return line, headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def get(calls: Http, url: str) -> Reply:
    return await calls.send("GET", url, headers={})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


# Answers


async def test_the_request_arrives_as_it_was_meant(calls: Http) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(b"HTTP/1.1 201 Made\r\nX-Two: One\r\ncontent-length: 3\r\n\r\n\xffok")
        await writer.drain()

    async with peer(behave) as url:
        reply = await calls.send(
            "PATCH", f"{url}/a/b?c=d%20e", headers={"X-API-Key": "key"}, body=b"\x00\xff"
        )
    ((line, headers, body),) = seen
    assert line == "PATCH /a/b?c=d%20e HTTP/1.1"
    assert headers["x-api-key"] == "key"
    assert headers["user-agent"] == "oktopos-receiver"
    assert body == b"\x00\xff"
    assert (reply.status, reply.headers["x-two"], reply.body) == (201, "One", b"\xffok")
    assert reply.text == "\N{REPLACEMENT CHARACTER}ok"


@pytest.mark.parametrize("status", [200, 204, 301, 400, 409, 429, 500, 503, 599])
async def test_any_status_is_an_answer(calls: Http, status: int) -> None:
    async with peer(saying(b"HTTP/1.1 %d Any\r\ncontent-length: 0\r\n\r\n" % status)) as url:
        assert (await get(calls, url)).status == status


async def test_a_redirect_is_not_followed(calls: Http) -> None:
    asked: list[str] = []

    async def elsewhere(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.append((await request(reader))[0])

    async with peer(elsewhere) as other:
        location = f"HTTP/1.1 307 There\r\nlocation: {other}/x\r\ncontent-length: 0\r\n\r\n"
        async with peer(saying(location.encode())) as url:
            assert (await get(calls, url)).status == 307
    assert asked == []


async def test_what_a_peer_asks_us_to_remember_is_forgotten(calls: Http) -> None:
    """Two connections may share a destination, and each has a key of its own."""
    cookies: list[str | None] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            cookies.append((await request(reader))[1].get("cookie"))
            writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: who=me\r\ncontent-length: 0\r\n\r\n")

    async with peer(behave) as url:
        await get(calls, url)
        await get(calls, url)
    assert cookies == [None, None]


async def test_the_environment_s_proxy_is_not_asked(
    calls: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with peer(saying(OK)) as url:
        assert (await get(calls, url)).body == b"ok"


# Never sent


async def test_nobody_listens(calls: Http) -> None:
    with pytest.raises(NotSent, match="cannot connect"):
        await get(calls, f"http://127.0.0.1:{free_port()}/")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "://", "", "http://a:b/"])
async def test_no_address(calls: Http, url: str) -> None:
    with pytest.raises(NotSent):
        await get(calls, url)


# Perhaps carried out


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)


async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()


@pytest.mark.parametrize(
    "behave",
    [
        hang_up,
        half_an_answer,
        saying(b"\x00\x01 this is not HTTP\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    ],
)
async def test_no_answer(calls: Http, behave: Peer) -> None:
    async with peer(behave) as url:
        with pytest.raises(NoAnswer):
            await calls.send("POST", url, headers={}, body=b"order")


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Alive enough for any timeout between two bytes."""
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("behave", [say_nothing, drip])
async def test_the_whole_call_has_a_time(
    calls: Http, behave: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CALL_SECONDS", 0.2)
    async with peer(behave) as url:
        with pytest.raises(NoAnswer):
            await get(calls, url)


def test_the_times_are_those_promised() -> None:
    assert (http.CALL_SECONDS, http.CONNECT_SECONDS) == (25, 5)


async def test_an_endless_answer_is_cut_off(calls: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1000)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"100\r\n" + b"x" * 256 + b"\r\n")
            await writer.drain()

    async with peer(endless) as url:
        with pytest.raises(NoAnswer, match="longer than 1000"):
            await get(calls, url)


async def test_an_answer_that_swells_is_cut_off(
    calls: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1000)
    bomb = gzip.compress(bytes(1_000_000))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
    async with peer(saying(head.encode() + bomb)) as url:
        with pytest.raises(NoAnswer, match="longer than 1000"):
            await get(calls, url)


# One destination beside another


async def test_eight_calls_at_once_and_no_more(calls: Http) -> None:
    under_way, most = 0, 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        while True:
            await request(reader)
            under_way += 1
            most = max(most, under_way)
            if under_way == http.CALLS_PER_DESTINATION:
                full.set()
            await go_on.wait()
            under_way -= 1
            writer.write(OK)

    async with peer(behave) as url:
        calling = [asyncio.create_task(get(calls, url)) for _ in range(30)]
        await asyncio.wait_for(full.wait(), 10)
        go_on.set()
        assert {(await call).status for call in calling} == {200}
    assert most == http.CALLS_PER_DESTINATION == 8


async def test_one_that_hangs_delays_no_other(calls: Http) -> None:
    async with peer(say_nothing) as dead, peer(saying(OK)) as alive:
        hanging = [asyncio.create_task(get(calls, dead)) for _ in range(40)]
        assert (await asyncio.wait_for(get(calls, alive), 10)).status == 200
        for call in hanging:
            call.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_places_are_given_back_however_a_call_ends(
    calls: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CALL_SECONDS", 0.05)
    answers = iter([say_nothing, hang_up, half_an_answer] * 10)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers, saying(OK))(reader, writer)

    async with peer(behave) as url:
        calling = [calls.send("POST", url, headers={}, body=b"order") for _ in range(30)]
        results = await asyncio.gather(*calling, return_exceptions=True)
        assert all(isinstance(result, NoAnswer) for result in results)
        monkeypatch.setattr(http, "CALL_SECONDS", 25)
        assert (await get(calls, url)).status == 200


async def test_a_call_given_up_gives_its_place_back(calls: Http) -> None:
    async with peer(say_nothing) as url:
        calling = [asyncio.create_task(get(calls, url)) for _ in range(8)]
        await asyncio.sleep(0)
        for call in calling:
            call.cancel()
        await asyncio.gather(*calling, return_exceptions=True)
        (destination,) = calls.destinations.values()
        assert not destination.places.locked()
