"""Several processes on one box: what one of them has not committed yet is nobody's mistake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from receiver.inbox import claim, dialect, lease
from receiver.inbox.keep import keep_many
from receiver.inbox.records import Incoming, Job, OrderRecord, PosVerdict, Settlement, State
from tests.box import NOW, Box, incoming, later, order_record
from tests.databases import postgresql_only

A_MOMENT = 0.3  # seconds; too short only lets a mistake pass


@contextmanager
def meanwhile(
    box: Box, first: Callable[[Connection], object]
) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """`first` is done and not committed while what is started within goes on beside it."""
    with ThreadPoolExecutor() as threads:
        started: list[Future[Any]] = []

        def start(work: Callable[[], Any]) -> Future[Any]:
            started.append(threads.submit(work))
            wait(started, timeout=A_MOMENT)
            return started[-1]

        with box.engine.begin() as connection:
            first(connection)
            yield start
        for each in started:
            each.result()


def claiming(worker: str) -> Callable[[Connection], object]:
    return lambda connection: claim.claim(connection, worker=worker, limit=9, now=NOW)


def states(box: Box) -> list[str]:
    return [row["state"] for row in box.rows("jobs")]


def test_a_cancellation_is_not_claimed_beside_its_order(box: Box, other: Box) -> None:
    """It comes, and is looked at, before it is committed that its order is running."""
    box.keep(incoming("order", "a"))

    def come_and_be_claimed() -> None:
        other.keep(incoming("cancel", "a", overtakes=True))
        other.claim("two")

    with meanwhile(box, claiming("one")) as start:
        start(come_and_be_claimed)
    assert states(box) == ["running", "ready"]


@postgresql_only
def test_nor_when_its_order_was_claimed_between_finding_and_taking(
    box: Box, other: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.keep(incoming("order", "a"))
    box.settle(box.one(), Settlement(state=State.WAITING, due_at=later(seconds=10)))
    box.keep(incoming("cancel", "a", overtakes=True))
    really = dialect.free_queues

    def late(connection: Connection, queues: Sequence[str]) -> Sequence[str]:
        monkeypatch.setattr(claim, "free_queues", really)
        assert queues == ["a"]
        box.claim("one", now=later(seconds=10))
        return really(connection, queues)

    monkeypatch.setattr(claim, "free_queues", late)
    assert other.claim("two") == []
    assert states(box) == ["running", "ready"]


def test_two_that_claim_share_what_there_is(box: Box, other: Box) -> None:
    box.keep(*(incoming(f"d{number}", f"q{number % 7}") for number in range(20)))
    with meanwhile(box, claiming("one")) as start:
        start(lambda: other.claim("two"))
    running = [row["queue"] for row in box.rows("jobs") if row["state"] == "running"]
    assert sorted(running) == [f"q{number}" for number in range(7)]


def test_one_probe_of_a_paused_pos(box: Box, other: Box) -> None:
    box.keep(incoming("d1"), incoming("d2"))
    for job in box.claim():
        box.settle(job, Settlement(state=State.WAITING, due_at=NOW))
    box.judge(PosVerdict("mitte", "down", at_once=True), now=later(seconds=-60))
    with meanwhile(box, claiming("one")) as start:
        start(lambda: other.claim("two"))
    assert sorted(states(box)) == ["running", "waiting"]


def test_of_one_queue_the_first_number_is_committed_first(box: Box, other: Box) -> None:
    with meanwhile(box, lambda at: keep_many(at, [incoming("d1", "a")])) as start:
        second = start(lambda: other.keep(incoming("d2", "a")))
        assert not second.done()
    assert [row["delivery_id"] for row in box.rows("deliveries")] == ["d1", "d2"]


def test_the_same_deliveries_in_another_order(box: Box, other: Box) -> None:
    """Neither may wait for one who waits for him."""
    together = threading.Barrier(2)

    def keep(at: Box, batch: Sequence[Incoming]) -> int:
        together.wait()
        return sum(at.keep(*batch))

    for number in range(20):
        batch = [incoming(f"{number} {place}") for place in range(100)]
        with ThreadPoolExecutor() as threads:
            keeping = [threads.submit(keep, box, batch), threads.submit(keep, other, batch[::-1])]
        assert sum(each.result() for each in keeping) == 100
    assert {row["arrivals"] for row in box.rows("deliveries")} == {2}


def test_what_a_lost_worker_had_is_taken_up_once(box: Box, other: Box) -> None:
    box.keep(incoming("d1"))
    box.claim("lost")

    def beat(connection: Connection) -> object:
        return lease.heartbeat(connection, worker="one", now=NOW, alone=False)

    with meanwhile(box, beat) as start:
        start(lambda: other.beat("two"))
    assert len(box.rows("attempts")) == 1


# A cancellation is never lost, whoever writes last


def test_one_written_meanwhile_stays(box: Box) -> None:
    """Two jobs of different queues that are about the same order: each has seen none yet."""
    creating, canceling = two_at_work(box)
    assert box.settle(canceling, settled(order_record(state="expected", cancellation="{}")))
    assert box.settle(creating, settled(order_record(internal_id=7)))
    assert kept(box) == ("created", "{}", 7)
    assert box.row(creating)["state"] == "ready"  # it looks again, and cancels it
    assert box.row(canceling)["state"] == "done"


def test_one_that_comes_as_the_order_is_created_looks_again(box: Box) -> None:
    creating, canceling = two_at_work(box)
    assert box.settle(creating, settled(order_record(internal_id=7)))
    assert box.settle(canceling, settled(order_record(state="expected", cancellation="{}")))
    assert kept(box) == ("created", None, 7)
    assert box.row(canceling)["state"] == "ready"
    assert box.row(creating)["state"] == "done"


def test_what_stands_is_not_forgotten_by_one_that_failed(box: Box) -> None:
    creating, failing = two_at_work(box)
    assert box.settle(creating, settled(order_record(internal_id=7)))
    late = order_record(state="refused")
    assert box.settle(failing, Settlement(state=State.DEAD, orders=(late,)))
    assert kept(box) == ("created", None, 7)


def two_at_work(box: Box) -> tuple[Job, Job]:
    box.keep(incoming("d1", "a"), incoming("d2", "b"))
    first, second = box.claim()
    return first, second


def settled(order: OrderRecord) -> Settlement:
    return Settlement(state=State.DONE, orders=(order,))


def kept(box: Box) -> tuple[object, ...]:
    (row,) = box.rows("orders")
    return row["state"], row["cancellation"], row["internal_id"]
