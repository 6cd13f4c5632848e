"""Our Order as the JSON that OktoPOS' create takes. Pure; times come in, nothing is looked up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from adapters.contract import Cancellation, Customer, Line, Order, Owner, PaymentStatus
from receiver.articles import Known
from receiver.errors import Held
from receiver.oktopos import names
from receiver.oktopos.amounts import decimal
from receiver.oktopos.booking import Booked, Till, book
from receiver.oktopos.bundles import taken_apart
from receiver.oktopos.figures import figures
from receiver.oktopos.lines import priced
from receiver.oktopos.older import of_version_1_0_1
from receiver.settings.model import Connection, Pos

Json: TypeAlias = dict[str, object]

NOTHING_KNOWN = Known()
ORDER_ID_LENGTH = 64
PICKUP_MARGIN = timedelta(minutes=5)
ON_THE_WAY = timedelta(seconds=30)  # longer than any call: a time within it is past on arrival


@dataclass(frozen=True, slots=True)
class Mapped:
    """What is posted, and what an operator wants to know of it. Amounts in minor units."""

    body: Json
    total: int
    tip: int
    figures: Json
    notes: tuple[str, ...] = ()


def order_id(connection: str, platform_id: str) -> str:
    """`<connection>:<platform id>`, at most 64 characters, the same for ever."""
    whole = f"{connection}:{platform_id}"
    if whole.isprintable() and len(whole) <= ORDER_ID_LENGTH:
        return whole
    shown = "".join(filter(str.isprintable, whole))
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{shown[: ORDER_ID_LENGTH - 13]}~{digest}"


def create_body(
    order: Order, connection: Connection, pos: Pos, now: datetime, known: Known = NOTHING_KNOWN
) -> Mapped:
    """The order for `pos`. Raises Held (sums, currency, what its version needs) and Unmapped."""
    check_currency(order, pos)
    till = Till.of(order, connection, pos, known)
    order = taken_apart(order, till)
    booked = book(order, priced(order), till)
    if not booked:
        raise Held("the order has no lines")
    total = sum(line.value for line in booked)
    notes = check_sum(order, total, pos)
    pickup, moved = pickup_json(order, now)
    tips = [tip.amount for tip in order.tips if tip.owner is Owner.RESTAURANT and tip.amount > 0]
    method = order.payment_method or connection.payment_method
    body = present(
        orderId=order_id(connection.name, order.order_id),
        intermediary=connection.intermediary,
        status=names.STATUS_NEW,
        orderType=str(order.order_type),
        purchaseTime={
            names.TIMESTAMP: utc(order.placed_at or now),
            names.TIMEZONE: pos.timezone,
        },
        pickup=pickup,
        customer=customer_json(order.customer),
        location=present(table=table_number(order)),
        items=items_json(order, booked, pos),
        payment=payment_json(order, total, method, pos, now),
        sessionToken=order.session,
        **{names.TIPS: [{"price": money(tip, pos), "paymentMethod": method} for tip in tips]},
    )
    if pos.api_version == "1.0.1":
        body = of_version_1_0_1(body, now)
    return Mapped(body, total, sum(tips), figures(order, booked), (*notes, *moved))


def status_body(internal_id: int, cancellation: Cancellation) -> Json:
    """set-status wants OktoPOS' own number of the order."""
    why = present(
        changedBy=cancellation.by, changedAt=utc(cancellation.at), reason=cancellation.reason
    )
    return {"orderId": internal_id, "status": names.STATUS_CANCELED, "payload": why}


def payment_body(reference: str, status: PaymentStatus, at: datetime) -> Json:
    """set-payment-status wants the orderId as the sending system wrote it."""
    return {"orderId": reference, "status": status, "date": utc(at)}


def check_currency(order: Order, pos: Pos) -> None:
    if order.currency and order.currency != pos.currency:
        raise Held(f"the order is in {order.currency}, pos.{pos.name}.currency is {pos.currency}")


def check_sum(order: Order, total: int, pos: Pos) -> tuple[str, ...]:
    """Lines and stated total must agree; a difference is held, or noted where that is set."""
    if order.total is None or order.total == total:
        return ()
    difference = f"the lines add up to {decimal(total)}, the platform states {decimal(order.total)}"
    if pos.sum_mismatch == "hold":
        raise Held(f'{difference}; pos.{pos.name}.sum_mismatch = "send" would send it')
    return (difference,)


def pickup_json(order: Order, now: datetime) -> tuple[Json, tuple[str, ...]]:
    """OktoPOS answers a pickup time in the past with 503, so it never gets one."""
    late = order.ready_at is not None and order.ready_at <= now + ON_THE_WAY
    ready_at = now + PICKUP_MARGIN if late else order.ready_at
    pickup = present(pickupToken=order.display_id, pickupTime=utc(ready_at) if ready_at else None)
    if late and order.ready_at and ready_at:
        return pickup, (f"pickup time moved from {utc(order.ready_at)} to {utc(ready_at)}",)
    return pickup, ()


def payment_json(order: Order, total: int, method: str, pos: Pos, now: datetime) -> Json:
    return present(
        referenceId=order.order_id,
        paymentMethod=method,
        price=money(total, pos),
        status=order.payment,
        paymentReceived=utc(order.placed_at or now) if order.payment == "paid" else None,
    )


def items_json(order: Order, booked: list[Booked], pos: Pos) -> list[Json]:
    notes = order_notes(order)
    return [item_json(one, pos, notes if one.line.number == 1 else ()) for one in booked]


def item_json(booked: Booked, pos: Pos, notes: tuple[str, ...]) -> Json:
    line = booked.line
    source = line.source if isinstance(line.source, Line) else None
    named = line.name if booked.how == "fallback" else None  # the article has another
    return present(
        basketItemId=line.number,
        mainBasketItemId=line.main,
        productId=booked.product,
        externalId=(source.pos_ref or source.item_id) if source else None,
        price=money(line.unit_price, pos),
        distributionChannel=booked.channel,
        taxRateId=booked.tax.id,
        **{
            names.ITEM_NAME: line.name,
            names.ITEM_QUANTITY: line.quantity,
            names.ITEM_COMMENT: " | ".join(filter(None, (named, line.comment, *notes))),
        },
    )


def order_notes(order: Order) -> tuple[str, ...]:
    """What OktoPOS has no field for: order-level wishes, and a table that is not a number."""
    table = f"Table {order.table}" if order.table and table_number(order) is None else None
    return tuple(filter(None, (*order.notes, table)))


def table_number(order: Order) -> int | None:
    table = order.table or ""
    return int(table) if table.isascii() and table.isdigit() and len(table) < 9 else None


def customer_json(customer: Customer) -> Json:
    place = customer.address
    return present(
        givenName=customer.given_name,
        familyName=customer.family_name,
        phone=customer.phone,
        email=customer.email,
        address=present(
            street=place.street,
            houseNumber=place.house_number,
            zip=place.zip,
            city=place.city,
            additionalAddress=place.additional,
        )
        if place
        else None,
    )


def money(amount: int, pos: Pos) -> Mapping[str, str]:
    return {"value": decimal(amount), "currency": pos.currency}


def utc(moment: datetime) -> str:
    """The form of the vendor's samples: 2017-07-21T17:32:28Z."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def present(**fields: object) -> Json:
    """The fields that are there: nothing absent or empty is ever sent."""
    return {key: value for key, value in fields.items() if value or isinstance(value, int)}
