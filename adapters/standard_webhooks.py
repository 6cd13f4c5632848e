"""Standard Webhooks: a shop of one's own sends orders in OktoPOS' own shape, and their payments.

Full payload: the order comes whole. The one format here that no vendor wrote: the page beside this
module is what shops are built by, so what it promises stays.

Signature: HMAC-SHA256 or Ed25519 over `<id>.<timestamp>.<body>`, in base64, in webhook-signature
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Generic, TypeAlias, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PositiveInt, Strict, StrictBool
from pydantic.alias_generators import to_camel

from adapters import contract, payload
from adapters.contract import Delivery, Discount, Line, Order, Owner, Tip, Unreadable
from adapters.glance import glance
from adapters.payload import Foreign, Id, Many, OptionalId, OptionalTime, Text, Time, at
from adapters.signing import Standard, standard

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
SCHEME = Standard()

GLANCE = glance("type", "data.orderId", "data.storeId")
Data = TypeVar("Data", bound="Sent")
AMOUNT = re.compile(r"-?[0-9]{1,9}\.[0-9]{2}")
PLACE, OURS = "customer.address", Owner.RESTAURANT


def cents(value: object) -> int:
    """Text with two places, and nothing that would have to be rounded: "19.95" is 1995."""
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise ValueError("not an amount")
    return int(value.replace(".", ""))


class Sent(Foreign):
    model_config = ConfigDict(alias_generator=to_camel)


class Price(Sent):
    value: Annotated[int, BeforeValidator(cents)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Priced(Sent):
    price: Price


class Item(Priced):
    basket_item_id: OptionalId = None
    main_basket_item_id: OptionalId = None
    product_id: OptionalId = None
    external_id: OptionalId = None
    name: Text = None
    quantity: Annotated[PositiveInt, Strict()]
    comment: Text = None
    options: Many[Item] = ()


Row: TypeAlias = tuple[str, str, Item]


class Payment(Priced):
    payment_method: Text = None
    status: contract.PaymentStatus
    reference_id: OptionalId = None


class Placed(Sent):
    order_id: Id
    store_id: OptionalId = None
    order_type: contract.OrderType
    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    payment: Payment
    tip_transactions: Many[Priced] = ()
    session_token: OptionalId = None
    placed_at: OptionalTime = at("purchaseTime.timestamp")
    display_id: OptionalId = at("pickup.pickupToken")
    ready_at: OptionalTime = at("pickup.pickupTime")
    table: OptionalId = at("location.table")
    seat: OptionalId = at("location.seat")
    given_name: Text = at("customer.givenName")
    family_name: Text = at("customer.familyName")
    phone: OptionalId = at("customer.phone")
    email: Text = at("customer.email")
    street: Text = at(f"{PLACE}.street")
    house_number: OptionalId = at(f"{PLACE}.houseNumber")
    zip_code: OptionalId = at(f"{PLACE}.zip")
    city: Text = at(f"{PLACE}.city")
    additional: Text = at(f"{PLACE}.additionalAddress")


class Revoked(Sent):
    order_id: Id
    date: OptionalTime = None
    by: Text = None
    reason: Text = None


class Changed(Sent):
    order_id: Id
    status: contract.PaymentStatus
    date: Time
    payment_id: OptionalId = None
    amount: Price | None = None
    reversal: StrictBool = False


class Event(Sent, Generic[Data]):
    timestamp: OptionalTime = None
    data: Data


def line(item: Item, quantity: int) -> Line:
    """The shop's own number of an article is no POS reference: that would be taken for an id."""
    return Line(
        name=item.name or item.product_id or item.external_id or "?",
        quantity=quantity,
        unit_price=item.price.value,
        pos_ref=item.product_id,
        item_id=item.external_id,
        comment=item.comment,
        options=tuple(line(option, option.quantity) for option in item.options),
    )


def rows(items: Sequence[Item]) -> Sequence[Row]:
    """Each line with its own id and that of its dish: its place, and itself, where none is said."""
    ids = [item.basket_item_id or str(place) for place, item in enumerate(items, 1)]
    if len(set(ids)) < len(ids):
        raise Unreadable("data.items: a basketItemId is there twice")
    return [
        (own, item.main_basket_item_id or own, item) for own, item in zip(ids, items, strict=True)
    ]


def is_discount(item: Item) -> bool:
    """Below zero and of no article: to be spread, so that each tax rate bears its share."""
    return item.price.value < 0 and not (item.product_id or item.external_id or item.options)


def dishes(named: Sequence[Row]) -> tuple[Line, ...]:
    """A line that names another as its main line becomes an option of that one."""
    found = {
        own: replace(line(item, item.quantity), line_id=own)
        for own, main, item in named
        if own == main and not is_discount(item)
    }
    for place, (own, main, item) in enumerate(named):
        if own != main and main not in found:
            raise Unreadable(f"data.items.{place}.mainBasketItemId: not a dish's")
        if own != main and not is_discount(item):
            found[main] = with_option(found[main], item, place)
    return tuple(found.values())


def with_option(dish: Line, item: Item, place: int) -> Line:
    """As at OktoPOS a flat option is counted for all pieces of its dish."""
    each, left = divmod(item.quantity, dish.quantity)
    if left:
        shares = f"{item.quantity} for {dish.quantity} of its dish"
        raise Unreadable(f"data.items.{place}.quantity: {shares} do not share out")
    return replace(dish, options=(*dish.options, line(item, each)))


def discounts(named: Sequence[Row]) -> tuple[Discount, ...]:
    return tuple(
        Discount(
            amount=-item.quantity * item.price.value,
            owner=OURS,
            name=item.name,
            line_ids=(main,) if main != own else (),
        )
        for own, main, item in named
        if is_discount(item)
    )


def prices(items: Sequence[Item]) -> Iterator[Price]:
    for item in items:
        yield item.price
        yield from prices(item.options)


def currency(order: Placed) -> str:
    priced = (order.payment, *order.tip_transactions)
    said = {price.currency for price in (*(one.price for one in priced), *prices(order.items))}
    if len(said) > 1:
        raise Unreadable(f"data: prices in {', '.join(sorted(said))}")
    return order.payment.price.currency


def created(delivery: Delivery) -> Order:
    event = payload.model(Event[Placed], delivery.body)
    order, named = event.data, rows(event.data.items)
    street = " ".join(filter(None, (order.street, order.house_number))) or None
    return Order(
        order_id=order.order_id,
        store_id=order.store_id,
        display_id=order.display_id,
        order_type=order.order_type,
        lines=dishes(named),
        total=order.payment.price.value,
        currency=currency(order),
        placed_at=order.placed_at or event.timestamp,
        ready_at=order.ready_at,
        discounts=discounts(named),
        tips=tuple(Tip(amount=tip.price.value, owner=OURS) for tip in order.tip_transactions),
        payment=order.payment.status,
        payment_method=order.payment.payment_method,
        customer=contract.Customer(
            given_name=order.given_name,
            family_name=order.family_name,
            phone=order.phone,
            email=order.email,
            address=payload.address(
                street, zip_code=order.zip_code, city=order.city, additional=order.additional
            ),
        ),
        table=order.table,
        notes=(f"Seat {order.seat}",) if order.seat else (),
        session=order.session_token,
        references=(order.payment.reference_id,) if order.payment.reference_id else (),
    )


def canceled(delivery: Delivery) -> contract.Cancellation:
    event = payload.model(Event[Revoked], delivery.body)
    return contract.Cancellation(
        order_id=event.data.order_id,
        at=event.data.date or event.timestamp or delivery.received_at,
        by=event.data.by or "shop",
        reason=event.data.reason,
    )


def updated(delivery: Delivery) -> contract.PaymentUpdate:
    change = payload.model(Event[Changed], delivery.body).data
    return contract.PaymentUpdate(
        status=change.status,
        at=change.date,
        payment_ids=(change.payment_id,) if change.payment_id else (),
        reference=change.order_id,
        amount=change.amount.value if change.amount else None,
        currency=change.amount.currency if change.amount else None,
        reversal=change.reversal,
    )


READERS: Mapping[str, Callable[[Delivery], contract.Event]] = {
    "order.created": created,
    "order.canceled": canceled,
    "payment.updated": updated,
}


def word(event: Mapping[str, object], *keys: str) -> str | None:
    return payload.text_or_none(payload.blank_to_none(payload.dig(event, *keys)))


def identify(delivery: Delivery) -> contract.Identity:
    """A payment stands in no order's queue: it waits for its order, which would then wait too."""
    event, sent = GLANCE(delivery.body), delivery.headers.get(SCHEME.id)
    kind = word(event, "type")
    return contract.Identity(
        delivery_id=payload.text_or_none(sent) or payload.body_digest(delivery),
        order_id=None if kind == "payment.updated" else word(event, "data", "orderId"),
        store_id=word(event, "data", "storeId"),
        overtakes=kind == "order.canceled",
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    kind = word(GLANCE(delivery.body), "type")
    if not kind:
        raise Unreadable("type: missing")
    read = READERS.get(kind)
    return [read(delivery) if read else contract.Ignored(kind)]


ADAPTER = contract.Adapter(
    slug="standard_webhooks",
    intermediary="Webshop",
    kind="orders",
    docs="https://www.standardwebhooks.com",
    event_types=frozenset(READERS),
    headers=SCHEME.headers,
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    check_secret=standard.fault,
)
