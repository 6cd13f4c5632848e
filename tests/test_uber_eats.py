"""Uber Eats beyond its fixtures: what must be unreadable, and where calls may not go."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.contract import Delivery, Fetch, Identity, Line, Order, Unreadable
from adapters.payload import Tree
from adapters.sums import agreeing, worth
from adapters.uber_eats import ADAPTER, cents
from tests.goldens import Fixture, answers, of

ORDER = "6c69fd0d-c886-58ba-be02-e760befd9e2e"


def recorded(variant: str) -> Fixture:
    folder = f"orders.notification__{variant}"
    return next(fixture for fixture in of(ADAPTER) if fixture.folder.name == folder)


def notice(**changes: Any) -> Delivery:
    delivery = recorded("demo").unsigned()
    body = {**json.loads(delivery.body), **changes}
    return replace(delivery, body=json.dumps(body).encode())


def identity(body: object) -> Identity:
    return ADAPTER.identify(replace(notice(), body=json.dumps(body).encode()))


def parsed(delivery: Delivery, order: object) -> Order:
    (said,) = ADAPTER.parse(delivery, {"order": json.dumps(order).encode()})
    assert isinstance(said, Order)
    return said


@pytest.mark.parametrize(
    "href",
    [
        None,
        "",
        f"https://api.uber.com.example/v1/delivery/order/{ORDER}",
        f"https://api.uber.com@example/v1/delivery/order/{ORDER}",
        f"https://example/v1/delivery/order/{ORDER}",
        f"http://api.uber.com/v1/delivery/order/{ORDER}",
        f"https://api.uber.com:8443/v1/delivery/order/{ORDER}",
        f"https://api.uber.com/v1/eats/stores/{ORDER}",
        f"https://api.uber.com/v1/delivery/order/../../{ORDER}",
        f"https://api.uber.com/v1/delivery/order/{ORDER}/cancel",
        "//api.uber.com/v1/delivery/order/",
    ],
)
def test_address_elsewhere_is_unreadable(href: str | None) -> None:
    with pytest.raises(Unreadable, match="resource_href"):
        ADAPTER.parse(notice(resource_href=href), {})


@pytest.mark.parametrize("order_id", [None, "", "..", "a/b", "a?b", "ä", "a" * 65, {}, "a\n b"])
def test_id_that_is_none_is_unreadable(order_id: object) -> None:
    for event_type in ("orders.notification", "orders.cancel"):
        with pytest.raises(Unreadable, match=r"meta\.resource_id"):
            ADAPTER.parse(notice(event_type=event_type, meta={"resource_id": order_id}), {})


def test_what_is_fetched_comes_from_the_id_alone() -> None:
    href = "https://test-api.uber.com/v2/eats/order/another-order"
    assert ADAPTER.parse(notice(resource_href=href), {}) == [
        Fetch("order", f"/v2/eats/order/{ORDER}")
    ]


def test_order_without_prices_is_unreadable() -> None:
    order = json.loads(recorded("demo").fetched()["order"])
    del order["order"]["payment"]
    with pytest.raises(Unreadable, match="no prices"):
        parsed(notice(), order)


@pytest.mark.parametrize("amount", ["990000", 990000.5, True, [], {}])
def test_money_that_is_no_integer_is_unreadable(amount: object) -> None:
    order = json.loads(recorded("demo").fetched()["order"])
    order["order"]["payment"]["payment_detail"]["tips"]["total"]["gross"]["amount_e5"] = amount
    with pytest.raises(Unreadable, match="amount_e5"):
        parsed(notice(), order)


@pytest.mark.parametrize(
    ("money", "expected"),
    [
        ({}, None),
        ({"amount": 250}, 250),
        ({"gross": {"amount_e5": 1_234_499}}, 1234),
        ({"gross": {"amount_e5": 1_234_500}}, 1235),
        ({"gross": {"amount_e5": -100_000}}, -100),
        ({"gross": {}, "net": {"amount_e5": 925_234}, "tax": {"amount_e5": 64_766}}, 990),
        ({"net": {"amount_e5": 1_000_000}}, 1000),
        ({"gross": {"amount_e5": 0}, "net": {"amount_e5": 1_000_000}}, 0),
    ],
)
def test_cents(money: object, expected: int | None) -> None:
    assert cents(Tree(money)) == expected


def test_what_has_no_event_id_is_known_by_its_message_or_its_bytes() -> None:
    store = {"event_type": "store.provisioned", "store_id": "s-1"}
    with_message = {**store, "webhook_meta": {"webhook_msg_uuid": "m-1"}}
    assert identity(with_message) == ("m-1", None, "s-1", False)
    assert identity(store)[0] == identity(store)[0] != identity({**store, "store_id": "s-2"})[0]


def test_cancellation_overtakes_however_it_is_spelt() -> None:
    said = {"event_id": "e-1", "event_type": "Orders.Failure", "meta": {"resource_id": ORDER}}
    assert identity(said) == ("e-1", ORDER, None, True)


def test_ready_is_not_said_of_a_legacy_order() -> None:
    legacy = recorded("legacy")
    order = parsed(legacy.unsigned(), json.loads(legacy.fetched()["order"]))
    assert answers(ADAPTER, legacy.unsigned(), order, "ready") == []


@pytest.mark.parametrize(
    "allergens", [["SOY", "EGGS"], [{"type": "SOY"}, {"type": "EGGS"}], "SOY, EGGS"]
)
def test_no_allergy_is_lost(allergens: object) -> None:
    order = json.loads(recorded("demo").fetched()["order"])
    order["order"]["carts"][0]["items"][1]["customer_requests"] = {
        "allergy": {"allergens": allergens}
    }
    assert parsed(notice(), order).lines[1].comment == "Allergy: SOY, EGGS"


def line(quantity: int, price: int, *options: Line) -> Line:
    return Line(name="x", quantity=quantity, unit_price=price, options=options)


EXACT = (line(2, 990, line(2, 150), line(1, 200, line(3, 50))), line(3, 320))


@pytest.mark.parametrize(
    "stated",
    [
        EXACT,
        (line(2, 990, line(4, 150), line(2, 200, line(6, 50))), line(3, 320)),
        (line(2, 990, line(2, 300), line(1, 400, line(3, 100))), line(3, 320)),
        (line(2, 1640, line(2, 150), line(1, 350, line(3, 50))), line(3, 320)),
    ],
    ids=["as is", "quantities for all", "prices for all", "held by the dish's"],
)
def test_lines_are_read_so_that_they_agree(stated: tuple[Line, ...]) -> None:
    assert agreeing(stated, worth(EXACT)) == EXACT


def test_lines_that_never_agree_stay_as_they_are() -> None:
    assert agreeing(EXACT, 1) == EXACT
    assert agreeing(EXACT, None) == EXACT
