"""Purging in the box: found by an index, a few at a time, each lot in one short write.

What goes is in `personal`. What is open or held keeps all that it came with, however old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    RowMapping,
    bindparam,
    delete,
    exists,
    func,
    not_,
    select,
    tuple_,
    update,
)

from receiver.inbox import personal
from receiver.inbox.records import ms
from receiver.inbox.sql import insert_many
from receiver.inbox.tables import (
    STANDING_STATES,
    UNPURGED,
    attempts,
    deliveries,
    jobs,
    orders,
    purges,
    quarantine,
    stands,
)

LOT = 50  # deliveries a write: some milliseconds, as often as deliveries are kept
RETENTION = "retention"


class Found(NamedTuple):
    """A delivery that is old enough, by its place in the index."""

    received_at: int
    id: int
    ended: bool = False


FIRST = Found(-(2**62), 0)
standing = jobs.alias("standing")
IS_OPEN = exists().where(standing.c.delivery == deliveries.c.id, stands(standing))
place = tuple_(deliveries.c.received_at, deliveries.c.id)
OLD = deliveries.c.received_at < bindparam("border")
NEXT = (
    select(deliveries.c.received_at, deliveries.c.id, not_(IS_OPEN))
    .where(
        UNPURGED,
        OLD,
        place > tuple_(bindparam("after", type_=BigInteger), bindparam("last", type_=BigInteger)),
    )
    .order_by(deliveries.c.received_at, deliveries.c.id)
    .limit(bindparam("room"))
)


def find(connection: Connection, border: datetime, after: Found, room: int = LOT) -> list[Found]:
    """The next that came before `border`, oldest first."""
    since = {"after": after.received_at, "last": after.id}
    rows = connection.execute(NEXT, {"border": ms(border), "room": room, **since})
    return [Found(at, number, bool(ended)) for at, number, ended in rows]


def count(connection: Connection, border: datetime) -> int:
    """How many deliveries `find` gives in all."""
    query = select(func.count()).select_from(deliveries).where(UNPURGED, OLD)
    return connection.execute(query, {"border": ms(border)}).scalar_one()


def purge(connection: Connection, ids: Collection[int], now: datetime) -> int:
    """Takes from these deliveries what is personal; how many those were.

    What is open by now is left as it is: its jobs are locked before they are looked at.
    """
    work = jobs_of(connection, ids)
    still_open = {row["delivery"] for row in work if row["state"] in STANDING_STATES}
    going = sorted(set(ids) - still_open)
    gone = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(going), UNPURGED)
        .values(**personal.columns("deliveries"), purged_at=ms(now))
        .returning(deliveries.c.id, deliveries.c.received_at)
    ).all()
    taken = {number for number, _ in gone}
    mine = [row for row in work if row["delivery"] in taken]
    purge_jobs(connection, mine)
    made = orders.c.created_at.in_({at for _, at in gone})
    queued = orders.c.order_id.in_({row["queue"] for row in mine})
    forget_reasons(connection, [*unexplained(connection, made), *unexplained(connection, queued)])
    return len(gone)


def jobs_of(connection: Connection, ids: Collection[int]) -> Sequence[RowMapping]:
    """Locked, so that nobody replays them meanwhile."""
    query = select(jobs.c.id, jobs.c.delivery, jobs.c.state, jobs.c.queue, jobs.c.call)
    mine = query.where(jobs.c.delivery.in_(sorted(ids))).order_by(jobs.c.id)
    return connection.execute(mine.with_for_update()).mappings().all()


def purge_jobs(connection: Connection, mine: Sequence[RowMapping]) -> None:
    of = [row["id"] for row in mine]
    emptied = personal.columns("jobs")
    del emptied["call"]  # a job without one processes the delivery
    connection.execute(update(jobs).where(jobs.c.id.in_(of)).values(emptied))
    for row in mine:
        if row["call"]:
            shorter = {"call": personal.nameless_call(row["call"])}
            connection.execute(update(jobs).where(jobs.c.id == row["id"]).values(shorter))
    steps = update(attempts).where(attempts.c.job.in_(of))
    connection.execute(steps.values(personal.columns("attempts")))


def unexplained(connection: Connection, which: object) -> list[tuple[str, str]]:
    """The cancellations of those orders that nothing is open of."""
    waits = exists().where(standing.c.queue == orders.c.order_id, stands(standing))
    query = select(orders.c.order_id, orders.c.cancellation).where(
        which,  # type: ignore[arg-type]
        orders.c.cancellation.is_not(None),
        not_(waits),
    )
    return [(order_id, why) for order_id, why in connection.execute(query)]


def forget_reasons(connection: Connection, canceled: Iterable[tuple[str, str]]) -> None:
    for order_id, why in canceled:
        shorter = {"cancellation": personal.without_why(why)}
        connection.execute(update(orders).where(orders.c.order_id == order_id).values(shorter))


# Quarantine


def count_suspects(connection: Connection, border: datetime) -> int:
    query = select(func.count()).where(quarantine.c.received_at < ms(border))
    return connection.execute(query).scalar_one()


def drop_suspects(connection: Connection, border: datetime, room: int = LOT) -> int:
    """Up to so many of those that came before `border`; how many there were."""
    old = select(quarantine.c.id).where(quarantine.c.received_at < ms(border))
    some = old.order_by(quarantine.c.received_at).limit(room)
    return connection.execute(delete(quarantine).where(quarantine.c.id.in_(some))).rowcount


# Whose turn it is


def claim(connection: Connection, now: datetime, every: timedelta) -> bool:
    """Whether the purge that is due is ours: of several workers one does it."""
    insert_many(
        connection, purges, ("what", "begun_at"), [(RETENTION, 0)], "ON CONFLICT DO NOTHING"
    )
    due = purges.c.what == RETENTION, purges.c.begun_at <= ms(now - every)
    return connection.execute(update(purges).where(*due).values(begun_at=ms(now))).rowcount > 0
