"""What is known of orders and payments, written at settling; and who waited to know it.

Jobs of several queues may write how an order stands: no cancellation is ever lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Update, and_, bindparam, select, update

from receiver.inbox.records import Job, OrderRecord, PaymentRecord, ms, storable
from receiver.inbox.sql import insert_many, rows, run, upsert
from receiver.inbox.tables import (
    jobs,
    order_references,
    orders,
    payment_references,
    payments,
)


@cache
def waiting_for(count: int) -> Update:
    """Whoever waits for one of so many names, but for one."""
    names = [bindparam(f"name{place}", type_=jobs.c.awaits.type) for place in range(count)]
    waits = and_(jobs.c.awaits.in_(names), jobs.c.state == "waiting")
    woken = update(jobs).where(waits, jobs.c.id != bindparam("me"))
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


def put(connection: Connection, order: OrderRecord) -> bool:
    """Whether all is well. Else another job wrote meanwhile what this one has not seen: that the
    order was created, or that it is canceled; and it must look again."""
    row = (
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
    if insert_many(connection, orders, COLUMNS, [row], PUT_AS_SEEN):
        return True
    insert_many(connection, orders, COLUMNS, [row], PUT)
    return False


def record_order(connection: Connection, job: Job, order: OrderRecord, now: datetime) -> int:
    """The order as it now is, and its names; how many have something new to see."""
    well = put(connection, order)
    if not well:
        run(connection, LOOK_AGAIN, job=job.id, now=ms(now))
    names = list(map(storable, order.references))
    named = [{"reference": name, "order_id": order.order_id} for name in names]
    upsert(connection, order_references, *named)
    if order.state == "expected":
        return not well  # else nothing new to see
    return wake(connection, job, names, now) + (not well)


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
