"""A shop of one's own: it placed the orders that the recorded payments are for, not paid yet."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from adapters.contract import PaymentUpdate
from receiver.cli.demo.recordings import Recording
from receiver.oktopos import decimal

SLUG, EVENT = "standard_webhooks", "order.created"
PRICE = 2650  # minor units, where the payment states none
BEFORE = timedelta(minutes=5)


def orders_of(payments: list[Recording], shop: Recording) -> list[Recording]:
    """The order of each, as the shop's webhook announces it."""
    return [placed(one, one.payment, shop) for one in payments if one.payment]


def placed(recording: Recording, update: PaymentUpdate, shop: Recording) -> Recording:
    body = json.dumps({"type": EVENT, "data": order(recording, update)}).encode()
    headers = {**shop.delivery.headers, "webhook-id": f"msg_{recording.adapter.slug}"}
    delivery = replace(shop.delivery, body=body, headers=headers)
    said = shop.adapter.parse(delivery, {})
    return Recording(shop.adapter, EVENT, delivery, said, {})


def order(recording: Recording, update: PaymentUpdate) -> dict[str, object]:
    price = {
        "value": decimal(PRICE if update.amount is None else update.amount),
        "currency": update.currency or "EUR",
    }
    at = (update.at - BEFORE).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"Gutschein, bezahlt mit {recording.adapter.intermediary}"
    return {
        "orderId": update.reference,
        "orderType": "PICKUP",
        "purchaseTime": {"timestamp": at, "timezone": "Europe/Berlin"},
        "items": [{"productId": "1305", "name": name, "quantity": 1, "price": price}],
        "payment": {"paymentMethod": "PAYPAL", "status": "call_for_payment", "price": price},
    }
