"""The OrderAPI 1.0.1, as integrators report it: articles by id only, channel and rate of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from receiver.errors import Held
from receiver.oktopos import names

NEEDED = ("productId", "distributionChannel", "taxRateId")
UNKNOWN_THERE = frozenset({"intermediary"})
PICKUP_AFTER = timedelta(minutes=20)  # where the platform says no time, and one is required


def of_version_1_0_1(body: Mapping[str, Any], now: datetime) -> dict[str, object]:
    """The body as that version takes it. Raises Held naming what a line lacks."""
    lacking = [
        f'"{item[names.ITEM_NAME]}" has no {key}'
        for item in body["items"]
        for key in NEEDED
        if key not in item
    ]
    if lacking:
        raise Held(
            f"OrderAPI 1.0.1 needs article, channel and tax rate of each line: "
            f"{', '.join(lacking)}; run receiver articles sync, and set distribution_channels"
        )
    soon = (now + PICKUP_AFTER).strftime("%Y-%m-%dT%H:%M:%SZ")
    pickup = {"pickupToken": body["orderId"][-8:], "pickupTime": soon, **body.get("pickup", {})}
    items = [{k: v for k, v in item.items() if k != names.ITEM_NAME} for item in body["items"]]
    kept = {key: value for key, value in body.items() if key not in UNKNOWN_THERE}
    return {**kept, "items": items, "pickup": pickup}
