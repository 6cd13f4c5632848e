"""One order, whatever its age: found by its names, and all that is personal of it purged at once.

Finding it walks through all jobs: what is at its end is in no index by its order. It reads only,
so nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from receiver.inbox import quarantine, search
from receiver.inbox.purge import forget_reasons, purge, unexplained
from receiver.inbox.records import OrderRecord
from receiver.inbox.tables import (
    UNPURGED,
    deliveries,
    jobs,
    order_references,
    orders,
    payment_references,
)


class Part(NamedTuple):
    """A job of the order, and its delivery."""

    job: int
    state: str
    delivery: int


def orders_called(connection: Connection, called: str) -> list[OrderRecord]:
    """By our own id, else by any name a payment may know it by."""
    whole = search.order(connection, called)
    found = [whole] if whole else search.orders_called(connection, called)
    return sorted(found, key=lambda one: one.created_at)


def names(connection: Connection, order: OrderRecord) -> set[str]:
    """All of its names that no other order has: not the number that is called out."""
    query = select(order_references.c.reference)
    known = connection.execute(query.where(order_references.c.order_id == order.order_id))
    own = {*known.scalars(), order.order_id} - {order.display_id} | {order.platform_id}
    paid = select(payment_references.c.payment_id).where(payment_references.c.reference.in_(own))
    return own | set(connection.execute(paid).scalars())


def queues_among(connection: Connection, queues: Collection[str]) -> list[str]:
    """Those that something came in."""
    query = select(jobs.c.queue).where(jobs.c.queue.in_(sorted(queues)))
    return sorted(connection.execute(query.distinct()).scalars())


def parts(connection: Connection, queues: Collection[str]) -> list[Part]:
    """What of it is not purged, answers to the platform included."""
    mine = select(jobs.c.delivery).where(jobs.c.queue.in_(sorted(queues)))
    query = (
        select(jobs.c.id, jobs.c.state, jobs.c.delivery)
        .join(deliveries, deliveries.c.id == jobs.c.delivery)
        .where(jobs.c.delivery.in_(mine), UNPURGED)
        .order_by(jobs.c.id)
    )
    return [Part(*row) for row in connection.execute(query)]


def erase(
    connection: Connection,
    order_id: str,
    ids: Collection[int],
    suspects: Collection[int],
    now: datetime,
) -> bool:
    """Whether all of it went; what something was opened of meanwhile did not."""
    whole = purge(connection, ids, now) == len(ids)
    forget_reasons(connection, unexplained(connection, orders.c.order_id == order_id))
    quarantine.remove(connection, sorted(suspects))
    return whole
