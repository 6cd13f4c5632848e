"""Delivery Hero's POS middleware: orders of foodora, foodpanda, talabat, yemeksepeti and others.

Full payload: it calls addresses of a "plugin", which name the store, below one base address. An
order comes whole; a change of its status names only the id that we answered its dispatch with.

Signature: a JWT by HMAC as bearer, for the service `middleware`; it proves the sender, not the body
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from adapters import contract, payload, sums
from adapters.apis.delivery_hero import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, OrderType, Owner
from adapters.payload import NOTHING, Tree, comment, text_or_none
from adapters.signing import Jwt

# https://integration-middleware.stg.restaurant-partners.com/apidocs/pos-plugin-api
SCHEME = Jwt(claims={"service": "middleware"})
ORDER = re.compile(r"order/(?P<store>.+)")
STATUS = re.compile(r"remoteId/(?P<store>.+)/remoteOrder/(?P<order>[^/]+)/posOrderStatus")
DISPATCH, CANCELLED = "order-dispatch", "ORDER_CANCELLED"
IGNORED = {  # why, and whether someone should look
    "ORDER_PICKED_UP": ("the order has left", False),
    "PRODUCT_ORDER_MODIFICATION_SUCCESSFUL": ("dishes were changed: change the till's order", True),
    "PRODUCT_ORDER_MODIFICATION_FAILED": ("dishes were not changed: look at the tablet", True),
    "availability": ("a store was opened or closed", False),
}
UNKNOWN = ("neither an address nor a status that is known", True)
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")  # nothing in it needs quoting in an address

OURS = "VENDOR"  # of a discount's sponsors, beside PLATFORM and THIRD_PARTY
FEES: Sequence[tuple[str, FeeKind, Owner | None]] = (  # by words in their free names: a guess
    ("pack|container|bag|tüte", FeeKind.PACKAGING, Owner.RESTAURANT),
    ("pfand|deposit", FeeKind.DEPOSIT, Owner.RESTAURANT),
    ("service", FeeKind.SERVICE, Owner.PLATFORM),
    ("small|minimum|minder|mindest", FeeKind.SMALL_ORDER, None),  # whoever's the courier is
    ("", FeeKind.DELIVERY, None),
)
REST = ("company", "building", "entrance", "floor", "flatNumber", "intercom")  # a guess
READY = ("pickup.pickupTime", "delivery.riderPickupTime", "delivery.expectedDeliveryTime")
SUMS = ("grandTotal", "riderTip", "payRestaurant")
TOPPINGS = ("selectedToppings", "children")
# No currency is sent. Kuwait's has no hundredths: it is here so that no till takes it for its own.
CURRENCIES = {"DE": "EUR", "AT": "EUR", "SE": "SEK", "NO": "NOK", "HU": "HUF", "KW": "KWD"}

# https://integration-middleware.stg.restaurant-partners.com/apidocs/pos-middleware-api: a key of
# callbackUrls and what is posted there; what has no address in an order is not called
WHY = "The till did not take the order."  # which of their reasons fits that is a guess
REFUSED = {"status": "order_rejected", "reason": "TECHNICAL_PROBLEM", "message": WHY}
ANSWERS: Mapping[contract.Outcome, tuple[str, Mapping[str, object] | None]] = {
    "created": ("orderAcceptedUrl", {"status": "order_accepted"}),
    "refused": ("orderRejectedUrl", REFUSED),
    "ready": ("orderPickedUpUrl", {"status": "order_picked_up"}),
}
PREPARED = ("orderPreparedUrl", None)  # instead, where a courier of theirs comes
CALLBACK = re.compile(r"(?:https?://[^/?#\s]+)?(/[!-~]*)")
DEADLINE = timedelta(minutes=15)  # typically: an order's own is its expiryDate
AHEAD = timedelta(minutes=3)  # of the moment it is said; less than two are not taken


def dish(item: Tree, place: int | None = None) -> Line:
    """A dish, or a topping of one, which may have toppings again."""
    name, kind = item.text("name", "remoteCode", "id") or "?", item.text("variation.name") or ""
    hundredths = item.major("quantity")  # text of a dish, a number of a topping
    pieces, rest = divmod(100 if hundredths is None else hundredths, 100)
    if rest or pieces < 0:
        raise contract.Unreadable("quantity: not a whole number")
    return Line(
        name=name if kind in name else f"{name} ({kind})",
        quantity=pieces,
        unit_price=item.major("unitPrice", "price") or 0,
        pos_ref=item.text("remoteCode", "sku"),
        item_id=item.text("id"),
        line_id=str(place) if place else None,
        comment=item.text("comment"),
        options=tuple(map(dish, item.each(*TOPPINGS))),
    )


def priced(item: Tree, place: int) -> tuple[Line, ...]:
    """Whether toppings count for one piece of the dish or for all is not documented: the dish's
    own sum decides, if that is not the one after its discounts."""
    read, paid, off = (dish(item, place),), item.major("paidPrice"), amount(tuple(shares(item)))
    return read if sums.worth(read) == (paid or 0) + off else sums.agreeing(read, paid)


def shares(of: Tree, *line_ids: str) -> Iterator[Discount]:
    """Discounts of an order, or of a dish and its toppings, by who pays: the restaurant, where
    nobody is named."""
    for cut in of.each("discounts"):
        parts = [(s.text("sponsor"), s.major("amount") or 0) for s in cut.each("sponsorships")]
        rest = (cut.major("amount") or 0) - sum(share for _, share in parts)
        for who, share in (*parts, (OURS, rest)):
            owner = Owner.RESTAURANT if who == OURS else Owner.PLATFORM
            if share > 0:
                name = cut.text("name")
                yield Discount(amount=share, owner=owner, name=name, line_ids=line_ids)
    for topping in of.each(*TOPPINGS):
        yield from shares(topping, *line_ids)


def fee(charge: Tree, courier: Owner) -> Fee:
    name = charge.text("name") or ""
    kind, owner = next((kind, who) for words, kind, who in FEES if re.search(words, name.lower()))
    value = charge.major("value") or 0
    return Fee(kind=kind, amount=value, owner=owner or courier, name=name or None)


def amount(parts: Sequence[Fee] | Sequence[Discount]) -> int:
    return sum(part.amount for part in parts)


def settled(
    order: Tree, lines: Sequence[Line], charged: Sequence[Fee]
) -> tuple[tuple[Discount, ...], int | None]:
    """The discounts, each once, and what Delivery Hero states for the till.

    No page says whether the order's discounts repeat those of its dishes: its sums do."""
    whole, items = tuple(shares(order)), enumerate(order.each("products"), 1)
    dishes = tuple(cut for place, item in items for cut in shares(item, str(place)))
    both = (*whole, *dishes)
    for cuts in (both, max(dishes, whole, key=amount)):
        booked = sums.worth(lines) + sums.ours(charged) - sums.ours(cuts)
        if booked in stated(order, charged, cuts):
            return cuts, booked
    return both, next(iter(stated(order, charged, both)), None)


def stated(order: Tree, charged: Sequence[Fee], cuts: Sequence[Discount]) -> list[int]:
    """The guest's total without what is not the restaurant's, with or without a tip in it: no page
    says; and what the restaurant is said to get."""
    total, tip, gets = (order.major(f"price.{sum_}") for sum_ in SUMS)
    others = amount(charged) - sums.ours(charged) - (amount(cuts) - sums.ours(cuts))
    guest = [] if total is None else [total - others, total - others - (tip or 0)]
    return guest if gets is None else [*guest, gets]


def carrier(order: Tree) -> Owner | None:
    """Who brings it; None: the guest comes. A courier's is what the documents call own delivery."""
    if order.text("expeditionType") == "pickup":
        return None
    return Owner.COURIER if order.text("delivery.riderPickupTime") else Owner.RESTAURANT


def order_of(order: Tree, known: contract.Identity) -> contract.Order:
    brings, items = carrier(order), enumerate(order.each("products"), 1)
    lines = tuple(line for place, item in items for line in priced(item, place))
    theirs = Owner.PLATFORM if brings is Owner.COURIER else Owner.RESTAURANT
    fees = (fee(charge, theirs) for charge in order.each("price.deliveryFees"))
    charged = tuple(fee for fee in fees if fee.amount)
    cuts, total = settled(order, lines, charged)
    tip = contract.Tip(amount=order.major("price.riderTip") or 0, owner=brings or Owner.RESTAURANT)
    due, status = order.major("price.collectFromCustomer") or 0, order.text("payment.status")
    # a courier of theirs takes the guest's money for them
    cash = brings is not Owner.COURIER and (due > 0 or status == "pending")
    home = order.one("delivery.address") if brings is Owner.RESTAURANT else NOTHING
    code, number = order.text("code"), order.text("shortCode")
    wish, token = order.text("comments.customerComment"), order.text("pickup.pickupCode")
    return contract.Order(
        order_id=known.order_id or "",
        store_id=known.store_id,
        display_id=number or code,
        order_type=OrderType.DELIVERY if brings else OrderType.PICKUP,
        lines=lines,
        total=total,
        currency=CURRENCIES.get(order.text("localInfo.countryCode") or ""),
        placed_at=order.time("createdAt"),
        ready_at=order.time(*READY),
        fees=charged,
        discounts=cuts,
        tips=(tip,) if tip.amount else (),
        payment="call_for_payment" if cash else "paid",
        payment_method="CASH" if cash else None,
        customer=customer(order.one("customer"), home),
        notes=tuple(filter(None, (wish, token and f"Pickup code {token}"))),
        references=(code,) if code else (),
    )


def customer(who: Tree, home: Tree) -> contract.Customer:
    return contract.Customer(
        given_name=who.text("firstName"),
        family_name=who.text("lastName"),
        phone=who.text("mobilePhone"),
        address=payload.address(
            " ".join(filter(None, map(home.text, ("street", "number")))),
            zip_code=home.text("postcode"),
            city=home.text("city"),
            additional=comment(*map(home.text, REST)),
        ),
    )


def event_type(delivery: Delivery) -> str:
    """By the address; the body names a change of status."""
    path = delivery.path.strip("/")
    if ORDER.fullmatch(path):
        return DISPATCH
    named = payload.peek(delivery.body).get("status")
    return text_or_none(named if STATUS.fullmatch(path) else path.rpartition("/")[2]) or ""


def remote_order_id(token: object) -> str | None:
    """The order's id here and its remoteOrderId there: the token, which has up to 512 characters;
    the digest of one that does not fit into an address."""
    token = payload.blank_to_none(token)
    if not isinstance(token, str):
        return None
    return token if PLAIN.fullmatch(token) else hashlib.sha256(token.encode()).hexdigest()


def identify(delivery: Delivery) -> contract.Identity:
    body, path = payload.peek(delivery.body), delivery.path.strip("/")
    dispatch, status = ORDER.fullmatch(path), STATUS.fullmatch(path)
    order = remote_order_id(body.get("token")) if dispatch else None
    place = dispatch or status
    return contract.Identity(
        # a body that changes a status does not name its order: the address does
        delivery_id=order or f"{text_or_none(path[-120:])}:{payload.body_digest(delivery)}",
        order_id=text_or_none(status["order"]) if status else order,
        store_id=text_or_none(place and place["store"])
        or text_or_none(payload.dig(body, "platformRestaurant", "id")),
        overtakes=event_type(delivery) == CANCELLED,
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    event, known = event_type(delivery), identify(delivery)
    if not event:
        raise contract.Unreadable("neither a status nor an address below ours")
    if event not in (DISPATCH, CANCELLED):
        return [contract.Ignored(event, *IGNORED.get(event, UNKNOWN))]
    if known.order_id is None:
        raise contract.Unreadable("the order's id: missing")
    body = payload.tree(delivery.body, exact=True)
    if event == CANCELLED:
        at, why = delivery.received_at, body.text("message")
        return [contract.Cancellation(order_id=known.order_id, at=at, by="platform", reason=why)]
    if body.flag("test"):
        return [contract.Ignored(event, "a test order")]
    if not body.each("products"):
        raise contract.Unreadable("products: missing")
    return [order_of(body, known)]


def ack(delivery: Delivery) -> contract.Ack:
    order = identify(delivery).order_id
    if event_type(delivery) != DISPATCH or order is None:
        return contract.Ack()
    said = json.dumps({"remoteResponse": {"remoteOrderId": order}})
    return contract.Ack(body=said.encode(), media_type="application/json")


def health(delivery: Delivery, _: contract.Secrets) -> contract.Ack | None:
    asked = delivery.method == "GET" and not delivery.path.strip("/")
    return contract.Ack() if asked else None


def answer(
    delivery: Delivery, order: contract.Order, outcome: contract.Outcome
) -> Sequence[contract.Call]:
    """Nothing is `done` by a 409, which may mean "not yet" as well as "already so"."""
    body, (key, said) = Tree(payload.peek(delivery.body)), ANSWERS[outcome]
    if outcome == "created":  # it must lie ahead whenever it is said, at the deadline even
        soonest = delivery.received_at + DEADLINE + AHEAD
        when = max(order.ready_at or soonest, soonest).isoformat(timespec="seconds")
        said = {**(said or {}), "acceptanceTime": when, "remoteOrderId": order.order_id}
    elif outcome == "ready" and carrier(body) is Owner.COURIER:
        key, said = PREPARED
    path = CALLBACK.fullmatch(body.text(f"callbackUrls.{key}") or "")
    return [contract.Call(name=outcome, method="POST", path=path[1], json=said)] if path else []


ADAPTER = contract.Adapter(
    slug="delivery_hero",
    intermediary="Delivery Hero",
    kind="orders",
    docs="https://integration-middleware.stg.restaurant-partners.com/apidocs/pos-plugin-api",
    event_types=frozenset({DISPATCH, CANCELLED, *IGNORED}),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    proof=contract.by_token,
    handshake=health,
    ack=ack,
    answer=answer,
    api=API,
    hosts=HOSTS,
    deadline=DEADLINE,
)
