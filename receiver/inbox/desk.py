"""What an operator looks at all evening: bounded, however much is in the box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from receiver.inbox import listing, operate, quarantine
from receiver.inbox.records import ms
from receiver.inbox.tables import (
    ATTENTION,
    NEVER,
    STANDING,
    deliveries,
    jobs,
    order_references,
)

WINDOW = 50_000  # ids that one page is looked for among, where no index helps
MOST_COUNTED = 1_000
NEEDS_YOU = and_(
    ATTENTION, or_(jobs.c.state == "held", jobs.c.reason != operate.DISCARDED)
)  # what is dead and purged has no reason any more, and nobody can do anything about it
WAITED_FOR = and_(
    STANDING, jobs.c.deadline < NEVER, or_(jobs.c.at_risk, jobs.c.state.in_(("held", "waiting")))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs: `text` is part of a delivery id, queue or reason, or what an order is called."""

    needs_you: bool = False
    state: str | None = None
    connection: str | None = None
    pos: str | None = None
    text: str | None = None
    before: int | None = None  # of a smaller id


@dataclass(frozen=True, slots=True)
class Glance:
    """How everything stands."""

    peers: Sequence[Mapping[str, Any]]  # as operate.pos_overview has them
    counts: Mapping[str, int]  # of what is not at its end, by state
    dead: int  # that nobody has discarded, at most MOST_COUNTED
    urgent: Sequence[Mapping[str, Any]]  # whose platform waits, the soonest first
    quarantined: int

    @property
    def needs_you(self) -> int:
        return self.counts.get("held", 0) + self.dead


def glance(box: Connection, names: Sequence[str], now: datetime, most_urgent: int) -> Glance:
    return Glance(
        peers=operate.pos_overview(box, names),
        counts=listing.counts(box),
        dead=count_dead(box),
        urgent=urgent(box, now, most_urgent),
        quarantined=quarantine.count(box),
    )


def count_dead(box: Connection) -> int:
    some = select(jobs.c.id).where(NEEDS_YOU, jobs.c.state == "dead").limit(MOST_COUNTED)
    return box.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def urgent(box: Connection, now: datetime, limit: int) -> list[dict[str, Any]]:
    """What may miss its deadline: what still can be helped first, then what has missed it."""
    left = jobs.c.deadline - ms(now)
    query = listing.LISTED.add_columns(jobs.c.deadline, jobs.c.at_risk).where(WAITED_FOR)
    soonest = query.order_by(left < 0, func.abs(left), jobs.c.id).limit(limit)
    return [dict(row) for row in box.execute(soonest).mappings()]


def page(box: Connection, wanted: Wanted, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """Newest first; and below which id the next page is looked for, None where there is none."""
    query = narrowed(box, wanted)
    last = 1
    if not wanted.needs_you:
        before = wanted.before or newest(box) + 1
        last = max(before - WINDOW, 1)
        query = query.where(jobs.c.id.between(last, before - 1))
    elif wanted.before:
        query = query.where(jobs.c.id < wanted.before)
    found = box.execute(query.order_by(jobs.c.id.desc()).limit(limit)).mappings()
    rows = [dict(row) for row in found]
    if len(rows) == limit:
        last = rows[-1]["id"]
    return rows, last if last > 1 else None


def narrowed(box: Connection, wanted: Wanted) -> Select[Any]:
    query = listing.LISTED
    if wanted.needs_you:
        query = query.where(NEEDS_YOU)
    if wanted.state:
        query = query.where(jobs.c.state == wanted.state)
    if wanted.connection:
        query = query.where(jobs.c.connection == wanted.connection)
    if wanted.pos:
        query = query.where(jobs.c.pos == wanted.pos)
    if wanted.text:
        query = query.where(
            or_(listing.mentions(wanted.text), jobs.c.queue.in_(called(box, wanted.text)))
        )
    return query


def called(box: Connection, text: str) -> list[str]:
    """The orders that are known by just that name, as by the number that people call out."""
    same = select(order_references.c.order_id).where(order_references.c.reference == text)
    return list(box.execute(same.limit(20)).scalars())


def newest(box: Connection) -> int:
    return box.execute(select(func.max(jobs.c.id))).scalar() or 0


def beside(box: Connection, delivery: int, limit: int) -> list[dict[str, Any]]:
    """The jobs of one delivery: itself, answers to its platform, what an operator wanted done."""
    query = listing.LISTED.where(deliveries.c.id == delivery).order_by(jobs.c.id).limit(limit)
    return [dict(row) for row in box.execute(query).mappings()]
