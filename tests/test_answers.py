"""What platforms are told of an order: when, why, and what of it is documented at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_args

import pytest

from adapters import ADAPTERS
from adapters.contract import Call, Order, Outcome, Reason, Told
from tests.goldens import Fixture, of, parse_to_end

LATER = timedelta(hours=3)


def demo(slug: str) -> Fixture:
    (found,) = (one for one in of(ADAPTERS[slug]) if one.variant == "demo")
    return found


def fixture(slug: str, name: str) -> Fixture:
    (found,) = (one for one in of(ADAPTERS[slug]) if one.folder.name == name)
    return found


def said(shown: Fixture, outcome: Outcome, reason: Reason = "technical", **by: float) -> list[Call]:
    """What would be said so long after the order came."""
    delivery = shown.signed()
    _, events = parse_to_end(shown, delivery)
    (order,) = (event for event in events if isinstance(event, Order))
    at = delivery.received_at + timedelta(**by)
    return list(shown.adapter.answer(delivery, order, Told(outcome, at, reason)))


def body(shown: Fixture, outcome: Outcome, reason: Reason = "technical", **by: float) -> Any:
    (call,) = said(shown, outcome, reason, **by)
    return call.json


REFUSALS: Mapping[str, tuple[str, tuple[str, str, str]]] = {
    # field, and what stands there: item unavailable, closed, technical
    "deliverect": (
        "reason",
        ("Item out of stock", "Closed", "The till did not take the order."),
    ),
    "deliveroo": ("reason", ("items_out_of_stock", "location_offline", "other")),
    "delivery_hero": ("reason", ("ITEM_UNAVAILABLE", "CLOSED", "TECHNICAL_PROBLEM")),
    "doordash": (
        "failure_reason",
        (
            "Item Unavailable - Out of stock",
            "Store Unavailable - Store Closed",
            "Store Unavailable - Connectivity Issue",
        ),
    ),
    "lieferando": ("errorCode", ("MENU_ERROR", "STORE_CLOSED", "UNKNOWN")),
    "wolt": ("code", ("ITEMS_UNAVAILABLE", "VENUE_CLOSING_SOON", "GENERIC")),
}


@pytest.mark.parametrize("slug", REFUSALS)
def test_each_platform_has_words_of_its_own_for_why(slug: str) -> None:
    field, words = REFUSALS[slug]
    reasons = get_args(Reason)
    assert tuple(body(demo(slug), "refused", reason)[field] for reason in reasons) == words


@pytest.mark.parametrize(
    ("reason", "suite", "legacy"),
    [
        ("item_unavailable", "ITEM_ISSUE", "ITEM_AVAILABILITY"),
        ("closed", "STORE_CLOSED", "STORE_CLOSED"),
        ("technical", "OTHER", "OTHER"),
    ],
)
def test_uber_has_two_sets_of_them(reason: Reason, suite: str, legacy: str) -> None:
    old = fixture("uber_eats", "orders.notification__legacy")
    assert body(demo("uber_eats"), "refused", reason)["deny_reason"]["type"] == suite
    assert body(old, "refused", reason)["reason"]["code"] == legacy


def test_times_within_an_answer_are_of_the_moment_it_is_given() -> None:
    hero = demo("delivery_hero")
    first = body(hero, "created")["acceptanceTime"]
    assert body(hero, "created", hours=3)["acceptanceTime"] > first
    now, then = (body(demo("lieferando"), "refused", hours=h)["happenedAt"] for h in (0, 3))
    assert then > now
    now, then = (body(demo("deliverect"), "ready", hours=h)["timeStamp"] for h in (0, 3))
    assert then > now


def test_no_time_is_confirmed_that_is_over() -> None:
    shown = demo("hubrise")
    assert "confirmed_time" in body(shown, "created")
    assert "confirmed_time" not in body(shown, "created", days=30)


CANCELS = {"deliverect", "doordash", "hubrise", "uber_eats"}  # those whose documents say how


@pytest.mark.parametrize("slug", [slug for slug in ADAPTERS if ADAPTERS[slug].kind == "orders"])
def test_who_takes_a_cancellation(slug: str) -> None:
    assert bool(said(demo(slug), "withdrawn")) == (slug in CANCELS)
    assert bool(said(demo(slug), "canceled")) == (slug == "deliverect")


def test_how_it_is_cancelled() -> None:
    assert body(demo("deliverect"), "withdrawn", "closed")["status"] == 110
    assert body(demo("hubrise"), "withdrawn") == {"status": "cancelled"}
    assert body(demo("uber_eats"), "withdrawn")["cancellation_reason"]["type"] == "OTHER"
    old = fixture("uber_eats", "orders.notification__legacy")
    assert body(old, "withdrawn")["reason"] == "OTHER"
    (call,) = said(demo("doordash"), "withdrawn", "item_unavailable")
    assert call.path.endswith("/cancellation")
    assert call.json == {"cancel_reason": "ITEM_OUT_OF_STOCK"}


def test_what_was_accepted_meanwhile_is_not_taken_for_refused() -> None:
    for slug in ("uber_eats", "wolt", "delivery_hero"):
        assert all(not call.done for call in said(demo(slug), "refused"))


def test_an_answer_that_comes_too_soon_is_known_by_its_words() -> None:
    (call,) = said(demo("delivery_hero"), "created")
    assert call.later
    assert call.later.statuses == {409}
    assert call.later.words == {"ASSIGNED_TO_TRANSPORT", "WAITING_FOR_ACKNOWLEDGEMENT"}
    assert (call.later.every, call.later.patience) == (timedelta(seconds=10), timedelta(minutes=5))


def test_an_order_may_state_its_own_deadline() -> None:
    delivery = demo("delivery_hero").signed()
    (order,) = ADAPTERS["delivery_hero"].parse(delivery, {})
    assert isinstance(order, Order)
    assert order.deadline
    assert order.deadline > delivery.received_at
