"""Migrating makes exactly what the tables say, once, and can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from receiver.inbox import claim
from receiver.inbox.dialect import open_engine
from receiver.inbox.migrate import configuration, migrate, newest, revision
from receiver.inbox.tables import metadata


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    found = open_engine(empty_url, writes=True)
    yield found
    found.dispose()


def test_the_newest_shape_is_what_the_tables_say(empty_url: str, engine: Engine) -> None:
    migrate(empty_url)
    with engine.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_down_to_the_last_condition(database_url: str, engine: Engine) -> None:
    """Alembic does not compare what partial indexes are of; without it none would be used."""
    metadata.create_all(engine)
    migrated = open_engine(database_url, writes=True)
    assert indexes(engine) == indexes(migrated)
    assert len(indexes(engine)) >= len(
        [index for t in metadata.tables.values() for index in t.indexes]
    )
    migrated.dispose()


INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name != :not",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE schemaname = 'public' AND tablename != :not",
}


def indexes(engine: Engine) -> dict[str, str]:
    query = text(INDEXES[engine.dialect.name]).bindparams(**{"not": "alembic_version"})
    with engine.begin() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def test_twice_is_once(empty_url: str) -> None:
    assert migrate(empty_url) == (None, newest())
    assert migrate(empty_url) == (newest(), newest())


def test_what_is_kept_stays(empty_url: str, engine: Engine) -> None:
    migrate(empty_url)
    with engine.begin() as connection:
        connection.execute(metadata.tables["workers"].insert().values(id="w", seen_at=1))
    migrate(empty_url)
    with engine.begin() as connection:
        assert connection.execute(metadata.tables["workers"].select()).all() == [("w", 1)]


def test_a_box_of_an_earlier_version_keeps_what_is_in_it(empty_url: str, engine: Engine) -> None:
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(metadata.tables["workers"].insert().values(id="w", seen_at=1))
    assert migrate(empty_url) == ("0001", newest())
    with engine.begin() as connection:
        assert connection.execute(metadata.tables["workers"].select()).all() == [("w", 1)]


def test_what_has_ended_before_that_was_a_column_is_in_nobody_s_way(
    empty_url: str, engine: Engine
) -> None:
    config = configuration()
    states = ("done", "ready", "dead", "held", "ready")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        for number, state in enumerate(states, 1):
            connection.execute(text(DELIVERED), {"id": number, "name": f"d{number}", "body": b""})
            connection.execute(text(BEGUN), {"id": number, "queue": f"q{number % 2}", "as": state})
    for to in ("head", "0006", "head"):
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if to == "0006" else command.upgrade)(config, to)
    with engine.begin() as connection:
        times = connection.execute(text("SELECT ended_at FROM jobs ORDER BY id")).scalars().all()
        found, _ = claim.claim(connection, worker="me", limit=9, now=datetime.now(UTC))
    assert times == ([9, None, 9, None, None] if "sqlite" in empty_url else [None] * 5)
    assert [job.delivery_row for job in found] == [2, 5]


DELIVERED = (
    "INSERT INTO deliveries (id, connection, delivery_id, method, url, path, headers, body,"
    " received_at) VALUES (:id, 'plain', :name, 'POST', '', '', '{}', :body, 0)"
)
BEGUN = (
    "INSERT INTO jobs (id, delivery, connection, queue, overtakes, pos, lane, state, due_at, since,"
    " sent, updated_at) VALUES (:id, :id, 'plain', :queue, FALSE, 'm', 'plain m', :as, 0, 0, FALSE,"
    " 9)"
)


def test_the_revision_is_known_and_none_before(empty_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        assert revision(connection) is None
    migrate(empty_url)
    with engine.begin() as connection:
        assert revision(connection) == newest() is not None


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE workers (in_the_way INTEGER)"))
    with pytest.raises(Exception, match="workers"):
        migrate(empty_url)
    with engine.begin() as connection:
        assert tables(connection) == {"workers"}
        assert revision(connection) is None


def test_all_the_way_back(empty_url: str, engine: Engine) -> None:
    migrate(empty_url)
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.begin() as connection:
        assert tables(connection) == {"alembic_version"}


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_what_was_kept_before_is_as_if_it_had_no_deadline(empty_url: str, engine: Engine) -> None:
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(
            text(
                "INSERT INTO deliveries VALUES (1, 'plain', 'd', 'POST', '', '', '{}', :body, 0, 1)"
            ),
            {"body": b""},
        )
        connection.execute(
            text(
                "INSERT INTO jobs (delivery, connection, queue, overtakes, pos, lane, state,"
                " due_at, since, failures, fence, sent, cleared, updated_at)"
                " VALUES (1, 'plain', 'q', FALSE, 'm', 'plain m', 'ready', 0, 0, 0, 0, FALSE,"
                " FALSE, 0)"
            )
        )
    for to in ("head", "0002", "head"):
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if to == "0002" else command.upgrade)(config, to)
    with engine.begin() as connection:
        (job,), _ = claim.claim(connection, worker="me", limit=1, now=datetime.now(UTC))
    assert (job.queue, job.deadline, job.alarm_at, job.at_risk) == ("q", None, None, False)
