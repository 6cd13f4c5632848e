"""Unzer's API: what became of a payment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from adapters.api import Api, Credentials, Expected, pair

HOST = "api.unzer.com"
HOSTS = frozenset({HOST})

# https://docs.unzer.com/reference/get-payment
CALLS = (Expected(name="payment", method="GET", path="/v1/payments/[^/]+"),)


def private_key(known: Credentials, _: datetime) -> Mapping[str, str]:
    """As the user's name of HTTP's Basic authentication, without a password."""
    if not known.api_key:
        return {}
    return {"authorization": f"Basic {pair(Credentials(client_id=known.api_key))}"}


API = Api(url=f"https://{HOST}", headers=private_key, needs=("api_key",), calls=CALLS)
