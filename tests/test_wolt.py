"""Wolt beyond its fixtures: what must be unreadable, where calls may not go, odd sums."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.api import Credentials
from adapters.apis.wolt import KEY
from adapters.contract import (
    Ack,
    Cancellation,
    Delivery,
    Fetch,
    Identity,
    Ignored,
    Order,
    Owner,
    Unreadable,
)
from adapters.payload import Tree
from adapters.sums import ours, worth
from adapters.wolt import ADAPTER, dishes, fee, price
from tests.goldens import SECRET, Fixture, of

Json = dict[str, Any]


def recorded(folder: str) -> Fixture:
    return next(fixture for fixture in of(ADAPTER) if fixture.folder.name == folder)


DEMO = recorded("order.notification__demo")
NOTICE: Json = json.loads(DEMO.unsigned().body)
ORDER: Json = json.loads(DEMO.fetched()["order"])
ID = ORDER["id"]


def delivery(body: object) -> Delivery:
    return replace(DEMO.unsigned(), body=json.dumps(body).encode())


def notice(**order: object) -> Delivery:
    return delivery({**NOTICE, "order": {**NOTICE["order"], **order}})


def identity(body: object) -> Identity:
    return ADAPTER.identify(delivery(body))


def parsed(order: Json, status: str = "CREATED") -> Order:
    (said,) = ADAPTER.parse(notice(status=status), {"order": json.dumps(order).encode()})
    assert isinstance(said, Order)
    return said


# What is fetched


@pytest.mark.parametrize("order_id", [None, "", "..", "a/b", "a?b", "ä", "a" * 65, {}, "a\n b"])
@pytest.mark.parametrize("status", ["CREATED", "PRODUCTION", "CANCELED"])
def test_id_that_is_none_is_unreadable(status: str, order_id: object) -> None:
    with pytest.raises(Unreadable, match="order's id"):
        ADAPTER.parse(notice(status=status, id=order_id), {})


@pytest.mark.parametrize("status", ["CREATED", "PRODUCTION"])
def test_what_is_fetched_comes_from_the_id_alone(status: str) -> None:
    """The address in the notification leads to version 1, or anywhere."""
    elsewhere = notice(status=status, resource_url="https://wolt.example/v1/orders/another")
    assert ADAPTER.parse(elsewhere, {}) == [Fetch("order", f"/v2/orders/{ID}")]


@pytest.mark.parametrize("status", ["READY", "DELIVERED", "LATER", "", None, 7])
def test_any_other_status_fetches_nothing(status: object) -> None:
    (said,) = ADAPTER.parse(notice(status=status), {})
    assert isinstance(said, Ignored)
    assert not said.alert


def test_a_body_without_a_type_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="type: missing"):
        ADAPTER.parse(delivery({"id": "x"}), {})


@pytest.mark.parametrize("items", [[], None])
def test_an_order_without_dishes_is_unreadable(items: object) -> None:
    with pytest.raises(Unreadable, match="items"):
        parsed({**ORDER, "items": items})


def test_an_order_that_comes_whole_is_known_by_its_dishes() -> None:
    whole = json.loads(recorded("instant__submitted").unsigned().body)
    for said in (whole, {**whole, "type": None}, {**whole, "type": "asap"}):
        (order,) = ADAPTER.parse(delivery(said), {})
        assert isinstance(order, Order)
    with pytest.raises(Unreadable, match="items"):
        ADAPTER.parse(delivery({**whole, "items": []}), {})


# What a delivery is called


def test_one_id_for_two_statuses_is_two_deliveries() -> None:
    ids = {ADAPTER.identify(notice(status=each))[0] for each in ("CREATED", "PRODUCTION", "READY")}
    assert len(ids) == 3
    assert ADAPTER.identify(notice(created_at="later"))[0] == ADAPTER.identify(notice())[0]


def test_what_has_no_id_or_is_whole_is_known_by_its_bytes() -> None:
    venue = {"event_type": "OPENING_HOURS_UPDATED", "venue_id": "v-1"}
    assert identity(venue)[1:] == (None, "v-1", False)
    assert identity(venue)[0] == identity(venue)[0] != identity({**venue, "detected_at": "t"})[0]
    whole = {"id": "o-1", "items": [], "type": "instant", "venue": {"id": "v-1"}}
    assert identity(whole)[1:] == ("o-1", "v-1", False)
    assert identity(whole)[0] != identity({**whole, "order_status": "rejected"})[0]


@pytest.mark.parametrize(
    ("body", "overtakes"),
    [
        ({**NOTICE, "items": [], "order": {"id": ID, "status": "CANCELED"}}, True),
        ({**NOTICE, "order": {"id": ID, "status": "CANCELED"}}, True),
        ({**NOTICE, "order": {"id": ID, "status": "CREATED"}}, False),
        ({"id": ID, "items": [], "order_status": "rejected"}, True),
        ({"id": ID, "items": [], "order_status": "received"}, False),
    ],
)
def test_only_what_cancels_overtakes(body: Json, overtakes: bool) -> None:
    assert identity(body).overtakes is overtakes


def test_an_id_too_long_for_an_index() -> None:
    assert len(identity({**NOTICE, "id": "x" * 199})[0]) == 64


def test_cancellation_without_a_time_is_of_its_arrival() -> None:
    body = {**NOTICE, "created_at": None, "order": {**NOTICE["order"], "status": "CANCELED"}}
    (said,) = ADAPTER.parse(delivery(body), {})
    assert isinstance(said, Cancellation)
    assert said.at == DEMO.unsigned().received_at


# Signature, answers, API


def test_digits_in_capitals_prove_it_too() -> None:
    signed = DEMO.signed()
    capitals = {name: text.upper() for name, text in signed.headers.items()}
    ADAPTER.verify(replace(signed, headers=capitals), [SECRET])


def test_it_is_answered_with_200_and_nothing() -> None:
    assert ADAPTER.ack(DEMO.signed()) == Ack(200, b"")


def steps(order: Order, status: str) -> list[str]:
    calls = [
        call
        for outcome in ("created", "refused", "ready")
        for call in ADAPTER.answer(notice(status=status), order, outcome)
    ]
    return [call.path.removeprefix(f"/orders/{ID}/") for call in calls]


@pytest.mark.parametrize(
    ("changes", "accept"),
    [
        ({"delivery_provider_type": "wolt", "delivery": {"type": "homedelivery"}}, "accept"),
        ({"delivery": {"type": "takeaway", "self_delivery": True}}, "accept"),
        ({"delivery": {"type": "homedelivery"}}, "self-delivery/accept"),
        ({"type": "preorder"}, "confirm-preorder"),
    ],
)
def test_only_what_was_just_placed_is_accepted_or_rejected(changes: Json, accept: str) -> None:
    order = parsed({**ORDER, **changes})
    assert steps(order, "CREATED") == [accept, "reject", "ready"]
    assert steps(order, "PRODUCTION") == ["ready"]


def test_without_a_time_none_is_promised() -> None:
    order = parsed({**ORDER, "delivery": {**ORDER["delivery"], "time": None}})
    (call,) = ADAPTER.answer(notice(), order, "created")
    assert (call.path, call.json) == (f"/orders/{ID}/self-delivery/accept", None)


def test_the_key_from_before_oauth_is_a_header() -> None:
    now = DEMO.unsigned().received_at
    assert KEY(Credentials(api_key="k"), now) == {"wolt-api-key": "k"}
    assert KEY(Credentials(), now) == {}


# Sums


def item(count: int, unit: int, options: list[tuple[int, int]]) -> Json:
    """An option's count and price for one piece."""
    said = [{"value": "x", "count": n, "price": {"amount": one}} for n, one in options]
    unit_price = {"unit_price": {"amount": unit}}
    return {"name": "dish", "count": count, "item_price": unit_price, "options": said}


def stated(said: Json, before: int, off: int) -> Tree:
    breakdown = {
        "total_before_discounts": {"amount": before},
        "total_discounts": {"amount": off},
    }
    more = {"total": {"amount": before - off}, "price_breakdown": breakdown}
    return Tree({**said, "item_price": {**said["item_price"], **more}})


small = st.integers(1, 5)
cents = st.integers(0, 3000)


@given(small, cents, st.lists(st.tuples(small, cents), max_size=3), st.booleans())
def test_a_dish_comes_to_what_is_stated_of_it(
    count: int, base: int, options: list[tuple[int, int]], whole: bool
) -> None:
    """Whether or not its unit price holds the options."""
    with_options = base + sum(n * one for n, one in options)
    said = item(count, with_options if whole else base, options)
    tree = stated(said, count * with_options, 0)
    lines = dishes(tree, 1, 0, price(tree.one("item_price")))
    assert worth(lines) == count * with_options
    assert sum(line.quantity for line in lines) == count


@given(small, cents, st.integers(0, 100), cents)
def test_a_deposit_is_a_line_of_its_own_wherever_it_stands(
    count: int, unit: int, deposit: int, off: int
) -> None:
    """In the unit price, or beside it and in the sum."""
    off = min(off, count * unit)
    for shown in (unit, unit + deposit):
        tree = stated(item(count, shown, []), count * (unit + deposit), off)
        lines = dishes(tree, 1, count * deposit, price(tree.one("item_price")))
        assert worth(lines) == count * unit


@pytest.mark.parametrize("shown", [350, 375, 425, 450])
def test_a_deposit_beside_options(shown: int) -> None:
    """3.50, options for 0.75, a deposit of 0.25: whichever of them the unit price holds."""
    tree = stated(item(2, shown, [(1, 75)]), 900, 100)
    (line,) = dishes(tree, 1, 50, price(tree.one("item_price")))
    assert (line.unit_price, line.options[0].unit_price) == (350, 75)


def test_what_agrees_with_nothing_stays_as_it_is() -> None:
    tree = stated(item(2, 450, [(1, 100)]), 911, 0)
    (line,) = dishes(tree, 1, 0, price(tree.one("item_price")))
    assert (line.unit_price, line.options[0].unit_price) == (450, 100)


@pytest.mark.parametrize(
    ("name", "kind", "courier", "owner"),
    [
        ("delivery_fee", "delivery_fee", Owner.RESTAURANT, Owner.RESTAURANT),
        ("DELIVERY", "delivery_fee", Owner.PLATFORM, Owner.PLATFORM),
        ("small_order_surcharge", "small_order_fee", Owner.RESTAURANT, Owner.RESTAURANT),
        ("small_order_surcharge", "small_order_fee", Owner.PLATFORM, Owner.PLATFORM),
        ("service_fee", "service_fee", Owner.RESTAURANT, Owner.PLATFORM),
        ("anything", "service_fee", Owner.RESTAURANT, Owner.PLATFORM),
        ("", "service_fee", Owner.RESTAURANT, Owner.PLATFORM),
        ("bag_fee", "packaging", Owner.PLATFORM, Owner.RESTAURANT),
        ("deposit", "deposit", Owner.PLATFORM, Owner.RESTAURANT),
    ],
)
def test_fees(name: str, kind: str, courier: Owner, owner: Owner) -> None:
    read = fee(name, 99, courier)
    assert (read.kind, read.owner, read.amount) == (kind, owner, 99)


@pytest.mark.parametrize("listed", [[("delivery_fee", 290)], [("delivery_fee", 90)], []])
def test_free_delivery_is_one_however_its_parts_are_stated(listed: list[tuple[str, int]]) -> None:
    """2.90, of which 2.00 are waived: half of that is the restaurant's."""
    sums = {"total_before_discounts": 290, "total_discounts": 200, "liability": 100}
    breakdown = {name: {"amount": amount} for name, amount in sums.items()}
    parts = [{"type": name, "total": {"amount": amount}} for name, amount in listed]
    fees = {"total": {"amount": 90}, "price_breakdown": breakdown, "parts": parts}
    assert ours(parsed({**ORDER, "fees": fees}).fees) == 190 + 30  # and the demo's deposit


@pytest.mark.parametrize(
    ("liability", "given"), [(None, [218]), (218, [218]), (100, [100]), (0, [])]
)
def test_the_restaurant_s_discounts(liability: int | None, given: list[int]) -> None:
    basket = json.loads(json.dumps(ORDER["basket_price"]))
    if liability is not None:
        basket["price_breakdown"]["liability"] = {"amount": liability}
    order = parsed({**ORDER, "basket_price": basket})
    own = [cut.amount for cut in order.discounts if cut.owner is Owner.RESTAURANT]
    assert own == given
    assert sum(cut.amount for cut in order.discounts) == 218
    assert order.total == 2850 - sum(given) + 290


def test_a_discount_that_is_not_the_dishes_is_on_all() -> None:
    breakdown = {"total_before_discounts": {"amount": 2850}, "total_discounts": {"amount": 300}}
    basket = {"total": {"amount": 2550}, "price_breakdown": breakdown}
    (cut,) = parsed({**ORDER, "basket_price": basket}).discounts
    assert (cut.amount, cut.line_ids) == (300, ())


def test_a_choice_without_a_reference_has_none() -> None:
    """Its group's would be that of every other choice too."""
    choice = {"id": "g-1", "pos_id": "EXTRAS", "name": "Extras", "value": "Käse", "count": 1}
    order = parsed({**ORDER, "items": [{**ORDER["items"][0], "options": [choice]}]})
    (option,) = order.lines[0].options
    assert (option.name, option.pos_ref, option.item_id) == ("Käse", None, None)


@pytest.mark.parametrize(
    ("delivery", "ready"),
    [
        ({"type": "homedelivery", "self_delivery": False}, False),  # that is when the guest has it
        ({"type": "homedelivery", "self_delivery": True}, True),
        ({"type": "takeaway", "self_delivery": False}, True),
    ],
)
def test_when_the_kitchen_must_be_ready(delivery: Json, ready: bool) -> None:
    way = {**ORDER["delivery"], **delivery}
    order = {**ORDER, "pickup_eta": None, "delivery_provider_type": None, "delivery": way}
    assert (parsed(order).ready_at is not None) is ready


@pytest.mark.parametrize("amount", ["890", 890.5, True, [], {}])
def test_money_that_is_no_integer_is_unreadable(amount: object) -> None:
    with pytest.raises(Unreadable, match="amount"):
        parsed({**ORDER, "basket_price": {"total": {"amount": amount}}})


@pytest.mark.parametrize("due", [{"amount": 1380, "currency": "EUR"}, 1380])
@pytest.mark.parametrize("name", ["cash_to_expect", "cash_to_expected", "cash_amount"])
def test_cash_is_due_however_it_is_said(name: str, due: object) -> None:
    assert parsed({**ORDER, "cash_payment": {name: due}}).payment == "call_for_payment"


def test_only_an_own_courier_learns_the_address() -> None:
    by_wolt = {**ORDER["delivery"], "self_delivery": False}
    order = parsed({**ORDER, "delivery": by_wolt, "delivery_provider_type": "wolt"})
    assert order.customer.address is None
    assert parsed(ORDER).customer.address is not None
