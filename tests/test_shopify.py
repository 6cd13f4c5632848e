"""Shopify beyond its fixtures: the body decides and not the topic; every status; exact sums."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    Cancellation,
    Delivery,
    Event,
    Ignored,
    Order,
    PaymentUpdate,
    Unreadable,
)
from adapters.payload import Tree
from adapters.shopify import ADAPTER, CASH, discounts, dish, net, paid_for
from adapters.sums import worth
from tests.goldens import of

CANCELLED: dict[str, Any] = {
    "cancelled_at": "2026-03-13T19:08:00+01:00",
    "cancel_reason": "customer",
}
UPDATED_BY = datetime(2026, 3, 13, 18, 2, 9, 999_000, tzinfo=UTC)  # the end of that second


def placed(topic: str = "orders/updated", **changes: Any) -> Delivery:
    """The demo's order with another topic, and changed."""
    (demo,) = (fixture.unsigned() for fixture in of(ADAPTER) if fixture.variant == "demo")
    body = {**json.loads(demo.body), **changes}
    headers = {**demo.headers, "x-shopify-topic": topic}
    return replace(demo, headers=headers, body=json.dumps(body).encode())


def parsed(delivery: Delivery) -> list[Event]:
    return list(ADAPTER.parse(delivery, {}))


def kinds(delivery: Delivery) -> list[str]:
    return [type(event).__name__ for event in parsed(delivery)]


def the_order(**changes: Any) -> Order:
    order = parsed(placed("orders/create", **changes))[0]
    assert isinstance(order, Order)
    return order


# The topic is not signed


@pytest.mark.parametrize("topic", ["orders/create", "orders/paid", "orders/updated"])
def test_a_cancelled_order_is_one_under_any_topic(topic: str) -> None:
    delivery = placed(topic, **CANCELLED)
    assert kinds(delivery) == ["Cancellation"]
    assert ADAPTER.identify(delivery).overtakes


def test_an_order_that_stands_is_not_cancelled_by_a_topic() -> None:
    delivery = placed("orders/cancelled")
    assert kinds(delivery) == ["Order", "PaymentUpdate"]
    assert not ADAPTER.identify(delivery).overtakes


def test_an_unpaid_order_is_not_paid_by_a_topic() -> None:
    (order,) = parsed(placed("orders/paid", financial_status="pending"))
    assert isinstance(order, Order)
    assert order.payment == "call_for_payment"


def test_an_order_is_no_transaction() -> None:
    with pytest.raises(Unreadable, match="order_id"):
        parsed(placed("order_transactions/create"))


def test_the_delivery_id_counts_with_its_body_only() -> None:
    one, other = placed(), placed(note="another")
    assert one.headers["x-shopify-webhook-id"] == other.headers["x-shopify-webhook-id"]
    assert ADAPTER.identify(one)[0] != ADAPTER.identify(other)[0]
    assert ADAPTER.identify(one) == ADAPTER.identify(replace(one))


@pytest.mark.parametrize("named", ["", " ", "a b", "ä", "x" * 101])
def test_without_a_usable_id_the_topic_and_the_body_are_it(named: str) -> None:
    ids = {
        ADAPTER.identify(replace(one, headers={**one.headers, "x-shopify-webhook-id": named}))[0]
        for one in (placed(), placed("orders/paid"), placed(note="another"), placed())
    }
    assert len(ids) == 3


@pytest.mark.parametrize("topic", ["order_transactions/create", "refunds/create"])
def test_what_is_about_an_order_s_money_stands_in_the_order_s_queue(topic: str) -> None:
    delivery = replace(placed(topic), body=b'{"id": 77, "order_id": 5908811264001}')
    assert ADAPTER.identify(delivery).order_id == "5908811264001"


# What is said of the payment


@pytest.mark.parametrize(
    ("status", "cancelled", "first", "told"),
    [
        ("pending", False, "call_for_payment", None),
        ("partially_paid", False, "call_for_payment", None),
        ("unknown", False, "call_for_payment", None),
        (None, False, "call_for_payment", None),
        ("authorized", False, "call_for_payment", ("appointed", False)),
        ("paid", False, "paid", ("paid", False)),
        ("partially_refunded", False, "paid", ("paid", False)),
        ("refunded", False, None, ("canceled", True)),
        ("voided", False, None, ("canceled", False)),
        ("expired", False, None, ("canceled", False)),
        ("pending", True, None, None),
        ("paid", True, None, None),
        ("authorized", True, None, None),
        ("refunded", True, None, ("canceled", True)),
        ("voided", True, None, ("canceled", False)),
    ],
)
def test_financial_status(
    status: str | None, cancelled: bool, first: str | None, told: tuple[str, bool] | None
) -> None:
    events = parsed(placed(financial_status=status, **(CANCELLED if cancelled else {})))
    updates = [event for event in events if isinstance(event, PaymentUpdate)]
    assert [event.payment for event in events if isinstance(event, Order)] == [first] * bool(first)
    assert [(update.status, update.reversal) for update in updates] == [told] * bool(told)
    assert all(update.at == UPDATED_BY for update in updates)
    assert all(update.reference == "5908811264001" for update in updates)
    assert any(isinstance(event, Cancellation) for event in events) is cancelled


def test_a_new_order_says_itself_that_it_is_paid() -> None:
    assert kinds(placed("orders/create")) == ["Order"]
    assert kinds(placed("orders/create", financial_status="authorized"))[1:] == ["PaymentUpdate"]


@pytest.mark.parametrize(
    ("topic", "hours", "expected"),
    [
        ("orders/updated", 23, ["Order", "PaymentUpdate"]),
        ("orders/updated", 25, ["PaymentUpdate"]),
        ("orders/paid", 25, ["Order", "PaymentUpdate"]),
        ("orders/create", 25, ["Order"]),
    ],
)
def test_a_mere_update_of_an_older_order_creates_none(
    topic: str, hours: int, expected: list[str]
) -> None:
    delivery = placed(topic)
    later = replace(delivery, received_at=delivery.received_at + timedelta(hours=hours))
    assert kinds(later) == expected


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("authorization", "success", "appointed"),
        ("authorization", "pending", "appointed"),
        ("authorization", "failure", "error"),
        ("authorization", "error", "error"),
        ("sale", "success", None),
        ("sale", "pending", "appointed"),
        ("sale", "failure", "error"),
        ("sale", "error", "error"),
        ("capture", "success", None),
        ("capture", "pending", None),
        ("capture", "failure", "error"),
        ("capture", "error", "error"),
        ("void", "success", None),
        ("void", "failure", None),
        ("refund", "success", None),
        ("refund", "failure", None),
        (None, None, None),
    ],
)
def test_transaction(kind: str | None, status: str | None, told: str | None) -> None:
    said = {"order_id": 1, "id": 2, "kind": kind, "status": status, "test": False}
    delivery = replace(placed("order_transactions/create"), body=json.dumps(said).encode())
    (event,) = parsed(delivery)
    assert (event.status if isinstance(event, PaymentUpdate) else None) == told
    by_hand = replace(delivery, body=json.dumps({**said, "manual_payment_gateway": True}).encode())
    assert isinstance(parsed(by_hand)[0], Ignored)


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("customer", "customer"),
        ("inventory", "restaurant"),
        ("staff", "restaurant"),
        ("fraud", "platform"),
        ("declined", "platform"),
        ("other", "platform"),
        (None, "platform"),
    ],
)
def test_who_cancelled(reason: str | None, by: str) -> None:
    (event,) = parsed(placed(**{**CANCELLED, "cancel_reason": reason}))
    assert isinstance(event, Cancellation)
    assert (event.by, event.reason) == (by, reason)


@pytest.mark.parametrize(
    ("gateway", "cash"),
    [
        ("Cash on Delivery (COD)", True),
        ("cash", True),
        ("Barzahlung", True),
        ("Bar", True),
        ("Nachnahme", True),
        ("shopify_payments", False),
        ("Barclaycard", False),
        ("Cashew Pay", False),
    ],
)
def test_cash_by_its_words(gateway: str, cash: bool) -> None:
    assert bool(CASH.search(gateway)) is cash
    named = the_order(payment_gateway_names=["gift_card", gateway], financial_status="pending")
    assert named.payment_method == ("CASH" if cash else None)


# Sums


amounts = st.integers(0, 100_000)


def price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@given(
    unit=amounts,
    quantity=st.integers(1, 40),
    tax=amounts,
    cuts=st.lists(st.integers(0, 500), max_size=3),
    included=st.booleans(),
)
def test_a_line_comes_to_what_is_paid_for_it(
    unit: int, quantity: int, tax: int, cuts: list[int], included: bool
) -> None:
    item = Tree(
        {
            "id": 1,
            "price": price(unit),
            "quantity": quantity,
            "tax_lines": [{"price": price(tax)}],
            "discount_allocations": [{"amount": price(cut)} for cut in cuts],
        }
    )
    order = Tree({"taxes_included": included})
    off = 0 if net(order) else sum(cut.amount for cut in discounts(item, order))
    paid = unit * quantity - sum(cuts) + (0 if included else tax)
    assert worth(dish(item, order)) - off == paid == paid_for(item, order, quantity)


@pytest.mark.parametrize("field", ["total_price", "total_tip_received"])
def test_the_total_is_shopify_s_own_less_the_tip(field: str) -> None:
    before, after = the_order(), the_order(**{field: "50.00"})
    assert before.total == 4091 - 300
    assert after.total == {"total_price": 5000 - 300, "total_tip_received": 4091 - 5000}[field]


def test_a_total_that_is_a_number_is_read_to_the_cent() -> None:
    assert the_order(total_price=1234567.89).total == 123456789 - 300


def test_without_any_total_none_is_made_up() -> None:
    assert the_order(total_price=None).total is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": None}, "id: missing"),
        ({"line_items": []}, "line_items: missing"),
        ({"line_items": [{"quantity": -1, "price": "1.00"}]}, "quantity"),
        ({"line_items": [{"quantity": "1", "price": "1.00"}]}, "quantity"),
        ({"total_price": "NaN"}, "total_price"),
        ({"taxes_included": "no"}, "taxes_included"),
        ({"created_at": "yesterday"}, "created_at"),
    ],
)
def test_what_cannot_be_an_order_is_unreadable(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Unreadable, match=complaint):
        parsed(placed("orders/create", **changes))


def test_without_a_topic_nothing_is_read() -> None:
    with pytest.raises(Unreadable, match="x-shopify-topic"):
        parsed(placed(""))


@pytest.mark.parametrize("kind", ["PICKUP", "SHIPPING"])
def test_the_address_is_told_only_where_something_is_brought(kind: str) -> None:
    title = {"PICKUP": "Abholung", "SHIPPING": "Paket"}[kind]
    order = the_order(shipping_lines=[{"title": title, "price": "2.90"}])
    assert order.order_type == kind
    assert (order.customer.address is None) is (kind == "PICKUP")


@pytest.mark.parametrize("address", [None, {"city": "Berlin"}])
def test_without_a_known_word_it_goes_where_there_is_an_address(address: object) -> None:
    order = the_order(shipping_lines=[{"title": "Mitte"}], shipping_address=address)
    assert order.order_type == ("SHIPPING" if address else "PICKUP")


@pytest.mark.parametrize(
    "changes",
    [
        {"phone": "1"},
        {"phone": "", "billing_address": {"phone": "1"}},
        {"phone": None, "billing_address": None, "customer": {"phone": "1"}},
        {"shipping_address": {"phone": "1"}, "phone": "2"},
    ],
)
def test_the_phone_is_found_wherever_it_is(changes: dict[str, Any]) -> None:
    assert the_order(**{"shipping_address": {"phone": None}, **changes}).customer.phone == "1"
