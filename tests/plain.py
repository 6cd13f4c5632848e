"""A platform that says in its body just what it means: for everything right of the bar."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import TypeAdapter

from adapters.api import Api, Expected, OAuth
from adapters.contract import (
    Adapter,
    Call,
    Cancellation,
    Delivery,
    Event,
    Fetch,
    Identity,
    Ignored,
    Order,
    Outcome,
    PaymentUpdate,
    Unreadable,
)
from adapters.payload import peek
from adapters.signing import Hmac

SECRET = "a-plain-secret-for-tests"
KINDS = {
    kind.__name__: TypeAdapter(kind)
    for kind in (Order, Cancellation, PaymentUpdate, Fetch, Ignored)
}
SCHEME = Hmac(header="x-plain", encoding="hex")


def identify(delivery: Delivery) -> Identity:
    body: Mapping[str, Any] = peek(delivery.body)
    return Identity(
        body.get("id", "?"), body.get("order"), body.get("store"), body.get("overtakes", False)
    )


def parse(delivery: Delivery, fetched: Mapping[str, bytes]) -> Sequence[Event]:
    body: Mapping[str, Any] = peek(delivery.body)
    if "events" not in body:
        raise Unreadable("events: missing")
    if body.get("bug"):
        raise ZeroDivisionError("a bug of the adapter")
    said = [*body["events"], *(json.loads(text) for text in fetched.values())]
    events = [read(fields) for fields in said]
    return [one for one in events if not (isinstance(one, Fetch) and one.name in fetched)]


def read(fields: Mapping[str, Any]) -> Event:
    said = {name: value for name, value in fields.items() if name != "is"}
    return cast("Event", KINDS[fields["is"]].validate_python(said))


def answer(_: Delivery, order: Order, outcome: Outcome) -> Sequence[Call]:
    return (Call(name=outcome, method="POST", path=f"/orders/{order.order_id}/{outcome}", json={}),)


API = Api(
    url="https://api.plain.example",
    oauth=OAuth(url="https://api.plain.example/oauth/token"),
    calls=(
        Expected(name="answer", method="POST", path=r"/orders/[^/]+/\w+", body=dict, status=204),
        Expected(name="fetch", method="GET", path="/.+"),
    ),
)
PLAIN = Adapter(
    slug="plain",
    intermediary="Plain",
    kind="orders",
    docs="https://plain.example",
    event_types=frozenset(),
    headers=frozenset({"x-plain"}),
    verify=SCHEME.verify,
    sign=SCHEME.sign,
    identify=identify,
    parse=parse,
    answer=answer,
    api=API,
)
PAY = replace(PLAIN, slug="pay", intermediary="Pay", kind="payments", api=None)

AT = "2026-11-23T11:00:00Z"
_count = iter(range(1, 1_000_000))


def order(order_id: str = "o1", **changes: Any) -> dict[str, Any]:
    """One dish of 9.90, paid."""
    dish = {"name": "Soup", "quantity": 1, "unit_price": 990, "pos_ref": "P1"}
    return {
        "is": "Order",
        "order_id": order_id,
        "store_id": None,
        "display_id": order_id.upper(),
        "order_type": "DELIVERY",
        "lines": [dish],
        "total": 990,
        "placed_at": AT,
        **changes,
    }


def cancellation(order_id: str = "o1") -> dict[str, Any]:
    return {"is": "Cancellation", "order_id": order_id, "at": AT, "by": "customer"}


def payment(reference: str | None, status: str = "paid", **changes: Any) -> dict[str, Any]:
    return {
        "is": "PaymentUpdate",
        "status": status,
        "at": AT,
        "payment_ids": ["pi_1"],
        "reference": reference,
        **changes,
    }


def body(*events: Mapping[str, Any], **fields: Any) -> bytes:
    """A delivery with a new id; its queue is the first event's order."""
    order_id = events[0].get("order_id") if events else None
    overtakes = any(event["is"] == "Cancellation" for event in events)
    said = {"id": f"d{next(_count)}", "order": order_id, "overtakes": overtakes}
    return json.dumps({**said, "events": events, **fields}).encode()


def signed(content: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers that prove it."""
    blank = Delivery("POST", "", "", {}, content, datetime.now(UTC))
    return dict(SCHEME.sign(blank, secret).headers)
