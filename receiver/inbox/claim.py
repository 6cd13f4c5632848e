"""Claiming: which jobs may run now, and whose they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from receiver.inbox.dialect import free_queues, most_at_once
from receiver.inbox.made import job, pos_state
from receiver.inbox.records import Job, PosState, ms, pos_of
from receiver.inbox.sql import rows, run
from receiver.inbox.tables import (
    ALARMED,
    OPEN_STATES,
    WAITING,
    among,
    deliveries,
    jobs,
    pos_states,
)
from receiver.inbox.turns import IN_THE_WAY, IS_BUSY, UNMARKED, is_one_of, mark, named

PROBE = timedelta(seconds=30)
PER_LANE = 32  # claimed at once: of each call, others are read, mapped and settled meanwhile
LARGEST_LOOK = 512
LOOKED_AT = 4 * PER_LANE  # of what waits in a lane and is due: thousands may be when a POS is back
EMPTY: Mapping[str, int] = MappingProxyType({})

OPEN: Mapping[str, ColumnElement[bool]] = {"waiting": WAITING, "ready": UNMARKED}
MAY_RUN: Mapping[str, Sequence[ColumnElement[bool]]] = {
    "waiting": (WAITING, jobs.c.due_at <= bindparam("now"), not_(IN_THE_WAY)),
    "ready": (UNMARKED,),  # at once, whatever the clock says that it was kept by
}


def in_use(state: str) -> Select[Any]:
    """Each lane in which a job of that state may run: one look at the index for each lane with a
    job in that state. A ready one may yet turn out to be behind another."""
    condition = OPEN[state]
    first = select(func.min(jobs.c.lane).label("name")).where(condition)
    earliest = first.cte(f"{state}_lanes", recursive=True)
    further = select(func.min(jobs.c.lane)).where(condition, jobs.c.lane > earliest.c.name)
    lanes = earliest.union_all(
        select(further.scalar_subquery()).where(earliest.c.name.is_not(None))
    )
    found = select(literal_column(f"'{state}'"), lanes.c.name).where(lanes.c.name.is_not(None))
    if state == "ready":
        return found  # nothing else is asked of it, and the index alone knows
    one = select(jobs.c.id).where(*MAY_RUN[state], jobs.c.lane == lanes.c.name)
    soonest = one.order_by(jobs.c.due_at, jobs.c.id).limit(1)
    return found.where(soonest.scalar_subquery().is_not(None))


ALARMS = ALARMED, jobs.c.alarm_at <= bindparam("now")
RINGS = select(jobs.c.id).where(*ALARMS).limit(1).scalar_subquery().is_not(None)
NOWHERE: Sequence[ColumnElement[Any]] = literal_column("'alarm'"), literal_column("''")
ALARM = select(*NOWHERE).where(RINGS)
IN_USE: CompoundSelect[Any] = union_all(ALARM, *map(in_use, OPEN))
NEXT_JOBS = {
    state: select(jobs.c.id, jobs.c.queue, jobs.c.overtakes, jobs.c.deadline, is_behind)
    .where(jobs.c.lane == bindparam("of"), *MAY_RUN[state], *further)
    .order_by(first, jobs.c.id)
    .limit(bindparam("room"))
    .with_for_update(of=jobs, skip_locked=True)
    for state, further, first, is_behind in (
        ("waiting", (), jobs.c.due_at, false()),
        ("ready", (not_(and_(jobs.c.overtakes, IS_BUSY)),), jobs.c.deadline, IN_THE_WAY),
    )
}
WAKE = (
    update(jobs)
    .where(*ALARMS)
    .values(state="ready", due_at=bindparam("now"), updated_at=bindparam("now"))
)
PAUSED = select(pos_states).where(pos_states.c.paused.is_not(None))
WHOLE = select(jobs, deliveries).join(deliveries, deliveries.c.id == jobs.c.delivery)
NAMES = [f"{column.table.name}_{column.name}" for column in (*jobs.c, *deliveries.c)]


@cache
def whole(count: int) -> Select[Any]:
    """So many jobs with their deliveries."""
    return WHOLE.where(is_one_of(count))


@cache
def taking(count: int) -> ReturningUpdate[Any]:
    """Those of so many jobs that may still run are ours."""
    return (
        update(jobs)
        .where(is_one_of(count), among(jobs.c.state, *OPEN_STATES), not_(IN_THE_WAY))
        .values(
            state="running",
            owner=bindparam("me"),
            fence=jobs.c.fence + 1,
            awaits=None,
            updated_at=bindparam("now"),
        )
        .returning(jobs.c.id)
    )


class Lane(NamedTuple):
    """One with open jobs in it, and in which states some of them may run."""

    name: str
    pos: str  # "" for none
    states: Set[str]


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
    open_lanes = lanes(connection, now)
    if any("alarm" in lane.states for lane in open_lanes):
        run(connection, WAKE, now=ms(now))
        open_lanes = lanes(connection, now)
    limit = min(limit, most_at_once(connection))
    paused = paused_pos(connection)
    queues: dict[str, int] = {}  # one of each
    probes: set[int] = set()
    for lane in sorted(open_lanes, key=lambda found: under_way.get(found.name, 0)):
        state = paused.get(lane.pos)
        states = may_be_taken(lane, state, now)
        room = min(PER_LANE - under_way.get(lane.name, 0), limit - len(queues))
        if state and due(state, now):
            found = next_jobs(connection, lane.name, 1, states, now, queues)
            if not found or not put_off(connection, state, now):
                continue
            probes |= set(found.values())
            paused[state.pos] = replace(state, probe_at=now + PROBE)
        else:
            found = next_jobs(connection, lane.name, room, states, now, queues)
        queues |= found
    return take(connection, queues, probes, worker, now), paused


def anything(connection: Connection, *, now: datetime, under_way: Mapping[str, int]) -> bool:
    """Whether claiming would find something: a look that takes nothing, and no lock."""
    found = [lane for lane in lanes(connection, now) if under_way.get(lane.name, 0) < PER_LANE]
    if not found:
        return False
    paused = paused_pos(connection)
    return any(
        "alarm" in lane.states or may_be_taken(lane, paused.get(lane.pos), now) for lane in found
    )


def lanes(connection: Connection, now: datetime) -> list[Lane]:
    """Those in which something may run; one without a name where an alarm is due."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for state, name in rows(connection, IN_USE, now=ms(now)):
        found[name].add(state)
    return [Lane(name, pos_of(name), states) for name, states in found.items()]


def may_be_taken(lane: Lane, state: PosState | None, now: datetime) -> Set[str]:
    """In which states: while its POS rests only what has never been looked at."""
    states = lane.states & OPEN.keys()
    resting = state is not None and not due(state, now)
    return states - {"waiting"} if resting else states


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
    found = [row for state in states for row in runnable(connection, lane, room, state, now)]
    first: dict[str, int] = {}
    for number, queue, *_ in sorted(found, key=lambda row: (not row[2], row[3], row[0])):
        if queue not in taken:
            first.setdefault(queue, number)
    return dict(list(first.items())[:room])


def runnable(
    connection: Connection, lane: str, room: int, state: str, now: datetime
) -> Sequence[tuple[Any, ...]]:
    """At least `room`, if there are as many; of what waits, those that have been due for longest.
    What is behind another is marked on the way."""
    room = LOOKED_AT if state == "waiting" else room
    while True:
        found = rows(connection, NEXT_JOBS[state], of=lane, now=ms(now), room=room)
        behind = [row[0] for row in found if row[-1]]
        mark(connection, behind)
        if not behind or len(found) < room:
            return [row for row in found if not row[-1]]
        room = min(2 * room, LARGEST_LOOK)


def take(
    connection: Connection,
    queues: Mapping[str, int],
    probes: Container[int],
    worker: str,
    now: datetime,
) -> list[Job]:
    """They are ours now, and come with their deliveries, in the order in which they were found.

    But not where another process claims from the queue at this moment, or has just done so: what
    it took was not to be seen when ours were found, so that is looked at once more.
    """
    free = free_queues(connection, list(queues))
    if not free:
        return []
    ids = named([queues[queue] for queue in free])
    taken = [row[0] for row in rows(connection, taking(len(ids)), **ids, me=worker, now=ms(now))]
    if not taken:
        return []
    ids = named(taken)
    loaded = [
        dict(zip(NAMES, row, strict=True)) for row in rows(connection, whole(len(ids)), **ids)
    ]
    found = {row["jobs_id"]: job(row, probe=row["jobs_id"] in probes) for row in loaded}
    return [found[one] for one in queues.values() if one in found]


def put_off(connection: Connection, state: PosState, now: datetime) -> bool:
    """The next probe is some time off, should this one never be heard of again. False when
    another process was quicker: the probe is its own."""
    ours = pos_states.c.pos == state.pos, pos_states.c.probe_at == ms(state.probe_at or now)
    later = update(pos_states).where(*ours).values(probe_at=ms(now + PROBE))
    return bool(connection.execute(later).rowcount)


def due(state: PosState, now: datetime) -> bool:
    return state.paused == "failing" and state.probe_at is not None and state.probe_at <= now


def paused_pos(connection: Connection) -> dict[str, PosState]:
    names = pos_states.c.keys()
    found = [dict(zip(names, row, strict=True)) for row in rows(connection, PAUSED)]
    return {row["pos"]: pos_state(row) for row in found}
