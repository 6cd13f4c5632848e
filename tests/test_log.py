"""One line per step, and nothing in it that belongs to a guest or proves who one is."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

from adapters.contract import Delivery, Identity
from receiver import log
from tests.plain import PLAIN, SECRET, body, order, signed
from tests.receiving import receiving, request
from tests.running import eventually, line

Style = Literal["json", "console"]
STYLES: Sequence[Style] = ("json", "console")


@contextmanager
def written(style: Style = "json", level: str = "info") -> Iterator[io.StringIO]:
    """What goes to standard error, from our loggers and the libraries'."""
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setattr(logging.root, "handlers", [])
        for name in ("least", "rendered"):
            patch.setattr(log.LOG, name, getattr(log.LOG, name))  # as it is now, afterwards
        log.configure(level, style)
        yield stream


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(text) for text in stream.getvalue().splitlines()]


def test_a_line_is_an_event_and_fields() -> None:
    with written() as stream:
        log.logger().info("kept", connection="plain", ms=1.5)
        log.logger().debug("not said")
    (said,) = events(stream)
    assert said.pop("timestamp").endswith("Z")
    assert said == {"event": "kept", "level": "info", "connection": "plain", "ms": 1.5}


def test_the_level_is_kept_to() -> None:
    with written(level="error") as stream:
        log.logger().warning("not said")
        log.logger().error("said")
    assert [one["event"] for one in events(stream)] == ["said"]


def test_libraries_speak_the_same_way_and_only_of_trouble() -> None:
    with written() as stream:
        logging.getLogger("httpx").info("HTTP Request: GET https://marked.example")
        logging.getLogger("uvicorn.error").info("Uvicorn running")
        logging.getLogger("elsewhere").warning("disk %s", "full")
    assert [(one["event"], one["level"]) for one in events(stream)] == [("disk full", "warning")]


def fail(name: str) -> NoReturn:
    held = {"guest": name}
    try:
        int(held["guest"])
    except ValueError as error:
        raise LookupError(f"no {name}") from error
    raise AssertionError


@pytest.mark.parametrize("style", STYLES)
def test_an_error_is_its_types_and_places(style: Style) -> None:
    with written(style) as stream:
        try:
            fail("Marked Muster")
        except LookupError:
            log.logger().exception("bug", job=1)
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    text = stream.getvalue()
    assert "Marked" not in text
    assert text.count("LookupError < ValueError") == 2
    assert text.count("test_log.py") == 6
    assert len(text.splitlines()) == 2


MARKS = ("marked", "muster", "555 01", "55501", SECRET)
GUEST = {
    "given_name": "Marked",
    "family_name": "Muster",
    "phone": "+49 30 555 01 23",
    "email": "marked@muster.example",
    "address": {"street": "Markedstraße", "house_number": "1", "zip": "10115", "city": "Muster"},
}
TOLD = {
    "Authorization": "Bearer marked-token",
    "Cookie": "marked-cookie",
    "User-Agent": "marked-agent",
    "X-Marked": "marked",
}


def marked_order(number: str, **changes: Any) -> dict[str, Any]:
    return order(number, customer=GUEST, notes=("marked: no nuts",), **changes)


def spill(delivery: Delivery, *_: Any) -> NoReturn:
    secret, content = SECRET, delivery.body.decode("latin-1")
    raise ValueError(f"{secret}: {content}, {delivery.headers}")


def identify(delivery: Delivery) -> Identity:
    return spill(delivery) if b"spill" in delivery.body else PLAIN.identify(delivery)


@pytest.mark.anyio
@pytest.mark.parametrize("style", STYLES)
async def test_the_whole_line_keeps_it_to_itself(style: Style, database_url: str) -> None:
    secrets = {"client_secret": "marked-client-secret", "api_key": "marked-api-key"}
    with written(style, "debug") as stream:
        async with line(database_url, connection=secrets) as run:
            await run.until(await run.send(marked_order("o1")), "done")
            await run.until(await run.send(marked_order("o2", total=1)), "held")
            await run.until(await run.send(marked_order("o3"), bug=True), "waiting")
            await run.until(await run.send(marked="unreadable", bug=True), "waiting")
            await run.fault("fail", status=500)
            await run.until(await run.send(marked_order("o4")), "waiting")
            await run.mend()
            await run.fault("forbid")
            await run.send(marked_order("o5"))
            await eventually(written_in(stream, "pos_paused"), bool)
    text = stream.getvalue()
    assert [mark for mark in MARKS if mark in text.lower()] == []
    assert [word for word in ("delivery", "settled", "bug", "pos_paused") if word not in text] == []


def written_in(stream: io.StringIO, word: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return word in stream.getvalue()

    return look


@pytest.mark.anyio
@pytest.mark.parametrize("style", STYLES)
async def test_the_web_side_keeps_it_to_itself(style: Style, tmp_path: Path) -> None:
    content = body(marked_order("o1"))
    place = "plain/marked?marked"
    with written(style, "debug") as stream:
        async with receiving(tmp_path, adapter=replace(PLAIN, identify=identify)) as run:
            answers = [
                await run.post(content, place, **TOLD),
                await run.post(content, place, **TOLD, **{"x-plain": "marked"}),
                await run.post(b"marked: spill", **TOLD),
                await run.post(content, "marked", **TOLD),
                await run.post(b"marked" * 100_000, **TOLD),
                await run.client.get("/webhooks/plain/marked"),
                await run.client.get("/marked"),
            ]
            garbage = await run.talk(b"marked: garbage\r\n\r\n")
            await run.inbox.close()
            answers += [await run.post(body(marked_order("o2")))]
    assert [one.status_code for one in answers] == [200, 401, 503, 404, 413, 405, 404, 503]
    assert b" 400 " in garbage
    text = stream.getvalue()
    proof = signed(content)["x-plain"]
    assert [mark for mark in (*MARKS, proof) if mark in text.lower()] == []
    words = ("kept", "rejected", "failed", "unknown_connection", "too_large", "refused", "method")
    assert [word for word in (*words, "store_unavailable", "bug") if word not in text] == []


@pytest.mark.anyio
async def test_a_line_for_every_request(tmp_path: Path) -> None:
    with written() as stream:
        async with receiving(tmp_path) as run:
            await run.post(b"{}")
            await run.post(b"{}")
            await run.talk(request(b"{}", b"content-encoding: gzip"))
    lines = [one for one in events(stream) if one["event"] == "delivery"]
    assert [one["result"] for one in lines] == ["kept", "repeated", "encoded"]
    fields = {"event", "level", "timestamp", "connection", "result", "ms"}
    assert all(set(one) == fields for one in lines)
