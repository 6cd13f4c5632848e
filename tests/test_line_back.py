"""The way back over real sockets: accepted, ready, canceled; and a platform that is not there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event

from adapters.contract import Reason
from receiver import metrics, worker
from receiver.inbox import listing, operate
from receiver.pipeline import ready
from receiver.pipeline.withdrawing import Withdrawn, withdraw
from receiver.serve import create_tools, working
from tests.plain import body, cancellation, order
from tests.running import Json, Line, eventually
from tests.telling import Platform, saying, told

pytestmark = pytest.mark.anyio

READY, SET_STATUS = "/v1/order/ready", "/v1/order/set-status"
STRANGE = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": None, "item_id": "i-7"}


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks often, so that nobody waits long after the clock was turned."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(ready, "POLL_SECONDS", 0.02)


def outcomes(job: Json) -> list[str]:
    return [step["outcome"] for step in job["attempts"]]


async def answers(run: Line, *states: str) -> list[Json]:
    return [job for job in await run.jobs(states=states) if job["answer"]]


async def peers(run: Line) -> dict[str, Json]:
    return {row["pos"]: row for row in await run.inbox.read(listing.pos_list)}


async def paused(run: Line) -> set[str]:
    return {name for name, row in (await peers(run)).items() if row["paused"]}


def accepted(*names: str) -> list[str]:
    return [f"/orders/{name}/created" for name in names]


# Accepted


async def test_the_time_in_an_answer_is_that_of_the_try(database_url: str) -> None:
    async with told(database_url, chance=1.0) as (run, platform):
        platform.answers = [saying(503)]
        await run.send(order(answering={"step": "special"}))
        await platform.tried(1)
        run.clock.turn(minutes=3)
        await platform.told("/orders/o1/created")
        said = platform.heard[0][1]
        assert said["step"] == "special"
        sent = datetime.fromisoformat(said["at"])
        assert abs((run.clock() - sent).total_seconds()) < 60


async def test_every_announcement_is_accepted(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        for _ in range(3):
            await run.until(await run.send(order()), "done")
        await platform.told(*accepted("o1") * 3)


async def test_each_once_at_first_sight_whatever_becomes_of_it(database_url: str) -> None:
    connection = {"accept": "on_receipt", "articles": (articles := {})}
    async with told(database_url, connection=connection) as (run, platform):
        first = await run.send(order(lines=[STRANGE]))
        await run.until(first, "held")
        await platform.told(*accepted("o1"))
        now = run.clock()
        await run.inbox.write(lambda box: operate.act(box, "replay", [first], now))
        await eventually(lambda: run.job(first), lambda job: len(job["attempts"]) > 2)
        await run.inbox.write(lambda box: operate.act(box, "discard", [first], now))
        second = await run.send(order(lines=[STRANGE]))
        await run.until(second, "held")
        await platform.told(*accepted("o1") * 2)
        articles["i-7"] = "4711"
        await run.inbox.write(lambda box: operate.act(box, "replay", [second], now))
        await run.until(second, "done")
        await platform.told(*accepted("o1") * 2)


async def test_what_comes_too_soon_is_said_again_every_ten_seconds(database_url: str) -> None:
    async with told(database_url, chance=1.0) as (run, platform):
        platform.answers = [saying(409, state="PENDING")] * 3
        await run.send(order())
        for tries in (1, 2, 3):
            await platform.tried(tries)
            (answer,) = await eventually(lambda: answers(run, "waiting"), bool)
            await eventually(
                lambda: run.job(answer["id"]),  # noqa: B023
                lambda job: len(job["attempts"]) == tries,  # noqa: B023
            )
            run.clock.turn(seconds=9)
            await asyncio.sleep(0.1)
            assert platform.tries == tries
            run.clock.turn(seconds=1.5)
        await platform.told(*accepted("o1"))
        assert await paused(run) == set()


async def test_but_for_five_minutes_only(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        platform.stuck = saying(409, state="PENDING")
        await run.send(order())
        await platform.tried(1)
        await eventually(lambda: answers(run, "waiting"), bool)
        run.clock.turn(minutes=5)
        (dead,) = await eventually(lambda: answers(run, "dead"), bool)
        assert dead["reason"] == "gave up after 5 minutes: plain answered 409: PENDING"


async def test_and_not_where_the_answer_says_something_else(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        platform.stuck = saying(409, state="CANCELLED")
        await run.send(order())
        (dead,) = await eventually(lambda: answers(run, "dead"), bool)
        assert dead["reason"] == "plain answered 409"


# A platform that is not there


async def test_a_platform_that_is_down_is_paused_and_probed(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        platform.stuck = saying(503)
        for number in range(8):
            await run.until(await run.send(order(f"o{number}")), "done")
        await eventually(lambda: paused(run), lambda found: found == {"@plain"})
        await eventually(lambda: answers(run, "waiting"), lambda found: len(found) == 8)
        before = platform.tries
        await run.until(await run.send(order("o8")), "done")
        (latest, *_) = await eventually(
            lambda: answers(run, "waiting"), lambda found: len(found) == 9
        )
        assert latest["reason"].startswith("plain is paused: plain answered 503")
        assert platform.tries == before
        row = (await run.inbox.read(lambda box: operate.pos_overview(box, ["mitte", "@plain"])))[1]
        assert (row["paused"], row["waiting"]) == ("failing", 9)
        platform.stuck = None
        run.clock.turn(seconds=6)
        await platform.tried(before + 9)
        await platform.told(*accepted(*(f"o{number}" for number in range(9))))
        assert await paused(run) == set()


async def test_one_order_that_it_does_not_know_pauses_nobody(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        platform.answers = [saying(404)] * 7
        await run.send(order())
        await platform.told(*accepted("o1"))
        assert await paused(run) == set()


async def test_nor_does_what_is_fetched_from_it(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        platform.stuck = saying(503)
        job = await run.send({"is": "Fetch", "name": "order", "path": "/orders/o1"})
        await eventually(lambda: run.job(job), lambda found: found["failures"] > 6)
        assert await paused(run) == set()
        assert (await run.job(job))["pos"] == "mitte"


async def test_an_operator_may_pause_it(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        now = run.clock()
        await run.inbox.write(lambda box: operate.pause_pos(box, "@plain", now))
        await run.until(await run.send(order()), "done")
        await eventually(lambda: answers(run, "waiting"), bool)
        assert platform.tries == 0
        await run.inbox.write(lambda box: operate.resume_pos(box, "@plain", now))
        await platform.told(*accepted("o1"))


async def test_answers_are_counted(database_url: str) -> None:
    labels = {"connection": "plain", "outcome": "created", "state": "done"}
    before = metrics.REGISTRY.get_sample_value("receiver_answers_total", labels) or 0.0

    async def counted() -> float:
        found = metrics.REGISTRY.get_sample_value("receiver_answers_total", labels)
        return (found or 0.0) - before

    async with told(database_url) as (run, _):
        await run.until(await run.send(order()), "done")
        assert await eventually(counted, bool) == 1


# Ready


async def make_ready(run: Line, *order_ids: str) -> None:
    """As the kitchen does it."""
    for held in await run.orders():
        if held["orderId"] in order_ids:
            change = {"orderId": held["internalId"], "status": "ready"}
            key = {"X-API-Key": "sandbox"}
            answer = await run.till.post(SET_STATUS, json=change, headers=key)
            assert answer.status_code == 200


async def polled(run: Line) -> int:
    return Counter(call["path"] for call in await run.calls())[READY]


async def next_poll(run: Line) -> None:
    """The clock is turned to it, and it is over."""
    before = await polled(run)
    run.clock.turn(seconds=15)
    await eventually(lambda: polled(run), lambda found: found > before)
    await asyncio.sleep(0.05)


EVERY = {"ready_every": 15}


async def test_each_platform_is_told_once_and_for_ever(database_url: str) -> None:
    async with told(database_url, pos=EVERY) as (run, platform):
        for name in ("o1", "o2"):
            await run.until(await run.send(order(name)), "done")
        await platform.told(*accepted("o1", "o2"))
        await next_poll(run)
        assert len(platform.heard) == 2
        await make_ready(run, "plain:o1")
        await next_poll(run)
        await platform.told(*accepted("o1", "o2"), "/orders/o1/ready")
        await make_ready(run, "plain:o2")
        await next_poll(run)
        await next_poll(run)
        all_told = (*accepted("o1", "o2"), "/orders/o1/ready", "/orders/o2/ready")
        await platform.told(*all_told)
        again = replace(create_tools(run.settings, run.inbox), clock=run.clock)
        async with working(again):  # as after a restart
            await next_poll(run)
            await next_poll(run)
        await platform.told(*all_told)


async def test_what_is_done_to_the_order_later_makes_nothing_ready_again(
    database_url: str,
) -> None:
    async with told(database_url, pos=EVERY) as (run, platform):
        await run.until(await run.send(order()), "done")
        await make_ready(run, "plain:o1")
        await next_poll(run)
        await run.until(await run.send(order()), "done")
        await next_poll(run)
        await platform.told(*accepted("o1") * 2, "/orders/o1/ready")


async def test_nothing_is_written_while_nothing_changes(database_url: str) -> None:
    async with told(database_url, pos=EVERY, work=False) as (run, platform):
        tools = replace(create_tools(run.settings, run.inbox), clock=run.clock)
        async with working(tools) as one:
            await run.until(await run.send(order()), "done")
            await make_ready(run, "plain:o1")
            await next_poll(run)
            await platform.told(*accepted("o1"), "/orders/o1/ready")
            name = one.name
        with written(run) as said:
            for _ in range(3):
                assert await ready.look(run.settings.pos["mitte"], name, tools) == 0
        assert said == []
        await tools.http.close()


@contextmanager
def written(run: Line) -> Iterator[list[str]]:
    """Every statement that is executed to write."""
    said: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(statement)

    event.listen(run.inbox.writer.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(run.inbox.writer.engine, "before_cursor_execute", note)


async def test_it_can_be_switched_off(database_url: str) -> None:
    async with told(database_url, pos={"ready_every": 0}) as (run, _):
        run.clock.turn(minutes=5)
        await run.until(await run.send(order()), "done")
        assert await polled(run) == 0


async def test_a_paused_pos_is_not_asked(database_url: str) -> None:
    async with told(database_url, pos=EVERY) as (run, _):
        await next_poll(run)
        now = run.clock()
        await run.inbox.write(lambda box: operate.pause_pos(box, "mitte", now))
        before = await polled(run)
        for _ in range(3):
            run.clock.turn(seconds=16)
            await asyncio.sleep(0.1)
        assert await polled(run) == before
        await run.inbox.write(lambda box: operate.resume_pos(box, "mitte", now))
        await next_poll(run)


async def test_failures_count_for_the_pos_and_a_success_makes_good(database_url: str) -> None:
    async with told(database_url, pos=EVERY) as (run, _):
        await run.fault("fail", path="order/ready", times=4)
        for failures in range(1, 5):
            await next_poll(run)
            await eventually(
                lambda: peers(run),
                lambda found: found["mitte"]["failures"] == failures,  # noqa: B023
            )
        await next_poll(run)
        await eventually(lambda: peers(run), lambda found: found["mitte"]["failures"] == 0)
        await run.fault("forbid", path="order/ready", times=1)
        await next_poll(run)
        await eventually(lambda: paused(run), lambda found: found == {"mitte"})


@pytest.mark.parametrize("kind", ["garbage", "drop"])
async def test_what_is_no_list_is_a_failure(database_url: str, kind: str) -> None:
    async with told(database_url, pos=EVERY) as (run, _):
        await run.fault(kind, path="order/ready", times=2)  # a GET that breaks is sent once more
        await next_poll(run)
        await eventually(lambda: peers(run), lambda found: found["mitte"]["failures"] == 1)


async def test_a_pos_that_knows_no_such_question_is_seldom_asked(database_url: str) -> None:
    async with told(database_url, pos=EVERY) as (run, _):
        await run.fault("fail", path="order/ready", status=404)
        await next_poll(run)
        before = await polled(run)
        for _ in range(5):
            run.clock.turn(seconds=60)
            await asyncio.sleep(0.05)
        assert await polled(run) == before
        assert await peers(run) == {}
        run.clock.turn(minutes=6)
        await eventually(lambda: polled(run), lambda found: found > before)


async def test_one_worker_of_many_asks(database_url: str) -> None:
    async with told(database_url, pos=EVERY) as (run, platform):
        await run.until(await run.send(order()), "done")
        other = replace(create_tools(run.settings, run.inbox), clock=run.clock)
        async with working(other) as second:
            await make_ready(run, "plain:o1")
            for times in (1, 2, 3):
                await next_poll(run)
                assert await polled(run) == times
            assert second.unlock is None
        await platform.told(*accepted("o1"), "/orders/o1/ready")


async def test_another_takes_over_once_it_is_gone(database_url: str) -> None:
    async with told(database_url, pos=EVERY, work=False) as (run, _):
        one = replace(create_tools(run.settings, run.inbox), clock=run.clock)
        async with working(one):
            await next_poll(run)
        two = replace(create_tools(run.settings, run.inbox), clock=run.clock)
        async with working(two):
            await next_poll(run)


async def test_a_canceled_order_is_not_ready(database_url: str) -> None:
    async with told(database_url, pos=EVERY) as (run, platform):
        await run.until(await run.send(order()), "done")
        await run.until(await run.send(cancellation()), "done")
        await make_ready(run, "plain:o1")
        await next_poll(run)
        await platform.told(*accepted("o1"), "/orders/o1/canceled")


async def test_a_tablet_accepts_and_nothing_is_said_without_credentials(
    database_url: str,
) -> None:
    connection: Json = {"accept": "never"}
    async with told(database_url, pos=EVERY, connection=connection) as (run, platform):
        await run.until(await run.send(order()), "done")
        run.clock.turn(seconds=16)
        await run.until(await run.send(cancellation()), "done")
        assert await polled(run) == 0
        assert platform.tries == 0
    connection |= {"client_id": "id", "client_secret": "secret"}
    async with told(database_url, pos=EVERY, connection=connection) as (run, platform):
        await run.until(await run.send(order("o2")), "done")
        await make_ready(run, "plain:o2")
        await next_poll(run)
        await platform.told("/orders/o2/ready")


# Canceled


async def test_a_platform_hears_that_its_cancellation_is_done(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        await run.until(await run.send(order(answering={"way": "of the order"})), "done")
        await run.until(await run.send(cancellation()), "done")
        await platform.told(*accepted("o1"), "/orders/o1/canceled")
        assert platform.heard[-1][1]["way"] == "of the order"
        await run.until(await run.send(cancellation()), "done")
        await platform.told(*accepted("o1"), "/orders/o1/canceled")


async def test_or_that_the_order_will_never_be(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        await run.until(await run.send(cancellation()), "done")
        await run.until(await run.send(order()), "done")
        await platform.told("/orders/o1/canceled")


async def test_but_not_before_oktopos_has_canceled_it(database_url: str) -> None:
    async with told(database_url, chance=1.0) as (run, platform):
        await run.until(await run.send(order()), "done")
        await run.fault("retry_after", path="order/set-status", seconds=600, times=1)
        job = await run.send(cancellation())
        await run.until(job, "waiting")
        await platform.told(*accepted("o1"))
        run.clock.turn(seconds=600)
        await run.until(job, "done")
        await platform.told(*accepted("o1"), "/orders/o1/canceled")


async def test_what_is_canceled_is_not_accepted_any_more(database_url: str) -> None:
    async with told(database_url, chance=1.0) as (run, platform):
        platform.stuck = saying(503)
        await run.until(await run.send(order()), "done")
        await platform.tried(1)
        await run.until(await run.send(cancellation()), "done")
        platform.stuck = None
        run.clock.turn(minutes=1)
        await platform.told("/orders/o1/canceled")
        reasons = {job["reason"] for job in await answers(run, "done")}
        assert "the order is canceled meanwhile" in reasons


async def test_one_that_oktopos_refused_cannot_be_created_after_it_was_canceled(
    database_url: str,
) -> None:
    async with told(database_url) as (run, _):
        await run.fault("fail", path="order/create", status=422, times=1)
        job = await run.send(order())
        await run.until(job, "dead")
        await run.until(await run.send(cancellation()), "done")
        now = run.clock()
        await run.inbox.write(lambda box: operate.act(box, "replay", [job], now))
        assert (await run.until(job, "done"))["reason"] == "the order is canceled already"
        assert await run.orders() == []


# Canceled by the restaurant


async def withdrawn(run: Line, job: int, reason: Reason = "technical") -> list[Withdrawn]:
    now = run.clock()
    found = await run.inbox.write(lambda box: withdraw(box, run.settings, job, reason, now))
    run.inbox.arrived.set()
    return list(found)


async def standing(run: Line) -> dict[str, str]:
    return {held["orderId"]: held["status"] for held in await run.orders()}


async def test_the_restaurant_cancels_on_both_sides(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        job = await run.send(order())
        await run.until(job, "done")
        (done,) = await withdrawn(run, job, "item_unavailable")
        assert done == Withdrawn("plain:o1", "created", begun=True, told=True)
        await platform.told(*accepted("o1"), "/orders/o1/withdrawn")
        assert platform.heard[-1][1]["reason"] == "item_unavailable"
        await eventually(lambda: standing(run), lambda found: found == {"plain:o1": "canceled"})
        (held,) = await run.orders()
        payload = held["history"][-1]["payload"]
        assert (payload["changedBy"], payload["reason"]) == ("operator", "item unavailable")
        (again,) = await withdrawn(run, job)
        assert again == Withdrawn("plain:o1", "canceled", begun=False)
        await platform.told(*accepted("o1"), "/orders/o1/withdrawn")


async def test_what_was_not_accepted_yet_is_refused(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        job = await run.send(order(lines=[STRANGE]))
        await run.until(job, "held")
        (done,) = await withdrawn(run, job, "closed")
        assert done.begun
        await run.until(job, "done")
        await platform.told("/orders/o1/refused")
        assert platform.heard[-1][1]["reason"] == "closed"
        assert await run.orders() == []


async def test_an_answer_leads_to_its_order_too(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        await run.until(await run.send(order()), "done")
        await platform.told(*accepted("o1"))
        (answer,) = await eventually(lambda: answers(run, "done"), bool)
        (done,) = await withdrawn(run, answer["id"])
        assert done.order_id == "plain:o1"
        await platform.told(*accepted("o1"), "/orders/o1/withdrawn")


async def test_without_an_order_there_is_nothing_to_cancel(database_url: str) -> None:
    async with told(database_url) as (run, _):
        job = await run.send({"is": "Ignored", "event_type": "nothing"})
        await run.until(job, "ignored")
        assert await withdrawn(run, job) == []
        assert await withdrawn(run, 4711) == []


async def test_oktopos_is_told_though_the_platform_cannot_be(database_url: str) -> None:
    async with told(database_url, connection={"accept": "never"}) as (run, platform):
        job = await run.send(order())
        await run.until(job, "done")
        (done,) = await withdrawn(run, job)
        assert (done.begun, done.told) == (True, False)
        await eventually(lambda: standing(run), lambda found: found == {"plain:o1": "canceled"})
        assert platform.tries == 0


async def test_it_is_retried_like_any_cancellation(database_url: str) -> None:
    async with told(database_url) as (run, platform):
        job = await run.send(order())
        await run.until(job, "done")
        await run.fault("fail", path="order/set-status", times=2)
        await withdrawn(run, job)
        await eventually(lambda: standing(run), lambda found: found == {"plain:o1": "canceled"})
        await platform.told(*accepted("o1"), "/orders/o1/withdrawn")


async def test_nothing_of_a_guest_is_kept_for_answers(database_url: str) -> None:
    guest = {"given_name": "Gesine", "phone": "+49 30 1"}
    async with told(database_url) as (run, platform):
        await run.until(await run.send(order(customer=guest, notes=["ring twice"])), "done")
        await platform.told(*accepted("o1"))
        (answer,) = await eventually(lambda: answers(run, "done"), bool)
        kept = (await run.job(answer["id"]))["call"]
        assert set(json.loads(kept)["order"]) == {
            "order_id",
            "store_id",
            "order_type",
            "ready_at",
            "answering",
        }
        assert "Gesine" not in kept


async def test_a_platform_that_hangs_delays_no_order(database_url: str) -> None:
    platform: Platform
    async with told(database_url, connection={"api_url": "http://127.0.0.1:1"}) as (run, platform):
        for number in range(30):
            await run.post(body(order(f"o{number}")))
        await eventually(run.orders, lambda found: len(found) == 30)
        assert platform.heard == []
