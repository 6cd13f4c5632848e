"""Our Order as the JSON that OktoPOS' create takes. Pure; times come in, nothing is looked up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from adapters.contract import Cancellation, Customer, FeeKind, Line, Order, Owner, PaymentStatus
from receiver.errors import Held, Unmapped
from receiver.oktopos import names
from receiver.oktopos.amounts import decimal
from receiver.oktopos.lines import Priced, priced
from receiver.settings.model import Connection, Pos

Json: TypeAlias = dict[str, object]

ORDER_ID_LENGTH = 64
PICKUP_MARGIN = timedelta(minutes=5)
ON_THE_WAY = timedelta(seconds=30)  # longer than any call: a time within it is past on arrival


@dataclass(frozen=True, slots=True)
class Mapped:
    """What is posted, and what an operator wants to know of it. Amounts in minor units."""

    body: Json
    total: int
    tip: int
    notes: tuple[str, ...] = ()


def order_id(connection: str, platform_id: str) -> str:
    """`<connection>:<platform id>`, at most 64 characters, the same for ever."""
    whole = f"{connection}:{platform_id}"
    if whole.isprintable() and len(whole) <= ORDER_ID_LENGTH:
        return whole
    shown = "".join(filter(str.isprintable, whole))
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{shown[: ORDER_ID_LENGTH - 13]}~{digest}"


def create_body(order: Order, connection: Connection, pos: Pos, now: datetime) -> Mapped:
    """The order for `pos`. Raises Held (sums, currency) and Unmapped (articles)."""
    check_currency(order, pos)
    lines = priced(order)
    if not lines:
        raise Held("the order has no lines")
    total = sum(line.quantity * line.unit_price for line in lines)
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
        items=items_json(order, lines, connection, pos),
        payment=present(
            referenceId=order.order_id,
            paymentMethod=method,
            price=money(total, pos),
            status=order.payment,
            paymentReceived=utc(order.placed_at or now) if order.payment == "paid" else None,
        ),
        sessionToken=order.session,
        **{names.TIPS: [{"price": money(tip, pos), "paymentMethod": method} for tip in tips]},
    )
    return Mapped(body, total, sum(tips), (*notes, *moved))


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


def items_json(order: Order, lines: list[Priced], connection: Connection, pos: Pos) -> list[Json]:
    articles = {line.number: article(line.source, connection, pos) for line in lines}
    unknown = [describe(line, pos) for line in lines if not articles[line.number]]
    if unknown and pos.unknown_article == "hold":
        raise Unmapped(f"no article for {', '.join(dict.fromkeys(unknown))}")
    channel = pos.distribution_channels.get(str(order.order_type))
    notes = order_notes(order)
    return [
        item_json(line, articles[line.number], channel, pos, notes if line.number == 1 else ())
        for line in lines
    ]


def item_json(
    line: Priced, product: str | None, channel: int | None, pos: Pos, notes: tuple[str, ...]
) -> Json:
    source = line.source if isinstance(line.source, Line) else None
    return present(
        basketItemId=line.number,
        mainBasketItemId=line.main,
        productId=product,
        externalId=(source.pos_ref or source.item_id) if source else None,
        price=money(line.unit_price, pos),
        distributionChannel=channel,
        **{
            names.ITEM_NAME: line.name,
            names.ITEM_QUANTITY: line.quantity,
            names.ITEM_COMMENT: " | ".join(filter(None, (line.comment, *notes))),
        },
    )


def article(source: Line | FeeKind, connection: Connection, pos: Pos) -> str | None:
    """The OktoPOS article: mapped by hand, else the platform's POS reference taken as its id."""
    if isinstance(source, FeeKind):
        return pos.fee_articles.get(source)
    mapped = (connection.articles.get(ref) for ref in (source.pos_ref, source.item_id) if ref)
    return next(filter(None, mapped), source.pos_ref)


def describe(line: Priced, pos: Pos) -> str:
    if isinstance(line.source, FeeKind):
        return f"pos.{pos.name}.fee_articles.{line.source}"
    return f'"{line.name}" ({line.source.item_id or "no id"})'


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
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def present(**fields: object) -> Json:
    """The fields that are there: nothing absent or empty is ever sent."""
    return {key: value for key, value in fields.items() if value not in (None, "", {}, [])}
