"""Wolt: an order was placed, taken into production or cancelled, or something happened at a venue.

Thin payload: a notification names the order, which is fetched by its id in version 2. The Order
Submitter instead pushes the accepted order whole, in version 1; it is told by its shape.

Signature: HMAC-SHA256 of the raw body with the secret you gave Wolt, in hex, in WOLT-SIGNATURE
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from adapters import contract, payload, sums
from adapters.apis.wolt import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import NOTHING, Tree, dig, text_or_none
from adapters.signing import Hmac

# https://developer.wolt.com/docs: webhooks
SCHEME = Hmac(header="wolt-signature", encoding="hex", any_case=True)
NOTICE = "order.notification"
PLACED, PRODUCTION, CANCELED = "CREATED", "PRODUCTION", "CANCELED"  # the first waits for an answer
IGNORED = {  # why, and whether someone should look
    "courier.notification": ("the courier is on the way; the order is in the till", False),
    "pickup_completed.notification": ("the order was handed over", False),
    "VENUE_OFFLINE_ALERT_TRIGGERED": ("the venue is offline: open it again at Wolt", True),
    "VENUE_OFFLINE_ALERT_RECOVERED": ("the venue is online again", False),
    "REJECTION_ALERT_TRIGGERED": ("several orders were rejected: look at the venue", True),
    "REJECTION_ALERT_RECOVERED": ("orders are no longer rejected", False),
    "OPENING_HOURS_UPDATED": ("the till has opening hours of its own", False),
}
REJECTED, REFUNDED = "rejected", "refunded"
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nothing in it needs quoting

# https://developer.wolt.com/docs: orders, authentication
REASONS = {"item_unavailable": "ITEMS_UNAVAILABLE", "closed": "VENUE_CLOSING_SOON"}  # else GENERIC
ALREADY = frozenset({409})  # which status says so is a guess
STEPS: Mapping[contract.Outcome, tuple[str, frozenset[int]]] = {
    "created": ("accept", ALREADY),
    "refused": ("reject", frozenset()),  # who accepted it meanwhile must know
    "ready": ("ready", ALREADY),
}

ORDER_TYPES = {"takeaway": OrderType.PICKUP, "eatin": OrderType.LOCAL}  # any other is a delivery
# By a word in a fee's type, which no page lists, and whose it is; None: whoever's the courier is.
FEES: Mapping[str, tuple[FeeKind, Owner | None]] = {
    "deposit": (FeeKind.DEPOSIT, Owner.RESTAURANT),
    "bag": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "small": (FeeKind.SMALL_ORDER, None),
    "delivery": (FeeKind.DELIVERY, None),
}
OTHER_FEE = (FeeKind.SERVICE, Owner.PLATFORM)
CUTS = ("total_before_discounts", "total_discounts", "liability")
# Version 2's path, then version 1's.
UNIT_PRICE = ("item_price.unit_price.amount", "unit_price.amount")
OLD_FEES = {"delivery": "delivery.fee.amount", "small": "delivery.small_order_surcharge.amount"}
ARRIVAL, STEP = "delivery.time", "step"
WANTED = ("pre_order.preorder_time", "pre_order.time")  # the documents disagree
DUE = ("cash_to_expect", "cash_to_expected", "cash_amount")  # the second is a slip of theirs
CASH = tuple(f"cash_payment.{name}{sum_}" for sum_ in (".amount", "") for name in DUE)
ZIP = re.compile(r"\b(\d{5})\s+\D")  # has no field of its own


class Price(NamedTuple):
    gross: int  # before discounts
    net: int
    off: int
    borne: int  # of it, by the restaurant


def price(new: Tree, old: Tree = NOTHING) -> Price | None:
    """A sum as Wolt states it. Without a liability the restaurant bears every discount."""
    cuts, total = new.one("price_breakdown"), new.whole("total.amount")
    net = old.whole("amount") if total is None else total
    gross, off, borne = (cuts.whole(f"{name}.amount") for name in CUTS)
    if net is None:
        return None
    gross = net + (off or 0) if gross is None else gross
    return Price(gross, net, gross - net, gross - net if borne is None else borne)


def count(item: Tree) -> int:
    said = item.whole("count")
    return 1 if said is None else said


def line(entry: Tree, unit_price: int, place: int | None = None) -> Line:
    """A dish, or an option: its value is the article, `pos_id` and `name` are its group's."""
    refs = ("pos_id", "sku", "gtin") if place else ("value_pos_id",)
    options = entry.each("options")
    return Line(
        name=entry.text("value", "name", "pos_id") or "?",
        quantity=count(entry),
        unit_price=unit_price,
        pos_ref=entry.text(*refs),
        item_id=entry.text("id") if place else None,
        line_id=str(place) if place else None,
        options=tuple(line(option, option.whole("price.amount") or 0) for option in options),
        bundle=bool(entry.flag("is_bundle_offer")),
    )


def deposit_of(item: Tree) -> int:
    inside = sum(map(deposit_of, item.each("options")))
    return count(item) * ((item.whole("deposit.gross_price.amount") or 0) + inside)


def dishes(item: Tree, place: int, deposit: int, stated: Price | None) -> tuple[Line, ...]:
    """Whether a unit price holds the options, the deposit or the discount is not documented: the
    dish's sums decide. It costs what they come to before discounts, less options and deposit."""
    read = line(item, item.whole(*UNIT_PRICE) or 0, place)
    known = [sum_ - off for sum_ in stated[:2] for off in (deposit, 0)] if stated else []
    right = sums.fitting(read, known)
    if stated is None or right is None:
        return (read,)
    rest = stated.gross - deposit - right.quantity * sums.worth(right.options)
    return sums.costing(right, rest)


def fee(name: str, amount: int | None, courier: Owner) -> Fee:
    kind, owner = next((known for word, known in FEES.items() if word in name.lower()), OTHER_FEE)
    return Fee(kind=kind, amount=amount or 0, owner=owner or courier)


def fees(order: Tree, courier: Owner) -> tuple[Fee, ...]:
    """An own courier's is what Wolt's sum leaves for it: a discount on fees is one on that."""
    parts = order.each("fees.parts")
    found = [fee(p.text("type") or "", p.whole("total.amount"), courier) for p in parts]
    found = found or [fee(name, order.whole(path), courier) for name, path in OLD_FEES.items()]
    stated = price(order.one("fees"))
    if courier is Owner.RESTAURANT and stated:
        found = [fee for fee in found if fee.kind is not FeeKind.DELIVERY]
        rest = stated.gross - stated.borne - sum(fee.amount for fee in found)
        found = [Fee(kind=FeeKind.DELIVERY, amount=rest, owner=courier), *found]
    return tuple(fee for fee in found if fee.amount)


def discounts(prices: Sequence[Price | None], basket: Price | None) -> tuple[Discount, ...]:
    """Each on its dish, where the dishes' come to all of them."""
    cuts = {str(n): price.off for n, price in enumerate(prices, 1) if price and price.off > 0}
    off, borne = (basket.off, basket.borne) if basket else (0, 0)
    places = tuple(cuts) if sum(cuts.values()) == off else ()
    shares = [(borne, Owner.RESTAURANT, places), (off - borne, Owner.PLATFORM, places)]
    if places and borne == off:
        shares = [(amount, Owner.RESTAURANT, (place,)) for place, amount in cuts.items()]
    return tuple(Discount(amount=n, owner=who, line_ids=on) for n, who, on in shares if n > 0)


def order_of(order: Tree, order_id: str, venue_id: str | None) -> Order:
    way = ORDER_TYPES.get(order.text("delivery.type") or "", OrderType.DELIVERY)
    provider = order.text("delivery_provider_type")
    own = order.flag("delivery.self_delivery") or provider == "self_delivery"
    courier = Owner.RESTAURANT if own and way is OrderType.DELIVERY else Owner.PLATFORM
    items = [item for item in order.each("items") if count(item) > 0]
    basket = price(order.one("basket_price"), order.one("price"))
    prices = [price(item.one("item_price"), item.one("total_price")) for item in items]
    charged, given = fees(order, courier), discounts(prices, basket)
    apart = any(fee.kind is FeeKind.DEPOSIT for fee in charged)  # then it is in no dish
    deposits = [0 if apart else deposit_of(item) for item in items]
    deposit = Fee(kind=FeeKind.DEPOSIT, amount=sum(deposits), owner=Owner.RESTAURANT)
    lines = map(dishes, items, range(1, len(items) + 1), deposits, prices)
    by_wolt = way is OrderType.DELIVERY and courier is Owner.PLATFORM
    due, number = order.whole(*CASH), order.text("order_number")
    comment, late = order.text("consumer_comment"), () if by_wolt else (ARRIVAL,)
    return Order(
        order_id=order_id,
        store_id=venue_id or order.text("venue.id"),
        display_id=number,
        order_type=way,
        lines=tuple(chain.from_iterable(lines)),
        total=basket and basket.gross - basket.borne + sums.ours(charged),
        currency=order.text("basket_price.total.currency", "price.currency"),
        placed_at=order.time("created_at"),
        ready_at=order.time("pickup_eta", *WANTED, *late),
        fees=(*charged, deposit) if deposit.amount else charged,
        discounts=given,
        payment="call_for_payment" if due else "paid",
        payment_method="CASH" if due else None,
        customer=customer(order, courier),
        notes=(comment,) if comment else (),
        references=(number,) if number else (),
        answering=acceptance(order, courier),
    )


def customer(order: Tree, courier: Owner) -> contract.Customer:
    given, family = payload.split_name(order.text("consumer_name"))
    place = order.one("delivery.location") if courier is Owner.RESTAURANT else NOTHING
    found = ZIP.search(place.text("formatted_address") or "")
    address = payload.address(
        place.text("street_address", "formatted_address"),
        zip_code=found[1] if found else None,
        city=place.text("city"),
        additional=place.text("apartment"),
    )
    phone = order.text("consumer_phone_number")
    return contract.Customer(given_name=given, family_name=family, phone=phone, address=address)


def acceptance(order: Tree, courier: Owner) -> Mapping[str, str]:
    """How it is accepted: a pre-order is confirmed, and taken into production by Wolt itself."""
    if order.text("type") == "preorder":
        return {STEP: "confirm-preorder"}
    if courier is Owner.PLATFORM:
        return {}
    return {STEP: "self-delivery/accept", "total_delivery_time": order.text(ARRIVAL) or ""}


def is_whole(body: Tree) -> bool:
    """An order that the Order Submitter pushes: a notification has no dishes."""
    return body.text("type") != NOTICE and body.at("items").value is not None


def identify(delivery: Delivery) -> contract.Identity:
    """The status is part of the id: were two to share one, the second would be lost."""
    body = Tree(payload.peek(delivery.body))
    whole, digest = is_whole(body), payload.body_digest(delivery)
    paths = ("id", "venue.id") if whole else ("order.id", "order.venue_id")
    status = body.text("order_status" if whole else "order.status")
    named = None if whole else body.text("id")
    return contract.Identity(
        delivery_id=(named and text_or_none(f"{named}:{status}" if status else named)) or digest,
        order_id=text_or_none(body.text(paths[0])),
        store_id=text_or_none(body.text(paths[1], "venue_id")),
        overtakes=status == (REJECTED if whole else CANCELED),
    )


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[contract.Event]:
    body = payload.tree(delivery.body)
    event, whole = text_or_none(body.text("type", "event_type")), is_whole(body)
    if not event and not whole:
        raise contract.Unreadable("type: missing")
    if event and event != NOTICE and not whole:
        return [contract.Ignored(event, *IGNORED.get(event, (None, False)))]
    order_id, status = body.text("id" if whole else "order.id") or "", body.text("order.status")
    if not ORDER_ID.fullmatch(order_id):
        raise contract.Unreadable("the order's id is none")
    at = body.time("created_at") or delivery.received_at
    if whole:
        return [became(body, order_id, None, at)]
    if status == CANCELED:
        return [contract.Cancellation(order_id=order_id, at=at, by="platform")]
    if status not in (PLACED, PRODUCTION):
        return [contract.Ignored(NOTICE, f"order is {status}")]
    if "order" not in fetched:
        return [contract.Fetch("order", f"/v2/orders/{order_id}")]
    return [became(payload.tree(fetched["order"]), order_id, body.text("order.venue_id"), at)]


def became(order: Tree, order_id: str, venue_id: str | None, at: datetime) -> contract.Event:
    """The order as it stands by now: it may be over already."""
    status = order.text("order_status")
    if status == REJECTED:
        at = order.time("modified_at") or at
        return contract.Cancellation(order_id=order_id, at=at, by="platform")
    if status == REFUNDED:
        return contract.Ignored(NOTICE, "the order is refunded: look at it at Wolt", alert=True)
    if not order.each("items"):
        raise contract.Unreadable("items: missing")
    return order_of(order, order_id, venue_id)


def answer(delivery: Delivery, order: Order, told: contract.Told) -> Sequence[contract.Call]:
    """What comes in production, or whole, is accepted already, and nothing cancels it then."""
    waits = dig(payload.peek(delivery.body), "order", "status") == PLACED
    (step, done), said = STEPS.get(told.outcome, ("", ALREADY)), {}
    if told.outcome == "created":
        step = order.answering.get(STEP, step)
        said = {name: text for name, text in order.answering.items() if text and name != STEP}
    elif told.outcome == "refused":
        said = {"reason": "The till did not take it.", "code": REASONS.get(told.reason, "GENERIC")}
    path = f"/orders/{order.order_id}/{step}" if waits or told.outcome == "ready" else None
    return contract.tell(told, "PUT", path if step else None, said or None, done=done)


ADAPTER = contract.Adapter(
    slug="wolt",
    intermediary="Wolt",
    kind="orders",
    docs="https://developer.wolt.com/docs",
    event_types=frozenset({NOTICE, "instant", "preorder"}) | IGNORED.keys(),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    answer=answer,
    api=API,
    thin=True,
    hosts=HOSTS,
    deadline=timedelta(minutes=3),
)
