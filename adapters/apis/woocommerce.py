"""A WooCommerce shop's own API: it is only asked for orders that did not reach us."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from urllib.parse import urlencode

from adapters.api import Api, Ask, Expected, Found, Listing, Page, Told, basic, written
from adapters.apis import entries
from adapters.payload import Tree

# https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders
ORDERS = "/wp-json/wc/v3/orders"
MOST = 50  # of a page: orders are large
OVER = "completed"
ENDED = frozenset(
    {"cancelled", "refunded", "failed", "trash", "draft", "auto-draft", "checkout-draft"}
)
PAGE = re.compile(r"[?&]page=([0-9]{1,6})")
REPEATS = timedelta(minutes=1)  # nothing is sent again
CALLS = (
    Expected(
        name="list",
        method="GET",
        path=ORDERS,
        query={
            "after?": str,
            "modified_after?": str,
            "dates_are_gmt?": ("true", "false"),
            "orderby?": ("date", "modified", "id", "include", "title", "slug"),
            "order?": ("asc", "desc"),
            "per_page?": str,
            "page?": str,
        },
        says=[],
    ),
)
SETTINGS = ("api_url", "client_id", "client_secret")


def list_orders(ask: Ask, page: int = 1) -> str:
    """The oldest first, so that what is ordered meanwhile moves no other to another page."""
    since = f"{ask.since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    query = {"after": since, "dates_are_gmt": "true", "orderby": "id", "order": "asc"}
    return f"{ORDERS}?{urlencode({**query, 'per_page': MOST, 'page': page})}"


def listed(ask: Ask, told: Told) -> Page:
    orders = entries(told.body)
    at = PAGE.search(told.path)
    more = [list_orders(ask, int(at[1]) + 1)] if at and len(orders) >= MOST else []
    return Page([found(ask, order) for order in orders if order.text("status") not in ENDED], more)


def found(ask: Ask, order: Tree) -> Found:
    headers = {"x-wc-webhook-topic": "order.created", "x-wc-webhook-source": f"{ask.url}/"}
    over = order.text("status") == OVER
    return Found(written(order.value), headers=headers, over=over)


API = Api(
    url="",
    headers=basic,
    needs=SETTINGS,
    calls=CALLS,
    listing=Listing(
        list_orders=list_orders, listed=listed, place=None, needs=SETTINGS, repeats=REPEATS
    ),
)
