"""Mollie: how a payment stands, told in two ways that may share one address.

Classic: an unsigned form `id=tr_...`, the same whatever happened: a mere trigger, the payment is
fetched. Next-gen: a signed event, with a snapshot of what it is about or thin as well. Mollie has
no status for money given back: a paid payment's amounts say it.

Signature: HMAC-SHA256 over the body, hex, in X-Mollie-Signature; classic: a secret ends the address
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from adapters import contract, payload
from adapters.apis.mollie import API, HOSTS
from adapters.contract import Delivery, Fetch, Ignored, PaymentUpdate, Rejected, Secrets
from adapters.payload import Foreign, Id, Major, Many, OptionalId, OptionalTime, Text, at, dig
from adapters.signing import AddressToken, HmacList

# https://docs.mollie.com/reference/webhooks-new, https://docs.mollie.com/reference/webhooks
# The prefix is not in the page's example, and the vendor's libraries take it off: both are taken.
SIGNED = HmacList(header="x-mollie-signature", prefix="sha256=")
UNSIGNED = AddressToken()
TRIGGER = re.compile(rb"(?:^|&)id=([a-z]{2,10}_[A-Za-z0-9]{1,60})(?:&|$)")

# https://docs.mollie.com/reference/get-payment, .../get-payment-link: by how an id begins
CLASSIC, PAYMENT = "classic", "payment"
PATHS = {"tr": "/v2/payments/{}?embed=refunds,chargebacks", "pl": "/v2/payment-links/{}"}
FETCHED = re.compile(r"\b(tr|pl)_[A-Za-z0-9]{1,60}\b")
# The first that is there says since when a payment stands as it does.
TIMES = ("paidAt", "canceledAt", "expiredAt", "failedAt", "authorizedAt", "createdAt")
ORDER_KEY = "order_id"  # the shop writes its order number into `metadata` under this key


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is told of an order; no status: nothing is. `look`: why a person should, beside that."""

    status: contract.PaymentStatus | None = None
    reversal: bool = False
    look: str | None = None


GIVEN_BACK = Verdict("canceled", reversal=True)
AS_IT_STANDS = None  # the payment decides, not the event

# https://docs.mollie.com/reference/payments-api-webhooks, and the pages beside it
PAYMENT_EVENTS = ("authorized", "canceled", "expired", "failed", "paid", "pending")
EVENTS: Mapping[str, Verdict | None] = {
    CLASSIC: AS_IT_STANDS,
    "payment-link.paid": AS_IT_STANDS,
    **{f"payment.{status}": AS_IT_STANDS for status in PAYMENT_EVENTS},
    "capture.succeeded": AS_IT_STANDS,
    "capture.failed": Verdict("error"),
    "chargeback.received": AS_IT_STANDS,
    "chargeback.reversed": AS_IT_STANDS,
    **{f"refund.{status}": Verdict() for status in ("queued", "pending", "processing", "canceled")},
    "refund.refunded": AS_IT_STANDS,
    "refund.failed": Verdict(look="a refund failed: the order may stand as canceled, yet paid"),
}

# https://docs.mollie.com/docs/status-change: how a payment stands -> what is told
VERDICTS: Mapping[str, Verdict] = {
    "open": Verdict("call_for_payment"),
    "pending": Verdict("appointed"),
    "authorized": Verdict("appointed"),
    "canceled": Verdict("canceled"),
    "expired": Verdict("canceled"),
    "failed": Verdict("error"),
    "paid": Verdict("paid"),
    "paid: given back": GIVEN_BACK,
    "paid: captured in part": Verdict(look="less was captured than the payment is for"),
    "paid: charged back in part": Verdict("paid", look="charged back in part"),
    "paid: reinstated": Verdict("paid", reversal=True),
    "paid: refund failed": Verdict("paid", look="a refund failed"),
}


class GivenBack(Foreign):
    """A refund, or a chargeback, which has no status and may be reversed."""

    amount: Major = at("amount.value")
    status: Text = None
    created_at: OptionalTime = at("createdAt")
    reversed_at: OptionalTime = at("reversedAt")

    @property
    def stands(self) -> bool:
        return self.status not in ("failed", "canceled") and not self.reversed_at


class Payment(Foreign):
    """A payment link is read as one: it has no status, only the time when it was paid."""

    id: Id
    status: Text = None
    amount: Major = at("amount.value")
    currency: Text = at("amount.currency")
    captured: Major = at("amountCaptured.value")  # absent where all was taken at once
    refunded: Major = at("amountRefunded.value")
    charged_back: Major = at("amountChargedBack.value")
    paid_at: OptionalTime = at("paidAt")
    changed_at: OptionalTime = at(*TIMES)
    refunds: Many[GivenBack] = at("_embedded.refunds")
    chargebacks: Many[GivenBack] = at("_embedded.chargebacks")
    metadata: object = None

    @property
    def taken(self) -> int | None:
        return self.amount if self.captured is None else self.captured

    @property
    def lost(self) -> int:
        """What chargebacks took and did not bring back; their sum where they are not embedded."""
        if not self.chargebacks:
            return self.charged_back or 0
        return sum(one.amount or 0 for one in self.chargebacks if one.stands)

    @property
    def gone(self) -> int:
        return self.lost + (self.refunded or 0)

    @property
    def standing(self) -> str:
        """A key of `VERDICTS`: the status, and what a paid payment has been through since."""
        status = self.status or ("paid" if self.paid_at else "open")
        if status != "paid":
            return status
        taken = self.taken or 0
        since = {
            "paid: given back": self.gone and self.gone >= taken,
            "paid: captured in part": taken < (self.amount or 0),
            "paid: charged back in part": self.lost,
            "paid: reinstated": any(one.reversed_at for one in self.chargebacks),
            "paid: refund failed": any(one.status == "failed" for one in self.refunds),
        }
        return next((fate for fate, is_so in since.items() if is_so), status)

    @property
    def happened(self) -> datetime | None:
        """When it came to stand so; None where Mollie does not say."""
        back = (*self.refunds, *self.chargebacks)
        later = {
            "paid: given back": latest(one.created_at for one in back if one.stands),
            "paid: reinstated": latest(one.reversed_at for one in self.chargebacks),
        }
        return later.get(self.standing, self.changed_at)


class Envelope(Foreign):
    type: Id


class Notice(Foreign):
    """A next-gen event that concerns a payment; its entity is one, or names one."""

    created_at: OptionalTime = at("createdAt")
    entity: Payment | None = at("_embedded.entity")
    payment_id: OptionalId = at("_embedded.entity.paymentId")
    entity_id: OptionalId = at("entityId")
    href: Text = at("_links.entity.href")  # .../payments/tr_.../refunds/re_...

    @property
    def about(self) -> str | None:
        texts = (self.payment_id, self.entity_id, self.href)
        return next((found[0] for text in texts if text and (found := FETCHED.search(text))), None)


class Told(NamedTuple):
    kind: str  # the event type
    at: datetime  # when; of a trigger: when it came
    verdict: Verdict | None = AS_IT_STANDS


def latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time), default=None)


def is_event(body: bytes) -> bool:
    return body.lstrip().startswith(b"{")


def verify(delivery: Delivery, secrets: Secrets) -> None:
    """A signature alone decides where there is one; only a trigger may go without."""
    if SIGNED.header in delivery.headers:
        SIGNED.verify(delivery, secrets)
    elif is_event(delivery.body):
        raise Rejected(f"an event, and {SIGNED.header} is missing")
    else:
        UNSIGNED.verify(delivery, secrets)


def sign(delivery: Delivery, secret: str) -> Delivery:
    return (SIGNED if is_event(delivery.body) else UNSIGNED).sign(delivery, secret)


def proof(delivery: Delivery) -> contract.Proof:
    return contract.Proof(covers_body=SIGNED.header in delivery.headers)


def reference(metadata: object) -> str | None:
    """The merchant's order: `metadata` is an object, or a text that spells one."""
    named = payload.peek(metadata.encode()) if isinstance(metadata, str) else metadata
    return (payload.text_or_none(dig(named, ORDER_KEY)) or "").strip() or None


def triggered(body: bytes) -> str | None:
    found = TRIGGER.search(body.strip())
    return found[1].decode() if found else None


def identify(delivery: Delivery) -> contract.Identity:
    """Queued by order, else by payment. A trigger says the same of each change: arrivals count."""
    if not is_event(delivery.body):
        about = triggered(delivery.body)
        return contract.Identity(f"{about or CLASSIC} {delivery.received_at.isoformat()}", about)
    event = payload.peek(delivery.body)
    entity = dig(event, "_embedded", "entity")
    names = map(payload.text_or_none, (dig(entity, "paymentId"), event.get("entityId")))
    return contract.Identity(
        delivery_id=payload.text_or_none(event.get("id")) or payload.body_digest(delivery),
        order_id=reference(dig(entity, "metadata")) or next(filter(None, names), None),
    )


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[contract.Event]:
    if not is_event(delivery.body):
        return of_trigger(delivery, fetched)
    kind = payload.model(Envelope, delivery.body).type
    if kind not in EVENTS:
        return (Ignored(kind),)
    verdict = EVENTS[kind]
    if verdict and not verdict.status:
        return (Ignored(kind, verdict.look or "no money has moved", alert=bool(verdict.look)),)
    notice = payload.model(Notice, delivery.body)
    told = Told(kind, notice.created_at or delivery.received_at, verdict)
    if notice.entity and FETCHED.fullmatch(notice.entity.id):
        return said(told, notice.entity)
    return looked_up(told, notice.about, fetched)


def of_trigger(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[contract.Event]:
    about = triggered(delivery.body)
    if about is None:
        raise contract.Unreadable("body: neither an event nor an id")
    return looked_up(Told(CLASSIC, delivery.received_at), about, fetched)


def looked_up(
    told: Told, about: str | None, fetched: Mapping[str, bytes]
) -> Sequence[contract.Event]:
    if about is None or not FETCHED.fullmatch(about):
        return (Ignored(told.kind, "names neither a payment nor a payment link", alert=True),)
    if PAYMENT not in fetched:
        return (Fetch(PAYMENT, PATHS[about[:2]].format(about), may_be_unknown=True),)
    if not fetched[PAYMENT]:
        return (Ignored(told.kind, f"{about} is not known at Mollie to this API key", alert=True),)
    return said(told, payload.model(Payment, fetched[PAYMENT]))


def said(told: Told, payment: Payment) -> Sequence[contract.Event]:
    verdict, at = told.verdict, told.at
    if verdict is AS_IT_STANDS:
        verdict = VERDICTS.get(payment.standing) or Verdict(look="its status is not known here")
        at = payment.happened or at
    look = (Ignored(told.kind, verdict.look, alert=True),) if verdict.look else ()
    if verdict.status is None:
        return look
    update = PaymentUpdate(
        status=verdict.status,
        at=at,
        payment_ids=(payment.id,),
        reference=reference(payment.metadata),
        amount=payment.gone if verdict == GIVEN_BACK else payment.taken,
        currency=payment.currency,
        reversal=verdict.reversal,
    )
    return (update, *look)


ADAPTER = contract.Adapter(
    slug="mollie",
    intermediary="Mollie",
    kind="payments",
    docs="https://docs.mollie.com/reference/webhooks",
    event_types=frozenset(EVENTS),
    headers=frozenset({SIGNED.header}),
    verify=verify,
    sign=sign,
    proof=proof,
    identify=identify,
    parse=parse,
    api=API,
    thin=True,
    hosts=HOSTS,
)
