"""Klarna: how far a payment request has come, how a dispute ends, and the hosted page's callbacks.

Full payload. No event known here says that money has come: `completed` says that the customer has
agreed. The hosted payment page signs nothing; a token ends its address, which may name the order.

Signature: HMAC-SHA256 over the body, in hex, in Klarna-Signature; hosted page: secret address
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from adapters import contract, payload
from adapters.contract import Delivery, Event, Ignored, PaymentUpdate, Rejected, Secrets
from adapters.payload import Tree
from adapters.signing import AddressToken, Hmac, with_headers
from adapters.verdict import (
    APPOINTED,
    CALL_FOR_PAYMENT,
    CANCELED,
    FAILED,
    REINSTATED,
    REVERSED,
    Verdict,
    look,
)

# https://docs.klarna.com/klarna-network-distribution/acquiring-partner-setup/webhooks
# That the digest is hex and the key counts as text is what a shop's plugin does, not what it says.
SIGNED = Hmac(header="klarna-signature", encoding="hex")
KEY_ID = "klarna-signing-key-id"  # names the key; several are live while one is replaced
KEY_NAME = re.compile(r"krn:.*:signing-key:[^:]*:?")  # an id without the secret that belongs to it

# https://docs.klarna.com/hosted-payment-page/api-documentation/status-callbacks
UNSIGNED = AddressToken()
PAGE = "hpp"  # hpp/<token>, or hpp/<order>/<token>
TOKEN = "hpp:"  # noqa: S105 - begins a secret that opens such an address and signs nothing
LEAST_BYTES = 16

REQUEST = "payment.request.state-change."
DISPUTE = "payment.dispute.state-change."
CLOSED = f"{DISPUTE}closed"
DISPUTED = look("disputed: Klarna keeps the money until that is closed")

# https://docs.klarna.com/klarna-network-distribution/payments/one-time-payments/
# hosted-checkout-pages-and-embedded-elements/monitor-the-payment-request-state
# https://docs.klarna.com/klarna-network-distribution/after-payments/disputes/disputes-states
# https://docs.klarna.com/hosted-payment-page/get-started/tracking-session-status
EVENTS: Mapping[str, Verdict] = {
    f"{REQUEST}submitted": CALL_FOR_PAYMENT,
    f"{REQUEST}in_progress": CALL_FOR_PAYMENT,
    f"{REQUEST}completed": APPOINTED,  # to be authorised within the hour, and captured
    f"{REQUEST}authorized": APPOINTED,  # event_version v1
    f"{REQUEST}expired": CANCELED,
    f"{REQUEST}canceled": CANCELED,
    f"{REQUEST}declined": FAILED,
    f"{DISPUTE}initiated": DISPUTED,
    f"{DISPUTE}representment": DISPUTED,
    f"{DISPUTE}pre-arbitration": DISPUTED,
    f"{DISPUTE}arbitration": DISPUTED,
    CLOSED: look("a dispute closed with an unknown outcome"),
    f"{PAGE}.waiting": CALL_FOR_PAYMENT,
    f"{PAGE}.in_progress": CALL_FOR_PAYMENT,
    f"{PAGE}.back": CALL_FOR_PAYMENT,
    f"{PAGE}.manual_id_check": APPOINTED,
    f"{PAGE}.completed": APPOINTED,  # captured too in some set-ups, which no field says
    f"{PAGE}.cancelled": CANCELED,
    f"{PAGE}.disabled": CANCELED,
    f"{PAGE}.timeout": CANCELED,
    f"{PAGE}.failed": FAILED,  # the customer may try again, as after an error
    f"{PAGE}.error": FAILED,
}
OUTCOMES: Mapping[str, Verdict] = {"WON": REINSTATED, "LOST": REVERSED}

# The merchant's order, first found. `purchase_reference` is described as the order number that
# customers see, the others as the merchant's name for the payment: that it is the order's, and that
# a request's event carries it, is a guess.
REFERENCE = (
    "payload.purchase_reference",
    "payload.payment_request_reference",
    "payload.payment_transaction_reference",
)
# A dispute names the transaction, as `order_id` too, by which the hosted page calls it.
PAYMENT_IDS = (
    "payload.payment_request_id",
    "payload.payment_transaction_id",
    "payload.order_id",
    "payload.payment_capture_id",
)
PAGE_IDS = ("session.session_id", "session.order_id")


def of_page(delivery: Delivery) -> bool:
    return delivery.path.partition("/")[0] == PAGE


def signing_keys(delivery: Delivery, secrets: Secrets) -> Secrets:
    """The key that is named, of a secret written `id:secret`; any of them where none is known."""
    keys = [secret for secret in secrets if not secret.startswith(TOKEN)]
    named = delivery.headers.get(KEY_ID, "") + ":"
    return [key.removeprefix(named) for key in keys if key.startswith(named)] or keys


def tokens(secrets: Secrets) -> Secrets:
    """Those that are marked; any of them where none is."""
    marked = [secret.removeprefix(TOKEN) for secret in secrets if secret.startswith(TOKEN)]
    return marked or secrets


def verify(delivery: Delivery, secrets: Secrets) -> None:
    if of_page(delivery):
        UNSIGNED.verify(delivery, tokens(secrets))
    else:
        SIGNED.verify(delivery, signing_keys(delivery, secrets))


def sign(delivery: Delivery, secret: str) -> Delivery:
    """Raises Rejected where the secret is one for the other kind of delivery."""
    token = secret.removeprefix(TOKEN)
    key_id, _, key = secret.rpartition(":")
    if of_page(delivery):
        if ":" in token:
            raise Rejected("a signing key opens no address")
        return UNSIGNED.sign(delivery, token)
    if token != secret:
        raise Rejected("a hosted page's token signs nothing")
    signed = SIGNED.sign(delivery, key)
    return with_headers(signed, {KEY_ID: key_id}) if key_id else signed


def fault(secret: str) -> str | None:
    if secret.startswith(TOKEN) and len(secret.removeprefix(TOKEN).encode()) < LEAST_BYTES:
        return f"has a token of less than {LEAST_BYTES} bytes"
    if KEY_NAME.fullmatch(secret):
        return "is a signing key's id alone, to be written id:secret"
    return None


def proof(delivery: Delivery) -> contract.Proof:
    return contract.Proof(covers_body=not of_page(delivery))


class Told(NamedTuple):
    """What a delivery says, be it an event or a callback of the hosted page."""

    kind: str | None
    event_id: str | None
    names: tuple[str, ...]  # of the payment
    reference: str | None
    happened: str  # where its time stands


def told(delivery: Delivery, said: Tree) -> Told:
    """Never raises."""
    if of_page(delivery):
        status, event_id = said.text("session.status"), payload.text_or_none(said.text("event_id"))
        return Told(
            kind=status and f"{PAGE}.{status.lower()}",
            event_id=event_id and f"{PAGE} {event_id}"[:200],  # unsigned, so never another event's
            names=ids(said, PAGE_IDS),
            reference=payload.text_or_none("/".join(delivery.path.split("/")[1:-1]).strip()),
            happened="session.updated_at",
        )
    return Told(
        kind=said.text("metadata.event_type"),
        event_id=payload.text_or_none(said.text("metadata.event_id")),
        names=ids(said, PAYMENT_IDS),
        reference=next(iter(ids(said, REFERENCE)), None),
        happened="metadata.occurred_at",
    )


def ids(said: Tree, paths: Sequence[str]) -> tuple[str, ...]:
    texts = [payload.text_or_none(said.text(path)) for path in paths]
    return tuple(text for text in texts if text)


def identify(delivery: Delivery) -> contract.Identity:
    """Queued by the order, else by the payment."""
    one = told(delivery, Tree(payload.peek(delivery.body)))
    return contract.Identity(
        delivery_id=one.event_id or payload.body_digest(delivery),
        order_id=one.reference or next(iter(one.names), None),
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[Event]:
    said = payload.tree(delivery.body)
    one = told(delivery, said)
    if one.kind is None:
        raise contract.Unreadable("metadata.event_type or session.status: missing")
    verdict = judge(one.kind, said)
    if verdict is None:
        return (Ignored(one.kind),)
    if verdict.status is None:
        return (Ignored(one.kind, verdict.reason, verdict.alert),)
    if not one.names and not one.reference:
        return (Ignored(one.kind, f"{verdict.status}, of what payment is not said", alert=True),)
    return (update(one, said, verdict, verdict.status),)


def judge(kind: str, said: Tree) -> Verdict | None:
    if kind == CLOSED:
        return OUTCOMES.get(said.text("payload.dispute_outcome") or "", EVENTS[CLOSED])
    return EVENTS.get(kind)


def update(
    one: Told, said: Tree, verdict: Verdict, status: contract.PaymentStatus
) -> PaymentUpdate:
    """Only a dispute states an amount, if at all."""
    happened = said.time(one.happened)
    if happened is None:
        raise contract.Unreadable(f"{one.happened}: missing")
    return PaymentUpdate(
        status=status,
        at=payload.utc(happened),
        payment_ids=one.names,
        reference=one.reference,
        amount=said.whole("payload.dispute_details.dispute_amount"),
        currency=said.text("payload.dispute_details.currency"),
        reversal=verdict.reversal,
    )


ADAPTER = contract.Adapter(
    slug="klarna",
    intermediary="Klarna",
    kind="payments",
    docs="https://docs.klarna.com/klarna-network-distribution/acquiring-partner-setup/webhooks",
    event_types=frozenset(EVENTS),
    headers=frozenset({SIGNED.header, KEY_ID}),
    verify=verify,
    sign=sign,
    proof=proof,
    identify=identify,
    parse=parse,
    secret_bytes=LEAST_BYTES,
    check_secret=fault,
)
