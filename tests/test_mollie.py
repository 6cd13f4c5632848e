"""What only Mollie has: two generations at one address, and payments read by their amounts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Delivery, Event, Fetch, Ignored, PaymentUpdate, Rejected, Unreadable
from adapters.mollie import ADAPTER, EVENTS, PATHS, VERDICTS, Payment
from receiver.payments import Standing, standing_after
from tests.goldens import OTHER_SECRET, SECRET, Fixture, of, parse_to_end

FIXTURES = {fixture.folder.name: fixture for fixture in of(ADAPTER)}
ARRIVED = datetime(2026, 3, 13, 18, 2, 43, tzinfo=UTC)
PAID = {
    "id": "tr_Paid",
    "status": "paid",
    "amount": {"value": "31.40", "currency": "EUR"},
    "createdAt": "2026-03-13T18:01:20+00:00",
    "paidAt": "2026-03-13T18:02:41+00:00",
}


def delivery(body: bytes, **headers: str) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/mollie",
        path="",
        headers=headers,
        body=body,
        received_at=ARRIVED,
    )


def event(**changed: object) -> Delivery:
    body = {"resource": "event", "id": "event_1", "type": "payment.paid", "entityId": "tr_Paid"}
    return delivery(json.dumps({**body, **changed}).encode())


def told(fixture: Fixture) -> Sequence[Event]:
    return parse_to_end(fixture, fixture.unsigned())[1]


def update(name: str) -> PaymentUpdate:
    said = told(FIXTURES[name])[0]
    assert isinstance(said, PaymentUpdate)
    return said


def read(payment: object) -> Sequence[Event]:
    """What a trigger says, once the payment is there."""
    return ADAPTER.parse(delivery(b"id=tr_Paid"), {"payment": json.dumps(payment).encode()})


def money(value: str) -> dict[str, str]:
    return {"value": value, "currency": "EUR"}


def back(value: str, status: str | None = None, reversed_at: str | None = None) -> object:
    created = "2026-03-14T09:30:00+00:00"
    return {
        "amount": money(value),
        "status": status,
        "createdAt": created,
        "reversedAt": reversed_at,
    }


def test_every_verdict_is_shown_by_a_fixture() -> None:
    fetched = [Payment.model_validate_json(one) for one in bodies() if one]
    assert {payment.standing for payment in fetched} - {"shipping"} == set(VERDICTS)


def bodies() -> list[bytes]:
    return [body for fixture in FIXTURES.values() for body in fixture.fetched().values()]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ("paid", 3140, False)),
        ({"amountCaptured": money("31.40")}, ("paid", 3140, False)),
        ({"amountRefunded": money("31.39")}, ("paid", 3140, False)),
        ({"amountRefunded": money("31.40")}, ("canceled", 3140, True)),
        ({"amountRefunded": money("56.40")}, ("canceled", 5640, True)),  # more than was paid
        (
            {"amountRefunded": money("5.00"), "amountChargedBack": money("26.40")},
            ("canceled", 3140, True),
        ),
        ({"amountChargedBack": money("31.40")}, ("canceled", 3140, True)),
        (
            {"amountCaptured": money("20.00"), "amountRefunded": money("20.00")},
            ("canceled", 2000, True),
        ),
    ],
)
def test_a_paid_payment_by_its_amounts(
    changed: dict[str, object], said: tuple[str, int, bool]
) -> None:
    (one,) = read({**PAID, **changed})
    assert isinstance(one, PaymentUpdate)
    assert (one.status, one.amount, one.reversal) == said


@pytest.mark.parametrize(
    ("refunds", "chargebacks", "standing"),
    [
        ([], [back("31.40")], "paid: given back"),
        ([], [back("31.40", reversed_at="2026-04-02T06:00:00Z")], "paid: reinstated"),
        ([], [back("3.00", reversed_at="2026-04-02T06:00:00Z")], "paid: reinstated"),
        ([], [back("3.00")], "paid: charged back in part"),
        (
            [],
            [back("3.00"), back("31.40", reversed_at="2026-04-02T06:00:00Z")],
            "paid: charged back in part",
        ),
        ([back("31.40", "failed")], [], "paid: refund failed"),
        ([back("31.40", "canceled")], [], "paid"),
        ([back("3.00", "failed")], [back("31.40")], "paid: given back"),
    ],
)
def test_a_paid_payment_by_what_is_embedded(
    refunds: list[object], chargebacks: list[object], standing: str
) -> None:
    """What Mollie sums up counts chargebacks that were reversed: whether it does is not said."""
    payment = {
        **PAID,
        "amountChargedBack": money("31.40"),
        "_embedded": {"refunds": refunds, "chargebacks": chargebacks},
    }
    if not chargebacks:
        del payment["amountChargedBack"]
    assert Payment.model_validate(payment).standing == standing


def test_less_captured_than_authorised_is_looked_at_and_told_of_no_order() -> None:
    (said,) = read({**PAID, "amountCaptured": money("31.39")})
    assert isinstance(said, Ignored)
    assert said.alert


@pytest.mark.parametrize("amount", ["31,40", 31.4, True, {"value": "1"}, "1e400"])
def test_an_amount_that_is_none_is_unreadable(amount: object) -> None:
    with pytest.raises(Unreadable, match="amount"):
        read({**PAID, "amount": {"value": amount, "currency": "EUR"}})


@pytest.mark.parametrize(
    ("metadata", "reference"),
    [
        ({"order_id": "4711"}, "4711"),
        ({"order_id": 4711}, "4711"),
        ({"order_id": " 4711 "}, "4711"),
        ('{"order_id": "4711"}', "4711"),
        ('{"order_id": 4711}', "4711"),
        ("4711", None),
        ('"4711"', None),
        ("order_id=4711", None),
        ("ü", None),
        ({"order": "4711"}, None),
        ({"order_id": ""}, None),
        ({"order_id": "  "}, None),
        ({"order_id": True}, None),
        ({"order_id": {"id": "4711"}}, None),
        (["order_id"], None),
        (4711, None),
        (None, None),
    ],
)
def test_the_order_is_named_by_metadata_alone(metadata: object, reference: str | None) -> None:
    (said,) = read({**PAID, "metadata": metadata, "description": "Bestellung 4712"})
    assert isinstance(said, PaymentUpdate)
    assert said.reference == reference
    snapshot = event(_embedded={"entity": {**PAID, "metadata": metadata}})
    assert ADAPTER.identify(snapshot).order_id == (reference or "tr_Paid")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"id=tr_7Xk", "/v2/payments/tr_7Xk?embed=refunds,chargebacks"),
        (b"id=tr_7Xk\r\n", "/v2/payments/tr_7Xk?embed=refunds,chargebacks"),
        (b"testByMollie=1&id=tr_7Xk&a=b", "/v2/payments/tr_7Xk?embed=refunds,chargebacks"),
        (b"id=pl_7Xk", "/v2/payment-links/pl_7Xk"),
    ],
)
def test_a_trigger_has_its_payment_fetched(body: bytes, path: str) -> None:
    assert ADAPTER.parse(delivery(body), {}) == (Fetch("payment", path, may_be_unknown=True),)


@pytest.mark.parametrize("body", [b"id=ord_7Xk", b"id=re_7Xk", b"id=sub_7Xk", b"id=cst_7Xk"])
def test_a_trigger_of_something_else_is_looked_at(body: bytes) -> None:
    (said,) = ADAPTER.parse(delivery(body), {})
    assert isinstance(said, Ignored)
    assert said.alert


@pytest.mark.parametrize(
    "body",
    [
        b"id=",
        b"id=tr_",
        b"payment=tr_7Xk",
        b"xid=tr_7Xk",
        b"id=tr_7Xk/refunds",
        b"id=tr_7Xk%2Frefunds",
        b"id=../tr_7Xk",
        b"id=tr_7Xk?testmode=true",
        b"id=tr_" + b"7" * 61,
        b'["id=tr_7Xk"]',
    ],
)
def test_a_trigger_of_nothing_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(delivery(body), {})


@given(st.text() | st.from_regex(r".*(tr|pl)_.*", fullmatch=True))
def test_no_event_leads_elsewhere(entity_id: str) -> None:
    for said in ADAPTER.parse(event(entityId=entity_id), {}):
        if isinstance(said, Fetch):
            name = said.path.removeprefix("/v2/").partition("?")[0].partition("/")[2]
            assert said.path == PATHS[name[:2]].format(name)
            assert name[3:].isascii()
            assert name[3:].isalnum()


@pytest.mark.parametrize(
    "named",
    [
        {"_embedded": {"entity": {"id": "re_1", "paymentId": "tr_7Xk"}}, "entityId": "re_1"},
        {"entityId": "re_1", "_links": {"entity": {"href": "/v2/payments/tr_7Xk/refunds/re_1"}}},
        {"entityId": "tr_7Xk", "_links": None},
    ],
)
def test_what_names_a_payment_has_it_fetched(named: dict[str, object]) -> None:
    (said,) = ADAPTER.parse(event(type="refund.refunded", **named), {})
    assert isinstance(said, Fetch)
    assert said.path == PATHS["tr"].format("tr_7Xk")


def test_an_id_that_is_too_long_is_not_cut_to_another() -> None:
    (said,) = ADAPTER.parse(event(entityId="tr_" + "7" * 61), {})
    assert isinstance(said, Ignored)
    assert said.alert


def test_each_arrival_of_a_trigger_is_a_delivery_of_its_own() -> None:
    first, second = delivery(b"id=tr_7Xk"), delivery(b"id=tr_7Xk")
    second = replace(second, received_at=ARRIVED + timedelta(seconds=60))
    assert ADAPTER.identify(first) != ADAPTER.identify(second)
    assert {ADAPTER.identify(one).order_id for one in (first, second)} == {"tr_7Xk"}


def test_an_event_is_the_same_delivery_whenever_it_arrives() -> None:
    later = replace(event(), received_at=ARRIVED + timedelta(seconds=60))
    assert ADAPTER.identify(event()) == ADAPTER.identify(later)
    assert ADAPTER.identify(event()).delivery_id == "event_1"
    assert ADAPTER.identify(event(id=None)).delivery_id != ADAPTER.identify(event()).delivery_id


def test_a_refund_waits_with_its_payment() -> None:
    identity = ADAPTER.identify(FIXTURES["refund.refunded__full"].unsigned())
    assert identity.order_id == "tr_7XkQv2MusterBerlin4711"


@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_only_a_signature_covers_the_body(name: str) -> None:
    signed = FIXTURES[name].signed()
    assert ADAPTER.proof(signed).covers_body is not name.startswith("classic__")
    assert bool(signed.headers) is ADAPTER.proof(signed).covers_body


def test_an_address_proves_no_event() -> None:
    unsigned = replace(event(), path=SECRET)
    with pytest.raises(Rejected):
        ADAPTER.verify(unsigned, [SECRET])
    ADAPTER.verify(replace(delivery(b"id=tr_7Xk"), path=SECRET), [OTHER_SECRET, SECRET])


def test_known_events_alone_are_looked_into() -> None:
    for kind in ("payment.refunded", "profile.blocked", "classic.paid"):
        assert ADAPTER.parse(event(type=kind, entityId=7, _embedded="?"), {}) == (Ignored(kind),)
    assert {fixture.event for fixture in FIXTURES.values()} > set(EVENTS)


LIFE = [
    "classic__failed_first_attempt",
    "payment.pending__bank_transfer",
    "classic__refunded_in_part",
    "payment.paid__snapshot",
    "chargeback.received__full",
    "chargeback.reversed__full",
]


@pytest.mark.parametrize(
    ("names", "stands"),
    [
        (LIFE[:1], ("error", False)),
        (LIFE[:2], ("appointed", False)),
        (LIFE[:3], ("paid", False)),
        (LIFE[:4], ("paid", False)),
        (LIFE[:5], ("canceled", True)),
        (LIFE, ("paid", True)),
        (["payment.expired__abandoned", "payment.failed__declined"], ("canceled", False)),
        (["payment.paid__snapshot", "payment.expired__abandoned"], ("paid", False)),
        (["classic__refunded_in_full", "payment.paid__snapshot"], ("canceled", True)),
    ],
)
def test_an_order_ends_the_same_in_whatever_order_it_is_told(
    names: list[str], stands: tuple[str, bool]
) -> None:
    for told_in_order in permutations(names):
        last: Standing | None = None
        for name in told_in_order:
            last = standing_after(last, update(name))
        assert last
        assert (last.status, last.reversal) == stands
