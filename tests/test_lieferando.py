"""Lieferando beyond its fixtures: whose what is, odd sums, and what each address is answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.api import Credentials
from adapters.contract import (
    Cancellation,
    Delivery,
    FeeKind,
    Ignored,
    Line,
    Order,
    OrderType,
    Owner,
    Proof,
    Unreadable,
)
from adapters.lieferando import ADAPTER
from adapters.sums import gathered, in_proportion, worth
from tests.goldens import answers
from tests.test_replay import booked

ARRIVED = datetime(2026, 3, 13, 18, 2, 12, tzinfo=UTC)
ID = "5b1c7f6e-0d3a-4f0e-9a55-6f2f4e0c8d11"
OWN, PARTNER, PICKUP = (
    "delivery-by-merchant",
    "delivery-by-delivery-partner",
    "collection-by-customer",
)
NOTICES = ["cancelled", "driver_status", "temp_offline", "failed_order"]
RESTAURANT, PLATFORM, COURIER = Owner.RESTAURANT, Owner.PLATFORM, Owner.COURIER


def sent(path: str, body: object) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"https://receiver.example/webhooks/lieferando/{path}"
    return Delivery("POST", url, path, {}, raw, ARRIVED)


def item(price: int, **changes: object) -> dict[str, object]:
    return {"name": "Ramen", "plu": "7101", "price": price, **changes}


def placed(*items: object, cart: int, **changes: Any) -> dict[str, object]:
    """An order whose basket comes to `cart` and which `changes` of the payment complete."""
    listed = changes.pop("adjustments", {})
    payment = {
        "items_in_cart": {"inc_tax": cart, "tax": changes.pop("tax", 0)},
        "adjustments": [{"name": k, "price": {"inc_tax": v}} for k, v in listed.items()],
        "final": {"inc_tax": changes.pop("final", cart + sum(listed.values()))},
        "deposit": changes.pop("deposit", 0),
    }
    return {"id": ID, "type": PICKUP, "items": items, "payment": payment, **changes}


def read(body: object) -> Order:
    (order,) = ADAPTER.parse(sent("order", body), {})
    assert isinstance(order, Order)
    return order


# Whose what is

SHARES = [
    ("deliveryFee", FeeKind.DELIVERY, PLATFORM, RESTAURANT),
    ("smallOrderFee", FeeKind.SMALL_ORDER, PLATFORM, RESTAURANT),
    ("bagfee", FeeKind.PACKAGING, RESTAURANT, RESTAURANT),
    ("bagFee", FeeKind.PACKAGING, RESTAURANT, RESTAURANT),
    ("serviceCharge", FeeKind.SERVICE, PLATFORM, PLATFORM),
    ("other", FeeKind.SERVICE, PLATFORM, PLATFORM),
    ("heard of by nobody", FeeKind.SERVICE, PLATFORM, PLATFORM),
    ("", FeeKind.SERVICE, PLATFORM, PLATFORM),
]


@pytest.mark.parametrize("kind", [PARTNER, PICKUP, OWN])
@pytest.mark.parametrize(("name", "fee", "by_default", "own_courier"), SHARES)
def test_whose_a_fee_is(
    name: str, fee: FeeKind, by_default: Owner, own_courier: Owner, kind: str
) -> None:
    order = read(placed(item(1000), cart=1000, adjustments={name: 250}, type=kind))
    (charged,) = order.fees
    owner = own_courier if kind == OWN else by_default
    assert (charged.kind, charged.amount, charged.owner) == (fee, 250, owner)
    assert order.total == (1250 if owner is RESTAURANT else 1000) == booked(order)


@pytest.mark.parametrize(
    ("kind", "owner"), [(PARTNER, COURIER), (PICKUP, COURIER), (OWN, RESTAURANT)]
)
def test_whose_a_tip_is(kind: str, owner: Owner) -> None:
    order = read(placed(item(1000), cart=1000, adjustments={"driverTip": 200}, type=kind))
    (tip,) = order.tips
    assert (tip.amount, tip.owner) == (200, owner)
    assert order.total == 1000


@pytest.mark.parametrize(
    ("stated", "final"), [(-300, 700), (300, 700)], ids=["as a negative", "as what is taken off"]
)
def test_a_discount_is_the_restaurants(stated: int, final: int) -> None:
    adjustments = {"discount": stated}
    order = read(placed(item(1000), cart=1000, adjustments=adjustments, final=final))
    (discount,) = order.discounts
    assert (discount.amount, discount.owner) == (300, RESTAURANT)
    assert order.total == 700 == booked(order)


def test_a_discount_that_the_final_sum_adds_shows() -> None:
    order = read(placed(item(1000), cart=1000, adjustments={"discount": 300}, final=1300))
    assert (order.total, booked(order)) == (1300, 700)


def test_what_lieferando_gives_of_its_own_fee_is_its_own() -> None:
    order = read(placed(item(1000), cart=1000, adjustments={"deliveryFee": -190}, type=PARTNER))
    (discount,) = order.discounts
    assert (discount.amount, discount.owner) == (190, PLATFORM)
    assert order.total == 1000 == booked(order)


# Sums

COLA = item(290, unitDepositAmount=25)
MENU = item(1190, children=[item(0, unitDepositAmount=25)])
LARGE_MENU = item(1190, children=[item(325, unitDepositAmount=25)])


@pytest.mark.parametrize(
    ("body", "prices", "deposit"),
    [
        (placed(COLA, cart=290, deposit=25), [265], 25),
        (placed(COLA, cart=290), [265], 25),
        (placed(COLA, cart=315, deposit=25), [290], 25),
        (placed(COLA, cart=290, deposit=25, final=315), [290], 25),
        (placed(item(290), cart=290, deposit=25, final=315), [290], 25),
        (placed(item(290), cart=290, deposit=25), [290], 0),
        (placed(MENU, cart=1190, deposit=25), [1190], 0),
        (placed(MENU, cart=1215, deposit=25), [1190], 25),
        (placed(LARGE_MENU, cart=1515, deposit=25), [1190], 25),
        (placed(COLA, COLA, cart=580, deposit=50), [265], 50),
        (placed(item(242, unitDepositAmount=25), cart=290, tax=48, deposit=25), [265], 25),
        (placed(item(250, unitDepositAmount=25), cart=325, tax=50, deposit=25), [300], 25),
        (placed(item(900), COLA, cart=1215, tax=25, deposit=25), [900, 290], 25),
        (placed(item(1000), cart=1190, tax=190), [1190], 0),
        (placed(item(1000), cart=1000, tax=190), [1000], 0),
    ],
    ids=[
        "in the price",
        "in the price, no sum of deposits",
        "in the basket",
        "beside the basket",
        "beside the basket, of no dish in particular",
        "of no dish and in no sum",
        "an option's that costs nothing, in no sum",
        "an option's that costs nothing, in the basket",
        "in an option's price",
        "several pieces",
        "in a price before tax",
        "beside a price before tax",
        "in the basket, and as high as the tax",
        "before tax",
        "with tax",
    ],
)
def test_the_sums_decide(body: dict[str, object], prices: list[int], deposit: int) -> None:
    order = read(body)
    assert [line.unit_price for line in order.lines] == prices
    assert sum(fee.amount for fee in order.fees) == deposit
    assert order.total == booked(order)


@pytest.mark.parametrize(
    "body",
    [
        placed(item(1000), cart=1100),
        placed(item(1000), cart=1200, tax=100),
        placed(COLA, cart=340, deposit=25),
        placed(item(1000), cart=1000, final=1010),
        placed(item(1000, quantity=0), cart=0),
    ],
)
def test_sums_that_never_agree_differ(body: dict[str, object]) -> None:
    order = read(body)
    assert order.total != booked(order)


@pytest.mark.parametrize("amount", ["1000", 1000.5, True, [], {"inc_tax": 1}])
def test_money_that_is_no_integer_is_unreadable(amount: object) -> None:
    with pytest.raises(Unreadable, match=r"price|final\.inc_tax"):
        read(placed({"name": "Ramen", "price": amount}, cart=1000))
    body: dict[str, Any] = placed(item(1000), cart=1000)
    body["payment"]["final"]["inc_tax"] = amount
    with pytest.raises(Unreadable, match=r"final\.inc_tax"):
        read(body)


def promoted(kind: str, **value: int) -> Order:
    promotion = {"type": kind, "items": [item(350, name="Mochi", plu="7170")], **value}
    return read(placed(item(1000), cart=1000, promotions=[promotion]))


@pytest.mark.parametrize("value", [{}, {"discountValue": 350}, {"discount_value": -350}])
def test_free_dishes_are_brought_along(value: dict[str, int]) -> None:
    order = promoted("FREE_ITEM_MIN_BASKET", **value)
    assert [line.pos_ref for line in order.lines] == ["7101", "7170"]
    assert order.discounts[0].line_ids == (order.lines[1].line_id,)
    assert order.total == 1000 == booked(order)


def test_a_dish_that_is_free_in_part_only_shows() -> None:
    order = promoted("FREE_ITEM_MIN_BASKET", discount_value=200)
    assert (order.total, booked(order)) == (1000, 1150)


@pytest.mark.parametrize(
    "promotion",
    [
        {"type": "ITEM_DISCOUNT", "items": [item(350)], "discount_value": 350},
        {"type": "FREE_ITEM_MIN_BASKET", "items": [], "discount_value": 350},
    ],
)
def test_other_promotions_bring_nothing(promotion: object) -> None:
    order = read(placed(item(1000), cart=1000, promotions=[promotion]))
    assert ([line.pos_ref for line in order.lines], order.discounts) == (["7101"], ())


# Lines

CHEESE = item(120, name="Extra Käse")
AS_MANY = [
    ([item(900), item(900)], [2]),
    ([item(900), item(290, name="Cola"), item(900)], [2, 1]),
    ([item(900), item(900, notes="scharf")], [1, 1]),
    ([item(900), item(900, children=[CHEESE])], [1, 1]),
    ([item(900, children=[CHEESE]), item(900, children=[CHEESE])], [2]),
    ([item(900, children=[CHEESE, CHEESE]), item(900, children=[CHEESE])], [1, 1]),
    ([item(900), item(950)], [1, 1]),
    ([item(900, quantity=3), item(900)], [4]),
    ([item(900, quantity=None)], [1]),
]


@pytest.mark.parametrize(("items", "quantities"), AS_MANY)
def test_equal_entries_become_one_line(items: list[object], quantities: list[int]) -> None:
    lines = read(placed(*items, cart=0)).lines
    assert [line.quantity for line in lines] == quantities


def test_equal_options_become_one() -> None:
    (dish,) = read(placed(item(900, children=[CHEESE, CHEESE]), cart=1140)).lines
    assert [(option.name, option.quantity) for option in dish.options] == [("Extra Käse", 2)]


prices = st.integers(0, 60)
options = st.lists(
    st.builds(Line, name=st.just("o"), quantity=st.integers(1, 3), unit_price=prices), max_size=3
).map(tuple)
some_lines = st.lists(
    st.builds(
        Line,
        name=st.sampled_from("ab"),
        quantity=st.integers(1, 4),
        unit_price=prices,
        options=options,
    ),
    min_size=1,
    max_size=5,
)


@given(lines=some_lines)
def test_gathering_changes_no_sum(lines: list[Line]) -> None:
    together = gathered(lines)
    assert worth(together) == worth(lines)
    assert sum(line.quantity for line in together) == sum(line.quantity for line in lines)
    assert gathered(together) == together


@given(lines=some_lines, tax=st.integers(0, 500))
def test_taxed_lines_come_to_the_sum(lines: list[Line], tax: int) -> None:
    net = worth(lines)
    taxed = in_proportion(tuple(lines), net + tax)
    assert worth(taxed) == (net + tax if net else 0)
    assert sum(line.quantity for line in taxed) == sum(line.quantity for line in lines)
    everything = [*taxed, *(option for line in taxed for option in line.options)]
    assert min(line.unit_price for line in everything) >= 0


def test_lines_below_nothing_are_not_taxed() -> None:
    lines = tuple(Line(name="x", quantity=1, unit_price=price) for price in (500, -100))
    assert in_proportion(lines, 476) == lines


# Everything else of an order


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (PICKUP, OrderType.PICKUP),
        (OWN, OrderType.DELIVERY),
        (PARTNER, OrderType.DELIVERY),
        ("by-drone", OrderType.DELIVERY),
        (None, OrderType.DELIVERY),
    ],
)
def test_order_type(kind: str | None, expected: OrderType) -> None:
    assert read(placed(item(1000), cart=1000, type=kind)).order_type is expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("CASH", ("call_for_payment", "CASH")),
        ("cash", ("call_for_payment", "CASH")),
        ("CARD", ("paid", None)),
        ("", ("paid", None)),
    ],
)
def test_payment(method: str, expected: tuple[str, str | None]) -> None:
    order = read(placed(item(1000), cart=1000, payment_method=method))
    assert (order.payment, order.payment_method) == expected


@pytest.mark.parametrize("said", ["1773424929", 1773424929])
def test_times_are_unix_seconds(said: object) -> None:
    order = read(placed(item(1000), cart=1000, created_at=said, collect_at="", deliver_at=said))
    moment = datetime(2026, 3, 13, 18, 2, 9, tzinfo=UTC)
    assert (order.placed_at, order.ready_at) == (moment, moment)


@pytest.mark.parametrize("said", ["2026-03-13T18:02:09Z", "-5", "99999999999999999", "٣"])
def test_a_time_that_is_none_is_unreadable(said: str) -> None:
    with pytest.raises(Unreadable, match="created_at"):
        read(placed(item(1000), cart=1000, created_at=said))


GUEST = {"first_name": "Mia", "line_one": "Torstraße 12 a", "email": "mia@mail.example"}


@pytest.mark.parametrize(
    ("kind", "place", "name", "has_address"),
    [
        (OWN, "delivery", "Mia", True),
        (PARTNER, "delivery", "Mia", False),
        (PICKUP, "collector", "Mia", False),
        (PICKUP, "delivery", None, False),
        (OWN, "collector", None, False),
    ],
)
def test_who_ordered(kind: str, place: str, name: str | None, has_address: bool) -> None:
    people = {"delivery": {}, "collector": {}, place: GUEST}
    customer = read(placed(item(1000), cart=1000, type=kind, **people)).customer
    assert customer.given_name == name
    assert (customer.address is not None) == has_address


@pytest.mark.parametrize(
    ("said", "kept"), [("mia@mail.example", "mia@mail.example"), ("customer@email.hidden", None)]
)
def test_a_mail_address_that_is_none_is_left_out(said: str, kept: str | None) -> None:
    guest = {**GUEST, "email": said}
    assert read(placed(item(1000), cart=1000, collector=guest)).customer.email == kept


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("order", {"OrderId": "ABCD654321", "Items": [], "TotalPrice": 19.25}, "id"),
        ("order", {"id": ID, "items": [item(1)]}, r"payment\.final\.inc_tax"),
        ("order_final", {}, "id"),
        ("cancelled", {"Event": "OrderCancelled", "OrderId": "ijdh"}, "orderID"),
        ("failed_order", {"validationError": "MENU_ERROR"}, r"order\.orderId"),
    ],
)
def test_what_is_missing_is_named(path: str, body: object, missing: str) -> None:
    with pytest.raises(Unreadable, match=f"^{missing}: missing$"):
        ADAPTER.parse(sent(path, body), {})


# Notices


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ({"reason": {"code": "custCancelledMadeMistake"}}, "customer"),
        ({"reason": {"code": "restCancelledTooBusy"}}, "restaurant"),
        ({"reason": {"code": "deletedRejectedByRestaurant"}}, "restaurant"),
        ({"reason": {"code": "deletedTestOrder"}}, "platform"),
        ({"reason": {"code": "systemCancelledOther"}}, "platform"),
        ({"reason": {}}, "platform"),
        ({}, "platform"),
        ({"reason": {"code": "restCancelledOther"}, "initiatedBy": {"code": "courier"}}, "courier"),
        ({"reason": {"code": "restCancelledOther"}, "initiatedBy": None}, "restaurant"),
    ],
)
def test_who_cancelled(said: dict[str, object], by: str) -> None:
    (event,) = ADAPTER.parse(sent("cancelled", {"orderID": ID, **said}), {})
    assert isinstance(event, Cancellation)
    assert (event.by, event.at) == (by, ARRIVED)


@pytest.mark.parametrize("path", [*NOTICES, "order", "elsewhere"])
def test_delivery_times_are_known_by_their_shape(path: str) -> None:
    said = {"dayOfWeek": "Monday", "lowerBoundMinutes": 35, "upperBoundMinutes": 50}
    (event,) = ADAPTER.parse(sent(path, said), {})
    assert isinstance(event, Ignored)
    assert (event.event_type, event.alert) == ("order_time_updated", False)


# Addresses

SIGNED, BY_KEY = Proof(), Proof(by="api_key", covers_body=False)
OF_ORDERS = ["order", "order_final", "order/"]
NOWHERE = ["", "orders", "cancelled/order", "order_time_updated", "CANCELLED"]


@pytest.mark.parametrize("path", [*OF_ORDERS, *NOWHERE])
def test_orders_and_what_goes_astray_are_signed(path: str) -> None:
    assert ADAPTER.proof(sent(path, {})) == SIGNED


@pytest.mark.parametrize("path", [*NOTICES, "cancelled/"])
def test_notices_come_with_the_key(path: str) -> None:
    assert ADAPTER.proof(sent(path, {})) == BY_KEY


@pytest.mark.parametrize("path", OF_ORDERS)
def test_an_order_is_answered_with_its_id(path: str) -> None:
    ack = ADAPTER.ack(sent(path, {"id": ID}))
    assert (ack.status, ack.media_type) == (200, "application/json")
    assert json.loads(ack.body) == {"OrderId": ID}


def test_a_cancellation_is_echoed() -> None:
    said = b'{ "orderID" : "38bb" , "reason":{"code":"other"}}'
    ack = ADAPTER.ack(sent("cancelled", said))
    assert (ack.status, ack.body, ack.media_type) == (200, said, "application/json")


@pytest.mark.parametrize(
    ("path", "status"), [*((path, 200) for path in NOTICES[1:]), *((path, 404) for path in NOWHERE)]
)
def test_nothing_is_said_to_the_others(path: str, status: int) -> None:
    ack = ADAPTER.ack(sent(path, {"id": ID, "orderID": ID}))
    assert (ack.status, ack.body) == (status, b"")


@pytest.mark.parametrize(
    ("path", "body", "known_by", "order_id"),
    [
        ("order", {"id": ID}, f"{ID}:order", ID),
        ("order/", {"id": 4711}, "4711:order", "4711"),
        ("order_final", {"id": ID}, f"{ID}:order_final", ID),
        ("cancelled", {"orderID": ID}, f"{ID}:cancelled", ID),
        ("cancelled", {"orderID": ID, "reason": {"code": "x"}}, f"{ID}:cancelled:x", ID),
        (
            "driver_status",
            {"orderID": ID, "driverStatus": {"code": "onItsWay"}},
            f"{ID}:driver_status:onItsWay",
            ID,
        ),
        ("failed_order", {"order": {"orderId": ID}}, f"{ID}:failed_order", ID),
    ],
)
def test_a_delivery_is_known_by_what_it_is_about(
    path: str, body: object, known_by: str, order_id: str
) -> None:
    identity = ADAPTER.identify(sent(path, body))
    assert identity[:2] == (known_by, order_id)
    assert identity.overtakes == (path == "cancelled")


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("order", {"x": 1}, {"x": 2}),
        ("order", {"id": "i" * 199, "x": 1}, {"id": "i" * 199, "x": 2}),
        ("order", {"id": "***"}, {"id": ""}),
        ("cancelled", {"reason": {"code": "x"}}, {"reason": {"code": "y"}}),
        ("temp_offline", {"restaurantId": "a"}, {"restaurantId": "b"}),
        ("elsewhere", {"id": ID, "x": 1}, {"id": ID, "x": 2}),
    ],
)
def test_what_names_no_order_is_known_by_its_bytes(path: str, one: object, other: object) -> None:
    first, again, second = (ADAPTER.identify(sent(path, body))[0] for body in (one, one, other))
    assert first == again != second


# Answers


def test_answers() -> None:
    delivery = sent("order", placed(item(1000), cart=1000, id="a/b c"))
    (order,) = ADAPTER.parse(delivery, {})
    assert isinstance(order, Order)
    (created,) = answers(ADAPTER, delivery, order, "created")
    (refused,) = answers(ADAPTER, delivery, order, "refused")
    assert (created.path, created.json) == ("/order/a%2Fb%20c/sent-to-pos-success", {})
    assert refused.path == "/order/a%2Fb%20c/sent-to-pos-failed"
    assert answers(ADAPTER, delivery, order, "ready") == []


def test_jets_key_is_not_the_one_that_jet_has() -> None:
    assert ADAPTER.api
    assert ADAPTER.api.needs == ("client_secret",)
    known = Credentials(client_secret="theirs", api_key="ours", secret="signs")
    assert ADAPTER.api.headers(known, ARRIVED) == {"x-flyt-api-key": "theirs"}
    assert ADAPTER.api.headers(Credentials(api_key="ours"), ARRIVED) == {}
