"""`python -m tests.chaos`: everything goes wrong, and a table says what came of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.report import as_json, table
from tests.chaos.run import ENGINES, Result, run, tell

SECONDS = 30.0


def options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="that things go wrong, on each engine"
    )
    parser.add_argument(
        "--seed", type=int, help="what happens when; else a new one, and it is told"
    )
    parser.add_argument("--json", action="store_true", help="as JSON instead of a table")
    return parser.parse_args(words)


def played(engine: str, seconds: float, seed: int) -> Result:
    """Its folder is kept where it is red, and where it broke off."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{engine}-"))
    tell(f"{engine}: logs are in {folder}")
    result = asyncio.run(run(engine, folder, seconds, seed))
    if result.verdict.green:
        shutil.rmtree(folder)
    return result


def main() -> int:
    chosen = options(sys.argv[1:])
    seed = random.randrange(1_000_000) if chosen.seed is None else chosen.seed
    tell(f"--seed {seed}")
    engines = [*ENGINES] if chosen.engine == "both" else [chosen.engine]
    results = [played(engine, chosen.seconds, seed) for engine in engines]
    text = json.dumps(as_json(results), indent=2) if chosen.json else table(results)
    sys.stdout.write(f"{text}\n")
    return 0 if all(result.verdict.green for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
