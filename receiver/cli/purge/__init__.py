"""`purge`: what is personal, by age or of one order."""

from __future__ import annotations

from typing import Annotated

import typer

from receiver.cli.purge.age import by_age
from receiver.cli.purge.order import of_order
from receiver.cli.shown import Json


def purge(
    days: Annotated[
        int | None,
        typer.Option(min=0, help="What is older than so many.", show_default="RETENTION_DAYS"),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(metavar="ID", help="This order alone: our id, the platform's, or its number."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much it is.")] = False,
    as_json: Json = False,
) -> None:
    """Take away bodies, headers and all that is personal of what is at its end; its ids, times and
    sums stay. The worker does the same once an hour."""
    if order is None:
        by_age(days, dry_run=dry_run, as_json=as_json)
    elif days is None:
        of_order(order, dry_run=dry_run, as_json=as_json)
    else:
        raise typer.BadParameter("give --days or --order: an order is purged whatever its age")
