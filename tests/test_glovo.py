"""Glovo beyond its fixtures: addresses for events, the store's clock, whose discounts are whose."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.api import Credentials
from adapters.contract import Cancellation, Delivery, Ignored, Order, Outcome, Owner, Unreadable
from adapters.glovo import ADAPTER, CANCELLED_BY, event_type
from tests.goldens import answers, of

PLACED: dict[str, Any] = {
    "order_id": "1",
    "store_id": "DELI MITTE/2",
    "estimated_total_price": 2000,
    "products": [
        {"id": "a", "name": "Falafel", "price": 500, "quantity": 2},
        {"id": "b", "name": "Taboulé", "price": 1000, "quantity": 1},
    ],
}


def delivery(body: object, path: str = "dispatched") -> Delivery:
    demo = next(fixture for fixture in of(ADAPTER) if fixture.variant == "demo")
    return replace(demo.unsigned(), path=path, body=json.dumps(body).encode())


def order(**changes: Any) -> Order:
    (said,) = ADAPTER.parse(delivery({**PLACED, **changes}), {})
    assert isinstance(said, Order)
    return said


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("dispatched", PLACED, "dispatched"),
        ("dispatched/", PLACED, "dispatched"),
        ("picked_up", PLACED, "picked_up"),
        ("cancelled", {"order_id": "1"}, "cancelled"),
        ("", PLACED, "dispatched"),
        ("", {"order_id": "1", "cancel_reason": None}, "cancelled"),
        ("menu", PLACED, "menu"),
    ],
)
def test_the_address_names_the_event(path: str, body: object, said: str) -> None:
    assert event_type(delivery(body, path)) == said
    assert ADAPTER.identify(delivery(body, path)).overtakes == (said == "cancelled")


def test_an_order_s_events_are_known_apart_and_their_repeats_are_not() -> None:
    paths = ("dispatched", "picked_up", "cancelled", "", "dispatched")
    named = [ADAPTER.identify(delivery(PLACED, path))[:3] for path in paths]
    about = ("1", "DELI MITTE/2")
    assert named[0] == named[3] == named[4] == ("dispatched:1", *about)
    assert named[1:3] == [("picked_up:1", *about), ("cancelled:1", *about)]


def test_an_address_of_no_event_is_known_by_its_bytes_and_shown_to_someone() -> None:
    first, second = ({**PLACED, "status": status} for status in "ab")
    ids = {ADAPTER.identify(delivery(body, "menu")).delivery_id for body in (first, second)}
    assert len(ids) == 2
    (said,) = ADAPTER.parse(delivery(PLACED, "menu"), {})
    assert isinstance(said, Ignored)
    assert said.alert


@pytest.mark.parametrize("path", ["dispatched", "cancelled"])
@pytest.mark.parametrize("order_id", [None, "", {}, "1" * 201])
def test_what_names_no_order_is_unreadable(path: str, order_id: object) -> None:
    with pytest.raises(Unreadable, match="order_id"):
        ADAPTER.parse(delivery({**PLACED, "order_id": order_id}, path), {})


@pytest.mark.parametrize(
    ("text", "minutes", "expected"),
    [
        ("2026-03-13 19:02:58", "60", datetime(2026, 3, 13, 18, 2, 58, tzinfo=UTC)),
        ("2026-03-13 19:02:58", 60, datetime(2026, 3, 13, 18, 2, 58, tzinfo=UTC)),
        ("2026-07-01 00:15:00", "120", datetime(2026, 6, 30, 22, 15, tzinfo=UTC)),
        ("2026-03-13 12:00:00", "-180", datetime(2026, 3, 13, 15, tzinfo=UTC)),
        ("2026-03-13 12:00:00", "0", datetime(2026, 3, 13, 12, tzinfo=UTC)),
        ("2026-03-13T12:00:00Z", "60", datetime(2026, 3, 13, 12, tzinfo=UTC)),
        ("2026-03-13 12:00:00", None, None),
        (None, "60", None),
        ("", "60", None),
    ],
)
def test_the_store_s_clock(text: object, minutes: object, expected: object) -> None:
    read = order(order_time=text, estimated_pickup_time=text, utc_offset_minutes=minutes)
    assert read.placed_at == read.ready_at == expected


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("soon", "60"),
        ("2026-13-13 12:00:00", "60"),
        ("2026-03-13 12:00:00", "an hour"),
        ("2026-03-13 12:00:00", "1441"),
        ("2026-03-13 12:00:00", "9" * 190),
        ("0001-01-01 00:00:00", "60"),
    ],
)
def test_a_time_that_is_none_is_unreadable(text: str, minutes: str) -> None:
    with pytest.raises(Unreadable, match="order_time"):
        order(order_time=text, utc_offset_minutes=minutes)


# Discounts: the products' first, then the order's two sums, and what of it is whose


@pytest.mark.parametrize(
    ("products", "partner", "glovo", "expected"),
    [
        ((0, 0), 0, 0, []),
        ((0, 0), None, None, []),
        ((100, 40), 140, 0, [(100, "ours", ("1",)), (40, "ours", ("2",))]),
        ((100, 0), 0, 100, [(100, "theirs", ())]),
        ((100, 0), 60, 40, [(60, "ours", ("1",)), (40, "theirs", ())]),
        ((100, 40), 100, 40, [(100, "ours", ("1", "2")), (40, "theirs", ())]),
        ((100, 0), 150, 0, [(150, "ours", ())]),
        ((0, 0), 150, 0, [(150, "ours", ())]),
        ((100, 40), None, None, [(100, "ours", ("1",)), (40, "ours", ("2",))]),
        ((100, 40), None, 40, [(100, "ours", ("1", "2")), (40, "theirs", ())]),
        ((100, 0), None, 140, [(140, "theirs", ())]),
    ],
)
def test_discounts(
    products: tuple[int, int], partner: int | None, glovo: int | None, expected: object
) -> None:
    reduced = [
        {**product, "discount": off}
        for product, off in zip(PLACED["products"], products, strict=True)
    ]
    read = order(
        products=reduced, partner_discounts_products=partner, glovo_discounts_products=glovo
    )
    whose = {Owner.RESTAURANT: "ours", Owner.PLATFORM: "theirs"}
    assert [(cut.amount, whose[cut.owner], cut.line_ids) for cut in read.discounts] == expected
    own = sum(cut.amount for cut in read.discounts if cut.owner is Owner.RESTAURANT)
    assert read.total == 2000 - own


def test_glovo_s_sum_after_the_restaurant_s_discounts_counts_most() -> None:
    assert order(partner_discounted_products_total=1900).total == 1900
    only_after = order(estimated_total_price=None, partner_discounted_products_total=1900)
    assert only_after.total == 1900
    assert order(estimated_total_price=None).total is None


FEES = {"delivery_fee": 250, "minimum_basket_surcharge": 80, "service_fee": 120}


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ({"delivery_address": {"label": "Torstraße 140"}}, 2330),
        ({"delivery_address": None}, 2000),
        ({"delivery_address": {"label": "x"}, "is_picked_up_by_customer": True}, 2000),
    ],
)
def test_fees_are_ours_where_we_deliver(more: dict[str, Any], total: int) -> None:
    read = order(**FEES, **more)
    assert read.total == total
    assert sum(fee.amount for fee in read.fees) == 450
    assert (read.customer.address is not None) == (total > 2000)


def test_an_order_without_prices_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no prices"):
        order(estimated_total_price=None, products=[{"id": "a", "name": "Falafel"}])


@pytest.mark.parametrize("amount", ["2000", 20.5, True, [], {}])
def test_money_that_is_no_integer_is_unreadable(amount: object) -> None:
    for field in ("estimated_total_price", "delivery_fee", "glovo_discounts_products"):
        with pytest.raises(Unreadable, match=field):
            order(**{field: amount})


@pytest.mark.parametrize(
    ("method", "due", "offered", "notes"),
    [
        ("CASH", 3450, 5000, ("Collect 34.50 · guest pays with 50.00",)),
        ("CASH", 3405, None, ("Collect 34.05",)),
        ("CASH", None, None, ()),
        ("DELAYED", 3450, 5000, ()),
    ],
)
def test_what_the_own_courier_collects(
    method: str, due: object, offered: object, notes: object
) -> None:
    read = order(
        payment_method=method, total_customer_to_pay=due, customer_cash_payment_amount=offered
    )
    assert read.notes == notes
    assert read.payment == ("call_for_payment" if method == "CASH" else "paid")
    assert read.payment_method == ("CASH" if method == "CASH" else None)


@pytest.mark.parametrize(
    ("place", "street", "number"),
    [
        ({"street_name": "Torstraße", "street_number": "140 a"}, "Torstraße", "140 a"),
        (
            {"street_name": "Straße des 17. Juni", "street_number": 135},
            "Straße des 17. Juni",
            "135",
        ),
        ({"label": "Torstraße 140"}, "Torstraße", "140"),
        ({"street_name": "Am Markt"}, "Am Markt", None),
    ],
)
def test_addresses(place: object, street: str, number: str | None) -> None:
    read = order(delivery_address=place).customer.address
    assert read
    assert (read.street, read.house_number) == (street, number)


@pytest.mark.parametrize(
    ("phone", "read"), [("N/A", None), ("", None), ("***", None), ("+4930555", "+4930555")]
)
def test_phones(phone: str, read: str | None) -> None:
    assert order(customer={"name": "Jo", "phone_number": phone}).customer.phone == read


@given(bundle=st.sets(st.integers(1, 10**12).map(str), min_size=2, max_size=5))
def test_all_orders_of_a_bundle_share_a_session(bundle: set[str]) -> None:
    others = {one: sorted(bundle - {one}) for one in bundle}
    with_others = {order(order_id=one, bundled_orders=others[one]).session for one in bundle}
    with_all = {order(order_id=one, bundled_orders=sorted(bundle)).session for one in bundle}
    assert with_others == with_all
    assert len(with_all & bundle) == len(with_all) == 1


@pytest.mark.parametrize("listed", [None, [], ["1"], [None], "2", [{}]])
def test_an_order_alone_has_no_session(listed: object) -> None:
    assert order(bundled_orders=listed).session is None


@pytest.mark.parametrize(
    ("reason", "by"),
    [*CANCELLED_BY.items(), ("ORDER_NOT_FEASIBLE", "platform"), ("OTHER", "platform")],
)
def test_who_cancelled(reason: str, by: str) -> None:
    body = {"order_id": "1", "cancel_reason": reason, "payment_strategy": "PAY_NOTHING"}
    (said,) = ADAPTER.parse(delivery(body, "cancelled"), {})
    assert isinstance(said, Cancellation)
    assert (said.by, said.reason) == (by, f"{reason}, PAY_NOTHING")


def test_a_cancellation_without_a_reason() -> None:
    (said,) = ADAPTER.parse(delivery({"order_id": "1"}, "cancelled"), {})
    assert isinstance(said, Cancellation)
    assert (said.by, said.reason) == ("platform", None)


def told(body: dict[str, Any], outcome: Outcome) -> list[tuple[str, object, list[int]]]:
    (said,) = ADAPTER.parse(delivery(body), {})
    assert isinstance(said, Order)
    calls = answers(ADAPTER, delivery(body), said, outcome)
    assert all((call.method, call.name) == ("PUT", outcome) for call in calls)
    return [(call.path, call.json, sorted(call.done)) for call in calls]


def test_answers() -> None:
    path = "/webhook/stores/DELI%20MITTE%2F2/orders/1/status"
    accepted = (path, {"status": "ACCEPTED"}, [400, 409])
    assert told(PLACED, "created") == [accepted]
    assert told(PLACED, "ready") == [(path, {"status": "READY_FOR_PICKUP"}, [])]
    assert told(PLACED, "refused") == []


def test_nobody_is_told_to_come_where_the_store_delivers() -> None:
    own = {**PLACED, "delivery_address": {"label": "Torstraße 140"}}
    assert told(own, "ready") == []
    assert len(told(own, "created")) == 1
    assert len(told({**own, "is_picked_up_by_customer": True}, "ready")) == 1


def test_without_a_store_there_is_no_address_for_an_answer() -> None:
    assert [told({**PLACED, "store_id": None}, one) for one in get_args(Outcome)] == [[]] * 5


def test_the_token_proves_us_too() -> None:
    assert ADAPTER.api
    now = delivery(PLACED).received_at
    known = Credentials("id", "client-secret", "key", "token-of-glovo")
    assert ADAPTER.api.headers(known, now) == {"authorization": "token-of-glovo"}
    assert ADAPTER.api.headers(Credentials(), now) == {}
