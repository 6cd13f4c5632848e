"""Lines that come to a stated sum, and decimals that become minor units exactly."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Line, Unreadable
from adapters.payload import Foreign, Major, decoded, major, model, tree
from adapters.sums import costing, worth

CENTS = st.integers(-(10**9), 10**9)


@given(CENTS, st.integers(1, 99))
def test_costing_comes_to_the_total(total: int, quantity: int) -> None:
    option = Line(name="Cheese", quantity=2, unit_price=0)
    lines = costing(Line(name="Soup", quantity=quantity, unit_price=1, options=(option,)), total)
    assert worth(lines) == total
    assert sum(line.quantity for line in lines) == quantity
    assert len({line.unit_price for line in lines}) == len(lines) <= 2
    assert all(line.options == (option,) for line in lines)


class Priced(Foreign):
    price: Major = None


@given(CENTS)
def test_decimals_are_exact_however_they_are_written(cents: int) -> None:
    text = f"{Decimal(cents) / 100:.2f}"
    for raw in (f'{{"price": "{text}"}}', f'{{"price": {text}}}', f'{{"price": {text}0000}}'):
        assert model(Priced, raw.encode(), exact=True).price == cents
        assert tree(raw.encode(), exact=True).major("price") == cents


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        ("", None),
        (None, None),
        (" 7 ", 700),
        (7, 700),
        ("1e2", 10_000),
        ("0.005", 1),
        ("-0.005", -1),
    ],
)
def test_major(value: object, cents: int | None) -> None:
    assert major(value) == cents


@pytest.mark.parametrize("value", [True, 0.1, "x", "NaN", "Infinity", "1e400", "1e12", [], {}])
def test_what_is_no_amount(value: object) -> None:
    with pytest.raises(ValueError, match=r"not a decimal|out of range"):
        major(value)


@pytest.mark.parametrize("raw", [b"", b"NaN", b"[" * 100_000, b'"\\ud800"', b"\xff", b"9" * 5000])
def test_what_is_not_json(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        decoded(raw)


@given(st.floats(0, 10**6).map(lambda number: round(number, 2)))
def test_a_json_number_never_passes_through_a_float(number: float) -> None:
    read = decoded(json.dumps({"price": number}).encode())
    assert isinstance(read, dict)
    assert isinstance(read["price"], Decimal)
    assert read["price"] == Decimal(repr(number))
