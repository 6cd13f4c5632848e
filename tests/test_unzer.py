"""Unzer beyond its fixtures: the states, what is fetched, and that no address is followed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.api import Credentials
from adapters.contract import Delivery, Event, Fetch, Identity, Ignored, PaymentUpdate, Unreadable
from adapters.unzer import ADAPTER

ARRIVED = datetime(2026, 7, 4, 16, 10, 9, tzinfo=UTC)
ADDRESS = "https://api.unzer.com/v1/payments/p-pay-4711"
NOTICE = {"event": "payment.completed", "retrieveUrl": ADDRESS, "paymentId": "p-pay-4711"}
AUTHORIZED, CHARGED, FAILED, BACK = (
    {"date": f"2026-07-04 16:10:0{second}", "type": kind, "status": status}
    for second, kind, status in (
        (1, "authorize", "success"),
        (3, "charge", "success"),
        (4, "charge", "error"),
        (5, "chargeback", "success"),
    )
)


def sent(body: object) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/unzer/token",
        path="token",
        headers={},
        body=json.dumps(body).encode(),
        received_at=ARRIVED,
    )


def said(state: object, *steps: object, event: str = "payment.completed", **more: Any) -> Event:
    payment = {
        "state": {"id": state},
        "amount": {"total": "31.9000", "charged": "0.0000"},
        "currency": "EUR",
        "orderId": "4711-2026",
        "transactions": steps,
        **more,
    }
    fetched = {"payment": json.dumps(payment).encode()}
    (one,) = ADAPTER.parse(sent({**NOTICE, "event": event}), fetched)
    return one


def updated(state: object, *steps: object, **more: Any) -> PaymentUpdate:
    one = said(state, *steps, **more)
    assert isinstance(one, PaymentUpdate)
    return one


@pytest.mark.parametrize(
    ("state", "steps", "status", "reversal"),
    [
        (0, [], "appointed", False),
        (0, [AUTHORIZED], "appointed", False),
        (0, [AUTHORIZED, FAILED], "error", False),
        (0, [FAILED, CHARGED], "error", False),  # by date, not by place
        (1, [CHARGED], "paid", False),
        (1, [CHARGED, FAILED], "paid", False),
        (1, [CHARGED, BACK], "paid", True),
        (2, [], "canceled", False),
        (2, [AUTHORIZED, FAILED], "canceled", False),
        (2, [AUTHORIZED, CHARGED], "canceled", True),
        (4, [CHARGED], "appointed", False),
        (5, [CHARGED, BACK], "canceled", True),
        (6, [], "call_for_payment", False),
        ("1", [CHARGED], "paid", False),
    ],
)
def test_states(state: object, steps: list[object], status: str, reversal: bool) -> None:
    told = updated(state, *steps)
    assert (told.status, told.reversal) == (status, reversal)
    assert (told.reference, told.payment_ids) == ("4711-2026", ("p-pay-4711",))
    assert told.amount == (3190 if status == "paid" else None)


@pytest.mark.parametrize("state", [3, 7, "10", "", None])
def test_other_states_are_looked_at(state: object) -> None:
    one = said(state, CHARGED)
    assert isinstance(one, Ignored)
    assert one.alert


@pytest.mark.parametrize("event", ["charge.failed", "chargeback", "payment", "authorize.whatever"])
def test_the_event_s_name_decides_nothing(event: str) -> None:
    assert updated(1, CHARGED, event=event) == updated(1, CHARGED)


def test_the_last_transaction_says_when() -> None:
    assert updated(1, CHARGED, AUTHORIZED).at == datetime(2026, 7, 4, 16, 10, 3, tzinfo=UTC)
    assert updated(0, FAILED, {**CHARGED, "date": FAILED["date"]}).status == "appointed"
    assert updated(6).at == updated(1, {"type": "charge", "status": "success"}).at == ARRIVED


def test_a_chargeback_undone_is_newer_than_the_chargeback() -> None:
    assert updated(5, CHARGED, BACK).at < updated(1, CHARGED, BACK).at == ARRIVED


@pytest.mark.parametrize(
    ("total", "cents"), [("31.9000", 3190), ("0.0700", 7), ("1234567.8900", 123456789)]
)
def test_amounts_have_four_places(total: str, cents: int) -> None:
    assert updated(1, CHARGED, amount={"total": total}).amount == cents


@pytest.mark.parametrize("reference", [None, "", " ", "x" * 201, "two\nlines"])
def test_a_useless_reference_is_none(reference: str | None) -> None:
    assert updated(1, CHARGED, orderId=reference).reference is None


@pytest.mark.parametrize("amount", [None, {}, {"total": ""}])
def test_paid_without_an_amount_is_unreadable(amount: object) -> None:
    with pytest.raises(Unreadable, match=r"amount\.total"):
        said(1, CHARGED, amount=amount)


# What is fetched


@pytest.mark.parametrize(
    ("notice", "path"),
    [
        ({"paymentId": "s-pay-774"}, "/v1/payments/s-pay-774"),
        ({"retrieveUrl": ADDRESS}, "/v1/payments/p-pay-4711"),
        ({"retrieveUrl": f"{ADDRESS}/charges/p-chg-1"}, "/v1/payments/p-pay-4711"),
        ({"retrieveUrl": "http://elsewhere.example/payments/p-pay-1"}, "/v1/payments/p-pay-1"),
        ({"paymentId": "s-pay-1", "retrieveUrl": ADDRESS}, "/v1/payments/s-pay-1"),
        ({"paymentId": "../keypair", "retrieveUrl": ADDRESS}, "/v1/payments/p-pay-4711"),
    ],
)
def test_the_payment_is_fetched_from_unzer_alone(notice: dict[str, str], path: str) -> None:
    asked = ADAPTER.parse(sent({"event": "charge.pending", **notice}), {})
    assert asked == (Fetch("payment", path, may_be_unknown=True),)


@pytest.mark.parametrize(
    "named",
    [None, "", "4711-2026", "p-pay-", "p-pay-1/x", "p-pay-1?a=b", "../p-pay-1", "p-pay-1\n/x"],
)
def test_no_path_is_made_of_what_is_no_id(named: object) -> None:
    with pytest.raises(Unreadable, match="paymentId"):
        ADAPTER.parse(sent({"event": "charge.pending", "paymentId": named}), {})


@pytest.mark.parametrize("event", ["payout.failed", "types", "customer.deleted", "shipment", "new"])
def test_other_events_fetch_nothing(event: str) -> None:
    (one,) = ADAPTER.parse(sent({**NOTICE, "event": event}), {})
    assert isinstance(one, Ignored)
    assert not one.alert


def test_an_event_without_a_name_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="event"):
        ADAPTER.parse(sent({"paymentId": "p-pay-1"}), {})


def test_the_private_key_is_the_user_of_basic_authentication() -> None:
    assert ADAPTER.api
    headers = ADAPTER.api.headers(Credentials(api_key="p-priv-key"), ARRIVED)
    scheme, _, text = headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(text)) == ("Basic", b"p-priv-key:")
    assert ADAPTER.api.headers(Credentials(client_id="p-pub-key"), ARRIVED) == {}


def test_every_arrival_of_the_same_notice_counts() -> None:
    first, again = sent(NOTICE), replace(sent(NOTICE), received_at=ARRIVED + timedelta(seconds=1))
    said = {ADAPTER.identify(delivery) for delivery in (first, again)}
    assert len({identity.delivery_id for identity in said}) == 2
    assert {identity.order_id for identity in said} == {"p-pay-4711"}


@pytest.mark.parametrize("named", [None, 4711, "../p-pay-1", "p-pay-" + "1" * 300])
def test_only_an_id_makes_a_queue(named: object) -> None:
    identity = ADAPTER.identify(sent({**NOTICE, "paymentId": named}))
    assert identity == Identity(f"payment {ARRIVED.isoformat()}")
