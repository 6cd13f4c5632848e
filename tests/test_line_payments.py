"""Payment callbacks on the line: whose they are, when they may go, and what they may change."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from receiver import worker
from receiver.inbox import operate
from receiver.serve import create_tools, working
from tests.orders import plain_order
from tests.plain import AT, body, cancellation, order, payment
from tests.running import Json, Line, eventually, line
from tests.tills import tills

pytestmark = pytest.mark.anyio

TELL = "/v1/order/set-payment-status"
STRANGE = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": None, "item_id": "i-7"}
UNPAID: Any = {"payment": "call_for_payment"}


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks often, so that nobody waits long after the clock was turned."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)


def at(minutes: int) -> str:
    """So many minutes after the order was placed."""
    return f"2026-11-23T11:{minutes:02d}:00Z"


async def pay(run: Line, reference: str | None = "O1", status: str = "paid", **more: Any) -> int:
    return await run.send(payment(reference, status, **more), to="pay")


async def told(run: Line) -> list[tuple[str, str]]:
    """(orderId, status) of every change OktoPOS took, order by order."""
    return [
        (held["orderId"], step["status"])
        for held in await run.orders()
        for step in held["history"]
        if step["kind"] == "payment"
    ]


async def pass_by(run: Line, order_id: str = "another") -> None:
    await run.until(await run.send(order(order_id)), "done")


def outcomes(job: Json) -> list[str]:
    return [step["outcome"] for step in job["attempts"]]


# Before, while and after its order is on its way


async def test_a_payment_waits_for_its_order(database_url: str) -> None:
    async with line(database_url) as run:
        paid = await pay(run)
        waiting = await run.until(paid, "waiting")
        assert waiting["reason"] == "order O1 is not known yet"
        await run.send(order(**UNPAID))
        await run.until(paid, "done")
        assert [call["path"] for call in await run.calls()] == ["/v1/order/create", TELL]
        assert await told(run) == [("plain:o1", "paid")]


async def test_it_looks_again_after_a_second_then_two_then_four(database_url: str) -> None:
    """Of two processes that settle at the same moment none wakes what the other puts off; nor
    does it matter how long it has been here by then."""
    async with line(database_url) as run:
        paid = await pay(run)
        last = await run.until(paid, "waiting")
        for seconds in (1, 2, 4, 8):
            assert round((last["due_at"] - last["updated_at"]) / 1_000) == seconds
            run.clock.turn(seconds=9)
            due = last["due_at"]
            last = await eventually(lambda: run.job(paid), lambda job, due=due: job["due_at"] > due)  # type: ignore[misc]


@pytest.mark.parametrize("reference", ["plain:o1", "o1", "O1", "shop-77"])
async def test_an_order_is_known_by_each_of_its_names(database_url: str, reference: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(references=["shop-77"], **UNPAID)), "done")
        await run.until(await pay(run, reference), "done")
        assert await told(run) == [("plain:o1", "paid")]
        (held,) = await run.orders()
        assert held["history"][-1]["date"] == AT


async def test_it_waits_while_its_order_is_retried(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=600, times=1)
        await run.until(await run.send(order(**UNPAID)), "waiting")
        paid = await pay(run)
        waiting = await run.until(paid, "waiting")
        assert waiting["reason"] == "order plain:o1 is on its way"
        run.clock.turn(seconds=120)
        await pass_by(run)
        assert (await run.job(paid))["state"] == "waiting"
        run.clock.turn(seconds=600)
        await run.until(paid, "done")
        assert await told(run) == [("plain:o1", "paid")]


async def test_it_waits_while_its_order_is_held(database_url: str) -> None:
    articles: dict[str, str] = {}
    async with line(database_url, connection={"articles": articles}) as run:
        held = await run.send(order(lines=[STRANGE], **UNPAID))
        await run.until(held, "held")
        paid = await pay(run)
        await run.until(paid, "waiting")
        run.clock.turn(minutes=9)
        await pass_by(run)
        assert await told(run) == []
        articles["i-7"] = "4711"
        await replay(run, held)
        await run.until(paid, "done")
        assert await told(run) == [("plain:o1", "paid")]


async def replay(run: Line, job: int) -> None:
    now = run.clock()
    await run.inbox.write(lambda box: operate.act(box, "replay", [job], now))
    run.inbox.arrived.set()


async def test_it_goes_with_an_order_that_was_refused(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("fail", path="order/create", status=422, times=1)
        await run.until(await run.send(order(**UNPAID)), "dead")
        dead = await run.until(await pay(run), "dead")
        assert dead["reason"] == "its order plain:o1 was refused by OktoPOS"
        assert all(call["path"] != TELL for call in await run.calls())


async def test_it_does_not_wait_for_ever_for_an_order_that_was_given_up(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=3000)
        job = await run.send(order(**UNPAID))
        await run.until(job, "waiting")
        paid = await pay(run)
        await run.until(paid, "waiting")
        run.clock.turn(hours=25)
        await run.until(job, "dead")
        run.clock.turn(hours=25)
        assert await run.until(paid, "held", "dead")


async def test_nothing_is_told_of_an_order_canceled_before_it_was_created(
    database_url: str,
) -> None:
    async with line(database_url) as run:
        held = await run.send(order(lines=[STRANGE], **UNPAID))
        await run.until(held, "held")
        await run.until(await run.send(cancellation()), "done")
        await run.until(held, "done")
        end = await run.until(await pay(run, status="canceled"), "done", "ignored")
        assert "canceled before it was created" in end["reason"]
        assert await run.calls() == []


async def test_nor_of_one_whose_cancellation_came_first(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(cancellation()), "done")
        await run.until(await run.send(order(**UNPAID)), "done")
        end = await run.until(await pay(run), "done", "ignored")
        assert "canceled before it was created" in end["reason"]
        assert await run.calls() == []


async def test_but_of_one_that_may_have_been_created_all_the_same(database_url: str) -> None:
    async with line(database_url, chance=1.0) as run:
        await run.fault("drop", path="order/create")
        sent = await run.send(order(**UNPAID))
        await run.until(sent, "waiting")
        await run.until(await run.send(cancellation()), "done")
        paid = await pay(run)
        assert (await run.until(paid, "waiting", "done"))["state"] == "waiting"
        await run.mend()
        await run.until(sent, "done")
        await run.until(paid, "done")
        (held,) = await run.orders()
        assert (held["status"], held["paymentStatus"]) == ("canceled", "paid")


async def test_a_canceled_order_s_refund_is_told(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        await run.until(await run.send(cancellation()), "done")
        await run.until(await pay(run, status="canceled", reversal=True, at=at(30)), "done")
        assert await told(run) == [("plain:o1", "canceled")]


# Orders we have never seen


async def known_to_the_shop(run: Line, order_id: str) -> None:
    """An order that the shop sent to OktoPOS itself."""
    headers = {"X-API-Key": "sandbox"}
    answer = await run.till.post("/v1/order/create", json=plain_order(order_id), headers=headers)
    assert answer.status_code == 200


async def test_forwarded_as_it_is_after_a_minute(database_url: str) -> None:
    async with line(database_url) as run:
        await known_to_the_shop(run, "shop-77")
        paid = await pay(run, "shop-77", "error")
        await run.until(paid, "waiting")
        run.clock.turn(seconds=50)
        await pass_by(run)
        assert (await run.job(paid))["state"] == "waiting"
        run.clock.turn(seconds=11)
        await run.until(paid, "done")
        assert await told(run) == [("shop-77", "error")]
        await pay(run, "shop-77", "paid", at=at(1))
        run.clock.turn(seconds=61)
        await eventually(lambda: told(run), lambda found: ("shop-77", "paid") in found)


async def test_an_order_that_oktopos_does_not_know_either(database_url: str) -> None:
    async with line(database_url) as run:
        paid = await pay(run, "nobody's")
        await run.until(paid, "waiting")
        run.clock.turn(seconds=61)
        dead = await run.until(paid, "dead")
        assert "OktoPOS refused with 404" in dead["reason"]


async def test_or_held_where_that_is_set(database_url: str) -> None:
    async with line(database_url, paying={"unknown_order": "hold"}) as run:
        await known_to_the_shop(run, "shop-77")
        paid = await pay(run, "shop-77")
        await run.until(paid, "waiting")
        run.clock.turn(seconds=61)
        held = await run.until(paid, "held")
        assert held["reason"] == (
            'order shop-77 is not known (connections.pay.unknown_order = "hold")'
        )
        assert await told(run) == []


async def test_two_orders_of_one_name_are_an_operator_s_business(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order("o1", display_id="17")), "done")
        await run.until(await run.send(order("17", display_id=None)), "done")
        held = await run.until(await pay(run, "17", "error"), "held")
        assert "plain:o1" in held["reason"]
        assert "plain:17" in held["reason"]
        assert await told(run) == []


async def test_two_such_do_not_wait_for_each_other(database_url: str) -> None:
    """Though they are looked at side by side, again and again."""
    async with line(database_url) as run:
        jobs = []
        for name in ("shop-1", "shop-2", "shop-3"):
            await known_to_the_shop(run, name)
            jobs.append(await pay(run, name, payment_ids=[f"pi_{name}"]))
        for job in jobs:
            await run.until(job, "waiting")
        run.clock.turn(seconds=61)
        for job in jobs:
            await run.until(job, "done")


async def test_nor_for_what_stands_behind_a_held_order(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order("held", lines=[STRANGE])), "held")
        await run.send(order("held"))
        await known_to_the_shop(run, "shop-77")
        paid = await pay(run, "shop-77")
        await run.until(paid, "waiting")
        run.clock.turn(seconds=70)
        await run.until(paid, "done")


async def test_many_at_once_of_an_order_never_seen_end_as_the_guard_says(database_url: str) -> None:
    async with line(database_url) as run:
        await known_to_the_shop(run, "shop-77")
        news = [("paid", 2), ("error", 1), ("appointed", 3), ("error", 4), ("canceled", 5)]
        for status, when in [*news, *news[1:]]:
            await run.post(body(payment("shop-77", status, at=at(when))), to="pay")
        await eventually(run.jobs, lambda jobs: {job["state"] for job in jobs} == {"waiting"})
        run.clock.turn(seconds=61)
        await eventually(run.jobs, ended)
        assert (await told(run))[-1] == ("shop-77", "paid")


async def test_one_whose_order_is_called_like_itself_waits_quietly(database_url: str) -> None:
    async with line(database_url) as run:
        paid = await pay(run, "pi_1", payment_ids=["pi_1"])
        await run.until(paid, "waiting")
        for number in range(10):
            await pass_by(run, f"another{number}")
        assert (await run.job(paid))["fence"] <= 2


# Everything late: after an outage, or a stop of ours


async def test_after_a_stop_a_payment_still_waits_for_its_order(database_url: str) -> None:
    """Both came while the worker was away: the payment's minute is over, its order's is not."""
    async with line(database_url, work=False) as away:
        await away.post(body(order(**UNPAID)))
        await away.post(body(payment("O1")), to="pay")
    async with line(database_url, work=False) as run:
        run.clock.turn(minutes=5)
        await worked(run)
        assert await told(run) == [("plain:o1", "paid")]


async def worked(run: Line) -> None:
    """A worker of its own until the payment has ended."""
    tools = replace(create_tools(run.settings, run.inbox), clock=run.clock, chance=lambda: 0.0)
    async with working(tools):
        await eventually(run.jobs, ended)


def ended(jobs: list[Json]) -> bool:
    return all(job["state"] in ("done", "dead", "held") for job in jobs)


async def test_after_an_outage_of_the_pos_a_payment_still_waits_for_its_order(
    database_url: str,
) -> None:
    async with line(database_url) as run:
        await run.fault("forbid")
        await run.until(await run.send(order("first")), "waiting")
        await run.send(order(**UNPAID))
        paid = await pay(run)
        await run.mend()
        run.clock.turn(minutes=5)
        await run.until(paid, "done", "dead", "held")
        assert await told(run) == [("plain:o1", "paid")]


async def test_after_a_stop_a_refund_still_finds_its_payment(database_url: str) -> None:
    async with line(database_url, work=False) as run:
        await run.post(body(order(**UNPAID)))
        refund = payment(None, "canceled", reversal=True, at=at(30))
        await run.post(body(refund), to="pay")
        await run.post(body(payment("O1")), to="pay")
        run.clock.turn(minutes=5)
        await worked(run)
        assert [status for _, status in await told(run)][-1] == "canceled"


# Payments that name only themselves


async def test_a_refund_finds_its_order_by_the_payment(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        await run.until(await pay(run, payment_ids=["pi_1", "ch_1"]), "done")
        refund = await pay(run, None, "canceled", payment_ids=["ch_1"], reversal=True, at=at(30))
        await run.until(refund, "done")
        assert await told(run) == [("plain:o1", "paid"), ("plain:o1", "canceled")]


async def test_a_refund_waits_for_the_event_that_names_its_order(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        refund = await pay(run, None, "canceled", reversal=True, at=at(30))
        waiting = await run.until(refund, "waiting")
        assert waiting["reason"] == "no event has named the order of this payment yet"
        await run.until(await pay(run), "done")
        await run.until(refund, "done")
        assert (await run.orders())[0]["paymentStatus"] == "canceled"


async def test_it_does_not_wait_for_ever(database_url: str) -> None:
    async with line(database_url) as run:
        refund = await pay(run, None, "canceled", payment_ids=["pi_1", "ch_1"], reversal=True)
        await run.until(refund, "waiting")
        run.clock.turn(seconds=61)
        held = await run.until(refund, "held")
        assert held["reason"] == "payment pi_1, ch_1 names no order that we know"


async def test_one_that_names_nothing_at_all(database_url: str) -> None:
    async with line(database_url) as run:
        job = await pay(run, None, payment_ids=[])
        await eventually(lambda: run.job(job), lambda found: found["fence"] > 0)
        run.clock.turn(seconds=61)
        end = await run.until(job, "held", "dead")
        assert "error" not in outcomes(end)  # no fault of ours


async def test_a_refund_finds_the_payment_of_an_order_still_on_its_way(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=600, times=1)
        await run.until(await run.send(order(**UNPAID)), "waiting")
        paid, refund = await pay(run), await pay(run, None, "canceled", reversal=True, at=at(30))
        await run.until(paid, "waiting")
        await run.until(refund, "waiting")
        run.clock.turn(seconds=600)
        await run.until(paid, "done")
        await run.until(refund, "done")
        assert (await run.orders())[0]["paymentStatus"] == "canceled"


@pytest.mark.parametrize(("to", "one", "two"), [("pay", "O1", "O2"), ("plain", "o1", "o2")])
async def test_two_payments_of_one_delivery(database_url: str, to: str, one: str, two: str) -> None:
    """Some providers send many at once, each of another order; so may a shop of its own."""
    async with line(database_url) as run:
        for name in ("o1", "o2"):
            await run.until(await run.send(order(name, **UNPAID)), "done")
        both = (payment(one), payment(two, payment_ids=["pi_2"]))
        await run.until(await run.send(*both, to=to), "done")
        assert await told(run) == [("plain:o1", "paid"), ("plain:o2", "paid")]


# Payments that the platform of the orders itself tells of


async def test_an_order_s_payment_may_come_with_it(database_url: str) -> None:
    """Told in the same breath: nothing is waited for that this very delivery brings."""
    async with line(database_url) as run:
        update = payment("o1", "appointed", at=at(1))
        end = await run.until(await run.send(order(**UNPAID), update), "done")
        assert outcomes(end) == ["created", "repeated", "told"]
        assert await told(run) == [("plain:o1", "appointed")]


async def test_and_is_held_with_it(database_url: str) -> None:
    articles: dict[str, str] = {}
    async with line(database_url, connection={"articles": articles}) as run:
        held = await run.send(order(lines=[STRANGE], **UNPAID), payment("o1", at=at(1)))
        assert outcomes(await run.until(held, "held")) == ["held"]
        articles["i-7"] = "4711"
        await replay(run, held)
        await run.until(held, "done")
        assert await told(run) == [("plain:o1", "paid")]


async def test_it_means_its_own_order_s_id_and_no_other_s_number(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order("o1", display_id="17", **UNPAID)), "done")
        paid = await run.send(payment("17"))
        await run.until(paid, "waiting")
        await run.until(await run.send(order("17", display_id="18", **UNPAID)), "done")
        await run.until(paid, "done")
        assert await told(run) == [("plain:17", "paid")]


async def test_of_an_order_that_never_came_there_is_nothing_to_tell(database_url: str) -> None:
    async with line(database_url) as run:
        refund = await run.send(payment("old", "canceled", reversal=True))
        await run.until(refund, "waiting")
        run.clock.turn(seconds=61)
        end = await run.until(refund, "done", "dead")
        assert end["reason"] == "order plain:old never came"
        assert await run.calls() == []


async def test_nor_of_one_canceled_before_it_came(database_url: str) -> None:
    async with line(database_url) as run:
        refund = payment("o1", "canceled", reversal=True)
        gone = await run.send(cancellation(), refund, order="o1")
        await run.until(gone, "waiting")
        run.clock.turn(seconds=61)
        end = await run.until(gone, "done", "dead")
        assert outcomes(end)[-1] == "unchanged"
        assert await run.calls() == []


# What may change what


async def test_what_the_order_said_counts(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        for status in ("paid", "appointed", "error"):
            end = await run.until(await pay(run, status=status, at=at(5)), "done")
            assert outcomes(end) == ["unchanged"]
        assert await told(run) == []


async def test_older_news_change_nothing(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        await run.until(await pay(run, status="error", at=at(20)), "done")
        end = await run.until(await pay(run, status="appointed", at=at(10)), "done")
        assert outcomes(end) == ["unchanged"]
        await run.until(await pay(run, status="appointed", at=at(30)), "done")
        assert [status for _, status in await told(run)] == ["error", "appointed"]


async def test_paid_is_never_hidden(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        for status, when in (("paid", 10), ("canceled", 20), ("error", 30), ("appointed", 5)):
            await run.until(await pay(run, status=status, at=at(when)), "done")
        assert await told(run) == [("plain:o1", "paid")]


async def test_paid_though_news_of_a_failure_came_first(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        await run.until(await pay(run, status="error", at=at(30)), "done")
        await run.until(await pay(run, status="paid", at=at(10)), "done")
        assert [status for _, status in await told(run)] == ["error", "paid"]


async def test_given_back_and_won_again(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        for status, when, reversal in (
            ("canceled", 10, True),
            ("paid", 15, False),
            ("paid", 20, True),
        ):
            await run.until(await pay(run, status=status, at=at(when), reversal=reversal), "done")
        assert [status for _, status in await told(run)] == ["canceled", "paid"]


async def test_a_failed_change_is_told_later_and_once(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        await run.fault("fail", path="order/set-payment-status", times=1)
        await run.fault("drop_after", path="order/set-payment-status", times=1)
        await run.fault("garbage", path="order/set-payment-status", times=1)  # whoever said so
        end = await run.until(await pay(run), "done")
        assert outcomes(end) == ["unavailable", "ambiguous", "ambiguous", "told"]
        assert (await run.orders())[0]["paymentStatus"] == "paid"


async def test_many_at_once_end_as_the_guard_says(database_url: str) -> None:
    """All of one order, in whatever order they are taken: one after the other."""
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        news = [("error", 1), ("paid", 2), ("appointed", 3), ("error", 4), ("canceled", 5)]
        for status, when in [*news, *reversed(news)]:
            await run.post(body(payment("O1", status, at=at(when))), to="pay")
        await eventually(run.jobs, ended)
        assert (await run.orders())[0]["paymentStatus"] == "paid"
        statuses = [status for _, status in await told(run)]
        assert all(one != other for one, other in pairwise(statuses))
        assert "paid" not in statuses[:-1]


# Amounts


@pytest.mark.parametrize("unsure", [True, False])
async def test_a_part_given_back_of_an_order_never_seen_is_an_operator_s_business(
    unsure: bool, database_url: str
) -> None:
    async with line(database_url) as run:
        back = await pay(run, "Z9", "canceled", reversal=True, amount=500, unsure=unsure)
        await run.until(back, "waiting")
        run.clock.turn(seconds=61)
        end = await run.until(back, "done", "dead", "held")
        reason = "5.00 of order Z9 was given back: is that all of it?"
        assert (end["reason"] == reason) is unsure


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [(989, None, "9.89 EUR"), (989, "eur", "9.89 EUR"), (5_000, "USD", "50.00 USD")],
)
async def test_a_payment_that_does_not_cover_its_order_is_held(
    amount: int, currency: str | None, said: str, database_url: str
) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        held = await run.until(await pay(run, amount=amount, currency=currency), "held")
        assert held["reason"] == f"a payment of {said}, order plain:o1 comes to 9.90 EUR"
        assert await told(run) == []


@pytest.mark.parametrize("amount", [990, 1_290, None])  # tips are paid as well
async def test_one_that_does_is_told(amount: int | None, database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        await run.until(await pay(run, amount=amount, currency="EUR"), "done")
        assert await told(run) == [("plain:o1", "paid")]


async def test_what_is_not_paid_need_not_cover_it(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order(**UNPAID)), "done")
        await run.until(await pay(run, status="appointed", amount=1, at=at(5)), "done")
        assert await told(run) == [("plain:o1", "appointed")]


async def test_given_back_in_part_changes_nothing(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        back: Any = {"status": "canceled", "reversal": True, "currency": "EUR"}
        end = await run.until(await pay(run, **back, amount=500, at=at(5)), "done")
        assert end["reason"] == "given back in part: 5.00 EUR, order plain:o1 comes to 9.90 EUR"
        assert await told(run) == []
        await run.until(await pay(run, **back, amount=990, at=at(6)), "done")
        assert await told(run) == [("plain:o1", "canceled")]


# Several POS


async def test_the_order_s_own_pos_is_told(database_url: str) -> None:
    async with tills(database_url) as both:
        await both.line.until(await both.send_nord("n1", **UNPAID), "done")
        await both.line.until(await pay(both.line, "N1"), "done")
        (held,) = (await both.nord.get("/_sandbox/orders")).json()
        assert held["paymentStatus"] == "paid"


async def test_another_s_order_is_none_of_ours_and_costs_no_more_than_one_look(
    database_url: str,
) -> None:
    async with tills(database_url, pay_stores={"*": "mitte"}) as both:
        await both.line.until(await both.send_nord("n1", **UNPAID), "done")
        paid = await pay(both.line, "N1")
        await eventually(lambda: both.line.job(paid), lambda job: job["fence"] > 0)
        for number in range(10):
            await pass_by(both.line, f"another{number}")
        job = await both.line.job(paid)
        assert job["state"] == "waiting"
        assert job["fence"] <= 2
