"""Our Order as the JSON OktoPOS takes: every field, and every cent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.contract import (
    Address,
    Cancellation,
    Customer,
    Discount,
    Fee,
    FeeKind,
    Line,
    Order,
    OrderType,
    Owner,
    Tip,
)
from receiver.articles import Known
from receiver.errors import Held, Unmapped
from receiver.http import CALL_SECONDS
from receiver.oktopos import Mapped, create_body, order_id, payment_body, status_body
from receiver.oktopos.booking import Till, book
from receiver.oktopos.lines import Priced, priced
from receiver.sandbox import models
from receiver.settings.model import Connection, Pos
from tests.plain import PLAIN, SECRET

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
POS = Pos(name="mitte", url="https://manager.example.de/v1", api_key="key-of-the-division")
BY_NAME = replace(POS, unknown_article="name")
PLAIN_CONNECTION = Connection(
    name="plain", adapter=PLAIN, secrets=(SECRET,), stores={"*": "mitte"}, intermediary="Plain"
)
SOUP = Line(name="Soup", quantity=1, unit_price=990, pos_ref="P1")
RESTAURANT, PLATFORM, COURIER = Owner.RESTAURANT, Owner.PLATFORM, Owner.COURIER


def order(*lines: Line, **changes: Any) -> Order:
    """One soup of 9.90, or these lines; no stated total."""
    plain = Order(
        order_id="o1",
        store_id=None,
        display_id=None,
        order_type=OrderType.DELIVERY,
        lines=lines or (SOUP,),
        total=None,
        placed_at=NOW,
    )
    return replace(plain, **changes)


def mapped(given_order: Order, pos: Pos = POS, connection: Connection = PLAIN_CONNECTION) -> Mapped:
    return create_body(given_order, connection, pos, NOW)


def body(given_order: Order, pos: Pos = POS, connection: Connection = PLAIN_CONNECTION) -> Any:
    """What would be posted; the strict sandbox takes it."""
    posted = mapped(given_order, pos, connection).body
    models.Order.model_validate(posted)
    return posted


def items(given_order: Order, pos: Pos = POS, connection: Connection = PLAIN_CONNECTION) -> Any:
    return body(given_order, pos, connection)["items"]


# Every field of an order


def test_an_order_with_everything() -> None:
    full = order(
        Line(
            name="Pizza Margherita",
            quantity=2,
            unit_price=990,
            pos_ref="PLU-17",
            item_id="i-1",
            comment="Nussallergie · ohne Zwiebeln",
            options=(Line(name="Extra Käse", quantity=1, unit_price=150, pos_ref="PLU-30"),),
        ),
        display_id="A17",
        order_type=OrderType.LOCAL,
        total=2570,
        currency="EUR",
        ready_at=NOW + timedelta(minutes=20),
        fees=(Fee(kind=FeeKind.DELIVERY, amount=290, owner=RESTAURANT),),
        tips=(Tip(amount=200, owner=RESTAURANT),),
        customer=Customer(
            given_name="Mia",
            family_name="Muster",
            phone="+49 30 555 01 17",
            email="mia@example.com",
            address=Address(
                street="Musterstraße",
                house_number="12 a",
                zip="10115",
                city="Berlin",
                additional="Hinterhaus",
            ),
        ),
        table="7",
        notes=("Besteck bitte",),
        session="bundle-1",
    )
    pos = replace(POS, distribution_channels={"LOCAL": 1}, fee_articles={FeeKind.DELIVERY: "9101"})
    assert body(full, pos, replace(PLAIN_CONNECTION, articles={"PLU-17": "4711"})) == {
        "orderId": "plain:o1",
        "intermediary": "Plain",
        "status": "new",
        "orderType": "LOCAL",
        "purchaseTime": {"timestamp": "2026-07-04T12:00:00Z", "timezone": "Europe/Berlin"},
        "pickup": {"pickupToken": "A17", "pickupTime": "2026-07-04T12:20:00Z"},
        "customer": {
            "givenName": "Mia",
            "familyName": "Muster",
            "phone": "+49 30 555 01 17",
            "email": "mia@example.com",
            "address": {
                "street": "Musterstraße",
                "houseNumber": "12 a",
                "zip": "10115",
                "city": "Berlin",
                "additionalAddress": "Hinterhaus",
            },
        },
        "location": {"table": 7},
        "items": [
            {
                "basketItemId": 1,
                "mainBasketItemId": 1,
                "productId": "4711",
                "externalId": "PLU-17",
                "name": "Pizza Margherita",
                "quantity": 2,
                "price": {"value": "9.90", "currency": "EUR"},
                "distributionChannel": 1,
                "comment": "Nussallergie · ohne Zwiebeln | Besteck bitte",
            },
            {
                "basketItemId": 2,
                "mainBasketItemId": 1,
                "productId": "PLU-30",
                "externalId": "PLU-30",
                "name": "Extra Käse",
                "quantity": 2,
                "price": {"value": "1.50", "currency": "EUR"},
                "distributionChannel": 1,
            },
            {
                "basketItemId": 3,
                "mainBasketItemId": 3,
                "productId": "9101",
                "name": "Delivery fee",
                "quantity": 1,
                "price": {"value": "2.90", "currency": "EUR"},
                "distributionChannel": 1,
            },
        ],
        "payment": {
            "referenceId": "o1",
            "paymentMethod": "CREDIT_CARD",
            "price": {"value": "25.70", "currency": "EUR"},
            "status": "paid",
            "paymentReceived": "2026-07-04T12:00:00Z",
        },
        "tipTransactions": [
            {"price": {"value": "2.00", "currency": "EUR"}, "paymentMethod": "CREDIT_CARD"}
        ],
        "sessionToken": "bundle-1",
    }


def test_what_is_absent_is_absent() -> None:
    posted = body(order())
    assert set(posted) == {
        "orderId",
        "intermediary",
        "status",
        "orderType",
        "purchaseTime",
        "items",
        "payment",
    }
    assert empty_places(posted) == []


def test_an_empty_customer_and_address_are_absent() -> None:
    assert "customer" not in body(order(customer=Customer(address=Address())))
    assert body(order(customer=Customer(given_name="Mia", address=Address())))["customer"] == {
        "givenName": "Mia"
    }


def empty_places(value: object, place: str = "") -> list[str]:
    if isinstance(value, dict):
        return [
            found for key, one in value.items() for found in empty_places(one, f"{place}.{key}")
        ]
    if isinstance(value, list) and value:
        return [found for one in value for found in empty_places(one, f"{place}[]")]
    return [place] if value in (None, "", {}, []) else []


@pytest.mark.parametrize("order_type", OrderType)
def test_order_type_and_its_channel(order_type: OrderType) -> None:
    pos = replace(POS, distribution_channels={"PICKUP": 2, "DELIVERY": 3, "SHIPPING": 4})
    posted = body(order(order_type=order_type), pos)
    assert posted["orderType"] == order_type.value
    expected = pos.distribution_channels.get(order_type.value)
    assert posted["items"][0].get("distributionChannel") == expected


def test_purchase_time_is_utc_with_the_zone_of_the_pos() -> None:
    placed = datetime(2026, 7, 4, 13, 30, 59, 999_999, timezone(timedelta(hours=2)))
    found = body(order(placed_at=placed), replace(POS, timezone="Europe/Vienna"))["purchaseTime"]
    assert found == {"timestamp": "2026-07-04T11:30:59Z", "timezone": "Europe/Vienna"}


def test_cash_is_called_for() -> None:
    found = body(order(payment="call_for_payment", payment_method="CASH"))["payment"]
    assert found == {
        "referenceId": "o1",
        "paymentMethod": "CASH",
        "price": {"value": "9.90", "currency": "EUR"},
        "status": "call_for_payment",
    }


def test_the_connection_says_how_was_paid_where_the_order_does_not() -> None:
    connection = replace(PLAIN_CONNECTION, payment_method="PAYPAL", intermediary="Plain Two")
    posted = body(order(tips=(Tip(amount=1, owner=RESTAURANT),)), connection=connection)
    assert posted["payment"]["paymentMethod"] == "PAYPAL"
    assert posted["tipTransactions"][0]["paymentMethod"] == "PAYPAL"
    assert posted["intermediary"] == "Plain Two"


def test_the_currency_is_the_pos_s() -> None:
    francs = replace(POS, currency="CHF")
    posted = body(order(currency="CHF", tips=(Tip(amount=1, owner=RESTAURANT),)), francs)
    assert {money["currency"] for money in monies(posted)} == {"CHF"}
    assert monies(body(order(currency=None), francs))[0]["currency"] == "CHF"


def monies(posted: Any) -> list[Any]:
    found = [posted["payment"], *posted["items"], *posted.get("tipTransactions", [])]
    return [one["price"] for one in found]


def test_another_currency_is_held() -> None:
    with pytest.raises(Held, match=r"in CHF, pos\.mitte\.currency is EUR"):
        mapped(order(currency="CHF"))


# Pickup


def test_a_time_that_is_over_is_moved_and_noted() -> None:
    late = mapped(order(ready_at=NOW - timedelta(hours=2), display_id="7"))
    assert late.body["pickup"] == {"pickupToken": "7", "pickupTime": "2026-07-04T12:05:00Z"}
    assert late.notes == ("pickup time moved from 2026-07-04T10:00:00Z to 2026-07-04T12:05:00Z",)


def test_a_time_to_come_is_kept() -> None:
    soon = mapped(order(ready_at=NOW + timedelta(minutes=40)))
    assert soon.body["pickup"] == {"pickupTime": "2026-07-04T12:40:00Z"}
    assert soon.notes == ()


@given(st.integers(0, 3_000), st.integers(-5_000, 60_000))
def test_a_pickup_time_is_never_past_however_short_the_rest(now_ms: int, rest_ms: int) -> None:
    """OktoPOS reads whole seconds, and a call may take until its time is up."""
    now = NOW + timedelta(milliseconds=now_ms)
    ready_at = now + timedelta(milliseconds=rest_ms)
    pickup: Any = create_body(order(ready_at=ready_at), PLAIN_CONNECTION, POS, now).body["pickup"]
    assert datetime.fromisoformat(pickup["pickupTime"]) > now + timedelta(seconds=CALL_SECONDS)


# The guest, the table, the notes


@pytest.mark.parametrize("table", ["7", "007", "0"])
def test_a_table_with_a_number(table: str) -> None:
    posted = body(order(table=table))
    assert posted["location"] == {"table": int(table)}
    assert "comment" not in posted["items"][0]


@pytest.mark.parametrize("table", ["Terrasse 3", "A7", "7.5", "-1", "²", "٣", "9" * 12])
def test_a_table_that_is_no_number_is_a_comment(table: str) -> None:
    posted = body(order(table=table))
    assert "location" not in posted
    assert posted["items"][0]["comment"] == f"Table {table}"


def test_notes_stand_on_the_first_main_line_after_its_own() -> None:
    soup = replace(SOUP, comment="ohne Salz", options=(SOUP,))
    posted = items(order(soup, SOUP, notes=("ERDNUSSALLERGIE", "Besteck"), table="Bar"))
    assert posted[0]["comment"] == "ohne Salz | ERDNUSSALLERGIE | Besteck | Table Bar"
    assert all("comment" not in item for item in posted[1:])


def test_an_option_keeps_its_own_comment() -> None:
    soup = replace(SOUP, options=(replace(SOUP, comment="extra scharf"),))
    assert items(order(soup))[1]["comment"] == "extra scharf"


# Names of orders


def test_a_short_order_id_is_plain_to_read() -> None:
    assert order_id("uber_eats", "ABC-1") == "uber_eats:ABC-1"
    assert order_id("p", "x" * 62) == "p:" + "x" * 62


def test_a_long_one_keeps_its_beginning() -> None:
    long = order_id("uber_eats", "a" * 70)
    assert len(long) == 64
    assert long.startswith("uber_eats:aaaaaaaaaa")
    assert long == order_id("uber_eats", "a" * 70)
    assert long != order_id("uber_eats", "a" * 71)
    assert order_id("uber_eats", "a" * 69 + "b") != long


ids = st.text(min_size=1, max_size=90)


@given(st.sampled_from(["plain", "plain_2", "a" * 32]), ids, ids)
def test_order_ids_are_distinct_and_short(connection: str, one: str, other: str) -> None:
    assume(one != other)
    assert order_id(connection, one) != order_id(connection, other)
    assert len(order_id(connection, one)) <= 64
    assert order_id("other", one) != order_id(connection, one)


def test_it_never_changes() -> None:
    """Tills know orders by it: another digest would create every order anew."""
    assert order_id("wolt", "x" * 80)[-13:] == "~024084416b74"


def test_what_cannot_be_printed_is_told_apart_all_the_same() -> None:
    assert order_id("wolt", "A\n1").startswith("wolt:A1~")
    assert len({order_id("wolt", one) for one in ("A1", "A\n1", "A\t1", "A\ud8001")}) == 4


# Articles


def test_a_mapping_by_hand_goes_before_the_reference() -> None:
    articles = {"P1": "4711", "i-2": "4712"}
    connection = replace(PLAIN_CONNECTION, articles=articles)
    lines = (
        SOUP,
        replace(SOUP, pos_ref=None, item_id="i-2"),
        replace(SOUP, pos_ref="P9", item_id="i-2"),
        replace(SOUP, pos_ref="P9", item_id="i-9"),
    )
    posted = items(order(*lines), connection=connection)
    assert [item["productId"] for item in posted] == ["4711", "4712", "4712", "P9"]
    assert [item["externalId"] for item in posted] == ["P1", "i-2", "P9", "P9"]


def test_everything_unknown_is_named_once() -> None:
    strange = Line(
        name="Tee",
        quantity=1,
        unit_price=200,
        item_id="i-7",
        options=(Line(name="Zitrone", quantity=1, unit_price=0),),
    )
    fees = (Fee(kind=FeeKind.SERVICE, amount=50, owner=RESTAURANT),)
    with pytest.raises(Unmapped) as caught:
        mapped(order(SOUP, strange, strange, fees=fees))
    assert str(caught.value) == (
        'no article for "Tee" (i-7), "Zitrone" (no id), pos.mitte.fee_articles.service_fee'
    )


def test_the_unknown_goes_by_name_where_that_is_set() -> None:
    pos = BY_NAME
    (item,) = items(order(replace(SOUP, pos_ref=None)), pos)
    assert "productId" not in item
    assert "externalId" not in item
    assert item["name"] == "Soup"


# Sums


def test_a_difference_is_held_with_both_figures() -> None:
    with pytest.raises(Held, match=r"add up to 9\.90, the platform states 9\.91") as caught:
        mapped(order(total=991))
    assert 'pos.mitte.sum_mismatch = "send"' in str(caught.value)


def test_or_sent_and_noted() -> None:
    sent = mapped(order(total=991), replace(POS, sum_mismatch="send"))
    assert sent.notes == ("the lines add up to 9.90, the platform states 9.91",)
    assert sent.total == 990


def test_nothing_to_book_is_held() -> None:
    with pytest.raises(Held, match="no lines"):
        mapped(order(replace(SOUP, quantity=0)))


def test_only_the_restaurant_s_tips_and_never_in_the_price() -> None:
    tips = (
        Tip(amount=200, owner=RESTAURANT),
        Tip(amount=300, owner=COURIER),
        Tip(amount=400, owner=PLATFORM),
        Tip(amount=0, owner=RESTAURANT),
        Tip(amount=50, owner=RESTAURANT),
    )
    found = mapped(order(tips=tips))
    assert found.tip == 250
    assert found.total == 990
    posted: Any = found.body
    assert [tip["price"]["value"] for tip in posted["tipTransactions"]] == ["2.00", "0.50"]
    assert posted["payment"]["price"]["value"] == "9.90"


def test_the_platform_s_fees_and_discounts_are_not_ours() -> None:
    foreign = order(
        fees=tuple(Fee(kind=kind, amount=100, owner=PLATFORM) for kind in FeeKind),
        discounts=(Discount(amount=500, owner=PLATFORM), Discount(amount=5, owner=COURIER)),
        tips=(Tip(amount=100, owner=COURIER),),
        total=990,
    )
    assert body(foreign) == body(order())


@pytest.mark.parametrize("kind", FeeKind)
def test_a_fee_of_ours_is_a_line_with_its_article(kind: FeeKind) -> None:
    pos = replace(POS, fee_articles={kind: "9100"})
    fees = (Fee(kind=kind, amount=25, owner=RESTAURANT, name=None),)
    fee = items(order(fees=fees), pos)[-1]
    assert fee["productId"] == "9100"
    assert fee["basketItemId"] == fee["mainBasketItemId"] == 2
    assert (fee["quantity"], fee["price"]["value"]) == (1, "0.25")
    assert fee["name"]


def test_a_fee_keeps_the_platform_s_name() -> None:
    pos = replace(POS, fee_articles={FeeKind.DEPOSIT: "9105"})
    fees = (Fee(kind=FeeKind.DEPOSIT, amount=25, owner=RESTAURANT, name="Pfand 0,25"),)
    assert items(order(fees=fees), pos)[-1]["name"] == "Pfand 0,25"


# Lines: dishes, options, discounts


def line(name: str, quantity: int, price: int, *options: Line, line_id: str | None = None) -> Line:
    return Line(
        name=name,
        quantity=quantity,
        unit_price=price,
        pos_ref=name,
        options=options,
        line_id=line_id,
    )


Booked = tuple[int, int, str, int, int]


def off(amount: int, *line_ids: str, owner: Owner = RESTAURANT) -> Discount:
    return Discount(amount=amount, owner=owner, line_ids=line_ids)


def booked(
    *lines: Line, discounts: tuple[Discount, ...] = ()
) -> list[tuple[int, int, str, int, int]]:
    """(number, main, name, quantity, unit price) of each line."""
    found = priced(order(*lines, discounts=discounts))
    return [(one.number, one.main, one.name, one.quantity, one.unit_price) for one in found]


def test_nested_options_are_flattened_to_the_dish() -> None:
    sauce = line("sauce", 3, 20)
    fries = line("fries", 2, 300, sauce)
    assert booked(line("menu", 2, 1000, fries), line("cola", 1, 250)) == [
        (1, 1, "menu", 2, 1000),
        (2, 1, "fries", 4, 300),
        (3, 1, "sauce", 12, 20),
        (4, 4, "cola", 1, 250),
    ]


def test_an_option_taken_off_is_no_line_and_nothing_below_it() -> None:
    gone = line("fries", 0, 300, line("sauce", 1, 20))
    assert booked(line("menu", 1, 1000, gone)) == [(1, 1, "menu", 1, 1000)]


def test_an_odd_cent_makes_two_dishes_each_with_its_options() -> None:
    menu = line("menu", 3, 1000, line("fries", 1, 0))
    assert booked(menu, discounts=(off(100),)) == [
        (1, 1, "menu", 1, 966),
        (2, 1, "fries", 1, 0),
        (3, 3, "menu", 2, 967),
        (4, 3, "fries", 2, 0),
    ]


def test_a_discount_is_spread_by_value() -> None:
    lines = (line("a", 1, 3000), line("b", 1, 1000, line("c", 1, 1000)))
    assert [price for *_, price in booked(*lines, discounts=(off(500),))] == [2700, 900, 900]


def test_a_discount_of_a_dish_stays_there() -> None:
    lines = (line("a", 1, 1000, line_id="l1"), line("b", 1, 1000, line("c", 1, 1000), line_id="l2"))
    found = booked(*lines, discounts=(off(400, "l2"),))
    assert [price for *_, price in found] == [1000, 800, 800]


def test_a_discount_of_an_unknown_line_is_the_whole_order_s() -> None:
    found = booked(line("a", 1, 1000), line("b", 1, 1000), discounts=(off(400, "elsewhere"),))
    assert [price for *_, price in found] == [800, 800]


def test_a_gift() -> None:
    assert booked(line("a", 1, 1000), discounts=(off(1000),)) == [(1, 1, "a", 1, 0)]


def test_more_than_there_is_is_held() -> None:
    with pytest.raises(Held, match=r"10\.01 is more than the 10\.00"):
        priced(order(line("a", 1, 1000), discounts=(off(1001),)))


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_in_which_discounts_are_named_does_not_matter(turned: bool) -> None:
    """A dish for nothing and something off the rest: feasible, whichever is named first."""
    lines = (line("a", 1, 1000, line_id="l1"), line("b", 1, 1000, line_id="l2"))
    discounts = (off(500), off(1000, "l1"))
    found = booked(*lines, discounts=discounts[::-1] if turned else discounts)
    assert sum(price for *_, price in found) == 500


names = st.sampled_from(["a", "b", "c", "d"])
prices = st.integers(0, 3_000)


def trees(depth: int) -> st.SearchStrategy[Line]:
    below = st.lists(trees(depth - 1), max_size=3) if depth else st.just([])
    return st.builds(
        lambda name, quantity, price, options, line_id: line(
            name, quantity, price, *options, line_id=line_id
        ),
        names,
        st.integers(0, 7),
        prices,
        below,
        st.sampled_from([None, "l1", "l2", "l3"]),
    )


owners = st.sampled_from(Owner)
discounts = st.builds(
    Discount,
    amount=st.integers(0, 2_000),
    owner=owners,
    line_ids=st.lists(st.sampled_from(["l1", "l2", "l3", "l9"]), max_size=2).map(tuple),
)
fees = st.builds(Fee, kind=st.sampled_from(FeeKind), amount=st.integers(0, 900), owner=owners)
tips = st.builds(Tip, amount=st.integers(0, 900), owner=owners)
orders = st.builds(
    lambda lines, discounts, fees, tips: order(*lines, discounts=discounts, fees=fees, tips=tips),
    st.lists(trees(2), min_size=1, max_size=4),
    st.lists(discounts, max_size=3).map(tuple),
    st.lists(fees, max_size=4).map(tuple),
    st.lists(tips, max_size=3).map(tuple),
)
EVERY_FEE = replace(POS, fee_articles={kind: f"fee-{kind}" for kind in FeeKind})


def worth(found: Line) -> int:
    """By the contract: an option's quantity is per one piece of what it belongs to."""
    return found.quantity * (found.unit_price + sum(map(worth, found.options)))


def ours(found: Any) -> int:
    return sum(one.amount for one in found if one.owner is RESTAURANT)


def feasible(found: Order) -> list[Priced]:
    """Its lines; what is held for a discount too large is another test's."""
    try:
        return priced(found)
    except Held:
        assume(False)
        raise


@given(orders)
def test_lines_add_up_to_the_cent(found: Order) -> None:
    booked = book(found, feasible(found), Till.of(found, PLAIN_CONNECTION, BY_NAME, Known()))
    total = sum(one.value for one in booked)
    assert total == sum(map(worth, found.lines)) + ours(found.fees) - ours(found.discounts)
    assert all(one.line.unit_price >= 0 and one.line.quantity >= 1 for one in booked)


@given(orders)
def test_held_only_for_a_discount_that_nothing_bears(found: Order) -> None:
    """Whoever may take it from anywhere can, while all discounts fit into the goods."""
    whole = replace(found, discounts=tuple(replace(d, line_ids=()) for d in found.discounts))
    if ours(whole.discounts) <= sum(map(worth, whole.lines)):
        priced(whole)
    else:
        with pytest.raises(Held):
            priced(whole)


def pieces(found: Line, parents: int = 1) -> Counter[str]:
    own = found.quantity * parents
    counted = Counter({found.name: own})
    for option in found.options:
        counted += pieces(option, own)
    return counted


@given(orders)
def test_every_piece_is_booked_below_its_dish(found: Order) -> None:
    lines = feasible(found)
    expected: Counter[str] = sum((pieces(dish) for dish in found.lines), Counter())
    dishes = [one for one in lines if isinstance(one.source, Line)]
    assert sum((Counter({one.name: one.quantity}) for one in dishes), Counter()) == expected
    assert [one.number for one in lines] == list(range(1, len(lines) + 1))
    mains = {one.number: one for one in lines if one.number == one.main}
    for one in lines:
        assert one.main in mains
    for number, main in mains.items():
        per_piece = Counter[str]()
        for one in lines:
            if one.main == number and one.number != number:
                per_piece[one.name] += one.quantity
        assert all(count % main.quantity == 0 for count in per_piece.values())


@given(orders)
def test_whatever_is_drawn_the_strict_sandbox_takes_it(found: Order) -> None:
    assume(feasible(found))
    posted = body(found, EVERY_FEE)
    booked_total = sum(
        item["quantity"] * round(float(item["price"]["value"]) * 100) for item in posted["items"]
    )
    assert posted["payment"]["price"]["value"] == f"{booked_total / 100:.2f}"
    tipped = sum(
        round(float(tip["price"]["value"]) * 100) for tip in posted.get("tipTransactions", [])
    )
    assert tipped == ours(found.tips)


# The other two bodies


def test_a_status_change_says_who_when_and_why() -> None:
    at = datetime(2026, 7, 4, 14, tzinfo=timezone(timedelta(hours=2)))
    change = status_body(10_001, Cancellation(order_id="o1", at=at, by="customer", reason="late"))
    assert change == {
        "orderId": 10_001,
        "status": "canceled",
        "payload": {"changedBy": "customer", "changedAt": "2026-07-04T12:00:00Z", "reason": "late"},
    }
    models.StatusChange.model_validate(change)
    bare = status_body(1, Cancellation(order_id="o1", at=at, by="customer"))
    assert bare["payload"] == {"changedBy": "customer", "changedAt": "2026-07-04T12:00:00Z"}


def test_a_payment_change_is_dated_in_utc() -> None:
    at = datetime(2026, 7, 4, 14, tzinfo=timezone(timedelta(hours=2)))
    change = payment_body("plain:o1", "paid", at)
    assert change == {"orderId": "plain:o1", "status": "paid", "date": "2026-07-04T12:00:00Z"}
    models.PaymentStatusChange.model_validate(change)
