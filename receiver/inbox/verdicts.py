"""What a POS is known by: five failures in a row pause it, any success opens it again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from receiver.inbox.records import PosVerdict, ms
from receiver.inbox.sql import rows, run, upsert
from receiver.inbox.tables import pos_states
from receiver.retry import PAUSE_AFTER, pause

WORKS = (
    update(pos_states)
    .where(
        pos_states.c.pos == bindparam("of"),
        pos_states.c.failures > 0,
        or_(pos_states.c.paused.is_(None), pos_states.c.paused == "failing"),
    )
    .values(failures=0, paused=None, reason=None)
)
PROBE_AGAIN = (
    update(pos_states)
    .where(pos_states.c.pos == bindparam("of"), pos_states.c.paused == "failing")
    .values(probe_at=bindparam("now"))
)
POS_STATE = (
    select(pos_states.c.failures, pos_states.c.paused)
    .where(pos_states.c.pos == bindparam("of"))
    .with_for_update()
)


def judge_all(connection: Connection, verdicts: Iterable[PosVerdict], now: datetime) -> None:
    """One after the other; but that a POS works is not written twice in a row."""
    works: set[str] = set()
    for verdict in verdicts:
        if verdict.failing is None and verdict.pos in works:
            continue
        (works.add if verdict.failing is None else works.discard)(verdict.pos)
        judge(connection, verdict, now)


def judge(connection: Connection, verdict: PosVerdict, now: datetime) -> None:
    """Five failures in a row pause a POS, a rejected key at once; any success opens it again."""
    if verdict.failing is None:
        run(connection, WORKS, of=verdict.pos)
        return
    found = rows(connection, POS_STATE, of=verdict.pos)
    failures, paused = found[0] if found else (0, None)
    if paused == "operator" or (paused and not verdict.probe):
        return  # it was sent before the pause and says nothing new
    failures = max(failures + 1, PAUSE_AFTER if verdict.at_once else 0)
    rest = timedelta(seconds=pause(failures))
    row = {
        "pos": verdict.pos,
        "failures": failures,
        "paused": "failing" if failures >= PAUSE_AFTER else None,
        "probe_at": ms(now + rest),
        "reason": verdict.failing,
    }
    upsert(connection, pos_states, row)


def probe_again(connection: Connection, pos: str | None, now: datetime) -> None:
    """The probe asked it nothing: the next one may."""
    run(connection, PROBE_AGAIN, of=pos, now=ms(now))
