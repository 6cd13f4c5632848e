"""`quarantine`: deliveries that were not proven genuine, and a second look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, TypeAlias

import typer
from sqlalchemy import Connection

from adapters.contract import Delivery, Rejected
from receiver.certificates import Certificates, NoCertificate
from receiver.cli.explain import FAILED, complain
from receiver.cli.setup import box, run, settings
from receiver.cli.shown import Json, local, print_json, print_table, with_times
from receiver.http import Http
from receiver.inbox import by_hand, operate, quarantine
from receiver.inbox.keep import keep_many
from receiver.pipeline.tools import now
from receiver.settings import Settings
from receiver.settings.model import Connection as Configured
from receiver.web import incoming

app = typer.Typer(help="Deliveries that were not proven genuine.", no_args_is_help=True)

COLUMNS = ("id", "connection", "path", "received", "reason")
Got: TypeAlias = bytes | Rejected | NoCertificate


@dataclass(frozen=True, slots=True)
class Look:
    """With what the second look is taken."""

    settings: Settings
    certificates: Mapping[int, Got]  # by the delivery's id, where its platform signs by one
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    id: int
    connection: str | None
    released: bool
    text: str


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
        suspects = [one for one in quarantine.every(opened) if ids is None or one[0] in ids]
    look = Look(found, run(certificates(suspects, found)), now())
    with by_hand.opened(found.database_url, writes=True) as opened:
        verdicts = look_again(opened, look, ids)
    if as_json:
        print_json([vars_of(verdict) for verdict in verdicts])
    for verdict in verdicts:
        if not verdict.released:
            complain(f"{verdict.id}: {verdict.text}")
        elif not as_json:
            typer.echo(f"{verdict.id}: {verdict.text}")
    if not all(verdict.released for verdict in verdicts):
        raise typer.Exit(FAILED)


def vars_of(verdict: Verdict) -> dict[str, object]:
    return {
        "id": verdict.id,
        "connection": verdict.connection,
        "released": verdict.released,
        "text": verdict.text,
    }


async def certificates(
    suspects: Sequence[tuple[int, str, Delivery]], found: Settings
) -> dict[int, Got]:
    """Each of them anew, or why not: before the box is locked, as it may take a while."""
    http = Http()
    source = Certificates(http)
    try:
        return {
            row: await certificate(source, configured, delivery)
            for row, name, delivery in suspects
            if (configured := found.connections.get(name)) and configured.adapter.certificate_at
        }
    finally:
        await http.close()


async def certificate(source: Certificates, of: Configured, delivery: Delivery) -> Got:
    try:
        return (await source.given(of, delivery)).certificate or b""
    except (Rejected, NoCertificate) as error:
        return error


def look_again(connection: Connection, look: Look, ids: Sequence[int] | None) -> Sequence[Verdict]:
    """Kept and out of quarantine in one transaction; of all when `ids` is None."""
    suspects = {row: (name, delivery) for row, name, delivery in quarantine.every(connection)}
    asked = list(suspects) if ids is None else list(dict.fromkeys(ids))
    verdicts = [
        judge(connection, look, row, *suspects[row])
        if row in suspects
        else Verdict(row, None, False, "there is no such delivery in quarantine")
        for row in asked
    ]
    quarantine.remove(connection, [verdict.id for verdict in verdicts if verdict.released])
    return verdicts


def judge(connection: Connection, look: Look, row: int, name: str, delivery: Delivery) -> Verdict:
    """Judged as of when it came: a signature that was fresh then is fresh."""
    configured = look.settings.connections.get(name)
    if configured is None:
        return Verdict(row, name, False, f"connection {name} is not set up")
    try:
        delivery = holding(delivery, look.certificates.get(row))
        configured.adapter.verify(delivery, configured.proves(delivery))
    except (Rejected, NoCertificate) as error:
        return Verdict(row, name, False, f"still not proven genuine: {error}")
    one = incoming(configured, delivery)
    (new,) = keep_many(connection, [one])
    if not new:
        return Verdict(row, name, True, "it had been kept already; the platform sent it again")
    operate.begin_now(connection, name, one.delivery_id, look.at)
    return Verdict(row, name, True, f"kept as {one.delivery_id}")


def holding(delivery: Delivery, got: Got | None) -> Delivery:
    """Raises what was raised in its stead."""
    if isinstance(got, Exception):
        raise got
    return replace(delivery, certificate=got)
