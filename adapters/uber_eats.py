"""Uber Eats: an order was placed, changed or cancelled, or something happened to a store.

Thin payload: the delivery names the order, which is fetched by its id. Two generations of orders
live side by side, chosen per store: Order Fulfillment 1.0.0 ("suite") and the legacy v2 order.

Signature: HMAC-SHA256 of the raw body with the client secret, lower-case hex, in X-Uber-Signature
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, NonNegativeInt

from adapters import contract, payload
from adapters.contract import Delivery, Discount, Fee, FeeKind, Ignored, Line, OrderType, Owner
from adapters.payload import Foreign, Many, Minor, OptionalId, OptionalTime, Text, at, comment, dig
from adapters.signing import Hmac

# https://developer.uber.com/docs/eats/guides/webhooks
SCHEME = Hmac(header="x-uber-signature", encoding="hex")
PLACED = frozenset({"orders.notification", "orders.scheduled.notification"})
CANCELLED = frozenset({"orders.cancel", "orders.failure"})
BY_HAND = "OktoPOS cannot change an order, correct it by hand"
IGNORED = {  # why, and whether someone should look
    "orders.release": ("the courier is near; the order is in the till already", False),
    "orders.customer_order_edit": (f"the guest changed the order: {BY_HAND}", True),
    "order.fulfillment_issues.resolved": (f"a missing dish was settled: {BY_HAND}", True),
    "orders.fulfillment_issues.resolved": (f"a missing dish was settled: {BY_HAND}", True),
    "delivery.state_changed": ("the courier's way", False),
    "store.provisioned": ("a store was connected: give it a POS under stores", True),
    "store.deprovisioned": ("a store was disconnected: it sends no orders any more", True),
    "store.status.changed": ("the store's opening", False),
}

# https://developer.uber.com/docs/eats/references/api/order_suite
# https://developer.uber.com/docs/eats/references/api/v2/get-eats-order-orderid
SUITE, LEGACY, LEGACY_STEP = "/v1/delivery/order/", "/v2/eats/order/", "/v1/eats/orders/"
EXPAND = {SUITE: "?expand=carts,deliveries,payment", LEGACY: ""}
HREF = re.compile(rf"https://(?:test-)?api\.uber\.com({SUITE}|{LEGACY})[A-Za-z0-9_-]+")
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nothing in it needs quoting
ENDED = frozenset({"FAILED", "CANCELED", "DENIED"})  # over before it was fetched

# Which of the reasons that Uber lists fits an order the till refuses is a guess.
INFO = "The till did not take the order."
DENIED = {"deny_reason": {"type": "TECHNICAL_FAILURE", "info": INFO}}
LEGACY_DENIED = {"reason": {"explanation": INFO, "code": "OTHER"}}
RELAYED = "order_special_instructions item_special_instructions item_special_requests promotions"
LEGACY_ACCEPTED = {"reason": "accepted", "fields_relayed": dict.fromkeys(RELAYED.split(), True)}
STEPS: Mapping[tuple[str, contract.Outcome], tuple[str, str, Mapping[str, object]]] = {
    (SUITE, "created"): (SUITE, "accept", {}),
    (SUITE, "refused"): (SUITE, "deny", DENIED),
    (SUITE, "ready"): (SUITE, "ready", {}),
    (LEGACY, "created"): (LEGACY_STEP, "accept_pos_order", LEGACY_ACCEPTED),
    (LEGACY, "refused"): (LEGACY_STEP, "deny_pos_order", LEGACY_DENIED),
}

# fulfillment_type of the suite, type of the legacy order
COURIERS = {  # whose the delivery fee is, and the tip: a guess, but documented for legacy orders
    "DELIVERY_BY_UBER": (Owner.PLATFORM, Owner.COURIER),
    "DELIVERY_BY_MERCHANT": (Owner.RESTAURANT, Owner.RESTAURANT),
    "DELIVERY_BY_RESTAURANT": (Owner.RESTAURANT, Owner.RESTAURANT),
}
ORDER_TYPES = {
    "PICKUP": OrderType.PICKUP,
    "PICK_UP": OrderType.PICKUP,
    "DINE_IN": OrderType.LOCAL,
    **dict.fromkeys(COURIERS, OrderType.DELIVERY),
}
FEES = {  # None: whose the delivery is. A guess; any other fee is a service fee of Uber's
    "BAG_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "PICK_AND_PACK_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "DELIVERY_FEE": (FeeKind.DELIVERY, None),
    "SMALL_ORDER_FEE": (FeeKind.SMALL_ORDER, None),
}
# funding_source; a promotion that says nothing is the restaurant's: a guess
FUNDED_BY = {"uber": Owner.PLATFORM, "organization": Owner.RESTAURANT}


def cents(value: object) -> object:
    """The legacy order has minor units; the suite hundred-thousandths, with tax or without: then
    what tax stands beside it is added."""
    if isinstance(value, str):  # so far only seen as a placeholder
        return int(value) if re.fullmatch("-?[0-9]{1,12}", value) else None
    if not isinstance(value, Mapping) or "amount" in value:
        return dig(value, "amount") if isinstance(value, Mapping) else value
    gross, net, tax = (dig(value, part, "amount_e5") for part in ("gross", "net", "tax"))
    stated = [part for part in ((net, tax) if gross is None else (gross,)) if part is not None]
    e5 = [part for part in stated if isinstance(part, int) and not isinstance(part, bool)]
    if e5 != stated:
        return stated  # which no sum of money is: Unreadable
    return (sum(e5) + 500) // 1000 if e5 else None


def count(value: object) -> object:
    """2 in the legacy order, {"amount": 2} in the suite."""
    amount = value.get("amount") if isinstance(value, Mapping) else value
    return 1 if amount is None else amount


def allergen(value: object) -> object:
    """SOY in the suite, {"type": "OTHER", "freeform_text": "soy"} in the legacy order."""
    return value.get("freeform_text") or value.get("type") if isinstance(value, Mapping) else value


def listed(value: object) -> object:
    """The legacy order has one of what the suite has a list of."""
    return [value] if isinstance(value, Mapping) else value


def named(value: object) -> object:
    """The legacy order has a field for each fee, among its charges."""
    if not isinstance(value, Mapping):
        return value
    return [{"id": fee, "amount": value.get(fee.lower())} for fee in FEES]


Cents = Annotated[Minor | None, BeforeValidator(cents)]
Pieces = Annotated[NonNegativeInt, BeforeValidator(count)]
Allergen = Annotated[Text, BeforeValidator(allergen)]


class Request(Foreign):
    special_instructions: Text = None
    allergens: Many[Allergen] = at("allergy.allergens", "allergy.allergens_to_exclude")
    allergy: Text = at("allergy.instructions", "allergy.allergy_instructions")


class Group(Foreign):
    selected_items: Many[Item] = ()
    removed_items: Many[Item] = ()


class Item(Request):
    """A dish, or an option of one, which may have options again."""

    id: OptionalId = None
    cart_item_id: OptionalId = None
    title: Text = None
    external_data: Text = None
    quantity: Pieces = 1
    unit_price: Cents = at("price.base_unit_price", "price.unit_price")
    requests: Many[Request] = at("special_requests")
    request: Request | None = at("customer_request", "customer_requests")  # both are seen
    groups: Many[Group] = at("selected_modifier_groups")


class Price(Foreign):
    """What an item costs in the suite, found by its cart_item_id."""

    cart_item_id: OptionalId = None
    price_type: Text = None
    quantity: Pieces = 1
    unit: Cents = None
    total: Cents = None


class Cart(Foreign):
    items: Many[Item] = ()
    wish: Text = at("special_instructions")
    cutlery: bool | None = at("include_single_use_items")


class Guest(Foreign):
    is_primary_customer: bool | None = None
    display_name: Text = at("name.display_name")
    first_name: Text = at("name.first_name", "first_name")
    last_name: Text = at("name.last_name", "last_name")
    phone: OptionalId = at("contact.phone.number", "phone")
    pin: OptionalId = at("contact.phone.pin_code", "phone_code")


class Place(Foreign):
    line: Text = at("street_address_line_one", "street_address", "title")
    second: Text = at("street_address_line_two")
    unit_number: Text = None
    business_name: Text = None
    postal_code: OptionalId = None
    city: Text = None


class Part(Foreign):
    """A fee, a share in the funding of a promotion, or an item's part in one."""

    id: Text = at("id", "funding_source", "external_id")
    amount: Cents = at("amount", "amount_paid", "discount_amount_applied")


class Promotion(Foreign):
    kind: Text = at("type", "promo_type")
    value: Cents = at("discount_value", "promo_discount_value")
    delivery: Cents = at("discount_delivery_fee_value", "promo_delivery_fee_value")
    items: Many[Part] = at("discount_items")
    shares: Many[Part] = at("promo_funding_splits")


class Payment(Foreign):
    currency: Text = at("currency_code", "charges.sub_total.currency_code")
    items: Cents = at("item_charges.total", "charges.sub_total")
    prices: Many[Price] = at("item_charges.price_breakdown")
    fees: Annotated[Many[Part], BeforeValidator(named)] = at("fees.details", "charges")
    tip: Cents = at("tips.total", "charges.tip")
    cash: Cents = at("cash_amount_due", "charges.cash_amount_due")
    promoted: Cents = at("promotions.total")
    promoted_items: Cents = at("charges.sub_total_promo_applied")
    promotions: Many[Promotion] = at("promotions.details", "promotions.promotions")


class Placed(Foreign):
    """An order: where the suite has each field, then where the legacy order has it."""

    id: OptionalId = at("order.id", "id")
    display_id: Text = at("order.display_id", "display_id")
    kind: Literal[tuple(ORDER_TYPES)] = at("order.fulfillment_type", "type")
    state: Text = at("order.state", "current_state")
    failure: Text = at("order.failure_info.reason")
    placed_at: OptionalTime = at("order.created_time", "placed_at")
    ready_at: OptionalTime = at(
        "order.preparation_time.ready_for_pickup_time",
        "estimated_ready_for_pickup_at",
        "order.deliveries.0.estimated_pick_up_time",
        "order.scheduled_order_target_delivery_time_range.start_time",
    )
    guests: Annotated[Many[Guest], BeforeValidator(listed)] = at("order.customers", "eater")
    carts: Annotated[Many[Cart], BeforeValidator(listed)] = at("order.carts", "cart")
    cutlery: bool | None = at("packaging.disposable_items.should_include")
    kitchen: Text = at("order.store_instructions")
    place: Place | None = at("order.deliveries.0.location", "eater.delivery.location")
    way: Text = at("order.deliveries.0.instructions", "eater.delivery.notes")
    payment: Payment = at("order.payment.payment_detail", "payment")


class Envelope(Foreign):
    event_type: str
    event_time: int | None = None
    order_id: OptionalId = at("meta.resource_id")
    store_id: OptionalId = at("meta.user_id")
    resource_href: Text = None
