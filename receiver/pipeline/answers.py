"""Answers to the platform: each a job of its own, so that none delays the POS.

What is kept of one is what is said and of which order; the call itself is made when it is given,
by the adapter, with the time then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from adapters.contract import Delivery, Order, OrderType, Outcome, Reason, Told, Unreadable
from receiver import oktopos
from receiver.inbox import search
from receiver.inbox.records import Answer, Attempt, Job, PosVerdict, Settlement, State, platform
from receiver.pipeline.tools import Tools
from receiver.settings.model import Connection

OVERTAKEN: Mapping[str, frozenset[str]] = {  # what is not said any more of an order in such a state
    "created": frozenset({"canceled", "denied"}),
    "ready": frozenset({"canceled"}),
}


def acceptance(
    order: Order,
    job: Job,
    connection: Connection,
    now: datetime,
    *when: Literal["on_pos", "on_receipt"],
) -> tuple[Answer, ...]:
    """What accepts the order, if the connection is set to do so at this moment."""
    if connection.accept not in when:
        return ()
    until = order.deadline or connection.deadline(job.delivery.received_at)
    told = Told("created", now)
    return packed(order, job.delivery, job.delivery_row, connection, told, until)


def packed(
    order: Order,
    delivery: Delivery,
    row: int,
    connection: Connection,
    told: Told,
    until: datetime | None = None,
) -> tuple[Answer, ...]:
    """One for each call that says it; none where the platform has no way to be told."""
    try:
        calls = connection.adapter.answer(delivery, order, told)
    except Unreadable:  # its bytes are no longer kept
        return ()
    said = {"outcome": told.outcome, "reason": told.reason, "order": remembered(order)}
    return tuple(
        Answer(
            call=json.dumps({"name": call.name, **said}),
            delivery=row,
            deadline=until,
            alarm_at=connection.alarm_at(until),
        )
        for call in calls
    )


def remembered(order: Order) -> Mapping[str, object]:
    """What answers are made from: none of it is anybody's data."""
    return {
        "order_id": order.order_id,
        "store_id": order.store_id,
        "order_type": order.order_type,
        "ready_at": order.ready_at and order.ready_at.isoformat(),
        "answering": dict(order.answering),
    }


def recalled(fields: Mapping[str, Any]) -> Order:
    """As much of the order as answers are made from."""
    ready_at = fields["ready_at"]
    return Order(
        order_id=fields["order_id"],
        store_id=fields["store_id"],
        display_id=None,
        order_type=OrderType(fields["order_type"]),
        lines=(),
        total=None,
        ready_at=datetime.fromisoformat(ready_at) if ready_at else None,
        answering=fields["answering"],
    )


def outcome_of(job: Job) -> Outcome | None:
    """What an answer says; None for a job that is none."""
    outcome: Outcome | None = json.loads(job.call)["outcome"] if job.answers and job.call else None
    return outcome


async def answer(job: Job, connection: Connection, tools: Tools) -> Settlement:
    """Gives one answer. Raises Unavailable, Refused, Held, Resting."""
    said = json.loads(job.call or "{}")
    order, outcome, reason = recalled(said["order"]), said["outcome"], said["reason"]
    if gone := await overtaken(order, outcome, connection, tools):
        return silent(f"the order is {gone} meanwhile")
    calls = connection.adapter.answer(job.delivery, order, telling(outcome, reason, tools))
    call = next((each for each in calls if each.name == said["name"]), None)
    if call is None:
        return silent("there is no call any more that would say so")
    peer = tools.ask(platform(connection.name), job)
    text = await tools.platforms.call(connection, call)
    return Settlement(
        state=State.DONE,
        reason=call.name,
        attempts=(Attempt(call.name, "", text),),
        verdicts=(PosVerdict(peer),),
    )


def telling(outcome: Outcome, reason: Reason, tools: Tools) -> Told:
    return Told(outcome, tools.clock(), reason)


async def overtaken(order: Order, outcome: str, connection: Connection, tools: Tools) -> str | None:
    """The state its order is in, where that is no longer what this answer is about."""
    if outcome not in OVERTAKEN:
        return None
    order_id = oktopos.order_id(connection.name, order.order_id)
    record = await tools.inbox.ask(lambda box: search.order(box, order_id))
    return record.state if record and record.state in OVERTAKEN[outcome] else None


def silent(why: str) -> Settlement:
    return Settlement(state=State.DONE, reason=why, attempts=(Attempt("not told", why),))
