"""Wolt's API: orders fetched and answered. None lists orders."""

from __future__ import annotations

from datetime import datetime

from adapters.api import Api, Expected, OAuth, key_in

HOST = "pos-integration-service.wolt.com"
HOSTS = frozenset({HOST, "pos-integration-service.development.dev.woltapi.com"})
TOKENS = "https://integrations-authentication-service.wolt.com/oauth2/token"
OAUTH, KEY = OAuth(url=TOKENS, basic=True, refreshes=True), key_in("wolt-api-key")

# https://developer.wolt.com/docs: orders
ORDER = "/orders/[A-Za-z0-9_-]+"
REJECTION = {"reason": str, "code?": ("GENERIC", "ITEMS_UNAVAILABLE", "VENUE_CLOSING_SOON")}
CALLS = (
    Expected(name="fetch", method="GET", path=f"/v2{ORDER}"),
    Expected(
        name="accept",
        method="PUT",
        path=f"{ORDER}/accept",
        body={"adjusted_pickup_time?": datetime},
        optional=True,
    ),
    Expected(
        name="self-delivery/accept",
        method="PUT",
        path=f"{ORDER}/self-delivery/accept",
        body={"total_delivery_time?": datetime},
        optional=True,
    ),
    Expected(name="confirm-preorder", method="PUT", path=f"{ORDER}/confirm-preorder"),
    Expected(name="reject", method="PUT", path=f"{ORDER}/reject", body=REJECTION),
    Expected(name="ready", method="PUT", path=f"{ORDER}/ready"),
)

API = Api(url=f"https://{HOST}", oauth=OAUTH, headers=KEY, instead=("api_key",), calls=CALLS)
