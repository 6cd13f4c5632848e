"""Who comes in and who does not: passwords, sessions, forms of elsewhere, headers, outages."""

from __future__ import annotations

import asyncio
import json
import re
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Any

import httpx
import pytest
import time_machine

from receiver import console
from receiver.console import CHANGES, LOOKS, door
from receiver.console.door import LARGEST_FORM
from receiver.console.rendering import STATIC, STRICT
from receiver.console.sessions import OF_ALL, OF_ONE, WINDOW_SECONDS, Guesses, Sessions
from receiver.inbox import Inbox, open_inbox, quarantine, standing
from receiver.inbox.records import StoreUnavailable
from receiver.inbox.tables import metadata
from receiver.settings.model import Connection, Pos, Settings
from receiver.web import create_app
from tests.box import order_record
from tests.commands import delivery as signed_delivery
from tests.consoles import ORIGIN, PASSWORD, STRANGE, Forms, Operator, browser, operating
from tests.databases import Databases
from tests.plain import PLAIN, body, order
from tests.running import Clock, settings
from tests.test_house import ROOT
from tests.test_log import written

pytestmark = pytest.mark.anyio

OLD, NEW = "an-old-key-of-the-console", "a-new-key-of-the-console"
SECRETS = {
    "password": PASSWORD,
    "secret_key": "signs-sessions-and-nothing-else",
    "till": "the-key-of-the-till",
    "webhook": "the-secret-of-the-webhook",
    "client": "the-secret-of-the-client",
    "api": "the-key-of-the-api",
    "metrics": "the-token-of-the-metrics",
    "token": "a-token-within-an-address",
    "header": "a-token-within-a-header",
}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def made(database: str, **changes: Any) -> Settings:
    """With a secret in every place that has one."""
    pos = Pos(name="mitte", url="https://oktopos.example/v1", api_key=SECRETS["till"])
    plain = Connection(
        name="plain",
        adapter=PLAIN,
        secrets=(SECRETS["webhook"],),
        stores={"*": "mitte"},
        client_id="client",
        client_secret=SECRETS["client"],
        api_key=SECRETS["api"],
    )
    standing = settings(database, {"mitte": pos}, plain)
    whole = {
        "console_password": PASSWORD,
        "secret_key": (SECRETS["secret_key"],),
        "metrics_token": SECRETS["metrics"],
        **changes,
    }
    return replace(standing, **whole)


@asynccontextmanager
async def served(database: str, **changes: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Inbox]]:
    """The console alone, and somebody who is not signed in."""
    found = made(database, **changes)
    inbox = await open_inbox(database)
    app = create_app(found, inbox, beside=console.routes(found, inbox, clock=Clock()))
    async with browser(app) as client:
        yield client, inbox
    await inbox.close()


async def enter(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/console/sign-in", data={"password": password})


async def inside(client: httpx.AsyncClient) -> bool:
    return (await client.get("/console")).status_code == 200


# Sign-in, sign-out


async def test_in_and_out(database_url: str) -> None:
    async with served(database_url) as (client, _):
        assert (await client.get("/console")).headers["location"] == "/console/sign-in"
        assert (await client.get("/console/sign-in")).status_code == 200
        answer = await enter(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")
        assert (await client.get("/console/sign-in")).headers["location"] == "/console"
        (*_, out) = Forms((await client.get("/console")).text).found
        assert out.action == "/console/sign-out"
        await client.post(out.action, data=out.fields)
        assert not await inside(client)


@pytest.mark.parametrize(
    ("public_url", "secure"), [("https://receiver.example", True), ("http://127.0.0.1:1", False)]
)
async def test_the_cookie(public_url: str, secure: bool, database_url: str) -> None:
    async with served(database_url, public_url=public_url) as (client, _):
        parts = (await enter(client)).headers["set-cookie"].lower().split("; ")[1:]
        expected = {"httponly", "samesite=strict", "path=/console", "max-age=43200"}
        assert set(parts) == expected | ({"secure"} if secure else set())


@pytest.mark.parametrize("wrong", ["", "x", PASSWORD[:-1], PASSWORD + "x", PASSWORD.upper(), "ä"])
async def test_a_wrong_password(wrong: str, database_url: str) -> None:
    async with served(database_url) as (client, _):
        answer = await enter(client, wrong)
        assert answer.status_code == 403
        assert "That is not the password." in answer.text
        assert "set-cookie" not in answer.headers


async def test_guessing_is_soon_over(database_url: str) -> None:
    """Also for the right password, else it would be found; another caller is not kept out."""
    async with served(database_url) as (client, _):
        for _ in range(OF_ONE):
            assert (await enter(client, "guess")).status_code == 403
        answer = await enter(client)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= WINDOW_SECONDS
        client.headers["x-forwarded-for"] = "203.0.113.9"
        assert (await enter(client)).status_code == 303


async def test_who_forges_a_proxy_s_header_is_known_by_its_end(database_url: str) -> None:
    async with served(database_url) as (client, _):
        for number in range(OF_ONE):
            client.headers["x-forwarded-for"] = f"10.0.0.{number}, 203.0.113.9"
            assert (await enter(client, "guess")).status_code == 403
        assert (await enter(client)).status_code == 429


def test_guesses_are_forgotten_and_bounded() -> None:
    times = [0.0]
    guesses = Guesses(lambda: times[0])
    for _ in range(OF_ONE):
        assert guesses.wait("me") == 0
        guesses.note("me")
    times[0] = 100.0
    assert guesses.wait("me") == WINDOW_SECONDS - 100
    assert guesses.wait("you") == 0
    times[0] = WINDOW_SECONDS
    assert guesses.wait("me") == 0
    for number in range(OF_ALL):
        assert guesses.wait("you") == 0
        guesses.note(f"one of many: {number}")
    assert guesses.wait("you") == WINDOW_SECONDS
    assert len(guesses.wrong) == OF_ALL


# Sessions


def test_a_session_outlives_a_rotation_and_ends_with_the_password() -> None:
    session, cookie = Sessions.of([OLD], PASSWORD).begin()
    assert Sessions.of([OLD], PASSWORD).read(cookie) == session
    assert Sessions.of([NEW, OLD], PASSWORD).read(cookie) == session
    assert Sessions.of([NEW], PASSWORD).read(cookie) is None
    assert Sessions.of([OLD], "another password").read(cookie) is None
    _, newest = Sessions.of([NEW, OLD], PASSWORD).begin()
    assert Sessions.of([NEW], PASSWORD).read(newest)


def test_a_session_ends_after_twelve_hours() -> None:
    sessions = Sessions.of([OLD], PASSWORD)
    with time_machine.travel(1_000_000, tick=False) as clock:
        session, cookie = sessions.begin()
        clock.shift(12 * 3600)
        assert sessions.read(cookie) == session
        clock.shift(1)
        assert sessions.read(cookie) is None


def test_no_notice_is_a_session_nor_the_other_way_round() -> None:
    sessions = Sessions.of([OLD], PASSWORD)
    _, cookie = sessions.begin()
    notice = sessions.note("done")
    assert sessions.noted(notice) == "done"
    assert sessions.noted(cookie) is None
    assert sessions.read(notice) is None
    assert sessions.noted("done") is None


async def test_a_changed_cookie_is_none(database_url: str) -> None:
    async with served(database_url) as (client, _):
        await enter(client)
        cookie = client.cookies["console"]
        for changed in ("", cookie[:-1], "A" + cookie[1:], cookie.replace(".", ""), "\xff"):
            client.cookies.clear()
            answer = await client.get(
                "/console", headers=[(b"cookie", b"console=" + changed.encode("latin-1"))]
            )
            assert answer.status_code == 303, changed


async def test_without_a_session_there_is_nothing_to_see_or_do(database_url: str) -> None:
    async with served(database_url) as (client, _):
        for path, _page in LOOKS:
            place = path.format(id=1, do="cancel", name="plain")
            answer = await client.get(f"/console{place}")
            assert (answer.status_code, answer.text) == (303, ""), place
            part = await client.get(f"/console{place}?part=1")
            assert (part.status_code, part.text) == (401, ""), place
        for path, _page in CHANGES:
            answer = await client.post(f"/console{path.format(id=1, do='hold', name='plain')}")
            assert answer.headers["location"] == "/console/sign-in"


# Forms of elsewhere

EVERY_CHANGE = [
    ("/pos", {"pos": "mitte", "do": "pause"}),
    ("/deliveries/1/hold", {}),
    ("/deliveries/1/discard", {}),
    ("/deliveries/1/replay", {}),
    ("/deliveries/1/cancel", {"reason": "closed"}),
    ("/articles/plain", {"reference": "i-7", "article": "1"}),
    ("/quarantine", {"ids": "1"}),
    ("/sign-out", {}),
]
ELSEWHERE = {
    "another origin": {"origin": "https://evil.example"},
    "no origin": {"origin": "null"},
    "an origin without a host": {"origin": "https://"},
    "our name within": {"origin": "https://receiver.example.evil.example"},
    "another port": {"origin": "https://receiver.example:8443"},
    "another site": {"sec-fetch-site": "cross-site"},
    "a neighbour": {"sec-fetch-site": "same-site"},
    "nothing said": {"origin": ""},
}


REACHED = (
    "jobs", "attempts", "orders", "deliveries", "pos_states", "article_mappings", "quarantine",
)  # fmt: skip


def test_every_change_is_among_them() -> None:
    shapes = {re.sub(r"\{\w+\}", "[^/]+", path) for path, _ in CHANGES}
    assert all(any(re.fullmatch(shape, path) for shape in shapes) for path, _ in EVERY_CHANGE)
    assert all(any(re.fullmatch(shape, path) for path, _ in EVERY_CHANGE) for shape in shapes)


async def snapshot(operator: Operator) -> tuple[object, bool]:
    """All that a change could reach, and whether the session goes on."""
    tables = [metadata.tables[name] for name in REACHED]
    rows = await operator.run.inbox.read(
        lambda box: [box.execute(table.select()).all() for table in tables]
    )
    return rows, await inside(operator.client)


async def prepared(operator: Operator) -> str:
    """Something to change everywhere; the token that changes it."""
    await operator.run.send(order())
    one = quarantine.Suspect("plain", signed_delivery(body(order("o2"))), "forged")
    record = order_record(delivery=1)
    now = operator.run.clock()
    await operator.run.inbox.write(lambda box: quarantine.add(box, [one], now))
    await operator.run.inbox.write(lambda box: standing.put(box, record))
    return Forms(await operator.get()).found[0].fields["token"]


@pytest.mark.parametrize(("path", "form"), EVERY_CHANGE, ids=lambda one: str(one))
async def test_no_change_without_the_session_s_token(
    path: str, form: dict[str, str], database_url: str
) -> None:
    async with operating(database_url, work=False) as operator:
        token = await prepared(operator)
        before = await snapshot(operator)
        async with browser(operator.run.app) as other:
            await enter(other)
            foreign = Forms((await other.get("/console")).text).found[0].fields["token"]
        for wrong in ({}, {"token": ""}, {"token": "ä"}, {"token": token[:-1]}, {"token": foreign}):
            answer = await operator.client.post(f"/console{path}", data={**form, **wrong})
            assert answer.status_code == 403
            assert door.NOT_OF_SESSION in answer.text
        in_query = await operator.client.post(f"/console{path}?token={token}", data=form)
        assert in_query.status_code == 403
        assert await snapshot(operator) == before
        right = await operator.client.post(f"/console{path}", data={**form, "token": token})
        assert right.status_code == 303
        assert await snapshot(operator) != before


@pytest.mark.parametrize("headers", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_no_change_from_elsewhere(headers: dict[str, str], database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        token = await prepared(operator)
        before = await snapshot(operator)
        del operator.client.headers["origin"]
        if headers.get("origin") != "":
            operator.client.headers["origin"] = ORIGIN
            operator.client.headers.update(headers)
        for path, form in EVERY_CHANGE:
            answer = await operator.client.post(f"/console{path}", data={**form, "token": token})
            assert answer.status_code == 403, path
            assert door.NOT_OURS in answer.text
        assert (await enter(operator.client)).status_code == 403
        operator.client.headers["origin"] = ORIGIN
        operator.client.headers.pop("sec-fetch-site", None)
        assert await snapshot(operator) == before


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "same-origin"}, {"host": "localhost:8080", "origin": "http://localhost:8080"},
     {"host": "inner:80", "origin": ORIGIN}],
    ids=["said by the browser", "by another name of ours", "behind a proxy"],
)  # fmt: skip
async def test_from_our_own_pages(headers: dict[str, str], database_url: str) -> None:
    async with served(database_url) as (client, _):
        client.headers.update(headers)
        assert (await enter(client)).status_code == 303


# Off


@pytest.mark.parametrize("path", ["", "/", "/sign-in", "/deliveries", "/pos", "/x"])
async def test_without_a_password_it_is_off(path: str, database_url: str) -> None:
    async with served(database_url, console_password=None) as (client, _):
        for method in ("GET", "POST"):
            answer = await client.request(method, f"/console{path}", data={"password": ""})
            assert answer.status_code == 404
            assert "set CONSOLE_PASSWORD" in answer.text


# What every answer has


async def test_every_answer_is_strict(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        await prepared(operator)
        for path in ("", "/sign-in", "/nothing", "/deliveries/1", "/deliveries/1/body", "/pos",
                     "/quarantine", "/static/console.css", "/static/nothing"):  # fmt: skip
            for method in ("GET", "POST", "DELETE"):
                answer = await operator.client.request(method, f"/console{path}")
                assert {name: answer.headers.get(name) for name in STRICT} == STRICT, path
    policy = STRICT["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert STRICT["cache-control"] == "no-store"


async def test_a_wrong_method_says_which_is_right(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        answer = await operator.client.delete("/console/deliveries")
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_nothing_comes_from_elsewhere() -> None:
    """Every address in a template is our own, and nothing stands inline that the policy forbids."""
    texts = {
        file.name: file.read_text("utf-8")
        for file in (files("receiver.console") / "templates").iterdir()
    }
    assert len(texts) > 10
    for name, text in texts.items():
        addresses = re.findall(r'(?:href|src|action|data-refresh)="([^"]*)"', text)
        ours = [
            one for one in addresses if re.match(r"/console\b|#\w|data:,|\{\{ action \}\}", one)
        ]
        assert addresses == ours, name
        assert not re.search(r"//|<style|\sstyle=|\son\w+=|@import|<script(?! src)|\|safe", text), (
            name
        )
    for content, _ in STATIC.values():
        assert not re.search(rb"://|@import|url\(|import\(", content)


async def test_script_and_style_are_served_to_anyone(database_url: str) -> None:
    async with served(database_url) as (client, _):
        for name, kind in (("console.css", "text/css"), ("console.js", "text/javascript")):
            answer = await client.get(f"/console/static/{name}")
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(kind)
            assert answer.content == STATIC[name][0]


async def test_no_page_shows_a_secret(database_url: str) -> None:
    async with served(database_url) as (client, inbox):
        await enter(client)
        content = body(order(lines=[STRANGE]))
        one = signed_delivery(content, SECRETS["webhook"])
        headers = {**one.headers, "authorization": SECRETS["header"]}
        address = f"{one.url}/{SECRETS['token']}"
        leaky = replace(one, headers=headers, url=address, path=SECRETS["token"])
        now = Clock()()
        suspect = quarantine.Suspect("plain", leaky, "forged")
        await inbox.write(lambda box: quarantine.add(box, [suspect], now))
        await client.post(f"/webhooks/plain/{SECRETS['token']}", content=content, headers=headers)
        seen, waiting = set(), ["/console"]
        while waiting:
            place = waiting.pop()
            seen.add(place)
            answer = await client.get(place)
            assert answer.status_code in (200, 303)
            text = answer.text + str(answer.headers)
            assert [name for name, secret in SECRETS.items() if secret in text] == [], place
            found = re.findall(r'(?:href|data-refresh)="(/console[^"]*)"', answer.text)
            waiting += {one.replace("&amp;", "&") for one in found} - seen - set(waiting)
        assert "/console/deliveries/1/body" in seen
        assert len(seen) > 12


async def test_a_change_is_one_line_in_the_log(database_url: str) -> None:
    with written() as log:
        async with operating(database_url, work=False) as operator:
            await prepared(operator)
            await operator.press("", "Pause mitte")
            await operator.press("/deliveries/1", "Hold")
            await enter(operator.client, "not this one")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    ours = [line for line in lines if line["event"] in ("operator", "sign_in_refused")]
    assert [line.get("did") for line in ours] == ["sign_in", "pause", "hold", None]
    assert len({line["session"] for line in ours[:3]}) == 1
    assert ours[1]["pos"] == "mitte"
    assert (ours[2]["job"], ours[2]["moved"]) == (1, True)
    assert PASSWORD not in log.getvalue()
    assert "not this one" not in log.getvalue()


# Forms that are none, and a database that is away


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"x" * (LARGEST_FORM + 1), 413),
        (b"&".join(b"a=%d" % number for number in range(100)), 400),
        (b"password=" + b"x" * 3_000, 400),
        (b"\xff\xfe%00%ff", 403),
    ],
    ids=["large", "many", "long", "no text"],
)
async def test_a_form_is_bounded(content: bytes, status: int, database_url: str) -> None:
    async with served(database_url) as (client, _):
        answer = await client.post("/console/sign-in", content=content, headers=FORM)
        assert answer.status_code == status


async def test_a_form_that_does_not_arrive(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "FORM_SECONDS", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"password="
        await asyncio.sleep(5)

    async with served(database_url) as (client, _):
        before = time.monotonic()
        answer = await client.post("/console/sign-in", content=slowly(), headers=FORM)
        assert answer.status_code == 408
        assert time.monotonic() - before < 4


async def test_a_query_is_bounded(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        assert "too many fields" in await operator.get(f"?{'a=1&' * 100}", status=400)
        assert "too long" in await operator.get(f"?a={'x' * 3_000}", status=400)


async def test_a_path_is_that_of_a_number(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        for number in ("9" * 5_000, "-1", "1.0", "%00", "\u0661"):
            await operator.get(f"/deliveries/{number}", status=404)


async def test_a_fault_of_ours_is_a_plain_page(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.inbox.desk.glance", lambda *_, **__: 1 / 0)
    found = made(database_url)
    inbox = await open_inbox(database_url)
    app = create_app(found, inbox, beside=console.routes(found, inbox))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}
    ) as client:
        await enter(client)
        answer = await client.get("/console")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert console.BUG in answer.text
        assert answer.headers["cache-control"] == "no-store"
    await inbox.close()


async def test_a_database_that_is_away(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.console.parts.WRITE_SECONDS", 1.0)
    with databases.migrated() as url:
        async with served(url) as (client, _):
            await enter(client)
            token = Forms((await client.get("/console")).text).found[0].fields["token"]
            with databases.away(url):
                form = {"token": token, "pos": "mitte", "do": "pause"}
                answer = await client.post("/console/pos", data=form)
                assert answer.status_code == 503
                assert console.AWAY in answer.text
            answer = await client.post("/console/pos", data=form)
            assert answer.status_code == 303


@pytest.mark.parametrize(
    ("method", "patience"), [("GET", "READ_SECONDS"), ("POST", "WRITE_SECONDS")]
)
async def test_nobody_waits_for_a_database_for_ever(
    method: str, patience: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*_: object) -> None:
        await asyncio.sleep(3)

    monkeypatch.setattr(f"receiver.console.parts.{patience}", 0.05)
    async with served(database_url) as (client, _):
        await enter(client)
        token = Forms((await client.get("/console/articles")).text).found[0].fields["token"]
        monkeypatch.setattr(Inbox, "read" if method == "GET" else "write", hangs)
        form = {"token": token, "pos": "mitte", "do": "pause"}
        path = "/console" if method == "GET" else "/console/pos"
        answer = await client.request(method, path, data=form)
        assert answer.status_code == 503
        assert console.AWAY in answer.text


@pytest.mark.parametrize("path", [path for path, _ in LOOKS])
async def test_no_page_needs_a_database_to_say_that_it_is_away(
    path: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("gone")

    async with served(database_url) as (client, _):
        await enter(client)
        monkeypatch.setattr(Inbox, "read", away)
        place = path.format(id=1, do="cancel", name="plain")
        answer = await client.get(f"/console{place}?reference=i-7")
        assert answer.status_code == 503
        assert console.AWAY in answer.text


def test_a_wheel_brings_pages_and_style() -> None:
    """Every file that is no module is named by the package's data."""
    room = ROOT / "receiver" / "console"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["receiver.console"]
    brought = {file for pattern in patterns for file in room.glob(pattern)}
    needed = {file for file in room.rglob("*") if file.is_file() and file.suffix != ".py"}
    assert {file for file in needed if file.suffix != ".pyc"} == brought
    assert len(brought) > 12
