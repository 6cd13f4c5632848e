"""What the box costs SQLite: every statement finds its rows by an index, and stays as cheap."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from receiver.articles import MATCH, Match
from receiver.inbox import articles, lease, listing, operate, search, verdicts
from receiver.inbox.dialect import open_engine
from receiver.inbox.records import Attempt, PosVerdict, Settlement, State
from tests.box import (
    DONE,
    NOW,
    Box,
    call,
    incoming,
    later,
    order_record,
    payment_record,
)
from tests.databases import sqlite_only

pytestmark = sqlite_only

MANY = 20_000
# a few rows, however much is kept
SMALL = ("catalogues", "once", "pos_states", "repeated", "workers")
PARTIAL = (
    "jobs_alarm",
    "jobs_attention",
    "jobs_awaits",
    "jobs_due",
    "jobs_queue",
    "jobs_ready",
    "jobs_running",
)
FOUND = ("ready_lanes", "waiting_lanes", "connections")  # as many rows as there are in use
WALK = re.compile(
    rf"SCAN (?!\(|({'|'.join(FOUND)})$|(\d+ )?CONSTANT|{'|'.join(SMALL)}"
    rf"|(jobs|moving) USING INDEX ({'|'.join(PARTIAL)})$)"
)


def driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@contextmanager
def traced(box: Box) -> Iterator[list[str]]:
    """Every statement that is executed, with its values."""
    said: list[str] = []
    box.do(lambda at: driver(at).set_trace_callback(said.append))
    try:
        yield said
    finally:
        box.do(lambda at: driver(at).set_trace_callback(None))


def plan(box: Box, statement: str) -> list[str]:
    rows = box.do(lambda at: driver(at).execute(f"EXPLAIN QUERY PLAN {statement}").fetchall())
    return [row[3] for row in rows]


def fill(box: Box, count: int) -> None:
    """So many that are done, each with an order of its own."""
    box.keep(*(incoming(f"old{number}", at=later(days=-1)) for number in range(count)))
    box.do(lambda at: at.exec_driver_sql("UPDATE jobs SET state = 'done', ended_at = due_at"))
    box.do(
        lambda at: at.exec_driver_sql(
            "INSERT OR IGNORE INTO orders"
            " (order_id, connection, pos, platform_id, state, created_at)"
            " SELECT queue, connection, pos, queue, 'created', due_at FROM jobs"
        )
    )
    box.do(
        lambda at: at.exec_driver_sql(
            "INSERT OR IGNORE INTO order_references SELECT order_id, order_id FROM orders"
        )
    )
    box.do(
        lambda at: at.exec_driver_sql(
            "INSERT INTO attempts (job, at, outcome, detail) SELECT id, due_at, 'x', '' FROM jobs"
        )
    )


def everything_once(box: Box) -> None:
    """All the box does for an order, its payment, its cancellation and a lost worker."""
    box.beat("other")
    box.keep(incoming("d1", "plain:o1"), incoming("d2", "plain:o1"), incoming("d1"))
    box.settle(box.one(), FULL)
    box.settle(box.claim(limit=1)[0], Settlement(state=State.WAITING, awaits="O1"))
    box.keep(incoming("d3", "plain:o1", overtakes=True))
    for job in box.claim(limit=1):
        box.settle(job, Settlement(state=State.DONE, wakes_queue=True))
    for _ in range(5):
        box.judge(PosVerdict("mitte", "down"))
    box.claim(now=later(seconds=60), under_way={"plain nord": 99})
    box.beat("me", now=later(seconds=61))
    box.beat("me", now=later(seconds=62), alone=True)
    for job in box.claim(now=later(seconds=200)):
        box.do(lambda at, job=job: lease.release(at, job, sent=True))  # type: ignore[misc]
    box.do(lambda at: search.order(at, "plain:o1"))
    box.do(lambda at: search.before_forwarding(at, "plain:o1", "mitte"))
    box.do(lambda at: search.orders_called(at, "O1"))
    box.do(lambda at: search.payment(at, "mitte", "plain:o1"))
    box.do(lambda at: search.payment_reference(at, "plain", ["pi_1", "ch_1"]))
    box.do(lambda at: search.unseen(at, NOW))
    for state in State:
        box.do(lambda at, s=state: listing.page(at, states=(s,)))  # type: ignore[misc]
    box.do(lambda at: listing.page(at, text="O1"))
    box.do(lambda at: search.given_up_unsure(at, "plain:o1"))
    box.do(lambda at: listing.detail(at, 1))
    for pos in ("mitte", "nord"):
        box.do(lambda at, p=pos: operate.resume_pos(at, p, NOW))  # type: ignore[misc]
    box.do(listing.counts)
    box.do(articles.version)
    box.do(lambda at: articles.is_synced(at, "mitte"))
    box.do(lambda at: articles.mapped(at, "plain", ["P1"]))
    for match in MATCH:
        box.do(lambda at, m=match: articles.find(at, "mitte", "P1", [m], NOW))  # type: ignore[misc]


FULL = Settlement(
    state=State.DONE,
    attempts=(Attempt("created", "", "{}"),),
    orders=(order_record(internal_id=10_001),),
    payments=(payment_record(),),
    payment_references=(("pi_1", "O1"),),
    verdicts=(PosVerdict("mitte"),),
    calls=(call("accept"),),
)


def test_no_statement_walks_a_whole_table(box: Box) -> None:
    with traced(box) as said:
        everything_once(box)
    statements = {text for text in said if re.match("(WITH|SELECT|INSERT|UPDATE|DELETE)", text)}
    assert len(statements) > 30
    walks = [(step, text) for text in statements for step in plan(box, text) if WALK.match(step)]
    assert walks == []


def steps(box: Box, work: Callable[[], object]) -> int:
    """How many steps SQLite's machine takes for it, in hundreds."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    box.do(lambda at: driver(at).set_progress_handler(count, 100))
    work()
    box.do(lambda at: driver(at).set_progress_handler(None, 100))
    return taken


def one_round(box: Box, number: int) -> Callable[[], object]:
    """An order kept, claimed and settled; a payment that waits; a cancellation; a heartbeat."""

    def work() -> None:
        name = f"n{number}"
        order = order_record(name, references=(name,))
        box.keep(incoming(name))
        (first,) = box.claim()
        box.keep(incoming(f"pay{name}"))
        box.settle(first, Settlement(state=State.HELD, orders=(replace(order, state="expected"),)))
        (payment,) = box.claim(now=later(seconds=1))
        box.settle(payment, Settlement(state=State.WAITING, awaits=name, due_at=later(days=9)))
        box.keep(incoming(f"x{name}", name, overtakes=True))
        (cancellation,) = box.claim(now=later(seconds=1))
        box.settle(cancellation, Settlement(state=State.DONE, wakes_queue=True))
        (first,) = box.claim(now=later(seconds=1))
        box.settle(first, Settlement(state=State.DONE, orders=(order,)))
        for job in box.claim(now=later(seconds=2)):
            box.settle(job, DONE)
        box.beat(now=later(seconds=2))

    return work


def test_it_costs_the_same_however_much_is_done(box: Box) -> None:
    empty = steps(box, one_round(box, 1))
    fill(box, MANY)
    full = steps(box, one_round(box, 2))
    assert empty > 0
    assert full < 2 * empty + 10


def test_what_is_parked_for_a_dead_pos_costs_the_others_little(box: Box) -> None:
    """An hour's deliveries; an idle look must stay far from a walk over all of them."""
    box.do(lambda at: verdicts.judge(at, PosVerdict("nord", "down", at_once=True), later(days=-1)))
    box.do(
        lambda at: at.exec_driver_sql(
            "UPDATE pos_states SET paused = 'operator' WHERE pos = 'nord'"
        )
    )
    empty = steps(box, lambda: box.claim())
    box.keep(*(incoming(f"p{number}", pos="nord", at=later(days=-1)) for number in range(2_000)))
    box.do(lambda at: at.exec_driver_sql("UPDATE jobs SET state = 'waiting', fence = 1"))
    parked = steps(box, lambda: box.claim())
    assert parked < empty + 2_000 * 20 / 100


@pytest.mark.parametrize("writes", [True, False])
def test_a_commit_is_on_disk_before_it_is_one(box: Box, writes: bool) -> None:
    engine = open_engine(str(box.engine.url), writes=writes)
    with engine.begin() as connection:
        set_to = {
            name: driver(connection).execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert set_to == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


@pytest.mark.parametrize("match", MATCH[1:])
def test_an_article_is_found_by_the_index_of_its_name(box: Box, match: Match) -> None:
    """And not by walking through all that its POS has."""
    with traced(box) as said:
        box.do(lambda at: articles.find(at, "mitte", "P1", [match], NOW))
    (statement,) = [one for one in said if one.startswith("SELECT articles.")]
    assert plan(box, statement)[0].startswith(f"SEARCH articles USING INDEX articles_{match} (")


def test_all_articles_of_an_order_are_found_by_one_look_at_each_of_their_names(box: Box) -> None:
    called = [f"P{number}" for number in range(20)]
    with traced(box) as said:
        box.do(lambda at: articles.mapped(at, "plain", called))
        box.do(lambda at: articles.find_all(at, "mitte", called, MATCH, NOW))
    asked = [statement for statement in said if statement.startswith("SELECT")]
    assert len(asked) == 1 + len(MATCH)
    for statement in asked:
        assert "SEARCH" in plan(box, statement)[0]
