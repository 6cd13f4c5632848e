"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    rounds: int = 3
    flood: int = 10_000  # requests a round, 64 connections
    alone: int = 1_000  # requests a round, one connection
    forwards: int = 1_200  # deliveries a round
    light_seconds: float = 12.0  # of 20 deliveries a second
    beside_seconds: float = 5.0  # a round of 500 deliveries a second
    rows: int = 100_000  # kept in the full box
    many: int = 1_000_000  # kept in the really full ones, and a tenth of it open
    neighbours: int = 10_000  # jobs of one queue, or for one POS
    articles: int = 20_000  # of one POS
    deliveries: int = 20_000  # before the memory is read
    starts: int = 3


QUICK = Scale(
    flood=4_000,
    alone=300,
    forwards=300,
    light_seconds=4.0,
    beside_seconds=2.0,
    rows=20_000,
    many=50_000,
    neighbours=2_000,
    articles=5_000,
    deliveries=4_000,
    starts=1,
)


def room(folder: Path, name: str) -> Path:
    """A folder of its own for one server's files."""
    made = folder / name
    made.mkdir()
    return made
