"""`purge`: by age on command, and of one order at once; and what is said of what was purged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from receiver.inbox import quarantine, settle
from receiver.inbox.by_hand import transaction
from receiver.inbox.claim import claim
from receiver.inbox.quarantine import Suspect
from receiver.inbox.records import Attempt, Ending, OrderRecord, Settlement, State, ms
from tests.commands import PLATFORMS, Desk, call, delivery, desk, said
from tests.plain import body, cancellation, order, payment

NAME = "Erika Mustermann"


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = desk(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", PLATFORMS)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def age(made: Desk, **by: float) -> None:
    made.sql(f"UPDATE deliveries SET received_at = {ms(datetime.now(UTC) - timedelta(**by))}")


def keep(made: Desk, *events: dict[str, Any]) -> int:
    (job,) = made.keep(body(*events, note=NAME))
    return job


def end(made: Desk, state: str = "done") -> None:
    made.sql(f"UPDATE jobs SET state = '{state}' WHERE state = 'ready'")


def bodies(made: Desk) -> list[bool]:
    """Of each delivery whether it still has its body."""
    return [bool(row["body"]) for row in made.sql("SELECT body FROM deliveries ORDER BY id")]


def created(made: Desk, order_id: str, *, pos: str = "mitte", **known: Any) -> None:
    """Its job is settled as the pipeline settles it."""

    def work(box: Connection) -> None:
        (job, *_), _ = claim(box, worker="me", limit=1, now=datetime.now(UTC))
        given = {"display_id": None, "references": (), **known}
        names = (f"plain:{order_id}", order_id, *given.pop("references"))
        record = OrderRecord(
            order_id=f"plain:{order_id}",
            connection="plain",
            pos=pos,
            platform_id=order_id,
            state="created",
            created_at=job.delivery.received_at,
            total=990,
            references=tuple(filter(None, (*names, given["display_id"]))),
            **given,
        )
        step = Attempt("created", NAME, NAME)
        settled = Settlement(state=State.DONE, orders=(record,), attempts=(step,))
        settle.settle_many(box, [Ending(job, settled, datetime.now(UTC))])

    with transaction(made.url, writes=True) as box:
        work(box)


def dump(made: Desk) -> str:
    tables = ("deliveries", "jobs", "attempts", "orders", "quarantine")
    return repr([made.sql(f"SELECT * FROM {table}") for table in tables])


# By age


def test_by_the_setting(at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(at_desk, order("o1"))
    end(at_desk)
    age(at_desk, days=29)
    done = said("purge")
    assert (done["days"], done["deliveries"], done["still_open"]) == (30, 0, 0)
    monkeypatch.setenv("RETENTION_DAYS", "28")
    assert call("purge").stdout == "older than 28 days: 1 delivery purged, 0 from quarantine\n"
    assert bodies(at_desk) == [False]


def test_by_days_that_are_given(at_desk: Desk) -> None:
    keep(at_desk, order("o1"))
    keep(at_desk, order("o2"))
    at_desk.sql("UPDATE jobs SET state = 'done' WHERE id = 1")
    age(at_desk, days=2)
    dry = said("purge", "--days", "1", "--dry-run")
    assert dry == {
        "days": 1, "deliveries": 1, "still_open": 1, "quarantine": 0, "dry_run": True,
    }  # fmt: skip
    assert bodies(at_desk) == [True, True]
    shown = call("purge", "--days", "1", "--dry-run").stdout
    assert shown == (
        "older than 1 day: 1 delivery would be purged, 0 from quarantine\n"
        "still open, and so kept: 1;"
        " receiver deliveries list --state held shows what waits for you\n"
    )
    assert said("purge", "--days", "1") == {**dry, "dry_run": False}
    assert bodies(at_desk) == [False, True]


@pytest.mark.usefixtures("at_desk")
def test_usage() -> None:
    for args in (("--days", "-1"), ("--days", "1", "--order", "o1"), ("--days", "one")):
        result = call("purge", *args)
        assert result.exit_code == 2
        assert "Usage:" in result.stderr


# One order


def test_an_order_by_any_of_its_names(at_desk: Desk) -> None:
    for called in ("plain:o1", "o1", "17", "SHOP-1"):
        keep(at_desk, order("o1"))
        created(at_desk, "o1", display_id="17", references=("SHOP-1",))
        done = said("purge", "--order", called)
        assert done == {"order": "plain:o1", "deliveries": 1, "quarantine": 0, "dry_run": False}
        assert NAME not in dump(at_desk)
    shown = call("purge", "--order", "o1").stdout
    assert shown == "plain:o1: nothing of it is left to purge\n"


def test_everything_of_it_and_nothing_of_others(at_desk: Desk) -> None:
    """Its cancellation too, and payments that stayed in a queue of their own."""
    keep(at_desk, order("o1"))
    created(at_desk, "o1", display_id="17", references=("SHOP-1",))
    keep(at_desk, order("o2"))
    created(at_desk, "o2", display_id="17")
    keep(at_desk, cancellation("o1"))
    for queue in ("pay:SHOP-1", "payment mitte o1", "pay:pi_1", "pay:17", "plain:o3"):
        job = keep(at_desk, payment("x"))
        at_desk.sql(f"UPDATE jobs SET queue = '{queue}' WHERE id = {job}")
    at_desk.sql("INSERT INTO payment_references VALUES ('pay', 'pi_1', 'SHOP-1')")
    end(at_desk)
    dry = said("purge", "--order", "o1", "--dry-run")
    assert (dry["deliveries"], dry["dry_run"]) == (5, True)
    assert all(bodies(at_desk))
    assert said("purge", "--order", "o1")["deliveries"] == 5
    assert bodies(at_desk) == [False, True, False, False, False, False, True, True]


def test_several_are_listed_and_nothing_is_done(at_desk: Desk) -> None:
    for name in ("o1", "o2"):
        keep(at_desk, order(name))
        created(at_desk, name, display_id="17")
    result = call("purge", "--order", "17")
    assert result.exit_code == 1
    assert "17 may be any of these 2; name one by its order id" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["plain:o1", "plain:o2"]
    found = said("purge", "--order", "17", code=1)
    assert [one["order_id"] for one in found["orders"]] == ["plain:o1", "plain:o2"]
    assert found["orders"][0]["total"] == 990
    assert all(bodies(at_desk))


@pytest.mark.parametrize("state", ["ready", "running", "waiting", "held"])
def test_what_is_open_says_so(state: str, at_desk: Desk) -> None:
    keep(at_desk, order("o1"))
    created(at_desk, "o1")
    job = keep(at_desk, cancellation("o1"))
    end(at_desk, state)
    result = call("purge", "--order", "o1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"plain:o1 is still open: job {job} is {state}" in result.stderr
    assert all(bodies(at_desk))


def test_one_that_no_order_came_of(at_desk: Desk) -> None:
    """Dead at once, it is known by its queue alone."""
    keep(at_desk, order("o1"))
    end(at_desk, "dead")
    for called in ("plain:o1", "o1"):
        assert said("purge", "--order", called)["order"] == "plain:o1"
    assert bodies(at_desk) == [False]


def test_one_that_is_not_there(at_desk: Desk) -> None:
    keep(at_desk, order("o1"))
    result = call("purge", "--order", "o9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "receiver: no order is called o9\n"


def test_in_quarantine_too(at_desk: Desk) -> None:
    keep(at_desk, order("o1"))
    created(at_desk, "o1")
    with transaction(at_desk.url, writes=True) as box:
        for name in ("o1", "o2"):
            one = delivery(body(order(name), note=NAME), "another-secret-for-tests")
            quarantine.add(box, [Suspect("plain", one, "no")], datetime.now(UTC))
        gone = Suspect("gone", one, "no")  # of a connection that is no longer set up
        quarantine.add(box, [gone], datetime.now(UTC))
    assert said("purge", "--order", "o1")["quarantine"] == 1
    assert [row["id"] for row in at_desk.sql("SELECT id FROM quarantine")] == [2, 3]


def test_the_words_of_a_cancellation(at_desk: Desk) -> None:
    keep(at_desk, order("o1"))
    why = {"order_id": "o1", "at": "2026-07-04T12:00:00+00:00", "by": "customer", "reason": NAME}
    created(at_desk, "o1", cancellation=json.dumps(why))
    call("purge", "--order", "o1")
    (row,) = at_desk.sql("SELECT cancellation FROM orders")
    assert json.loads(row["cancellation"]) == {**why, "reason": None}


# What is said of it afterwards


def test_a_purged_delivery_is_told_apart_from_an_empty_one(at_desk: Desk) -> None:
    job = keep(at_desk, order("o1"))
    end(at_desk)
    call("purge", "--days", "0")
    found = said("deliveries", "show", str(job), "--body")
    assert datetime.fromisoformat(found["purged_at"]).tzinfo == UTC
    assert "request" not in found
    shown = call("deliveries", "show", str(job), "--body").stdout
    assert "what it brought is gone" in shown


def test_it_cannot_be_replayed(at_desk: Desk) -> None:
    job = keep(at_desk, order("o1"))
    end(at_desk)
    call("purge", "--days", "0")
    result = call("deliveries", "replay", str(job))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{job}: what it brought was purged, so there is nothing left to replay" in result.stderr
    assert at_desk.sql("SELECT state FROM jobs") == [{"state": "done"}]
