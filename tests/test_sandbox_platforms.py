"""The stand-in for the platforms' APIs: what it takes, what it refuses, what it notes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters import ADAPTERS
from adapters.api import Api, Credentials, Expected, OAuth, basic, key_in
from receiver.sandbox import create_platform
from receiver.serving import serving

pytestmark = pytest.mark.anyio

KNOWN = Credentials("me", "bXktc2VjcmV0", "my-key", "shared")
TOKENS = OAuth(url="https://platform.example/oauth/v2/token", scope="orders")
CALLS = (
    Expected(name="fetch", method="GET", path="/orders/[^/]+", query={"expand?": str}),
    Expected(name="list", method="GET", path="/orders", query={"page?": str}, says=[]),
    Expected(name="accept", method="POST", path="/orders/[^/]+/accept", body={}, status=204),
    Expected(
        name="deny", method="POST", path="/orders/[^/]+/deny", body={"why": str}, says={"ok": 1}
    ),
)
API = Api(url="https://platform.example", oauth=TOKENS, calls=CALLS)
BODIES = {"/orders/4711": b'{"id": "4711"}'}
FORM = {"client_id": "me", "client_secret": "bXktc2VjcmV0", "scope": "orders"}
ASKED = {"grant_type": "client_credentials", **FORM}


@asynccontextmanager
async def standing(api: Api = API, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(create_platform(api, KNOWN, BODIES, **more)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
async def platform() -> AsyncIterator[httpx.AsyncClient]:
    async with standing() as client:
        yield client


@pytest.fixture
async def known(platform: httpx.AsyncClient) -> httpx.AsyncClient:
    """One that carries a token."""
    answer = (await platform.post("/oauth/v2/token", data=ASKED)).json()
    platform.headers["Authorization"] = f"{answer['token_type']} {answer['access_token']}"
    return platform


async def calls(platform: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await platform.get("/_sandbox/calls")).json()
    return found


async def wrong(platform: httpx.AsyncClient) -> list[str]:
    found: list[str] = (await calls(platform))[-1]["wrong"]
    return found


# What it takes


async def test_what_is_documented_is_answered_as_documented(known: httpx.AsyncClient) -> None:
    accepted = await known.post("/orders/4711/accept", json={})
    assert (accepted.status_code, accepted.content) == (204, b"")
    denied = await known.post("/orders/4711/deny", json={"why": "closed"})
    assert (denied.status_code, denied.json()) == (200, {"ok": 1})
    fetched = await known.get("/orders/4711?expand=all")
    assert (fetched.status_code, fetched.content) == (200, BODIES["/orders/4711"])
    assert (await known.get("/orders/4712")).status_code == 404
    assert (await known.get("/orders?page=1")).json() == []
    assert [row["wrong"] for row in await calls(known)] == [[]] * 6


async def test_a_path_is_told_as_it_came(known: httpx.AsyncClient) -> None:
    answer = await known.post("/orders/gb%3A4711%2F1/accept?x=1", json={})
    assert answer.status_code == 400
    row = (await calls(known))[-1]
    assert (row["path"], row["query"], row["call"]) == (
        "/orders/gb%3A4711%2F1/accept",
        "x=1",
        "accept",
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("POST", "/orders/1/deny", {}, 400, "body.why: Field required"),
        ("POST", "/orders/1/deny", {"why": 1}, 400, "body.why: Input should be a valid string"),
        ("POST", "/orders/1/accept", {"more": 1}, 400, "body.more: Extra inputs are not permitted"),
        ("PUT", "/orders/1/accept", {}, 404, "method: only POST"),
        ("POST", "/elsewhere", {}, 404, "path: not documented"),
    ],
)
async def test_what_is_not_documented_is_refused(
    known: httpx.AsyncClient, method: str, path: str, body: object, status: int, named: str
) -> None:
    answer = await known.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json() == {"error": named}
    assert await wrong(known) == [named]


# Who may


@pytest.mark.parametrize("proof", [None, "Basic bWU6eA==", "Bearer made-up", "Bearer"])
async def test_a_call_needs_a_token_that_was_handed_out(
    platform: httpx.AsyncClient, proof: str | None
) -> None:
    headers = {"authorization": proof} if proof else {}
    answer = await platform.post("/orders/1/accept", json={}, headers=headers)
    assert answer.status_code == 401
    assert await wrong(platform) == ["proof: missing, or not ours"]


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"scope": "more"}, 400, "invalid_request"),
        ({"scope": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "r1"}, 400, "unsupported_grant_type"),
    ],
)
async def test_no_token_for_what_is_wrong(
    platform: httpx.AsyncClient, changes: Mapping[str, str | None], status: int, error: str
) -> None:
    form = {key: text for key, text in {**ASKED, **changes}.items() if text is not None}
    answer = await platform.post("/oauth/v2/token", data=form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert len(await wrong(platform)) == 1


async def test_a_request_for_a_token_shows_no_secret(platform: httpx.AsyncClient) -> None:
    await platform.post("/oauth/v2/token", data=ASKED)
    (row,) = await calls(platform)
    assert (row["call"], row["body"], row["wrong"]) == ("token", "", [])
    assert KNOWN.client_secret not in str(row)


async def test_a_token_by_basic_and_by_json() -> None:
    pair = base64.b64encode(b"me:bXktc2VjcmV0").decode()
    extra = (("grant_type", "token"), ("audience", "it"))
    in_json = OAuth(url=TOKENS.url, basic=True, as_json=True, extra=extra)
    async with standing(replace(API, oauth=in_json)) as platform:
        headers = {"authorization": f"Basic {pair}"}
        fields = {"grant_type": "token", "audience": "it"}
        for body, status in ((fields, 200), ({**fields, "audience": "you"}, 400)):
            answer = await platform.post("/oauth/v2/token", json=body, headers=headers)
            assert answer.status_code == status
        assert (await platform.post("/oauth/v2/token", json=fields)).status_code == 401
        assert (await platform.post("/oauth/v2/token", data=fields)).status_code == 400


async def test_a_refresh_token_works_once() -> None:
    """And used again it revokes all that came of it, as Wolt has it."""
    oauth = OAuth(url=TOKENS.url, refreshes=True)
    async with standing(replace(API, oauth=oauth), refresh_token="r1") as platform:

        async def ask(token: str) -> httpx.Response:
            form = {"grant_type": "refresh_token", "refresh_token": token, **FORM}
            return await platform.post("/oauth/v2/token", data=form)

        async def may(token: str) -> bool:
            headers = {"authorization": f"Bearer {token}"}
            return (await platform.get("/orders/4711", headers=headers)).status_code == 200

        first = (await ask("r1")).json()
        second = (await ask(first["refresh_token"])).json()
        assert len({"r1", first["refresh_token"], second["refresh_token"]}) == 3
        assert await may(first["access_token"])
        again = await ask("r1")
        assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
        assert not await may(first["access_token"])
        assert (await ask(second["refresh_token"])).json() == {"error": "invalid_grant"}


async def test_a_refresh_token_that_is_none_revokes_nothing() -> None:
    oauth = OAuth(url=TOKENS.url, refreshes=True)
    async with standing(replace(API, oauth=oauth), refresh_token="r1") as platform:
        form = {"grant_type": "refresh_token", **FORM}
        answer = await platform.post("/oauth/v2/token", data={**form, "refresh_token": "r0"})
        assert answer.status_code == 400
        answer = await platform.post("/oauth/v2/token", data={**form, "refresh_token": "r1"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("api", "right", "wrong_key"),
    [
        (Api(url="", headers=key_in("x-key"), calls=CALLS), {"x-key": "my-key"}, {"x-key": "k"}),
        (
            Api(url="", headers=basic, calls=CALLS),
            {"authorization": "Basic bWU6YlhrdGMyVmpjbVYw"},
            {"authorization": "Basic bWU6eA=="},
        ),
        (
            Api(url="", oauth=TOKENS, headers=key_in("x-key"), calls=CALLS),
            {"x-key": "my-key"},
            {"x-key": ""},
        ),
    ],
)
async def test_a_key_proves_a_call(
    api: Api, right: dict[str, str], wrong_key: dict[str, str]
) -> None:
    async with standing(api) as platform:
        for headers, status in ((right, 200), (wrong_key, 401), ({}, 401)):
            assert (await platform.get("/orders/4711", headers=headers)).status_code == status


async def test_doordash_s_token_is_verified() -> None:
    api = ADAPTERS["doordash"].api
    assert api
    now = datetime.now(UTC)
    path, body = "/api/v1/orders/1/events/order_ready_for_pickup", {"merchant_supplied_id": "1"}
    agent = {"user-agent": "Okto/1.0"}
    other = KNOWN._replace(client_secret="b3RoZXI")
    async with standing(api) as platform:
        for known, at, changes, status in (
            (KNOWN, now, {}, 202),
            (KNOWN, now - timedelta(minutes=4), {}, 202),
            (KNOWN, now - timedelta(minutes=6), {}, 401),
            (KNOWN, now + timedelta(minutes=6), {}, 401),
            (KNOWN, now, {"auth-version": "v1"}, 401),
            (KNOWN, now, {"authorization": "Bearer a.b.c"}, 401),
            (KNOWN, now, {"authorization": ""}, 401),
            (other, now, {}, 401),
            (KNOWN._replace(client_id="another"), now, {}, 401),
            (KNOWN._replace(api_key="another"), now, {}, 401),
            (KNOWN, now, {"user-agent": "oktopos-receiver"}, 400),
        ):
            headers = {**agent, **api.headers(known, at), **changes}
            answer = await platform.patch(path, json=body, headers=headers)
            assert answer.status_code == status, (at, changes)


# What it is told to do


async def test_faults_and_their_end(known: httpx.AsyncClient) -> None:
    """As Delivery Hero's 409, whose body says whether to come again."""
    waits = {"currentState": "ASSIGNED_TO_TRANSPORT"}
    fault = {"kind": "fail", "path": "accept", "status": 409, "body": waits, "times": 1}
    assert (await known.post("/_sandbox/faults", json=fault)).status_code == 200
    assert (await known.get("/orders/4711")).status_code == 200
    first = await known.post("/orders/1/accept", json={})
    assert (first.status_code, first.json()) == (409, waits)
    assert (await known.post("/orders/1/accept", json={})).status_code == 204
    await known.post("/_sandbox/faults", json={"kind": "fail", "headers": {"retry-after": "7"}})
    failed = await known.post("/orders/1/accept", json={})
    assert (failed.status_code, failed.headers["retry-after"]) == (500, "7")
    await known.delete("/_sandbox/faults")
    assert (await known.post("/orders/1/accept", json={})).status_code == 204


async def test_a_call_can_be_cut_off(known: httpx.AsyncClient) -> None:
    for kind in ("drop", "drop_after"):
        await known.post("/_sandbox/faults", json={"kind": kind, "times": 1})
        with pytest.raises(httpx.TransportError):
            await known.post("/orders/1/accept", json={})
        assert (await calls(known))[-1]["status"] is None


async def test_no_token_is_a_fault_too(platform: httpx.AsyncClient) -> None:
    await platform.post("/_sandbox/faults", json={"kind": "fail", "path": "token", "status": 503})
    assert (await platform.post("/oauth/v2/token", data=ASKED)).status_code == 503


async def test_an_unknown_fault_is_refused(platform: httpx.AsyncClient) -> None:
    answer = await platform.post("/_sandbox/faults", json={"kind": "explode"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("kind: ")


async def test_answers_by_path_and_by_page(known: httpx.AsyncClient) -> None:
    for kept in (
        {"path": "/orders", "body": [{"id": 1}], "headers": {"x-next": "2"}},
        {"path": "/orders?page=2", "body": [{"id": 2}]},
    ):
        assert (await known.post("/_sandbox/answers", json=kept)).status_code == 204
    first = await known.get("/orders")
    assert (first.json(), first.headers["x-next"]) == ([{"id": 1}], "2")
    assert (await known.get("/orders?page=2")).json() == [{"id": 2}]
    assert (await known.get("/orders?page=3")).json() == [{"id": 1}]


async def test_certificates_are_for_anyone() -> None:
    shelf: dict[str, bytes] = {}
    async with standing(certificates=shelf) as platform:
        assert (await platform.get("/orders/cert")).status_code == 401
        shelf["/orders/cert"] = b"-----BEGIN CERTIFICATE-----"
        assert (await platform.get("/orders/cert")).content == shelf["/orders/cert"]
        assert (await platform.post("/orders/cert")).status_code == 401


async def test_calls_are_forgotten(known: httpx.AsyncClient) -> None:
    await known.delete("/_sandbox/calls")
    assert await calls(known) == []
