"""The lane: one commit for all that waits, nobody answered before it, nobody spoilt by another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, exc, func, select, text

from receiver.articles import Chosen
from receiver.inbox import Inbox, articles, lane, open_inbox, search, standing
from receiver.inbox.dialect import MOST_ROWS, open_engine, sqlite
from receiver.inbox.records import Incoming, StoreUnavailable
from receiver.inbox.tables import deliveries, jobs, workers
from tests.box import NOW, incoming, opened, order_record
from tests.databases import Databases, path_of, postgresql_only, sqlite_only
from tests.running import stopped

pytestmark = pytest.mark.anyio

A_TRANSACTION = MOST_ROWS + 1  # deliveries that one statement does not take


@pytest.fixture
async def inbox(database_url: str) -> AsyncIterator[Inbox]:
    found = await open_inbox(database_url)
    yield found
    await found.close()


@contextmanager
def hooked(engine: Engine, name: str, hook: Callable[..., None]) -> Iterator[None]:
    event.listen(engine, name, hook)
    try:
        yield
    finally:
        event.remove(engine, name, hook)


@contextmanager
def counted(inbox: Inbox) -> Iterator[list[str]]:
    """What was committed, by itself too, and rolled back."""
    ends: list[str] = []

    def after(_: Connection, results: Sequence[Any] | None) -> None:
        if results is not None:
            ends.append("commit")

    with (
        hooked(inbox.writer.engine, "commit", lambda _: ends.append("commit")),
        hooked(inbox.writer.engine, "rollback", lambda _: ends.append("rollback")),
        watched(inbox, after=after),
    ):
        yield ends


@contextmanager
def watched(
    inbox: Inbox,
    before: Callable[[], None] = lambda: None,
    after: Callable[[Connection, Sequence[Any] | None], None] = lambda _, __: None,
) -> Iterator[None]:
    """What the writer does outside of a transaction."""
    really = inbox.writer.alone

    def alone(connection: Connection, items: Sequence[Any]) -> Sequence[Any] | None:
        before()
        results = really(connection, items)
        after(connection, results)
        return results

    inbox.writer.alone = alone
    try:
        yield
    finally:
        inbox.writer.alone = really


def kept(inbox: Inbox) -> int:
    """How many deliveries another process would see now."""
    engine = open_engine(inbox.url, writes=False)
    try:
        with engine.begin() as connection:
            return connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
    finally:
        engine.dispose()


def many(number: int) -> list[Incoming]:
    return [incoming(f"d{each}") for each in range(number)]


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(deliveries)).scalar_one()


async def turns() -> None:
    """A few of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


# One commit for all


async def test_all_that_waits_shares_a_commit(inbox: Inbox) -> None:
    """The deliveries one, and what else there is another."""
    with counted(inbox) as ends:
        async with stopped(inbox):
            counting = [inbox.writer.submit(count) for _ in range(2)]
            keeping = [inbox.writer.submit(one) for one in many(50)]
        assert await asyncio.gather(*keeping) == [True] * 50
        assert await asyncio.gather(*counting) == [50] * 2
    assert ends == ["commit"] * 3


async def test_what_is_asked_by_itself_sees_what_was_committed_before(inbox: Inbox) -> None:
    """Whatever was asked before it: there is no transaction, and none is left behind."""
    begun: list[Connection] = []
    event.listen(inbox.reader.engine, "begin", begun.append)
    ask = partial(search.before_forwarding, order_id="plain:o1", pos="mitte")
    assert await inbox.ask(ask) == (None, False)
    await inbox.write(lambda at: standing.put(at, order_record()))
    await inbox.write(lambda at: articles.choose(at, "plain", {"P1": Chosen("4711")}, NOW))
    found, anything = await inbox.ask(ask)
    assert found == replace(order_record(), references=())
    assert anything
    assert not begun
    beside, number = await asyncio.gather(inbox.ask(ask), inbox.read(count))
    assert (*beside, number) == (found, True, 0)
    assert begun


async def test_a_delivery_is_answered_before_what_waits_with_it(inbox: Inbox) -> None:
    answered = threading.Event()
    async with stopped(inbox):
        beside = inbox.writer.submit(lambda _: answered.wait(10))
        keeping = inbox.writer.submit(incoming("d1"))
    assert await keeping
    assert kept(inbox) == 1
    answered.set()
    assert await beside


async def test_who_gives_way_waits_for_the_deliveries_there_are(inbox: Inbox) -> None:
    """However many come after them."""
    inbox.writer.largest = 1  # so that they do not share a commit
    go_on = threading.Event()
    async with stopped(inbox):
        before = inbox.writer.submit(incoming("d1"))
        giving = asyncio.create_task(inbox.give_way())
        await turns()
        beside = inbox.writer.submit(lambda _: go_on.wait(10))
        after = inbox.writer.submit(incoming("d2"))
        await turns()
        assert not giving.done()
    await asyncio.wait_for(giving, 10)
    assert (before.done(), after.done()) == (True, False)
    go_on.set()
    assert all(await asyncio.gather(before, beside, after))


async def test_for_nothing_else_and_nobody_who_left(inbox: Inbox) -> None:
    await asyncio.wait_for(inbox.give_way(), 10)
    async with stopped(inbox):
        beside = inbox.writer.submit(count)
        await asyncio.wait_for(inbox.give_way(), 10)
        keeping = inbox.writer.submit(incoming("d1"))
        keeping.cancel()
        await asyncio.wait_for(inbox.give_way(), 10)
    assert await beside in (0, 1)
    assert await inbox.keep(incoming("d1")) is False


async def test_no_batch_is_endless(inbox: Inbox) -> None:
    inbox.writer.largest = 10
    with counted(inbox) as ends:
        async with stopped(inbox):
            keeping = [inbox.writer.submit(one) for one in many(50)]
        assert all(await asyncio.gather(*keeping))
    assert ends == ["commit"] * 6


async def test_one_alone_waits_for_no_other(inbox: Inbox) -> None:
    with counted(inbox) as ends:
        for number in range(3):
            assert await inbox.keep(incoming(f"d{number}"))
    assert ends == ["commit"] * 3


async def test_each_gets_its_own_result(inbox: Inbox) -> None:
    async with stopped(inbox):
        first = inbox.writer.submit(incoming("d1"))
        number = inbox.writer.submit(lambda _: 7)
        again = inbox.writer.submit(incoming("d1"))
        other = inbox.writer.submit(incoming("d2"))
        text_ = inbox.writer.submit(lambda _: "seven")
    results = list(await asyncio.gather(first, number, again, other, text_))
    assert results == [True, 7, False, True, "seven"]


async def test_of_the_same_in_one_batch_the_first_is_new(inbox: Inbox) -> None:
    await inbox.keep(incoming("d1"))
    async with stopped(inbox):
        names = ("d1", "d2", "d2", "d3", "d2", "d1")
        keeping = [inbox.writer.submit(incoming(name)) for name in names]
    assert await asyncio.gather(*keeping) == [False, True, False, True, False, False]
    arrived = select(deliveries.c.delivery_id, deliveries.c.arrivals)
    found = await inbox.read(lambda box: dict(box.execute(arrived).all()))
    assert found == {"d1": 3, "d2": 3, "d3": 1}
    assert await inbox.read(lambda box: box.execute(select(func.count(jobs.c.id))).scalar()) == 3


async def test_after_one_alone_a_transaction_is_one_again(inbox: Inbox) -> None:
    await inbox.keep(incoming("d1"))

    def fail(connection: Connection) -> None:
        connection.execute(deliveries.update().values(body=b""))
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        await inbox.write(fail)
    assert await inbox.read(lambda box: box.execute(select(deliveries.c.body)).scalar()) == b"{}"


async def test_looking_does_not_wait_for_the_writer(inbox: Inbox) -> None:
    await inbox.keep(incoming("d1"))
    async with stopped(inbox):
        keeping = inbox.writer.submit(incoming("d2"))
        assert await inbox.read(count) == 1
    await keeping
    assert await inbox.read(count) == 2


async def test_who_looks_twice_sees_the_same(inbox: Inbox, database_url: str) -> None:
    """Though another process writes between the two."""
    await inbox.keep(incoming("d1"))

    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        with opened(database_url) as other:
            other.keep(incoming("d2"))
        return before, count(connection)

    assert await inbox.read(twice) == (1, 1)
    assert await inbox.read(count) == 2


# On disk before the answer


async def test_nobody_is_answered_before_the_commit(inbox: Inbox) -> None:
    committing, go_on = threading.Event(), threading.Event()

    def slowly(_: Connection) -> None:
        committing.set()
        assert go_on.wait(10)

    inbox.writer.largest = A_TRANSACTION
    with hooked(inbox.writer.engine, "commit", slowly):
        keeping = [asyncio.ensure_future(inbox.keep(one)) for one in many(A_TRANSACTION)]
        await asyncio.to_thread(committing.wait, 10)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not any(each.done() for each in keeping)
        assert not inbox.arrived.is_set()
        assert kept(inbox) == 0
        go_on.set()
        assert all(await asyncio.gather(*keeping))
    assert kept(inbox) == A_TRANSACTION
    assert inbox.arrived.is_set()


async def test_nobody_is_answered_before_the_statement_that_needs_no_commit(inbox: Inbox) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        assert go_on.wait(10)

    def after(connection: Connection, results: Sequence[Any] | None) -> None:
        assert results == [True]
        assert kept(inbox) == 1  # for all others, already
        assert not connection.in_transaction()

    with watched(inbox, slowly, after):
        keeping = asyncio.ensure_future(inbox.keep(incoming("d1")))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not keeping.done()
        assert kept(inbox) == 0
        go_on.set()
        assert await keeping
    assert inbox.arrived.is_set()


async def test_what_is_answered_is_seen_by_everyone(inbox: Inbox) -> None:
    for number in range(5):
        assert await inbox.keep(incoming(f"d{number}"))
        assert kept(inbox) == number + 1


async def test_a_commit_that_fails_is_no_answer(inbox: Inbox) -> None:
    def fail(_: Connection) -> None:
        raise exc.OperationalError("COMMIT", {}, Exception("disk I/O error"))

    inbox.writer.largest = A_TRANSACTION
    with hooked(inbox.writer.engine, "commit", fail):
        async with stopped_quietly(inbox):
            keeping = [inbox.writer.submit(one) for one in many(A_TRANSACTION)]
        assert await all_unavailable(keeping)
    assert kept(inbox) == 0
    assert await inbox.keep(incoming("d1"))


@asynccontextmanager
async def stopped_quietly(inbox: Inbox) -> AsyncIterator[None]:
    """As `stopped`, where stopping fails as well."""
    try:
        async with stopped(inbox):
            yield
    except StoreUnavailable:
        pass


async def all_unavailable(futures: list[asyncio.Future[Any]]) -> bool:
    results = await asyncio.gather(*futures, return_exceptions=True)
    return all(isinstance(result, StoreUnavailable) for result in results)


# One that fails


async def test_one_that_fails_spoils_no_other(inbox: Inbox) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(deliveries.update().values(body=b""))
        raise LookupError("a bug")

    async with stopped(inbox):
        before = [inbox.writer.submit(incoming(f"a{number}")) for number in range(20)]
        failing = inbox.writer.submit(fail)
        after = [inbox.writer.submit(incoming(f"b{number}")) for number in range(20)]
    assert await asyncio.gather(*before, *after) == [True] * 40
    with pytest.raises(LookupError, match="a bug"):
        await failing
    bodies = await inbox.read(lambda box: box.execute(select(deliveries.c.body)).scalars().all())
    assert bodies == [b"{}"] * 40


async def test_one_that_cannot_be_written_spoils_no_other(inbox: Inbox) -> None:
    broken = incoming("bad", queue=object())  # type: ignore[arg-type]
    async with stopped(inbox):
        keeping = [inbox.writer.submit(one) for one in (incoming("d1"), broken, incoming("d2"))]
    results = await asyncio.gather(*keeping, return_exceptions=True)
    assert [results[0], results[2]] == [True, True]
    assert isinstance(results[1], Exception)
    assert not isinstance(results[1], StoreUnavailable)
    assert kept(inbox) == 2


async def test_who_left_is_not_missed(inbox: Inbox) -> None:
    async with stopped(inbox):
        leaving = asyncio.ensure_future(inbox.keep(incoming("d1")))
        await asyncio.sleep(0)
        staying = inbox.writer.submit(incoming("d2"))
        leaving.cancel()
    assert await staying
    assert kept(inbox) == 2


# The database away, and back


async def test_an_outage_fails_all_and_passes(inbox: Inbox) -> None:
    def lost(_: Connection) -> None:
        raise exc.OperationalError("SELECT", {}, Exception("server closed the connection"))

    with counted(inbox) as ends:
        async with stopped_quietly(inbox):
            writing = [inbox.writer.submit(lambda _: None), inbox.writer.submit(lost)]
        assert await all_unavailable(writing)
    assert ends == ["commit", "rollback"]  # nobody was tried again on his own
    assert await inbox.keep(incoming("d1"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = "PRAGMA busy_timeout = 10000"
    assert patience in sqlite.PRAGMAS
    short = tuple(pragma.replace("10000", "20") for pragma in sqlite.PRAGMAS)
    monkeypatch.setattr(sqlite, "PRAGMAS", short)


@pytest.mark.usefixtures("impatient")
async def test_a_database_that_is_away_and_comes_back(
    databases: Databases, database_url: str
) -> None:
    inbox = await open_inbox(database_url)
    assert await inbox.keep(incoming("d0"))
    with databases.away(database_url):
        keeping = [inbox.writer.submit(incoming(f"d{number}")) for number in range(1, 30)]
        assert await all_unavailable(keeping)
    assert kept(inbox) == 1
    assert await inbox.keep(incoming("d1"))
    await inbox.close()


async def test_a_connection_that_was_ended_is_replaced_unseen(
    databases: Databases, inbox: Inbox
) -> None:
    assert await inbox.keep(incoming("d1"))
    assert await inbox.read(count) == 1
    with databases.away(inbox.url):
        pass
    assert await inbox.keep(incoming("d2"))
    assert await inbox.read(count) == 2


async def test_what_may_be_committed_is_not_done_again(databases: Databases, inbox: Inbox) -> None:
    """The connection is lost while it is committed: nobody knows."""
    done: list[int] = []

    def work(connection: Connection) -> None:
        done.append(count(connection))

    def lose(connection: Connection) -> None:
        connection.exec_driver_sql("COMMIT")
        raise exc.OperationalError("COMMIT", {}, Lost())

    with hooked(inbox.writer.engine, "commit", lose), pytest.raises(StoreUnavailable):
        await inbox.write(work)
    assert len(done) == 1


class Lost(Exception):
    sqlstate = None


@postgresql_only
async def test_two_that_wait_for_one_another_both_succeed(inbox: Inbox, database_url: str) -> None:
    for name in ("one", "two"):
        await inbox.write(partial(keep_worker, name=name))
    other = await open_inbox(database_url)
    both = threading.Barrier(2)

    def work(first: str, second: str) -> Callable[[Connection], None]:
        met: list[bool] = []

        def both_rows(connection: Connection) -> None:
            touch(connection, first)
            if not met:
                met.append(True)
                both.wait(10)
            touch(connection, second)

        return both_rows

    await asyncio.gather(inbox.write(work("one", "two")), other.write(work("two", "one")))
    await other.close()
    query = select(workers.c.seen_at)
    assert await inbox.read(lambda box: box.execute(query).scalars().all()) == [2, 2]


def keep_worker(connection: Connection, name: str) -> None:
    connection.execute(workers.insert().values(id=name, seen_at=0))


def touch(connection: Connection, name: str) -> None:
    once_more = workers.update().values(seen_at=workers.c.seen_at + 1)
    connection.execute(once_more.where(workers.c.id == name))


@sqlite_only
@pytest.mark.usefixtures("impatient")
async def test_looking_goes_on_in_a_file_that_another_has_locked(
    databases: Databases, database_url: str
) -> None:
    inbox = await open_inbox(database_url)
    assert await inbox.keep(incoming("d0"))
    with databases.away(database_url):
        assert await inbox.read(count) == 1
    await inbox.close()


@sqlite_only
async def test_a_disk_that_is_full(inbox: Inbox) -> None:

    def limit(connection: Connection) -> None:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 8}"))

    def unlimit(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1073741823"))

    await inbox.write(limit)
    huge = bytes(1_000_000)
    with pytest.raises(StoreUnavailable):
        await inbox.keep(incoming("d1", body=huge))
    assert kept(inbox) == 0
    await inbox.write(unlimit)
    assert await inbox.keep(incoming("d1", body=huge))


async def test_an_error_of_ours_is_not_taken_for_an_outage(inbox: Inbox) -> None:
    """Else it would be tried again for ever, as if the database were away."""

    def wrong(connection: Connection) -> None:
        connection.execute(text("SELECT no_such_column FROM jobs"))

    with pytest.raises(Exception, match="no_such_column") as caught:
        await inbox.write(wrong)
    assert not isinstance(caught.value, StoreUnavailable)


# Too much, and the end


async def test_too_many_are_turned_away_at_once(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LONGEST_QUEUE", 10)
    async with stopped(inbox):
        keeping = [inbox.writer.submit(incoming(f"d{number}")) for number in range(10)]
        with pytest.raises(StoreUnavailable):
            inbox.writer.submit(incoming("one more"))
        with pytest.raises(StoreUnavailable):
            await inbox.keep(incoming("and another"))
    assert await asyncio.gather(*keeping) == [True] * 10
    assert await inbox.keep(incoming("one more"))
    assert kept(inbox) == 11


async def test_closing_finishes_what_waits(database_url: str) -> None:
    inbox = await open_inbox(database_url)
    inbox.writer.largest = 7
    async with stopped(inbox):
        keeping = [inbox.writer.submit(incoming(f"d{number}")) for number in range(50)]
        closing = asyncio.create_task(inbox.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await inbox.keep(incoming("too late"))
    await closing
    assert await asyncio.gather(*keeping) == [True] * 50
    assert kept(inbox) == 50
    with pytest.raises(StoreUnavailable):
        await inbox.keep(incoming("far too late"))


async def test_nothing_is_left_running(database_url: str) -> None:
    before = set(threading.enumerate())
    inbox = await open_inbox(database_url)
    await inbox.keep(incoming("d1"))
    await inbox.close()
    assert {
        thread.name for thread in set(threading.enumerate()) - before if "box" in thread.name
    } == set()
    assert not any(thread.name == "checkpoint" for thread in set(threading.enumerate()) - before)


@sqlite_only
async def test_the_log_is_moved_into_the_database(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the writer, which is told never to do it itself."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_SECONDS", 0.01)
    inbox = await open_inbox(database_url)
    try:
        path = path_of(inbox.url)
        await inbox.keep(incoming("d1", body=b"a body of its own"))
        while b"a body of its own" not in await asyncio.to_thread(path.read_bytes):
            await asyncio.sleep(0.01)
    finally:
        await inbox.close()
