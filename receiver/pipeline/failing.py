"""What is done about each error of the line: four of them, and a POS that rests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from adapters.contract import Event, Order, PaymentUpdate, Unreadable
from receiver.errors import Held, Refused, Unavailable, Unmapped
from receiver.inbox.articles import AWAITED
from receiver.inbox.records import Attempt, Job, OrderRecord, PosVerdict, Settlement, State
from receiver.pipeline.answers import denial
from receiver.pipeline.orders import known
from receiver.pipeline.payments import learnt
from receiver.pipeline.tools import Resting, Tools
from receiver.retry import given_up, wait

GAVE_UP = "gave up after 24 hours"


async def failed(
    error: Unreadable | Held | Refused | Unavailable | Resting,
    job: Job,
    tools: Tools,
    event: Event | None = None,
) -> Settlement:
    """How the job ends for now, and what an order's own record must say meanwhile."""
    orders, calls = await standing(error, event, job, tools)
    match error:
        case Unreadable():
            end = ended(State.DEAD, "unreadable", error, job)
        case Unmapped():
            held = ended(State.HELD, "held", error, job)
            end = replace(held, awaits=AWAITED, seen=error.seen)
        case Held():
            end = ended(State.HELD, "held", error, job)
        case Refused():
            end = ended(State.DEAD, "refused", error, job)
            calls = denial(event, job, tools)
        case Resting():
            end = rests(error, job)
        case Unavailable():
            end = again(error, job, tools)
    names = learnt(event) if isinstance(event, PaymentUpdate) else ()
    return replace(end, orders=orders, calls=calls, payment_references=names)


def ended(state: State, outcome: str, error: Exception, job: Job) -> Settlement:
    reason = str(error)
    answer = error.answer if isinstance(error, Refused) else None
    works = isinstance(error, Refused) and error.pos  # it refused, so it is there
    return Settlement(
        state=state,
        reason=reason,
        sent=job.sent,
        attempts=(Attempt(outcome, reason, answer),),
        verdicts=(PosVerdict(works),) if works else (),
    )


def rests(error: Resting, job: Job) -> Settlement:
    """Not tried at all: due at once, but nothing is claimed for a POS that is paused."""
    return Settlement(
        state=State.WAITING,
        reason=str(error),
        failures=job.failures,
        sent=job.sent,
        pos=error.pos,
    )


def again(error: Unavailable, job: Job, tools: Tools) -> Settlement:
    """Later, by the backoff; a rejected key is no fault of the order and never gives it up."""
    now = tools.clock()
    failures = job.failures + 1
    over = given_up(job.since, now) and not error.key_rejected
    reason = f"{GAVE_UP}: {error}" if over else str(error)
    return Settlement(
        state=State.DEAD if over else State.WAITING,
        reason=reason,
        due_at=now + timedelta(seconds=wait(failures, tools.chance(), error.retry_after)),
        failures=failures,
        sent=job.sent or error.sent,
        pos=error.pos,
        attempts=(
            Attempt("ambiguous" if error.sent else "unavailable", reason, error.answer or None),
        ),
        verdicts=(PosVerdict(error.pos, reason, error.key_rejected, job.probe),)
        if error.pos
        else (),
    )


async def standing(
    error: Exception, event: Event | None, job: Job, tools: Tools
) -> tuple[tuple[OrderRecord, ...], tuple[str, ...]]:
    """The order's record, so that payments and cancellations know it is on its way."""
    if not isinstance(event, Order):
        return (), ()
    return await known(event, job, tools, refused=isinstance(error, Refused))
