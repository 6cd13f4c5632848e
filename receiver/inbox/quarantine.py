"""Deliveries not proven genuine: kept for a while, so that a wrong secret of ours loses nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from adapters.contract import Delivery
from receiver.inbox.made import delivery
from receiver.inbox.records import ms
from receiver.inbox.sql import insert_many
from receiver.inbox.tables import quarantine

KEPT_FOR = timedelta(days=7)
NEWEST = 1000
COLUMNS = ("connection", "method", "url", "path", "headers", "body", "received_at", "reason")


@dataclass(frozen=True, slots=True)
class Suspect:
    connection: str
    delivery: Delivery
    reason: str


def add(connection: Connection, suspects: Sequence[Suspect], now: datetime) -> None:
    """Keeps them and drops what is too old or too many."""
    insert_many(connection, quarantine, COLUMNS, [row(suspect) for suspect in suspects])
    newest = select(quarantine.c.id).order_by(quarantine.c.id.desc()).offset(NEWEST).limit(1)
    border = connection.execute(newest).scalar() or 0
    connection.execute(
        delete(quarantine).where(
            (quarantine.c.id <= border) | (quarantine.c.received_at < ms(now - KEPT_FOR))
        )
    )


def row(suspect: Suspect) -> tuple[object, ...]:
    one = suspect.delivery
    return (
        suspect.connection,
        one.method,
        one.url,
        one.path,
        json.dumps(dict(one.headers)),
        one.body,
        ms(one.received_at),
        suspect.reason,
    )


def listing(connection: Connection, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """Newest first, without headers and bodies; only those of a smaller id than `before`."""
    shown = [quarantine.c[name] for name in ("id", "connection", "path", "received_at", "reason")]
    query = select(*shown).order_by(quarantine.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return [dict(found) for found in connection.execute(query).mappings()]


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(quarantine)).scalar_one()


def every(
    connection: Connection, ids: Collection[int] | None = None
) -> list[tuple[int, str, Delivery]]:
    """(id, connection, delivery) of all, or of those, oldest first, to be verified again."""
    query = select(quarantine).order_by(quarantine.c.id)
    if ids is not None:
        query = query.where(quarantine.c.id.in_(ids))
    return [
        (found["id"], found["connection"], delivery(found))
        for found in connection.execute(query).mappings()
    ]


def remove(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute(delete(quarantine).where(quarantine.c.id.in_(ids)))
