"""Purging: what is personal goes once nothing of it is open, and nothing else does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, text

from receiver.inbox import operate, purge, quarantine, search, seen
from receiver.inbox.quarantine import Suspect
from receiver.inbox.records import Answer, Attempt, Settlement, State, ms
from tests.box import (
    DONE,
    HELD,
    NOW,
    Box,
    Row,
    call,
    delivered,
    incoming,
    later,
    opened,
    order_record,
)
from tests.databases import path_of, postgresql_only, sqlite_only

BORDER = later(days=-30)
OLD = later(days=-31)
NAME = "Erika Mustermann"
WHY = json.dumps({"order_id": "o1", "at": NOW.isoformat(), "by": "customer", "reason": NAME})
TOLD = Answer(call=json.dumps({**json.loads(call("accept").call), "path": f"/{NAME}"}))
ENDED = Settlement(
    state=State.DEAD,
    reason=f"refused: {NAME}",
    attempts=(Attempt("refused", NAME, NAME), Attempt("accept", "", None)),
    orders=(order_record(cancellation=WHY, state="refused", total=1, tip=2, figures="{}"),),
    calls=(TOLD,),
)


def keep(box: Box, name: str = "d1", queue: str = "plain:o1", **given: Any) -> None:
    box.keep(incoming(name, queue, at=given.pop("at", OLD), body=NAME.encode(), **given))


def found(box: Box) -> list[purge.Found]:
    return box.do(lambda at: purge.find(at, BORDER, purge.FIRST))


def purged(box: Box, *ids: int) -> int:
    return box.do(lambda at: purge.purge(at, ids or [one.id for one in found(box)], NOW))


def everything(box: Box) -> str:
    return repr(box.everything())


def end_all(box: Box) -> None:
    while jobs := box.claim(now=NOW):
        for job in jobs:
            box.settle(job, ENDED if job.call is None else DONE)


def test_what_is_personal_goes_everywhere(box: Box) -> None:
    keep(box)
    end_all(box)
    before = box.everything()
    assert everything(box).count(NAME) >= 6
    assert purged(box, 1) == 1
    assert NAME not in everything(box)
    (row,) = box.rows("deliveries")
    assert (bytes(row["body"]), row["headers"], row["url"], row["purged_at"]) == (
        b"", "{}", "", ms(NOW),
    )  # fmt: skip
    assert_same_but(before, box.everything())


GONE = {
    "deliveries": {"body", "headers", "url", "path", "purged_at"},
    "jobs": {"reason", "call"},
    "attempts": {"detail", "answer"},
    "orders": {"cancellation"},
}


def assert_same_but(before: Any, after: Any) -> None:
    """Ids, times, states and figures are what they were."""
    for table, rows in before.items():
        gone = GONE.get(table, set())
        assert stripped(after[table], gone) == stripped(rows, gone)


def stripped(rows: list[Row], gone: set[str]) -> list[Row]:
    return [{key: value for key, value in row.items() if key not in gone} for row in rows]


def test_a_repeat_is_still_recognised(box: Box) -> None:
    keep(box)
    box.settle(box.one())
    purged(box, 1)
    assert box.keep(incoming("d1", "plain:o1", body=NAME.encode())) == [False]
    assert NAME not in everything(box)
    assert box.rows("deliveries")[0]["arrivals"] == 2


@pytest.mark.parametrize("state", ["ready", "running", "waiting", "held"])
def test_what_is_open_is_never_purged(state: str, box: Box) -> None:
    keep(box)
    box.do(lambda at: at.execute(text(f"UPDATE jobs SET state = '{state}'")))
    before = box.everything()
    assert found(box) == [purge.Found(ms(OLD), 1, ended=False)]
    assert purged(box, 1) == 0
    assert box.everything() == before


@pytest.mark.parametrize("state", ["done", "ignored", "dead"])
def test_every_end_is_one(state: str, box: Box) -> None:
    keep(box)
    box.do(lambda at: at.execute(text(f"UPDATE jobs SET state = '{state}'")))
    assert found(box) == [purge.Found(ms(OLD), 1, ended=True)]
    assert purged(box, 1) == 1
    assert found(box) == []
    assert purged(box, 1) == 0


def test_an_answer_that_is_still_to_be_given_keeps_the_delivery(box: Box) -> None:
    """It is another job of the same delivery."""
    keep(box)
    box.settle(box.one(), ENDED)
    assert purged(box, 1) == 0
    box.settle(box.one())
    assert purged(box, 1) == 1


def test_an_answer_keeps_its_name(box: Box) -> None:
    """Without one it would be a job that processes the delivery."""
    keep(box)
    end_all(box)
    purged(box, 1)
    assert [row["call"] for row in box.rows("jobs")] == [None, '{"name": "accept"}']


def test_by_age(box: Box) -> None:
    keep(box, "young", at=BORDER)
    keep(box, "old", at=BORDER - timedelta(milliseconds=1))
    for job in box.claim(now=NOW):
        box.settle(job)
    assert [one.id for one in found(box)] == [2]


def test_from_where_it_was(box: Box) -> None:
    """What is open does not keep it from what comes after; equal times do not hide each other."""
    for number in range(5):
        keep(box, f"d{number}", f"q{number}", at=OLD)
    keep(box, "older", "older", at=later(days=-40))  # released from quarantine
    first = box.do(lambda at: purge.find(at, BORDER, purge.FIRST, room=2))
    assert [one.id for one in first] == [6, 1]
    rest = box.do(lambda at: purge.find(at, BORDER, first[-1], room=9))
    assert [one.id for one in rest] == [2, 3, 4, 5]


def test_a_cancellation_of_what_never_came_is_remembered_without_its_words(box: Box) -> None:
    keep(box, queue="plain:other")
    known = order_record(cancellation=WHY, state="expected", created_at=OLD)
    box.settle(box.one(), Settlement(state=State.DONE, orders=(known,)))
    purged(box, 1)
    (order,) = box.rows("orders")
    assert json.loads(order["cancellation"]) == {**json.loads(WHY), "reason": None}


def test_the_words_stay_while_the_order_is_open(box: Box) -> None:
    keep(box, "canceled", overtakes=True)
    box.settle(box.one(), Settlement(state=State.DONE, orders=(order_record(cancellation=WHY),)))
    keep(box, "order")
    box.settle(box.one(), HELD)
    assert purged(box, 1) == 1
    assert box.rows("orders")[0]["cancellation"] == WHY


def test_it_cannot_be_replayed(box: Box) -> None:
    keep(box)
    box.settle(box.one())
    purged(box, 1)
    keep(box, "d2", "plain:o2")
    box.settle(box.one())
    done = box.do(lambda at: operate.act(at, "replay", [1, 2], NOW))
    assert done == [
        operate.Done(1, "done", moved=False, purged=True),
        operate.Done(2, "done", moved=True),
    ]
    assert [job["state"] for job in box.rows("jobs")] == ["done", "ready"]


def test_nothing_is_made_from_it_any_more(box: Box) -> None:
    """Neither an answer to its platform, nor a guess which stores there are."""
    keep(box)
    end_all(box)
    for known in (True, False):
        assert (box.do(partial(search.delivery_of, row=1)) is not None) == known
        assert len(box.do(partial(seen.latest, name="plain"))) == known
        purged(box, 1)


def test_a_cancellation_does_not_wake_it(box: Box) -> None:
    """Its order may stand at OktoPOS, but nothing is left to find that out with."""
    keep(box)
    box.settle(box.one(), Settlement(state=State.DEAD, sent=True))
    purged(box, 1)
    keep(box, "d2", overtakes=True)
    box.settle(box.one(), Settlement(state=State.DONE, wakes_queue=True))
    assert [job["state"] for job in box.rows("jobs")] == ["dead", "done"]


def test_quarantine_goes_by_age(box: Box) -> None:
    for at in (later(days=-8), later(days=-6)):
        suspect = Suspect("plain", delivered(at=at, body=NAME.encode()), "no")
        box.do(lambda to, suspect=suspect: quarantine.add(to, [suspect], later(days=-6)))  # type: ignore[misc]
    assert box.do(lambda at: purge.count_suspects(at, later(days=-7))) == 1
    assert box.do(lambda at: purge.drop_suspects(at, later(days=-7), room=1)) == 1
    assert box.do(lambda at: purge.drop_suspects(at, later(days=-7), room=1)) == 0
    assert len(box.rows("quarantine")) == 1


def test_of_several_workers_one_does_it(box: Box) -> None:
    hour = timedelta(hours=1)

    def claimed(at: Any) -> bool:
        return box.do(lambda to: purge.claim(to, at, hour))

    assert claimed(NOW)
    assert not claimed(later(minutes=59))
    assert claimed(later(minutes=60))
    assert not claimed(later(minutes=61))


@postgresql_only
@pytest.mark.parametrize("first", ["purge", "replay"])
def test_on_postgresql_a_replay_at_the_same_moment(first: str, database_url: str) -> None:
    """Whoever comes second sees what the first has done, and leaves it so."""
    with (
        opened(database_url) as box,
        opened(database_url) as other,
        ThreadPoolExecutor() as threads,
    ):
        keep(box)
        box.settle(box.one())
        purges = partial(purge.purge, ids=[1], now=NOW)
        replays = partial(operate.act, name="replay", ids=[1], now=NOW)
        with box.engine.begin() as connection:
            (purges if first == "purge" else replays)(connection)
            second = threads.submit(other.do, replays if first == "purge" else purges)
            assert wait([second], timeout=0.3).not_done == {second}
        if first == "purge":
            assert second.result() == [operate.Done(1, "done", moved=False, purged=True)]
        else:
            assert second.result() == 0
            assert bytes(box.rows("deliveries")[0]["body"]) == NAME.encode()


@sqlite_only
def test_it_is_overwritten_in_the_file(database_url: str) -> None:
    """Pages that nothing is in any more are not left as they were."""
    with opened(database_url) as box:
        body = NAME.encode() * 500  # pages of its own
        box.keep(incoming("d1", "q", at=OLD, body=body))
        box.settle(box.one())
        box.do(checkpoint)
        assert NAME.encode() in path_of(database_url).read_bytes()
        purged(box, 1)
        box.do(checkpoint)
        assert NAME.encode() not in path_of(database_url).read_bytes()


def checkpoint(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("COMMIT")
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    driver.execute("BEGIN")
