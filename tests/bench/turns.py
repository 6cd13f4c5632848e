"""One turn of a box, timed: a batch kept, as many claimed and settled, and a look around."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from adapters.deliveroo import GUID
from receiver.inbox import listing, search
from receiver.inbox.claim import claim
from receiver.inbox.dialect import open_engine, start_checkpoints
from receiver.inbox.keep import keep_many
from receiver.inbox.records import (
    Attempt,
    Ending,
    Incoming,
    Job,
    OrderRecord,
    Settlement,
    State,
    lane,
)
from receiver.inbox.settle import settle_many
from tests.bench.deliveries import CONNECTION, incoming
from tests.bench.figures import MS, Figure, Goal, middle
from tests.bench.filling import named, till

BATCH = 64

Work = Callable[[Connection], Any]
Took = Mapping[str, float]


@dataclass(slots=True)
class Box:
    """`took`: seconds of each thing that was done, by its name."""

    engine: Engine
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def do(self, name: str, work: Work) -> Any:
        """In a transaction of its own."""
        start = time.perf_counter()
        with self.engine.begin() as connection:
            found = work(connection)
        self.took[name].append(time.perf_counter() - start)
        return found


def compare(urls: Sequence[str], turns: int, tills: Sequence[int]) -> Sequence[Took]:
    """Median seconds of each thing in each of the boxes, in turns. Every batch goes to `tills`."""
    with ExitStack() as stack:
        found = [stack.enter_context(opened(url)) for url in urls]
        for _ in range(turns):
            batch = spread(incoming(BATCH), tills)
            for box in found:
                turn(box, batch)
        return [{name: middle(took) for name, took in box.took.items()} for box in found]


@contextmanager
def opened(url: str) -> Iterator[Box]:
    stop = start_checkpoints(url)
    engine = open_engine(url, writes=True)
    yield Box(engine)
    engine.dispose()
    stop()


def spread(batch: Sequence[Incoming], tills: Sequence[int]) -> list[Incoming]:
    """For those tills in turn."""
    goes = [till(tills[place % len(tills)]) for place in range(len(batch))]
    return [
        one._replace(pos=pos, lane=lane(one.connection, pos))
        for one, pos in zip(batch, goes, strict=True)
    ]


def turn(box: Box, batch: Sequence[Incoming]) -> None:
    now = datetime.now(UTC)
    box.do("keep", partial(keep_many, batch=batch))
    mine, _ = box.do("claim", partial(claim, worker="bench", limit=BATCH, now=now))
    box.do(
        "settle", lambda at: settle_many(at, [Ending(job, settlement(job), now) for job in mine])
    )
    order = settlement(mine[0]).orders[0]
    box.do("state", partial(listing.page, states=("held",)))
    box.do("name", partial(listing.page, text=order.order_id))
    box.do("payment", partial(search.orders_called, reference=order.platform_id))


def settlement(job: Job) -> Settlement:
    """As of an order that was created."""
    number = job.delivery.headers[GUID]
    order = OrderRecord(
        order_id=named(number),
        connection=CONNECTION.name,
        pos=job.pos or "",
        platform_id=f"de:{number}",
        state="created",
        created_at=job.delivery.received_at,
        internal_id=job.id,
        total=5_360,
        tip=0,
        delivery=job.delivery_row,
        references=(named(number), f"de:{number}"),
    )
    step = Attempt("created", order.order_id)
    return Settlement(state=State.DONE, attempts=(step,), orders=(order,))


def ratio(name: str, alone: float, beside: float) -> Figure:
    """Of what it takes to what it takes in a box that holds nothing else."""
    goal = Goal(name=name, floor=1.5, aim=1.1, unit="x")
    return Figure(goal, beside / alone, f"{beside * MS:.2f} ms and {alone * MS:.2f} ms")
