"""WooCommerce: a shop's orders, and what becomes of them and of their payment.

Full payload: an order comes whole, again with every change, some time after it and once: what does
not arrive is not repeated. Only the body is signed, so an order's `status` counts for more than the
topic.

Signature: HMAC-SHA256 of the raw body with the webhook's secret, in base64
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters import contract, payload, shops, sums
from adapters.apis.woocommerce import API
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import Tree, comment, text_or_none
from adapters.signing import Hmac

# https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
SCHEME = Hmac(header="x-wc-webhook-signature", encoding="base64")
TOPIC, SHOP, DELIVERY = "x-wc-webhook-topic", "x-wc-webhook-source", "x-wc-webhook-delivery-id"
PING = re.compile(rb"webhook_id=\d+")
CREATED, DELETED = "order.created", "order.deleted"
EVENTS = frozenset({CREATED, DELETED, "order.updated", "order.restored"})
NEWS = timedelta(days=1)  # an update of what was placed and paid earlier creates no order

# What WordPress undoes in a secret before it signs with it:
# https://developer.wordpress.org/reference/functions/wp_specialchars_decode/ with ENT_QUOTES
ENTITY = re.compile(r"&(?:quot|amp|lt|gt|#0*(?:34|38|39|60|62)|#[xX]0*(?:22|26|27|3[cCeE]));")

# https://woocommerce.com/document/managing-orders/: statuses that tell the till nothing. One that
# is neither here nor below, such as a shop's own, is of an order on its way.
UNSAID = {  # why, and whether someone should look
    "auto-draft": ("a draft", False),
    "checkout-draft": ("a draft: the guest has not ordered yet", False),
    "draft": ("a draft", False),
    "trash": ("the shop threw the order away: at the till it stands as it was", True),
}
METHODS = {"local_pickup": OrderType.PICKUP, "pickup_location": OrderType.PICKUP}
ON_DELIVERY = "cod"

# Which of an order's own fields, all of them extensions', are for the kitchen. A guess.
KITCHEN = re.compile(r"abhol|liefer|pick.?up|deliver|zeit|time|datum|date|tisch|table|allerg", re.I)


def keys(secrets: contract.Secrets) -> contract.Secrets:
    return [ENTITY.sub(lambda found: html.unescape(found[0]), secret) for secret in secrets]


def verify(delivery: Delivery, secrets: contract.Secrets) -> None:
    SCHEME.verify(delivery, keys(secrets))


def sign(delivery: Delivery, secret: str) -> Delivery:
    return SCHEME.sign(delivery, keys([secret])[0])


def handshake(delivery: Delivery, _: contract.Secrets) -> contract.Ack | None:
    """The ping when a webhook is saved: not signed, says nothing, wants exactly 200."""
    unsigned = delivery.method == "POST" and SCHEME.header not in delivery.headers
    return contract.Ack() if unsigned and PING.fullmatch(delivery.body) else None


def plain(text: str | None) -> str | None:
    """Names and fields may hold markup, as in "Pizza &ndash; Gro&szlig;"."""
    return html.unescape(re.sub(r"<[^<>]*>", " ", text)).strip() or None if text else None


def gmt(order: Tree, field: str) -> datetime | None:
    """A `..._gmt`, which has no offset; the same without `_gmt` is the shop's local time."""
    text = order.text(field)
    return Tree({field: f"{text}Z"}).time(field) if text else None


def gross(charged: Tree, net: str = "total", tax: str = "total_tax") -> int:
    """Net and tax stand apart, in shops whose prices hold the tax as well."""
    return (charged.major(net) or 0) + (charged.major(tax) or 0)


def off(item: Tree) -> int:
    """What coupons and the like took off; by hand a line may have become dearer, too."""
    before = gross(item, "subtotal", "subtotal_tax")
    return max(before - gross(item), 0)


def pieces(item: Tree) -> int:
    count = item.whole("quantity")
    if count is None or count < 0:
        raise contract.Unreadable("line_items.quantity: missing or below zero")
    return count


def dish(item: Tree) -> tuple[Line, ...]:
    ids = (item.text("variation_id"), item.text("product_id"))
    line = Line(
        name=plain(item.text("name", "sku")) or "?",
        quantity=pieces(item),
        unit_price=0,
        pos_ref=item.text("sku"),
        item_id=next((one for one in ids if one and one != "0"), None),
        line_id=item.text("id"),
        comment=comment(*shops.allergies_first(*entered(item.each("meta_data")))),
    )
    return sums.costing(line, gross(item) + off(item))


def entered(fields: Sequence[Tree]) -> tuple[str, ...]:
    """By the names guests see; it is by its key that a field is hidden."""
    shown = [field for field in fields if not (field.text("key") or "").startswith(shops.HIDDEN)]
    return shops.entered(
        (plain(field.text("display_key", "key")), plain(field.text("display_value", "value")))
        for field in shown
    )


def discounts(order: Tree, items: Sequence[Tree]) -> tuple[Discount, ...]:
    """What coupons took off each line; and fees below zero, by which extensions reduce the whole.

    Which coupon took what is not said."""
    codes = filter(None, (coupon.text("code") for coupon in order.each("coupon_lines")))
    name, ours = ", ".join(codes) or None, Owner.RESTAURANT
    on_lines = [
        Discount(
            amount=off(item),
            owner=ours,
            name=name,
            line_ids=tuple(filter(None, (item.text("id"),))),
        )
        for item in items
        if off(item)
    ]
    on_all = [
        Discount(amount=-gross(charged), owner=ours, name=plain(charged.text("name")))
        for charged in order.each("fee_lines")
        if gross(charged) < 0
    ]
    return (*on_lines, *on_all)


def fees(order: Tree) -> tuple[Fee, ...]:
    """The ways to the guest, and every fee whose name is not a tip's."""
    ways = ((FeeKind.DELIVERY, way, "method_title") for way in order.each("shipping_lines"))
    named = ((shops.fee_kind(fee.text("name")), fee, "name") for fee in order.each("fee_lines"))
    return tuple(
        Fee(kind=kind, amount=gross(fee), owner=Owner.RESTAURANT, name=plain(fee.text(name)))
        for kind, fee, name in (*ways, *named)
        if kind and gross(fee) > 0
    )


def tipped(order: Tree) -> int:
    gifts = (fee for fee in order.each("fee_lines") if not shops.fee_kind(fee.text("name")))
    return sum(max(gross(gift), 0) for gift in gifts)


def order_type(order: Tree) -> OrderType:
    """By the method, else by the shop's words for it, else by whether there is somewhere to go."""
    ways = order.each("shipping_lines")
    known = (METHODS.get(way.text("method_id") or "") for way in ways)
    said = next(filter(None, known), None) or shops.way(*(way.text("method_title") for way in ways))
    goes = order.text("shipping.address_1")
    return said or (OrderType.SHIPPING if goes else OrderType.PICKUP)


def customer(order: Tree, kind: OrderType) -> contract.Customer:
    goes = "shipping" if order.text("shipping.address_1") else "billing"
    place = order.one(goes) if kind in shops.BROUGHT else payload.NOTHING
    return contract.Customer(
        given_name=order.text("shipping.first_name", "billing.first_name"),
        family_name=order.text("shipping.last_name", "billing.last_name"),
        phone=order.text("shipping.phone", "billing.phone"),
        email=order.text("billing.email"),
        address=payload.address(
            place.text("address_1"),
            zip_code=place.text("postcode"),
            city=place.text("city"),
            additional=comment(place.text("company"), place.text("address_2")),
        ),
    )


def stated(order: Tree, tip: int) -> int | None:
    """What was given back of it (below zero) before we heard of the order makes it differ from the
    lines, which do not say so: someone looks."""
    total, back = order.major("total"), order.each("refunds")
    given = sum(refund.major("total") or 0 for refund in back)
    return None if total is None else total + given - tip


def order_of(order_id: str, order: Tree, store_id: str | None) -> Order:
    items = [item for item in order.each("line_items") if pieces(item)]
    kind, tip, order_key = order_type(order), tipped(order), order.text("order_key")
    fields = [f for f in order.each("meta_data") if KITCHEN.search(f.text("key") or "")]
    return Order(
        order_id=order_id,
        store_id=store_id,
        display_id=order.text("number") or order_id,
        order_type=kind,
        lines=tuple(line for item in items for line in dish(item)),
        total=stated(order, tip),
        currency=order.text("currency"),
        placed_at=gmt(order, "date_created_gmt"),
        fees=fees(order),
        discounts=discounts(order, items),
        tips=(contract.Tip(amount=tip, owner=Owner.RESTAURANT),) if tip else (),
        payment="paid" if order.text("date_paid_gmt") else "call_for_payment",
        payment_method="CASH" if order.text("payment_method") == ON_DELIVERY else None,
        customer=customer(order, kind),
        notes=shops.allergies_first(plain(order.text("customer_note")), *entered(fields)),
        references=(order_key,) if order_key else (),
    )


def payment(order_id: str, order: Tree, at: datetime) -> contract.PaymentUpdate | None:
    """Paid, all of it given back, or an attempt that failed: the guest may try again."""
    paid_at, status = gmt(order, "date_paid_gmt"), order.text("status")
    update = contract.PaymentUpdate(
        status="paid",
        at=paid_at or at,
        payment_ids=(),
        reference=order_id,
        amount=order.major("total"),
        currency=order.text("currency"),
    )
    if status == "refunded":
        return replace(update, status="canceled", at=at, reversal=True)
    if status == "failed":
        return replace(update, status="error", at=at)
    return update if paid_at else None


def of_order(topic: str, order: Tree, delivery: Delivery) -> Sequence[contract.Event]:
    order_id, status = order.text("id"), order.text("status")
    at = gmt(order, "date_modified_gmt") or delivery.received_at
    if not order_id or not status:
        raise contract.Unreadable("id or status: missing")
    if status in UNSAID:
        return [contract.Ignored(topic, *UNSAID[status])]
    if status == "cancelled":
        return [contract.Cancellation(order_id=order_id, at=at, by="platform")]
    update = payment(order_id, order, at)
    told = [update] if update else []
    times = (gmt(order, "date_created_gmt"), gmt(order, "date_paid_gmt"))
    since = max(filter(None, times), default=delivery.received_at)
    late = topic != CREATED and delivery.received_at - since > NEWS
    if late or status in ("refunded", "failed"):
        return told or [contract.Ignored(topic, "of an order placed more than a day ago")]
    if not order.each("line_items"):
        raise contract.Unreadable("line_items: missing")
    store_id = text_or_none(delivery.headers.get(SHOP))
    return [order_of(order_id, order, store_id), *(told if topic != CREATED else ())]


def identify(delivery: Delivery) -> contract.Identity:
    body, topic = payload.peek(delivery.body), delivery.headers.get(TOPIC, "")
    return contract.Identity(
        delivery_id=shops.delivery_id(delivery, DELIVERY, TOPIC),
        order_id=text_or_none(body.get("id")) if topic in EVENTS else None,
        store_id=text_or_none(delivery.headers.get(SHOP)),
        overtakes=topic in EVENTS - {DELETED} and body.get("status") == "cancelled",
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    topic = text_or_none(delivery.headers.get(TOPIC))
    if not topic:
        raise contract.Unreadable(f"{TOPIC}: missing")
    if topic not in EVENTS:
        return [contract.Ignored(topic, "not about an order")]
    if topic == DELETED:
        return [contract.Ignored(topic, *UNSAID["trash"])]
    return of_order(topic, payload.tree(delivery.body, exact=True), delivery)


ADAPTER = contract.Adapter(
    slug="woocommerce",
    intermediary="WooCommerce",
    kind="orders",
    docs="https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks",
    event_types=EVENTS,
    headers=frozenset({SCHEME.header, TOPIC, SHOP, DELIVERY}),
    verify=verify,
    sign=sign,
    identify=identify,
    parse=parse,
    handshake=handshake,
    api=API,
)
