"""Exact sums: whatever is spread, split or dealt adds up to the cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.oktopos.amounts import Run, deal, decimal, runs, spread

weights = st.lists(st.integers(-500, 100_000), min_size=1, max_size=30).filter(
    lambda found: any(weight > 0 for weight in found)
)


@st.composite
def spreads(draw: st.DrawFn) -> tuple[int, list[int]]:
    """An amount and weights that can bear it."""
    found = draw(weights)
    return draw(st.integers(0, sum(max(weight, 0) for weight in found))), found


@given(spreads())
def test_shares_add_up_and_none_exceeds_its_weight(drawn: tuple[int, list[int]]) -> None:
    amount, found = drawn
    shares = spread(amount, found)
    assert sum(shares) == amount
    assert all(0 <= share <= max(weight, 0) for share, weight in zip(shares, found, strict=True))


@given(spreads())
def test_shares_are_within_a_cent_of_their_proportion(drawn: tuple[int, list[int]]) -> None:
    amount, found = drawn
    total = sum(max(weight, 0) for weight in found)
    for share, weight in zip(spread(amount, found), found, strict=True):
        assert abs(share * total - amount * max(weight, 0)) < total


@pytest.mark.parametrize(
    ("amount", "found", "shares"),
    [
        (100, [1, 1, 1], [34, 33, 33]),  # the first of equals bears the odd cent
        (1, [5, 90], [0, 1]),
        (500, [990, 990, 20], [248, 247, 5]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
        (7, [-3, 7], [0, 7]),
    ],
)
def test_spread_by_hand(amount: int, found: list[int], shares: list[int]) -> None:
    assert spread(amount, found) == shares


@pytest.mark.parametrize("found", [[], [0], [-5, 0]])
def test_an_amount_needs_something_to_bear_it(found: list[int]) -> None:
    with pytest.raises(ValueError, match="nothing bears"):
        spread(1, found)


@given(st.integers(1, 500), st.integers(0, 1_000_000))
def test_runs_add_up_in_at_most_two_prices_a_cent_apart(pieces: int, total: int) -> None:
    found = runs(pieces, total)
    assert sum(count * price for count, price in found) == total
    assert sum(count for count, _ in found) == pieces
    assert all(count > 0 and price >= 0 for count, price in found)
    prices = [price for _, price in found]
    assert prices == sorted(prices)
    assert prices[-1] - prices[0] <= 1
    assert len(found) == (1 if total % pieces == 0 else 2)


stocks = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5_000)), max_size=6)


def each(found: list[Run]) -> list[int]:
    """Every piece's price, one by one."""
    return [price for count, price in found for _ in range(count)]


@given(stocks, st.data())
def test_dealt_and_rest_are_the_stock(stock: list[Run], data: st.DataObject) -> None:
    pieces = data.draw(st.integers(0, len(each(stock))))
    dealt, rest = deal(stock, pieces)
    assert each(dealt) == each(stock)[:pieces]
    assert each(rest) == each(stock)[pieces:]
    assert all(count > 0 for count, _ in [*dealt, *rest])


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00"), (5, "0.05"), (1995, "19.95"), (-5, "-0.05"), (-1995, "-19.95"), (100, "1.00")],
)
def test_decimal(amount: int, text: str) -> None:
    assert decimal(amount) == text


@given(st.integers(-(10**9), 10**9))
def test_decimal_is_the_amount_in_hundredths(amount: int) -> None:
    units, cents = decimal(amount).split(".")
    assert len(cents) == 2
    assert int(units + cents) == amount
