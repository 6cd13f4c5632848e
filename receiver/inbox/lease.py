"""Whose jobs are: what a worker has that is gone goes back, marked as perhaps already sent."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from receiver.inbox.records import Job, ms
from receiver.inbox.sql import insert_many, run, upsert
from receiver.inbox.tables import RUNNING, attempts, jobs, workers
from receiver.inbox.turns import look_through

WORKER_GONE = timedelta(seconds=12)
HOLDS = 5 / 6  # of that time: what is sent by then arrives before anybody else sends it
DRIFT = 2.0  # seconds that two clocks may differ from one beat to the next


class Beat(NamedTuple):
    at: float  # by a clock that nobody sets, in seconds
    now: datetime

    def follows(self, last: Beat) -> bool:
        """Whether it came in time, and both clocks say so."""
        passed = self.at - last.at
        drift = (self.now - last.now).total_seconds() - passed
        return passed < HOLDS * WORKER_GONE.total_seconds() and abs(drift) < DRIFT


@dataclass(slots=True)
class Lease:
    """What a worker knows of its own life, and hence of others'.

    Who was not heard of for long must send nothing more: another may have its jobs. And who has
    not watched for long cannot say that another is gone: perhaps nobody could be heard of, the
    database was away, or it is the clock that jumped.
    """

    last: Beat | None = None
    steady: float = inf  # since when each beat followed the one before

    def heard(self, beat: Beat) -> None:
        if self.last is None or not beat.follows(self.last):
            self.steady = beat.at
        self.last = beat

    def judges(self, beat: Beat) -> bool:
        if self.last is None or not beat.follows(self.last):
            return False
        return beat.at - self.steady >= WORKER_GONE.total_seconds()

    def holds(self) -> bool:
        if self.last is None:
            return False
        return time.monotonic() - self.last.at < HOLDS * WORKER_GONE.total_seconds()


def heartbeat(
    connection: Connection, *, worker: str, now: datetime, alone: bool, judges: bool = True
) -> int:
    """Says that this worker lives, and takes up the work of those that do not.

    `alone`: no other worker lives, so nothing needs to be waited for. Unless it `judges` no other
    one is taken for gone. Returns how many jobs.
    """
    upsert(connection, workers, {"id": worker, "seen_at": ms(now)})
    others = delete(workers).where(workers.c.id != worker)
    if alone:
        connection.execute(others)
    elif judges:
        connection.execute(others.where(workers.c.seen_at < ms(now - WORKER_GONE)))
    orphans = and_(RUNNING, jobs.c.owner.not_in(select(workers.c.id)))
    back = update(jobs).where(orphans).values(state="ready", owner=None, sent=True, due_at=ms(now))
    taken_up = connection.execute(back.returning(jobs.c.id)).scalars().all()
    said = "its worker stopped; whether it had been sent is unknown"
    steps = [(job, ms(now), "interrupted", said) for job in taken_up]
    insert_many(connection, attempts, ("job", "at", "outcome", "detail"), steps)
    look_through(connection)
    return len(taken_up)


def leave(connection: Connection, worker: str) -> None:
    """Nobody needs to wait for a worker that ended by itself."""
    connection.execute(delete(workers).where(workers.c.id == worker))


RELEASE = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.fence == bindparam("ours"))
    .where(RUNNING)
    .values(state="ready", owner=None, sent=or_(jobs.c.sent, bindparam("perhaps")))
)


def release(connection: Connection, job: Job, *, sent: bool) -> None:
    """Gives a claimed job back unsettled; `sent` when its order may have gone out."""
    run(connection, RELEASE, job=job.id, ours=job.fence, perhaps=sent)


def disown(connection: Connection, *, worker: str, but: Collection[int]) -> None:
    """Gives back what the worker does not know it has: claimed, but the answer was lost."""
    unknown = and_(RUNNING, jobs.c.owner == worker, jobs.c.id.not_in(but))
    connection.execute(update(jobs).where(unknown).values(state="ready", owner=None))
