"""What the box costs when it is full, against an empty one: keeping, claiming, looking things up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from adapters.deliveroo import GUID
from receiver.inbox import search
from receiver.inbox.claim import anything, claim
from receiver.inbox.dialect import open_engine, start_checkpoints
from receiver.inbox.keep import keep_many
from receiver.inbox.records import Attempt, Incoming, Job, OrderRecord, Settlement, State
from receiver.inbox.settle import settle
from tests.bench.boxes import ENGINES, NAMES, boxes
from tests.bench.deliveries import CONNECTION, incoming
from tests.bench.figures import MS, Figure, Goal, middle
from tests.bench.filling import Content, fill, till
from tests.bench.processes import elsewhere
from tests.bench.scale import Scale

BATCH = 64
TURNS = 60
TILLS = 50  # of a full box; each batch is for two of them
NOBODY: Mapping[str, int] = {}
MEASURED = {
    "keep": f"keep {BATCH}",
    "claim": f"claim {BATCH}",
    "settle": f"settle {BATCH}",
    "look": "an idle look",
    "held": "list what is held",
    "text": "find an order by its id",
    "reference": "an order by its payment's reference",
    "unseen": "unseen",
    "counts": "counts",
    "risk": "risk",
}

Work = Callable[[Connection], Any]
Took = Mapping[str, float]


@dataclass(slots=True)
class Box:
    """`took`: seconds of each thing that was done, by its name."""

    engine: Engine
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def do(self, name: str, work: Work) -> Any:
        start = time.perf_counter()
        with self.engine.begin() as connection:
            found = work(connection)
        self.took[name].append(time.perf_counter() - start)
        return found


def growth(scale: Scale, folder: Path) -> Iterator[Figure]:
    return grown("sqlite", scale.rows, folder)


def scale(scale: Scale, folder: Path) -> Iterator[Figure]:
    for engine in ENGINES:
        yield from grown(engine, scale.rows, folder)


def grown(engine: str, rows: int, folder: Path) -> Iterator[Figure]:
    content = Content(kept=rows, open=rows // 10, queues=max(1, rows // 100), tills=TILLS)
    with boxes(engine, folder) as make:
        empty, full = elsewhere(compare, make(), make(), content)
    for name, said in MEASURED.items():
        few, many = empty[name] * MS, full[name] * MS
        goal = Goal(
            name=f"{said}: {NAMES[engine]}, {rows:,} kept / empty", floor=1.5, aim=1.1, unit="x"
        )
        yield Figure(goal, many / few, f"{many:.2f} ms and {few:.2f} ms")


def compare(empty_url: str, full_url: str, content: Content) -> tuple[Took, Took]:
    """Median seconds of each thing: in an empty box, in a full one."""
    fill(full_url, content)
    stops = [start_checkpoints(url) for url in (empty_url, full_url)]
    pair = [Box(open_engine(url, writes=True)) for url in (empty_url, full_url)]
    for _ in range(TURNS):
        batch = spread(incoming(BATCH))
        for box in pair:
            turn(box, batch)
    for box, stop in zip(pair, stops, strict=True):
        box.engine.dispose()
        stop()
    empty, full = ({name: middle(took) for name, took in box.took.items()} for box in pair)
    return empty, full


def spread(batch: Sequence[Incoming]) -> list[Incoming]:
    return [replace(one, pos=till(place % 2)) for place, one in enumerate(batch)]


def turn(box: Box, batch: Sequence[Incoming]) -> None:
    """Keeps a batch, claims as many and settles them, and looks around, each in a transaction."""
    now = datetime.now(UTC)
    box.do("keep", partial(keep_many, batch=batch))
    mine, _ = box.do("claim", partial(claim, worker="bench", limit=BATCH, now=now))
    box.do("settle", lambda at: [settle(at, job, settlement(job), now) for job in mine])
    box.do("look", partial(anything, now=now, under_way=NOBODY))
    look_around(box, mine[0], now)


def look_around(box: Box, job: Job, now: datetime) -> None:
    order = settlement(job).orders[0]
    box.do("held", partial(search.listing, states=("held",)))
    box.do("text", partial(search.listing, text=order.order_id))
    box.do("reference", partial(search.orders_called, reference=order.platform_id))
    box.do("unseen", partial(search.unseen, until=now))
    box.do("counts", search.counts)
    box.do("risk", search.at_risk)


def settlement(job: Job) -> Settlement:
    """As of an order that was created."""
    number = job.delivery.headers[GUID]
    order = OrderRecord(
        order_id=f"{CONNECTION.name}:de:{number}",
        connection=CONNECTION.name,
        pos=job.pos or "",
        platform_id=f"de:{number}",
        state="created",
        created_at=job.delivery.received_at,
        internal_id=job.id,
        total=5_360,
        tip=0,
        delivery=job.delivery_row,
        references=(f"{CONNECTION.name}:de:{number}", f"de:{number}"),
    )
    return Settlement(
        state=State.DONE, attempts=(Attempt("created", order.order_id),), orders=(order,)
    )
