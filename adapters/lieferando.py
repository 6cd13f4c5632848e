"""Lieferando, by JET Connect, the POS interface of Just Eat Takeaway: an address for every event.

Full payload: the order comes whole, when the tablet has accepted it. Orders are signed; notices
prove themselves by a key that JET was given. Neither proves when it was sent.

Signature: HMAC-SHA256 of the raw body, in base64, within X-JET-Connect-Hash; notices: the `api_key`
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from adapters import contract, payload, sums
from adapters.apis.lieferando import API, HOSTS
from adapters.contract import Delivery, Discount, Fee, FeeKind, Line, Order, OrderType, Owner
from adapters.payload import NOTHING, Tree, text_or_none
from adapters.signing import HmacWithin, Token

# https://developers.just-eat.com/documentation/jet-connect: JET is told the addresses, so these are
# ours. What a delivery there is known by: its order, and what tells it from others about the same.
KEYS: Mapping[str, Sequence[str]] = {
    "order": ("id",),
    "order_final": ("id",),
    "cancelled": ("orderID", "reason.code"),
    "driver_status": ("orderID", "driverStatus.code"),
    "failed_order": ("order.orderId",),
    "temp_offline": (),
}
ORDERS = frozenset({"order", "order_final"})
TIMES, TIMES_SHAPE = "order_time_updated", {"dayOfWeek", "lowerBoundMinutes"}  # has no address
IGNORED = frozenset({"driver_status", "temp_offline", TIMES})
ASTRAY = "nothing is taken at this address: see which one JET was given"
PICKED = "OktoPOS cannot change an order: compare the till's with what was picked"
FAILED = "JET could not send an order, key it in from the tablet"
FAILED_BY = ("order.friendlyOrderReference", "validationError", "unknownReference")

# https://uk.api.just-eat.io/docs/jetconnect/openapi.yaml: every other type is a delivery
ORDER_TYPES = {"collection-by-customer": OrderType.PICKUP}
OWN_COURIER = "delivery-by-merchant"
SUMS = ("items_in_cart.inc_tax", "items_in_cart.tax", "final.inc_tax", "deposit")
NOTES = ("kitchen_notes", "collection_notes", "delivery_notes")
STREET, PHONE = ("street", "street_number"), ("phone_number", "phone_masking_code")
NO_MAILBOX = ".hidden"  # so an address ends that is given in place of the guest's

# The adjustments' names are documented there, in mixed case; whose they are is a guess: first where
# JET's courier delivers or nobody does, then where the restaurant's does.
OURS, JETS = Owner.RESTAURANT, Owner.PLATFORM
ADJUSTMENTS: Mapping[str, tuple[FeeKind | type[contract.Tip | Discount], Owner, Owner]] = {
    "deliveryfee": (FeeKind.DELIVERY, JETS, OURS),
    "smallorderfee": (FeeKind.SMALL_ORDER, JETS, OURS),
    "bagfee": (FeeKind.PACKAGING, OURS, OURS),
    "servicecharge": (FeeKind.SERVICE, JETS, JETS),
    "drivertip": (contract.Tip, Owner.COURIER, OURS),
    "discount": (Discount, OURS, OURS),
    "other": (FeeKind.SERVICE, JETS, JETS),  # and every name that is none of these
}
FREE = "FREE_ITEM"  # so the type of a promotion begins that brings dishes of its own: a guess

# Who cancelled, where only the reason says it: by how it begins, else the platform
BY = {"cust": "customer", "rest": "restaurant", "deletedRejectedByRestaurant": "restaurant"}

REFUSED = {"errorCode": "UNKNOWN", "errorMessage": "The till did not take the order"}

# https://uk.api.just-eat.io/docs/jetconnect/openapi.yaml, X-JET-Connect-Hash: t is not signed
SIGNATURE = HmacWithin(
    header="x-jet-connect-hash",
    encoding="base64",
    pattern=re.compile(r"HMAC-SHA256 +t=[0-9]+, *signature=(?P<digest>[^, ]+)"),
    template="HMAC-SHA256 t=0,signature={}",
)
KEY = Token(prefix="Bearer ")  # JET sends the key alone, what stands in between may add this


def event_type(delivery: Delivery) -> str:
    return delivery.path.strip("/")


def is_notice(delivery: Delivery) -> bool:
    """What comes to an address that is none of ours is none: it has to be signed."""
    return event_type(delivery) in KEYS.keys() - ORDERS


def proof(delivery: Delivery) -> contract.Proof:
    if is_notice(delivery):
        return contract.Proof(by="api_key", covers_body=False)
    return contract.Proof()


def verify(delivery: Delivery, secrets: contract.Secrets) -> None:
    (KEY if is_notice(delivery) else SIGNATURE).verify(delivery, secrets)


def sign(delivery: Delivery, secret: str) -> Delivery:
    return (KEY if is_notice(delivery) else SIGNATURE).sign(delivery, secret)


def dish(item: Tree, *, less_deposit: bool) -> Line:
    price, deposit = item.whole("price") or 0, item.whole("unitDepositAmount") or 0
    in_price = less_deposit and price >= deposit
    return Line(
        name=item.text("name", "description", "plu") or "?",
        quantity=item.whole("quantity") or 1,  # of groceries; all else comes piece by piece
        unit_price=price - deposit if in_price else price,
        pos_ref=item.text("plu"),
        comment=item.text("notes"),
        options=dishes(item.each("children"), less_deposit=less_deposit),
    )


def dishes(items: Sequence[Tree], *, less_deposit: bool = False) -> tuple[Line, ...]:
    return sums.gathered([dish(item, less_deposit=less_deposit) for item in items])


def basket(order: Tree, payment: Tree) -> tuple[tuple[Line, ...], int]:
    """The lines, and the deposit beside them. Whether prices hold deposit and tax, and the basket's
    sum the deposit, is not documented: the reading counts that comes to the sums. If none does, the
    first is left to differ."""
    cart, tax, final, stated = (payment.whole(path) or 0 for path in SUMS)
    adjusted = sum(each.whole("price.inc_tax") or 0 for each in payment.each("adjustments"))
    charged = cart + stated if final == cart + adjusted + stated else cart
    plain, less = (dishes(order.each("items"), less_deposit=less) for less in (False, True))
    readings = ((less, sums.worth(plain) - sums.worth(less)), (plain, stated))
    for missing in (0, tax):
        for lines, apart in readings:
            if sums.worth(lines) + missing == charged - apart:
                return sums.in_proportion(lines, charged - apart) if missing else lines, apart
    return readings[0]


def presents(order: Tree) -> Iterator[tuple[Sequence[Line], Discount]]:
    """What promotions bring beside the basket, and the discount that makes it free."""
    for place, promotion in enumerate(order.each("promotions"), 1):
        kind, line_id = promotion.text("type") or "", f"promotion {place}"
        free = [replace(line, line_id=line_id) for line in dishes(promotion.each("items"))]
        off = promotion.whole("discount_value", "discountValue")
        worth = sums.worth(free) if off is None else abs(off)
        if free and kind.startswith(FREE):
            yield free, Discount(amount=worth, owner=OURS, name=kind, line_ids=(line_id,))


def adjustments(order: Tree, payment: Tree) -> Iterator[Fee | Discount | contract.Tip]:
    for adjustment in payment.each("adjustments"):
        amount, name = adjustment.whole("price.inc_tax") or 0, adjustment.text("name") or ""
        kind, *owners = ADJUSTMENTS.get(name.lower(), ADJUSTMENTS["other"])
        owner = owners[order.text("type") == OWN_COURIER]
        if kind is Discount or amount < 0:
            yield Discount(amount=abs(amount), owner=owner)
        elif isinstance(kind, FeeKind):
            yield Fee(kind=kind, amount=amount, owner=owner)
        else:
            yield contract.Tip(amount=amount, owner=owner)


def not_booked(part: Fee | Discount | contract.Tip) -> int:
    """What the final sum holds of it, though the till must not."""
    if part.owner is OURS and not isinstance(part, contract.Tip):
        return 0
    return -part.amount if isinstance(part, Discount) else part.amount


def order_of(order_id: str, order: Tree) -> Order:
    payment = order.one("payment")
    final = payment.whole("final.inc_tax")
    if final is None:
        raise contract.Unreadable("payment.final.inc_tax: missing")
    lines, deposit = basket(order, payment)
    free = list(presents(order))
    parts = [part for part in adjustments(order, payment) if part.amount]
    cuts = [*(p for p in parts if isinstance(p, Discount)), *(cut for _, cut in free if cut.amount)]
    pfand = Fee(kind=FeeKind.DEPOSIT, amount=deposit, owner=OURS)
    is_cash = (order.text("payment_method") or "").upper() == "CASH"
    return Order(
        order_id=order_id,
        store_id=order.text("posLocationId"),
        display_id=order.text("third_party_order_reference"),
        order_type=ORDER_TYPES.get(order.text("type") or "", OrderType.DELIVERY),
        lines=(*lines, *(line for brought, _ in free for line in brought)),
        total=final - sum(map(not_booked, parts)),
        placed_at=order.unix("created_at"),
        ready_at=order.unix("collect_at", "deliver_at"),
        fees=tuple(fee for fee in (*parts, pfand) if isinstance(fee, Fee) and fee.amount),
        discounts=tuple(cuts),
        tips=tuple(part for part in parts if isinstance(part, contract.Tip)),
        payment="call_for_payment" if is_cash else "paid",
        payment_method="CASH" if is_cash else None,
        customer=customer(order),
        notes=tuple(filter(None, map(order.text, NOTES))),
    )


def customer(order: Tree) -> contract.Customer:
    """Masked, where JET's courier delivers."""
    kind = order.text("type")
    guest = order.one("collector" if kind in ORDER_TYPES else "delivery")
    door = guest if kind == OWN_COURIER else NOTHING
    email = guest.text("email")
    return contract.Customer(
        given_name=guest.text("first_name"),
        family_name=guest.text("last_name"),
        phone=" Code ".join(filter(None, map(guest.text, PHONE))) or None,
        email=None if (email or "").endswith(NO_MAILBOX) else email,
        address=payload.address(
            door.text("line_one") or " ".join(filter(None, map(door.text, STREET))),
            zip_code=door.text("postcode"),
            city=door.text("city"),
            additional=payload.comment(door.text("line_two"), door.text("company_name")),
        ),
    )


def identify(delivery: Delivery) -> contract.Identity:
    """No delivery has an id: it is known by its order, its address and the code it gives."""
    event, body = event_type(delivery), Tree(payload.peek(delivery.body))
    said = [text_or_none(body.text(path)) for path in KEYS.get(event, ())] or [None]
    known = text_or_none(":".join(filter(None, (said[0], event, *said[1:]))))
    return contract.Identity(
        delivery_id=known if said[0] and known else payload.body_digest(delivery),
        order_id=said[0],
        store_id=text_or_none(body.text("posLocationId")),
        overtakes=event == "cancelled",
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[contract.Event]:
    is_times = payload.peek(delivery.body).keys() >= TIMES_SHAPE
    event = TIMES if is_times else event_type(delivery)
    if event in IGNORED:
        return [contract.Ignored(event, "changes no order")]
    if event not in KEYS:
        return [contract.Ignored(event, ASTRAY, alert=True)]
    body = payload.tree(delivery.body)
    if (order_id := body.text(KEYS[event][0])) is None:
        raise contract.Unreadable(f"{KEYS[event][0]}: missing")
    if event == "failed_order":
        why = payload.comment(FAILED, *map(body.text, FAILED_BY))
        return [contract.Ignored(event, why, alert=True)]
    if event == "cancelled":
        return [cancellation(order_id, body, delivery.received_at)]
    picked = [contract.Ignored(event, PICKED, alert=True)] if event == "order_final" else []
    return [order_of(order_id, body), *picked]


def cancellation(order_id: str, body: Tree, received_at: datetime) -> contract.Cancellation:
    reason = body.text("reason.code")
    families = (who for family, who in BY.items() if (reason or "").startswith(family))
    return contract.Cancellation(
        order_id=order_id,
        at=body.time("happenedAt") or received_at,
        by=body.text("initiatedBy.code") or next(families, "platform"),
        reason=reason,
    )


def ack(delivery: Delivery) -> contract.Ack:
    """JET has an order keyed in at the tablet unless it hears our id: one gone astray has to be."""
    event = event_type(delivery)
    if event in ORDERS:
        said = json.dumps({"OrderId": identify(delivery).order_id})
        return contract.Ack(body=said.encode(), media_type="application/json")
    if event == "cancelled":
        return contract.Ack(body=delivery.body, media_type="application/json")
    return contract.Ack(200 if event in KEYS else 404)


def answer(delivery: Delivery, order: Order, outcome: contract.Outcome) -> Sequence[contract.Call]:
    """The tablet accepts; JET is told whether the till has the order, and nothing of ready."""
    if outcome == "ready":
        return []
    happened = {"happenedAt": delivery.received_at.isoformat()}
    how, said = ("success", {}) if outcome == "created" else ("failed", {**REFUSED, **happened})
    path = f"/order/{quote(order.order_id, safe='')}/sent-to-pos-{how}"
    return [contract.Call(name=outcome, method="POST", path=path, json=said)]


ADAPTER = contract.Adapter(
    slug="lieferando",
    intermediary="Lieferando",
    kind="orders",
    docs="https://developers.just-eat.com/documentation/jet-connect",
    event_types=frozenset({*KEYS, TIMES}),
    headers=frozenset({SIGNATURE.header, KEY.header}),
    verify=verify,
    sign=sign,
    identify=identify,
    parse=parse,
    proof=proof,
    proven_by_key="notices, cancellations among them",
    ack=ack,
    answer=answer,
    api=API,
    hosts=HOSTS,
    deadline=timedelta(minutes=3),
)
