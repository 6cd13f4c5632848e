"""What goes into the box and comes out of it: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from adapters.contract import Delivery, PaymentStatus


class StoreUnavailable(Exception):
    """The database did not take or give it: disk full, away, overloaded. Nothing was kept."""


class State(StrEnum):
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    IGNORED = "ignored"
    WAITING = "waiting"  # has a next time
    HELD = "held"  # an operator must act
    DEAD = "dead"  # gave up; an operator may replay


OrderState = Literal["expected", "created", "canceled", "refused", "denied"]
"""expected: on its way · created: OktoPOS has it · canceled: at OktoPOS, or never to be created ·
refused: by OktoPOS · denied: its platform was told that it never will be, so it never is."""


class Incoming(NamedTuple):
    """A verified delivery to keep and what its job is known by, just as their rows have it."""

    connection: str
    delivery_id: str
    method: str
    url: str
    path: str
    headers: str  # JSON
    body: bytes
    at: int  # Unix milliseconds, as all times here
    queue: str
    overtakes: bool
    pos: str | None
    lane: str
    deadline: int
    alarm_at: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed piece of work. `fence` proves at settling that it is still ours."""

    id: int
    delivery_row: int
    delivery: Delivery
    connection: str
    queue: str
    pos: str | None
    fence: int
    failures: int
    sent: bool
    since: datetime
    call: str | None  # JSON of an answer to the platform, or of what an operator wants done to an
    # order; None: the delivery itself
    cleared: bool = False  # an operator has looked: it may be sent again
    probe: bool = False  # finds out whether a paused POS is back
    deadline: datetime | None = None  # of its order, at the platform
    alarm_at: datetime | None = None  # when there is still time to do something
    at_risk: bool = False  # the alarm was raised already

    @property
    def answers(self) -> bool:
        """Whether it goes to the platform."""
        return self.call is not None and self.pos == platform(self.connection)

    @property
    def lane(self) -> str:
        return lane(self.connection, self.pos)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    order_id: str
    connection: str
    pos: str
    platform_id: str
    state: OrderState
    created_at: datetime
    internal_id: int | None = None
    display_id: str | None = None
    total: int | None = None  # minor units
    tip: int | None = None  # minor units
    cancellation: str | None = None
    figures: str | None = None  # JSON, for the report
    delivery: int | None = None  # the row of the delivery that it came with last
    answering: str | None = None  # JSON: what answers are made from
    references: tuple[str, ...] = ()  # what a payment may call it; written, not read back


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecord:
    """The last payment status OktoPOS was told for an order."""

    pos: str
    order_id: str
    status: PaymentStatus
    at: datetime
    reversal: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of a job: what was done, how it ended, and the peer's whole answer."""

    outcome: str
    detail: str
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a platform is to be told: a job of its own."""

    call: str  # JSON
    delivery: int | None = None  # the row of the one its order came with; None: the job's own
    deadline: datetime | None = None
    alarm_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PosVerdict:
    """What a job learnt about its POS: it works, or it fails, perhaps whatever we send."""

    pos: str
    failing: str | None = None  # the reason
    at_once: bool = False  # it pauses without further proof
    probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a job ends for now, and all it changes, in one transaction."""

    state: State
    reason: str | None = None
    due_at: datetime | None = None
    failures: int = 0
    sent: bool = False
    pos: str | None = None
    queue: str | None = None  # moved to another queue
    awaits: str | None = None
    tills: tuple[str, ...] = ()  # where the order may stand; none: it awaits a payment's name
    seen: int | None = None  # of an article it awaits: the catalogue's version it looked in
    attempts: tuple[Attempt, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    payments: tuple[PaymentRecord, ...] = ()
    payment_references: tuple[tuple[str, str], ...] = ()  # (payment id, reference)
    verdicts: tuple[PosVerdict, ...] = ()
    calls: tuple[Answer, ...] = ()  # to the platform
    deadline: datetime | None = None  # None: as it was
    alarm_at: datetime | None = None
    at_risk: bool = False
    wakes_queue: bool = False  # what stands in the same queue looks again, held or not


class Ending(NamedTuple):
    """A job that was ours, and how it ends for now; `now` is when."""

    job: Job
    settlement: Settlement
    now: datetime

    @property
    def key(self) -> tuple[int, int]:
        return self.job.id, self.job.fence


@dataclass(frozen=True, slots=True)
class Settled:
    """`ours`: it was written, as the job was still ours; `more`: something else may run now."""

    ours: bool
    more: bool = False


@dataclass(frozen=True, slots=True)
class PosState:
    pos: str
    failures: int = 0
    paused: Literal["failing", "operator"] | None = None
    probe_at: datetime | None = None
    reason: str | None = None


def lane(connection: str, pos: str | None) -> str:
    """Where a job goes: from whom to whom. A peer that hangs fills its own lanes only."""
    return f"{connection} {pos or ''}"


def pos_of(lane: str) -> str:
    """Of a lane; "" for none."""
    return lane.partition(" ")[2]  # no connection's name has a blank


def platform(connection: str) -> str:
    """What stands for the POS in a job that answers the platform."""
    return f"@{connection}"


def answering(queue: str) -> str:
    """The queue of what a platform is told of the orders of a queue."""
    return f"answer {queue}"


def storable(text: str) -> str:
    """Text that every database takes: no NUL, no half of a surrogate pair."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def ms(moment: datetime) -> int:
    """Unix milliseconds, the box's time."""
    return round(moment.timestamp() * 1000)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
