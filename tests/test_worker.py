"""The worker when something is wrong: with us, with the database, with another worker."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection

from adapters.contract import Delivery
from receiver import inbox, worker
from receiver.http import CALLS_PER_DESTINATION
from receiver.inbox import claim, keep, lease, open_inbox, settle
from receiver.inbox.dialect import only_worker, sqlite
from receiver.inbox.records import (
    Attempt,
    Ending,
    Incoming,
    Job,
    Settled,
    Settlement,
    State,
    StoreUnavailable,
)
from receiver.pipeline import process
from receiver.pipeline.tools import Tools
from receiver.serve import create_tools, working
from receiver.worker import Worker
from tests.databases import Databases, postgresql_only, sqlite_only
from tests.heard import Log
from tests.plain import body, cancellation, order, payment, signed
from tests.running import Json, Line, eventually, line

pytestmark = pytest.mark.anyio

CREATE = "/v1/order/create"


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks often, so that nobody waits long after the clock was turned."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is done now and then is done all the time."""
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(worker, "STORE_DOWN_SECONDS", 0.02)
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not heard of for a second is taken for gone."""
    monkeypatch.setattr(lease, "WORKER_GONE", timedelta(seconds=1))
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.1)


def tools(run: Line) -> Tools:
    return replace(create_tools(run.settings, run.inbox), clock=run.clock, chance=lambda: 0.0)


async def asked(run: Line) -> list[int | None]:
    return [call["status"] for call in await run.calls() if call["path"] == CREATE]


async def booked(run: Line) -> list[str]:
    return sorted(held["orderId"] for held in await run.orders())


def outcomes(job: Json) -> list[str]:
    return [step["outcome"] for step in job["attempts"]]


# A bug of ours


async def test_a_bug_of_an_adapter_costs_time_and_nothing_else(database_url: str, log: Log) -> None:
    async with line(database_url) as run:
        bad = await run.send(order("bad"), bug=True)
        waiting = await run.until(bad, "waiting")
        assert waiting["reason"] == "an error of ours, see the log"
        assert outcomes(waiting) == ["error"]
        await run.until(await run.send(order("good")), "done")
        for failures in (2, 3):
            run.clock.turn(minutes=10)
            await eventually(lambda: run.job(bad), failed(failures))
        assert len(log.of("bug", "exception")) == 3
        run.clock.turn(days=9)
        found = await eventually(lambda: run.job(bad), failed(4))
        assert found["state"] == "waiting"


def failed(times: int) -> Callable[[Json], bool]:
    return lambda found: bool(found["failures"] == times)


async def test_the_order_of_its_queue_holds_through_a_bug(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order("o1"), bug=True), "waiting")
        second = await run.send(order("o1"))
        await run.until(await run.send(order("o2")), "done")
        assert (await run.job(second))["fence"] == 0


async def test_a_settlement_that_cannot_be_written_blocks_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the job would be running for ever, and all that follows in its queue would wait."""

    def settle_badly(box: Connection, endings: Sequence[Ending]) -> list[Settled]:
        if any(not job.sent and end.state is State.DONE for job, end, _ in endings):
            raise ValueError("text with something no database takes")
        return settle.settle_many(box, endings)

    monkeypatch.setattr(inbox, "settle_many", settle_badly)
    async with line(database_url) as run:
        job = await run.send(order())
        await eventually(lambda: asked(run), bool)
        run.clock.turn(minutes=1)
        await run.until(job, "done")
        assert await asked(run) == [200, 409]
        assert await booked(run) == ["plain:o1"]


# A worker that is killed


async def claimed_by_one_that_dies(run: Line, *orders: str) -> list[Job]:
    for name in orders:
        await run.post(body(order(name)))
    lost = Worker(tools(run), name="lost")
    await lost.take_up()
    jobs = await lost.claim()
    assert len(jobs) == len(orders)
    return jobs


@sqlite_only
async def test_its_work_is_taken_up_at_once_by_the_only_one(database_url: str) -> None:
    async with line(database_url, work=False) as run:
        jobs = await claimed_by_one_that_dies(run, "o1", "o2", "o3")
        async with working(tools(run)):
            ends = [await run.until(job.id, "done") for job in jobs]
        assert [outcomes(end) for end in ends] == [["interrupted", "created"]] * 3
        assert await asked(run) == [200] * 3


@pytest.mark.usefixtures("short_lived")
async def test_what_it_had_sent_is_not_booked_twice(database_url: str) -> None:
    async with line(database_url, work=False) as run:
        (job,) = await claimed_by_one_that_dies(run, "o1")
        dead = tools(run)
        settlement = await process(job, dead)
        assert settlement.state is State.DONE
        await dead.http.close()
        async with working(tools(run)):
            done = await run.until(job.id, "done")
        assert outcomes(done) == ["interrupted", "created"]
        assert await asked(run) == [200, 409]
        assert await booked(run) == ["plain:o1"]
        async with working(tools(run)):
            await run.until(await run.send(cancellation()), "done")
        assert (await run.orders())[0]["status"] == "canceled"


@pytest.mark.usefixtures("short_lived")
async def test_or_held_where_an_operator_wants_to_decide(database_url: str) -> None:
    async with line(database_url, work=False, pos={"on_ambiguous": "hold"}) as run:
        (job,) = await claimed_by_one_that_dies(run, "o1")
        async with working(tools(run)):
            held = await run.until(job.id, "held")
        assert "may stand at OktoPOS already" in held["reason"]
        assert await run.calls() == []


@pytest.mark.usefixtures("short_lived")
async def test_beside_others_it_is_waited_for(database_url: str) -> None:
    async with line(database_url, work=False) as run, accompanied(run):
        (job,) = await claimed_by_one_that_dies(run, "o1")
        async with working(tools(run)) as other:
            assert other.unlock is None
            await run.until(await run.send(order("o2")), "done")
            assert (await run.job(job.id))["owner"] == "lost"
            await run.until(job.id, "done")


@asynccontextmanager
async def accompanied(run: Line) -> AsyncIterator[None]:
    """Whoever works now is not alone, on SQLite either."""
    unlock = only_worker(run.inbox.url) or (lambda: None)
    yield
    unlock()


@pytest.mark.usefixtures("short_lived")
async def test_nobody_is_taken_for_gone_because_the_clock_jumps(database_url: str) -> None:
    async with line(database_url, work=False) as run, accompanied(run):
        await run.fault("slow", seconds=2.5)
        async with working(tools(run)), working(tools(run)):
            jobs = [await run.send(order(f"o{number}")) for number in range(4)]
            for job in jobs:
                await run.until(job, "running")
            run.clock.turn(minutes=5)
            ends = [await run.until(job, "done") for job in jobs]
        assert [outcomes(end) for end in ends] == [["created"]] * 4


@pytest.mark.usefixtures("short_lived", "impatient")
async def test_nor_because_the_database_was_away(databases: Databases, database_url: str) -> None:
    async with line(database_url, work=False) as run, accompanied(run):
        await run.fault("slow", seconds=2.5)
        async with working(tools(run)), working(tools(run)):
            jobs = [await run.send(order(f"o{number}")) for number in range(4)]
            await eventually(run.orders, lambda found: len(found) == len(jobs))  # none has ended
            with databases.away(database_url):
                await asyncio.sleep(1.5)
            ends = [await run.until(job, "done") for job in jobs]
        assert [outcomes(end) for end in ends] == [["created"]] * 4


@pytest.mark.usefixtures("short_lived", "impatient")
async def test_who_is_taken_for_gone_sends_nothing_more(
    databases: Databases, database_url: str
) -> None:
    """What waited for its turn at the till may long be another's, and what follows it as well."""
    async with line(database_url, work=False) as run, accompanied(run):
        await run.fault("slow", seconds=1.2, times=CALLS_PER_DESTINATION)
        async with working(tools(run)):
            for number in range(CALLS_PER_DESTINATION + 1):
                late = await run.send(order(f"o{number}"))
            await run.until(late, "running")
            await eventually(run.orders, lambda found: len(found) == CALLS_PER_DESTINATION)
            with databases.away(database_url):
                await asyncio.sleep(1.5)
                assert len(await asked(run)) == CALLS_PER_DESTINATION
            assert outcomes(await run.until(late, "done")) == ["error", "created"]


@pytest.mark.usefixtures("short_lived")
async def test_what_it_settles_after_all_changes_nothing(database_url: str, log: Log) -> None:
    async with line(database_url, work=False) as run:
        (job,) = await claimed_by_one_that_dies(run, "o1")
        async with working(tools(run)):
            before = await run.until(job.id, "done")
        late = Settlement(state=State.HELD, reason="late", attempts=(Attempt("held", "late"),))
        await Worker(tools(run)).settle(job, late)
        assert await run.job(job.id) == before
        assert log.said[-1][2]["state"] == "taken_over"


async def test_two_workers_share_and_never_meet(database_url: str) -> None:
    async with line(database_url, work=False) as run, working(tools(run)), working(tools(run)):
        for number in range(20):
            await run.post(body(order(f"o{number}", payment="call_for_payment")))
            await run.post(body(order(f"o{number}")))
            await run.post(body(payment(f"O{number}")), to="pay")
        await eventually(run.jobs, all_ended)
        states = Counter(job["state"] for job in await run.jobs(limit=100))
        assert states == {"done": 60}
        assert await asked(run) == [200] * 20
        assert {held["paymentStatus"] for held in await run.orders()} == {"paid"}


def all_ended(jobs: list[Json]) -> bool:
    return all(job["state"] in ("done", "dead", "held", "ignored") for job in jobs)


@sqlite_only
def test_only_one_is_alone(database_url: str) -> None:
    first = only_worker(database_url)
    assert first
    assert only_worker(database_url) is None
    first()
    again = only_worker(database_url)
    assert again
    again()


@postgresql_only
def test_nobody_is_where_workers_may_be_anywhere(database_url: str) -> None:
    assert only_worker(database_url) is None


# Draining


async def test_what_is_under_way_is_settled_and_nothing_new_begun(database_url: str) -> None:
    async with line(database_url, work=False) as run:
        await run.fault("slow", seconds=0.3, times=1)
        async with working(tools(run)) as draining:
            first = await run.send(order("o1"))
            await eventually(run.orders, bool)
            draining.stop()
            second = await run.send(order("o2"))
        assert (await run.job(first))["state"] == "done"
        assert (await run.job(second))["fence"] == 0


async def test_what_does_not_end_in_time_is_given_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "DRAIN_SECONDS", 0.05)
    async with line(database_url, work=False) as run:
        await run.fault("slow", seconds=60, times=1)
        async with working(tools(run)):
            job = await run.send(order())
            await eventually(run.orders, bool)
        left = await run.job(job)
        assert (left["state"], left["owner"], left["sent"]) == ("ready", None, True)
        async with working(tools(run)):
            await run.until(job, "done")
        assert await asked(run) == [200, 409]
        assert await booked(run) == ["plain:o1"]


# The database away


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    short = tuple(pragma.replace("10000", "20") for pragma in sqlite.PRAGMAS)
    monkeypatch.setattr(sqlite, "PRAGMAS", short)


@pytest.mark.usefixtures("restless", "impatient")
async def test_an_outage_of_the_database_is_waited_for(
    databases: Databases, database_url: str, log: Log
) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order("o1")), "done")
        said = body(order("o2"))
        with databases.away(database_url):
            assert (await run.post(said)).status_code == 503

            async def complaints() -> int:
                return len(log.of("store_unavailable"))

            await eventually(complaints, lambda count: count > 2)
        assert (await run.post(said)).status_code == 200
        await eventually(lambda: booked(run), lambda found: found == ["plain:o1", "plain:o2"])


@pytest.mark.usefixtures("restless", "impatient")
async def test_what_was_done_during_it_is_settled_after_it(
    databases: Databases, database_url: str, log: Log
) -> None:
    async with line(database_url) as run:
        await run.fault("slow", seconds=0.3, times=1)
        job = await run.send(order())
        await eventually(run.orders, bool)
        with databases.away(database_url):

            async def complaints() -> list[Json]:
                return [said for _, _, said in log.said if said.get("job") == job]

            await eventually(complaints, bool)
        assert outcomes(await run.until(job, "done")) == ["created"]
        assert await asked(run) == [200]


async def test_a_look_that_fails_is_looked_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line(database_url, work=False) as run:
        really, looks = type(run.inbox).ask, count()

        async def ask(inbox: Any, work: Any) -> Any:
            if next(looks) == 0:
                raise StoreUnavailable("OperationalError in the database")
            return await really(inbox, work)

        monkeypatch.setattr(type(run.inbox), "ask", ask)
        async with working(tools(run)):
            job = await run.send(order())
            await eventually(lambda: run.job(job), failed(1))
            run.clock.turn(minutes=1)
            await run.until(job, "done")


async def test_a_claim_whose_answer_was_lost_is_no_job_lost(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was committed, and who claimed does not know what he has."""
    monkeypatch.setattr(worker, "STORE_DOWN_SECONDS", 0.02)
    async with line(database_url, work=False) as run:
        job = await run.send(order())
        really, lost = type(run.inbox).write, count()

        async def write(inbox: Any, work: Any) -> Any:
            done = await really(inbox, work)
            if work.func is claim.claim and next(lost) == 0:
                assert len(done[0]) == 1
                raise StoreUnavailable("OperationalError in the database")
            return done

        monkeypatch.setattr(type(run.inbox), "write", write)
        async with working(tools(run)):
            done = await run.until(job, "done")
        assert outcomes(done) == ["created"]
        assert await asked(run) == [200]


# Looking for what nobody tells


async def test_what_another_process_keeps_is_found(database_url: str) -> None:
    async with line(database_url) as run:
        other = await open_inbox(database_url)
        for name in ("o1", "o2", "o3"):
            assert await other.keep(arrived(body(order(name))))
            await eventually(lambda: booked(run), partial(contains_order, name))
        await other.close()


def contains_order(name: str, found: list[str]) -> bool:
    return f"plain:{name}" in found


def arrived(content: bytes) -> Incoming:
    """As the web side of another process takes it in."""
    found = json.loads(content)
    url = "https://receiver.example/webhooks/plain"
    delivery = Delivery("POST", url, "", signed(content), content, datetime.now(UTC))
    queue = f"plain:{found['order']}"
    return keep.incoming(
        delivery,
        connection="plain",
        delivery_id=found["id"],
        queue=queue,
        pos="mitte",
        overtakes=False,
    )


async def test_an_idle_worker_only_looks(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, looks, really_claim, really_look = count(), count(), claim.claim, claim.anything

    def claimed(*args: Any, **given: Any) -> Any:
        next(claims)
        return really_claim(*args, **given)

    def looked(*args: Any, **given: Any) -> Any:
        next(looks)
        return really_look(*args, **given)

    monkeypatch.setattr(claim, "claim", claimed)
    monkeypatch.setattr(claim, "anything", looked)
    async with line(database_url) as run:
        blocked = await run.send(order("o1", lines=[{"name": "?", "quantity": 1, "unit_price": 1}]))
        await run.until(blocked, "held")
        await run.send(order("o1"))  # waits behind it

        async def looks_so_far() -> int:
            return int(repr(looks).strip("count()"))

        await eventually(looks_so_far, lambda many: many > 5)
        before, seen = repr(claims), await looks_so_far()
        await eventually(looks_so_far, lambda many: many > seen + 5)
        assert repr(claims) == before


async def test_soon_after_the_last_and_ever_less_often(database_url: str) -> None:
    async with line(database_url, work=False) as run:
        resting = Worker(tools(run), pause=0.001)
        pauses = []
        for _ in range(6):
            await resting.rest()
            pauses.append(resting.pause)
        assert pauses == [0.002, 0.004, 0.008, 0.016, 0.02, 0.02]  # the next rest, never longer


# Room for everyone


async def test_no_more_is_claimed_than_can_be_held(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AT_ONCE", 3)
    monkeypatch.setattr(worker, "DRAIN_SECONDS", 0.05)
    async with line(database_url, work=False) as run:
        await run.fault("slow", seconds=60)
        for number in range(10):
            await run.post(body(order(f"o{number}")))
        async with working(tools(run)) as busy:
            await eventually(run.orders, lambda found: len(found) == 3)
            for _ in range(5):
                run.inbox.arrived.set()
                await run.inbox.write(lambda _: None)
            assert len(busy.running) == 3
            assert len(await run.jobs(states=["running"])) == 3


async def test_a_job_begins_after_the_deliveries_before_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(await beginnings(database_url, monkeypatch)) == {(True, True)}


async def test_but_gives_way_for_no_longer_than_that(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would never come to the till while more deliveries come than it gives way to. What
    the web side has to do meanwhile is done all the same."""
    waited = worker.COURTESY.total_seconds() + 1
    begun = await beginnings(database_url, monkeypatch, waited)
    assert begun[:3] == [(True, True), (True, False), (True, False)]


async def beginnings(
    database_url: str, monkeypatch: pytest.MonkeyPatch, waited: float = 0.0
) -> list[tuple[bool, bool]]:
    """Of three jobs that have waited so many seconds, where at each beginning another delivery
    comes: whether all that were there before it had been taken, and whether they were kept."""
    begun: list[tuple[bool, bool]] = []
    taken: list[str] = []
    keeping: list[asyncio.Task[bool]] = []
    async with line(database_url, work=False) as run:

        async def take(name: str) -> bool:
            taken.append(name)
            return await run.inbox.keep(arrived(body(order(name))))

        def start(busy: Worker, job: Job) -> None:
            begun.append((len(taken) == len(keeping), all(one.done() for one in keeping)))
            keeping.append(asyncio.create_task(take(f"next{len(begun)}")))
            really(busy, job)

        really = Worker.start
        for number in range(3):
            await run.post(body(order(f"o{number}")))
        run.clock.turn(seconds=waited)
        monkeypatch.setattr(Worker, "start", start)
        async with working(tools(run)):
            await eventually(run.orders, lambda found: len(found) >= 3)
        assert all(await asyncio.gather(*keeping))
    return begun


async def test_it_ends_with_the_error_that_ended_it(database_url: str) -> None:
    async with line(database_url, work=False) as run:
        ended: list[bool] = []
        broken = tools(run)
        broken.clock = partial(int, "no clock")  # type: ignore[assignment]
        with pytest.raises(ValueError, match="no clock"):
            async with working(broken, lambda: ended.append(True)):
                await asyncio.sleep(0.05)
        assert ended == [True]
