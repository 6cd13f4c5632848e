"""The line from a platform's request to OktoPOS, over real sockets and a real box."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plain import order, payment
from tests.running import line

pytestmark = pytest.mark.anyio


async def test_an_order_is_created(tmp_path: Path) -> None:
    async with line(tmp_path) as run:
        job = await run.send(order())
        done = await run.until(job, "done")
        (booked,) = await run.orders()
        assert booked["order"]["orderId"] == "plain:o1"
        assert booked["order"]["payment"]["price"] == {"value": "9.90", "currency": "EUR"}
        assert [step["outcome"] for step in done["attempts"]] == ["created"]


async def test_a_second_announcement_creates_nothing(tmp_path: Path) -> None:
    async with line(tmp_path) as run:
        await run.until(await run.send(order()), "done")
        again = await run.until(await run.send(order()), "done")
        assert again["attempts"][0]["outcome"] == "repeated"
        assert len(await run.orders()) == 1


async def test_a_payment_waits_for_its_order(tmp_path: Path) -> None:
    async with line(tmp_path) as run:
        paid = await run.send(payment("O1"), to="pay")
        await run.until(paid, "waiting")
        await run.send(order(payment="call_for_payment"))
        await run.until(paid, "done")
        assert [call["path"] for call in await run.calls()] == [
            "/v1/order/create",
            "/v1/order/set-payment-status",
        ]
