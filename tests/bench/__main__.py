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

from tests.bench import acknowledging, catalogue, forwarding, keeping, standing
from tests.bench.figures import Figure, as_json, table
from tests.bench.scale import QUICK, Scale

MEASURES: dict[str, Callable[[Scale, Path], Iterator[Figure]]] = {
    "acknowledging": acknowledging.many,
    "alone": acknowledging.alone,
    "forwarding": forwarding.throughput,
    "delay": forwarding.delay,
    "beside": acknowledging.beside,
    "growth": keeping.growth,
    "catalogue": catalogue.reading,
    "memory": standing.memory,
    "start": standing.cold_start,
}


def options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="receiver bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, and less sure")
    parser.add_argument("--json", action="store_true", help="as JSON instead of a table")
    parser.add_argument("--rows", type=int, help="kept in the full box")
    parser.add_argument("--deliveries", type=int, help="before the memory is read")
    parser.add_argument("--only", nargs="+", choices=MEASURES, help="these measures alone")
    return parser.parse_args(words)


def scaled(chosen: argparse.Namespace) -> Scale:
    base = QUICK if chosen.quick else Scale()
    return replace(
        base,
        rows=chosen.rows or base.rows,
        deliveries=chosen.deliveries or base.deliveries,
    )


def measured(names: Sequence[str], scale: Scale) -> Iterator[Figure]:
    """Each measure in a folder of its own, which is gone afterwards."""
    for name in names:
        started = time.perf_counter()
        tell(f"{name} ... ")
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield from MEASURES[name](scale, Path(folder))
        tell(f"{time.perf_counter() - started:.0f} s\n")


def tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def main() -> int:
    chosen = options(sys.argv[1:])
    figures = list(measured(chosen.only or list(MEASURES), scaled(chosen)))
    text = json.dumps(as_json(figures), indent=2) if chosen.json else table(figures)
    sys.stdout.write(f"\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
