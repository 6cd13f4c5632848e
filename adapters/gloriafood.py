"""GloriaFood: orders the restaurant has accepted in GloriaFood's own app, and how they end.

Full payload: a delivery brings one order or several, each of them whole. All of the money is the
restaurant's own, and nothing is to be accepted here: the app has done so.

Signature: the master key itself in Authorization; it proves who sends, not what
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from adapters import contract, payload, sums
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import Tree
from adapters.signing import Token

# https://github.com/GlobalFood/integration_docs/blob/master/accepted_orders/README.md, all tables
SCHEME = Token()
ACCEPTED = "accepted"
ENDED = {"canceled": "platform", "rejected": "restaurant", "timed_out": "platform"}  # by: a guess
WAITING = {"pending": "the restaurant has not accepted it yet"}
SAME = ("id", "pos_system_id", "status", "updated_at")  # in a repeat; the first two as documented

ORDER_TYPES = {  # any other is a delivery
    "pickup": OrderType.PICKUP,
    "dine_in": OrderType.LOCAL,
    "order_ahead": OrderType.LOCAL,  # dishes for a table that is reserved
}
RESERVATION = "table_reservation"  # a table without dishes
PAID = "ONLINE"
METHODS = {"CASH": "CASH", "CARD": "CREDIT_CARD", "CARD_PHONE": "CREDIT_CARD"}

# What an item may be; everything else is a dish.
FEES = {
    "delivery_fee": FeeKind.DELIVERY,
    "service_fee_subtotal": FeeKind.SERVICE,
    "service_fee_total": FeeKind.SERVICE,
}
CUTS = frozenset({"cash_discount", "promo_cart"})
BUNDLES = frozenset({"promo_item", "promo_cart_item"})  # repeat what the dishes in them come to
TIP = "tip"
SIZE = "size"  # an option that is an article of its own together with its dish
MOST_PIECES = 10_000

PARTS = "client_address_parts"
LABELS = {"bloc": "Block", "floor": "Floor", "apartment": "Apartment", "intercom": "Intercom"}


def listed(body: object) -> tuple[Tree, ...]:
    orders = payload.dig(body, "orders")
    return tuple(map(Tree, orders)) if isinstance(orders, list) else ()


def order_id(order: Tree) -> str | None:
    return payload.text_or_none(order.text("id"))


def store_id(order: Tree) -> str | None:
    """Our own name for the restaurant where it was given one, else GloriaFood's key of it."""
    return payload.text_or_none(order.text("restaurant_token", "restaurant_key"))


def ended(order: Tree) -> bool:
    return order.text("status") in ENDED and order.text("type") != RESERVATION


def pieces(item: Tree) -> int:
    quantity = item.whole("quantity")
    if quantity is not None and not 0 < quantity < MOST_PIECES:
        raise contract.Unreadable("quantity: out of range")
    return quantity or 1


def price(item: Tree) -> int:
    amount = item.major("price", "total_item_price")
    if amount is None:
        raise contract.Unreadable("price: missing")
    return amount


def option(item: Tree) -> Line:
    return Line(
        name=item.text("name") or "?",
        quantity=pieces(item),
        unit_price=price(item),
        item_id=item.text("type_id"),
    )


def dish(item: Tree) -> Line:
    """A dish of a size is one article, "841:798"; its other options are articles of their own."""
    options = item.each("options")
    sizes = [size for size in options if size.text("type") == SIZE]
    read = Line(
        name=", ".join(filter(None, (part.text("name") for part in (item, *sizes)))) or "?",
        quantity=pieces(item),
        unit_price=price(item) + sum(pieces(size) * price(size) for size in sizes),
        item_id=":".join(filter(None, (part.text("type_id") for part in (item, *sizes)))) or None,
        line_id=item.text("id"),
        comment=item.text("instructions"),
        options=tuple(option(other) for other in options if other.text("type") != SIZE),
        tax_rate=payload.tax_rate(item.at("tax_rate").value, 1),
    )
    return sums.agreeing((read,), item.major("total_item_price"))[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """One of an order's items. Its money is net where GloriaFood's prices are."""

    kind: str
    line: Line
    off: int
    tax: Decimal  # times this it is gross

    @property
    def gross(self) -> Decimal:
        return (sums.worth((self.line,)) - self.off) * self.tax


def entries(order: Tree) -> list[Entry]:
    """Each item once: not a promotion that only repeats its dishes."""
    items = order.each("items")
    parents = {item.text("parent_id") for item in items}
    return [
        Entry(
            kind=item.text("type") or "item",
            line=dish(item),
            off=(item.major("item_discount") or 0) + (item.major("cart_discount") or 0),
            tax=tax(item, order),
        )
        for item in items
        if item.text("type") not in BUNDLES or item.text("id") not in parents
    ]


def tax(item: Tree, order: Tree) -> Decimal:
    """1.19 for a net price at a rate of 0.19; 1 for one that holds its tax."""
    kind = item.text("tax_type") or order.text("tax_type")
    rate = item.at("tax_rate").value or 0
    if kind != "NET":
        return Decimal(1)
    if isinstance(rate, bool) or not isinstance(rate, int | Decimal) or not 0 <= rate < 1:
        raise contract.Unreadable("tax_rate: not a rate")
    return 1 + Decimal(rate)


def booked(entry: Entry, amount: int) -> tuple[tuple[Line, ...], Discount]:
    """A dish in gross money, so that less its discount it comes to `amount`."""
    line, tax = entry.line, entry.tax
    options = tuple(replace(o, unit_price=sums.half_up(o.unit_price * tax)) for o in line.options)
    before = sums.half_up(sums.worth((line,)) * tax) if entry.off > 0 else amount
    bare = before - line.quantity * sums.worth(options)
    lines = sums.costing(replace(line, options=options), bare)
    ids = (line.line_id,) if line.line_id else ()
    return lines, Discount(amount=before - amount, owner=Owner.RESTAURANT, line_ids=ids)


def whole_order(entry: Entry, amount: int) -> Discount:
    """`amount` is below zero in every example."""
    return Discount(amount=abs(amount), owner=Owner.RESTAURANT, name=entry.line.name)


def order_of(named: str, order: Tree) -> Order:
    read, stated = entries(order), order.major("total_price")
    tipped = sum(sums.worth((entry.line,)) for entry in read if entry.kind == TIP)  # gross always
    total = None if stated is None else stated - tipped
    charged = [entry for entry in read if entry.kind != TIP]
    amounts = sums.rounded([entry.gross for entry in charged], total)
    pairs = list(zip(charged, amounts, strict=True))
    dishes = [booked(*pair) for pair in pairs if pair[0].kind not in FEES.keys() | CUTS]
    cuts = [cut for _, cut in dishes] + [whole_order(*p) for p in pairs if p[0].kind in CUTS]
    if not dishes:
        raise contract.Unreadable("items: no dishes")
    kind, method = order.text("type") or "", order.text("payment") or ""
    order_type = ORDER_TYPES.get(kind, OrderType.DELIVERY)
    return Order(
        order_id=named,
        store_id=store_id(order),
        display_id=named,
        order_type=order_type,
        lines=tuple(line for lines, _ in dishes for line in lines),
        total=total,
        currency=order.text("currency"),
        placed_at=order.time("accepted_at"),
        ready_at=order.time("fulfill_at"),
        fees=tuple(fee(entry, amount) for entry, amount in pairs if amount and entry.kind in FEES),
        discounts=tuple(cut for cut in cuts if cut.amount),
        tips=(contract.Tip(amount=tipped, owner=Owner.RESTAURANT),) if tipped else (),
        payment="paid" if method == PAID else "call_for_payment",
        payment_method=METHODS.get(method),
        customer=customer(order, at_door=order_type is OrderType.DELIVERY),
        table=order.text("table_number"),
        notes=notes(order, kind),
        references=tuple(filter(None, map(order.text, ("reference", "gateway_transaction_id")))),
    )


def fee(entry: Entry, amount: int) -> Fee:
    """A delivery fee is called DELIVERY_FEE; the others have the name the restaurant chose."""
    kind = FEES[entry.kind]
    name = None if kind is FeeKind.DELIVERY else entry.line.name
    return Fee(kind=kind, amount=amount, owner=Owner.RESTAURANT, name=name)


def customer(order: Tree, *, at_door: bool) -> contract.Customer:
    inside = ((label, order.text(f"{PARTS}.{part}")) for part, label in LABELS.items())
    more = (*(f"{label} {text}" for label, text in inside if text),)
    place = payload.address(
        order.text(f"{PARTS}.street", f"{PARTS}.full_address", "client_address"),
        zip_code=order.text(f"{PARTS}.zipcode"),
        city=order.text(f"{PARTS}.city"),
        additional=payload.comment(*more, order.text(f"{PARTS}.more_address")),
    )
    return contract.Customer(
        given_name=order.text("client_first_name"),
        family_name=order.text("client_last_name"),
        phone=order.text("client_phone"),
        email=order.text("client_email"),
        address=place if at_door else None,
    )


def notes(order: Tree, kind: str) -> tuple[str, ...]:
    persons = order.text("persons") if kind == "order_ahead" else None
    table = f"Table reserved for {persons}" if persons and persons != "0" else None
    said = (order.text("instructions"), table, order.text("fulfillment_option"))
    return tuple(filter(None, said))


def identify(delivery: Delivery) -> contract.Identity:
    orders = listed(payload.peek(delivery.body))
    ids, stores = {order_id(order) for order in orders}, {store_id(order) for order in orders}
    whole = bool(ids) and None not in ids
    same = repr([[order.text(name) for name in SAME] for order in orders])
    return contract.Identity(
        delivery_id=hashlib.sha256(same.encode()).hexdigest()
        if whole
        else payload.body_digest(delivery),
        order_id=ids.pop() if len(ids) == 1 else None,
        store_id=stores.pop() if len(stores) == 1 else None,
        overtakes=whole and {order_id(o) for o in orders if ended(o)} == {*map(order_id, orders)},
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    """Of one order in several states the end counts, else the last. What cannot be read of
    several orders loses none of the others: it becomes an alert beside them."""
    said: dict[str | None, contract.Event] = {}
    unreadable: list[str] = []
    for order in sorted(listed(payload.tree(delivery.body, exact=True).value), key=ended):
        named = order_id(order)
        try:
            said[named] = event_of(named, order, delivery.received_at)
        except contract.Unreadable as error:
            unreadable.append(f"order {named or 'without id'}: {error}")
    if not said:
        raise contract.Unreadable("; ".join(unreadable[:5]) or "orders: missing")
    lost = [contract.Ignored(ACCEPTED, f"unreadable: {why}", alert=True) for why in unreadable]
    return [*said.values(), *lost]


def event_of(named: str | None, order: Tree, arrived: datetime) -> contract.Event:
    status = payload.text_or_none(order.text("status"))
    if named is None or status is None:
        raise contract.Unreadable("id or status: missing")
    if order.text("type") == RESERVATION:
        return contract.Ignored(RESERVATION, "a table without dishes")
    if status in ENDED:
        at, why = order.time("updated_at") or arrived, order.text("missed_reason")
        return contract.Cancellation(order_id=named, at=at, by=ENDED[status], reason=why)
    if status != ACCEPTED:
        return contract.Ignored(status, WAITING.get(status), alert=status not in WAITING)
    return order_of(named, order)


ADAPTER = contract.Adapter(
    slug="gloriafood",
    intermediary="GloriaFood",
    kind="orders",
    docs="https://github.com/GlobalFood/integration_docs/tree/master/accepted_orders",
    event_types=frozenset({ACCEPTED}) | ENDED.keys() | WAITING.keys(),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    proof=contract.by_token,
)
