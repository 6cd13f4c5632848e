"""JET Connect's API: whether the till has an order. None lists orders."""

from __future__ import annotations

from datetime import datetime

from adapters.api import Api, Expected, one_of, secret_in

HOST = "api.flytplatform.com"  # documented for menus, none is for orders: a guess
HOSTS = frozenset({HOST})

# https://uk.api.just-eat.io/docs/jetconnect/openapi.yaml
ERRORS = one_of(
    "UNKNOWN INACTIVE INCORRECT_SETUP IN_USE TIMEOUT NOT_SUPPORTED MENU_ERROR MALFORMED_REQUEST"
    " AUTH_FAILED STORE_CLOSED TENDER_ERROR"
)
FAILURE = {
    "happenedAt": datetime,
    "errorCode": ERRORS,
    "errorMessage": str,
    "transmissionId?": str,
}
CALLS = (
    Expected(
        name="sent-to-pos-success",
        method="POST",
        path="/order/[^/]+/sent-to-pos-success",
        body={"transmissionId?": str},
        status=204,
    ),
    Expected(
        name="sent-to-pos-failed",
        method="POST",
        path="/order/[^/]+/sent-to-pos-failed",
        body=FAILURE,
        status=204,
    ),
)

API = Api(
    url=f"https://{HOST}",
    headers=secret_in("x-flyt-api-key"),
    needs=("client_secret",),
    calls=CALLS,
)
