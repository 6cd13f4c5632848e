"""SumUp's API: what became of a checkout, or of a transaction at a reader."""

from __future__ import annotations

from adapters.api import Api, Expected, key_in

HOST = "api.sumup.com"
HOSTS = frozenset({HOST})

# https://developer.sumup.com/api/checkouts/get, .../api/transactions/get
CALLS = (
    Expected(name="checkout", method="GET", path="/v0\\.1/checkouts/[^/]+"),
    Expected(
        name="transaction",
        method="GET",
        path="/v2\\.1/merchants/[^/]+/transactions",
        query={"client_transaction_id?": str, "id?": str, "transaction_code?": str},
    ),
)

API = Api(
    url=f"https://{HOST}",
    headers=key_in("authorization", "Bearer "),
    needs=("api_key",),
    calls=CALLS,
)
