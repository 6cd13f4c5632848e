"""`python -m tests.bench`: measures, and prints what was reached beside what must be."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench import (
    acknowledging,
    beside,
    catalogue,
    forwarding,
    keeping,
    neighbours,
    sharing,
    standing,
)
from tests.bench.figures import Figure, as_json, table
from tests.bench.scale import QUICK, Scale

MEASURES: dict[str, Callable[[Scale, Path], Iterator[Figure]]] = {
    "acknowledging": acknowledging.many,
    "acknowledging_postgresql": acknowledging.many_postgresql,
    "alone": acknowledging.alone,
    "forwarding": forwarding.throughput,
    "delay": forwarding.delay,
    "beside": beside.together,
    "beside_apart": beside.apart,
    "growth": keeping.growth,
    "catalogue": catalogue.reading,
    "memory": standing.memory,
    "start": standing.cold_start,
}
AT_SCALE: dict[str, Callable[[Scale, Path], Iterator[Figure]]] = {
    "neighbours": neighbours.neighbours,
    "workers": sharing.throughput,
    "full_sqlite": keeping.sqlite,
    "full_postgresql": keeping.postgresql,
}
EVERY = MEASURES | AT_SCALE


def options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="receiver bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, and less sure")
    parser.add_argument("--json", action="store_true", help="as JSON instead of a table")
    parser.add_argument(
        "--scale", action="store_true", help="many workers and a million rows instead: 15 minutes"
    )
    parser.add_argument("--rows", type=int, help="kept in the full box")
    parser.add_argument("--deliveries", type=int, help="before the memory is read")
    parser.add_argument("--only", nargs="+", choices=EVERY, help="these measures alone")
    return parser.parse_args(words)


def scaled(chosen: argparse.Namespace) -> Scale:
    base = QUICK if chosen.quick else Scale()
    return replace(
        base,
        rows=chosen.rows or base.rows,
        many=chosen.rows or base.many,
        deliveries=chosen.deliveries or base.deliveries,
    )


def measured(names: Sequence[str], scale: Scale) -> Iterator[Figure]:
    """Each measure in a folder of its own, which is gone afterwards."""
    for name in names:
        started = time.perf_counter()
        tell(f"{name} ... ")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield from EVERY[name](scale, Path(folder))
        tell(f"{time.perf_counter() - started:.0f} s\n")


def tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def main() -> int:
    chosen = options(sys.argv[1:])
    names = chosen.only or (AT_SCALE if chosen.scale else MEASURES)
    figures = list(measured(list(names), scaled(chosen)))
    text = json.dumps(as_json(figures), indent=2) if chosen.json else table(figures)
    sys.stdout.write(f"\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
