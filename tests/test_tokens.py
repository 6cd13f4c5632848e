"""Refresh tokens that work once: kept before use, one refresh for all, and what a crash costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Connection as Box
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.api import Api, OAuth
from adapters.contract import Fetch
from receiver.errors import Held, Unavailable
from receiver.http import Http
from receiver.inbox import Inbox, open_inbox
from receiver.inbox.records import StoreUnavailable
from receiver.inbox.tables import tokens
from receiver.platforms import Platforms
from receiver.serving import DROP, serving
from receiver.settings.model import Connection
from receiver.tokens import TURN, Tokens, vault
from tests.databases import path_of, sqlite_only
from tests.plain import PLAIN, SECRET
from tests.running import Clock

pytestmark = pytest.mark.anyio

KEY, OLD_KEY, OTHER_KEY = "k" * 32, "o" * 32, "x" * 32
FETCH = Fetch("order", "/orders/4711")
Row = tuple[str, str | None, int]


@dataclass(slots=True)
class Platform:
    """Token r1 is out; each refreshes once and brings the next. One used twice ends them all."""

    url: str = ""
    stem: str = "r"
    current: str = "r1"
    number: int = 1
    rotates: bool = True
    used: list[str] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[Request], Response] | None = None  # to a token's request, once it is used up
    refuse: Callable[[], Response] | None = None  # before it is
    pause: asyncio.Event | None = None
    look: Callable[[], Any] | None = None  # at each call of the API
    seen: list[Any] = field(default_factory=list)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        if self.pause:
            await self.pause.wait()
        if self.refuse:
            return self.refuse()
        if form.get("grant_type") == "client_credentials":
            return JSONResponse({"access_token": "a0"})
        given = form.get("refresh_token", "")
        if given != self.current:
            self.current = "" if given in self.used else self.current
            return JSONResponse({"error": "invalid_grant", "error_description": given}, 400)
        if self.rotates:
            self.used.append(given)
            self.number += 1
            self.current = f"{self.stem}{self.number}"
        successor = {"refresh_token": self.current} if self.rotates else {}
        if self.answer:
            return self.answer(request)
        return JSONResponse({"access_token": f"a{self.number}", "expires_in": 3600, **successor})

    async def api(self, request: Request) -> Response:
        proof = request.headers.get("authorization")
        self.asked.append(proof)
        if self.look:
            self.seen.append(await self.look())
        if proof != f"Bearer a{self.number}":
            return JSONResponse({"error": "token"}, 401)
        return JSONResponse({"order": 1})


@asynccontextmanager
async def platform() -> AsyncIterator[Platform]:
    found = Platform()
    routes = [
        Route("/oauth/token", found.token, methods=["POST"]),
        Route("/{path:path}", found.api, methods=["GET"]),
    ]
    async with serving(Starlette(routes=routes)) as url:
        found.url = url
        yield found


@pytest.fixture
async def there() -> AsyncIterator[Platform]:
    async with platform() as found:
        yield found


@pytest.fixture
async def inbox(database_url: str) -> AsyncIterator[Inbox]:
    found = await open_inbox(database_url)
    yield found
    await found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    found = Http()
    yield found
    await found.close()


Start = Callable[..., Platforms]


@pytest.fixture
def start(http: Http, inbox: Inbox, clock: Clock) -> Start:
    """Each is a process of its own, with nothing in its memory."""

    def started(*keys: str, box: Any = inbox) -> Platforms:
        return Platforms(http, clock, Tokens(vault(box, keys or (KEY,))))

    return started


def connection(there: Platform, refresh_token: str | None = "r1", **changes: Any) -> Connection:
    oauth = OAuth(url=f"{there.url}/oauth/token", refreshes=True)
    known: dict[str, Any] = {
        "adapter": replace(PLAIN, api=Api(url=there.url, oauth=oauth)),
        "intermediary": "Plain",
        "client_id": "me",
        "client_secret": "my-secret",
        "refresh_token": refresh_token,
    }
    return Connection(name="plain", secrets=(SECRET,), **{**known, **changes})


async def rows(inbox: Inbox) -> list[Row]:
    def all_of(box: Box) -> list[Row]:
        columns = (tokens.c.origin, tokens.c.sealed, tokens.c.busy_until)
        return [(row[0], row[1], row[2]) for row in box.execute(select(*columns))]

    return await inbox.read(all_of)


async def test_the_first_is_the_setting_and_the_next_is_kept(
    there: Platform, start: Start, inbox: Inbox
) -> None:
    await start().fetch(connection(there), FETCH)
    assert there.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "r1",
            "client_id": "me",
            "client_secret": "my-secret",
        }
    ]
    assert there.asked == ["Bearer a2"]
    ((_, sealed, busy),) = await rows(inbox)
    assert sealed
    assert busy == 0


async def test_it_is_on_disk_before_its_access_token_is_used(
    there: Platform, start: Start, inbox: Inbox
) -> None:
    there.look = lambda: rows(inbox)
    await start().fetch(connection(there), FETCH)
    assert there.seen == [await rows(inbox)]
    assert there.seen[0][0][1]


@sqlite_only
async def test_it_cannot_be_read_off_the_disk(there: Platform, start: Start, inbox: Inbox) -> None:
    there.stem = "token-that-must-not-be-found-"
    there.current = f"{there.stem}1"
    for _ in range(2):
        await start().fetch(connection(there, f"{there.stem}1"), FETCH)
    assert there.used == [f"{there.stem}1", f"{there.stem}2"]
    ((origin, _, _),) = await rows(inbox)
    written = b"".join(file.read_bytes() for file in path_of(inbox.url).parent.iterdir())
    assert origin.encode() in written
    assert there.stem.encode() not in written


async def test_after_a_restart_it_goes_on(there: Platform, start: Start) -> None:
    for _ in range(3):
        await start().fetch(connection(there), FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r2", "r3"]


async def test_while_it_lasts_nothing_is_refreshed(
    there: Platform, start: Start, clock: Clock
) -> None:
    platforms, at = start(), connection(there)
    await platforms.fetch(at, FETCH)
    clock.turn(minutes=59)
    await platforms.fetch(at, FETCH)
    assert len(there.forms) == 1
    clock.turn(minutes=1)
    await platforms.fetch(at, FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r2"]


async def test_twenty_at_once_refresh_once(there: Platform, start: Start) -> None:
    platforms, at = start(), connection(there)
    await asyncio.gather(*(platforms.fetch(at, FETCH) for _ in range(20)))
    assert len(there.forms) == 1
    assert there.asked == ["Bearer a2"] * 20


async def test_a_withdrawn_access_token_refreshes_once(there: Platform, start: Start) -> None:
    platforms, at = start(), connection(there)
    await platforms.fetch(at, FETCH)
    there.number = 7  # what was given is no longer taken
    await asyncio.gather(*(platforms.fetch(at, FETCH) for _ in range(20)))
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r2"]


async def test_a_platform_may_let_one_work_for_ever(there: Platform, start: Start) -> None:
    there.rotates = False
    for _ in range(2):
        await start().fetch(connection(there), FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r1"]


async def test_without_one_it_is_the_client_s_credentials(
    there: Platform, start: Start, inbox: Inbox
) -> None:
    there.number = 0
    await start().fetch(connection(there, None), FETCH)
    assert [form["grant_type"] for form in there.forms] == ["client_credentials"]
    assert await rows(inbox) == []


async def test_without_a_box_none_is_used_up(there: Platform, http: Http, clock: Clock) -> None:
    with pytest.raises(Held, match="no box"):
        await Platforms(http, clock).fetch(connection(there), FETCH)
    assert there.forms == []


# What an operator sets


async def test_one_that_is_used_up_is_for_later_and_names_the_remedy(
    there: Platform, start: Start
) -> None:
    there.current = "r9"
    with pytest.raises(Unavailable) as caught:
        await start().fetch(connection(there), FETCH)
    assert str(caught.value) == (
        "plain: its refresh token is used up, expired or revoked; "
        "connect it anew at Plain, set connections.plain.refresh_token, restart"
    )
    assert "r1" not in str(caught.value) + caught.value.answer


async def test_a_new_setting_wins_over_what_is_kept(there: Platform, start: Start) -> None:
    await start().fetch(connection(there), FETCH)
    there.current = "n1"  # the venue connected again
    with pytest.raises(Unavailable, match="used up"):
        await start().fetch(connection(there), FETCH)
    for _ in range(2):
        await start().fetch(connection(there, "n1"), FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r2", "n1", "r3"]


async def test_connections_have_one_each(there: Platform, start: Start) -> None:
    at, platforms = connection(there), start()
    await platforms.fetch(at, FETCH)
    await platforms.fetch(replace(at, name="other", refresh_token="r2"), FETCH)
    with pytest.raises(Unavailable):
        await start().fetch(at, FETCH)  # its own was used up by the other
    assert there.forms[-1]["refresh_token"] == "r2"


async def test_a_new_secret_key_before_the_old_one(
    there: Platform, start: Start, inbox: Inbox
) -> None:
    await start(OLD_KEY).fetch(connection(there), FETCH)
    await start(KEY, OLD_KEY).fetch(connection(there), FETCH)
    await start(KEY).fetch(connection(there), FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r2", "r3"]


async def test_a_secret_key_that_is_lost(there: Platform, start: Start) -> None:
    """The setting is used up: to send it again would end every token there is."""
    await start(OLD_KEY).fetch(connection(there), FETCH)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"SECRET_KEY.*connections\.plain\.refresh_token"):
            await start(OTHER_KEY).fetch(connection(there), FETCH)
    assert len(there.forms) == 1
    await start(OLD_KEY).fetch(connection(there), FETCH)


# What goes wrong on the way


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_refusal_uses_nothing_up(there: Platform, start: Start, status: int) -> None:
    there.refuse = lambda: JSONResponse({"error": "invalid_client"}, status, {"retry-after": "9"})
    platforms = start()
    with pytest.raises(Unavailable, match=f"no token, answered {status}") as caught:
        await platforms.fetch(connection(there), FETCH)
    assert caught.value.retry_after == 9
    there.refuse = None
    await platforms.fetch(connection(there), FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r1"]


async def test_nobody_answers(there: Platform, start: Start) -> None:
    platforms, at = start(), connection(there)
    with pytest.raises(Unavailable, match="plain: cannot connect"):
        await platforms.fetch(replace(at, token_url="http://127.0.0.1:1"), FETCH)
    await platforms.fetch(at, FETCH)


async def test_an_answer_that_is_lost_takes_its_token_along(there: Platform, start: Start) -> None:
    """As a crash does at that moment: nothing but a new one helps, and it is said."""

    def lost(request: Request) -> Response:
        request.scope["extensions"][DROP]["now"]()
        return Response()

    there.answer = lost
    platforms = start()
    with pytest.raises(Unavailable, match="plain: connection lost"):
        await platforms.fetch(connection(there), FETCH)
    there.answer = None
    with pytest.raises(Unavailable, match=r"used up.*connections\.plain\.refresh_token"):
        await platforms.fetch(connection(there), FETCH)


@dataclass(slots=True)
class Full:
    """A box whose disk is full at some of its writes."""

    inbox: Inbox
    full_at: set[int]
    writes: int = 0

    async def write(self, work: Callable[[Box], Any]) -> Any:
        self.writes += 1
        if self.writes in self.full_at:
            raise StoreUnavailable("the disk is full")
        return await self.inbox.write(work)


async def test_what_cannot_be_kept_is_not_used_and_not_asked_for_again(
    there: Platform, start: Start, inbox: Inbox
) -> None:
    platforms = start(box=Full(inbox, {2, 3}))
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be kept now: the disk is full"):
            await platforms.fetch(connection(there), FETCH)
    assert there.asked == []
    await platforms.fetch(connection(there), FETCH)
    assert there.asked == ["Bearer a2"]
    assert len(there.forms) == 1
    await start().fetch(connection(there), FETCH)


async def test_a_box_that_is_away_uses_nothing_up(
    there: Platform, start: Start, inbox: Inbox
) -> None:
    platforms = start(box=Full(inbox, {1}))
    with pytest.raises(Unavailable, match="the disk is full"):
        await platforms.fetch(connection(there), FETCH)
    assert there.forms == []
    await platforms.fetch(connection(there), FETCH)


async def test_two_workers_take_turns(there: Platform, start: Start) -> None:
    one, two, at = start(), start(), connection(there)
    there.pause = asyncio.Event()
    first = asyncio.create_task(one.fetch(at, FETCH))
    while not there.forms:
        await asyncio.sleep(0.001)
    with pytest.raises(Unavailable, match="another worker"):
        await two.fetch(at, FETCH)
    there.pause.set()
    await first
    await two.fetch(at, FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r2"]


async def test_the_turn_of_a_worker_that_died_ends(
    there: Platform, start: Start, clock: Clock
) -> None:
    at = connection(there)
    there.pause = held = asyncio.Event()
    dying = asyncio.create_task(start().fetch(at, FETCH))
    while not there.forms:
        await asyncio.sleep(0.001)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    there.pause = None
    with pytest.raises(Unavailable, match="another worker"):
        await start().fetch(at, FETCH)
    clock.turn(seconds=TURN.total_seconds())
    await start().fetch(at, FETCH)
    assert [form["refresh_token"] for form in there.forms] == ["r1", "r1"]
    held.set()
