"""The clock was set back: what it put off by the time it showed before would be off too long."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from receiver.inbox.claim import PROBE, paused_pos
from receiver.inbox.records import PosState, ms
from receiver.inbox.tables import WAITING, jobs, workers
from receiver.inbox.verdicts import probe_again
from receiver.retry import pause


def set_back(connection: Connection, now: datetime) -> int:
    """What was put off later than now is due, and who was heard of then was heard of now. Returns
    how many jobs. Too early is no harm: each looks once more, and waits again."""
    put_off = update(jobs).where(WAITING, jobs.c.updated_at > ms(now))
    count = connection.execute(put_off.values(due_at=ms(now), updated_at=ms(now))).rowcount
    heard = update(workers).where(workers.c.seen_at > ms(now))
    connection.execute(heard.values(seen_at=ms(now)))
    for state in paused_pos(connection).values():
        if rests_too_long(state, now):
            probe_again(connection, state.pos, now)
    return count


def rests_too_long(state: PosState, now: datetime) -> bool:
    longest = max(timedelta(seconds=pause(state.failures)), PROBE)
    return state.probe_at is not None and state.probe_at > now + longest
