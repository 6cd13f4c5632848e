"""Answers to the platform: each a job of its own, so that none delays the POS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from adapters.contract import Call, Event, Order, Outcome
from receiver.inbox.records import Attempt, Job, Settlement, State
from receiver.pipeline.tools import Tools
from receiver.settings.model import Connection


def acceptance(
    order: Order, job: Job, connection: Connection, *when: Literal["on_pos", "on_receipt"]
) -> tuple[str, ...]:
    """What accepts the order, if the connection is set to do so at this moment."""
    return packed(order, job, connection, "created") if connection.accept in when else ()


def denial(event: Event | None, job: Job, tools: Tools) -> tuple[str, ...]:
    """What the platform is told of an order that OktoPOS refused, where that is switched on."""
    connection = tools.connection(job)
    if not isinstance(event, Order) or not connection.deny:
        return ()
    return packed(event, job, connection, "refused")


def packed(order: Order, job: Job, connection: Connection, outcome: Outcome) -> tuple[str, ...]:
    calls = connection.adapter.answer(job.delivery, order, outcome)
    return tuple(json.dumps({**asdict(call), "done": sorted(call.done)}) for call in calls)


def unpacked(text: str) -> Call:
    fields: Mapping[str, Any] = json.loads(text)
    return Call(**{**fields, "done": frozenset(fields["done"])})


async def answer(job: Job, connection: Connection, tools: Tools) -> Settlement:
    """Performs one answer. Raises Unavailable, Refused, Held."""
    call = unpacked(job.call or "")
    said = await tools.platforms.call(connection, call)
    return Settlement(state=State.DONE, reason=call.name, attempts=(Attempt(call.name, "", said),))
