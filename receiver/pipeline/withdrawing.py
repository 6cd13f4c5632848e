"""An order cancelled by the restaurant: at OktoPOS and at its platform, as an operator asks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as Box

from adapters.contract import Cancellation, Outcome, Reason, Told
from receiver.inbox import operate, search, settle
from receiver.inbox.records import Answer, OrderRecord
from receiver.pipeline.answers import packed, recalled
from receiver.pipeline.orders import OPERATOR, pack
from receiver.settings.model import Connection, Settings


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What is done about one order; `begun` is False where there is nothing to cancel any more."""

    order_id: str
    was: str
    begun: bool
    told: bool = False  # its platform will be, as it has a call for that


def withdraw(
    box: Box, settings: Settings, job_id: int, reason: Reason, now: datetime
) -> Sequence[Withdrawn]:
    """Begins it for every order that the job's delivery brought; the worker does the rest."""
    return [begin(box, settings, record, reason, now) for record in search.orders_of(box, job_id)]


def begin(
    box: Box, settings: Settings, record: OrderRecord, reason: Reason, now: datetime
) -> Withdrawn:
    if record.state in ("canceled", "denied") or record.cancellation or record.delivery is None:
        return Withdrawn(record.order_id, record.state, begun=False)
    asked = Cancellation(
        order_id=record.platform_id, at=now, by=OPERATOR, reason=reason.replace("_", " ")
    )
    operate.add_order_job(box, record, pack(asked), now)
    connection = settings.connections.get(record.connection)
    said = answers(box, connection, record, reason, now) if connection else ()
    settle.add(box, said, of=record.connection, queue=record.order_id, now=now)
    return Withdrawn(record.order_id, record.state, begun=True, told=bool(said))


def answers(
    box: Box, connection: Connection, record: OrderRecord, reason: Reason, now: datetime
) -> tuple[Answer, ...]:
    """An order that still waits to be accepted is refused; what was accepted is withdrawn."""
    row = record.delivery or 0
    delivery = search.delivery_of(box, row)
    if delivery is None or not connection.answers or not record.answering:
        return ()
    waits = record.state != "created" and connection.accept == "on_pos"
    outcome: Outcome = "refused" if waits else "withdrawn"
    order = recalled(json.loads(record.answering))
    return packed(order, delivery, row, connection, Told(outcome, now, reason))
