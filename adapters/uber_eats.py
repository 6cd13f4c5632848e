"""Uber Eats: an order was placed, changed or cancelled, or something happened to a store.

Thin payload: the delivery names the order, which is fetched by its id. Two generations of orders
live side by side, chosen per store: Order Fulfillment 1.0.0 ("suite") and the legacy v2 order.
Each field is read where the suite has it, else where the legacy order has it.

Signature: HMAC-SHA256 of the raw body with the client secret, lower-case hex, in X-Uber-Signature
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters import contract, payload
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import Foreign, OptionalId, Text, Tree, at, comment, dig, text_or_none
from adapters.signing import Hmac

# https://developer.uber.com/docs/eats/guides/webhooks
SCHEME = Hmac(header="x-uber-signature", encoding="hex")
PLACED = frozenset({"orders.notification", "orders.scheduled.notification"})
CANCELLED = frozenset({"orders.cancel", "orders.failure"})
BY_HAND = "OktoPOS cannot change an order: do it by hand"
IGNORED = {  # why, and whether someone should look
    "orders.release": ("the courier is near; the order is in the till already", False),
    "orders.customer_order_edit": (f"the guest changed the order; {BY_HAND}", True),
    "order.fulfillment_issues.resolved": (f"the guest was asked about a dish; {BY_HAND}", True),
    "orders.fulfillment_issues.resolved": (f"the guest was asked about a dish; {BY_HAND}", True),
    "store.provisioned": ("a store was connected: give it a POS under stores", True),
    "store.deprovisioned": ("a store was disconnected: no more orders from it", True),
}

# https://developer.uber.com/docs/eats/references/api/order_suite
# https://developer.uber.com/docs/eats/references/api/v2/get-eats-order-orderid
SUITE, LEGACY, LEGACY_STEP = "/v1/delivery/order/", "/v2/eats/order/", "/v1/eats/orders/"
EXPAND = {SUITE: "?expand=carts,deliveries,payment", LEGACY: ""}
HREF = re.compile(rf"https://(?:test-)?api\.uber\.com({SUITE}|{LEGACY})[A-Za-z0-9_-]+")
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nothing in it needs quoting
ENDED = frozenset({"FAILED", "CANCELED", "DENIED"})  # over before it was fetched
GROUP = "CUSTOMIZATION"  # the price_type of a group of options, always 0: it is no line

# Which of the reasons that Uber lists fits an order the till refuses is a guess.
WHY = "The till did not take the order."
RELAYED = "order_special_instructions item_special_instructions item_special_requests promotions"
ACCEPTED = {"reason": "accepted", "fields_relayed": dict.fromkeys(RELAYED.split(), True)}
DENIED = {"reason": {"explanation": WHY, "code": "OTHER"}}
STEPS: Mapping[tuple[str, contract.Outcome], tuple[str, str, Mapping[str, object]]] = {
    (SUITE, "created"): (SUITE, "/accept", {}),
    (SUITE, "refused"): (SUITE, "/deny", {"deny_reason": {"type": "OTHER", "info": WHY}}),
    (SUITE, "ready"): (SUITE, "/ready", {}),
    (LEGACY, "created"): (LEGACY_STEP, "/accept_pos_order", ACCEPTED),
    (LEGACY, "refused"): (LEGACY_STEP, "/deny_pos_order", DENIED),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """How an order reaches its guest, and whose the delivery fee and the tip are: a guess, save
    that the legacy order documents both as the restaurant's if its own courier delivers."""

    order_type: OrderType
    delivery: Owner = Owner.PLATFORM
    tip: Owner = Owner.RESTAURANT


# fulfillment_type in the suite, type in the legacy order
OWN_COURIER = Kind(OrderType.DELIVERY, delivery=Owner.RESTAURANT)
KINDS = {
    "PICKUP": Kind(OrderType.PICKUP),
    "PICK_UP": Kind(OrderType.PICKUP),
    "DINE_IN": Kind(OrderType.LOCAL),
    "DELIVERY_BY_UBER": Kind(OrderType.DELIVERY, tip=Owner.COURIER),
    "DELIVERY_BY_MERCHANT": OWN_COURIER,
    "DELIVERY_BY_RESTAURANT": OWN_COURIER,
}
FEES: Mapping[str, tuple[FeeKind, Owner | None]] = {  # None: whose the delivery is; a guess
    "BAG_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "PICK_AND_PACK_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "DELIVERY_FEE": (FeeKind.DELIVERY, None),
    "SMALL_ORDER_FEE": (FeeKind.SMALL_ORDER, None),
}
OTHER_FEE = (FeeKind.SERVICE, Owner.PLATFORM)
FUNDED_BY = {"uber": Owner.PLATFORM, "organization": Owner.RESTAURANT}  # funding_source


class Notice(Foreign):
    event_type: Text
    event_time: int | None = None
    order_id: OptionalId = at("meta.resource_id")
    store_id: OptionalId = at("meta.user_id")
    resource_href: Text = None


def cents(money: Tree, *paths: str) -> int | None:
    """Minor units in the legacy order; hundred-thousandths in the suite: gross, else net + tax."""
    legacy = money.whole(*(f"{path}.amount" for path in paths))
    gross, net, tax = (
        money.whole(*(f"{path}.{part}.amount_e5" for path in paths))
        for part in ("gross", "net", "tax")
    )
    e5 = net + (tax or 0) if gross is None and net is not None else gross
    return legacy if e5 is None else (e5 + 500) // 1000


def number(promotion: Tree, *paths: str) -> int:
    """Of these the documents show placeholders only: minor units of either sign, else unknown."""
    text = promotion.text(*paths) or ""
    return abs(int(text)) if re.fullmatch(r"-?[0-9]{1,12}", text) else 0


def dish(item: Tree, prices: Mapping[str | None, Tree]) -> Line:
    """A dish, or an option of one, which may have options again; priced as it stands there."""
    price = prices.get(item.text("cart_item_id"), Tree(None))
    unit = cents(price, "unit")
    if unit is None:
        unit = cents(item, "price.base_unit_price", "price.unit_price")
    if unit is None:
        pieces = price.whole("quantity.amount") or 1
        unit = (2 * (cents(price, "total") or 0) + pieces) // (2 * pieces)
    groups, quantity = item.each("selected_modifier_groups"), item.whole("quantity.amount", "quantity")
    return Line(
        name=item.text("title", "id") or "?",
        quantity=1 if quantity is None else quantity,
        unit_price=unit,
        pos_ref=item.text("external_data"),
        item_id=item.text("id"),
        line_id=item.text("id"),
        comment=wishes(item, groups),
        options=tuple(dish(option, prices) for group in groups for option in group.each("selected_items")),
    )


def wishes(item: Tree, groups: Sequence[Tree]) -> str | None:
    """One sample spells it customer_requests."""
    requests = [item.at("customer_request", "customer_requests"), item, *item.each("special_requests")]
    removed = (gone.text("title") for group in groups for gone in group.each("removed_items"))
    return comment(
        *map(allergy, requests),
        *(request.text("special_instructions") for request in requests),
        *(f"no {title}" for title in removed if title),
    )


def allergy(request: Tree) -> str | None:
    ...
