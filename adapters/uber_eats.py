"""Uber Eats: an order was placed, changed or cancelled, or something happened to a store.

Thin payload: the delivery names the order, which is fetched by its id. Two generations of orders
live side by side, chosen per store: Order Fulfillment 1.0.0 ("suite") and the legacy v2 order.

Signature: HMAC-SHA256 of the raw body with the client secret, lower-case hex, in X-Uber-Signature
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters import contract, payload, sums
from adapters.apis.uber_eats import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import NOTHING, Tree, comment, text_or_none
from adapters.signing import Hmac

# https://developer.uber.com/docs/eats/guides/webhooks
SCHEME = Hmac(header="x-uber-signature", encoding="hex")
PLACED = frozenset({"orders.notification", "orders.scheduled.notification"})
CANCELLED = frozenset({"orders.cancel", "orders.failure"})
SETTLED = ("a missing dish was settled: change the order at the till", True)
IGNORED = {  # why, and whether someone should look
    "orders.release": ("the courier is near; the order is in the till already", False),
    "orders.customer_order_edit": ("the guest changed the order: change it at the till", True),
    "order.fulfillment_issues.resolved": SETTLED,
    "orders.fulfillment_issues.resolved": SETTLED,
    "store.provisioned": ("a store was connected: give it a POS under stores", True),
    "store.deprovisioned": ("a store was disconnected: no more orders from it", True),
}

# https://developer.uber.com/docs/eats/references/api/order_suite, .../v2/get-eats-order-orderid
SUITE, LEGACY = "/v1/delivery/order/", "/v2/eats/order/"
EXPAND = {SUITE: "?expand=carts,deliveries,payment", LEGACY: ""}
HREF = re.compile(rf"https://(?:test-)?api\.uber\.com({SUITE}|{LEGACY})[A-Za-z0-9_-]+")
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nothing in it needs quoting
ENDED = frozenset({"FAILED", "CANCELED", "DENIED"})  # over before it was fetched

WHY = "The till did not take the order."  # which of Uber's reasons fits that is a guess
DENIED = {"reason": {"explanation": WHY, "code": "OTHER"}}
STEPS: Mapping[tuple[str, contract.Outcome], tuple[str, Mapping[str, object]]] = {
    (SUITE, "created"): (SUITE + "{}/accept", {}),
    (SUITE, "refused"): (SUITE + "{}/deny", {"deny_reason": {"type": "OTHER", "info": WHY}}),
    (SUITE, "ready"): (SUITE + "{}/ready", {}),
    (LEGACY, "created"): ("/v1/eats/orders/{}/accept_pos_order", {"reason": "accepted"}),
    (LEGACY, "refused"): ("/v1/eats/orders/{}/deny_pos_order", DENIED),
}

# By fulfillment_type, or the legacy order's type; any other is a delivery.
ORDER_TYPES = {"PICKUP": OrderType.PICKUP, "PICK_UP": OrderType.PICKUP, "DINE_IN": OrderType.LOCAL}
OWN_COURIER = frozenset({"DELIVERY_BY_MERCHANT", "DELIVERY_BY_RESTAURANT"})
# Whose what is, is a guess, but documented of a legacy order that the own courier delivers.
TIP_OWNER = {"DELIVERY_BY_UBER": Owner.COURIER}  # else the restaurant's
FEES: Mapping[str, tuple[FeeKind, Owner | None]] = {  # None: whoever's the courier is
    "BAG_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "PICK_AND_PACK_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "DELIVERY_FEE": (FeeKind.DELIVERY, None),
    "SMALL_ORDER_FEE": (FeeKind.SMALL_ORDER, None),
}
OTHER_FEE = (FeeKind.SERVICE, Owner.PLATFORM)
FUNDED_BY = {"uber": Owner.PLATFORM, "organization": Owner.RESTAURANT}
# The first path is the suite's, the second the legacy order's, unless it says otherwise.
MONEY = ("amount", "gross.amount_e5", "net.amount_e5", "tax.amount_e5")  # legacy, then suite
QUANTITY = ("quantity.amount", "quantity")
DELIVERY_VALUE = ("discount_delivery_fee_value", "promo_delivery_fee_value")
REST = ("street_address_line_two", "unit_number", "business_name")
CUTLERY = ("carts.0.include_single_use_items", "packaging.disposable_items.should_include")
READY = ("preparation_time.ready_for_pickup_time", "estimated_ready_for_pickup_at")
COURIER_COMES = "deliveries.0.estimated_pick_up_time"  # both suite
GUEST_WAITS = "scheduled_order_target_delivery_time_range.start_time"


def cents(money: Tree) -> int | None:
    """Minor units in the legacy order; hundred-thousandths in the suite: gross, else net + tax."""
    legacy, gross, net, tax = (money.whole(path) for path in MONEY)
    e5 = gross if gross is not None or net is None else net + (tax or 0)
    return legacy if e5 is None else (e5 + 500) // 1000


def number(promotion: Tree, *paths: str) -> int:
    """Minor units of either sign; the documents show but placeholders, so anything else is 0."""
    text = promotion.text(*paths) or ""
    return abs(int(text)) if re.fullmatch(r"-?[0-9]{1,12}", text) else 0


def dish(item: Tree, prices: Mapping[str | None, Tree]) -> Line:
    """A dish, or an option of one, which may have options again; priced as it stands there."""
    price = prices.get(item.text("cart_item_id"), item)
    groups, quantity = item.each("selected_modifier_groups"), item.whole(*QUANTITY)
    unit = cents(price.one("unit", "price.base_unit_price", "price.unit_price"))
    if unit is None:
        pieces = price.whole(*QUANTITY) or 1
        unit = ((cents(price.one("total")) or 0) + pieces // 2) // pieces
    return Line(
        name=item.text("title", "id") or "?",
        quantity=1 if quantity is None else quantity,
        unit_price=unit,
        pos_ref=item.text("external_data"),
        item_id=item.text("id"),
        line_id=item.text("id"),  # what promotions call it
        comment=wishes(item, groups),
        options=tuple(dish(o, prices) for group in groups for o in group.each("selected_items")),
    )


def wishes(item: Tree, groups: Sequence[Tree]) -> str | None:
    requests = [item.one("customer_request", "customer_requests"), *item.each("special_requests")]
    removed = (gone.text("title") for group in groups for gone in group.each("removed_items"))
    return comment(
        *map(allergy, requests),
        *(request.text("special_instructions") for request in (*requests, item)),
        *(f"no {title}" for title in removed if title),
    )


def allergy(request: Tree) -> str | None:
    """SOY in the suite, {"type": "OTHER", "freeform_text": "soy"} in the legacy order."""
    found = request.at("allergy.allergens", "allergy.allergens_to_exclude").value
    entries = [Tree({"a": entry}) for entry in (found if isinstance(found, list) else [found])]
    names = ", ".join(filter(None, (e.text("a.freeform_text", "a.type", "a") for e in entries)))
    said = comment(names, request.text("allergy.instructions", "allergy.allergy_instructions"))
    return f"Allergy: {said}" if said else None


def fees(payment: Tree, courier: Owner) -> tuple[Fee, ...]:
    """The legacy order has a field for each, among its charges."""
    listed = [(fee.text("id") or "", fee.one("amount")) for fee in payment.each("fees.details")]
    listed += [(fee, payment.one(f"charges.{fee.lower()}")) for fee in FEES]
    known = [(*FEES.get(fee, OTHER_FEE), cents(amount)) for fee, amount in listed]
    return tuple(Fee(kind=k, amount=sum_, owner=who or courier) for k, who, sum_ in known if sum_)


def discounts(payment: Tree, promoted: int, courier: Owner) -> tuple[Discount, ...]:
    """One alone is all that is stated of promotions; so is one that is not listed at all."""
    listed = payment.each("promotions.details", "promotions.promotions") or (NOTHING,)
    alone = promoted if len(listed) == 1 else 0
    return tuple(cut for promotion in listed for cut in shares(promotion, alone, courier))


def shares(promotion: Tree, stated: int, courier: Owner) -> list[Discount]:
    """By who funds it. Where that is not said: the restaurant, or for a delivery its courier."""
    kind, parts = promotion.text("type", "promo_type"), promotion.each("discount_items")
    owner = courier if "DELIVERY" in (kind or "") else Owner.RESTAURANT
    funded = [
        (FUNDED_BY.get(share.text("funding_source") or "", owner), cents(share.one("amount_paid")))
        for share in promotion.each("promo_funding_splits")
    ]
    if not any(amount for _, amount in funded):
        value = stated or sum(number(part, "discount_amount_applied") for part in parts)
        value = value or number(promotion, "discount_value", "promo_discount_value")
        value = value or number(promotion, *DELIVERY_VALUE)
        funded = [(funded[0][0] if len(funded) == 1 else owner, value)]
    ids = tuple(filter(None, (part.text("external_id") for part in parts)))
    return [Discount(amount=abs(n), owner=who, name=kind, line_ids=ids) for who, n in funded if n]


def total(goods: int, promoted: int, charged: Sequence[Fee], given: Sequence[Discount]) -> int:
    """By Uber's sums, not by what is read off the parts: so a difference shows."""
    own, every = sums.ours(given), sum(cut.amount for cut in given)
    off = own if promoted in (0, own, every) else promoted - (every - own)
    return goods + sums.ours(charged) - off


def order_of(order_id: str, store_id: str | None, order: Tree) -> Order:
    kind = order.text("fulfillment_type", "type") or ""
    courier = Owner.RESTAURANT if kind in OWN_COURIER else Owner.PLATFORM
    payment = order.one("payment.payment_detail", "payment")
    goods = payment.one("item_charges.total", "charges.sub_total")
    prices = {p.text("cart_item_id"): p for p in payment.each("item_charges.price_breakdown")[::-1]}
    dishes = [dish(i, prices) for cart in order.each("carts", "cart") for i in cart.each("items")]
    worth = cents(goods)
    lines = sums.agreeing(tuple(dishes), worth)
    if worth is None and not sums.worth(lines):
        raise contract.Unreadable("payment: no prices")
    promoted = abs(cents(payment.one("promotions.total")) or 0)  # the sign differs
    charged, given = fees(payment, courier), discounts(payment, promoted, courier)
    tipped = cents(payment.one("tips.total", "charges.tip")) or 0
    tip = contract.Tip(amount=tipped, owner=TIP_OWNER.get(kind, Owner.RESTAURANT))
    cash = cents(payment.one("cash_amount_due", "charges.cash_amount_due"))
    guests = order.each("customers", "eater")
    guest = next((g for g in guests if g.flag("is_primary_customer")), (*guests, NOTHING)[0])
    door = order.one("eater.delivery", "deliveries") if kind in OWN_COURIER else NOTHING
    return Order(
        order_id=order_id,
        store_id=store_id or order.text("store.id"),
        display_id=order.text("display_id"),
        order_type=ORDER_TYPES.get(kind, OrderType.DELIVERY),
        lines=lines,
        total=None if worth is None else total(worth, promoted, charged, given),
        currency=goods.text("currency_code", "gross.currency_code", "net.currency_code"),
        placed_at=order.time("created_time", "placed_at"),
        ready_at=order.time(*READY, COURIER_COMES, GUEST_WAITS),
        fees=charged,
        discounts=given,
        tips=(tip,) if tipped else (),
        payment="call_for_payment" if cash else "paid",
        payment_method="CASH" if cash else None,
        customer=customer(guest, door.one("location")),
        notes=notes(order, guest, door),
    )


def customer(who: Tree, place: Tree) -> contract.Customer:
    given, family = payload.split_name(who.text("name.display_name"))
    return contract.Customer(
        given_name=who.text("name.first_name", "first_name") or given,
        family_name=who.text("name.last_name", "last_name") or family,
        phone=who.text("contact.phone.number", "phone"),
        address=payload.address(
            place.text("street_address_line_one", "street_address", "title"),
            zip_code=place.text("postal_code"),
            city=place.text("city"),
            additional=comment(*map(place.text, REST)),
        ),
    )


def notes(order: Tree, who: Tree, door: Tree) -> tuple[str, ...]:
    cutlery = {True: "Cutlery wanted", False: "No cutlery", None: None}[order.flag(*CUTLERY)]
    pin, way = who.text("contact.phone.pin_code", "phone_code"), door.text("instructions", "notes")
    carts = (cart.text("special_instructions") for cart in order.each("carts", "cart"))
    more = (cutlery, way and f"Delivery: {way}", pin and f"Phone PIN {pin}")
    return tuple(filter(None, (order.text("store_instructions"), *carts, *more)))


def identify(delivery: Delivery) -> contract.Identity:
    notice = Tree(payload.peek(delivery.body))
    named = text_or_none(notice.text("event_id", "webhook_meta.webhook_msg_uuid"))
    return contract.Identity(
        delivery_id=named or payload.body_digest(delivery),
        order_id=text_or_none(notice.text("meta.resource_id")),
        store_id=text_or_none(notice.text("meta.user_id", "store_id")),
        overtakes=(notice.text("event_type") or "").lower() in CANCELLED,
    )


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[contract.Event]:
    notice = payload.tree(delivery.body)
    event_type = (text_or_none(notice.text("event_type")) or "").lower()
    if not event_type:
        raise contract.Unreadable("event_type: missing")
    if event_type not in PLACED | CANCELLED:
        return [contract.Ignored(event_type, *IGNORED.get(event_type, (None, False)))]
    order_id, time = notice.text("meta.resource_id") or "", notice.whole("event_time")
    if not ORDER_ID.fullmatch(order_id):
        raise contract.Unreadable("meta.resource_id: not an order's id")
    at = delivery.received_at if time is None else payload.unix_time(time)
    if event_type in CANCELLED:
        return [contract.Cancellation(order_id=order_id, at=at, by="platform")]
    base = generation(notice)
    if "order" not in fetched:
        return [contract.Fetch("order", f"{base}{order_id}{EXPAND[base]}")]
    body = payload.tree(fetched["order"])
    order = Tree(body.at("order").value or body.value)
    if order.text("state", "current_state") in ENDED:
        why = order.text("failure_info.reason")
        return [contract.Cancellation(order_id=order_id, at=at, by="platform", reason=why)]
    return [order_of(order_id, notice.text("meta.user_id"), order)]


def generation(notice: Tree) -> str:
    """By the address that Uber names; what is called is rebuilt from the order's id."""
    address = HREF.fullmatch(notice.text("resource_href") or "")
    if not address:
        raise contract.Unreadable("resource_href: not an order's address at Uber")
    return address[1]


def answer(delivery: Delivery, order: Order, outcome: contract.Outcome) -> Sequence[contract.Call]:
    path, said = STEPS.get((generation(payload.tree(delivery.body)), outcome), ("", {}))
    path = path.format(order.order_id)
    call = contract.Call(name=outcome, method="POST", path=path, json=said, done=frozenset({409}))
    return [call] if path else []


ADAPTER = contract.Adapter(
    slug="uber_eats",
    intermediary="Uber Eats",
    kind="orders",
    docs="https://developer.uber.com/docs/eats/guides/order-integration",
    event_types=PLACED | CANCELLED | IGNORED.keys(),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    answer=answer,
    api=API,
    thin=True,
    hosts=HOSTS,
    deadline=timedelta(seconds=690),
)
