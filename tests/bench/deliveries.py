"""Unique signed orders of about 3 kB, as whole HTTP requests and as what the till is sent."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from adapters.contract import Delivery, Order
from adapters.deliveroo import ADAPTER, GUID
from receiver.inbox import keep
from receiver.inbox.records import Incoming
from receiver.oktopos import create_body, order_id
from receiver.settings.model import Connection, Pos

PATH = "/webhooks/deliveroo"
SECRET = "the-secret-of-the-benchmark"
POS = Pos(name="till", url="http://127.0.0.1/v1", api_key="bench")
CONNECTION = Connection(
    name="deliveroo",
    adapter=ADAPTER,
    secrets=(SECRET,),
    stores={"*": POS.name},
    intermediary=ADAPTER.intermediary,
    accept="never",
)
Dish: TypeAlias = tuple[str, str, int]  # POS reference, name, cents
DISHES: Sequence[Dish] = (
    ("PLU-11", "Tomatensuppe mit Basilikum", 590),
    ("PLU-12", "Pizza Quattro Stagioni, groß", 1290),
    ("PLU-13", "Tagliatelle al Ragù", 1150),
    ("PLU-14", "Insalata mista", 690),
    ("PLU-15", "Lasagne al Forno", 1090),
    ("PLU-16", "Tiramisù nach Art des Hauses", 550),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One order on its way to the receiver."""

    order_id: str  # as the till will know it
    raw: bytes = field(repr=False)


def money(cents: int) -> dict[str, Any]:
    return {"fractional": cents, "currency_code": "EUR"}


def dish(reference: str, name: str, price: int) -> dict[str, Any]:
    return {
        "pos_item_id": reference,
        "name": name,
        "operational_name": name,
        "quantity": 1,
        "unit_price": money(price),
        "menu_unit_price": money(price),
        "total_price": money(price),
        "discount_amount": money(0),
        "item_fees": [],
        "modifiers": [],
    }


def order(number: str, now: datetime, dishes: Sequence[Dish] = DISHES) -> dict[str, Any]:
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    total = sum(price for _, _, price in dishes)
    return {
        "id": f"de:{number}",
        "order_number": number,
        "display_id": number[:4],
        "location_id": "1000",
        "brand_id": "muster-pizza",
        "status": "placed",
        "status_log": [{"at": at, "status": "placed"}],
        "fulfillment_type": "deliveroo",
        "asap": True,
        "prepare_for": now.replace(year=now.year + 1).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "order_notes": "Bitte ohne Nüsse, danke!",
        "cutlery_notes": "Kein Besteck",
        "customer": {"first_name": "Mia", "contact_number": "+49 30 555 01 17"},
        "items": [dish(*each) for each in dishes],
        "subtotal": money(total),
        "total_price": money(total),
        "partner_order_subtotal": money(total),
        "partner_order_total": money(total),
        "offer_discount": money(0),
        "cash_due": money(0),
        "bag_fee": money(0),
        "fee_breakdown": [],
        "is_tabletless": False,
    }


def signed(count: int) -> Iterator[tuple[str, Delivery]]:
    """Each with the order id the till will know it by."""
    now = datetime.now(UTC)
    for _ in range(count):
        number = uuid.uuid4().hex
        body = {"event": "order.new", "body": {"order": order(number, now)}}
        headers = {"content-type": "application/json", GUID: number}
        raw = json.dumps(body, ensure_ascii=False).encode()
        unsigned = Delivery("POST", f"http://127.0.0.1{PATH}", "", headers, raw, now)
        yield order_id(CONNECTION.name, f"de:{number}"), ADAPTER.sign(unsigned, SECRET)


def requests(count: int) -> list[Request]:
    return [Request(name, on_the_wire(delivery)) for name, delivery in signed(count)]


def on_the_wire(delivery: Delivery) -> bytes:
    """With the headers that a platform's client and a proxy send along."""
    headers = {
        "host": "receiver.example",
        "user-agent": "platform/1.0",
        "accept": "*/*",
        "accept-encoding": "gzip",
        "x-request-id": delivery.headers[GUID],
        "x-forwarded-for": "192.0.2.17",
        "x-forwarded-proto": "https",
        "content-length": str(len(delivery.body)),
        **delivery.headers,
    }
    head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + delivery.body


def incoming(count: int) -> list[Incoming]:
    """As the web side hands them to the box."""
    return [
        keep.incoming(
            delivery,
            connection=CONNECTION.name,
            delivery_id=ADAPTER.identify(delivery).delivery_id,
            queue=name,
            pos=POS.name,
            overtakes=False,
        )
        for name, delivery in signed(count)
    ]


def till_bodies(count: int) -> Sequence[bytes]:
    """What the receiver posts to OktoPOS for such orders."""
    now = datetime.now(UTC)
    return [till_body(delivery, now) for _, delivery in signed(count)]


def till_body(delivery: Delivery, now: datetime) -> bytes:
    (event,) = ADAPTER.parse(delivery, {})
    assert isinstance(event, Order)
    body = create_body(event, CONNECTION, POS, now).body
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
