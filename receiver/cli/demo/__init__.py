"""`demo`: the whole line on this machine, with one delivery of every platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from receiver import log
from receiver.cli import setup
from receiver.cli.demo import shop as shops
from receiver.cli.demo.playing import Arrival, play
from receiver.cli.demo.recordings import Recording, read_all
from receiver.cli.demo.stage import Stage, set_up
from receiver.cli.explain import FAILED, complain
from receiver.cli.setup import run, until_signal
from receiver.cli.shown import Json, console, money, print_json, print_table

COLUMNS = (
    "platform",
    "event",
    "answer",
    "ms",
    "OktoPOS id",
    "total",
    "tip",
    "told",
    "outcome",
)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End at once; exit 1 unless all arrived as it should.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a receiver with stand-ins around it and send it one delivery of every platform."""
    log.configure("error", "console")
    shown = everything(read_all(setup.ADAPTERS))
    if not run(perform(shown, once=once, as_json=as_json)):
        raise typer.Exit(FAILED)


def everything(recorded: Sequence[Recording]) -> list[Recording]:
    """The payments first, so that they have to wait; then the orders, theirs among them."""
    payments = [one for one in recorded if one.payment]
    shop = next((one for one in recorded if one.adapter.slug == shops.SLUG), None)
    return [*recorded, *(shops.orders_of(payments, shop) if shop else ())]


async def perform(shown: Sequence[Recording], *, once: bool, as_json: bool) -> bool:
    """Whether everything arrived as it should; only `once` makes that the exit code."""
    async with set_up(shown) as built:
        with console(to_stderr=True).status("deliveries on their way"):
            arrivals = await play(built, shown)
        report(built, arrivals, as_json=as_json)
        if not once:
            addresses(built)
            await until_signal()
    return not once or not any(arrival.why for arrival in arrivals)


def report(built: Stage, arrivals: Sequence[Arrival], *, as_json: bool) -> None:
    wrong = [arrival for arrival in arrivals if arrival.why]
    if as_json:
        print_json(
            {
                "ok": not wrong,
                "receiver": built.receiver,
                "sandbox": built.till,
                "deliveries": [asdict(arrival) for arrival in arrivals],
            }
        )
    else:
        print_table(COLUMNS, [cells(arrival) for arrival in arrivals])
    for arrival in wrong:
        complain(f"{arrival.platform} {arrival.event}: {arrival.why}")


def cells(arrival: Arrival) -> tuple[object, ...]:
    return (
        arrival.platform,
        arrival.event,
        arrival.answer,
        arrival.ms,
        arrival.oktopos_id,
        money(arrival.total),
        money(arrival.tip),
        ", ".join(arrival.told),
        arrival.outcome,
    )


def addresses(built: Stage) -> None:
    typer.echo(f"\nreceiver  {built.receiver}/readyz", err=True)
    password = built.settings.console_password
    typer.echo(f"console   {built.receiver}/console  password: {password}", err=True)
    typer.echo(f"OktoPOS   {built.till}/_sandbox/orders", err=True)
    typer.echo("Ctrl-C ends it", err=True)
