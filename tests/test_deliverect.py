"""Deliverect beyond its fixtures: kinds told by shape, amounts of any size, whose what is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    Ack,
    Cancellation,
    Delivery,
    Discount,
    Fee,
    FeeKind,
    Ignored,
    Order,
    OrderType,
    Owner,
    Tip,
    Unreadable,
)
from adapters.deliverect import ADAPTER, deposit, dish, hundredths, shape, shares
from adapters.payload import Tree
from receiver.settings.model import Connection
from receiver.tokens import token_request
from tests.goldens import answers, of

Json = dict[str, Any]
RESTAURANT, PLATFORM, COURIER = Owner.RESTAURANT, Owner.PLATFORM, Owner.COURIER


def recorded(folder: str = "order__demo") -> Delivery:
    return next(f for f in of(ADAPTER) if f.folder.name == folder).unsigned()


def sent(body: object) -> Delivery:
    return replace(recorded(), body=json.dumps(body).encode())


def placed(**changes: Any) -> Delivery:
    """The demo's order with these fields changed."""
    return sent({**json.loads(recorded().body), **changes})


def parsed(delivery: Delivery) -> Order:
    (said,) = ADAPTER.parse(delivery, {})
    assert isinstance(said, Order)
    return said


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"_id": "a", "items": []}, "order"),
        ({"_id": "a", "items": [], "orderId": "b", "courier": {}}, "order"),
        ({"orderId": "a", "items": [], "status": 1}, "ticket"),
        ({"orderId": "a", "courier": {}, "status": 72, "timeStamp": "t"}, "courier"),
        ({"orderId": "a", "status": 20, "timeStamp": "t"}, "status"),
        ({"orderId": "a", "status": 20}, "other"),
        ({"_id": "a"}, "other"),
        ({}, "other"),
    ],
)
def test_shapes(body: Json, kind: str) -> None:
    assert shape(body) == kind


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"_id": None, "items": []},
        {"_id": "", "items": [], "status": 100},
        {"orderId": "", "status": 100, "timeStamp": "2026-03-13T18:00:00Z"},
    ],
)
def test_what_may_be_an_order_is_never_ignored(body: Json) -> None:
    with pytest.raises(Unreadable, match="neither an order"):
        ADAPTER.parse(sent(body), {})


STATUS = {"orderId": "a", "timeStamp": "2026-03-13T18:00:00Z"}


@pytest.mark.parametrize(
    ("body", "by"),
    [
        ({**STATUS, "status": 100}, "platform"),
        ({**STATUS, "status": 110}, "restaurant"),
        ({"_id": "a", "items": [], "status": 100}, "platform"),
        ({**STATUS, "status": 90}, None),
        ({**STATUS, "status": 120}, None),
        ({**STATUS, "status": "100"}, None),
        ({**STATUS, "status": 100, "courier": {}}, None),
        ({"orderId": "a", "items": [], "status": 100}, None),
        ({"_id": "a", "items": [], "status": 100, "testOrder": True}, None),
    ],
)
def test_cancellations(body: Json, by: str | None) -> None:
    delivery = sent(body)
    (said,) = ADAPTER.parse(delivery, {})
    assert (said.by if isinstance(said, Cancellation) else None) == by
    assert ADAPTER.identify(delivery)[1:] == ("a", None, by is not None)


@pytest.mark.parametrize("status", [[100], {"100": 1}, None, 100.5, True])
def test_a_status_of_another_kind_cancels_nothing(status: object) -> None:
    assert not ADAPTER.identify(placed(status=status)).overtakes


@pytest.mark.parametrize(
    ("location", "link", "store"),
    [("l", "c", "l"), ("", "c", "c"), (None, "c", "c"), (7, "c", "7"), (None, None, None)],
)
def test_store(location: object, link: object, store: str | None) -> None:
    delivery = placed(location=location, channelLink=link)
    assert ADAPTER.identify(delivery).store_id == parsed(delivery).store_id == store


def test_the_same_bytes_are_the_same_delivery_and_no_others() -> None:
    first, again, later = recorded(), recorded(), placed(_updated="2026-03-13T18:05:00Z")
    ids = [ADAPTER.identify(delivery).delivery_id for delivery in (first, again, later)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("number", "order_type"),
    [
        (1, OrderType.PICKUP),
        (2, OrderType.DELIVERY),
        (3, OrderType.LOCAL),
        (4, OrderType.PICKUP),
        (5, OrderType.PICKUP),
        (9, OrderType.DELIVERY),
        (None, OrderType.DELIVERY),
    ],
)
def test_order_types(number: int | None, order_type: OrderType) -> None:
    order = parsed(placed(orderType=number))
    assert order.order_type is order_type
    assert (order.customer.address is not None) == (order_type is OrderType.DELIVERY)


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_amounts_are_scaled_exactly_or_not_at_all(amount: int, digits: int) -> None:
    try:
        read = hundredths([{"subItems": [{"price": amount, "quantity": amount}]}], digits)
    except Unreadable:
        assert (amount * 100) % 10**digits
    else:
        assert isinstance(read, list)
        item = read[0]["subItems"][0]
        assert item["price"] * 10**digits == amount * 100
        assert item["quantity"] == amount


@pytest.mark.parametrize("path", ["price", "tip", "amountRestaurant", "bagFee", "discountTotal"])
def test_fraction_of_a_cent_is_unreadable(path: str) -> None:
    with pytest.raises(Unreadable, match="fraction"):
        hundredths({path: 7905}, 3)


COUNTS = {"quantity", "orderType", "channel", "pos", "date", "status", "source", "type"}
COUNTS |= {"sortOrder", "productType", "decimalDigits"}


def tenfold(value: object, name: str = "") -> object:
    """Every integer that is not known to be something else."""
    if isinstance(value, list):
        return [tenfold(entry) for entry in value]
    if isinstance(value, dict):
        return {key: tenfold(entry, key) for key, entry in value.items()}
    is_amount = isinstance(value, int) and not isinstance(value, bool) and name not in COUNTS
    return value * 10 if is_amount and isinstance(value, int) else value


@pytest.mark.parametrize("folder", ["order__demo", "order__deposit", "order__discounts"])
def test_every_amount_of_an_order_is_scaled(folder: str) -> None:
    body = tenfold(json.loads(recorded(folder).body))
    assert isinstance(body, dict)
    assert parsed(sent({**body, "decimalDigits": 3})) == parsed(recorded(folder))


def test_what_is_still_due_is_scaled() -> None:
    payment = {"amount": 38940, "due": 5000}
    body = tenfold({**json.loads(recorded().body), "payment": {}})
    assert isinstance(body, dict)
    order = parsed(sent({**body, "decimalDigits": 3, "payment": payment}))
    assert "Still due: 5.00" in order.notes


@pytest.mark.parametrize("digits", [-1, 7, 10**9])
def test_digits_beyond_reason_are_unreadable(digits: object) -> None:
    with pytest.raises(Unreadable, match="decimalDigits: not"):
        ADAPTER.parse(placed(decimalDigits=digits), {})


@pytest.mark.parametrize("digits", ["2", 2.0, True])
def test_digits_that_are_no_number_are_unreadable(digits: object) -> None:
    with pytest.raises(Unreadable, match="decimalDigits: not a whole number"):
        ADAPTER.parse(placed(decimalDigits=digits), {})


@pytest.mark.parametrize("digits", [None, 2])
def test_two_digits_are_what_is_meant(digits: int | None) -> None:
    assert parsed(placed(decimalDigits=digits)) == parsed(recorded())


@pytest.mark.parametrize("price", [7.9, "790", True, [], {}])
def test_money_that_is_no_integer_is_unreadable(price: object) -> None:
    with pytest.raises(Unreadable, match="price"):
        ADAPTER.parse(placed(items=[{"plu": "C-01", "price": price}]), {})


@pytest.mark.parametrize(
    ("marker", "amount"),
    [
        ({}, 0),
        ({"deposit": 25}, 25),
        ({"deposit": {"amount": 25}}, 25),
        ({"bottleDepositPrice": 25}, 25),
        ({"supplementalInfo": {"deposit": {"amount": 25}}}, 25),
        ({"deposit": 345}, 345),
        ({"deposit": 346}, 0),
        ({"deposit": -25}, 0),
        ({"deposit": True}, 0),
        ({"deposit": "25"}, 0),
        ({"deposit": None}, 0),
    ],
)
def test_deposit_within_the_price(marker: Json, amount: int) -> None:
    item = Tree({"name": "Limo", "price": 345, **marker})
    assert deposit(item) == amount
    assert dish(item).unit_price == 345 - amount


@pytest.mark.parametrize(
    ("cut", "split"),
    [
        ({"amount": 100}, {RESTAURANT: 100}),
        ({"amount": -100}, {RESTAURANT: 100}),
        ({"amount": 100, "provider": "channel"}, {PLATFORM: 100}),
        ({"amount": 100, "provider": "restaurant"}, {RESTAURANT: 100}),
        ({"amount": 100, "provider": "nobody"}, {RESTAURANT: 100}),
        ({"amount": 100, "type": "delivery_discount"}, {COURIER: 100}),
        ({"amount": 100, "type": "free_delivery"}, {COURIER: 100}),
        ({"amount": 100, "type": "free_service_fee"}, {PLATFORM: 100}),
        ({"amount": 100, "type": "service_fee_discount"}, {PLATFORM: 100}),
        ({"amount": 100, "type": "free_delivery", "provider": "restaurant"}, {RESTAURANT: 100}),
        ({"amount": 100, "amountRestaurant": 60}, {RESTAURANT: 60, PLATFORM: 40}),
        ({"amount": 100, "amountChannel": 60}, {RESTAURANT: 40, PLATFORM: 60}),
        ({"amountRestaurant": 60, "amountChannel": 40}, {RESTAURANT: 60, PLATFORM: 40}),
        (
            {"amount": 100, "amountRestaurant": 0, "amountChannel": 100, "provider": "restaurant"},
            {RESTAURANT: 0, PLATFORM: 100},
        ),
    ],
)
def test_who_pays_for_a_discount(cut: Json, split: Mapping[Owner, int]) -> None:
    assert shares(Tree(cut), courier=COURIER) == split


@pytest.mark.parametrize(("by", "owner"), [("restaurant", RESTAURANT), ("channel", PLATFORM)])
def test_whose_the_delivery_is(by: str, owner: Owner) -> None:
    free = {"name": "Frei", "type": "free_delivery", "amount": 250}
    order = parsed(placed(courier={"deliveryBy": by}, discounts=[free], discountTotal=-250))
    assert order.fees[0] == Fee(kind=FeeKind.DELIVERY, amount=250, owner=owner)
    assert order.discounts == (Discount(amount=250, owner=owner, name="Frei"),)
    driver = RESTAURANT if by == "restaurant" else COURIER
    assert order.tips == (Tip(amount=200, owner=driver),)
    assert (order.customer.address is None) == (by == "channel")


@pytest.mark.parametrize(
    ("already", "kind", "due", "status", "method"),
    [
        (True, 0, 0, "paid", None),
        (True, 1, 0, "paid", None),
        (True, 1, 500, "call_for_payment", "CASH"),
        (False, 0, 0, "call_for_payment", None),
        (False, 1, 3894, "call_for_payment", "CASH"),
        (False, 2, 3894, "call_for_payment", "CASH"),
        (False, 4, 3894, "call_for_payment", None),
        (None, 0, 0, "paid", None),
        (None, 3, 0, "paid", None),
        (None, 1, 0, "call_for_payment", "CASH"),
        (None, 0, 500, "call_for_payment", None),
        (None, None, None, "call_for_payment", None),
    ],
)
def test_payments(
    already: bool | None, kind: int | None, due: int | None, status: str, method: str | None
) -> None:
    payment = {"amount": 3894, "type": kind, "due": due}
    order = parsed(placed(orderIsAlreadyPaid=already, payment=payment))
    assert (order.payment, order.payment_method) == (status, method)
    assert ("Still due: 5.00" in order.notes) == (due == 500)


@pytest.mark.parametrize("held", [0, 200, 70, 270])
def test_tips_are_no_part_of_the_total(held: int) -> None:
    payment = {"amount": 3694 + held, "type": 0, "due": 0}
    order = parsed(placed(payment=payment, tip=70, driverTip=200))
    assert order.total == 3695
    assert sum(tip.amount for tip in order.tips) == 270


def test_a_sum_that_is_not_a_tip_shows() -> None:
    order = parsed(placed(payment={"amount": 3694 + 71, "type": 0, "due": 0}, tip=70))
    assert order.total == 3695 + 71


@pytest.mark.parametrize("field", ["table", "tableName", "tableNumber"])
def test_table(field: str) -> None:
    assert parsed(placed(orderType=3, **{field: "7"})).table == "7"
    assert parsed(placed(orderType=1, **{field: "7"})).table is None


def test_table_that_is_an_object() -> None:
    assert (
        parsed(placed(orderType=3, table={"id": "x", "name": "Terrasse 2"})).table == "Terrasse 2"
    )


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Jonas Keller", ("Jonas", "Keller")),
        ("Mia ***", ("Mia", None)),
        ("***", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_names(name: str | None, read: tuple[str | None, str | None]) -> None:
    customer = parsed(placed(customer={"name": name})).customer
    assert (customer.given_name, customer.family_name) == read


@pytest.mark.parametrize(
    ("method", "path", "answered"),
    [("POST", "register", True), ("POST", "", False), ("GET", "register", False)],
)
def test_registering_tells_where_orders_go(method: str, path: str, *, answered: bool) -> None:
    url = f"https://receiver.example/webhooks/berlin/{path}?x=1"
    assert ADAPTER.handshake
    said = ADAPTER.handshake(replace(recorded(), method=method, path=path, url=url), [])
    body = b'{"ordersWebhookURL": "https://receiver.example/webhooks/berlin"}'
    assert said == (Ack(body=body, media_type="application/json") if answered else None)


def test_ids_cannot_lead_an_answer_elsewhere() -> None:
    delivery = placed(_id="../x?y")
    (call,) = answers(ADAPTER, delivery, parsed(delivery), "ready")
    assert call.path == "/orderStatus/..%2Fx%3Fy"


def test_a_token_is_asked_for_as_json_with_its_audience() -> None:
    assert ADAPTER.api
    assert ADAPTER.api.oauth
    known = Connection(name="d", adapter=ADAPTER, secrets=(), client_id="me", client_secret="s3")
    headers, body = token_request(ADAPTER.api.oauth, known.credentials, {})
    assert headers == {"content-type": "application/json"}
    assert json.loads(body) == {
        "grant_type": "token",
        "audience": "https://api.deliverect.com",
        "client_id": "me",
        "client_secret": "s3",
    }


def test_test_orders_never_reach_the_till() -> None:
    (said,) = ADAPTER.parse(placed(testOrder=True), {})
    assert said == Ignored("order", "a test order")
