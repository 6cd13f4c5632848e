"""Claiming: which jobs may run now, and whose they are.

A job may run when nothing else of its queue is running and nothing before it in its queue is
still open; a cancellation need not wait for what is merely open. Work of a worker that is gone
goes back, marked as perhaps already sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from adapters.contract import Delivery
from receiver.inbox.records import Job, PosState, moment, ms
from receiver.inbox.sql import rows, run, upsert
from receiver.inbox.tables import (
    ALARMED,
    NEVER,
    READY,
    RUNNING,
    STANDING_STATES,
    WAITING,
    among,
    attempts,
    deliveries,
    jobs,
    pos_states,
    workers,
)

WORKER_GONE = timedelta(seconds=12)
PROBE = timedelta(seconds=30)
PER_LANE = 16  # claimed at once: as many again as a destination takes calls at a time
EMPTY: Mapping[str, int] = MappingProxyType({})

other = jobs.alias("other")
IN_THE_WAY = exists().where(
    other.c.queue == jobs.c.queue,
    or_(
        other.c.state == "running",
        and_(
            not_(jobs.c.overtakes),
            other.c.id < jobs.c.id,
            other.c.state != "running",
        ),
    ),
    among(other.c.state, *STANDING_STATES),
)


OPEN: Mapping[str, ColumnElement[bool]] = {"waiting": WAITING, "ready": READY}
NEXT_LANE = {
    state: select(jobs.c.lane, jobs.c.pos)
    .where(condition, jobs.c.lane > bindparam("after"))
    .order_by(jobs.c.lane)
    .limit(1)
    for state, condition in OPEN.items()
}
NEXT_JOBS = {
    state: select(jobs.c.id, jobs.c.queue, jobs.c.overtakes, jobs.c.deadline)
    .where(
        condition,
        jobs.c.lane == bindparam("of"),
        jobs.c.due_at <= bindparam("now"),
        not_(IN_THE_WAY),
    )
    .order_by(jobs.c.deadline, jobs.c.id)
    .limit(bindparam("room"))
    .with_for_update(of=jobs, skip_locked=True)
    for state, condition in OPEN.items()
}
WAKE = (
    update(jobs)
    .where(ALARMED, jobs.c.alarm_at <= bindparam("now"))
    .values(state="ready", due_at=bindparam("now"), updated_at=bindparam("now"))
)
WHOLE = (
    select(jobs, deliveries)
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    .join(deliveries, deliveries.c.id == jobs.c.delivery)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(jobs.c.id)
)
TAKE = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        state="running",
        owner=bindparam("me"),
        fence=jobs.c.fence + 1,
        awaits=None,
        updated_at=bindparam("now"),
    )
)


def claim(
    connection: Connection,
    *,
    worker: str,
    limit: int,
    now: datetime,
    under_way: Mapping[str, int] = EMPTY,
) -> tuple[list[Job], dict[str, PosState]]:
    """Up to `limit` jobs, and every POS that is paused.

    Each lane gets its share and no more, so that there is room for the rest; `under_way` counts
    what the worker has of each. A paused POS gets, when it is due, one job to probe it with;
    beside it only a first look is taken, so that it is known what is on its way, and a last one at
    what must be accepted soon. Of each lane those come first that must be accepted soonest.
    """
    run(connection, WAKE, now=ms(now))
    paused = paused_pos(connection)
    queues: dict[str, int] = {}  # one of each
    probes: set[int] = set()
    lanes = sorted(lanes_in_use(connection), key=lambda found: under_way.get(found[0], 0))
    for name, pos in lanes:
        state = paused.get(pos or "")
        room = min(PER_LANE - under_way.get(name, 0), limit - len(queues))
        if state and due(state, now):
            found = next_jobs(connection, name, 1, OPEN, now, queues)
            probes |= set(found.values())
            if found:
                put_off(connection, state.pos, now)
                paused[state.pos] = replace(state, probe_at=now + PROBE)
        else:
            states = ("ready",) if state else tuple(OPEN)
            found = next_jobs(connection, name, room, states, now, queues)
        queues |= found
    return take(connection, list(queues.values()), probes, worker, now), paused


def lanes_in_use(connection: Connection) -> Iterator[tuple[str, str | None]]:
    """Every lane with an open job in it, and its POS: one look at the index for each."""
    known: set[str] = set()
    for look in NEXT_LANE.values():
        after = ""
        while found := rows(connection, look, after=after):
            after, pos = found[0]
            if after not in known:
                yield after, pos
            known.add(after)


def next_jobs(
    connection: Connection,
    lane: str,
    room: int,
    states: Iterable[str],
    now: datetime,
    taken: Collection[str],
) -> dict[str, int]:
    """The lane's next jobs, one of each queue, the soonest deadline first; but what overtakes
    before what it overtakes."""
    if room <= 0:
        return {}
    found = [
        row
        for state in states
        for row in rows(connection, NEXT_JOBS[state], of=lane, now=ms(now), room=room)
    ]
    first: dict[str, int] = {}
    for number, queue, *_ in sorted(found, key=lambda row: (not row[2], row[3], row[0])):
        if queue not in taken:
            first.setdefault(queue, number)
    return dict(list(first.items())[:room])


def take(
    connection: Connection, ids: Sequence[int], probes: Container[int], worker: str, now: datetime
) -> list[Job]:
    """They are ours now, and come with their deliveries, in the order in which they were found."""
    if not ids:
        return []
    whole = connection.execute(WHOLE, {"ids": ids}).mappings().all()
    connection.execute(TAKE, {"ids": ids, "me": worker, "now": ms(now)})
    found = {row["jobs_id"]: job(row, probe=row["jobs_id"] in probes) for row in whole}
    return [found[one] for one in ids]


def put_off(connection: Connection, pos: str, now: datetime) -> None:
    """The next probe is some time off, should this one never be heard of again."""
    later = {"probe_at": ms(now + PROBE)}
    connection.execute(update(pos_states).where(pos_states.c.pos == pos).values(later))


def due(state: PosState, now: datetime) -> bool:
    return state.paused == "failing" and state.probe_at is not None and state.probe_at <= now


def paused_pos(connection: Connection) -> dict[str, PosState]:
    found = connection.execute(select(pos_states).where(pos_states.c.paused.is_not(None)))
    return {row["pos"]: pos_state(row) for row in found.mappings()}


def pos_state(row: Any) -> PosState:
    return PosState(
        row["pos"], row["failures"], row["paused"], moment(row["probe_at"]), row["reason"]
    )


def job(row: Any, *, probe: bool = False) -> Job:
    return Job(
        id=row["jobs_id"],
        delivery_row=row["deliveries_id"],
        delivery=delivery(row, "deliveries_"),
        connection=row["jobs_connection"],
        queue=row["jobs_queue"],
        pos=row["jobs_pos"],
        fence=row["jobs_fence"] + 1,
        failures=row["jobs_failures"],
        sent=bool(row["jobs_sent"]),
        since=moment(row["jobs_since"]),
        call=row["jobs_call"],
        cleared=bool(row["jobs_cleared"]),
        probe=probe,
        deadline=None if row["jobs_deadline"] >= NEVER else moment(row["jobs_deadline"]),
        alarm_at=None if row["jobs_alarm_at"] is None else moment(row["jobs_alarm_at"]),
        at_risk=bool(row["jobs_at_risk"]),
    )


def delivery(row: Any, prefix: str = "") -> Delivery:
    return Delivery(
        method=row[f"{prefix}method"],
        url=row[f"{prefix}url"],
        path=row[f"{prefix}path"],
        headers=json.loads(row[f"{prefix}headers"]),
        body=bytes(row[f"{prefix}body"]),
        received_at=moment(row[f"{prefix}received_at"]),
    )


def heartbeat(connection: Connection, *, worker: str, now: datetime, alone: bool) -> int:
    """Says that this worker lives, and takes up the work of those that do not.

    `alone`: no other worker lives, so nothing needs to be waited for. Returns how many jobs.
    """
    upsert(connection, workers, {"id": worker, "seen_at": ms(now)})
    gone = [workers.c.id != worker]
    if not alone:
        gone.append(workers.c.seen_at < ms(now - WORKER_GONE))
    connection.execute(delete(workers).where(*gone))
    alive = select(workers.c.id)
    orphans = and_(RUNNING, jobs.c.owner.not_in(alive))
    connection.execute(
        insert(attempts).from_select(
            ["job", "at", "outcome", "detail"],
            select(
                jobs.c.id,
                literal(ms(now)),
                literal("interrupted"),
                literal("its worker stopped; whether it had been sent is unknown"),
            ).where(orphans),
        )
    )
    back = update(jobs).where(orphans).values(state="ready", owner=None, sent=True, due_at=ms(now))
    return connection.execute(back).rowcount


RELEASE = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.fence == bindparam("ours"))
    .where(jobs.c.state == "running")
    .values(state="ready", owner=None, sent=or_(jobs.c.sent, bindparam("perhaps")))
)


def release(connection: Connection, job: Job, *, sent: bool) -> None:
    """Gives a claimed job back unsettled; `sent` when its order may have gone out."""
    run(connection, RELEASE, job=job.id, ours=job.fence, perhaps=sent)
