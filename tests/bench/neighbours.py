"""What one hot queue, and one POS that is dead or back, cost all others, against a box without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from receiver.inbox.dialect import open_engine
from receiver.inbox.operate import pause_pos
from tests.bench.boxes import ENGINES, NAMES, boxes
from tests.bench.figures import Figure
from tests.bench.filling import Content, fill, settle_down, till
from tests.bench.processes import elsewhere
from tests.bench.scale import Scale
from tests.bench.turns import BATCH, Took, compare, ratio

TURNS = 20


def neighbours(scale: Scale, folder: Path) -> Iterator[Figure]:
    for engine in ENGINES:
        with boxes(engine, folder) as make:
            found = elsewhere(measured, [make() for _ in range(5)], scale.neighbours)
        for what, (alone, beside) in found.items():
            name = f"claim {BATCH} beside {what} / without, {NAMES[engine]}"
            yield ratio(name, alone["claim"], beside["claim"])


def measured(urls: Sequence[str], count: int) -> dict[str, tuple[Took, Took]]:
    """Of each neighbour: without it and beside it. The hot queue's are of a till that others go
    to as well."""
    calm, hot, alone, dead, back = urls
    fill(hot, Content(open=count, queues=1))
    for url in (dead, back):
        fill(url, Content(open=count, state="waiting"))
    for url in (hot, dead, back):
        settle_down(url)
    pause(dead)
    beside_hot = compare([calm, hot], TURNS, tills=(0, 1))
    beside_pos = compare([alone, dead, back], TURNS, tills=(1, 2))
    return {
        f"{count:,} of one queue": (beside_hot[0], beside_hot[1]),
        f"{count:,} for a dead POS": (beside_pos[0], beside_pos[1]),
        f"{count:,} for one that is back": (beside_pos[0], beside_pos[2]),
    }


def pause(url: str) -> None:
    engine = open_engine(url, writes=True)
    with engine.begin() as connection:
        pause_pos(connection, till(0), datetime.now(UTC))
    engine.dispose()
