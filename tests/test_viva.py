"""Viva beyond its fixtures: the handshake, the tables, and that nothing but the fetched decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Ack, Delivery, Event, Fetch, Ignored, PaymentUpdate, Unreadable
from adapters.viva import ADAPTER
from tests.receiving import receiving

ID = "5d1a7e30-7777-4c1e-9000-000000004711"
KEY, OTHER = "A51D0C9E47B28F3366E0917CD2B84F10AA7355E1", "0" * 40
BODY: dict[str, Any] = {
    "EventTypeId": 1796,
    "Created": "2026-07-04T14:40:12.4752623Z",
    "EventData": {"TransactionId": ID, "OrderCode": 2271655739470001},
}
FETCHED: dict[str, Any] = {
    "amount": 31.9,
    "orderCode": 2271655739470001,
    "statusId": "F",
    "currencyCode": "978",
    "merchantTrns": "4711-2026",
    "transactionTypeId": 5,
}


def sent(body: object, path: str = "", method: str = "POST") -> Delivery:
    return Delivery(
        method=method,
        url=f"https://receiver.example/webhooks/viva/{path}",
        path=path,
        headers={},
        body=json.dumps(body).encode(),
        received_at=datetime(2026, 7, 4, 14, 40, 13, tzinfo=UTC),
    )


def events(kind: int = 1796, **fetched: Any) -> Sequence[Event]:
    transaction = json.dumps(FETCHED | fetched).encode()
    return ADAPTER.parse(sent(BODY | {"EventTypeId": kind}), {"transaction": transaction})


def updated(kind: int = 1796, **fetched: Any) -> PaymentUpdate:
    update = events(kind, **fetched)[0]
    assert isinstance(update, PaymentUpdate)
    return update


# The handshake


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", KEY, KEY),
        ("GET", f"berlin/{KEY}", KEY),
        ("GET", OTHER, OTHER),
        ("GET", "", None),
        ("GET", KEY[:-1], None),
        ("GET", f"{KEY}/", None),
        ("POST", KEY, None),
    ],
)
def test_only_who_knows_the_key_is_told_it(method: str, path: str, key: str | None) -> None:
    assert ADAPTER.handshake
    answer = ADAPTER.handshake(sent({}, path, method), [KEY, OTHER])
    body = json.dumps({"Key": key}).encode()
    assert answer == (Ack(200, body, "application/json") if key else None)


def test_an_empty_secret_is_no_key() -> None:
    assert ADAPTER.handshake
    assert ADAPTER.handshake(sent({}, "", "GET"), [""]) is None


@pytest.mark.anyio
async def test_the_address_as_it_is_saved_and_called(tmp_path: Path) -> None:
    async with receiving(tmp_path, adapter=ADAPTER) as run:
        (key,) = run.settings.connections["plain"].secrets
        saved = await run.client.get(f"/webhooks/plain/{key}")
        assert (saved.status_code, saved.json()) == (200, {"Key": key})
        assert saved.headers["content-type"] == "application/json"
        assert (await run.client.get("/webhooks/plain/another")).status_code == 405
        assert await run.kept() == []
        for _ in range(2):
            assert (await run.client.post(f"/webhooks/plain/{key}", json=BODY)).status_code == 200
        assert (await run.client.post("/webhooks/plain", json=BODY)).status_code == 401
        (kept,) = await run.kept()
        assert kept["queue"] == "plain:2271655739470001"


# What decides


PAYMENT = [
    ("F", "paid", False, False),
    ("A", "appointed", False, False),
    ("E", "error", False, False),
    ("R", "paid", False, False),
    ("X", "canceled", True, False),
    ("M", "paid", False, True),
    ("MA", "paid", False, True),
    ("MI", "paid", False, True),
    ("MS", "paid", False, True),
    ("ML", "canceled", True, False),
    ("MW", "paid", True, False),
    ("Z", "appointed", False, True),
    (None, "appointed", False, True),
]
HOLD = [
    ("F", "appointed", False, False),
    ("A", "appointed", False, False),
    ("E", "error", False, False),
    ("X", "canceled", False, False),
    ("MW", "appointed", False, True),
]
ROWS = [
    *((kind, *row) for kind in (0, 5, 6, 9, 15, 16, 99, None) for row in PAYMENT),
    *((1, *row) for row in HOLD),
    *((kind, "F", "canceled", True, False) for kind in (4, 7, 11, 13, 18)),
]


@pytest.mark.parametrize(("kind", "letter", "status", "reversal", "alert"), ROWS)
def test_the_table(
    kind: int | None, letter: str | None, status: str, reversal: bool, alert: bool
) -> None:
    update, *notes = events(statusId=letter, transactionTypeId=kind)
    assert isinstance(update, PaymentUpdate)
    assert (update.status, update.reversal) == (status, reversal)
    assert [isinstance(note, Ignored) and note.alert for note in notes] == [True] * alert


@pytest.mark.parametrize("letter", ["A", "E", "R", "X", None])
def test_a_reversal_that_is_not_complete_is_looked_at(letter: str | None) -> None:
    (note,) = events(1797, statusId=letter, transactionTypeId=4)
    assert isinstance(note, Ignored)
    assert note.alert


def test_below_zero_it_is_a_reversal_whatever_its_type() -> None:
    update = updated(amount=-8.9, transactionTypeId=5)
    assert (update.status, update.reversal, update.amount) == ("canceled", True, 890)


@pytest.mark.parametrize("kind", [1796, 1797, 1798])
def test_the_event_s_type_decides_nothing(kind: int) -> None:
    assert updated(kind) == updated()
    assert updated(kind, transactionTypeId=4) == updated(transactionTypeId=4)


def test_nothing_else_of_the_body_is_believed() -> None:
    data = {"Amount": 9999, "StatusId": "E", "MerchantTrns": "1", "OrderCode": 1, "ParentId": "p"}
    body = BODY | {"EventData": {**BODY["EventData"], **data}}
    said = ADAPTER.parse(sent(body), {"transaction": json.dumps(FETCHED).encode()})
    assert said == events()


def test_a_reversal_is_found_by_the_order_code_of_its_payment() -> None:
    paid, back = updated(), updated(1797, amount=-31.9, merchantTrns=None)
    assert (paid.reference, back.reference) == ("4711-2026", None)
    assert "2271655739470001" in set(paid.payment_ids) & set(back.payment_ids)


@given(st.integers(-(10**9), 10**9))
def test_amounts_are_exact(cents: int) -> None:
    sign, (whole, rest) = "-" * (cents < 0), divmod(abs(cents), 100)
    transaction = json.dumps(FETCHED).replace("31.9", f"{sign}{whole}.{rest:02d}").encode()
    (update,) = ADAPTER.parse(sent(BODY), {"transaction": transaction})
    assert isinstance(update, PaymentUpdate)
    assert update.amount == abs(cents)


@pytest.mark.parametrize(
    ("code", "currency"),
    [("978", "EUR"), (978, "EUR"), (826, "GBP"), ("949", "949"), ("EUR", "EUR"), (None, None)],
)
def test_currencies(code: object, currency: str | None) -> None:
    assert updated(currencyCode=code).currency == currency


@pytest.mark.parametrize("reference", [None, "", " ", "x" * 201, "two\nlines"])
def test_a_useless_reference_is_none(reference: str | None) -> None:
    assert updated(merchantTrns=reference).reference is None


# What is fetched


def test_the_transaction_is_fetched_and_may_be_unknown() -> None:
    path = f"/checkout/v2/transactions/{ID}"
    assert ADAPTER.parse(sent(BODY), {}) == (Fetch("transaction", path, may_be_unknown=True),)


@pytest.mark.parametrize(
    "named", [None, "", "4711", f"../{ID}", f"{ID}/x", f"{ID}?a=b", f"{ID}\nx", ID.replace("-", "")]
)
def test_no_path_is_made_of_what_is_no_id(named: object) -> None:
    with pytest.raises(Unreadable, match="TransactionId"):
        ADAPTER.parse(sent(BODY | {"EventData": {"TransactionId": named}}), {})


@pytest.mark.parametrize("kind", [0, 2054, 4865, "1796 "])
def test_other_events_fetch_nothing(kind: object) -> None:
    said = ADAPTER.parse(sent(BODY | {"EventTypeId": kind}), {})
    assert any(isinstance(one, Fetch) for one in said) == (kind == "1796 ")


@pytest.mark.parametrize(
    ("body", "fetched", "why"),
    [
        (BODY | {"EventTypeId": None}, FETCHED, "EventTypeId"),
        (BODY | {"Created": None}, FETCHED, "Created"),
        (BODY | {"Created": "9999-12-31T23:59:59-23:59"}, FETCHED, "Created"),
        (BODY, FETCHED | {"amount": None}, "amount"),
        (BODY, FETCHED | {"amount": "a lot"}, "amount"),
    ],
)
def test_what_may_not_be_missing(body: object, fetched: object, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        ADAPTER.parse(sent(body), {"transaction": json.dumps(fetched).encode()})


def test_a_repeat_is_one_delivery_and_each_event_another() -> None:
    first, again, other = (
        ADAPTER.identify(sent(BODY | {"EventTypeId": kind})) for kind in (1796, 1796, 1797)
    )
    assert first == again
    assert first.delivery_id != other.delivery_id
    assert first.order_id == other.order_id == "2271655739470001"
