"""What is known of orders and payments, written at settling; and who waited to know it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Update, and_, bindparam, select, update

from receiver.inbox.records import Job, OrderRecord, PaymentRecord, ms, storable
from receiver.inbox.sql import rows, run, upsert
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
    return update(jobs).where(waits, jobs.c.id != bindparam("me")).values(due_at=bindparam("now"))


KNOWN_AS = select(payment_references.c.reference).where(
    payment_references.c.connection == bindparam("of"),
    payment_references.c.payment_id == bindparam("payment"),
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
            "created_at": ms(order.created_at),
            "figures": order.figures,
            "delivery": order.delivery,
            "answering": order.answering and storable(order.answering),
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
