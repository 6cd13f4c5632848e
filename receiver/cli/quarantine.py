"""`quarantine`: deliveries that were not proven genuine, and a second look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from adapters.contract import Delivery
from receiver import second_look
from receiver.certificates import Certificates
from receiver.cli.explain import FAILED, complain
from receiver.cli.setup import box, run, settings
from receiver.cli.shown import Json, local, print_json, print_table, with_times
from receiver.http import Http
from receiver.inbox import by_hand, quarantine
from receiver.pipeline.tools import now
from receiver.second_look import Got, Look, look_again
from receiver.settings import Settings

app = typer.Typer(help="Deliveries that were not proven genuine.", no_args_is_help=True)

COLUMNS = ("id", "connection", "path", "received", "reason")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """The newest of them and what was wrong, without headers and bodies."""
    with box() as opened:
        rows = quarantine.listing(opened, limit)
    if as_json:
        print_json([with_times(row) for row in rows])
    else:
        print_table(
            COLUMNS,
            [
                (
                    row["id"],
                    row["connection"],
                    row["path"],
                    local(row["received_at"]),
                    row["reason"],
                )
                for row in rows
            ],
        )


@app.command()
def release(
    ids: Annotated[
        list[int] | None,
        typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="As in the list."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    as_json: Json = False,
) -> None:
    """Verify them with the secrets as they are set now; what is genuine becomes a delivery."""
    if bool(ids) == every:
        raise typer.BadParameter("name the ids, or give --all")
    found = settings()
    with by_hand.opened(found.database_url) as opened:
        suspects = quarantine.every(opened, ids)
    look = Look(found, run(certificates(suspects, found)), now())
    with by_hand.opened(found.database_url, writes=True) as opened:
        verdicts = look_again(opened, look, ids)
    if as_json:
        print_json([asdict(verdict) for verdict in verdicts])
    for verdict in verdicts:
        if not verdict.released:
            complain(f"{verdict.id}: {verdict.text}")
        elif not as_json:
            typer.echo(f"{verdict.id}: {verdict.text}")
    if not all(verdict.released for verdict in verdicts):
        raise typer.Exit(FAILED)


async def certificates(
    suspects: Sequence[tuple[int, str, Delivery]], found: Settings
) -> dict[int, Got]:
    http = Http()
    try:
        return await second_look.certificates(suspects, found, Certificates(http))
    finally:
        await http.close()
