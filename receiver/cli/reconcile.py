"""`reconcile`: asking the platforms for orders that never reached us."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer

from receiver import log
from receiver.cli.explain import FAILED, Failure, complain
from receiver.cli.setup import run, settings
from receiver.cli.shown import Json, console, print_json, print_table
from receiver.http import Http
from receiver.inbox import by_hand, open_inbox, seen
from receiver.pipeline.tools import now
from receiver.platforms import Platforms
from receiver.reconcile import LOOK_BACK, Reconciler, Report, hindrance
from receiver.settings import Settings
from receiver.settings.model import Connection
from receiver.tokens import Tokens, vault

AGO = re.compile(r"(?P<count>[0-9]{1,4})(?P<unit>[mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
COLUMNS = ("connection", "since", "listed", "known", "kept", "over", "failed")

Name = Annotated[
    str | None,
    typer.Argument(metavar="CONNECTION", help="Only this one; else all whose platform lists."),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="2h, 90m or 1d ago, or ISO 8601, without an offset local. Else a day ago at most.",
    ),
]


def reconcile(name: Name = None, since: Since = None, as_json: Json = False) -> None:
    """Ask the platforms that list orders for those that never came, and let them in."""
    log.configure("critical", "console")
    found = settings()
    begins = moment(since)
    chosen = choose(found, name)
    with by_hand.opened(found.database_url) as box:
        firsts = {each.name: seen.first(box, each.name) for each in chosen}
    asked = [(each, at) for each in chosen if (at := begins or default(firsts[each.name]))]
    for never in sorted({each.name for each in chosen} - {each.name for each, _ in asked}):
        complain(f"{never}: nothing has come yet, so nothing says since when: use --since")
    if not asked:
        raise typer.Exit(FAILED)
    reports = run(ask_all(found, asked))
    report(reports, as_json=as_json)
    if any(each.failed for each in reports):
        raise typer.Exit(FAILED)


def moment(text: str | None) -> datetime | None:
    if found := AGO.fullmatch(text or ""):
        return now() - timedelta(**{UNITS[found["unit"]]: int(found["count"])})
    try:
        at = datetime.fromisoformat(text).astimezone() if text else None
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "--since: write a time as 2026-03-13T18:00, or as 2h or 90m how long ago"
        ) from None
    if at and at > now():
        raise typer.BadParameter("--since: that is still to come")
    return at


def choose(found: Settings, name: str | None) -> Sequence[Connection]:
    """Raises Failure where nobody can be asked."""
    if name is None:
        able = [each for each in found.connections.values() if lists(each)]
        if not able:
            raise Failure("no platform that is set up documents a call that lists orders")
        return able
    if name not in found.connections:
        known = ", ".join(found.connections)
        raise Failure(f"no connection is called {name}; there are: {known}")
    if why := hindrance(found.connections[name]):
        raise Failure(why)
    return [found.connections[name]]


def lists(connection: Connection) -> bool:
    api = connection.adapter.api
    return api is not None and api.listing is not None


def default(first: datetime | None) -> datetime | None:
    """Not before the first delivery: what is older was never meant for us."""
    return first and max(first, now() - LOOK_BACK)


async def ask_all(
    found: Settings, asked: Sequence[tuple[Connection, datetime]]
) -> Sequence[Report]:
    inbox = await open_inbox(found.database_url)
    http = Http()
    platforms = Platforms(http, now, Tokens(vault(inbox, found.secret_key)))
    reconciler = Reconciler(inbox, platforms)
    try:
        with console(to_stderr=True).status("asking") as status:

            def progress(done: Report) -> None:
                status.update(f"{done.connection}: {done.listed} listed, {len(done.kept)} kept")

            return [await reconciler.ask(each, since, progress) for each, since in asked]
    finally:
        await http.close()
        await inbox.close()


def report(reports: Sequence[Report], *, as_json: bool) -> None:
    if as_json:
        print_json([shown(each) for each in reports])
    else:
        print_table(COLUMNS, [cells(each) for each in reports])
    for each in reports:
        for why in each.failed:
            complain(f"{each.connection}: {why}")
        if each.over:
            over = ", ".join(each.over)
            complain(f"{each.connection}: done already and not at the till by us: {over}")


def shown(each: Report) -> dict[str, object]:
    said = {**asdict(each), "since": each.since.isoformat(), "known": each.known}
    return {name: value for name, value in said.items() if name != "again"}


def cells(each: Report) -> tuple[object, ...]:
    since = each.since.astimezone().isoformat(" ", timespec="seconds")
    counts = map(len, (each.kept, each.over, each.failed))
    return (each.connection, since, each.listed, each.known, *counts)
