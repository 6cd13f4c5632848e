"""How long an acknowledgement takes beside forwarding, against how long without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

from tests.bench import load
from tests.bench.acknowledging import check, tail
from tests.bench.boxes import Make, boxes
from tests.bench.figures import Figure, Goal, middle
from tests.bench.load import Load
from tests.bench.processes import NOWHERE, Server, elsewhere, receiver, stand_in, workers
from tests.bench.scale import Scale, room
from tests.bench.sharing import wait_for_life

TOGETHER = Goal(name="p99 at 500/s, forwarding / not", floor=3.0, aim=1.3, unit="x")
APART = Goal(name="the same on PostgreSQL, the worker apart", floor=3.0, aim=1.3, unit="x")

PER_SECOND = 500.0

Serving: TypeAlias = Callable[[Path, int | None], AbstractContextManager[Server]]
"""A receiver whose files are in a folder, on a new box; it forwards to a till at that port, or
not at all."""


def together(scale: Scale, folder: Path) -> Iterator[Figure]:
    """Web and worker in one process, on an SQLite file."""
    yield compared(scale, folder, TOGETHER, in_one)


def apart(scale: Scale, folder: Path) -> Iterator[Figure]:
    """A process each, on a PostgreSQL on this machine."""
    with boxes("postgresql", folder) as make:
        yield compared(scale, folder, APART, in_two(make))


def compared(scale: Scale, folder: Path, goal: Goal, serving: Serving) -> Figure:
    """In turns, each time in a process and a box of its own: the other would not be idle."""
    forwarding: list[Load] = []
    resting: list[Load] = []
    shares: list[float] = []
    for number in range(scale.rounds):
        with serving(room(folder, f"rest{number}"), None) as ours:
            resting.append(steady(ours.port, scale))
        place = room(folder, f"work{number}")
        with stand_in("till", place) as till, serving(place, till.port) as ours:
            forwarding.append(steady(ours.port, scale))
            shares.append(till.ask("/count") / len(forwarding[-1].waits))
    check([*forwarding, *resting])
    measured = f"{tail(forwarding):.1f} ms and {tail(resting):.1f} ms"
    ratio = tail(forwarding) / tail(resting)
    return Figure(goal, ratio, f"{measured}; {middle(shares):.0%} forwarded meanwhile")


@contextmanager
def in_one(place: Path, till: int | None) -> Iterator[Server]:
    options = () if till else ("--no-worker",)
    with receiver(place, *options, till=till or NOWHERE) as ours:
        yield ours


def in_two(make: Make) -> Serving:
    @contextmanager
    def serving(place: Path, till: int | None) -> Iterator[Server]:
        box, count = make(), 1 if till else 0
        with (
            receiver(place, "--no-worker", box=box) as ours,
            workers(place, count, till=till or NOWHERE, box=box),
        ):
            wait_for_life(box, count)
            yield ours

    return serving


def steady(port: int, scale: Scale) -> Load:
    elsewhere(load.pace, port, 100, 100.0)
    return elsewhere(load.pace, port, int(scale.beside_seconds * PER_SECOND), PER_SECOND)
