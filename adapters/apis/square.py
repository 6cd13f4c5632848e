"""Square's API: the order that a payment belongs to."""

from __future__ import annotations

from adapters.api import Api, Expected, key_in

HOST = "connect.squareup.com"
HOSTS = frozenset({HOST, "connect.squareupsandbox.com"})

# https://developer.squareup.com/reference/square/orders-api/retrieve-order
CALLS = (Expected(name="order", method="GET", path="/v2/orders/[^/]+"),)

API = Api(
    url=f"https://{HOST}",
    headers=key_in("authorization", "Bearer "),
    needs=("api_key",),
    calls=CALLS,
)
