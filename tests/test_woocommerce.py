"""WooCommerce beyond its fixtures: the ping, the secret, every status, exact sums."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Ack, Delivery, Event, Ignored, Order, PaymentUpdate, Unreadable
from adapters.payload import Tree
from adapters.sums import worth
from adapters.woocommerce import ADAPTER, discounts, dish, handshake, plain
from tests.goldens import SECRET, of

PAID_AT = datetime(2026, 3, 13, 18, 2, 31, tzinfo=UTC)
MODIFIED_AT = datetime(2026, 3, 13, 18, 2, 33, tzinfo=UTC)


def placed(topic: str = "order.updated", **changes: Any) -> Delivery:
    """The demo's order with another topic, and changed."""
    (demo,) = (fixture.unsigned() for fixture in of(ADAPTER) if fixture.variant == "demo")
    body = {**json.loads(demo.body), **changes}
    headers = {**demo.headers, "x-wc-webhook-topic": topic}
    return replace(demo, headers=headers, body=json.dumps(body).encode())


def parsed(delivery: Delivery) -> list[Event]:
    return list(ADAPTER.parse(delivery, {}))


def kinds(delivery: Delivery) -> list[str]:
    return [type(event).__name__ for event in parsed(delivery)]


def the_order(**changes: Any) -> Order:
    order = parsed(placed("order.created", **changes))[0]
    assert isinstance(order, Order)
    return order


# The ping when a webhook is saved


def ping(**changes: Any) -> Delivery:
    return replace(placed(), **{"headers": {}, "body": b"webhook_id=12", **changes})


def test_the_ping_is_answered_exactly_200() -> None:
    assert handshake(ping(), []) == Ack(200)


@pytest.mark.parametrize(
    "other",
    [
        {"method": "GET"},
        {"headers": {"x-wc-webhook-signature": "x"}},
        {"body": b""},
        {"body": b"webhook_id="},
        {"body": b"webhook_id=12\n"},
        {"body": b"webhook_id=12&a=b"},
        {"body": b"a=b&webhook_id=12"},
        {"body": b'{"id":727}'},
    ],
    ids=str,
)
def test_nothing_else_is_a_ping(other: dict[str, Any]) -> None:
    assert handshake(ping(**other), []) is None


# The secret, as WordPress decodes it


def test_the_secret_signs_alike_as_typed_and_as_stored() -> None:
    typed, stored = (
        "<Geheim> & \"sicher\" 'genug'",
        "&lt;Geheim&gt; &amp; &quot;sicher&quot; &#039;",
    )
    both = [ADAPTER.sign(placed(), one).headers for one in (typed, stored + "genug&#039;")]
    assert both[0] == both[1]
    assert both[0] != ADAPTER.sign(placed(), SECRET).headers


# What is said of the order


@pytest.mark.parametrize(
    ("status", "paid", "expected"),
    [
        ("pending", False, ["Order"]),
        ("on-hold", False, ["Order"]),
        ("processing", False, ["Order"]),
        ("processing", True, ["Order", "PaymentUpdate"]),
        ("completed", True, ["Order", "PaymentUpdate"]),
        ("on-hold", True, ["Order", "PaymentUpdate"]),
        ("zubereitung", True, ["Order", "PaymentUpdate"]),
        ("cancelled", False, ["Cancellation"]),
        ("cancelled", True, ["Cancellation"]),
        ("refunded", True, ["PaymentUpdate"]),
        ("failed", False, ["PaymentUpdate"]),
        ("trash", True, ["Ignored"]),
        ("checkout-draft", False, ["Ignored"]),
        ("auto-draft", False, ["Ignored"]),
        ("draft", False, ["Ignored"]),
    ],
)
@pytest.mark.parametrize("topic", ["order.created", "order.updated", "order.restored"])
def test_status(topic: str, status: str, paid: bool, expected: list[str]) -> None:
    unpaid = {} if paid else {"date_paid_gmt": None}
    delivery = placed(topic, status=status, **unpaid)
    said = expected[:1] if topic == "order.created" else expected  # it says itself that it is paid
    assert kinds(delivery) == said
    assert ADAPTER.identify(delivery).overtakes is (status == "cancelled")
    for event in parsed(delivery):
        if isinstance(event, Order):
            assert event.payment == ("paid" if paid else "call_for_payment")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("processing", ("paid", False, PAID_AT)),
        ("refunded", ("canceled", True, MODIFIED_AT)),
        ("failed", ("error", False, MODIFIED_AT)),
    ],
)
def test_payment(status: str, told: tuple[str, bool, datetime]) -> None:
    update = parsed(placed(status=status))[-1]
    assert isinstance(update, PaymentUpdate)
    assert (update.status, update.reversal, update.at) == told
    assert update.reference == "20417"


@pytest.mark.parametrize("status", ["trash", "deleted"])
def test_what_the_shop_throws_away_is_looked_at(status: str) -> None:
    topic = "order.deleted" if status == "deleted" else "order.updated"
    (event,) = parsed(placed(topic, status=status))
    assert isinstance(event, Ignored)
    assert event.alert


def test_and_takes_nothing_from_the_till_by_itself() -> None:
    delivery = placed("order.deleted", status="cancelled")
    assert kinds(delivery) == ["Ignored"]
    assert not ADAPTER.identify(delivery).overtakes


@pytest.mark.parametrize(
    ("topic", "placed_days", "paid_days", "expected"),
    [
        ("order.updated", 0.9, None, ["Order"]),
        ("order.updated", 1.1, None, ["Ignored"]),
        ("order.updated", 9, 0.9, ["Order", "PaymentUpdate"]),
        ("order.updated", 9, 1.1, ["PaymentUpdate"]),
        ("order.restored", 9, None, ["Ignored"]),
        ("order.created", 9, None, ["Order"]),
    ],
)
def test_an_update_creates_no_order_placed_and_paid_long_ago(
    topic: str, placed_days: float, paid_days: float | None, expected: list[str]
) -> None:
    at = placed().received_at
    times = {
        field: days and (at - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")
        for field, days in (("date_created_gmt", placed_days), ("date_paid_gmt", paid_days))
    }
    assert kinds(placed(topic, **times)) == expected


def test_two_deliveries_of_one_second_may_share_the_id() -> None:
    ids = {ADAPTER.identify(one)[0] for one in (placed(), placed(status="failed"), placed())}
    assert len(ids) == 2


def test_times_are_utc_and_never_the_shop_s_own() -> None:
    order = the_order(date_created="2026-03-13T23:59:59", date_created_gmt="2026-03-13T18:02:07")
    assert order.placed_at == datetime(2026, 3, 13, 18, 2, 7, tzinfo=UTC)


# Sums


amounts = st.integers(0, 100_000)


def price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@given(total=amounts, tax=amounts, more=amounts, tax_more=amounts, quantity=st.integers(1, 40))
def test_a_line_comes_to_what_is_paid_for_it(
    total: int, tax: int, more: int, tax_more: int, quantity: int
) -> None:
    fields = {"id": 1, "quantity": quantity, "total": price(total), "total_tax": price(tax)}
    item = Tree({**fields, "subtotal": price(more), "subtotal_tax": price(tax_more)})
    cut = sum(cut.amount for cut in discounts(Tree({}), [item]))
    assert worth(dish(item)) - cut == total + tax
    assert worth(dish(item)) == max(total + tax, more + tax_more)
    assert worth(dish(Tree(fields))) == total + tax


def fee(name: str, total: str, tax: str = "0.00") -> dict[str, str]:
    return {"name": name, "total": total, "total_tax": tax}


def test_a_tip_is_no_turnover() -> None:
    order = the_order(fee_lines=[fee("Tip", "1.00", "0.19"), fee("Trinkgeld Küche", "2.00")])
    assert [tip.amount for tip in order.tips] == [319]
    assert order.total == 3371 - 319
    assert [one.name for one in order.fees] == ["Lieferung nach Hause"]


def test_a_tip_below_zero_is_a_discount() -> None:
    order = the_order(fee_lines=[fee("Trinkgeld zurück", "-1.00")])
    assert order.tips == ()
    assert order.total == 3371
    assert order.discounts[-1].amount == 100


def test_a_total_that_is_a_number_is_read_to_the_cent() -> None:
    assert the_order(total=1234567.89).total == 123456789 - 250


def test_without_any_total_none_is_made_up() -> None:
    assert the_order(total=None).total is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": None}, "id or status"),
        ({"status": ""}, "id or status"),
        ({"line_items": []}, "line_items: missing"),
        ({"line_items": [{"quantity": -1, "total": "1.00"}]}, "quantity"),
        ({"line_items": [{"total": "1.00"}]}, "quantity"),
        ({"total": "1e999999999"}, "total"),
        ({"date_created_gmt": "yesterday"}, "date_created_gmt"),
    ],
)
def test_what_cannot_be_an_order_is_unreadable(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Unreadable, match=complaint):
        parsed(placed("order.created", **changes))


def test_without_a_topic_nothing_is_read() -> None:
    with pytest.raises(Unreadable, match="x-wc-webhook-topic"):
        parsed(placed(""))


# Words and fields


@pytest.mark.parametrize(
    ("method", "title", "street", "expected"),
    [
        ("local_pickup", "Lieferung", "Weg 1", "PICKUP"),
        ("pickup_location", "Filiale", "Weg 1", "PICKUP"),
        ("flat_rate", "Lieferung", "", "DELIVERY"),
        ("free_shipping", "Kostenlose Lieferung", "", "DELIVERY"),
        ("free_shipping", "Kostenlos", "Weg 1", "SHIPPING"),
        ("flat_rate", "Pauschale", "Weg 1", "SHIPPING"),
        ("flat_rate", "Pauschale", "", "PICKUP"),
    ],
)
def test_order_type(method: str, title: str, street: str, expected: str) -> None:
    ways = [{"method_id": method, "method_title": title, "total": "0.00", "total_tax": "0.00"}]
    order = the_order(shipping_lines=ways, shipping={"address_1": street})
    assert order.order_type == expected


def test_without_any_way_and_address_it_is_collected() -> None:
    order = the_order(shipping_lines=[], shipping={})
    assert order.order_type == "PICKUP"
    assert order.customer.address is None


def test_the_billing_address_is_where_it_goes_if_there_is_no_other() -> None:
    place = the_order(shipping={"first_name": "", "address_1": ""}).customer.address
    assert place is not None
    assert place.street == "Kastanienallee"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Pizza &ndash; Gro&szlig;", "Pizza – Groß"),
        ("<p>Rucola</p>\n", "Rucola"),
        ("unter 5 < 6", "unter 5 < 6"),
        ("<br />", None),
        ("", None),
        (None, None),
    ],
)
def test_markup_is_not_read_out_in_the_kitchen(said: str | None, expected: str | None) -> None:
    assert plain(said) == expected


@pytest.mark.parametrize(
    ("variation", "product", "expected"),
    [(95, 93, "95"), (0, 93, "93"), (0, 0, None), (None, 93, "93")],
)
def test_a_variation_is_an_article_of_its_own(
    variation: int | None, product: int, expected: str | None
) -> None:
    item = {"quantity": 1, "total": "1.00", "variation_id": variation, "product_id": product}
    assert dish(Tree(item))[0].item_id == expected


def test_of_the_order_s_own_fields_the_kitchen_gets_its_own() -> None:
    fields = [
        ("Abholzeit", "19:30"),
        ("is_vat_exempt", "no"),
        ("_delivery_date", "x"),
        ("Tisch", 4),
    ]
    order = the_order(meta_data=[{"key": key, "value": value} for key, value in fields])
    assert order.notes[1:] == ("Abholzeit: 19:30", "Tisch: 4")


def test_a_field_is_hidden_by_its_key_whatever_it_is_called() -> None:
    meta = [
        {"key": "_cost", "display_key": "Cost", "value": "1"},
        {"key": "pa_size", "display_key": "Size", "value": "xl", "display_value": "XL"},
    ]
    (line,) = dish(Tree({"quantity": 1, "total": "1.00", "meta_data": meta}))
    assert line.comment == "Size: XL"
