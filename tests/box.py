"""The box without a line around it: what goes in, and single transactions on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select

from adapters.contract import Delivery
from receiver.inbox import claim, keep, lease, settle, verdicts
from receiver.inbox.dialect import open_engine
from receiver.inbox.keep import keep_many
from receiver.inbox.records import (
    Answer,
    Ending,
    Incoming,
    Job,
    OrderRecord,
    PaymentRecord,
    PosState,
    PosVerdict,
    Settlement,
    State,
    ms,
)
from receiver.inbox.tables import jobs, metadata

T = TypeVar("T")
NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
DONE = Settlement(state=State.DONE)
HELD = Settlement(state=State.HELD, reason="an operator must look")
Row = dict[str, Any]
NOBODY: Mapping[str, int] = {}


def later(**by: float) -> datetime:
    return NOW + timedelta(**by)


def delivered(connection: str = "plain", at: datetime = NOW, body: bytes = b"{}") -> Delivery:
    url = f"https://receiver.example/webhooks/{connection}"
    return Delivery("POST", url, "", {"x-plain": "00"}, body, at)


def incoming(
    delivery_id: str,
    queue: str | None = None,
    *,
    connection: str = "plain",
    pos: str | None = "mitte",
    overtakes: bool = False,
    at: datetime = NOW,
    body: bytes = b"{}",
    deadline: datetime | None = None,
    alarm_at: datetime | None = None,
) -> Incoming:
    """A delivery; without a queue it has one of its own."""
    return keep.incoming(
        delivered(connection, at, body),
        connection=connection,
        delivery_id=delivery_id,
        queue=queue or delivery_id,
        pos=pos,
        overtakes=overtakes,
        allowed=ms(deadline) - ms(at) if deadline else None,
        margin=ms(deadline) - ms(alarm_at) if deadline and alarm_at else 0,
    )


@dataclass(slots=True)
class Box:
    """Each call is one transaction of its own."""

    engine: Engine

    def do(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    def keep(self, *batch: Incoming) -> list[bool]:
        return list(self.do(lambda box: keep_many(box, batch)))

    def claim(
        self,
        worker: str = "me",
        *,
        limit: int = 100,
        now: datetime = NOW,
        under_way: Mapping[str, int] = NOBODY,
    ) -> list[Job]:
        return self.look(worker, limit=limit, now=now, under_way=under_way)[0]

    def look(
        self, worker: str, *, limit: int, now: datetime, under_way: Mapping[str, int] = NOBODY
    ) -> tuple[list[Job], dict[str, PosState]]:
        work = partial(claim.claim, worker=worker, limit=limit, now=now, under_way=under_way)
        return self.do(work)

    def one(self, worker: str = "me", *, now: datetime = NOW) -> Job:
        (job,) = self.claim(worker, now=now)
        return job

    def settle(self, job: Job, settlement: Settlement = DONE, *, now: datetime = NOW) -> bool:
        return self.do(lambda box: settle.settle_many(box, [Ending(job, settlement, now)])[0].ours)

    def beat(self, worker: str = "me", *, now: datetime = NOW, alone: bool = False) -> int:
        return self.do(partial(lease.heartbeat, worker=worker, now=now, alone=alone))

    def judge(self, verdict: PosVerdict, *, now: datetime = NOW) -> None:
        self.do(partial(verdicts.judge, verdict=verdict, now=now))

    def rows(self, table: str) -> list[Row]:
        """All of a table, by its key."""
        found = metadata.tables[table]
        query = select(found).order_by(*found.primary_key)
        return [dict(row) for row in self.do(lambda box: box.execute(query).mappings().all())]

    def row(self, job: Job) -> Row:
        query = select(jobs).where(jobs.c.id == job.id)
        return dict(self.do(lambda box: box.execute(query).mappings().one()))

    def everything(self) -> Mapping[str, list[Row]]:
        return {table: self.rows(table) for table in metadata.tables}


@contextmanager
def opened(url: str) -> Iterator[Box]:
    """The migrated box at `url`."""
    engine = open_engine(url, writes=True)
    try:
        yield Box(engine)
    finally:
        engine.dispose()


def queues(found: Sequence[Job]) -> list[str]:
    return [job.queue for job in found]


def order_record(order_id: str = "plain:o1", **changes: Any) -> OrderRecord:
    known = {
        "connection": "plain",
        "pos": "mitte",
        "platform_id": "o1",
        "state": "created",
        "created_at": NOW,
        "references": (order_id, "O1"),
    }
    return OrderRecord(order_id=order_id, **{**known, **changes})


def payment_record(order_id: str = "plain:o1", **changes: Any) -> PaymentRecord:
    known = {"pos": "mitte", "status": "paid", "at": NOW, "reversal": False}
    return PaymentRecord(order_id=order_id, **{**known, **changes})


def call(name: str) -> Answer:
    return Answer(call=json.dumps({"name": name}))
