"""What the process says of itself, over real sockets."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from sqlalchemy import Connection
from starlette.types import ASGIApp

from receiver import health
from receiver.inbox import listing, open_inbox
from receiver.serving import serving
from receiver.web import create_app
from tests.plain import body, order
from tests.receiving import Receiving, receiving
from tests.running import line, settings

pytestmark = pytest.mark.anyio

NO_ANSWER = {"ready": False, "reasons": ["the database does not answer"]}
NOT_MIGRATED = {"ready": False, "reasons": ["the database is not migrated: receiver migrate"]}


def said(answer: httpx.Response) -> tuple[int, Any]:
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


async def test_alive_checks_nothing(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        await run.inbox.close()
        for path in ("/healthz", "/livez"):
            assert said(await run.client.get(path)) == (200, {"status": "ok"})
            assert (await run.client.head(path)).status_code == 200


async def test_ready(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        assert said(await run.client.get("/readyz")) == (200, {"ready": True, "reasons": []})


async def test_a_pos_that_is_down_does_not_make_us_unready(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("forbid")
        await run.until(await run.send(order()), "waiting")
        assert said(await run.web.get("/readyz"))[0] == 200


async def test_draining(tmp_path: Path) -> None:
    draining = False
    async with receiving(tmp_path) as run:
        app = create_app(run.settings, run.inbox, lambda: draining)
        async with serving(app) as url:
            assert said(await run.client.get(f"{url}/readyz"))[0] == 200
            draining = True
            expected = {"ready": False, "reasons": ["draining"]}
            assert said(await run.client.get(f"{url}/readyz")) == (503, expected)
            assert said(await run.client.get(f"{url}/livez"))[0] == 200


async def test_not_migrated(tmp_path: Path) -> None:
    made = settings(f"sqlite:///{tmp_path / 'empty.db'}", {})
    inbox = await open_inbox(made.database_url)
    try:
        async with serving(create_app(made, inbox)) as url, httpx.AsyncClient() as client:
            assert said(await client.get(f"{url}/readyz")) == (503, NOT_MIGRATED)
            assert (await client.get(f"{url}/metrics")).status_code == 200
    finally:
        await inbox.close()


async def revised(run: Receiving, to: str) -> None:
    change = f"UPDATE alembic_version SET version_num = '{to}'"
    await run.inbox.write(lambda box: box.exec_driver_sql(change))


async def test_of_an_earlier_version(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        await revised(run, "0001")
        assert said(await run.client.get("/readyz")) == (503, NOT_MIGRATED)


async def test_of_a_later_version_it_goes_on(tmp_path: Path) -> None:
    """While the next version is rolled out the old one works beside it, in the new shape."""
    async with receiving(tmp_path) as run:
        await revised(run, "9999")
        assert said(await run.client.get("/readyz"))[0] == 200


async def test_the_database_is_away(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        await run.inbox.close()
        assert said(await run.client.get("/readyz")) == (503, NO_ANSWER)


async def test_the_database_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No outage as the driver sees it: "file is not a database"."""
    (tmp_path / "damaged.db").write_bytes(b"no database" * 1000)

    def look(box: Connection) -> NoReturn:
        box.exec_driver_sql(f"ATTACH '{tmp_path / 'damaged.db'}' AS damaged")
        raise AssertionError

    monkeypatch.setattr(health, "revision", look)
    monkeypatch.setattr(listing, "counts", look)
    async with receiving(tmp_path) as run:
        assert said(await run.client.get("/readyz")) == (503, NO_ANSWER)
        answer = await run.client.get("/metrics")
    assert (answer.status_code, jobs(answer.text)) == (200, {})


async def test_a_database_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.05)
    back = threading.Event()
    async with receiving(tmp_path) as run:
        hanging = asyncio.create_task(run.inbox.read(lambda _: back.wait(10)))
        await asyncio.sleep(0)
        assert said(await run.client.get("/readyz")) == (503, NO_ANSWER)
        assert (await run.client.get("/metrics")).status_code == 200
        back.set()
        await hanging
        assert said(await run.client.get("/readyz"))[0] == 200


def jobs(text: str) -> dict[str, float]:
    found = re.findall(r'^receiver_jobs\{state="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {state: float(count) for state, count in found}


async def test_metrics(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        first = (await run.client.get("/metrics")).text
        content = body(order())
        for _ in range(2):
            await run.post(content)
        await run.post(content, **{"x-plain": "wrong"})
        answer = await run.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for result in ("kept", "repeated", "rejected"):
        name = f'receiver_deliveries_total{{connection="plain",result="{result}"}}'
        assert sample(answer.text, name) == sample(first, name) + 1
    took = "receiver_ack_seconds_count"
    assert sample(answer.text, took) == sample(first, took) + 2
    assert jobs(answer.text) == {"ready": 1, "running": 0, "waiting": 0, "held": 0}


async def test_orders_at_risk_are_counted_as_long_as_they_are(tmp_path: Path) -> None:
    gauge = 'receiver_orders_at_risk{connection="plain"}'
    async with receiving(tmp_path) as run:
        await run.post(body(order()))
        for risk, state, count in (("false", "held", 0), ("true", "held", 1), ("true", "dead", 0)):
            text = f"UPDATE jobs SET at_risk = {risk}, state = '{state}'"
            await run.inbox.write(lambda box, text=text: box.exec_driver_sql(text))  # type: ignore[misc]
            said = (await run.client.get("/metrics")).text
            assert gauge in said
            assert sample(said, gauge) == count


def sample(text: str, name: str) -> float:
    found = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return next((float(value) for key, _, value in found if key == name), 0.0)


async def test_labels_come_from_the_set_up_only(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        for name in ("marked-one", "marked%22two", "plain/marked"):
            await run.post(b"{}", to=name)
        assert "marked" not in (await run.client.get("/metrics")).text


async def status(app: ASGIApp, host: str | None, **headers: str) -> int:
    """What /metrics answers to a caller from there."""
    caller: Any = (host, 4711) if host else None
    transport = httpx.ASGITransport(app, client=caller)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as web:
        return (await web.get("/metrics", headers=headers)).status_code


async def test_metrics_without_a_token_stay_on_the_machine(tmp_path: Path) -> None:
    async with receiving(tmp_path) as run:
        app = create_app(run.settings, run.inbox)
        for here in ("127.0.0.1", "::1"):
            assert await status(app, here) == 200
            assert await status(app, here, **{"x-forwarded-for": "203.0.113.7"}) == 403
        for elsewhere in ("203.0.113.7", "10.0.0.1", "2001:db8::1", None):
            assert await status(app, elsewhere) == 403


async def test_metrics_with_a_token(tmp_path: Path) -> None:
    wrong = (
        b"Bearer a-toke",
        b"Bearer a-token2",
        b"a-token",
        b"Basic a-token",
        b"",
        b"Bearer \xff",
    )
    async with receiving(tmp_path, metrics_token="a-token") as run:
        for given in wrong:
            answer = await run.client.get("/metrics", headers={b"authorization": given})
            assert said(answer)[0] == 403
        assert (await run.client.get("/metrics")).status_code == 403
        proven = {"authorization": "Bearer a-token"}
        assert (await run.client.get("/metrics", headers=proven)).status_code == 200
        app = create_app(run.settings, run.inbox)
        assert await status(app, "203.0.113.7", **proven) == 200
