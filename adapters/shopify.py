"""Shopify: a shop's orders, and what becomes of them and of their money.

Full payload: an order comes whole, again at each of its steps, in any order and more than once.
Only the body is signed. So the topic merely tells what a body is of, an order or a transaction;
what has happened is read from the body.

Signature: HMAC-SHA256 of the raw body with the app's client secret, in base64
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters import contract, payload, shops, sums
from adapters.apis.shopify import API
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import NOTHING, Tree, comment, text_or_none
from adapters.signing import Hmac

# https://shopify.dev/docs/apps/build/webhooks/subscribe/https
SCHEME = Hmac(header="x-shopify-hmac-sha256", encoding="base64")
TOPIC, SHOP, DELIVERY = "x-shopify-topic", "x-shopify-shop-domain", "x-shopify-webhook-id"

# https://shopify.dev/docs/api/webhooks
CREATED, UPDATED, TRANSACTION = "orders/create", "orders/updated", "order_transactions/create"
ORDERS = frozenset({CREATED, UPDATED, "orders/paid", "orders/cancelled"})
IGNORED = {  # why, and whether someone should look
    "refunds/create": ("whether all went back, the order's own financial_status says", False),
    "orders/edited": ("the shop changed the order: change it at the till", True),
    "orders/delete": ("the shop deleted the order: at the till it stands as it was", True),
}
NEWS = timedelta(days=1)  # a mere update of an older order creates none: it may predate the set-up

# https://shopify.dev/docs/api/admin-rest/latest/resources/order: by financial_status, and whether
# it takes back what was paid. Any other is what an order begins with: the guest has yet to pay.
STANDS: Mapping[str | None, tuple[contract.PaymentStatus, bool]] = {
    "authorized": ("appointed", False),
    "paid": ("paid", False),
    "partially_refunded": ("paid", False),
    "refunded": ("canceled", True),
    "voided": ("canceled", False),
    "expired": ("canceled", False),
}
CANCELED_BY = {"customer": "customer", "inventory": "restaurant", "staff": "restaurant"}
CASH = re.compile(r"\bcash\b|\bcod\b|\bbar(zahlung)?\b|nachnahme", re.IGNORECASE)  # a guess

# https://shopify.dev/docs/api/admin-rest/latest/resources/transaction: by kind and status. How much
# of its order a transaction pays or gives back it does not say; the financial_status does.
ATTEMPTS: Mapping[tuple[str | None, str | None], contract.PaymentStatus] = {
    ("authorization", "success"): "appointed",
    ("authorization", "pending"): "appointed",
    ("sale", "pending"): "appointed",
    ("authorization", "failure"): "error",
    ("authorization", "error"): "error",
    ("sale", "failure"): "error",
    ("sale", "error"): "error",
    ("capture", "failure"): "error",
    ("capture", "error"): "error",
}


def pieces(item: Tree) -> int:
    """Less what was refunded or taken out before we heard of the order; none of a tip's line."""
    left = [item.whole(path) for path in ("current_quantity", "quantity")]
    count = next((number for number in left if number is not None), 1)
    if count < 0:
        raise contract.Unreadable("line_items.quantity: below zero")
    return 0 if item.at("tip").value else count


def net(order: Tree) -> bool:
    return order.flag("taxes_included") is False


def off(charged: Tree) -> int:
    return sum(share.major("amount") or 0 for share in charged.each("discount_allocations"))


def paid_for(charged: Tree, order: Tree, count: int = 1) -> int:
    """What the guest pays for it: less the discounts, with the tax, which is that of the rest."""
    tax = sum(tax.major("price") or 0 for tax in charged.each("tax_lines")) if net(order) else 0
    return count * (charged.major("price") or 0) - off(charged) + tax


def dish(item: Tree, order: Tree) -> tuple[Line, ...]:
    """At its full price, from which `discounts` go off; where prices are net, no full price with
    tax is stated, so there it is what is paid for it."""
    line = Line(
        name=item.text("name", "title", "sku") or "?",  # the name is title and variant
        quantity=pieces(item),
        unit_price=0,
        pos_ref=item.text("sku"),
        item_id=item.text("variant_id"),
        line_id=item.text("id"),
        comment=comment(*shops.allergies_first(*entered(item, "properties"))),
        tax_rate=payload.tax_rate(item.at("tax_lines.0.rate").value, 1),
    )
    stated = paid_for(item, order, line.quantity) + (0 if net(order) else off(item))
    return sums.costing(line, stated)


def entered(where: Tree, fields: str) -> tuple[str, ...]:
    return shops.entered((field.text("name"), field.text("value")) for field in where.each(fields))


def discounts(item: Tree, order: Tree) -> list[Discount]:
    """Shopify has spread every discount over the lines already, to the cent."""
    shares = [(share, share.major("amount")) for share in item.each("discount_allocations")]
    return [
        Discount(
            amount=amount,
            owner=Owner.RESTAURANT,
            name=application(order, share.whole("discount_application_index")),
            line_ids=tuple(filter(None, (item.text("id"),))),
        )
        for share, amount in shares
        if amount
    ]


def application(order: Tree, place: int | None) -> str | None:
    one = f"discount_applications.{place}"
    return order.text(f"{one}.code", f"{one}.title")


def fees(order: Tree) -> tuple[Fee, ...]:
    costs = [(paid_for(way, order), way.text("title")) for way in order.each("shipping_lines")]
    return tuple(
        Fee(kind=FeeKind.DELIVERY, amount=cost, owner=Owner.RESTAURANT, name=name)
        for cost, name in costs
        if cost
    )


def order_type(order: Tree) -> OrderType:
    """By the shop's words; without any that is known, by whether there is somewhere to go."""
    ways = order.each("shipping_lines")
    words = (way.text(key) for way in ways for key in ("delivery_category", "code", "title"))
    goes = order.at("shipping_address").value
    return shops.way(*words) or (OrderType.SHIPPING if goes else OrderType.PICKUP)


def customer(order: Tree, kind: OrderType) -> contract.Customer:
    place = order.one("shipping_address")
    who = ("shipping_address", "billing_address", "customer")
    phones = ("shipping_address.phone", "phone", "billing_address.phone", "customer.phone")
    there = place if kind in shops.BROUGHT else NOTHING
    return contract.Customer(
        given_name=order.text(*(f"{one}.first_name" for one in who)),
        family_name=order.text(*(f"{one}.last_name" for one in who)),
        phone=order.text(*phones),
        email=order.text("email", "contact_email", "customer.email"),
        address=payload.address(
            there.text("address1"),
            zip_code=there.text("zip"),
            city=there.text("city"),
            additional=comment(there.text("company"), there.text("address2")),
        ),
    )


def order_of(order_id: str, order: Tree, store_id: str | None) -> Order:
    """Amounts are in the shop's currency, whichever the guest paid in."""
    items = [item for item in order.each("line_items") if pieces(item)]
    kind, tip = order_type(order), order.major("total_tip_received") or 0
    total, number = order.major("total_price"), order.text("order_number")
    paid = STANDS.get(order.text("financial_status")) == ("paid", False)
    gateways = order.at("payment_gateway_names").value
    cash = isinstance(gateways, list) and any(CASH.search(str(gateway)) for gateway in gateways)
    cuts = () if net(order) else tuple(cut for item in items for cut in discounts(item, order))
    return Order(
        order_id=order_id,
        store_id=store_id,
        display_id=order.text("name") or number,
        order_type=kind,
        lines=tuple(line for item in items for line in dish(item, order)),
        total=None if total is None else total - tip,
        currency=order.text("currency"),
        placed_at=order.time("created_at"),
        fees=fees(order),
        discounts=cuts,
        tips=(contract.Tip(amount=tip, owner=Owner.RESTAURANT),) if tip else (),
        payment="paid" if paid else "call_for_payment",
        payment_method="CASH" if cash else None,
        customer=customer(order, kind),
        notes=shops.allergies_first(order.text("note"), *entered(order, "note_attributes")),
        references=tuple(filter(None, (number, order.text("confirmation_number")))),
    )


def payment(order_id: str, order: Tree, delivery: Delivery) -> contract.PaymentUpdate | None:
    """Shopify's seconds are whole: by the end of one, what it says of it has happened."""
    status, reversal = STANDS.get(order.text("financial_status"), (None, False))
    at = (order.time("updated_at") or delivery.received_at).replace(microsecond=999_000)
    return status and contract.PaymentUpdate(
        status=status,
        at=at,
        payment_ids=(),
        reference=order_id,
        amount=order.major("total_price"),
        currency=order.text("currency"),
        reversal=reversal,
    )


def of_order(topic: str, order: Tree, delivery: Delivery) -> Sequence[contract.Event]:
    order_id, ended = order.text("id"), order.time("cancelled_at")
    if not order_id:
        raise contract.Unreadable("id: missing")
    if order.flag("test"):
        return [contract.Ignored(topic, "a test order")]
    update = payment(order_id, order, delivery)
    told = [update] if update else []
    if ended:
        why = order.text("cancel_reason")
        by = CANCELED_BY.get(why or "", "platform")
        end = contract.Cancellation(order_id=order_id, at=ended, by=by, reason=why)
        return [end, *(update for update in told if update.status == "canceled")]
    placed = order.time("created_at") or delivery.received_at
    late = topic == UPDATED and delivery.received_at - placed > NEWS
    if late or (update and update.status == "canceled"):
        return told or [contract.Ignored(topic, "of an order placed more than a day ago")]
    if not order.each("line_items"):
        raise contract.Unreadable("line_items: missing")
    if topic == CREATED and update and update.status == "paid":
        told = []  # the order itself says so
    return [order_of(order_id, order, text_or_none(delivery.headers.get(SHOP))), *told]


def of_transaction(said: Tree, delivery: Delivery) -> contract.Event:
    kind, status, order_id = said.text("kind"), said.text("status"), said.text("order_id")
    if not order_id:
        raise contract.Unreadable("order_id: missing")
    stands = ATTEMPTS.get((kind, status))
    if said.flag("test"):
        return contract.Ignored(TRANSACTION, "a test payment")
    if not stands or said.flag("manual_payment_gateway"):  # by hand: the guest has yet to pay
        return contract.Ignored(TRANSACTION, f"{kind} {status}: what it comes to, the order says")
    return contract.PaymentUpdate(
        status=stands,
        at=said.time("processed_at", "created_at") or delivery.received_at,
        payment_ids=tuple(filter(None, (said.text("id"),))),
        reference=order_id,
        amount=said.major("amount"),
        currency=said.text("currency"),
    )


def identify(delivery: Delivery) -> contract.Identity:
    body, topic = payload.peek(delivery.body), delivery.headers.get(TOPIC, "")
    return contract.Identity(
        delivery_id=shops.delivery_id(delivery, DELIVERY, TOPIC),
        order_id=text_or_none(body.get("id" if topic.startswith("orders/") else "order_id")),
        store_id=text_or_none(delivery.headers.get(SHOP)),
        overtakes=topic in ORDERS and not body.get("test") and bool(body.get("cancelled_at")),
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    topic = text_or_none(delivery.headers.get(TOPIC))
    if not topic:
        raise contract.Unreadable(f"{TOPIC}: missing")
    if topic in ORDERS:
        return of_order(topic, payload.tree(delivery.body, exact=True), delivery)
    if topic == TRANSACTION:
        return [of_transaction(payload.tree(delivery.body, exact=True), delivery)]
    return [contract.Ignored(topic, *IGNORED.get(topic, (None, False)))]


ADAPTER = contract.Adapter(
    slug="shopify",
    intermediary="Shopify",
    kind="orders",
    docs="https://shopify.dev/docs/api/webhooks",
    event_types=ORDERS | {TRANSACTION} | IGNORED.keys(),
    headers=frozenset({SCHEME.header, TOPIC, SHOP, DELIVERY}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    api=API,
)
