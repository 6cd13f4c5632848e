"""HubRise's API: a location's orders, changed and listed."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlencode

from adapters.api import Api, Ask, Expected, Found, Listing, Page, Told, key_in, written
from adapters.apis import entries
from adapters.payload import Tree

HOST = "api.hubrise.com"
HOSTS = frozenset({HOST})

# https://developers.hubrise.com: orders, general concepts (pagination)
STATUSES = (
    "new",
    "received",
    "accepted",
    "in_preparation",
    "awaiting_shipment",
    "awaiting_collection",
    "in_delivery",
    "completed",
    "rejected",
    "cancelled",
    "delivery_failed",
)
ENDED = frozenset({"rejected", "cancelled"})
OVER = frozenset(STATUSES[STATUSES.index("awaiting_shipment") :]) - ENDED
CHANGE = {
    "status?": STATUSES,
    "confirmed_time?": datetime,
    "seller_notes?": str,
    "collection_code?": str,
    "private_ref?": str,
    "custom_fields?": dict,
}
CALLS = (
    Expected(
        name="update", method="PATCH", path="/v1/locations/[^/]+/orders/[^/]+", body=CHANGE, says={}
    ),
    Expected(
        name="list",
        method="GET",
        path="/v1/locations/[^/]+/orders",
        query={
            "after?": datetime,
            "before?": datetime,
            "status?": STATUSES,
            "count?": str,
            "cursor?": str,
        },
        says=[],
    ),
)


def list_orders(ask: Ask, cursor: str | None = None) -> str:
    query = {"after": ask.since.isoformat(timespec="seconds")}
    more = {"cursor": cursor} if cursor else {}
    return f"/v1/locations/{quote(ask.place, safe='')}/orders?{urlencode({**query, **more})}"


def listed(ask: Ask, told: Told) -> Page:
    orders = entries(told.body)
    cursor = told.headers.get("x-cursor-next")
    return Page(
        [found(ask, order) for order in orders if order.text("status") not in ENDED],
        [list_orders(ask, cursor)] if cursor else [],
    )


def found(ask: Ask, order: Tree) -> Found:
    event = {"resource_type": "order", "event_type": "create", "location_id": ask.place}
    over = order.text("status") in OVER
    return Found(written({**event, "new_state": order.value}), over=over)


API = Api(
    url=f"https://{HOST}",
    headers=key_in("x-access-token"),
    needs=("api_key",),
    calls=CALLS,
    listing=Listing(list_orders=list_orders, listed=listed, needs=("api_key",)),
)
