"""SumUp: how an online checkout stands, and a payment on a card reader.

Thin: an event is unsigned and a mere trigger, so the checkout or the transaction that it names is
fetched. The merchant's order is what the shop called the checkout; at a reader, the transaction.

Signature: none; a secret of our own ends the address, and what is true is fetched
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from adapters import contract, payload
from adapters.apis.sumup import API, HOSTS
from adapters.contract import Delivery, Fetch, Ignored, PaymentUpdate
from adapters.payload import Foreign, Id, Major, Many, OptionalId, OptionalTime, Text, at, dig
from adapters.signing import AddressToken

SCHEME = AddressToken()

# https://developer.sumup.com/online-payments/webhooks, https://developer.sumup.com/webhook-docs/events
# https://developer.sumup.com/api/schemas/ReaderCheckoutStatusChange: where each names what it means
CHANGED = "CHECKOUT_STATUS_CHANGED"
CHECKOUTS = {CHANGED: ("id",), "checkout.status.updated": ("payload", "checkout_id")}
READER, READ = "solo.transaction.updated", ("payload", "client_transaction_id")

# https://developer.sumup.com/api/checkouts/get, https://developer.sumup.com/api/transactions/get
CHECKOUT_AT = "/v0.1/checkouts/{}"
TRANSACTION_AT = "/v2.1/merchants/{}/transactions?client_transaction_id={}"
CHECKOUT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
MERCHANT = re.compile(r"[A-Za-z0-9]{1,32}")

# https://developer.sumup.com/api/schemas/Checkout: the status is the latest attempt's
CHECKOUT: Mapping[str, contract.PaymentStatus] = {
    "PENDING": "call_for_payment",
    "PAID": "paid",
    "FAILED": "error",
    "EXPIRED": "canceled",
}
BROUGHT_BY = {"PAID": "SUCCESSFUL", "FAILED": "FAILED"}  # a transaction of that status

# https://developer.sumup.com/api/schemas/TransactionStatus, but for REFUNDED: in full or in part
TRANSACTION: Mapping[str, contract.PaymentStatus] = {
    "PENDING": "appointed",
    "SUCCESSFUL": "paid",
    "FAILED": "error",
    "CANCELLED": "canceled",
}


class Transaction(Foreign):
    id: OptionalId = None
    status: Text = None
    timestamp: OptionalTime = None
    amount: Major = None
    tip: Major = at("tip_amount")  # part of the amount
    currency: Text = None
    foreign_transaction_id: OptionalId = None


class Checkout(Foreign):
    id: Id
    checkout_reference: OptionalId = None
    status: Text = None
    amount: Major = None
    currency: Text = None
    valid_until: OptionalTime = None
    transaction_id: OptionalId = None
    transactions: Many[Transaction] = ()

    @property
    def happened(self) -> datetime | None:
        """When the latest transaction that brought it about was; when an expired one ended."""
        if self.status == "EXPIRED":
            return self.valid_until
        brought_by = BROUGHT_BY.get(self.status or "", "-")
        times = (one.timestamp for one in self.transactions if one.status == brought_by)
        return max((time for time in times if time), default=None)


class Envelope(Foreign):
    event_type: Id = at("event_type", "type")


def named(event: object) -> str | None:
    """The checkout or transaction that an event means."""
    kind = payload.text_or_none(dig(event, "event_type")) or ""
    return payload.text_or_none(dig(event, *CHECKOUTS.get(kind, READ)))


def identify(delivery: Delivery) -> contract.Identity:
    """Queued by the checkout. The same body announces its every change, so each arrival counts;
    the newer events have an id of their own."""
    event = payload.peek(delivery.body)
    about, own = named(event), payload.text_or_none(event.get("id"))
    if event.get("event_type") == CHANGED:
        own = f"{about or CHANGED} {delivery.received_at.isoformat()}"
    return contract.Identity(own or payload.body_digest(delivery), about)


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[contract.Event]:
    kind = payload.model(Envelope, delivery.body).event_type
    if kind in CHECKOUTS:
        return (of_checkout(kind, delivery, fetched),)
    if kind == READER:
        return (of_reader(delivery, fetched),)
    return (Ignored(kind),)


def of_checkout(kind: str, delivery: Delivery, fetched: Mapping[str, bytes]) -> contract.Event:
    about = named(payload.peek(delivery.body)) or ""
    if not CHECKOUT_ID.fullmatch(about):
        raise contract.Unreadable("id: names no checkout")
    if "checkout" not in fetched:
        return Fetch("checkout", CHECKOUT_AT.format(about), may_be_unknown=True)
    if not fetched["checkout"]:
        return Ignored(kind, f"{about} is not known at SumUp to this API key", alert=True)
    checkout = payload.model(Checkout, fetched["checkout"], exact=True)
    status = CHECKOUT.get(checkout.status or "")
    if status is None:
        return Ignored(kind, "a status that is not known here", alert=True)
    ids = (checkout.id, checkout.transaction_id, *(one.id for one in checkout.transactions))
    return PaymentUpdate(
        status=status,
        at=checkout.happened or delivery.received_at,
        payment_ids=tuple(dict.fromkeys(filter(None, ids))),
        reference=checkout.checkout_reference,
        amount=checkout.amount,
        currency=checkout.currency,
    )


def of_reader(delivery: Delivery, fetched: Mapping[str, bytes]) -> contract.Event:
    event = payload.peek(delivery.body)
    about, merchant = named(event), payload.text_or_none(dig(event, "payload", "merchant_code"))
    if not about or not MERCHANT.fullmatch(merchant or ""):
        raise contract.Unreadable("payload: names no transaction of a merchant")
    if "transaction" not in fetched:
        path = TRANSACTION_AT.format(merchant, quote(about, safe=""))
        return Fetch("transaction", path, may_be_unknown=True)
    if not fetched["transaction"]:  # one that was broken off has none
        succeeded = dig(event, "payload", "status") == "successful"
        return Ignored(READER, f"{about} is not known at SumUp to this API key", alert=succeeded)
    transaction = payload.model(Transaction, fetched["transaction"], exact=True)
    status = TRANSACTION.get(transaction.status or "")
    if status is None:
        return Ignored(READER, f"{about} was refunded, or its status is not known here", alert=True)
    return PaymentUpdate(
        status=status,
        at=transaction.timestamp or delivery.received_at,
        payment_ids=tuple(dict.fromkeys(filter(None, (about, transaction.id)))),
        reference=transaction.foreign_transaction_id,
        amount=None if transaction.amount is None else transaction.amount - (transaction.tip or 0),
        currency=transaction.currency,
    )


ADAPTER = contract.Adapter(
    slug="sumup",
    intermediary="SumUp",
    kind="payments",
    docs="https://developer.sumup.com/online-payments/webhooks",
    event_types=frozenset({*CHECKOUTS, READER}),
    headers=frozenset(),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    proof=contract.by_token,
    identify=identify,
    parse=parse,
    api=API,
    thin=True,
    hosts=HOSTS,
)
