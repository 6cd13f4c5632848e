"""A clock that was ahead and is set back: nothing waits until it shows that time again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count

import pytest
from sqlalchemy import Connection

from receiver import inbox, worker
from receiver.inbox import clock, settle
from receiver.inbox.records import (
    Ending,
    PosVerdict,
    Settled,
    Settlement,
    State,
    StoreUnavailable,
    ms,
)
from receiver.pipeline import ready
from tests.box import DONE, NOW, Box, incoming, later, order_record
from tests.plain import order
from tests.running import eventually, line

AHEAD = {"minutes": 10.0}
TURNED = later(minutes=10)
WAITING = Settlement(state=State.WAITING, due_at=later(minutes=11))


def set_back(box: Box) -> int:
    return box.do(partial(clock.set_back, now=NOW))


def test_what_was_kept_ahead_of_time_is_claimed(box: Box) -> None:
    box.keep(incoming("d1", at=TURNED))
    assert box.claim(now=NOW)


def test_what_was_put_off_ahead_of_time_is_due(box: Box) -> None:
    box.keep(incoming("d1"), incoming("d2"))
    first, second = box.claim()
    box.settle(first, WAITING, now=TURNED)
    box.settle(second, WAITING, now=NOW)
    assert set_back(box) == 1
    assert box.one(now=NOW).id == first.id


def test_what_was_woken_ahead_of_time_is_awake(box: Box) -> None:
    box.keep(incoming("d1"), incoming("d2"))
    payment, order = box.claim()
    box.settle(payment, replace(WAITING, awaits="O1", tills=("mitte",)))
    box.settle(order, replace(DONE, orders=(order_record(),)), now=TURNED)
    assert box.one(now=NOW).id == payment.id


def test_a_worker_heard_of_ahead_of_time_is_not_taken_for_alive_for_longer(box: Box) -> None:
    box.keep(incoming("d1"))
    box.beat("gone", now=TURNED)
    box.one("gone")
    set_back(box)
    assert box.beat("me", now=later(seconds=13)) == 1


@pytest.mark.parametrize("paused", [TURNED, NOW])
def test_a_pos_paused_ahead_of_time_begins_its_rest_anew(box: Box, paused: datetime) -> None:
    for _ in range(5):
        box.judge(PosVerdict("mitte", "away"), now=paused)
    set_back(box)
    (state,) = box.rows("pos_states")
    assert state["probe_at"] == ms(later(seconds=5))


@pytest.mark.anyio
async def test_an_order_does_not_wait_for_the_time_that_was(database_url: str) -> None:
    async with line(database_url, chance=1.0) as run:
        run.clock.turn(**AHEAD)
        await run.fault("fail", path="order/create")
        sent = [await run.send(order(f"o{number}")) for number in range(5)]
        for job in sent:
            await run.until(job, "waiting")
        await run.mend()
        run.clock.turn(minutes=-10)
        await asyncio.sleep(0.5)  # until it was noticed
        run.clock.turn(seconds=6)
        for job in sent:
            await run.until(job, "done")


@pytest.mark.anyio
async def test_what_is_written_late_is_put_off_by_the_time_that_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away until the clock had been set back."""
    monkeypatch.setattr(worker, "STORE_DOWN_SECONDS", 0.5)  # it is noticed before that
    tries = count()

    def at_second_try(box: Connection, endings: Sequence[Ending]) -> list[Settled]:
        if endings and next(tries) == 0:
            run.clock.turn(minutes=-10)
            raise StoreUnavailable("away")
        return settle.settle_many(box, endings)

    async with line(database_url, chance=1.0) as run:
        run.clock.turn(**AHEAD)
        await run.fault("fail", path="order/create")
        monkeypatch.setattr(inbox, "settle_many", at_second_try)
        sent = await run.send(order())
        await run.until(sent, "waiting")
        await run.mend()
        run.clock.turn(seconds=6)
        await run.until(sent, "done")


@pytest.mark.anyio
async def test_the_till_is_asked_for_ready_orders_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "POLL_SECONDS", 0.02)

    async with line(database_url, pos={"ready_every": 30}, connection={"accept": "on_pos"}) as run:

        async def asked() -> int:
            return sum(call["path"] == "/v1/order/ready" for call in await run.calls())

        await run.until(await run.send(order()), "done")
        run.clock.turn(**AHEAD)
        await eventually(asked, lambda count: count == 1)
        run.clock.turn(minutes=-10)
        await eventually(asked, lambda count: count == 2)
