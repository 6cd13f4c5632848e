"""Keeping: a delivery and its job in one transaction, many deliveries at once."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, update

from receiver.inbox.records import Incoming, ms
from receiver.inbox.sql import insert_many, run
from receiver.inbox.tables import deliveries, jobs

DELIVERY_COLUMNS = (
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
    "state",
    "due_at",
    "since",
    "sent",
    "updated_at",
)
NEW_ONLY = "ON CONFLICT (connection, delivery_id) DO NOTHING RETURNING id, connection, delivery_id"
SEEN_AGAIN = (
    update(deliveries)
    .where(deliveries.c.connection == bindparam("of"), deliveries.c.delivery_id == bindparam("is"))
    .values(arrivals=deliveries.c.arrivals + 1)
)


def keep_many(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """Keeps what is new and counts what is not; says of each whether it was new."""
    returned = insert_many(
        connection, deliveries, DELIVERY_COLUMNS, [delivery_row(one) for one in batch], NEW_ONLY
    )
    fresh = {(name, delivery_id): row for row, name, delivery_id in returned}
    rows = [fresh.pop((one.connection, one.delivery_id), None) for one in batch]
    insert_many(
        connection,
        jobs,
        JOB_COLUMNS,
        [job_row(row, one) for row, one in zip(rows, batch, strict=True) if row is not None],
    )
    for row, one in zip(rows, batch, strict=True):
        if row is None:
            run(connection, SEEN_AGAIN, **{"of": one.connection, "is": one.delivery_id})
    return [row is not None for row in rows]


def delivery_row(one: Incoming) -> tuple[object, ...]:
    delivery = one.delivery
    return (
        one.connection,
        one.delivery_id,
        delivery.method,
        delivery.url,
        delivery.path,
        json.dumps(dict(one.headers)),
        delivery.body,
        ms(delivery.received_at),
    )


def job_row(row: int, one: Incoming) -> tuple[object, ...]:
    at = ms(one.delivery.received_at)
    return (row, one.connection, one.queue, one.overtakes, one.pos, "ready", at, at, False, at)
