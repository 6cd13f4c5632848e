"""Migrating makes exactly what the tables say, once, and can be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from receiver.inbox import claim
from receiver.inbox.dialect import open_engine
from receiver.inbox.migrate import configuration, migrate, newest, revision
from receiver.inbox.tables import metadata


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    found = open_engine(database_url, writes=True)
    yield found
    found.dispose()


def test_the_newest_shape_is_what_the_tables_say(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    with engine.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_down_to_the_last_condition(tmp_path: Path) -> None:
    """Alembic does not compare what partial indexes are of; without it none would be used."""
    made, migrated = f"sqlite:///{tmp_path / 'made.db'}", f"sqlite:///{tmp_path / 'migrated.db'}"
    migrate(migrated)
    engine = open_engine(made, writes=True)
    metadata.create_all(engine)
    engine.dispose()
    assert indexes(made) == indexes(migrated)
    assert len(indexes(made)) >= len(
        [index for t in metadata.tables.values() for index in t.indexes]
    )


def indexes(url: str) -> dict[str, str]:
    engine = open_engine(url, writes=False)
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    try:
        with engine.begin() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
    finally:
        engine.dispose()


def test_what_postgresql_would_be_told_is_the_same() -> None:
    """Migrations are written against SQLite, which takes a 0 for false and more besides."""
    said = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": said}
    )
    script = ScriptDirectory.from_config(configuration())
    with Operations.context(context):
        for each in reversed(list(script.walk_revisions())):
            upgrade: Callable[[], None] = each.module.upgrade
            upgrade()
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    made += [
        str(CreateIndex(index).compile(dialect=dialect))
        for table in metadata.sorted_tables
        for index in table.indexes
    ]
    told = carried_out(list(map(plain, said.getvalue().split(";"))))
    assert sorted(told) == sorted(["", *map(plain, made)])


def carried_out(statements: list[str]) -> list[str]:
    """What was added and dropped later, as if all had been made so at once."""
    made: list[str] = []
    for statement in statements:
        if added := re.fullmatch(r"ALTER TABLE (\w+) ADD COLUMN (.+)", statement):
            place = next(
                i for i, s in enumerate(made) if s.startswith(f"CREATE TABLE {added[1]} (")
            )
            made[place] = made[place].replace(", PRIMARY KEY", f", {added[2]}, PRIMARY KEY", 1)
        elif dropped := re.fullmatch(r"DROP INDEX (\w+)", statement):
            made = [one for one in made if not one.startswith(f"CREATE INDEX {dropped[1]} ")]
        else:
            made.append(statement)
    return made


def plain(statement: str) -> str:
    return " ".join(statement.split())


def test_twice_is_once(database_url: str) -> None:
    assert migrate(database_url) == (None, newest())
    assert migrate(database_url) == (newest(), newest())


def test_what_is_kept_stays(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    with engine.begin() as connection:
        connection.execute(metadata.tables["workers"].insert().values(id="w", seen_at=1))
    migrate(database_url)
    with engine.begin() as connection:
        assert connection.execute(metadata.tables["workers"].select()).all() == [("w", 1)]


def test_a_box_of_an_earlier_version_keeps_what_is_in_it(database_url: str, engine: Engine) -> None:
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(metadata.tables["workers"].insert().values(id="w", seen_at=1))
    assert migrate(database_url) == ("0001", newest())
    with engine.begin() as connection:
        assert connection.execute(metadata.tables["workers"].select()).all() == [("w", 1)]


def test_the_revision_is_known_and_none_before(database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        assert revision(connection) is None
    migrate(database_url)
    with engine.begin() as connection:
        assert revision(connection) == newest() is not None


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE workers (in_the_way INTEGER)"))
    with pytest.raises(Exception, match="workers"):
        migrate(database_url)
    with engine.begin() as connection:
        assert tables(connection) == {"workers"}
        assert revision(connection) is None


def test_all_the_way_back(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.begin() as connection:
        assert tables(connection) == {"alembic_version"}


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_what_was_kept_before_is_as_if_it_had_no_deadline(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'box.db'}"
    config = configuration()
    engine = open_engine(url, writes=True)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(
            "INSERT INTO deliveries VALUES (1, 'plain', 'd1', 'POST', '', '', '{}', x'', 0, 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO jobs (delivery, connection, queue, overtakes, pos, lane, state, due_at,"
            " since, sent, updated_at)"
            " VALUES (1, 'plain', 'q', 0, 'm', 'plain m', 'ready', 0, 0, 0, 0)"
        )
    for to in ("head", "0002", "head"):
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if to == "0002" else command.upgrade)(config, to)
    with engine.begin() as connection:
        (job,), _ = claim.claim(connection, worker="me", limit=1, now=datetime.now(UTC))
    engine.dispose()
    assert (job.queue, job.deadline, job.alarm_at, job.at_risk) == ("q", None, None, False)
