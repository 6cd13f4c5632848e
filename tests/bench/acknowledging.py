"""How fast a delivery is acknowledged: many at once, and one alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from tests.bench import load
from tests.bench.boxes import boxes
from tests.bench.figures import MS, Figure, Goal, middle
from tests.bench.load import Load
from tests.bench.processes import elsewhere, receiver, stand_in
from tests.bench.scale import Scale

RATE = Goal(
    name="durable acknowledgement / bare", floor=0.40, aim=0.55, unit="", more_is_better=True
)
RATE_POSTGRESQL = Goal(
    name="the same on PostgreSQL", floor=0.45, aim=0.65, unit="", more_is_better=True
)
TAIL_POSTGRESQL = Goal(name="p99 of that", floor=60, aim=25, unit="ms")
TAIL = Goal(name="p99 of that, 64 connections", floor=60, aim=25, unit="ms")
ALONE = Goal(name="one connection: p50 minus fsync", floor=1.0, aim=0.5, unit="ms")

APPENDED = b"\0" * 4_120  # a page of SQLite's log
SYNCS = 200


def many(scale: Scale, folder: Path) -> Iterator[Figure]:
    """Everything on but the worker: verify, dedupe, delivery and job, metrics, logs."""
    yield from flooded(scale, folder, None, RATE, TAIL)


def many_postgresql(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The same on a PostgreSQL on this machine."""
    with boxes("postgresql", folder) as make:
        yield from flooded(scale, folder, make(), RATE_POSTGRESQL, TAIL_POSTGRESQL)


def flooded(
    scale: Scale, folder: Path, box: str | None, share: Goal, slowest: Goal
) -> Iterator[Figure]:
    with stand_in("bare", folder) as bare, receiver(folder, "--no-worker", box=box) as ours:
        ports = (bare.port, ours.port)
        least, kept = elsewhere(load.take_turns, ports, scale.rounds, scale.flood)
    check(kept)
    ratio = middle(k.rate / b.rate for k, b in zip(kept, least, strict=True))
    yield Figure(share, ratio, f"{rate(kept)} of {rate(least)}")
    measured = f"{p50(kept):.1f} ms p50; bare {p50(least):.1f} and {tail(least):.1f}"
    yield Figure(slowest, tail(kept), measured)


def alone(scale: Scale, folder: Path) -> Iterator[Figure]:
    with stand_in("bare", folder) as bare, receiver(folder, "--no-worker") as ours:
        before = elsewhere(fsync_seconds, folder)
        ports = (bare.port, ours.port)
        least, kept = elsewhere(load.take_turns, ports, scale.rounds, scale.alone, connections=1)
        fsync = middle((before, elsewhere(fsync_seconds, folder))) * MS
    check(kept)
    measured = f"{p50(kept):.2f} ms, fsync {fsync:.2f} ms, bare {p50(least):.2f} ms"
    yield Figure(ALONE, p50(kept) - fsync, measured)


def fsync_seconds(folder: Path) -> float:
    """The disk's own share: the median of appending a page to a file and having it stay."""
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        return middle(appended(file.fileno()) for _ in range(SYNCS))


def appended(file: int) -> float:
    start = time.perf_counter()
    os.write(file, APPENDED)
    os.fsync(file)
    return time.perf_counter() - start


def check(loads: Sequence[Load]) -> None:
    """A refusal is answered fast and must not pass for speed."""
    for one, number in zip(loads, count(1)):
        if set(one.statuses) != {b"200"}:
            raise RuntimeError(f"round {number} was answered {dict(one.statuses)}")


def rate(loads: Sequence[Load]) -> str:
    return f"{middle(one.rate for one in loads):,.0f}/s"


def p50(loads: Sequence[Load]) -> float:
    return middle(one.percentile(0.50) for one in loads) * MS


def tail(loads: Sequence[Load]) -> float:
    return middle(one.percentile(0.99) for one in loads) * MS
