"""What is known of orders and payments, written at settling; and who waited to know it.

Jobs of several queues may write how an order stands: no cancellation is ever lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TypeAlias

from sqlalchemy import Connection, Update, and_, bindparam, not_, select, update

from receiver.inbox import tables
from receiver.inbox.records import Job, OrderRecord, PaymentRecord, ms, storable
from receiver.inbox.sql import insert_many, one_of, padded, rows, run, upsert
from receiver.inbox.tables import WAITING, jobs, order_references, orders, payment_references
from receiver.inbox.turns import is_one_of, named

Written: TypeAlias = tuple[Job, OrderRecord]


@cache
def waiting_for(names: int, settled: int) -> Update:
    """Whoever waits for one of so many names, but for so many jobs."""
    waits = and_(one_of(jobs.c.awaits, "name", names), WAITING)
    woken = update(jobs).where(waits, not_(is_one_of(settled)))
    return woken.values(state="ready", due_at=bindparam("now"))


KNOWN_AS = select(payment_references.c.reference).where(
    payment_references.c.connection == bindparam("of"),
    payment_references.c.payment_id == bindparam("payment"),
)
LOOK_AGAIN = (
    update(jobs).where(jobs.c.id == bindparam("job")).values(state="ready", due_at=bindparam("now"))
)


COLUMNS = (
    "order_id",
    "connection",
    "pos",
    "platform_id",
    "state",
    "internal_id",
    "display_id",
    "total",
    "tip",
    "cancellation",
    "created_at",
    "figures",
    "delivery",
    "answering",
)
REPLACED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:] if name != "cancellation")
PUT = f"""
ON CONFLICT (order_id) DO UPDATE SET {REPLACED},
    cancellation = coalesce(excluded.cancellation, orders.cancellation)
WHERE (orders.state NOT IN ('created', 'canceled') OR excluded.state IN ('created', 'canceled'))
"""
PUT_AS_SEEN = f"{PUT} AND (orders.cancellation IS NULL OR excluded.cancellation IS NOT NULL)"


def row_of(order: OrderRecord) -> tuple[object, ...]:
    return (
        order.order_id,
        order.connection,
        order.pos,
        storable(order.platform_id),
        order.state,
        order.internal_id,
        order.display_id and storable(order.display_id),
        order.total,
        order.tip,
        order.cancellation,
        ms(order.created_at),
        order.figures,
        order.delivery,
        order.answering and storable(order.answering),
    )


def put(connection: Connection, order: OrderRecord) -> bool:
    """Whether all is well. Else another job wrote meanwhile what this one has not seen: that the
    order was created, or that it is canceled; and it must look again."""
    row = [row_of(order)]
    well = bool(insert_many(connection, orders, COLUMNS, row, PUT_AS_SEEN))
    if not well:
        insert_many(connection, orders, COLUMNS, row, PUT)
    return well


def put_all(connection: Connection, written: Sequence[Written]) -> list[Job]:
    """Those who must look again. All at once, and one by one only where not all is well: what
    is well may be put twice."""
    again: list[Job] = []
    for group in apart(written):
        rows = [row_of(order) for _, order in group]
        if insert_many(connection, orders, COLUMNS, rows, PUT_AS_SEEN) < len(rows):
            again += [job for job, order in group if not put(connection, order)]
    return again


def apart(written: Sequence[Written]) -> list[list[Written]]:
    """In as few groups as leave no order in one of them twice; each in the order of its keys,
    so that of two processes neither waits for the other."""
    groups: list[dict[str, Written]] = []
    for job, order in written:
        group = next((one for one in groups if order.order_id not in one), None)
        if group is None:
            groups.append(group := {})
        group[order.order_id] = job, order
    return [[group[key] for key in sorted(group)] for group in groups]


def record_orders(connection: Connection, written: Sequence[Written], now: datetime) -> int:
    """The orders as they now are, and their names; how many have something new to see. Those who
    wrote them look for themselves."""
    again = put_all(connection, written)
    for job in again:
        run(connection, LOOK_AGAIN, job=job.id, now=ms(now))
    called = [(storable(name), order) for _, order in written for name in order.references]
    keys = sorted({(name, order.order_id) for name, order in called})
    upsert(connection, order_references, *({"reference": r, "order_id": o} for r, o in keys))
    new = [name for name, order in called if order.state != "expected"]  # else there is nothing
    return len(again) + wake(connection, [job for job, _ in written], new, now)


def record_payments(connection: Connection, payments: Sequence[PaymentRecord]) -> None:
    last = {(payment.pos, payment.order_id): payment for payment in payments}
    upsert(connection, tables.payments, *(payment_row(last[key]) for key in sorted(last)))


def payment_row(payment: PaymentRecord) -> Mapping[str, object]:
    return {
        "pos": payment.pos,
        "order_id": payment.order_id,
        "status": payment.status,
        "at": ms(payment.at),
        "reversal": payment.reversal,
    }


def record_payment_reference(
    connection: Connection, job: Job, payment_id: str, reference: str, now: datetime
) -> int:
    """What later events of the payment are found by; how many waited for it."""
    payment_id, reference = storable(payment_id), storable(reference)
    row = {"connection": job.connection, "payment_id": payment_id}
    if rows(connection, KNOWN_AS, of=job.connection, payment=payment_id) == [(reference,)]:
        return 0  # nothing new to see
    upsert(connection, payment_references, {**row, "reference": reference})
    return wake(connection, [job], [payment_id], now)


def wake(
    connection: Connection, settled: Sequence[Job], names: Sequence[str], now: datetime
) -> int:
    """Those who wait for one of the names look again; how many they are."""
    if not names:
        return 0
    awaited, ids = padded("name", names), named([job.id for job in settled])
    return run(connection, waiting_for(len(awaited), len(ids)), now=ms(now), **awaited, **ids)
