"""How much more several workers on one PostgreSQL forward than one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from receiver.inbox.dialect import open_engine
from receiver.inbox.tables import workers as alive
from tests.bench.boxes import boxes
from tests.bench.figures import Figure, Goal, middle
from tests.bench.filling import Content, fill
from tests.bench.forwarding import created, per_second
from tests.bench.processes import START_SECONDS, stand_in, workers
from tests.bench.scale import Scale, room

COUNTS = (1, 2, 4)
MORE = {
    2: Goal(name="2 workers / 1, PostgreSQL", floor=1.0, aim=1.5, unit="x", more_is_better=True),
    4: Goal(name="4 workers / 1, PostgreSQL", floor=1.0, aim=2.0, unit="x", more_is_better=True),
}


def throughput(scale: Scale, folder: Path) -> Iterator[Figure]:
    """A box is filled at one moment beside idle workers; from the first order the till gets to
    the last."""
    rates: dict[int, list[float]] = {count: [] for count in COUNTS}
    with boxes("postgresql", folder) as make:
        for number in range(scale.rounds):
            for count, found in rates.items():
                place = room(folder, f"round{number} {count}")
                found.append(forwarded(count, scale.forwards, make(), place))
    one = middle(rates[1])
    for count, goal in MORE.items():
        share = middle(many / few for many, few in zip(rates[count], rates[1], strict=True))
        yield Figure(goal, share, f"{middle(rates[count]):,.0f}/s and {one:,.0f}/s")


def forwarded(count: int, orders: int, box: str, place: Path) -> float:
    """Orders a second."""
    with stand_in("till", place) as till, workers(place, count, till=till.port, box=box):
        wait_for_life(box, count)
        fill(box, Content(open=orders))
        return per_second(created(till, orders))


def wait_for_life(box: str, count: int) -> None:
    ends = time.monotonic() + START_SECONDS
    engine = open_engine(box, writes=False)
    while True:
        with engine.begin() as connection:
            found = connection.execute(select(func.count()).select_from(alive)).scalar_one()
        if found == count:
            break
        if time.monotonic() > ends:
            raise RuntimeError(f"only {found} of {count} workers are at work")
        time.sleep(0.05)
    engine.dispose()
