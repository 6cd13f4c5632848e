"""Otter beyond its fixtures: both generations of totals, whose what is, and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters import otter
from adapters.contract import (
    Cancellation,
    Delivery,
    Event,
    FeeKind,
    Ignored,
    Order,
    OrderType,
    Owner,
    Unreadable,
)
from adapters.otter import ADAPTER
from tests.goldens import of
from tests.test_replay import booked

DEMO = next(fixture for fixture in of(ADAPTER) if fixture.variant == "demo").unsigned()
BURGER = {"name": "Burger", "quantity": 1, "price": 8.9}
OURS, PLATFORM, COURIER = Owner.RESTAURANT, Owner.PLATFORM, Owner.COURIER


def delivery(event: object = "orders.new_order", **placed: Any) -> Delivery:
    order = {"externalIdentifiers": {"id": "o-1"}, "items": [BURGER], **placed}
    body = {"eventId": "e-1", "eventType": event, "metadata": {"storeId": "s", "payload": order}}
    return replace(DEMO, body=json.dumps(body).encode())


def parsed(event: object = "orders.new_order", **placed: Any) -> Sequence[Event]:
    return ADAPTER.parse(delivery(event, **placed), {})


def order(mode: str = "PICKUP", **placed: Any) -> Order:
    (said,) = parsed(**{"fulfillmentInfo": {"fulfillmentMode": mode}, **placed})
    assert isinstance(said, Order)
    return said


def second(**amounts: float) -> dict[str, Any]:
    fields = {
        name: {"breakdown": [{"subType": "VALUE", "value": amount}]}
        for name, amount in amounts.items()
    }
    return {"orderTotalV2": {"customerTotal": fields}}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("DELIVERY", OrderType.DELIVERY),
        ("RESTAURANT_DELIVERY", OrderType.DELIVERY),
        ("PICKUP", OrderType.PICKUP),
        ("DRIVE_THROUGH", OrderType.PICKUP),
        ("DINE_IN", OrderType.LOCAL),
        ("CURBSIDE", OrderType.DELIVERY),
    ],
)
def test_order_types(mode: str, expected: OrderType) -> None:
    assert order(mode).order_type is expected


@pytest.mark.parametrize(
    ("field", "kind", "owner"),
    [
        ("feeForRestaurantProvidedDelivery", FeeKind.DELIVERY, OURS),
        ("packingFee", FeeKind.PACKAGING, OURS),
        ("bagFee", FeeKind.PACKAGING, OURS),
        ("feeForServiceProviderDelivery", FeeKind.DELIVERY, PLATFORM),
        ("smallOrderFee", FeeKind.SMALL_ORDER, PLATFORM),
        ("serviceFee", FeeKind.SERVICE, PLATFORM),
        ("otherFee", FeeKind.SERVICE, PLATFORM),
    ],
)
def test_whose_a_fee_is(field: str, kind: FeeKind, owner: Owner) -> None:
    said = order(**second(foodSales=8.9, **{field: 1.23}))
    assert [(fee.kind, fee.amount, fee.owner) for fee in said.fees] == [(kind, 123, owner)]
    assert said.total == booked(said) == 890 + (123 if owner is OURS else 0)


@pytest.mark.parametrize("amount", [1.23, -1.23])
@pytest.mark.parametrize(
    ("field", "owner"),
    [
        ("restaurantFundedDiscount", OURS),
        ("voucherDiscount", OURS),
        ("promotionDiscount", OURS),
        ("operatorDiscount", OURS),
        ("loyaltyDiscount", OURS),
        ("serviceProviderDiscount", PLATFORM),
    ],
)
def test_whose_a_discount_is(field: str, owner: Owner, amount: float) -> None:
    said = order(**second(foodSales=8.9, **{field: amount}))
    assert [(cut.amount, cut.owner) for cut in said.discounts] == [(123, owner)]
    assert said.total == booked(said) == 890 - (123 if owner is OURS else 0)


@pytest.mark.parametrize(
    ("field", "owner"), [("tipForRestaurant", OURS), ("tipForServiceProviderCourier", COURIER)]
)
def test_whose_a_tip_is(field: str, owner: Owner) -> None:
    said = order(**second(foodSales=8.9, **{field: 2}))
    assert [(tip.amount, tip.owner) for tip in said.tips] == [(200, owner)]
    assert said.total == 890


@pytest.mark.parametrize(
    ("mode", "fee", "tip", "total"),
    [
        ("DELIVERY", PLATFORM, COURIER, 790),
        ("", PLATFORM, COURIER, 790),
        ("RESTAURANT_DELIVERY", OURS, OURS, 989),
        ("PICKUP", OURS, OURS, 989),
        ("DINE_IN", OURS, OURS, 989),
    ],
)
@pytest.mark.parametrize("whole", [{"total": 11.89}, {}])
def test_first_totals_by_who_delivers(
    mode: str, fee: Owner, tip: Owner, total: int, whole: Mapping[str, float]
) -> None:
    stated = {"subtotal": 8.9, "discount": -1, "deliveryFee": 1.99, "tip": 2, **whole}
    said = order(mode, orderTotal=stated)
    assert [one.owner for one in said.fees] == [fee]
    assert [one.owner for one in said.tips] == [tip]
    assert said.total == booked(said) == total


def test_second_totals_count_before_the_first() -> None:
    said = order(orderTotal={"subtotal": 9.9, "total": 9.9}, **second(foodSales=8.9))
    assert said.total == 890
    said = order(orderTotal={"subtotal": 8.9, "total": 8.9}, **second(foodSales=9.9))
    assert (said.total, booked(said)) == (990, 890)


def test_order_without_any_sum() -> None:
    assert order().total is None
    with pytest.raises(Unreadable, match="items: missing"):
        order(items=[])
    assert order(items=[], orderTotal={"subtotal": 7}).lines[0].unit_price == 700


def test_dish_without_a_price_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="price: missing"):
        order(items=[{"name": "Burger"}])
    assert order(items=[{"skuPrice": 3}]).lines[0].unit_price == 300


PROCESSED = {"value": 5, "processingStatus": "PROCESSED", "paymentMethod": "CASH"}
CASH = {"value": 3.9, "processingStatus": "COLLECTABLE", "paymentMethod": "CASH"}
CARD = {**CASH, "paymentMethod": "CARD"}


@pytest.mark.parametrize(
    ("payments", "due", "expected"),
    [
        ([PROCESSED], 0, ("paid", None)),
        ([PROCESSED], 3.9, ("paid", None)),
        ([PROCESSED, CASH], 0, ("call_for_payment", "CASH")),
        ([CARD], 0, ("call_for_payment", None)),
        ([CARD, CASH], 0, ("call_for_payment", "CASH")),
        ([{**CASH, "value": 0}], 0, ("paid", None)),
        ([], 3.9, ("call_for_payment", None)),
        ([], 0, ("paid", None)),
        (None, None, ("paid", None)),
    ],
)
def test_payment(payments: object, due: object, expected: tuple[str, str | None]) -> None:
    totals = {"customerPayment": {"customerPaymentDue": due}}
    said = order(customerPayments=payments, orderTotalV2=totals)
    assert (said.payment, said.payment_method) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"addressLines": ["Torstraße 1", "Hof"]}, ("Torstraße", "1", "Hof")),
        ({"linesOfAddress": ["Torstraße 1"]}, ("Torstraße", "1", None)),
        ({"addressLines": [], "linesOfAddress": None}, None),
        (
            {"addressLines": [None, 7, "Hof"], "fullAddress": "Torstraße 1"},
            ("Torstraße", "1", "7 · Hof"),
        ),
    ],
)
def test_address_only_where_we_deliver(field: Mapping[str, object], expected: object) -> None:
    info = {"destination": field, "note": "Code 12"}
    for mode in ("DELIVERY", "PICKUP"):
        said = order(mode, deliveryInfo=info)
        assert (said.customer.address, said.notes) == (None, ())
    said = order("RESTAURANT_DELIVERY", deliveryInfo=info)
    assert said.notes == ("Delivery: Code 12",)
    if expected:
        place = said.customer.address
        assert place
        assert (place.street, place.house_number, place.additional) == expected


def test_names_a_payment_may_use() -> None:
    for source, expected in ({"id": "o-1", "friendlyId": "X"}, ("X",)), ({"id": "s-1"}, ("s-1",)):
        names = {"id": "o-1", "sourceExternalIdentifiers": source}
        assert order(externalIdentifiers=names).references == expected
    assert order(externalIdentifiers={"id": "o-1"}).references == ()


@pytest.mark.parametrize("event", ["orders.new_order", "orders.update"])
@pytest.mark.parametrize("status", sorted(otter.ENDED))
def test_order_that_has_ended(event: str, status: str) -> None:
    (said,) = parsed(event, status=status)
    assert isinstance(said, Cancellation)
    assert ADAPTER.identify(delivery(event, status=status)).overtakes


@pytest.mark.parametrize("status", sorted(otter.OVER))
def test_order_that_is_over(status: str) -> None:
    assert parsed(status=status) == [Ignored("orders.new_order", "the order is over")]
    assert not ADAPTER.identify(delivery(status=status)).overtakes


@pytest.mark.parametrize("status", ["NEW_ORDER", "CONFIRMED", "PREPARED", None])
def test_order_that_is_on(status: str | None) -> None:
    (said,) = parsed(status=status)
    assert isinstance(said, Order)


@pytest.mark.parametrize("event", [None, "", 7.5, {}, "a" * 201])
def test_event_without_a_type_is_unreadable(event: object) -> None:
    with pytest.raises(Unreadable, match="eventType: missing"):
        parsed(event)


@pytest.mark.parametrize("event", ["orders.new_order", "orders.update", "orders.cancel_order"])
@pytest.mark.parametrize("order_id", [None, "", "a\n b", "a" * 201, {}])
def test_order_without_an_id_is_unreadable(event: str, order_id: object) -> None:
    with pytest.raises(Unreadable, match="externalIdentifiers"):
        parsed(event, externalIdentifiers={"id": order_id})


def test_identity() -> None:
    assert ADAPTER.identify(delivery()) == ("e-1", "o-1", "s", False)
    assert ADAPTER.identify(delivery("orders.cancel_order")) == ("e-1", "o-1", "s", True)
    confirmed = delivery("orders.confirm", externalIdentifiers=None, orderId="o-1")
    assert ADAPTER.identify(confirmed) == ("e-1", "o-1", "s", False)
    unnamed = replace(DEMO, body=b'{"eventType": "ping.ping"}')
    assert len(ADAPTER.identify(unnamed).delivery_id) == 64


def test_what_is_signed_is_base64() -> None:
    assert ADAPTER.sign(DEMO, "s" * 20).headers["x-hmac-sha256"].endswith("=")
