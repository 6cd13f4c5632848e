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

    @property
    def text(self) -> str:
        if not self.begun:
            return f"{self.order_id}: it is {self.was} already, or about to be canceled"
        if self.told:
            return f"{self.order_id}: is being canceled, its platform is told"
        return f"{self.order_id}: is being canceled at OktoPOS; cancel it at its platform yourself"


@dataclass(frozen=True, slots=True)
class Plan:
    """How one order would be withdrawn."""

    record: OrderRecord
    begins: bool
    said: tuple[Answer, ...] = ()  # to its platform
    untold: str | None = None  # why nothing is


def withdraw(
    box: Box, settings: Settings, job_id: int, reason: Reason, now: datetime
) -> Sequence[Withdrawn]:
    """Begins it for every order that the job's delivery brought; the worker does the rest."""
    return [begin(box, plan, reason, now) for plan in plans(box, settings, job_id, reason, now)]


def plans(
    box: Box, settings: Settings, job_id: int, reason: Reason, now: datetime
) -> Sequence[Plan]:
    """What withdrawing would do; nothing is done yet."""
    orders = search.orders_of(box, job_id)
    return [plan(box, settings, record, reason, now) for record in orders]


def plan(box: Box, settings: Settings, record: OrderRecord, reason: Reason, now: datetime) -> Plan:
    over = record.state in ("canceled", "denied") or record.cancellation or record.delivery is None
    if over or search.asked_for(box, record.order_id):  # a button may be pressed twice
        return Plan(record, begins=False)
    connection = settings.connections.get(record.connection)
    if connection is None:
        return Plan(record, begins=True, untold=f"{record.connection} is no longer set up")
    said = answers(box, connection, record, reason, now)
    return Plan(record, begins=True, said=said, untold=None if said else untold(connection))


def untold(connection: Connection) -> str:
    """Why a platform is not told of a cancellation."""
    if connection.answers:
        return f"{connection.intermediary} takes no cancellation of this order from us"
    return f"connections.{connection.name} has no credentials to call {connection.intermediary}"


def begin(box: Box, planned: Plan, reason: Reason, now: datetime) -> Withdrawn:
    record = planned.record
    if not planned.begins:
        return Withdrawn(record.order_id, record.state, begun=False)
    asked = Cancellation(
        order_id=record.platform_id, at=now, by=OPERATOR, reason=reason.replace("_", " ")
    )
    operate.add_order_job(box, record, pack(asked), now)
    settle.add(box, planned.said, of=record.connection, queue=record.order_id, now=now)
    return Withdrawn(record.order_id, record.state, begun=True, told=bool(planned.said))


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
