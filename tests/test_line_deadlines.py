"""Until when a platform waits, and what is done while there is still time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from receiver import metrics, worker
from receiver.inbox import listing, operate, search
from tests.heard import Log
from tests.plain import body, cancellation, order
from tests.running import Json, Line, eventually
from tests.telling import saying, told

pytestmark = pytest.mark.anyio

CREATE = "/v1/order/create"
STRANGE = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": None, "item_id": "i-7"}


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks often, so that nobody waits long after the clock was turned."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)


async def alarm_of(log: Log) -> Json:
    """The only one; it is said after that which it is about is to be seen in the box."""

    async def alarms() -> list[Json]:
        return log.of("order_at_risk")

    (alarm,) = await eventually(alarms, bool)
    found: Json = alarm
    return found


def outcomes(job: Json) -> list[str]:
    return [step["outcome"] for step in job["attempts"]]


def has(outcome: str) -> Callable[[Json], bool]:
    return lambda job: outcome in outcomes(job)


async def created(run: Line) -> list[str]:
    return [held["orderId"] for held in await run.orders()]


async def at_risk(run: Line) -> int:
    found = await run.inbox.read(search.at_risk)
    return found.get("plain", 0)


async def settle_down(run: Line) -> None:
    """Whatever could be claimed has been, twice over: another delivery goes all the way."""
    for _ in range(2):
        ignored = {"is": "Ignored", "event_type": "nothing"}
        await run.until(await run.send(ignored), "ignored")


async def replay(run: Line, job: int) -> None:
    now = run.clock()
    await run.inbox.write(lambda box: operate.act(box, "replay", [job], now))
    run.inbox.arrived.set()


DENY = {"deny": True}


async def test_an_order_is_walked_past_its_deadline(database_url: str, log: Log) -> None:
    async with told(database_url, chance=1.0) as (run, platform):
        run.clock.freeze()
        await run.fault("retry_after", path="order/create", seconds=3600, times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(minutes=8, seconds=28)
        await settle_down(run)
        assert outcomes(await run.job(job)) == ["unavailable"]
        assert await at_risk(run) == 0
        await run.fault("retry_after", path="order/create", seconds=3600, times=2)
        run.clock.turn(seconds=2)
        late = await eventually(lambda: run.job(job), has("at_risk"))
        assert outcomes(late) == ["unavailable", "unavailable", "at_risk"]
        assert late["attempts"][-1]["detail"].startswith("to be accepted until ")
        assert late["state"] == "waiting"
        assert await at_risk(run) == 1
        alarm = await alarm_of(log)
        assert (alarm["connection"], alarm["job"], alarm["pos"]) == ("plain", job, "mitte")
        run.clock.turn(minutes=5)
        await settle_down(run)
        assert platform.heard == []
        run.clock.turn(hours=1)
        await eventually(lambda: run.job(job), lambda found: len(found["attempts"]) == 4)
        run.clock.turn(hours=1)
        await run.until(job, "done")
        await alarm_of(log)
        assert await at_risk(run) == 0
        await platform.told("/orders/o1/created")


async def test_what_is_in_time_raises_nothing(database_url: str, log: Log) -> None:
    before = metrics.REGISTRY.get_sample_value(*MARGIN) or 0.0
    async with told(database_url) as (run, platform):
        await run.until(await run.send(order()), "done")
        await platform.told("/orders/o1/created")
        await eventually(lambda: run.jobs(states=["done"]), lambda jobs: len(jobs) == 2)
        run.clock.turn(hours=1)
        await settle_down(run)
        assert log.of("order_at_risk") == []

        async def margins() -> float:
            return metrics.REGISTRY.get_sample_value(*MARGIN) or 0.0

        assert await eventually(margins, lambda found: found > before) - before == 1


MARGIN = ("receiver_acceptance_margin_seconds_bucket", {"connection": "plain", "le": "690.0"})


async def test_denied_in_time_and_never_created(database_url: str, log: Log) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        await run.fault("retry_after", path="order/create", seconds=3600)
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(minutes=8, seconds=31)
        dead = await run.until(job, "dead")
        assert outcomes(dead) == ["unavailable", "unavailable", "denied"]
        assert dead["reason"].startswith("denied: OktoPOS answered 429")
        await platform.told("/orders/o1/refused")
        assert platform.heard[0][1]["reason"] == "technical"
        await run.mend()
        again = await run.until(await run.send(order()), "done")
        assert again["reason"] == "the order is denied already"
        await replay(run, job)
        assert (await run.until(job, "done"))["reason"] == "the order is denied already"
        assert await created(run) == []
        assert log.of("order_at_risk") == []


async def test_what_is_held_for_an_article_is_woken_and_denied_for_it(database_url: str) -> None:
    async with told(database_url, connection=DENY) as (run, platform):
        job = await run.send(order(lines=[STRANGE]))
        await run.until(job, "held")
        run.clock.turn(minutes=8, seconds=31)
        assert outcomes(await run.until(job, "dead")) == ["held", "held", "denied"]
        await platform.told("/orders/o1/refused")
        assert platform.heard[0][1]["reason"] == "item_unavailable"


async def test_or_stays_held_with_an_alarm(database_url: str, log: Log) -> None:
    articles: dict[str, str] = {}
    async with told(database_url, connection={"articles": articles}) as (run, platform):
        job = await run.send(order(lines=[STRANGE]))
        await run.until(job, "held")
        run.clock.turn(minutes=8, seconds=31)
        late = await eventually(lambda: run.job(job), has("at_risk"))
        assert late["state"] == "held"
        articles["i-7"] = "4711"
        await replay(run, job)
        await run.until(job, "done")
        await platform.told("/orders/o1/created")
        await alarm_of(log)


async def test_a_store_without_a_pos_is_denied_too(database_url: str) -> None:
    stores = {"stores": {"s1": "mitte"}, **DENY}
    async with told(database_url, connection=stores) as (run, platform):
        job = await run.send(order(store_id="s2"), store="s2")
        await run.until(job, "held")
        run.clock.turn(minutes=9)
        await run.until(job, "dead")
        await platform.told("/orders/o1/refused")
        await replay(run, job)
        assert "has no POS" in (await run.until(job, "held"))["reason"]


@pytest.mark.parametrize("deny", [True, False])
async def test_though_the_pos_is_paused(database_url: str, log: Log, deny: bool) -> None:
    """By an operator even, who may have forgotten it."""
    async with told(database_url, connection={"deny": deny}) as (run, platform):
        now = run.clock()
        await run.inbox.write(lambda box: operate.pause_pos(box, "mitte", now))
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(minutes=8, seconds=31)
        if deny:
            assert outcomes(await run.until(job, "dead")) == ["denied"]
            await platform.told("/orders/o1/refused")
        else:
            late = await eventually(lambda: run.job(job), has("at_risk"))
            assert late["state"] == "waiting"
            await alarm_of(log)
        assert [call for call in await run.calls() if call["path"] == CREATE] == []


async def test_what_may_stand_at_oktopos_is_not_denied(database_url: str, log: Log) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        await run.fault("drop_after", path="order/create", times=1)
        await run.fault("retry_after", path="order/create", seconds=3600, times=1)
        job = await run.send(order())
        await eventually(lambda: run.job(job), lambda found: len(found["attempts"]) > 0)
        run.clock.turn(minutes=8, seconds=31)
        late = await eventually(lambda: run.job(job), has("at_risk"))
        assert late["state"] == "waiting"
        await alarm_of(log)
        run.clock.turn(hours=2)
        await run.until(job, "done")
        await platform.told("/orders/o1/created")
        assert await created(run) == ["plain:o1"]


async def test_nor_when_the_last_try_before_it_leaves_that_open(
    database_url: str,
) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        await run.fault("retry_after", path="order/create", seconds=3600, times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        await run.fault("drop_after", path="order/create", times=1)
        run.clock.turn(minutes=8, seconds=31)
        late = await eventually(lambda: run.job(job), has("at_risk"))
        assert outcomes(late) == ["unavailable", "ambiguous", "at_risk"]
        run.clock.turn(minutes=1)
        await run.until(job, "done")
        await platform.told("/orders/o1/created")


async def test_nor_when_an_earlier_announcement_was_given_up_unsure(database_url: str) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        await run.fault("drop_after", path="order/create", times=1)
        first = await run.send(order())
        await run.until(first, "waiting")
        now = run.clock()
        await run.inbox.write(lambda box: operate.act(box, "discard", [first], now))
        await run.fault("retry_after", path="order/create", seconds=3600, times=2)
        second = await run.send(order())
        await run.until(second, "waiting")
        run.clock.turn(minutes=8, seconds=31)
        late = await eventually(lambda: run.job(second), has("at_risk"))
        assert late["state"] == "waiting"
        assert platform.heard == []


async def test_what_was_accepted_at_first_sight_is_not_denied(database_url: str, log: Log) -> None:
    connection = {**DENY, "accept": "on_receipt"}
    async with told(database_url, connection=connection, chance=1.0) as (run, platform):
        await run.fault("retry_after", path="order/create", seconds=3600)
        job = await run.send(order())
        await platform.told("/orders/o1/created")
        run.clock.turn(minutes=8, seconds=31)
        await eventually(lambda: run.job(job), has("at_risk"))
        await platform.told("/orders/o1/created")


async def test_but_withdrawn_when_oktopos_refuses_it_for_good(database_url: str) -> None:
    connection = {**DENY, "accept": "on_receipt"}
    async with told(database_url, connection=connection, chance=1.0) as (run, platform):
        await run.fault("retry_after", path="order/create", seconds=60, times=1)
        await run.fault("fail", path="order/create", status=422, times=1)
        job = await run.send(order())
        await platform.told("/orders/o1/created")
        run.clock.turn(minutes=2)
        await run.until(job, "dead")
        await platform.told("/orders/o1/created", "/orders/o1/withdrawn")
        await replay(run, job)
        assert (await run.until(job, "done"))["reason"] == "the order is denied already"


async def test_an_order_may_state_its_own_deadline(database_url: str) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        await run.fault("retry_after", path="order/create", seconds=3600)
        now = run.clock()
        until = now.replace(microsecond=0).isoformat()
        job = await run.send(order(deadline=until))
        assert outcomes(await run.until(job, "dead")) == ["unavailable", "denied"]
        await platform.told("/orders/o1/refused")


async def test_the_margin_is_set_per_connection(database_url: str) -> None:
    connection = {**DENY, "deadline_margin": 300}
    async with told(database_url, connection=connection, chance=1.0) as (run, _):
        await run.fault("retry_after", path="order/create", seconds=3600)
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(minutes=5, seconds=1)
        await run.until(job, "dead")


async def test_an_order_that_cannot_even_be_fetched(database_url: str, log: Log) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        platform.stuck = saying(503)
        job = await run.send({"is": "Fetch", "name": "order", "path": "/orders/o1"})
        await run.until(job, "waiting")
        run.clock.turn(minutes=8, seconds=31)
        late = await eventually(lambda: run.job(job), has("at_risk"))
        assert late["state"] == "waiting"
        await alarm_of(log)


async def test_an_order_that_a_bug_of_ours_keeps_from_the_till(database_url: str, log: Log) -> None:
    async with told(database_url) as (run, _):
        job = await run.send(order(), bug=True)
        await run.until(job, "waiting")
        run.clock.turn(minutes=8, seconds=31)
        await eventually(lambda: run.job(job), has("at_risk"))
        run.clock.turn(minutes=30)
        await eventually(lambda: run.job(job), lambda found: found["failures"] > 2)
        await alarm_of(log)


async def test_an_acceptance_that_the_platform_does_not_take(database_url: str, log: Log) -> None:
    async with told(database_url, chance=1.0) as (run, platform):
        platform.stuck = saying(503)
        await run.until(await run.send(order()), "done")
        (answer,) = await eventually(lambda: run.jobs(states=["waiting"]), bool)
        run.clock.turn(minutes=8, seconds=31)
        await eventually(lambda: run.job(answer["id"]), has("at_risk"))
        alarm = await alarm_of(log)
        assert alarm["pos"] == "@plain"


async def test_only_orders_are_late(database_url: str, log: Log) -> None:
    async with told(database_url, chance=1.0) as (run, _):
        await run.until(await run.send(order()), "done")
        await run.fault("retry_after", path="order/set-status", seconds=3600, times=1)
        job = await run.send(cancellation())
        await run.until(job, "waiting")
        run.clock.turn(minutes=9)
        await settle_down(run)
        assert outcomes(await run.job(job)) == ["unavailable"]
        assert log.of("order_at_risk") == []


async def test_a_canceled_order_needs_no_acceptance(database_url: str, log: Log) -> None:
    async with told(database_url, connection=DENY, chance=1.0) as (run, platform):
        await run.fault("retry_after", path="order/create", seconds=3600)
        await run.send(order())
        await run.send(cancellation())
        await eventually(lambda: run.jobs(states=["done"]), lambda jobs: len(jobs) >= 2)
        run.clock.turn(minutes=9)
        await settle_down(run)
        assert log.of("order_at_risk") == []
        assert {path for path, _ in platform.heard} == {"/orders/o1/canceled"}


async def test_its_deadline_stands_in_the_box_before_it_is_looked_at(database_url: str) -> None:
    async with told(database_url, work=False) as (run, _):
        await run.post(body(order()))
        (job,) = await run.jobs()
        kept = await run.job(job["id"])
        assert kept["deadline"] - kept["received_at"] == 600_000
        assert kept["deadline"] - kept["alarm_at"] == 90_000
        assert json.dumps(kept["reason"]) == "null"


@pytest.mark.parametrize("peer", ["mitte", "@plain"])
async def test_the_last_try_is_made_though_a_pause_lasts(database_url: str, peer: str) -> None:
    """It may have been back for minutes: a pause is for whoever has time."""
    async with told(database_url, connection=DENY) as (run, platform):
        now = run.clock()
        await run.inbox.write(lambda box: operate.pause_pos(box, peer, now))
        job = await run.send(order())
        await eventually(lambda: run.jobs(states=["waiting"]), bool)
        failing = f"UPDATE pos_states SET paused = 'failing', failures = 9, probe_at = {10**13 * 2}"
        await run.inbox.write(lambda box: box.exec_driver_sql(failing))
        await settle_down(run)
        assert platform.heard == []
        run.clock.turn(minutes=8, seconds=31)
        await run.until(job, "done")
        await platform.told("/orders/o1/created")
        await eventually(
            lambda: run.inbox.read(listing.pos_list),
            lambda found: [(state["paused"], state["failures"]) for state in found] == [(None, 0)],
        )
