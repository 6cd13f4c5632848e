"""What reached us of a connection: when last, from which stores, which orders.

Only the newest deliveries are looked through, so that it costs the same however much is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, select

from adapters.contract import Delivery
from receiver.inbox.made import delivery
from receiver.inbox.records import moment, ms
from receiver.inbox.tables import STANDING, UNPURGED, deliveries, jobs, orders

RECENT = 20_000  # of all connections
LISTED = "GET"  # the method of a delivery that nobody sent: it was found in a platform's list


def answers(connection: Connection) -> None:
    """Raises as any other look does where the database is away."""
    connection.execute(select(literal(1)))


def of(name: str) -> ColumnElement[bool]:
    """The jobs of what a connection was sent, lately."""
    newest = select(func.coalesce(func.max(jobs.c.id), 0)).scalar_subquery()
    return and_(
        jobs.c.id > newest - RECENT,
        jobs.c.connection == name,
        jobs.c.call.is_(None),
        deliveries.c.method != LISTED,
    )


def sent(name: str) -> Select[int]:
    joined = jobs.join(deliveries, deliveries.c.id == jobs.c.delivery)
    return select(deliveries.c.received_at).select_from(joined).where(of(name))


def last(connection: Connection, name: str, before: datetime) -> datetime | None:
    """When the last delivery before that time came; None where none did."""
    query = sent(name).where(deliveries.c.received_at < ms(before)).order_by(jobs.c.id.desc())
    return at(connection, query)


def first(connection: Connection, name: str) -> datetime | None:
    """When the first one came that is looked at."""
    return at(connection, sent(name).order_by(jobs.c.id))


def at(connection: Connection, query: Select[int]) -> datetime | None:
    row = connection.execute(query.limit(1)).first()
    return moment(row[0]) if row else None


def latest(connection: Connection, name: str, limit: int = 200) -> list[Delivery]:
    """What came last, newest first, but for what is purged."""
    joined = jobs.join(deliveries, deliveries.c.id == jobs.c.delivery)
    query = select(deliveries).select_from(joined).where(of(name)).order_by(jobs.c.id.desc())
    found = connection.execute(query.where(UNPURGED).limit(limit))
    return [delivery(row) for row in found.mappings()]


def known(
    connection: Connection, name: str, order_ids: Sequence[str], delivery_ids: Sequence[str]
) -> set[str]:
    """Which of the orders (as OktoPOS knows them) or deliveries are here already, done or not."""
    under_way = and_(jobs.c.queue.in_(order_ids), STANDING)
    kept = and_(deliveries.c.connection == name, deliveries.c.delivery_id.in_(delivery_ids))
    queries = (
        select(orders.c.order_id).where(orders.c.order_id.in_(order_ids)),
        select(jobs.c.queue).where(under_way),
        select(deliveries.c.delivery_id).where(kept),
    )
    return {text for query in queries for (text,) in connection.execute(query)}
