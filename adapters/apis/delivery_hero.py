"""Delivery Hero's middleware: orders answered, and those of a chain's last hours reported."""

from __future__ import annotations

import math
from datetime import datetime
from urllib.parse import quote, urlencode

from adapters.api import Api, Ask, Expected, Found, Listing, OAuth, Page, Told, one_of, written
from adapters.payload import NOTHING, text_or_none, tree

HOST = "integration-middleware.restaurant-partners.com"
HOSTS = frozenset({HOST, *(HOST.replace(".", f".{place}.", 1) for place in ("stg", "us"))})
TOKENS = OAuth(url=f"https://{HOST}/v2/login", id_field="username", secret_field="password")  # noqa: S106
ENDED, OVER = frozenset({"cancelled", "rejected"}), "picked_up"

# https://integration-middleware.stg.restaurant-partners.com/apidocs/pos-middleware-api
STATUS = "/v2/order/status/[^/]+"
REASONS = one_of(
    "ADDRESS_INCOMPLETE_MISSTATED BAD_WEATHER BLACKLISTED CARD_READER_NOT_AVAILABLE CLOSED"
    " CONTENT_WRONG_MISLEADING FOOD_QUALITY_SPILLAGE FRAUD_PRANK ITEM_UNAVAILABLE LATE_DELIVERY"
    " MENU_ACCOUNT_SETTINGS MOV_NOT_REACHED NO_COURIER NO_PICKER NO_RESPONSE OUTSIDE_DELIVERY_AREA"
    " TECHNICAL_PROBLEM TEST_ORDER TOO_BUSY UNABLE_TO_FIND UNABLE_TO_PAY UNPROFESSIONAL_BEHAVIOUR"
    " WILL_NOT_WORK_WITH_PLATFORM WRONG_ORDER_ITEMS_DELIVERED"
)
CHANGED = {"message": "Order status successfully changed."}
ACCEPTED = {
    "status": ("order_accepted",),
    "acceptanceTime": datetime,
    "remoteOrderId?": str,
    "modifications?": {"products": [dict]},
}
REJECTED = {"status": ("order_rejected",), "reason": REASONS, "message?": str}
PICKED_UP = {"status": ("order_picked_up",)}
CALLS = (
    Expected(name="order_accepted", method="POST", path=STATUS, body=ACCEPTED, says=CHANGED),
    Expected(name="order_rejected", method="POST", path=STATUS, body=REJECTED, says=CHANGED),
    Expected(name="order_picked_up", method="POST", path=STATUS, body=PICKED_UP, says=CHANGED),
    Expected(
        name="preparation-completed",
        method="POST",
        path="/v2/orders/[^/]+/preparation-completed",
        says={"code": "OK"},
    ),
    Expected(
        name="list",
        method="GET",
        path="/v2/chains/[^/]+/orders/ids",
        query={"status": ("accepted", "cancelled"), "pastNumberOfHours?": str, "vendorId?": str},
        says={"orderIdentifiers": [], "count": 0},
    ),
    Expected(name="order details", method="GET", path="/v2/chains/[^/]+/orders/(?!ids$)[^/]+"),
)


def chain(ask: Ask) -> str:
    """The connection's key is its chain's code: the middleware knows no other."""
    return f"/v2/chains/{quote(ask.known.api_key, safe='')}/orders"


def list_orders(ask: Ask) -> str:
    """What was accepted on a tablet, or by us: nothing lists orders that wait."""
    hours = math.ceil((ask.now - ask.since).total_seconds() / 3600)
    past = {"status": "accepted", "pastNumberOfHours": min(max(hours, 1), 24)}
    return f"{chain(ask)}/ids?{urlencode({**past, 'vendorId': ask.place})}"


def listed(ask: Ask, told: Told) -> Page:
    """First the ids, then each order by itself."""
    body = tree(told.body)
    ids = body.at("orderIdentifiers").value
    if isinstance(ids, list):
        known = filter(None, map(text_or_none, ids))
        return Page(then=[f"{chain(ask)}/{quote(one, safe='')}" for one in known])
    order = body.one("order")
    status, where = order.text("status"), f"order/{ask.place}"
    if status in ENDED or order is NOTHING:
        return Page()
    return Page([Found(written(order.value), path=where, over=status == OVER)])


API = Api(
    url=f"https://{HOST}",
    oauth=TOKENS,
    calls=CALLS,
    listing=Listing(list_orders=list_orders, listed=listed, needs=("api_key",)),
)
