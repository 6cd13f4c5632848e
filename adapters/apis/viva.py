"""Viva's API: what became of a transaction."""

from __future__ import annotations

from adapters.api import Api, Expected, OAuth

HOSTS = frozenset({"api.vivapayments.com", "demo-api.vivapayments.com"})
TOKENS = "https://accounts.vivapayments.com/connect/token"

# https://developer.viva.com/apis-for-payments/payment-api/
CALLS = (
    Expected(name="transaction", method="GET", path="/checkout/v2/transactions/[0-9A-Fa-f-]{36}"),
)

API = Api(
    url="https://api.vivapayments.com",
    oauth=OAuth(url=TOKENS, basic=True),
    calls=CALLS,
)
