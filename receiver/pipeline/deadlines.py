"""Orders that are not at OktoPOS yet: what is known of them, and what is done in good time.

A platform waits for an order to be accepted, each for so long. Whatever keeps an order from the
till is woken a margin before that time and tried once more; if it fails again, the order is denied
where it may be, and else an alarm is raised. An order that may stand at OktoPOS is never denied.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from adapters.contract import Order, Outcome, Reason, Told
from receiver.errors import Refused, Unmapped
from receiver.inbox import search
from receiver.inbox.records import Answer, Attempt, Job, OrderRecord, Settlement, State
from receiver.pipeline.answers import acceptance, packed
from receiver.pipeline.orders import expected, known_as, recorded
from receiver.pipeline.tools import Tools
from receiver.settings.model import Connection

OPEN = (State.WAITING, State.HELD)
AT_RISK = "at_risk"  # the outcome of the step that raises the alarm


async def not_created(
    end: Settlement, error: Exception, order: Order, job: Job, tools: Tools
) -> Settlement:
    """How a job ends whose order could not be created: its record, and who is told of it."""
    connection, now = tools.connection(job), tools.clock()
    before = await recorded(order.order_id, connection, tools)
    if before and before.state not in ("expected", "refused"):
        return end
    until = order.deadline or connection.deadline(job.delivery.received_at)
    record = known_as(before or unseen(order, job, connection), order, job)
    end = watched(end, until, connection.alarm_at(until), now, at_risk=job.at_risk)
    if await deniable(end, error, record, job, tools) and (
        said := denial(order, error, job, connection, now)
    ):
        return denied(end, record, said)
    if not record.pos:  # nobody knows yet where it goes
        return end
    seen = before is not None and before.delivery == job.delivery_row
    if isinstance(error, Refused):
        return replace(end, orders=(replace(record, state="refused"),))
    calls = () if seen else acceptance(order, job, connection, now, "on_receipt")
    return replace(end, orders=(record,), calls=calls)


def unseen(order: Order, job: Job, connection: Connection) -> OrderRecord:
    return expected(order, connection, connection.pos_name(order.store_id) or "", job)


def watched(
    end: Settlement,
    deadline: datetime | None,
    alarm_at: datetime | None,
    now: datetime,
    *,
    at_risk: bool,
) -> Settlement:
    """Woken for its alarm; or that is raised now, once."""
    if end.state not in OPEN or deadline is None or alarm_at is None:
        return end
    if at_risk:
        return replace(end, deadline=deadline, at_risk=True)
    if now < alarm_at:
        return replace(end, deadline=deadline, alarm_at=alarm_at)
    step = Attempt(AT_RISK, f"to be accepted until {deadline:%H:%M:%S} UTC: {end.reason}")
    return replace(end, deadline=deadline, at_risk=True, attempts=(*end.attempts, step))


def raised(end: Settlement) -> bool:
    """Whether the alarm is raised by this very settlement."""
    return any(step.outcome == AT_RISK for step in end.attempts)


async def deniable(
    end: Settlement, error: Exception, record: OrderRecord, job: Job, tools: Tools
) -> bool:
    """Refused for good, or late and still waited for; but not if it may stand at OktoPOS."""
    connection = tools.connection(job)
    if not connection.deny or record.cancellation:
        return False
    if isinstance(error, Refused):
        return True
    if not raised(end) or connection.accept != "on_pos" or job.sent or end.sent:
        return False
    return not await tools.inbox.read(lambda box: search.given_up_unsure(box, job.queue))


def denial(
    order: Order, error: Exception, job: Job, connection: Connection, now: datetime
) -> tuple[Answer, ...]:
    """What the platform is told. An order that was accepted at first sight is cancelled, where the
    platform has a call for that."""
    outcomes: tuple[Outcome, ...] = ("refused",)
    if connection.accept == "on_receipt":
        outcomes = ("withdrawn", "refused")
    reason: Reason = "item_unavailable" if isinstance(error, Unmapped) else "technical"
    for outcome in outcomes:
        told = Told(outcome, now, reason)
        if said := packed(order, job.delivery, job.delivery_row, connection, told):
            return said
    return ()


def denied(end: Settlement, record: OrderRecord, said: tuple[Answer, ...]) -> Settlement:
    """Given up, so that it is never created: not by a repeat, not by hand."""
    steps = tuple(step for step in end.attempts if step.outcome != AT_RISK)
    return replace(
        end,
        state=State.DEAD,
        reason=f"denied: {end.reason}",
        due_at=None,
        at_risk=False,
        attempts=(*steps, Attempt("denied", "the platform is told; it will not be created")),
        orders=(replace(record, state="denied"),),
        calls=said,
    )
