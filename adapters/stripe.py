"""Stripe: what happened to a payment, a checkout session, a charge, a refund or a dispute.

Full payload: the event carries its object as it was at that moment. Order and number of arrival
are not promised; the receiver's ordering guard deals with both. Thin (v2) events are ignored.

Signature: HMAC-SHA256 over `<t>.<body>` with the whole whsec_ text, in hex, in Stripe-Signature
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, StrictInt

from adapters.contract import (
    Adapter,
    Delivery,
    Event,
    Identity,
    Ignored,
    PaymentUpdate,
)
from adapters.payload import (
    Foreign,
    Id,
    Minor,
    Text,
    body_digest,
    dig,
    model,
    peek,
    text_or_none,
    unix_time,
)
from adapters.signing import TimedHmac
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

# https://docs.stripe.com/webhooks#verify-manually
SCHEME = TimedHmac(header="stripe-signature", version="v1", tolerance=timedelta(seconds=300))

# https://docs.stripe.com/metadata: the shop writes its order number under this key
ORDER_KEY = "order_id"

# Where an object names the merchant's order, first found; refunds and disputes never do. That a
# charge carries its intent's metadata is what Stripe is seen to do, not what it documents: a guess.
REFERENCE: Mapping[str, Sequence[tuple[str, ...]]] = {
    "payment_intent": [("metadata", ORDER_KEY)],
    "checkout.session": [("client_reference_id",), ("metadata", ORDER_KEY)],
    "charge": [("metadata", ORDER_KEY)],
}

# Where an object names the payment: the intent first, which all of them share.
PAYMENT_IDS: Mapping[str, Sequence[str]] = {
    "payment_intent": ["id", "latest_charge"],
    "checkout.session": ["payment_intent", "id"],
    "charge": ["payment_intent", "id"],
    "refund": ["payment_intent", "charge"],
    "dispute": ["payment_intent", "charge"],
}


SHORT = look("less money came than the payment is for")

ALWAYS = ""
# https://docs.stripe.com/api/events/types: event type -> condition -> verdict.
# A condition is one of the object's `words`; where none fits and ALWAYS is missing: NOTHING.
VERDICTS: Mapping[str, Mapping[str, Verdict]] = {
    "payment_intent.created": {ALWAYS: APPOINTED},
    "payment_intent.requires_action": {"requires_action": CALL_FOR_PAYMENT},
    "payment_intent.processing": {ALWAYS: APPOINTED},
    "payment_intent.amount_capturable_updated": {"requires_capture": APPOINTED},
    "payment_intent.partially_funded": {ALWAYS: CALL_FOR_PAYMENT},
    "payment_intent.succeeded": {"received_in_full": PAID, ALWAYS: SHORT},
    "payment_intent.payment_failed": {ALWAYS: FAILED},
    "payment_intent.canceled": {ALWAYS: CANCELED},
    "checkout.session.completed": {
        "paid": PAID,
        "no_payment_required": PAID,
        "unpaid": APPOINTED,
        ALWAYS: look("completed with an unknown payment_status"),
    },
    "checkout.session.async_payment_succeeded": {ALWAYS: PAID},
    "checkout.session.async_payment_failed": {ALWAYS: FAILED},
    "checkout.session.expired": {ALWAYS: CANCELED},
    "charge.succeeded": {"captured_in_full": PAID, "uncaptured": APPOINTED},
    "charge.captured": {"captured_in_full": PAID, ALWAYS: SHORT},
    "charge.pending": {ALWAYS: APPOINTED},
    "charge.failed": {ALWAYS: FAILED},
    "charge.expired": {ALWAYS: CANCELED},
    "charge.refunded": {"refunded_in_full": REVERSED, "released": CANCELED},
    "refund.created": {ALWAYS: NOTHING},  # charge.refunded tells full from partial
    "refund.updated": {ALWAYS: NOTHING},
    "refund.failed": {ALWAYS: look("a refund failed: the order may stand as canceled, yet paid")},
    "charge.dispute.created": {ALWAYS: DISPUTED},
    "charge.dispute.updated": {ALWAYS: DISPUTED},
    "charge.dispute.funds_withdrawn": {ALWAYS: DISPUTED},
    "charge.dispute.closed": {
        "lost": REVERSED,
        "won": REINSTATED,
        # An inquiry never took the money, so closing one undoes nothing: a refund made meanwhile
        # stands.
        "warning_closed": PAID,
        ALWAYS: look("a dispute closed with an unknown status"),
    },
}


class Intent(Foreign):
    object: Literal["payment_intent"]
    amount: Minor
    amount_received: Minor = 0
    currency: Text = None
    status: Text = None

    @property
    def words(self) -> Sequence[str]:
        """Captured in parts, an intent succeeds with less than its amount; so it is compared."""
        enough = self.amount_received >= self.amount
        return ("received_in_full" if enough else "received_in_part", self.status or ALWAYS)


class Session(Foreign):
    object: Literal["checkout.session"]
    amount: Minor | None = Field(default=None, validation_alias="amount_total")
    currency: Text = None
    payment_status: Text = None

    @property
    def words(self) -> Sequence[str]:
        return (self.payment_status or ALWAYS,)


class Charge(Foreign):
    object: Literal["charge"]
    amount: Minor
    amount_captured: Minor | None = None  # older API versions have none
    currency: Text = None
    captured: StrictBool
    refunded: StrictBool  # in full

    @property
    def words(self) -> Sequence[str]:
        """A hold let go is "refunded" too, though no money had come: that reverses nothing."""
        if not self.captured:
            return ("uncaptured", "released" if self.refunded else "held")
        whole = self.amount_captured is None or self.amount_captured >= self.amount
        captured = "captured_in_full" if whole else "captured_in_part"
        return (captured, "refunded_in_full" if self.refunded else "refunded_in_part")


class Return(Foreign):
    """Money that goes back, or may: neither names the order."""

    object: Literal["refund", "dispute"]
    amount: Minor | None = None
    currency: Text = None
    status: Text = None

    @property
    def words(self) -> Sequence[str]:
        return (self.status or ALWAYS,)


Subject: TypeAlias = Annotated[Intent | Session | Charge | Return, Field(discriminator="object")]


class Data(Foreign):
    object: Subject


class Envelope(Foreign):
    type: Id
    object: Text = None


class Snapshot(Foreign):
    created: StrictInt
    data: Data


def reference(subject: object) -> str | None:
    """The merchant's order, from the documented fields of this kind of object only."""
    kind = text_or_none(dig(subject, "object"))
    texts = [text_or_none(dig(subject, *path)) for path in REFERENCE.get(kind or "", ())]
    return next((text.strip() for text in texts if text and text.strip()), None)


def payment_ids(subject: object) -> tuple[str, ...]:
    kind = text_or_none(dig(subject, "object"))
    named = [text_or_none(dig(subject, key)) for key in PAYMENT_IDS.get(kind or "", ())]
    return tuple(text for text in named if text)


def identify(delivery: Delivery) -> Identity:
    """Queued by the order, else by the intent that all events of one payment share."""
    event = peek(delivery.body)
    subject = dig(event, "data", "object")
    return Identity(
        delivery_id=text_or_none(event.get("id")) or body_digest(delivery),
        order_id=reference(subject) or next(iter(payment_ids(subject)), None),
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[Event]:
    """One event. `livemode` and Connect's `account` change nothing here."""
    event = model(Envelope, delivery.body)
    if event.object != "event":
        return (Ignored(event.type, "thin: names an object, carries none"),)
    if event.type not in VERDICTS:
        return (Ignored(event.type),)
    snapshot = model(Snapshot, delivery.body)
    verdict = judge(event.type, snapshot.data.object.words)
    named = dig(peek(delivery.body), "data", "object")
    return (said(event.type, verdict, snapshot, named),)


def judge(event_type: str, words: Sequence[str]) -> Verdict:
    conditions = VERDICTS[event_type]
    fitting = (conditions[word] for word in (*words, ALWAYS) if word in conditions)
    return next(fitting, NOTHING)


def said(event_type: str, verdict: Verdict, snapshot: Snapshot, named: object) -> Event:
    """The verdict as an event; without any name of the order or the payment, someone looks."""
    if verdict.status is None:
        return Ignored(event_type, verdict.reason, verdict.alert)
    order, ids = reference(named), payment_ids(named)
    if not order and not ids:
        return Ignored(event_type, f"{verdict.status}, but of which payment is not said", True)
    subject = snapshot.data.object
    return PaymentUpdate(
        status=verdict.status,
        at=unix_time(snapshot.created),
        payment_ids=ids,
        reference=order,
        amount=subject.amount,
        currency=subject.currency and subject.currency.upper(),
        reversal=verdict.reversal,
    )


ADAPTER = Adapter(
    slug="stripe",
    intermediary="Stripe",
    kind="payments",
    docs="https://docs.stripe.com/webhooks",
    event_types=frozenset(VERDICTS),
    headers=frozenset({SCHEME.header}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
)
