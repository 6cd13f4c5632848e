"""OrderAPI bodies, and one change at a time to them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Json = dict[str, Any]
GONE: Any = object()
"""As a new value: the key is taken out."""


def plain_order(order_id: str) -> Json:
    """As little as may be."""
    return {
        "orderId": order_id,
        "payment": {
            "paymentMethod": "CREDIT_CARD",
            "price": euro("9.90"),
            "status": "paid",
        },
        "items": [{"basketItemId": 1, "mainBasketItemId": 1, "quantity": 1, "price": euro("9.90")}],
        "status": "new",
        "purchaseTime": {"timestamp": "2026-07-04T10:00:00Z", "timezone": "Europe/Berlin"},
    }


def full_order(order_id: str) -> Json:
    """Every key there is."""
    return {
        "orderId": order_id,
        "payment": {
            "referenceId": "pi_1",
            "paymentMethod": "CREDIT_CARD",
            "price": euro("22.80"),
            "status": "paid",
            "paymentReceived": "2026-07-04T10:00:00Z",
        },
        "customer": {
            "gender": "female",
            "givenName": "Mia",
            "familyName": "Muster",
            "phone": "+49 30 555 01 17",
            "email": "mia@example.com",
            "address": {
                "additionalAddress": "Hinterhaus",
                "street": "Musterstraße",
                "houseNumber": "12 a",
                "zip": "10115",
                "city": "Berlin",
            },
        },
        "location": {"table": 7, "seat": 2},
        "items": [
            {
                "basketItemId": 1,
                "mainBasketItemId": 1,
                "productId": "4711",
                "externalId": "PLU-17",
                "name": "Pizza Margherita",
                "quantity": 2,
                "price": euro("9.90"),
                "distributionChannel": 3,
                "taxRateId": 1,
                "comment": "ohne Zwiebeln",
            },
            {"basketItemId": 2, "mainBasketItemId": 1, "quantity": 2, "price": euro("1.50")},
        ],
        "status": "new",
        "purchaseTime": {"timestamp": "2026-07-04T10:00:00Z", "timezone": "Europe/Berlin"},
        "pickup": {"pickupToken": "A17", "pickupTime": "2999-12-31T23:59:59Z"},
        "orderType": "DELIVERY",
        "tipTransactions": [
            {"price": euro("2.00"), "paymentMethod": "CREDIT_CARD", "referenceId": "tip_1"}
        ],
        "sessionToken": "bundle-1",
        "intermediary": "Just Eat Takeaway.com",
    }


def euro(value: str) -> Json:
    return {"value": value, "currency": "EUR"}


def changed(body: Json, path: str, value: object) -> Json:
    """A copy in which one place, `items.0.price.value`, has another value or is gone."""
    copy = deepcopy(body)
    *way, last = path.split(".")
    place: Any = copy
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return copy
