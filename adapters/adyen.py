"""Adyen: what became of a payment, a capture, a refund, a dispute or an order paid in parts.

Full payload: an item for each event, and a body may hold several. Neither their order nor that
each comes once is promised; the receiver's ordering guard deals with both. Webhooks of the other
kinds (platforms, management, tokens) are verified and ignored.

Signature: HMAC-SHA256 of eight fields of each item, joined by `:`, base64, in the item itself
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from adapters import contract
from adapters.contract import Delivery, Event, Identity, Ignored, PaymentUpdate, Rejected, Secrets
from adapters.payload import Tree, body_digest, dig, peek, text_or_none, utc
from adapters.signing import SHA256, decode, encode, header, with_headers
from adapters.verdict import (
    APPOINTED,
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

# https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures
BEFORE = ("pspReference", "originalReference", "merchantAccountCode")
REFERENCE = "merchantReference"
AFTER = ("amount.value", "amount.currency", "eventCode", "success")
DATA, MARK = "additionalData", "hmacSignature"
HEADER = "hmacsignature"  # of the other kinds, over the body as it is
KEY = re.compile(r"[0-9A-Fa-f]{64}")
MOST_ITEMS = 50  # a JSON body is said to hold one; each costs an HMAC for every secret
AMOUNT = re.compile(r"[0-9]{1,12}")  # minor units

# Which event names the order: a modification's reference may be one of its own. That a pending
# authorisation and an offer do, as an authorisation does, is a guess.
NAMES_ORDER = frozenset(
    {"AUTHORISATION", "AUTHORISATION_PENDING", "OFFER_CLOSED", "ORDER_OPENED", "ORDER_CLOSED"}
)

Table: TypeAlias = Mapping[str, tuple[Verdict, Verdict]]
UNCAPTURED = Verdict("error", reason="not captured: it may stand as paid", alert=True)
GIVEN_UP = Verdict("canceled", reason="given up as unsure: it may stand as paid", alert=True)
STILL_HELD = look("not canceled: the money is still there")
NOT_REFUNDED = look("not refunded: the order may stand as canceled, yet paid")

# https://docs.adyen.com/development-resources/webhooks/webhook-types, and of disputes
# https://docs.adyen.com/risk-management/disputes-api/dispute-notifications:
# eventCode -> what it means if `success` is "true", and if it is not.
MANUAL: Table = {
    "AUTHORISATION": (APPOINTED, FAILED),
    "AUTHORISATION_PENDING": (APPOINTED, NOTHING),
    "AUTHORISATION_ADJUSTMENT": (NOTHING, NOTHING),
    "MANUAL_REVIEW_ACCEPT": (NOTHING, NOTHING),
    "MANUAL_REVIEW_REJECT": (CANCELED, NOTHING),
    "CAPTURE": (PAID, UNCAPTURED),
    "CAPTURE_FAILED": (UNCAPTURED, UNCAPTURED),
    "CANCELLATION": (CANCELED, STILL_HELD),
    "TECHNICAL_CANCEL": (GIVEN_UP, STILL_HELD),
    "EXPIRE": (CANCELED, NOTHING),
    "OFFER_CLOSED": (CANCELED, NOTHING),
    "CANCEL_OR_REFUND": (REVERSED, STILL_HELD),
    "REFUND": (REVERSED, NOT_REFUNDED),
    "REFUND_WITH_DATA": (REVERSED, NOT_REFUNDED),
    "REFUND_FAILED": (NOT_REFUNDED, NOT_REFUNDED),
    "REFUNDED_REVERSED": (NOT_REFUNDED, NOT_REFUNDED),
    "POSTPONED_REFUND": (NOTHING, NOTHING),
    "ORDER_OPENED": (NOTHING, NOTHING),
    "ORDER_CLOSED": (APPOINTED, CANCELED),
    "REQUEST_FOR_INFORMATION": (DISPUTED, DISPUTED),
    "NOTIFICATION_OF_FRAUD": (DISPUTED, DISPUTED),
    "NOTIFICATION_OF_CHARGEBACK": (DISPUTED, DISPUTED),
    "CHARGEBACK": (REVERSED, DISPUTED),
    "SECOND_CHARGEBACK": (REVERSED, DISPUTED),
    "PREARBITRATION_LOST": (REVERSED, DISPUTED),
    "CHARGEBACK_REVERSED": (REINSTATED, DISPUTED),
    "PREARBITRATION_WON": (REINSTATED, DISPUTED),
}
# https://docs.adyen.com/online-payments/capture: here to authorise is to pay, so that whatever
# ends an authorisation takes back what was paid.
AUTOMATIC: Table = {
    **MANUAL,
    "AUTHORISATION": (PAID, FAILED),
    "ORDER_CLOSED": (PAID, CANCELED),
    "MANUAL_REVIEW_REJECT": (REVERSED, NOTHING),
    "CANCELLATION": (REVERSED, STILL_HELD),
    "EXPIRE": (REVERSED, NOTHING),
}
# Which of both a merchant account is set to no event tells: by what follows the webhook's address.
ADDRESSES = {"": AUTOMATIC, "manual": MANUAL}


def items_of(delivery: Delivery) -> list[object] | None:
    """The items; None of a body of another kind."""
    body = peek(delivery.body)
    if "notificationItems" not in body:
        return None
    entries = body["notificationItems"]
    return [dig(e, "NotificationRequestItem") for e in entries] if isinstance(entries, list) else []


def written(item: object, path: str) -> str | None:
    """A field as it is signed: what is not there is the empty text. None where it is neither text
    nor a whole number."""
    value = dig(item, *path.split("."))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else text_or_none(value)


def message(item: object) -> bytes:
    """What is signed of an item. Nothing in it is escaped: a colon anywhere but in the shop's own
    reference could be taken for a border, and two different items would have one signature."""
    texts = [written(item, path) for path in (*BEFORE, REFERENCE, *AFTER)]
    signed = ":".join(text for text in texts if text is not None)
    colons = len(texts) - 1 + (written(item, REFERENCE) or "").count(":")
    if None in texts or signed.count(":") != colons:
        raise Rejected("a signed field is no text, or holds a colon")
    return signed.encode()


def key_of(secret: str) -> bytes:
    """The key that a secret spells; an empty one where it spells none."""
    return bytes.fromhex(secret) if KEY.fullmatch(secret) else b""


def fault(secret: str) -> str | None:
    return None if key_of(secret) else "is not 64 hex digits"


def verify(delivery: Delivery, secrets: Secrets) -> None:
    """Each item by its own signature, and one that fails rejects them all.

    A signature stands in the body beside what it signs, which is a choice of fields and not the
    bytes. So the body has to be read as JSON before anything is proven; of what is read, nothing
    but these fields is used until then.
    """
    if address(delivery) not in ADDRESSES:
        raise Rejected(f"no address of ours: {delivery.path[:100]!r}")
    keys = [key for secret in secrets if (key := key_of(secret))]
    items = items_of(delivery)
    if items is None:
        prove(header(delivery, HEADER), delivery.body, keys)
    elif not 0 < len(items) <= MOST_ITEMS:
        raise Rejected(f"holds {len(items)} items")
    else:
        for item in items:
            prove(dig(item, DATA, MARK), message(item), keys)


def prove(given: object, signed: bytes, keys: Sequence[bytes]) -> None:
    digest = decode(given if isinstance(given, str) else "", "base64")
    if not any(SHA256.verify_signature(key, signed, digest) for key in keys):
        raise Rejected("no secret gives this signature")


def sign(delivery: Delivery, secret: str) -> Delivery:
    """Writes the body anew where the signatures stand in it. Raises Rejected for a secret that is
    no key, and an item that cannot be signed."""
    key, items = key_of(secret), items_of(delivery)
    if secret and not key:
        raise Rejected("the secret is no key")
    if items is None:
        return with_headers(delivery, {HEADER: mark(delivery.body, key)})
    entries = [{"NotificationRequestItem": marked(item, key)} for item in items]
    body = {**peek(delivery.body), "notificationItems": entries}
    return replace(delivery, body=json.dumps(body, ensure_ascii=False).encode())


def marked(item: object, key: bytes) -> object:
    fields, data = (part if isinstance(part, dict) else {} for part in (item, dig(item, DATA)))
    return {**fields, DATA: {**data, MARK: mark(message(item), key)}}


def mark(signed: bytes, key: bytes) -> str:
    return encode(SHA256.get_signature(key, signed), "base64")


def proof(delivery: Delivery) -> contract.Proof:
    """Eight fields of each item are proven and the rest of it is not; of other kinds all is."""
    return contract.Proof(covers_body=items_of(delivery) is None)


def address(delivery: Delivery) -> str:
    return delivery.path.strip("/")


def reference(item: object) -> str | None:
    """The merchant's order, of the events that name it."""
    names_it = written(item, "eventCode") in NAMES_ORDER
    text = text_or_none(dig(item, REFERENCE)) if names_it else None
    return (text and text.strip()) or None


def payment_ids(item: object) -> tuple[str, ...]:
    """First the payment itself, which all of its events share; then what was done to it."""
    ids = (text_or_none(dig(item, key)) for key in ("originalReference", "pspReference"))
    return tuple(text for text in ids if text)


def name(item: object) -> str | None:
    """What only a repeat shares. Whether it worked is part of it, as a later event may correct
    that."""
    texts = [text_or_none(written(item, key)) for key in ("pspReference", "eventCode", "success")]
    return ":".join(text or "" for text in texts) if texts[0] and texts[1] else None


def identify(delivery: Delivery) -> Identity:
    """Queued by the order, else by the payment; events of several stand in no one's queue."""
    items = items_of(delivery) or []
    names = [one for item in items if (one := name(item))]
    if not items or len(names) < len(items):
        return Identity(body_digest(delivery))
    together = "\n".join(names)
    queues = {reference(item) or payment_ids(item)[0] for item in items}
    return Identity(
        delivery_id=text_or_none(together)
        or body_digest(replace(delivery, body=together.encode())),
        order_id=queues.pop() if len(queues) == 1 else None,
    )


def parse(delivery: Delivery, _: Mapping[str, bytes]) -> Sequence[Event]:
    """Of each item one event, or two where someone has to look as well.

    `live` changes nothing here: test and live payments have a key each.
    """
    items, table = items_of(delivery), ADDRESSES.get(address(delivery))
    if items is None:
        kind = text_or_none(peek(delivery.body).get("type"))
        if not kind:
            raise contract.Unreadable("neither notificationItems nor type: missing")
        return (Ignored(kind, "not about a payment"),)
    if table is None:
        raise contract.Unreadable("address: none of ours")
    return [event for item in items for event in said(item, table)]


def said(item: object, table: Table) -> Sequence[Event]:
    code = text_or_none(dig(item, "eventCode"))
    if not code:
        raise contract.Unreadable("eventCode: missing")
    if code not in table:
        return [Ignored(code)]
    if_so, if_not = table[code]
    verdict = if_so if written(item, "success") == "true" else if_not
    told = [update(item, verdict.status, reversal=verdict.reversal)] if verdict.status else []
    notes = [Ignored(code, verdict.reason, verdict.alert)] if verdict.alert or not told else []
    return [*told, *notes]


def update(item: object, status: contract.PaymentStatus, *, reversal: bool) -> PaymentUpdate:
    moment, amount = Tree(item).time("eventDate"), written(item, "amount.value") or ""
    ids = payment_ids(item)
    if moment is None or not AMOUNT.fullmatch(amount) or not ids:
        raise contract.Unreadable("eventDate, amount.value or pspReference: missing")
    return PaymentUpdate(
        status=status,
        at=utc(moment),
        payment_ids=ids,
        reference=reference(item),
        amount=int(amount),
        currency=text_or_none(dig(item, "amount", "currency")),
        reversal=reversal,
        unsure=reversal,
    )


def accepted(_: Delivery) -> contract.Ack:
    """Any 2xx will do; webhooks that were set up long ago want to hear the word itself."""
    return contract.Ack(body=b"[accepted]", media_type="text/plain")


ADAPTER = contract.Adapter(
    slug="adyen",
    intermediary="Adyen",
    kind="payments",
    docs="https://docs.adyen.com/development-resources/webhooks",
    event_types=frozenset(MANUAL),
    headers=frozenset({HEADER}),
    verify=verify,
    sign=sign,
    identify=identify,
    parse=parse,
    proof=proof,
    ack=accepted,
    check_secret=fault,
)
