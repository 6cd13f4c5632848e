"""Money as foreign bodies state it: whatever is no amount is said to be none, and never crashes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from adapters.contract import Unreadable
from adapters.payload import Tree, tax_rate, unix_time, utc


@pytest.mark.parametrize(
    "stated", ["NaN", "sNaN", "Infinity", "1e400", "1e999999999", "10000000000", "12,50", "€ 5"]
)
def test_what_is_no_amount_is_unreadable(stated: str) -> None:
    with pytest.raises(Unreadable, match="price"):
        Tree({"price": stated}).major("price")


@pytest.mark.parametrize(
    ("value", "whole", "rate"),
    [
        ("7.0", 100, 700),
        ("19", 100, 1900),
        (Decimal("5.5"), 100, 550),
        (Decimal("0.07"), 1, 700),
        (Decimal("0.055"), 1, 550),
        (0, 1, 0),
        ("", 100, None),
        ("x", 100, None),
        ("100", 100, None),
        (-1, 100, None),
        (True, 1, None),
        (0.07, 1, None),
        ("NaN", 100, None),
        ("1e999999999", 100, None),
        (None, 100, None),
        ([], 100, None),
    ],
)
def test_tax_rate(value: object, whole: int, rate: int | None) -> None:
    assert tax_rate(value, whole) == rate


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"])
def test_a_time_beyond_the_calendar_is_none(text: str) -> None:
    """No zone of a till could say it."""
    with pytest.raises(Unreadable):
        Tree({"at": text}).time("at")
    with pytest.raises(Unreadable):
        utc(datetime.fromisoformat(text))


@pytest.mark.parametrize("seconds", [253402300799000, -62135596800, 10**15, -(10**15)])
def test_nor_is_a_unix_time(seconds: int) -> None:
    with pytest.raises(Unreadable):
        unix_time(seconds)
