"""What only PostgreSQL can break: a pool of connections before it, and several that migrate."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, make_url, text

from receiver import inbox
from receiver.inbox import claim
from receiver.inbox.dialect import open_engine, postgresql
from receiver.inbox.keep import keep_many
from receiver.inbox.migrate import configuration, migrate, newest, upgrade
from receiver.inbox.records import Incoming
from tests.box import NOW, incoming, opened
from tests.databases import Server, postgresql_only
from tests.plain import cancellation, order, payment
from tests.running import line

pytestmark = pytest.mark.anyio

TOLD = re.compile(r"LOG:  (statement|execute (\S+)): ((?:.|\n\t)*)")
ENDS_WITH_ITS_TRANSACTION = re.compile(
    r"(BEGIN|COMMIT|ROLLBACK|SELECT|INSERT|UPDATE|DELETE|SHOW|WITH)\b", re.IGNORECASE
)
LASTS_LONGER = re.compile(
    r"\bpg_(try_)?advisory_lock|set_config|\bLISTEN\b|\bTEMP|\bSET (SESSION|LOCAL)", re.IGNORECASE
)


@contextmanager
def overheard(server: Server, url: str) -> Iterator[list[tuple[str, str]]]:
    """Every statement, with the name it was prepared under."""
    said: list[tuple[str, str]] = []
    server.tell("ALTER DATABASE {} SET log_statement = 'all'", str(make_url(url).database))
    before = len(server.log.read_text())
    yield said
    server.tell("ALTER DATABASE {} RESET log_statement", str(make_url(url).database))
    log = server.log.read_text()[before:]
    said += [(found[2] or "", found[3].strip()) for found in TOLD.finditer(log)]


@postgresql_only
async def test_no_statement_leaves_anything_on_its_connection(
    postgresql: Server, database_url: str
) -> None:
    """PgBouncer gives the connection to another process once the transaction has ended."""
    with overheard(postgresql, database_url) as said:
        async with line(database_url) as run:
            for number in range(8):  # from the fifth time on drivers would prepare it
                await run.send(order(f"o{number}", payment="call_for_payment"))
                await run.send(payment(f"O{number}"), to="pay")
                job = await run.send(cancellation(f"o{number}"))
                await run.until(job, "done")
    ours = [(name, text) for name, text in said if not text.startswith("ALTER DATABASE")]
    assert len(ours) > 100
    assert {name for name, _ in ours} <= {"", "<unnamed>"}
    assert [text for _, text in ours if LASTS_LONGER.search(text)] == []
    assert [text for _, text in ours if not ENDS_WITH_ITS_TRANSACTION.match(text)] == []
    assert any("pg_try_advisory_xact_lock" in text for _, text in ours)


@postgresql_only
def test_the_second_that_migrates_waits_and_finds_it_done(empty_url: str) -> None:
    engine, config = open_engine(empty_url, writes=True), configuration()
    with ThreadPoolExecutor() as threads:
        with engine.begin() as config.attributes["connection"]:
            upgrade(config)
            second = threads.submit(migrate, empty_url)
            wait([second], timeout=0.3)
        assert second.result() == (newest(), newest())
    engine.dispose()


# The table of locks is the whole server's: who fills it makes everybody's transactions fail

MANY = 300
LOCKS = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")


async def keep_at_once(box: inbox.Inbox) -> None:
    keeping = [box.keep(incoming(f"d{number}")) for number in range(MANY)]
    assert await asyncio.gather(*keeping) == [True] * MANY
    await box.close()


@postgresql_only
async def test_no_batch_locks_more_than_there_is_room_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []

    def keep(connection: Connection, batch: Sequence[Incoming]) -> Sequence[bool]:
        kept = keep_many(connection, batch)
        found.append(connection.execute(LOCKS).scalar_one())
        return kept

    monkeypatch.setattr(inbox, "keep_many", keep)
    box = await inbox.open_inbox(database_url)
    box.writer.alone = lambda *_: None  # so that the locks outlast the statement, and are seen
    await keep_at_once(box)
    assert (max(found), sum(found)) == (postgresql.MOST_AT_ONCE, MANY)


@postgresql_only
async def test_no_more_are_kept_alone_than_there_is_room_for(database_url: str) -> None:
    found: list[int] = []
    box = await inbox.open_inbox(database_url)

    def alone(connection: Connection, items: Sequence[inbox.Item]) -> Sequence[bool] | None:
        found.append(len(items))
        return inbox.at_once(connection, items)

    box.writer.alone = alone
    await keep_at_once(box)
    assert (max(found), sum(found)) == (postgresql.MOST_AT_ONCE, MANY)


@postgresql_only
def test_nor_does_a_claim(database_url: str) -> None:
    """What it leaves is for the next one."""
    with opened(database_url) as box:
        box.keep(*(incoming(f"d{number}", pos=f"pos{number % 10}") for number in range(MANY)))
        claimed: list[int] = []
        while len(claimed) < MANY:
            with box.engine.begin() as connection:
                mine, _ = claim.claim(connection, worker="me", limit=MANY, now=NOW)
                assert connection.execute(LOCKS).scalar_one() == len(mine)
            assert 0 < len(mine) <= postgresql.MOST_AT_ONCE
            claimed += [job.id for job in mine]
    assert sorted(claimed) == list(range(1, MANY + 1))
