"""Heads that are too large, too slow or want another protocol, on the socket they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from receiver import protocol
from tests.plain import body, order
from tests.receiving import Receiving, receiving, request, statuses

pytestmark = pytest.mark.anyio

H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ")


async def test_an_upgrade_is_ignored_and_its_body_read(tmp_path: Path) -> None:
    """As Java's HttpClient and Spring's RestClient send it over plain HTTP."""
    contents = [body(order(f"o{number}")) for number in range(4)]
    whole, websocket, parts, last = (
        request(contents[0], *H2C, last=False),
        request(contents[1], b"Connection: upgrade", b"Upgrade: websocket", last=False),
        request(contents[2], *H2C, last=False),
        request(contents[3], *H2C),
    )
    async with receiving(tmp_path) as run:
        answers = await run.talk(whole + websocket + parts[:90], parts[90:-9], parts[-9:] + last)
        assert statuses(answers) == [200] * 4
        kept = await run.kept()
    assert [one["body"] for one in kept] == contents


async def test_an_upgrade_with_chunks(tmp_path: Path) -> None:
    content = body(order())
    head = request(content, *H2C).removesuffix(content)
    length = b"content-length: %d" % len(content)
    chunked = head.replace(length, b"transfer-encoding: chunked")
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (9, content[:9], len(content) - 9, content[9:])
    async with receiving(tmp_path) as run:
        assert statuses(await run.talk(chunked, chunks)) == [200]
        assert [one["body"] for one in await run.kept()] == [content]


async def test_very_many_upgrades_at_once(tmp_path: Path) -> None:
    one = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    async with receiving(tmp_path) as run:
        last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert statuses(await run.talk(one * 1200 + last)) == [200] * 1201


@pytest.mark.parametrize("line", [b"CONNECT x:443 HTTP/1.1", b"CONNECT /webhooks/plain HTTP/1.1"])
async def test_no_proxy(line: bytes, tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        assert statuses(await run.talk(request(b"{}", line=line))) == [400]


async def test_trailers_are_no_headers(tmp_path: Path) -> None:
    content = body(order())
    whole = request(content)
    proof = next(line for line in whole.split(b"\r\n") if line.startswith(b"x-plain"))
    bare = whole.removesuffix(content).replace(proof + b"\r\n", b"")
    bare = bare.replace(b"content-length: %d" % len(content), b"transfer-encoding: chunked")
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(content), content)
    async with receiving(tmp_path) as run:
        assert statuses(await run.talk(bare + chunks + proof + b"\r\n\r\n")) == [401]


async def test_a_large_head_is_refused(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        fits = request(b"{}", b"X-Long: " + b"x" * 50_000)
        assert statuses(await run.talk(fits)) == [200]
        for start, endless in (
            (b"POST /", b"x"),
            (b"POST /webhooks/plain HTTP/1.1\r\nX: ", b"x"),
            (b"POST /webhooks/plain HTTP/1.1\r\n", b"X: x\r\n"),
            (b"", b"\r\n"),
        ):
            most = start + endless * (65_000 // len(endless))
            assert statuses(await run.talk(most, endless * 600)) == [431]
        assert await alive(run)


async def test_endless_trailers_are_refused(tmp_path: Path) -> None:
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    async with receiving(tmp_path) as run:
        answer = await run.talk(head + b"2\r\n{}\r\n0\r\nX: ", b"x" * 65_000, b"x" * 600)
        assert statuses(answer) == [431]
        assert await run.kept() == []
        assert await alive(run)


@pytest.mark.parametrize("start", [b"P", b"POST /webhooks/plain HTTP/1.1\r\nHost", b"\r\n"])
async def test_a_slow_head(start: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    async with receiving(tmp_path) as run:
        assert statuses(await run.talk(start)) == [408]
        again = await run.talk(request(b"{}", last=False), start)
        assert statuses(again) == [200, 408]


async def test_who_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with receiving(tmp_path) as run:
        assert await run.talk() == b""


async def test_garbage_is_refused(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01",
            b"GET\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            head, _, content = (await run.talk(garbage)).partition(b"\r\n\r\n")
            assert statuses(head) == [400]
            assert json.loads(content) == {"error": "bad request"}


async def test_garbage_behind_a_delivery_does_not_spoil_it(tmp_path: Path) -> None:
    content = body(order())
    async with receiving(tmp_path) as run:
        answer = await run.talk(request(content, last=False) + b"\x00\x00\r\n\r\n")
        assert statuses(answer) == [200]
        assert [one["body"] for one in await run.kept()] == [content]


async def test_garbage_within_a_body(tmp_path: Path) -> None:
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    async with receiving(tmp_path) as run:
        assert statuses(await run.talk(head + b"2\r\n{}\r\n", b"no chunk\r\n")) == [400]
        assert await run.kept() == []
        assert await alive(run)


async def test_contradictory_lengths(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for extra in (b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Content-Length: -1"):
            assert statuses(await run.talk(request(b"{}", extra))) == [400]
        assert await run.kept() == []


async def test_pipelined(tmp_path: Path) -> None:
    contents = [body(order(f"o{number}")) for number in range(20)]
    requests = [request(content, last=content is contents[-1]) for content in contents]
    async with receiving(tmp_path) as run:
        assert statuses(await run.talk(b"".join(requests))) == [200] * 20
        assert [one["body"] for one in await run.kept()] == contents


async def test_expecting_to_be_asked(tmp_path: Path) -> None:
    content = body(order())
    asked = request(content, b"Expect: 100-continue")
    async with receiving(tmp_path) as run:
        head, rest = asked.removesuffix(content), content
        assert statuses(await run.talk(head, rest)) == [100, 200]


async def alive(run: Receiving) -> bool:
    """A good delivery is taken."""
    answer = await run.post(body(order()))
    return answer.status_code == 200
