"""Deliverect: the orders of many channels, and what becomes of them, at one address.

Full payload: the order comes whole, and once more with another status when it is cancelled. No
field names an event; its shape does.

Signature: HMAC-SHA256 of the raw body with the secret, in staging the channelLinkId, in hex
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from urllib.parse import quote

from adapters import contract, payload, sums
from adapters.apis.deliverect import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner, Tip
from adapters.payload import MASKED, Tree, comment, text_or_none
from adapters.signing import Hmac

# https://developers.deliverect.com
SCHEME = Hmac(header="x-server-authorization-hmac-sha256", encoding="hex")
SHAPES = {  # by the fields without which it is something else; the first that fits
    "order": {"_id", "items"},
    "ticket": {"orderId", "items"},
    "courier": {"orderId", "courier"},
    "status": {"orderId", "status", "timeStamp"},
}
CANCELLED = {100: "platform", 110: "restaurant"}  # statuses, and who ended it: half a guess

# Numbers of order types, any other a delivery, and of payment types
ORDER_TYPES = {1: OrderType.PICKUP, 3: OrderType.LOCAL, 4: OrderType.PICKUP, 5: OrderType.PICKUP}
WHERE = {4: "Curbside", 5: "Drive-through"}
ONLINE = frozenset({0, 3})  # payment types that are paid with the order, where no flag says it
AT_THE_DOOR = {1: "CASH", 2: "CASH"}  # OktoPOS's words for what is still due; else the connection's

# Whose what is. None: whoever's the courier is. The service charge's is a guess.
COSTS: Sequence[tuple[str, FeeKind, Owner | None]] = (
    ("deliveryCost", FeeKind.DELIVERY, None),
    ("serviceCharge", FeeKind.SERVICE, Owner.PLATFORM),
    ("bagFee", FeeKind.PACKAGING, Owner.RESTAURANT),
)
PAYERS = {"channel": Owner.PLATFORM, "restaurant": Owner.RESTAURANT}
OFF_COSTS: Mapping[str | None, Owner | None] = {  # a discount without a payer is its cost's owner's
    "free_delivery": None,
    "delivery_discount": None,
    "free_service_fee": Owner.PLATFORM,
    "service_fee_discount": Owner.PLATFORM,
}
# Fields in the minor unit. A dish's price holds its deposit; where that stands is a guess.
DEPOSITS = ("deposit.amount", "deposit", "bottleDepositPrice", "supplementalInfo.deposit.amount")
AMOUNTS = {cost for cost, _, _ in COSTS} | {"price", "amount", "due", "tip", "driverTip"}
AMOUNTS |= {"discountTotal", "amountRestaurant", "amountChannel", "deposit", "bottleDepositPrice"}
TABLES = ("table.name", "table", "tableName", "tableNumber")  # a guess

STEPS: Mapping[contract.Outcome, tuple[int, str]] = {
    "created": (20, ""),
    "refused": (120, "The till did not take the order."),
    "ready": (70, ""),
}


def shape(body: Mapping[str, object]) -> str:
    return next((name for name, fields in SHAPES.items() if fields <= body.keys()), "other")


def hundredths(value: object, digits: int, name: str = "") -> object:
    """A body with its amounts in hundredths, whatever its `decimalDigits`, exactly."""
    if isinstance(value, list):
        return [hundredths(entry, digits) for entry in value]
    if isinstance(value, Mapping):
        return {key: hundredths(entry, digits, key) for key, entry in value.items()}
    if name not in AMOUNTS or not isinstance(value, int) or isinstance(value, bool):
        return value
    whole, rest = divmod(value * 100, 10**digits)
    if rest:
        raise contract.Unreadable("decimalDigits: an amount with a fraction of a cent")
    return whole


def deposit(item: Tree) -> int:
    """Of one piece, held by its price. A marker that is no amount, but true, leaves it there."""
    value = item.at(*DEPOSITS).value
    return value if isinstance(value, int) and 1 < value <= (item.whole("price") or 0) else 0


def deposits(items: Sequence[Tree]) -> int:
    return sum(pieces(item) * (deposit(item) + deposits(item.each("subItems"))) for item in items)


def pieces(item: Tree) -> int:
    """Of a sub-item: for one piece of what it belongs to."""
    quantity = item.whole("quantity")
    return 1 if quantity is None else quantity


def dish(item: Tree) -> Line:
    plu = item.text("plu")
    return Line(
        name=item.text("name") or plu or "?",
        quantity=pieces(item),
        unit_price=(item.whole("price") or 0) - deposit(item),
        pos_ref=plu,
        comment=item.text("remark", "itemRemark"),
        options=tuple(map(dish, item.each("subItems"))),
    )


def fees(order: Tree, courier: Owner) -> tuple[Fee, ...]:
    stated = [(kind, order.whole(cost) or 0, owner or courier) for cost, kind, owner in COSTS]
    stated.append((FeeKind.DEPOSIT, deposits(order.each("items")), Owner.RESTAURANT))
    return tuple(Fee(kind=kind, amount=cost, owner=who) for kind, cost, who in stated if cost)


def discounts(order: Tree, courier: Owner) -> Iterator[Discount]:
    """Each by who pays for it; the total of them alone is the restaurant's."""
    for cut in order.each("discounts") or (Tree({"amount": order.whole("discountTotal")}),):
        for owner, amount in shares(cut, courier).items():
            if amount > 0:
                yield Discount(amount=amount, owner=owner, name=cut.text("name"))


def shares(cut: Tree, courier: Owner) -> Mapping[Owner, int]:
    """By the amounts of both, else by its provider, else by whose cost it is taken off."""
    amount = abs(cut.whole("amount") or 0)
    ours, theirs = cut.whole("amountRestaurant"), cut.whole("amountChannel")
    if ours is None and theirs is None:
        provider = PAYERS.get(cut.text("provider") or "")
        return {provider or OFF_COSTS.get(cut.text("type"), Owner.RESTAURANT) or courier: amount}
    return {
        Owner.RESTAURANT: amount - abs(theirs or 0) if ours is None else abs(ours),
        Owner.PLATFORM: amount - abs(ours or 0) if theirs is None else abs(theirs),
    }


def total(order: Tree, goods: int, charged: Sequence[Fee], given: Sequence[Discount]) -> int | None:
    """What was paid, but of costs and discounts only the restaurant's. Whether that holds tips is
    not documented: it does where only so the dishes come to it."""
    paid, off = order.whole("payment.amount"), order.whole("discountTotal")
    if paid is None:
        return None
    every = sum(cut.amount for cut in given) if off is None else abs(off)
    own = sums.ours(charged) - sums.ours(given)
    left = paid - sum(fee.amount for fee in charged) + every + own
    tip, driver = (order.whole(path) or 0 for path in ("tip", "driverTip"))
    return next((left - t for t in (tip + driver, tip, driver) if left - t == goods + own), left)


def is_due(order: Tree) -> bool:
    paid, online = order.flag("orderIsAlreadyPaid"), order.whole("payment.type") in ONLINE
    return not (online if paid is None else paid) or bool(order.whole("payment.due"))


def notes(order: Tree) -> tuple[str, ...]:
    """What OktoPOS has no field for. The channel goes by its number at Deliverect."""
    cutlery = {True: "Cutlery wanted", False: "No cutlery", None: None}
    guest = order.text("customer.note")
    due, paid, channel = map(order.whole, ("payment.due", "payment.amount", "channel"))
    said = (
        order.text("note"),
        cutlery[order.flag("packaging.includeCutlery")],
        WHERE.get(order.whole("orderType") or 0),
        guest and f"Guest: {guest}",
        f"Still due: {due // 100}.{due % 100:02d}" if due and due != paid else None,
        None if channel is None else f"Deliverect channel {channel}",
    )
    return tuple(filter(None, said))


def customer(order: Tree, *, own: bool) -> contract.Customer:
    who, place = order.one("customer"), order.one("deliveryAddress") if own else payload.NOTHING
    words = (who.text("name") or "").split()
    given, family = payload.split_name(" ".join(w for w in words if not MASKED.fullmatch(w)))
    company = who.text("companyName") if own else None
    phone = (who.text("phoneNumber"), who.text("phoneAccessCode"))
    return contract.Customer(
        given_name=given,
        family_name=family,
        phone=" Code ".join(filter(None, phone)) or None,
        email=who.text("email"),
        address=payload.address(
            place.text("street"),
            zip_code=place.text("postalCode"),
            city=place.text("city"),
            additional=comment(company, place.text("extraAddressInfo")),
        ),
    )


def order_of(identity: contract.Identity, order_id: str, order: Tree) -> Order:
    order_type = ORDER_TYPES.get(order.whole("orderType") or 0, OrderType.DELIVERY)
    own = order_type is OrderType.DELIVERY and order.text("courier.deliveryBy") == "restaurant"
    courier = Owner.RESTAURANT if own else Owner.PLATFORM
    lines = tuple(map(dish, order.each("items")))
    charged, given = fees(order, courier), tuple(discounts(order, courier))
    tippers = {"tip": Owner.RESTAURANT, "driverTip": Owner.RESTAURANT if own else Owner.COURIER}
    tips = [Tip(amount=n, owner=who) for path, who in tippers.items() if (n := order.whole(path))]
    due, names = is_due(order), ("channelOrderDisplayId", "channelOrderId")
    return Order(
        order_id=order_id,
        store_id=identity.store_id,
        display_id=order.text(*names),
        order_type=order_type,
        lines=lines,
        total=total(order, sums.worth(lines), charged, given),
        placed_at=order.time("_created"),
        ready_at=order.time("pickupTime", "deliveryTime"),
        fees=charged,
        discounts=given,
        tips=tuple(tips),
        payment="call_for_payment" if due else "paid",
        payment_method=AT_THE_DOOR.get(order.whole("payment.type") or 0) if due else None,
        customer=customer(order, own=own),
        table=order.text(*TABLES) if order_type is OrderType.LOCAL else None,
        notes=notes(order),
        references=tuple(filter(None, map(order.text, names))),
    )


def cancels(body: Mapping[str, object]) -> bool:
    status = body.get("status")
    ended = isinstance(status, int) and status in CANCELLED
    return ended and shape(body) in ("order", "status") and body.get("testOrder") is not True


def identify(delivery: Delivery) -> contract.Identity:
    body = payload.peek(delivery.body)
    return contract.Identity(
        delivery_id=payload.body_digest(delivery),
        order_id=text_or_none(body.get("_id" if shape(body) == "order" else "orderId")),
        store_id=text_or_none(body.get("location")) or text_or_none(body.get("channelLink")),
        overtakes=cancels(body),
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    body, identity = payload.peek(delivery.body), identify(delivery)
    event, order_id, order = shape(body), identity.order_id, Tree(body)
    if not body or (order_id is None and ("items" in body or cancels(body))):
        raise contract.Unreadable("body: neither an order nor anything about one")
    if body.get("testOrder") is True:
        return [contract.Ignored(event, "a test order")]
    if order_id and cancels(body):
        moment = order.time("timeStamp", "_updated") or delivery.received_at
        by, why = CANCELLED[order.whole("status") or 0], order.text("reason")
        return [contract.Cancellation(order_id=order_id, at=moment, by=by, reason=why)]
    if event != "order" or order_id is None:
        return [contract.Ignored(event, "nothing to do")]
    digits = order.whole("decimalDigits")
    if digits not in (None, *range(7)):
        raise contract.Unreadable("decimalDigits: not from 0 to 6")
    return [order_of(identity, order_id, Tree(hundredths(body, 2 if digits is None else digits)))]


def answer(delivery: Delivery, order: Order, outcome: contract.Outcome) -> Sequence[contract.Call]:
    """Its `timeStamp` is when the order came: an adapter knows no other time."""
    status, reason = STEPS[outcome]
    said = {
        "orderId": order.order_id,
        "status": status,
        "reason": reason,
        "receiptId": "",
        "timeStamp": delivery.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    path = f"/orderStatus/{quote(order.order_id, safe='')}"
    return [contract.Call(name=outcome, method="POST", path=path, json=said)]


def handshake(delivery: Delivery, _: contract.Secrets) -> contract.Ack | None:
    """Where orders shall go, asked when a restaurant connects its till."""
    if delivery.method != "POST" or delivery.path != "register":
        return None
    address = delivery.url.partition("?")[0].removesuffix("/register")
    body = json.dumps({"ordersWebhookURL": address}).encode()
    return contract.Ack(body=body, media_type="application/json")


ADAPTER = contract.Adapter(
    slug="deliverect",
    intermediary="Deliverect",
    kind="orders",
    docs="https://developers.deliverect.com",
    event_types=frozenset({"order", "status", "courier"}),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    handshake=handshake,
    answer=answer,
    api=API,
    hosts=HOSTS,
)
