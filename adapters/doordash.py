"""DoorDash Marketplace: an order was placed or cancelled, or something happened to its courier.

Full payload: the order comes whole, but says neither what it comes to in all, nor in which
currency, nor when it was placed. Cancellations and releases have no envelope that names them.

Signature: the secret as the whole `Authorization` header; the body is not signed
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

from adapters import contract, payload, sums
from adapters.apis.doordash import API, HOSTS
from adapters.contract import Delivery, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import Tree, comment, dig, text_or_none
from adapters.signing import Token

# https://developer.doordash.com/en-US/api/marketplace
SCHEME = Token()
PLACED = "OrderCreate"
CANCELLED, RELEASED = "order_cancelled", "order_release"  # our words: they come without one
IGNORED = {
    "dasher_status_update": "the courier's way",
    RELEASED: "the courier is near; the order is in the till already",
}
# What comes without an envelope is the first whose fields are all there. No page shows a release:
# what is known of it is asked for before a cancellation, so that it is never taken for one.
SHAPES = (
    (PLACED, {"id", "categories"}),
    (RELEASED, {"client_order_id", "vehicle"}),
    (CANCELLED, {"external_order_id", "store", "is_asap"}),
)
# Which of the last two is DoorDash's own is not said. An order we confirmed has theirs in both.
ORDER_IDS = ("id", "external_order_id", "client_order_id")

OWN_FLEET = "mx_fleet_delivery"
ORDER_TYPES = {
    "pickup": OrderType.PICKUP,
    "dx_delivery": OrderType.DELIVERY,
    OWN_FLEET: OrderType.DELIVERY,
}
CUSTOM_FEES = {"BAG_FEE": (FeeKind.PACKAGING, Owner.RESTAURANT)}
OTHER_FEE = (FeeKind.SERVICE, Owner.PLATFORM)  # a guess: no other type is documented
DELIVERY_FEES = {"delivery_fee": FeeKind.DELIVERY, "extra_cart_order_fee": FeeKind.SMALL_ORDER}
ITSELF = frozenset({"DOORDASH", "ANY_EXPERIENCE"})  # any other `experience` is worth a note
SUPPORT = frozenset({"support@doordash.com", "+18559731040"})  # in place of the guest's

# The same page. Which of DoorDash's reasons fits a till that does not take the order is a guess.
WHY = "Store Unavailable - Connectivity Issue"
ANSWERS: Mapping[contract.Outcome, tuple[str, Mapping[str, str]]] = {
    "created": ("", {"order_status": "success"}),
    "refused": ("", {"order_status": "fail", "failure_reason": WHY}),
    "ready": ("/events/order_ready_for_pickup", {}),
}


def event_type(body: Mapping[str, object]) -> str:
    named = text_or_none(dig(body, "event", "type"))
    return named or next((event for event, fields in SHAPES if fields <= body.keys()), "")


def order_in(body: Mapping[str, object]) -> Tree:
    """Some integrations are sent the order without an envelope."""
    return Tree(body.get("order") or body)


def line(dish: Tree) -> Line:
    """A dish, or an option of one, which may have options again; one sample says `extra`."""
    quantity, guest = dish.whole("quantity"), dish.text("consumer_name")
    options = (option for extra in dish.each("extras", "extra") for option in extra.each("options"))
    return Line(
        name=dish.text("name", "merchant_supplied_id") or "?",
        quantity=1 if quantity is None else quantity,
        unit_price=dish.whole("price") or 0,
        pos_ref=dish.text("merchant_supplied_id"),
        comment=comment(dish.text("special_instructions"), guest and f"For {guest}"),
        options=tuple(map(line, options)),
    )


def fees(order: Tree, fleet: Owner) -> tuple[Fee, ...]:
    """Each without its tax, like the subtotal. Those of the delivery are its fleet's."""
    custom = [
        (*CUSTOM_FEES.get(fee.text("type") or "", OTHER_FEE), fee.whole("price"))
        for fee in order.each("custom_fee")
    ]
    custom += [(kind, fleet, order.whole(name)) for name, kind in DELIVERY_FEES.items()]
    return tuple(Fee(kind=kind, owner=owner, amount=fee) for kind, owner, fee in custom if fee)


def tips(order: Tree, courier: Owner) -> tuple[contract.Tip, ...]:
    stated = (("merchant_tip_amount", Owner.RESTAURANT), ("tip_amount", courier))
    amounts = ((order.whole(name), owner) for name, owner in stated)
    return tuple(contract.Tip(amount=tip, owner=owner) for tip, owner in amounts if tip)


def total(order: Tree, goods: int, charged: Sequence[Fee]) -> int | None:
    """The subtotal is before tax. Where the prices hold it, the dishes come to both together;
    else it is put on top, as in the US, and is nothing that the till books."""
    subtotal = order.whole("subtotal")
    if subtotal is None:
        return None
    taxed = subtotal + (order.whole("tax") or 0)
    return (taxed if goods == taxed else subtotal) + sums.ours(charged)


def customer(order: Tree, place: Tree) -> contract.Customer:
    who = order.one("consumer")
    phone, email = who.text("phone"), who.text("email")
    return contract.Customer(
        given_name=who.text("first_name"),
        family_name=who.text("last_name"),
        phone=None if phone in SUPPORT else phone,
        email=None if email in SUPPORT else email,
        address=payload.address(
            place.text("street"),
            zip_code=place.text("zip_code"),
            city=place.text("city"),
            additional=place.text("subpremise"),
        ),
    )


def notes(order: Tree, place: Tree) -> tuple[str, ...]:
    wanted, way = order.flag("is_plastic_ware_option_selected"), place.text("address_instructions")
    brand = order.text("experience")
    said = (
        order.text("order_special_instructions"),
        {True: "Cutlery wanted", False: "No cutlery", None: None}[wanted],
        way and f"Delivery: {way}",
        f"Ordered at {brand}" if brand and brand not in ITSELF else None,
    )
    return tuple(filter(None, said))


def order_of(order_id: str, order: Tree) -> Order:
    kind = order.text("fulfillment_type")
    fleet, courier = Owner.PLATFORM, Owner.COURIER
    place = payload.NOTHING
    if kind == OWN_FLEET:
        fleet, courier, place = Owner.RESTAURANT, Owner.RESTAURANT, order.one("delivery_address")
    dishes = [dish for category in order.each("categories") for dish in category.each("items")]
    lines, charged = tuple(map(line, dishes)), fees(order, fleet)
    stated = total(order, sums.worth(lines), charged)
    if stated is None and not sums.worth(lines):
        raise contract.Unreadable("order.categories: no prices")
    collected = OrderType.PICKUP if order.flag("is_pickup") else OrderType.DELIVERY
    return Order(
        order_id=order_id,
        store_id=order.text("store.merchant_supplied_id"),
        display_id=order.text("delivery_short_code"),
        order_type=ORDER_TYPES.get(kind or "", collected),
        lines=lines,
        total=stated,
        ready_at=order.time("estimated_pickup_time"),
        fees=charged,
        tips=tips(order, courier),
        customer=customer(order, place),
        notes=notes(order, place),
    )


def identify(delivery: Delivery) -> contract.Identity:
    body = payload.peek(delivery.body)
    event = event_type(body)
    about = Tree(dig(body, "order") or dig(body, "delivery") or body)
    order_id = next(filter(None, (text_or_none(about.text(name)) for name in ORDER_IDS)), None)
    once = order_id and event in (PLACED, CANCELLED)  # all else may come again and differ
    named = text_or_none(f"{event}:{order_id}") if once else None
    return contract.Identity(
        delivery_id=named or payload.body_digest(delivery),
        order_id=order_id,
        store_id=text_or_none(about.text("store.merchant_supplied_id", "location_id")),
        overtakes=event == CANCELLED,
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    body = payload.peek(delivery.body)
    event, order_id = event_type(body), identify(delivery).order_id
    if not event:
        raise contract.Unreadable("event.type: missing, and no shape that is known")
    if event not in (PLACED, CANCELLED):
        return [contract.Ignored(event, IGNORED.get(event))]
    if not order_id:
        raise contract.Unreadable("the order's id: missing")
    if event == PLACED:
        return [order_of(order_id, order_in(body))]
    return [contract.Cancellation(order_id=order_id, at=delivery.received_at, by="platform")]


def ack(delivery: Delivery) -> contract.Ack:
    """A 200 would accept the order before the till has it."""
    placed = event_type(payload.peek(delivery.body)) == PLACED
    return contract.Ack(status=202 if placed else 200)


def answer(delivery: Delivery, order: Order, outcome: contract.Outcome) -> Sequence[contract.Call]:
    below, said = ANSWERS[outcome]
    provider = order_in(payload.peek(delivery.body)).text("store.provider_type")
    return [
        contract.Call(
            name=outcome,
            method="PATCH",
            path=f"/api/v1/orders/{quote(order.order_id, safe='')}{below}",
            json={"merchant_supplied_id": order.order_id, **said},
            headers=user_agent(provider or ""),
        )
    ]


def user_agent(provider: str) -> Mapping[str, str]:
    """DoorDash wants the integration's name, which its orders call the provider type."""
    words = re.findall(r"[A-Za-z0-9]+", provider)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return {"user-agent": f"{name}/1.0"} if name else {}


ADAPTER = contract.Adapter(
    slug="doordash",
    intermediary="DoorDash",
    kind="orders",
    docs="https://developer.doordash.com/en-US/api/marketplace",
    event_types=frozenset({PLACED, CANCELLED, *IGNORED}),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    proof=contract.by_token,
    ack=ack,
    answer=answer,
    api=API,
    hosts=HOSTS,
    deadline=timedelta(minutes=3),
)
