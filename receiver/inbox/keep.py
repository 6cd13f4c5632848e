"""Keeping: a delivery and its job in one transaction, many deliveries at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, select, update

from receiver.inbox.dialect import next_ids
from receiver.inbox.records import Incoming, lane, ms
from receiver.inbox.sql import insert_many, rows, run
from receiver.inbox.tables import NEVER, deliveries, jobs

DELIVERY_COLUMNS = (
    "id",
    "connection",
    "delivery_id",
    "method",
    "url",
    "path",
    "headers",
    "body",
    "received_at",
)
JOB_COLUMNS = (
    "delivery",
    "connection",
    "queue",
    "overtakes",
    "pos",
    "lane",
    "state",
    "due_at",
    "since",
    "sent",
    "updated_at",
    "deadline",
    "alarm_at",
)
NEW_ONLY = "ON CONFLICT (connection, delivery_id) DO NOTHING"
INSERTED = select(deliveries.c.id).where(
    deliveries.c.id.between(bindparam("low"), bindparam("high"))
)
SEEN_AGAIN = (
    update(deliveries)
    .where(deliveries.c.connection == bindparam("of"), deliveries.c.delivery_id == bindparam("is"))
    .values(arrivals=deliveries.c.arrivals + 1)
)


def keep_many(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Keeps what is new and counts what is not; says of each whether it was new.

    Nothing is read back where all are new: every row that is fetched is one more turn with the
    interpreter's lock, which the web side needs meanwhile.
    """
    ids = next_ids(connection, deliveries, len(batch))
    numbered = list(zip(ids, batch, strict=True))
    found = [delivery_row(number, one) for number, one in numbered]
    inserted = insert_many(connection, deliveries, DELIVERY_COLUMNS, found, NEW_ONLY)
    new = set(ids) if inserted == len(batch) else kept_of(connection, ids)
    insert_many(
        connection,
        jobs,
        JOB_COLUMNS,
        [job_row(number, one) for number, one in numbered if number in new],
    )
    for number, one in numbered:
        if number not in new:
            run(connection, SEEN_AGAIN, **{"of": one.connection, "is": one.delivery_id})
    return [number in new for number in ids]


def kept_of(connection: Connection, ids: Sequence[int]) -> set[int]:
    return {number for (number,) in rows(connection, INSERTED, low=min(ids), high=max(ids))}


def delivery_row(number: int, one: Incoming) -> tuple[object, ...]:
    delivery = one.delivery
    return (
        number,
        one.connection,
        one.delivery_id,
        delivery.method,
        delivery.url,
        delivery.path,
        to_json(one.headers).decode(),
        delivery.body,
        ms(delivery.received_at),
    )


def job_row(row: int, one: Incoming) -> tuple[object, ...]:
    at, way = ms(one.delivery.received_at), lane(one.connection, one.pos)
    start = (row, one.connection, one.queue, one.overtakes, one.pos, way)
    return (*start, "ready", at, at, False, at, *until(one.deadline, one.alarm_at))


def until(deadline: datetime | None, alarm_at: datetime | None) -> tuple[int, int | None]:
    """As a job's last two columns have it."""
    return ms(deadline) if deadline else NEVER, ms(alarm_at) if alarm_at else None
