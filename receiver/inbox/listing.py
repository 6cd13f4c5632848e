"""What an operator is shown of the jobs and the POS: a page of them, one of them, how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from receiver.inbox.named import called
from receiver.inbox.tables import (
    AT_REST,
    STANDING,
    among,
    attempts,
    deliveries,
    jobs,
    pos_states,
)

LISTED = select(
    jobs.c.id,
    jobs.c.connection,
    deliveries.c.delivery_id,
    jobs.c.queue,
    jobs.c.pos,
    jobs.c.state,
    jobs.c.reason,
    jobs.c.due_at,
    jobs.c.failures,
    deliveries.c.received_at,
    deliveries.c.arrivals,
    jobs.c.pos.startswith("@").label("answer"),
).join(deliveries, deliveries.c.id == jobs.c.delivery)

moving = jobs.alias("moving")
MOVING = {
    state: select(moving.c.id).where(among(moving.c.state, state)) for state in ("ready", "running")
}


def in_state(state: str) -> Sequence[ColumnElement[bool]]:
    """So that an index finds them: what is at rest newest first, of the others all there is."""
    if state in MOVING:
        return (jobs.c.id.in_(MOVING[state]),)
    return jobs.c.state == state, AT_REST


def mentions(text: str) -> ColumnElement[bool]:
    """Whether it is part of a delivery id, queue or reason: a walk over everything."""
    columns = (deliveries.c.delivery_id, jobs.c.queue, jobs.c.reason)
    return or_(*(column.contains(text, autoescape=True) for column in columns))


def page(
    connection: Connection,
    *,
    states: Sequence[str] = (),
    connection_name: str | None = None,
    text: str | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Jobs, newest first: without bodies. `text` is what they or their order are called; only
    where nothing is called that, part of a delivery id, queue or reason."""
    of = [jobs.c.connection == connection_name] if connection_name else []
    every = [[*of, jobs.c.state == state] for state in states] or [of]
    by_state = [[*of, *in_state(state)] for state in states] or [of]
    if not text:
        return newest(connection, by_state, limit)
    named = [[*one, name] for one in every for name in called(connection, text, limit)]
    parts = [[*one, mentions(text)] for one in by_state]
    return newest(connection, named, limit) or newest(connection, parts, limit)


def newest(
    connection: Connection, every: Sequence[Sequence[ColumnElement[bool]]], limit: int
) -> list[dict[str, Any]]:
    """Of those that meet all of one of the lists of conditions: each finds its own by an index."""
    found: dict[int, dict[str, Any]] = {}
    for conditions in every:
        query = LISTED.where(*conditions).order_by(jobs.c.id.desc()).limit(limit)
        found |= {row["id"]: dict(row) for row in connection.execute(query).mappings()}
    return [found[one] for one in sorted(found, reverse=True)[:limit]]


def detail(connection: Connection, job_id: int, last: int | None = None) -> dict[str, Any] | None:
    """One job with its delivery and its attempts, all or the `last` ones, oldest first."""
    names = ("delivery_id", "received_at", "arrivals", "purged_at")
    query = select(jobs, *(deliveries.c[name] for name in names))
    found = connection.execute(
        query.join(deliveries, deliveries.c.id == jobs.c.delivery).where(jobs.c.id == job_id)
    )
    row = found.mappings().first()
    if row is None:
        return None
    mine = select(attempts).where(attempts.c.job == job_id).order_by(attempts.c.id.desc())
    steps = connection.execute(mine.limit(last)).mappings().all()
    return {**row, "attempts": [dict(step) for step in reversed(steps)]}


def counts(connection: Connection) -> dict[str, int]:
    """How many jobs are in each state that is not the end."""
    query = select(jobs.c.state, func.count()).where(STANDING).group_by(jobs.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def pos_list(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(pos_states)).mappings()]
