"""Whose turn it is: of one queue one job runs at a time, in order of arrival.

A job may run when nothing else of its queue is running and nothing before it in its queue is
still open; a cancellation need not wait for what is merely open.

Who claims and comes upon a job whose turn it is not marks it, so that it is passed over only once,
however many there are of its queue. Who settles takes the mark off the next. But of two that are
at it at the same moment neither sees what the other does, so a mark may outlast its reason: those
are looked for now and then. A mark that is missing costs nothing but time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    false,
    not_,
    or_,
    select,
    true,
    update,
)

from receiver.inbox.sql import chunks, one_of, padded, rows, run
from receiver.inbox.tables import READY, STANDING, among, jobs, stands

other = jobs.alias("other")
AHEAD = select(other.c.id).where(
    other.c.queue == jobs.c.queue,
    other.c.id < jobs.c.id,
    stands(other),
)
BUSY = select(other.c.id).where(other.c.queue == jobs.c.queue, among(other.c.state, "running"))
"""LIMIT 1, here and below, where EXISTS would do: PostgreSQL turns that into a walk over the whole
table, to hash it, whenever it takes the table for small."""
IS_AHEAD, IS_BUSY = (
    found.limit(1).correlate(jobs).scalar_subquery().is_not(None) for found in (AHEAD, BUSY)
)
IN_THE_WAY = or_(and_(not_(jobs.c.overtakes), IS_AHEAD), IS_BUSY)

UNMARKED = and_(READY, jobs.c.behind == false())
OUTLASTED = (
    update(jobs).where(READY, jobs.c.behind == true(), not_(IN_THE_WAY)).values(behind=False)
)


@cache
def marking(count: int, behind: bool) -> Update:
    return update(jobs).where(is_one_of(count), jobs.c.behind != behind).values(behind=behind)


def mark(connection: Connection, ids: Sequence[int], *, behind: bool = True) -> None:
    if ids:
        values = named(ids)
        run(connection, marking(len(values), behind), **values)


@cache
def first_of(count: int) -> Select[Any]:
    """Of so many queues, each in a column of its own: else one long queue is read to its end."""
    standing = select(jobs.c.id).where(STANDING).order_by(jobs.c.id).limit(1)
    return select(
        *(
            standing.where(jobs.c.queue == bindparam(f"queue{place}")).scalar_subquery()
            for place in range(count)
        )
    )


def pass_on(connection: Connection, *queues: str) -> set[str]:
    """In which of them anything is left; and the first of it is not behind another."""
    left: set[str] = set()
    for names in chunks(list(dict.fromkeys(queues))):
        values = padded("queue", names)
        (firsts,) = rows(connection, first_of(len(values)), **values)
        found = {name: first for name, first in zip(names, firsts, strict=False) if first}
        mark(connection, list(found.values()), behind=False)
        left |= found.keys()
    return left


def look_through(connection: Connection) -> None:
    """Takes off the marks that have outlasted their reason."""
    run(connection, OUTLASTED)


def is_one_of(count: int) -> ColumnElement[bool]:
    return one_of(jobs.c.id, "id", count)


def named(ids: Sequence[int]) -> Mapping[str, int]:
    return padded("id", ids)
