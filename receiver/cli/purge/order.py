"""Purging one order: whichever of its names is given, wherever it left something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import typer
from sqlalchemy import Connection

from receiver.cli.explain import FAILED, Failure, complain
from receiver.cli.setup import settings
from receiver.cli.shown import counted, local, money, print_json, print_table, utc
from receiver.inbox import by_hand, erase, quarantine
from receiver.inbox.erase import Part
from receiver.inbox.records import OrderRecord, ms
from receiver.inbox.tables import STANDING_STATES
from receiver.incoming import incoming
from receiver.oktopos import order_id
from receiver.pipeline.payments import UNKNOWN
from receiver.pipeline.tools import now
from receiver.settings import Settings

COLUMNS = ("order", "pos", "called", "state", "received", "total")
NOTHING = "nothing of it is left to purge"


@dataclass(frozen=True, slots=True)
class Meant:
    """An order, and every queue that something of it may have come in."""

    order_id: str
    queues: frozenset[str]
    record: OrderRecord | None = None


def of_order(called: str, *, dry_run: bool, as_json: bool) -> None:
    found = settings()
    with by_hand.opened(found.database_url) as opened:
        several = meant(opened, called, found)
        if not several:
            raise Failure(f"no order is called {called}")
        if len(several) > 1:
            list_them(called, several, as_json=as_json)
            raise typer.Exit(FAILED)
        (one,) = several
        parts = erase.parts(opened, one.queues)
        suspects = suspected(opened, one.queues, found)
    demand_end(one.order_id, parts)
    ids = {part.delivery for part in parts}
    if not dry_run:
        erase_it(found, one.order_id, ids, suspects)
    tell(one.order_id, len(ids), len(suspects), dry_run=dry_run, as_json=as_json)


def meant(opened: Connection, called: str, found: Settings) -> list[Meant]:
    """Every order that is called so; one that none came of is known by its queue alone."""
    records = erase.orders_called(opened, called)
    if records:
        return [
            Meant(one.order_id, queues(erase.names(opened, one), found) | {one.order_id}, one)
            for one in records
        ]
    possible = {called, *(order_id(name, called) for name in found.connections)}
    return [Meant(queue, frozenset({queue})) for queue in erase.queues_among(opened, possible)]


def queues(names: Iterable[str], found: Settings) -> frozenset[str]:
    """As the web side and payments of unknown orders name them."""
    return frozenset(
        queue
        for name in names
        for queue in (
            *(order_id(connection, name) for connection in found.connections),
            *(f"{UNKNOWN}{pos} {name}" for pos in found.pos),
        )
    )


def suspected(opened: Connection, of: frozenset[str], found: Settings) -> list[int]:
    """What is in quarantine and says that it is of this order."""
    return [
        row
        for row, name, delivery in quarantine.every(opened)
        if name in found.connections and incoming(found.connections[name], delivery).queue in of
    ]


def demand_end(called: str, parts: Sequence[Part]) -> None:
    waiting = [f"job {part.job} is {part.state}" for part in parts if part.state in STANDING_STATES]
    if waiting:
        remedy = "purge it when that is done, or discard it first"
        raise Failure(f"{called} is still open: {', '.join(waiting)}; {remedy}")


def erase_it(found: Settings, called: str, ids: set[int], suspects: Sequence[int]) -> None:
    """All of it or nothing."""
    with by_hand.opened(found.database_url, writes=True) as opened:
        if not erase.erase(opened, called, ids, suspects, now()):
            raise Failure(f"{called} was opened again meanwhile, and nothing was purged: try again")


def tell(called: str, deliveries: int, suspects: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        counts = {"deliveries": deliveries, "quarantine": suspects}
        print_json({"order": called, **counts, "dry_run": dry_run})
    elif not deliveries and not suspects:
        typer.echo(f"{called}: {NOTHING}")
    else:
        verb = "would be purged" if dry_run else "purged"
        what = counted(deliveries, "delivery", "deliveries")
        typer.echo(f"{called}: {what} {verb}, {suspects} from quarantine")


def list_them(called: str, several: Sequence[Meant], *, as_json: bool) -> None:
    complain(f"{called} may be any of these {len(several)}; name one by its order id")
    rows = [(one.order_id, one.record) for one in several]
    if as_json:
        print_json({"orders": [as_row(*row) for row in rows]})
    else:
        print_table(COLUMNS, [cells(*row) for row in rows])


def as_row(called: str, one: OrderRecord | None) -> dict[str, object]:
    if one is None:
        return {"order_id": called}
    return {
        "order_id": called,
        "pos": one.pos,
        "display_id": one.display_id,
        "state": one.state,
        "received_at": utc(ms(one.created_at)),
        "total": one.total,
    }


def cells(called: str, one: OrderRecord | None) -> tuple[object, ...]:
    if one is None:
        return (called, "", "", "", "", "")
    at, total = local(ms(one.created_at)), money(one.total)
    return (called, one.pos, one.display_id, one.state, at, total)
