"""What keeping and claiming cost when much is kept already, against an empty box."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, update

from receiver.inbox.claim import claim
from receiver.inbox.dialect import open_engine, start_checkpoints
from receiver.inbox.keep import keep_many
from receiver.inbox.migrate import migrate
from receiver.inbox.records import Attempt, Settlement, State
from receiver.inbox.settle import settle
from receiver.inbox.tables import jobs
from tests.bench.deliveries import incoming
from tests.bench.figures import MS, Figure, Goal, middle
from tests.bench.processes import elsewhere
from tests.bench.scale import Scale

KEEP = Goal(name="keep with {rows:,} rows / empty", floor=1.5, aim=1.1, unit="x")
CLAIM = Goal(name="claim with {rows:,} rows / empty", floor=1.5, aim=1.1, unit="x")

BATCH = 64
TURNS = 60
AT_ONCE = 512
DONE = Settlement(state=State.DONE, attempts=(Attempt("created", ""),))


@dataclass(slots=True)
class Box:
    engine: Engine
    keeping: list[float] = field(default_factory=list)  # seconds a batch
    claiming: list[float] = field(default_factory=list)


def growth(scale: Scale, folder: Path) -> Iterator[Figure]:
    empty, full = elsewhere(compare, folder, scale.rows)
    for goal, place in ((KEEP, 0), (CLAIM, 1)):
        few, many = empty[place] * MS, full[place] * MS
        named = Goal(
            name=goal.name.format(rows=scale.rows), floor=goal.floor, aim=goal.aim, unit="x"
        )
        yield Figure(named, many / few, f"{many:.2f} ms and {few:.2f} ms for {BATCH}")


def compare(folder: Path, rows: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Median seconds to keep and to claim a batch: in an empty box, in a full one."""
    urls = [f"sqlite:///{folder / name}.db" for name in ("empty", "full")]
    for url in urls:
        migrate(url)
    stops = [start_checkpoints(url) for url in urls]
    empty, full = (Box(open_engine(url, writes=True)) for url in urls)
    fill(full.engine, rows)
    for _ in range(TURNS):
        turn(empty)
        turn(full)
    for box, stop in zip((empty, full), stops, strict=True):
        box.engine.dispose()
        stop()
    return medians(empty), medians(full)


def medians(box: Box) -> tuple[float, float]:
    return middle(box.keeping), middle(box.claiming)


def turn(box: Box) -> None:
    """Keeps a batch, claims it and settles it, each in a transaction of its own."""
    batch = incoming(BATCH)
    start = time.perf_counter()
    with box.engine.begin() as connection:
        keep_many(connection, batch)
    kept = time.perf_counter()
    now = datetime.now(UTC)
    with box.engine.begin() as connection:
        mine, _ = claim(connection, worker="bench", limit=BATCH, now=now)
    box.keeping.append(kept - start)
    box.claiming.append(time.perf_counter() - kept)
    with box.engine.begin() as connection:
        for job in mine:
            settle(connection, job, DONE, now)


def fill(engine: Engine, rows: int) -> None:
    """With what was kept and done before."""
    for start in range(0, rows, AT_ONCE):
        batch = incoming(min(AT_ONCE, rows - start))
        with engine.begin() as connection:
            keep_many(connection, batch)
            connection.execute(
                update(jobs).where(jobs.c.state == "ready").values(state=str(State.DONE))
            )
