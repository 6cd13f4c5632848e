"""Glovo: an order is to be prepared, was picked up, or was cancelled.

Full payload: the order comes whole, once the kitchen should start. No body names its event; each
has an address of its own: `dispatched`, `picked_up` and `cancelled`, below the connection's.

Signature: the secret in `Authorization`, without `Bearer`; the body is not signed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

from adapters import contract, payload, sums
from adapters.apis.glovo import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import NOTHING, Tree, comment, text_or_none
from adapters.signing import Token

# https://api-docs.glovoapp.com/partners/index.html
SCHEME = Token()
DISPATCHED, PICKED_UP, CANCELLED = "dispatched", "picked_up", "cancelled"
EVENTS = frozenset({DISPATCHED, PICKED_UP, CANCELLED})
CANCELLED_BY = {  # any other reason counts as Glovo's
    "PRODUCTS_NOT_AVAILABLE": "restaurant",
    "STORE_CAN_NOT_DELIVER": "restaurant",
    "PARTNER_PRINTER_ISSUE": "restaurant",
    "STORE_ERROR": "restaurant",
    "USER_ERROR": "customer",
}
CASH = "CASH"  # the courier, or whoever else comes for it, pays at the store; DELAYED: an invoice
MASKED_PHONE = "N/A"
GOODS = "estimated_total_price"  # of the products alone, before any discount

# Whose they are where the store delivers by itself is not documented but of the first; where it
# does not, none is the restaurant's.
FEES = {
    "delivery_fee": (FeeKind.DELIVERY, Owner.RESTAURANT),
    "minimum_basket_surcharge": (FeeKind.SMALL_ORDER, Owner.RESTAURANT),
    "service_fee": (FeeKind.SERVICE, Owner.PLATFORM),
}

STATUSES: Mapping[contract.Outcome, str] = {"created": "ACCEPTED", "ready": "READY_FOR_PICKUP"}
# Accepting again is refused with a status that is not documented; the order is accepted anyway.
ACCEPTED_ALREADY = frozenset({400, 409})


def event_type(delivery: Delivery) -> str:
    """By the address. The connection's own is taken for the one that the body looks like."""
    cancels = "cancel_reason" in payload.peek(delivery.body)
    return delivery.path.strip("/") or (CANCELLED if cancels else DISPATCHED)


def local(order: Tree, name: str) -> datetime | None:
    """`2026-03-13 19:02:10` of the store's clock; how far it is from UTC stands beside it."""
    text, minutes = order.text(name), order.text("utc_offset_minutes")
    if not text or not minutes:
        return None
    try:
        moment = datetime.fromisoformat(text)
        zone = timezone(timedelta(minutes=int(minutes)))
        return moment.replace(tzinfo=moment.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise contract.Unreadable(f"{name}: not a time, or utc_offset_minutes none") from None


def line(product: Tree, place: int | None = None) -> Line:
    """A product, one within it, or an attribute of either, which counts per unit of it."""
    quantity = product.whole("quantity")
    parts = (*product.each("attributes"), *product.each("sub_products"))
    return Line(
        name=product.text("name", "id") or "?",
        quantity=1 if quantity is None else quantity,
        unit_price=product.whole("price") or 0,
        pos_ref=product.text("id"),
        line_id=str(place) if place else None,
        options=tuple(map(line, parts)),
    )


def reduction(product: Tree) -> int:
    """For all units, of the products within it too."""
    return (product.whole("discount") or 0) + sum(map(reduction, product.each("sub_products")))


def discounts(order: Tree) -> tuple[Discount, ...]:
    """The products say how much, the order's sums whose; all is the restaurant's without them."""
    products = enumerate(order.each("products"), 1)
    reduced = {str(place): off for place, product in products if (off := reduction(product))}
    every, theirs = sum(reduced.values()), order.whole("glovo_discounts_products") or 0
    stated = order.whole("partner_discounts_products")
    own = every - theirs if stated is None else stated
    shares = [(own, Owner.RESTAURANT, tuple(reduced) if own < every else ())]
    if own == every:
        shares = [(off, Owner.RESTAURANT, (place,)) for place, off in reduced.items()]
    shares.append((theirs, Owner.PLATFORM, ()))
    return tuple(Discount(amount=off, owner=by, line_ids=on) for off, by, on in shares if off > 0)


def fees(order: Tree, *, own_courier: bool) -> tuple[Fee, ...]:
    stated = ((order.whole(name), kind, owner) for name, (kind, owner) in FEES.items())
    return tuple(
        Fee(kind=kind, amount=fee, owner=owner if own_courier else Owner.PLATFORM)
        for fee, kind, owner in stated
        if fee
    )


def total(order: Tree, charged: Sequence[Fee], given: Sequence[Discount]) -> int | None:
    """Glovo's own sum after the restaurant's discounts; else the one before any. No fee in them."""
    goods, before = (order.whole(name) for name in ("partner_discounted_products_total", GOODS))
    if goods is None and before is not None:
        goods = before - sums.ours(given)
    return None if goods is None else goods + sums.ours(charged)


def customer(order: Tree, place: Tree) -> contract.Customer:
    given, family = payload.split_name(order.text("customer.name"))
    phone = order.text("customer.phone_number")
    house = " ".join(filter(None, map(place.text, ("street_name", "street_number"))))
    floor, flat = place.text("floor_number"), place.text("door_number")
    return contract.Customer(
        given_name=given,
        family_name=family,
        phone=None if phone == MASKED_PHONE else phone,
        address=payload.address(
            house or place.text("label"),
            zip_code=place.text("postal_code"),
            city=None,  # there is none
            additional=comment(
                place.text("building_name"),
                floor and f"floor {floor}",
                flat and f"door {flat}",
                place.text("additional_information"),
            ),
        ),
    )


def notes(order: Tree, code: str | None) -> tuple[str, ...]:
    allergy = order.text("allergy_info")
    cutlery = {True: "Cutlery wanted", False: "No cutlery", None: None}
    firm = order.one("customer.invoicing_details")
    invoice = comment(*map(firm.text, ("company_name", "company_address", "tax_id")))
    said = (
        allergy and f"Allergy: {allergy}",
        order.text("special_requirements"),
        cutlery[order.flag("cutlery_requested")],
        change(order) if order.text("payment_method") == CASH else None,
        invoice and f"Invoice for {invoice}",
        code and f"Glovo order {code}",
    )
    return tuple(filter(None, said))


def change(order: Tree) -> str | None:
    """What the store's own courier collects, more than the till books: with Glovo's fee."""
    stated = map(order.whole, ("total_customer_to_pay", "customer_cash_payment_amount"))
    due, given = (f"{n // 100}.{n % 100:02d}" if n else None for n in stated)
    return comment(due and f"Collect {due}", given and f"guest pays with {given}")


def door(order: Tree) -> Tree:
    """Where the store's own courier goes; there is none for Glovo's, or for a guest who comes."""
    return NOTHING if collected(order) else order.one("delivery_address")


def collected(order: Tree) -> bool:
    return order.flag("is_picked_up_by_customer") is True


def session(order_id: str, order: Tree) -> str | None:
    """The same for all orders of a bundle, whether or not each lists itself."""
    listed = order.at("bundled_orders").value
    others = filter(None, map(text_or_none, listed if isinstance(listed, list) else ()))
    bundle = {order_id, *others}
    return min(bundle) if len(bundle) > 1 else None


def order_of(order_id: str, order: Tree) -> Order:
    place = door(order)
    charged, given = fees(order, own_courier=place is not NOTHING), discounts(order)
    lines = tuple(line(product, n) for n, product in enumerate(order.each("products"), 1))
    stated, cash = total(order, charged, given), order.text("payment_method") == CASH
    if stated is None and not sums.worth(lines):
        raise contract.Unreadable("products: no prices")
    code, called = order.text("order_code"), order.text("pick_up_code", "order_code")
    return Order(
        order_id=order_id,
        store_id=order.text("store_id"),
        display_id=called,
        order_type=OrderType.PICKUP if collected(order) else OrderType.DELIVERY,
        lines=sums.agreeing(lines, order.whole(GOODS)),
        total=stated,
        currency=order.text("currency"),
        placed_at=local(order, "order_time"),
        ready_at=local(order, "estimated_pickup_time"),
        fees=charged,
        discounts=given,
        payment="call_for_payment" if cash else "paid",
        payment_method=CASH if cash else None,
        customer=customer(order, place),
        notes=notes(order, code if code != called else None),
        session=session(order_id, order),
        references=(code,) if code else (),
    )


def identify(delivery: Delivery) -> contract.Identity:
    body, event = payload.peek(delivery.body), event_type(delivery)
    order_id = text_or_none(body.get("order_id"))
    named = text_or_none(f"{event}:{order_id}") if order_id and event in EVENTS else None
    return contract.Identity(
        delivery_id=named or payload.body_digest(delivery),
        order_id=order_id,
        store_id=text_or_none(body.get("store_id")),
        overtakes=event == CANCELLED,
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    event, order_id = event_type(delivery), identify(delivery).order_id
    if event not in EVENTS:
        why = f"no address of ours: register {', '.join(sorted(EVENTS))}"
        return [contract.Ignored(event, why, alert=True)]
    if event == PICKED_UP:
        return [contract.Ignored(event, "it has left the store")]
    if not order_id:
        raise contract.Unreadable("order_id: missing")
    order = Tree(payload.peek(delivery.body))
    if event == DISPATCHED:
        return [order_of(order_id, order)]
    reason = order.text("cancel_reason")
    return [
        contract.Cancellation(
            order_id=order_id,
            at=delivery.received_at,
            by=CANCELLED_BY.get(reason or "", "platform"),
            reason=", ".join(filter(None, (reason, order.text("payment_strategy")))) or None,
        )
    ]


def answer(delivery: Delivery, order: Order, outcome: contract.Outcome) -> Sequence[contract.Call]:
    """Nothing refuses an order, and where the store delivers nobody comes for it."""
    own_courier = door(Tree(payload.peek(delivery.body))) is not NOTHING
    if outcome not in STATUSES or order.store_id is None or (outcome == "ready" and own_courier):
        return []
    store, number = (quote(name, safe="") for name in (order.store_id, order.order_id))
    return [
        contract.Call(
            name=outcome,
            method="PUT",
            path=f"/webhook/stores/{store}/orders/{number}/status",
            json={"status": STATUSES[outcome]},
            done=ACCEPTED_ALREADY if outcome == "created" else frozenset(),
        )
    ]


ADAPTER = contract.Adapter(
    slug="glovo",
    intermediary="Glovo",
    kind="orders",
    docs="https://api-docs.glovoapp.com/partners/index.html",
    event_types=EVENTS,
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    proof=contract.by_token,
    answer=answer,
    api=API,
    hosts=HOSTS,
)
