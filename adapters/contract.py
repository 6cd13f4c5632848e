"""What a platform's adapter is given and what it says: values only, no I/O.

Money is an `int` of the currency's minor unit (cents) everywhere; times are aware `datetime`s.
An adapter is pure: the same delivery and the same fetched bodies always give the same events, so
every delivery can be replayed and a platform's quirks can be tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

from adapters.answers import Call as Call
from adapters.answers import Later as Later
from adapters.answers import Outcome as Outcome
from adapters.answers import Reason as Reason
from adapters.answers import Told as Told
from adapters.answers import in_path as in_path
from adapters.answers import tell as tell
from adapters.api import Api

Secrets: TypeAlias = Sequence[str]
"""Newest first; any of them may have signed."""


class Rejected(Exception):
    """The delivery is not proven genuine: answered 401, never processed."""


class Unreadable(Exception):
    """Genuine, but in a shape the adapter does not know: kept, dead, someone looks."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request from a platform, byte for byte."""

    method: str
    url: str  # the public address as registered at the platform; some sign it
    path: str  # what follows the connection's address, "" or "order/4711"
    headers: Mapping[str, str]  # lower-case names
    body: bytes  # never re-serialised
    received_at: datetime  # the only clock an adapter sees
    certificate: bytes | None = None  # PEM, of whom `certificate_at` names; got by the receiver


class Identity(NamedTuple):
    """What the web side reads of a delivery before it is kept: enough to keep and queue it."""

    delivery_id: str  # the same for every repeat of this delivery
    order_id: str | None = None  # deliveries that share it are processed one at a time
    store_id: str | None = None  # the platform's store, where the delivery names it
    overtakes: bool = False  # a cancellation does not wait behind its order


class Ack(NamedTuple):
    """The answer a platform wants to hear for a delivery that is kept."""

    status: int = 200
    body: bytes = b""
    media_type: str | None = None


class Proof(NamedTuple):
    """What proves a delivery genuine: the setting that holds it, and how far it reaches."""

    by: Literal["secrets", "api_key"] = "secrets"
    covers_body: bool = True  # a token covers nothing but itself


class OrderType(StrEnum):
    LOCAL = "LOCAL"  # eaten in
    PICKUP = "PICKUP"  # collected by the guest
    DELIVERY = "DELIVERY"  # brought to the guest, by whomever
    SHIPPING = "SHIPPING"  # a shop's parcel


class Owner(StrEnum):
    """Whose money a fee, a discount or a tip is. Only the restaurant's enters the till."""

    RESTAURANT = "restaurant"
    PLATFORM = "platform"
    COURIER = "courier"


class FeeKind(StrEnum):
    """The keys of a POS's `fee_articles`."""

    DELIVERY = "delivery_fee"
    SMALL_ORDER = "small_order_fee"
    SERVICE = "service_fee"
    PACKAGING = "packaging"
    DEPOSIT = "deposit"


PaymentStatus = Literal["appointed", "call_for_payment", "paid", "canceled", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A dish, or an option of one."""

    name: str  # as the guest saw it
    quantity: int  # of an option: per one piece of what it belongs to
    unit_price: int  # minor units, tax-inclusive, one piece without its options
    pos_ref: str | None = None  # the platform's POS reference: PLU, external id, SKU
    item_id: str | None = None  # the platform's own id of the article
    line_id: str | None = None  # what a discount calls this line
    comment: str | None = None  # the guest's wish, allergies first
    options: tuple[Line, ...] = ()
    tax_rate: int | None = None  # in hundredths of a percent, where the platform says: 700
    bundle: bool = False  # one price for all that its options are


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    kind: FeeKind
    amount: int  # minor units, tax-inclusive
    owner: Owner
    name: str | None = None
    line_ids: tuple[str, ...] = ()  # of a deposit: the drinks it is for; none: not said


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    amount: int  # minor units, positive
    owner: Owner  # who pays for it
    name: str | None = None
    line_ids: tuple[str, ...] = ()  # the lines it concerns; none: the whole order


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    amount: int  # minor units
    owner: Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    street: str | None = None
    house_number: str | None = None
    zip: str | None = None
    city: str | None = None
    additional: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who ordered. Absent is None, never an empty string; masked values are absent."""

    given_name: str | None = None
    family_name: str | None = None
    phone: str | None = None
    email: str | None = None
    address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the platform placed it, in our words.

    `total` is what the platform itself states for what the till must book: the lines, the
    restaurant's own fees and deposits, less the discounts the restaurant pays for. None where
    the platform states no sum.
    """

    order_id: str  # the platform's id, the same for ever
    store_id: str | None
    display_id: str | None  # the short number people call out
    order_type: OrderType
    lines: tuple[Line, ...]
    total: int | None
    currency: str | None = None  # ISO 4217; None: the POS's
    placed_at: datetime | None = None
    ready_at: datetime | None = None  # when the kitchen must be ready
    deadline: datetime | None = None  # to accept or deny; None: the adapter's, from its arrival
    fees: tuple[Fee, ...] = ()
    discounts: tuple[Discount, ...] = ()
    tips: tuple[Tip, ...] = ()
    payment: PaymentStatus = "paid"
    payment_method: str | None = None  # OktoPOS's word; None: the connection's
    customer: Customer = field(default_factory=Customer)
    table: str | None = None
    notes: tuple[str, ...] = ()  # order-level, allergies first
    session: str | None = None  # the same for orders that belong together
    references: tuple[str, ...] = ()  # further names a payment may know the order by
    answering: Mapping[str, str] = field(default_factory=dict)  # what `answer` asks of it again,
    # beside order_id, store_id, order_type and ready_at: of the rest it is told nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    order_id: str
    at: datetime
    by: str  # who: "customer", "platform", "restaurant", ... as far as the platform says
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUpdate:
    """A payment changed. `reversal` marks the two steps that may follow `paid`: a refund or a lost
    dispute (`canceled`), and a won dispute that undoes one (`paid`).

    `amount` is what was paid, or given back. Less than the order's is not `paid` but held, and
    given back in part changes nothing; None where the provider says that it is all of it. A
    reversal is `unsure` where only its amount tells whether it is of a part, which nobody can say
    of an order that never came to us.
    """

    status: PaymentStatus
    at: datetime  # when it happened, UTC
    payment_ids: tuple[str, ...]  # the provider's ids: intent, charge, session
    reference: str | None  # the merchant's order; None: found through the payment ids. From a
    # platform that brings the orders itself: its `Order.order_id`
    amount: int | None = None  # minor units
    currency: str | None = None
    reversal: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """A thin delivery needs this body: GET `path` at the platform's API, then parse again."""

    name: str
    path: str  # below the API's base address, with query
    may_be_unknown: bool = False  # then a 404 ends it: the body is empty


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and nothing to do. `alert` asks an operator to look all the same."""

    event_type: str
    reason: str | None = None
    alert: bool = False


Event: TypeAlias = Order | Cancellation | PaymentUpdate | Fetch | Ignored


EMPTY, SIGNED, TOKEN = Ack(), Proof(), Proof(covers_body=False)  # made once, said of each


def empty_200(_: Delivery) -> Ack:
    return EMPTY


def signed(_: Delivery) -> Proof:
    return SIGNED


def by_token(_: Delivery) -> Proof:
    return TOKEN


def nothing(_: Delivery, __: Order, ___: Told) -> Sequence[Call]:
    return ()


def no_fault(_: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A platform's data sheet: the last thing in its module."""

    slug: str
    intermediary: str  # how OktoPOS shall call the platform
    kind: Literal["orders", "payments"]
    docs: str
    event_types: frozenset[str]  # everything `parse` understands; the rest is Ignored
    headers: frozenset[str]  # lower-case names of the request headers it reads; others are dropped
    verify: Callable[[Delivery, Secrets], None]  # raises Rejected, nothing else
    sign: Callable[[Delivery, str], Delivery]  # for replay, demo and tests
    identify: Callable[[Delivery], Identity]  # never raises
    parse: Callable[[Delivery, Mapping[str, bytes]], Sequence[Event]]  # raises Unreadable only
    proof: Callable[[Delivery], Proof] = signed  # which setting `verify` is given
    proven_by_key: str = ""  # which deliveries `proof` leaves to api_key, in words
    certificate_at: Callable[[Delivery], str] | None = None  # its address; raises Rejected
    handshake: Callable[[Delivery, Secrets], Ack | None] | None = None  # set-up, nothing to keep
    ack: Callable[[Delivery], Ack] = empty_200
    answer: Callable[[Delivery, Order, Told], Sequence[Call]] = nothing
    api: Api | None = None  # needed by Fetch and Call
    thin: bool = False  # gives Fetch: no order can be read without credentials for `api`
    hosts: frozenset[str] = frozenset()  # where `api` is; another that is configured is warned of
    deadline: timedelta | None = None  # to accept or deny, where no order states its own
    secret_bytes: int = 16  # shorter secrets are refused at the start
    check_secret: Callable[[str], str | None] = no_fault  # what else is wrong: "is not base64"
