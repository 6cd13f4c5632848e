"""PayPal: what happened to a checkout order, an authorization, a capture, a refund or a dispute.

Full payload: the event carries its resource as it was at that moment. Events of the older v1
payments (sales) differ in names only and are read alike.

Signature: RSA-SHA256 over id, time, webhook id and the body's CRC-32, by PayPal's certificate
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from adapters.contract import (
    Adapter,
    Delivery,
    Event,
    Identity,
    Ignored,
    PaymentStatus,
    PaymentUpdate,
    Rejected,
    Secrets,
    Unreadable,
)
from adapters.payload import TIME, Tree, body_digest, dig, peek, text_or_none, tree
from adapters.signing import Certified, header, with_headers

# https://developer.paypal.com/api/rest/webhooks/rest/
ID, SENT_AT = "paypal-transmission-id", "paypal-transmission-time"
ALGORITHM, RSA = "paypal-auth-algo", "SHA256withRSA"
# PayPal repeats for three days. Whether a repeat is dated anew is not documented.
LONGEST, AHEAD = timedelta(days=3, hours=12), timedelta(minutes=5)


def fault(webhook_id: str) -> str | None:
    """The client's secret stands beside it in the dashboard."""
    fits = webhook_id.isascii() and webhook_id.isalnum()
    return None if fits else "is not a webhook id, which is letters and digits alone"


def message(delivery: Delivery, webhook_id: str) -> bytes:
    checksum = str(zlib.crc32(delivery.body))
    named = (header(delivery, ID), header(delivery, SENT_AT), webhook_id, checksum)
    return "|".join(named).encode()


SCHEME = Certified(
    header="paypal-transmission-sig",
    domain=".paypal.com",
    message=message,
    address="paypal-cert-url",
    hosts=frozenset(f"{api}{of}.paypal.com" for api in ("api", "api-m") for of in ("", ".sandbox")),
    own_address="https://api.paypal.com/v1/notifications/certs/CERT-",
)


def verify(delivery: Delivery, webhook_ids: Secrets) -> None:
    if header(delivery, ALGORITHM) != RSA:
        raise Rejected(f"{ALGORITHM} is not {RSA}")
    SCHEME.verify(delivery, webhook_ids)
    try:
        age = delivery.received_at - TIME.validate_python(header(delivery, SENT_AT))
    except (ValidationError, OverflowError):
        raise Rejected(f"{SENT_AT} is no time") from None
    if not -AHEAD <= age <= LONGEST:
        raise Rejected("sent too long ago, or in the future")


def sign(delivery: Delivery, webhook_id: str) -> Delivery:
    sent_at = delivery.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    named = {ID: body_digest(delivery)[:32], SENT_AT: sent_at, ALGORITHM: RSA}
    return SCHEME.sign(with_headers(delivery, named), webhook_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Where a resource says whose it is and how much; what is first found counts."""

    references: Sequence[str]  # the merchant's order
    ids: Sequence[str]  # all of them, the ones that most events share first
    money: Sequence[str]


# https://developer.paypal.com/docs/api/orders/v2/ ../payments/v2/ ../payments/v1/
ORDER = Kind(
    references=[f"purchase_units.0.{key}" for key in ("custom_id", "invoice_id", "reference_id")],
    ids=["id", "order_id"],
    money=["purchase_units.0.amount"],
)
RELATED = "supplementary_data.related_ids"
ABOVE = [f"{RELATED}.order_id", "parent_payment", f"{RELATED}.authorization_id"]
PAYMENT = Kind(
    references=["custom_id", "invoice_id", "custom", "invoice_number"],
    ids=[*ABOVE, "id"],
    money=["amount"],
)
# A refund may carry a number of its own where the payment has the order's: it names no order.
REFUND = Kind(
    references=[],
    ids=[*ABOVE, f"{RELATED}.capture_id", "capture_id", "sale_id", "id"],
    money=[
        "seller_payable_breakdown.total_refunded_amount",  # of all refunds so far
        "total_refunded_amount",
        "amount",
    ],
)
# https://developer.paypal.com/docs/api/customer-disputes/v1/
DISPUTED = "disputed_transactions.0"
DISPUTE = Kind(
    references=[f"{DISPUTED}.custom"],
    ids=[f"{DISPUTED}.seller_transaction_id"],
    money=["dispute_outcome.amount_refunded", "dispute_amount"],
)
NO_REFERENCE = "default"  # the reference_id of a purchase unit to which nobody gave one


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an event means for the order; no status: nothing is sent."""

    status: PaymentStatus | None = None
    reversal: bool = False
    measured: bool = False  # how much counts: it must be said
    reason: str | None = None
    alert: bool = False


def look(reason: str) -> Verdict:
    """Nothing we may decide: someone looks."""
    return Verdict(reason=reason, alert=True)


APPOINTED = Verdict("appointed")
PAID = Verdict("paid", measured=True)
FAILED = Verdict("error")
CANCELED = Verdict("canceled")
REVERSED = Verdict("canceled", reversal=True, measured=True)
KEPT = Verdict("paid")
REINSTATED = Verdict("paid", reversal=True)
TOLD = Verdict(reason="its captures say what was paid")
IN_PART = look("captured in part, more may follow: final_capture is false")
DISPUTE_OPEN = look("disputed: the buyer may get the money back")
NOT_REFUNDED = look("a refund failed")

ALWAYS = ""
OUTCOMES = {
    "RESOLVED_BUYER_FAVOUR": REVERSED,
    "ACCEPTED": REVERSED,  # by the seller
    "RESOLVED_SELLER_FAVOUR": REINSTATED,
    # Nothing was taken, so there is nothing to undo: a refund made meanwhile stands.
    "CANCELED_BY_BUYER": KEPT,
    "RESOLVED_WITH_PAYOUT": look("a dispute resolved by a payout of PayPal's"),
    ALWAYS: look("a dispute resolved with an unknown outcome"),
}
REFUNDED = {
    "PENDING": look("a refund is under way: whether its end is told is not documented"),
    "FAILED": NOT_REFUNDED,
    "CANCELLED": NOT_REFUNDED,
    ALWAYS: REVERSED,
}

# https://developer.paypal.com/api/rest/webhooks/event-names/: event type -> word -> verdict.
VERDICTS: Mapping[str, tuple[Kind, Mapping[str, Verdict]]] = {
    "CHECKOUT.ORDER.APPROVED": (ORDER, {ALWAYS: APPOINTED}),
    "CHECKOUT.ORDER.COMPLETED": (ORDER, {ALWAYS: TOLD}),
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED": (ORDER, {ALWAYS: CANCELED}),
    "PAYMENT.AUTHORIZATION.CREATED": (PAYMENT, {ALWAYS: APPOINTED}),
    "PAYMENT.AUTHORIZATION.VOIDED": (PAYMENT, {ALWAYS: CANCELED}),
    "PAYMENT.CAPTURE.PENDING": (PAYMENT, {ALWAYS: APPOINTED}),
    "PAYMENT.CAPTURE.COMPLETED": (PAYMENT, {"in_part": IN_PART, ALWAYS: PAID}),
    "PAYMENT.CAPTURE.DECLINED": (PAYMENT, {ALWAYS: FAILED}),
    "PAYMENT.CAPTURE.DENIED": (PAYMENT, {ALWAYS: FAILED}),
    "PAYMENT.CAPTURE.REFUNDED": (REFUND, REFUNDED),
    "PAYMENT.CAPTURE.REVERSED": (REFUND, {ALWAYS: REVERSED}),
    "PAYMENT.SALE.PENDING": (PAYMENT, {ALWAYS: APPOINTED}),
    "PAYMENT.SALE.COMPLETED": (PAYMENT, {ALWAYS: PAID}),
    "PAYMENT.SALE.DENIED": (PAYMENT, {ALWAYS: FAILED}),
    "PAYMENT.SALE.REFUNDED": (REFUND, REFUNDED),
    "PAYMENT.SALE.REVERSED": (REFUND, {ALWAYS: REVERSED}),
    "CUSTOMER.DISPUTE.CREATED": (DISPUTE, {ALWAYS: DISPUTE_OPEN}),
    "CUSTOMER.DISPUTE.UPDATED": (DISPUTE, {ALWAYS: DISPUTE_OPEN}),
    "CUSTOMER.DISPUTE.RESOLVED": (
        DISPUTE,
        {"several": look("a dispute over several payments was resolved"), **OUTCOMES},
    ),
}
ID_LAST = re.compile(r"/([A-Z0-9-]{5,50})\Z")


def words(resource: Tree) -> Iterator[str]:
    """What is to be said of it; the first that has a verdict counts."""
    if len(resource.each("disputed_transactions")) > 1:
        yield "several"
    if resource.flag("final_capture") is False:
        yield "in_part"
    named = (resource.text("dispute_outcome.outcome_code"), resource.text("status", "state"))
    yield from (text.upper() for text in named if text)


def reference(resource: Tree, kind: Kind) -> str | None:
    texts = [text_or_none(resource.text(path)) for path in kind.references]
    return next((text for text in texts if text and text != NO_REFERENCE), None)


def payment_ids(resource: Tree, kind: Kind) -> tuple[str, ...]:
    """The first is the one that most events of the payment share."""
    *above, own = kind.ids
    named = [*map(resource.text, above), parent(resource), resource.text(own)]
    return tuple(dict.fromkeys(text for text in map(text_or_none, named) if text))


def parent(resource: Tree) -> str | None:
    """What a capture or a refund belongs to: its link upwards ends with the id."""
    links = resource.at("links").value
    ups = [link for link in links if dig(link, "rel") == "up"] if isinstance(links, list) else []
    last = ID_LAST.search(str(dig(ups[0], "href"))) if ups else None
    return last and last[1]


def money(resource: Tree, kind: Kind) -> tuple[int, str | None]:
    """Minor units; v1 states below zero what is given back."""
    stated = resource.at(*kind.money)
    amount = stated.major("value", "total")
    if amount is None:
        raise Unreadable(f"resource.{kind.money[-1]}: missing")
    return abs(amount), stated.text("currency_code", "currency")


def identify(delivery: Delivery) -> Identity:
    """Queued by the order, else by the id that most events of the payment share."""
    event = peek(delivery.body)
    kind, _ = VERDICTS.get(str(event.get("event_type")), (PAYMENT, {}))
    resource = Tree(event.get("resource"))
    return Identity(
        delivery_id=text_or_none(event.get("id")) or body_digest(delivery),
        order_id=reference(resource, kind) or next(iter(payment_ids(resource, kind)), None),
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[Event]:
    event = tree(delivery.body, exact=True)
    event_type = event.text("event_type")
    if event_type is None:
        raise Unreadable("event_type: missing")
    if event_type not in VERDICTS:
        return (Ignored(event_type),)
    return (said(event_type, event),)


def said(event_type: str, event: Tree) -> Event:
    """The verdict as an event; without any name of the order or the payment, someone looks."""
    resource, (kind, conditions) = event.one("resource"), VERDICTS[event_type]
    fitting = (conditions[word] for word in words(resource) if word in conditions)
    verdict = next(fitting, conditions[ALWAYS])
    if verdict.status is None:
        return Ignored(event_type, verdict.reason, verdict.alert)
    order, ids = reference(resource, kind), payment_ids(resource, kind)
    if not order and not ids:
        return Ignored(event_type, f"{verdict.status}, but of which payment is not said", True)
    amount, currency = money(resource, kind) if verdict.measured else (None, None)
    return PaymentUpdate(
        status=verdict.status,
        at=happened(event),
        payment_ids=ids,
        reference=order,
        amount=amount,
        currency=currency,
        reversal=verdict.reversal,
        unsure=verdict.reversal,
    )


def happened(event: Tree) -> datetime:
    at = event.time("resource.update_time", "create_time")
    if at is None:
        raise Unreadable("create_time: missing")
    return at


ADAPTER = Adapter(
    slug="paypal",
    intermediary="PayPal",
    kind="payments",
    docs="https://developer.paypal.com/api/rest/webhooks/",
    event_types=frozenset(VERDICTS),
    headers=frozenset({ID, SENT_AT, ALGORITHM, SCHEME.header, SCHEME.address}),
    verify=verify,
    sign=sign,
    identify=identify,
    parse=parse,
    certificate_at=SCHEME.certificate_at,
    hosts=SCHEME.hosts,
    check_secret=fault,
)
