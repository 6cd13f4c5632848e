"""`backup` and `restore`: beside a receiver that runs, and in the place of one that does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from receiver.sandbox import create_sandbox
from receiver.serving import serving
from tests.commands import PLATFORMS, Desk, call, desk, said
from tests.plain import body, order
from tests.test_cli_running import post, started, stopped

POSTGRESQL = "postgresql://user:pass-word@127.0.0.1:9/box"


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = desk(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", PLATFORMS)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def test_there_and_back(at_desk: Desk) -> None:
    at_desk.keep(body(order("o1")))
    done = said("backup", "copy.db")
    assert done["file"] == "copy.db"
    assert done["bytes"] == (at_desk.folder / "copy.db").stat().st_size
    at_desk.keep(body(order("o2")))
    back = said("restore", "copy.db")
    assert back["file"] == "box.db"
    assert (at_desk.folder / back["replaced"]).exists()
    assert [row["queue"] for row in said("deliveries", "list")] == ["plain:o1"]


@pytest.mark.usefixtures("at_desk")
def test_what_is_printed() -> None:
    result = call("backup", "copy.db")
    assert result.stdout.startswith("copy.db: ")
    assert result.stdout.endswith(" MB, checked\n")
    shown = call("restore", "copy.db").stdout
    assert shown.startswith("box.db is what copy.db was; what was there is now box.db.replaced-")


def test_what_is_refused(at_desk: Desk) -> None:
    (at_desk.folder / "copy.db").write_text("precious")
    for args, why in (
        (("backup", "copy.db"), "copy.db is there already; name another file, or give --force"),
        (("backup", "box.db", "--force"), "is the database itself"),
        (("backup", "nowhere/copy.db"), "nowhere/copy.db: its folder is not there"),
        (("restore", "copy.db"), "copy.db: file is not a database"),
    ):
        result = call(*args)
        assert (result.exit_code, result.stdout) == (1, ""), args
        assert result.stderr.startswith("receiver: ")
        assert why in result.stderr
    assert (at_desk.folder / "copy.db").read_text() == "precious"
    assert call("backup", "copy.db", "--force").exit_code == 0


@pytest.mark.usefixtures("at_desk")
def test_usage() -> None:
    for args in (("backup",), ("restore",), ("restore", "nowhere.db")):
        result = call(*args)
        assert result.exit_code == 2
        assert "Usage:" in result.stderr


def test_without_a_database(at_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///absent.db")
    result = call("backup", "copy.db")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no database at absent.db yet" in result.stderr
    assert not (at_desk.folder / "absent.db").exists()


@pytest.mark.usefixtures("at_desk")
def test_postgresql_has_its_own_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call("backup", "copy.db")
    monkeypatch.setenv("DATABASE_URL", POSTGRESQL)
    for args, tool in (
        (("backup", "other.dump"), 'pg_dump --format=custom --file=other.dump "$DATABASE_URL"'),
        (
            ("restore", "copy.db"),
            'pg_restore --clean --if-exists --dbname="$DATABASE_URL" copy.db',
        ),
    ):
        result = call(*args)
        assert (result.exit_code, result.stdout) == (1, "")
        assert tool in result.stderr
        assert "pass-word" not in result.stderr


@pytest.mark.anyio
async def test_beside_a_receiver_that_runs(tmp_path: Path) -> None:
    """It is copied while it works, and not put back before it has stopped."""
    async with serving(create_sandbox()) as till:
        at = desk(tmp_path, till=till)
        with at.start("serve") as running:
            url = await started(running)
            assert (await post(url, body(order()))).status_code == 200
            done = await asyncio.to_thread(at.run, "backup", "copy.db", "--json")
            assert json.loads(done.stdout)["file"] == "copy.db"
            refused = await asyncio.to_thread(at.run, "restore", "copy.db", code=1)
            assert "a worker lives on" in refused.stderr
            await stopped(running)
        with at.start("serve", "--no-worker") as running:
            await started(running)
            refused = await asyncio.to_thread(at.run, "restore", "copy.db", code=1)
            assert "another process has" in refused.stderr
            await stopped(running)
        await asyncio.to_thread(at.run, "restore", "copy.db")
        assert len(at.sql("SELECT id FROM deliveries")) == 1
