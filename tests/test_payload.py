"""Money as foreign bodies state it: whatever is no amount is said to be none, and never crashes."""

from __future__ import annotations

import pytest

from adapters.contract import Unreadable
from adapters.payload import Tree


@pytest.mark.parametrize(
    "stated", ["NaN", "sNaN", "Infinity", "1e400", "1e999999999", "10000000000", "12,50", "€ 5"]
)
def test_what_is_no_amount_is_unreadable(stated: str) -> None:
    with pytest.raises(Unreadable, match="price"):
        Tree({"price": stated}).major("price")
