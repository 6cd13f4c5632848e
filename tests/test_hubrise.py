"""HubRise beyond its fixtures: amounts read exactly, charges sorted by words, who answers what."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    Cancellation,
    Delivery,
    Event,
    Fee,
    FeeKind,
    Ignored,
    Order,
    Owner,
    Tip,
    Unreadable,
)
from adapters.hubrise import ADAPTER, CALLABLE, OVER, charged, dish, money, quantity
from adapters.payload import Tree
from adapters.sums import worth
from tests.goldens import answers, of

Json = dict[str, Any]


def recorded(folder: str = "order.create__demo") -> Delivery:
    return next(f for f in of(ADAPTER) if f.folder.name == folder).unsigned()


def callback(**changes: Any) -> Delivery:
    """The demo's, with these fields of its order changed."""
    body = json.loads(recorded().body)
    body["new_state"] |= changes
    return sent(body)


def sent(body: object) -> Delivery:
    return replace(recorded(), body=json.dumps(body).encode())


def parsed(delivery: Delivery) -> Order:
    said = ADAPTER.parse(delivery, {})[0]
    assert isinstance(said, Order)
    return said


def entry(**fields: object) -> Json:
    return {"product_name": "Suppe", "price": "4.00 EUR", "quantity": "1.0", **fields}


@given(st.integers(-(10**11) + 1, 10**11 - 1))
def test_every_cent_is_read_exactly(cents: int) -> None:
    text = f"{Decimal(cents).scaleb(-2):.2f} EUR"
    assert money(Tree({"price": text}), "price") == (cents, "EUR")


@pytest.mark.parametrize(
    ("text", "cents"),
    [("9 EUR", 900), ("9.5 EUR", 950), ("0.290 EUR", 29), ("-2.00 EUR", -200), (" 9.00 EUR ", 900)],
)
def test_amounts(text: str, cents: int) -> None:
    assert money(Tree({"price": text}), "price") == (cents, "EUR")


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_amount(text: str | None) -> None:
    assert money(Tree({"price": text}), "price") is None


@pytest.mark.parametrize(
    "text",
    [
        *("9.005 EUR", "9.00", "EUR", "9,00 EUR", "9.00 eur", "9.00 EURO", "1e2 EUR", "NaN EUR"),
        *("9.00EUR", "1 000.00 EUR", "٩.00 EUR", "10000000000.00 EUR"),
        *(9, 9.5, True, ["9.00 EUR"]),
    ],
)
def test_what_is_no_amount_is_unreadable(text: object) -> None:
    with pytest.raises(Unreadable, match="not an amount"):
        money(Tree({"price": text}), "price")


@pytest.mark.parametrize(
    "changes",
    [
        {"total": "36.10 CHF"},
        {"items": [entry(), entry(price="4.00 CHF")]},
        {"items": [entry(), entry(subtotal="4.00 CHF")]},
        {"items": [entry(options=[{"name": "Brot", "price": "1.00 CHF"}])]},
        {"charges": [{"type": "delivery", "price": "1.00 CHF"}]},
        {"discounts": [{"name": "Aktion", "price_off": "1.00 CHF"}]},
        {"payments": [{"type": "online", "amount": "1.00 CHF"}]},
    ],
)
def test_two_currencies_in_one_order_are_unreadable(changes: Json) -> None:
    with pytest.raises(Unreadable, match="CHF and EUR"):
        ADAPTER.parse(callback(**changes), {})


def test_what_was_deleted_is_never_looked_at() -> None:
    gone = entry(price="4.00 CHF", quantity="many", deleted=True)
    before = parsed(recorded())
    items = json.loads(recorded().body)["new_state"]["items"]
    assert parsed(callback(items=[gone, *items])) == before


def test_an_option_that_was_deleted_is_none() -> None:
    gone = {"name": "Brot", "price": "1.00 CHF", "deleted": True}
    assert dish(Tree(entry(options=[gone]))).options == ()


@pytest.mark.parametrize(
    ("said", "read"),
    [
        *(("2.0", (2, 1)), ("1", (1, 1)), (3, (3, 1)), (None, (1, 1)), (0, (0, 1))),
        *(("0.350", (1, Decimal("0.350"))), ("1.5", (1, Decimal("1.5")))),
    ],
)
def test_quantities(said: object, read: tuple[int, Decimal]) -> None:
    assert quantity(Tree({"quantity": said})) == read


@pytest.mark.parametrize("said", ["-1", "x", "1e3", "NaN", "1,5", True, [], {}, "٣", "9" * 7])
def test_what_is_no_quantity_is_unreadable(said: object) -> None:
    with pytest.raises(Unreadable, match="quantity"):
        quantity(Tree({"quantity": said}))


def test_a_dish_without_pieces_is_left_out() -> None:
    items = [entry(quantity="0"), entry(product_name="Brot")]
    order = parsed(callback(items=items, total="4.00 EUR", charges=[], discounts=[]))
    assert [line.name for line in order.lines] == ["Brot"]
    assert worth(order.lines) == order.total


def test_an_option_of_a_weighed_dish_costs_by_weight() -> None:
    item = entry(quantity="0.5", options=[{"name": "Öl", "price": "3.00 EUR", "quantity": 2}])
    line = dish(Tree(item))
    assert (line.name, line.quantity, line.unit_price) == ("0.5 x Suppe", 1, 200)
    assert [(o.name, o.quantity, o.unit_price) for o in line.options] == [("Öl", 2, 150)]


def test_half_a_cent_of_a_weight_is_rounded_up() -> None:
    assert dish(Tree(entry(quantity="0.350", price="18.90 EUR"))).unit_price == 662  # 6.615


def test_where_nothing_comes_to_the_total_prices_stay_as_they_are() -> None:
    items = [entry(subtotal="3.00 EUR")]
    order = parsed(callback(items=items, total="2.00 EUR", charges=[], discounts=[]))
    assert [line.unit_price for line in order.lines] == [400]
    assert order.total == 200


TIMES = {"confirmed": 20, "expected": 21}


@pytest.mark.parametrize(
    ("changes", "hour"),
    [
        ({"delivery": {"estimated_pickup_at": "2026-03-13T19:00:00Z"}}, 19),
        ({"delivery": None}, 20),
        ({"confirmed_time": None, "delivery": None}, 21),
    ],
)
def test_when_the_kitchen_must_be_ready(changes: Json, hour: int) -> None:
    times = {f"{name}_time": f"2026-03-13T{at}:00:00Z" for name, at in TIMES.items()}
    ready_at = parsed(callback(**{**times, **changes})).ready_at
    assert ready_at
    assert ready_at.hour == hour


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"product_name": "Pizza", "sku_name": "groß"}, "Pizza groß"),
        ({"product_name": "Pizza"}, "Pizza"),
        ({"sku_ref": "P-1"}, "P-1"),
        ({}, "?"),
    ],
)
def test_names(item: Json, name: str) -> None:
    assert dish(Tree(item)).name == name


def fee(kind: FeeKind, owner: Owner, name: str | None) -> Fee:
    return Fee(kind=kind, amount=100, owner=owner, name=name)


RESTAURANT, PLATFORM = Owner.RESTAURANT, Owner.PLATFORM


@pytest.mark.parametrize(
    ("said", "kind", "owner"),
    [
        ({"type": "delivery", "name": "Service bis zur Tür"}, FeeKind.DELIVERY, RESTAURANT),
        ({"type": "other", "name": "Delivery service fee"}, FeeKind.DELIVERY, RESTAURANT),
        ({"type": "other", "name": "Courier Service"}, FeeKind.DELIVERY, RESTAURANT),
        ({"type": "other", "name": "Anfahrt", "ref": "DEL"}, FeeKind.DELIVERY, RESTAURANT),
        ({"name": "Lieferkosten"}, FeeKind.DELIVERY, RESTAURANT),
        ({"name": "Small order fee"}, FeeKind.SMALL_ORDER, RESTAURANT),
        ({"name": "Minimum basket surcharge"}, FeeKind.SMALL_ORDER, RESTAURANT),
        ({"name": "Mindermengenzuschlag"}, FeeKind.SMALL_ORDER, RESTAURANT),
        ({"name": "Bag fee"}, FeeKind.PACKAGING, RESTAURANT),
        ({"name": "Verpackung"}, FeeKind.PACKAGING, RESTAURANT),
        ({"name": "Pfand"}, FeeKind.DEPOSIT, RESTAURANT),
        ({"type": "payment_fee", "name": "Karte"}, FeeKind.SERVICE, PLATFORM),
        ({"name": "Servicegebühr"}, FeeKind.SERVICE, PLATFORM),
        ({"name": "Platform fee"}, FeeKind.SERVICE, PLATFORM),
        ({"name": "Feiertagszuschlag"}, FeeKind.SERVICE, RESTAURANT),
        ({"name": "Model surcharge"}, FeeKind.SERVICE, RESTAURANT),
        ({}, FeeKind.SERVICE, RESTAURANT),
    ],
)
def test_charges_are_sorted_by_words(said: Json, kind: FeeKind, owner: Owner) -> None:
    order = Tree({"charges": [{**said, "price": "1.00 EUR"}]})
    assert list(charged(order)) == [fee(kind, owner, said.get("name"))]


@pytest.mark.parametrize(
    "said",
    [{"type": "tip"}, {"name": "Tips"}, {"name": "Trinkgeld"}, {"type": "other", "ref": "TIP"}],
)
@pytest.mark.parametrize(("carrier", "owner"), [(None, RESTAURANT), ("Uber Direct", Owner.COURIER)])
def test_tips(said: Json, carrier: str | None, owner: Owner) -> None:
    charges = [{**said, "price": "1.00 EUR"}]
    order = Tree({"charges": charges, "delivery": {"carrier": carrier}})
    assert list(charged(order)) == [Tip(amount=100, owner=owner)]


def payment(amount: str, **said: object) -> Json:
    return {"amount": f"{amount} EUR", **said}


@pytest.mark.parametrize(
    ("payments", "status"),
    [
        ([], "call_for_payment"),
        ([payment("36.10", type="online", name="Payment by cash", ref="CSH")], "paid"),
        ([payment("36.10", type="cash", name="Visa")], "call_for_payment"),
        ([payment("36.10", name="Barzahlung")], "call_for_payment"),
        ([payment("36.10", ref="CSH")], "call_for_payment"),
        ([payment("36.10", name="Kreditkarte", ref="CARD")], "paid"),
        ([payment("36.10", name="Barclaycard")], "paid"),
        ([payment("30.00", type="online"), payment("6.10", type="online")], "paid"),
        ([payment("30.00", type="online"), payment("6.10", type="cash")], "call_for_payment"),
        ([payment("36.09", type="online")], "call_for_payment"),
    ],
)
def test_payments(payments: list[Json], status: str) -> None:
    order = parsed(callback(payments=payments))
    assert order.payment == status
    assert order.payment_method == ("CASH" if status == "call_for_payment" else None)


def test_an_order_for_nothing_is_paid() -> None:
    free = callback(total="0.00 EUR", items=[entry(price="0.00 EUR")], payments=[], charges=[])
    assert parsed(free).payment == "paid"


@pytest.mark.parametrize(
    ("said", "table"),
    [
        ("Tisch 12", "12"),
        ("table 4", "4"),
        ("T7", "7"),
        ("12", None),
        ("EATIN", None),
        (None, None),
    ],
)
def test_table(said: str | None, table: str | None) -> None:
    assert parsed(callback(service_type="eat_in", service_type_ref=said)).table == table


@pytest.mark.parametrize(
    ("code", "ref", "number"),
    [
        ("C7", "R8", "C7"),
        (None, "R8", "R8"),
        ("", "R" * CALLABLE, "R" * CALLABLE),
        (None, "R" * (CALLABLE + 1), "w2k7p"),
        (None, None, "w2k7p"),
    ],
)
def test_number_to_call_out(code: str | None, ref: str | None, number: str) -> None:
    assert parsed(callback(collection_code=code, ref=ref)).display_id == number


def test_deepest_custom_field() -> None:
    fields = {"a": {"b": {"Allergy": "Soja"}}, "disposable_items": True, "notes": "intern"}
    order = parsed(callback(custom_fields=fields, customer_notes="Danke"))
    assert order.notes[:3] == ("Allergy: Soja", "disposable_items: True", "Danke")


@pytest.mark.parametrize("status", sorted(OVER))
@pytest.mark.parametrize("event", ["create", "update"])
def test_an_order_that_is_over_is_not_cooked(status: str, event: str) -> None:
    body = json.loads(callback(status=status).body)
    (said,) = ADAPTER.parse(sent({**body, "event_type": event}), {})
    assert isinstance(said, Ignored)
    assert said.alert == (event == "create" or status == "delivery_failed")


def statuses(status: str) -> dict[str, list[object]]:
    delivery = callback(status=status)
    order = parsed(delivery)
    return {
        outcome: [
            call.json and call.json["status"] for call in answers(ADAPTER, delivery, order, outcome)
        ]
        for outcome in ("created", "refused", "ready")
    }


@pytest.mark.parametrize("status", ["new", "received"])
def test_answers_to_an_open_order(status: str) -> None:
    assert statuses(status) == {
        "created": ["accepted"],
        "refused": ["rejected"],
        "ready": ["awaiting_shipment"],
    }


@pytest.mark.parametrize("status", ["accepted", "in_preparation"])
def test_what_somebody_has_accepted_is_not_put_back(status: str) -> None:
    assert statuses(status) == {"created": [], "refused": [], "ready": ["awaiting_shipment"]}


def test_a_time_that_has_passed_is_not_confirmed() -> None:
    delivery = callback(expected_time="2026-03-13T19:45:00+01:00")
    order = parsed(delivery)
    (call,) = answers(ADAPTER, delivery, order, "created")
    assert call.json == {"status": "accepted", "confirmed_time": "2026-03-13T19:45:00+01:00"}
    late = replace(delivery, received_at=delivery.received_at + timedelta(hours=2))
    (call,) = answers(ADAPTER, late, order, "created")
    assert call.json == {"status": "accepted"}


def test_ids_cannot_lead_an_answer_elsewhere() -> None:
    body = json.loads(callback(id="../x?y").body)
    delivery = sent({**body, "location_id": "a/b"})
    (call,) = answers(ADAPTER, delivery, parsed(delivery), "ready")
    assert call.path == "/v1/locations/a%2Fb/orders/..%2Fx%3Fy"


def test_without_a_location_nothing_is_answered() -> None:
    body = json.loads(callback(location_id=None).body)
    delivery = sent({**body, "location_id": None})
    assert answers(ADAPTER, delivery, parsed(delivery), "ready") == []


def test_delivery_id_is_of_event_and_kind() -> None:
    body = json.loads(recorded().body)
    ids = [
        ADAPTER.identify(sent({**body, **changes})).delivery_id
        for changes in ({}, {"created_at": None}, {"event_type": "update"}, {"id": "ev0"})
    ]
    assert ids[0] == ids[1] == "order.create ev001"
    assert len(set(ids)) == 3


@pytest.mark.parametrize("named", [None, "", [], "x" * 300])
def test_without_an_event_id_the_bytes_are_the_id(named: object) -> None:
    body = json.loads(recorded().body)
    first, second = (
        ADAPTER.identify(sent({**body, "id": named, "order_id": order})).delivery_id
        for order in ("a", "b")
    )
    assert first != second


def test_only_an_order_is_cancelled() -> None:
    body = json.loads(callback(status="cancelled").body)
    assert ADAPTER.identify(sent(body)).overtakes
    assert not ADAPTER.identify(sent({**body, "resource_type": "delivery"})).overtakes


def changed(before: Json, after: Json) -> list[Event]:
    body = json.loads(callback(**after).body)
    states = {"previous_state": {**body["new_state"], **before}, "event_type": "update"}
    return list(ADAPTER.parse(sent({**body, **states}), {}))[1:]


@pytest.mark.parametrize(
    ("before", "alerted"),
    [
        ({"status": "received"}, False),
        ({"items": None}, False),
        ({"total": "30.00 EUR"}, True),
        ({"discounts": []}, True),
        ({"charges": []}, True),
        ({"service_type": "collection"}, True),
    ],
)
def test_somebody_looks_at_an_order_that_was_changed(before: Json, *, alerted: bool) -> None:
    assert [isinstance(event, Ignored) and event.alert for event in changed(before, {})] == (
        [True] if alerted else []
    )


@pytest.mark.parametrize(("status", "by"), [("cancelled", "platform"), ("rejected", "restaurant")])
def test_who_ended_it(status: str, by: str) -> None:
    delivery = callback(status=status, items=[])
    (said,) = ADAPTER.parse(delivery, {})
    assert isinstance(said, Cancellation)
    assert said.by == by
    assert ADAPTER.identify(delivery).overtakes


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"id": None}, "id"), ({"items": []}, "items"), ({"created_at": "gestern"}, "created_at")],
)
def test_what_cannot_be_read_is_named(changes: Json, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        ADAPTER.parse(callback(**changes), {})
