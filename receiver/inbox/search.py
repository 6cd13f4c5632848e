"""Looking into the box: what the pipeline asks, and what an operator wants to see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    exists,
    func,
    literal,
    not_,
    select,
    update,
)

from adapters.contract import Delivery
from receiver.inbox import articles
from receiver.inbox.made import delivery
from receiver.inbox.records import OrderRecord, PaymentRecord, State, moment, ms, storable
from receiver.inbox.sql import rows
from receiver.inbox.tables import (
    ENDED,
    READY,
    RUNNING,
    STANDING,
    STANDING_STATES,
    UNPURGED,
    among,
    deliveries,
    jobs,
    order_references,
    orders,
    payment_references,
    payments,
    stands,
)
from receiver.inbox.turns import pass_on

AT_ONCE = 500  # names in one statement


ORDER = select(orders).where(orders.c.order_id == bindparam("called"))
BEFORE = select(
    articles.VERSION.scalar_subquery(), articles.SYNCED_AT.scalar_subquery(), orders
).select_from(
    select(literal(1)).subquery("once").outerjoin(orders, orders.c.order_id == bindparam("called"))
)


def order(connection: Connection, order_id: str) -> OrderRecord | None:
    """As the pipeline asks for each that it forwards."""
    for row in rows(connection, ORDER, called=order_id):
        return order_record(dict(zip(orders.c.keys(), row, strict=True)))
    return None


def before_forwarding(
    connection: Connection, order_id: str, pos: str
) -> tuple[OrderRecord | None, bool]:
    """The order as it stands, and whether anything is known of its POS's articles or of anybody's
    mappings: one statement, as all who are forwarded come this way."""
    ((version, synced_at, *row),) = rows(connection, BEFORE, called=order_id, of=pos)
    values = dict(zip(orders.c.keys(), row, strict=True))
    known = bool(version) or synced_at is not None
    return order_record(values) if values["order_id"] is not None else None, known


def orders_called(connection: Connection, reference: str) -> list[OrderRecord]:
    """Every order that a payment may mean by `reference`."""
    same = order_references.c.reference == storable(reference)
    named = select(order_references.c.order_id).where(same)
    query = select(orders).where(orders.c.order_id.in_(named))
    return [order_record(row) for row in connection.execute(query).mappings()]


def order_record(row: Mapping[Any, Any]) -> OrderRecord:
    values = {name: value for name, value in row.items() if name != "ready_at"}
    return OrderRecord(**{**values, "created_at": moment(values["created_at"])})


def untold(connection: Connection, pos: str, order_ids: Collection[str]) -> list[OrderRecord]:
    """Those that stand at the POS and of which their platform was not told yet."""
    asked = list(map(storable, order_ids))
    found = []
    for start in range(0, len(asked), AT_ONCE):
        query = select(orders).where(
            orders.c.order_id.in_(asked[start : start + AT_ONCE]),
            orders.c.pos == pos,
            orders.c.state == "created",
            orders.c.ready_at.is_(None),
        )
        found += [order_record(row) for row in connection.execute(query).mappings()]
    return found


def orders_of(connection: Connection, job_id: int) -> list[OrderRecord]:
    """What the delivery behind a job brought, or is about."""
    query = select(jobs.c.delivery, jobs.c.queue).where(jobs.c.id == job_id)
    row = connection.execute(query).first()
    if row is None:
        return []
    brought = select(orders).where(orders.c.delivery == row[0])
    found = [order_record(one) for one in connection.execute(brought).mappings()]
    named = order(connection, row[1].removeprefix("answer "))
    return found or ([named] if named else [])


def delivery_of(connection: Connection, row: int) -> Delivery | None:
    """By its row, byte for byte; None once it is purged: no answer can be made from it."""
    query = select(deliveries).where(deliveries.c.id == row, UNPURGED)
    found = connection.execute(query).mappings().first()
    return delivery(found) if found else None


def asked_for(connection: Connection, queue: str) -> bool:
    """Whether an operator wants something done to an order that is not done yet."""
    query = select(jobs.c.id).where(jobs.c.queue == queue, STANDING, jobs.c.call.is_not(None))
    return connection.execute(query.limit(1)).first() is not None


def given_up_unsure(connection: Connection, queue: str) -> bool:
    """Whether an order of this queue may stand at its POS by a try that nobody goes on with."""
    query = select(jobs.c.id).where(
        jobs.c.queue == queue, ENDED, among(jobs.c.state, "dead"), jobs.c.sent
    )
    return connection.execute(query.limit(1)).first() is not None


def at_risk(connection: Connection) -> dict[str, int]:
    """How many orders of each connection may miss their deadline."""
    query = select(jobs.c.connection, func.count()).where(STANDING, jobs.c.at_risk)
    return {row[0]: row[1] for row in connection.execute(query.group_by(jobs.c.connection))}


def payment(connection: Connection, pos: str, order_id: str) -> PaymentRecord | None:
    query = select(payments).where(payments.c.pos == pos, payments.c.order_id == order_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return PaymentRecord(
        pos=pos,
        order_id=order_id,
        status=row["status"],
        at=moment(row["at"]),
        reversal=bool(row["reversal"]),
    )


def payment_reference(connection: Connection, name: str, payment_ids: Sequence[str]) -> str | None:
    """The merchant's reference that an earlier event of the same payment named."""
    query = select(payment_references.c.reference).where(
        payment_references.c.connection == name,
        payment_references.c.payment_id.in_(map(storable, payment_ids)),
    )
    return connection.execute(query.limit(1)).scalar()


earlier = jobs.alias("earlier")
BEHIND = exists().where(
    earlier.c.queue == jobs.c.queue,
    earlier.c.id < jobs.c.id,
    stands(earlier),
)


def unseen(connection: Connection, until: datetime) -> bool:
    """Whether a delivery of that time has not been looked at yet, or just is for the first time.

    What stands behind another of its queue does not count: it is of the same order. Nor does what
    an operator holds: it may never be looked at.
    """
    come = jobs.c.call.is_(None), jobs.c.since <= ms(until), not_(BEHIND)
    fresh = select(jobs.c.id).where(READY, jobs.c.fence == 0, *come)
    begun = select(jobs.c.id).where(RUNNING, jobs.c.fence == 1, *come)
    by_index = (
        fresh.order_by(jobs.c.behind, jobs.c.lane, jobs.c.deadline, jobs.c.id),
        begun.order_by(jobs.c.queue),
    )
    return any(connection.execute(query.limit(1)).first() for query in by_index)


def under_way(connection: Connection, queue: str, name: str) -> bool:
    """Whether what the connection of that name delivered still stands in the queue, cancellations
    aside: it may bring the order, or may have brought it already."""
    query = select(jobs.c.id).where(
        jobs.c.queue == queue,
        STANDING,
        jobs.c.connection == name,
        not_(jobs.c.overtakes),
    )
    return connection.execute(query.limit(1)).first() is not None


def request_of(connection: Connection, job_id: int) -> tuple[str, Any] | None:
    """The connection and the delivery behind a job, byte for byte; None once it is purged."""
    query = select(deliveries).join(jobs, jobs.c.delivery == deliveries.c.id).where(UNPURGED)
    row = connection.execute(query.where(jobs.c.id == job_id)).mappings().first()
    return (row["connection"], delivery(row)) if row else None


def orders_between(
    connection: Connection, pos: str, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Those that OktoPOS had, by when they first came to us; the end is not among them."""
    query = select(orders.c.connection, orders.c.state, orders.c.total, orders.c.figures).where(
        orders.c.created_at >= ms(start),
        orders.c.created_at < ms(end),
        orders.c.pos == pos,
        orders.c.total.is_not(None),
    )
    return [dict(row) for row in connection.execute(query.order_by(orders.c.created_at)).mappings()]


def change(
    connection: Connection, ids: Sequence[int], to: State, reason: str | None, now: datetime
) -> list[int]:
    """Moves jobs by an operator's hand; a running one is left alone. Returns those moved."""
    changed = (
        update(jobs)
        .where(jobs.c.id.in_(ids), jobs.c.state != "running")
        .values(
            state=str(to),
            reason=reason,
            due_at=ms(now),
            since=ms(now),
            failures=0,
            awaits=None,
            updated_at=ms(now),
            cleared=to is State.READY,
            behind=False,
            ended_at=None if to in STANDING_STATES else ms(now),
            alarm_at=None if to is State.HELD else jobs.c.alarm_at,  # whoever holds it looks at it
        )
        .returning(jobs.c.id, jobs.c.queue)
    )
    moved = connection.execute(changed).all()
    pass_on(connection, *(row[1] for row in moved))
    return [row[0] for row in moved]
