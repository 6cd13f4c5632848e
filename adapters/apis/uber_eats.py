"""Uber Eats' API: orders fetched and answered, of 1.0.0 ("suite") and of the legacy version."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from adapters.api import Api, Ask, Expected, Found, Listing, OAuth, Page, Told, one_of, written
from adapters.payload import Tree, tree

HOSTS = frozenset({"api.uber.com", "test-api.uber.com"})
URL = "https://api.uber.com"
TOKENS = "https://auth.uber.com/oauth/v2/token"
REPEATS = timedelta(minutes=15)  # seven sends; the documents give two schedules
ENDED, OVER = "FAILED", frozenset({"HANDED_OFF", "SUCCEEDED"})

# https://developer.uber.com/docs/eats/references/api/order_suite
ORDER = "/v1/delivery/order/[A-Za-z0-9_-]+"
DENIALS = one_of(
    "ITEM_ISSUE KITCHEN_CLOSED CUSTOMER_CALLED_TO_CANCEL RESTAURANT_TOO_BUSY ORDER_VALIDATION"
    " STORE_CLOSED TECHNICAL_FAILURE POS_NOT_READY POS_OFFLINE CAPACITY ADDRESS"
    " SPECIAL_INSTRUCTIONS PRICING UNKNOWN OTHER"
)
DISH = {"id?": str, "type?": str, "client_error_code?": str, "info?": str, "external_id?": str}
DENIAL = {
    "type": DENIALS,
    "info?": str,
    "client_error_code?": str,
    "item_metadata?": {"invalid_item": [DISH]},
}
ACCEPTANCE = {
    "ready_for_pickup_time?": datetime,
    "external_reference_id?": str,
    "accepted_by?": str,
    "order_pickup_instructions?": str,
}
SUITE = (
    Expected(name="fetch", method="GET", path=ORDER, query={"expand?": str}),
    Expected(name="accept", method="POST", path=f"{ORDER}/accept", body=ACCEPTANCE, status=204),
    Expected(
        name="deny", method="POST", path=f"{ORDER}/deny", body={"deny_reason": DENIAL}, status=204
    ),
    Expected(name="ready", method="POST", path=f"{ORDER}/ready", body={}, status=204),
    Expected(
        name="list",
        method="GET",
        path="/v1/delivery/store/[^/]+/orders",
        query={
            "expand?": str,
            "state?": str,
            "status?": str,
            "start_time?": datetime,
            "end_time?": datetime,
            "page_size?": str,
            "next_page_token?": str,
        },
        says={"data": [], "pagination_data": {"page_size": 50}},
    ),
)

# https://developer.uber.com/docs/eats/references/api/v1/post-eats-order-orderid-acceptposorder
LEGACY_ORDER = "/v1/eats/orders/[A-Za-z0-9_-]+"
LEGACY_DENIALS = one_of(
    "STORE_CLOSED POS_NOT_READY POS_OFFLINE ITEM_AVAILABILITY MISSING_ITEM MISSING_INFO PRICING"
    " CAPACITY ADDRESS SPECIAL_INSTRUCTIONS OTHER"
)
RELAYED = (
    "order_special_instructions",
    "item_special_instructions",
    "item_special_requests",
    "promotions",
)
LEGACY_ACCEPTANCE = {
    "reason": str,
    "pickup_time?": int,  # Unix seconds
    "external_reference_id?": str,
    "fields_relayed?": {f"{field}?": bool for field in RELAYED},
    "order_pickup_instructions?": str,
}
LEGACY_DENIAL = {
    "explanation": str,
    "code": LEGACY_DENIALS,
    "out_of_stock_items?": [str],
    "invalid_items?": [str],
}
LEGACY = (
    Expected(name="fetch legacy", method="GET", path="/v2/eats/order/[A-Za-z0-9_-]+"),
    Expected(
        name="accept_pos_order",
        method="POST",
        path=f"{LEGACY_ORDER}/accept_pos_order",
        body=LEGACY_ACCEPTANCE,
        status=204,
    ),
    Expected(
        name="deny_pos_order",
        method="POST",
        path=f"{LEGACY_ORDER}/deny_pos_order",
        body={"reason": LEGACY_DENIAL},
        status=204,
    ),
)


def list_orders(ask: Ask, token: str | None = None) -> str:
    """Orders of 1.0.0: of legacy ones only those nobody has accepted yet can be listed."""
    query = {"start_time": ask.since.isoformat(timespec="seconds"), "page_size": "50"}
    more = {"next_page_token": token} if token else {}
    return f"/v1/delivery/store/{quote(ask.place, safe='')}/orders?{urlencode({**query, **more})}"


def listed(ask: Ask, told: Told) -> Page:
    body = tree(told.body)
    orders = [entry.one("order") for entry in body.each("data")]
    orders = [order for order in orders if order.text("state") != ENDED]
    token = body.text("pagination_data.next_page_token")
    return Page(
        [found(ask, order, order_id) for order in orders if (order_id := order.text("id"))],
        [list_orders(ask, token)] if token else [],
    )


def found(ask: Ask, order: Tree, order_id: str) -> Found:
    """The notification that names it: the order itself is fetched as ever."""
    notice = {
        "event_type": "orders.notification",
        "event_time": int(ask.now.timestamp()),
        "meta": {"resource_id": order_id, "user_id": ask.place, "status": "pos"},
        "resource_href": f"{URL}/v1/delivery/order/{order_id}",
    }
    return Found(written(notice), over=order.text("state") in OVER)


API = Api(
    url=URL,
    oauth=OAuth(url=TOKENS, scope="eats.order"),
    calls=(*SUITE, *LEGACY),
    listing=Listing(list_orders=list_orders, listed=listed, repeats=REPEATS),
)
