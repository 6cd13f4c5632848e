"""What proves a delivery at the web side, and set-up requests that prove nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.contract import Ack, Delivery, Proof, Secrets
from tests.plain import PLAIN, SCHEME, SECRET, body, order
from tests.receiving import receiving

pytestmark = pytest.mark.anyio

KEY = "the-key-the-platform-sends"


def greeted(delivery: Delivery, secrets: Secrets) -> Ack | None:
    """Answers `GET ?challenge=` with a secret, and an unsigned ping."""
    _, asked, challenge = delivery.url.partition("?challenge=")
    if delivery.method == "GET" and asked:
        return Ack(body=f"{challenge}:{secrets[0]}".encode())
    return Ack() if delivery.body == b"ping=1" else None


GREETING = replace(PLAIN, handshake=greeted)


async def test_a_handshake_is_answered_and_not_kept(tmp_path: Path) -> None:
    async with receiving(tmp_path, adapter=GREETING) as run:
        answer = await run.client.get("/webhooks/plain?challenge=abc")
        assert (answer.status_code, answer.text) == (200, f"abc:{SECRET}")
        ping = await run.client.post("/webhooks/plain", content=b"ping=1")
        assert (ping.status_code, ping.content) == (200, b"")
        assert await run.kept() == []
        assert await run.suspects() == []


async def test_other_requests_are_what_they_always_were(tmp_path: Path) -> None:
    async with receiving(tmp_path, adapter=GREETING) as run:
        assert (await run.client.get("/webhooks/plain")).status_code == 405
        assert (await run.client.post("/webhooks/plain", content=b"ping=2")).status_code == 401
        assert (await run.post(body(order()))).status_code == 200
        assert len(await run.kept()) == 1


async def test_without_a_handshake_there_is_nothing_to_get(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        assert (await run.client.get("/webhooks/plain?challenge=abc")).status_code == 405


def by_key(delivery: Delivery) -> Proof:
    return Proof(by="api_key") if delivery.path == "notice" else Proof()


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [("", SECRET, 200), ("/notice", KEY, 200), ("", KEY, 401), ("/notice", SECRET, 401)],
)
async def test_each_delivery_by_the_setting_that_proves_it(
    path: str, secret: str, status: int, tmp_path: Path
) -> None:
    async with receiving(tmp_path, adapter=replace(PLAIN, proof=by_key), api_key=KEY) as run:
        content = body(order())
        blank = Delivery("POST", "", "", {}, content, datetime.now(UTC))
        headers = SCHEME.sign(blank, secret).headers
        answer = await run.client.post(
            f"/webhooks/plain{path}", content=content, headers=dict(headers)
        )
        assert answer.status_code == status


async def test_without_the_key_nothing_is_proven_by_it(tmp_path: Path) -> None:
    async with receiving(tmp_path, adapter=replace(PLAIN, proof=by_key)) as run:
        answer = await run.post(body(order()), to="plain/notice")
        assert answer.status_code == 401
