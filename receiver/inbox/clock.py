"""The clock was set back: what it put off by the time it showed before would be off too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from receiver.inbox.claim import PROBE, paused_pos
from receiver.inbox.records import Settlement, ms
from receiver.inbox.tables import WAITING, jobs, workers
from receiver.inbox.verdicts import probe_again
from receiver.retry import pause


def followed(settlement: Settlement, made: datetime, now: datetime) -> Settlement:
    """Where the clock was set back between its making and its writing, which may take as long as
    the database is away, what it puts off goes back as well."""
    if settlement.due_at is None or now >= made:
        return settlement
    return replace(settlement, due_at=settlement.due_at - (made - now))


def set_back(connection: Connection, now: datetime) -> int:
    """What was put off later than now is due, as looking too early is no harm; a till that rests
    begins its rest anew; who was heard of then was heard of now. Returns how many jobs."""
    put_off = update(jobs).where(WAITING, jobs.c.updated_at > ms(now))
    count = connection.execute(put_off.values(due_at=ms(now), updated_at=ms(now))).rowcount
    heard = update(workers).where(workers.c.seen_at > ms(now))
    connection.execute(heard.values(seen_at=ms(now)))
    for state in paused_pos(connection).values():
        rest = timedelta(seconds=pause(state.failures))
        if state.probe_at and state.probe_at > now + max(rest, PROBE):
            probe_again(connection, state.pos, now + rest)
    return count
