"""Orders and their cancellations: created once, canceled whenever the platform says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Literal

from adapters.contract import Cancellation, Order, Told
from receiver import catalogue, oktopos
from receiver.articles import Known
from receiver.errors import Held
from receiver.inbox import search
from receiver.inbox.records import (
    Answer,
    Attempt,
    Job,
    OrderRecord,
    PaymentRecord,
    PosVerdict,
    Settlement,
    State,
)
from receiver.pipeline.answers import acceptance, packed, recalled, remembered
from receiver.pipeline.tools import Tools
from receiver.settings.model import Connection, Pos

OPERATOR = "operator"  # who cancels, where it is not the platform that says so
NO_NUMBER = (
    "OktoPOS has the order but named no internalId, and set-status knows orders only by it: "
    "change it at the till"
)


async def forward(order: Order, job: Job, connection: Connection, tools: Tools) -> Settlement:
    """Creates the order at its POS, unless it stands there already or was canceled before."""
    pos = tools.pos(connection, order.store_id)
    order = replace(order, placed_at=order.placed_at or job.delivery.received_at)
    before, known = await looked_up(order, connection, pos, tools)
    seen = before is not None and before.delivery == job.delivery_row  # so it was accepted then
    record = known_as(before or expected(order, connection, pos.name, job), order, job)
    record = replace(record, pos=pos.name, display_id=order.display_id)
    if record.state == "created" and record.cancellation:
        return await cancel_created(record, unpack(record.cancellation), job, pos, tools)
    now = tools.clock()
    if record.state in ("created", "canceled", "denied"):
        again = record.state == "created"  # some platforms want every announcement accepted
        calls = acceptance(order, job, connection, now, "on_pos", "on_receipt") if again else ()
        return done("repeated", f"the order is {record.state} already", calls=calls)
    if record.cancellation and not job.sent:
        gone = replace(record, state="canceled")
        calls = await confirmation(gone, unpack(record.cancellation), tools)
        return done("canceled", "canceled before it was created", orders=(gone,), calls=calls)
    end = await create(order, known, record, job, connection, pos, tools)
    if end.state is not State.DONE:
        return end
    when: tuple[Literal["on_pos", "on_receipt"], ...] = ("on_pos", "on_receipt")
    calls = acceptance(order, job, connection, now, *when[: 1 if seen else 2])
    return replace(end, calls=calls) if calls else end


async def create(
    order: Order,
    known: Known,
    record: OrderRecord,
    job: Job,
    connection: Connection,
    pos: Pos,
    tools: Tools,
) -> Settlement:
    """map > forward: and the cancellation at once that came while the order was on its way."""
    if job.sent and pos.on_ambiguous == "hold" and not job.cleared:
        raise Held(
            f'the order may stand at OktoPOS already (pos.{pos.name}.on_ambiguous = "hold"): '
            "look there, then replay or discard it"
        )
    mapped = oktopos.create_body(order, connection, pos, tools.clock(), known)
    answer = await oktopos.create(
        tools.http, tools.open(pos, job), mapped.body, sent_before=job.sent
    )
    created = replace(
        record,
        state="created",
        internal_id=answer.internal_id,
        total=mapped.total,
        tip=mapped.tip,
        figures=json.dumps(mapped.figures),
    )
    if created.cancellation:
        return again_to_cancel(created, answer, job)
    return Settlement(
        state=State.DONE,
        pos=pos.name,
        attempts=(Attempt("created", "; ".join(mapped.notes), answer.text),),
        orders=(created,),
        payments=(first_payment(order, created),),
        verdicts=(PosVerdict(pos.name),),
    )


def again_to_cancel(created: OrderRecord, answer: oktopos.Answer, job: Job) -> Settlement:
    """It stands now and must not: what has happened is settled first, the rest follows at once."""
    return Settlement(
        state=State.READY,
        pos=created.pos,
        attempts=(Attempt("created", "canceled meanwhile", answer.text),),
        orders=(created,),
        verdicts=(PosVerdict(created.pos),),
    )


async def cancel(
    cancellation: Cancellation, job: Job, connection: Connection, tools: Tools
) -> Settlement:
    """The platform's cancellation wins, whatever has become of the order meanwhile."""
    record = await recorded(cancellation.order_id, connection, tools)
    if record is None:
        return came_first(cancellation, job, connection)
    match record.state:
        case "created":
            pos = tools.named_pos(record.pos)
            return await cancel_created(record, cancellation, job, pos, tools)
        case "expected":
            waiting = replace(record, cancellation=pack(cancellation))
            return done("canceled", "it is not created", orders=(waiting,), wakes_queue=True)
        case "refused":  # an operator might still have it created
            gone = replace(record, state="canceled")
            return done("canceled", "the order is refused already", orders=(gone,))
        case "canceled" | "denied":
            return done("canceled", f"the order is {record.state} already")


def came_first(cancellation: Cancellation, job: Job, connection: Connection) -> Settlement:
    """Before its order: remembered, so that the order is not created when it comes."""
    unseen = OrderRecord(
        order_id=oktopos.order_id(connection.name, cancellation.order_id),
        connection=connection.name,
        pos=job.pos or "",
        platform_id=cancellation.order_id,
        state="expected",
        created_at=job.delivery.received_at,
        cancellation=pack(cancellation),
        references=(cancellation.order_id,),
    )
    return done("canceled", "before its order came; it will not be created", orders=(unseen,))


async def cancel_created(
    record: OrderRecord, cancellation: Cancellation, job: Job, pos: Pos, tools: Tools
) -> Settlement:
    if record.internal_id is None:
        raise Held(NO_NUMBER)
    body = oktopos.status_body(record.internal_id, cancellation)
    answer = await oktopos.set_status(tools.http, tools.open(pos, job), body)
    return Settlement(
        state=State.DONE,
        pos=pos.name,
        attempts=(Attempt("canceled", "at OktoPOS", answer.text),),
        orders=(replace(record, state="canceled"),),
        calls=await confirmation(record, cancellation, tools),
        verdicts=(PosVerdict(pos.name),),
    )


async def confirmation(
    record: OrderRecord, cancellation: Cancellation, tools: Tools
) -> tuple[Answer, ...]:
    """What tells the platform that its cancellation is done. Ours it was told when we began."""
    if cancellation.by == OPERATOR:
        return ()
    return await tellable(record, Told("canceled", tools.clock()), tools)


async def tellable(record: OrderRecord, told: Told, tools: Tools) -> tuple[Answer, ...]:
    """What says so of an order that is known by its record alone, where the platform is told."""
    connection = tools.settings.connections.get(record.connection)
    if not connection or not connection.answers or record.delivery is None or not record.answering:
        return ()
    row, order = record.delivery, recalled(json.loads(record.answering))
    delivery = await tools.inbox.read(lambda box: search.delivery_of(box, row))
    return packed(order, delivery, row, connection, told) if delivery else ()


async def looked_up(
    order: Order, connection: Connection, pos: Pos, tools: Tools
) -> tuple[OrderRecord | None, Known]:
    """What the box has of the order, and knows of its articles."""
    order_id = oktopos.order_id(connection.name, order.order_id)
    before, anything = await tools.inbox.ask(
        lambda box: search.before_forwarding(box, order_id, pos.name)
    )
    if not anything:
        return before, Known()
    at = order.placed_at or tools.clock()
    known = await tools.inbox.read(
        lambda box: catalogue.known(box, order=order, connection=connection, pos=pos, at=at)
    )
    return before, known


async def recorded(platform_id: str, connection: Connection, tools: Tools) -> OrderRecord | None:
    order_id = oktopos.order_id(connection.name, platform_id)
    return await tools.inbox.ask(lambda box: search.order(box, order_id))


def expected(order: Order, connection: Connection, pos: str, job: Job) -> OrderRecord:
    return OrderRecord(
        order_id=oktopos.order_id(connection.name, order.order_id),
        connection=connection.name,
        pos=pos,
        platform_id=order.order_id,
        state="expected",
        created_at=job.delivery.received_at,
        display_id=order.display_id,
    )


def known_as(record: OrderRecord, order: Order, job: Job) -> OrderRecord:
    """The record, once the order was read: its names, and what answers are made from."""
    return replace(
        record,
        references=references(record, order),
        delivery=job.delivery_row,
        answering=json.dumps(remembered(order)),
    )


def references(record: OrderRecord, order: Order) -> tuple[str, ...]:
    """Every name a payment may know the order by."""
    names = (record.order_id, order.order_id, order.display_id, *order.references)
    return tuple(dict.fromkeys(name for name in names if name))


def first_payment(order: Order, record: OrderRecord) -> PaymentRecord:
    """What OktoPOS was told with the order: later payment updates are measured against it."""
    return PaymentRecord(
        pos=record.pos,
        order_id=record.order_id,
        status=order.payment,
        at=order.placed_at or record.created_at,
        reversal=False,
    )


def done(
    outcome: str,
    detail: str,
    *,
    orders: tuple[OrderRecord, ...] = (),
    calls: tuple[Answer, ...] = (),
    wakes_queue: bool = False,
) -> Settlement:
    return Settlement(
        state=State.DONE,
        reason=detail,
        attempts=(Attempt(outcome, detail),),
        orders=orders,
        calls=calls,
        wakes_queue=wakes_queue,
    )


def pack(cancellation: Cancellation) -> str:
    return json.dumps(
        {
            "order_id": cancellation.order_id,
            "at": cancellation.at.isoformat(),
            "by": cancellation.by,
            "reason": cancellation.reason,
        }
    )


def unpack(text: str) -> Cancellation:
    fields = json.loads(text)
    return Cancellation(**{**fields, "at": datetime.fromisoformat(fields["at"])})
