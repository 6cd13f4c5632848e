"""Whose jobs are: what a worker has that is gone goes back, marked as perhaps already sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from receiver.inbox.records import Job, ms
from receiver.inbox.sql import insert_many, run, upsert
from receiver.inbox.tables import RUNNING, attempts, jobs, workers
from receiver.inbox.turns import look_through

WORKER_GONE = timedelta(seconds=12)


def heartbeat(connection: Connection, *, worker: str, now: datetime, alone: bool) -> int:
    """Says that this worker lives, and takes up the work of those that do not.

    `alone`: no other worker lives, so nothing needs to be waited for. Returns how many jobs.
    """
    upsert(connection, workers, {"id": worker, "seen_at": ms(now)})
    gone = [workers.c.id != worker]
    if not alone:
        gone.append(workers.c.seen_at < ms(now - WORKER_GONE))
    connection.execute(delete(workers).where(*gone))
    orphans = and_(RUNNING, jobs.c.owner.not_in(select(workers.c.id)))
    back = update(jobs).where(orphans).values(state="ready", owner=None, sent=True, due_at=ms(now))
    taken_up = connection.execute(back.returning(jobs.c.id)).scalars().all()
    said = "its worker stopped; whether it had been sent is unknown"
    steps = [(job, ms(now), "interrupted", said) for job in taken_up]
    insert_many(connection, attempts, ("job", "at", "outcome", "detail"), steps)
    look_through(connection)
    return len(taken_up)


RELEASE = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.fence == bindparam("ours"))
    .where(jobs.c.state == "running")
    .values(state="ready", owner=None, sent=or_(jobs.c.sent, bindparam("perhaps")))
)


def release(connection: Connection, job: Job, *, sent: bool) -> None:
    """Gives a claimed job back unsettled; `sent` when its order may have gone out."""
    run(connection, RELEASE, job=job.id, ours=job.fence, perhaps=sent)


def disown(connection: Connection, *, worker: str, but: Collection[int]) -> None:
    """Gives back what the worker does not know it has: claimed, but the answer was lost."""
    unknown = and_(RUNNING, jobs.c.owner == worker, jobs.c.id.not_in(but))
    connection.execute(update(jobs).where(unknown).values(state="ready", owner=None))
