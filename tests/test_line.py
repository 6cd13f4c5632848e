"""The line from a platform's request to OktoPOS, over real sockets and a real box."""

from __future__ import annotations

import asyncio
import json

import pytest

from receiver import worker
from receiver.inbox import operate
from tests.peers import peer
from tests.plain import AT, body, cancellation, order, payment
from tests.running import Json, Line, eventually, line
from tests.tills import tills

pytestmark = pytest.mark.anyio

CREATE, SET_STATUS = "/v1/order/create", "/v1/order/set-status"
STRANGE = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": None, "item_id": "i-7"}


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks often, so that nobody waits long after the clock was turned."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that hang are not waited for at the end."""
    monkeypatch.setattr(worker, "DRAIN_SECONDS", 0.05)


async def asked(run: Line, path: str) -> list[int | None]:
    """How each call to this path was answered."""
    return [call["status"] for call in await run.calls() if call["path"] == path]


async def pass_by(run: Line, order_id: str = "another") -> None:
    """Another order goes all the way: whatever could have been claimed before it has been."""
    await run.until(await run.send(order(order_id)), "done")


async def standing(run: Line) -> dict[str, str]:
    """The status of each order at OktoPOS."""
    return {held["orderId"]: held["status"] for held in await run.orders()}


def outcomes(job: Json) -> list[str]:
    return [step["outcome"] for step in job["attempts"]]


async def test_an_order_is_created(database_url: str) -> None:
    async with line(database_url) as run:
        job = await run.send(order())
        done = await run.until(job, "done")
        (booked,) = await run.orders()
        assert booked["order"]["orderId"] == "plain:o1"
        assert booked["order"]["payment"]["price"] == {"value": "9.90", "currency": "EUR"}
        assert outcomes(done) == ["created"]
        assert json.loads(done["attempts"][0]["answer"]) == {"internalId": booked["internalId"]}


async def test_a_second_announcement_creates_nothing(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        again = await run.until(await run.send(order()), "done")
        assert outcomes(again) == ["repeated"]
        assert await asked(run, CREATE) == [200]


async def test_a_repeated_delivery_is_one_job(database_url: str) -> None:
    async with line(database_url) as run:
        said = body(order())
        for _ in range(3):
            assert (await run.post(said)).status_code == 200
        (job,) = await run.jobs()
        assert job["arrivals"] == 3
        await run.until(job["id"], "done")
        assert await asked(run, CREATE) == [200]


async def test_what_an_operator_should_know_stands_in_the_attempt(database_url: str) -> None:
    async with line(database_url) as run:
        late = await run.until(await run.send(order(ready_at=AT[:10] + "T00:00:00Z")), "done")
        assert "pickup time moved from" in late["attempts"][0]["detail"]


# In order, and never together


@pytest.mark.usefixtures("hasty")
async def test_two_of_one_order_never_run_together(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("slow", seconds=60, times=1)
        first = await run.send(order())
        await eventually(run.orders, bool)
        second = await run.send(order())
        cancel = await run.send(cancellation())
        await pass_by(run)
        assert [(await run.job(job))["state"] for job in (first, second, cancel)] == [
            "running",
            "ready",
            "ready",
        ]


async def test_in_order_of_arrival(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", seconds=600, times=1)
        first = await run.send(order(total=990))
        await run.until(first, "waiting")
        later = [await run.send(order()) for _ in range(3)]
        await pass_by(run)
        assert [(await run.job(job))["fence"] for job in later] == [0, 0, 0]
        run.clock.turn(seconds=600)
        ends = [await run.until(job, "done") for job in (first, *later)]
        assert [outcomes(end)[-1] for end in ends] == ["created", *["repeated"] * 3]
        steps = [end["attempts"][-1]["id"] for end in ends]
        assert steps == sorted(steps)


@pytest.mark.usefixtures("hasty")
async def test_an_order_waits_for_no_other_order(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("slow", path="order/create", seconds=60, times=1)
        slow = await run.send(order("slow"))
        await eventually(run.orders, bool)
        held = await run.send(order("held", lines=[STRANGE]))
        dead = await run.send()
        others = [await run.send(order(f"o{number}")) for number in range(20)]
        for other in others:
            await run.until(other, "done")
        await run.until(held, "held")
        await run.until(dead, "ignored")
        assert (await run.job(slow))["state"] == "running"


async def test_what_follows_a_held_order_waits_with_it(database_url: str) -> None:
    articles: dict[str, str] = {}
    async with line(database_url, connection={"articles": articles}) as run:
        first = await run.send(order(lines=[STRANGE]))
        held = await run.until(first, "held")
        assert held["reason"] == 'no article for "Tea" (i-7)'
        second = await run.send(order(lines=[STRANGE]))
        await pass_by(run)
        assert (await run.job(second))["state"] == "ready"
        articles["i-7"] = "4711"
        await replay(run, first)
        assert outcomes(await run.until(second, "done")) == ["repeated"]
        assert (await run.orders())[-1]["order"]["items"][0]["productId"] == "4711"


async def replay(run: Line, job: int) -> None:
    """As an operator does it."""
    now = run.clock()
    await run.inbox.write(lambda box: operate.act(box, "replay", [job], now))
    run.inbox.arrived.set()


@pytest.mark.usefixtures("hasty")
async def test_a_slow_pos_delays_no_other_pos(database_url: str) -> None:
    """However many orders wait for it: there must be room left for the others'."""
    async with tills(database_url) as both:
        await both.line.fault("slow", seconds=60)
        posts = [both.line.post(body(order(f"m{number}"))) for number in range(150)]
        assert {answer.status_code for answer in await asyncio.gather(*posts)} == {200}
        job = await both.send_nord("n1")
        await both.line.until(job, "done")
        assert await both.at_nord() == ["plain:n1"]


# Cancellations


async def test_canceled_before_it_came(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(cancellation()), "done")
        late = await run.until(await run.send(order()), "done")
        assert outcomes(late) == ["canceled"]
        assert await run.calls() == []
        again = await run.until(await run.send(order()), "done")
        assert outcomes(again) == ["repeated"]
        assert await run.calls() == []


async def test_canceled_while_it_waits_for_a_retry(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=600, times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        await run.until(await run.send(cancellation()), "done")
        assert outcomes(await run.until(job, "done")) == ["unavailable", "canceled"]
        assert await run.orders() == []
        assert await asked(run, CREATE) == [429]


async def test_canceled_while_it_is_running(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("slow", path="order/create", seconds=0.3, times=1)
        job = await run.send(order())
        await eventually(run.orders, bool)
        cancel = await run.send(cancellation())
        assert outcomes(await run.until(job, "done")) == ["created"]
        assert outcomes(await run.until(cancel, "done")) == ["canceled"]
        assert await standing(run) == {"plain:o1": "canceled"}


async def test_canceled_while_it_is_held(database_url: str) -> None:
    async with line(database_url) as run:
        job = await run.send(order(lines=[STRANGE]))
        await run.until(job, "held")
        await run.until(await run.send(cancellation()), "done")
        assert outcomes(await run.until(job, "done")) == ["held", "canceled"]
        assert await run.calls() == []


async def test_canceled_after_it_was_created(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        cancel = {**cancellation(), "reason": "guest changed their mind"}
        await run.until(await run.send(cancel), "done")
        (held,) = await run.orders()
        assert held["status"] == "canceled"
        assert held["history"][-1]["payload"] == {
            "changedBy": "customer",
            "changedAt": AT,
            "reason": "guest changed their mind",
        }
        for again in (cancellation(), order()):
            end = await run.until(await run.send(again), "done")
            assert end["reason"] == "the order is canceled already"
        assert await asked(run, SET_STATUS) == [200]


async def test_canceled_while_nobody_knows_whether_it_stands(database_url: str) -> None:
    async with line(database_url, chance=1.0) as run:
        await run.fault("drop_after", path="order/create", times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        await run.until(await run.send(cancellation()), "done")
        await run.until(job, "done")
        assert await standing(run) == {"plain:o1": "canceled"}
        assert await asked(run, CREATE) == [None, 409]


async def test_canceled_after_the_retries_of_an_ambiguous_create_were_given_up(
    database_url: str,
) -> None:
    async with line(database_url) as run:
        await run.fault("drop_after", path="order/create", times=1)
        await run.fault("retry_after", path="order/create", seconds=3000, times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        await eventually(lambda: asked(run, CREATE), lambda calls: calls == [None, 429])
        await run.fault("fail", path="order/create", times=1)
        run.clock.turn(hours=25)
        await run.until(job, "dead")
        await run.until(await run.send(cancellation()), "done")
        await run.until(job, "done")
        assert await standing(run) == {"plain:o1": "canceled"}


async def test_without_a_number_it_cannot_be_canceled(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("drop_after", path="order/create", times=1)
        await run.fault("no_id", path="order/create", times=1)
        assert outcomes(await run.until(await run.send(order()), "done")) == [
            "ambiguous",
            "created",
        ]
        held = await run.until(await run.send(cancellation()), "held")
        assert "named no internalId" in held["reason"]
        assert await standing(run) == {"plain:o1": "new"}


async def test_nor_when_it_was_canceled_meanwhile(database_url: str) -> None:
    async with line(database_url, chance=1.0) as run:
        await run.fault("drop_after", path="order/create", times=1)
        await run.fault("no_id", path="order/create", times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        cancel = await run.send(cancellation())
        ends = await eventually(
            lambda: run.jobs(states=["held", "done"]), lambda found: len(found) == 2
        )
        reasons = [end["reason"] for end in ends if end["state"] == "held"]
        assert len(reasons) == 1
        assert "named no internalId" in reasons[0]
        assert cancel in {end["id"] for end in ends}


async def test_a_cancellation_is_retried_like_an_order(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        await run.fault("fail", path="order/set-status", times=2)
        await run.fault("drop_after", path="order/set-status", times=1)
        await run.fault("garbage", path="order/set-status", times=1)  # whoever said so
        cancel = await run.until(await run.send(cancellation()), "done")
        assert outcomes(cancel) == ["unavailable"] * 2 + ["ambiguous"] * 2 + ["canceled"]
        assert await standing(run) == {"plain:o1": "canceled"}


async def test_one_that_oktopos_refuses_is_dead_with_its_words(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        await run.fault("fail", path="order/set-status", status=404)
        dead = await run.until(await run.send(cancellation()), "dead")
        assert json.loads(dead["attempts"][-1]["answer"])["success"] is False


async def test_canceled_though_it_was_refused(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("fail", path="order/create", status=422, times=1)
        await run.until(await run.send(order()), "dead")
        end = await run.until(await run.send(cancellation()), "done")
        assert end["reason"] == "the order is refused already"


async def test_canceled_while_its_pos_is_paused(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("forbid")
        job = await run.send(order())
        await run.until(job, "waiting")
        cancel = await run.send(cancellation())
        await run.mend()
        run.clock.turn(seconds=60)
        await run.until(job, "done")
        await run.until(cancel, "done")
        assert set((await standing(run)).values()) <= {"canceled"}


# What a delivery may be


async def test_an_unreadable_one_is_dead_with_the_reason(database_url: str) -> None:
    async with line(database_url) as run:
        await run.post(b'{"id": "d"}')
        (job,) = await run.jobs()
        dead = await run.until(job["id"], "dead")
        assert dead["reason"] == "events: missing"
        assert outcomes(dead) == ["unreadable"]


async def test_an_unknown_one_is_ignored_with_its_type(database_url: str) -> None:
    async with line(database_url) as run:
        event = {"is": "Ignored", "event_type": "menu.updated", "reason": "nothing to do"}
        end = await run.until(await run.send(event), "ignored")
        assert end["reason"] == "menu.updated: nothing to do"
        assert (await run.until(await run.send(), "ignored"))["reason"] == "nothing in it"


async def test_several_events_of_one_delivery(database_url: str) -> None:
    """Each ends for itself, and the delivery as the one that needs most."""
    async with line(database_url) as run:
        events = [order("o1"), order("o2", lines=[STRANGE]), order("o3")]
        held = await run.until(await run.send(*events), "held")
        assert outcomes(held) == ["created", "held", "created"]
        assert set(await standing(run)) == {"plain:o1", "plain:o3"}


async def test_a_store_without_a_pos_is_held_by_name(database_url: str) -> None:
    async with line(database_url, connection={"stores": {"s1": "mitte"}}) as run:
        held = await run.until(await run.send(order(store_id="s2"), store="s2"), "held")
        assert held["reason"] == "store s2 has no POS: add it to connections.plain.stores"
        await run.until(await run.send(order("o2", store_id="s1"), store="s1"), "done")


def thin(name: str = "order", path: str = "/orders/o1") -> Json:
    return {"is": "Fetch", "name": name, "path": path}


async def test_a_thin_delivery_is_fetched(database_url: str) -> None:
    bodies = {"/orders/o1": json.dumps(order()).encode()}
    async with line(database_url, bodies=bodies) as run:
        await run.until(await run.send(thin()), "done")
        assert await standing(run) == {"plain:o1": "new"}


async def test_what_is_not_there_yet_is_fetched_later(database_url: str) -> None:
    bodies = {"/orders/o0": b"{}"}
    async with line(database_url, bodies=bodies, chance=1.0) as run:
        job = await run.send(thin())
        waiting = await run.until(job, "waiting")
        assert waiting["reason"] == "plain answered 404"
        bodies["/orders/o1"] = json.dumps(order()).encode()
        run.clock.turn(seconds=30)
        await run.until(job, "done")
        assert await standing(run) == {"plain:o1": "new"}


async def test_a_platform_that_only_ever_asks_for_more_is_not_understood(database_url: str) -> None:
    bodies = {
        f"/{number}": json.dumps(thin(str(number + 1), f"/{number + 1}")).encode()
        for number in range(9)
    }
    async with line(database_url, bodies=bodies) as run:
        dead = await run.until(await run.send(thin("0", "/0")), "dead")
        assert dead["reason"].startswith("still asks for")


# Answers to the platform


async def told(run: Line) -> list[str]:
    """What the platform was told, in order."""
    found: list[Json] = (await run.platform.get("/_sandbox/calls")).json()
    return [call["path"] for call in found if "oauth" not in call["path"]]


async def all_done(run: Line, count: int) -> None:
    def right(jobs: list[Json]) -> bool:
        return len(jobs) == count and all(job["state"] == "done" for job in jobs)

    await eventually(run.jobs, right)


async def test_accepted_once_the_pos_has_it(database_url: str) -> None:
    async with line(database_url, connection={"accept": "on_pos"}, chance=1.0) as run:
        await run.fault("retry_after", seconds=600, times=1)
        await run.send(order())
        await eventually(run.calls, bool)
        await pass_by_answered(run)
        assert await told(run) == ["/orders/another/created"]
        run.clock.turn(seconds=600)
        await all_done(run, 4)
        assert await told(run) == ["/orders/another/created", "/orders/o1/created"]


async def pass_by_answered(run: Line) -> None:
    """As `pass_by`, until the platform was told of it."""
    await run.post(body(order("another")))
    await eventually(lambda: told(run), lambda paths: "/orders/another/created" in paths)


async def test_or_at_first_sight(database_url: str) -> None:
    async with line(database_url, connection={"accept": "on_receipt"}) as run:
        await run.fault("retry_after", seconds=600, times=1)
        await run.send(order())
        await eventually(lambda: told(run), lambda paths: paths == ["/orders/o1/created"])
        run.clock.turn(seconds=600)
        await all_done(run, 2)
        assert await told(run) == ["/orders/o1/created"]


async def test_at_first_sight_though_the_pos_is_paused(database_url: str) -> None:
    """The platform's deadline runs; an outage of the POS must not make it cancel the orders."""
    async with line(database_url, connection={"accept": "on_receipt"}) as run:
        await run.fault("forbid")
        await run.post(body(order("o0")))
        await eventually(lambda: told(run), lambda paths: paths == ["/orders/o0/created"])
        await run.post(body(order("o1")))
        await eventually(lambda: told(run), lambda paths: "/orders/o1/created" in paths)


async def test_or_never(database_url: str) -> None:
    async with line(database_url, connection={"accept": "never", "deny": True}) as run:
        await run.until(await run.send(order()), "done")
        assert len(await run.jobs()) == 1
        assert await told(run) == []


@pytest.mark.parametrize(("deny", "said"), [(True, ["/orders/o1/refused"]), (False, [])])
async def test_denied_where_that_is_set(database_url: str, deny: bool, said: list[str]) -> None:
    async with line(database_url, connection={"accept": "on_pos", "deny": deny}) as run:
        await run.fault("fail", status=422, times=1)
        await run.post(body(order()))
        await pass_by_answered(run)
        await eventually(run.jobs, lambda jobs: {job["state"] for job in jobs} <= {"done", "dead"})
        assert sorted(await told(run)) == sorted([*said, "/orders/another/created"])
        (dead,) = await run.jobs(states=["dead"])
        assert dead["delivery_id"]


async def test_an_answer_has_retries_of_its_own_and_delays_no_order(database_url: str) -> None:
    nobody = {"accept": "on_pos", "api_url": "http://127.0.0.1:1"}
    async with line(database_url, connection=nobody, chance=1.0) as run:
        await run.send(order())
        (answer,) = await eventually(lambda: run.jobs(states=["waiting"]), bool)
        assert answer["answer"]
        assert await standing(run) == {"plain:o1": "new"}
        cancel = await run.post(body(cancellation()))
        assert cancel.status_code == 200
        await eventually(lambda: standing(run), lambda found: found == {"plain:o1": "canceled"})
        assert (await run.job(answer["id"]))["pos"] == "@plain"


@pytest.mark.usefixtures("hasty")
async def test_a_platform_that_hangs_delays_no_order(database_url: str) -> None:
    """However many answers wait for it: there must be room left for orders."""
    async with peer(say_nothing) as dead:
        hanging = {"accept": "on_pos", "api_url": dead, "token_url": f"{dead}/t"}
        async with line(database_url, connection=hanging) as run:
            names = {f"o{number}" for number in range(150)}
            await asyncio.gather(*(run.post(body(order(name))) for name in names))
            await eventually(run.orders, lambda found: len(found) == len(names))
            await run.post(body(order("late")))
            await eventually(lambda: standing(run), lambda found: "plain:late" in found)


async def say_nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def test_payments_are_told_while_their_order_is_answered_for(database_url: str) -> None:
    async with line(database_url, connection={"accept": "on_pos"}) as run:
        await run.post(body(order(payment="call_for_payment")))
        await run.post(body(payment("O1")), to="pay")
        await all_done(run, 3)
        (held,) = await run.orders()
        assert held["paymentStatus"] == "paid"
