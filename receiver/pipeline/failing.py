"""What is done about each error of the line: four of them, and a POS that rests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from adapters.contract import Event, Order, PaymentUpdate, Unreadable
from receiver.errors import Held, NotYet, Refused, Unavailable, Unmapped
from receiver.inbox.articles import AWAITED
from receiver.inbox.records import Attempt, Job, PosVerdict, Settlement, State
from receiver.pipeline.deadlines import not_created, watched
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
    end = sorted_out(error, job, tools)
    if isinstance(event, Order):
        return await not_created(end, error, event, job, tools)
    if isinstance(event, PaymentUpdate):
        return replace(end, payment_references=learnt(event))
    if event is None:  # an answer, or nobody knows yet what it is
        risk, now = job.at_risk, tools.clock()
        return watched(end, job.deadline, job.alarm_at, now, at_risk=risk)
    return end


def sorted_out(
    error: Unreadable | Held | Refused | Unavailable | Resting, job: Job, tools: Tools
) -> Settlement:
    match error:
        case Unreadable():
            return ended(State.DEAD, "unreadable", error, job)
        case Unmapped():
            held = ended(State.HELD, "held", error, job)
            return replace(held, awaits=AWAITED, seen=error.seen)
        case Held():
            return ended(State.HELD, "held", error, job)
        case Refused():
            return ended(State.DEAD, "refused", error, job)
        case Resting():
            return rests(error, job)
        case Unavailable():
            return again(error, job, tools)


def ended(state: State, outcome: str, error: Exception, job: Job) -> Settlement:
    reason = str(error)
    answer = error.answer if isinstance(error, Refused) else None
    there = error.pos or peer(job) if isinstance(error, Refused) else None  # as it refused
    return Settlement(
        state=state,
        reason=reason,
        sent=job.sent,
        attempts=(Attempt(outcome, reason, answer),),
        verdicts=(PosVerdict(there),) if there else (),
    )


def peer(job: Job) -> str | None:
    """The platform, where that is who the job goes to."""
    return job.pos if job.answers else None


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
    given = gave_up(error, job, now)
    reason = f"{given}: {error}" if given else str(error)
    due_at = now + timedelta(seconds=pause_before(error, failures, tools.chance()))
    return Settlement(
        state=State.DEAD if given else State.WAITING,
        reason=reason,
        due_at=due_at,
        failures=failures,
        sent=job.sent or error.sent,
        pos=error.pos,
        attempts=(
            Attempt("ambiguous" if error.sent else "unavailable", reason, error.answer or None),
        ),
        verdicts=verdicts(error, reason, job),
    )


def pause_before(error: Unavailable, failures: int, chance: float) -> float:
    """Seconds until the next try."""
    if isinstance(error, NotYet):
        return error.every
    return wait(failures, chance, error.retry_after)


def gave_up(error: Unavailable, job: Job, now: datetime) -> str | None:
    """Why it is not tried again; None where it is."""
    if isinstance(error, NotYet):
        over = now - job.since >= timedelta(seconds=error.patience)
        return f"gave up after {error.patience / 60:.0f} minutes" if over else None
    return GAVE_UP if given_up(job.since, now) and not error.key_rejected else None


def verdicts(error: Unavailable, reason: str, job: Job) -> tuple[PosVerdict, ...]:
    """What it says of the POS; or of the platform, which works where it minds this call alone."""
    if error.pos:
        return (PosVerdict(error.pos, reason, error.key_rejected, job.probe),)
    if (name := peer(job)) is None:
        return ()
    return (PosVerdict(name, reason if error.platform else None, probe=job.probe),)
