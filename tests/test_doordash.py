"""DoorDash beyond its fixtures: shapes without a name, the token of our calls, whose tax it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.api import Credentials
from adapters.contract import Cancellation, Delivery, Ignored, Order, OrderType, Unreadable
from adapters.doordash import ADAPTER, CANCELLED, PLACED, RELEASED, event_type, user_agent
from tests.goldens import answers, of

NOW = datetime(2026, 3, 13, 18, 2, 12, tzinfo=UTC)
CANCEL: dict[str, Any] = {
    "external_order_id": "d-1",
    "client_order_id": "c-1",
    "store": {"merchant_supplied_id": "mitte", "provider_type": "okto"},
    "is_asap": True,
}


def delivery(body: object) -> Delivery:
    demo = next(fixture for fixture in of(ADAPTER) if fixture.variant == "demo")
    return replace(demo.unsigned(), body=json.dumps(body).encode())


def order(**changes: Any) -> Order:
    (said,) = ADAPTER.parse(delivery(placed(**changes)), {})
    assert isinstance(said, Order)
    return said


def placed(**changes: Any) -> dict[str, Any]:
    dish = {"merchant_supplied_id": "1", "name": "Labskaus", "price": 1000, "quantity": 1}
    known = {"id": "d-1", "subtotal": 1000, "categories": [{"items": [dish]}], **changes}
    return {"event": {"type": PLACED, "status": "NEW"}, "order": known}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (placed(), PLACED),
        ({"event": {"type": "dasher_status_update"}}, "dasher_status_update"),
        ({"event": {"type": "MenuCreate"}, "id": 1, "categories": []}, "MenuCreate"),
        ({"id": "d-1", "categories": []}, PLACED),
        (CANCEL, CANCELLED),
        ({**CANCEL, "since": "next year"}, CANCELLED),
        ({**CANCEL, "vehicle": None}, RELEASED),
        ({"client_order_id": "c-1", "vehicle": {}}, RELEASED),
        ({"external_order_id": "d-1", "client_order_id": "c-1"}, ""),
        ({key: CANCEL[key] for key in CANCEL if key != "is_asap"}, ""),
        ({"event": {"type": ""}}, ""),
        ({"event": "OrderCreate"}, ""),
        ({}, ""),
    ],
)
def test_what_has_no_name_is_told_by_its_fields(body: dict[str, object], said: str) -> None:
    assert event_type(body) == said
    assert ADAPTER.identify(delivery(body)).overtakes == (said == CANCELLED)


def test_no_shape_that_is_known_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"event\.type"):
        ADAPTER.parse(delivery({"client_order_id": "c-1"}), {})


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (placed(), ("OrderCreate:d-1", "d-1", None)),
        ({"id": 4711, "categories": []}, ("OrderCreate:4711", "4711", None)),
        (CANCEL, ("order_cancelled:d-1", "d-1", "mitte")),
        ({**CANCEL, "external_order_id": None}, ("order_cancelled:c-1", "c-1", "mitte")),
    ],
)
def test_an_order_and_its_cancellation_are_known_by_its_id(body: object, named: object) -> None:
    assert ADAPTER.identify(delivery(body))[:3] == named


def test_repeats_of_the_courier_s_way_are_known_by_their_bytes() -> None:
    def step(status: str) -> dict[str, object]:
        about = {"external_order_id": "d-1", "location_id": "mitte", "dasher_status": status}
        return {"event": {"type": "dasher_status_update"}, "delivery": about}

    there, gone = (ADAPTER.identify(delivery(step(status))) for status in ("arrived", "dropoff"))
    assert there[1:] == gone[1:] == ("d-1", "mitte", False)
    assert there[0] != gone[0]


def test_an_id_too_long_for_its_prefix_is_known_by_the_bytes() -> None:
    identity = ADAPTER.identify(delivery(placed(id="d" * 200)))
    assert identity.order_id == "d" * 200
    assert len(identity.delivery_id) == 64


@pytest.mark.parametrize("order_id", [None, "", {}, "d" * 201])
def test_an_order_without_an_id_is_unreadable(order_id: object) -> None:
    cancelled = {**CANCEL, "external_order_id": order_id, "client_order_id": order_id}
    for body in (placed(id=order_id), cancelled):
        with pytest.raises(Unreadable, match="id: missing"):
            ADAPTER.parse(delivery(body), {})


def test_cancelled_by_whom_is_not_said() -> None:
    (said,) = ADAPTER.parse(delivery(CANCEL), {})
    assert said == Cancellation(order_id="d-1", at=delivery(CANCEL).received_at, by="platform")


def test_only_an_order_is_left_to_be_confirmed() -> None:
    bodies = (placed(), {"id": "1", "categories": []}, CANCEL, {"event": {"type": "MenuCreate"}})
    assert [ADAPTER.ack(delivery(body)).status for body in bodies] == [202, 202, 200, 200]


@pytest.mark.parametrize(
    ("fulfillment", "is_pickup", "expected"),
    [
        ("pickup", False, OrderType.PICKUP),
        ("dx_delivery", False, OrderType.DELIVERY),
        ("dx_delivery", True, OrderType.DELIVERY),
        ("mx_fleet_delivery", True, OrderType.DELIVERY),
        (None, True, OrderType.PICKUP),
        (None, None, OrderType.DELIVERY),
        ("dine_in", True, OrderType.PICKUP),
    ],
)
def test_order_types(fulfillment: object, is_pickup: object, expected: OrderType) -> None:
    assert order(fulfillment_type=fulfillment, is_pickup=is_pickup).order_type is expected


@pytest.mark.parametrize(
    ("subtotal", "tax", "total"),
    [
        (1000, None, 1000),
        (1000, 70, 1000),  # on top, and not booked
        (935, 65, 1000),  # in the prices
        (930, 65, 930),  # neither: held
        (None, 70, None),
    ],
)
def test_total(subtotal: object, tax: object, total: object) -> None:
    assert order(subtotal=subtotal, tax=tax).total == total


def test_the_bag_is_booked_whatever_the_tax() -> None:
    bag = {"type": "BAG_FEE", "price": 30, "tax": 2}
    assert order(subtotal=935, tax=65, custom_fee=[bag]).total == 1030


@pytest.mark.parametrize("amount", ["1000", 10.5, True, [], {}])
def test_money_that_is_no_integer_is_unreadable(amount: object) -> None:
    for field in ("subtotal", "tax", "merchant_tip_amount", "delivery_fee"):
        with pytest.raises(Unreadable, match=field):
            order(**{field: amount})


@pytest.mark.parametrize("categories", [[], None, [{"items": [{"name": "Labskaus"}]}]])
def test_an_order_without_prices_is_unreadable(categories: object) -> None:
    with pytest.raises(Unreadable, match="no prices"):
        order(subtotal=None, categories=categories)


@pytest.mark.parametrize(
    ("experience", "notes"),
    [
        ("DOORDASH", ()),
        ("ANY_EXPERIENCE", ()),
        (None, ()),
        ("STOREFRONT", ("Ordered at STOREFRONT",)),
    ],
)
def test_where_it_was_ordered(experience: object, notes: tuple[str, ...]) -> None:
    assert order(experience=experience).notes == notes


def test_an_address_is_read_only_where_the_restaurant_delivers() -> None:
    place = {"street": "Torstraße 140", "address_instructions": "Hinterhof"}
    own = order(fulfillment_type="mx_fleet_delivery", delivery_address=place)
    other = order(fulfillment_type="dx_delivery", delivery_address=place)
    assert own.customer.address
    assert own.notes == ("Delivery: Hinterhof",)
    assert (other.customer.address, other.notes) == (None, ())


def test_an_id_cannot_leave_the_path() -> None:
    odd = order(id="../a b?c#d")
    (call,) = answers(ADAPTER, delivery(placed()), odd, "ready")
    assert call.path == "/api/v1/orders/..%2Fa%20b%3Fc%23d/events/order_ready_for_pickup"
    assert call.json == {"merchant_supplied_id": "../a b?c#d"}


@pytest.mark.parametrize(
    ("provider", "agent"),
    [
        ("okto_receiver", "OktoReceiver/1.0"),
        ("OktoReceiver", "OktoReceiver/1.0"),
        ("my-pos 2", "MyPos2/1.0"),
        ("a\r\nx-evil: 1", "AXEvil1/1.0"),
        ("ß", None),
        ("", None),
    ],
)
def test_user_agent(provider: str, agent: str | None) -> None:
    assert user_agent(provider) == ({"user-agent": agent} if agent else {})


def test_user_agent_of_a_bare_order() -> None:
    bare = {**placed()["order"], "store": {"provider_type": "okto"}}
    for body in (bare, {"event": {"type": PLACED}, "order": bare}):
        (call,) = answers(ADAPTER, delivery(body), order(), "created")
        assert call.headers == {"user-agent": "Okto/1.0"}


# The token of our calls

KEY = bytes(range(224, 256))
SECRET = base64.urlsafe_b64encode(KEY).decode()


def proof(secret: str) -> dict[str, str]:
    assert ADAPTER.api
    return dict(ADAPTER.api.headers(Credentials("developer", secret, "key", "inbound"), NOW))


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=="))


def test_token() -> None:
    shown = proof(SECRET)
    assert shown.pop("auth-version") == "v2"
    scheme, token = shown.pop("authorization").split(" ")
    head, claims, mark = token.split(".")
    assert (scheme, shown) == ("Bearer", {})
    assert part(head) == {"alg": "HS256", "typ": "JWT", "dd-ver": "DD-JWT-V1"}
    assert part(claims) == {
        "aud": "doordash",
        "iss": "developer",
        "kid": "key",
        "iat": 1773424932,
        "exp": 1773424932 + 300,
    }
    signed = hmac.digest(KEY, f"{head}.{claims}".encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(mark + "=") == signed


def test_the_secret_may_come_without_its_padding() -> None:
    assert SECRET.endswith("=")
    assert proof(SECRET.rstrip("=")) == proof(SECRET)


@pytest.mark.parametrize("secret", ["", "a", "abcde", "ß" * 43, "☃", "=", "\ud800", "!!!!"])
def test_a_secret_that_cannot_be_read_gives_no_token(secret: str) -> None:
    assert proof(secret) == {}


def test_what_is_ignored_says_why() -> None:
    (said,) = ADAPTER.parse(delivery({**CANCEL, "vehicle": {}}), {})
    assert said == Ignored(RELEASED, "the courier is near; the order is in the till already")
