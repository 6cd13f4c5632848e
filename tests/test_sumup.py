"""What only SumUp has: triggers that name a checkout or a reader's transaction, and its amounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.contract import Delivery, Event, Fetch, Identity, Ignored, PaymentUpdate, Unreadable
from adapters.sumup import ADAPTER, CHECKOUT, READER, TRANSACTION
from receiver.payments import Standing, standing_after
from tests.goldens import of, parse_to_end

ARRIVED = datetime(2026, 3, 13, 18, 2, 31, tzinfo=UTC)
CHANGED = {"event_type": "CHECKOUT_STATUS_CHANGED", "id": "7c1f0a52-4b6d"}
READ = {
    "id": "9a9a9a9a-1111",
    "event_type": READER,
    "payload": {"client_transaction_id": "4f1e9b7c", "merchant_code": "MMUSTER47"},
}


def delivery(body: object) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/sumup",
        path="",
        headers={},
        body=json.dumps(body).encode(),
        received_at=ARRIVED,
    )


def said(event: Mapping[str, object], name: str, fetched: str) -> Event:
    (one,) = ADAPTER.parse(delivery(event), {name: fetched.encode()})
    return one


def of_checkout(**fields: object) -> PaymentUpdate:
    checkout = {"id": "7c1f0a52-4b6d", "status": "PAID", "checkout_reference": "4711", **fields}
    one = said(CHANGED, "checkout", json.dumps(checkout))
    assert isinstance(one, PaymentUpdate)
    return one


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("10.1", 1010),
        ("0.29", 29),
        ("1.15", 115),
        ("33", 3300),
        ("1e1", 1000),
        ("19.995", 2000),
        ("4097199254.41", 409719925441),
        ("null", None),
    ],
)
def test_amounts_are_read_as_they_are_written(written: str, cents: int | None) -> None:
    """A float of them would be off: 1.15 * 100 is 114.99..."""
    body = '{"id": "7c1f", "status": "PAID", "currency": "EUR", "amount": '
    one = said(CHANGED, "checkout", f"{body}{written}}}")
    assert isinstance(one, PaymentUpdate)
    assert one.amount == cents


@pytest.mark.parametrize(("tip", "cents"), [(None, 3440), (0, 3440), (3, 3140), (3.05, 3135)])
def test_a_tip_at_the_reader_pays_nothing_of_the_order(tip: float | None, cents: int) -> None:
    body = {"id": "0d9a", "status": "SUCCESSFUL", "amount": 34.4, "tip_amount": tip}
    one = said(READ, "transaction", json.dumps(body))
    assert isinstance(one, PaymentUpdate)
    assert one.amount == cents


def at(minute: int, status: str) -> dict[str, object]:
    return {"id": f"tx{minute}", "status": status, "timestamp": f"2026-03-13T18:{minute:02}:00Z"}


def clock(minute: int) -> datetime:
    return datetime(2026, 3, 13, 18, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"transactions": [at(1, "FAILED"), at(2, "SUCCESSFUL")]}, clock(2)),
        ({"transactions": [at(2, "SUCCESSFUL"), at(3, "FAILED")]}, clock(2)),
        ({"transactions": [at(2, "PENDING")]}, ARRIVED),
        ({"transactions": []}, ARRIVED),
        ({"transactions": None}, ARRIVED),
        ({"transactions": [{"status": "SUCCESSFUL"}]}, ARRIVED),
        ({"status": "FAILED", "transactions": [at(1, "FAILED"), at(3, "FAILED")]}, clock(3)),
        ({"status": "FAILED", "transactions": []}, ARRIVED),
        ({"status": "EXPIRED", "valid_until": "2026-03-13T18:30:00Z"}, clock(30)),
        ({"status": "EXPIRED", "transactions": [at(1, "FAILED")]}, ARRIVED),
        ({"status": "PENDING", "valid_until": "2026-03-13T18:30:00Z"}, ARRIVED),
        ({"status": "PENDING", "transactions": [{"timestamp": "2026-03-13T18:30:00Z"}]}, ARRIVED),
    ],
)
def test_when_a_checkout_came_to_stand_so(fields: dict[str, object], when: datetime) -> None:
    assert of_checkout(date="2026-03-13T18:00:00Z", **fields).at == when


@pytest.mark.parametrize(("status", "told"), CHECKOUT.items())
def test_checkouts(status: str, told: str) -> None:
    assert of_checkout(status=status).status == told


@pytest.mark.parametrize(("status", "told"), TRANSACTION.items())
def test_transactions(status: str, told: str) -> None:
    one = said(READ, "transaction", json.dumps({"status": status}))
    assert isinstance(one, PaymentUpdate)
    assert one.status == told
    assert one.payment_ids == ("4f1e9b7c",)


@pytest.mark.parametrize("status", ["REFUNDED", "paid", "", None])
def test_a_status_that_says_too_little_is_looked_at(status: str | None) -> None:
    body = json.dumps({"id": "7c1f", "status": status})
    for one in (said(CHANGED, "checkout", body), said(READ, "transaction", body)):
        assert isinstance(one, Ignored)
        assert one.alert


@pytest.mark.parametrize(
    "checkout_id", ["", " ", "a/b", "../me", "a?b=c", "ä", "a" * 65, None, 1.5]
)
def test_an_id_that_is_none_is_unreadable(checkout_id: object) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(delivery({**CHANGED, "id": checkout_id}), {})


@pytest.mark.parametrize("merchant", ["", "M/../me", "M?", None, 1.5])
def test_a_merchant_that_is_none_is_unreadable(merchant: object) -> None:
    named = {"client_transaction_id": "4f1e9b7c", "merchant_code": merchant}
    with pytest.raises(Unreadable):
        ADAPTER.parse(delivery({**READ, "payload": named}), {})


@given(st.text(min_size=1, max_size=50))
@example("../me?a=b&c=d#e f")
def test_a_transaction_s_id_stays_a_parameter(text: str) -> None:
    named = {"client_transaction_id": text, "merchant_code": "MMUSTER47"}
    try:
        (fetch,) = ADAPTER.parse(delivery({**READ, "payload": named}), {})
    except Unreadable:
        return
    assert isinstance(fetch, Fetch)
    path, _, query = fetch.path.partition("?")
    assert path == "/v2.1/merchants/MMUSTER47/transactions"
    assert not set(query.removeprefix("client_transaction_id=")) & set("&=#?/ ")


def test_each_arrival_of_a_trigger_is_a_delivery_of_its_own() -> None:
    first = delivery(CHANGED)
    second = replace(first, received_at=ARRIVED + timedelta(seconds=60))
    assert ADAPTER.identify(first) != ADAPTER.identify(second)
    assert {ADAPTER.identify(one).order_id for one in (first, second)} == {"7c1f0a52-4b6d"}


def test_what_has_an_id_of_its_own_is_the_same_whenever_it_arrives() -> None:
    later = replace(delivery(READ), received_at=ARRIVED + timedelta(seconds=60))
    assert ADAPTER.identify(later) == ADAPTER.identify(delivery(READ))
    assert ADAPTER.identify(later) == Identity("9a9a9a9a-1111", "4f1e9b7c")


def test_unknown_events_are_ignored_in_silence() -> None:
    for kind in ("CHECKOUT_REFUNDED", "checkout.paid"):
        for key in ("event_type", "type"):
            assert ADAPTER.parse(delivery({key: kind, "id": 7}), {}) == (Ignored(kind),)


@pytest.mark.parametrize(("status", "alert"), [("successful", True), ("failed", False)])
def test_only_a_success_that_nobody_knows_is_looked_at(status: str, alert: bool) -> None:
    """A checkout broken off at the reader ends as failed, and leaves no transaction."""
    event = {**READ, "payload": {**READ["payload"], "status": status}}  # type: ignore[dict-item]
    one = said(event, "transaction", "")
    assert isinstance(one, Ignored)
    assert one.alert is alert


def updates(*names: str) -> Sequence[PaymentUpdate]:
    fixtures = {fixture.folder.name: fixture for fixture in of(ADAPTER)}
    told = [parse_to_end(fixtures[name], fixtures[name].unsigned())[1][0] for name in names]
    return [one for one in told if isinstance(one, PaymentUpdate)]


@pytest.mark.parametrize(
    ("names", "stands"),
    [
        (["pending", "failed"], "error"),
        (["pending", "failed", "failed_twice", "paid_at_second_attempt"], "paid"),
        (["failed", "expired"], "canceled"),
        (["paid_at_second_attempt", "expired"], "paid"),
    ],
)
def test_an_order_ends_the_same_in_whatever_order_it_is_told(names: list[str], stands: str) -> None:
    for told in permutations(updates(*(f"checkout_status_changed__{name}" for name in names))):
        last: Standing | None = None
        for one in told:
            last = standing_after(last, one)
        assert len(told) == len(names)
        assert last
        assert last.status == stands
