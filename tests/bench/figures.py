"""A figure, what it must reach, and the table of all of them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

MS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure must reach (`floor`) and should (`aim`)."""

    name: str
    floor: float
    aim: float
    unit: Literal["", "x", "ms", "s", "MB"]  # "" is a share of something, x a multiple
    more_is_better: bool = False

    def met(self, value: float, mark: float) -> bool:
        return value >= mark if self.more_is_better else value <= mark


@dataclass(frozen=True, slots=True)
class Figure:
    goal: Goal
    value: float
    measured: str  # the absolute figures behind it: they differ from machine to machine

    @property
    def verdict(self) -> str:
        if self.goal.met(self.value, self.goal.aim):
            return "ok, aim"
        return "ok" if self.goal.met(self.value, self.goal.floor) else "MISS"


def middle(values: Iterable[float]) -> float:
    return median(list(values))


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]


def written(value: float, unit: str) -> str:
    digits = 2 if abs(value) < 10 else 0
    return f"{value:,.{digits}f} {unit}".strip()


def table(figures: Sequence[Figure]) -> str:
    rows: list[tuple[str, ...]] = [("figure", "measured", "value", "floor", "aim", "")]
    for figure in figures:
        goal = figure.goal
        numbers = [written(n, goal.unit) for n in (figure.value, goal.floor, goal.aim)]
        rows.append((goal.name, figure.measured, *numbers, figure.verdict))
    widths = [max(len(row[place]) for row in rows) for place in range(6)]
    lines = [
        "  ".join(
            text.rjust(width) if place in (2, 3, 4) else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "figures": [
            {
                "figure": figure.goal.name,
                "measured": figure.measured,
                "value": round(figure.value, 4),
                "unit": figure.goal.unit,
                "floor": figure.goal.floor,
                "aim": figure.goal.aim,
                "verdict": figure.verdict,
            }
            for figure in figures
        ],
    }
