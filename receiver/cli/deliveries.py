"""`deliveries`: what came, what became of it, and an operator's hand on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from adapters.contract import Delivery
from receiver.cli.explain import FAILED, Failure, complain
from receiver.cli.setup import box, settings
from receiver.cli.shown import (
    JobIds,
    Json,
    local,
    plain,
    print_json,
    print_table,
    utc,
    with_times,
)
from receiver.inbox import listing, operate, search
from receiver.inbox.records import State
from receiver.inbox.tables import NEVER, OPEN_STATES
from receiver.pipeline.tools import now
from receiver.pipeline.withdrawing import withdraw

app = typer.Typer(
    help="What came, what became of it, and what to do about it.", no_args_is_help=True
)


class Why(Enum):
    """adapters.contract.Reason, as an option takes it."""

    ITEM_UNAVAILABLE = "item_unavailable"
    CLOSED = "closed"
    TECHNICAL = "technical"


Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="As in the list.")]
COLUMNS = ("id", "connection", "delivery id", "queue", "state", "reason", "received", "arrivals")
FACTS = ("connection", "delivery_id", "queue", "pos", "state", "reason", "failures", "arrivals")


@app.command("list")
def list_(
    state: Annotated[
        list[State] | None, typer.Option(help="Only these; may be given several times.")
    ] = None,
    connection: Annotated[str | None, typer.Option(help="Only of this connection.")] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="What the delivery, its queue or its order is called; else a part of it or of"
            " the reason."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """The newest deliveries, and answers to platforms, without their bodies."""
    with box() as opened:
        found = listing.page(
            opened, states=state or (), connection_name=connection, text=text, limit=limit
        )
    if as_json:
        print_json([with_times({**row, "answer": bool(row["answer"])}) for row in found])
    else:
        print_table(COLUMNS, [cells(row) for row in found])


def cells(row: Mapping[str, Any]) -> Sequence[object]:
    return (
        row["id"],
        row["connection"],
        row["delivery_id"],
        row["queue"],
        row["state"],
        row["reason"],
        local(row["received_at"]),
        row["arrivals"],
    )


@app.command()
def show(
    job: Id,
    body: Annotated[
        bool, typer.Option("--body", help="With the kept headers and body: customers' data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """One delivery with all its attempts and the peers' whole answers."""
    with box() as opened:
        found = listing.detail(opened, job)
        request = search.request_of(opened, job) if body else None
    if found is None:
        raise Failure(f"there is no job {job}; receiver deliveries list shows which there are")
    shown = request_json(request[1]) if request else None
    if as_json:
        print_json(detail_json(found) | ({"request": shown} if shown else {}))
    else:
        print_detail(found, shown)


def detail_json(found: Mapping[str, Any]) -> dict[str, Any]:
    steps = [with_times(step) for step in found["attempts"]]
    flags = {name: bool(found[name]) for name in ("overtakes", "sent", "at_risk")}
    until = {"deadline": deadline_of(found), "alarm_at": utc(found["alarm_at"])}
    return {**with_times(found), **flags, **until, "attempts": steps}


def deadline_of(found: Mapping[str, Any]) -> str | None:
    return None if found["deadline"] >= NEVER else utc(found["deadline"])


def request_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "method": delivery.method,
        "url": delivery.url,
        "headers": dict(delivery.headers),
        "body": delivery.body.decode("utf-8", "replace"),
    }


def print_detail(found: Mapping[str, Any], request: Mapping[str, Any] | None) -> None:
    typer.echo(f"job {found['id']}")
    for name, value in facts_of(found).items():
        typer.echo(plain(f"  {name:<12} {'' if value is None else value}".rstrip()))
    if found["call"]:
        typer.echo(plain(f"  answer       {found['call']}"))
    for step in found["attempts"]:
        typer.echo(plain(f"{local(step['at'])}  {step['outcome']}  {step['detail']}".rstrip()))
        for line in (step["answer"] or "").splitlines():
            typer.echo(f"    {plain(line)}")
    if request:
        typer.echo(plain(f"\n{request['method']} {request['url']}"))
        for name, value in request["headers"].items():
            typer.echo(plain(f"{name}: {value}"))
        typer.echo(f"\n{plain(request['body'])}")


def facts_of(found: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name.replace("_", " "): found[name] for name in FACTS}
    facts["received"] = local(found["received_at"])
    if found["purged_at"]:
        facts["purged"] = f"{local(found['purged_at'])}: what it brought is gone"
    if found["state"] in OPEN_STATES:
        facts["due"] = local(found["due_at"])
    if found["deadline"] < NEVER:
        facts["deadline"] = local(found["deadline"])
    return facts


@app.command()
def replay(ids: JobIds, as_json: Json = False) -> None:
    """Process them once more, whatever became of them."""
    act("replay", ids, as_json=as_json)


@app.command()
def hold(ids: JobIds, as_json: Json = False) -> None:
    """Keep them, and what comes after them in their queue, from being processed."""
    act("hold", ids, as_json=as_json)


@app.command()
def discard(ids: JobIds, as_json: Json = False) -> None:
    """Give them up: they are dead, and no longer in anyone's way."""
    act("discard", ids, as_json=as_json)


@app.command()
def cancel(
    job: Id,
    reason: Annotated[
        Why, typer.Option(help="What OktoPOS and the platform are told as the reason.")
    ] = Why.TECHNICAL,
    as_json: Json = False,
) -> None:
    """Cancel the order of a delivery, at OktoPOS and at its platform."""
    with box(writes=True) as opened:
        done = withdraw(opened, settings(), job, reason.value, now())
    if as_json:
        print_json([asdict(one) for one in done])
    elif not done:
        complain(f"{job}: no order came of it; receiver deliveries show {job}")
    for one in done if not as_json else ():
        typer.echo(one.text) if one.begun else complain(one.text)
    if not done or not all(one.begun for one in done):
        raise typer.Exit(FAILED)


def act(name: operate.ActionName, ids: Sequence[int], *, as_json: bool) -> None:
    """Exit 1 when it could not be done to all of them."""
    with box(writes=True) as opened:
        done = operate.act(opened, name, ids, now())
    to = operate.ACTIONS[name].to
    if as_json:
        print_json(
            [{"id": one.id, "was": one.was, "state": to if one.moved else one.was} for one in done]
        )
    for one in done:
        line = f"{one.id}: {operate.told(one, name)}"
        if not one.moved:
            complain(line)
        elif not as_json:
            typer.echo(line)
    if not all(one.moved for one in done):
        raise typer.Exit(FAILED)
