"""DoorDash's API: orders confirmed and marked ready. None lists orders."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.api import Api, Credentials, Expected, one_of
from adapters.contract import Rejected
from adapters.signing import SHA256, jwt, unix, url_decode
from adapters.signing.tokens import LEEWAY, json_part

HOST = "openapi.doordash.com"
HOSTS = frozenset({HOST})
TOKEN_LASTS, AT_MOST = timedelta(minutes=5), timedelta(minutes=30)
HEAD = {"alg": "HS256", "typ": "JWT", "dd-ver": "DD-JWT-V1"}

# https://developer.doordash.com/en-US/api/marketplace
ORDER = "/api/v1/orders/[^/]+"
AGENT = {"user-agent": r"[A-Z0-9][A-Za-z0-9]*/1\.0"}  # the provider's type
ERRORS = one_of(
    "INVALID_ORDER ITEM_OUT_OF_STOCK STORE_HOURS_ISSUE INTERNAL_ERROR OTHER CONNECTIVITY_ISSUE"
    " TIME_OUT STORE_CLOSED STORE_CLOSED_EARLY POS_OFFLINE CAPACITY_THROTTLING STALE_PICKUP_TIME"
    " ORDER_ONLINE_DISABLED INVALID_ADDRESS STORE_RENOVATION STORE_TEMP_CLOSED"
    " WEATHER_ISSUES"
)
ERROR = {"code": ERRORS, "merchant_supplied_id?": str, "message?": str}
TAKEN = {
    "merchant_supplied_id": str,
    "order_status": ("success",),
    "prep_time?": datetime,
    "pickup_instructions?": str,
}
FAILED = {
    "merchant_supplied_id": str,
    "order_status": ("fail",),
    "failure_reason": str,
    "errors?": [ERROR],
}
CALLS = (
    Expected(name="success", method="PATCH", path=ORDER, headers=AGENT, body=TAKEN, status=202),
    Expected(name="fail", method="PATCH", path=ORDER, headers=AGENT, body=FAILED, status=202),
    Expected(
        name="order_ready_for_pickup",
        method="PATCH",
        path=f"{ORDER}/events/order_ready_for_pickup",
        headers=AGENT,
        body={"merchant_supplied_id": str},
        status=202,
    ),
)


def signing_key(known: Credentials) -> bytes:
    try:
        return base64.urlsafe_b64decode(known.client_secret + "==")
    except ValueError:
        return b""


# https://developer.doordash.com/en-US/docs/drive/reference/JWTs; `auth-version` as Marketplace
def headers(known: Credentials, now: datetime) -> Mapping[str, str]:
    """A token of our own for each call; none by a key that cannot be read, answered with 401."""
    key = signing_key(known)
    if not key:
        return {}
    issued, ends = unix(now), unix(now + TOKEN_LASTS)
    token = jwt({**claims(known), "iat": issued, "exp": ends}, key, **{"dd-ver": "DD-JWT-V1"})
    return {"authorization": f"Bearer {token}", "auth-version": "v2"}


def claims(known: Credentials) -> Mapping[str, str]:
    return {"aud": "doordash", "iss": known.client_id, "kid": known.api_key}


def proven(given: Mapping[str, str], known: Credentials, now: datetime) -> bool:
    """As DoorDash looks at it: by our key, of our developer, not expired, for no longer than it
    takes one."""
    signed, _, mark = given.get("authorization", "").removeprefix("Bearer ").rpartition(".")
    head, _, payload = signed.partition(".")
    try:
        claimed, digest = json_part(payload), url_decode(mark)
        is_one = json_part(head) == HEAD and claims(known).items() <= claimed.items()
    except Rejected:
        return False
    issued, ends = (claimed.get(name) for name in ("iat", "exp"))
    if not is_one or not isinstance(issued, int) or not isinstance(ends, int):
        return False
    lasts = issued - LEEWAY <= unix(now) < ends <= issued + AT_MOST.total_seconds()
    by_key = SHA256.verify_signature(signing_key(known), signed.encode(), digest)
    return by_key and lasts and given.get("auth-version") == "v2"


API = Api(
    url=f"https://{HOST}/marketplace",
    headers=headers,
    proven=proven,
    needs=("client_id", "client_secret", "api_key"),
    calls=CALLS,
)
