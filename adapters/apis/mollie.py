"""Mollie's API: what became of a payment, or of a payment link."""

from __future__ import annotations

from adapters.api import Api, Expected, key_in

HOST = "api.mollie.com"
HOSTS = frozenset({HOST})

# https://docs.mollie.com/reference/get-payment, .../get-payment-link
CALLS = (
    Expected(
        name="payment",
        method="GET",
        path="/v2/payments/tr_[A-Za-z0-9]+",
        query={"embed?": str, "include?": str, "testmode?": str},
    ),
    Expected(name="payment link", method="GET", path="/v2/payment-links/pl_[A-Za-z0-9]+"),
)

API = Api(
    url=f"https://{HOST}",
    headers=key_in("authorization", "Bearer "),
    needs=("api_key",),
    calls=CALLS,
)
