"""Deliveroo's API: orders answered, and listed by brand and site."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from adapters.api import Api, Ask, Expected, Found, Listing, OAuth, Page, Told, one_of, written
from adapters.payload import Tree, dig, peek, text_or_none, tree

HOST = "api.developers.deliveroo.com"
HOSTS = frozenset({HOST, "api-sandbox.developers.deliveroo.com"})
TOKENS = "https://auth.developers.deliveroo.com/oauth2/token"
REPEATS = timedelta(minutes=30)  # of scheduled orders; of others six
ENDED, OVER = frozenset({"rejected", "canceled"}), "delivered"

# https://api-docs.deliveroo.com/v2.0/docs/order-integration
ORDER = "/order/v1/orders/[^/]+"
REJECTIONS = ("closing_early", "busy", "ingredient_unavailable", "other")
FAILURES = one_of(
    "price_mismatched pos_item_id_mismatched pos_item_id_not_found items_out_of_stock"
    " location_offline location_not_supported unsupported_order_type no_webhook_url"
    " webhook_failed timed_out other no_sync_confirmation"
)
STAGES = ("in_kitchen", "ready_for_collection_soon", "ready_for_collection", "collected")
ACCEPTED = {"status": ("accepted", "confirmed")}
REJECTED = {"status": ("rejected",), "reject_reason": REJECTIONS, "notes?": str}
SYNC = {"status": ("succeeded",), "notes?": str, "occurred_at?": datetime}
FAILED = {"status": ("failed",), "reason": FAILURES, "notes?": str, "occurred_at?": datetime}
STAGE = {"stage": STAGES, "occurred_at?": datetime, "delay?": (0, 2, 4, 6, 8, 10)}
CALLS = (
    Expected(name="accepted", method="PATCH", path=ORDER, body=ACCEPTED, status=204),
    Expected(name="rejected", method="PATCH", path=ORDER, body=REJECTED, status=204),
    Expected(name="sync succeeded", method="POST", path=f"{ORDER}/sync_status", body=SYNC),
    Expected(name="sync failed", method="POST", path=f"{ORDER}/sync_status", body=FAILED),
    Expected(name="prep_stage", method="POST", path=f"{ORDER}/prep_stage", body=STAGE),
    # https://api-docs.deliveroo.com/reference/get-orders-v2
    Expected(
        name="list",
        method="GET",
        path="/order/v2/brand/[^/]+/restaurant/[^/]+/orders",
        query={"start_date?": datetime, "end_date?": datetime, "cursor?": str},
        says={"orders": [], "next": ""},
    ),
)


def place(_: str | None, body: bytes) -> str | None:
    """Only an order names the brand beside the site. That the site's id is the address's
    restaurant is a guess."""
    order = dig(peek(body), "body", "order")
    brand, site = (text_or_none(dig(order, name)) for name in ("brand_id", "location_id"))
    return f"{quote(brand, safe='')}/restaurant/{quote(site, safe='')}" if brand and site else None


def list_orders(ask: Ask) -> str:
    since = {"start_date": ask.since.isoformat(timespec="seconds")}
    return f"/order/v2/brand/{ask.place}/orders?{urlencode(since)}"


def listed(ask: Ask, told: Told) -> Page:
    body = tree(told.body)
    cursor = body.text("next")
    more = f"/order/v2/brand/{ask.place}/orders?{urlencode({'cursor': cursor or ''})}"
    return Page(
        [found(order) for order in body.each("orders") if order.text("status") not in ENDED],
        [more] if cursor else [],
    )


def found(order: Tree) -> Found:
    notice = {"event": "order.new", "body": {"order": order.value}}
    return Found(written(notice), over=order.text("status") == OVER)


API = Api(
    url=f"https://{HOST}",
    oauth=OAuth(url=TOKENS, basic=True),
    calls=CALLS,
    listing=Listing(list_orders=list_orders, listed=listed, place=place, repeats=REPEATS),
)
