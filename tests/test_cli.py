"""The commands: what they print, how they end, what they leave in the box."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main

from adapters.contract import Delivery, Rejected
from adapters.signing import TimedHmac
from receiver.cli import app, setup
from receiver.cli.replay import prepared
from receiver.inbox import quarantine
from receiver.inbox.by_hand import transaction
from receiver.inbox.quarantine import Suspect
from receiver.inbox.records import ms
from tests.commands import PLATFORMS, ROOT, Desk, call, delivery, desk, said, stand
from tests.databases import postgresql_only
from tests.plain import PLAIN, SECRET, body, cancellation, order

OTHER_SECRET = "another-secret-for-tests"
COMMANDS: Mapping[str, set[str]] = {
    "": {
        "serve", "worker", "migrate", "check", "demo", "sandbox", "deliveries", "replay", "pos",
        "quarantine", "reconcile", "articles", "report", "purge",
        "backup", "restore", "transfer", "bench",
    },
    "articles": {"sync", "list", "map", "import", "export"},
    "deliveries": {"cancel", "list", "show", "replay", "hold", "discard"},
    "pos": {"list", "pause", "resume"},
    "quarantine": {"list", "release"},
}  # fmt: skip


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """This process stands in a folder with a working set-up."""
    made = desk(tmp_path)
    stand(made, monkeypatch)
    return made


def states(made: Desk) -> dict[int, str]:
    return {row["id"]: row["state"] for row in made.sql("SELECT id, state FROM jobs")}


# What there is, and its usage


@pytest.mark.parametrize("group", COMMANDS, ids=lambda group: group or "receiver")
def test_commands_are_named_to_the_letter(group: str) -> None:
    found: Any = typer.main.get_command(app)
    for name in group.split():
        found = found.commands[name]
    assert set(found.commands) == COMMANDS[group]
    assert all(command.help for command in found.commands.values())
    assert call(*group.split(), "--help").exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("deliveries", "list", "--state", "lost"),
        ("deliveries", "list", "--limit", "0"),
        ("deliveries", "show", "first"),
        ("deliveries", "show", str(2**63)),
        ("deliveries", "replay"),
        ("quarantine", "release"),
        ("quarantine", "release", "1", "--all"),
        ("replay",),
        ("replay", "nowhere.http"),
        ("replay", __file__, "--to", "nowhere"),
        ("pos", "pause"),
        ("sandbox", "--port", "65536"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("at_desk")
def test_wrong_usage(args: tuple[str, ...]) -> None:
    result = call(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("deliveries", "list"),
        ("deliveries", "show", "1"),
        ("deliveries", "replay", "1"),
        ("pos", "list"),
        ("pos", "pause", "mitte"),
        ("quarantine", "list"),
        ("quarantine", "release", "--all"),
        ("migrate",),
        ("replay", __file__),
        ("serve",),
        ("worker",),
    ],
    ids=" ".join,
)
def test_without_settings(
    args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", PLATFORMS)
    result = call(*args)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "no platform is switched on; set one of PLAIN_SECRETS" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("deliveries", "list"),
        ("deliveries", "show", "1"),
        ("deliveries", "hold", "1"),
        ("pos", "list"),
        ("pos", "resume", "mitte"),
        ("quarantine", "list"),
        ("quarantine", "release", "--all"),
    ],
    ids=" ".join,
)
def test_without_a_database(
    args: tuple[str, ...], at_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///absent.db")
    result = call(*args)
    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        result.stderr == "receiver: there is no database at absent.db yet: run receiver migrate\n"
    )
    assert not (at_desk.folder / "absent.db").exists()


def test_only_the_composition_root_names_the_platforms() -> None:
    naming = {
        str(module.relative_to(ROOT))
        for module in (ROOT / "receiver").rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "adapters"
        and any(alias.name == "ADAPTERS" for alias in node.names)
    }  # fmt: skip
    assert naming == {"receiver/cli/setup.py"}


# check and migrate


@pytest.mark.usefixtures("at_desk")
def test_check_finds_nothing() -> None:
    assert said("check") == {"ok": True, "problems": [], "warnings": []}
    assert call("check").stdout == "problems: 0, warnings: 0\n"


@pytest.mark.usefixtures("at_desk")
def test_check_says_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILL_KEY")
    monkeypatch.setenv("PLAIN_SECRET", "short")
    monkeypatch.setenv("PUBLIC_URL", "http://receiver.example")
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    found = said("check", code=3)
    assert found["ok"] is False
    for part in ("pos.mitte.api_key", "connections.plain.secrets", "folder /nowhere/at is not"):
        assert sum(part in problem for problem in found["problems"]) == 1, part
    assert [warning.partition(":")[0] for warning in found["warnings"]] == ["PUBLIC_URL"]
    shown = call("check")
    assert shown.exit_code == 3
    assert shown.stdout.splitlines() == [
        *(f"problem: {problem}" for problem in found["problems"]),
        *(f"warning: {warning}" for warning in found["warnings"]),
        f"problems: {len(found['problems'])}, warnings: 1",
    ]


@pytest.mark.usefixtures("at_desk")
def test_check_of_a_file_that_serve_will_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///absent.db")
    (warning,) = said("check")["warnings"]
    assert warning.startswith("there is no database at absent.db yet")


@pytest.mark.usefixtures("at_desk")
def test_check_of_a_database_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:pass-word@127.0.0.1:9/box")
    (problem,) = said("check", code=3)["problems"]
    assert "Connection refused" in problem
    assert "pass-word" not in problem


def test_a_database_of_a_newer_receiver(at_desk: Desk) -> None:
    at_desk.sql("UPDATE alembic_version SET version_num = '9999'")
    (problem,) = said("check", code=3)["problems"]
    assert "of a newer receiver (9999" in problem
    for args in (("migrate",), ("deliveries", "list")):
        result = call(*args)
        assert (result.exit_code, result.stderr) == (1, f"receiver: {problem}\n")


@pytest.mark.usefixtures("at_desk")
def test_migrate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("migrate").stdout.endswith(": nothing to do\n")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///new.db")
    first, second = said("migrate"), said("migrate")
    assert first["before"] is None
    assert first["after"] == second["before"] == second["after"]


@postgresql_only
def test_migrate_past_a_pool(
    monkeypatch: pytest.MonkeyPatch, at_desk: Desk, empty_url: str
) -> None:
    """Behind DATABASE_URL there is none that could be migrated."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user@127.0.0.1:9/box")
    monkeypatch.setenv("DIRECT_DATABASE_URL", empty_url.replace("+psycopg", ""))
    assert said("migrate")["before"] is None
    assert call("migrate").stdout.endswith(": nothing to do\n")


@postgresql_only
@pytest.mark.usefixtures("at_desk")
def test_migrate_names_the_address_it_took(monkeypatch: pytest.MonkeyPatch, empty_url: str) -> None:
    """Nobody is there; or somebody, who refuses."""
    refusing = empty_url.replace("+psycopg", "") + "&options=-cdefault_transaction_read_only%3Don"
    monkeypatch.setenv("DATABASE_URL", "postgresql://user@127.0.0.1:9/box")
    for direct in ("postgresql://user@127.0.0.1:9/box", refusing):
        monkeypatch.setenv("DIRECT_DATABASE_URL", direct)
        result = call("migrate")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.endswith("; check DIRECT_DATABASE_URL\n")


@pytest.mark.usefixtures("at_desk")
def test_a_direct_address_beside_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRECT_DATABASE_URL", "postgresql://user@127.0.0.1:9/box")
    (problem,) = said("check", code=3)["problems"]
    assert problem.startswith("DIRECT_DATABASE_URL: is set while DATABASE_URL is an SQLite file")


@pytest.mark.usefixtures("at_desk")
def test_migrate_what_is_no_database(monkeypatch: pytest.MonkeyPatch, at_desk: Desk) -> None:
    (at_desk.folder / "garbage.db").write_bytes(b"garbage " * 1000)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///garbage.db")
    result = call("migrate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "file is not a database; check DATABASE_URL" in result.stderr


# deliveries


def test_list(at_desk: Desk) -> None:
    first, second = at_desk.keep(body(order("o1")), body(order("o2")))
    at_desk.sql(f"UPDATE jobs SET state = 'held', reason = 'no article' WHERE id = {second}")
    newest, oldest = said("deliveries", "list")
    assert (newest["id"], oldest["id"]) == (second, first)
    assert newest["state"] == "held"
    assert oldest["queue"] == "plain:o1"
    assert oldest["answer"] is False
    assert datetime.fromisoformat(oldest["received_at"]).tzinfo == UTC
    table = call("deliveries", "list").stdout
    assert table.splitlines()[0].split() == [
        "id", "connection", "delivery", "id", "queue", "state", "reason", "received", "arrivals",
    ]  # fmt: skip
    assert "no article" in table
    assert "Soup" not in table


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["--state", "held"], ["o2"]),
        (["--state", "held", "--state", "dead"], ["o3", "o2"]),
        (["--connection", "plain"], ["o3", "o2", "o1"]),
        (["--connection", "pay"], []),
        (["--text", "plain:o1"], ["o1"]),
        (["--text", "%"], []),
        (["--limit", "1"], ["o3"]),
    ],
)
def test_list_filters(args: list[str], found: list[str], at_desk: Desk) -> None:
    _, second, third = at_desk.keep(*(body(order(name)) for name in ("o1", "o2", "o3")))
    at_desk.sql(f"UPDATE jobs SET state = 'held' WHERE id = {second}")
    at_desk.sql(f"UPDATE jobs SET state = 'dead' WHERE id = {third}")
    assert [row["queue"] for row in said("deliveries", "list", *args)] == [
        f"plain:{name}" for name in found
    ]


def test_what_others_wrote_does_not_steer_the_terminal(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order("o\x1b[2J1")))
    at_desk.sql(f"UPDATE jobs SET reason = '[red]no[/red] ' || char(27) || '[1m' WHERE id = {job}")
    for args in (["list"], ["show", str(job)], ["show", str(job), "--body"]):
        shown = call("deliveries", *args).stdout
        assert "\x1b" not in shown
        assert "[red]no[/red]" in shown


def test_show(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order()))
    answer = json.dumps({"success": False, "messages": [{"text": "x" * 300}]})
    at_desk.sql(
        "INSERT INTO attempts (job, at, outcome, detail, answer)"
        f" VALUES ({job}, 1000, 'refused', 'OktoPOS refused with 400', '{answer}')"
    )
    found = said("deliveries", "show", str(job))
    assert found["state"] == "ready"
    assert found["sent"] is False
    assert "request" not in found
    (step,) = found["attempts"]
    assert step["answer"] == answer
    assert step["at"] == "1970-01-01T00:00:01+00:00"
    shown = call("deliveries", "show", str(job)).stdout
    assert answer in shown
    assert "OktoPOS refused with 400" in shown
    assert "Soup" not in shown


def test_show_with_body(at_desk: Desk) -> None:
    content = body(order())
    (job,) = at_desk.keep(content)
    request = said("deliveries", "show", str(job), "--body")["request"]
    assert request["body"].encode() == content
    assert "x-plain" in request["headers"]
    assert content.decode() in call("deliveries", "show", str(job), "--body").stdout


@pytest.mark.usefixtures("at_desk")
def test_show_what_is_not_there() -> None:
    result = call("deliveries", "show", "17")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("receiver: there is no job 17; ")


EVERY = ["ready", "running", "done", "ignored", "waiting", "held", "dead"]


@pytest.mark.parametrize(
    ("action", "allowed", "to"),
    [
        ("replay", ["ready", "done", "ignored", "waiting", "held", "dead"], "ready"),
        ("hold", ["ready", "waiting"], "held"),
        ("discard", ["ready", "waiting", "held", "dead"], "dead"),
    ],
)
def test_by_hand(action: str, allowed: list[str], to: str, at_desk: Desk) -> None:
    ids = at_desk.keep(*(body(order(f"o{number}")) for number in range(len(EVERY))))
    for job, state in zip(ids, EVERY, strict=True):
        at_desk.sql(f"UPDATE jobs SET state = '{state}', failures = 3 WHERE id = {job}")
    result = call("deliveries", action, *map(str, ids))
    assert result.exit_code == 1
    meant = {job: to if was in allowed else was for job, was in zip(ids, EVERY, strict=True)}
    assert states(at_desk) == meant
    assert result.stdout.splitlines() == [
        f"{job}: {was} -> {to}" for job, was in zip(ids, EVERY, strict=True) if was in allowed
    ]
    refused = [f"receiver: {job}: it is {was}" for job, was in zip(ids, EVERY, strict=True)
               if was not in allowed]  # fmt: skip
    assert len(result.stderr.splitlines()) == len(refused)
    for line, start in zip(result.stderr.splitlines(), refused, strict=True):
        assert line.startswith(start)
    noted = at_desk.sql("SELECT job, detail FROM attempts ORDER BY job")
    assert [row["job"] for row in noted] == [
        job for job, was in zip(ids, EVERY, strict=True) if was in allowed
    ]


def test_discarded_says_why(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order()))
    done = said("deliveries", "discard", str(job))
    assert done == [{"id": job, "was": "ready", "state": "dead"}]
    (row,) = said("deliveries", "list")
    assert row["reason"] == "discarded by an operator"


def test_by_hand_to_what_is_not_there(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order()))
    result = call("deliveries", "hold", str(job), "17", str(job))
    assert result.exit_code == 1
    assert result.stdout == f"{job}: ready -> held\n"
    assert result.stderr == "receiver: 17: there is no such job\n"
    assert said("deliveries", "hold", "17", code=1) == [{"id": 17, "was": None, "state": None}]


# Canceled


def standing(desk: Desk, order_id: str) -> int:
    """An order as it is once the worker has created it, and the job it came by."""
    (job,) = desk.keep(body(order(order_id)))
    said = {"order_id": order_id, "store_id": None, "order_type": "DELIVERY", "ready_at": None}
    answering = json.dumps({**said, "answering": {}})
    desk.sql(
        "INSERT INTO orders (order_id, connection, pos, platform_id, state, internal_id,"
        f" created_at, delivery, answering) SELECT 'plain:{order_id}', 'plain', 'mitte',"
        f" '{order_id}', 'created', 10001, 0, delivery, '{answering}' FROM jobs WHERE id = {job}"
    )
    desk.sql(f"UPDATE jobs SET state = 'done' WHERE id = {job}")
    return job


def test_cancel_where_the_platform_is_told(at_desk: Desk) -> None:
    job = standing(at_desk, "o1")
    tell_the_platform(at_desk)
    (done,) = said("deliveries", "cancel", str(job), "--reason", "item_unavailable")
    assert done == {"order_id": "plain:o1", "was": "created", "begun": True, "told": True}
    found = at_desk.sql(f"SELECT queue, overtakes, pos, state, call FROM jobs WHERE id > {job}")
    assert [(row["queue"], row["overtakes"], row["pos"], row["state"]) for row in found] == [
        ("plain:o1", 1, "mitte", "ready"),
        ("answer plain:o1", 0, "@plain", "ready"),
    ]
    asked, told = (json.loads(row["call"]) for row in found)
    assert (asked["by"], asked["reason"]) == ("operator", "item unavailable")
    assert (told["outcome"], told["reason"]) == ("withdrawn", "item_unavailable")


def test_cancel_where_it_is_not(at_desk: Desk) -> None:
    job = standing(at_desk, "o1")
    result = call("deliveries", "cancel", str(job))
    assert result.exit_code == 0
    assert result.stdout == (
        "plain:o1: is being canceled at OktoPOS; cancel it at its platform yourself\n"
    )


def test_cancel_what_cannot_be(at_desk: Desk) -> None:
    job = standing(at_desk, "o1")
    at_desk.sql("UPDATE orders SET state = 'canceled'")
    result = call("deliveries", "cancel", str(job))
    assert result.exit_code == 1
    assert "plain:o1: it is canceled already" in result.stderr
    (other,) = at_desk.keep(body(order("o2")))
    for number in (other, 4711):
        result = call("deliveries", "cancel", str(number))
        assert result.exit_code == 1
        assert f"{number}: no order came of it" in result.stderr
    assert call("deliveries", "cancel", str(job), "--reason", "bored").exit_code == 2


def tell_the_platform(desk: Desk) -> None:
    file = desk.folder / "receiver.toml"
    file.write_text(file.read_text().replace('accept = "never"', 'accept = "on_pos"'))


# pos


def test_a_platform_that_is_told_is_listed_and_paused_like_a_pos(at_desk: Desk) -> None:
    tell_the_platform(at_desk)
    assert [row["pos"] for row in said("pos", "list")] == ["mitte", "@plain"]
    assert call("pos", "pause", "@plain").exit_code == 0
    assert said("pos", "list")[1]["paused"] == "operator"
    assert call("pos", "resume", "@plain").stdout == "@plain: open\n"


def test_a_deadline_is_shown(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order()))
    assert said("deliveries", "show", str(job))["deadline"] is None
    at_desk.sql(f"UPDATE jobs SET deadline = 1000, alarm_at = 500 WHERE id = {job}")
    shown = said("deliveries", "show", str(job))
    assert shown["deadline"] == "1970-01-01T00:00:01+00:00"
    assert shown["alarm_at"] == "1970-01-01T00:00:00.500000+00:00"
    assert shown["at_risk"] is False
    assert "deadline" in call("deliveries", "show", str(job)).stdout


def test_pos(at_desk: Desk) -> None:
    at_desk.keep(body(order("o1")), body(order("o2")), body(cancellation("o1")))
    at_desk.sql("UPDATE jobs SET state = 'done' WHERE queue = 'plain:o2'")
    (mitte,) = said("pos", "list")
    assert mitte == {
        "pos": "mitte", "paused": None, "failures": 0, "reason": None, "probe_at": None,
        "waiting": 2,
    }  # fmt: skip
    assert "until receiver pos resume mitte" in call("pos", "pause", "mitte").stdout
    (mitte,) = said("pos", "list")
    assert (mitte["paused"], mitte["reason"]) == ("operator", "by an operator")
    assert "paused by an operator" in call("pos", "list").stdout
    assert call("pos", "resume", "mitte").stdout == "mitte: open\n"
    assert call("pos", "resume", "mitte").stdout == "mitte: was open already\n"
    assert said("pos", "list")[0]["paused"] is None


def test_resume_ends_a_failing_pause_at_once(at_desk: Desk) -> None:
    far = ms(datetime.now(UTC) + timedelta(hours=1))
    (job,) = at_desk.keep(body(order()))
    at_desk.sql(f"UPDATE jobs SET state = 'waiting', due_at = {far} WHERE id = {job}")
    at_desk.sql(f"INSERT INTO pos_states VALUES ('mitte', 7, 'failing', {far}, 'timeout')")
    (mitte,) = said("pos", "list")
    assert (mitte["paused"], mitte["failures"], mitte["reason"]) == ("failing", 7, "timeout")
    assert datetime.fromisoformat(mitte["probe_at"]) > datetime.now(UTC)
    assert call("pos", "resume", "mitte").exit_code == 0
    assert at_desk.sql("SELECT failures, paused, reason FROM pos_states") == [
        {"failures": 0, "paused": None, "reason": None}
    ]
    (row,) = at_desk.sql("SELECT due_at FROM jobs")
    assert row["due_at"] < far


def test_a_pause_outlives_what_the_pos_had_failed_before(at_desk: Desk) -> None:
    at_desk.sql("INSERT INTO pos_states VALUES ('mitte', 3, NULL, 0, 'timeout')")
    call("pos", "pause", "mitte")
    (mitte,) = said("pos", "list")
    assert (mitte["paused"], mitte["failures"]) == ("operator", 3)


@pytest.mark.usefixtures("at_desk")
def test_unknown_pos() -> None:
    for action in ("pause", "resume"):
        result = call("pos", action, "nord")
        assert result.exit_code == 1
        assert result.stderr == "receiver: no POS is called nord; there are: mitte\n"


# quarantine

DAYS_AGO = datetime.now(UTC) - timedelta(days=2)


def suspect(made: Desk, *kept: Delivery, name: str = "plain") -> None:
    with transaction(made.url, writes=True) as box:
        found = [Suspect(name, one, "no secret gives this signature") for one in kept]
        quarantine.add(box, found, datetime.now(UTC))


def test_quarantine_list(at_desk: Desk) -> None:
    suspect(at_desk, delivery(body(order()), OTHER_SECRET, DAYS_AGO))
    (row,) = said("quarantine", "list")
    assert set(row) == {"id", "connection", "path", "received_at", "reason"}
    assert datetime.fromisoformat(row["received_at"]) == DAYS_AGO.replace(
        microsecond=ms(DAYS_AGO) % 1000 * 1000
    )
    shown = call("quarantine", "list").stdout
    assert "no secret gives this signature" in shown
    assert "Soup" not in shown


def test_release_once_the_secret_is_right(at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lost, forged = body(order("o1")), body(order("o2"))
    suspect(at_desk, delivery(lost, OTHER_SECRET, DAYS_AGO), delivery(forged, "x" * 30))
    still = said("quarantine", "release", "--all", code=1)
    assert [one["released"] for one in still] == [False, False]
    assert states(at_desk) == {}
    monkeypatch.setenv("PLAIN_SECRET", OTHER_SECRET)
    result = call("quarantine", "release", "--all")
    assert result.exit_code == 1
    assert result.stdout.startswith("1: kept as d")
    assert result.stderr.startswith("receiver: 2: still not proven genuine: ")
    (job,) = at_desk.sql("SELECT state, since, received_at FROM jobs JOIN deliveries")
    assert job["state"] == "ready"
    assert job["received_at"] == ms(DAYS_AGO)
    assert job["since"] > ms(datetime.now(UTC) - timedelta(hours=1))
    assert [row["id"] for row in said("quarantine", "list")] == [2]


def test_release_judges_a_time_as_of_its_arrival(
    at_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = TimedHmac(header="x-plain", version="v1", tolerance=timedelta(seconds=300))
    platform = replace(PLAIN, verify=timed.verify, sign=timed.sign)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", {**PLATFORMS, "plain": platform})
    fresh, stale = (
        timed.sign(replace(delivery(body(order(name))), received_at=at), SECRET)
        for name, at in (("o1", DAYS_AGO), ("o2", DAYS_AGO - timedelta(minutes=6)))
    )
    suspect(at_desk, fresh, replace(stale, received_at=DAYS_AGO))
    verdicts = said("quarantine", "release", "--all", code=1)
    assert [one["released"] for one in verdicts] == [True, False]
    assert "too long ago" in verdicts[1]["text"]


def test_release_what_came_again_meanwhile(at_desk: Desk) -> None:
    content = body(order())
    at_desk.keep(content)
    suspect(at_desk, delivery(content))
    (verdict,) = said("quarantine", "release", "1")
    assert verdict["released"]
    assert "kept already" in verdict["text"]
    assert len(states(at_desk)) == 1
    assert said("quarantine", "list") == []


def test_release_what_cannot_be(at_desk: Desk) -> None:
    suspect(at_desk, delivery(body(order())), name="gone")
    result = call("quarantine", "release", "1", "2", "1")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "receiver: 1: connection gone is not set up",
        "receiver: 2: there is no such delivery in quarantine",
    ]


# replay: what is made of a file; sending it is in test_cli_running.py


def recording(folder: Path, content: bytes, target: str = "/webhooks/plain") -> Path:
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nDate: Sat, 04 Jul 2026 16:30:43 GMT\r\n\r\n"
    file = folder / "request.http"
    file.write_bytes(head.encode() + content)
    return file


@pytest.mark.parametrize(
    ("to", "url", "signed_url"),
    [
        ("https://x.example", "https://x.example/webhooks/plain", None),
        ("https://x.example/below", "https://x.example/below/webhooks/plain", None),
        ("https://x.example/webhooks/pay", "https://x.example/webhooks/pay", None),
        (
            "http://127.0.0.1:81",
            "http://127.0.0.1:81/webhooks/plain",
            "https://public.example/webhooks/plain",
        ),
    ],
)
def test_replay_addresses_and_signs(
    to: str, url: str, signed_url: str | None, tmp_path: Path, at_desk: Desk, settings: Any
) -> None:
    ready = prepared(recording(tmp_path, b"{}"), to, settings)
    assert ready.url == url
    assert ready.delivery.url == (signed_url or url)
    assert ready.connection == url.rpartition("/")[2]
    PLAIN.verify(ready.delivery, [SECRET])
    assert "host" not in ready.delivery.headers
    assert ready.delivery.headers["date"] != "Sat, 04 Jul 2026 16:30:43 GMT"
    assert datetime.now(UTC) - ready.delivery.received_at < timedelta(hours=1)


@pytest.fixture
def settings(at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PUBLIC_URL", "https://public.example")
    return setup.settings()


@pytest.mark.usefixtures("at_desk")
def test_replay_of_what_is_no_delivery(tmp_path: Path) -> None:
    (tmp_path / "nothing.http").write_bytes(b"nothing")
    (tmp_path / "umlaut.http").write_bytes(
        b"POST /webhooks/plain HTTP/1.1\nX-Name: M\xc3\xbcller\n\n{}"
    )
    for file, why in (
        (tmp_path / "nothing.http", "a recorded request needs a blank line"),
        (tmp_path / "umlaut.http", "its headers hold more than ASCII"),
        (recording(tmp_path, b"", "/webhooks/gone"), "no connection is called gone; there are: "),
    ):
        result = call("replay", str(file))
        assert (result.exit_code, result.stdout) == (1, "")
        assert why in result.stderr


@pytest.mark.usefixtures("at_desk")
def test_replay_of_what_its_secret_cannot_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign(_: Delivery, __: str) -> Delivery:
        raise Rejected("a public key cannot")

    platform = replace(PLAIN, sign=sign)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", {**PLATFORMS, "plain": platform})
    result = call("replay", str(recording(tmp_path, b"{}")))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("request.http: it cannot be signed: a public key cannot\n")


def test_bench_passes_its_options_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("bench", "--only", "nothing").exit_code == 2
    assert "--only: invalid choice: 'nothing'" in capfd.readouterr().err
    assert call("bench", "--help").exit_code == 0
    assert "usage: receiver bench" in capfd.readouterr().out


def test_without_the_repository_there_is_no_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.cli.bench.repository", lambda: tmp_path)
    told = call("bench")
    assert told.exit_code == 1
    assert told.stderr == (
        "receiver: the benchmark is not installed with it; in the repository, run make bench\n"
    )
