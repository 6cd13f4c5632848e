"""Glovo's API: an order's status. None lists orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from adapters.api import Api, Credentials, Expected

HOST = "api.glovoapp.com"
HOSTS = frozenset({HOST, "stageapi.glovoapp.com"})

# https://api-docs.glovoapp.com/partners/index.html
STATUSES = ("ACCEPTED", "READY_FOR_PICKUP", "OUT_FOR_DELIVERY", "PICKED_UP_BY_CUSTOMER")
CALLS = (
    Expected(
        name="status",
        method="PUT",
        path="/webhook/stores/[^/]+/orders/[^/]+/status",
        body={"status": STATUSES},
        status=204,
    ),
)


def headers(known: Credentials, _: datetime) -> Mapping[str, str]:
    """The token that proves Glovo to us proves us to Glovo."""
    return {"authorization": known.secret} if known.secret else {}


API = Api(url=f"https://{HOST}", headers=headers, needs=(), calls=CALLS)
