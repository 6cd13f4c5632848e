"""Calls to platforms: tokens got once, used while they last, and shown to nobody else."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.api import Api, OAuth, key_in
from adapters.contract import Adapter, Call, Fetch
from receiver.errors import Held, Refused, Unavailable
from receiver.http import Http
from receiver.platforms import Platforms
from receiver.serving import serving
from receiver.settings.model import Connection
from tests.plain import PLAIN, SECRET
from tests.running import Clock

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Platform:
    """An API that hands out tokens t1, t2, ... and takes the last one it gave."""

    url: str = ""
    tokens: int = 0
    lasts: Any = 3600
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    proofs: list[str | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    token_answer: Callable[[], Response] | None = None
    answer: Callable[[], Response] = lambda: JSONResponse({"order": 1})

    async def token(self, request: Request) -> Response:
        self.forms.append(dict(parse_qsl((await request.body()).decode())))
        self.proofs.append(request.headers.get("authorization"))
        await asyncio.sleep(0)
        if self.token_answer:
            return self.token_answer()
        self.tokens += 1
        lasts = {} if self.lasts is None else {"expires_in": self.lasts}
        return JSONResponse({"access_token": f"t{self.tokens}", **lasts})

    async def api(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        query = f"?{request.url.query}" if request.url.query else ""
        self.asked.append(f"{request.method} {request.url.path}{query}")
        self.proofs.append(request.headers.get("authorization"))
        if request.headers.get("authorization") not in (None, f"Bearer t{self.tokens}"):
            return JSONResponse({"error": "token"}, 401)
        return self.answer()

    def withdraw(self) -> None:
        """What was given is no longer taken."""
        self.tokens += 1


@asynccontextmanager
async def platform() -> AsyncIterator[Platform]:
    found = Platform()
    routes = [
        Route("/oauth/token", found.token, methods=["POST"]),
        Route("/{path:path}", found.api, methods=["GET", "POST", "PUT", "PATCH"]),
    ]
    async with serving(Starlette(routes=routes)) as url:
        found.url = url
        yield found


@pytest.fixture
async def there() -> AsyncIterator[Platform]:
    async with platform() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platforms(clock: Clock) -> AsyncIterator[Platforms]:
    http = Http()
    yield Platforms(http, clock)
    await http.close()


def connection(there: Platform, adapter: Adapter = PLAIN, **changes: Any) -> Connection:
    known: dict[str, Any] = {
        "client_id": "me",
        "client_secret": "my-secret",
        "api_url": there.url,
        "token_url": f"{there.url}/oauth/token",
    }
    return Connection(name="plain", adapter=adapter, secrets=(SECRET,), **{**known, **changes})


FETCH = Fetch("order", "/orders/4711?expand=all")


async def test_a_body_is_fetched_with_a_token(there: Platform, platforms: Platforms) -> None:
    assert await platforms.fetch(connection(there), FETCH) == b'{"order":1}'
    assert there.asked == ["GET /orders/4711?expand=all"]
    assert there.forms == [
        {"grant_type": "client_credentials", "client_id": "me", "client_secret": "my-secret"}
    ]
    assert there.proofs == [None, "Bearer t1"]


async def test_the_adapter_says_how_a_token_is_asked_for(
    there: Platform, platforms: Platforms
) -> None:
    api = Api(url=there.url, oauth=OAuth(url=f"{there.url}/oauth/token", basic=True, scope="a b"))
    adapter = replace(PLAIN, api=api)
    await platforms.fetch(connection(there, adapter, api_url=None, token_url=None), FETCH)
    assert there.forms == [{"grant_type": "client_credentials", "scope": "a b"}]
    basic = base64.b64encode(b"me:my-secret").decode()
    assert there.proofs == [f"Basic {basic}", "Bearer t1"]


async def test_an_api_without_tokens_gets_none(there: Platform, platforms: Platforms) -> None:
    adapter = replace(PLAIN, api=Api(url=there.url))
    await platforms.fetch(connection(there, adapter, api_url=None), FETCH)
    assert there.proofs == [None]


async def test_headers_serve_a_connection_without_a_client(
    there: Platform, platforms: Platforms
) -> None:
    """Of an API that takes either."""
    oauth = OAuth(url=f"{there.url}/oauth/token")
    api = Api(url=there.url, oauth=oauth, headers=key_in("authorization", "Bearer "))
    at = connection(there, replace(PLAIN, api=api), api_key="t0", client_id=None)
    await platforms.fetch(at, FETCH)
    await platforms.fetch(replace(at, name="both", client_id="me"), FETCH)
    assert there.proofs == ["Bearer t0", None, "Bearer t1"]


async def test_a_key_that_is_not_taken_is_tried_once(there: Platform, platforms: Platforms) -> None:
    api = Api(url=there.url, headers=key_in("authorization"))
    at = connection(there, replace(PLAIN, api=api), api_key="wrong")
    with pytest.raises(Unavailable, match="answered 401"):
        await platforms.fetch(at, FETCH)
    assert there.proofs == ["wrong"]


async def test_without_its_key_nothing_is_asked(there: Platform, platforms: Platforms) -> None:
    """It would never do; once the key is set, a replay does."""
    api = Api(url=there.url, headers=key_in("authorization", "Bearer "), needs=("api_key",))
    at = connection(there, replace(PLAIN, api=api))
    with pytest.raises(Held, match=r"looked up at Plain: set connections\.plain\.api_key$"):
        await platforms.fetch(at, FETCH)
    assert there.asked == []
    await platforms.fetch(replace(at, api_key="t0"), FETCH)
    assert there.proofs == ["Bearer t0"]


async def test_a_platform_without_an_api_is_an_operator_s_business(
    there: Platform, platforms: Platforms
) -> None:
    with pytest.raises(Held, match="plain has no API"):
        await platforms.fetch(connection(there, replace(PLAIN, api=None)), FETCH)


# One token for all


async def test_twenty_at_once_ask_for_one_token(there: Platform, platforms: Platforms) -> None:
    at = connection(there)
    bodies = await asyncio.gather(*(platforms.fetch(at, FETCH) for _ in range(20)))
    assert bodies == [b'{"order":1}'] * 20
    assert len(there.forms) == 1
    assert len(there.asked) == 20


async def test_a_token_serves_until_shortly_before_its_end(
    there: Platform, platforms: Platforms, clock: Clock
) -> None:
    there.lasts = 600
    at = connection(there)
    await platforms.fetch(at, FETCH)
    clock.turn(seconds=560)
    await platforms.fetch(at, FETCH)
    assert len(there.forms) == 1
    clock.turn(seconds=11)
    await platforms.fetch(at, FETCH)
    assert there.proofs[-1] == "Bearer t2"
    assert len(there.forms) == 2


async def test_an_hour_where_nothing_is_said(
    there: Platform, platforms: Platforms, clock: Clock
) -> None:
    there.lasts = None
    at = connection(there)
    await platforms.fetch(at, FETCH)
    clock.turn(minutes=59)
    await platforms.fetch(at, FETCH)
    clock.turn(minutes=1)
    await platforms.fetch(at, FETCH)
    assert len(there.forms) == 2


async def test_an_end_that_is_null_is_none(there: Platform, platforms: Platforms) -> None:
    there.token_answer = lambda: JSONResponse({"access_token": "t0", "expires_in": None})
    assert await platforms.fetch(connection(there), FETCH) == b'{"order":1}'


@pytest.mark.parametrize("lasts", [0, -5, 1, "60"])
async def test_a_token_of_a_moment_is_used_for_that_moment(
    there: Platform, platforms: Platforms, lasts: object
) -> None:
    there.lasts = lasts
    assert await platforms.fetch(connection(there), FETCH) == b'{"order":1}'


async def test_a_withdrawn_token_is_renewed_once(there: Platform, platforms: Platforms) -> None:
    at = connection(there)
    await platforms.fetch(at, FETCH)
    there.withdraw()
    assert await platforms.fetch(at, FETCH) == b'{"order":1}'
    assert there.proofs == [None, "Bearer t1", "Bearer t1", None, "Bearer t3"]


async def test_twenty_with_a_withdrawn_token_renew_it_once(
    there: Platform, platforms: Platforms
) -> None:
    """Platforms limit how many tokens one may ask for; Uber Eats to a hundred an hour."""
    at = connection(there)
    await platforms.fetch(at, FETCH)
    there.withdraw()
    await asyncio.gather(*(platforms.fetch(at, FETCH) for _ in range(20)))
    assert len(there.forms) == 2


async def test_a_new_token_that_is_not_taken_either_is_for_later(
    there: Platform, platforms: Platforms
) -> None:
    there.answer = lambda: JSONResponse({"error": "scope"}, 401)
    with pytest.raises(Unavailable, match="answered 401"):
        await platforms.fetch(connection(there), FETCH)
    assert len(there.forms) == 2
    assert len(there.asked) == 2


async def test_connections_do_not_share_tokens(there: Platform, platforms: Platforms) -> None:
    one = connection(there)
    await platforms.fetch(one, FETCH)
    await platforms.fetch(replace(one, name="other", client_id="you"), FETCH)
    assert [form["client_id"] for form in there.forms] == ["me", "you"]


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=500),
        JSONResponse({"error": "invalid_client"}, 401),
        JSONResponse({"error": "invalid_client"}, 400),
        Response("<html>"),
        JSONResponse([]),
        JSONResponse({}),
        JSONResponse({"access_token": None}),
        JSONResponse({"access_token": "t", "expires_in": "soon"}),
        JSONResponse({"access_token": "t", "expires_in": 10**30}),
    ],
)
async def test_no_token_is_for_later_and_says_what_to_check(
    there: Platform, platforms: Platforms, answer: Response
) -> None:
    there.token_answer = lambda: answer
    with pytest.raises(Unavailable) as caught:
        await platforms.fetch(connection(there), FETCH)
    assert there.asked == []
    assert caught.value.pos is None  # no fault of a POS
    assert "my-secret" not in str(caught.value) + caught.value.answer
    there.token_answer = None
    await platforms.fetch(connection(there), FETCH)


# What a platform answers


@pytest.mark.parametrize("status", [404, 403, 408, 410, 425, 429, 500, 502, 503])
async def test_what_may_be_well_later(there: Platform, platforms: Platforms, status: int) -> None:
    headers = {"retry-after": "90"}
    there.answer = lambda: JSONResponse({"why": "so"}, status, headers)
    with pytest.raises(Unavailable) as caught:
        await platforms.fetch(connection(there), FETCH)
    assert caught.value.answer == '{"why":"so"}'
    assert caught.value.retry_after == 90
    assert caught.value.pos is None
    assert not caught.value.sent


@pytest.mark.parametrize("status", [400, 405, 409, 422])
async def test_what_is_refused_for_good(there: Platform, platforms: Platforms, status: int) -> None:
    there.answer = lambda: JSONResponse({"why": "so"}, status)
    with pytest.raises(Refused, match=f"plain answered {status}") as caught:
        await platforms.fetch(connection(there), FETCH)
    assert caught.value.answer == '{"why":"so"}'
    assert caught.value.pos is None


async def test_nobody_answers(there: Platform, platforms: Platforms) -> None:
    at = connection(
        there, adapter=replace(PLAIN, api=Api(url=there.url)), api_url="http://127.0.0.1:1"
    )
    with pytest.raises(Unavailable, match="plain: cannot connect"):
        await platforms.fetch(at, FETCH)


ACCEPT = Call(name="accept", method="POST", path="/orders/1/accept", json={"minutes": 20})


async def test_an_answer_is_given(there: Platform, platforms: Platforms) -> None:
    there.answer = lambda: Response("noted", 202)
    assert await platforms.call(connection(there), ACCEPT) == "202 noted"
    assert there.asked == ["POST /orders/1/accept"]
    assert there.bodies == [b'{"minutes": 20}']


async def test_one_without_a_body(there: Platform, platforms: Platforms) -> None:
    await platforms.call(connection(there), replace(ACCEPT, json=None, method="PUT"))
    assert there.asked == ["PUT /orders/1/accept"]
    assert there.bodies == [b""]


async def test_what_means_already_so_is_well(there: Platform, platforms: Platforms) -> None:
    there.answer = lambda: JSONResponse({"error": "accepted"}, 409)
    already = replace(ACCEPT, done=frozenset({409}))
    assert (await platforms.call(connection(there), already)).startswith("409 ")
    with pytest.raises(Refused):
        await platforms.call(connection(there), ACCEPT)


# Nowhere else


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    there: Platform, platforms: Platforms, status: int
) -> None:
    async with platform() as elsewhere:
        location = {"location": f"{elsewhere.url}/orders/4711"}
        there.answer = lambda: Response(status_code=status, headers=location)
        with pytest.raises(Unavailable):
            await platforms.fetch(connection(there), FETCH)
        there.token_answer = there.answer
        with pytest.raises(Unavailable):
            await platforms.fetch(replace(connection(there), name="other"), FETCH)
        assert elsewhere.asked == []
        assert elsewhere.forms == []


@pytest.mark.parametrize(
    "path", ["@{}/x", "//{}/x", "http://{}/x", "/@{}/x", ":80@{}/x", "/\\{}/x"]
)
async def test_no_path_leads_to_another_host(
    there: Platform, platforms: Platforms, path: str
) -> None:
    """A path is made of what a payload says, and a token goes with it."""
    async with platform() as elsewhere:
        fetch = Fetch("order", path.format(elsewhere.url.removeprefix("http://")))
        try:
            await platforms.fetch(connection(there), fetch)
        except Exception as error:
            assert isinstance(error, Refused | Unavailable | Held)  # noqa: PT017
        assert elsewhere.asked == []
        assert elsewhere.proofs == []


async def test_the_address_of_the_connection_goes_before_the_adapter_s(
    there: Platform, platforms: Platforms
) -> None:
    async with platform() as own:
        adapter = replace(
            PLAIN, api=Api(url=f"{own.url}/v1/", oauth=OAuth(url=f"{own.url}/oauth/token"))
        )
        await platforms.fetch(connection(there, adapter), FETCH)
        assert own.asked == []
        await platforms.fetch(
            replace(connection(there, adapter, api_url=None), name="x", token_url=None), FETCH
        )
        assert own.asked == ["GET /v1/orders/4711?expand=all"]
