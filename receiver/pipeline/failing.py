"""What is done about each error of the line: four of them, and a POS that rests."""

from __future__ import annotations

from datetime import timedelta

from adapters.contract import Event, Order, Unreadable
from receiver.errors import Held, Refused, Unavailable
from receiver.inbox.records import Attempt, Job, OrderRecord, PosVerdict, Settlement, State
from receiver.pipeline.answers import denial
from receiver.pipeline.orders import known
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
    orders = await standing(error, event, job, tools)
    match error:
        case Unreadable():
            return ended(State.DEAD, "unreadable", error, orders, job)
        case Held():
            return ended(State.HELD, "held", error, orders, job)
        case Refused():
            calls = denial(event, job, tools)
            return ended(State.DEAD, "refused", error, orders, job, calls=calls)
        case Resting():
            return Settlement(
                state=State.WAITING,
                reason=str(error),
                failures=job.failures,
                sent=job.sent,
                pos=error.pos,
                orders=orders,
            )
        case Unavailable():
            return again(error, orders, job, tools)


def ended(
    state: State,
    outcome: str,
    error: Exception,
    orders: tuple[OrderRecord, ...],
    job: Job,
    *,
    calls: tuple[str, ...] = (),
) -> Settlement:
    reason = str(error)
    answer = error.answer if isinstance(error, Refused) else None
    verdicts = (PosVerdict(orders[0].pos),) if isinstance(error, Refused) and orders else ()
    return Settlement(
        state=state,
        reason=reason,
        sent=job.sent,
        attempts=(Attempt(outcome, reason, answer),),
        orders=orders,
        verdicts=verdicts,
        calls=calls,
    )


def again(
    error: Unavailable, orders: tuple[OrderRecord, ...], job: Job, tools: Tools
) -> Settlement:
    """Later, by the backoff; a rejected key is no fault of the order and never gives it up."""
    now = tools.clock()
    failures = job.failures + 1
    over = given_up(job.since, now) and not error.key_rejected
    reason = f"{GAVE_UP}: {error}" if over else str(error)
    outcome = "ambiguous" if error.sent else "unavailable"
    pos = error.pos
    return Settlement(
        state=State.DEAD if over else State.WAITING,
        reason=reason,
        due_at=now + timedelta(seconds=wait(failures, tools.chance(), error.retry_after)),
        failures=failures,
        sent=job.sent or error.sent,
        pos=pos,
        attempts=(Attempt(outcome, reason, error.answer or None),),
        orders=orders,
        verdicts=(PosVerdict(pos, reason, error.key_rejected, job.probe),) if pos else (),
    )


async def standing(
    error: Exception, event: Event | None, job: Job, tools: Tools
) -> tuple[OrderRecord, ...]:
    """The order's record, so that payments and cancellations know it is on its way."""
    if not isinstance(event, Order):
        return ()
    return await known(event, job, tools, refused=isinstance(error, Refused))
