"""`serve`, `worker`, `migrate`, `sandbox`: what runs, and what makes it able to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from sqlalchemy.exc import DatabaseError

from receiver import log
from receiver import serve as serving_process
from receiver.cli import setup
from receiver.cli.explain import Failure
from receiver.cli.setup import run, settings, settings_and_warnings, until_signal
from receiver.cli.shown import Json, print_json
from receiver.cli.stand_ins import StandIn, stand_in, together
from receiver.inbox import by_hand
from receiver.inbox import migrate as migration
from receiver.inbox.dialect import sqlite_path
from receiver.inbox.records import StoreUnavailable
from receiver.sandbox import create_sandbox
from receiver.serving import serving

logger = log.logger()


def serve(
    no_worker: Annotated[
        bool,
        typer.Option("--no-worker", help="Only the web side; `receiver worker` does the rest."),
    ] = False,
) -> None:
    """Take deliveries and bring them to OktoPOS, until SIGTERM or Ctrl-C."""
    start(web=True, work=not no_worker)


def worker() -> None:
    """Only bring to OktoPOS what a `receiver serve --no-worker` takes."""
    start(web=False, work=True)


def start(*, web: bool, work: bool) -> None:
    found, warnings = settings_and_warnings()
    log.configure(found.log_level, found.log_format)
    for warning in warnings:
        logger.warning("setup", finding=warning)
    demand_box(found.database_url)
    serving_process.prepare(found)
    run(serving_process.serve(found, web=web, work=work))


def demand_box(url: str) -> None:
    """A box that can be used, or will be once the database is back or its file is migrated.

    Raises NotMigrated, and StoreUnavailable for a file: waiting mends none.
    """
    is_file = sqlite_path(url) is not None
    try:
        found = by_hand.trouble(url)
    except StoreUnavailable as error:
        if is_file:
            raise
        logger.error("store_unavailable", reason=str(error))
        return
    if found and not (is_file and found.migrating_helps):
        raise by_hand.NotMigrated(found.text)


def migrate(as_json: Json = False) -> None:
    """Bring the database to the shape this version needs."""
    found_settings = settings()
    direct = found_settings.direct_database_url
    url = direct or found_settings.database_url
    setting = "DIRECT_DATABASE_URL" if direct else "DATABASE_URL"
    found = by_hand.trouble(url, setting)
    if found and not found.migrating_helps:
        raise by_hand.NotMigrated(found.text)
    try:
        before, after = migration.migrate(url)
    except DatabaseError as error:
        raise Failure(by_hand.refusal(error, setting)) from None
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        typer.echo(f"{after}: nothing to do")
    else:
        typer.echo(f"{before or 'empty'} -> {after}")


def sandbox(
    host: Annotated[str, typer.Option(help="Interface to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8090,
    api_key: Annotated[str, typer.Option(help="The key it asks for.")] = "sandbox",
    platforms: Annotated[
        bool, typer.Option("--platforms", help="Stand in for the platforms' APIs as well.")
    ] = False,
) -> None:
    """A stand-in for OktoPOS to try things with, until Ctrl-C; it forgets everything then."""
    found = [stand_in(adapter, "sandbox") for adapter in setup.ADAPTERS.values() if platforms]
    run(standing_in(host, port, api_key, [each for each in found if each]))


async def standing_in(host: str, port: int, api_key: str, stand_ins: Sequence[StandIn]) -> None:
    async with AsyncExitStack() as stack:
        till = create_sandbox(api_key)
        app = together({each.adapter.slug: each for each in stand_ins}, till)
        try:
            url = await stack.enter_async_context(serving(app, host=host, port=port))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Failure(f"cannot listen on {host}:{port}: {reason}; use another --port") from None
        typer.echo(f"OKTOPOS_URL={url}/v1\nOKTOPOS_API_KEY={api_key}")
        for each in stand_ins:
            typer.echo("\n".join(f"{name}={text}" for name, text in each.variables(url).items()))
        typer.echo(f"what it holds: {url}/_sandbox/orders; Ctrl-C ends it", err=True)
        if stand_ins:
            typer.echo(f"what a platform was told: {url}/<slug>/_sandbox/calls", err=True)
        await until_signal()
