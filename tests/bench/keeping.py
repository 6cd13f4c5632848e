"""What a full box costs, against an empty one: keeping, claiming, settling, looking things up."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.boxes import NAMES, boxes
from tests.bench.figures import Figure
from tests.bench.filling import LOT, Content, fill, settle_down
from tests.bench.processes import elsewhere
from tests.bench.scale import Scale
from tests.bench.turns import BATCH, Took, compare, ratio

TILLS = 50  # of a full box; each batch is for two of them
TURNS = 60
TOLD_EVERY = 20 * LOT
DONE = {
    "keep": f"keep {BATCH}",
    "claim": f"claim {BATCH}",
    "settle": f"settle {BATCH}",
    "state": "list by state",
    "name": "find by an order's id",
    "payment": "order by a payment's reference",
}


def growth(scale: Scale, folder: Path) -> Iterator[Figure]:
    return grown("sqlite", scale.rows, folder)


def sqlite(scale: Scale, folder: Path) -> Iterator[Figure]:
    return grown("sqlite", scale.many, folder)


def postgresql(scale: Scale, folder: Path) -> Iterator[Figure]:
    return grown("postgresql", scale.many, folder)


def grown(engine: str, rows: int, folder: Path) -> Iterator[Figure]:
    content = Content(kept=rows, open=rows // 10, queues=rows // 100, tills=TILLS)
    with boxes(engine, folder) as make:
        empty, full = elsewhere(filled, make(), make(), content)
    for name, said in DONE.items():
        yield ratio(f"{said}: {rows:,} kept / empty, {NAMES[engine]}", empty[name], full[name])


def filled(empty: str, full: str, content: Content) -> Sequence[Took]:
    def tell(done: int) -> None:
        if not done % TOLD_EVERY:
            sys.stderr.write(f"{done:,} ... ")
            sys.stderr.flush()

    fill(full, content, tell)
    settle_down(full)
    return compare([empty, full], TURNS, tills=(0, 1))
