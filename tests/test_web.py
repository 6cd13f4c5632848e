"""What a platform is answered, row by row, over real sockets; and what is kept of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from adapters.contract import Ack, Delivery
from adapters.signing import TimedHmac
from receiver import web
from receiver.inbox import lane, quarantine
from tests.plain import PLAIN, SECRET, body, order, signed
from tests.receiving import counted, receiving, request, statuses
from tests.running import eventually, line, stopped

pytestmark = pytest.mark.anyio

WRONG = "0" * 64
EMPTY_200 = (200, b"", None)


def seen(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("content-type")


async def test_new_is_on_disk_when_the_answer_comes(tmp_path: Path) -> None:
    content = body(order())
    async with receiving(tmp_path) as run:
        before = counted("kept")
        assert seen(await run.post(content)) == EMPTY_200
        (kept,) = await run.kept()
        assert counted("kept") == before + 1
    assert kept["body"] == content
    assert kept["state"] == "ready"
    assert (kept["queue"], kept["pos"], kept["arrivals"]) == ("plain:o1", "mitte", 1)


async def test_what_came_in_one_turn_is_noted_together_and_each_by_itself() -> None:
    before, notes = counted("kept"), web.Notes()
    for turn in (1, 2):
        for _ in range(3):
            notes.add(web.Note("plain", "kept", 0.001))
        assert counted("kept") == before + 3 * (turn - 1)
        await asyncio.sleep(0)
        assert counted("kept") == before + 3 * turn


async def test_the_adapter_says_what_the_platform_hears(tmp_path: Path) -> None:
    accepted = Ack(202, b'{"ok": true}', "application/json")
    async with receiving(tmp_path, adapter=replace(PLAIN, ack=lambda _: accepted)) as run:
        content = body(order())
        new, again = await run.post(content), await run.post(content)
    assert seen(new) == seen(again) == (202, b'{"ok": true}', "application/json")


async def test_a_repeat_is_kept_once_and_counted(tmp_path: Path) -> None:
    content = body(order())
    async with receiving(tmp_path) as run:
        before = counted("repeated")
        for _ in range(3):
            assert seen(await run.post(content)) == EMPTY_200
        (kept,) = await run.kept()
        assert kept["arrivals"] == 3
        assert counted("repeated") == before + 2


async def test_the_same_at_the_same_moment_is_kept_once(tmp_path: Path) -> None:
    content, other = body(order()), body(order("o2"))
    async with receiving(tmp_path) as run:
        answers = await asyncio.gather(*map(run.post, [content, other, *[content] * 8]))
        assert {seen(answer) for answer in answers} == {EMPTY_200}
        kept = {one["body"]: one["arrivals"] for one in await run.kept()}
    assert kept == {content: 9, other: 1}


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        (b"not JSON", "dead", "events: missing"),
        (b"", "dead", "events: missing"),
        (b"\xff\x00", "dead", "events: missing"),
        (b'{"id": "u1"}', "dead", "events: missing"),
        (body({"is": "Ignored", "event_type": "menu.upserted"}), "ignored", "menu.upserted"),
    ],
    ids=["not JSON", "empty", "not text", "unreadable", "unknown event type"],
)
async def test_genuine_but_not_understood(
    content: bytes, state: str, reason: str, database_url: str
) -> None:
    async with line(database_url) as run:
        assert seen(await run.post(content)) == EMPTY_200
        (job,) = await run.jobs()
        done = await run.until(job["id"], "dead", "ignored")
    assert (done["state"], done["reason"]) == (state, reason)


FORGED: dict[str, Mapping[str, str]] = {
    "wrong": {"x-plain": WRONG},
    "of another secret": signed(b"{}", "another-secret-for-tests"),
    "of another body": signed(b"{} "),
    "missing": {},
    "empty": {"x-plain": ""},
    "malformed": {"x-plain": "sha256=?"},
    "in capitals": {"x-plain": signed(b"{}")["x-plain"].upper()},
    "not text": {"x-plain": "\xe4\xff"},
    "long": {"x-plain": "0" * 10_000},
}


async def test_not_proven_genuine(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        before = counted("rejected")
        for headers in FORGED.values():
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            refused = await run.client.post("/webhooks/plain", content=b"{}", headers=raw)
            assert seen(refused) == (401, b'{"error": "signature"}', "application/json")
        assert await run.kept() == []
        suspects = await run.suspects()
        assert counted("rejected") == before + len(FORGED)
    assert [delivery.body for _, _, delivery in suspects] == [b"{}"] * len(FORGED)
    assert [delivery.headers for _, _, delivery in suspects] == list(FORGED.values())


async def test_a_doubled_signature_is_none(tmp_path: Path) -> None:
    proof = signed(b"{}")["x-plain"]
    async with receiving(tmp_path) as run:
        doubled = request(b"{}", f"X-Plain: {proof}".encode())
        assert statuses(await run.talk(doubled)) == [401]


TIMED = TimedHmac(header="x-plain", version="v1", tolerance=timedelta(minutes=5))


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (6, 401), (-4, 200)])
async def test_stale_and_future(minutes: int, status: int, tmp_path: Path) -> None:
    adapter = replace(PLAIN, verify=TIMED.verify, sign=TIMED.sign)
    content, then = body(order()), datetime.now(UTC) + timedelta(minutes=minutes)
    proof = TIMED.sign(Delivery("POST", "", "", {}, content, then), SECRET).headers
    async with receiving(tmp_path, adapter=adapter) as run:
        answer = await run.client.post("/webhooks/plain", content=content, headers=dict(proof))
    assert answer.status_code == status


async def test_the_quarantine_holds_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "NEWEST", 3)
    async with receiving(tmp_path) as run:
        for number in range(5):
            answer = await run.post(b"%d" % number, **{"x-plain": WRONG})
            assert answer.status_code == 401
        suspects = await run.suspects()
    assert [delivery.body for _, _, delivery in suspects] == [b"2", b"3", b"4"]


async def test_the_quarantine_holds_them_for_a_week(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for days, content in ((8, b"old"), (6, b"young")):
            at = datetime.now(UTC) - timedelta(days=days)
            suspect = quarantine.Suspect("plain", Delivery("POST", "", "", {}, content, at), "?")
            await run.inbox.write(partial(quarantine.add, suspects=[suspect], now=at))
        await run.post(b"new", **{"x-plain": WRONG})
        suspects = await run.suspects()
    assert [delivery.body for _, _, delivery in suspects] == [b"young", b"new"]


async def test_genuine_deliveries_come_before_suspects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SUSPECTS_WAITING", -1)
    async with receiving(tmp_path) as run:
        assert (await run.post(b"{}", **{"x-plain": WRONG})).status_code == 401
        assert (await run.post(b"{}")).status_code == 200
        assert await run.suspects() == []


async def test_unknown_connection(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        before = counted("unknown_connection", "unknown")
        for path in ("other", "Plain", "plain%00", "plain%0A", "%FF", "other/plain"):
            answer = await run.post(b"{}", to=path)
            assert seen(answer) == (404, b'{"error": "connection"}', "application/json")
        assert counted("unknown_connection", "unknown") == before + 6
        assert await run.kept() == []


async def test_just_not_too_large(tmp_path: Path) -> None:
    content = b"x" * 100_000
    async with receiving(tmp_path, max_body_bytes=100_000) as run:
        assert (await run.post(content)).status_code == 200
        (kept,) = await run.kept()
    assert kept["body"] == content


TOO_LARGE = (413, b'{"error": "too large"}', "application/json")


async def test_too_large_is_said_before_the_body_comes(tmp_path: Path) -> None:
    head = request(b"").replace(b"content-length: 0", b"content-length: 100001")
    async with receiving(tmp_path) as run:
        reader, writer = await asyncio.open_connection(*run.address)
        writer.write(head)
        answer = await reader.readuntil(b"}")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(b'{"error": "too large"}')


async def test_too_large_is_heard_by_who_sends_on(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        before = counted("too_large")
        assert seen(await run.post(b"x" * 3_000_000)) == TOO_LARGE
        assert seen(await run.client.post("/webhooks/plain", content=chunks(30))) == TOO_LARGE
        assert counted("too_large") == before + 2
        assert await run.kept() == []


async def test_too_large_without_a_length_is_not_read_on(tmp_path: Path) -> None:
    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    async with receiving(tmp_path) as run:
        answer = await run.talk(head, b"186a1\r\n" + b"x" * 100_001)
    assert statuses(answer) == [413]


async def test_chunks_up_to_the_limit_are_fine(tmp_path: Path) -> None:
    content = b"x" * 100_000
    async with receiving(tmp_path) as run:
        answer = await run.client.post(
            "/webhooks/plain", content=chunks(10), headers=signed(content)
        )
        assert answer.status_code == 200
        (kept,) = await run.kept()
    assert kept["body"] == content


async def chunks(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 10_000


ENCODINGS = (b"gzip", b"br", b"deflate, gzip", b"", b"\xff", b"identity, gzip", b"gzip;q=0")


async def test_content_encoded(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        before = counted("encoded")
        for encoding in ENCODINGS:
            answer = await run.talk(request(b"{}", b"Content-Encoding: " + encoding))
            assert statuses(answer) == [415]
            assert answer.endswith(b'{"error": "content-encoding"}')
        assert counted("encoded") == before + len(ENCODINGS)
        assert await run.kept() == []


async def test_identity_is_no_encoding(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for encoding in ("identity", "Identity"):
            answer = await run.post(body(order()), **{"content-encoding": encoding})
            assert answer.status_code == 200


async def test_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.05)
    async with receiving(tmp_path) as run:
        before = counted("too_slow")
        answer = await run.talk(request(b"{}", last=False)[:-1])
        assert statuses(answer) == [408]
        assert b"connection: close" in answer
        assert answer.endswith(b'{"error": "too slow"}')
        assert counted("too_slow") == before + 1
        assert await run.kept() == []


async def test_half_a_body_and_gone(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        before = counted("too_slow")
        _, writer = await asyncio.open_connection(*run.address)
        writer.write(request(b"{}")[:-1])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

        async def count() -> float:
            return counted("too_slow") - before

        await eventually(count, lambda found: found == 1)
        assert (await run.post(b"{}")).status_code == 200


def unavailable(answer: httpx.Response) -> bool:
    assert seen(answer) == (503, b'{"error": "unavailable"}', "application/json")
    return int(answer.headers["retry-after"]) > 0


async def test_a_full_disk(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        await run.inbox.write(lambda box: box.exec_driver_sql("PRAGMA max_page_count = 1"))
        before, content = counted("not_kept"), body(order(), padding="x" * 90_000)
        assert unavailable(await run.post(content))
        assert counted("not_kept") == before + 1
        await run.inbox.write(lambda box: box.exec_driver_sql("PRAGMA max_page_count = 100000"))
        assert (await run.post(content)).status_code == 200
        (kept,) = await run.kept()
    assert (kept["body"], kept["arrivals"]) == (content, 1)


async def test_overloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(tmp_path) as run:
        with monkeypatch.context() as patch:
            patch.setattr(lane, "LONGEST_QUEUE", 0)
            assert unavailable(await run.post(b"{}"))
            assert (await run.post(b"{}", **{"x-plain": WRONG})).status_code == 401
        assert (await run.post(b"{}")).status_code == 200


async def test_a_database_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.1)
    async with receiving(tmp_path) as run:
        async with stopped(run.inbox):
            assert unavailable(await run.post(b"{}"))
        assert (await run.post(b"{}")).status_code == 200
        assert len(await run.kept()) == 1


async def test_methods(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        before = counted("method")
        for method in ("GET", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            for path in ("/webhooks/plain", "/webhooks/plain/order"):
                answer = await run.client.request(method, path)
                assert seen(answer) == (405, b'{"error": "method"}', "application/json")
                assert answer.headers["allow"] == "POST, PUT, HEAD"
        assert seen(await run.client.head("/webhooks/plain")) == EMPTY_200
        assert (await run.client.head("/webhooks/other")).status_code == 404
        assert counted("method") == before + 13
        put = await run.client.put("/webhooks/plain", content=b"{}", headers=signed(b"{}"))
        assert seen(put) == EMPTY_200
        (kept,) = await run.kept()
    assert kept["method"] == "PUT"


TARGETS = {
    "": "",
    "/": "",
    "/order": "order",
    "/order/4711/status": "order/4711/status",
    "/?a=1&a=%32&b": "",
    "?signed=/&x=%00": "",
    "/a%20b/%C3%A4?x=%2F": "a b/ä",
    "/a%00b/%FF": "ab/\ufffd",
    "/..//.": "..//.",
}


async def test_path_and_url(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for target in TARGETS:
            line = f"POST /webhooks/plain{target} HTTP/1.1".encode()
            assert statuses(await run.talk(request(body(), line=line))) == [200]
        found = {one["url"]: one["path"] for one in await run.kept()}
    base = "https://receiver.example/webhooks/plain"
    assert found == {base + target: path for target, path in TARGETS.items()}


async def test_only_declared_headers_reach_the_disk(tmp_path: Path) -> None:
    told = {
        "Authorization": "Bearer marked-token",
        "Cookie": "session=marked-cookie",
        "X-Forwarded-For": "203.0.113.99",
        "User-Agent": "marked-agent",
        "Content-Type": "application/json",
    }
    async with receiving(tmp_path) as run:
        await run.post(body(order()), **told)
        await run.post(b"{}", **told, **{"x-plain": WRONG})
        (kept,), (suspect,) = await run.kept(), await run.suspects()
        assert set(json.loads(kept["headers"])) == {"x-plain", "content-type"}
        assert set(suspect[2].headers) == {"x-plain", "content-type"}
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert kept["body"] in stored
    assert not [mark for mark in (b"marked", b"203.0.113.99") if mark in stored]


async def test_a_repeated_header_is_joined(tmp_path: Path) -> None:
    adapter = replace(PLAIN, headers=PLAIN.headers | {"x-event"})
    async with receiving(tmp_path, adapter=adapter) as run:
        await run.talk(request(b"{}", b"X-Event: a", b"x-event: b", b"X-EVENT:"))
        (kept,) = await run.kept()
    assert json.loads(kept["headers"])["x-event"] == "a, b, "


def bug(*_: Any) -> NoReturn:
    raise LookupError("marked")


def deep(*_: Any) -> NoReturn:
    raise RecursionError


@pytest.mark.parametrize("part", ["verify", "identify", "ack"])
async def test_a_bug_of_the_adapter(part: str, tmp_path: Path) -> None:
    for raising in (bug, deep):
        changes: dict[str, Any] = {part: raising}
        folder = tmp_path / raising.__name__
        folder.mkdir()
        async with receiving(folder, adapter=replace(PLAIN, **changes)) as run:
            before = counted("failed")
            for _ in range(3):
                assert unavailable(await run.post(b"{}"))
            assert counted("failed") == before + 3
            assert (await run.client.get("/readyz")).status_code == 200
            assert [one["arrivals"] for one in await run.kept()] == ([3] if part == "ack" else [])


async def test_a_bug_right_of_the_bar_is_not_heard(database_url: str) -> None:
    async with line(database_url) as run:
        assert seen(await run.post(body(order(), bug=True))) == EMPTY_200


async def test_what_the_database_refuses(tmp_path: Path) -> None:
    """No outage, and it would never take it: still no 500, and the next one is kept."""
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END"
    async with receiving(tmp_path) as run:
        await run.inbox.write(lambda box: box.exec_driver_sql(refuse))
        assert unavailable(await run.post(b"{}"))
        await run.inbox.write(lambda box: box.exec_driver_sql("DROP TRIGGER refuse"))
        assert (await run.post(b"{}")).status_code == 200
        assert [one["arrivals"] for one in await run.kept()] == [1]


async def test_any_other_path(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for path in ("/", "/webhooks", "/webhooks/", "/healthz/", "/metrics/", "/a/%FF", "//x"):
            for method in ("GET", "POST"):
                answer = await run.client.request(method, path, headers={"host": "evil.example"})
                assert seen(answer) == (404, b'{"error":"not found"}', "application/json")


async def test_methods_of_the_other_paths(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        answer = await run.client.post("/healthz")
    assert seen(answer) == (405, b'{"error":"method"}', "application/json")
    assert answer.headers["allow"] == "GET, HEAD"
