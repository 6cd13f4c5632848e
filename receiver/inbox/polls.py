"""Who asks a POS for its ready orders: one worker, as long as it lives; and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from receiver.inbox import settle
from receiver.inbox.records import Answer, OrderRecord, ms
from receiver.inbox.sql import insert_many
from receiver.inbox.tables import orders, polls, pos_states, workers


class Turn(NamedTuple):
    """How things are for a worker that would ask the POS now."""

    ours: bool
    failing: bool  # of late, though not paused: a success is news
    paused: bool


def turn(box: Connection, pos: str, worker: str) -> Turn:
    """Read only, as it is asked all day."""
    owner = box.execute(select(polls.c.worker).where(polls.c.pos == pos)).scalar()
    known = select(pos_states.c.failures, pos_states.c.paused).where(pos_states.c.pos == pos)
    failures, paused = box.execute(known).first() or (0, None)
    return Turn(owner == worker, failures > 0, paused is not None)


def take(box: Connection, pos: str, worker: str) -> bool:
    """Ours from now on, unless it is another's who lives: a living worker says so all the time."""
    new = insert_many(
        box, polls, ("pos", "worker"), [(pos, worker)], "ON CONFLICT (pos) DO NOTHING"
    )
    nobody = polls.c.worker.not_in(select(workers.c.id))
    free = update(polls).where(polls.c.pos == pos, nobody).values(worker=worker)
    return bool(new or box.execute(free).rowcount)


def tell(
    box: Connection, ready: Sequence[tuple[OrderRecord, Sequence[Answer]]], now: datetime
) -> int:
    """Once and for ever, whoever finds them ready beside us; how many were news."""
    told = 0
    for order, answers in ready:
        unsaid = update(orders).where(
            orders.c.order_id == order.order_id, orders.c.ready_at.is_(None)
        )
        if not box.execute(unsaid.values(ready_at=ms(now))).rowcount:
            continue
        told += 1
        settle.add(box, answers, of=order.connection, queue=order.order_id, now=now)
    return told
