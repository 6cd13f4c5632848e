"""GloriaFood beyond its fixtures: several orders in one body, net prices, and its tables."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import sums
from adapters.contract import (
    Cancellation,
    Event,
    Ignored,
    Line,
    Order,
    OrderType,
    Unreadable,
)
from adapters.gloriafood import ADAPTER
from tests.goldens import of
from tests.test_replay import booked

DEMO = next(fixture for fixture in of(ADAPTER) if fixture.variant == "demo").unsigned()
PIZZA = {"id": 1, "name": "Pizza", "type": "item", "type_id": 841, "quantity": 1, "price": 10}


def placed(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    whole = {"id": 6902117, "status": "accepted", "type": "pickup", "items": items or (PIZZA,)}
    return {**whole, **changes}


def parsed(*placements: object) -> Sequence[Event]:
    body = json.dumps({"count": len(placements), "orders": placements}).encode()
    return ADAPTER.parse(replace(DEMO, body=body), {})


def order(*items: dict[str, Any], **changes: Any) -> Order:
    (said,) = parsed(placed(*items, **changes))
    assert isinstance(said, Order)
    return said


def identity(*placements: object) -> tuple[str, str | None, str | None, bool]:
    body = json.dumps({"orders": placements}).encode()
    return ADAPTER.identify(replace(DEMO, body=body))


def test_repeat_is_known_whatever_else_is_in_it() -> None:
    first = placed(updated_at="2026-03-13T18:02:11.000Z", pos_system_id=61)
    same = {**first, "client_order_count": 5}
    assert identity(first)[0] == identity(same)[0]
    others = [
        {**first, "id": 6902118},
        {**first, "pos_system_id": 62},
        {**first, "status": "canceled"},
        {**first, "updated_at": "2026-03-13T18:05:00.000Z"},
    ]
    assert len({identity(one)[0] for one in (first, *others)}) == 5
    assert identity(first, others[0])[0] not in {identity(first)[0], identity(others[0])[0]}


def test_bodies_without_an_order_are_known_by_their_bytes() -> None:
    assert identity()[0] != identity({})[0] != identity({}, {})[0]
    assert identity(placed(), {"x": 1})[0] != identity(placed(), {"x": 2})[0]


@pytest.mark.parametrize(
    ("placements", "expected"),
    [
        ([placed()], ("6902117", None, False)),
        ([placed(restaurant_key="k")], ("6902117", "k", False)),
        ([placed(restaurant_key="k", restaurant_token="t")], ("6902117", "t", False)),
        ([placed(), placed(id=2)], (None, None, False)),
        ([placed(restaurant_key="k"), placed(id=2, restaurant_key="k")], (None, "k", False)),
        ([placed(restaurant_key="k"), placed(id=2, restaurant_key="l")], (None, None, False)),
        ([placed(status="canceled")], ("6902117", None, True)),
        ([placed(status="canceled"), placed()], ("6902117", None, True)),
        ([placed(status="rejected"), placed(id=2, status="timed_out")], (None, None, True)),
        ([placed(status="canceled"), placed(id=2)], (None, None, False)),
        ([placed(status="canceled", type="table_reservation")], ("6902117", None, False)),
        ([], (None, None, False)),
    ],
)
def test_identity(placements: list[object], expected: object) -> None:
    assert identity(*placements)[1:] == expected


def test_unreadable_order_loses_no_other() -> None:
    good = [placed(id=number) for number in (1, 2, 3)]
    bad = [placed(id=4, total_price="zehn"), {**placed(), "id": None}, None, "order"]
    first, second, third, *lost = parsed(good[0], *bad, *good[1:])
    assert [one.order_id for one in (first, second, third) if isinstance(one, Order)] == [
        "1",
        "2",
        "3",
    ]
    assert lost == [
        Ignored("accepted", "unreadable: order 4: total_price: not a decimal", alert=True),
        *[
            Ignored("accepted", "unreadable: order without id: id or status: missing", alert=True)
            for _ in range(3)
        ],
    ]


def test_nothing_readable_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"order 6902117: price: missing; order 2: items: no dish"):
        parsed(placed({**PIZZA, "price": None}), placed(id=2, items=[]))
    with pytest.raises(Unreadable, match="orders: missing"):
        parsed()


def test_order_named_twice_counts_once() -> None:
    kinds = [type(event) for event in parsed(placed(status="canceled"), placed(), placed(id=2))]
    assert kinds == [Cancellation, Order]
    (last,) = parsed(placed(persons=1), placed(table_number="7"))
    assert isinstance(last, Order)
    assert last.table == "7"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pickup", OrderType.PICKUP),
        ("delivery", OrderType.DELIVERY),
        ("dine_in", OrderType.LOCAL),
        ("order_ahead", OrderType.LOCAL),
        ("drone", OrderType.DELIVERY),
    ],
)
def test_order_types(kind: str, expected: OrderType) -> None:
    assert order(type=kind).order_type is expected


def test_address_and_persons_where_they_matter() -> None:
    known = {"client_address": "Torstraße 1", "persons": 4}
    told = {kind: order(type=kind, **known) for kind in ("pickup", "delivery", "order_ahead")}
    assert [kind for kind, said in told.items() if said.customer.address] == ["delivery"]
    assert [kind for kind, said in told.items() if said.notes] == ["order_ahead"]
    assert order(type="order_ahead", persons=0).notes == ()


@pytest.mark.parametrize(
    ("payment", "status", "method"),
    [
        ("ONLINE", "paid", None),
        ("CASH", "call_for_payment", "CASH"),
        ("CARD", "call_for_payment", "CREDIT_CARD"),
        ("CARD_PHONE", "call_for_payment", "CREDIT_CARD"),
        ("Rechnung", "call_for_payment", None),
        (None, "call_for_payment", None),
    ],
)
def test_only_online_is_paid(payment: str | None, status: str, method: str | None) -> None:
    said = order(payment=payment)
    assert (said.payment, said.payment_method) == (status, method)


@pytest.mark.parametrize(("status", "alert"), [("pending", False), ("preparing", True)])
def test_status_that_is_neither_accepted_nor_over(status: str, alert: bool) -> None:
    (said,) = parsed(placed(status=status))
    assert isinstance(said, Ignored)
    assert (said.event_type, said.alert) == (status, alert)


@pytest.mark.parametrize(
    ("status", "by"),
    [("canceled", "platform"), ("rejected", "restaurant"), ("timed_out", "platform")],
)
def test_who_ended_it(status: str, by: str) -> None:
    (said,) = parsed(placed(status=status, missed_reason="zu viel los", items=None))
    assert isinstance(said, Cancellation)
    assert (said.by, said.reason, said.at) == (by, "zu viel los", DEMO.received_at)


def test_promotion_without_its_dishes_is_booked_itself() -> None:
    bundle = {"id": 9, "name": "Menü", "type": "promo_item", "price": 12, "type_id": 225}
    said = order(bundle, {**PIZZA, "parent_id": 8}, total_price=22)
    assert [(line.name, line.unit_price) for line in said.lines] == [
        ("Menü", 1200),
        ("Pizza", 1000),
    ]


def test_discount_of_the_cart_that_no_dish_bears() -> None:
    off = {"id": 9, "name": "5 € weniger", "type": "promo_cart", "price": 0, "item_discount": 5}
    said = order(PIZZA, off, total_price=5)
    assert [(cut.amount, cut.line_ids) for cut in said.discounts] == [(500, ())]
    assert said.total == booked(said) == 500


def test_unknown_item_is_a_dish() -> None:
    said = order({**PIZZA, "type": "combo"}, total_price=10)
    assert said.lines[0].name == "Pizza"


@pytest.mark.parametrize("quantity", [0, -1, 10_000, 10**30, "2", True])
def test_quantity_that_is_none(quantity: object) -> None:
    with pytest.raises(Unreadable, match="quantity"):
        order({**PIZZA, "quantity": quantity})


@pytest.mark.parametrize("rate", ["0.07", -0.07, 1, 7, 1e300, True])
def test_rate_of_net_prices_that_is_none(rate: object) -> None:
    with pytest.raises(Unreadable, match="tax_rate"):
        order({**PIZZA, "tax_rate": rate}, tax_type="NET")
    assert order({**PIZZA, "tax_rate": rate}, tax_type="GROSS").lines[0].unit_price == 1000


def test_tip_holds_its_tax_even_among_net_prices() -> None:
    tip = {"type": "tip", "price": 2, "tax_rate": 0.19, "tax_type": "NET"}
    said = order({**PIZZA, "tax_rate": 0.07}, tip, tax_type="NET", total_price=12.70)
    assert [one.amount for one in said.tips] == [200]
    assert said.total == booked(said) == 1070


dishes = st.lists(
    st.fixed_dictionaries(
        {
            "price": st.integers(100, 5_000).map(lambda cents: cents / 100),
            "quantity": st.integers(1, 9),
            "tax_rate": st.sampled_from([0.07, 0.19]),
            "item_discount": st.sampled_from([0, 0, 0.5, 1]),
            "options": st.lists(
                st.fixed_dictionaries(
                    {"price": st.integers(0, 300).map(lambda cents: cents / 100)}
                ),
                max_size=2,
            ),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(dishes)
def test_net_prices_come_to_the_stated_total(items: list[dict[str, Any]]) -> None:
    total = float(round(sum(map(gross, items), Decimal(0)), 2))
    numbered = [{**item, "id": number} for number, item in enumerate(items, 1)]
    said = order(*numbered, tax_type="NET", total_price=total)
    assert said.total == booked(said)
    reduced = [str(item["id"]) for item in numbered if item["item_discount"]]
    assert [cut.line_ids for cut in said.discounts] == [(one,) for one in reduced]
    assert sum(line.quantity for line in said.lines) == sum(item["quantity"] for item in items)
    wrong = order(*numbered, tax_type="NET", total_price=total + 1)
    assert booked(wrong) != wrong.total


def gross(item: dict[str, Any]) -> Decimal:
    each = sum(map(exact, (item["price"], *(option["price"] for option in item["options"]))))
    quantity: int = item["quantity"]
    return (each * quantity - exact(item["item_discount"])) * (1 + exact(item["tax_rate"]))


def exact(number: float) -> Decimal:
    return Decimal(str(number))


@given(st.lists(st.decimals(-1_000, 1_000, places=4), max_size=8), st.integers(-20, 20))
def test_rounding_moves_nothing_by_a_cent(amounts: list[Decimal], beside: int) -> None:
    stated = sums.half_up(sum(amounts, Decimal(0))) + beside
    whole = sums.rounded(amounts, stated)
    assert all(abs(after - before) < 1 for after, before in zip(whole, amounts, strict=True))
    if sum(map(math.floor, amounts)) <= stated <= sum(map(math.ceil, amounts)):
        assert sum(whole) == stated
    else:
        assert whole == sums.rounded(amounts, None) == [sums.half_up(one) for one in amounts]


def test_dish_of_a_size_is_an_article_of_its_own() -> None:
    size = {"name": "Groß", "type": "size", "type_id": 798, "price": 2.5}
    cheese = {"name": "Käse", "type": "option", "type_id": 1187, "price": 1.2}
    said = order({**PIZZA, "options": [cheese, size], "total_item_price": 13.7}, total_price=13.7)
    assert said.lines == (
        Line(
            name="Pizza, Groß",
            quantity=1,
            unit_price=1250,
            item_id="841:798",
            line_id="1",
            options=(Line(name="Käse", quantity=1, unit_price=120, item_id="1187"),),
        ),
    )
