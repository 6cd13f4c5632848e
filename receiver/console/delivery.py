"""One delivery: what became of it and why, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from sqlalchemy import Connection as Box
from starlette.exceptions import HTTPException
from starlette.responses import Response

from adapters.contract import Reason
from receiver.articles import Missing, missing
from receiver.console.articles import pos_of
from receiver.console.bodies import shown
from receiver.console.parts import HOME, Asked
from receiver.console.parts import missing as not_there
from receiver.console.remedies import remedy
from receiver.inbox import desk, listing, operate, search
from receiver.inbox.articles import AWAITED
from receiver.inbox.nearest import Near, nearest
from receiver.inbox.records import OrderRecord
from receiver.pipeline.withdrawing import plans, withdraw

STEPS = 50  # the last ones
JOBS = 20
DISHES = 10
REASONS: Mapping[str, Reason] = {reason: reason for reason in get_args(Reason)}
CANCEL = "cancel"
FINAL = ("discard", CANCEL)  # asked for twice


@dataclass(frozen=True, slots=True)
class Seen:
    job: Mapping[str, Any]
    orders: Sequence[OrderRecord]
    beside: Sequence[Mapping[str, Any]]
    dishes: Sequence[tuple[Missing, Sequence[Near]]]  # without an article, and the nearest ones


def see(box: Box, asked: Asked) -> Seen | None:
    job = listing.detail(box, asked.id(), STEPS)
    if job is None:
        return None
    return Seen(
        job,
        search.orders_of(box, job["id"]),
        desk.beside(box, job["delivery"], JOBS),
        [] if "part" in asked.query else dishes(box, job, asked),
    )


def dishes(
    box: Box, job: Mapping[str, Any], asked: Asked
) -> Sequence[tuple[Missing, Sequence[Near]]]:
    """Those that it is held for, where a person may map them."""
    connection = asked.console.settings.connections.get(job["connection"])
    if connection is None or job["state"] != "held" or job["awaits"] != AWAITED:
        return []
    found = missing(job["reason"] or "")[:DISHES]
    every_pos = pos_of(asked.console, connection, job["pos"])
    near = nearest(box, every_pos, [dish.name for dish in found], asked.console.clock())
    return list(zip(found, near, strict=True))


async def show(asked: Asked) -> Response:
    seen = await asked.console.read(partial(see, asked=asked)) or not_there()
    template = "_delivery.html" if "part" in asked.query else "delivery.html"
    job = seen.job
    return asked.page(
        template,
        job=job,
        seen=seen,
        remedy=remedy(job),
        actions=[name for name in operate.ACTIONS if may(name, job)],
    )


def may(name: operate.ActionName, job: Mapping[str, Any]) -> bool:
    return job["state"] in operate.ACTIONS[name].of and not job["purged_at"]


async def body(asked: Asked) -> Response:
    """Not its headers, nor its address: some platforms prove themselves by a secret in those."""
    found = await asked.console.read(partial(search.request_of, job_id=asked.id())) or not_there()
    text, cut = shown(found[1].body)
    return asked.page("body.html", job_id=asked.id(), text=text, cut=cut)


async def confirm(asked: Asked) -> Response:
    """What cannot be undone, before it is done."""
    do, console = asked.path["do"], asked.console
    if do not in FINAL:
        raise HTTPException(404)
    job = await console.read(partial(listing.detail, job_id=asked.id(), last=0)) or not_there()
    look = partial(
        plans,
        settings=console.settings,
        job_id=job["id"],
        reason="technical",
        now=console.clock(),
    )
    found = await console.read(look) if do == CANCEL else []
    return asked.page("confirm.html", do=do, job=job, plans=found, reasons=REASONS)


async def act(asked: Asked) -> Response:
    do, place = asked.path["do"], f"{HOME}/deliveries/{asked.id()}"
    if do == CANCEL:
        return await cancel(asked, place)
    for name in operate.ACTIONS:
        if name == do:
            work = partial(operate.act, name=name, ids=[asked.id()], now=asked.console.clock())
            (done,) = await asked.console.write(work)
            text = operate.told(done, name)
            return asked.done(place, text, name, job=asked.id(), moved=done.moved)
    raise HTTPException(404)


async def cancel(asked: Asked, place: str) -> Response:
    console, reason = asked.console, REASONS.get(asked.form.get("reason", ""))
    if reason is None:
        raise HTTPException(400)
    work = partial(
        withdraw,
        settings=console.settings,
        job_id=asked.id(),
        reason=reason,
        now=console.clock(),
    )
    done = await console.write(work)
    text = "; ".join(one.text for one in done) or "no order came of it"
    begun = [one.order_id for one in done if one.begun]
    return asked.done(place, text, CANCEL, job=asked.id(), orders=begun)
