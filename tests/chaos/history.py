"""What a run came to: what was acknowledged, what the box says of it, and what OktoPOS got."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import httpx
from sqlalchemy import Connection, func, select

from receiver.inbox.dialect import open_engine
from receiver.inbox.tables import attempts, deliveries, jobs, metadata
from tests.chaos.bodies import TOTAL, euro
from tests.chaos.plan import Life
from tests.chaos.senders import Tally, named
from tests.running import Json

Key: TypeAlias = tuple[str, str]  # platform and delivery id
PERHAPS_SENT = ("interrupted", "error")  # steps after which a call may have been made


class Expected(NamedTuple):
    """What must have become of an order."""

    order_id: str
    placed: Key
    deliveries: Collection[Key]
    canceled: bool = False
    payments: Sequence[str] = ("paid",)
    accepted: str | None = None
    total: str = euro(TOTAL)["value"]


class Job(NamedTuple):
    """What became of a delivery, or of an answer to its platform."""

    delivery: Key
    state: str
    reason: str | None
    answer: bool
    perhaps_sent: int = 0  # how often it was broken off


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    expected: Sequence[Expected]
    acknowledged: Collection[Key]
    jobs: Sequence[Job]
    orders: Sequence[Json]  # as the sandbox shows them
    calls: Sequence[Json]  # likewise, in order
    told: Collection[str]  # paths of the calls that platforms took
    statuses: Mapping[str, int] = field(default_factory=dict)  # of the answers to deliveries


def expected(life: Life) -> Expected:
    return Expected(
        order_id=life.order_id,
        placed=named(life.placed),
        deliveries=[named(parcel) for parcel in life.parcels],
        canceled=life.canceled,
        payments=life.payments,
        accepted=life.accepted,
    )


async def gathered(
    lives: Sequence[Life], tally: Tally, url: str, till: httpx.AsyncClient, platforms: Sequence[str]
) -> History:
    calls = [
        call
        for platform in platforms
        for call in (await till.get(f"/{platform}/_sandbox/calls")).json()
    ]
    return History(
        expected=[expected(life) for life in lives],
        acknowledged=tally.acknowledged,
        jobs=in_box(url),
        orders=(await till.get("/_sandbox/orders")).json(),
        calls=(await till.get("/_sandbox/calls")).json(),
        told={call["path"] for call in calls if call["method"] != "GET" and taken(call)},
        statuses=dict(tally.statuses),
    )


def taken(call: Json) -> bool:
    return call["status"] is not None and call["status"] < 300


def dump(url: str) -> dict[str, list[Json]]:
    """All that the box says, bodies aside."""
    engine = open_engine(url, writes=False)
    with engine.begin() as connection:
        tables = {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in metadata.tables.items()
            if name != "deliveries"
        }
    engine.dispose()
    return tables


def in_box(url: str) -> list[Job]:
    engine = open_engine(url, writes=False)
    with engine.begin() as connection:
        found = all_jobs(connection)
    engine.dispose()
    return found


def all_jobs(connection: Connection) -> list[Job]:
    broken_off = (
        select(func.count())
        .where(attempts.c.job == jobs.c.id, attempts.c.outcome.in_(PERHAPS_SENT))
        .scalar_subquery()
    )
    query = select(
        deliveries.c.connection,
        deliveries.c.delivery_id,
        jobs.c.state,
        jobs.c.reason,
        jobs.c.call.is_not(None),
        broken_off,
    ).join(jobs, jobs.c.delivery == deliveries.c.id)
    return [Job((row[0], row[1]), *row[2:]) for row in connection.execute(query)]
