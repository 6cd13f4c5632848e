"""Square: what became of a payment, a refund, a dispute or a terminal's checkout.

Full payload: the event carries its object as it was at that moment. Events may come twice; their
order is not promised, the receiver's ordering guard deals with that. A payment that does not name
the shop's order itself belongs to an order at Square that may, and that one is fetched.

Signature: HMAC-SHA256 of the webhook's registered address and the body, base64, in a header
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adapters.apis.square import API, HOSTS
from adapters.contract import (
    Adapter,
    Delivery,
    Event,
    Fetch,
    Identity,
    Ignored,
    PaymentUpdate,
    Unreadable,
)
from adapters.payload import Tree, body_digest, dig, peek, text_or_none, tree, utc
from adapters.signing import Hmac
from adapters.verdict import (
    APPOINTED,
    CALL_FOR_PAYMENT,
    CANCELED,
    DISPUTED,
    FAILED,
    NOTHING,
    PAID,
    REINSTATED,
    REVERSED,
    Verdict,
    look,
)


def address_and_body(delivery: Delivery) -> Sequence[bytes]:
    return [delivery.url.encode() + delivery.body]


# https://developer.squareup.com/docs/webhooks/step3validate
SCHEME = Hmac(header="x-square-hmacsha256-signature", encoding="base64", messages=address_and_body)

# https://developer.squareup.com/reference/square/webhooks: event type -> what it carries
EVENTS: Mapping[str, str] = {
    "payment.created": "payment",
    "payment.updated": "payment",
    "refund.created": "refund",
    "refund.updated": "refund",
    "dispute.created": "dispute",
    "dispute.state.updated": "dispute",
    "terminal.checkout.created": "checkout",
    "terminal.checkout.updated": "checkout",
}

NOT_REFUNDED = look("not refunded: the order may stand as canceled, yet paid")
# What it carries -> its status (of a dispute: its state) -> verdict. In small letters what a
# completed payment is once money went back.
VERDICTS: Mapping[str, Mapping[str, Verdict]] = {
    # https://developer.squareup.com/reference/square/objects/Payment
    "payment": {
        "PENDING": APPOINTED,
        "APPROVED": APPOINTED,
        "COMPLETED": PAID,
        "refunded": REVERSED,
        "refunded_in_part": NOTHING,
        "CANCELED": CANCELED,
        "FAILED": FAILED,
    },
    # https://developer.squareup.com/reference/square/objects/PaymentRefund
    "refund": {
        "PENDING": NOTHING,
        "COMPLETED": REVERSED,
        "REJECTED": NOT_REFUNDED,
        "FAILED": NOT_REFUNDED,
    },
    # https://developer.squareup.com/reference/square/objects/Dispute
    "dispute": {
        "INQUIRY_EVIDENCE_REQUIRED": DISPUTED,
        "INQUIRY_PROCESSING": DISPUTED,
        "INQUIRY_CLOSED": DISPUTED,
        "EVIDENCE_REQUIRED": DISPUTED,
        "PROCESSING": DISPUTED,
        "WON": REINSTATED,
        "LOST": REVERSED,
        "ACCEPTED": REVERSED,
    },
    # https://developer.squareup.com/reference/square/objects/TerminalCheckout
    "checkout": {
        "PENDING": CALL_FOR_PAYMENT,
        "IN_PROGRESS": CALL_FOR_PAYMENT,
        "CANCEL_REQUESTED": NOTHING,
        "CANCELED": CANCELED,
        "COMPLETED": NOTHING,  # its payment tells of itself
    },
}
UNKNOWN = look("of a status that is not known")

# Where each names the payment; a checkout lists further ones. The order of a refund is its own.
PAYMENT_IDS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "payment": [("id",), ("order_id",)],
    "refund": [("payment_id",)],
    "dispute": [("disputed_payment", "payment_id")],
    "checkout": [("id",), ("order_id",)],
}
MONEY = ("total_money", "amount_money")  # the first is a payment's alone: with its tip
NAME_ORDER = frozenset({"payment", "checkout"})
ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,192}")  # nothing in it needs quoting


def reference(kind: str, thing: object) -> str | None:
    """The merchant's order; refunds and disputes do not name it."""
    text = text_or_none(dig(thing, "reference_id")) if kind in NAME_ORDER else None
    return (text and text.strip()) or None


def payment_ids(kind: str, thing: object) -> tuple[str, ...]:
    listed = dig(thing, "payment_ids")
    named = [dig(thing, *path) for path in PAYMENT_IDS[kind]]
    ids = map(text_or_none, [*named, *(listed if isinstance(listed, list) else ())])
    return tuple(text for text in ids if text)


def square_order(kind: str, thing: object) -> str | None:
    """Square's own order, which may name the merchant's."""
    text = text_or_none(dig(thing, "order_id")) if kind in NAME_ORDER else None
    return text if text and ORDER_ID.fullmatch(text) else None


def identify(delivery: Delivery) -> Identity:
    """Queued by the order, else by the payment."""
    event = peek(delivery.body)
    kind = EVENTS.get(text_or_none(event.get("type")) or "")
    thing = dig(event, "data", "object", kind) if kind else None
    queues = (reference(kind, thing), *payment_ids(kind, thing)) if kind else ()
    return Identity(
        delivery_id=text_or_none(event.get("event_id")) or body_digest(delivery),
        order_id=next(filter(None, queues), None),
    )


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[Event]:
    event = tree(delivery.body)
    name = text_or_none(event.text("type"))
    if not name:
        raise Unreadable("type: missing")
    return [told(name, event, fetched) if name in EVENTS else Ignored(name)]


def told(name: str, event: Tree, fetched: Mapping[str, bytes]) -> Event:
    kind = EVENTS[name]
    thing = event.one(f"data.object.{kind}")
    verdict = VERDICTS[kind].get(word(kind, thing), UNKNOWN)
    if not verdict.status:
        return Ignored(name, verdict.reason, verdict.alert)
    order, at_square = reference(kind, thing.value), square_order(kind, thing.value)
    if not order and at_square and "order" not in fetched:
        return Fetch("order", f"/v2/orders/{at_square}", may_be_unknown=True)
    ids, money = payment_ids(kind, thing.value), thing.one(*MONEY)
    moment, amount = thing.time("updated_at") or event.time("created_at"), money.whole("amount")
    if not ids or moment is None or amount is None:
        raise Unreadable(f"{kind}: without its id, time or amount")
    return PaymentUpdate(
        status=verdict.status,
        at=utc(moment),
        payment_ids=ids,
        reference=order or named_by(fetched.get("order")),
        amount=amount,
        currency=text_or_none(money.text("currency")),
        reversal=verdict.reversal,
    )


def word(kind: str, thing: Tree) -> str:
    """Its status; of a completed payment also whether money went back, which that does not say."""
    status = thing.text("status", "state") or ""
    back = thing.whole("refunded_money.amount") or 0
    if kind != "payment" or status != "COMPLETED" or back <= 0:
        return status
    return "refunded" if back >= (thing.one(*MONEY).whole("amount") or 0) else "refunded_in_part"


def named_by(order: bytes | None) -> str | None:
    """The merchant's order that Square's names; of an unknown one there is nothing."""
    return reference("payment", tree(order).one("order").value) if order else None


ADAPTER = Adapter(
    slug="square",
    intermediary="Square",
    kind="payments",
    docs="https://developer.squareup.com/docs/webhooks/overview",
    event_types=frozenset(EVENTS),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    api=API,
    hosts=HOSTS,
)
