"""Exact sums: spreading an amount over lines to the cent. Integers of the minor unit only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Run: TypeAlias = tuple[int, int]
"""(pieces, unit price): so many pieces at one price."""


def decimal(amount: int) -> str:
    """`-1995` as "-19.95". Two places: the set-up refuses currencies that have others."""
    units, cents = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{units}.{cents:02d}"


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in shares proportional to `weights`, by largest remainder; they add up exactly.

    Weights below zero count as none. No share exceeds its weight while `amount` does not exceed
    their sum. Raises ValueError when there is an amount and nothing to bear it.
    """
    bearing = [max(weight, 0) for weight in weights]
    total = sum(bearing)
    if not total:
        if amount:
            raise ValueError("nothing bears the amount")
        return [0] * len(bearing)
    shares = [amount * weight // total for weight in bearing]
    remainders = [(-(amount * weight % total), place) for place, weight in enumerate(bearing)]
    for _, place in sorted(remainders)[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def runs(pieces: int, total: int) -> list[Run]:
    """`total` as pieces of at most two unit prices a cent apart, the cheaper first."""
    price, dearer = divmod(total, pieces)
    return [run for run in ((pieces - dearer, price), (dearer, price + 1)) if run[0]]


def deal(stock: Sequence[Run], pieces: int) -> tuple[list[Run], list[Run]]:
    """The first `pieces` of the runs, and what is left of them."""
    dealt: list[Run] = []
    rest: list[Run] = []
    for have, price in stock:
        take = min(have, pieces)
        pieces -= take
        dealt += [(take, price)] if take else []
        rest += [(have - take, price)] if have > take else []
    return dealt, rest
