"""Settling: how a job ends for now and everything it changes, in one transaction, fenced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import compress

from sqlalchemy import Connection, bindparam, exists, update

from receiver.inbox import articles
from receiver.inbox.dialect import JOB_COLUMNS
from receiver.inbox.records import (
    Answer,
    Ending,
    Job,
    Settled,
    Settlement,
    answering,
    lane,
    ms,
    platform,
    storable,
)
from receiver.inbox.sql import insert_many, run, update_many
from receiver.inbox.standing import record_orders, record_payment_reference, record_payments
from receiver.inbox.tables import (
    ENDED,
    NEVER,
    STANDING,
    STANDING_STATES,
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
from receiver.inbox.verdicts import judge_all, probe_again

KEY = ("id", "fence")
WRITTEN = (
    "state",
    "reason",
    "due_at",
    "failures",
    "sent",
    "pos",
    "lane",
    "queue",
    "awaits",
    "deadline",
    "alarm_at",
    "at_risk",
    "cleared",
    "owner",
    "updated_at",
    "ended_at",
)
RUNNING = "jobs.state = 'running'"
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
    .where(jobs.c.queue == bindparam("of"), ENDED, among(jobs.c.state, "dead"), jobs.c.sent)
    .where(exists().where(deliveries.c.id == jobs.c.delivery, UNPURGED))
    .values(state="ready", due_at=bindparam("now"), ended_at=None)
)


def settle_many(connection: Connection, endings: Sequence[Ending]) -> list[Settled]:
    """Writes each settlement whose job is still ours; of the others nothing.

    What all of them change in one place is one statement: with SQLite each costs some turns with
    the interpreter's lock, with PostgreSQL a round trip.
    """
    still = still_ours(connection, endings)
    ours = list(compress(endings, still))
    if not ours:
        return [Settled(ours=False)] * len(endings)
    now = max(one.now for one in ours)
    record_attempts(connection, ours)
    woken = record(connection, ours, now)
    judge_all(connection, [verdict for one in ours for verdict in one.settlement.verdicts], now)
    for job, settlement, _ in ours:
        if job.probe and not settlement.verdicts:  # it asked the POS nothing: the next one may
            probe_again(connection, job.pos, now)
    woken += add_answers(connection, ours, now)
    woken += sum(look_again(connection, *one) for one in ours)
    left = pass_on(connection, *(one.job.queue for one in ours))
    return [
        Settled(is_ours, is_ours and (woken > 0 or one.job.queue in left))
        for one, is_ours in zip(endings, still, strict=True)
    ]


def still_ours(connection: Connection, endings: Sequence[Ending]) -> list[bool]:
    """Whether each job is, and so has been written."""
    first: dict[tuple[int, int], Ending] = {}
    for one in endings:
        first.setdefault(one.key, one)
    rows = [(*key, *written(*one)) for key, one in first.items()]
    found = update_many(connection, jobs, KEY, WRITTEN, rows, RUNNING)
    return [one.key in found and first[one.key] is one for one in endings]


def written(job: Job, settlement: Settlement, now: datetime) -> tuple[object, ...]:
    return (
        str(settlement.state),
        settlement.reason and storable(settlement.reason),
        ms(settlement.due_at or now),
        settlement.failures,
        settlement.sent,
        settlement.pos or job.pos,
        lane(job.connection, settlement.pos or job.pos),
        settlement.queue or job.queue,
        settlement.awaits and storable(settlement.awaits),
        *until(settlement.deadline or job.deadline, settlement.alarm_at),
        settlement.at_risk,
        False,
        None,
        ms(now),
        None if settlement.state in STANDING_STATES else ms(now),
    )


def until(deadline: datetime | None, alarm_at: datetime | None) -> tuple[int, int | None]:
    """As a job's last two columns have it."""
    return ms(deadline) if deadline else NEVER, ms(alarm_at) if alarm_at else None


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


def record(connection: Connection, ours: Sequence[Ending], now: datetime) -> int:
    """What is now known of orders and payments; how many jobs have waited for it."""
    orders = [(one.job, order) for one in ours for order in one.settlement.orders]
    woken = record_orders(connection, orders, now)
    record_payments(connection, [payment for one in ours for payment in one.settlement.payments])
    for job, settlement, _ in ours:
        for pair in settlement.payment_references:
            woken += record_payment_reference(connection, job, *pair, now)
    return woken


def record_attempts(connection: Connection, ours: Sequence[Ending]) -> None:
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
            for job, settlement, now in ours
            for step in settlement.attempts
        ],
    )


def add_answers(connection: Connection, ours: Sequence[Ending], now: datetime) -> int:
    """To the platforms, each a job of its own; how many they are."""
    rows = [
        answer(one, of=job.connection, queue=job.queue, delivery=job.delivery_row, now=now)
        for job, settlement, _ in ours
        for one in settlement.calls
    ]
    return insert_many(connection, jobs, ANSWER, rows)


def add(
    connection: Connection, answers: Sequence[Answer], *, of: str, queue: str, now: datetime
) -> None:
    rows = [answer(one, of=of, queue=queue, now=now) for one in answers]
    insert_many(connection, jobs, ANSWER, rows)


ANSWER = (*JOB_COLUMNS, "call")


def answer(
    one: Answer, *, of: str, queue: str, now: datetime, delivery: int | None = None
) -> tuple[object, ...]:
    """An answer to the platform, in a queue of its own: it never stands in the POS's way."""
    at, peer = ms(now), platform(of)
    start = (one.delivery or delivery, of, answering(queue), False, peer, lane(of, peer))
    limits = until(one.deadline, one.alarm_at)
    return (*start, "ready", at, at, False, at, *limits, storable(one.call))
