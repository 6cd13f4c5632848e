"""Unzer: something happened to a payment. The notice is unsigned: the payment is fetched.

Thin: JSON sent as text/plain that names the payment, and an address that is never followed. Its
event's name is no state: any notice about a payment makes us look how that payment stands.

Signature: none; a token of the operator's own ends the secret address
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters import contract, payload
from adapters.apis.unzer import API, HOSTS
from adapters.contract import Delivery, Event, Fetch, Ignored, PaymentUpdate
from adapters.payload import Foreign, Major, Many, OptionalId, Text, Tree, UtcTime, at
from adapters.signing import AddressToken
from adapters.verdict import (
    APPOINTED,
    CALL_FOR_PAYMENT,
    CANCELED,
    FAILED,
    PAID,
    REINSTATED,
    REVERSED,
    Verdict,
    look,
)

SCHEME = AddressToken()

# https://docs.unzer.com/reference/supported-webhook-events: what stands before the first dot
OF_PAYMENTS = frozenset({"authorize", "preauthorize", "charge", "chargeback", "payment"})
NOTHING: Mapping[str, str] = {
    "payout": "money paid out changes no order",
    "types": "a way of paying was stored",
    "customer": "a customer was stored",
    "shipment": "announced by the merchant, no money has moved",
}

# https://docs.unzer.com/server-side-integration/api-basics/notifications: ids begin with s in the
# sandbox; that others have one letter in its place is a guess.
ID = re.compile(r"[a-z]-pay-[A-Za-z0-9]{1,60}")
LOCATED = re.compile(rf"/payments/({ID.pattern})(?:[/?].*)?$")
PAYMENT, PATH = "payment", "/v1/payments/{}"

# https://docs.unzer.com/server-side-integration/api-basics/payment-states: state.id
PENDING, COMPLETED, ENDED = "0", "1", "2"
VERDICTS: Mapping[str, Verdict] = {
    PENDING: APPOINTED,
    COMPLETED: PAID,
    ENDED: CANCELED,
    "3": look("charged in part"),
    "4": APPOINTED,  # payment_review
    "5": REVERSED,  # chargeback
    "6": CALL_FOR_PAYMENT,  # create: a payment page was opened
}
# The same where the payment's transactions say more, see `Payment.verdict`.
VERDICTS_THEN: Mapping[str, Verdict] = {
    PENDING: FAILED,
    COMPLETED: REINSTATED,
    ENDED: REVERSED,
}


class Notice(Foreign):
    event: Text = None
    payment: Text = at("paymentId")
    address: Text = at("retrieveUrl")

    @property
    def about(self) -> str | None:
        located = LOCATED.search(self.address or "")
        texts = (self.payment, located[1] if located else None)
        return next((text for text in texts if text and ID.fullmatch(text)), None)


class Step(Foreign):
    """A transaction of the payment."""

    type: Text = None
    status: Text = None
    date: UtcTime = at("date")  # without a zone: taken as UTC, a guess

    def went(self, kind: str) -> bool:
        return (self.type, self.status) == (kind, "success")


class Payment(Foreign):
    state: OptionalId = at("state.id")
    total: Major = at("amount.total")  # what it is for; a refund takes nothing off, a void does
    currency: Text = None
    reference: OptionalId = at("orderId")
    steps: Many[Step] = at("transactions")

    @property
    def last(self) -> Step | None:
        """By date, and of one second the one listed last."""
        dated = [(step.date, place) for place, step in enumerate(self.steps) if step.date]
        return self.steps[max(dated)[1]] if dated else None

    @property
    def verdict(self) -> Verdict:
        says_more = {
            PENDING: self.last is not None and self.last.status == "error",
            COMPLETED: any(step.went("chargeback") for step in self.steps),  # it has come back
            ENDED: any(step.went("charge") for step in self.steps),  # so it was given back
        }
        state = self.state or ""
        table = VERDICTS_THEN if says_more.get(state) else VERDICTS
        return table.get(state) or look(f"state {state} is not known here")


def identify(delivery: Delivery) -> contract.Identity:
    """Queued by the payment. The same notice comes for each change, so every arrival counts."""
    given = Tree(payload.peek(delivery.body)).text("paymentId")
    named = given if given and ID.fullmatch(given) else None
    return contract.Identity(f"{named or PAYMENT} {delivery.received_at.isoformat()}", named)


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[Event]:
    notice = payload.model(Notice, delivery.body)
    if notice.event is None:
        raise contract.Unreadable("event: missing")
    group = notice.event.partition(".")[0]
    if group not in OF_PAYMENTS:
        return (Ignored(notice.event, NOTHING.get(group)),)
    if notice.about is None:
        raise contract.Unreadable("paymentId: not the id of a payment at Unzer")
    if PAYMENT not in fetched:
        return (Fetch(PAYMENT, PATH.format(notice.about), may_be_unknown=True),)
    if not fetched[PAYMENT]:
        why = f"{notice.about} is not known at Unzer to this private key"
        return (Ignored(notice.event, why, alert=True),)
    payment = payload.model(Payment, fetched[PAYMENT])
    return (said(notice.event, notice.about, payment, delivery.received_at),)


def said(event: str, named: str, payment: Payment, arrived: datetime) -> Event:
    verdict = payment.verdict
    if verdict.status is None:
        return Ignored(event, verdict.reason, verdict.alert)
    if verdict.status == "paid" and payment.total is None:
        raise contract.Unreadable("amount.total: missing")
    last = payment.last.date if payment.last else None
    dated = None if verdict is REINSTATED else last  # that the money came back is no transaction
    return PaymentUpdate(
        status=verdict.status,
        at=payload.utc(dated or arrived),
        payment_ids=(named,),
        reference=payload.text_or_none(payment.reference),
        amount=payment.total if verdict.status == "paid" else None,
        currency=payment.currency,
        reversal=verdict.reversal,
    )


ADAPTER = contract.Adapter(
    slug="unzer",
    intermediary="Unzer",
    kind="payments",
    docs="https://docs.unzer.com/server-side-integration/api-basics/notifications",
    event_types=OF_PAYMENTS | NOTHING.keys(),
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
