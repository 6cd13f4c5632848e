"""What an order came to, for the report: what the till books, and what never enters it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from adapters.contract import Discount, Fee, Order, Tip
from receiver.oktopos.booking import Booked


def figures(order: Order, booked: Sequence[Booked]) -> dict[str, object]:
    """Minor units: turnover by tax rate; fees, discounts and tips by whose they are, the
    platform's too; and the names that went by no article of their own."""
    turnover: Counter[str] = Counter()
    for line in booked:
        turnover[line.tax.shown] += line.value
    return {
        "turnover": dict(turnover),
        "fees": by_owner(order.fees),
        "discounts": by_owner(order.discounts),
        "tips": by_owner(order.tips),
        "fallback": [line.line.name for line in booked if line.how == "fallback"],
        "name": [line.line.name for line in booked if line.how == "name"],
    }


def by_owner(parts: Sequence[Fee] | Sequence[Discount] | Sequence[Tip]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for part in parts:
        sums[str(part.owner)] += part.amount
    return dict(sums)
