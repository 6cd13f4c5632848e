"""Sending the recorded deliveries, and looking whether they arrived as they should."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from adapters.contract import Call, Order, Outcome, Owner, PaymentUpdate, Told
from receiver import oktopos
from receiver.cli.demo.recordings import Recording
from receiver.cli.demo.shop import SLUG
from receiver.cli.demo.stage import Stage, until
from receiver.inbox import listing
from receiver.pipeline.tools import now

PATIENCE = 20.0  # seconds
UNDER_WAY = {"ready", "running"}
OPEN = UNDER_WAY | {"waiting"}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What became of one delivery; `why` is None when that is as it should be."""

    platform: str
    event: str
    answer: int
    ms: float
    oktopos_id: int | None = None
    total: int | None = None  # minor units
    tip: int | None = None  # minor units
    told: tuple[str, ...] = ()  # by the names of its own pages
    outcome: str = ""
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to see when all has settled down."""

    jobs: Sequence[Row]
    orders: Mapping[str, Row]  # at OktoPOS, by orderId
    calls: Mapping[str, Sequence[Row]]  # what each platform's API was asked

    def job(self, recording: Recording) -> Row:
        """That of an order stands in the order's queue."""
        slug, order = recording.adapter.slug, recording.order
        queue = oktopos.order_id(slug, order.order_id) if order else None
        return next(
            row
            for row in self.jobs
            if row["connection"] == slug and not row["answer"] and queue in (None, row["queue"])
        )


async def play(stage: Stage, shown: Sequence[Recording]) -> list[Arrival]:
    await stage.get(f"{stage.receiver}/healthz")  # so that no connecting is measured below
    sent = []
    waited = set()
    for recording in shown:
        sent.append(await send(stage, recording))
        if recording.adapter.kind == "payments":
            rows = await rows_without(stage, UNDER_WAY)
            waited |= {row["connection"] for row in rows if row["state"] == "waiting"}
    await cook(stage, (await look(stage)).orders.values())
    seen = await look_until_told(stage, shown)
    return [
        judged(arrival, recording, seen, waited=arrival.platform in waited)
        for arrival, recording in zip(sent, shown, strict=True)
    ]


async def send(stage: Stage, recording: Recording) -> Arrival:
    """Signed, and dated now, as if the platform had sent it this moment."""
    adapter, delivery, at = recording.adapter, recording.delivery, now()
    headers = {name: text for name, text in delivery.headers.items() if name != "host"}
    if "date" in headers:
        headers["date"] = format_datetime(at, usegmt=True)
    url = stage.settings.public_url + delivery.url
    dated = replace(delivery, url=url, headers=headers, received_at=at)
    signed = adapter.sign(dated, stage.settings.connections[adapter.slug].proves(dated)[0])
    if signed.certificate and adapter.certificate_at:
        stage.certificates[urlsplit(adapter.certificate_at(signed)).path] = signed.certificate
    started = time.perf_counter()
    reply = await stage.http.send(
        signed.method, signed.url, headers=signed.headers, body=signed.body
    )
    ms = round((time.perf_counter() - started) * 1000, 1)
    return Arrival(platform=adapter.slug, event=recording.event, answer=reply.status, ms=ms)


async def rows_without(stage: Stage, states: set[str]) -> list[Row]:
    """The jobs once none is in these states, or when patience is at its end."""

    async def rows() -> list[Row]:
        return [*await stage.inbox.read(lambda box: listing.page(box, limit=1000))]

    def settled(found: list[Row]) -> bool:
        return not any(row["state"] in states for row in found)

    found: list[Row] = await until(rows, settled, PATIENCE)
    return found


async def look(stage: Stage) -> Seen:
    jobs = await rows_without(stage, OPEN)
    orders = {held["orderId"]: held for held in await stage.get(f"{stage.till}/_sandbox/orders")}
    calls = {slug: await stage.get(f"{url}/_sandbox/calls") for slug, url in stage.apis.items()}
    return Seen(jobs, orders, calls)


async def cook(stage: Stage, orders: Iterable[Row]) -> None:
    """The till's staff say of each order that it is ready."""
    headers = {"x-api-key": stage.settings.pos["default"].api_key}
    for held in orders:
        body = json.dumps({"orderId": held["internalId"], "status": "ready"}).encode()
        url = f"{stage.till}/v1/order/set-status"
        await stage.http.send("POST", url, headers=headers, body=body)


async def look_until_told(stage: Stage, shown: Sequence[Recording]) -> Seen:
    """What there is to see once every platform has heard of its order."""

    def told(seen: Seen) -> bool:
        return all(not untold(one, one.order, seen) for one in shown if one.order)

    found: Seen = await until(partial(look, stage), told, PATIENCE)
    return found


def untold(recording: Recording, order: Order, seen: Seen) -> list[str]:
    """What its platform should have heard and did not: that it was accepted, that it is ready."""
    made = seen.calls.get(recording.adapter.slug, ())
    steps: tuple[Outcome, ...] = ("created", "ready")
    calls = [
        call
        for outcome in steps
        for call in recording.adapter.answer(recording.delivery, order, Told(outcome, now()))
    ]
    return [call.name for call in calls if not was_made(call, made)]


def judged(sent: Arrival, recording: Recording, seen: Seen, *, waited: bool) -> Arrival:
    """A call that does not fit what the platform documents is as bad as an order that is lost."""
    found = arrived(sent, recording, seen, waited=waited)
    calls = [call for call in seen.calls.get(sent.platform, ()) if call["wrong"]]
    refused = [f"{call['method']} {call['path']}: {', '.join(call['wrong'])}" for call in calls]
    return replace(found, why="; ".join(filter(None, (found.why, *refused))) or None)


def arrived(sent: Arrival, recording: Recording, seen: Seen, *, waited: bool) -> Arrival:
    if not 200 <= sent.answer < 300:
        return replace(sent, outcome="not taken", why=f"it was answered {sent.answer}")
    if recording.order:
        return of_order(sent, recording, recording.order, seen)
    if recording.payment:
        return of_payment(sent, recording, recording.payment, seen, waited=waited)
    job = seen.job(recording)
    why = None if job["state"] in ("done", "ignored") else str(job["reason"])
    return replace(sent, outcome=job["state"], why=why)


def of_order(sent: Arrival, recording: Recording, order: Order, seen: Seen) -> Arrival:
    job = seen.job(recording)
    held = seen.orders.get(oktopos.order_id(sent.platform, order.order_id))
    if held is None:
        return replace(sent, outcome=job["state"], why=f"no order at OktoPOS: {job['reason']}")
    body = held["order"]
    total = cents(body["payment"]["price"])
    tip = sum(cents(each["price"]) for each in body.get("tipTransactions", ()))
    meant = sum(each.amount for each in order.tips if each.owner is Owner.RESTAURANT)
    made, missing = seen.calls.get(sent.platform, ()), untold(recording, order, seen)
    wrong = {
        f"the total is {total} cents, the platform states {order.total}": total
        != (total if order.total is None else order.total),
        f"the tip is {tip} cents, not {meant}": tip != meant,
        f"the platform was not told {', '.join(missing)}": bool(missing),
        f"it is {job['state']}: {job['reason']}": job["state"] != "done",
    }
    return replace(
        sent,
        oktopos_id=held["internalId"],
        total=total,
        tip=tip or None,
        told=tuple(str(row["call"]) for row in made if is_answer(row)),
        outcome=f"{held['status']}: {held['orderId']}",
        why="; ".join(text for text, is_so in wrong.items() if is_so) or None,
    )


def of_payment(
    sent: Arrival,
    recording: Recording,
    update: PaymentUpdate,
    seen: Seen,
    *,
    waited: bool,
) -> Arrival:
    """Its order must stand at OktoPOS, and have been told this very status."""
    job = seen.job(recording)
    held = seen.orders.get(oktopos.order_id(SLUG, update.reference or ""))
    if held is None:
        why = f"its order does not stand at OktoPOS: {job['reason']}"
        return replace(sent, outcome=job["state"], why=why)
    told = [step["status"] for step in held["history"] if step["kind"] == "payment"]
    wrong = {
        f"OktoPOS was told {', '.join(told) or 'nothing'}, not {update.status}": told
        != [update.status],
        "it did not wait for its order": not waited,
        f"it is {job['state']}: {job['reason']}": job["state"] != "done",
    }
    return replace(
        sent,
        oktopos_id=held["internalId"],
        outcome=f"{update.status}: {held['orderId']}",
        why="; ".join(text for text, is_so in wrong.items() if is_so) or None,
    )


def is_answer(row: Row) -> bool:
    """Neither a fetch nor a request for a token; and taken."""
    asked = row["method"] == "GET" or row["call"] == "token"
    return not asked and 200 <= (row["status"] or 0) < 300


def was_made(call: Call, calls: Sequence[Row]) -> bool:
    return any(
        (row["method"], unquote(row["path"])) == (call.method, unquote(call.path))
        for row in calls
        if is_answer(row)
    )


def cents(price: Row) -> int:
    return int(Decimal(price["value"]) * 100)
