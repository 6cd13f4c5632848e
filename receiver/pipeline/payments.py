"""Payment updates: the order found, the guard asked, OktoPOS told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.contract import PaymentUpdate
from receiver import oktopos
from receiver.errors import Held, Refused
from receiver.inbox import search
from receiver.inbox.records import (
    Attempt,
    Job,
    OrderRecord,
    PaymentRecord,
    PosVerdict,
    Settlement,
    State,
    storable,
)
from receiver.payments import Standing, next_status, standing_after
from receiver.pipeline.tools import Tools
from receiver.retry import given_up
from receiver.settings.model import Connection, Pos

GRACE = timedelta(seconds=60)
UNKNOWN = "payment "  # how the queue of an order begins that never came to us
LOOK_SOON = timedelta(seconds=1)
MOST_DOUBLED = 10  # a quarter of an hour: by then `until` comes first
LOOK_AGAIN = timedelta(minutes=10)  # beside being woken by the order itself


async def tell(update: PaymentUpdate, job: Job, connection: Connection, tools: Tools) -> Settlement:
    """set-payment-status for the order the payment means, once that order stands."""
    reference = update.reference or await remembered(update, connection, tools)
    if reference and connection.adapter.kind == "orders":
        reference = oktopos.order_id(connection.name, reference)  # its own, no other one's number
    if reference is None:
        return await nameless(update, job, tools)
    named = await tools.inbox.read(lambda box: search.orders_called(box, reference))
    tills = frozenset(connection.stores.values())
    match [order for order in named if order.pos in tills]:
        case []:
            end = await unknown(update, reference, job, connection, tools)
        case [order]:
            end = await of_order(update, order, reference, job, tools)
        case several:
            names = ", ".join(order.order_id for order in several)
            raise Held(f"payment for {reference} may mean {names}")
    return replace(end, tills=tuple(sorted(tills)), payment_references=learnt(update))


def learnt(update: PaymentUpdate) -> tuple[tuple[str, str], ...]:
    """(payment id, reference): by what later events of the payment are found."""
    reference = update.reference
    return tuple((one, reference) for one in update.payment_ids) if reference else ()


async def remembered(update: PaymentUpdate, connection: Connection, tools: Tools) -> str | None:
    """The reference an earlier event of the same payment named."""
    ids = update.payment_ids
    return await tools.inbox.read(lambda box: search.payment_reference(box, connection.name, ids))


async def nameless(update: PaymentUpdate, job: Job, tools: Tools) -> Settlement:
    """Names only the payment: the event that names its order may still come."""
    if not update.payment_ids:
        raise Held("names neither an order nor a payment")
    until = await may_come_until(job, tools)
    if until is None:
        raise Held(f"payment {', '.join(update.payment_ids)} names no order that we know")
    reason = "no event has named the order of this payment yet"
    return waits(job, reason, update.payment_ids[0], until=until, now=tools.clock())


async def may_come_until(job: Job, tools: Tools) -> datetime | None:
    """How long what a payment waits for may still come; None when it will not.

    A minute, but longer while deliveries of that time have not all been looked at: after a stop
    of ours they are processed side by side, whatever came first.
    """
    now, ends = tools.clock(), job.since + GRACE
    if now < ends:
        return ends
    behind = await tools.inbox.read(lambda box: search.unseen(box, ends))
    return now + LOOK_SOON if behind else None


def waits(job: Job, reason: str, reference: str, *, until: datetime, now: datetime) -> Settlement:
    """Until then, or until an order or payment called `reference` is recorded.

    But it looks again after a second, then after two, four and so on: of two processes that
    settle at the same moment, the order in one and this in the other, neither sees what the other
    does, and nobody is woken. However long it has been here, by then the other is done.
    """
    return Settlement(
        state=State.WAITING,
        reason=reason,
        due_at=min(until, now + LOOK_SOON * 2 ** min(job.fence - 1, MOST_DOUBLED)),
        failures=job.failures,
        sent=job.sent,
        awaits=reference,
    )


async def unknown(
    update: PaymentUpdate, reference: str, job: Job, connection: Connection, tools: Tools
) -> Settlement:
    """An order we have not seen: it may come, or the shop sent it to OktoPOS itself."""
    until = await may_come_until(job, tools)
    if until is not None:
        reason = f"order {reference} is not known yet"
        return waits(job, reason, reference, until=until, now=tools.clock())
    if connection.adapter.kind == "orders":  # whoever brings the orders: OktoPOS has none either
        return unchanged(f"order {reference} never came")
    if connection.unknown_order == "hold":
        raise Held(
            f'order {reference} is not known (connections.{connection.name}.unknown_order = "hold")'
        )
    if update.unsure and update.amount is not None:
        given = oktopos.decimal(update.amount)
        raise Held(f"{given} of order {reference} was given back: is that all of it?")
    pos = tools.only_pos(connection)
    if not job.queue.startswith(UNKNOWN):  # all of one order in one queue, known or not
        return moves(job, pos.name, f"{UNKNOWN}{pos.name} {reference}")
    return await send(update, reference, job, pos, tools)


async def of_order(
    update: PaymentUpdate, order: OrderRecord, reference: str, job: Job, tools: Tools
) -> Settlement:
    """Once the order stands, in the order's own queue."""
    if order.state == "refused":
        raise Refused(f"its order {order.order_id} was refused by OktoPOS")
    if await on_its_way(order, job, tools):
        reason = f"order {order.order_id} is on its way"
        now = tools.clock()
        if given_up(job.since, now):
            raise Held(f"{reason} for a day now: see what became of it")
        return waits(job, reason, reference, until=now + LOOK_AGAIN, now=now)
    if order.total is None:  # there is nothing at OktoPOS to pay
        return unchanged(f"order {order.order_id} was canceled before it was created")
    if job.queue != order.order_id and not await in_queue_of_an_order(job, tools):
        return moves(job, order.pos, order.order_id)
    pos = tools.named_pos(order.pos)
    part = lacking(update, order, pos, order.total)
    if part and update.reversal:
        return unchanged(f"given back in part: {part}")
    if part and update.status == "paid":
        raise Held(f"a payment of {part}")
    return await send(update, order.order_id, job, pos, tools)


async def on_its_way(order: OrderRecord, job: Job, tools: Tools) -> bool:
    """A canceled order too, as long as it is not done with: it may have been sent before, and is
    then created to be canceled. What its own platform sent comes after it in its queue anyway."""
    if order.state != "expected":
        return False
    if not order.cancellation:
        return True
    if job.connection == order.connection:
        return False
    queue, name = order.order_id, order.connection
    return await tools.inbox.read(lambda box: search.under_way(box, queue, name))


def lacking(update: PaymentUpdate, order: OrderRecord, pos: Pos, total: int) -> str | None:
    """Both figures, where what was paid or given back is not all of the order's; else None."""
    currency = (update.currency or pos.currency).upper()
    if update.amount is None or (update.amount >= total and currency == pos.currency):
        return None
    paid, due = (oktopos.decimal(amount) for amount in (update.amount, total))
    return f"{paid} {currency}, order {order.order_id} comes to {due} {pos.currency}"


def moves(job: Job, pos: str, queue: str) -> Settlement:
    """To the queue of its order, to be claimed from there when its turn comes."""
    return Settlement(
        state=State.READY, failures=job.failures, sent=job.sent, pos=pos, queue=storable(queue)
    )


async def in_queue_of_an_order(job: Job, tools: Tools) -> bool:
    """Of another one, then: a delivery of several payments cannot stand in the queue of each."""
    return await tools.inbox.ask(lambda box: search.order(box, job.queue)) is not None


def unchanged(detail: str) -> Settlement:
    """Done, and OktoPOS is told nothing."""
    return Settlement(state=State.DONE, reason=detail, attempts=(Attempt("unchanged", detail),))


async def send(update: PaymentUpdate, target: str, job: Job, pos: Pos, tools: Tools) -> Settlement:
    """What OktoPOS is told, if anything is new; where the payment stands is kept either way."""
    last = await standing(target, pos, tools)
    now = standing_after(last, update)
    record = PaymentRecord(
        pos=pos.name, order_id=target, status=now.status, at=now.at, reversal=now.reversal
    )
    if next_status(last, update) is None:
        step = Attempt("unchanged", f"{update.status} changes nothing: {now.status} stands")
        verdicts: Sequence[PosVerdict] = ()
    else:
        body = oktopos.payment_body(target, now.status, now.at)
        answer = await oktopos.set_payment_status(tools.http, tools.open(pos, job), body)
        step = Attempt("told", now.status, answer.text)
        verdicts = (PosVerdict(pos.name),)
    return Settlement(
        state=State.DONE,
        reason=step.detail,
        pos=pos.name,
        attempts=(step,),
        payments=(record,),
        verdicts=tuple(verdicts),
    )


async def standing(target: str, pos: Pos, tools: Tools) -> Standing | None:
    last = await tools.inbox.read(lambda box: search.payment(box, pos.name, target))
    return Standing(last.status, last.at, last.reversal) if last else None
