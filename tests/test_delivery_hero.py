"""Delivery Hero beyond its fixtures: addresses, sums read in odd ways, what is answered when."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    Ack,
    Call,
    Cancellation,
    Delivery,
    FeeKind,
    Identity,
    Ignored,
    Order,
    OrderType,
    Outcome,
    Owner,
    Unreadable,
)
from adapters.delivery_hero import ADAPTER
from adapters.sums import worth
from tests.goldens import Fixture, answers, of

NOW = datetime(2026, 3, 13, 18, 2, 12, 345678, tzinfo=UTC)
COURIER = {"riderPickupTime": "2026-03-13T18:50:00Z", "address": None}
OURS, THEIRS = Owner.RESTAURANT, Owner.PLATFORM


def recorded(name: str) -> Fixture:
    return next(fixture for fixture in of(ADAPTER) if fixture.folder.name == name)


def sent(body: object, path: str = "order/mitte-01", method: str = "POST") -> Delivery:
    url = f"https://receiver.example/webhooks/delivery_hero/{path}"
    return Delivery(method, url, path, {}, json.dumps(body).encode(), NOW)


def dish(quantity: object = "1", unit: object = "8.00", paid: object = "", **more: Any) -> Any:
    return {"name": "Döner", "quantity": quantity, "unitPrice": unit, "paidPrice": paid, **more}


def topping(price: str, quantity: object = 1, *children: Any, **more: Any) -> Any:
    return {"name": "x", "price": price, "quantity": quantity, "children": children, **more}


def placed(*products: Any, **more: Any) -> dict[str, Any]:
    """The least of an order: a restaurant's own delivery."""
    return {"token": "t-1", "products": products or (dish(),), **more}


def order(*products: Any, **more: Any) -> Order:
    (said,) = ADAPTER.parse(sent(placed(*products, **more)), {})
    assert isinstance(said, Order)
    return said


def price(grand: str = "8.00", **more: Any) -> dict[str, Any]:
    return {"price": {"grandTotal": grand, **more}}


def cut(amount: str, **sponsors: str) -> Any:
    shares = [{"sponsor": who, "amount": share} for who, share in sponsors.items()]
    return {"name": "Aktion", "amount": amount, "sponsorships": shares}


# Addresses, and what is known of a delivery before it is read


@pytest.mark.parametrize(
    ("path", "store", "event"),
    [
        ("order/mitte-01", "mitte-01", "Order"),
        ("order/mitte-01/", "mitte-01", "Order"),
        ("/order/mitte-01", "mitte-01", "Order"),
        ("order/mitte/01", "mitte/01", "Order"),
        ("order/", "s9kf", "Ignored"),
        ("order", "s9kf", "Ignored"),
        ("orders/mitte-01", "s9kf", "Ignored"),
        ("", "s9kf", "Unreadable"),
    ],
)
def test_addresses_of_an_order(path: str, store: str, event: str) -> None:
    delivery = sent(placed(platformRestaurant={"id": "s9kf"}), path)
    assert ADAPTER.identify(delivery).store_id == store
    try:
        (said,) = ADAPTER.parse(delivery, {})
    except Unreadable as error:
        said = error  # type: ignore[assignment]
    assert type(said).__name__ == event


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("remoteId/mitte-01/remoteOrder/t-1/posOrderStatus", ("t-1", "mitte-01", True)),
        ("remoteId/mitte-01/remoteOrder/t-1/posOrderStatus/", ("t-1", "mitte-01", True)),
        ("remoteId/mitte 01/remoteOrder/t-1/posOrderStatus", ("t-1", "mitte 01", True)),
        (
            "remoteId/a/remoteOrder/b/remoteOrder/t-1/posOrderStatus",
            ("t-1", "a/remoteOrder/b", True),
        ),
        ("remoteId/mitte-01/remoteOrder/t/1/posOrderStatus", (None, None, False)),
        ("remoteId/mitte-01/remoteOrder//posOrderStatus", (None, None, False)),
        ("remoteId/mitte-01/posOrderStatus", (None, None, False)),
        ("remoteId/mitte-01/availability", (None, None, False)),
    ],
)
def test_addresses_of_a_status(path: str, known: tuple[str | None, str | None, bool]) -> None:
    said = sent({"status": "ORDER_CANCELLED", "message": "x"}, path, "PUT")
    assert ADAPTER.identify(said)[1:] == known
    (event,) = ADAPTER.parse(said, {})
    assert isinstance(event, Cancellation) == known[2]


def test_the_token_is_the_order_and_the_delivery() -> None:
    one, again = sent(placed()), sent(placed(shortCode="43"))
    assert ADAPTER.identify(one) == Identity("t-1", "t-1", "mitte-01")
    assert ADAPTER.identify(again) == ADAPTER.identify(one)


def test_a_status_of_two_orders_in_the_same_bytes_is_two_deliveries() -> None:
    path = f"remoteId/{'mitte-01' * 20}/remoteOrder/{{}}/posOrderStatus"
    said = {"status": "ORDER_CANCELLED", "message": ""}
    ids = [
        ADAPTER.identify(sent(said, path.format(order), "PUT"))[0]
        for order in ("t-1", "t-2", "t-1" + "x" * 96, "t-2" + "x" * 96, "t-1")
    ]
    assert len(set(ids)) == 4
    assert ids[0] == ids[-1]
    other = ADAPTER.identify(sent({**said, "message": "late"}, path.format("t-1"), "PUT"))
    assert other.delivery_id not in ids


def test_the_same_bytes_for_two_stores_are_two_deliveries() -> None:
    ids = {
        ADAPTER.identify(sent({}, f"remoteId/{store}/availability", "PUT"))[0]
        for store in ("mitte-01", "mitte-02")
    }
    assert len(ids) == 2


PLAIN = st.text("abcXYZ019-_", min_size=1, max_size=100)


@given(PLAIN | st.text(min_size=1, max_size=512))
def test_whatever_the_token_a_status_finds_its_order(token: str) -> None:
    delivery = sent({**placed(), "token": token})
    known = ADAPTER.identify(delivery).order_id
    if known is None:  # blank, or masked
        assert not ADAPTER.ack(delivery).body
        return
    remote = json.loads(ADAPTER.ack(delivery).body)["remoteResponse"]["remoteOrderId"]
    path = f"remoteId/mitte-01/remoteOrder/{remote}/posOrderStatus"
    (gone,) = ADAPTER.parse(sent({"status": "ORDER_CANCELLED"}, path, "PUT"), {})
    (there,) = ADAPTER.parse(delivery, {})
    assert isinstance(there, Order)
    assert isinstance(gone, Cancellation)
    assert gone.order_id == there.order_id == known


@pytest.mark.parametrize(
    ("token", "plain"),
    [("a" * 100, True), ("a" * 101, False), ("a b", False), ("a/b", False), ("..", False)],
)
def test_a_token_that_fits_into_no_address_is_known_by_its_digest(token: str, plain: bool) -> None:
    known = ADAPTER.identify(sent({**placed(), "token": token})).order_id
    assert known == (token if plain else hashlib.sha256(token.encode()).hexdigest())


# What is answered at once


def test_ack_is_the_same_for_a_repeat() -> None:
    said = b'{"remoteResponse": {"remoteOrderId": "t-1"}}'
    assert ADAPTER.ack(sent(placed())) == Ack(200, said, "application/json")
    assert ADAPTER.ack(sent(placed(shortCode="43"))) == Ack(200, said, "application/json")
    assert ADAPTER.ack(sent(placed(test=True))) == Ack(200, said, "application/json")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "order/mitte-01"),
        ({"token": ""}, "order/mitte-01"),
        ({"token": 4711}, "order/mitte-01"),
        ({"token": "t-1"}, "remoteId/mitte-01/availability"),
        ({"status": "ORDER_CANCELLED"}, "remoteId/mitte-01/remoteOrder/t-1/posOrderStatus"),
    ],
)
def test_ack_of_anything_else_is_empty(body: object, path: str) -> None:
    assert ADAPTER.ack(sent(body, path)) == Ack()


@pytest.mark.parametrize(
    ("method", "path", "answered"),
    [
        ("GET", "", True),
        ("GET", "/", True),
        ("POST", "", False),
        ("PUT", "", False),
        ("GET", "menuimport/mitte-01", False),
        ("GET", "order/mitte-01", False),
    ],
)
def test_health(method: str, path: str, answered: bool) -> None:
    assert ADAPTER.handshake
    assert ADAPTER.handshake(sent({}, path, method), []) == (Ack() if answered else None)


# Events that are no order


@pytest.mark.parametrize(
    ("status", "alert"),
    [
        ("ORDER_PICKED_UP", False),
        ("PRODUCT_ORDER_MODIFICATION_SUCCESSFUL", True),
        ("PRODUCT_ORDER_MODIFICATION_FAILED", True),
        ("ORDER_TELEPORTED", True),
        ("order_cancelled", True),
    ],
)
def test_other_statuses(status: str, alert: bool) -> None:
    path = "remoteId/mitte-01/remoteOrder/t-1/posOrderStatus"
    (said,) = ADAPTER.parse(sent({"status": status, "updatedOrder": placed()}, path, "PUT"), {})
    assert isinstance(said, Ignored)
    assert (said.event_type, said.alert) == (status, alert)


@pytest.mark.parametrize("status", [None, "", [], {}, True, "x\n"])
def test_a_status_that_is_none(status: object) -> None:
    path = "remoteId/mitte-01/remoteOrder/t-1/posOrderStatus"
    with pytest.raises(Unreadable, match="status"):
        ADAPTER.parse(sent({"status": status}, path, "PUT"), {})


def test_a_test_order_is_no_order() -> None:
    assert ADAPTER.parse(sent(placed(test=True)), {}) == [Ignored("order-dispatch", "a test order")]
    with pytest.raises(Unreadable, match="test"):
        ADAPTER.parse(sent(placed(test="true")), {})


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"products": [dish()]}, "order's id"),
        ({"token": "t-1"}, "products"),
        ({"token": "t-1", "products": []}, "products"),
        (placed(dish("1.5")), "quantity"),
        (placed(dish("-1")), "quantity"),
        (placed(dish("string")), "quantity"),
        (placed(dish(selectedToppings=[topping("1.00", 0.5)])), "quantity"),
        (placed(dish(unit="8,00")), "unitPrice"),
        (placed(dish(paid=True)), "paidPrice"),
        (placed(**price("1e20")), "grandTotal"),
        (placed(createdAt="2026-03-13T18:02:09"), "createdAt"),  # in which zone?
    ],
)
def test_unreadable(body: object, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        ADAPTER.parse(sent(body), {})


# Who brings it, and what follows from that


@pytest.mark.parametrize(
    ("kind", "rider", "order_type", "tips_go_to", "delivers"),
    [
        ("pickup", None, OrderType.PICKUP, OURS, False),
        ("pickup", "2026-03-13T18:20:00Z", OrderType.PICKUP, OURS, False),
        ("delivery", None, OrderType.DELIVERY, OURS, True),
        ("delivery", "", OrderType.DELIVERY, OURS, True),
        ("delivery", "2026-03-13T18:20:00Z", OrderType.DELIVERY, Owner.COURIER, False),
    ],
)
def test_who_brings_it(
    kind: str, rider: str | None, order_type: OrderType, tips_go_to: Owner, delivers: bool
) -> None:
    address = {"street": "Torstraße", "number": "1", "postcode": "10119", "city": "Berlin"}
    read = order(
        **price("10.00", riderTip="2.00"),
        expeditionType=kind,
        delivery={"riderPickupTime": rider, "address": address},
    )
    assert read.order_type is order_type
    assert [tip.owner for tip in read.tips] == [tips_go_to]
    assert bool(read.customer.address) == delivers
    assert read.total == 800


@pytest.mark.parametrize(
    ("collect", "status", "delivery", "kind", "due"),
    [
        ("8.00", "pending", {}, "delivery", True),
        ("8.00", "paid", {}, "delivery", True),
        ("0.00", "pending", {}, "delivery", True),
        ("", "pending", {}, "pickup", True),
        ("8.00", "paid", {}, "pickup", True),
        ("0.00", "paid", {}, "delivery", False),
        ("", "", {}, "delivery", False),
        ("8.00", "pending", COURIER, "delivery", False),
        ("-1.00", "paid", {}, "delivery", False),
    ],
)
def test_cash(collect: str, status: str, delivery: Any, kind: str, due: bool) -> None:
    read = order(
        **price(collectFromCustomer=collect),
        payment={"status": status},
        delivery=delivery,
        expeditionType=kind,
    )
    assert (read.payment, read.payment_method) == (
        ("call_for_payment", "CASH") if due else ("paid", None)
    )


@pytest.mark.parametrize(
    ("name", "kind", "ours", "theirs"),
    [
        ("delivery fee", FeeKind.DELIVERY, OURS, THEIRS),
        ("Liefergebühr", FeeKind.DELIVERY, OURS, THEIRS),
        ("", FeeKind.DELIVERY, OURS, THEIRS),
        (None, FeeKind.DELIVERY, OURS, THEIRS),
        ("packaging fee", FeeKind.PACKAGING, OURS, OURS),
        ("Verpackung", FeeKind.PACKAGING, OURS, OURS),
        ("Container Charge", FeeKind.PACKAGING, OURS, OURS),
        ("Tüte", FeeKind.PACKAGING, OURS, OURS),
        ("Pfand", FeeKind.DEPOSIT, OURS, OURS),
        ("Service Fee", FeeKind.SERVICE, THEIRS, THEIRS),
        ("Servicegebühr", FeeKind.SERVICE, THEIRS, THEIRS),
        ("Small order fee", FeeKind.SMALL_ORDER, OURS, THEIRS),
        ("Mindestbestellwert", FeeKind.SMALL_ORDER, OURS, THEIRS),
        ("Mindermengenzuschlag", FeeKind.SMALL_ORDER, OURS, THEIRS),
    ],
)
def test_fees(name: str | None, kind: FeeKind, ours: Owner, theirs: Owner) -> None:
    for delivery, owner in (({}, ours), (COURIER, theirs)):
        charged = price("9.00", deliveryFees=[{"name": name, "value": 1}, {"value": 0}])
        read = order(**charged, delivery=delivery)
        assert [(fee.kind, fee.amount, fee.owner) for fee in read.fees] == [(kind, 100, owner)]
        assert read.total == (900 if owner is OURS else 800)


def test_a_fee_is_a_number_and_read_exactly() -> None:
    body = json.dumps(placed(**price("8.57", deliveryFees=[{"value": 0.57}])))
    assert '"value": 0.57' in body
    (read,) = ADAPTER.parse(sent(json.loads(body)), {})
    assert isinstance(read, Order)
    assert (read.fees[0].amount, read.total) == (57, 857)


@pytest.mark.parametrize(
    ("country", "currency"),
    [("DE", "EUR"), ("AT", "EUR"), ("SE", "SEK"), ("KW", "KWD"), ("XX", None), ("", None)],
)
def test_currency(country: str, currency: str | None) -> None:
    assert order(localInfo={"countryCode": country}).currency == currency


def test_ready_by_who_comes() -> None:
    times = {"expectedDeliveryTime": "2026-03-13T19:00:00Z"}
    early = order(delivery=times | COURIER)
    late = order(delivery=times)
    guest = order(expeditionType="pickup", pickup={"pickupTime": "2026-03-13T18:30:00Z"})
    hours = [(o.ready_at.hour, o.ready_at.minute) for o in (early, late, guest) if o.ready_at]
    assert hours == [(18, 50), (19, 0), (18, 30)]
    assert order().ready_at is None


def test_where_it_is_brought() -> None:
    address: dict[str, object] = {"street": "Torstraße", "number": "12a", "city": "Berlin"}
    address |= {"company": "Muster AG", "floor": "3", "entrance": "", "flatNumber": 7}
    place = order(delivery={"address": address}).customer.address
    assert place
    assert (place.street, place.house_number) == ("Torstraße", "12a")
    assert place.additional == "Muster AG · 3 · 7"


# Sums that leave open how they are meant


@pytest.mark.parametrize(
    ("quantity", "paid", "toppings", "expected"),
    [
        ("1", "8.00", [], 800),
        (1, "8.00", [], 800),
        ("", "", [], 800),
        ("2.0", "16.00", [], 1600),
        ("0", "0.00", [], 0),
        ("2", "", [topping("1.00", 2)], 2000),
        ("2", "20.00", [topping("1.00", 2)], 2000),  # counted for one piece of the dish
        ("2", "18.00", [topping("1.00", 2)], 1800),  # for all of them
        ("2", "17.00", [topping("1.00")], 1700),  # priced for all of them
        ("2", "16.00", [topping("1.00")], 1600),  # held in the dish's price
        ("2", "15.00", [topping("1.00")], 1800),  # as it stands, for want of a better reading
        ("1", "10.60", [topping("1.00", 1, topping("0.30", 2, topping("1.00")))], 1060),
        ("1", "11.60", [topping("1.00", 1, topping("0.30", 2, topping("1.00")))], 1160),
    ],
)
def test_toppings(quantity: object, paid: str, toppings: list[Any], expected: int) -> None:
    lines = order(dish(quantity, paid=paid, selectedToppings=toppings)).lines
    assert worth(lines) == expected


def test_a_dish_by_its_discounted_sum_is_not_read_anew() -> None:
    gift = [cut("1.50", VENDOR="1.50")]
    bacon = [topping("1.50")]
    read = order(dish(paid="8.00", selectedToppings=bacon, discounts=gift), **price("8.00"))
    assert (read.lines[0].unit_price, read.total) == (800, 800)


@pytest.mark.parametrize(
    ("grand", "pay", "total"),
    [
        ("8.00", "", 800),
        ("10.00", "", 800),  # with the tip
        ("8.00", "7.00", 800),
        ("9.19", "8.00", 800),  # with a fee of theirs that is not listed
        ("9.19", "", 919),
        ("9.19", "7.00", 919),
        ("", "8.00", 800),
        ("", "7.00", 700),
        ("", "", None),
        ("0.00", "", 0),
    ],
)
def test_total(grand: str, pay: str, total: int | None) -> None:
    read = order(**price(grand, payRestaurant=pay, riderTip="2.00"), delivery=COURIER)
    assert read.total == total


@pytest.mark.parametrize(
    ("whole", "dishes", "grand", "ours", "total"),
    [
        ([cut("2.00", VENDOR="2.00")], [], "6.00", 200, 600),
        ([cut("2.00", PLATFORM="2.00")], [], "6.00", 0, 800),
        ([cut("2.00", THIRD_PARTY="2.00")], [], "6.00", 0, 800),
        ([cut("2.00")], [], "6.00", 200, 600),
        ([cut("2.00", PLATFORM="1.50")], [], "6.00", 50, 750),
        ([cut("", VENDOR="1.50", PLATFORM="0.50")], [], "6.00", 150, 650),
        ([], [cut("2.00", VENDOR="2.00")], "6.00", 200, 600),
        ([cut("1.00", VENDOR="1.00")], [cut("2.00", VENDOR="2.00")], "5.00", 300, 500),
        ([cut("2.00", VENDOR="2.00")], [cut("2.00", VENDOR="2.00")], "6.00", 200, 600),
        ([cut("3.00", VENDOR="3.00")], [cut("2.00", VENDOR="2.00")], "5.00", 300, 500),
        ([cut("1.00", VENDOR="1.00")], [cut("2.00", VENDOR="2.00")], "6.00", 200, 600),
        ([cut("3.00", PLATFORM="3.00")], [cut("2.00", VENDOR="2.00")], "3.00", 200, 600),
    ],
)
def test_discounts(whole: list[Any], dishes: list[Any], grand: str, ours: int, total: int) -> None:
    read = order(dish(discounts=dishes), discounts=whole, **price(grand))
    assert sum(part.amount for part in read.discounts if part.owner is OURS) == ours
    assert read.total == total


@pytest.mark.parametrize(
    ("whole", "dishes"),
    [([cut("2.00", VENDOR="2.00")], []), ([], [cut("2.00", VENDOR="2.00")])],
)
def test_no_discount_is_dropped_to_make_a_sum_agree(whole: list[Any], dishes: list[Any]) -> None:
    read = order(dish(discounts=dishes), discounts=whole, **price("8.00"))
    assert sum(part.amount for part in read.discounts) == 200
    assert read.total == 800 != worth(read.lines) - 200


def test_discounts_of_toppings_at_any_depth_are_their_dish_s() -> None:
    deep = topping("1.00", 1, topping("1.00", 1, discounts=[cut("0.40", VENDOR="0.40")]))
    read = order(dish(), dish(selectedToppings=[deep]), **price("17.60"))
    assert [(part.amount, part.line_ids) for part in read.discounts] == [(40, ("2",))]
    assert read.total == 1760


# What is said afterwards


URLS = {
    f"order{step}Url": f"https://elsewhere.example/v2/{step}"
    for step in ("Accepted", "Rejected", "PickedUp", "Prepared")
}


def calls(outcome: Outcome, **more: Any) -> list[Call]:
    delivery = sent(placed(**{"callbackUrls": URLS, **more}))
    (said,) = ADAPTER.parse(delivery, {})
    assert isinstance(said, Order)
    return list(answers(ADAPTER, delivery, said, outcome))


@pytest.mark.parametrize(
    ("outcome", "more", "path", "status"),
    [
        ("created", {}, "/v2/Accepted", "order_accepted"),
        ("created", {"delivery": COURIER}, "/v2/Accepted", "order_accepted"),
        ("refused", {}, "/v2/Rejected", "order_rejected"),
        ("refused", {"delivery": COURIER}, "/v2/Rejected", "order_rejected"),
        ("ready", {}, "/v2/PickedUp", "order_picked_up"),
        ("ready", {"expeditionType": "pickup"}, "/v2/PickedUp", "order_picked_up"),
        ("ready", {"delivery": COURIER}, "/v2/Prepared", None),
    ],
)
def test_answers(outcome: Outcome, more: Any, path: str, status: str | None) -> None:
    (call,) = calls(outcome, **more)
    assert (call.method, call.path) == ("POST", path)
    assert (call.json or {}).get("status") == status
    assert (call.json is None) == (status is None)
    assert not call.done  # a 409 may ask for patience


@pytest.mark.parametrize("outcome", ["created", "refused", "ready"])
@pytest.mark.parametrize("urls", [None, {}, [], dict.fromkeys(URLS, ""), dict.fromkeys(URLS, 1)])
def test_what_has_no_address_is_not_said(outcome: Outcome, urls: object) -> None:
    assert calls(outcome, callbackUrls=urls) == []


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://a.example/v2/order/status/t-1", "/v2/order/status/t-1"),
        ("http://a.example:8443/v2/x?y=%20", "/v2/x?y=%20"),
        ("/v2/order/status/t-1", "/v2/order/status/t-1"),
        ("https://a.example", None),
        ("https://a.example?/v2", None),
        ("https://[", None),
        ("ftp://a.example/v2", None),
        ("string", None),
        ("https://a.example/v2 /x", None),
        ("https://a.example/v2\nx", None),
        ("https://a.example/ä", None),
    ],
)
def test_only_the_path_of_an_address_counts(url: str, path: str | None) -> None:
    said = calls("refused", callbackUrls={"orderRejectedUrl": url})
    assert [call.path for call in said] == ([path] if path else [])


@pytest.mark.parametrize(
    ("pickup", "expected"),
    [
        (None, "2026-03-13T18:05:12+00:00"),
        ("2026-03-13T18:04:00Z", "2026-03-13T18:05:12+00:00"),
        ("2026-03-13T18:05:13Z", "2026-03-13T18:05:13+00:00"),
        ("2026-03-13T20:30:00+01:00", "2026-03-13T20:30:00+01:00"),
    ],
)
def test_acceptance_lies_ahead_of_the_moment_it_is_said(pickup: str | None, expected: str) -> None:
    (call,) = calls("created", expeditionType="pickup", pickup={"pickupTime": pickup})
    assert call.json == {
        "status": "order_accepted",
        "acceptanceTime": expected,
        "remoteOrderId": "t-1",
    }
    assert datetime.fromisoformat(expected) >= NOW + timedelta(minutes=2)


def test_every_reading_of_the_demo_is_the_same_twice() -> None:
    delivery = recorded("order-dispatch__demo").unsigned()
    later = replace(delivery, received_at=delivery.received_at + timedelta(days=1))
    assert ADAPTER.parse(delivery, {}) == ADAPTER.parse(later, {})


def test_the_token_is_asked_for_as_the_middleware_wants_it() -> None:
    assert ADAPTER.api
    oauth = ADAPTER.api.oauth
    assert oauth
    assert (oauth.id_field, oauth.secret_field, oauth.basic) == ("username", "password", False)
    assert ADAPTER.hosts == {
        f"integration-middleware{place}.restaurant-partners.com" for place in ("", ".stg", ".us")
    }
