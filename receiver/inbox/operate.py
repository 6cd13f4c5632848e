"""What an operator changes by hand: jobs sent round again, held, given up; a POS paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, func, select, update

from adapters.contract import nothing
from receiver.inbox import listing, search
from receiver.inbox.dialect import JOB_COLUMNS
from receiver.inbox.records import OrderRecord, State, lane, ms, platform
from receiver.inbox.sql import insert_many, upsert
from receiver.inbox.tables import (
    NEVER,
    OPEN_STATES,
    STANDING,
    WAITING,
    among,
    attempts,
    deliveries,
    jobs,
    pos_states,
)
from receiver.settings.model import Settings

ActionName: TypeAlias = Literal["replay", "hold", "discard"]
DISCARDED = "discarded by an operator"


@dataclass(frozen=True, slots=True)
class Action:
    """`of`: the states it can be done to. A running job is the worker's alone."""

    to: State
    of: frozenset[State]
    outcome: str
    reason: str | None = None


ACTIONS: Mapping[ActionName, Action] = {
    "replay": Action(State.READY, frozenset(State) - {State.RUNNING}, "replayed"),
    "hold": Action(
        State.HELD, frozenset({State.READY, State.WAITING}), "held", "held by an operator"
    ),
    "discard": Action(
        State.DEAD,
        frozenset({State.READY, State.WAITING, State.HELD, State.DEAD}),
        "discarded",
        DISCARDED,
    ),
}


OPEN_OR_NOT: Mapping[str | None, str] = {
    None: "open",
    "failing": "paused: it fails",
    "operator": "paused by an operator",
}


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one job: the state it was in, None when there is no such job."""

    id: int
    was: str | None
    moved: bool
    purged: bool = False  # nothing is left to replay


def told(done: Done, name: ActionName) -> str:
    """What became of it in words, or why nothing did."""
    if done.moved:
        return f"{done.was} -> {ACTIONS[name].to}"
    if done.was is None:
        return "there is no such job"
    if done.purged:
        return f"what it brought was purged, so there is nothing left to {name}"
    if done.was == State.RUNNING:
        return "it is running, so it is the worker's; try again in a moment"
    return f"it is {done.was} already, there is nothing to {name}"


def act(
    connection: Connection, name: ActionName, ids: Sequence[int], now: datetime
) -> Sequence[Done]:
    """Does it to every job that allows it, and notes it among the attempts of each."""
    action = ACTIONS[name]
    asked = list(dict.fromkeys(ids))
    query = select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(asked)).with_for_update()
    states = {row[0]: row[1] for row in connection.execute(query)}
    purged = purged_of(connection, asked)  # asked once they are locked
    allowed = [one for one in asked if states.get(one) in action.of and one not in purged]
    moved = search.change(connection, allowed, action.to, action.reason, now)
    rows = [(one, ms(now), action.outcome, "by an operator") for one in moved]
    insert_many(connection, attempts, ("job", "at", "outcome", "detail"), rows)
    return [Done(one, states.get(one), one in moved, one in purged) for one in asked]


def purged_of(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Those of which only that they came is known."""
    query = select(jobs.c.id).join(deliveries, deliveries.c.id == jobs.c.delivery)
    gone = query.where(jobs.c.id.in_(ids), deliveries.c.purged_at.is_not(None))
    return set(connection.execute(gone).scalars())


def add_order_job(connection: Connection, order: OrderRecord, call: str, now: datetime) -> None:
    """What an operator wants done to an order, in the order's queue, before all that is open."""
    at, pos = ms(now), order.pos or None
    goes = (order.delivery, order.connection, order.order_id, True, pos)
    row = (*goes, lane(order.connection, pos), "ready", at, at, False, at, NEVER, None, call)
    insert_many(connection, jobs, (*JOB_COLUMNS, "call"), [row])


def begin_now(connection: Connection, name: str, delivery_id: str, now: datetime) -> None:
    """The delivery's job as if it had arrived just now: retries are given up a day from here."""
    row = select(deliveries.c.id).where(
        deliveries.c.connection == name, deliveries.c.delivery_id == delivery_id
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.delivery.in_(row), jobs.c.state == "ready")
        .values(since=ms(now), due_at=ms(now), updated_at=ms(now))
    )


def peers(settings: Settings) -> list[str]:
    """What may be paused: the POS, then with an @ each platform that is told of orders."""
    return [
        *settings.pos,
        *(
            platform(each.name)
            for each in settings.connections.values()
            if each.answers and each.adapter.answer is not nothing
        ),
    ]


def pos_overview(connection: Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    """Each POS by name: open or why not, and how many jobs wait for it."""
    states = {row["pos"]: row for row in listing.pos_list(connection)}
    query = (
        select(jobs.c.pos, func.count())
        .where(STANDING, among(jobs.c.state, *OPEN_STATES), jobs.c.pos.in_(names))
        .group_by(jobs.c.pos)
    )
    waiting = {row[0]: row[1] for row in connection.execute(query)}
    return [pos_row(name, states.get(name, {}), waiting.get(name, 0)) for name in names]


def pos_row(name: str, state: Mapping[str, Any], waiting: int) -> dict[str, Any]:
    paused = state.get("paused")
    return {
        "pos": name,
        "paused": paused,
        "failures": state.get("failures", 0),
        "reason": state.get("reason"),
        "probe_at": state["probe_at"] if paused == "failing" else None,
        "waiting": waiting,
    }


def pause_pos(connection: Connection, name: str, now: datetime) -> None:
    """Nothing is sent to the POS until it is resumed, nor is it probed."""
    query = select(pos_states.c.failures).where(pos_states.c.pos == name)
    row = {
        "pos": name,
        "failures": connection.execute(query).scalar() or 0,
        "paused": "operator",
        "probe_at": ms(now),
        "reason": "by an operator",
    }
    upsert(connection, pos_states, row)


def resume_pos(connection: Connection, name: str, now: datetime) -> str | None:
    """Opens it, and what had been put off because it failed is due at once. What it was before."""
    was: str | None = connection.execute(
        select(pos_states.c.paused).where(pos_states.c.pos == name)
    ).scalar()
    connection.execute(
        update(pos_states)
        .where(pos_states.c.pos == name)
        .values(failures=0, paused=None, reason=None)
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.pos == name, WAITING, jobs.c.awaits.is_(None))
        .values(due_at=ms(now))
    )
    return was
