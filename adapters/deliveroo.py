"""Deliveroo: orders and what becomes of them, by the Order Events and the old POS webhooks.

Full payload: the order comes whole. Neither order nor single delivery is promised, so an order's
`status_log` counts for more than the event's name. A site may be subscribed to both webhooks.

Signature: HMAC-SHA256 over `<guid> <body>` (old POS events: `<guid> LF <body>`), in hex
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, PositiveInt, Strict

from adapters import contract, payload, sums
from adapters.apis.deliveroo import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.glance import glance
from adapters.payload import Foreign, Id, Many, Minor, OptionalId, OptionalTime, Text, at, dig
from adapters.signing import Hmac, header

# https://api-docs.deliveroo.com/v2.0/reference/order-events-webhook-1 and, for the old ones,
# https://api-docs.deliveroo.com/reference/new-order-event-webhook-1
EVENTS = frozenset({"order.new", "order.status_update", "new_order", "cancel_order"})
ENDED = {"canceled": "platform", "rejected": "restaurant"}  # and who ended it

# https://api-docs.deliveroo.com/docs/fulfillment-types: every other one is a delivery
ORDER_TYPES = {"customer": OrderType.PICKUP, "table_service": OrderType.LOCAL}
OWN_FLEET = "restaurant"  # then delivery fee and surcharge are the restaurant's: half a guess
DEPOSIT, PLACE = "DEPOSIT_FEE", "delivery.address"  # of a fee's types the one documented

# https://api-docs.deliveroo.com/v2.0/docs/order-integration: by outcome and tabletless site, {} why
ANSWERS: Mapping[tuple[str, bool], tuple[Literal["POST", "PATCH"], str, Mapping[str, str]]] = {
    ("created", True): ("PATCH", "", {"status": "accepted"}),
    ("created", False): ("POST", "/sync_status", {"status": "succeeded"}),
    ("refused", True): ("PATCH", "", {"status": "rejected", "reject_reason": "{}"}),
    ("refused", False): ("POST", "/sync_status", {"status": "failed", "reason": "{}"}),
    ("ready", False): ("POST", "/prep_stage", {"stage": "ready_for_collection"}),
}
NO_ITEM = ("items_out_of_stock", "ingredient_unavailable")  # the latter at tabletless sites
REASONS = {"item_unavailable": NO_ITEM, "closed": ("location_offline", "closing_early")}

WHO = ("id", "location_id", "status", "status_log")
GLANCE = glance("event", "location_id", "order", "body.order_id", *map("body.order.{}".format, WHO))
GUID, GUID_TEXT = "x-deliveroo-sequence-guid", re.compile(r"[!-~]{1,100}")  # a blank is the border


def event_type(body: Mapping[str, object]) -> str:
    said = payload.text_or_none(body.get("event")) or ""
    return {"orders.new": "order.new"}.get(said, said)  # as one page writes it


# https://api-docs.deliveroo.com/v2.0/docs/securing-webhooks: either, as the event says, unread
def messages(delivery: Delivery) -> Iterator[bytes]:
    if not GUID_TEXT.fullmatch(guid := header(delivery, GUID)):
        raise contract.Rejected(f"{GUID} is not one word")
    for between in (b" ", b" \n "):
        yield guid.encode("ascii") + between + delivery.body


SCHEME = Hmac(header="x-deliveroo-hmac-sha256", encoding="hex", messages=messages)


def fractional(value: object) -> object:
    """Minor units; bare in the old webhook, like `order_cost`: a guess."""
    return value.get("fractional") if isinstance(value, Mapping) else value


Cents: TypeAlias = Annotated[Minor | None, BeforeValidator(fractional)]


class Charge(Foreign):
    type: Text = None
    amount: Cents = at("cost_per_unit", "amount")


class Item(Foreign):
    pos_item_id: OptionalId = None
    name: Text = at("name", "operational_name")
    quantity: Annotated[PositiveInt, Strict()] = 1
    unit_price: Cents = at("unit_price", "menu_unit_price")
    discount_amount: Cents = None
    item_fees: Many[Charge] = ()
    modifiers: Many[Item] = ()


class Status(Foreign):
    at: OptionalTime = None
    status: Text = None


class Placed(Foreign):
    """Deliveroo's order. The old webhook has another name or place for some things."""

    id: Id
    order_number: OptionalId = None
    display_id: OptionalId = None
    status: Text = None
    status_log: Many[Status] = ()
    fulfillment_type: Text = None
    table_number: OptionalId = None
    prepare_for: OptionalTime = at("prepare_for", "pickup_at")
    order_notes: Text = at("order_notes", "notes")
    cutlery_notes: Text = None
    first_name: Text = at("customer.first_name")
    phone: OptionalId = at("customer.contact_number")
    phone_code: OptionalId = at("customer.contact_access_code")
    street: Text = at(f"{PLACE}.street")
    first_line: Text = at(f"{PLACE}.address_line_1", f"{PLACE}.line1")
    number: OptionalId = at(f"{PLACE}.number")
    second_line: Text = at(f"{PLACE}.address_line_2", f"{PLACE}.line2")
    zip_code: OptionalId = at(f"{PLACE}.postal_code")
    city: Text = at(f"{PLACE}.city")
    items: Many[Item] = ()
    subtotal: Cents = None
    total_price: Cents = None
    partner_order_subtotal: Cents = None
    partner_order_total: Cents = None
    currency: Text = at("total_price.currency_code")
    offer_discount: Cents = None
    cash_due: Cents = None
    bag_fee: Cents = None
    surcharge: Cents = None
    delivery_fee: Cents = at("delivery.delivery_fee")
    fee_breakdown: Many[Charge] = ()


class Envelope(Foreign):
    order: Placed = at("body.order", "order")
    location: OptionalId = at("body.order.location_id", "location_id")
    remake: object = at("body.order.remake_details", "remake_details")


def dish(item: Item, place: int | None = None) -> Line:
    return Line(
        name=item.name or item.pos_item_id or "?",
        quantity=item.quantity,
        unit_price=item.unit_price or 0,
        pos_ref=item.pos_item_id,
        line_id=str(place) if place else None,
        options=tuple(map(dish, item.modifiers)),
    )


def dishes(order: Placed) -> tuple[Line, ...]:
    """Whether unit prices hold the modifiers' is not documented: the sums stated decide."""
    read = tuple(dish(item, place) for place, item in enumerate(order.items, 1))
    stated = (order.subtotal, order.partner_order_subtotal, order.partner_order_total)
    right = [known + off for off in (0, offered(order)) for known in stated if known is not None]
    readings = () if sums.worth(read) in right else (sums.agreeing(read, known) for known in right)
    return next((reading for reading in readings if sums.worth(reading) in right), read)


def offered(order: Placed) -> int:
    return (order.offer_discount or 0) + sum(item.discount_amount or 0 for item in order.items)


def deposit(charges: Sequence[Charge], items: Sequence[Item] = ()) -> int:
    inside = sum(item.quantity * deposit(item.item_fees, item.modifiers) for item in items)
    return inside + sum(charge.amount or 0 for charge in charges if charge.type == DEPOSIT)


def fees(order: Placed) -> tuple[Fee, ...]:
    """The breakdown seems to repeat the items' deposits: it counts where they are silent."""
    fleet = Owner.RESTAURANT if order.fulfillment_type == OWN_FLEET else Owner.PLATFORM
    deposits = deposit((), order.items) or deposit(order.fee_breakdown)
    stated = (
        (FeeKind.PACKAGING, order.bag_fee, Owner.RESTAURANT),
        (FeeKind.DEPOSIT, deposits, Owner.RESTAURANT),
        (FeeKind.SMALL_ORDER, order.surcharge, fleet),
        (FeeKind.DELIVERY, order.delivery_fee, fleet),
    )
    return tuple(Fee(kind=kind, amount=fee, owner=owner) for kind, fee, owner in stated if fee)


def partner_view(order: Placed, goods: int, ours: int) -> tuple[int, int | None]:
    """What Deliveroo states as the restaurant's: for the dishes alone, and with its fees. No
    page says whether the partner total holds those: not where it equals the partner subtotal or,
    with none stated, where no discount explains the difference."""
    totals = (order.partner_order_total, order.partner_order_subtotal, order.total_price)
    total = next((stated for stated in totals if stated is not None), None)
    if total is None:
        return goods, None
    alone = order.partner_order_subtotal
    if alone is None:
        alone = total - ours if goods - offered(order) <= total - ours <= goods else total
    return alone, total + ours if alone == total else total


def discounts(order: Placed, gap: int) -> tuple[Discount, ...]:
    """No field says whose an offer is: what the partner's view lacks is the restaurant's."""
    offer, own = order.offer_discount or 0, max(gap, 0)
    reduced = tuple(str(place) for place, item in enumerate(order.items, 1) if item.discount_amount)
    on_dishes = reduced if own == offered(order) - offer else ()
    shares = ((own, Owner.RESTAURANT, on_dishes), (offer - own, Owner.PLATFORM, ()))
    return tuple(Discount(amount=off, owner=by, line_ids=on) for off, by, on in shares if off > 0)


def order_of(envelope: Envelope) -> Order:
    order = envelope.order
    read, charged = dishes(order), fees(order)
    ours = sum(fee.amount for fee in charged if fee.owner is Owner.RESTAURANT)
    alone, total = partner_view(order, sums.worth(read), ours)
    gap = sums.worth(read) - alone
    # https://api-docs.deliveroo.com/v2.0/docs/remake-orders: dishes are priced, the total is 0
    at_our_cost = dig(envelope.remake, "fault") == "restaurant"
    street = " ".join(filter(None, (order.street, order.number))) or order.first_line
    return Order(
        order_id=order.id,
        store_id=envelope.location,
        display_id=order.display_id,
        order_type=ORDER_TYPES.get(order.fulfillment_type or "", OrderType.DELIVERY),
        lines=read,
        total=total,
        currency=order.currency,
        placed_at=next((entry.at for entry in order.status_log if entry.status == "placed"), None),
        ready_at=order.prepare_for,
        fees=charged,
        discounts=discounts(order, gap if at_our_cost else min(gap, offered(order))),
        payment="call_for_payment" if order.cash_due else "paid",
        payment_method="CASH" if order.cash_due else None,
        customer=contract.Customer(
            given_name=order.first_name,
            phone=" Code ".join(filter(None, (order.phone, order.phone_code))) or None,
            address=payload.address(
                street, zip_code=order.zip_code, city=order.city, additional=order.second_line
            ),
        ),
        table=order.table_number,
        notes=tuple(filter(None, (order.order_notes, order.cutlery_notes))),
        session=payload.text_or_none(dig(envelope.remake, "parent_order_id")),
        references=tuple(filter(None, (order.order_number, order.display_id))),
    )


def identify(delivery: Delivery) -> contract.Identity:
    body, guid = GLANCE(delivery.body), delivery.headers.get(GUID, "")
    order = dig(body, "body", "order") or body.get("order")
    log, event = dig(order, "status_log"), event_type(body)
    words = [dig(entry, "status") for entry in (*(log if isinstance(log, list) else ()), order)]
    ended = event in EVENTS and any(str(word) in ENDED for word in words)
    digest = payload.body_digest(delivery)
    return contract.Identity(
        delivery_id=f"{guid}:{digest[:16]}" if GUID_TEXT.fullmatch(guid) else digest,
        order_id=payload.text_or_none(dig(order, "id") or dig(body, "body", "order_id")),
        store_id=payload.text_or_none(dig(order, "location_id") or body.get("location_id")),
        overtakes=ended or event == "cancel_order",
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    event = event_type(GLANCE(delivery.body))
    if not event:
        raise contract.Unreadable("event: missing")
    if event not in EVENTS:
        return [contract.Ignored(event, "not about an order")]
    envelope = payload.model(Envelope, delivery.body)
    order = envelope.order
    cancel = Status(status="canceled" if event == "cancel_order" else None)
    log = (*order.status_log, Status(status=order.status), cancel)
    end = next((entry for entry in log if entry.status in ENDED), None)
    if end:
        by, moment = ENDED[end.status or ""], end.at or delivery.received_at
        return [contract.Cancellation(order_id=order.id, at=moment, by=by)]
    if event == "order.status_update" and (order.status == "delivered" or not order.items):
        return [contract.Ignored(event, f"order is {order.status}")]
    if not order.items:
        raise contract.Unreadable("order.items: missing")
    return [order_of(envelope)]


def answer(delivery: Delivery, order: Order, told: contract.Told) -> Sequence[contract.Call]:
    tabletless = dig(payload.peek(delivery.body), "body", "order", "is_tabletless") is True
    key = (told.outcome, tabletless and told.outcome != "ready")
    method, below, said = ANSWERS.get(key, ("POST", "", {}))
    why = REASONS.get(told.reason, ("other", "other"))[tabletless]
    path = f"/order/v1/orders/{contract.in_path(order.order_id)}{below}" if said else None
    filled = {key: text.format(why) for key, text in said.items()}
    return contract.tell(told, method, path, filled, done=frozenset({409}))


ADAPTER = contract.Adapter(
    slug="deliveroo",
    intermediary="Deliveroo",
    kind="orders",
    docs="https://api-docs.deliveroo.com/v2.0/docs/order-integration",
    event_types=EVENTS | {"rider.status_update"},
    headers=frozenset({GUID, SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    answer=answer,
    api=API,
    hosts=HOSTS,
    deadline=timedelta(minutes=7),
)
