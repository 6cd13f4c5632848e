"""Moving a box: from either engine to either, whole, once, and on from where it was broken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from receiver.articles import Article, Chosen, Price
from receiver.inbox import articles, polls, purge, quarantine, tokens, transfer
from receiver.inbox.by_hand import NotMigrated, transaction
from receiver.inbox.copies import InUse
from receiver.inbox.dialect import only_worker, open_engine
from receiver.inbox.migrate import migrate
from receiver.inbox.quarantine import Suspect
from receiver.inbox.records import Attempt, PosVerdict, Settlement, State, ms
from receiver.inbox.tables import metadata
from receiver.inbox.transfer import Different, OtherData
from tests.box import NOW, Box, Row, call, delivered, incoming, opened, order_record, payment_record
from tests.commands import PATIENCE, ROOT, process, said
from tests.commands import call as command
from tests.databases import Databases, Files

WAYS = [
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("sqlite", "sqlite"),
    ("postgresql", "postgresql"),
]
Two = tuple[str, str]
everyway = pytest.mark.parametrize("two", WAYS, indirect=True, ids="-".join)


@pytest.fixture(params=WAYS[:1], ids="-".join)
def two(request: pytest.FixtureRequest) -> Iterator[Two]:
    """A box with something in every table, and the address of none."""
    one, other = request.param
    with of(request, one).migrated() as source, of(request, other).empty() as target:
        with opened(source) as box:
            fill(box)
        yield source, target


def of(request: pytest.FixtureRequest, engine: str) -> Databases:
    found: Databases = request.getfixturevalue({"sqlite": "files"}.get(engine, engine))
    return found


def fill(box: Box, count: int = 20) -> None:
    strange = order_record("plain:ä'\\%", references=("Ö", "o", "O", "ö"), cancellation="{}")
    settled = Settlement(
        state=State.DONE,
        reason="done",
        attempts=(Attempt("created", "", '{"a": "ü"}'),),
        orders=(order_record(internal_id=2**40, total=-1, figures="{}"), strange),
        payments=(payment_record(reversal=True),),
        payment_references=(("pi_1", "O1"),),
        verdicts=(PosVerdict("mitte", "down"),),
        calls=(call("accept"),),
    )
    for number in range(count):
        box.keep(incoming(f"d{number}", body=os.urandom(100) + b"\0"))
    box.settle(box.claim(limit=1)[0], settled)
    pizza = Article("4711", "Pizza", None, "M-1", (Price(1, 990, 1, 700),))
    suspect = Suspect("plain", delivered(), "no")
    for work in (
        lambda at: articles.store(at, "mitte", [pizza], NOW),
        lambda at: articles.synced(at, "mitte", 1, {1: "x"}, NOW),
        lambda at: articles.choose(at, "plain", {"P": Chosen("4711", None)}, NOW),
        lambda at: polls.take(at, "mitte", "me"),
        lambda at: tokens.take(at, "plain", NOW, NOW),
        lambda at: purge.claim(at, NOW, timedelta(hours=1)),
        lambda at: quarantine.add(at, [suspect], NOW),
    ):
        do: Callable[[Any], object] = work
        box.do(do)


def whole(url: str) -> Mapping[str, list[Row]]:
    with opened(url) as box:
        return {table: rows for table, rows in box.everything().items() if table != "workers"}


def rows_of(url: str) -> int:
    return sum(len(rows) for rows in whole(url).values())


@everyway
def test_every_row_comes(two: Two) -> None:
    before = whole(two[0])
    assert [table for table, rows in before.items() if not rows] == []
    heard: list[Two | tuple[int, int]] = []
    done = transfer.transfer(*two, tell=lambda *at: heard.append(at))
    assert whole(two[1]) == before == whole(two[0])
    assert {one.table: one.rows for one in done} == {t: len(rows) for t, rows in before.items()}
    assert sum(one.moved for one in done) == rows_of(two[0])
    assert heard[-1] == (rows_of(two[0]), rows_of(two[0]))


@everyway
def test_it_goes_on_there(two: Two) -> None:
    """Numbers too: what is kept next comes after all that was moved."""
    transfer.transfer(*two)
    with opened(two[1]) as box:
        assert box.keep(incoming("d0"), incoming("new")) == [False, True]
        for job in box.claim(limit=30):
            box.settle(job, Settlement(state=State.DONE, attempts=(Attempt("x", ""),)))
        assert box.rows("deliveries")[-1]["delivery_id"] == "new"


@everyway
def test_again_moves_nothing(two: Two) -> None:
    transfer.transfer(*two)
    done = transfer.transfer(*two)
    assert sum(one.moved for one in done) == 0
    assert whole(two[1]) == whole(two[0])


def test_what_ended_before_that_was_a_column_gets_its_time_there(two: Two) -> None:
    """PostgreSQL keeps such rows; SQLite would look through them for open ones each time."""
    ends = "state IN ('done', 'ignored', 'dead')"
    with opened(two[0]) as box:
        box.do(lambda at: at.execute(text("UPDATE jobs SET ended_at = NULL")))
    for expected in (True, False):
        assert any(one.moved for one in transfer.transfer(*two)) is expected
    with opened(two[1]) as box:
        asked = f"SELECT ended_at = updated_at FROM jobs WHERE {ends}"
        found = box.do(lambda at: at.execute(text(asked)).scalars().all())
        rest = f"SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL AND NOT {ends}"
        assert found
        assert all(found)
        assert box.do(lambda at: at.execute(text(rest)).scalar_one()) == 0


@everyway
@pytest.mark.parametrize("after", [1, 7, 23, 40])
def test_on_from_where_it_was_broken_off(
    after: int, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "LOT", 1)

    def broken(done: int, _: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer.transfer(*two, tell=broken)
    there = rows_of(two[1])
    assert 0 < there < rows_of(two[0])
    done = transfer.transfer(*two)
    assert sum(one.moved for one in done) == rows_of(two[0]) - there
    assert whole(two[1]) == whole(two[0])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE deliveries SET arrivals = 9 WHERE id = 3",
        "INSERT INTO pos_states (pos, failures, probe_at) VALUES ('nord', 0, 0)",
        "DELETE FROM tokens",  # not other data, only less: it comes back
    ],
)
def test_a_target_with_other_data_is_left_alone(change: str, two: Two) -> None:
    transfer.transfer(*two)
    with opened(two[1]) as box:
        box.do(lambda at: at.execute(text(change)))
    before = whole(two[1])
    if change.startswith("DELETE"):
        transfer.transfer(*two)
        assert whole(two[1]) == whole(two[0])
    else:
        with pytest.raises(OtherData, match=change.split()[1 if "UPDATE" in change else 2]):
            transfer.transfer(*two)
        assert whole(two[1]) == before


def test_another_box_is_other_data_though_its_numbers_are_the_same(two: Two) -> None:
    migrate(two[1])
    with opened(two[1]) as box:
        box.keep(incoming("d0"))
    with pytest.raises(OtherData, match="deliveries"):
        transfer.transfer(*two)
    assert rows_of(two[1]) == 2


@everyway
def test_nobody_writes_where_it_comes_from(two: Two) -> None:
    """What was answered there would be nowhere."""
    refused: list[bool] = []

    def tell(_: int, __: int) -> None:
        if not refused:
            refused.append(cannot_write(two[0]))

    transfer.transfer(*two, tell=tell)
    assert refused == [True]
    assert not cannot_write(two[0])


def cannot_write(url: str) -> bool:
    engine = open_engine(url, writes=False)
    try:
        with engine.connect() as connection:
            short = {"sqlite": "PRAGMA busy_timeout = 10", "postgresql": "SET lock_timeout = 10"}
            connection.exec_driver_sql(short[engine.dialect.name])
            connection.exec_driver_sql("UPDATE deliveries SET arrivals = arrivals WHERE id = 1")
            connection.commit()
            return False
    except Exception:
        return True
    finally:
        engine.dispose()


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
@pytest.mark.parametrize("two", WAYS[1:3], indirect=True, ids="-".join)
def test_not_while_a_worker_lives(side: int, two: Two) -> None:
    with ExitStack() as stack:
        migrate(two[1])
        stack.enter_context(lives(two[side]))
        with pytest.raises(InUse):
            transfer.transfer(*two)
    assert rows_of(two[1]) == 0


@contextmanager
def lives(url: str) -> Iterator[None]:
    unlock = only_worker(url)
    with opened(url) as box:
        box.beat("someone", now=transfer.now())
        box.engine.dispose()
        yield
    if unlock:
        unlock()


def test_a_worker_that_is_long_gone_is_in_nobodys_way(two: Two) -> None:
    with opened(two[0]) as box:
        box.beat("gone", now=NOW)
    transfer.transfer(*two)
    assert whole(two[1]) == whole(two[0])


def test_a_source_that_is_no_box(files: Files) -> None:
    with files.empty() as source, files.empty() as target:
        with pytest.raises(NotMigrated, match="there is no database"):
            transfer.transfer(source, target)
        assert not Path(target.removeprefix("sqlite:///")).exists()


def test_what_does_not_add_up_is_told(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "insert_many", lambda *_: 0)
    with pytest.raises(Different, match="article_mappings: 1 in the source, 0 in the"):
        transfer.transfer(*two)


# The command


@pytest.fixture
def plain(two: Two) -> tuple[str, str, str, str]:
    """As arguments, without SQLAlchemy's driver in the address."""
    source, target = (url.replace("+psycopg", "") for url in two)
    return ("--from", source, "--to", target)


def test_the_command(plain: tuple[str, ...], two: Two) -> None:
    done = said("transfer", *plain)
    assert done["rows"] == done["moved"] == rows_of(two[0])
    assert {"table": "deliveries", "rows": 20, "moved": 20} in done["tables"]
    result = command("transfer", *plain)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["table", "rows", "moved", "now"]
    assert "deliveries" in result.stdout


def test_the_command_refuses(two: Two, plain: tuple[str, ...]) -> None:
    unlock = only_worker(two[0])
    assert unlock is not None
    result = command("transfer", *plain)
    unlock()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a worker lives on" in result.stderr
    assert command("transfer", *plain[:3], two[0]).exit_code == 2
    assert command("transfer", "--from", "nowhere", *plain[2:]).exit_code == 2
    away = command("transfer", *plain[:3], "postgresql://user:pass-word@127.0.0.1:9/box")
    assert away.exit_code == 1
    assert "Connection refused" in away.stderr
    assert away.stderr.strip().endswith("check --to")
    assert "pass-word" not in away.output
    gone = command("transfer", "--from", "sqlite:////nowhere/box.db", *plain[2:])
    assert gone.exit_code == 1
    assert gone.stderr.strip().endswith("correct --from")


SLOWLY = """
import receiver.inbox.transfer
receiver.inbox.transfer.LOT = 5
from receiver.__main__ import main
main()
"""


@pytest.mark.parametrize("two", WAYS[:2], indirect=True, ids="-".join)
def test_killed_in_the_middle_and_begun_again(two: Two, plain: tuple[str, ...]) -> None:
    with opened(two[0]) as box:
        for lot in range(20):
            box.keep(*(incoming(f"more{lot}-{row}") for row in range(100)))
    migrate(two[1])
    arguments = [sys.executable, "-c", SLOWLY, "transfer", *plain]
    with process(arguments, ROOT, {}) as running:
        until_some(two[1], running)
        running.send_signal(signal.SIGKILL)
        assert running.wait(10) == -signal.SIGKILL
    before = whole(two[0])
    assert len(before["deliveries"]) == 2_020
    assert 0 < len(whole(two[1])["deliveries"]) < 2_020
    done = json.loads(command("transfer", *plain, "--json").stdout)
    assert 0 < done["moved"] < done["rows"]
    assert whole(two[1]) == before


def until_some(url: str, running: subprocess.Popen[str]) -> None:
    """A file is only measured: whoever opens it is in the way."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and running.poll() is None:
        if written(url) if url.startswith("sqlite") else arrived(url):
            return
        time.sleep(0.01)
    running.kill()
    raise AssertionError(running.communicate())


def written(url: str) -> bool:
    log = Path(f"{url.removeprefix('sqlite:///')}-wal")
    return log.exists() and log.stat().st_size > 500_000


def arrived(url: str) -> bool:
    with transaction(url) as connection:
        found = connection.execute(text("SELECT count(*) FROM deliveries"))
        return int(found.scalar_one()) > 200


def test_tables_are_all_there() -> None:
    assert {table.name for table in transfer.TABLES} == metadata.tables.keys() - {"workers"}
    assert ms(transfer.now()) > 0
