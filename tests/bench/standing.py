"""What the process itself costs: its start and its memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench import load
from tests.bench.acknowledging import check
from tests.bench.figures import Figure, Goal, middle
from tests.bench.forwarding import created
from tests.bench.processes import elsewhere, receiver, stand_in
from tests.bench.scale import Scale, room

START = Goal(name="cold start to ready", floor=3.0, aim=1.5, unit="s")
MEMORY = Goal(name="memory after {count:,} deliveries", floor=200, aim=120, unit="MB")


def cold_start(scale: Scale, folder: Path) -> Iterator[Figure]:
    """From the start of the process, with a box still to be made, to the first 200 of /readyz."""
    took: list[float] = []
    for number in range(scale.starts):
        with receiver(room(folder, f"start{number}")) as ours:
            took.append(ours.started_in)
    yield Figure(START, middle(took), f"slowest of {len(took)}: {max(took):.2f} s")


def memory(scale: Scale, folder: Path) -> Iterator[Figure]:
    """Of web and worker, after all has been acknowledged and forwarded."""
    count = scale.deliveries
    with stand_in("till", folder) as till, receiver(folder, till=till.port) as ours:
        fresh = ours.memory()
        flood = elsewhere(load.flood_with, ours.port, count)
        check([flood])
        created(till, count)
        after = ours.memory()
    goal = Goal(name=MEMORY.name.format(count=count), floor=200, aim=120, unit="MB")
    measured = f"{fresh:.0f} MB at the start; {flood.rate:,.0f}/s beside forwarding"
    yield Figure(goal, after, measured)
