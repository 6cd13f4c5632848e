"""What is settled together ends as if it had been settled one after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, product
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from receiver.inbox import articles, claim, search
from receiver.inbox.records import Attempt, Ending, Job, PosVerdict, Settled, Settlement, State
from receiver.inbox.settle import settle_many
from receiver.inbox.tables import metadata
from tests.box import DONE, HELD, NOW, Box, call, incoming, later, order_record, payment_record
from tests.databases import sqlite_only

COUNT = 6
LOOKED_AT = (
    "jobs",
    "attempts",
    "orders",
    "order_references",
    "payments",
    "payment_references",
    "pos_states",
)
SINCE = later(minutes=1)
CREATED = Settlement(
    state=State.DONE,
    attempts=(Attempt("created", "", "{}"),),
    orders=(order_record(internal_id=10_001),),
    payments=(payment_record(),),
    verdicts=(PosVerdict("mitte"),),
    calls=(call("accept"),),
)
ENDS: Mapping[str, Settlement] = {
    "done": DONE,
    "held": HELD,
    "created": CREATED,
    "another created": replace(
        CREATED, orders=(order_record("plain:o2", platform_id="o2", references=("O2",)),)
    ),
    "canceled first": replace(DONE, orders=(order_record(state="expected", cancellation="{}"),)),
    "canceled": replace(DONE, orders=(order_record(state="canceled"),), wakes_queue=True),
    "refunded": replace(DONE, payments=(payment_record(status="refunded", reversal=True),)),
    "named": replace(DONE, payment_references=(("pi_1", "O1"),)),
    "awaits an order": Settlement(
        state=State.WAITING, due_at=later(hours=1), awaits="O1", tills=("mitte",)
    ),
    "awaits a name": Settlement(state=State.WAITING, due_at=later(hours=1), awaits="pi_1"),
    "creates what it awaits": replace(
        CREATED, state=State.WAITING, due_at=later(hours=1), awaits="O1", tills=("mitte",)
    ),
    "failing": Settlement(
        state=State.WAITING,
        reason="OktoPOS answered 500",
        due_at=later(minutes=5),
        failures=1,
        sent=True,
        verdicts=(PosVerdict("mitte", "OktoPOS answered 500"),),
    ),
}
State_: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]


@pytest.fixture
def jobs(box: Box) -> Sequence[Job]:
    """Claimed, two of each queue in the way of nobody; beside them some that wait."""
    for number in range(COUNT):
        box.keep(incoming(f"d{number}"), incoming(f"d{number} too", f"d{number}"))
    box.keep(incoming("order"), incoming("name"))
    claimed = box.claim()
    waiting = {job.queue: job for job in claimed}
    box.settle(waiting["order"], ENDS["awaits an order"])
    box.settle(waiting["name"], ENDS["awaits a name"])
    return [job for job in claimed if job.queue not in ("order", "name")]


def after(
    box: Box, settle: Callable[[Connection], Sequence[Settled]]
) -> tuple[list[bool], bool, State_]:
    """Whose jobs were still theirs, whether more may run, and the box; which is as it was then."""
    with box.engine.connect() as connection, connection.begin() as transaction:
        done = settle(connection)
        found = {name: rows(connection, name) for name in LOOKED_AT}
        transaction.rollback()
    return [one.ours for one in done], any(one.more for one in done), found


def rows(connection: Connection, name: str) -> Sequence[tuple[Any, ...]]:
    """Without the numbers that the database gives out."""
    table = metadata.tables[name]
    columns = [column for column in table.c if column.name != "id"]
    return sorted(map(tuple, connection.execute(select(*columns)).all()), key=repr)


def one_by_one(connection: Connection, endings: Sequence[Ending]) -> list[Settled]:
    return [settled for one in endings for settled in settle_many(connection, [one])]


def compare(box: Box, endings: Sequence[Ending]) -> list[bool]:
    """Whose jobs were still theirs."""
    together = after(box, lambda connection: settle_many(connection, endings))
    assert together == after(box, lambda connection: one_by_one(connection, endings))
    return together[0]


def endings_of(jobs: Sequence[Job], names: Iterable[str]) -> list[Ending]:
    return [Ending(job, ENDS[name], SINCE) for job, name in zip(jobs, names, strict=False)]


def test_each_ends_for_itself(box: Box, jobs: Sequence[Job]) -> None:
    assert len(jobs) == COUNT
    untouched = after(box, lambda _: [])
    for name in ENDS:
        assert compare(box, endings_of(jobs, [name])) == [True]
        alone = after(box, partial(settle_many, endings=endings_of(jobs, [name])))
        assert alone[2] != untouched[2], name


def test_any_two_are_as_one_after_the_other(box: Box, jobs: Sequence[Job]) -> None:
    for names in product(ENDS, repeat=2):
        assert compare(box, endings_of(jobs, names)) == [True, True], names


@given(names=st.lists(st.sampled_from(sorted(ENDS)), min_size=3, max_size=COUNT))
def check_many(box: Box, jobs: Sequence[Job], names: Sequence[str]) -> None:
    assert all(compare(box, endings_of(jobs, names)))


def test_many_are_as_one_after_the_other(box: Box, jobs: Sequence[Job]) -> None:
    check_many(box, jobs)


def test_of_what_is_no_longer_ours_nothing_is_written(box: Box, jobs: Sequence[Job]) -> None:
    ours, lost = endings_of(jobs, ["created", "another created"])
    lost = lost._replace(job=replace(lost.job, fence=lost.job.fence - 1))
    again = ours._replace(settlement=HELD)
    assert compare(box, [lost, ours, again]) == [False, True, False]
    assert compare(box, [lost]) == [False]


def test_who_creates_what_it_awaits_elsewhere_does_not_wake_itself(
    box: Box, jobs: Sequence[Job]
) -> None:
    elsewhere = replace(ENDS["creates what it awaits"], tills=("nord",))
    assert box.settle(jobs[0], elsewhere)
    assert box.row(jobs[0])["state"] == "waiting"


SAYS_SO = sqlite3.connect(":memory:").execute(
    "SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_STMTVTAB'"
)


@sqlite_only
@pytest.mark.skipif(not SAYS_SO.fetchone(), reason="this SQLite does not say what it prepared")
def test_no_statement_is_prepared_anew_whenever_it_is_executed(box: Box) -> None:
    """SQLite does that where a value is given that its choice of an index depends on, and it
    costs more than the statement: a job's state stands in the text."""
    for number in range(3):
        box.keep(*(incoming(f"{name} {number}") for name in ENDS))
        for job, end in zip(box.claim(), cycle(ENDS.values()), strict=False):
            box.settle(job, end)
        box.do(partial(claim.anything, now=NOW, under_way={}))
        box.do(lambda at: search.before_forwarding(at, "plain:o1", "mitte"))
        box.do(lambda at: search.given_up_unsure(at, "plain:o1"))
        box.do(lambda at: articles.release(at, NOW))
    query = "SELECT sql FROM sqlite_stmt WHERE run > 2 AND reprep > 1"
    assert box.do(lambda at: at.exec_driver_sql(query).scalars().all()) == []
