"""Whose turn it is: one queue's many, or one POS's, are in nobody else's way."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from receiver.inbox import claim, dialect, listing, operate, sql
from receiver.inbox.records import Settlement, State, ms
from receiver.inbox.tables import jobs
from tests.box import HELD, NOW, Box, incoming, later, queues
from tests.databases import postgresql_only, sqlite_only
from tests.test_inbox_beside import claiming, meanwhile
from tests.test_inbox_cost import steps

MANY = 2_000
LOT = 500


def keep(box: Box, count: int, queue: str | None = None, **more: Any) -> None:
    name = queue or "own"
    every = [incoming(f"{name}{number}", queue, **more) for number in range(count)]
    for start in range(0, count, LOT):
        box.keep(*every[start : start + LOT])


def marked(box: Box) -> list[str]:
    found = box.do(lambda at: at.execute(jobs.select().where(jobs.c.behind)).mappings().all())
    return [row["queue"] for row in found]


# One hot queue


def test_others_are_claimed_at_once(box: Box) -> None:
    """Of the same lane and of another, in the first claim there is."""
    keep(box, MANY, "hot")
    box.keep(incoming("d1"), incoming("d2"), incoming("n1", pos="nord"))
    assert sorted(queues(box.claim(limit=4))) == ["d1", "d2", "hot", "n1"]


def test_they_come_in_their_turn(box: Box) -> None:
    keep(box, 5, "hot")
    for turn in range(1, 6):
        job = box.one()
        assert job.delivery_row == turn
        assert box.claim() == []
        box.settle(job)
    assert marked(box) == []


def test_one_that_waits_lets_nobody_pass(box: Box) -> None:
    keep(box, 3, "hot")
    box.settle(box.one(), Settlement(state=State.WAITING, due_at=later(seconds=60)))
    assert box.claim() == []
    assert box.one(now=later(seconds=60)).delivery_row == 1


def test_one_given_up_by_an_operator_lets_the_next_go_on(box: Box) -> None:
    keep(box, 3, "hot")
    box.settle(box.one(), HELD)
    assert box.claim() == []
    assert marked(box) == ["hot", "hot"]
    box.do(lambda at: operate.act(at, "discard", [1], NOW))
    assert box.one().delivery_row == 2


def ended_at(box: Box, number: int) -> int | None:
    found: int | None = box.do(
        lambda at: at.execute(select(jobs.c.ended_at).where(jobs.c.id == number)).scalar_one()
    )
    return found


@pytest.mark.parametrize("state", [one for one in State if one is not State.RUNNING])
def test_what_has_ended_is_in_nobody_s_way_until_it_is_replayed(box: Box, state: State) -> None:
    """The index leads to what has not ended, so each way to an end and back must say so."""
    keep(box, 2, "hot")
    end = Settlement(state=state, due_at=later(hours=1))
    ends = state in (State.DONE, State.IGNORED, State.DEAD)
    box.settle(box.one(), end, now=later(seconds=1))
    assert ended_at(box, 1) == (ms(later(seconds=1)) if ends else None)
    box.do(lambda at: operate.act(at, "replay", [1], NOW))
    assert ended_at(box, 1) is None
    box.do(lambda at: operate.act(at, "hold", [1], NOW))
    assert box.claim() == []
    box.do(lambda at: operate.act(at, "discard", [1], later(seconds=2)))
    assert ended_at(box, 1) == ms(later(seconds=2))
    assert box.one().delivery_row == 2


def test_what_a_cancellation_wakes_stands_again(box: Box) -> None:
    keep(box, 1, "hot")
    box.settle(box.one(), Settlement(state=State.DEAD, sent=True))
    box.keep(incoming("cancel", "hot", overtakes=True))
    box.settle(box.one(), Settlement(state=State.DONE, wakes_queue=True))
    box.keep(incoming("later", "hot"))
    assert ended_at(box, 1) is None
    assert box.one().delivery_row == 1
    assert marked(box) == ["hot"]


def test_an_end_without_a_time_is_an_end(box: Box) -> None:
    """As a version writes it that knows none, or wrote it before there was one."""
    keep(box, 2, "hot")
    box.settle(box.one())
    box.do(lambda at: at.execute(jobs.update().where(jobs.c.id == 1).values(ended_at=None)))
    assert box.one().delivery_row == 2
    assert box.do(listing.counts) == {"running": 1}


@sqlite_only
def test_claiming_leaves_the_index_of_the_queues_alone(box: Box) -> None:
    """A long backlog's queues lie all over it."""
    settled = jobs.update().where(jobs.c.id == 1).values(ended_at=1)
    assert "jobs_queue" in written(box, settled)
    assert "jobs_queue" not in written(box, claim.taking(1))
    assert {"jobs_ready", "jobs_running"} < written(box, claim.taking(1))


def written(box: Box, statement: Any) -> set[str]:
    """Which indexes SQLite's program for the statement opens to write to."""
    words, values = sql.compiled(statement, box.engine.dialect)
    wanted = f"EXPLAIN {words}"
    given = {**dict.fromkeys(("id0", "me", "now")), **values}
    schema = "SELECT rootpage, name FROM sqlite_schema WHERE type = 'index'"

    def explained(connection: Connection) -> set[str]:
        place = dialect.cursor(connection)
        names = dict(place.execute(schema).fetchall())
        steps = place.execute(wanted, given).fetchall()
        return {names.get(step[3], "") for step in steps if step[1] == "OpenWrite"}

    return box.do(explained)


def test_one_that_is_held_or_replayed_begins_anew(box: Box) -> None:
    keep(box, 2, "hot")
    running = box.one()
    assert marked(box) == ["hot"]
    box.do(lambda at: operate.act(at, "hold", [2], NOW))
    assert marked(box) == []
    box.settle(running)
    box.do(lambda at: operate.act(at, "replay", [2], NOW))
    assert box.one().delivery_row == 2


def test_a_cancellation_comes_as_soon_as_nothing_is_running(box: Box) -> None:
    keep(box, MANY, "hot")
    running = box.one()
    box.keep(incoming("cancel", "hot", overtakes=True))
    assert box.claim() == []
    box.settle(running, Settlement(state=State.WAITING, due_at=later(hours=1)))
    assert box.one().delivery_row == MANY + 1


@postgresql_only
def test_a_mark_that_outlasts_its_reason_is_found(box: Box, other: Box) -> None:
    """Who settles the first does not see that the second is being marked just then."""
    keep(box, 2, "hot")
    first = box.one("one")
    box.do(lambda at: at.execute(text("UPDATE jobs SET behind = false")))
    with meanwhile(box, claiming("two")) as start:
        start(lambda: other.settle(first))
    assert marked(box) == ["hot"]
    assert box.claim() == []
    box.beat()
    assert box.one().delivery_row == 2


def test_a_mark_with_a_reason_stays(box: Box) -> None:
    keep(box, 3, "hot")
    box.one()
    box.beat()
    assert marked(box) == ["hot", "hot"]


def others(box: Box, turn: int) -> None:
    """One of the same lane and one of another, and an idle look."""
    box.keep(incoming(f"m{turn}"), incoming(f"n{turn}", pos="nord"))
    for job in box.claim():
        if job.queue != "hot":
            box.settle(job)
    box.do(partial(claim.anything, now=NOW, under_way={}))


@sqlite_only
def test_it_costs_the_others_nothing(box: Box) -> None:
    empty = steps(box, lambda: others(box, 1))
    keep(box, MANY, "hot")
    box.claim()
    full = steps(box, lambda: others(box, 2))
    assert 0 < full < empty + 30


# One dead POS


def parked(box: Box, first: int, last: int) -> None:
    """So many that were tried in vain, and are due again."""
    box.keep(*(incoming(f"d{number}") for number in range(first, last)))
    due = {"state": "waiting", "fence": 1, "due_at": ms(NOW)}
    box.do(lambda at: at.execute(jobs.update().where(jobs.c.id > first).values(due)))


def test_the_jobs_of_a_dead_pos_are_in_nobody_s_way(box: Box) -> None:
    parked(box, 0, MANY)
    box.do(lambda at: operate.pause_pos(at, "mitte", NOW))
    box.keep(incoming("n1", pos="nord"))
    assert queues(box.claim(limit=1)) == ["n1"]


def test_of_those_due_for_longest_the_soonest_deadline_first(box: Box) -> None:
    parked(box, 0, claim.LOOKED_AT + 1)
    soon = {"deadline": ms(later(minutes=5))}
    box.do(lambda at: at.execute(jobs.update().where(jobs.c.id == 9).values(soon)))
    assert queues(box.claim(limit=1)) == ["d8"]


@sqlite_only
def test_nor_are_those_of_one_that_is_back(box: Box) -> None:
    """All of them are due at once; each claim looks at a part of them."""
    parked(box, 0, claim.LOOKED_AT + 4)
    few = steps(box, lambda: box.claim(limit=4))
    parked(box, claim.LOOKED_AT + 4, MANY)
    many = steps(box, lambda: box.claim(limit=4))
    assert 0 < many < few + 30


# PostgreSQL's planner


@postgresql_only
def test_no_walk_over_all_jobs_whatever_one_queue_makes_it_believe(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(box, MANY, "hot")
    box.do(lambda at: at.execute(text("ANALYZE")))
    keep(box, 20)
    said: list[tuple[str, Mapping[str, object]]] = []
    really = sql.execute

    def overheard(connection: Connection, statement: Any, values: Mapping[str, object]) -> Any:
        words, constants = sql.compiled(statement, connection.dialect)
        said.append((words, {**constants, **values}))
        return really(connection, statement, values)

    monkeypatch.setattr(sql, "execute", overheard)
    for job in box.claim():
        box.settle(job)
    box.do(partial(claim.anything, now=NOW, under_way={}))
    box.beat()
    assert len(said) > 20
    walks = [line for words, values in said for line in box.do(partial(walked, words, values))]
    assert walks == []


def walked(words: str, values: Mapping[str, object], connection: Connection) -> list[str]:
    place = dialect.cursor(connection)
    place.execute(f"EXPLAIN {words}", values)
    return [line for (line,) in place.fetchall() if "Seq Scan on jobs" in line]
