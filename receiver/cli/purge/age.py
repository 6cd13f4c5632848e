"""Purging by age, with the worker's own means."""

from __future__ import annotations

from datetime import timedelta

import typer

from receiver import retention
from receiver.cli.setup import box, run, settings
from receiver.cli.shown import counted, print_json, progress
from receiver.inbox import open_inbox
from receiver.inbox import purge as purging
from receiver.pipeline.tools import now
from receiver.retention import Tally


def by_age(days: int | None, *, dry_run: bool, as_json: bool) -> None:
    found = settings()
    limit = found.retention_days if days is None else days
    with box() as opened:
        total = purging.count(opened, now() - timedelta(days=limit))
    done = run(purge_all(found.database_url, limit, total, dry_run=dry_run))
    if as_json:
        print_json(
            {
                "days": limit,
                "deliveries": done.purged,
                "still_open": done.still_open,
                "quarantine": done.quarantine,
                "dry_run": dry_run,
            }
        )
    else:
        say(limit, done, dry_run=dry_run)


def say(days: int, done: Tally, *, dry_run: bool) -> None:
    deliveries = counted(done.purged, "delivery", "deliveries")
    verb = "would be purged" if dry_run else "purged"
    age = counted(days, "day", "days")
    typer.echo(f"older than {age}: {deliveries} {verb}, {done.quarantine} from quarantine")
    if done.still_open:
        look = "receiver deliveries list --state held shows what waits for you"
        typer.echo(f"still open, and so kept: {done.still_open}; {look}")


async def purge_all(url: str, days: int, total: int, *, dry_run: bool) -> Tally:
    inbox = await open_inbox(url)
    try:
        with progress("purging", total) as tell:
            return await retention.by_age(
                inbox, days, now(), dry_run=dry_run, tell=lambda looked: tell(looked, None)
            )
    finally:
        await inbox.close()
