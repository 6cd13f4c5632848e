"""Bringing the database to the shape this version needs. Run at the start on SQLite."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from receiver.inbox.dialect import lock_migration, open_engine


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", "receiver.inbox:migrations")
    config.set_main_option("path_separator", "os")
    return config


def migrate(url: str) -> tuple[str | None, str | None]:
    """Upgrades to the newest shape; the revisions before and after.

    Raises SQLAlchemyError when the database does not answer or refuses.
    """
    config = configuration()
    engine = open_engine(url, writes=True)
    try:
        with engine.begin() as config.attributes["connection"]:
            return upgrade(config)
    finally:
        engine.dispose()


def upgrade(config: Config) -> tuple[str | None, str | None]:
    """The same on the connection in `config`, within its transaction."""
    connection: Connection = config.attributes["connection"]
    lock_migration(connection)
    before = revision(connection)
    command.upgrade(config, "head")
    return before, revision(connection)


def revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()


def known(found: str) -> bool:
    """Whether this version can have made that shape; a newer one's it has not heard of."""
    script = ScriptDirectory.from_config(configuration())
    return found in {each.revision for each in script.walk_revisions()}
