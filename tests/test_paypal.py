"""What only PayPal has: a key that signs here, certificates over the wire, ids by links."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.contract import Delivery, Ignored, PaymentUpdate, Rejected, Unreadable
from adapters.paypal import ADAPTER, VERDICTS
from receiver.cli.stand_ins import SILENT
from receiver.payments import Standing, standing_after
from receiver.sandbox import create_platform
from receiver.serving import serving
from receiver.settings import BadSettings, load
from tests.goldens import SECRET, Fixture, name, of
from tests.plain import SECRET as WEBHOOK_ID
from tests.receiving import receiving

ALL = of(ADAPTER)
every_fixture = pytest.mark.parametrize("fixture", ALL, ids=name)


def shown(called: str) -> Delivery:
    return next(fixture.unsigned() for fixture in ALL if fixture.folder.name == called)


def event_of(called: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(shown(called).body)
    return event


def saying(event: object) -> Delivery:
    return replace(shown("payment.capture.completed__full"), body=json.dumps(event).encode())


def update(delivery: Delivery) -> PaymentUpdate:
    (said,) = ADAPTER.parse(delivery, {})
    assert isinstance(said, PaymentUpdate)
    return said


# What it means


@every_fixture
def test_a_payment_waits_in_its_order_s_queue_or_in_its_own(fixture: Fixture) -> None:
    delivery = fixture.unsigned()
    identity = ADAPTER.identify(delivery)
    assert identity.delivery_id == json.loads(delivery.body)["id"]
    for said in ADAPTER.parse(delivery, {}):
        if isinstance(said, PaymentUpdate):
            assert identity.order_id == (said.reference or said.payment_ids[0])


def test_every_verdict_is_shown_by_a_fixture() -> None:
    said = [one for fixture in ALL for one in ADAPTER.parse(fixture.unsigned(), {})]
    updates = {
        (one.status, one.reversal, one.amount is not None)
        for one in said
        if isinstance(one, PaymentUpdate)
    }
    reasons = {one.reason for one in said if isinstance(one, Ignored) and one.alert}
    verdicts = {verdict for _, row in VERDICTS.values() for verdict in row.values()}
    told = {verdict for verdict in verdicts if verdict.status}
    assert updates == {(one.status, one.reversal, one.measured) for one in told}
    assert {one.reason for one in verdicts if one.alert} <= reasons


STORY = (
    "checkout.order.approved__full",
    "payment.capture.declined__full",
    "payment.capture.completed__full",
    "payment.capture.refunded__full",
)


@pytest.mark.parametrize(
    ("story", "status"),
    [
        (STORY[:2], "error"),
        (STORY[:3], "paid"),
        (STORY, "canceled"),
        ((*STORY[:3], "customer.dispute.resolved__withdrawn"), "paid"),
        ((*STORY, "customer.dispute.resolved__withdrawn"), "canceled"),
        ((*STORY, "customer.dispute.resolved__won"), "paid"),
        ((STORY[2], "customer.dispute.resolved__lost"), "canceled"),
        ((STORY[0], "checkout.payment-approval.reversed__expired"), "canceled"),
        ((STORY[2], "payment.authorization.voided__full"), "paid"),
    ],
)
def test_how_a_story_ends_whatever_comes_first(story: Sequence[str], status: str) -> None:
    updates = [update(shown(called)) for called in story]
    ends = set()
    for order in itertools.permutations(updates):
        standing: Standing | None = None
        for one in order:
            standing = standing_after(standing, one)
        assert standing is not None
        ends.add(standing.status)
    assert ends == {status}


@pytest.mark.parametrize(
    "text", [None, "", "  ", "default", "x" * 201, "a\nb", ["4711"], {"id": "4711"}]
)
def test_a_useless_reference_is_none(text: object) -> None:
    event = event_of("payment.capture.completed__invoice_only")
    event["resource"]["invoice_id"] = text
    assert update(saying(event)).reference is None
    assert ADAPTER.identify(saying(event)).order_id == "4BX10293KM847561L"


@pytest.mark.parametrize(
    ("fields", "reference"),
    [
        ({"custom_id": "a", "invoice_id": "b"}, "a"),
        ({"custom_id": "", "invoice_id": "b"}, "b"),
        ({"custom_id": " a ", "invoice_id": None}, "a"),
        ({"custom_id": 4711, "invoice_id": None}, "4711"),
        ({"custom_id": None, "invoice_id": None, "custom": "c", "invoice_number": "d"}, "c"),
    ],
)
def test_the_first_reference_counts(fields: dict[str, object], reference: str) -> None:
    event = event_of("payment.capture.completed__full")
    event["resource"] |= fields
    assert update(saying(event)).reference == reference


@pytest.mark.parametrize(
    "links",
    [
        None,
        "x",
        {},
        [],
        ["up", 1, None],
        [{"rel": "self", "href": "https://api.paypal.com/v2/payments/captures/AAAAA"}],
        [{"rel": "up"}],
        [{"rel": "up", "href": None}],
        [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/"}],
        [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/lower-case"}],
        [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/AAAAA\n"}],
        [{"rel": "up", "href": "AAAAA"}],
    ],
)
def test_a_link_that_leads_nowhere_is_none(links: object) -> None:
    event = event_of("payment.capture.refunded__full")
    event["resource"]["links"] = links
    assert update(saying(event)).payment_ids == ("2HJ61947BQ385026K",)
    assert ADAPTER.identify(saying(event)).order_id == "2HJ61947BQ385026K"


# How much


@pytest.mark.parametrize(
    ("value", "cents"),
    [("24.50", 2450), ("0.29", 29), ("24", 2400), ("1.005", 101), ("-3.10", 310), ("0", 0)],
)
def test_amounts_are_exact(value: str, cents: int) -> None:
    event = event_of("payment.capture.completed__full")
    event["resource"]["amount"]["value"] = value
    assert update(saying(event)).amount == cents
    raw = saying(event).body.replace(f'"value": "{value}"'.encode(), f'"value": {value}'.encode())
    assert update(replace(saying(event), body=raw)).amount == cents


@pytest.mark.parametrize("amount", [None, {}, [], "24.50", {"value": None}, {"value": ""}])
def test_what_was_paid_must_be_said(amount: object) -> None:
    event = event_of("payment.capture.completed__full")
    event["resource"]["amount"] = amount
    with pytest.raises(Unreadable, match=r"resource\.amount: missing"):
        ADAPTER.parse(saying(event), {})


@pytest.mark.parametrize("value", ["much", "1,50", True, [1], "NaN", "1e400"])
def test_what_is_no_amount(value: object) -> None:
    event = event_of("payment.capture.completed__full")
    event["resource"]["amount"]["value"] = value
    with pytest.raises(Unreadable, match="value: "):
        ADAPTER.parse(saying(event), {})


def refunds(**stated: object) -> Iterator[PaymentUpdate]:
    for called in ("payment.capture.refunded__the_rest", "payment.capture.reversed__full"):
        event = event_of(called)
        event["resource"]["seller_payable_breakdown"] = stated or None
        yield update(saying(event))


def test_a_refund_is_measured_by_all_that_was_given_back() -> None:
    assert [one.amount for one in refunds()] == [2000, 2450]
    total = {"currency_code": "EUR", "value": "22.00"}
    assert [one.amount for one in refunds(total_refunded_amount=total)] == [2200, 2200]


def test_a_dispute_says_what_was_given_back_or_what_it_was_about() -> None:
    lost = event_of("customer.dispute.resolved__lost_in_part")
    assert update(saying(lost)).amount == 800
    del lost["resource"]["dispute_outcome"]["amount_refunded"]
    assert update(saying(lost)).amount == 2450


@pytest.mark.parametrize(
    ("resource_time", "event_time", "at"),
    [
        ("2026-07-05T02:40:11-07:00", "2026-07-05T10:00:00Z", "2026-07-05T09:40:11+00:00"),
        (None, "2026-07-05T10:00:00.000Z", "2026-07-05T10:00:00+00:00"),
    ],
)
def test_when_it_happened(resource_time: str | None, event_time: str, at: str) -> None:
    event = event_of("payment.capture.completed__full") | {"create_time": event_time}
    event["resource"]["update_time"] = resource_time
    assert update(saying(event)).at.astimezone(UTC).isoformat() == at


@pytest.mark.parametrize("time", [None, "", "2026-07-05T10:00:00", "yesterday"])
def test_a_time_is_needed(time: str | None) -> None:
    event = event_of("payment.capture.completed__full") | {"create_time": time}
    del event["resource"]["update_time"]
    with pytest.raises(Unreadable, match=r"missing|not a time"):
        ADAPTER.parse(saying(event), {})


# What proves it


def passes(delivery: Delivery) -> bool:
    try:
        ADAPTER.verify(delivery, [SECRET])
    except Rejected:
        return False
    return True


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_body_can_be_signed_and_no_other_has_its_signature(body: bytes, other: bytes) -> None:
    signed = ADAPTER.sign(replace(shown("payment.capture.completed__demo"), body=body), SECRET)
    assert passes(signed)
    assume(zlib.crc32(body) != zlib.crc32(other))
    assert not passes(replace(signed, body=other))


def test_one_key_signs_in_a_process_and_shows_one_certificate() -> None:
    first, second = (ADAPTER.sign(fixture.unsigned(), SECRET) for fixture in ALL[:2])
    assert first.certificate == second.certificate
    assert ADAPTER.certificate_at is not None
    assert ADAPTER.certificate_at(first) == ADAPTER.certificate_at(second)
    assert first == ADAPTER.sign(ALL[0].unsigned(), SECRET)


@pytest.mark.parametrize(
    "webhook_id", ["WEBHOOK_ID", "EKJf_8gT-a1b2c3d4e5f6g7h8", "8AB12345CD67890 E"]
)
def test_what_is_no_webhook_id_of_ours_stops_the_start(webhook_id: str) -> None:
    environ = {"OKTOPOS_URL": "https://x.example/v1", "OKTOPOS_API_KEY": "k" * 20}
    with pytest.raises(BadSettings, match="PAYPAL_SECRETS: is "):
        load({**environ, "PAYPAL_SECRETS": webhook_id}, {"paypal": ADAPTER})


@pytest.mark.anyio
async def test_its_certificate_comes_over_the_wire(tmp_path: Path) -> None:
    """Only from a stand-in on this machine: nobody else would take the word of a key of ours."""
    demo = replace(shown("payment.capture.completed__demo"), received_at=datetime.now(UTC))
    signed = ADAPTER.sign(demo, WEBHOOK_ID)
    assert ADAPTER.certificate_at is not None
    path = ADAPTER.certificate_at(signed).removeprefix("https://api.paypal.com")
    shelf = {path: signed.certificate or b""}
    async with (
        serving(create_platform(SILENT, certificates=shelf)) as url,
        receiving(tmp_path, adapter=ADAPTER, api_url=url) as run,
    ):
        for body, status in ((signed.body, 200), (signed.body + b" ", 401)):
            answer = await run.post(body, **signed.headers)
            assert answer.status_code == status
        (kept,) = await run.kept()
    assert kept["delivery_id"] == json.loads(signed.body)["id"]
