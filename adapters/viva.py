"""Viva: payments made, given back and failed. The events are unsigned: the transaction is fetched.

Thin: of an event only its type, the transaction's id and the time are read, and not the type but
the transaction decides. A GET at the webhook's address is answered with the verification key.

Signature: none; Viva's verification key ends the secret address
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters import contract, payload
from adapters.apis.viva import API, HOSTS
from adapters.contract import Ack, Delivery, Event, Fetch, Ignored, PaymentUpdate, Secrets
from adapters.payload import Foreign, Major, OptionalId, Text, Tree, UtcTime, at
from adapters.signing import AddressToken, same
from adapters.verdict import (
    APPOINTED,
    CANCELED,
    FAILED,
    PAID,
    REINSTATED,
    REVERSED,
    Verdict,
    look,
)

SCHEME = AddressToken()

# https://developer.viva.com/webhooks-for-payments: EventTypeId
EVENTS = {"1796": "payment created", "1797": "reversal created", "1798": "payment failed"}

# https://developer.viva.com/tutorials/payments/verify-a-payment
TRANSACTION, PATH = "transaction", "/checkout/v2/transactions/{}"
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

# https://developer.vivawallet.com/web-api-integration/transaction-parameters: TransactionTypeId.
# What is not listed is a payment, unless its amount is below zero.
PAYMENT, HOLD, REVERSAL = "payment", "hold", "reversal"
KINDS = {"1": HOLD, "4": REVERSAL, "7": REVERSAL, "11": REVERSAL, "13": REVERSAL, "18": REVERSAL}

DISPUTED = Verdict("paid", reason="disputed: the bank may take the money back", alert=True)
UNKNOWN = Verdict("appointed", reason="its StatusId is not known here", alert=True)

# The same page: StatusId, for each kind of transaction. What is not listed: OTHERWISE.
VERDICTS: Mapping[str, Mapping[str, Verdict]] = {
    PAYMENT: {
        "F": PAID,
        "A": APPOINTED,
        "E": FAILED,  # not final: the customer may try again
        "R": PAID,  # given back in full or in part: the reversal says for itself how much
        "X": REVERSED,
        "M": DISPUTED,
        "MA": DISPUTED,
        "MI": DISPUTED,
        "MS": DISPUTED,
        "ML": REVERSED,
        "MW": REINSTATED,
    },
    HOLD: {"F": APPOINTED, "A": APPOINTED, "E": FAILED, "X": CANCELED},
    REVERSAL: {"F": REVERSED},
}
OTHERWISE = {
    PAYMENT: UNKNOWN,
    HOLD: UNKNOWN,
    REVERSAL: look("a reversal that is not complete: the money may not have gone back"),
}

CURRENCIES = {  # ISO 4217 by number; another one stays a number and is no POS's currency
    "203": "CZK",
    "208": "DKK",
    "348": "HUF",
    "752": "SEK",
    "826": "GBP",
    "946": "RON",
    "975": "BGN",
    "978": "EUR",
    "985": "PLN",
}


class Notice(Foreign):
    kind: OptionalId = at("EventTypeId")
    transaction: Text = at("EventData.TransactionId")
    created: UtcTime = at("Created")


class Transaction(Foreign):
    """As it stands now; amounts are in major units, those of reversals below zero."""

    status: Text = at("statusId")
    type: OptionalId = at("transactionTypeId")
    amount: Major = at("amount")
    currency: OptionalId = at("currencyCode")
    order_code: OptionalId = at("orderCode")
    parent: OptionalId = at("parentId")  # what a reversal reverses, where Viva names it here too
    reference: Text = at("merchantTrns")

    @property
    def kind(self) -> str:
        below_zero = self.amount is not None and self.amount < 0
        return REVERSAL if below_zero else KINDS.get(self.type or "", PAYMENT)

    @property
    def verdict(self) -> Verdict:
        return VERDICTS[self.kind].get(self.status or "", OTHERWISE[self.kind])


def handshake(delivery: Delivery, secrets: Secrets) -> Ack | None:
    """Viva asks when the webhook is saved; only its own key at the end of the address is told."""
    if delivery.method != "GET":
        return None
    given = delivery.path.rpartition("/")[2]
    key = next((secret for secret in secrets if same(secret, given)), None)
    return Ack(200, json.dumps({"Key": key}).encode(), "application/json") if key else None


def identify(delivery: Delivery) -> contract.Identity:
    """Queued by Viva's order. A repeat has the same bytes, another event never."""
    data = Tree(payload.peek(delivery.body)).at("EventData")
    named = (payload.text_or_none(data.text(key)) for key in ("OrderCode", "TransactionId"))
    return contract.Identity(payload.body_digest(delivery), next(filter(None, named), None))


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[Event]:
    notice = payload.model(Notice, delivery.body)
    if notice.kind is None:
        raise contract.Unreadable("EventTypeId: missing")
    if notice.kind not in EVENTS:
        return (Ignored(notice.kind),)
    named = notice.transaction or ""
    if not ID.fullmatch(named):
        raise contract.Unreadable("EventData.TransactionId: not an id of Viva's")
    if notice.created is None:
        raise contract.Unreadable("Created: missing")
    if TRANSACTION not in fetched:
        return (Fetch(TRANSACTION, PATH.format(named), may_be_unknown=True),)
    if not fetched[TRANSACTION]:
        why = f"transaction {named} is not known at Viva to these credentials"
        return (Ignored(notice.kind, why, alert=True),)
    transaction = payload.model(Transaction, fetched[TRANSACTION], exact=True)
    return said(notice.kind, named, payload.utc(notice.created), transaction)


def said(kind: str, named: str, happened: datetime, transaction: Transaction) -> Sequence[Event]:
    verdict = transaction.verdict
    note = (Ignored(kind, verdict.reason, verdict.alert),) if verdict.reason else ()
    if verdict.status is None:
        return note
    if transaction.amount is None:
        raise contract.Unreadable("amount: missing")
    names = (transaction.order_code, named, transaction.parent)
    update = PaymentUpdate(
        status=verdict.status,
        at=happened,
        payment_ids=tuple(name for name in names if name),
        reference=payload.text_or_none(transaction.reference),
        amount=abs(transaction.amount),
        currency=CURRENCIES.get(transaction.currency or "", transaction.currency),
        reversal=verdict.reversal,
    )
    return (update, *note)


ADAPTER = contract.Adapter(
    slug="viva",
    intermediary="Viva",
    kind="payments",
    docs="https://developer.viva.com/webhooks-for-payments",
    event_types=frozenset(EVENTS),
    headers=frozenset(),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    proof=contract.by_token,
    handshake=handshake,
    identify=identify,
    parse=parse,
    api=API,
    thin=True,
    hosts=HOSTS,
)
