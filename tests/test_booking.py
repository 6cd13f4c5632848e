"""One order by every strategy, with figures worked out by hand, as an accountant would.

A burger for 9.90 at 7 %, a cola for 3.50 at 19 % with a deposit of 0.25; 10 % off from the
restaurant, 2.00 off from the platform, a delivery fee of 2.90 and a tip of 1.50.

    goods            990 + 350           = 1340
    10 % of it       134: burger 99, cola 35 -> 891 and 315, together 1206
    delivery fee     290: 290 * 891 / 1206 = 214.25, 290 * 315 / 1206 = 75.75 -> 214 and 76
    at  7 %          891 + 214           = 1105
    at 19 %          315 + 76 + 25       =  416
    booked           1105 + 416          = 1521; the platform's 200 and the tip are not in it
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Discount, Fee, FeeKind, Line, Order, OrderType, Owner, Tip
from receiver.articles import Article, Chosen, Known, Price
from receiver.errors import Held, Unmapped
from receiver.oktopos import Mapped, create_body
from receiver.oktopos.booking import Till
from receiver.oktopos.bundles import divided
from receiver.settings.model import Connection, Pos
from tests.plain import PLAIN, SECRET

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
POS = Pos(
    name="mitte",
    url="https://manager.example.de/v1",
    api_key="key-of-the-division",
    distribution_channels={"DELIVERY": 3, "LOCAL": 1},
    fee_articles={"delivery_fee": "9101", "deposit": "9105"},
)
CONNECTION = Connection(
    name="plain", adapter=PLAIN, secrets=(SECRET,), stores={"*": "mitte"}, intermediary="Plain"
)
FOOD, DRINK = (1, 700), (2, 1900)
OURS, THEIRS = Owner.RESTAURANT, Owner.PLATFORM


def article(number: str, name: str, cents: int, tax: tuple[int, int], **more: Any) -> Article:
    prices = tuple(Price(channel, cents, *tax) for channel in (1, 3))
    return Article(number, name, prices=prices, **more)


BURGER = article("4711", "Burger", 990, FOOD, external_reference="B")
COLA = article("4740", "Cola", 350, DRINK, external_reference="C")
DELIVERY = article("9101", "Liefergebühr", 290, FOOD)
DEPOSIT = article("9105", "Pfand", 25, DRINK)
FALLBACK = article("9019", "Getränke 19 %", 0, DRINK)
KNOWN = Known(
    synced=True,
    version=7,
    matched={"B": BURGER, "C": COLA},
    listed={"9101": DELIVERY, "9105": DEPOSIT, "9019": FALLBACK},
)
WITHOUT_COLA = replace(KNOWN, matched={"B": BURGER})
ORDER = Order(
    order_id="o1",
    store_id=None,
    display_id="O1",
    order_type=OrderType.DELIVERY,
    lines=(
        Line(name="Burger", quantity=1, unit_price=990, pos_ref="B", line_id="b"),
        Line(name="Cola", quantity=1, unit_price=350, pos_ref="C", line_id="c", tax_rate=1900),
    ),
    total=1521,
    placed_at=NOW,
    fees=(
        Fee(kind=FeeKind.DELIVERY, amount=290, owner=OURS),
        Fee(kind=FeeKind.SERVICE, amount=99, owner=THEIRS),
        Fee(kind=FeeKind.DEPOSIT, amount=25, owner=OURS, line_ids=("c",)),
    ),
    discounts=(
        Discount(amount=134, owner=OURS),
        Discount(amount=200, owner=THEIRS),
    ),
    tips=(Tip(amount=150, owner=OURS), Tip(amount=80, owner=Owner.COURIER)),
)


def mapped(order: Order = ORDER, known: Known = KNOWN, **pos: Any) -> Mapped:
    return create_body(order, CONNECTION, replace(POS, **pos), NOW, known)


def lines(found: Mapped) -> list[tuple[Any, ...]]:
    """(article, price, tax rate's id) of each line."""
    items: Any = found.body["items"]
    return [(i.get("productId"), i["price"]["value"], i.get("taxRateId")) for i in items]


def test_every_rate_bears_its_share() -> None:
    found = mapped()
    assert lines(found) == [
        ("4711", "8.91", 1),
        ("4740", "3.15", 2),
        ("9101", "2.14", 1),
        ("9101", "0.76", 2),
        ("9105", "0.25", 2),
    ]
    assert found.total == 1521
    body: Any = found.body
    assert body["payment"]["price"]["value"] == "15.21"
    assert [tip["price"]["value"] for tip in body["tipTransactions"]] == ["1.50"]
    assert {item["distributionChannel"] for item in body["items"]} == {3}


def test_what_is_not_booked_stays_on_the_record() -> None:
    assert mapped().figures == {
        "turnover": {"7.00": 1105, "19.00": 416},
        "fees": {"restaurant": 315, "platform": 99},
        "discounts": {"restaurant": 134, "platform": 200},
        "tips": {"restaurant": 150, "courier": 80},
        "fallback": [],
        "name": [],
    }


def test_hold() -> None:
    with pytest.raises(Unmapped, match=r'no article for "Cola" \(C\)$') as held:
        mapped(known=WITHOUT_COLA)
    assert held.value.seen == 7


def test_fallback_books_the_same_sums_by_the_article_of_that_rate() -> None:
    found = mapped(
        known=WITHOUT_COLA, unknown_article="fallback", fallback_articles={"19.00": "9019"}
    )
    assert lines(found)[1] == ("9019", "3.15", 2)
    items: Any = found.body["items"]
    assert items[1]["comment"] == "Cola"
    assert found.total == 1521
    assert found.figures["turnover"] == {"7.00": 1105, "19.00": 416}
    assert found.figures["fallback"] == ["Cola"]


def test_fallback_needs_the_rate() -> None:
    unsaid = replace(ORDER, lines=(ORDER.lines[0], replace(ORDER.lines[1], tax_rate=None)))
    fall: Any = {"unknown_article": "fallback", "fallback_articles": {"19.00": "9019"}}
    with pytest.raises(Unmapped, match="Cola"):
        mapped(unsaid, WITHOUT_COLA, **fall)
    found = mapped(unsaid, WITHOUT_COLA, **fall, fallback_rate="19.00")
    assert lines(found)[1] == ("9019", "3.15", 2)
    with pytest.raises(Unmapped, match="Cola"):
        mapped(unsaid, WITHOUT_COLA, **fall, fallback_rate="7.00")


def test_name_sends_no_article_and_leaves_the_fee_whole() -> None:
    """OktoPOS could not be told at which rate a share of the fee is taxed."""
    found = mapped(known=WITHOUT_COLA, unknown_article="name")
    assert lines(found) == [
        ("4711", "8.91", 1),
        (None, "3.15", None),
        ("9101", "2.90", 1),
        ("9105", "0.25", 2),
    ]
    assert found.total == 1521
    assert found.figures["turnover"] == {"7.00": 891 + 290, "19.00": 315 + 25}
    assert found.figures["name"] == ["Cola"]


def test_a_deposit_without_a_rate_of_its_own_is_taxed_as_its_drink() -> None:
    for tax, expected in ((DRINK, 2), (FOOD, 1)):
        cola = article("4740", "Cola", 350, tax)
        known = replace(KNOWN, matched={"B": BURGER, "C": cola}, listed={"9101": DELIVERY})
        assert lines(mapped(known=known))[-1] == ("9105", "0.25", expected)


def test_a_deposit_that_names_no_drink_is_taxed_as_the_highest_is() -> None:
    fees = (Fee(kind=FeeKind.DEPOSIT, amount=25, owner=OURS),)
    known = replace(KNOWN, listed={})
    total = 1340 - 134 + 25
    assert lines(mapped(replace(ORDER, fees=fees, total=total), known))[-1] == ("9105", "0.25", 2)


def test_an_operator_s_mapping_goes_first_and_may_name_a_channel() -> None:
    known = replace(
        KNOWN,
        chosen={"C": Chosen("9019", 1)},
        listed={**KNOWN.listed, "9019": replace(FALLBACK, prices=(Price(1, 0, 5, 1900),))},
    )
    found = mapped(known=known)
    items: Any = found.body["items"]
    assert (items[1]["productId"], items[1]["distributionChannel"]) == ("9019", 1)
    assert items[1]["taxRateId"] == 5


def test_the_connection_s_channel_goes_before_the_till_s() -> None:
    connection = replace(CONNECTION, distribution_channels={"DELIVERY": 1})
    items: Any = create_body(ORDER, connection, POS, NOW, KNOWN).body["items"]
    assert {item["distributionChannel"] for item in items} == {1}


def test_never_synced_the_reference_is_the_article() -> None:
    found = mapped(known=Known())
    assert [line[0] for line in lines(found)] == ["B", "C", "9101", "9105"]
    assert {line[2] for line in lines(found)} == {None}


# Bundles: 12.00 for what costs 9.90 and 3.50 alone

MENU = Line(
    name="Menü",
    quantity=1,
    unit_price=1200,
    pos_ref="M",
    line_id="m",
    bundle=True,
    options=(
        Line(name="Burger", quantity=1, unit_price=0, pos_ref="B", comment="ohne Zwiebeln"),
        Line(name="Cola", quantity=1, unit_price=20, pos_ref="C"),
    ),
)
BUNDLE = replace(ORDER, lines=(MENU,), fees=(), discounts=(), total=1220)


def test_by_single_prices() -> None:
    """1200 * 990 / 1340 = 886.57 and 313.43; the larger cola costs 20 more."""
    found = mapped(BUNDLE)
    assert lines(found) == [("4711", "8.87", 1), ("4740", "3.33", 2)]
    items: Any = found.body["items"]
    assert [item["comment"] for item in items] == ["Menü · ohne Zwiebeln", "Menü"]
    assert [item["mainBasketItemId"] for item in items] == [1, 2]


def test_by_thirty_per_cent_for_drinks() -> None:
    assert lines(mapped(BUNDLE, bundles="drinks_30")) == [("4711", "8.40", 1), ("4740", "3.80", 2)]


def test_several_at_once_come_to_the_cent() -> None:
    three = replace(BUNDLE, lines=(replace(MENU, quantity=3),), total=3660)
    found = mapped(three)
    items: Any = found.body["items"]
    assert sum(i["quantity"] for i in items if i["productId"] == "4711") == 3
    assert found.total == 3660


def test_a_bundle_that_is_an_article_stays_whole() -> None:
    menu = article("5000", "Menü", 1200, FOOD)
    found = mapped(BUNDLE, replace(KNOWN, matched={**KNOWN.matched, "M": menu}))
    assert [line[0] for line in lines(found)] == ["5000", "4711", "4740"]


def test_a_discount_on_a_bundle_is_borne_by_its_parts() -> None:
    cut = (Discount(amount=122, owner=OURS, line_ids=("m",)),)
    soup = Line(name="Suppe", quantity=1, unit_price=500, pos_ref="B", line_id="s")
    found = mapped(replace(BUNDLE, lines=(MENU, soup), discounts=cut, total=1598))
    assert [line[1] for line in lines(found)] == ["7.98", "3.00", "5.00"]


def test_a_part_that_is_unknown_or_has_no_price() -> None:
    with pytest.raises(Unmapped, match=r'"Cola" \(C\) of Menü'):
        mapped(BUNDLE, WITHOUT_COLA)
    free = replace(KNOWN, matched={"B": BURGER, "C": article("4740", "Cola", 0, DRINK)})
    with pytest.raises(Held, match="Menü has one price for all of it, and article 4740 has none"):
        mapped(BUNDLE, free)
    whole = mapped(BUNDLE, WITHOUT_COLA, unknown_article="name")
    assert [line[:2] for line in lines(whole)] == [
        (None, "12.00"),
        ("4711", "0.00"),
        (None, "0.20"),
    ]


@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 10**5), st.sampled_from([700, 1900])), min_size=1),
    st.sampled_from(["by_price", "drinks_30"]),
)
def test_a_bundle_is_divided_to_the_cent(
    total: int, parts: list[tuple[int, int]], how: Any
) -> None:
    till = Till.of(ORDER, CONNECTION, replace(POS, bundles=how), KNOWN)
    weights, rates = [weight for weight, _ in parts], [rate for _, rate in parts]
    shares = divided(total, weights, rates, till)
    assert sum(shares) == total
    assert min(shares) >= 0


# The OrderAPI 1.0.1


def test_the_older_version_gets_what_it_needs_and_nothing_it_does_not_know() -> None:
    body: Any = mapped(api_version="1.0.1").body
    assert "intermediary" not in body
    assert body["pickup"] == {"pickupToken": "O1", "pickupTime": "2026-07-04T12:20:00Z"}
    for item in body["items"]:
        assert {"productId", "distributionChannel", "taxRateId"} <= item.keys()
        assert "name" not in item


def test_the_older_version_holds_what_it_cannot_take() -> None:
    with pytest.raises(
        Held, match=r'needs article, channel and tax rate .*"Burger" has no taxRate'
    ):
        mapped(known=Known(), api_version="1.0.1")
