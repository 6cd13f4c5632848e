"""Otter: orders that a marketplace or shop placed by way of Otter, and their cancellations.

Full payload: the order comes whole. Whose each fee, discount and tip is stands in Otter's second
generation of totals; the first has one figure for each, and the rest follows from who delivers.

Signature: HMAC-SHA256 of the raw body in X-HMAC-SHA256, base64 or lower-case hex
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from adapters import contract, payload, sums
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner, Tip
from adapters.payload import Tree, text_or_none
from adapters.signing import Hmac

# https://developer-guides.tryotter.com/docs: which of the two encodings it is, was not to be read
SCHEME = Hmac(header="x-hmac-sha256", encoding="either")

# https://developer.tryotter.com: the webhooks of its reference, as far as they concern orders
NEW, UPDATE, CANCEL = "orders.new_order", "orders.update", "orders.cancel_order"
CHANGED = contract.Ignored(UPDATE, "if the till has the order already: change it there", alert=True)
IGNORED = {
    "orders.confirm": "for those who place orders",
    "orders.order_fulfilled": "the order is over",
    "orders.order_handed_off": "the order is over",
    "orders.order_ready": "the order is in the till already",
    "orders.order_status_update": "names no order; cancellations come as orders.cancel_order",
    "orders.pos_injection_state_update": "says what a till has said",
    "ping.ping": "the address was tried",
}
# An order's status: NEW_ORDER is the only one documented, these are a guess.
ENDED = frozenset({"CANCELED", "CANCELLED", "REJECTED"})
OVER = frozenset({"FULFILLED", "PICKED_UP", "HANDED_OFF"})

OWN_COURIER = "RESTAURANT_DELIVERY"
ORDER_TYPES = {  # by fulfillmentMode; any other is a delivery
    "PICKUP": OrderType.PICKUP,
    "DRIVE_THROUGH": OrderType.PICKUP,
    "DINE_IN": OrderType.LOCAL,
}
DUE = "COLLECTABLE"  # else PROCESSED

# The second generation, orderTotalV2.customerTotal. By its order and its names the restaurant's
# part comes first and the service provider's last; that this holds for each of them is a guess.
FEES: Mapping[str, tuple[FeeKind, Owner]] = {
    "feeForRestaurantProvidedDelivery": (FeeKind.DELIVERY, Owner.RESTAURANT),
    "packingFee": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "bagFee": (FeeKind.PACKAGING, Owner.RESTAURANT),
    "feeForServiceProviderDelivery": (FeeKind.DELIVERY, Owner.PLATFORM),
    "smallOrderFee": (FeeKind.SMALL_ORDER, Owner.PLATFORM),
    "serviceFee": (FeeKind.SERVICE, Owner.PLATFORM),
    "otherFee": (FeeKind.SERVICE, Owner.PLATFORM),
}
DISCOUNTS = {
    "restaurantFundedDiscount": Owner.RESTAURANT,
    "voucherDiscount": Owner.RESTAURANT,
    "promotionDiscount": Owner.RESTAURANT,
    "operatorDiscount": Owner.RESTAURANT,
    "loyaltyDiscount": Owner.RESTAURANT,
    "serviceProviderDiscount": Owner.PLATFORM,
}
TIPS = {
    "tipForRestaurant": Owner.RESTAURANT,
    "tipForServiceProviderCourier": Owner.COURIER,
}
GOODS, ADJUSTED, TOTAL = "foodSales", "adjustments", "total"
PRICE = "VALUE"  # the kind of a breakdown's entry that is not tax: a guess

# The first generation, orderTotal, in the names of the second: where the restaurant itself hands
# over or delivers, and where a platform's courier comes. Whose the discount is, is a guess.
FIRST = {
    "subtotal": (GOODS, GOODS),
    "discount": ("restaurantFundedDiscount", "restaurantFundedDiscount"),
    "deliveryFee": ("feeForRestaurantProvidedDelivery", "feeForServiceProviderDelivery"),
    "tip": ("tipForRestaurant", "tipForServiceProviderCourier"),
    "total": (TOTAL, TOTAL),
}

NAMES, DOOR = "externalIdentifiers", "deliveryInfo.destination"
CUSTOM = "Custom item"  # what stands for the dishes of an order that has a sum alone
READY = ("pickupTime", "estimatedPickupTime", "deliveryTime")

Sums: TypeAlias = Mapping[str, int]


class Bill(NamedTuple):
    total: int | None
    fees: tuple[Fee, ...]
    discounts: tuple[Discount, ...]
    tips: tuple[Tip, ...]


def dish(item: Tree) -> Line:
    """A dish, or a modifier of one, which may have modifiers again."""
    price, quantity = item.major("price", "skuPrice"), item.whole("quantity")
    if price is None:
        raise contract.Unreadable("price: missing")
    return Line(
        name=item.text("name") or "?",
        quantity=1 if quantity is None else quantity,
        unit_price=price,
        pos_ref=item.text("skuId"),
        item_id=item.text("id"),
        comment=item.text("note"),
        options=tuple(map(dish, item.each("modifiers"))),
    )


def dishes(order: Tree, stated: Sums) -> tuple[Line, ...]:
    """An order may come with a sum and no dishes: then one line stands for them."""
    items = order.each("items")
    if items:
        return sums.agreeing(tuple(map(dish, items)), stated.get(GOODS))
    if GOODS not in stated:
        raise contract.Unreadable("items: missing, and so is their sum")
    return (Line(name=CUSTOM, quantity=1, unit_price=stated[GOODS], item_id=CUSTOM),)


def statements(order: Tree, mode: str) -> tuple[Sums, ...]:
    """What Otter states, in the names of its second generation. That is read in two ways: what
    stands beside prices in a breakdown, such as tax, is added, or they hold it already."""
    names = (GOODS, ADJUSTED, *FEES, *DISCOUNTS, *TIPS)
    read = {name: order.each(f"orderTotalV2.customerTotal.{name}.breakdown") for name in names}
    if read[GOODS]:
        prices = {n: [e for e in read[n] if e.text("subType") == PRICE] for n in names}
        return tuple(stated for stated in (added(read), added(prices)) if GOODS in stated)
    by_courier = mode not in {OWN_COURIER, *ORDER_TYPES}
    first = {FIRST[key][by_courier]: order.major(f"orderTotal.{key}") for key in FIRST}
    return ({name: amount for name, amount in first.items() if amount is not None},)


def added(breakdowns: Mapping[str, Sequence[Tree]]) -> Sums:
    return {
        name: sum(entry.major("value") or 0 for entry in entries)
        for name, entries in breakdowns.items()
        if entries
    }


def bill(stated: Sums) -> Bill:
    """Only amounts that are there. The first generation states no sum of ours but the guest's,
    so it is that without everything that is not for the dishes, and then with what is ours."""
    known = {name: amount for name, amount in stated.items() if amount}
    fees = tuple(
        Fee(kind=kind, amount=known[name], owner=owner)
        for name, (kind, owner) in FEES.items()
        if name in known
    )
    cuts = tuple(
        Discount(amount=abs(known[name]), owner=owner)
        for name, owner in DISCOUNTS.items()
        if name in known
    )
    tips = tuple(
        Tip(amount=known[name], owner=owner) for name, owner in TIPS.items() if name in known
    )
    goods = stated[GOODS] + stated.get(ADJUSTED, 0) if GOODS in stated else None
    if TOTAL in stated:
        beside = sum(fee.amount for fee in fees) + sum(tip.amount for tip in tips)
        goods = stated[TOTAL] - beside + sum(cut.amount for cut in cuts)
    total = None if goods is None else goods + sums.ours(fees) - sums.ours(cuts)
    return Bill(total, fees, cuts, tips)


def due(order: Tree) -> tuple[bool, str | None]:
    """Whether something is still to be paid, and in OktoPOS's word how."""
    payments = order.each("customerPayments")
    unpaid = [p for p in payments if p.text("processingStatus") == DUE and p.major("value")]
    cash = any(payment.text("paymentMethod") == "CASH" for payment in unpaid)
    due_at_all = order.major("orderTotalV2.customerPayment.customerPaymentDue") or 0
    return bool(unpaid if payments else due_at_all), "CASH" if cash else None


def order_of(store_id: str | None, order_id: str, order: Tree) -> Order:
    mode = order.text("fulfillmentInfo.fulfillmentMode") or ""
    readings = [(dishes(order, stated), stated) for stated in statements(order, mode)]
    agreed = (read for read in readings if sums.worth(read[0]) == read[1].get(GOODS))
    lines, stated = next(agreed, readings[0])
    total, fees, cuts, tips = bill(stated)
    unpaid, method = due(order)
    other = f"{NAMES}.sourceExternalIdentifiers"
    names = {order.text(f"{other}.id"), order.text(f"{other}.friendlyId")} - {None, order_id}
    return Order(
        order_id=order_id,
        store_id=store_id,
        display_id=order.text(f"{NAMES}.friendlyId"),
        order_type=ORDER_TYPES.get(mode, OrderType.DELIVERY),
        lines=lines,
        total=total,
        currency=order.text("currencyCode"),
        placed_at=order.time("orderedAt"),
        ready_at=order.time(*(f"fulfillmentInfo.{name}" for name in READY)),
        fees=fees,
        discounts=cuts,
        tips=tips,
        payment="call_for_payment" if unpaid else "paid",
        payment_method=method,
        customer=customer(order, at_door=mode == OWN_COURIER),
        table=order.text("fulfillmentInfo.tableIdentifier"),
        notes=notes(order, at_door=mode == OWN_COURIER),
        references=tuple(sorted(filter(None, names))),
    )


def customer(order: Tree, *, at_door: bool) -> contract.Customer:
    given, family = payload.split_name(order.text("customer.name"))
    numbers = (order.text("customer.phone"), order.text("customer.phoneCode"))
    lines = order.at(f"{DOOR}.addressLines", f"{DOOR}.linesOfAddress").value
    first, *more = map(text_or_none, lines if isinstance(lines, list) and lines else [None])
    place = payload.address(
        first or order.text(f"{DOOR}.fullAddress"),
        zip_code=order.text(f"{DOOR}.postalCode"),
        city=order.text(f"{DOOR}.city"),
        additional=payload.comment(*more),
    )
    return contract.Customer(
        given_name=given,
        family_name=family,
        phone=" Code ".join(filter(None, numbers)) or None,
        email=order.text("customer.email"),
        address=place if at_door else None,
    )


def notes(order: Tree, *, at_door: bool) -> tuple[str, ...]:
    """The guest's, the way to the door where we go there, and the marketplace it came from."""
    way = order.text("deliveryInfo.note") if at_door else None
    source = order.text(f"{NAMES}.source")
    said = (order.text("customerNote"), way and f"Delivery: {way}", source and f"From {source}")
    return tuple(filter(None, said))


def order_id(order: Tree) -> str | None:
    return text_or_none(order.text(f"{NAMES}.id", "orderId"))


def cancelled(event: str | None, order: Tree) -> bool:
    return event == CANCEL or (event in (NEW, UPDATE) and order.text("status") in ENDED)


def identify(delivery: Delivery) -> contract.Identity:
    notice = Tree(payload.peek(delivery.body))
    order = notice.at("metadata.payload")
    return contract.Identity(
        delivery_id=text_or_none(notice.text("eventId")) or payload.body_digest(delivery),
        order_id=order_id(order),
        store_id=text_or_none(notice.text("metadata.storeId")),
        overtakes=cancelled(notice.text("eventType"), order),
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    notice = payload.tree(delivery.body, exact=True)
    event, order = text_or_none(notice.text("eventType")), notice.at("metadata.payload")
    if event is None:
        raise contract.Unreadable("eventType: missing")
    if event not in (NEW, UPDATE, CANCEL):
        return [contract.Ignored(event, IGNORED.get(event, "not about an order"))]
    named = order_id(order)
    if named is None:
        raise contract.Unreadable(f"metadata.payload.{NAMES}.id: missing")
    if cancelled(event, order):
        at, why = notice.time("eventTime") or delivery.received_at, order.text("cancellationReason")
        return [contract.Cancellation(order_id=named, at=at, by="platform", reason=why)]
    if order.text("status") in OVER:
        return [contract.Ignored(event, "the order is over")]
    known = [CHANGED] if event == UPDATE else []
    if known and not order.each("items"):
        return known
    return [order_of(text_or_none(notice.text("metadata.storeId")), named, order), *known]


ADAPTER = contract.Adapter(
    slug="otter",
    intermediary="Otter",
    kind="orders",
    docs="https://developer.tryotter.com",
    event_types=frozenset({NEW, UPDATE, CANCEL}) | IGNORED.keys(),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
)
