"""A shop's Admin API at Shopify: it is only asked for orders that did not reach us."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from adapters.api import Api, Ask, Expected, Found, Listing, Page, Told, key_in, written
from adapters.payload import Tree, tree

# https://shopify.dev/docs/api/admin-rest/latest/resources/order; a version that is gone is answered
# by the oldest that is left
ORDERS = "/admin/api/2026-01/orders.json"
MOST = 50  # of a page: orders are large
ENDED = frozenset({"refunded", "voided", "expired"})
REPEATS = timedelta(hours=4)
CALLS = (
    Expected(
        name="list",
        method="GET",
        path="/admin/api/[0-9]{4}-[0-9]{2}/orders\\.json",
        query={
            "status?": ("open", "closed", "cancelled", "any"),
            "created_at_min?": datetime,
            "since_id?": str,
            "limit?": str,
        },
        says={"orders": []},
    ),
)


def list_orders(ask: Ask, after: str = "0") -> str:
    """In the order of their ids, which the next page goes on from."""
    since = ask.since.isoformat(timespec="seconds")
    query = {"status": "any", "created_at_min": since, "since_id": after, "limit": MOST}
    return f"{ORDERS}?{urlencode(query)}"


def listed(ask: Ask, told: Told) -> Page:
    orders = tree(told.body).each("orders")
    last = orders[-1].text("id") if len(orders) >= MOST else None
    stands = [order for order in orders if not ended(order)]
    return Page([found(ask, order) for order in stands], [list_orders(ask, last)] if last else [])


def ended(order: Tree) -> bool:
    return bool(order.text("cancelled_at")) or order.text("financial_status") in ENDED


def found(ask: Ask, order: Tree) -> Found:
    over = order.text("fulfillment_status") == "fulfilled"
    shop = urlsplit(ask.url).hostname or ""
    headers = {"x-shopify-topic": "orders/create", "x-shopify-shop-domain": shop}
    return Found(written(order.value), headers=headers, over=over)


API = Api(
    url="",
    headers=key_in("x-shopify-access-token"),
    needs=("api_url", "api_key"),
    calls=CALLS,
    listing=Listing(
        list_orders=list_orders,
        listed=listed,
        place=None,
        needs=("api_url", "api_key"),
        repeats=REPEATS,
    ),
)
