"""HubRise: an order of a location was created or changed, by whichever app is connected there.

Full payload: every callback carries the order as it stands. Any answer below 500 counts as taken,
so what is refused as not genuine never comes again: it waits in the quarantine.

Signature: HMAC-SHA256 of the raw body with the client secret, in hex
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import quote

from adapters import contract, payload, sums
from adapters.apis.hubrise import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner, Tip
from adapters.payload import Tree, comment, dig, text_or_none
from adapters.signing import Hmac

SCHEME = Hmac(header="x-hubrise-hmac-sha256", encoding="hex")
EVENTS = frozenset({"order.create", "order.update"})

# https://developers.hubrise.com: statuses and service types of an order
OPEN = frozenset({"new", "received"})  # nobody has accepted it yet
ENDED = {"cancelled": "platform", "rejected": "restaurant"}  # and who ended it: half a guess
FAILED = "delivery_failed"
OVER = {FAILED, "awaiting_collection", "awaiting_shipment", "in_delivery", "completed"}
ORDER_TYPES = {"collection": OrderType.PICKUP, "eat_in": OrderType.LOCAL}  # else a delivery
STATUS = {"created": "accepted", "refused": "rejected"}  # what we make of it
READY = {OrderType.DELIVERY: "awaiting_shipment"}  # else awaiting_collection
BOOKED = ("items", "discounts", "charges", "total", "service_type")  # what the till has of it

# No field says whose a charge is. All of this is a guess: the first of its type, name and ref in
# which one of these words begins. Without a kind it is a tip: the restaurant's, or its courier's.
CHARGES: Sequence[tuple[str, FeeKind | None, Owner]] = (
    (r"tips?\b|gratuit|trinkgeld|pourboire", None, Owner.RESTAURANT),
    ("small|minim|minder", FeeKind.SMALL_ORDER, Owner.RESTAURANT),
    ("deposit|pfand|consigne", FeeKind.DEPOSIT, Owner.RESTAURANT),
    ("bag|pack|verpack|tüte", FeeKind.PACKAGING, Owner.RESTAURANT),
    (r"deliver|liefer|livraison|courier|del\b", FeeKind.DELIVERY, Owner.RESTAURANT),
    ("payment|platform|service", FeeKind.SERVICE, Owner.PLATFORM),
)
OTHER_CHARGE = ("", FeeKind.SERVICE, Owner.RESTAURANT)
CASH = re.compile(r"(?i)\b(?:cash|csh|cod|bar|barzahlung)\b")
WISHES = re.compile("(?i)allerg|cutlery|disposable")  # that custom fields are called so is a guess
TABLE = re.compile(r"(?i)(?:table|tisch|t)\s*([0-9]+)")  # and that service_type_ref may name one
CALLABLE = 12  # characters of a number that can be called out

AMOUNT = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,2}0*)?) ([A-Z]{3})")
NUMBER = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")


def live(order: Tree, part: str) -> list[Tree]:
    return [entry for entry in order.each(part) if not entry.flag("deleted")]


def money(entry: Tree, path: str) -> tuple[int, str] | None:
    """(900, "EUR") of "9.00 EUR", exactly: what holds a fraction of a cent is no amount."""
    text = entry.at(path).value
    found = AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if text is not None and not found:
        raise contract.Unreadable(f"{path}: not an amount")
    return (int(Decimal(found[1]).scaleb(2)), found[2]) if found else None


def cents(entry: Tree, path: str) -> int:
    return (money(entry, path) or (0, ""))[0]


def currency(order: Tree) -> str | None:
    """The one of all amounts. Raises Unreadable where they do not agree."""
    items = live(order, "items")
    options = [option for item in items for option in live(item, "options")]
    parts = {"price": [*items, *options, *live(order, "charges")], "subtotal": items}
    parts |= {"price_off": live(order, "discounts"), "amount": live(order, "payments")}
    known = [money(entry, path) for path, entries in parts.items() for entry in entries]
    found = sorted({stated[1] for stated in (*known, money(order, "total")) if stated})
    if len(found) > 1:
        raise contract.Unreadable(f"amounts in {' and '.join(found)}")
    return found[0] if found else None


def quantity(entry: Tree) -> tuple[int, Decimal]:
    """Pieces, and how much one is: (2, 1) of "2.0"; a weight is one piece, (1, 0.35) of "0.350"."""
    said = entry.at("quantity").value
    if said is not None and not NUMBER.fullmatch(str(said)):
        raise contract.Unreadable("quantity: not a number")
    amount = Decimal(1 if said is None else str(said))
    return (int(amount), Decimal(1)) if amount == int(amount) else (1, amount)


def dish(item: Tree, portion: Decimal = Decimal(1)) -> Line:
    """An item, or an option of one, which is priced for one piece of it."""
    count, size = quantity(item)
    price = (cents(item, "price") * size * portion).quantize(Decimal(1), ROUND_HALF_UP)
    options = [(option, option.flag("removed")) for option in live(item, "options")]
    gone = (f"no {option.text('name', 'ref')}" for option, removed in options if removed)
    names = filter(None, (item.text("product_name", "name"), item.text("sku_name")))
    name, pos_ref = " ".join(names), item.text("sku_ref", "ref")
    return Line(
        name=(name or pos_ref or "?") if size == 1 else f"{size.normalize():f} x {name}",
        quantity=count,
        unit_price=int(price),
        pos_ref=pos_ref,
        comment=comment(item.text("customer_notes"), *gone),
        options=tuple(dish(option, size * portion) for option, removed in options if not removed),
        tax_rate=payload.tax_rate(item.at("tax_rate").value),
    )


def at_subtotal(item: Tree) -> tuple[Line, ...]:
    """By its subtotal, which holds what a deal made of its price."""
    line, subtotal = dish(item), money(item, "subtotal")
    options = line.quantity * sums.worth(line.options)
    return sums.costing(line, subtotal[0] - options) if subtotal else (line,)


def dishes(order: Tree, goods: int | None) -> tuple[Line, ...]:
    """Whether the prices or only the subtotals hold what a deal gives is for the sums to decide:
    the reading that comes to what HubRise states, else the prices."""
    items = [item for item in live(order, "items") if quantity(item)[0]]
    plain = tuple(map(dish, items))
    dealt = tuple(line for item in items for line in at_subtotal(item))
    return dealt if sums.worth(plain) != goods == sums.worth(dealt) else plain


def charged(order: Tree) -> Iterator[Fee | Tip]:
    tipped = Owner.COURIER if order.text("delivery.carrier") else Owner.RESTAURANT
    for charge in live(order, "charges"):
        texts = filter(None, (charge.text(path) for path in ("type", "name", "ref")))
        rows = (row for text in texts for row in CHARGES if re.search(rf"(?i)\b(?:{row[0]})", text))
        _, kind, owner = next(rows, OTHER_CHARGE)
        price = cents(charge, "price")
        if kind:
            yield Fee(kind=kind, amount=price, owner=owner, name=charge.text("name"))
        else:
            yield Tip(amount=price, owner=tipped)


def paid(order: Tree) -> int:
    """By all payments but those in cash: that is still to come. Without a type the name says it."""
    said = [(p, p.text("type", "name", "ref") or "") for p in live(order, "payments")]
    return sum(cents(payment, "amount") for payment, by in said if not CASH.search(by))


def notes(order: Tree, *more: str | None) -> tuple[str, ...]:
    wishes = sorted(custom(order.at("custom_fields").value), key=lambda wish: "llerg" not in wish)
    by = order.text("created_by")
    said = (*wishes, order.text("customer_notes"), order.text("seller_notes"), *more)
    return tuple(filter(None, (*said, by and f"Ordered through {by}")))


def custom(fields: object) -> Iterator[str]:
    """What apps write there is theirs to choose; allergies and cutlery are read at any depth."""
    for name, value in fields.items() if isinstance(fields, Mapping) else ():
        if WISHES.search(name) and isinstance(value, str | bool):
            yield f"{name}: {value}"
        else:
            yield from custom(value)


def customer(order: Tree, *, own: bool) -> contract.Customer:
    who = order.one("customer")
    place = who if own else payload.NOTHING
    phone = (who.text("phone"), who.text("phone_access_code"))
    return contract.Customer(
        given_name=who.text("first_name"),
        family_name=who.text("last_name"),
        phone=" Code ".join(filter(None, phone)) or None,
        email=who.text("email"),
        address=payload.address(
            place.text("address_1"),
            zip_code=place.text("postal_code"),
            city=place.text("city"),
            additional=place.text("address_2"),
        ),
    )


def order_of(identity: contract.Identity, order_id: str, order: Tree) -> Order:
    order_type = ORDER_TYPES.get(order.text("service_type") or "", OrderType.DELIVERY)
    own = order_type is OrderType.DELIVERY and not order.text("delivery.carrier")
    total, got, parts = money(order, "total"), paid(order), tuple(charged(order))
    fees = tuple(part for part in parts if isinstance(part, Fee))
    given = tuple(
        Discount(amount=cents(cut, "price_off"), owner=Owner.RESTAURANT, name=cut.text("name"))
        for cut in live(order, "discounts")
    )
    unpaid = got < total[0] if total else not got
    spent = sum(part.amount for part in parts) - sums.ours(given)
    goods = total[0] - spent if total else None
    numbers = [text for path in ("collection_code", "ref") if (text := order.text(path))]
    table = TABLE.fullmatch(order.text("service_type_ref") or "")
    way = order.text("customer.delivery_notes") if own else None
    return Order(
        order_id=order_id,
        store_id=identity.store_id,
        display_id=next((text for text in numbers if len(text) <= CALLABLE), order_id),
        order_type=order_type,
        lines=dishes(order, goods),
        total=None if goods is None else goods + sums.ours(fees) - sums.ours(given),
        currency=currency(order),
        placed_at=order.time("created_at"),
        ready_at=order.time("delivery.estimated_pickup_at", "confirmed_time", "expected_time"),
        fees=fees,
        discounts=given,
        tips=tuple(part for part in parts if isinstance(part, Tip)),
        payment="call_for_payment" if unpaid else "paid",
        payment_method="CASH" if unpaid else None,
        customer=customer(order, own=own),
        table=table[1] if table else None,
        notes=notes(
            order,
            way and f"Delivery: {way}",
            f"Paid already: {got // 100}.{got % 100:02d}" if unpaid and got else None,
        ),
        references=tuple(dict.fromkeys(numbers)),
    )


def event_type(body: Mapping[str, object]) -> str:
    named = (text_or_none(body.get(part)) for part in ("resource_type", "event_type"))
    return text_or_none(".".join(filter(None, named))) or ""


def identify(delivery: Delivery) -> contract.Identity:
    body = payload.peek(delivery.body)
    event, named, order = event_type(body), text_or_none(body.get("id")), body.get("new_state")
    return contract.Identity(
        delivery_id=text_or_none(f"{event} {named}" if named else None)
        or payload.body_digest(delivery),
        order_id=text_or_none(dig(order, "id")),
        store_id=text_or_none(body.get("location_id")) or text_or_none(dig(order, "location_id")),
        overtakes=event in EVENTS and Tree(order).text("status") in ENDED,
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    identity, body = identify(delivery), payload.tree(delivery.body, exact=True)
    event, order_id = event_type(payload.peek(delivery.body)), identity.order_id
    order = body.one("new_state")
    if not event:
        raise contract.Unreadable("resource_type: missing")
    if event not in EVENTS:
        return [contract.Ignored(event, "not about an order")]
    if order_id is None:
        raise contract.Unreadable("new_state.id: missing")
    status = order.text("status")
    if status in ENDED:
        moment = body.time("created_at") or delivery.received_at
        return [contract.Cancellation(order_id=order_id, at=moment, by=ENDED[status])]
    if status in OVER:
        look = status == FAILED or event == "order.create"
        return [contract.Ignored(event, f"order is {status}", alert=look)]
    if not live(order, "items"):
        raise contract.Unreadable("new_state.items: missing")
    return [order_of(identity, order_id, order), *changes(event, body)]


def changes(event: str, body: Tree) -> Iterator[contract.Ignored]:
    """The till keeps an order as it came first."""
    before, after = (body.one(state) for state in ("previous_state", "new_state"))
    if any(before.at(part).value not in (None, after.at(part).value) for part in BOOKED):
        yield contract.Ignored(event, "the order was changed: compare it with the till", alert=True)


def answer(delivery: Delivery, order: Order, outcome: contract.Outcome) -> Sequence[contract.Call]:
    """Only an order that nobody has accepted yet is accepted, or rejected."""
    now = Tree(dig(payload.peek(delivery.body), "new_state"))
    if order.store_id is None or (outcome != "ready" and now.text("status") not in OPEN):
        return []
    said = {"status": STATUS.get(outcome) or READY.get(order.order_type, "awaiting_collection")}
    wanted = now.time("expected_time")
    if outcome == "created" and wanted and wanted > delivery.received_at:
        said["confirmed_time"] = wanted.isoformat()
    location, placed = (quote(part, safe="") for part in (order.store_id, order.order_id))
    path = f"/v1/locations/{location}/orders/{placed}"
    return [contract.Call(name=outcome, method="PATCH", path=path, json=said)]


ADAPTER = contract.Adapter(
    slug="hubrise",
    intermediary="HubRise",
    kind="orders",
    docs="https://developers.hubrise.com",
    event_types=EVENTS,
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    answer=answer,
    api=API,
    hosts=HOSTS,
    deadline=timedelta(minutes=10),
)
