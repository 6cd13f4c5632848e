"""The line, right of the bar, for one delivery:

    claim > parse <> fetch > map > forward > answer the platform > settle

`process` takes what the worker claimed and returns what is to be settled. It changes nothing
itself: every effect, on the order, on the POS, on the job, is in the settlement and is written in
one transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from adapters.contract import (
    Cancellation,
    Event,
    Fetch,
    Ignored,
    Order,
    PaymentUpdate,
    Unreadable,
)
from receiver.errors import Held, Refused, Unavailable
from receiver.inbox.records import Attempt, Job, Settlement, State
from receiver.pipeline.answers import answer
from receiver.pipeline.failing import failed
from receiver.pipeline.orders import cancel, forward
from receiver.pipeline.payments import tell
from receiver.pipeline.tools import Resting, Tools
from receiver.settings.model import Connection

ROUNDS = 5  # a platform whose order needs more fetches than this is not understood


async def process(job: Job, tools: Tools) -> Settlement:
    """One claimed job, from its bytes to how it ends for now."""
    try:
        connection = tools.connection(job)
        if job.call is not None:
            return await answer(job, connection, tools)
        events = await read(job, connection, tools)
    except (Unreadable, Held, Refused, Unavailable) as error:
        return await failed(error, job, tools)
    return combine(await perform_all(events, job, connection, tools))


async def perform_all(
    events: Sequence[Event], job: Job, connection: Connection, tools: Tools
) -> Sequence[Settlement]:
    """One after the other. The payment of an order that does not stand yet is left to the next
    turn of this very job: it would wait for what it comes with."""
    ends: list[Settlement] = []
    unfinished: set[str | None] = set()
    for event in events:
        if isinstance(event, PaymentUpdate) and event.reference in unfinished:
            continue
        end = await perform(event, job, connection, tools)
        if isinstance(event, Order) and end.state is not State.DONE:
            unfinished.add(event.order_id)
        ends.append(end)
    return ends


async def read(job: Job, connection: Connection, tools: Tools) -> Sequence[Event]:
    """Parse, fetch what it asks for, parse again: until the events are whole."""
    fetched: dict[str, bytes] = {}
    for _ in range(ROUNDS):
        events = connection.adapter.parse(job.delivery, fetched)
        wanted = [event for event in events if isinstance(event, Fetch)]
        if not wanted:
            return events
        for fetch in wanted:
            fetched[fetch.name] = await tools.platforms.fetch(connection, fetch)
    raise Unreadable(f"still asks for {wanted[0].name} after {ROUNDS} fetches")


async def perform(event: Event, job: Job, connection: Connection, tools: Tools) -> Settlement:
    """Map and forward one event; each ends for itself, so that one spoils no other."""
    try:
        match event:
            case Order():
                return await forward(event, job, connection, tools)
            case Cancellation():
                return await cancel(event, job, connection, tools)
            case PaymentUpdate():
                return await tell(event, job, connection, tools)
            case Ignored():
                return ignored(event)
            case Fetch():
                raise Unreadable(f"{event.name} was fetched and is asked for again")
            case _:
                assert_never(event)
    except (Unreadable, Held, Refused, Unavailable, Resting) as error:
        return await failed(error, job, tools, event)


def ignored(event: Ignored) -> Settlement:
    reason = ": ".join(filter(None, (event.event_type, event.reason)))
    outcome = "alert" if event.alert else "ignored"
    return Settlement(state=State.IGNORED, reason=reason, attempts=(Attempt(outcome, reason),))


URGENCY = (
    State.READY,  # goes to another queue
    State.WAITING,
    State.HELD,
    State.DEAD,
    State.DONE,
    State.IGNORED,
)


def combine(ends: Sequence[Settlement]) -> Settlement:
    """How a delivery of several events ends: as the one that still needs most."""
    if not ends:
        return Settlement(state=State.IGNORED, reason="nothing in it")
    if len(ends) == 1:
        return ends[0]
    first = min(ends, key=lambda end: URGENCY.index(end.state))
    due = [end.due_at for end in ends if end.due_at and end.state is first.state]
    return Settlement(
        state=first.state,
        reason=first.reason,
        due_at=min(due, default=None),
        failures=first.failures,
        sent=any(end.sent for end in ends),
        pos=first.pos,
        queue=first.queue,
        awaits=first.awaits,
        tills=first.tills,
        seen=first.seen,
        attempts=tuple(step for end in ends for step in end.attempts),
        orders=tuple(order for end in ends for order in end.orders),
        payments=tuple(payment for end in ends for payment in end.payments),
        payment_references=tuple(pair for end in ends for pair in end.payment_references),
        verdicts=tuple(verdict for end in ends for verdict in end.verdicts),
        calls=tuple(call for end in ends for call in end.calls),
        wakes_queue=any(end.wakes_queue for end in ends),
    )
