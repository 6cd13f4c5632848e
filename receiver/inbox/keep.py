"""Keeping: a delivery and its job in one transaction, many deliveries at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, update

from receiver.inbox.dialect import Arrival, keep
from receiver.inbox.records import Incoming, lane, ms
from receiver.inbox.sql import run
from receiver.inbox.tables import NEVER, deliveries

SEEN_AGAIN = (
    update(deliveries)
    .where(deliveries.c.connection == bindparam("of"), deliveries.c.delivery_id == bindparam("is"))
    .values(arrivals=deliveries.c.arrivals + 1)
)


def keep_many(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Keeps what is new and counts what is not; says of each whether it was new."""
    if not batch:
        return []
    kept = keep(connection, [arrival(one) for one in batch])
    for one, new in zip(batch, kept, strict=True):
        if not new:
            run(connection, SEEN_AGAIN, **{"of": one.connection, "is": one.delivery_id})
    return kept


def arrival(one: Incoming) -> Arrival:
    delivery = one.delivery
    return Arrival(
        one.connection,
        one.delivery_id,
        delivery.method,
        delivery.url,
        delivery.path,
        to_json(one.headers).decode(),
        delivery.body,
        ms(delivery.received_at),
        one.queue,
        one.overtakes,
        one.pos,
        lane(one.connection, one.pos),
        *until(one.deadline, one.alarm_at),
    )


def until(deadline: datetime | None, alarm_at: datetime | None) -> tuple[int, int | None]:
    """As a job's last two columns have it."""
    return ms(deadline) if deadline else NEVER, ms(alarm_at) if alarm_at else None
