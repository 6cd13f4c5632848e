"""Claiming: which jobs may run now, and whose they are.

A job may run when nothing else of its queue is running and nothing before it in its queue is
still open; a cancellation need not wait for what is merely open. Work of a worker that is gone
goes back, marked as perhaps already sent.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from adapters.contract import Delivery
from receiver.inbox.records import Job, PosState, moment, ms
from receiver.inbox.sql import run, upsert
from receiver.inbox.tables import (
    OPEN_STATES,
    RUNNING,
    STANDING_STATES,
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


def claimable(*conditions: Any) -> Select[Any]:
    return (
        select(jobs, deliveries)
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
        .join(deliveries, deliveries.c.id == jobs.c.delivery)
        .where(
            among(jobs.c.state, *OPEN_STATES),
            jobs.c.due_at <= bindparam("now"),
            not_(IN_THE_WAY),
            *conditions,
        )
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(bindparam("limit"))
        .with_for_update(of=jobs, skip_locked=True)
    )


LANE = jobs.c.connection + " " + func.coalesce(jobs.c.pos, "")
ANYWHERE = claimable(
    or_(
        jobs.c.fence == 0,  # a first look, so that it is known what is on its way
        jobs.c.pos.is_(None),
        jobs.c.pos.not_in(bindparam("paused", expanding=True)),
    ),
    LANE.not_in(bindparam("full", expanding=True)),
)
FOR_ONE_POS = claimable(jobs.c.pos == bindparam("pos"))
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

    A paused POS gets nothing but, when it is due, one job to probe it with. `under_way` counts
    the worker's jobs by lane: none gets more than its share, so that there is room for the rest.
    """
    paused = paused_pos(connection)
    mine = [
        job(row, probe=True)
        for state in paused.values()
        if due(state, now)
        for row in probe(connection, state.pos, now)
    ]
    take(connection, mine, worker, now)
    lanes = Counter(under_way)
    while (room := limit - len(mine)) > 0:
        full = [name for name, count in lanes.items() if count >= PER_LANE]
        values = {"now": ms(now), "limit": room, "paused": list(paused), "full": full}
        found = connection.execute(ANYWHERE, values).mappings().all()
        fitting = [one for one in one_per_queue(found) if fits(one, lanes)]
        take(connection, fitting, worker, now)
        mine += fitting
        if len(found) < room or not fitting:
            break
    return mine, paused


def fits(one: Job, lanes: Counter[str]) -> bool:
    lanes[one.lane] += 1
    return lanes[one.lane] <= PER_LANE


def take(connection: Connection, mine: Sequence[Job], worker: str, now: datetime) -> None:
    if mine:
        ids = [one.id for one in mine]
        connection.execute(TAKE, {"ids": ids, "me": worker, "now": ms(now)})


def due(state: PosState, now: datetime) -> bool:
    return state.paused == "failing" and state.probe_at is not None and state.probe_at <= now


def paused_pos(connection: Connection) -> dict[str, PosState]:
    found = connection.execute(select(pos_states).where(pos_states.c.paused.is_not(None)))
    return {row["pos"]: pos_state(row) for row in found.mappings()}


def pos_state(row: Any) -> PosState:
    return PosState(
        row["pos"], row["failures"], row["paused"], moment(row["probe_at"]), row["reason"]
    )


def probe(connection: Connection, pos: str, now: datetime) -> Sequence[Any]:
    """One job for a POS that failed, if there is any; the next probe is some time off."""
    found = (
        connection.execute(FOR_ONE_POS, {"now": ms(now), "limit": 1, "pos": pos}).mappings().all()
    )
    if found:
        connection.execute(
            update(pos_states).where(pos_states.c.pos == pos).values(probe_at=ms(now + PROBE))
        )
    return found


def one_per_queue(found: Sequence[Any]) -> list[Job]:
    """What overtakes first: it was found beside the one it overtakes."""
    first: dict[str, Any] = {}
    for row in sorted(found, key=lambda row: not row["jobs_overtakes"]):
        first.setdefault(row["jobs_queue"], row)
    return [job(row) for row in first.values()]


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
