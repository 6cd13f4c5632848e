"""Klarna beyond its fixtures: its tables, which secret counts where, and what names the order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import (
    Delivery,
    Event,
    Identity,
    Ignored,
    PaymentUpdate,
    Rejected,
    Unreadable,
)
from adapters.klarna import ADAPTER, EVENTS
from tests.receiving import receiving

AT = "2026-07-04T17:00:00Z"
KEY, OTHER = "a-signing-key-of-klarna", "another-signing-key-of-klarna"
KEY_ID = "krn:partner:global:notification:signing-key:11111111-2222-4333-8444-555555555555"
NAMED = f"{KEY_ID}:{KEY}"
TOKEN = "a-token-for-the-hosted-page"
DISPUTE = "payment.dispute.state-change."


def sent(body: object, path: str = "") -> Delivery:
    return Delivery(
        method="POST",
        url=f"https://receiver.example/webhooks/klarna/{path}",
        path=path,
        headers={},
        body=json.dumps(body).encode(),
        received_at=datetime(2026, 7, 4, 17, 0, 2, tzinfo=UTC),
    )


def event(kind: str, **payload: Any) -> Delivery:
    return sent({"metadata": {"event_type": kind, "occurred_at": AT}, "payload": payload})


def page(status: object, path: str = "hpp/4711/token", **session: Any) -> Delivery:
    return sent({"session": {"status": status, "updated_at": AT, **session}}, path)


def said(delivery: Delivery) -> Event:
    (one,) = ADAPTER.parse(delivery, {})
    return one


def updated(delivery: Delivery) -> PaymentUpdate:
    one = said(delivery)
    assert isinstance(one, PaymentUpdate)
    return one


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("submitted", "call_for_payment"),
        ("in_progress", "call_for_payment"),
        ("completed", "appointed"),
        ("authorized", "appointed"),
        ("expired", "canceled"),
        ("canceled", "canceled"),
        ("declined", "error"),
    ],
)
def test_states_of_a_request(state: str, status: str) -> None:
    kind = f"payment.request.state-change.{state}"
    told = updated(event(kind, payment_request_id="r1", payment_request_reference="4711"))
    assert (told.status, told.reversal, told.amount) == (status, False, None)
    assert (told.reference, told.payment_ids) == ("4711", ("r1",))
    assert told.at == datetime(2026, 7, 4, 17, tzinfo=UTC)


@pytest.mark.parametrize("state", ["initiated", "representment", "pre-arbitration", "arbitration"])
def test_a_dispute_under_way_changes_nothing_and_asks_someone_to_look(state: str) -> None:
    one = said(event(DISPUTE + state, order_id="t1", payment_transaction_reference="4711"))
    assert isinstance(one, Ignored)
    assert one.alert


@pytest.mark.parametrize(("outcome", "status"), [("WON", "paid"), ("LOST", "canceled")])
def test_a_dispute_that_ends_undoes_what_stood(outcome: str, status: str) -> None:
    told = updated(event(DISPUTE + "closed", dispute_outcome=outcome, order_id="t1"))
    assert (told.status, told.reversal) == (status, True)


@pytest.mark.parametrize("outcome", [None, "", "lost", "DRAW"])
def test_a_dispute_that_ends_otherwise_is_looked_at(outcome: str | None) -> None:
    one = said(event(DISPUTE + "closed", dispute_outcome=outcome, order_id="t1"))
    assert isinstance(one, Ignored)
    assert one.alert


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("WAITING", "call_for_payment"),
        ("IN_PROGRESS", "call_for_payment"),
        ("BACK", "call_for_payment"),
        ("MANUAL_ID_CHECK", "appointed"),
        ("COMPLETED", "appointed"),
        ("CANCELLED", "canceled"),
        ("DISABLED", "canceled"),
        ("TIMEOUT", "canceled"),
        ("FAILED", "error"),
        ("ERROR", "error"),
    ],
)
def test_statuses_of_the_hosted_page(status: str, told: str) -> None:
    assert updated(page(status)).status == told


def test_the_hosted_page_can_never_say_that_money_came_or_went() -> None:
    of_page = [verdict for kind, verdict in EVENTS.items() if kind.startswith("hpp.")]
    assert len(of_page) == 10
    assert {verdict.status for verdict in of_page} & {"paid", None} == set()
    assert not any(verdict.reversal for verdict in of_page)


def test_what_only_a_signature_may_say_the_hosted_page_s_address_does_not_take() -> None:
    lost = event(DISPUTE + "closed", dispute_outcome="LOST", order_id="t1")
    with pytest.raises(Unreadable, match=r"session\.status"):
        said(replace(lost, path=f"hpp/{TOKEN}"))


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("hpp/token", None),
        ("hpp/4711-2026/token", "4711-2026"),
        ("hpp/2026/4711/token", "2026/4711"),
        ("hpp/ /token", None),
        ("hpp//token", None),
        (f"hpp/{'9' * 201}/token", None),
    ],
)
def test_the_hosted_page_s_address_names_the_order(path: str, reference: str | None) -> None:
    delivery = page("COMPLETED", path, session_id="s1", order_id="t1")
    told = updated(delivery)
    assert (told.reference, told.payment_ids) == (reference, ("s1", "t1"))
    assert ADAPTER.identify(delivery).order_id == (reference or "s1")


@pytest.mark.parametrize(
    ("payload", "reference"),
    [
        ({"purchase_reference": "1", "payment_request_reference": "2"}, "1"),
        ({"purchase_reference": " ", "payment_request_reference": "2"}, "2"),
        ({"payment_request_reference": 4711}, "4711"),
        ({"payment_transaction_reference": "3"}, "3"),
        ({"merchant_reference2": "501", "payment_capture_reference": "c"}, None),
        ({"purchase_reference": ["1"], "payment_request_reference": {"a": "2"}}, None),
    ],
)
def test_what_names_the_order(payload: dict[str, object], reference: str | None) -> None:
    told = updated(event(DISPUTE + "closed", dispute_outcome="LOST", order_id="t1", **payload))
    assert told.reference == reference


def test_a_dispute_after_the_hosted_page_is_found_by_klarna_s_order() -> None:
    learnt = updated(page("COMPLETED", session_id="s1", order_id="t1"))
    later = updated(event(DISPUTE + "closed", dispute_outcome="LOST", order_id="t1"))
    assert learnt.reference == "4711"
    assert later.reference is None
    assert set(learnt.payment_ids) & set(later.payment_ids) == {"t1"}


@pytest.mark.parametrize(
    ("delivery", "identity"),
    [
        (sent({"metadata": {"event_id": "e1"}, "event_id": "e2"}), Identity("e1")),
        (sent({"metadata": {"event_id": "e1"}, "payload": {"order_id": "t"}}), Identity("e1", "t")),
        (sent({"event_id": "e1"}, "hpp/4711/token"), Identity("hpp e1", "4711")),
        (sent({"event_id": "e" * 200}, "hpp/4711/token"), Identity("hpp " + "e" * 196, "4711")),
    ],
)
def test_identity(delivery: Delivery, identity: Identity) -> None:
    assert ADAPTER.identify(delivery) == identity


def test_without_an_id_the_bytes_tell() -> None:
    first, same, other = (ADAPTER.identify(sent({"n": n})).delivery_id for n in (1, 1, 2))
    assert first == same != other


@pytest.mark.parametrize(
    "delivery",
    [
        sent({}),
        sent({"metadata": {"event_type": "payment.request.state-change.expired"}}, "hpp/token"),
        sent(
            {
                "metadata": {"event_type": "payment.request.state-change.expired"},
                "payload": {"payment_request_id": "r1"},
            }
        ),
        page("COMPLETED", updated_at=None),
        page("COMPLETED", updated_at="yesterday"),
        page("COMPLETED", updated_at="9999-12-31T23:59:59-23:59"),
        event(
            DISPUTE + "closed",
            dispute_outcome="LOST",
            order_id="t1",
            dispute_details={"dispute_amount": "8.90"},
        ),
    ],
)
def test_what_may_not_be_missing(delivery: Delivery) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(delivery, {})


# Secrets


def test_a_key_with_its_id_is_named_in_what_it_signs() -> None:
    signed = ADAPTER.sign(event("x"), NAMED)
    assert signed.headers["klarna-signing-key-id"] == KEY_ID
    ADAPTER.verify(signed, [OTHER, NAMED])
    ADAPTER.verify(ADAPTER.sign(event("x"), KEY), [f"{KEY_ID}:{OTHER}", KEY])
    with pytest.raises(Rejected):
        ADAPTER.verify(signed, [KEY, f"{KEY_ID}:{OTHER}"])


def test_a_token_opens_the_page_s_address_and_nothing_else() -> None:
    marked = f"hpp:{TOKEN}"
    called = ADAPTER.sign(page("COMPLETED", "hpp/4711"), marked)
    assert called.path == f"hpp/4711/{TOKEN}"
    ADAPTER.verify(called, [NAMED, marked])
    assert not ADAPTER.proof(called).covers_body
    assert ADAPTER.proof(event("x")).covers_body
    with pytest.raises(Rejected):
        ADAPTER.verify(ADAPTER.sign(event("x"), TOKEN), [marked])
    with pytest.raises(Rejected):
        ADAPTER.verify(ADAPTER.sign(page("COMPLETED", "hpp/4711"), KEY), [KEY, marked])


@pytest.mark.parametrize(
    ("delivery", "secret", "why"),
    [
        (event("x"), f"hpp:{TOKEN}", "signs nothing"),
        (page("COMPLETED", "hpp"), NAMED, "opens no address"),
    ],
)
def test_no_secret_signs_what_it_is_not_for(delivery: Delivery, secret: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        ADAPTER.sign(delivery, secret)


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        (KEY, None),
        (NAMED, None),
        (f"hpp:{TOKEN}", None),
        ("hpp:too-short", "has a token of less than 16 bytes"),
        (KEY_ID, "is a signing key's id alone, to be written id:secret"),
        (f"{KEY_ID}:", "is a signing key's id alone, to be written id:secret"),
    ],
)
def test_a_secret_that_cannot_work_is_told_at_the_start(secret: str, fault: str | None) -> None:
    assert ADAPTER.check_secret(secret) == fault


@pytest.mark.anyio
async def test_the_page_s_address_as_it_is_called(tmp_path: Path) -> None:
    async with receiving(tmp_path, adapter=ADAPTER) as run:
        (secret,) = run.settings.connections["plain"].secrets
        body = page("COMPLETED", session_id="s1").body
        for address, status in ((f"hpp/4711%2F2026/{secret}", 200), (f"hpp/{secret}/4711", 401)):
            answer = await run.client.post(f"/webhooks/plain/{address}", content=body)
            assert answer.status_code == status
        (kept,) = await run.kept()
        assert kept["queue"] == "plain:4711/2026"
