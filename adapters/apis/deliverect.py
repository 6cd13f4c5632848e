"""Deliverect's API: it is told what became of an order. Orders must not be polled there."""

from __future__ import annotations

from adapters.api import Api, Expected, OAuth

HOST = "api.deliverect.com"
HOSTS = frozenset({HOST, "api.staging.deliverect.com"})
TOKENS = OAuth(
    url=f"https://{HOST}/oauth/token",
    as_json=True,
    extra=(("grant_type", "token"), ("audience", f"https://{HOST}")),
)

# https://developers.deliverect.com/reference/channel_order_status
STATUSES = (20, 35, 50, 70, 80, 90, 95, 100, 110, 120, 124)
UPDATE = {"orderId": str, "status": STATUSES, "timeStamp": str, "reason?": str, "receiptId?": str}
CALLS = (Expected(name="orderStatus", method="POST", path="/orderStatus/[^/]+", body=UPDATE),)

API = Api(url=f"https://{HOST}", oauth=TOKENS, calls=CALLS)
