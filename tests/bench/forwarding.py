"""How fast the worker forwards: as many as it can, and how soon after the acknowledgement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from tests.bench import load
from tests.bench.acknowledging import check
from tests.bench.deliveries import till_bodies
from tests.bench.figures import MS, Figure, Goal, middle, percentile
from tests.bench.processes import Server, elsewhere, receiver, stand_in
from tests.bench.scale import Scale, room

FORWARD = Goal(
    name="forwarding / bare httpx loop", floor=0.6, aim=0.8, unit="", more_is_better=True
)
SOON = Goal(name="acknowledged to created, 20/s: p50", floor=100, aim=30, unit="ms")
LATE = Goal(name="acknowledged to created, 20/s: p99", floor=1000, aim=200, unit="ms")

AT_ONCE = 8
LIGHT = 20.0  # a second
PATIENCE = 120.0


def throughput(scale: Scale, folder: Path) -> Iterator[Figure]:
    """A box full of kept deliveries against the same bodies from an httpx loop, in turns."""
    ours: list[float] = []
    loop: list[float] = []
    for number in range(scale.rounds):
        place = room(folder, f"round{number}")
        with receiver(place, "--no-worker") as web:
            check([elsewhere(load.flood_with, web.port, scale.forwards)])
        with stand_in("till", place) as till:
            with receiver(place, till=till.port):
                ours.append(per_second(created(till, scale.forwards)))
            loop.append(elsewhere(httpx_rate, till.port, scale.forwards))
    ratio = middle(our / plain for our, plain in zip(ours, loop, strict=True))
    yield Figure(FORWARD, ratio, f"{middle(ours):,.0f}/s of {middle(loop):,.0f}/s")


def delay(scale: Scale, folder: Path) -> Iterator[Figure]:
    with stand_in("till", folder) as till, receiver(folder, till=till.port) as ours:
        elsewhere(load.pace, ours.port, 20, LIGHT)
        count = int(scale.light_seconds * LIGHT)
        paced = elsewhere(load.pace, ours.port, count, LIGHT)
        at = created(till, 20 + count)
    check([paced])
    waits = [(at[order_id] - acked) * MS for order_id, acked in paced.acknowledged.items()]
    for goal, share in ((SOON, 0.50), (LATE, 0.99)):
        value = percentile(waits, share)
        yield Figure(goal, value, f"{value:.1f} ms of {count} orders")


def created(till: Server, count: int) -> dict[str, float]:
    """When the till got which order, once it has them all."""
    ends = time.monotonic() + PATIENCE
    while till.ask("/count") < count:
        if time.monotonic() > ends:
            raise RuntimeError(f"only {till.ask('/count')} of {count} orders were forwarded")
        time.sleep(0.1)
    at: dict[str, float] = till.ask("/created")
    return at


def per_second(at: dict[str, float]) -> float:
    return (len(at) - 1) / (max(at.values()) - min(at.values()))


def httpx_rate(port: int, count: int) -> float:
    bodies = till_bodies(count)
    return asyncio.run(posted(f"http://127.0.0.1:{port}/v1/order/create", bodies))


async def posted(url: str, bodies: Sequence[bytes]) -> float:
    """Calls a second of a plain loop around one client, eight calls in flight."""
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    todo = iter(bodies)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def post_on() -> None:
            for body in todo:
                answer = await client.post(url, content=body)
                answer.raise_for_status()

        start = time.perf_counter()
        await asyncio.gather(*(post_on() for _ in range(AT_ONCE)))
    return len(bodies) / (time.perf_counter() - start)
