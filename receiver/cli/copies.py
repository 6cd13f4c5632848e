"""`backup`, `restore`: the SQLite file, while the receiver runs and while it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from receiver.cli.explain import Failure
from receiver.cli.setup import box, settings
from receiver.cli.shown import Json, print_json, progress
from receiver.inbox import copies
from receiver.inbox.copies import InUse, Tell, Unusable
from receiver.inbox.dialect import sqlite_path


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Overwrite it if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Copy the database while the receiver runs, and check the copy."""
    source = sqlite_path(settings().database_url)
    if source is None:
        demand_tool(f'pg_dump --format=custom --file={file} "$DATABASE_URL"')
    with box():
        pass  # says at once when there is none
    with telling("copying") as tell:
        copies.backup(source, file, force=force, tell=tell)
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        typer.echo(f"{file}: {size / 1_000_000:.1f} MB, checked")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    as_json: Json = False,
) -> None:
    """Put a backup in the database's place; what was there stays beside it."""
    url = settings().database_url
    target = sqlite_path(url)
    if target is None:
        demand_tool(f'pg_restore --clean --if-exists --dbname="$DATABASE_URL" {file}')
    with telling("restoring") as tell:
        replaced = copies.restore(file, url, tell=tell)
    if as_json:
        kept = replaced and replaced.name
        print_json({"file": target.name, "replaced": kept})
    else:
        before = f"; what was there is now {replaced.name}" if replaced else ""
        typer.echo(f"{target.name} is what {file} was{before}")


def demand_tool(command: str) -> NoReturn:
    raise Failure(f"the database is PostgreSQL, which has its own tools: {command}")


@contextmanager
def telling(what: str) -> Iterator[Tell]:
    """A progress bar, and what goes wrong as sentences."""
    try:
        with progress(what) as tell:
            yield tell
    except FileExistsError as error:
        taken = f"{error.args[0]} is there already"
        raise Failure(f"{taken}; name another file, or give --force") from None
    except (InUse, Unusable) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None
