"""Keeping: a delivery and its job in one transaction, many deliveries at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, bindparam, update

from adapters.contract import Delivery
from receiver.inbox.dialect import alone, keep
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
    kept = keep(connection, batch)
    count_repeated(connection, batch, kept)
    return kept


def keep_alone(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
    """The same where nothing else is to be committed: then keeping is a single statement, and
    needs no transaction around it. It may be done twice without harm."""
    with alone(connection):
        kept = keep(connection, batch)
    if not all(kept):
        with connection.begin():
            count_repeated(connection, batch, kept)
    return kept


def count_repeated(connection: Connection, batch: Sequence[Incoming], kept: Sequence[bool]) -> None:
    for one, new in zip(batch, kept, strict=True):
        if not new:
            run(connection, SEEN_AGAIN, **{"of": one.connection, "is": one.delivery_id})


def incoming(
    delivery: Delivery,
    *,
    connection: str,
    delivery_id: str,
    queue: str,
    pos: str | None,
    overtakes: bool,
    allowed: int | None = None,  # ms, as far as the platform gives every order the same time
    margin: int = 0,  # ms of it that are left when the alarm is raised
) -> Incoming:
    at = ms(delivery.received_at)
    deadline = NEVER if allowed is None else at + allowed
    return Incoming(
        connection,
        delivery_id,
        delivery.method,
        delivery.url,
        delivery.path,
        msgspec.json.encode(delivery.headers).decode(),
        delivery.body,
        at,
        queue,
        overtakes,
        pos,
        lane(connection, pos),
        deadline,
        None if allowed is None else deadline - margin,
    )
