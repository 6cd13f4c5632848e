"""What the runs came to, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tests.chaos.judge import KINDS, Kind
from tests.chaos.run import Result

SHOWN = 40  # findings


def count(kind: Kind, result: Result) -> int:
    return result.verdict.count(kind)


ROWS: Mapping[str, Callable[[Result], int | str]] = {
    "orders": lambda result: result.orders,
    "deliveries sent, tries and repeats among them": lambda result: result.sent,
    "deliveries acknowledged": lambda result: result.acknowledged,
    "sent again though acknowledged": lambda result: result.repeats,
    "faults": lambda result: result.faults.total(),
    "processes killed": lambda result: result.kills,
    "database restarts": lambda result: result.restarts,
    "disk filled": lambda result: result.faults["disk_full"] if result.fills else "needs root",
    "sent to the till twice, as nobody could know": lambda result: result.verdict.repeated,
    **{text: partial(count, kind) for kind, text in KINDS.items()},
    "seconds": lambda result: round(result.took),
    "result": lambda result: "green" if result.verdict.green else "RED",
}


def table(results: Sequence[Result]) -> str:
    """In Markdown; below it what is wrong."""
    rows = [["", *(result.engine for result in results)], ["---"] * (len(results) + 1)]
    rows += [[name, *(shown(value(result)) for result in results)] for name, value in ROWS.items()]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([*lines, *complaints(results)])


def shown(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def complaints(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        if not result.verdict.green:
            yield f"\n{result.engine}, --seed {result.seed}, see {result.folder}"
        for finding in result.verdict.findings[:SHOWN]:
            yield f"  {finding.kind}: {finding.about}: {finding.text}"
        if more := len(result.verdict.findings) - SHOWN:
            yield from [f"  and {more} more"] if more > 0 else []


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [
        {
            "engine": result.engine,
            "seed": result.seed,
            "green": result.verdict.green,
            **{name: value(result) for name, value in ROWS.items()},
            "played": dict(result.faults),
            "findings": [finding._asdict() for finding in result.verdict.findings],
            "folder": str(result.folder) if result.folder else None,
        }
        for result in results
    ]
