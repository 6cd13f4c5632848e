"""Settling: how a job ends for now and everything it changes, in one transaction, fenced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, update

from receiver.inbox import articles
from receiver.inbox.dialect import JOB_COLUMNS
from receiver.inbox.keep import until
from receiver.inbox.records import (
    Answer,
    Attempt,
    Job,
    Settled,
    Settlement,
    answering,
    lane,
    ms,
    platform,
    storable,
)
from receiver.inbox.sql import insert_many, run
from receiver.inbox.standing import record_order, record_payment, record_payment_reference
from receiver.inbox.tables import (
    ENDED,
    STANDING,
    UNPURGED,
    among,
    attempts,
    deliveries,
    jobs,
    order_references,
    orders,
    payment_references,
)
from receiver.inbox.turns import pass_on
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
        deadline=bindparam("new_deadline"),
        alarm_at=bindparam("new_alarm"),
        at_risk=bindparam("new_risk"),
        cleared=False,
        owner=None,
        updated_at=bindparam("now"),
    )
)


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
    .values(state="ready", due_at=bindparam("now"))
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
    .values(state="ready", due_at=bindparam("now"))
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
    .where(jobs.c.queue == bindparam("of"), ENDED, jobs.c.state == "dead", jobs.c.sent)
    .where(exists().where(deliveries.c.id == jobs.c.delivery, UNPURGED))
    .values(state="ready", due_at=bindparam("now"))
)


def settle(connection: Connection, job: Job, settlement: Settlement, now: datetime) -> Settled:
    """Writes the settlement; nothing is written when the job is no longer ours."""
    deadline, alarm_at = until(settlement.deadline or job.deadline, settlement.alarm_at)
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
        new_deadline=deadline,
        new_alarm=alarm_at,
        new_risk=settlement.at_risk,
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
    add_answers(connection, job, settlement.calls, now)
    woken += [look_again(connection, job, settlement, now), len(settlement.calls)]
    behind = pass_on(connection, job.queue)
    return Settled(ours=True, more=behind or any(woken))


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


def add_answers(connection: Connection, job: Job, answers: Sequence[Answer], now: datetime) -> None:
    add(
        connection,
        [replace(one, delivery=one.delivery or job.delivery_row) for one in answers],
        of=job.connection,
        queue=job.queue,
        now=now,
    )


def add(
    connection: Connection, answers: Sequence[Answer], *, of: str, queue: str, now: datetime
) -> None:
    """Answers to the platform, in a queue of their own: they never stand in the POS's way."""
    at, peer = ms(now), platform(of)
    goes = (of, answering(queue), False, peer, lane(of, peer), "ready", at, at, False, at)
    insert_many(
        connection,
        jobs,
        (*JOB_COLUMNS, "call"),
        [
            (one.delivery, *goes, *until(one.deadline, one.alarm_at), storable(one.call))
            for one in answers
        ],
    )
