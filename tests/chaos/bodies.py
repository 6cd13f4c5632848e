"""What four platforms say of an order: the least that their pages ask for."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters import ADAPTERS
from adapters.contract import Delivery
from adapters.deliveroo import GUID
from tests.bench.deliveries import Dish, order

DISHES: tuple[Dish, ...] = (("4711", "Pizza Margherita", 990), ("4740", "Limonade 0,33 l", 350))
TOTAL = sum(cents for _, _, cents in DISHES)
SECRETS = {
    "deliveroo": "a-secret-that-deliveroo-made",
    "uber_eats": "a-secret-that-uber-made",
    "standard_webhooks": "whsec_" + "c2VjcmV0" * 4,
    "stripe": "whsec_a-secret-that-stripe-made",
}
COOKED = timedelta(minutes=40)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery as its platform sends it, however often: signed anew each time."""

    platform: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def signed(self, now: datetime) -> Delivery:
        headers = {"content-type": "application/json", **dict(self.headers)}
        unsigned = Delivery("POST", "", "", headers, self.body, now)
        return ADAPTERS[self.platform].sign(unsigned, SECRETS[self.platform])

    def delivery_id(self, now: datetime) -> str:
        return ADAPTERS[self.platform].identify(self.signed(now)).delivery_id


def parcel(platform: str, said: Any, **headers: str) -> Parcel:
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Parcel(platform, json.dumps(said, ensure_ascii=False).encode(), named)


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def deliveroo_order(number: str, now: datetime) -> Parcel:
    ready = {"prepare_for": stamp(now + COOKED), "display_id": number}
    placed = {**order(number, now, DISHES), **ready}
    return deliveroo("order.new", placed, f"{number}-new")


def deliveroo_canceled(number: str, now: datetime) -> Parcel:
    log = [{"at": stamp(now), "status": status} for status in ("placed", "canceled")]
    said = {"id": f"de:{number}", "location_id": "1000", "status": "canceled", "status_log": log}
    return deliveroo("order.status_update", said, f"{number}-canceled")


def deliveroo(event: str, said: dict[str, Any], guid: str) -> Parcel:
    return Parcel(
        "deliveroo",
        json.dumps({"event": event, "body": {"order": said}}).encode(),
        ((GUID, guid),),
    )


def uber_id(number: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, number))


def uber_notice(event: str, number: str, now: datetime) -> Parcel:
    order_id = uber_id(number)
    said = {
        "event_id": uber_id(f"{number} {event}"),
        "event_time": int(now.timestamp()),
        "event_type": event,
        "meta": {"resource_id": order_id, "status": "pos", "user_id": "a-store"},
        "resource_href": f"https://api.uber.com{uber_path(number)}",
    }
    return parcel("uber_eats", said)


def uber_path(number: str) -> str:
    return f"/v1/delivery/order/{uber_id(number)}"


def uber_order(number: str, now: datetime) -> bytes:
    """What is fetched."""
    said = {
        "id": uber_id(number),
        "display_id": number[-5:].upper(),
        "state": "OFFERED",
        "fulfillment_type": "DELIVERY_BY_UBER",
        "store": {"id": "a-store"},
        "created_time": stamp(now),
        "preparation_time": {"ready_for_pickup_time": stamp(now + COOKED)},
        "carts": [{"items": [uber_dish(*dish) for dish in DISHES]}],
        "payment": {
            "payment_detail": {
                "item_charges": {
                    "total": gross(TOTAL),
                    "price_breakdown": [
                        {"cart_item_id": reference, "unit": gross(cents), "total": gross(cents)}
                        for reference, _, cents in DISHES
                    ],
                }
            }
        },
    }
    return json.dumps({"order": said}).encode()


def uber_dish(reference: str, name: str, _: int) -> dict[str, Any]:
    one = {"amount": 1, "unit": "PIECE"}
    known = {"id": reference, "cart_item_id": reference, "external_data": reference}
    return {**known, "title": name, "quantity": one}


def gross(cents: int) -> dict[str, Any]:
    return {"gross": {"amount_e5": cents * 1000, "currency_code": "EUR"}}


def euro(cents: int) -> dict[str, str]:
    return {"value": f"{cents // 100}.{cents % 100:02d}", "currency": "EUR"}


def shop(kind: str, number: str, now: datetime, **said: Any) -> Parcel:
    content = {"type": kind, "timestamp": stamp(now), "data": {"orderId": number, **said}}
    return parcel("standard_webhooks", content, webhook_id=f"{number}-{kind.replace('.', '-')}")


def shop_order(number: str, now: datetime, payment: str) -> Parcel:
    return shop(
        "order.created",
        number,
        now,
        orderType="DELIVERY",
        purchaseTime={"timestamp": stamp(now)},
        pickup={"pickupToken": number[-5:], "pickupTime": stamp(now + COOKED)},
        items=[
            {"productId": reference, "name": name, "quantity": 1, "price": euro(cents)}
            for reference, name, cents in DISHES
        ],
        payment={"status": payment, "price": euro(TOTAL)},
    )


def shop_canceled(number: str, now: datetime) -> Parcel:
    return shop("order.canceled", number, now, by="customer")


def stripe(event: str, number: str, now: datetime, **said: Any) -> Parcel:
    of_intent = {"amount": TOTAL, "currency": "eur", "metadata": {"order_id": number}}
    content = {
        "id": f"evt_{number}_{event}",
        "object": "event",
        "created": int(now.timestamp()),
        "type": event,
        "data": {"object": {**of_intent, **said}},
    }
    return parcel("stripe", content)


def stripe_processing(number: str, now: datetime) -> Parcel:
    said = {"id": f"pi_{number}", "status": "processing", "amount_received": 0}
    return stripe("payment_intent.processing", number, now, object="payment_intent", **said)


def stripe_paid(number: str, now: datetime) -> Parcel:
    said = {"id": f"pi_{number}", "status": "succeeded", "amount_received": TOTAL}
    return stripe("payment_intent.succeeded", number, now, object="payment_intent", **said)


def stripe_refunded(number: str, now: datetime) -> Parcel:
    """In full."""
    said = {"id": f"ch_{number}", "payment_intent": f"pi_{number}", "amount_captured": TOTAL}
    return stripe(
        "charge.refunded", number, now, object="charge", captured=True, refunded=True, **said
    )
