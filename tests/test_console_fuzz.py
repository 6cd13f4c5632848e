"""Any bytes in any path, query, form, cookie and header of the console: a proper answer, always."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import product
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from receiver.console import CHANGES, LOOKS, door
from receiver.console.rendering import STRICT
from receiver.inbox import quarantine
from tests.commands import delivery as signed_delivery
from tests.consoles import ORIGIN, STRANGE, Forms, Operator, operating
from tests.plain import body, order

LOOKED, CHANGED = {200, 303, 400, 404}, {303, 400, 403, 404}
ANY = {200, 303, 400, 401, 403, 404, 405, 413, 429}
PLACES = [path for path, _ in (*LOOKS, *CHANGES)] + ["/sign-in", "/static/console.css", "/x", "/"]
NAMES = [
    "show", "connection", "pos", "text", "before", "after", "reference", "find", "job", "article",
    "channel", "ids", "do", "reason", "notice", "part", "token", "password",
]  # fmt: skip
IDS = ("1", "2", "0", "-1", "9" * 30, "x", "\u0661", "\0")
WORDS = (
    "plain", "mitte", "@plain", "cancel", "discard", "hold", "replay", "pause", "resume", "4711",
    "closed", "held", "needs_you", "any", "i-7", "%", "'", '"', "\0", "\ud83c\udf55", "<b>", "",
)  # fmt: skip

words = st.sampled_from((*IDS, *WORDS)) | st.text(max_size=30)
raw = st.binary(max_size=40)
fields = st.dictionaries(st.sampled_from(NAMES), words, max_size=6)
places = st.builds(
    lambda path, number, do, name: path.format(id=number, do=do, name=name),
    st.sampled_from(PLACES),
    words,
    words,
    words,
)
queries = fields.map(lambda found: urlencode(found, errors="replace").encode()) | raw
cookies = raw | st.just(b"console=") | raw.map(lambda rest: b"console=" + rest)


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    query: bytes = b"",
    content: bytes = b"",
    headers: Mapping[bytes, bytes] | None = None,
) -> int:
    """The status of the answer, which must be a whole one."""
    scope = {
        "type": "http",
        "method": method,
        "path": f"/console{path}",
        "raw_path": quote_from_bytes(path.encode("utf-8", "replace")).encode(),
        "query_string": query,
        "headers": [*({b"origin": ORIGIN.encode()} | dict(headers or {})).items()],
        "client": ("192.0.2.1", 1),
        "http_version": "1.1",
        "root_path": "",
        "scheme": "https",
        "server": ("receiver.example", 443),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    begun, *rest = sent
    assert rest[-1].get("more_body", False) is False
    given_headers = {name.decode(): text.decode() for name, text in begun["headers"]}
    assert "\n" in path or STRICT.items() <= given_headers.items()  # no route has a line's end
    return int(begun["status"])


@contextmanager
def at_work(database: str) -> Iterator[tuple[Any, Operator, dict[bytes, bytes], str]]:
    """Something of everything; the cookie and the token of somebody who is signed in."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(operating(database, work=False)) as operator,
    ):
        portal.call(fill, operator)
        cookie = f"console={operator.client.cookies['console']}".encode()
        token = Forms(portal.call(operator.get)).found[0].fields["token"]
        yield portal, operator, {b"cookie": cookie}, token


async def fill(operator: Operator) -> None:
    await operator.sync()
    await operator.run.send(order(lines=[STRANGE]))
    await operator.run.send(order("o2"))
    one = quarantine.Suspect("plain", signed_delivery(body(order("o3"))), "forged")
    now = operator.run.clock()
    await operator.run.inbox.write(lambda box: quarantine.add(box, [one], now))


def test_whoever_asks_whatever(database_url: str) -> None:
    with at_work(database_url) as (portal, operator, _, __):

        @settings(max_examples=150)
        @given(st.sampled_from(["GET", "POST", "HEAD", "PUT"]), places, queries, queries, cookies)
        def check(method: str, path: str, query: bytes, content: bytes, cookie: bytes) -> None:
            given_headers = {b"cookie": cookie}
            call = ask(operator.run.app, method, path, query, content, given_headers)
            assert portal.call(lambda: call) in ANY

        check()


def test_whoever_is_signed_in_looks_anywhere(database_url: str) -> None:
    with at_work(database_url) as (portal, operator, signed_in, _):

        @settings(max_examples=200)
        @given(places, queries)
        def check(path: str, query: bytes) -> None:
            call = ask(operator.run.app, "GET", path, query, b"", signed_in)
            assert portal.call(lambda: call) in LOOKED | {405}

        check()


def test_whoever_is_signed_in_sends_anything(database_url: str) -> None:
    with at_work(database_url) as (portal, operator, signed_in, token):

        @settings(max_examples=200)
        @given(places.filter(lambda path: "sign" not in path), fields, raw)
        def check(path: str, form: dict[str, str], rest: bytes) -> None:
            whole = urlencode({**form, "token": token}, errors="replace").encode() + b"&" + rest
            call = ask(operator.run.app, "POST", path, b"", whole, signed_in)
            assert portal.call(lambda: call) in CHANGED | {405}

        check()


def test_one_word_in_every_field_of_every_page(database_url: str) -> None:
    with at_work(database_url) as (portal, operator, signed_in, token):
        for word, path in product((*IDS, *WORDS), PLACES):
            place = path.format(id="1", do=word or "hold", name="plain")
            same = dict.fromkeys(NAMES, word)
            query = urlencode(same, errors="replace").encode()
            form = urlencode({**same, "token": token}, errors="replace").encode()
            looked = ask(operator.run.app, "GET", place, query, b"", signed_in)
            assert portal.call(lambda: looked) in LOOKED | {405}, (place, word)  # noqa: B023
            changed = ask(operator.run.app, "POST", place, b"", form, signed_in)
            assert portal.call(lambda: changed) in CHANGED | {405, 429}, (place, word)  # noqa: B023


@given(st.binary(max_size=200))
def test_fields_are_text_that_every_database_takes(content: bytes) -> None:
    with suppress(HTTPException):
        assert not any("\0" in text for text in door.fields(content).values())


@pytest.mark.parametrize(
    "headers",
    [
        {b"content-length": b"9" * 40},
        {b"content-length": b"\xb2"},
        {b"origin": b"\xff://\xff"},
        {b"origin": b"https://[", b"host": b"["},
        {b"sec-fetch-site": b"\xff"},
        {b"x-forwarded-for": b"," * 5_000 + b"\xff"},
        {b"cookie": b"console=" + b"\xff" * 5_000},
    ],
    ids=["length", "no length", "origin", "half an address", "site", "proxy", "cookie"],
)
def test_headers_that_are_none(headers: dict[bytes, bytes], database_url: str) -> None:
    with at_work(database_url) as (portal, operator, _, __):
        for method in ("GET", "POST"):
            call = ask(operator.run.app, method, "/sign-in", b"", b"password=x", headers)
            assert portal.call(lambda: call) in ANY  # noqa: B023
