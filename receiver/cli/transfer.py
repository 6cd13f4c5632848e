"""`transfer`: a box moved into another database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from receiver.cli.explain import Failure
from receiver.cli.shown import Json, print_json, print_table, progress
from receiver.inbox import transfer as moving
from receiver.inbox.copies import InUse, Unusable
from receiver.inbox.transfer import Different, Moved, OtherData
from receiver.settings import rules

HELP = "sqlite:///path or postgresql://user@host/name"
COLUMNS = ("table", "rows", "moved now")


def address(text: str) -> str:
    try:
        return rules.database_url(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def transfer(
    source: Annotated[str, typer.Option("--from", metavar="URL", parser=address, help=HELP)],
    target: Annotated[str, typer.Option("--to", metavar="URL", parser=address, help=HELP)],
    as_json: Json = False,
) -> None:
    """Move everything into another database, while no receiver runs; once more goes on from where
    it was broken off."""
    if source == target:
        raise typer.BadParameter("--from and --to are the same database")
    try:
        with progress("moving") as tell:
            done = moving.transfer(source, target, tell)
    except (InUse, Unusable, OtherData, Different) as error:
        raise Failure(str(error)) from None
    say(done, as_json=as_json)


def say(done: Sequence[Moved], *, as_json: bool) -> None:
    rows, moved = sum(one.rows for one in done), sum(one.moved for one in done)
    if as_json:
        print_json({"rows": rows, "moved": moved, "tables": [asdict(one) for one in done]})
    else:
        print_table(COLUMNS, [(one.table, one.rows, one.moved) for one in done])
        typer.echo(f"{rows} rows are there as here; set DATABASE_URL to the new address")
