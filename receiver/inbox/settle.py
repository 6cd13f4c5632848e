"""Settling: how a job ends for now and everything it changes, in one transaction, fenced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Update, and_, bindparam, exists, select, update

from receiver.inbox import articles
from receiver.inbox.keep import JOB_COLUMNS
from receiver.inbox.records import (
    Attempt,
    Job,
    OrderRecord,
    PaymentRecord,
    Settled,
    Settlement,
    lane,
    ms,
    platform,
    storable,
)
from receiver.inbox.sql import insert_many, rows, run, upsert
from receiver.inbox.tables import (
    ATTENTION,
    STANDING,
    UNPURGED,
    among,
    attempts,
    deliveries,
    jobs,
    order_references,
    orders,
    payment_references,
    payments,
)
from receiver.inbox.verdicts import judge, probe_again

OURS = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        jobs.c.fence == bindparam("ours"),
        jobs.c.state == "running",
    )
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        due_at=bindparam("new_due"),
        failures=bindparam("new_failures"),
        sent=bindparam("new_sent"),
        pos=bindparam("new_pos"),
        lane=bindparam("new_lane"),
        queue=bindparam("new_queue"),
        awaits=bindparam("new_awaits"),
        cleared=False,
        owner=None,
        updated_at=bindparam("now"),
    )
)


@cache
def waiting_for(count: int) -> Update:
    """Whoever waits for one of so many names, but for one."""
    names = [bindparam(f"name{place}", type_=jobs.c.awaits.type) for place in range(count)]
    waits = and_(jobs.c.awaits.in_(names), jobs.c.state == "waiting")
    return update(jobs).where(waits, jobs.c.id != bindparam("me")).values(due_at=bindparam("now"))


MISSED_ORDER = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        exists().where(
            order_references.c.reference == bindparam("reference"),
            orders.c.order_id == order_references.c.order_id,
            orders.c.pos == bindparam("till"),
            orders.c.state != "expected",
        ),
    )
    .values(due_at=bindparam("now"))
)
KNOWN_AS = select(payment_references.c.reference).where(
    payment_references.c.connection == bindparam("of"),
    payment_references.c.payment_id == bindparam("payment"),
)
MISSED_NAME = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        exists().where(
            payment_references.c.connection == jobs.c.connection,
            payment_references.c.payment_id == bindparam("reference"),
        ),
    )
    .values(due_at=bindparam("now"))
)
WAKE_QUEUE = (
    update(jobs)
    .where(
        jobs.c.queue == bindparam("of"),
        jobs.c.id != bindparam("me"),
        STANDING,
        among(jobs.c.state, "waiting", "held"),
    )
    .values(state="ready", due_at=bindparam("now"))
)
WAKE_SENT = (
    update(jobs)
    .where(jobs.c.queue == bindparam("of"), ATTENTION, jobs.c.state == "dead", jobs.c.sent)
    .where(exists().where(deliveries.c.id == jobs.c.delivery, UNPURGED))
    .values(state="ready", due_at=bindparam("now"))
)
WAITING_BEHIND = select(jobs.c.id).where(jobs.c.queue == bindparam("of"), STANDING).limit(1)


def settle(connection: Connection, job: Job, settlement: Settlement, now: datetime) -> Settled:
    """Writes the settlement; nothing is written when the job is no longer ours."""
    ours = run(
        connection,
        OURS,
        job=job.id,
        ours=job.fence,
        new_state=str(settlement.state),
        new_reason=settlement.reason and storable(settlement.reason),
        new_due=ms(settlement.due_at or now),
        new_failures=settlement.failures,
        new_sent=settlement.sent,
        new_pos=settlement.pos or job.pos,
        new_lane=lane(job.connection, settlement.pos or job.pos),
        new_queue=settlement.queue or job.queue,
        new_awaits=settlement.awaits and storable(settlement.awaits),
        now=ms(now),
    )
    if not ours:
        return Settled(ours=False)
    record_attempts(connection, job, settlement.attempts, now)
    woken = [record_order(connection, job, order, now) for order in settlement.orders]
    for payment in settlement.payments:
        record_payment(connection, payment)
    woken += [
        record_payment_reference(connection, job, *pair, now)
        for pair in settlement.payment_references
    ]
    for verdict in settlement.verdicts:
        judge(connection, verdict, now)
    if job.probe and not settlement.verdicts:  # it asked the POS nothing: the next one may
        probe_again(connection, job.pos, now)
    add_calls(connection, job, settlement.calls, now)
    woken += [look_again(connection, job, settlement, now), len(settlement.calls)]
    behind = rows(connection, WAITING_BEHIND, of=job.queue)
    return Settled(ours=True, more=bool(behind) or any(woken))


def look_again(connection: Connection, job: Job, settlement: Settlement, now: datetime) -> int:
    """Wakes what this settlement concerns, itself if what it awaits came while it looked."""
    woken = 0
    if settlement.seen is not None:
        missed = settlement.seen != articles.version(connection)
        return articles.release(connection, now) if missed else 0
    if settlement.awaits:
        awaited = {"job": job.id, "reference": storable(settlement.awaits), "now": ms(now)}
        for till in settlement.tills:
            woken += run(connection, MISSED_ORDER, till=till, **awaited)
        if not settlement.tills:
            woken += run(connection, MISSED_NAME, **awaited)
    if settlement.wakes_queue:
        woken += run(connection, WAKE_QUEUE, of=job.queue, me=job.id, now=ms(now))
        woken += run(connection, WAKE_SENT, of=job.queue, now=ms(now))
    return woken


def record_attempts(
    connection: Connection, job: Job, steps: Sequence[Attempt], now: datetime
) -> None:
    insert_many(
        connection,
        attempts,
        ("job", "at", "outcome", "detail", "answer"),
        [
            (
                job.id,
                ms(now),
                step.outcome,
                storable(step.detail),
                storable(step.answer or "") or None,
            )
            for step in steps
        ],
    )


def record_order(connection: Connection, job: Job, order: OrderRecord, now: datetime) -> int:
    """The order as it now is, and its names; how many waited for one of them."""
    upsert(
        connection,
        orders,
        {
            "order_id": order.order_id,
            "connection": order.connection,
            "pos": order.pos,
            "platform_id": storable(order.platform_id),
            "state": order.state,
            "internal_id": order.internal_id,
            "display_id": order.display_id and storable(order.display_id),
            "total": order.total,
            "tip": order.tip,
            "cancellation": order.cancellation,
            "figures": order.figures,
            "created_at": ms(order.created_at),
        },
    )
    names = list(map(storable, order.references))
    named = [{"reference": name, "order_id": order.order_id} for name in names]
    upsert(connection, order_references, *named)
    if order.state == "expected":
        return 0  # nothing new to see
    return wake(connection, job, names, now)


def record_payment(connection: Connection, payment: PaymentRecord) -> None:
    upsert(
        connection,
        payments,
        {
            "pos": payment.pos,
            "order_id": payment.order_id,
            "status": payment.status,
            "at": ms(payment.at),
            "reversal": payment.reversal,
        },
    )


def record_payment_reference(
    connection: Connection, job: Job, payment_id: str, reference: str, now: datetime
) -> int:
    """What later events of the payment are found by; how many waited for it."""
    payment_id, reference = storable(payment_id), storable(reference)
    row = {"connection": job.connection, "payment_id": payment_id}
    if rows(connection, KNOWN_AS, of=job.connection, payment=payment_id) == [(reference,)]:
        return 0  # nothing new to see
    upsert(connection, payment_references, {**row, "reference": reference})
    return wake(connection, job, [payment_id], now)


def wake(connection: Connection, job: Job, names: Sequence[str], now: datetime) -> int:
    """Those who wait for one of the names look again; how many they are."""
    if not names:
        return 0
    awaited = {f"name{place}": name for place, name in enumerate(names)}
    return run(connection, waiting_for(len(names)), me=job.id, now=ms(now), **awaited)


def add_calls(connection: Connection, job: Job, calls: Sequence[str], now: datetime) -> None:
    """Answers to the platform, in a queue of their own: they never stand in the POS's way."""
    at, peer = ms(now), platform(job.connection)
    goes = (job.delivery_row, job.connection, f"answer {job.queue}", False, peer)
    start = (*goes, lane(job.connection, peer), "ready", at, at, False, at)
    insert_many(connection, jobs, (*JOB_COLUMNS, "call"), [(*start, call) for call in calls])
